/* The acoustic expert for when no Whisper is loaded: a small convolutional network over log-mel
 * frames, with attentive mean and deviation over time (Okabe et al., "Attentive statistics pooling
 * for deep speaker embedding", 2018).
 *
 *     [64, T] -conv 5/2-> [96, T/2] -conv 5/2-> [128, T/4] -3 residual conv 3, dilation 1 2 3->
 *     -conv 1-> [192, T/4] -attentive pooling-> [384] and [64] -> voice[128] -> 5 probabilities
 *
 * The convolutions hear each band with its mean taken off, whatever the microphone; the 64 means go
 * past them, since the timbre is in them: it tells most of a speaker whose usual voice is known.
 * Trained by tools/train/voice_net.py. Level does not matter: the speech is set to -26 dBFS.
 * Immutable; may be shared between threads, a scratch belongs to one. */
#ifndef UT_MODELS_EMOTION_VOICE_VOICE_NET_H
#define UT_MODELS_EMOTION_VOICE_VOICE_NET_H

#include "models/emotion_voice/voice.h"

/* Of a longer utterance its middle is heard: 20 s at 16 kHz. */
enum { UT_VOICE_NET_SAMPLES = 20 * 16000 };

typedef struct ut_voice_net ut_voice_net;

/* `path`: models/emotion_voice/voice-net.safetensors. */
UT_MUST_CHECK ut_status ut_voice_net_open(const char *path, ut_voice_net **net, ut_error *err);
void ut_voice_net_close(ut_voice_net *net); /* NULL is fine */

/* Values of the voice embedding (UT_VOICE_DIM). */
size_t ut_voice_net_dim(const ut_voice_net *net);
/* Floats of scratch, whatever the length (about 5 MB). */
size_t ut_voice_net_scratch(const ut_voice_net *net);

/* voice[dim] of an utterance, 16 kHz mono. Samples that are not finite count as silence. */
void ut_voice_net_embed(const ut_voice_net *net, const float *pcm, size_t count, float *scratch,
                        float *voice);

/* p of voice[dim]; baseline: the speaker's mean voice or NULL. */
void ut_voice_net_classify(const ut_voice_net *net, const float *voice, const float *baseline,
                           float p[UT_VOICE_CLASSES]);

#endif
