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
    ut_arena *kept; /* what the caller set */
    ut_options options;
    const char *name; /* of the recordings; NULL: their own */
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
    if (!session)
        return NULL;
    session->kept = ut_arena_create(0);
    session->step = (ut_step){.engine = engine, .cancelled = &session->cancelled};
    if (session->kept)
        return session;
    free(session);
    return NULL;
}

void ut_session_destroy(ut_session *session)
{
    if (!session)
        return;
    ut_arena_destroy(session->kept);
    free(session);
}

ut_status ut_session_set_options(ut_session *session, const ut_options *options, ut_error *err)
{
    session->options = *options;
    session->options.language = ut_arena_strdup(session->kept, options->language);
    session->options.initial_prompt = ut_arena_strdup(session->kept, options->initial_prompt);
    if ((options->language && !session->options.language) ||
        (options->initial_prompt && !session->options.initial_prompt))
        return ut_fail_memory(err, "api");
    session->step.options = &session->options;
    return UT_OK;
}

static ut_status check_turn(const ut_past_turn *turn, size_t index, ut_error *err)
{
    if (!turn->speaker || !turn->text || turn->emotion >= UNDERTONE_EMOTIONS)
        return ut_fail(err, UT_ERR_USAGE, "api", "turn %zu of the history is not whole", index);
    if (!ut_is_utf8(turn->speaker) || !ut_is_utf8(turn->text))
        return ut_fail(err, UT_ERR_FORMAT, "api", "turn %zu of the history is not UTF-8", index);
    if (strlen(turn->speaker) > UT_HISTORY_NAME || strlen(turn->text) > UT_HISTORY_TEXT)
        return ut_fail(
            err, UT_ERR_LIMIT, "api",
            "turn %zu of the history is too long: a text has at most %d bytes, a name %d", index,
            UT_HISTORY_TEXT, UT_HISTORY_NAME);
    return UT_OK;
}

ut_status ut_session_set_history(ut_session *session, const ut_past_turn *turns, size_t count,
                                 ut_error *err)
{
    if (count > UT_HISTORY_TURNS)
        return ut_fail(err, UT_ERR_LIMIT, "api", "the history has %zu turns; at most %d count",
                       count, UT_HISTORY_TURNS);
    ut_past_turn *copies = UT_ARENA_NEW(session->kept, ut_past_turn, count + 1);
    if (!copies)
        return ut_fail_memory(err, "api");
    for (size_t i = 0; i < count; i++) {
        UT_TRY(check_turn(&turns[i], i, err));
        copies[i] = (ut_past_turn){ut_arena_strdup(session->kept, turns[i].speaker),
                                   ut_arena_strdup(session->kept, turns[i].text), turns[i].emotion};
        if (!copies[i].speaker || !copies[i].text)
            return ut_fail_memory(err, "api");
    }
    session->step.history = copies;
    session->step.history_count = count;
    return UT_OK;
}

ut_status ut_session_set_name(ut_session *session, const char *name, ut_error *err)
{
    if (!ut_is_utf8(name))
        return ut_fail(err, UT_ERR_FORMAT, "api", "the recording's name is not UTF-8");
    session->name = ut_arena_strdup(session->kept, name);
    return session->name ? UT_OK : ut_fail_memory(err, "api");
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

typedef ut_status (*steps)(const ut_step *step, const ut_input *input, ut_conversation **c,
                           ut_error *err);

static ut_status work(ut_session *session, steps run, const char *path, ut_result **result,
                      ut_error *err)
{
    const char *file = session->name ? session->name : ut_path_base(path);
    char *id = strndup(file, strlen(file) - strlen(ut_path_ending(file)));
    ut_result *r = calloc(1, sizeof *r);
    if (!r || !id) {
        free(r);
        free(id);
        return ut_fail_memory(err, "api");
    }
    ut_input input = {path, file, id};
    ut_status status = run(&session->step, &input, &r->c, err);
    atomic_store(&session->cancelled, false);
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

ut_status ut_session_analyze(ut_session *session, const char *path, ut_result **result,
                             ut_error *err)
{
    return work(session, ut_steps_all, path, result, err);
}

ut_status ut_session_transcribe(ut_session *session, const char *path, ut_result **result,
                                ut_error *err)
{
    return work(session, ut_step_transcribe, path, result, err);
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
                              .label_set = u->emotion.label_set,
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
