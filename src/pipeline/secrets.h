/* Secrets of a home: keys of outside services, sealed by libsodium's secretbox (XSalsa20-Poly1305)
 * in <home>/secrets/NAME, under a key in <home>/secrets/.key that only its owner may read. What is
 * sealed protects copies and backups without the key file, not against who can read that, too.
 *
 * A secret is a set of named texts, as ZenML's. Once one was opened the process leaves no core
 * dump. One thread. */
#ifndef UT_PIPELINE_SECRETS_H
#define UT_PIPELINE_SECRETS_H

#include <jansson.h>

#include "undertone_status.h"

/* Seals {"key": "value", ...}. UT_ERR_USAGE if the name is taken or cannot be one. */
UT_MUST_CHECK ut_status ut_secret_create(const char *home, const char *name, const json_t *values,
                                         ut_error *err);
/* Opens one: new reference; give it back with ut_secret_forget(). UT_ERR_NOT_FOUND for none,
 * UT_ERR_MISMATCH for one sealed with another key or changed. */
UT_MUST_CHECK ut_status ut_secret_get(const char *home, const char *name, json_t **values,
                                      ut_error *err);
/* Wipes the texts before they are freed. */
void ut_secret_forget(json_t *values);
/* Names, sorted; new reference. */
UT_MUST_CHECK ut_status ut_secret_list(const char *home, json_t **names, ut_error *err);
UT_MUST_CHECK ut_status ut_secret_delete(const char *home, const char *name, ut_error *err);

/* The text that a secret is about: its "value", "api_key" or "token", else its only one; NULL. */
const char *ut_secret_main(const json_t *values);

/* Puts the secret `name` into the environment variable `variable` of this process where that is not
 * set; nothing where there is no such secret or no home. A process that holds one leaves no core
 * dump. */
UT_MUST_CHECK ut_status ut_secret_to_environment(const char *output_dir, const char *name,
                                                 const char *variable, ut_error *err);

#endif
