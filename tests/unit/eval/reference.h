/* Asking a Python reference: a script of this folder gets the question as a JSON file and prints
 * its answer as JSON. */
#ifndef UT_TEST_EVAL_REFERENCE_H
#define UT_TEST_EVAL_REFERENCE_H

#include <jansson.h>

/* NULL where Python or what the script imports is not there. A new reference. */
json_t *ut_ask_reference(const char *script, json_t *question);

#endif
