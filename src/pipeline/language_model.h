/* The language model that an engine may ask: from options and environment to a refiner, and what to
 * tell the person about it. */
#ifndef UT_PIPELINE_LANGUAGE_MODEL_H
#define UT_PIPELINE_LANGUAGE_MODEL_H

#include "pipeline/engine.h"

enum { UT_LANGUAGE_MODEL_LINE = 1024 };

/* Opens engine->refiner if options.llm names a model. The address comes from OPENAI_BASE_URL (else
 * OpenAI's), the key from OPENAI_API_KEY; answers are kept in $XDG_CACHE_HOME/undertone/llm (else
 * ~/.cache/undertone/llm). UT_ERR_USAGE for options that cannot be. */
UT_MUST_CHECK ut_status ut_language_model_open(ut_engine *engine, ut_error *err);

/* Where words go and which, or that they stay; without a model: that a key alone sends nothing. ""
 * where there is nothing to say. */
void ut_language_model_intent(const ut_engine *engine, char line[UT_LANGUAGE_MODEL_LINE]);
/* Calls, tokens and cost so far. */
void ut_language_model_usage(const ut_engine *engine, char line[UT_LANGUAGE_MODEL_LINE]);

/* ut_judge_models.refine; `context` is a ut_step. */
UT_MUST_CHECK ut_status ut_language_model_refine(void *context, ut_conversation *c, float *trust,
                                                 ut_error *err);

#endif
