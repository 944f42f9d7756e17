/* Scores conversations against ground truth.
 *
 * Which conversation belongs to a key of the ground truth: the one whose source file is the key;
 * else the only one whose source file has the same base name; else the one whose id is the key.
 * Keys and conversations without a partner are listed and not scored.
 *
 * Each truth entry is scored once: its prediction is the most probable emotion of the mean of the
 * predicted probabilities of all utterances that overlap it, weighted by the seconds of overlap (an
 * entry for the whole file: by the utterances' lengths). An entry that nothing overlaps is missed:
 * it counts as wrong and is counted apart; in the calibration it has no part, since it has no
 * confidence. Predictions that overlap no entry are counted, not scored.
 *
 * The word error rate is taken over whole files (all texts of a file in order of their start
 * against all that was recognised), for the files whose every entry has a text. */
#ifndef UT_EVAL_EVALUATE_H
#define UT_EVAL_EVALUATE_H

#include <jansson.h>

#include "base/buf.h"
#include "conversation/conversation.h"
#include "eval/metrics.h"
#include "eval/truth.h"
#include "eval/wer.h"

/* One truth entry and what was predicted for it. */
typedef struct ut_score {
    size_t file;       /* index into ut_evaluation.files */
    size_t entry;      /* index into the truth file's entries */
    int truth;         /* ut_emotion_label */
    int predicted;     /* ut_emotion_label, or UT_METRICS_MISSED */
    double start, end; /* of the entry, NAN for the whole file */
    double probabilities[UT_EMOTIONS];
    unsigned label_set;  /* of the utterance that overlaps it longest; 0: none was made */
    const char *speaker; /* as the truth names them, else as the program does where they speak for
                            most of it; NULL: neither */
    double seconds;      /* of the entry, or of the utterances in a whole file */
    double confidence;   /* of the recogniser, mean over the overlapping utterances; NAN: none */
} ut_score;

/* How label sets fared: how many, how many hold the truth, how many labels they have together; the
 * first two of each true class, too. */
typedef struct ut_set_counts {
    size_t count, covered, labels;
    size_t class_count[UT_EMOTIONS], class_covered[UT_EMOTIONS];
} ut_set_counts;

typedef struct ut_file_result {
    const char *name; /* the truth's key */
    const char *id;   /* of the conversation */
    size_t entries, correct, missed;
    size_t extra; /* predictions that overlap no entry */
    bool has_wer;
    ut_wer wer;
} ut_file_result;

typedef struct ut_evaluation {
    ut_arena *arena;
    ut_score *scores;
    size_t score_count;
    ut_file_result *files;
    size_t file_count;
    size_t missed, extra;
    ut_classification emotions;
    ut_calibration calibration;
    ut_set_counts sets;
    size_t wer_files;
    ut_wer wer;
    struct ut_group *groups; /* eval/groups.h */
    size_t group_count;
    const char **truth_without_conversation;
    size_t truth_without_conversation_count;
    const char **conversations_without_truth; /* their source files */
    size_t conversations_without_truth_count;
} ut_evaluation;

/* The result owns copies of all names. UT_ERR_NOT_FOUND when no key has a conversation. */
UT_MUST_CHECK ut_status ut_evaluate(const ut_truth *truth,
                                    const ut_conversation *const *conversations, size_t count,
                                    ut_evaluation **evaluation, ut_error *err);
void ut_evaluation_free(ut_evaluation *evaluation); /* NULL is fine */

/* results.json; a new reference, NULL when out of memory. */
json_t *ut_evaluation_to_json(const ut_evaluation *evaluation);

/* The table for a terminal, 80 columns at most, ASCII. */
UT_MUST_CHECK ut_status ut_evaluation_table(const ut_evaluation *evaluation, ut_buf *out);

#endif
