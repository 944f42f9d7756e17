#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "hub/internal.h"

enum { VERSION = 1, MOST = 1000 };

typedef struct reading {
    ut_hub *hub;
    const char *manifest;
    ut_error *err;
} reading;

static ut_status malformed(reading *r, const char *model, const char *what)
{
    return ut_fail(r->err, UT_ERR_CONFIG, "hub", "%s: model %s: %s; restore the file", r->manifest,
                   model ? model : "?", what);
}

static const char *text_of(reading *r, const json_t *object, const char *key)
{
    return ut_arena_strdup(r->hub->arena, ut_json_string_or(object, key, NULL));
}

/* A relative path that stays where it is put. */
static bool is_safe_path(const char *path)
{
    if (!path || !*path || *path == '/')
        return false;
    for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/') {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n <= 2 && strncmp(p, "..", n) == 0))
            return false;
    }
    return true;
}

static bool is_hex(const char *text, size_t length)
{
    if (!text || strlen(text) != length)
        return false;
    for (; *text; text++)
        if (!isxdigit((unsigned char)*text) || isupper((unsigned char)*text))
            return false;
    return true;
}

/* "org/name" of letters, digits, '-', '_' and '.': it becomes a folder's name and part of an
 * address. */
static bool is_repository(const char *text)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
        return false;
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./") ==
               strlen(text) &&
           is_safe_path(text);
}

static ut_status read_parts(reading *r, const json_t *list, const char *model, ut_hub_file *file)
{
    size_t count = json_array_size(list);
    if (count > MOST)
        return malformed(r, model, "too many parts");
    file->parts = UT_ARENA_NEW(r->hub->arena, ut_hub_part, count + 1);
    if (!file->parts)
        return ut_fail_memory(r->err, "hub");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        ut_hub_part *part = &file->parts[i];
        part->package = text_of(r, item, "package");
        part->member = text_of(r, item, "member");
        if (!part->package || !part->member || *part->package == '-' ||
            !strstr(part->package, "=="))
            return malformed(r, model, "a part needs a package (name==version) and a member");
    }
    file->part_count = count;
    return UT_OK;
}

static ut_status read_model(reading *r, const json_t *item, ut_hub_model *model)
{
    model->name = text_of(r, item, "name");
    model->alias = text_of(r, item, "alias");
    model->job = text_of(r, item, "job");
    model->repository = text_of(r, item, "repository");
    model->revision = text_of(r, item, "revision");
    model->license = text_of(r, item, "license");
    model->about = text_of(r, item, "about");
    model->on_hub = ut_json_bool_or(item, "on_hub", true);
    model->gated = ut_json_bool_or(item, "gated", false);
    const json_t *files = json_object_get(item, "files");
    size_t count = json_array_size(files);
    if (!model->name || !model->job || !model->revision || !model->license || !model->about)
        return malformed(r, model->name, "name, job, revision, license and about must be texts");
    if (!is_repository(model->repository) || !is_safe_path(model->revision))
        return malformed(r, model->name,
                         "repository must be org/name and revision a branch or commit");
    if (count == 0 || count > MOST)
        return malformed(r, model->name, "files must be a list");
    model->files = UT_ARENA_NEW(r->hub->arena, ut_hub_file, count);
    if (!model->files)
        return ut_fail_memory(r->err, "hub");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(files, i);
        ut_hub_file *file = &model->files[i];
        double bytes = ut_json_number_or(entry, "bytes", -1);
        file->path = text_of(r, entry, "path");
        file->sha256 = text_of(r, entry, "sha256");
        if (!is_safe_path(file->path) || !is_hex(file->sha256, 64) || !(bytes >= 0) ||
            bytes > (double)UT_LIMIT_WEIGHTS_BYTES)
            return malformed(r, model->name, "a file needs a relative path, bytes and a sha256");
        file->bytes = (uint64_t)bytes;
        UT_TRY(read_parts(r, json_object_get(entry, "parts"), model->name, file));
    }
    model->file_count = count;
    return UT_OK;
}

static ut_status read_sets(reading *r, json_t *sets)
{
    ut_hub *hub = r->hub;
    const char *name;
    json_t *list;
    hub->sets = UT_ARENA_NEW(hub->arena, ut_hub_set, json_object_size(sets) + 1);
    if (!hub->sets)
        return ut_fail_memory(r->err, "hub");
    json_object_foreach(sets, name, list)
    {
        ut_hub_set *set = &hub->sets[hub->set_count];
        set->name = ut_arena_strdup(hub->arena, name);
        set->models = UT_ARENA_NEW(hub->arena, const char *, json_array_size(list) + 1);
        if (!set->name || !set->models)
            return ut_fail_memory(r->err, "hub");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *member = json_string_value(json_array_get(list, i));
            const ut_hub_model *model = member ? ut_hub_lookup(hub, member) : NULL;
            if (!model)
                return malformed(r, member, "is in a set but not in the list");
            set->models[set->count++] = model->name;
        }
        hub->set_count++;
    }
    return UT_OK;
}

static ut_status read_bundled(reading *r, const json_t *list)
{
    ut_hub *hub = r->hub;
    size_t count = json_array_size(list);
    size_t folder = (size_t)(ut_path_base(r->manifest) - r->manifest);
    if (count > MOST)
        return malformed(r, "bundled", "too many of them");
    hub->bundled = UT_ARENA_NEW(hub->arena, ut_hub_bundled, count + 1);
    if (!hub->bundled)
        return ut_fail_memory(r->err, "hub");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        ut_hub_bundled *b = &hub->bundled[i];
        const char *file = ut_json_string_or(item, "file", NULL);
        char path[5000];
        b->name = text_of(r, item, "name");
        b->job = text_of(r, item, "job");
        b->license = text_of(r, item, "license");
        b->about = text_of(r, item, "about");
        if (!b->name || !b->job || !b->license || !b->about || !is_safe_path(file))
            return malformed(r, b->name, "name, job, license, about and file must be texts");
        snprintf(path, sizeof path, "%.*s%s", (int)folder, r->manifest, file);
        if (!(b->file = ut_arena_strdup(hub->arena, path)))
            return ut_fail_memory(r->err, "hub");
        hub->bundled_count = i + 1;
    }
    return UT_OK;
}

static ut_status read_manifest(reading *r, json_t *document)
{
    ut_hub *hub = r->hub;
    const json_t *models = json_object_get(document, "models");
    size_t count = json_array_size(models);
    if (ut_json_number_or(document, "version", 0) != VERSION || count == 0 || count > MOST)
        return ut_fail(r->err, UT_ERR_CONFIG, "hub",
                       "%s is not a manifest of version %d with models; restore the file",
                       r->manifest, VERSION);
    hub->models = UT_ARENA_NEW(hub->arena, ut_hub_model, count);
    if (!hub->models)
        return ut_fail_memory(r->err, "hub");
    for (size_t i = 0; i < count; i++) {
        UT_TRY(read_model(r, json_array_get(models, i), &hub->models[i]));
        hub->count = i + 1;
    }
    UT_TRY(read_bundled(r, json_object_get(document, "bundled")));
    return read_sets(r, json_object_get(document, "sets"));
}

/* As huggingface_hub looks for it. */
static char *find_cache(void)
{
    static const struct {
        const char *variable;
        const char *below;
    } places[] = {
        {"HF_HUB_CACHE", ""},
        {"HUGGINGFACE_HUB_CACHE", ""},
        {"HF_HOME", "hub"},
        {"XDG_CACHE_HOME", "huggingface/hub"},
        {"HOME", ".cache/huggingface/hub"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value)
            return *places[i].below ? ut_path_join(value, places[i].below) : strdup(value);
    }
    return strdup(".cache/huggingface/hub");
}

ut_status ut_hub_manifest(char **path, ut_error *err)
{
    static const char *const places[] = {"../models", "../share/undertone/models", "models"};
    const char *folder = getenv("UNDERTONE_MODELS");
    char program[4096];
    if (folder && *folder) {
        *path = ut_path_join(folder, "manifest.json");
        return *path ? UT_OK : ut_fail_memory(err, "hub");
    }
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    size_t length = (size_t)(ut_path_base(program) - program);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char candidate[5000];
        snprintf(candidate, sizeof candidate, "%.*s%s/manifest.json", (int)length, program,
                 places[i]);
        if (ut_file_exists(candidate)) {
            *path = strdup(candidate);
            return *path ? UT_OK : ut_fail_memory(err, "hub");
        }
    }
    return ut_fail(err, UT_ERR_NOT_FOUND, "hub",
                   "the list of models (manifest.json) is not beside the program; say where with "
                   "UNDERTONE_MODELS");
}

ut_status ut_hub_open(const char *manifest, ut_hub **out, ut_error *err)
{
    json_t *document = NULL;
    *out = NULL;
    UT_TRY(ut_json_load(manifest, UT_LIMIT_CONFIG_BYTES, &document, err));
    ut_hub *hub = calloc(1, sizeof *hub);
    reading r = {hub, manifest, err};
    ut_status status;
    if (!hub || !(hub->arena = ut_arena_create(0)) || !(hub->cache = find_cache()))
        status = ut_fail_memory(err, "hub");
    else
        status = read_manifest(&r, document);
    json_decref(document);
    if (status != UT_OK) {
        ut_hub_close(hub);
        return status;
    }
    *out = hub;
    return UT_OK;
}

void ut_hub_close(ut_hub *hub)
{
    if (!hub)
        return;
    ut_arena_destroy(hub->arena);
    free(hub->cache);
    free(hub);
}

const char *ut_hub_cache(const ut_hub *hub)
{
    return hub->cache;
}

const ut_hub_bundled *ut_hub_bundled_at(const ut_hub *hub, size_t index)
{
    return index < hub->bundled_count ? &hub->bundled[index] : NULL;
}

size_t ut_hub_count(const ut_hub *hub)
{
    return hub->count;
}

const ut_hub_model *ut_hub_at(const ut_hub *hub, size_t index)
{
    return index < hub->count ? &hub->models[index] : NULL;
}

const ut_hub_model *ut_hub_lookup(const ut_hub *hub, const char *name)
{
    for (size_t i = 0; i < hub->count; i++) {
        const ut_hub_model *model = &hub->models[i];
        if (strcmp(model->name, name) == 0 || (model->alias && strcmp(model->alias, name) == 0) ||
            strcasecmp(model->repository, name) == 0)
            return model;
    }
    return NULL;
}

uint64_t ut_hub_size(const ut_hub_model *model)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < model->file_count; i++)
        bytes += model->files[i].bytes;
    return bytes;
}

ut_status ut_hub_expand(const ut_hub *hub, const char *name, const ut_hub_model **models,
                        size_t room, size_t *count, ut_error *err)
{
    *count = 0;
    for (size_t i = 0; i < hub->set_count; i++) {
        const ut_hub_set *set = &hub->sets[i];
        if (strcmp(set->name, name) != 0)
            continue;
        for (size_t k = 0; k < set->count && *count < room; k++)
            models[(*count)++] = ut_hub_lookup(hub, set->models[k]);
        return UT_OK;
    }
    const ut_hub_model *model = ut_hub_lookup(hub, name);
    if (!model || room == 0)
        return ut_fail(err, UT_ERR_NOT_FOUND, "hub",
                       "there is no model or set called %s; `undertone models list` shows them",
                       name);
    models[(*count)++] = model;
    return UT_OK;
}
