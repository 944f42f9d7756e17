#include "pipeline/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "pipeline/home.h"

static const char magic[] = "undertone secret 1\n";
enum {
    MAGIC = sizeof magic - 1,
    NONCE = crypto_secretbox_NONCEBYTES,
    OVERHEAD = MAGIC + NONCE + crypto_secretbox_MACBYTES,
    NAME_MOST = 64,
    TEXT_MOST = 65536
};

typedef struct secret_key {
    unsigned char bytes[crypto_secretbox_KEYBYTES];
} secret_key;

static void forbid_dumps(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

/* <home>/secrets/<name>; the name is a file's, so it must not lead anywhere else. */
static ut_status path_of(const char *home, const char *name, char **path, ut_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t n = strlen(name);
    char file[NAME_MOST + 16];
    if (!n || n > NAME_MOST || name[0] == '.' || strspn(name, letters) != n)
        return ut_fail(err, UT_ERR_USAGE, "secrets",
                       "a secret's name has 1 to %d letters, digits, '_', '-' or '.'", NAME_MOST);
    snprintf(file, sizeof file, "secrets/%s", name);
    *path = ut_home_path(home, file);
    return *path ? UT_OK : ut_fail_memory(err, "secrets");
}

/* --- the key ---------------------------------------------------------------------------------- */

/* Made under another name and linked: two programs at once agree on one key. */
static ut_status make_key(const char *folder, const char *path, ut_error *err)
{
    secret_key key;
    char temporary[4096];
    randombytes_buf(key.bytes, sizeof key.bytes);
    snprintf(temporary, sizeof temporary, "%s/.key.XXXXXX", folder);
    int fd = mkostemps(temporary, 0, O_CLOEXEC); /* mode 0600 */
    bool fine = fd >= 0 && write(fd, key.bytes, sizeof key.bytes) == (ssize_t)sizeof key.bytes &&
                fsync(fd) == 0 && (link(temporary, path) == 0 || errno == EEXIST);
    ut_status status =
        fine ? UT_OK : ut_fail_errno(err, UT_ERR_IO, "secrets", "cannot write %s", path);
    sodium_memzero(&key, sizeof key);
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    return status;
}

static ut_status read_key(const char *path, secret_key *key, ut_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ut_fail_errno(err, errno == ENOENT ? UT_ERR_NOT_FOUND : UT_ERR_IO, "secrets",
                             "the key of the secrets, %s, cannot be opened", path);
    ut_status status = UT_OK;
    if (fstat(fd, &st) != 0 || (st.st_mode & 077))
        status =
            ut_fail(err, UT_ERR_CONFIG, "secrets",
                    "others may read %s; `chmod 600` it, and change what was sealed with it", path);
    else if (read(fd, key->bytes, sizeof key->bytes) != (ssize_t)sizeof key->bytes)
        status = ut_fail(err, UT_ERR_FORMAT, "secrets", "%s is damaged", path);
    close(fd);
    return status;
}

static ut_status get_key(const char *home, bool make, secret_key *key, ut_error *err)
{
    char *folder = ut_home_path(home, "secrets");
    char *path = ut_home_path(home, "secrets/.key");
    ut_status status = folder && path ? UT_OK : ut_fail_memory(err, "secrets");
    if (status == UT_OK && make && mkdir(folder, 0700) != 0 && errno != EEXIST)
        status = ut_fail_errno(err, UT_ERR_IO, "secrets", "cannot make %s", folder);
    if (status == UT_OK && make && !ut_file_exists(path))
        status = make_key(folder, path, err);
    if (status == UT_OK)
        status = read_key(path, key, err);
    free(folder);
    free(path);
    return status;
}

/* --- sealing ---------------------------------------------------------------------------------- */

static ut_status seal(const char *path, const secret_key *key, const char *text, ut_error *err)
{
    size_t length = strlen(text);
    unsigned char *box = malloc(OVERHEAD + length);
    if (!box)
        return ut_fail_memory(err, "secrets");
    memcpy(box, magic, MAGIC);
    randombytes_buf(box + MAGIC, NONCE);
    crypto_secretbox_easy(box + MAGIC + NONCE, (const unsigned char *)text, length, box + MAGIC,
                          key->bytes);
    ut_status status = ut_file_write(path, box, OVERHEAD + length, err);
    if (status == UT_OK && chmod(path, 0600) != 0)
        status = ut_fail_errno(err, UT_ERR_IO, "secrets", "cannot protect %s", path);
    free(box);
    return status;
}

ut_status ut_secret_create(const char *home, const char *name, const json_t *values, ut_error *err)
{
    char *path;
    secret_key key;
    forbid_dumps();
    UT_TRY(path_of(home, name, &path, err));
    char *text = json_dumps(values, JSON_COMPACT);
    ut_status status = UT_OK;
    if (!text)
        status = ut_fail_memory(err, "secrets");
    else if (strlen(text) > TEXT_MOST)
        status = ut_fail(err, UT_ERR_LIMIT, "secrets", "a secret has at most %d bytes", TEXT_MOST);
    else if (ut_file_exists(path))
        status =
            ut_fail(err, UT_ERR_USAGE, "secrets",
                    "there is a secret %s already; `undertone secret delete %s` first", name, name);
    else
        status = get_key(home, true, &key, err);
    if (status == UT_OK)
        status = seal(path, &key, text, err);
    sodium_memzero(&key, sizeof key);
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
    free(path);
    return status;
}

static ut_status unseal(const char *path, const char *name, const secret_key *key, json_t **values,
                        ut_error *err)
{
    char *data;
    size_t length;
    UT_TRY(ut_file_read(path, TEXT_MOST + OVERHEAD, &data, &length, err));
    ut_status status = UT_OK;
    unsigned char *text = length >= OVERHEAD ? calloc(length - OVERHEAD + 1, 1) : NULL;
    const unsigned char *box = (const unsigned char *)data + MAGIC;
    if (!text || memcmp(data, magic, MAGIC) != 0 ||
        crypto_secretbox_open_easy(text, box + NONCE, length - MAGIC - NONCE, box, key->bytes) != 0)
        status = ut_fail(err, UT_ERR_MISMATCH, "secrets",
                         "the secret %s is damaged or was sealed with another key; delete it and "
                         "create it again",
                         name);
    if (status == UT_OK)
        status = ut_json_parse((char *)text, strlen((char *)text), "a secret", values, err);
    if (text)
        sodium_memzero(text, length - OVERHEAD);
    free(text);
    free(data);
    return status;
}

ut_status ut_secret_get(const char *home, const char *name, json_t **values, ut_error *err)
{
    char *path;
    secret_key key;
    forbid_dumps();
    *values = NULL;
    UT_TRY(path_of(home, name, &path, err));
    ut_status status =
        ut_file_exists(path)
            ? get_key(home, false, &key, err)
            : ut_fail(err, UT_ERR_NOT_FOUND, "secrets",
                      "there is no secret %s; `undertone secret list` lists them", name);
    if (status == UT_OK)
        status = unseal(path, name, &key, values, err);
    sodium_memzero(&key, sizeof key);
    free(path);
    return status;
}

void ut_secret_forget(json_t *values)
{
    const char *key;
    json_t *value;
    json_object_foreach(values, key, value)
    {
        const char *text = json_string_value(value);
        if (text)
            sodium_memzero((void *)(uintptr_t)text, strlen(text));
    }
    json_decref(values);
}

ut_status ut_secret_list(const char *home, json_t **names, ut_error *err)
{
    ut_file_list list = {0};
    char *folder = ut_home_path(home, "secrets");
    *names = json_array();
    ut_status status = folder && *names ? UT_OK : ut_fail_memory(err, "secrets");
    if (status == UT_OK && ut_file_is_dir(folder))
        status = ut_file_walk(folder, &list, err);
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(*names, json_string(list.names[i]));
    ut_file_list_free(&list);
    free(folder);
    return status;
}

ut_status ut_secret_delete(const char *home, const char *name, ut_error *err)
{
    char *path;
    UT_TRY(path_of(home, name, &path, err));
    ut_status status = UT_OK;
    if (unlink(path) != 0)
        status = errno == ENOENT
                     ? ut_fail(err, UT_ERR_NOT_FOUND, "secrets", "there is no secret %s", name)
                     : ut_fail_errno(err, UT_ERR_IO, "secrets", "cannot remove %s", path);
    free(path);
    return status;
}

const char *ut_secret_main(const json_t *values)
{
    static const char *const names[] = {"value", "api_key", "token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = json_string_value(json_object_get(values, names[i]));
        if (text)
            return text;
    }
    void *only = json_object_iter((json_t *)(uintptr_t)values);
    return json_object_size(values) == 1 ? json_string_value(json_object_iter_value(only)) : NULL;
}

ut_status ut_secret_to_environment(const char *output_dir, const char *name, const char *variable,
                                   ut_error *err)
{
    char *home;
    json_t *values = NULL;
    const char *there = getenv(variable);
    if (there && *there)
        forbid_dumps(); /* of a secret that was never sealed, too */
    if ((there && *there) || ut_home_find(output_dir, NULL, &home, NULL) != UT_OK)
        return UT_OK;
    ut_status status = ut_secret_get(home, name, &values, err);
    free(home);
    if (status == UT_ERR_NOT_FOUND)
        return UT_OK;
    const char *text = status == UT_OK ? ut_secret_main(values) : NULL;
    if (text && setenv(variable, text, 1) != 0)
        status = ut_fail_memory(err, "secrets");
    ut_secret_forget(values);
    return status;
}
