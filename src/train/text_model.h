/* The text head while it is trained: models/emotion_text's structure, with gradients.
 *
 *     sentence vector[384] -> hidden -> relu -(dropout)- output -> 5
 *                             + hashed words and pairs of words -> 5
 *
 * One thread at a time. */
#ifndef UT_TRAIN_TEXT_MODEL_H
#define UT_TRAIN_TEXT_MODEL_H

#include "models/emotion_text/emotion_text.h"
#include "train/parameters.h"

enum {
    UT_TEXT_INPUT,
    UT_TEXT_INPUT_BIAS,
    UT_TEXT_OUTPUT,
    UT_TEXT_OUTPUT_BIAS,
    UT_TEXT_NGRAM,
    UT_TEXT_BLOCKS
};

enum { UT_TEXT_HIDDEN = 192, UT_TEXT_BUCKETS = 1 << 15 };

/* The hashed words of texts, one behind the other: of text i, hashes[starts[i] .. starts[i + 1]).
 */
typedef struct ut_grams {
    const uint32_t *hashes;
    const size_t *starts;
} ut_grams;

typedef struct ut_text_model {
    ut_parameters parameters; /* blocks in the order above, under the names of the weights file */
    int hidden;
    size_t buckets;
    int batch;
    float dropout, smoothing, ridge; /* 0.3, 0.05, 1e-5 on the squares of the n-grams' weights */
    float *scratch;
} ut_text_model;

UT_MUST_CHECK ut_status ut_text_model_create(int hidden, size_t buckets, int batch,
                                             ut_text_model *model, ut_error *err);
void ut_text_model_free(ut_text_model *model);
void ut_text_model_begin(ut_text_model *model, ut_random *random);

/* Mean loss of x[n, 384] with the texts rows[n] of `grams` and their emotions; adds its gradients
 * to the parameters'. */
double ut_text_model_loss(ut_text_model *model, const float *x, const size_t *rows, int n,
                          const ut_grams *grams, const int *emotions, ut_random *random);

/* logits[n, 5]; n is at most `batch`. */
void ut_text_model_logits(const ut_text_model *model, const float *x, const size_t *rows, int n,
                          const ut_grams *grams, float *logits);

#endif
