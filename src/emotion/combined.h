/* The combined embedding of an utterance: what was said and how it sounded, in one vector.
 *
 *     [ w_text * text / |text| ;  w_voice * voice / |voice| ]
 *
 * The squares of the weights add up to 1, so a vector with both parts has length 1; a part that is
 * missing is zero. The weights are fitted (tools/train/combined.py) and part of the models:
 * models/knowledge/combined.json. The inner product of two vectors is then the weighted sum of the
 * similarities of the parts that both have, and a query by text alone or by voice alone compares
 * with everything that has that part. Pure functions. */
#ifndef UT_EMOTION_COMBINED_H
#define UT_EMOTION_COMBINED_H

#include "base/arena.h"
#include "conversation/conversation.h"
#include "models/emotion_text/emotion_text.h"
#include "models/emotion_voice/voice.h"

enum {
    UT_COMBINED_TEXT = UT_TEXT_DIMENSIONS,
    UT_COMBINED_VOICE = UT_VOICE_DIM,
    UT_COMBINED_DIM = UT_COMBINED_TEXT + UT_COMBINED_VOICE,
    UT_COMBINED_NAME = 192 /* bytes of a space's name, its end included */
};

/* Which encoders the parts are made by, and what the parts weigh. The names are those that the
 * embeddings carry: with the edition of the weights ("words@0123abcd", ut_engine), so that a part
 * made by another encoder, or by other weights of this one, counts as missing. */
typedef struct ut_combined {
    const char *text_model;
    const char *voice_model;
    double text_weight,
        voice_weight; /* above 0, of two digits; taken to squares that add up to 1 */
} ut_combined;

/* Reads the weights of a space: {"text_weight": 0.8, "voice_weight": 0.6}. */
UT_MUST_CHECK ut_status ut_combined_weigh(const char *path, ut_combined *space, ut_error *err);

/* The name of the space: both encoders and what they weigh, as
 * "words@0123abcd*0.71+voices@4567cdef*0.71". Vectors of different names must not be compared. */
void ut_combined_name(const ut_combined *space, char name[UT_COMBINED_NAME]);

/* The space of that name, in the arena. UT_ERR_MISMATCH where it is none of ours. */
UT_MUST_CHECK ut_status ut_combined_parse(const char *name, ut_arena *arena, ut_combined *space,
                                          ut_error *err);

/* Fills `vector`; false where neither part is there (then it is all zeros). NULL parts are missing.
 */
bool ut_combine(const ut_combined *space, const ut_embedding *text, const ut_embedding *voice,
                float vector[UT_COMBINED_DIM]);

/* 1 - cosine over the parts that both have, weighted: 0 always means the same, also where one of
 * them has no voice. 1 where they share none. */
float ut_combined_distance(const ut_combined *space, const float a[UT_COMBINED_DIM],
                           const float b[UT_COMBINED_DIM]);

#endif
