/* Records of runs in <home>/records.db (SQLite, write-ahead log): what ran with which settings,
 * models and inputs, what each step made from what, what the log said; and the cache, which knows
 * the artifact of a step's key.
 *
 * Several programs at once may use one file, any thread may use one ut_records. A run holds a lock
 * on its own byte of <home>/lock as long as it lives, so that a killed one is told from one at
 * work and nothing is pruned under a living one. Times are seconds since 1970. */
#ifndef UT_PIPELINE_RECORDS_H
#define UT_PIPELINE_RECORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/log.h"
#include "undertone_status.h"

typedef struct ut_records ut_records;

/* For runs: makes the home and the file where they are not there. UT_ERR_UNSUPPORTED for a file
 * from a newer program, UT_ERR_FORMAT for a damaged one, UT_ERR_IO where it is locked for 10 s or
 * cannot be written. */
UT_MUST_CHECK ut_status ut_records_open(const char *home, ut_records **records, ut_error *err);
/* For looking: makes nothing, and works in a folder that cannot be written. UT_ERR_NOT_FOUND where
 * no run was recorded. */
UT_MUST_CHECK ut_status ut_records_open_existing(const char *home, ut_records **records,
                                                 ut_error *err);
void ut_records_close(ut_records *records); /* NULL is fine */

/* The folder of the artifacts; belongs to the records. */
const char *ut_records_artifacts(const ut_records *records);
const char *ut_records_home(const ut_records *records);
/* Artifacts lie elsewhere: a stack's store. */
UT_MUST_CHECK ut_status ut_records_set_artifacts(ut_records *records, const char *folder,
                                                 ut_error *err);

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct ut_run_record {
    const char *pipeline; /* "run", "transcribe" ... */
    const char *stack;
    const char *shard;       /* "i/n", or NULL */
    const char *output_dir;  /* absolute */
    const char *parameters;  /* JSON: every setting that differs from its default, and its origin */
    const char *environment; /* JSON */
    const char *models;      /* JSON */
    size_t files;
} ut_run_record;

enum { UT_RUN_ID = 32 };

/* Begins a run, which ends with the program unless ut_records_end_run() was called. */
UT_MUST_CHECK ut_status ut_records_begin_run(ut_records *records, const ut_run_record *run,
                                             char id[UT_RUN_ID], ut_error *err);
/* `status`: "completed", "failed" or "cancelled". */
UT_MUST_CHECK ut_status ut_records_end_run(ut_records *records, const char *status, size_t failed,
                                           ut_error *err);
/* Metrics (JSON) of a run that may have ended. */
UT_MUST_CHECK ut_status ut_records_set_metrics(ut_records *records, const char *id,
                                               const char *metrics, ut_error *err);
/* A line of the run's log; does nothing outside of a run. */
void ut_records_log(ut_records *records, ut_log_level level, const char *line);

typedef struct ut_step_input {
    const char *name; /* "recording", "document" ... */
    const char *sha256;
} ut_step_input;

typedef struct ut_step_record {
    const char *conversation;
    const char *step;
    const char *status; /* "completed", "cached", "failed" */
    const char *error;  /* NULL unless failed */
    const char *key;
    const char *output; /* sha-256 of what it made, NULL if it failed */
    const char *kind;   /* of the output: "document", "results" */
    size_t bytes;       /* of the output */
    double began, seconds;
    ut_step_input inputs[3]; /* as many as have a name */
} ut_step_record;

/* Records steps of one conversation at once; the output of a completed one enters the cache. */
UT_MUST_CHECK ut_status ut_records_add_steps(ut_records *records, const ut_step_record *steps,
                                             size_t count, ut_error *err);

/* A file that came from outside (a recording, ground truth), so that lineage knows its name. */
UT_MUST_CHECK ut_status ut_records_add_source(ut_records *records, const char *sha256,
                                              const char *kind, const char *name, ut_error *err);

/* --- the cache -------------------------------------------------------------------------------- */

/* The output of a key; UT_ERR_NOT_FOUND (without a message) if it is not known. */
UT_MUST_CHECK ut_status ut_records_cached(ut_records *records, const char *key,
                                          char sha256[UT_SHA256_HEX], ut_error *err);

/* The sha-256 of a file, remembered as long as its inode, size and times stay the same. A file that
 * was touched less than 50 ms ago is not remembered: a later change might not show. */
UT_MUST_CHECK ut_status ut_records_hash_file(ut_records *records, const char *path,
                                             char sha256[UT_SHA256_HEX], ut_error *err);
/* Whether {"<name>": "<sha-256>"} below `folder` are there with these contents; not if it is empty.
 */
bool ut_records_are_files(ut_records *records, const char *folder, const json_t *files);
/* Remembers files that we have just written ourselves: {"<name>": "<sha-256>"} below `folder`. */
UT_MUST_CHECK ut_status ut_records_note_files(ut_records *records, const char *folder,
                                              const json_t *files, ut_error *err);

/* --- looking ---------------------------------------------------------------------------------- */

/* Rows as arrays of objects (new references). `id` may be the beginning of one, or "latest"; it
 * must fit exactly one run. */
UT_MUST_CHECK ut_status ut_records_runs(ut_records *records, json_t **runs, ut_error *err);
UT_MUST_CHECK ut_status ut_records_run(ut_records *records, const char *id, json_t **run,
                                       ut_error *err);
UT_MUST_CHECK ut_status ut_records_steps(ut_records *records, const char *id, json_t **steps,
                                         ut_error *err);
UT_MUST_CHECK ut_status ut_records_lines(ut_records *records, const char *id, json_t **lines,
                                         ut_error *err);
UT_MUST_CHECK ut_status ut_records_artifact_list(ut_records *records, json_t **artifacts,
                                                 ut_error *err);
/* By the beginning of its hash, or by name ("conversation/step", the newest of that name). */
UT_MUST_CHECK ut_status ut_records_artifact(ut_records *records, const char *name,
                                            json_t **artifact, ut_error *err);
/* {"artifacts": [...], "steps": [{..., "inputs": [...]}]}: all that the artifact came from, and all
 * that came from it. */
UT_MUST_CHECK ut_status ut_records_lineage(ut_records *records, const char *sha256,
                                           json_t **lineage, ut_error *err);

/* What two runs differ in: [{"kind", "name", "a", "b"}, ...] with texts, "-" for nothing; kinds are
 * run, setting, model, score, step. New references; NULL after a failure. */
UT_MUST_CHECK ut_status ut_records_compare(ut_records *records, const char *a, const char *b,
                                           json_t *runs[2], json_t **differences, ut_error *err);

/* --- keeping house ---------------------------------------------------------------------------- */

/* Forgets a run; its artifacts stay until they are pruned. */
UT_MUST_CHECK ut_status ut_records_delete_run(ut_records *records, const char *id, ut_error *err);

typedef struct ut_pruned {
    size_t artifacts;
    uint64_t bytes;
} ut_pruned;
/* Removes artifacts that no run names. UT_ERR_IO while a run is at work. */
UT_MUST_CHECK ut_status ut_records_prune(ut_records *records, bool dry, ut_pruned *pruned,
                                         ut_error *err);

/* Takes over the runs, the cache and the artifacts (of its stack in use) of another home; runs
 * that are here already stay as they are. */
UT_MUST_CHECK ut_status ut_records_merge(ut_records *records, const char *home, size_t *runs,
                                         ut_error *err);

#endif
