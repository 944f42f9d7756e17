#include "pipeline/inputs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "audio/reader.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "pipeline/settings.h"

typedef struct collector {
    ut_arena *arena;
    ut_input *items; /* on the heap until done */
    size_t count, capacity;
    bool (*wanted)(const char *name);
    ut_error *err;
} collector;

static bool is_document(const char *name)
{
    return strcmp(ut_path_base(name), "conversation.json") == 0;
}

static ut_status add(collector *c, const char *path, const char *file)
{
    if (!ut_grow(&c->items, &c->capacity, c->count + 1, sizeof *c->items))
        return ut_fail_memory(c->err, "inputs");
    size_t stem = strlen(file) - strlen(ut_path_ending(file));
    ut_input *item = &c->items[c->count++];
    *item = (ut_input){ut_arena_strdup(c->arena, path), ut_arena_strdup(c->arena, file),
                       ut_arena_strndup(c->arena, file, stem)};
    return item->path && item->file && item->id ? UT_OK : ut_fail_memory(c->err, "inputs");
}

/* A folder that cannot be read may hold what is wanted, and an empty one that is named as what is
 * wanted was meant to be it: both must fail where the person sees it, not be passed over. */
static bool is_lost(const collector *c, const char *path, const char *name)
{
    char plain[4096];
    int length = snprintf(plain, sizeof plain, "%.*s", (int)strlen(name) - 1, name);
    if (name[strlen(name) - 1] != '/' || length < 0 || (size_t)length >= sizeof plain)
        return false;
    return c->wanted(plain) || access(path, R_OK | X_OK) != 0;
}

static ut_status add_folder(collector *c, const char *folder)
{
    ut_file_list list;
    UT_TRY(ut_file_walk(folder, &list, c->err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < list.count && status == UT_OK; i++) {
        char *path = ut_path_join(folder, list.names[i]);
        if (!path)
            status = ut_fail_memory(c->err, "inputs");
        else if (c->wanted(list.names[i]) || is_lost(c, path, list.names[i]))
            status = add(c, path, list.names[i]);
        free(path);
    }
    ut_file_list_free(&list);
    return status;
}

static int by_id(const void *a, const void *b)
{
    const ut_input *x = a;
    const ut_input *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->file, y->file);
}

/* "a.wav" and "a.flac" would both be "a": then each keeps its ending. Two files of the same name
 * from two folders cannot be told apart. */
static ut_status settle_names(collector *c)
{
    if (c->count)
        qsort(c->items, c->count, sizeof *c->items, by_id);
    for (size_t i = 0; i < c->count;) {
        size_t n = 1;
        while (i + n < c->count && strcmp(c->items[i + n].id, c->items[i].id) == 0)
            n++;
        for (size_t k = i; n > 1 && k < i + n; k++) {
            if (k > i && strcmp(c->items[k].file, c->items[k - 1].file) == 0)
                return ut_fail(c->err, UT_ERR_USAGE, "inputs",
                               "%s and %s would give results of the same name; analyse them in two "
                               "runs",
                               c->items[k - 1].path, c->items[k].path);
        }
        for (size_t k = i; n > 1 && k < i + n; k++)
            c->items[k].id = c->items[k].file;
        i += n;
    }
    return UT_OK;
}

static ut_status finish(collector *c, ut_status status, const char *what, const char *first,
                        ut_inputs *inputs)
{
    if (status == UT_OK && c->count == 0)
        status = ut_fail(c->err, UT_ERR_NOT_FOUND, "inputs", "%s holds no %s", first, what);
    if (status == UT_OK) {
        inputs->items = UT_ARENA_NEW(c->arena, ut_input, c->count);
        inputs->count = c->count;
        if (inputs->items)
            memcpy(inputs->items, c->items, c->count * sizeof *c->items);
        else
            status = ut_fail_memory(c->err, "inputs");
    }
    free(c->items);
    return status;
}

ut_status ut_inputs_recordings(ut_arena *arena, const char *const *paths, size_t count,
                               ut_inputs *inputs, ut_error *err)
{
    collector c = {.arena = arena, .wanted = ut_audio_is_name, .err = err};
    ut_status status = UT_OK;
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = ut_file_is_dir(paths[i]) ? add_folder(&c, paths[i])
                                          : add(&c, paths[i], ut_path_base(paths[i]));
    if (status == UT_OK)
        status = settle_names(&c);
    return finish(&c, status, "recordings (WAV, FLAC, MP3, M4A ...)", count ? paths[0] : "nothing",
                  inputs);
}

ut_status ut_inputs_documents(ut_arena *arena, const char *const *paths, size_t count,
                              ut_inputs *inputs, ut_error *err)
{
    collector c = {.arena = arena, .wanted = is_document, .err = err};
    ut_status status = UT_OK;
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = ut_file_is_dir(paths[i]) ? add_folder(&c, paths[i])
                                          : add(&c, paths[i], ut_path_base(paths[i]));
    return finish(&c, status, "conversation.json; run `undertone transcribe` first",
                  count ? paths[0] : "nothing", inputs);
}

void ut_inputs_shard(ut_inputs *inputs, const char *shard)
{
    int index = 1;
    int count = 1;
    size_t kept = 0;
    (void)ut_settings_shard(shard, &index, &count);
    for (size_t i = 0; i < inputs->count; i++) {
        char hex[UT_SHA256_HEX];
        ut_sha256(inputs->items[i].id, strlen(inputs->items[i].id), hex);
        hex[8] = 0;
        if (strtoul(hex, NULL, 16) % (unsigned long)count == (unsigned long)(index - 1))
            inputs->items[kept++] = inputs->items[i];
    }
    inputs->count = kept;
}
