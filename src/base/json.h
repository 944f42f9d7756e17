/* JSON over jansson: loading with a cap and a named place of the error, numbers that print the same
 * everywhere, and documents written whole.
 *
 * jansson's own API (json_object_get, json_pack ...) is used directly elsewhere. */
#ifndef UT_BASE_JSON_H
#define UT_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

/* Parses a document; `name` is what messages call it. *out is a new reference. */
UT_MUST_CHECK ut_status ut_json_parse(const char *text, size_t length, const char *name,
                                      json_t **out, ut_error *err);
/* The same for a part of a document whose first line is number `line` of it. */
UT_MUST_CHECK ut_status ut_json_parse_part(const char *text, size_t length, size_t line,
                                           const char *name, json_t **out, ut_error *err);
UT_MUST_CHECK ut_status ut_json_load(const char *path, size_t maximum, json_t **out, ut_error *err);

/* Text with sorted-as-inserted keys, two-space indent, reals of 9 significant digits and a newline
 * at the end. The caller frees it with free(). NULL when out of memory. */
char *ut_json_text(const json_t *value);
UT_MUST_CHECK ut_status ut_json_save(const json_t *value, const char *path, ut_error *err);

/* Rounded reals, so that a document is the same before and after being written: to 1 ms, to 1e-4,
 * to 1e-5 of any value. NaN and infinities become null. New references. */
json_t *ut_json_seconds(double value);
json_t *ut_json_probability(double value);
json_t *ut_json_number(double value);
/* An embedding as base64 of its little-endian f32 values: exact, and one line instead of hundreds.
 */
json_t *ut_json_embedding(const float *values, size_t n);
/* Reads one back into `values` (room for n); false unless it holds exactly n values. */
bool ut_json_embedding_read(const json_t *value, float *values, size_t n);
/* How many values it holds, 0 if it is none. */
size_t ut_json_embedding_size(const json_t *value);

/* Members with a fallback when absent or of another type. */
const char *ut_json_string_or(const json_t *object, const char *key, const char *fallback);
double ut_json_number_or(const json_t *object, const char *key, double fallback);
bool ut_json_bool_or(const json_t *object, const char *key, bool fallback);

#endif
