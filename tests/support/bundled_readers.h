/* The readers of the weights that come with the program, behind one face. */
#ifndef UT_TEST_BUNDLED_READERS_H
#define UT_TEST_BUNDLED_READERS_H

#include <stdlib.h>

#include "models/emotion_text/emotion_text.h"
#include "models/emotion_voice/voice_head.h"
#include "models/emotion_voice/voice_net.h"
#include "models/speaker_small/speaker_small.h"
#include "models/static_embedding/static_embedding.h"
#include "models/vad_small/vad_small.h"

typedef struct ut_bundled_reader {
    const char *file; /* in the repository */
    /* Opens `path`; what opens is used once and closed. */
    ut_status (*open)(const char *path, ut_error *err);
} ut_bundled_reader;

static inline ut_status ut_bundled_vad(const char *path, ut_error *err)
{
    ut_vad_small *model;
    ut_status status = ut_vad_small_open(path, &model, err);
    if (status != UT_OK)
        return status;
    static const float pcm[UT_VAD_SMALL_STEP];
    ut_vad_small_state state = {0};
    ut_vad_small_step(model, &state, pcm);
    ut_vad_small_close(model);
    return UT_OK;
}

static inline ut_status ut_bundled_speaker(const char *path, ut_error *err)
{
    ut_speaker_small *model;
    ut_status status = ut_speaker_small_open(path, &model, err);
    if (status != UT_OK)
        return status;
    static const float features[UT_SPEAKER_SMALL_PARTIAL * UT_SPEAKER_SMALL_BANDS];
    float out[UT_SPEAKER_SMALL_SIZE];
    float *scratch = calloc(ut_speaker_small_scratch(1), sizeof *scratch);
    if (scratch)
        ut_speaker_small_embed(model, features, 1, out, scratch);
    free(scratch);
    ut_speaker_small_close(model);
    return UT_OK;
}

static inline ut_status ut_bundled_voice_net(const char *path, ut_error *err)
{
    ut_voice_net *net;
    ut_status status = ut_voice_net_open(path, &net, err);
    if (status != UT_OK)
        return status;
    static const float pcm[4000];
    float voice[UT_VOICE_DIM], p[UT_VOICE_CLASSES];
    float *scratch = calloc(ut_voice_net_scratch(net), sizeof *scratch);
    if (scratch) {
        ut_voice_net_embed(net, pcm, 4000, scratch, voice);
        ut_voice_net_classify(net, voice, voice, p);
    }
    free(scratch);
    ut_voice_net_close(net);
    return UT_OK;
}

static inline ut_status ut_bundled_voice_head(const char *path, ut_error *err)
{
    ut_voice_head *head;
    ut_status status = ut_voice_head_open(path, &head, err);
    if (status != UT_OK)
        return status;
    float voice[UT_VOICE_DIM] = {0}, p[UT_VOICE_CLASSES];
    ut_voice_head_classify(head, voice, NULL, p);
    ut_voice_head_close(head);
    return UT_OK;
}

static inline ut_status ut_bundled_text(const char *path, ut_error *err)
{
    ut_text_expert *expert;
    ut_status status = ut_text_expert_open(path, &expert, err);
    if (status != UT_OK)
        return status;
    static const float vector[UT_TEXT_DIMENSIONS];
    float p[UT_TEXT_LABELS];
    status = ut_text_expert_classify(expert, "how are you", vector, p, err);
    ut_text_expert_close(expert);
    return status;
}

static inline ut_status ut_bundled_context(const char *path, ut_error *err)
{
    ut_context_expert *expert;
    ut_status status = ut_context_expert_open(path, &expert, err);
    if (status != UT_OK)
        return status;
    static const float vector[UT_TEXT_DIMENSIONS];
    const ut_context_turn turn = {.embedding = vector};
    const ut_context_turn *turns[UT_CONTEXT_TURNS] = {&turn, &turn};
    float p[UT_TEXT_LABELS];
    ut_context_expert_classify(expert, turns, p);
    ut_context_expert_close(expert);
    return status;
}

static inline ut_status ut_bundled_static(const char *path, ut_error *err)
{
    ut_static_embedding *embedding;
    ut_status status = ut_static_embedding_open(path, &embedding, err);
    if (status != UT_OK)
        return status;
    float out[1024];
    status = ut_static_embedding_embed(embedding, "how are you", out, err);
    ut_static_embedding_close(embedding);
    return status;
}

static const ut_bundled_reader ut_bundled_readers[] = {
    {"models/speech/vad-small.safetensors", ut_bundled_vad},
    {"models/speech/speaker-small.safetensors", ut_bundled_speaker},
    {"models/emotion_voice/voice-net.safetensors", ut_bundled_voice_net},
    {"models/emotion_voice/whisper-base-voice.safetensors", ut_bundled_voice_head},
    {"models/text/emotion-minilm.safetensors", ut_bundled_text},
    {"models/text/context.safetensors", ut_bundled_context},
    {"models/text/static.safetensors", ut_bundled_static},
};
enum { UT_BUNDLED_READERS = sizeof ut_bundled_readers / sizeof *ut_bundled_readers };

#endif
