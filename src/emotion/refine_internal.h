/* The parts of refinement: what is asked, what an answer must be, and asking. */
#ifndef UT_EMOTION_REFINE_INTERNAL_H
#define UT_EMOTION_REFINE_INTERNAL_H

#include "base/buf.h"
#include "emotion/controls.h"
#include "emotion/redact.h"
#include "emotion/refine.h"
#include "net/http.h"

enum {
    UT_REFINE_SURE = 4, /* lines of a call that the base is sure of */
    UT_REFINE_MOST = UT_REFINE_BATCH + UT_REFINE_SURE + UT_CONTROLS,
    UT_REFINE_REASON = 320 /* bytes kept of a reason */
};

typedef struct ut_refine_answer {
    float probabilities[UT_EMOTIONS];
    char reason[UT_REFINE_REASON];
    unsigned grounds;
} ut_refine_answer;

/* One call: utterances asked about, some of the turns around them that the base is surest of, and
 * controls; what they are called in the prompt, the answers in the same order. */
typedef struct ut_refine_call {
    size_t asked[UT_REFINE_BATCH]; /* indices of utterances, rising */
    size_t asked_count;
    size_t sure[UT_REFINE_SURE]; /* indices of utterances, rising */
    size_t sure_count;
    ut_control controls[UT_CONTROLS];
    int ids[UT_REFINE_MOST]; /* of the asked ones, the sure ones, the controls */
    size_t id_count;
    char *prompt; /* the user's message, free() */
    bool answered;
    ut_refine_answer answers[UT_REFINE_MOST];
    char fault[UT_REFINE_FAULT]; /* why not, "" if nothing went wrong */
    bool cancelled;
} ut_refine_call;

/* What the model is told of its task; the same for every call. */
extern const char ut_refine_instructions[];
/* The form of an answer about `count` lines, a JSON schema. New reference. `bounded`: with a
 * longest reason, which keeps small models from going on for ever and which OpenAI's does not take,
 * and with the ids themselves, of which they invent others (OpenAI's would compile each call's
 * schema anew). */
json_t *ut_refine_schema(const int *ids, size_t count, bool bounded);
/* Fills sure, controls, ids and prompt. `redactor` may be NULL. False when out of memory. */
bool ut_refine_write(const ut_conversation *c, const ut_redactor *redactor, ut_refine_call *call);
/* How a voice sounds beside the same speaker's other utterances, in words: "very loud, fast"; ""
 * where nothing is unusual or nothing is known. */
void ut_refine_voice(const ut_conversation *c, const ut_utterance *u, ut_buf *out);

/* Takes `text` as the answer to `call` if it is exactly what was asked for; else says in
 * call->fault what is wrong with it. */
bool ut_refine_read(const char *text, ut_refine_call *call);

/* What a chat completion holds: the message (a pointer into `reply`), and what it cost. False where
 * it is none. */
bool ut_refine_completion(const json_t *reply, const char **text, uint64_t *tokens_in,
                          uint64_t *tokens_out);

/* The endpoint: many calls at once, bounded in number, rate and cost. */
typedef struct ut_endpoint ut_endpoint;
UT_MUST_CHECK ut_status ut_endpoint_open(const ut_refine_options *options, ut_endpoint **endpoint,
                                         ut_error *err);
void ut_endpoint_close(ut_endpoint *endpoint);
/* Asks with messages (an array as chat completions take them) for an answer by the schema for
 * the `count` lines of `ids`; *text (free()) is the message. False with a fault in words otherwise.
 */
bool ut_endpoint_ask(ut_endpoint *endpoint, json_t *messages, const int *ids, size_t count,
                     const atomic_bool *cancelled, char **text, char fault[UT_REFINE_FAULT]);
const char *ut_endpoint_host(const ut_endpoint *endpoint); /* for messages */
void ut_endpoint_cached(ut_endpoint *endpoint);
ut_refine_usage ut_endpoint_usage(ut_endpoint *endpoint);

#endif
