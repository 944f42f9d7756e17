#include "pipeline/artifacts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"

bool ut_is_sha256(const char *text)
{
    return strspn(text, "0123456789abcdef") == UT_SHA256_HEX - 1 && !text[UT_SHA256_HEX - 1];
}

char *ut_artifact_path(const char *folder, const char *sha256)
{
    char name[UT_SHA256_HEX + 1];
    snprintf(name, sizeof name, "%.2s/%s", sha256, sha256 + 2);
    return ut_path_join(folder, name);
}

static bool write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        length -= (size_t)n;
    }
    return true;
}

/* A file without a name gets one when it is whole: a killed writer leaves nothing. File systems
 * that cannot do so (UT_ERR_UNSUPPORTED) take the way over a temporary name. */
static ut_status put_unnamed(const char *directory, const char *path, const void *data,
                             size_t length, ut_error *err)
{
    int fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0)
        return UT_ERR_UNSUPPORTED;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ut_status status = UT_OK;
    if (!write_all(fd, data, length))
        status = ut_fail_errno(err, UT_ERR_IO, "artifacts", "cannot write %s", path);
    else if (linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST)
        status = UT_ERR_UNSUPPORTED;
    close(fd);
    return status;
}

ut_status ut_artifact_put(const char *folder, const void *data, size_t length,
                          char sha256[UT_SHA256_HEX], ut_error *err)
{
    ut_sha256(data, length, sha256);
    char *path = ut_artifact_path(folder, sha256);
    if (!path)
        return ut_fail_memory(err, "artifacts");
    char *directory = strndup(path, (size_t)(ut_path_base(path) - path));
    char *there = NULL;
    ut_status status = directory ? UT_OK : ut_fail_memory(err, "artifacts");
    /* What is there already is looked at, so that a torn file is not taken for the artifact. */
    if (status == UT_OK && ut_file_exists(path) &&
        ut_artifact_get(folder, sha256, &there, NULL, NULL) == UT_OK) {
        free(there);
        free(path);
        free(directory);
        return UT_OK;
    }
    if (status == UT_OK)
        status = ut_file_make_dirs(directory, err);
    if (status == UT_OK)
        status = put_unnamed(directory, path, data, length, err);
    if (status == UT_ERR_UNSUPPORTED)
        status = ut_file_write(path, data, length, err);
    free(path);
    free(directory);
    return status;
}

ut_status ut_artifact_get(const char *folder, const char *sha256, char **data, size_t *length,
                          ut_error *err)
{
    size_t n = 0;
    char hex[UT_SHA256_HEX];
    char *path = ut_artifact_path(folder, sha256);
    if (!path)
        return ut_fail_memory(err, "artifacts");
    *data = NULL;
    ut_status status = ut_file_read(path, UT_LIMIT_JSON_BYTES, data, &n, err);
    if (status == UT_OK) {
        ut_sha256(*data, n, hex);
        if (strcmp(hex, sha256) != 0) {
            free(*data);
            *data = NULL;
            unlink(path);
            status = ut_fail(err, UT_ERR_MISMATCH, "artifacts",
                             "%s is damaged: its bytes are not those it was stored with", path);
        }
    }
    if (status == UT_OK && length)
        *length = n;
    free(path);
    return status;
}
