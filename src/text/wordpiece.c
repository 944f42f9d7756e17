#include "text/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/normalize.h"

enum {
    MAX_PIECES = 1 << 20,
    MAX_PIECE_BYTES = 512,
    MAX_WORD_CHARS = 100, /* longer words are [UNK], as in the original */
    MAX_FILE_BYTES = 64 << 20
};

typedef struct piece {
    uint32_t offset; /* into text */
    uint32_t length;
} piece;

struct ut_wordpiece {
    char *text; /* all pieces, one after another */
    piece *pieces;
    size_t count;
    int32_t *slots; /* open addressing over the pieces, -1 empty */
    size_t mask;
    size_t longest; /* bytes of the longest piece */
    bool lower_case;
    int32_t unk, cls, sep;
};

static uint32_t hash(const char *bytes, size_t length, uint32_t seed)
{
    uint32_t h = 2166136261u ^ seed;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)bytes[i]) * 16777619u;
    return h ^ (h >> 15);
}

static int32_t find(const ut_wordpiece *w, const char *bytes, size_t length)
{
    for (size_t at = hash(bytes, length, 0) & w->mask;; at = (at + 1) & w->mask) {
        int32_t id = w->slots[at];
        if (id < 0)
            return -1;
        if (w->pieces[id].length == length &&
            memcmp(w->text + w->pieces[id].offset, bytes, length) == 0)
            return id;
    }
}

/* Fills the table; the first of two equal pieces wins. */
static ut_status build_index(ut_wordpiece *w, const char *name, ut_error *err)
{
    size_t size = 64;
    while (size < w->count * 2)
        size *= 2;
    w->slots = malloc(size * sizeof *w->slots);
    if (!w->slots)
        return ut_fail_memory(err, "text");
    memset(w->slots, 0xFF, size * sizeof *w->slots);
    w->mask = size - 1;
    for (size_t i = 0; i < w->count; i++) {
        const char *bytes = w->text + w->pieces[i].offset;
        size_t length = w->pieces[i].length;
        if (length > w->longest)
            w->longest = length;
        if (length == 0 || find(w, bytes, length) >= 0)
            continue;
        size_t at = hash(bytes, length, 0) & w->mask;
        while (w->slots[at] >= 0)
            at = (at + 1) & w->mask;
        w->slots[at] = (int32_t)i;
    }
    w->unk = find(w, "[UNK]", 5);
    w->cls = find(w, "[CLS]", 5);
    w->sep = find(w, "[SEP]", 5);
    if (w->unk < 0 || w->cls < 0 || w->sep < 0)
        return ut_fail(
            err, UT_ERR_FORMAT, "text",
            "%s is not a BERT vocabulary: [UNK], [CLS] or [SEP] is missing; fetch the model "
            "again",
            name);
    return UT_OK;
}

/* Lines into pieces; the last line may lack its end. */
static ut_status split_lines(ut_wordpiece *w, size_t length, const char *name, ut_error *err)
{
    size_t capacity = 0;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(w->text + at, '\n', length - at);
        size_t stop = end ? (size_t)(end - w->text) : length;
        size_t n = stop - at;
        if (n > 0 && w->text[stop - 1] == '\r')
            n--;
        if (n > MAX_PIECE_BYTES || w->count >= MAX_PIECES)
            return ut_fail(
                err, UT_ERR_FORMAT, "text",
                "%s is not a BERT vocabulary: line %zu is too long or there are too many; "
                "fetch the model again",
                name, w->count + 1);
        if (!ut_grow(&w->pieces, &capacity, w->count + 1, sizeof *w->pieces))
            return ut_fail_memory(err, "text");
        w->pieces[w->count++] = (piece){(uint32_t)at, (uint32_t)n};
        at = stop + 1;
    }
    return UT_OK;
}

ut_status ut_wordpiece_parse(const char *vocabulary, size_t length, const char *name,
                             bool lower_case, ut_wordpiece **tokenizer, ut_error *err)
{
    *tokenizer = NULL;
    if (length > MAX_FILE_BYTES)
        return ut_fail(err, UT_ERR_LIMIT, "text", "%s is too large for a vocabulary", name);
    ut_wordpiece *w = calloc(1, sizeof *w);
    if (!w)
        return ut_fail_memory(err, "text");
    ut_status status = UT_OK;
    w->lower_case = lower_case;
    w->text = malloc(length + 1);
    if (!w->text) {
        status = ut_fail_memory(err, "text");
        goto done;
    }
    if (length > 0)
        memcpy(w->text, vocabulary, length);
    if ((status = split_lines(w, length, name, err)) != UT_OK)
        goto done;
    status = build_index(w, name, err);
done:
    if (status != UT_OK)
        ut_wordpiece_close(w);
    else
        *tokenizer = w;
    return status;
}

/* The "vocab" object of a tokenizer.json as lines in the order of ids; gaps become empty lines. */
static ut_status lines_from_json(const json_t *root, const char *name, ut_buf *lines, ut_error *err)
{
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    size_t count = json_object_size(vocab);
    const char **pieces = NULL;
    ut_status status = UT_OK;
    if (count == 0 || count > MAX_PIECES)
        return ut_fail(
            err, UT_ERR_FORMAT, "text",
            "%s holds no WordPiece vocabulary (model.vocab); use a BERT encoder's folder", name);
    size_t size = 2 * count;
    pieces = calloc(size, sizeof *pieces);
    if (!pieces)
        return ut_fail_memory(err, "text");
    const char *key;
    json_t *value;
    size_t last = 0;
    json_object_foreach((json_t *)vocab, key, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || (size_t)id >= size || strchr(key, '\n')) {
            status =
                ut_fail(err, UT_ERR_FORMAT, "text",
                        "%s: the vocabulary has an id out of range; fetch the model again", name);
            goto done;
        }
        pieces[id] = key;
        if ((size_t)id > last)
            last = (size_t)id;
    }
    for (size_t i = 0; i <= last; i++) {
        if (pieces[i])
            ut_buf_adds(lines, pieces[i]);
        ut_buf_add(lines, "\n", 1);
    }
    if (ut_buf_status(lines) != UT_OK)
        status = ut_fail_memory(err, "text");
done:
    free(pieces);
    return status;
}

static ut_status open_json(const char *path, ut_wordpiece **tokenizer, ut_error *err)
{
    json_t *root = NULL;
    ut_buf lines;
    ut_buf_init(&lines, MAX_FILE_BYTES);
    ut_status status = ut_json_load(path, MAX_FILE_BYTES, &root, err);
    if (status == UT_OK)
        status = lines_from_json(root, path, &lines, err);
    if (status == UT_OK) {
        const json_t *lower = json_object_get(json_object_get(root, "normalizer"), "lowercase");
        status = ut_wordpiece_parse(ut_buf_text(&lines), lines.length, path, !json_is_false(lower),
                                    tokenizer, err);
    }
    ut_buf_free(&lines);
    json_decref(root);
    return status;
}

ut_status ut_wordpiece_open(const char *folder, ut_wordpiece **tokenizer, ut_error *err)
{
    *tokenizer = NULL;
    char *path = ut_path_join(folder, "tokenizer.json");
    if (!path)
        return ut_fail_memory(err, "text");
    if (ut_file_exists(path)) {
        ut_status status = open_json(path, tokenizer, err);
        free(path);
        return status;
    }
    free(path);
    path = ut_path_join(folder, "vocab.txt");
    if (!path)
        return ut_fail_memory(err, "text");
    char *data = NULL;
    size_t length = 0;
    ut_status status = ut_file_read(path, MAX_FILE_BYTES, &data, &length, err);
    if (status == UT_OK)
        status = ut_wordpiece_parse(data, length, path, true, tokenizer, err);
    free(data);
    free(path);
    return status;
}

void ut_wordpiece_close(ut_wordpiece *w)
{
    if (!w)
        return;
    free(w->text);
    free(w->pieces);
    free(w->slots);
    free(w);
}

size_t ut_wordpiece_count(const ut_wordpiece *w)
{
    return w->count;
}

int32_t ut_wordpiece_id(const ut_wordpiece *w, const char *bytes, size_t length)
{
    return find(w, bytes, length);
}

/* Pieces of one word into out[MAX_WORD_CHARS]; their number. */
static size_t encode_word(const ut_wordpiece *w, const char *word, size_t length, int32_t *out)
{
    size_t starts[MAX_WORD_CHARS + 1];
    size_t chars = 0;
    for (size_t at = 0; at < length;) {
        if (chars == MAX_WORD_CHARS) {
            out[0] = w->unk;
            return 1;
        }
        starts[chars++] = at;
        ut_utf8_next(word, length, &at);
    }
    starts[chars] = length;
    size_t count = 0;
    char continued[MAX_WORD_CHARS * 4 + 2] = "##";
    for (size_t from = 0; from < chars;) {
        int32_t id = -1;
        size_t to = chars;
        for (; to > from && id < 0; to--) {
            size_t n = starts[to] - starts[from];
            if (n + (from ? 2 : 0) > w->longest)
                continue;
            memcpy(continued + 2, word + starts[from], n);
            id = from ? find(w, continued, n + 2) : find(w, continued + 2, n);
        }
        if (id < 0) {
            out[0] = w->unk;
            return 1;
        }
        out[count++] = id;
        from = to + 1;
    }
    return count;
}

ut_status ut_wordpiece_encode(const ut_wordpiece *w, const char *text, size_t length, bool special,
                              int32_t *ids, size_t maximum, size_t *count, size_t *whole,
                              ut_error *err)
{
    size_t room = special ? maximum - 2 : maximum;
    size_t used = 0;
    size_t total = special ? 2 : 0;
    if (maximum < 2)
        return ut_fail(err, UT_ERR_USAGE, "text", "room for %zu word pieces is too little",
                       maximum);
    ut_buf words;
    ut_buf_init(&words, 0);
    ut_text_basic_words(text, length, w->lower_case, &words);
    if (ut_buf_status(&words) != UT_OK) {
        ut_buf_free(&words);
        return ut_fail_memory(err, "text");
    }
    if (special)
        ids[used++] = w->cls;
    room += used;
    const char *data = ut_buf_text(&words);
    for (size_t at = 0; at < words.length;) {
        const char *end = memchr(data + at, '\n', words.length - at);
        size_t n = (size_t)(end - data) - at;
        int32_t pieces[MAX_WORD_CHARS];
        size_t got = encode_word(w, data + at, n, pieces);
        for (size_t i = 0; i < got && used < room; i++)
            ids[used++] = pieces[i];
        total += got;
        at += n + 1;
    }
    if (special)
        ids[used++] = w->sep;
    ut_buf_free(&words);
    *count = used;
    if (whole)
        *whole = total;
    return UT_OK;
}
