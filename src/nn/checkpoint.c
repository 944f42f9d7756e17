/* PyTorch checkpoints: the zip of torch.save since 1.6 (<name>/data.pkl and one stored entry a
 * storage), and the stream before it (magic number, protocol, system, the object, the storages'
 * keys - five pickles - and then each storage as a u64 count and its bytes). Tensors only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/zip.h"
#include "nn/pickle.h"
#include "nn/weights_internal.h"

enum { DEEPEST = 32, VISITS = 1 << 18, NAME_SIZE = 512 };

/* A storage's bytes, found once. */
typedef struct storage {
    const char *key;
    const uint8_t *data;
    size_t bytes;
} storage;

typedef struct checkpoint {
    ut_weights *weights;
    ut_arena *arena;   /* the pickle's values, gone after reading */
    storage *storages; /* sorted by key */
    size_t storage_count;
    int visits;
    char name[NAME_SIZE];
} checkpoint;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const storage *)a)->key, ((const storage *)b)->key);
}

static const storage *find_storage(const checkpoint *c, const char *key)
{
    storage wanted = {.key = key};
    return c->storage_count ? bsearch(&wanted, c->storages, c->storage_count, sizeof wanted, by_key)
                            : NULL;
}

/* Copies a tensor whose strides are not those of its shape; the dimensions that are missing are 1.
 */
static void copy_strided(uint8_t *out, const uint8_t *in, size_t size, const int64_t *shape,
                         const int64_t *stride)
{
    for (int64_t a = 0; a < shape[0]; a++)
        for (int64_t b = 0; b < shape[1]; b++)
            for (int64_t c = 0; c < shape[2]; c++)
                for (int64_t d = 0; d < shape[3]; d++) {
                    int64_t at = a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3];
                    memcpy(out, in + (size_t)at * size, size);
                    out += size;
                }
}

/* Reads shape and strides; false if they are no small integers. */
static bool read_layout(const ut_pickle_value *v, ut_tensor *tensor, int64_t *stride)
{
    const ut_pickle_value *sizes = v->items[2];
    const ut_pickle_value *strides = v->items[3];
    if (sizes->count > UT_RANK || strides->count != sizes->count)
        return false;
    tensor->rank = (int)sizes->count;
    for (int i = 0; i < UT_RANK; i++) {
        tensor->shape[i] = 1;
        stride[i] = 0;
        if (i >= tensor->rank)
            continue;
        const ut_pickle_value *size = sizes->items[i];
        const ut_pickle_value *step = strides->items[i];
        if (size->kind != UT_PICKLE_INT || step->kind != UT_PICKLE_INT || size->integer < 0 ||
            step->integer < 0)
            return false;
        tensor->shape[i] = size->integer;
        stride[i] = step->integer;
    }
    return true;
}

/* Index of the last element that the layout reaches; false on overflow. */
static bool last_element(const ut_tensor *tensor, const int64_t *stride, int64_t *last)
{
    for (int i = 0; i < UT_RANK; i++) {
        int64_t reach;
        if (__builtin_mul_overflow(tensor->shape[i] - 1, stride[i], &reach) ||
            __builtin_add_overflow(*last, reach, last))
            return false;
    }
    return true;
}

static bool is_contiguous(const ut_tensor *tensor, const int64_t *stride)
{
    int64_t step = 1;
    for (int i = UT_RANK - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && stride[i] != step)
            return false;
        step *= tensor->shape[i];
    }
    return true;
}

static ut_status add_tensor(checkpoint *c, const ut_pickle_value *v, ut_error *err)
{
    ut_tensor tensor = {.dtype = v->dtype};
    int64_t stride[UT_RANK];
    size_t bytes, size = ut_dtype_size(v->dtype);
    int64_t last = v->items[1]->integer;
    if (!read_layout(v, &tensor, stride))
        return UT_OK; /* more dimensions than any network here has: left out */
    if (last < 0 || !ut_tensor_bytes(tensor.dtype, tensor.rank, tensor.shape, &bytes))
        return ut_weights_damaged(c->weights, "a tensor's shape overflows", err);
    const storage *from = find_storage(c, v->items[0]->text);
    if (!from)
        return ut_weights_damaged(c->weights, "a tensor without its storage", err);
    if (bytes == 0) {
        tensor.data = from->data;
    } else {
        int64_t first = last;
        if (!last_element(&tensor, stride, &last) || (uint64_t)last >= from->bytes / size)
            return ut_weights_damaged(c->weights, "a tensor reaches beyond its storage", err);
        tensor.data = from->data + (size_t)first * size;
        if (!is_contiguous(&tensor, stride)) {
            uint8_t *copy = ut_arena_alloc(c->weights->arena, bytes, 1);
            if (!copy)
                return ut_fail_memory(err, "weights");
            copy_strided(copy, tensor.data, size, tensor.shape, stride);
            tensor.data = copy;
        }
    }
    char *name = ut_arena_strdup(c->weights->arena, c->name);
    if (!name)
        return ut_fail_memory(err, "weights");
    return ut_weights_add(c->weights, name, &tensor, err);
}

/* Walks dictionaries and lists below `v`; c->name is the path so far. Depth and visits are bounded,
 * because objects may contain each other. */
static ut_status walk(checkpoint *c, const ut_pickle_value *v, int depth, ut_error *err)
{
    if (v->kind == UT_PICKLE_TENSOR)
        return add_tensor(c, v, err);
    bool dict = v->kind == UT_PICKLE_DICT;
    if (!dict && v->kind != UT_PICKLE_LIST && v->kind != UT_PICKLE_TUPLE)
        return UT_OK;
    size_t used = strlen(c->name);
    for (size_t i = 0; i + (dict ? 1 : 0) < v->count; i += dict ? 2 : 1) {
        const ut_pickle_value *item = v->items[dict ? i + 1 : i];
        if (item->kind == UT_PICKLE_OPAQUE || item->kind == UT_PICKLE_INT)
            continue;
        if (depth >= DEEPEST || ++c->visits > VISITS)
            return ut_weights_damaged(c->weights, "its objects nest without end", err);
        const char *dot = used ? "." : "";
        const ut_pickle_value *key = dict ? v->items[i] : NULL;
        int wrote;
        if (key && key->kind == UT_PICKLE_STRING)
            wrote = snprintf(c->name + used, NAME_SIZE - used, "%s%s", dot, key->text);
        else if (!key || key->kind == UT_PICKLE_INT)
            wrote = snprintf(c->name + used, NAME_SIZE - used, "%s%lld", dot,
                             key ? (long long)key->integer : (long long)i);
        else
            continue;
        ut_status status = UT_OK;
        if (wrote > 0 && (size_t)wrote < NAME_SIZE - used)
            status = walk(c, item, depth + 1, err);
        c->name[used] = '\0';
        UT_TRY(status);
    }
    return UT_OK;
}

static ut_status read_pickle(checkpoint *c, const uint8_t *data, size_t length,
                             ut_pickle_value **root, size_t *used, ut_error *err)
{
    ut_status status = ut_pickle_read(data, length, c->arena, root, used);
    if (status == UT_ERR_MEMORY)
        return ut_fail_memory(err, "weights");
    if (status != UT_OK)
        return ut_weights_damaged(c->weights, "its pickle is malformed", err);
    return UT_OK;
}

typedef struct copy_sink {
    uint8_t *out;
    size_t left;
} copy_sink;

static ut_status copy_block(void *context, const uint8_t *bytes, size_t count, ut_error *err)
{
    copy_sink *sink = context;
    if (count > sink->left)
        return ut_fail(err, UT_ERR_FORMAT, "weights", "a zip entry is larger than it says");
    memcpy(sink->out, bytes, count);
    sink->out += count;
    sink->left -= count;
    return UT_OK;
}

/* In place if stored, else unpacked into the arena. */
static ut_status entry_bytes(const ut_weights *weights, ut_arena *arena, const ut_zip *zip,
                             const ut_zip_entry *entry, const uint8_t **data, ut_error *err)
{
    *data = ut_zip_stored(zip, entry);
    if (*data)
        return UT_OK;
    if (entry->size > SIZE_MAX / 2)
        return ut_weights_damaged(weights, "a zip entry's size overflows", err);
    uint8_t *out = ut_arena_alloc(arena, (size_t)entry->size, 1);
    if (!out)
        return ut_fail_memory(err, "weights");
    copy_sink sink = {.out = out, .left = (size_t)entry->size};
    *data = out;
    return ut_zip_extract(zip, entry, copy_block, &sink, err);
}

/* Entries below <prefix>data/ are the storages, named by their keys. */
static ut_status list_entries(checkpoint *c, const ut_zip *zip, const char *prefix, size_t length,
                              ut_error *err)
{
    c->storages = UT_ARENA_NEW(c->arena, storage, zip->count ? zip->count : 1);
    if (!c->storages)
        return ut_fail_memory(err, "weights");
    for (size_t i = 0; i < zip->count; i++) {
        const ut_zip_entry *entry = &zip->entries[i];
        if (strncmp(entry->name, prefix, length) != 0 ||
            strncmp(entry->name + length, "data/", 5) != 0)
            continue;
        storage *s = &c->storages[c->storage_count];
        UT_TRY(entry_bytes(c->weights, c->weights->arena, zip, entry, &s->data, err));
        s->key = entry->name + length + 5;
        s->bytes = (size_t)entry->size;
        c->storage_count++;
    }
    if (c->storage_count)
        qsort(c->storages, c->storage_count, sizeof *c->storages, by_key);
    return UT_OK;
}

static ut_status read_zip(checkpoint *c, const ut_zip *zip, ut_error *err)
{
    static const char ending[] = "data.pkl";
    const ut_zip_entry *pickle = NULL;
    size_t prefix = 0;
    for (size_t i = 0; i < zip->count && !pickle; i++) {
        size_t length = strlen(zip->entries[i].name);
        if (length < sizeof ending - 1)
            continue;
        prefix = length - (sizeof ending - 1);
        if (strcmp(zip->entries[i].name + prefix, ending) == 0 &&
            (prefix == 0 || zip->entries[i].name[prefix - 1] == '/'))
            pickle = &zip->entries[i];
    }
    if (!pickle)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "weights",
                       "%s is a zip but no PyTorch checkpoint (no data.pkl in it)",
                       c->weights->path);
    const uint8_t *data;
    UT_TRY(entry_bytes(c->weights, c->arena, zip, pickle, &data, err));
    UT_TRY(list_entries(c, zip, pickle->name, prefix, err));
    ut_pickle_value *root;
    size_t used;
    UT_TRY(read_pickle(c, data, (size_t)pickle->size, &root, &used, err));
    return walk(c, root, 0, err);
}

static ut_status begin(checkpoint *c, ut_weights *weights, ut_error *err)
{
    memset(c, 0, sizeof *c);
    c->weights = weights;
    /* Every opcode is at least a byte and makes at most a few values; the list of types comes on
     * top. */
    c->arena = ut_arena_create(256 * weights->length + 4 * UT_MIB);
    return c->arena ? UT_OK : ut_fail_memory(err, "weights");
}

ut_status ut_read_checkpoint_zip(ut_weights *weights, ut_error *err)
{
    checkpoint c;
    ut_zip zip;
    UT_TRY(ut_zip_open(weights->data, weights->length, weights->path, &zip, err));
    ut_status status = begin(&c, weights, err);
    if (status == UT_OK)
        status = read_zip(&c, &zip, err);
    ut_arena_destroy(c.arena);
    ut_zip_close(&zip);
    return status;
}

/* Element sizes are not in the stream: they come from the storages that the object mentions. */
static void collect_types(const ut_pickle_value *v, checkpoint *c, size_t capacity, int depth)
{
    if (depth > DEEPEST || ++c->visits > VISITS)
        return;
    if (v->kind == UT_PICKLE_TENSOR) {
        const ut_pickle_value *from = v->items[0];
        if (c->storage_count < capacity)
            c->storages[c->storage_count++] =
                (storage){.key = from->text, .bytes = ut_dtype_size(from->dtype)};
        return;
    }
    if (v->kind == UT_PICKLE_LIST || v->kind == UT_PICKLE_TUPLE || v->kind == UT_PICKLE_DICT)
        for (size_t i = 0; i < v->count; i++)
            collect_types(v->items[i], c, capacity, depth + 1);
}

/* The storages follow in the order of the keys. */
static ut_status read_storages(checkpoint *c, const ut_pickle_value *keys, const uint8_t *at,
                               const uint8_t *end, ut_error *err)
{
    size_t mentioned = c->storage_count;
    storage *types = c->storages;
    if (mentioned)
        qsort(types, mentioned, sizeof *types, by_key);
    storage *read = UT_ARENA_NEW(c->arena, storage, keys->count ? keys->count : 1);
    if (!read)
        return ut_fail_memory(err, "weights");
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i]->kind != UT_PICKLE_STRING || end - at < 8)
            return ut_weights_damaged(c->weights, "it ends within its storages", err);
        uint64_t count = 0;
        for (int b = 7; b >= 0; b--)
            count = count << 8 | at[b];
        at += 8;
        const storage *type = find_storage(c, keys->items[i]->text);
        if (!type)
            return ut_fail(err, UT_ERR_UNSUPPORTED, "weights",
                           "%s holds a storage of unknown type; save it again with a newer PyTorch",
                           c->weights->path);
        uint64_t bytes;
        if (__builtin_mul_overflow(count, (uint64_t)type->bytes, &bytes) ||
            bytes > (uint64_t)(end - at))
            return ut_weights_damaged(c->weights, "it ends within a storage", err);
        read[i] = (storage){.key = keys->items[i]->text, .data = at, .bytes = (size_t)bytes};
        at += bytes;
    }
    if (keys->count)
        qsort(read, keys->count, sizeof *read, by_key);
    c->storages = read;
    c->storage_count = keys->count;
    return UT_OK;
}

static ut_status read_stream(checkpoint *c, ut_error *err)
{
    const uint8_t *data = c->weights->data;
    size_t length = c->weights->length, at = 0, used;
    ut_pickle_value *part[5] = {NULL};
    for (int i = 0; i < 5; i++) {
        UT_TRY(read_pickle(c, data + at, length - at, &part[i], &used, err));
        at += used;
    }
    if (part[4]->kind != UT_PICKLE_LIST)
        return ut_weights_damaged(c->weights, "its storages have no list", err);
    c->storages = UT_ARENA_NEW(c->arena, storage, UT_LIMIT_TENSORS);
    if (!c->storages)
        return ut_fail_memory(err, "weights");
    collect_types(part[3], c, UT_LIMIT_TENSORS, 0);
    c->visits = 0;
    UT_TRY(read_storages(c, part[4], data + at, data + length, err));
    return walk(c, part[3], 0, err);
}

ut_status ut_read_checkpoint_stream(ut_weights *weights, ut_error *err)
{
    checkpoint c;
    ut_status status = begin(&c, weights, err);
    if (status == UT_OK)
        status = read_stream(&c, err);
    ut_arena_destroy(c.arena);
    return status;
}
