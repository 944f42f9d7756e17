#include "base/hash.h"

#include <sodium.h>
#include <stdio.h>

#include "base/error.h"

static void to_hex(const unsigned char digest[crypto_hash_sha256_BYTES], char hex[UT_SHA256_HEX])
{
    sodium_bin2hex(hex, UT_SHA256_HEX, digest, crypto_hash_sha256_BYTES);
}

void ut_sha256(const void *data, size_t length, char hex[UT_SHA256_HEX])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, data, length);
    to_hex(digest, hex);
}

ut_status ut_sha256_file(const char *path, char hex[UT_SHA256_HEX], ut_error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return ut_fail_errno(err, UT_ERR_IO, "hash", "cannot open %s", path);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    unsigned char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        crypto_hash_sha256_update(&state, block, n);
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return ut_fail_errno(err, UT_ERR_IO, "hash", "cannot read %s", path);
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&state, digest);
    to_hex(digest, hex);
    return UT_OK;
}
