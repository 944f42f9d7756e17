/* Speech detection with the bundled network (models/speech/vad-small.safetensors, trained here by
 * imitating silero: tools/train/vad_small.py), used where silero was not pulled: 512 new samples a
 * step in, one probability of speech out. The same shape as models/silero/silero.h.
 *
 * A step is two log-mel frames 256 samples apart, each less the stream's peak level, which decays
 * by 0.25 nepers of power a second: recordings 40 dB apart in level look alike. Then linear 80 ->
 * 48, ReLU, LSTM 64, linear 1, sigmoid. The model is immutable and may be shared between threads; a
 * state belongs to one stream. No allocation after opening. */
#ifndef UT_MODELS_VAD_SMALL_VAD_SMALL_H
#define UT_MODELS_VAD_SMALL_VAD_SMALL_H

#include "undertone_status.h"

enum { UT_VAD_SMALL_STEP = 512, UT_VAD_SMALL_CONTEXT = 144, UT_VAD_SMALL_HIDDEN = 64 };

typedef struct ut_vad_small ut_vad_small;

/* Zeroed memory is a fresh state. */
typedef struct ut_vad_small_state {
    float context[UT_VAD_SMALL_CONTEXT];
    float h[UT_VAD_SMALL_HIDDEN];
    float c[UT_VAD_SMALL_HIDDEN];
    float peak; /* of the frames' mean log-mel, above the lowest that counts */
} ut_vad_small_state;

/* `path`: vad-small.safetensors. */
UT_MUST_CHECK ut_status ut_vad_small_open(const char *path, ut_vad_small **model, ut_error *err);
void ut_vad_small_close(ut_vad_small *model); /* NULL is fine */

/* Probability of speech, 0..1, for the next UT_VAD_SMALL_STEP samples (16 kHz mono, -1..1). Values
 * that are not finite count as silence. */
float ut_vad_small_step(const ut_vad_small *model, ut_vad_small_state *state, const float *pcm);

#endif
