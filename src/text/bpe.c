#include "text/bpe.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

enum { MOST_TOKENS = 1 << 20 };

typedef struct token {
    const char *bytes;
    size_t length;
} token;

struct ut_bpe {
    ut_arena *arena;
    token *tokens;
    size_t capacity;
    int size;
    int16_t bytes[512]; /* code point to byte, -1: none */
    int *index;         /* identifiers by the hash of their bytes, -1: free */
    size_t slots;       /* of the index, a power of two */
};

/* GPT-2's alphabet: printable Latin-1 characters stand for themselves, the other bytes for the code
 * points from 256 on, in order. */
static void fill_alphabet(int16_t bytes[512])
{
    int next = 256;
    for (int i = 0; i < 512; i++)
        bytes[i] = -1;
    for (int b = 0; b < 256; b++) {
        int printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        bytes[printable ? b : next++] = (int16_t)b;
    }
}

/* The bytes that `text` writes; text with a character outside the alphabet is kept as it is. */
static ut_status put(ut_bpe *bpe, int64_t id, const char *text, size_t length, int special,
                     const char *name, ut_error *err)
{
    if (id < 0 || id >= MOST_TOKENS)
        return ut_fail(err, UT_ERR_FORMAT, "text", "%s: token identifier %lld is out of range",
                       name, (long long)id);
    if ((size_t)id >= bpe->capacity) {
        size_t before = bpe->capacity;
        if (!ut_grow(&bpe->tokens, &bpe->capacity, (size_t)id + 1, sizeof *bpe->tokens))
            return ut_fail_memory(err, "text");
        memset(bpe->tokens + before, 0, (bpe->capacity - before) * sizeof *bpe->tokens);
    }
    char *bytes = ut_arena_strndup(bpe->arena, text, length);
    if (!bytes)
        return ut_fail_memory(err, "text");
    size_t out = 0;
    for (size_t i = 0; !special && i < length; i++) {
        unsigned c = (unsigned char)text[i];
        if (c >= 0xC0 && c < 0xE0 && i + 1 < length)
            c = (c & 0x1F) << 6 | ((unsigned char)text[++i] & 0x3F);
        else if (c >= 0x80)
            c = 511;
        if (c >= 512 || bpe->bytes[c] < 0) {
            memcpy(bytes, text, length);
            out = length;
            break;
        }
        bytes[out++] = (char)bpe->bytes[c];
    }
    if (special)
        out = length;
    bytes[out] = 0;
    bpe->tokens[id] = (token){bytes, out};
    if (id >= bpe->size)
        bpe->size = (int)id + 1;
    return UT_OK;
}

static int is_special(const char *text, size_t length)
{
    return length > 4 && memcmp(text, "<|", 2) == 0 && memcmp(text + length - 2, "|>", 2) == 0;
}

static ut_status put_string(ut_bpe *bpe, int64_t id, const json_t *value, const char *name,
                            ut_error *err)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (!text)
        return ut_fail(err, UT_ERR_FORMAT, "text", "%s: token %lld is no string", name,
                       (long long)id);
    return put(bpe, id, text, length, is_special(text, length), name, err);
}

static ut_status read_tokenizer(ut_bpe *bpe, json_t *root, const char *name, ut_error *err)
{
    json_t *vocabulary = json_object_get(json_object_get(root, "model"), "vocab");
    if (!json_is_object(vocabulary))
        return ut_fail(err, UT_ERR_FORMAT, "text",
                       "%s holds no byte-pair vocabulary (model.vocab); take the tokenizer.json "
                       "that belongs to the model",
                       name);
    const char *key;
    json_t *value;
    json_object_foreach(vocabulary, key, value)
    {
        if (!json_is_integer(value))
            return ut_fail(err, UT_ERR_FORMAT, "text", "%s: a token has no integer identifier",
                           name);
        size_t length = strlen(key);
        UT_TRY(
            put(bpe, json_integer_value(value), key, length, is_special(key, length), name, err));
    }
    size_t index;
    json_array_foreach(json_object_get(root, "added_tokens"), index, value)
    {
        const json_t *id = json_object_get(value, "id");
        const json_t *content = json_object_get(value, "content");
        if (!json_is_integer(id) || !json_is_string(content))
            return ut_fail(err, UT_ERR_FORMAT, "text",
                           "%s: an added token lacks its identifier or content", name);
        UT_TRY(put(bpe, json_integer_value(id), json_string_value(content),
                   json_string_length(content), 1, name, err));
    }
    return UT_OK;
}

static ut_status read_json(ut_bpe *bpe, const char *text, size_t length, const char *name,
                           ut_error *err)
{
    json_t *root;
    UT_TRY(ut_json_parse(text, length, name, &root, err));
    ut_status status = UT_OK;
    if (json_is_object(root)) {
        status = read_tokenizer(bpe, root, name, err);
    } else {
        size_t index;
        json_t *value;
        json_array_foreach(root, index, value)
        {
            status = put_string(bpe, (int64_t)index, value, name, err);
            if (status != UT_OK)
                break;
        }
    }
    json_decref(root);
    return status;
}

static ut_status read_lines(ut_bpe *bpe, const char *text, size_t length, const char *name,
                            ut_error *err)
{
    int64_t id = 0;
    for (size_t at = 0; at < length; id++) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t count = end ? (size_t)(end - (text + at)) : length - at;
        UT_TRY(put(bpe, id, text + at, count, is_special(text + at, count), name, err));
        at += count + 1;
    }
    return UT_OK;
}

/* FNV-1a (Fowler, Noll, Vo). */
static size_t slot_of(const ut_bpe *bpe, const char *bytes, size_t length)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32) & (bpe->slots - 1);
}

/* Where bytes are or would be. */
static size_t find_slot(const ut_bpe *bpe, const char *bytes, size_t length)
{
    size_t slot = slot_of(bpe, bytes, length);
    for (; bpe->index[slot] >= 0; slot = (slot + 1) & (bpe->slots - 1)) {
        const token *t = &bpe->tokens[bpe->index[slot]];
        if (t->length == length && memcmp(t->bytes, bytes, length) == 0)
            break;
    }
    return slot;
}

static ut_status build_index(ut_bpe *bpe, ut_error *err)
{
    bpe->slots = 64;
    while (bpe->slots < 2 * (size_t)bpe->size)
        bpe->slots *= 2;
    bpe->index = malloc(bpe->slots * sizeof *bpe->index);
    if (!bpe->index)
        return ut_fail_memory(err, "text");
    for (size_t i = 0; i < bpe->slots; i++)
        bpe->index[i] = -1;
    for (int id = 0; id < bpe->size; id++) {
        const token *t = &bpe->tokens[id];
        size_t slot = t->bytes ? find_slot(bpe, t->bytes, t->length) : 0;
        if (t->bytes && bpe->index[slot] < 0)
            bpe->index[slot] = id;
    }
    return UT_OK;
}

ut_status ut_bpe_parse(const char *text, size_t length, const char *name, ut_bpe **out,
                       ut_error *err)
{
    *out = NULL;
    ut_bpe *bpe = calloc(1, sizeof *bpe);
    if (!bpe)
        return ut_fail_memory(err, "text");
    ut_status status = UT_OK;
    bpe->arena = ut_arena_create(0);
    if (!bpe->arena) {
        status = ut_fail_memory(err, "text");
        goto done;
    }
    fill_alphabet(bpe->bytes);
    bool json = length > 0 && (text[0] == '[' || text[0] == '{');
    status =
        json ? read_json(bpe, text, length, name, err) : read_lines(bpe, text, length, name, err);
    if (status == UT_OK && bpe->size == 0)
        status =
            ut_fail(err, UT_ERR_FORMAT, "text", "%s holds no tokens; pull the model again", name);
    if (status == UT_OK)
        status = build_index(bpe, err);
done:
    if (status != UT_OK)
        ut_bpe_close(bpe);
    else
        *out = bpe;
    return status;
}

ut_status ut_bpe_open(const char *dir, ut_bpe **bpe, ut_error *err)
{
    static const char *const names[] = {"tokenizer.json", "vocabulary.json", "vocabulary.txt"};
    *bpe = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = ut_path_join(dir, names[i]);
        if (!path)
            return ut_fail_memory(err, "text");
        if (!ut_file_exists(path)) {
            free(path);
            continue;
        }
        char *text = NULL;
        size_t length = 0;
        ut_status status = ut_file_read(path, UT_LIMIT_TOKENIZER_BYTES, &text, &length, err);
        if (status == UT_OK)
            status = ut_bpe_parse(text, length, path, bpe, err);
        free(text);
        free(path);
        return status;
    }
    return ut_fail(err, UT_ERR_NOT_FOUND, "text",
                   "%s holds neither tokenizer.json nor vocabulary.txt; pull the model again", dir);
}

void ut_bpe_close(ut_bpe *bpe)
{
    if (!bpe)
        return;
    ut_arena_destroy(bpe->arena);
    free(bpe->tokens);
    free(bpe->index);
    free(bpe);
}

int ut_bpe_size(const ut_bpe *bpe)
{
    return bpe->size;
}

const char *ut_bpe_token(const ut_bpe *bpe, int id, size_t *length)
{
    if (id < 0 || id >= bpe->size || !bpe->tokens[id].bytes) {
        *length = 0;
        return "";
    }
    *length = bpe->tokens[id].length;
    return bpe->tokens[id].bytes;
}

int ut_bpe_find(const ut_bpe *bpe, const char *bytes, size_t length)
{
    return bpe->index[find_slot(bpe, bytes, length)];
}
