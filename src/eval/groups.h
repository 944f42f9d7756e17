/* Scores apart by who spoke, how long, and how surely the words were recognised: where a system
 * fails is seldom everywhere. */
#ifndef UT_EVAL_GROUPS_H
#define UT_EVAL_GROUPS_H

#include "eval/evaluate.h"

typedef enum ut_grouping {
    UT_BY_SPEAKER,
    UT_BY_DURATION,
    UT_BY_CONFIDENCE, /* of the recogniser */
    UT_GROUPINGS
} ut_grouping;

extern const char *const ut_grouping_names[UT_GROUPINGS]; /* "speaker", "duration", "confidence" */

struct ut_group {
    ut_grouping by;
    const char *name; /* "agent", "1-2 s", "below 0.5" */
    ut_classification emotions;
};

/* The groups of e->scores that hold anything, into the evaluation: speakers in the order of their
 * names, the others from low to high. */
UT_MUST_CHECK ut_status ut_groups_make(ut_evaluation *e, ut_error *err);

#endif
