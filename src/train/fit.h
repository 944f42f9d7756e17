/* The loop around any head: epochs of batches, AdamW under a one-cycle learning rate, early
 * stopping, checkpoints.
 *
 * Batches are drawn by weight (with replacement), so that rare emotions are met as often as common
 * ones. After each epoch the head is scored on other utterances; the epoch with the best mean
 * recall (of equal ones the lower loss) is what remains. The state is written after each epoch, and
 * a training that was interrupted goes on from there to the same weights, bit for bit. */
#ifndef UT_TRAIN_FIT_H
#define UT_TRAIN_FIT_H

#include <stdatomic.h>

#include "train/parameters.h"

enum { UT_EPOCHS_MOST = 1000 };

typedef struct ut_epoch {
    float loss;       /* mean over the epoch's batches */
    float validation; /* cross-entropy on the other utterances */
    float uar;        /* mean recall there, 0..1 */
} ut_epoch;

typedef struct ut_trainee {
    const char *name; /* "voice", "text" */
    void *self;
    ut_parameters *parameters;
    const double *weights; /* [rows]: how often a row is drawn */
    size_t rows;
    int batch;                                    /* rows at a time */
    int epochs;                                   /* at most */
    int patience;                                 /* epochs without a better one before it ends */
    float rate;                                   /* highest learning rate */
    void (*begin)(void *self, ut_random *random); /* of an epoch; NULL: nothing to do */
    double (*loss)(void *self, const size_t *rows, size_t n, ut_random *random);
    void (*validate)(void *self, ut_epoch *epoch);
} ut_trainee;

typedef struct ut_history {
    ut_epoch epochs[UT_EPOCHS_MOST];
    int count;
    int best;    /* index of the epoch that remains */
    int resumed; /* epochs that came from a checkpoint */
} ut_history;

typedef struct ut_fit_options {
    uint64_t seed;
    const char *checkpoint;  /* the file; NULL: none */
    const char *fingerprint; /* of everything that the outcome depends on: one of another training
                                is not gone on with */
    atomic_bool *cancelled;  /* may be NULL */
    void (*progress)(void *context, const ut_trainee *trainee, const ut_history *history);
    void *context;
} ut_fit_options;

/* Leaves the best epoch's values in the parameters. UT_ERR_CANCELLED, UT_ERR_IO (a checkpoint that
 * cannot be written; the one before stays), UT_ERR_FORMAT where the loss is no number. */
UT_MUST_CHECK ut_status ut_fit(const ut_trainee *trainee, const ut_fit_options *options,
                               ut_history *history, ut_error *err);

/* Rows a batch for so many: a sixteenth, from 16 to 128, so that small sets get enough steps. */
int ut_fit_batch(size_t rows);

/* The learning rate at a step of so many: up from a 25th to `highest` in the first 15 %, then down
 * to nearly nothing, both along a cosine (Smith and Topin 2018). */
float ut_fit_rate(float highest, size_t step, size_t steps);

#endif
