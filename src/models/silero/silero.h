/* Speech detection with silero (version 5 and 6, 16 kHz): 512 new samples a step in, one
 * probability of speech out. The state carries 64 samples of context and an LSTM's memory of 128,
 * so that steps must be given in order.
 *
 * Follows https://github.com/snakers4/silero-vad (MIT). The model is immutable and may be shared
 * between threads; a state belongs to one stream. No allocation after opening. */
#ifndef UT_MODELS_SILERO_SILERO_H
#define UT_MODELS_SILERO_SILERO_H

#include "undertone_status.h"

enum { UT_SILERO_STEP = 512, UT_SILERO_CONTEXT = 64, UT_SILERO_HIDDEN = 128 };

typedef struct ut_silero ut_silero;

/* Zeroed memory is a fresh state. */
typedef struct ut_silero_state {
    float context[UT_SILERO_CONTEXT];
    float h[UT_SILERO_HIDDEN];
    float c[UT_SILERO_HIDDEN];
} ut_silero_state;

/* `path`: silero_vad_16k.safetensors. */
UT_MUST_CHECK ut_status ut_silero_open(const char *path, ut_silero **model, ut_error *err);
void ut_silero_close(ut_silero *model); /* NULL is fine */

/* Probability of speech, 0..1, for the next UT_SILERO_STEP samples (16 kHz mono, -1..1). Values
 * that are not finite count as silence. */
float ut_silero_step(const ut_silero *model, ut_silero_state *state, const float *pcm);

#endif
