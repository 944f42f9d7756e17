/* Two evaluations of the same ground truth side by side: `evaluate --compare a.json b.json`.
 *
 * What is compared are the outcomes that results.json keeps of each utterance. Utterances are
 * matched by file and entry; those that only one has, or whose truth differs, are counted and left
 * out. */
#ifndef UT_EVAL_COMPARE_H
#define UT_EVAL_COMPARE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "eval/significance.h"

enum { UT_COMPARE_DRAWS = 2000 };

/* One utterance as an evaluation has it. */
typedef struct ut_outcome {
    const char *file;
    size_t entry;
    int truth;
    int predicted; /* UT_METRICS_MISSED: none */
} ut_outcome;

typedef struct ut_outcomes {
    ut_outcome *items; /* by file and entry */
    size_t count;
} ut_outcomes;

/* Reads a results.json; `name` is for messages. Everything lives in the arena. */
UT_MUST_CHECK ut_status ut_outcomes_parse(const char *text, size_t length, const char *name,
                                          ut_arena *arena, ut_outcomes *outcomes, ut_error *err);

typedef struct ut_comparison {
    const char *names[2];
    size_t count;    /* utterances that both have */
    size_t left_out; /* of either */
    ut_mcnemar mcnemar;
    ut_bootstrap bootstrap;
} ut_comparison;

/* UT_ERR_FORMAT if they have no utterance in common. */
UT_MUST_CHECK ut_status ut_compare(const ut_outcomes *first, const ut_outcomes *second,
                                   const char *first_name, const char *second_name,
                                   ut_comparison *comparison, ut_error *err);

/* A new reference, NULL when out of memory. */
json_t *ut_comparison_to_json(const ut_comparison *comparison);
/* For a terminal, 80 columns at most. */
UT_MUST_CHECK ut_status ut_comparison_table(const ut_comparison *comparison, ut_buf *out);

#endif
