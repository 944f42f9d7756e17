#include "serve/keys.h"

#include <ctype.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "serve/serve.h"

typedef struct entry {
    unsigned char hash[crypto_hash_sha256_BYTES];
    char name[UT_KEY_NAME];
} entry;

struct ut_keys {
    pthread_rwlock_t lock;
    char *path;
    struct timespec changed;
    entry *entries;
    size_t count;
};

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.@", name[i]))
            return false;
    return n > 0 && n < UT_KEY_NAME;
}

static ut_status read_line(const char *path, size_t number, char *line, entry *e, ut_error *err)
{
    char *name = strchr(line, ' ');
    size_t length = 0;
    const char *end = NULL;
    bool fine = name && name - line == 2 * crypto_hash_sha256_BYTES && is_name(name + 1) &&
                sodium_hex2bin(e->hash, sizeof e->hash, line, (size_t)(name - line), NULL, &length,
                               &end) == 0 &&
                length == sizeof e->hash && end == name;
    if (!fine)
        return ut_fail(err, UT_ERR_CONFIG, "keys",
                       "%s, line %zu: a line holds the sha-256 of a key and a name; `undertone "
                       "serve --api_keys FILE --new_key NAME` makes one",
                       path, number);
    snprintf(e->name, sizeof e->name, "%s", name + 1);
    return UT_OK;
}

static ut_status parse(const char *path, char *text, entry **entries, size_t *count, ut_error *err)
{
    size_t capacity = 0;
    size_t number = 0;
    *entries = NULL;
    *count = 0;
    for (char *next, *line = text; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = 0;
        if (length && line[length - 1] == '\r')
            line[length - 1] = 0;
        number++;
        if (!*line || *line == '#')
            continue;
        ut_status status = UT_OK;
        if (*count == UT_KEYS_MOST)
            status =
                ut_fail(err, UT_ERR_LIMIT, "keys", "%s has more than %d keys", path, UT_KEYS_MOST);
        else if (!ut_grow(entries, &capacity, *count + 1, sizeof **entries))
            status = ut_fail_memory(err, "keys");
        else
            status = read_line(path, number, line, &(*entries)[*count], err);
        if (status != UT_OK) {
            free(*entries);
            *entries = NULL;
            return status;
        }
        (*count)++;
    }
    return UT_OK;
}

static ut_status load(const char *path, entry **entries, size_t *count, ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &text, &length, err));
    ut_status status = parse(path, text, entries, count, err);
    free(text);
    return status;
}

static struct timespec changed_at(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){0};
}

ut_status ut_keys_open(const char *path, ut_keys **keys, ut_error *err)
{
    ut_keys *k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path)) || pthread_rwlock_init(&k->lock, NULL) != 0) {
        if (k)
            free(k->path);
        free(k);
        return ut_fail_memory(err, "keys");
    }
    k->changed = changed_at(path);
    ut_status status = load(path, &k->entries, &k->count, err);
    if (status != UT_OK) {
        ut_keys_close(k);
        return status;
    }
    *keys = k;
    return UT_OK;
}

void ut_keys_close(ut_keys *keys)
{
    if (!keys)
        return;
    pthread_rwlock_destroy(&keys->lock);
    free(keys->entries);
    free(keys->path);
    free(keys);
}

void ut_keys_refresh(ut_keys *keys)
{
    ut_error err;
    entry *entries;
    size_t count;
    struct timespec now = changed_at(keys->path);
    if (now.tv_sec == keys->changed.tv_sec && now.tv_nsec == keys->changed.tv_nsec)
        return;
    keys->changed = now; /* one thread refreshes */
    if (load(keys->path, &entries, &count, &err) != UT_OK) {
        ut_log(UT_LOG_WARNING, "the keys stay as they were: %s", err.message);
        return;
    }
    pthread_rwlock_wrlock(&keys->lock);
    entry *old = keys->entries;
    keys->entries = entries;
    keys->count = count;
    pthread_rwlock_unlock(&keys->lock);
    free(old);
}

bool ut_keys_name(ut_keys *keys, const char *key, char name[UT_KEY_NAME])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    bool known = false;
    crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->count; i++)
        if (sodium_memcmp(keys->entries[i].hash, hash, sizeof hash) == 0) {
            memcpy(name, keys->entries[i].name, UT_KEY_NAME);
            known = true;
        }
    pthread_rwlock_unlock(&keys->lock);
    return known;
}

/* --- a new one -------------------------------------------------------------------------------- */

static ut_status check_new(const char *path, const char *name, ut_error *err)
{
    ut_keys *keys;
    if (!is_name(name))
        return ut_fail(err, UT_ERR_USAGE, "keys",
                       "\"%s\" cannot be a key's name: up to %d letters, digits and -_.@", name,
                       UT_KEY_NAME - 1);
    if (!ut_file_exists(path))
        return UT_OK;
    UT_TRY(ut_keys_open(path, &keys, err));
    bool taken = false;
    for (size_t i = 0; i < keys->count; i++)
        taken = taken || strcmp(keys->entries[i].name, name) == 0;
    ut_keys_close(keys);
    return taken ? ut_fail(err, UT_ERR_USAGE, "keys",
                           "%s has a key called %s already; remove its line first", path, name)
                 : UT_OK;
}

/* What the file holds, and a line more. */
static ut_status append(const char *path, const char *line, ut_error *err)
{
    char *text = NULL;
    size_t length = 0;
    if (ut_file_exists(path))
        UT_TRY(ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &text, &length, err));
    ut_buf all;
    ut_buf_init(&all, 0);
    ut_buf_add(&all, text, length);
    if (length && text[length - 1] != '\n')
        ut_buf_adds(&all, "\n");
    ut_buf_adds(&all, line);
    ut_status status = ut_buf_status(&all) == UT_OK ? ut_file_write(path, all.data, all.length, err)
                                                    : ut_fail_memory(err, "keys");
    if (status == UT_OK && chmod(path, 0600) != 0)
        status = ut_fail_errno(err, UT_ERR_IO, "keys", "cannot keep others from reading %s", path);
    ut_buf_free(&all);
    free(text);
    return status;
}

ut_status ut_serve_new_key(const char *path, const char *name, char key[UT_KEY_TEXT], ut_error *err)
{
    unsigned char random[32];
    char hash[UT_SHA256_HEX];
    char line[UT_SHA256_HEX + UT_KEY_NAME + 2];
    UT_TRY(check_new(path, name, err));
    if (sodium_init() < 0)
        return ut_fail(err, UT_ERR_INTERNAL, "keys", "this machine gives no random numbers");
    randombytes_buf(random, sizeof random);
    char text[sodium_base64_ENCODED_LEN(sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    sodium_bin2base64(text, sizeof text, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(key, UT_KEY_TEXT, "ut_%s", text);
    sodium_memzero(text, sizeof text);
    sodium_memzero(random, sizeof random);
    ut_sha256(key, strlen(key), hash);
    snprintf(line, sizeof line, "%s %s\n", hash, name);
    return append(path, line, err);
}
