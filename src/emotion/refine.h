/* The language model's expert: a second opinion where the base judgement is unsure, from any
 * endpoint that speaks OpenAI's chat completions (OpenAI, llama.cpp, Ollama, vLLM ...).
 *
 * For up to UT_REFINE_BATCH unsure utterances a call, the model sees the turns around them with
 * speakers, how the voice sounds beside that speaker's usual in words (after SpeechCueLLM, Wu et
 * al. 2024), the base opinion and the labelled examples that retrieval brought; it answers with
 * five probabilities, a reason, and what it went by, as JSON by a schema. An answer that is not
 * exactly that is asked for once more, then ignored with a note in the document.
 *
 * What is said in a conversation is data: it travels as strings inside one JSON document, never as
 * an instruction. Since a model may obey it all the same, or be no good, every call also holds
 * control lines whose label is known and turns that the base is sure of, and the model is believed
 * as far as it gets them right (emotion/controls.h); what it then says is bounded in fusion
 * (UT_LANGUAGE_MODEL_SHARE).
 *
 * Answers are kept by the hash of what was asked, one file each, so that the same question is never
 * asked twice and a second run gives the same bytes. A refiner may be shared by any threads. */
#ifndef UT_EMOTION_REFINE_H
#define UT_EMOTION_REFINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "conversation/conversation.h"

/* Utterances in a call; bytes of a message about what went wrong. */
enum { UT_REFINE_BATCH = 8, UT_REFINE_FAULT = 384 };

typedef enum ut_refine_gate {
    UT_REFINE_AUTO,  /* ask where the highest probability is below UT_REFINE_UNSURE */
    UT_REFINE_ALWAYS /* ask about every utterance that has words */
} ut_refine_gate;

/* What a model of some use wins grows about as fast as what is asked (bench/refine.py, one that is
 * right in 60 % of MELD's development lines): 0.5 asks about 321 of 1109 and wins 5.3 points of
 * weighted F1, 0.55 about 408 and 6.6, 0.6 about 489 and 7.3, 0.7 about 664 and 8.1. */
#define UT_REFINE_UNSURE 0.55f

/* Strings must live as long as the refiner. */
typedef struct ut_refine_options {
    const char *model;
    const char *url;   /* what stands before /chat/completions: "https://api.openai.com/v1" */
    const char *key;   /* NULL: none */
    const char *cache; /* folder for answers, made when needed; NULL: none are kept */
    ut_refine_gate gate;
    bool redact;                /* mask names, numbers, addresses and cards in what is sent */
    uint64_t budget_tokens;     /* of the refiner's life; 0: no bound */
    double budget_money;        /* the same in the currency of the prices; 0: no bound */
    double price_in, price_out; /* of a million tokens; 0: not known */
    int at_once;                /* calls; 0: 4 */
    int per_minute;             /* calls; 0: as many as the server takes (it says 429) */
    double seconds;             /* for one answer; 0: 120 */
} ut_refine_options;

typedef struct ut_refiner ut_refiner;

/* UT_ERR_USAGE where the address is none, or is not this machine's and there is no key. */
UT_MUST_CHECK ut_status ut_refiner_open(const ut_refine_options *options, ut_refiner **refiner,
                                        ut_error *err);
void ut_refiner_close(ut_refiner *refiner); /* NULL is fine */

/* One line for the person: what is sent, and where. */
void ut_refiner_describe(const ut_refiner *refiner, char *line, size_t size);

/* Asks about the unsure utterances of a judged conversation and writes the language model's
 * opinions, reasons and grounds (weights are fusion's). *trust is 0 .. 1. An endpoint that fails,
 * or answers with something else, costs only its opinions: a note says so. UT_ERR_CANCELLED and
 * UT_ERR_MEMORY alone are failures. */
UT_MUST_CHECK ut_status ut_refine(ut_refiner *refiner, ut_conversation *c,
                                  const atomic_bool *cancelled, float *trust, ut_error *err);

typedef struct ut_refine_usage {
    uint64_t calls;  /* answers that the endpoint gave, repairs included */
    uint64_t cached; /* answers that were known already */
    uint64_t tokens_in, tokens_out;
    double cost;                 /* 0 where prices are not known */
    bool spent;                  /* something was not asked because of the budget */
    uint64_t unheard;            /* utterances that it was not heard about */
    char fault[UT_REFINE_FAULT]; /* why, the last time; "" */
    uint64_t believed;           /* conversations in which it was believed, more or less */
    uint64_t unbelieved;         /* in which it was not, by its answers about the control lines */
} ut_refine_usage;

ut_refine_usage ut_refiner_usage(ut_refiner *refiner);

/* Whether an address is this machine's own: nothing asked there leaves it. */
bool ut_refine_is_local(const char *url);

#endif
