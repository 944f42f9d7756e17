/* POST /v1/audio/transcriptions as OpenAI's, so that programs made for it work: the words, in the
 * forms that it knows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/conversation.h"
#include "report/exports.h"
#include "serve/internal.h"

typedef enum form { FORM_JSON, FORM_TEXT, FORM_SRT, FORM_VERBOSE, FORM_VTT, FORMS } form;
static const char *const form_names[FORMS] = {"json", "text", "srt", "verbose_json", "vtt"};

typedef struct wish {
    form form;
    bool words, segments;
} wish;

static void plain_text(const ut_conversation *c, ut_buf *out)
{
    for (size_t i = 0; i < c->utterance_count; i++)
        if (c->utterances[i].text[0])
            ut_buf_addf(out, "%s%s", out->length ? " " : "", c->utterances[i].text);
}

static json_t *segment(const ut_conversation *c, size_t i)
{
    const ut_utterance *u = &c->utterances[i];
    double confidence = isfinite(u->text_confidence) ? (double)u->text_confidence : 0;
    return json_pack("{s:I, s:i, s:o, s:o, s:s, s:[], s:f, s:f, s:f, s:f, s:o}", "id",
                     (json_int_t)i, "seek", 0, "start", ut_json_seconds(u->start), "end",
                     ut_json_seconds(u->end), "text", u->text, "tokens", "temperature", 0.0,
                     "avg_logprob", log(fmax(confidence, 1e-9)), "compression_ratio", 1.0,
                     "no_speech_prob", 0.0, "speaker",
                     u->speaker >= 0 ? json_string(c->speakers[u->speaker]) : json_null());
}

static json_t *words(const ut_conversation *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->utterance_count; i++)
        for (size_t w = 0; w < c->utterances[i].word_count; w++) {
            const ut_word *word = &c->utterances[i].words[w];
            json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "word", word->text, "start",
                                                  ut_json_seconds(word->start), "end",
                                                  ut_json_seconds(word->end)));
        }
    return list;
}

static json_t *verbose(const ut_conversation *c, const wish *w, const char *text)
{
    json_t *json = json_pack("{s:s, s:s, s:o, s:s}", "task", "transcribe", "language",
                             c->language ? c->language : "", "duration",
                             ut_json_seconds(c->source.duration), "text", text);
    if (json && w->segments) {
        json_t *list = json_array();
        for (size_t i = 0; i < c->utterance_count; i++)
            json_array_append_new(list, segment(c, i));
        json_object_set_new(json, "segments", list);
    }
    if (json && w->words)
        json_object_set_new(json, "words", words(c));
    return json;
}

static ut_status format(const wish *w, const ut_conversation *c, ut_buf *out, ut_error *err)
{
    if (w->form == FORM_SRT || w->form == FORM_VTT) {
        ut_status status = w->form == FORM_SRT ? ut_export_srt(c, out) : ut_export_vtt(c, out);
        return status == UT_OK ? UT_OK : ut_fail_memory(err, "serve");
    }
    plain_text(c, out);
    if (w->form == FORM_TEXT) {
        ut_buf_adds(out, "\n");
        return ut_buf_status(out) == UT_OK ? UT_OK : ut_fail_memory(err, "serve");
    }
    json_t *json = w->form == FORM_VERBOSE ? verbose(c, w, ut_buf_text(out))
                                           : json_pack("{s:s}", "text", ut_buf_text(out));
    char *text = json ? json_dumps(json, JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    ut_buf_clear(out);
    if (text)
        ut_buf_adds(out, text);
    bool fine = text && ut_buf_status(out) == UT_OK;
    free(text);
    return fine ? UT_OK : ut_fail_memory(err, "serve");
}

static ut_status write_answer(void *context, ut_job *job, const ut_result *result, FILE *file,
                              ut_error *err)
{
    (void)job;
    ut_conversation *c;
    ut_buf out;
    const char *document = ut_result_json(result);
    UT_TRY(ut_conversation_parse(document, strlen(document), "the transcript", &c, err));
    ut_buf_init(&out, 0);
    ut_status status = format(context, c, &out, err);
    if (status == UT_OK && fwrite(ut_buf_text(&out), 1, out.length, file) != out.length)
        status = ut_fail_errno(err, UT_ERR_IO, "serve", "cannot keep a result");
    ut_buf_free(&out);
    ut_conversation_destroy(c);
    return status;
}

/* --- fields -------------------------------------------------------------------------------------
 */

typedef struct asked {
    ut_call *call;
    ut_recording *recording;
    wish *wish;
} asked;

static void take_form(const asked *a, const char *value)
{
    int f = 0;
    while (f < FORMS && strcmp(form_names[f], value) != 0)
        f++;
    if (f == FORMS)
        ut_fault_set(&a->call->fault, 400, "bad_option", "use json, text, srt, verbose_json or vtt",
                     "there is no response_format %.40s", value);
    else
        a->wish->form = (form)f;
}

static void take_granularity(const asked *a, const char *value)
{
    if (strcmp(value, "word") == 0)
        a->wish->words = true;
    else if (strcmp(value, "segment") == 0)
        a->wish->segments = true;
    else
        ut_fault_set(&a->call->fault, 400, "bad_option", "use word or segment",
                     "there is no timestamp granularity %.40s", value);
}

static void take_prompt(const asked *a, const char *value)
{
    ut_recording_set(a->call, a->recording, "initial_prompt", value);
}

static void take_language(const asked *a, const char *value)
{
    ut_recording_set(a->call, a->recording, "language", value);
}

static void take_stream(const asked *a, const char *value)
{
    if (strcmp(value, "false") != 0)
        ut_fault_set(&a->call->fault, 400, "bad_option", "ask without stream, or see POST /jobs",
                     "transcripts are not streamed");
}

/* Which model is asked for does not matter, there is one; neither does a temperature, since the
 * decoding is a beam search. */
static void pass_over(const asked *a, const char *value)
{
    (void)a;
    (void)value;
}

typedef struct field {
    const char *name;
    void (*take)(const asked *a, const char *value);
} field;

static const field *find_field(const char *name)
{
    static const field fields[] = {
        {"response_format", take_form}, {"timestamp_granularities[]", take_granularity},
        {"prompt", take_prompt},        {"language", take_language},
        {"stream", take_stream},        {"model", pass_over},
        {"temperature", pass_over},     {"chunking_strategy", pass_over},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

size_t ut_openai_field(const char *name)
{
    return find_field(name) ? UT_FORM_FIELD : 0;
}

bool ut_openai_submit(ut_call *call)
{
    ut_error err;
    ut_recording r;
    const char *name;
    const char *value;
    if (!ut_recording_take(call, &r))
        return false;
    wish *w = UT_ARENA_NEW(r.arena, wish, 1);
    if (!w) {
        ut_recording_free(&r);
        ut_fault_set(&call->fault, 503, "out_of_memory", "try again later", "out of memory");
        return false;
    }
    const asked a = {call, &r, w};
    for (size_t i = 0; (name = ut_form_field(call->form, i, &value)); i++)
        find_field(name)->take(&a, value);
    w->segments = w->segments || !w->words;
    call->type = w->form == FORM_VTT                           ? "text/vtt; charset=utf-8"
                 : w->form == FORM_TEXT || w->form == FORM_SRT ? "text/plain; charset=utf-8"
                                                               : "application/json";
    if (!call->fault.status && ut_settings_finish(&r.settings, &err) != UT_OK)
        ut_fault_from(&call->fault, &err);
    return ut_recording_submit(call, &r, false, true, write_answer, w);
}
