/* What is asked about jobs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "pipeline/knowledge.h"
#include "report/exports.h"
#include "report/html.h"
#include "serve/internal.h"

ut_job *ut_call_job(ut_call *call)
{
    ut_job *job = ut_jobs_find(call->server->jobs, call->part, call->owner);
    if (!job)
        ut_fault_set(&call->fault, 404, "not_found", "results are kept for a set time only",
                     "there is no such job");
    return job;
}

static json_t *time_or_null(double seconds)
{
    return seconds > 0 ? json_real(seconds) : json_null();
}

static json_t *fault_of(const ut_job_view *v)
{
    ut_fault fault = {0};
    if (v->state != UT_JOB_FAILED)
        return json_null();
    ut_fault_from(&fault, &v->error);
    return ut_fault_json(&fault);
}

static json_t *job_json(const ut_call *call, const ut_job_view *v)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:s, s:o, s:b}", "id", v->id,
                     "status", ut_job_state_name(v->state), "position",
                     v->position ? json_integer(v->position) : json_null(), "stage",
                     v->stage[0] ? json_string(v->stage) : json_null(), "progress", v->progress,
                     "created", v->created, "started", time_or_null(v->started), "ended",
                     time_or_null(v->ended), "expires", time_or_null(v->expires), "file", v->file,
                     "error", fault_of(v), "labels", call->server->settings->store != NULL);
}

void ut_answer_job(ut_call *call)
{
    ut_job_view view;
    ut_job *job = ut_call_job(call);
    if (!job)
        return;
    ut_job_look(job, &view);
    ut_job_release(job);
    ut_respond_json(call, MHD_HTTP_OK, job_json(call, &view));
}

void ut_answer_job_made(ut_call *call)
{
    ut_job_view view;
    char place[UT_JOB_ID + 8];
    if (!ut_analysis_submit(call, true))
        return;
    ut_job_look(call->job, &view);
    ut_job_release(call->job);
    call->job = NULL;
    ut_respond_json(call, MHD_HTTP_ACCEPTED, job_json(call, &view));
    snprintf(place, sizeof place, "/jobs/%s", view.id);
    ut_respond_header(call, MHD_HTTP_HEADER_LOCATION, place);
}

void ut_answer_job_gone(ut_call *call)
{
    ut_job *job = ut_call_job(call);
    if (!job)
        return;
    ut_job_forget(job);
    ut_job_release(job);
    ut_respond_empty(call, MHD_HTTP_NO_CONTENT);
}

/* --- results -----------------------------------------------------------------------------------
 */

/* The answer of a job that is over; false with call->fault. */
static bool open_result(ut_call *call, ut_job *job, ut_job_view *view, int *fd, uint64_t *length)
{
    *fd = ut_job_result(job, view, length);
    if (view->state == UT_JOB_FAILED)
        ut_fault_from(&call->fault, &view->error);
    else if (view->state == UT_JOB_CANCELLED)
        ut_fault_set(&call->fault, 409, "cancelled", "send it again if it is still wanted",
                     "the job was cancelled");
    else if (*fd < 0 && view->state == UT_JOB_DONE)
        ut_fault_set(&call->fault, 500, "internal", "the service's own log says more",
                     "the result cannot be read");
    else if (*fd < 0)
        ut_fault_set(&call->fault, 409, "not_finished", "see /jobs/{id}/events", "the job is %s",
                     ut_job_state_name(view->state));
    return *fd >= 0;
}

static void respond_result(ut_call *call, ut_job *job)
{
    ut_job_view view;
    int fd;
    uint64_t length;
    if (open_result(call, job, &view, &fd, &length))
        ut_respond_file(call, fd, 0, length, call->type ? call->type : "application/json");
}

void ut_answer_job_result(ut_call *call)
{
    ut_job *job = ut_call_job(call);
    if (job)
        respond_result(call, job);
    ut_job_release(job);
}

/* Asked again when the job is over: the first time makes it. */
void ut_answer_analysis(ut_call *call)
{
    if (call->job)
        respond_result(call, call->job);
    else if (call->route->flags & UT_ROUTE_OPENAI)
        (void)ut_openai_submit(call);
    else
        (void)ut_analysis_submit(call, false);
}

/* The document within the answer. */
static ut_conversation *read_document(ut_call *call, ut_job *job)
{
    ut_error err;
    ut_job_view view;
    int fd;
    uint64_t length;
    ut_conversation *c = NULL;
    if (!open_result(call, job, &view, &fd, &length))
        return NULL;
    char *text = malloc(view.part_length + 1);
    ut_status status = UT_OK;
    if (!text)
        status = ut_fail_memory(&err, "serve");
    else if (pread(fd, text, view.part_length, (off_t)view.part_from) != (ssize_t)view.part_length)
        status = ut_fail(&err, UT_ERR_IO, "serve", "the result cannot be read");
    close(fd);
    if (status == UT_OK) {
        text[view.part_length] = 0;
        status = ut_conversation_parse(text, view.part_length, view.id, &c, &err);
    }
    free(text);
    if (status == UT_OK)
        return c;
    ut_fault_internal(&call->fault, &err);
    return NULL;
}

/* --- exports -----------------------------------------------------------------------------------
 */

static const struct {
    const char *ending, *type;
} types[] = {
    {"srt", "application/x-subrip"},    {"vtt", "text/vtt; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"}, {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"eaf", "application/xml"},         {"html", "text/html; charset=utf-8"},
    {"json", "application/json"}};

static const char *type_of(const char *ending)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcasecmp(types[i].ending, ending) == 0)
            return types[i].type;
    return "text/plain; charset=utf-8";
}

/* By what stands behind the first point of its name: "srt", "TextGrid", "audacity". */
static const ut_export *find_export(const char *format)
{
    for (size_t i = 0; i < UT_EXPORT_COUNT; i++) {
        const char *ending = strchr(ut_exports[i].name, '.') + 1;
        size_t n = strcspn(ending, ".");
        if (strlen(format) == n && strncasecmp(ending, format, n) == 0)
            return &ut_exports[i];
    }
    return NULL;
}

static void export_as(ut_call *call, const ut_conversation *c, const char *format)
{
    ut_error err;
    char disposition[96];
    const ut_export *e = find_export(format);
    bool html = strcmp(format, "html") == 0;
    if (!e && !html && strcmp(format, "json") != 0) {
        ut_fault_set(&call->fault, 400, "bad_option", "see the formats in /openapi.json",
                     "there is no format %.40s", format);
        return;
    }
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_sink sink = {ut_buf_put, &out};
    ut_status status = e      ? e->write(c, &out)
                       : html ? ut_report_html(c, NULL, sink, &err)
                              : ut_conversation_write(c, UT_DOCUMENT_WHOLE, sink, &err);
    if (status != UT_OK) {
        ut_buf_free(&out);
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
        return;
    }
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"",
             e      ? e->name
             : html ? "report.html"
                    : "conversation.json");
    ut_respond_buf(call, &out, type_of(format));
    ut_respond_header(call, MHD_HTTP_HEADER_CONTENT_DISPOSITION, disposition);
}

void ut_answer_job_export(ut_call *call)
{
    const char *format = ut_call_query(call, "format");
    ut_job *job = format ? ut_call_job(call) : NULL;
    ut_conversation *c = job ? read_document(call, job) : NULL;
    if (c)
        export_as(call, c, format);
    ut_conversation_destroy(c);
    ut_job_release(job);
}

/* --- labels ------------------------------------------------------------------------------------
 */

static bool read_label(ut_call *call, const json_t *item, const ut_conversation *c, int *labels)
{
    const json_t *index = json_object_get(item, "utterance");
    const char *name = json_string_value(json_object_get(item, "emotion"));
    json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;
    int label = name ? ut_emotion_from_name(name) : -1;
    if (at < 0 || (size_t)at >= c->utterance_count || label < 0) {
        ut_fault_set(&call->fault, 400, "bad_json",
                     "emotion is sad, happy, angry, neutral or non-neutral",
                     "a label is {\"utterance\": 0 to %zu, \"emotion\": \"...\"}",
                     c->utterance_count ? c->utterance_count - 1 : 0);
        return false;
    }
    labels[at] = label;
    return true;
}

static bool read_labels(ut_call *call, const ut_conversation *c, int *labels)
{
    ut_error err;
    json_t *json;
    if (ut_json_parse(ut_buf_text(&call->body), call->body.length, "the body", &json, &err) !=
        UT_OK) {
        ut_fault_set(&call->fault, 400, "bad_json", "send JSON", "%s", err.message);
        return false;
    }
    const json_t *list = json_object_get(json, "labels");
    bool fine = json_array_size(list) > 0;
    if (!fine)
        ut_fault_set(&call->fault, 400, "bad_json",
                     "send {\"labels\": [{\"utterance\": 0, \"emotion\": \"angry\"}]}",
                     "there is no list \"labels\" in the body, or nothing in it");
    for (size_t i = 0; i < c->utterance_count; i++)
        labels[i] = -1;
    for (size_t i = 0; fine && i < json_array_size(list); i++)
        fine = read_label(call, json_array_get(list, i), c, labels);
    json_decref(json);
    return fine;
}

static void put_labels(ut_call *call, ut_job *job, const ut_conversation *c)
{
    ut_error err;
    size_t labelled;
    int *labels = calloc(c->utterance_count + 1, sizeof *labels);
    if (!labels)
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
    else if (read_labels(call, c, labels)) {
        if (ut_knowledge_correct(call->server->engine, c, labels, call->server->keys != NULL,
                                 &labelled, &err) == UT_OK &&
            ut_job_correct(job, labels, c->utterance_count, &err) == UT_OK)
            ut_respond_json(call, MHD_HTTP_OK,
                            json_pack("{s:I}", "labelled", (json_int_t)labelled));
        else
            ut_fault_internal(&call->fault, &err);
    }
    free(labels);
}

void ut_check_job_labels(ut_call *call)
{
    if (!call->server->settings->store)
        ut_fault_set(&call->fault, 409, "no_knowledge_base", "start the service with --store",
                     "there is no knowledge base to correct");
    else
        ut_job_release(ut_call_job(call));
}

void ut_answer_job_labels(ut_call *call)
{
    ut_job *job = ut_call_job(call);
    ut_conversation *c = job ? read_document(call, job) : NULL;
    if (c)
        put_labels(call, job, c);
    ut_conversation_destroy(c);
    ut_job_release(job);
}

/* What was said of it so far: a page that is loaded anew shows it. */
void ut_answer_job_corrected(ut_call *call)
{
    ut_job *job = ut_call_job(call);
    if (!job)
        return;
    size_t count = ut_job_corrected(job, NULL, 0);
    int *labels = calloc(count + 1, sizeof *labels);
    if (labels)
        ut_job_corrected(job, labels, count);
    json_t *list = labels ? json_array() : NULL;
    for (size_t i = 0; list && i < count; i++)
        if (labels[i] >= 0)
            json_array_append_new(list,
                                  json_pack("{s:I, s:s}", "utterance", (json_int_t)i, "emotion",
                                            ut_emotion_name((ut_emotion_label)labels[i])));
    ut_respond_json(call, MHD_HTTP_OK, json_pack("{s:o}", "labels", list));
    free(labels);
    ut_job_release(job);
}

/* --- events ------------------------------------------------------------------------------------
 */

typedef struct stream {
    ut_call *call; /* outlives the stream */
    ut_job *job;
    uint64_t told; /* version; the first message is always due */
    bool began, final;
    char text[4096]; /* what is to be sent */
    size_t length, sent;
} stream;

static void fill(stream *s)
{
    ut_job_view view;
    ut_job_look(s->job, &view);
    s->length = s->sent = 0;
    if (s->began && view.version == s->told) {
        s->length = (size_t)snprintf(s->text, sizeof s->text, ": still there\n\n");
        return;
    }
    json_t *json = job_json(s->call, &view);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(json);
    int n = text ? snprintf(s->text, sizeof s->text, "event: job\ndata: %s\n\n", text) : -1;
    free(text);
    s->began = true;
    s->told = view.version;
    s->final = ut_job_state_is_final(view.state) || n < 0 || (size_t)n >= sizeof s->text;
    if (n > 0 && (size_t)n < sizeof s->text)
        s->length = (size_t)n;
}

/* Said, it sleeps until there is something new; woken without news it says that it is there. */
static ssize_t read_stream(void *context, uint64_t position, char *out, size_t most)
{
    stream *s = context;
    (void)position;
    if (s->sent == s->length) {
        const ut_waiter waiter = ut_call_waiter(s->call);
        if (s->final)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (s->began && s->length && ut_job_wait(s->job, s->told, &waiter)) {
            s->length = s->sent = 0;
            return 0;
        }
        fill(s);
    }
    size_t n = s->length - s->sent < most ? s->length - s->sent : most;
    memcpy(out, s->text + s->sent, n);
    s->sent += n;
    s->call->sent += n;
    return (ssize_t)n;
}

static void end_stream(void *context)
{
    stream *s = context;
    ut_job_release(s->job);
    free(s);
}

void ut_answer_job_events(ut_call *call)
{
    ut_job *job = ut_call_job(call);
    stream *s = job ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        ut_job_release(job);
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
        return;
    }
    s->call = call;
    s->job = job;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, sizeof s->text, read_stream, s, end_stream);
    if (!response)
        end_stream(s);
    ut_respond(call, MHD_HTTP_OK, response, 0);
    ut_respond_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
}
