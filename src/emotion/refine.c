#include "emotion/refine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread.h"
#include "emotion/refine_internal.h"

struct ut_refiner {
    ut_refine_options options;
    ut_endpoint *endpoint;
    atomic_bool complained; /* about the cache */
    pthread_mutex_t lock;   /* of what follows */
    uint64_t unheard, believed, unbelieved;
    char fault[UT_REFINE_FAULT];
};

typedef struct refining {
    ut_refiner *refiner;
    ut_conversation *c;
    const atomic_bool *cancelled;
    ut_redactor *redactor;
    ut_refine_call *calls;
    size_t count;
} refining;

ut_status ut_refiner_open(const ut_refine_options *options, ut_refiner **refiner, ut_error *err)
{
    ut_refiner *r = calloc(1, sizeof *r);
    if (!r)
        return ut_fail_memory(err, "refine");
    r->options = *options;
    pthread_mutex_init(&r->lock, NULL);
    ut_status status = ut_endpoint_open(&r->options, &r->endpoint, err);
    if (status != UT_OK)
        ut_refiner_close(r);
    else
        *refiner = r;
    return status;
}

void ut_refiner_close(ut_refiner *refiner)
{
    if (!refiner)
        return;
    ut_endpoint_close(refiner->endpoint);
    pthread_mutex_destroy(&refiner->lock);
    free(refiner);
}

ut_refine_usage ut_refiner_usage(ut_refiner *refiner)
{
    ut_refine_usage usage = ut_endpoint_usage(refiner->endpoint);
    pthread_mutex_lock(&refiner->lock);
    usage.unheard = refiner->unheard;
    usage.believed = refiner->believed;
    usage.unbelieved = refiner->unbelieved;
    memcpy(usage.fault, refiner->fault, sizeof usage.fault);
    pthread_mutex_unlock(&refiner->lock);
    return usage;
}

void ut_refiner_describe(const ut_refiner *refiner, char *line, size_t size)
{
    const ut_refine_options *o = &refiner->options;
    const char *host = ut_endpoint_host(refiner->endpoint);
    if (ut_refine_is_local(o->url))
        snprintf(line, size, "language model: %s on this machine; nothing leaves it", o->model);
    else
        snprintf(line, size,
                 "language model: of %s utterances, the words, the turns around them and how the "
                 "voices sound are sent to %s (%s)%s; %s",
                 o->gate == UT_REFINE_ALWAYS ? "all" : "unsure", host, o->model,
                 strncmp(o->url, "https:", 6) == 0 ? "" : ", unencrypted",
                 o->redact ? "names, numbers, addresses and cards are masked as far as rules find "
                             "them"
                           : "--redact would mask names and numbers");
}

static bool is_unsure(const ut_refiner *r, const ut_utterance *u)
{
    float highest = u->emotion.probabilities[u->emotion.label];
    return u->text[0] && (r->options.gate == UT_REFINE_ALWAYS || highest < UT_REFINE_UNSURE);
}

/* Neighbours share a call, so that the turns around them are told once. */
static ut_status plan(refining *w, ut_error *err)
{
    size_t unsure = 0;
    for (size_t i = 0; i < w->c->utterance_count; i++)
        unsure += is_unsure(w->refiner, &w->c->utterances[i]);
    w->count = (unsure + UT_REFINE_BATCH - 1) / UT_REFINE_BATCH;
    w->calls = calloc(w->count + 1, sizeof *w->calls);
    if (!w->calls)
        return ut_fail_memory(err, "refine");
    size_t n = 0;
    for (size_t i = 0; i < w->c->utterance_count; i++)
        if (is_unsure(w->refiner, &w->c->utterances[i])) {
            ut_refine_call *call = &w->calls[n++ / UT_REFINE_BATCH];
            call->asked[call->asked_count++] = i;
        }
    return UT_OK;
}

/* What was asked, of whom: the name under which its answer is kept. */
static bool key_of(const ut_refiner *r, const ut_refine_call *call, char key[UT_SHA256_HEX])
{
    char *all;
    if (asprintf(&all, "%s\n%s\n%s\n%s", r->options.url, r->options.model, ut_refine_instructions,
                 call->prompt) < 0)
        return false;
    ut_sha256(all, strlen(all), key);
    free(all);
    return true;
}

static char *cache_path(const ut_refiner *r, const char *key)
{
    char *path = NULL;
    if (r->options.cache && asprintf(&path, "%s/%s.json", r->options.cache, key) < 0)
        path = NULL;
    return path;
}

/* A kept answer, right or wrong: asking again would bring the same. */
static bool recall(ut_refiner *r, const char *key, ut_refine_call *call)
{
    char *path = cache_path(r, key);
    json_t *kept = NULL;
    if (path && ut_file_exists(path) && ut_json_load(path, 1 << 20, &kept, NULL) != UT_OK)
        kept = NULL;
    const char *text = ut_json_string_or(kept, "answer", NULL);
    if (text) {
        (void)!ut_refine_read(text, call);
        ut_endpoint_cached(r->endpoint);
    }
    json_decref(kept);
    free(path);
    return text != NULL;
}

/* One file an answer, whole or absent, readable by this person alone. */
static void keep(ut_refiner *r, const char *key, const char *text)
{
    char *path = cache_path(r, key);
    if (!path)
        return;
    ut_error err = {0};
    json_t *kept = json_pack("{s:s, s:s}", "model", r->options.model, "answer", text);
    ut_status status = ut_file_make_dirs(r->options.cache, &err);
    if (status == UT_OK)
        (void)chmod(r->options.cache, 0700);
    if (status == UT_OK && kept)
        status = ut_json_save(kept, path, &err);
    if (status != UT_OK && !atomic_exchange(&r->complained, true))
        ut_log(UT_LOG_WARNING, "the language model's answers cannot be kept: %s", err.message);
    json_decref(kept);
    free(path);
}

/* Asks, and where the answer is not what was asked for says so and asks once more. */
static void ask(const refining *w, ut_refine_call *call, const char *key)
{
    ut_refiner *r = w->refiner;
    char *text = NULL;
    json_t *messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content",
                                 ut_refine_instructions, "role", "user", "content", call->prompt);
    if (!messages) {
        snprintf(call->fault, sizeof call->fault, "out of memory");
        return;
    }
    bool came = ut_endpoint_ask(r->endpoint, messages, call->ids, call->id_count, w->cancelled,
                                &text, call->fault);
    if (came && !ut_refine_read(text, call)) {
        char again[2 * UT_REFINE_FAULT];
        snprintf(again, sizeof again,
                 "This cannot be used: %s. Answer once more, with the JSON object alone, as it was "
                 "asked for.",
                 call->fault);
        json_array_append_new(messages,
                              json_pack("{s:s, s:s}", "role", "assistant", "content", text));
        json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "user", "content", again));
        free(text);
        came = ut_endpoint_ask(r->endpoint, messages, call->ids, call->id_count, w->cancelled,
                               &text, call->fault);
        if (came)
            (void)!ut_refine_read(text, call);
    }
    if (came)
        keep(r, key, text);
    free(text);
    json_decref(messages);
}

static void work(void *context, size_t index, int worker)
{
    refining *w = context;
    ut_refine_call *call = &w->calls[index];
    char key[UT_SHA256_HEX];
    if (w->cancelled && atomic_load(w->cancelled))
        return;
    if (!ut_refine_write(w->c, w->redactor, call) || !key_of(w->refiner, call, key))
        snprintf(call->fault, sizeof call->fault, "out of memory");
    else if (!recall(w->refiner, key, call))
        ask(w, call, key);
    (void)worker;
}

static ut_status take_opinion(const refining *w, size_t index, const ut_refine_answer *a,
                              ut_error *err)
{
    ut_opinion *o = &w->c->utterances[index].emotion.opinions[UT_EXPERT_LANGUAGE_MODEL];
    memcpy(o->probabilities, a->probabilities, sizeof o->probabilities);
    o->reason = ut_arena_strdup(w->c->arena, a->reason);
    o->grounds = a->grounds;
    o->present = true;
    return o->reason ? UT_OK : ut_fail_memory(err, "refine");
}

/* What answers say of the model itself. */
typedef struct record {
    ut_agreement agreement;
    double right; /* probability given to the true labels of controls */
    size_t controls;
} record;

static ut_status take_call(const refining *w, const ut_refine_call *call, record *r, ut_error *err)
{
    const ut_refine_answer *a = call->answers;
    for (size_t i = 0; i < call->asked_count; i++, a++) {
        UT_TRY(take_opinion(w, call->asked[i], a, err));
        ut_agreement_add(&r->agreement, w->c->utterances[call->asked[i]].emotion.probabilities,
                         a->probabilities);
    }
    for (size_t i = 0; i < call->sure_count; i++, a++)
        ut_agreement_add(&r->agreement, w->c->utterances[call->sure[i]].emotion.probabilities,
                         a->probabilities);
    for (size_t i = 0; i < UT_CONTROLS; i++, a++, r->controls++)
        r->right += (double)a->probabilities[call->controls[i].label];
    return UT_OK;
}

/* Why it is not believed. */
static ut_status doubt(const refining *w, const record *r, ut_error *err)
{
    const char *model = w->refiner->options.model;
    ut_status status;
    if (ut_controls_trust(r->right, r->controls) <= 0)
        status =
            ut_conversation_add_note(w->c,
                                     "the language model %s was not believed: it gave the "
                                     "right label of %zu control lines only %.0f %% on average",
                                     model, r->controls, 100 * r->right / (double)r->controls);
    else
        status = ut_conversation_add_note(
            w->c,
            "the language model %s was not believed: by what the rest of the conversation says it "
            "is right in only %.0f %% of the lines",
            model, 100 * ut_agreement_accuracy(&r->agreement));
    return status == UT_OK ? UT_OK : ut_fail_memory(err, "refine");
}

/* Answers into the document; *trust is how far the model is to be believed. */
static ut_status take(const refining *w, float *trust, ut_error *err)
{
    record r = {0};
    for (size_t k = 0; k < w->count; k++)
        if (w->calls[k].answered)
            UT_TRY(take_call(w, &w->calls[k], &r, err));
    if (!r.controls)
        return UT_OK;
    *trust = ut_controls_trust(r.right, r.controls) * ut_agreement_trust(&r.agreement);
    pthread_mutex_lock(&w->refiner->lock);
    w->refiner->believed += *trust > 0;
    w->refiner->unbelieved += *trust <= 0;
    pthread_mutex_unlock(&w->refiner->lock);
    return *trust > 0 ? UT_OK : doubt(w, &r, err);
}

/* One note for all calls that failed in the same way. */
static ut_status tell(const refining *w, ut_error *err)
{
    for (size_t k = 0; k < w->count; k++) {
        size_t lines = 0;
        for (size_t i = 0; i < w->count; i++) {
            if (strcmp(w->calls[i].fault, w->calls[k].fault) != 0)
                continue;
            if (i < k)
                break; /* told already */
            lines += w->calls[i].asked_count;
        }
        if (w->calls[k].fault[0] && lines) {
            pthread_mutex_lock(&w->refiner->lock);
            w->refiner->unheard += lines;
            snprintf(w->refiner->fault, sizeof w->refiner->fault, "%s", w->calls[k].fault);
            pthread_mutex_unlock(&w->refiner->lock);
        }
        if (w->calls[k].fault[0] && lines &&
            ut_conversation_add_note(w->c,
                                     "the language model %s was not heard about %zu utterances: %s",
                                     w->refiner->options.model, lines, w->calls[k].fault) != UT_OK)
            return ut_fail_memory(err, "refine");
    }
    return UT_OK;
}

ut_status ut_refine(ut_refiner *refiner, ut_conversation *c, const atomic_bool *cancelled,
                    float *trust, ut_error *err)
{
    refining w = {.refiner = refiner, .c = c, .cancelled = cancelled};
    *trust = 0;
    ut_status status = plan(&w, err);
    if (status == UT_OK && w.count && refiner->options.redact &&
        !(w.redactor = ut_redactor_create(c)))
        status = ut_fail_memory(err, "refine");
    if (status == UT_OK && w.count) {
        int threads = refiner->options.at_once > 0 ? refiner->options.at_once : 4;
        ut_parallel(threads, w.count, work, &w);
        status = cancelled && atomic_load(cancelled)
                     ? ut_fail(err, UT_ERR_CANCELLED, "refine", "stopped")
                     : take(&w, trust, err);
    }
    if (status == UT_OK)
        status = tell(&w, err);
    if (status == UT_OK &&
        ut_conversation_add_model(c, "refinement", refiner->options.model, NULL) != UT_OK)
        status = ut_fail_memory(err, "refine");
    for (size_t k = 0; k < w.count && w.calls; k++)
        free(w.calls[k].prompt);
    free(w.calls);
    ut_redactor_destroy(w.redactor);
    return status;
}
