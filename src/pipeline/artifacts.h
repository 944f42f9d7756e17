/* Artifacts: what steps make, under the sha-256 of its bytes.
 *
 * A folder of files <ab>/<the other 62 digits>. A file appears whole or not at all, also when the
 * writer is killed. Nothing is synced to disk: the hash is checked whenever an artifact is read, so
 * that what a loss of power tore is found, removed and made again. Any number of threads and
 * processes. */
#ifndef UT_PIPELINE_ARTIFACTS_H
#define UT_PIPELINE_ARTIFACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "undertone_status.h"

/* Keeps `data`; `sha256` gets its name. */
UT_MUST_CHECK ut_status ut_artifact_put(const char *folder, const void *data, size_t length,
                                        char sha256[UT_SHA256_HEX], ut_error *err);

/* *data (free()) with a zero byte behind it. UT_ERR_NOT_FOUND if it is not there,
 * UT_ERR_MISMATCH if its bytes are not those of its name; it is removed then. */
UT_MUST_CHECK ut_status ut_artifact_get(const char *folder, const char *sha256, char **data,
                                        size_t *length, ut_error *err);

/* Where it lies (free()); NULL when out of memory. */
char *ut_artifact_path(const char *folder, const char *sha256);

/* True for 64 lower-case hexadecimal digits. */
bool ut_is_sha256(const char *text);

#endif
