/* The way of one file through the steps of a run.
 *
 * Going forward only hashes are needed: the key of a step follows from the hash of what the step
 * before it made, so a file that was done before costs a few look-ups. A document is read or made
 * only when a step, or a result that is not there, needs it. A document always takes the way over
 * its JSON text, so that it does not matter which of its steps were done today. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "pipeline/artifacts.h"
#include "pipeline/records_internal.h"
#include "pipeline/results.h"
#include "pipeline/run_internal.h"

enum { STAGE_LIMIT = UT_STAGE_REPORT, RECORDS_MOST = 2 * UT_STAGES };

typedef struct job {
    ut_running *run;
    const ut_input *input;
    char *id;                             /* of the conversation */
    char *recording;                      /* its path, NULL unknown */
    char recording_sha256[UT_SHA256_HEX]; /* of runs over recordings */
    char before[UT_SHA256_HEX];           /* the document that the first step takes, if any */
    char made[STAGE_LIMIT][UT_SHA256_HEX];
    ut_conversation *c; /* what `stage` made; -1: what the first step takes */
    int stage;
    bool worked;
    /* Cached steps, recorded together when the file is done. */
    ut_step_record cached[RECORDS_MOST];
    char keys[RECORDS_MOST][UT_SHA256_HEX];
    size_t cached_count;
} job;

static void on_progress(void *context, const char *stage, double done)
{
    const job *j = context;
    const ut_run_observer *o = j->run->observer;
    if (o->progress)
        o->progress(o->context, j->input, stage, done);
}

static bool over_recordings(const ut_running *run)
{
    return run->kind == UT_RUN_TRANSCRIBE || run->kind == UT_RUN_ALL;
}

static void drop(job *j)
{
    ut_conversation_destroy(j->c);
    j->c = NULL;
}

static ut_status parse(job *j, const char *text, size_t length, int stage, ut_error *err)
{
    drop(j);
    j->stage = stage;
    return ut_conversation_parse(text, length, j->input->file, &j->c, err);
}

/* The document's text, to be freed with ut_buf_free() whatever comes. */
static ut_status text_of(const job *j, ut_buf *text, ut_error *err)
{
    ut_buf_init(text, UT_LIMIT_JSON_BYTES);
    return ut_conversation_write(j->c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, text}, err);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* What a step reads. The name of a recording stands in its document; what the document holds of its
 * recording is told by the hash in it. */
static void inputs_of(const job *j, int stage, ut_step_input inputs[3])
{
    memset(inputs, 0, 3 * sizeof *inputs);
    if (stage == UT_STAGE_TRANSCRIBE)
        inputs[0] = (ut_step_input){"recording", j->recording_sha256};
    else if (stage == (int)j->run->first)
        inputs[0] = (ut_step_input){"document", j->before};
    else
        inputs[0] = (ut_step_input){"document", j->made[stage - 1]};
}

static void key_of(const job *j, int stage, char key[UT_SHA256_HEX])
{
    ut_step_input inputs[3];
    ut_step_input all[5];
    inputs_of(j, stage, inputs);
    memcpy(all, inputs, sizeof inputs);
    bool named = stage == UT_STAGE_TRANSCRIBE;
    all[3] = (ut_step_input){named ? "id" : NULL, j->input->id};
    all[4] = (ut_step_input){named ? "file" : NULL, j->input->file};
    ut_cache_key(&j->run->plan, (ut_stage)stage, all, 5, key);
}

/* --- records ---------------------------------------------------------------------------------- */

static ut_step_record describe(const job *j, int stage, const char *status, const char *key)
{
    ut_step_record r = {.conversation = j->id,
                        .step = ut_stage_name((ut_stage)stage),
                        .status = status,
                        .key = key,
                        .kind = stage == UT_STAGE_REPORT ? "results" : "document",
                        .began = ut_records_now()};
    if (stage == UT_STAGE_REPORT)
        r.inputs[0] = (ut_step_input){"document", j->made[j->run->last]};
    else
        inputs_of(j, stage, r.inputs);
    return r;
}

static void note_cached(job *j, int stage, const char *key, const char *output)
{
    if (j->cached_count == RECORDS_MOST)
        return;
    memcpy(j->keys[j->cached_count], key, UT_SHA256_HEX);
    ut_step_record *r = &j->cached[j->cached_count];
    *r = describe(j, stage, "cached", j->keys[j->cached_count++]);
    r->output = output;
}

static void record_failure(const job *j, int stage, const char *key, double began,
                           const ut_error *failure)
{
    if (failure->status == UT_ERR_CANCELLED)
        return;
    ut_step_record r = describe(j, stage, "failed", key);
    r.seconds = r.began - began;
    r.began = began;
    r.error = failure->message;
    if (ut_records_add_steps(j->run->records, &r, 1, NULL) != UT_OK)
        ut_log(UT_LOG_WARNING, "%s: the failure could not be recorded", j->input->file);
}

/* Keeps what a step made: first the artifact, then the record that names it. */
static ut_status keep(job *j, int stage, const char *key, double began, const char *text,
                      size_t length, char sha256[UT_SHA256_HEX], ut_error *err)
{
    UT_TRY(ut_artifact_put(ut_records_artifacts(j->run->records), text, length, sha256, err));
    ut_step_record r = describe(j, stage, "completed", key);
    r.seconds = r.began - began;
    r.began = began;
    r.output = sha256;
    r.bytes = length;
    j->worked = true;
    return ut_records_add_steps(j->run->records, &r, 1, err);
}

/* --- making ----------------------------------------------------------------------------------- */

static ut_status need(job *j, int stage, ut_error *err);

static ut_status transcribe(job *j, const ut_step *step, ut_error *err)
{
    UT_TRY(ut_step_transcribe(step, j->input, &j->c, err));
    if (strcmp(j->c->source.sha256, j->recording_sha256) == 0)
        return UT_OK;
    drop(j);
    return ut_fail(err, UT_ERR_IO, "run", "%s was changed while it was read; run again",
                   j->input->path);
}

static ut_status step_once(job *j, int stage, ut_error *err)
{
    ut_step step = {.progress = on_progress, .context = j, .cancelled = j->run->cancelled};
    UT_TRY(ut_step_check(&step, err));
    UT_TRY(need(j, stage - 1, err));
    UT_TRY(ut_run_engine(j->run, (ut_stage)stage, &step.engine, err));
    if (stage == UT_STAGE_TRANSCRIBE)
        return transcribe(j, &step, err);
    if (stage == UT_STAGE_ANALYZE)
        return ut_step_analyze(&step, j->c, err);
    if (!j->recording)
        UT_TRY(ut_results_recording(j->c, j->input->path, j->run->settings->audio_dir,
                                    &j->recording, err));
    return ut_step_extract(&step, j->recording, j->c, err);
}

static bool may_pass(ut_status status)
{
    return status == UT_ERR_IO || status == UT_ERR_NETWORK;
}

typedef struct attempt {
    int stage;
    const char *key;
    double began;
    ut_results *results; /* of the report */
    const char *audio;   /* that it embeds, or NULL */
} attempt;

/* Tries again what may have been a passing trouble, after 0.5, 1, 2 ... s. */
static ut_status with_retries(job *j, ut_status (*once)(job *, const attempt *, ut_error *),
                              const attempt *a, ut_error *err)
{
    ut_status status = once(j, a, err);
    for (int i = 0; i < j->run->settings->retries && may_pass(status); i++) {
        ut_log(UT_LOG_WARNING, "%s: %s; trying again", j->input->file, err->message);
        nanosleep(&(struct timespec){(1 << i) / 2, i ? 0 : 500000000}, NULL);
        drop(j); /* half changed */
        status = once(j, a, err);
    }
    if (status != UT_OK)
        record_failure(j, a->stage, a->key, a->began, err);
    return status;
}

static ut_status make_document(job *j, const attempt *a, ut_error *err)
{
    ut_buf text = {0};
    ut_status status = step_once(j, a->stage, err);
    if (status == UT_OK)
        status = text_of(j, &text, err);
    if (status == UT_OK)
        status =
            keep(j, a->stage, a->key, a->began, text.data, text.length, j->made[a->stage], err);
    if (status == UT_OK)
        status = parse(j, text.data, text.length, a->stage, err);
    ut_buf_free(&text);
    return status;
}

static ut_status compute(job *j, int stage, ut_error *err)
{
    char key[UT_SHA256_HEX];
    key_of(j, stage, key);
    const attempt a = {.stage = stage, .key = key, .began = ut_records_now()};
    return with_retries(j, make_document, &a, err);
}

/* Makes j->c what `stage` made: it is that already, or the artifact is read, or, if that is gone or
 * damaged, made again. -1: what the first step takes. */
static ut_status need(job *j, int stage, ut_error *err)
{
    char *text;
    size_t length;
    bool is_first = stage < (int)j->run->first;
    if (j->c && j->stage == (is_first ? -1 : stage))
        return UT_OK;
    if (is_first) {
        drop(j);
        j->stage = -1;
        return over_recordings(j->run) ? UT_OK : ut_results_read(j->input->path, &j->c, err);
    }
    ut_error trouble;
    ut_status status = ut_artifact_get(ut_records_artifacts(j->run->records), j->made[stage], &text,
                                       &length, &trouble);
    if (status == UT_OK) {
        status = parse(j, text, length, stage, err);
        free(text);
        return status;
    }
    if (status == UT_ERR_MEMORY)
        return ut_fail_memory(err, "run");
    ut_log(UT_LOG_WARNING, "%s: %s; doing %s again", j->input->file, trouble.message,
           ut_stage_name((ut_stage)stage));
    return compute(j, stage, err);
}

/* One step forward, by the cache if it knows the way. */
static ut_status advance(job *j, int stage, ut_error *err)
{
    char key[UT_SHA256_HEX];
    key_of(j, stage, key);
    if (stage < j->run->reuse_before) {
        ut_status status = ut_records_cached(j->run->records, key, j->made[stage], err);
        if (status == UT_OK)
            note_cached(j, stage, key, j->made[stage]);
        if (status != UT_ERR_NOT_FOUND)
            return status;
    }
    if (stage < j->run->compute_from)
        return ut_fail(err, UT_ERR_NOT_FOUND, "run",
                       "%s has not been through `%s` with these settings, which --only %s needs; "
                       "run without --only",
                       j->input->file, ut_stage_name((ut_stage)stage),
                       ut_stage_name((ut_stage)j->run->compute_from));
    return compute(j, stage, err);
}

/* --- results ---------------------------------------------------------------------------------- */

/* True if every file of {"name": "sha-256"} is in the result's folder as it was written. */
static bool is_intact(const job *j, const ut_results *r, const json_t *files)
{
    char *folder = ut_results_path(r, "");
    bool intact = folder && ut_records_are_files(j->run->records, folder, files);
    free(folder);
    return intact;
}

static ut_status remember_written(const job *j, const ut_results *r, ut_error *err)
{
    char *folder = ut_results_path(r, "");
    ut_status status = folder ? ut_records_note_files(j->run->records, folder, r->written, err)
                              : ut_fail_memory(err, "run");
    free(folder);
    return status;
}

static ut_status write_all(job *j, const attempt *a, ut_error *err)
{
    ut_results *r = a->results;
    UT_TRY(need(j, (int)j->run->last, err));
    ut_buf text;
    ut_status status = text_of(j, &text, err);
    if (status == UT_OK)
        status = ut_results_prepare(r, err);
    if (status == UT_OK)
        status = ut_results_write_document(r, text.data, text.length, err);
    ut_buf_free(&text);
    if (status == UT_OK && j->run->report)
        status = ut_results_write_exports(r, j->c, a->audio, err);
    return status;
}

/* The list of written files, which is the artifact of the report. */
static ut_status known_files(job *j, const char *key, char sha256[UT_SHA256_HEX], json_t **files)
{
    char *text = NULL;
    size_t length;
    *files = NULL;
    if (!j->run->report) {
        *files = json_pack("{s:s}", "conversation.json", j->made[j->run->last]);
        return *files ? UT_OK : UT_ERR_MEMORY;
    }
    ut_status status = ut_records_cached(j->run->records, key, sha256, NULL);
    if (status == UT_OK)
        status =
            ut_artifact_get(ut_records_artifacts(j->run->records), sha256, &text, &length, NULL);
    if (status == UT_OK)
        status = ut_json_parse(text, length, "the list of results", files, NULL);
    free(text);
    return status;
}

/* Keeps the list of what was written, where there is more than the document. */
static ut_status keep_list(job *j, const attempt *a, ut_error *err)
{
    char sha256[UT_SHA256_HEX];
    if (!j->run->report)
        return UT_OK;
    char *text = ut_json_text(a->results->written);
    if (!text)
        return ut_fail_memory(err, "run");
    ut_status status = keep(j, a->stage, a->key, a->began, text, strlen(text), sha256, err);
    free(text);
    return status;
}

static ut_status write_results(job *j, const attempt *a, ut_error *err)
{
    UT_TRY(write_all(j, a, err));
    j->worked = true;
    UT_TRY(remember_written(j, a->results, err));
    return keep_list(j, a, err);
}

/* Writes what is not there yet, or not as it should be. */
static ut_status settle(job *j, ut_error *err)
{
    ut_running *run = j->run;
    char key[UT_SHA256_HEX];
    char listed[UT_SHA256_HEX] = "";
    const char *audio = run->report && !run->settings->no_audio_in_report ? j->recording : NULL;
    ut_results r = {run->settings->output_dir, j->id, json_object()};
    ut_step_input inputs[] = {{"document", j->made[run->last]}, {audio ? "audio" : NULL, ""}};
    json_t *files = NULL;
    ut_cache_key(&run->plan, UT_STAGE_REPORT, inputs, 2, key);
    ut_results_sweep(&r);
    bool done = r.written && run->reuse_before > (int)run->first &&
                known_files(j, key, listed, &files) == UT_OK && is_intact(j, &r, files);
    ut_status status = UT_OK;
    if (!r.written)
        status = ut_fail_memory(err, "run");
    else if (!done)
        status = with_retries(
            j, write_results,
            &(attempt){UT_STAGE_REPORT, key, ut_records_now(), .results = &r, .audio = audio}, err);
    else if (run->report)
        note_cached(j, UT_STAGE_REPORT, key, listed);
    bool moved = false;
    if (status == UT_OK && j->recording)
        status = ut_results_write_source(&r, j->recording, &moved, err);
    j->worked = j->worked || moved;
    if (status == UT_OK && j->cached_count)
        status = ut_records_add_steps(run->records, j->cached, j->cached_count, err);
    json_decref(files);
    json_decref(r.written);
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static ut_status begin(job *j, ut_error *err)
{
    ut_records *records = j->run->records;
    if (!ut_is_utf8(j->input->file))
        return ut_fail(err, UT_ERR_FORMAT, "run",
                       "its name is not UTF-8, so it cannot stand in the results; rename the file");
    if (over_recordings(j->run)) {
        j->recording = strdup(j->input->path);
        j->id = strdup(j->input->id);
        if (!j->recording || !j->id)
            return ut_fail_memory(err, "run");
        UT_TRY(ut_records_hash_file(records, j->input->path, j->recording_sha256, err));
        return ut_records_add_source(records, j->recording_sha256, "recording", j->input->file,
                                     err);
    }
    UT_TRY(ut_records_hash_file(records, j->input->path, j->before, err));
    UT_TRY(need(j, -1, err));
    j->id = strdup(j->c->id);
    if (!j->id)
        return ut_fail_memory(err, "run");
    /* The report can do without the recording. */
    if (j->run->report && !j->run->settings->no_audio_in_report &&
        ut_results_recording(j->c, j->input->path, NULL, &j->recording, NULL) != UT_OK)
        j->recording = NULL;
    return UT_OK;
}

ut_status ut_run_file(ut_running *run, const ut_input *input, ut_conversation **c, bool *unchanged,
                      ut_error *err)
{
    job *j = calloc(1, sizeof *j);
    if (!j)
        return ut_fail_memory(err, "run");
    j->run = run;
    j->input = input;
    j->stage = -1;
    ut_status status = begin(j, err);
    for (int s = run->first; s <= (int)run->last && status == UT_OK; s++)
        status = advance(j, s, err);
    if (status == UT_OK)
        status = settle(j, err);
    *unchanged = !j->worked;
    if (status == UT_OK && (j->worked || run->observer->wants_documents))
        status = need(j, (int)run->last, err);
    if (status == UT_OK && j->stage == (int)run->last) {
        *c = j->c;
        j->c = NULL;
    }
    drop(j);
    free(j->recording);
    free(j->id);
    free(j);
    return status;
}
