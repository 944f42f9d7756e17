/* What the files of the Whisper model share. */
#ifndef UT_MODELS_WHISPER_INTERNAL_H
#define UT_MODELS_WHISPER_INTERNAL_H

#include "base/arena.h"
#include "dsp/mel.h"
#include "models/whisper/whisper.h"
#include "nn/tensor.h"
#include "nn/weights.h"

enum {
    UT_WHISPER_LAYERS = 64, /* of one side, at most */
    UT_WHISPER_HEAD = 64,   /* values of a head, in every Whisper */
    UT_WHISPER_BLOCK = 100  /* encoder frames that attention and feed-forward take at once */
};

typedef struct whisper_matrix {
    ut_tensor w;
    const float *bias; /* NULL: none */
} whisper_matrix;

typedef struct whisper_norm {
    const float *gamma, *beta; /* [d] */
} whisper_norm;

typedef struct whisper_layer {
    whisper_norm attention_norm, cross_norm, feed_norm;
    whisper_matrix q, k, v, out;                         /* [d, d] */
    whisper_matrix cross_q, cross_k, cross_v, cross_out; /* [d, d]; decoder only */
    whisper_matrix feed_in, feed_out;                    /* [4d, d], [d, 4d] */
} whisper_layer;

struct ut_whisper {
    ut_arena *arena;
    ut_weights *weights;
    ut_bpe *bpe;
    ut_mel *mel;
    ut_whisper_dims dims;
    ut_whisper_tokens tokens;
    const float *conv1, *conv1_bias; /* [d, 3, mels]: a filter's taps are the frames in order */
    const float *conv2, *conv2_bias; /* [d, 3, d] */
    const float *encoder_positions;  /* [1500, d] */
    const float *decoder_positions;  /* [448, d] */
    ut_tensor embedding;             /* [vocabulary, d], also the output matrix */
    whisper_norm encoder_norm, decoder_norm;
    whisper_layer encoder[UT_WHISPER_LAYERS], decoder[UT_WHISPER_LAYERS];
    int *suppressed, *suppressed_first;
    size_t suppressed_count, suppressed_first_count;
    bool *alignment; /* [decoder_layers, heads] */
};

struct ut_whisper_state {
    const ut_whisper *model;
    int slots;
    float *pcm; /* [200 + 480000 + 200] */
    float *mel_scratch;
    float *mel;                           /* [1 + 3000 + 1, mels], rows of zeros around */
    float *conv;                          /* [1 + 3000 + 1, d], where the keys will be */
    float *layers[UT_WHISPER_LAYERS + 1]; /* [1500, d] */
    float *encoded;                       /* [1500, d] */
    float *wide;                          /* [3, 1500, d] behind conv: the encoder's q, k, v */
    float *q, *k, *v;                     /* [448, d]: the decoder's */
    float *hidden;                        /* [BLOCK or 448, 4d] */
    float *scores;                        /* [448, 1500] */
    float *cross_k;                       /* [decoder_layers, heads, 1500, 64] */
    float *cross_v;                       /* the same */
    float *self_k;                        /* [decoder_layers, 448, slots, d] */
    float *self_v;
    float *x, *y, *z;     /* [448, d] */
    float *attention;     /* [448, 1500] */
    float *gathered;      /* the same: one head at work */
    int attention_frames; /* > 0: the pass under way gathers attention */
    int attention_heads;
};

/* Adds one alignment head's scores[count, 1500] to the attention under way. */
void ut_whisper_gather(ut_whisper_state *state, const float *scores, int count);

#endif
