/* Ground truth: what a person says was said and felt.
 *
 *     {"call.wav": [{"start": 0.5, "end": 2.1, "speaker": "agent", "emotion": "neutral",
 *                    "text": "Hello."}, ...],
 *      "clip.wav": [{"emotion": "angry"}]}
 *
 * An entry without times labels the whole file and is then the file's only one. "emotion" is one of
 * the five; "speaker" and "text" may be left out. Other members are refused, so that a misspelt one
 * is noticed. */
#ifndef UT_EVAL_TRUTH_H
#define UT_EVAL_TRUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "conversation/conversation.h"
#include "undertone_status.h"

typedef struct ut_truth_entry {
    double start, end;   /* seconds; NAN for the whole file */
    const char *speaker; /* NULL: not given */
    ut_emotion_label emotion;
    const char *text; /* NULL: not given */
} ut_truth_entry;

typedef struct ut_truth_file {
    const char *name; /* the key */
    ut_truth_entry *entries;
    size_t count;
    bool whole; /* one label without times */
} ut_truth_file;

/* Immutable; owns everything it points to. */
typedef struct ut_truth {
    ut_arena *arena;
    ut_truth_file *files;
    size_t count;
} ut_truth;

/* `name` is what messages call the document. Errors name the line, the file's key and the entry. */
UT_MUST_CHECK ut_status ut_truth_parse(const char *text, size_t length, const char *name,
                                       ut_truth **truth, ut_error *err);
UT_MUST_CHECK ut_status ut_truth_load(const char *path, ut_truth **truth, ut_error *err);
void ut_truth_free(ut_truth *truth); /* NULL is fine */

#endif
