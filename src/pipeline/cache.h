/* The cache's keys: a step's output is known by what it is made from, before it is made.
 *
 * A key is the sha-256 of the step's name, its code (the sources it depends on), the instruction
 * set, the settings that it reads, the models it uses (every file in their folders), and its
 * inputs' contents. Names of models and folders, --jobs, paths and the clock are not in it: they
 * change nothing. */
#ifndef UT_PIPELINE_CACHE_H
#define UT_PIPELINE_CACHE_H

#include "pipeline/engine.h"
#include "pipeline/records.h"
#include "pipeline/settings.h"

typedef enum ut_stage {
    UT_STAGE_TRANSCRIBE,
    UT_STAGE_EXTRACT,
    UT_STAGE_ANALYZE,
    UT_STAGE_REPORT, /* exports and the HTML page */
    UT_STAGES
} ut_stage;

const char *ut_stage_name(ut_stage stage);
/* The part of the engine that a stage needs. */
unsigned ut_stage_parts(ut_stage stage);

/* Hash of the sources of each stage; written by the build. */
extern const char *const ut_step_code[UT_STAGES];

typedef struct ut_cache_plan {
    ut_engine *choice;                   /* of models; none is open in it */
    char base[UT_STAGES][UT_SHA256_HEX]; /* all but the inputs; "" for stages not asked for */
    char *models;                        /* JSON for the run's record */
} ut_cache_plan;

/* Chooses and hashes the models of the stages first..last. No weights are opened; their hashes are
 * remembered in the records, so that only changed files are read. */
UT_MUST_CHECK ut_status ut_cache_plan_make(ut_records *records, const ut_settings *settings,
                                           ut_stage first, ut_stage last, ut_cache_plan *plan,
                                           ut_error *err);
void ut_cache_plan_free(ut_cache_plan *plan);

/* The key of a stage on inputs, named and in order; those without a name are left out. */
void ut_cache_key(const ut_cache_plan *plan, ut_stage stage, const ut_step_input *inputs,
                  size_t count, char key[UT_SHA256_HEX]);

/* JSON (free()) of every setting that has a value of its own, with where it came from; and of the
 * machine. NULL when out of memory. */
char *ut_cache_parameters(const ut_settings *settings);
char *ut_cache_environment(void);

#endif
