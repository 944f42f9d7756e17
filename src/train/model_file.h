/* The file that training writes and `run --model` takes: safetensors under any name, with one or
 * both heads in the bundled heads' own tensors, so that models/emotion_voice and
 * models/emotion_text read it as they read theirs.
 *
 * Its metadata says which encoders the heads belong to, by name and by the hash of their weights:
 * vectors of one encoder mean nothing to a head trained on another. */
#ifndef UT_TRAIN_MODEL_FILE_H
#define UT_TRAIN_MODEL_FILE_H

#include "train/heads.h"

typedef struct ut_encoder_id {
    const char *name; /* NULL: the file has no such head */
    const char *sha256;
} ut_encoder_id;

typedef struct ut_model_info {
    ut_encoder_id voice, text;
    const int *layers; /* of Whisper's encoder; NULL where voice-net hears. Not read back. */
    size_t layer_count;
    const char *data; /* one line each */
    const char *license;
    const char *scores;
    uint64_t seed;
} ut_model_info;

/* A head that is NULL in `info` is left out, and may be NULL here. */
UT_MUST_CHECK ut_status ut_model_write(const char *path, const ut_trained_voice *voice,
                                       const ut_trained_text *text, const ut_model_info *info,
                                       ut_error *err);

/* What a file says of itself, in the arena; UT_ERR_FORMAT if no training wrote it. */
UT_MUST_CHECK ut_status ut_model_read_info(const char *path, ut_arena *arena, ut_model_info *info,
                                           ut_error *err);

#endif
