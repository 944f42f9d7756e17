/* The acoustic expert on Whisper's encoder: the mean and deviation of some of its layers over an
 * utterance's own frames, through one linear map, are the utterance's voice embedding.
 *
 * The encoder has run for the transcript anyway; hearing the emotion costs one product of
 * [128, layers * 2 * width] an utterance. Trained by tools/train/voice_whisper.py on windows that
 * hold several speakers. The head belongs to the Whisper size it was trained on. Immutable; may be
 * shared between threads. */
#ifndef UT_MODELS_EMOTION_VOICE_VOICE_HEAD_H
#define UT_MODELS_EMOTION_VOICE_VOICE_HEAD_H

#include "models/emotion_voice/voice.h"

enum { UT_VOICE_HEAD_FRAMES = 1500 /* of a 30 s window, 50 a second */ };

typedef struct ut_voice_head ut_voice_head;

/* `path`: models/emotion_voice/whisper-<size>-voice.safetensors. */
UT_MUST_CHECK ut_status ut_voice_head_open(const char *path, ut_voice_head **head, ut_error *err);
void ut_voice_head_close(ut_voice_head *head); /* NULL is fine */

/* Values of the voice embedding (UT_VOICE_DIM). */
size_t ut_voice_head_dim(const ut_voice_head *head);
/* Width d of the encoder it fits (512: base, 384: tiny). */
size_t ut_voice_head_width(const ut_voice_head *head);
/* The layers that are pooled, ascending: 0 after convolutions and positions, i after block i,
 * before the final layer norm. Only these entries of `layers` below need be given. */
size_t ut_voice_head_layers(const ut_voice_head *head, const int **layers);
/* Floats of scratch. */
size_t ut_voice_head_scratch(const ut_voice_head *head);

/* Mean and population deviation of each column of layer[1500, width] over the frames t0 <= t < t1
 * (cut to 0..1500; at least one frame is taken): out[2, width]. What the head's projection takes,
 * one layer behind the other. */
void ut_voice_pool(const float *layer, int width, int t0, int t1, float *out);

/* voice[dim] of the frames t0 <= t < t1 (cut to 0..1500; at least one frame is taken).
 * layers[i]: [1500, d]. */
void ut_voice_head_pool(const ut_voice_head *head, const float *const *layers, int t0, int t1,
                        float *voice, float *scratch);

/* p of voice[dim]; baseline: the speaker's mean voice or NULL. */
void ut_voice_head_classify(const ut_voice_head *head, const float *voice, const float *baseline,
                            float p[UT_VOICE_CLASSES]);

#endif
