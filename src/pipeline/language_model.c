#include "pipeline/language_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "emotion/refine.h"
#include "pipeline/steps.h"

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* "200000" tokens, or "$2.50". */
static ut_status read_budget(const char *text, ut_refine_options *o, ut_error *err)
{
    char *end;
    if (!text)
        return UT_OK;
    errno = 0;
    if (*text == '$')
        o->budget_money = strtod(text + 1, &end);
    else
        o->budget_tokens = strtoull(text, &end, 10);
    bool positive = o->budget_money > 0 || (*text >= '0' && *text <= '9' && o->budget_tokens > 0);
    if (*end || errno || !positive)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "llm_budget is a number of tokens or an amount such as $2.50, not \"%s\"",
                       text);
    return UT_OK;
}

static ut_status read_price(const char *text, ut_refine_options *o, ut_error *err)
{
    char *end;
    if (!text)
        return UT_OK;
    o->price_in = strtod(text, &end);
    bool fine = end > text && *end == ',' && o->price_in >= 0;
    const char *second = fine ? end + 1 : text;
    o->price_out = strtod(second, &end);
    if (!fine || end == second || *end || !(o->price_out >= 0))
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "llm_price is what a million tokens cost, sent and answered: 0.15,0.60, not "
                       "\"%s\"",
                       text);
    return UT_OK;
}

static ut_status cache_folder(ut_engine *e, const char **folder, ut_error *err)
{
    const char *cache = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");
    char path[4096];
    *folder = NULL;
    if (!cache && !home)
        return UT_OK;
    snprintf(path, sizeof path, "%s%s/undertone/llm", cache ? cache : home, cache ? "" : "/.cache");
    *folder = ut_arena_strdup(e->arena, path);
    return *folder ? UT_OK : ut_fail_memory(err, "engine");
}

ut_status ut_language_model_open(ut_engine *e, ut_error *err)
{
    const ut_options *o = &e->options;
    const char *url = environment("OPENAI_BASE_URL");
    const char *key = environment("OPENAI_API_KEY");
    if (!o->llm || !*o->llm || e->planning)
        return UT_OK;
    bool always = o->llm_gate && strcmp(o->llm_gate, "always") == 0;
    if (o->llm_gate && strcmp(o->llm_gate, "never") == 0)
        return UT_OK;
    ut_refine_options r = {.model = o->llm,
                           .url =
                               ut_arena_strdup(e->arena, url ? url : "https://api.openai.com/v1"),
                           .key = ut_arena_strdup(e->arena, key),
                           .gate = always ? UT_REFINE_ALWAYS : UT_REFINE_AUTO,
                           .redact = o->redact,
                           .per_minute = o->llm_rate,
                           .seconds = o->llm_timeout};
    if (!r.url || (key && !r.key))
        return ut_fail_memory(err, "engine");
    UT_TRY(read_budget(o->llm_budget, &r, err));
    UT_TRY(read_price(o->llm_price, &r, err));
    UT_TRY(cache_folder(e, &r.cache, err));
    return ut_refiner_open(&r, &e->refiner, err);
}

void ut_language_model_intent(const ut_engine *engine, char line[UT_LANGUAGE_MODEL_LINE])
{
    line[0] = 0;
    if (engine->refiner)
        ut_refiner_describe(engine->refiner, line, UT_LANGUAGE_MODEL_LINE);
    else if (!engine->options.llm && environment("OPENAI_API_KEY"))
        snprintf(line, UT_LANGUAGE_MODEL_LINE,
                 "OPENAI_API_KEY is set, but nothing is sent anywhere; --llm MODEL would ask a "
                 "language model where the judgement is unsure");
}

void ut_language_model_usage(const ut_engine *engine, char line[UT_LANGUAGE_MODEL_LINE])
{
    line[0] = 0;
    if (!engine->refiner)
        return;
    ut_buf b;
    ut_buf_init(&b, UT_LANGUAGE_MODEL_LINE - 1);
    ut_refine_usage u = ut_refiner_usage(engine->refiner);
    ut_buf_addf(&b,
                "language model: %llu answers, %llu more known from before; %llu tokens sent, %llu "
                "answered",
                (unsigned long long)u.calls, (unsigned long long)u.cached,
                (unsigned long long)u.tokens_in, (unsigned long long)u.tokens_out);
    if (u.cost > 0)
        ut_buf_addf(&b, ", $%.4f", u.cost);
    if (u.unbelieved)
        ut_buf_addf(&b, "; not believed in %llu of %llu conversations",
                    (unsigned long long)u.unbelieved,
                    (unsigned long long)u.unbelieved + u.believed);
    if (u.unheard)
        ut_buf_addf(&b, "; not heard about %llu utterances: %s", (unsigned long long)u.unheard,
                    u.spent ? "the budget is spent" : u.fault);
    snprintf(line, UT_LANGUAGE_MODEL_LINE, "%s", ut_buf_text(&b));
    ut_buf_free(&b);
}

ut_status ut_language_model_refine(void *context, ut_conversation *c, float *trust, ut_error *err)
{
    const ut_step *step = context;
    return ut_refine(step->engine->refiner, c, step->cancelled, trust, err);
}
