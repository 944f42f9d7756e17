#include "base/json.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

ut_status ut_json_parse(const char *text, size_t length, const char *name, json_t **out,
                        ut_error *err)
{
    return ut_json_parse_part(text, length, 1, name, out, err);
}

ut_status ut_json_parse_part(const char *text, size_t length, size_t line, const char *name,
                             json_t **out, ut_error *err)
{
    json_error_t e;
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &e);
    if (!*out)
        return ut_fail(
            err, UT_ERR_FORMAT, "json",
            "%s is not valid JSON: line %zu, column %d: %s; correct it, or make it again", name,
            line + (size_t)(e.line > 0 ? e.line : 1) - 1, e.column, e.text);
    return UT_OK;
}

ut_status ut_json_load(const char *path, size_t maximum, json_t **out, ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, maximum, &text, &length, err));
    ut_status status = ut_json_parse(text, length, path, out, err);
    free(text);
    return status;
}

char *ut_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_ENCODE_ANY);
    if (!text)
        return NULL;
    size_t length = strlen(text);
    char *longer = realloc(text, length + 2);
    if (!longer) {
        free(text);
        return NULL;
    }
    longer[length] = '\n';
    longer[length + 1] = 0;
    return longer;
}

ut_status ut_json_save(const json_t *value, const char *path, ut_error *err)
{
    char *text = ut_json_text(value);
    if (!text)
        return ut_fail_memory(err, "json");
    ut_status status = ut_file_write(path, text, strlen(text), err);
    free(text);
    return status;
}

static json_t *rounded(double value, double scale)
{
    if (!isfinite(value))
        return json_null();
    double r = round(value * scale) / scale;
    return json_real(r == 0 ? 0.0 : r); /* no "-0.0" */
}

json_t *ut_json_seconds(double value)
{
    return rounded(value, 1e3);
}

json_t *ut_json_probability(double value)
{
    return rounded(value, 1e4);
}

json_t *ut_json_number(double value)
{
    return rounded(value, 1e5);
}

json_t *ut_json_embedding(const float *values, size_t n)
{
    size_t bytes = n * sizeof *values;
    size_t length = sodium_base64_encoded_len(bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(length);
    if (!text)
        return NULL;
    sodium_bin2base64(text, length, (const unsigned char *)values, bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    json_t *value = json_string(text);
    free(text);
    return value;
}

bool ut_json_embedding_read(const json_t *value, float *values, size_t n)
{
    const char *text = json_string_value(value);
    size_t got = 0;
    return text &&
           sodium_base642bin((unsigned char *)values, n * sizeof *values, text, strlen(text), NULL,
                             &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == n * sizeof *values;
}

size_t ut_json_embedding_size(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text)
        return 0;
    size_t length = strlen(text);
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    return (length / 4 * 3 - padding) / sizeof(float);
}

const char *ut_json_string_or(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

double ut_json_number_or(const json_t *object, const char *key, double fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool ut_json_bool_or(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}
