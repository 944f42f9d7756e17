/* What two runs differ in. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "pipeline/records.h"

static const char *text_of(const json_t *row, const char *key)
{
    return ut_json_string_or(row, key, "-");
}

/* Adds what two sides say of a name, if they differ; "-" where one says nothing. */
static void differ(json_t *differences, const char *kind, const char *name, const char *a,
                   const char *b)
{
    if (strcmp(a, b) != 0)
        json_array_append_new(differences, json_pack("{s:s, s:s, s:s, s:s}", "kind", kind, "name",
                                                     name, "a", a, "b", b));
}

static void compare_parameters(json_t *differences, const json_t *a, const json_t *b)
{
    const char *name;
    json_t *p;
    json_object_foreach((json_t *)(uintptr_t)a, name, p)
        differ(differences, "setting", name, text_of(p, "value"),
               text_of(json_object_get(b, name), "value"));
    json_object_foreach((json_t *)(uintptr_t)b, name, p) if (!json_object_get(a, name))
        differ(differences, "setting", name, "-", text_of(p, "value"));
}

/* Rows as {"<key>": "<value>"}, so that two lists can be compared whatever their order. */
static json_t *index_rows(const json_t *rows, const char *first, const char *second,
                          const char *value)
{
    json_t *map = json_object();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        char key[1200];
        snprintf(key, sizeof key, "%s%s%s", text_of(row, first), second ? "/" : "",
                 second ? text_of(row, second) : "");
        json_object_set_new(map, key, json_string(text_of(row, value)));
    }
    return map;
}

static void compare_rows(json_t *differences, const char *kind, json_t *a, json_t *b)
{
    const char *name;
    json_t *p;
    json_object_foreach(a, name, p)
        differ(differences, kind, name, json_string_value(p), ut_json_string_or(b, name, "-"));
    json_object_foreach(b, name, p) if (!json_object_get(a, name))
        differ(differences, kind, name, "-", json_string_value(p));
    json_decref(a);
    json_decref(b);
}

/* The numbers on the first level of the scores. */
static json_t *scores_of(const json_t *metrics)
{
    json_t *map = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metrics, name, value)
    {
        char text[32];
        if (!json_is_number(value))
            continue;
        snprintf(text, sizeof text, "%.4g", json_number_value(value));
        json_object_set_new(map, name, json_string(text));
    }
    return map;
}

static void compare(json_t *differences, json_t *const runs[2], json_t *const steps[2])
{
    static const char *const plain[] = {"pipeline", "status", "version", "stack", "shard"};
    json_t *a = runs[0];
    json_t *b = runs[1];
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        differ(differences, "run", plain[i], text_of(a, plain[i]), text_of(b, plain[i]));
    compare_parameters(differences, json_object_get(a, "parameters"),
                       json_object_get(b, "parameters"));
    compare_rows(differences, "model",
                 index_rows(json_object_get(a, "models"), "job", "name", "sha256"),
                 index_rows(json_object_get(b, "models"), "job", "name", "sha256"));
    compare_rows(differences, "score", scores_of(json_object_get(a, "metrics")),
                 scores_of(json_object_get(b, "metrics")));
    compare_rows(differences, "step", index_rows(steps[0], "conversation", "step", "output"),
                 index_rows(steps[1], "conversation", "step", "output"));
}

ut_status ut_records_compare(ut_records *r, const char *a, const char *b, json_t *runs[2],
                             json_t **differences, ut_error *err)
{
    const char *ids[2] = {a, b};
    json_t *steps[2] = {NULL, NULL};
    runs[0] = runs[1] = *differences = NULL;
    ut_status status = UT_OK;
    for (int i = 0; i < 2 && status == UT_OK; i++) {
        status = ut_records_run(r, ids[i], &runs[i], err);
        if (status == UT_OK)
            status = ut_records_steps(r, ids[i], &steps[i], err);
    }
    if (status == UT_OK && !(*differences = json_array()))
        status = ut_fail_memory(err, "records");
    if (status == UT_OK)
        compare(*differences, runs, steps);
    for (int i = 0; i < 2; i++) {
        json_decref(steps[i]);
        if (status != UT_OK) {
            json_decref(runs[i]);
            runs[i] = NULL;
        }
    }
    return status;
}
