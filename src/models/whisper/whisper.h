/* Whisper (Radford et al. 2022): an encoder over 30 s of log-mel frames and a decoder over tokens.
 *
 * Opened from a folder of either kind: CTranslate2's (model.bin, config.json, tokenizer.json or
 * vocabulary.txt; what faster-whisper and WhisperX load), or the hub's (model.safetensors,
 * config.json, generation_config.json, tokenizer.json). Matrices are used in place, in the file's
 * own precision; everything is computed in f32.
 *
 * An ut_whisper is immutable and may be shared between threads. An ut_whisper_state holds the
 * buffers of one window and belongs to one thread at a time; nothing is allocated after it was
 * created. d below is the model's width, 512 for base. */
#ifndef UT_MODELS_WHISPER_WHISPER_H
#define UT_MODELS_WHISPER_WHISPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/bpe.h"
#include "undertone_status.h"

enum {
    UT_WHISPER_RATE = 16000,
    UT_WHISPER_SAMPLES = 480000, /* of a window, 30 s */
    UT_WHISPER_MELS_FRAMES = 3000,
    UT_WHISPER_FRAMES = 1500, /* encoder frames, 20 ms each */
    UT_WHISPER_CONTEXT = 448, /* tokens that the decoder can hold */
    UT_WHISPER_ROWS = 8       /* hypotheses decoded side by side, at most */
};

typedef struct ut_whisper_dims {
    int mels, d, heads;
    int encoder_layers, decoder_layers;
    int vocabulary;
} ut_whisper_dims;

/* Identifiers of the special tokens. Timestamps run from `timestamp` (0 s) in steps of 20 ms. */
typedef struct ut_whisper_tokens {
    bool multilingual;
    int end, start;
    int language, languages; /* the first of so many */
    int translate, transcribe;
    int previous, no_speech, no_timestamps, timestamp;
} ut_whisper_tokens;

typedef struct ut_whisper ut_whisper;
typedef struct ut_whisper_state ut_whisper_state;

UT_MUST_CHECK ut_status ut_whisper_open(const char *dir, ut_whisper **model, ut_error *err);
void ut_whisper_close(ut_whisper *model); /* NULL is fine */

const ut_whisper_dims *ut_whisper_get_dims(const ut_whisper *model);
const ut_whisper_tokens *ut_whisper_get_tokens(const ut_whisper *model);
const ut_bpe *ut_whisper_bpe(const ut_whisper *model);
/* Path of the weights file. */
const char *ut_whisper_path(const ut_whisper *model);
/* Tokens that are never sampled (`first`: nor as the first of a window). */
const int *ut_whisper_suppressed(const ut_whisper *model, bool first, size_t *count);

/* `rows`: hypotheses decoded side by side, 1 .. UT_WHISPER_ROWS. The model must outlive it. */
UT_MUST_CHECK ut_status ut_whisper_state_create(const ut_whisper *model, int rows,
                                                ut_whisper_state **state, ut_error *err);
void ut_whisper_state_destroy(ut_whisper_state *state); /* NULL is fine */

/* Log-mel frames of a window as OpenAI makes them: mel[3000, mels] of n <= 480000 samples, zeros
 * behind. Readable until the next ut_whisper_encode. */
const float *ut_whisper_mel(ut_whisper_state *state, const float *pcm, size_t n);
/* Log-mel, encoder, and the keys and values of the decoder's cross-attention. */
void ut_whisper_encode(ut_whisper_state *state, const float *pcm, size_t n);
/* The window's hidden states: [encoder_layers + 1] of [1500, d]; 0 behind the convolutions and
 * positions, i behind block i. */
const float *const *ut_whisper_layers(const ut_whisper_state *state);
/* The encoder's output [1500, d], after its last layer norm. */
const float *ut_whisper_encoded(const ut_whisper_state *state);

/* One row of a decoder pass: a token at a position, over the keys and values at positions 0 ..
 * position, of which that at p lies in slot history[p] (history[position] is where its own go).
 * Reordering hypotheses thus moves histories, never keys and values. */
typedef struct ut_whisper_row {
    int token;
    int position;
    const uint8_t *history;
} ut_whisper_row;

/* Runs `count` rows (at most UT_WHISPER_CONTEXT; a row may look at earlier rows of the same pass)
 * and writes the logits of the last `wanted` (at most UT_WHISPER_ROWS) to logits[wanted,
 * vocabulary]. */
void ut_whisper_decode(ut_whisper_state *state, const ut_whisper_row *rows, int count, int wanted,
                       float *logits);

/* How much each token looks at each frame: the model's alignment heads over a forced run of
 * tokens[count], softmax over `frames`, normalised over the tokens, median-filtered (7 frames) and
 * averaged, as openai-whisper's timing.py. The result [count, frames] belongs to the state. */
const float *ut_whisper_attention(ut_whisper_state *state, const int *tokens, int count,
                                  int frames);

#endif
