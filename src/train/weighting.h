/* How often each utterance is met in training, and numbers for the speakers. */
#ifndef UT_TRAIN_WEIGHTING_H
#define UT_TRAIN_WEIGHTING_H

#include "train/dataset.h"

/* weights[count] of samples[count]: within a corpus each emotion counts the same, however many
 * utterances it has; corpora count by the square root of their speakers. */
UT_MUST_CHECK ut_status ut_weigh_samples(const ut_dataset *dataset, const size_t *samples,
                                         size_t count, double *weights, ut_error *err);

/* A number from 0 for each speaker of samples[count]; those who are not named are one a corpus.
 * *speakers: how many. */
UT_MUST_CHECK ut_status ut_number_speakers(const ut_dataset *dataset, const size_t *samples,
                                           size_t count, size_t *numbers, size_t *speakers,
                                           ut_error *err);

#endif
