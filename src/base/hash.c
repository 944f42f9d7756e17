#include "base/hash.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

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
    int fd;
    size_t length;
    UT_TRY(ut_file_open(path, &fd, &length, err));
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    unsigned char block[65536];
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0 || (n < 0 && errno == EINTR))
        crypto_hash_sha256_update(&state, block, n > 0 ? (size_t)n : 0);
    ut_status status =
        n == 0 ? UT_OK : ut_fail_errno(err, UT_ERR_IO, "hash", "cannot read %s", path);
    close(fd);
    if (status != UT_OK)
        return status;
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&state, digest);
    to_hex(digest, hex);
    return UT_OK;
}
