/* The body of undertone.h over the pipeline. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "pipeline/steps.h"
#include "undertone.h"

struct ut_session {
    ut_step step;
    atomic_bool cancelled;
};

struct ut_result {
    ut_conversation *c;
    char *json;
};

const char *ut_version(void)
{
    return UT_VERSION;
}

const char *ut_label_name(int label)
{
    return label >= 0 && label < UNDERTONE_EMOTIONS ? ut_emotion_name((ut_emotion_label)label)
                                                    : NULL;
}

ut_session *ut_session_create(const ut_engine *engine)
{
    ut_session *session = calloc(1, sizeof *session);
    if (session)
        session->step = (ut_step){.engine = engine, .cancelled = &session->cancelled};
    return session;
}

void ut_session_destroy(ut_session *session)
{
    free(session);
}

void ut_session_set_progress(ut_session *session, ut_progress progress, void *context)
{
    session->step.progress = progress;
    session->step.context = context;
}

void ut_session_cancel(ut_session *session)
{
    atomic_store(&session->cancelled, true);
}

ut_status ut_session_analyze(ut_session *session, const char *path, ut_result **result,
                             ut_error *err)
{
    const char *file = ut_path_base(path);
    char *id = strndup(file, strlen(file) - strlen(ut_path_ending(file)));
    ut_result *r = calloc(1, sizeof *r);
    if (!r || !id) {
        free(r);
        free(id);
        return ut_fail_memory(err, "api");
    }
    atomic_store(&session->cancelled, false);
    ut_input input = {path, file, id};
    ut_status status = ut_steps_all(&session->step, &input, &r->c, err);
    free(id);
    if (status == UT_OK) {
        ut_buf text;
        ut_buf_init(&text, 0);
        status = ut_conversation_write(r->c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &text}, err);
        r->json = text.data;
    }
    if (status != UT_OK) {
        ut_result_destroy(r);
        return status;
    }
    *result = r;
    return UT_OK;
}

void ut_result_destroy(ut_result *result)
{
    if (!result)
        return;
    ut_conversation_destroy(result->c);
    free(result->json);
    free(result);
}

size_t ut_result_count(const ut_result *result)
{
    return result->c->utterance_count;
}

ut_utterance_info ut_result_utterance(const ut_result *result, size_t index)
{
    const ut_utterance *u = &result->c->utterances[index];
    ut_utterance_info info = {.start = u->start,
                              .end = u->end,
                              .speaker = u->speaker >= 0 ? result->c->speakers[u->speaker] : "",
                              .text = u->text,
                              .emotion = ut_emotion_name(u->emotion.label),
                              .explanation = u->emotion.explanation};
    memcpy(info.probabilities, u->emotion.probabilities, sizeof info.probabilities);
    return info;
}

double ut_result_duration(const ut_result *result)
{
    return result->c->source.duration;
}

const char *ut_result_language(const ut_result *result)
{
    return result->c->language ? result->c->language : "";
}

const char *ut_result_json(const ut_result *result)
{
    return result->json;
}
