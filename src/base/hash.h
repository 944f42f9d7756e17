/* SHA-256 (FIPS 180-4, by libsodium), of memory and of files, as lower-case hexadecimal. */
#ifndef UT_BASE_HASH_H
#define UT_BASE_HASH_H

#include <stddef.h>

#include "undertone_status.h"

#define UT_SHA256_HEX 65 /* 64 digits and a zero byte */

void ut_sha256(const void *data, size_t length, char hex[UT_SHA256_HEX]);
/* Reads the file in blocks; any size. */
UT_MUST_CHECK ut_status ut_sha256_file(const char *path, char hex[UT_SHA256_HEX], ut_error *err);

#endif
