/* A recording from a form to an answer: POST /analyze_emotion and POST /jobs. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "serve/history.h"
#include "serve/internal.h"

/* --- from the form -----------------------------------------------------------------------------
 */

bool ut_recording_take(ut_call *call, ut_recording *r)
{
    *r = (ut_recording){.arena = ut_arena_create(0)};
    if (r->arena)
        r->name = ut_arena_strdup(r->arena, ut_form_name(call->form));
    if (!r->name) {
        ut_recording_free(r);
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
        return false;
    }
    r->settings = *call->server->settings;
    r->audio = ut_form_file(call->form);
    snprintf(r->path, sizeof r->path, "/proc/self/fd/%d", fileno(r->audio));
    return true;
}

void ut_recording_free(ut_recording *r)
{
    if (r->audio)
        fclose(r->audio);
    ut_arena_destroy(r->arena);
    r->audio = NULL;
    r->arena = NULL;
}

static const ut_setting_row *find_option(const char *name)
{
    const ut_setting_row *row = ut_settings_find(name, strlen(name));
    return row && row->commands & UT_COMMAND_REQUEST ? row : NULL;
}

/* The context is the largest: every turn as long as it may be, each byte escaped. */
size_t ut_analysis_field(const char *name)
{
    if (strcmp(name, "context") == 0)
        return (size_t)UT_HISTORY_TURNS * (UT_HISTORY_TEXT + UT_HISTORY_NAME) * 6;
    return find_option(name) ? UT_FORM_FIELD : 0;
}

void ut_recording_set(ut_call *call, ut_recording *r, const char *name, const char *value)
{
    ut_error err;
    const ut_setting_row *row = find_option(name);
    if (ut_settings_set(&r->settings, row, value, row->name, r->arena, &err) != UT_OK)
        ut_fault_from(&call->fault, &err);
}

static void take_context(ut_call *call, ut_recording *r, const char *value)
{
    ut_error err;
    ut_status status =
        ut_history_parse(value, strlen(value), r->arena, &r->history, &r->history_count, &err);
    if (status != UT_OK)
        ut_fault_set(&call->fault, status == UT_ERR_MEMORY ? 503 : 400, "bad_context",
                     "context is {\"conversation_history\": [{\"speaker\", \"text\", "
                     "\"emotion\"}, ...]}",
                     "%s", err.message);
}

/* --- the work ----------------------------------------------------------------------------------
 */

typedef struct analysis {
    ut_server *server;
    ut_recording recording;
    bool words_only;
    ut_answer_writer write;
    void *context;
    pthread_mutex_t lock;
    ut_session *session; /* while it runs */
    bool cancelled;
    ut_job *job;
} analysis;

/* How the time is spread over the stages, roughly: most of it is recognition. */
static void on_progress(void *context, const char *stage, double done)
{
    static const struct {
        const char *stage;
        double from, share;
    } stages[] = {{"transcribe", 0, 0.85}, {"extract", 0.85, 0.1}, {"analyze", 0.95, 0.05}};
    const analysis *a = context;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stage, stages[i].stage) == 0)
            ut_job_progress(a->job, stage, stages[i].from + stages[i].share * done);
}

/* Messages name the recording as its sender does. */
static void rename_recording(const ut_recording *r, ut_error *err)
{
    char text[sizeof err->message];
    const char *at = strstr(err->message, r->path);
    if (!at || !err->message[0])
        return;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - err->message), err->message, r->name,
             at + strlen(r->path));
    snprintf(err->message, sizeof err->message, "%s", text);
}

static ut_status prepare(analysis *a, ut_session *session, ut_error *err)
{
    const ut_recording *r = &a->recording;
    ut_options options = r->settings.options;
    options.max_duration = 60.0 * r->settings.max_minutes;
    UT_TRY(ut_session_set_options(session, &options, err));
    UT_TRY(ut_session_set_history(session, r->history, r->history_count, err));
    UT_TRY(ut_session_set_name(session, r->name, err));
    ut_session_set_progress(session, on_progress, a);
    pthread_mutex_lock(&a->lock);
    a->session = session;
    if (a->cancelled)
        ut_session_cancel(session);
    pthread_mutex_unlock(&a->lock);
    return UT_OK;
}

static ut_status run(void *work, ut_job *job, FILE *out, ut_error *err)
{
    analysis *a = work;
    ut_result *result = NULL;
    ut_session *session = ut_session_create(a->server->engine);
    if (!session)
        return ut_fail_memory(err, "serve");
    a->job = job;
    ut_status status = prepare(a, session, err);
    if (status == UT_OK)
        status = a->words_only ? ut_session_transcribe(session, a->recording.path, &result, err)
                               : ut_session_analyze(session, a->recording.path, &result, err);
    if (status == UT_OK)
        status = a->write(a->context, job, result, out, err);
    if (status != UT_OK && ut_fault_is_internal(err))
        ut_log(UT_LOG_ERROR, "an analysis failed: %s", err->message);
    if (status != UT_OK)
        rename_recording(&a->recording, err);
    if (status == UT_OK)
        ut_metrics_audio(a->server->metrics, ut_result_duration(result));
    pthread_mutex_lock(&a->lock);
    a->session = NULL;
    pthread_mutex_unlock(&a->lock);
    ut_result_destroy(result);
    ut_session_destroy(session);
    return status;
}

static void cancel(void *work)
{
    analysis *a = work;
    pthread_mutex_lock(&a->lock);
    a->cancelled = true;
    if (a->session)
        ut_session_cancel(a->session);
    pthread_mutex_unlock(&a->lock);
}

static void destroy(void *work)
{
    analysis *a = work;
    ut_recording_free(&a->recording);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

bool ut_recording_submit(ut_call *call, ut_recording *r, bool kept, bool words_only,
                         ut_answer_writer write, void *context)
{
    ut_error err;
    analysis *a = call->fault.status ? NULL : calloc(1, sizeof *a);
    if (!a) {
        ut_recording_free(r);
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
        return false;
    }
    *a = (analysis){.server = call->server,
                    .recording = *r,
                    .words_only = words_only,
                    .write = write,
                    .context = context};
    pthread_mutex_init(&a->lock, NULL);
    ut_job_work work = {run,          cancel,  destroy,     a,   call->owner,
                        call->caller, r->name, call->place, kept};
    call->place = -1;
    ut_status status = ut_jobs_submit(call->server->jobs, &work, &call->job, &err);
    if (status == UT_ERR_CANCELLED)
        ut_fault_draining(&call->fault);
    else if (status != UT_OK)
        ut_fault_from(&call->fault, &err);
    return status == UT_OK;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static json_t *utterance(const ut_utterance_info *u)
{
    json_t *probabilities = json_object();
    json_t *label_set = json_array();
    for (int i = 0; i < UNDERTONE_EMOTIONS; i++) {
        json_object_set_new(probabilities, ut_label_name(i),
                            ut_json_probability(u->probabilities[i]));
        if (u->label_set & 1u << i)
            json_array_append_new(label_set, json_string(ut_label_name(i)));
    }
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:s}", "speaker", u->speaker, "start",
                     ut_json_seconds(u->start), "end", ut_json_seconds(u->end), "text", u->text,
                     "emotion", u->emotion, "probabilities", probabilities, "label_set", label_set,
                     "explanation", u->explanation ? u->explanation : "");
}

static ut_status write_failed(ut_error *err)
{
    return ut_fail_errno(err, UT_ERR_IO, "serve", "cannot keep a result");
}

/* {"emotions": [...], "conversation": {...}}, an utterance at a time. */
static ut_status write_answer(void *context, ut_job *job, const ut_result *result, FILE *out,
                              ut_error *err)
{
    (void)context;
    const char *document = ut_result_json(result);
    size_t length = strlen(document);
    bool fine = fputs("{\"emotions\": [", out) >= 0;
    for (size_t i = 0; fine && i < ut_result_count(result); i++) {
        ut_utterance_info info = ut_result_utterance(result, i);
        json_t *json = utterance(&info);
        char *text = json ? json_dumps(json, JSON_REAL_PRECISION(9)) : NULL;
        json_decref(json);
        if (!text)
            return ut_fail_memory(err, "serve");
        fine = fprintf(out, "%s\n%s", i ? "," : "", text) > 0;
        free(text);
    }
    fine = fine && fputs("], \"conversation\": ", out) >= 0;
    long at = ftell(out);
    fine = fine && at >= 0 && fwrite(document, 1, length, out) == length && fputs("}\n", out) >= 0;
    if (!fine)
        return write_failed(err);
    ut_job_part(job, (size_t)at, length);
    return UT_OK;
}

bool ut_analysis_submit(ut_call *call, bool kept)
{
    ut_error err;
    ut_recording r;
    const char *name;
    const char *value;
    if (!ut_recording_take(call, &r))
        return false;
    for (size_t i = 0; (name = ut_form_field(call->form, i, &value)); i++)
        if (strcmp(name, "context") == 0)
            take_context(call, &r, value);
        else
            ut_recording_set(call, &r, name, value);
    if (!call->fault.status && ut_settings_finish(&r.settings, &err) != UT_OK)
        ut_fault_from(&call->fault, &err);
    call->type = "application/json";
    return ut_recording_submit(call, &r, kept, false, write_answer, NULL);
}
