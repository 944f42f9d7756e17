#include "nn/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "nn/weights_internal.h"

static const char *const WHERE = "weights";

ut_status ut_weights_damaged(const ut_weights *weights, const char *what, ut_error *err)
{
    return ut_fail(err, UT_ERR_FORMAT, WHERE,
                   "%s is damaged or no weights file (%s); remove it and fetch it again",
                   weights->path, what);
}

bool ut_tensor_bytes(ut_dtype dtype, int rank, const int64_t *shape, size_t *bytes)
{
    size_t total = ut_dtype_size(dtype);
    /* A zero dimension must not hide the overflow of the others. */
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || shape[i] > INT32_MAX)
            return false;
        if (shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(total, (size_t)shape[i], &total))
            return false;
    }
    *bytes = empty ? 0 : total;
    return true;
}

ut_status ut_weights_add(ut_weights *weights, const char *name, const ut_tensor *tensor,
                         ut_error *err)
{
    if (weights->count >= UT_LIMIT_TENSORS)
        return ut_fail(err, UT_ERR_LIMIT, WHERE, "%s holds more than %d tensors", weights->path,
                       UT_LIMIT_TENSORS);
    if (!ut_grow(&weights->entries, &weights->capacity, weights->count + 1,
                 sizeof *weights->entries))
        return ut_fail_memory(err, WHERE);
    ut_weights_entry *entry = &weights->entries[weights->count++];
    entry->name = name;
    entry->tensor = *tensor;
    for (int i = tensor->rank; i < UT_RANK; i++)
        entry->tensor.shape[i] = 1;
    return UT_OK;
}

static bool starts_with(const ut_weights *weights, const char *magic, size_t n)
{
    return weights->length >= n && memcmp(weights->data, magic, n) == 0;
}

/* The format shows in the first bytes: zip's signature; a pickle of PyTorch's magic number; a
 * length and a JSON object; a small version number. */
static ut_status read_any(ut_weights *weights, ut_error *err)
{
    static const char stream[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    if (starts_with(weights, "PK\x03\x04", 4))
        return ut_read_checkpoint_zip(weights, err);
    if (starts_with(weights, stream, sizeof stream - 1))
        return ut_read_checkpoint_stream(weights, err);
    if (weights->length > 8 && weights->data[8] == '{')
        return ut_read_safetensors(weights, err);
    if (starts_with(weights, "\x06\0\0\0", 4))
        return ut_read_ctranslate2(weights, err);
    return ut_fail(err, UT_ERR_UNSUPPORTED, WHERE,
                   "%s is neither safetensors, CTranslate2 version 6 nor a PyTorch checkpoint; "
                   "give one of these, or fetch it again if it should be one",
                   weights->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ut_weights_entry *)a)->name, ((const ut_weights_entry *)b)->name);
}

static ut_status fill(ut_weights *weights, ut_error *err)
{
    if (weights->length > UT_LIMIT_WEIGHTS_BYTES)
        return ut_fail(err, UT_ERR_LIMIT, WHERE, "%s is larger than %zu MiB", weights->path,
                       UT_LIMIT_WEIGHTS_BYTES / UT_MIB);
    UT_TRY(read_any(weights, err));
    if (weights->count)
        qsort(weights->entries, weights->count, sizeof *weights->entries, by_name);
    return UT_OK;
}

static ut_status create(const char *name, size_t length, ut_weights **out, ut_error *err)
{
    ut_weights *weights = calloc(1, sizeof *weights);
    /* Copies (unpacked, or made contiguous) stay within a few times the file itself; what a zip
     * deflates is at most a thousandth. */
    size_t limit = length < UT_LIMIT_WEIGHTS_BYTES ? 16 * length + 64 * UT_MIB : 0;
    if (weights)
        weights->arena = ut_arena_create(limit);
    if (weights && weights->arena)
        weights->path = ut_arena_strdup(weights->arena, name);
    if (!weights || !weights->path) {
        ut_weights_close(weights);
        return ut_fail_memory(err, WHERE);
    }
    *out = weights;
    return UT_OK;
}

ut_status ut_weights_open(const char *path, ut_weights **weights, ut_error *err)
{
    *weights = NULL;
    ut_mapping mapping;
    UT_TRY(ut_file_map(path, &mapping, err));
    ut_weights *made = NULL;
    ut_status status = create(path, mapping.length, &made, err);
    if (status != UT_OK) {
        ut_file_unmap(&mapping);
        return status;
    }
    made->mapping = mapping;
    made->data = mapping.data;
    made->length = mapping.length;
    status = fill(made, err);
    if (status != UT_OK) {
        ut_weights_close(made);
        return status;
    }
    *weights = made;
    return UT_OK;
}

ut_status ut_weights_parse(const uint8_t *data, size_t length, const char *name,
                           ut_weights **weights, ut_error *err)
{
    *weights = NULL;
    ut_weights *made = NULL;
    UT_TRY(create(name, length, &made, err));
    made->data = data;
    made->length = length;
    ut_status status = fill(made, err);
    if (status != UT_OK) {
        ut_weights_close(made);
        return status;
    }
    *weights = made;
    return UT_OK;
}

void ut_weights_close(ut_weights *weights)
{
    if (!weights)
        return;
    if (weights->mapping.data)
        ut_file_unmap(&weights->mapping);
    free(weights->entries);
    ut_arena_destroy(weights->arena);
    free(weights);
}

const ut_tensor *ut_weights_find(const ut_weights *weights, const char *name)
{
    if (weights->count == 0)
        return NULL;
    ut_weights_entry key = {.name = name};
    const ut_weights_entry *entry =
        bsearch(&key, weights->entries, weights->count, sizeof key, by_name);
    return entry ? &entry->tensor : NULL;
}

int64_t ut_weights_size(const ut_weights *weights, const char *name, int dimension)
{
    const ut_tensor *tensor = ut_weights_find(weights, name);
    return tensor && dimension < tensor->rank ? tensor->shape[dimension] : UT_ANY;
}

size_t ut_weights_count(const ut_weights *weights)
{
    return weights->count;
}

const char *ut_weights_name(const ut_weights *weights, size_t index)
{
    return index < weights->count ? weights->entries[index].name : NULL;
}

const char *ut_weights_metadata(const ut_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i].key, key) == 0)
            return weights->metadata[i].value;
    return NULL;
}

const char *ut_weights_path(const ut_weights *weights)
{
    return weights->path;
}

void ut_binder_init(ut_binder *binder, const ut_weights *weights)
{
    memset(binder, 0, sizeof *binder);
    binder->weights = weights;
}

static void problem(ut_binder *binder, const char *text)
{
    size_t used = strlen(binder->message);
    binder->problems++;
    /* When the list is full the count alone goes on. */
    if (used + strlen(text) + 3 < sizeof binder->message)
        snprintf(binder->message + used, sizeof binder->message - used, "%s%s", used ? ", " : "",
                 text);
}

static void shape_text(char *out, size_t size, const int64_t *shape, int rank)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used +=
            (size_t)(shape[i] == UT_ANY ? snprintf(out + used, size - used, i ? " x any" : "any")
                                        : snprintf(out + used, size - used, i ? " x %lld" : "%lld",
                                                   (long long)shape[i]));
    if (used < size)
        snprintf(out + used, size - used, "]");
}

/* `name` with its one %d replaced. */
static void layer_name(char *out, size_t size, const char *name, int layer)
{
    const char *mark = strstr(name, "%d");
    if (mark)
        snprintf(out, size, "%.*s%d%s", (int)(mark - name), name, layer, mark + 2);
    else
        snprintf(out, size, "%s", name);
}

static bool is_float(const ut_tensor *tensor)
{
    return tensor->dtype == UT_F32 || tensor->dtype == UT_F16 || tensor->dtype == UT_BF16 ||
           ((tensor->dtype == UT_I8 || tensor->dtype == UT_I16) && tensor->scale);
}

void ut_bind(ut_binder *binder, void *object, const ut_binding *table, size_t count, int layer)
{
    for (size_t b = 0; b < count; b++) {
        const ut_binding *binding = &table[b];
        char name[256], text[512];
        layer_name(name, sizeof name, binding->name, layer);
        ut_tensor *member = (ut_tensor *)(void *)((char *)object + binding->member);
        memset(member, 0, sizeof *member);
        const ut_tensor *tensor = ut_weights_find(binder->weights, name);
        if (!tensor) {
            snprintf(text, sizeof text, "%s is missing", name);
            problem(binder, text);
            continue;
        }
        if (!binding->raw && !is_float(tensor)) {
            snprintf(text, sizeof text, "%s holds %s instead of floats", name,
                     ut_dtype_name(tensor->dtype));
            problem(binder, text);
            continue;
        }
        bool fits = tensor->rank == binding->rank;
        for (int i = 0; fits && i < tensor->rank; i++)
            fits = binding->shape[i] == UT_ANY || binding->shape[i] == tensor->shape[i];
        if (fits) {
            *member = *tensor;
            continue;
        }
        char found[80], wanted[80];
        shape_text(found, sizeof found, tensor->shape, tensor->rank);
        shape_text(wanted, sizeof wanted, binding->shape, binding->rank);
        snprintf(text, sizeof text, "%s is %s instead of %s", name, found, wanted);
        problem(binder, text);
    }
}

ut_status ut_binder_finish(const ut_binder *binder, ut_error *err)
{
    if (binder->problems == 0)
        return UT_OK;
    return ut_fail(err, UT_ERR_FORMAT, WHERE,
                   "%s does not hold this network (%d tensors do not fit: %.600s); fetch it again "
                   "or name another model",
                   binder->weights->path, binder->problems, binder->message);
}

ut_status ut_weights_open_bound(const char *path, void *object, const ut_binding *table,
                                size_t count, ut_weights **weights, ut_error *err)
{
    UT_TRY(ut_weights_open(path, weights, err));
    ut_binder binder;
    ut_binder_init(&binder, *weights);
    ut_bind(&binder, object, table, count, 0);
    ut_status status = ut_binder_finish(&binder, err);
    if (status != UT_OK) {
        ut_weights_close(*weights);
        *weights = NULL;
    }
    return status;
}
