/* The engine's inside: every model that the steps use. Immutable once opened. */
#ifndef UT_PIPELINE_ENGINE_H
#define UT_PIPELINE_ENGINE_H

#include "base/arena.h"
#include "conversation/conversation.h"
#include "emotion/examples.h"
#include "emotion/judge.h"
#include "emotion/refine.h"
#include "hub/hub.h"
#include "models/bert/bert.h"
#include "models/emotion_text/emotion_text.h"
#include "models/emotion_voice/voice_head.h"
#include "models/emotion_voice/voice_net.h"
#include "models/resemblyzer/resemblyzer.h"
#include "models/segmentation/segmentation.h"
#include "models/silero/silero.h"
#include "models/speaker_small/speaker_small.h"
#include "models/static_embedding/static_embedding.h"
#include "models/vad_small/vad_small.h"
#include "speech/bundled.h"
#include "speech/diarize.h"
#include "speech/recognize.h"
#include "speech/vad.h"
#include "train/model_file.h"
#include "undertone.h"

struct ut_engine {
    ut_arena *arena;
    ut_options options; /* strings in the arena */
    const char *models_dir;
    char summary[512];
    ut_hub *hub;

    ut_silero *silero;
    ut_vad_small *vad_small;
    ut_segmentation *segmentation;
    ut_resemblyzer *resemblyzer;
    ut_speaker_small *speaker_small;
    ut_recognizer *recognizer;
    ut_bert *bert;
    ut_static_embedding *static_embedding;
    ut_text_expert *text_expert;
    ut_context_expert *context_expert;
    struct ut_engine_head {
        const char *name;
        const char *mark; /* that its voice embeddings carry: name and beginning of the hash, for
                             those of other weights of this name mean nothing to it */
        const char *sha256;
        ut_voice_head *head;
    } heads[5]; /* every bundled one, since a document tells which it was made with, and the
                   user's */
    size_t head_count;
    const struct ut_engine_head *head; /* the one for this recogniser's encoder, NULL without */
    ut_voice_net *voice_net;
    const char *voice_net_name;
    const char *voice_net_mark; /* that its voice embeddings carry, as for the heads */
    struct ut_engine_own {
        const char *path; /* of options.model; NULL: none, and nothing else is set */
        const char *name; /* "trained-" and the beginning of its hash */
        const char *sha256;
        ut_model_info info;
        ut_voice_classifier *classifier; /* where its voice head hears voice-net's embeddings */
    } own;
    ut_examples *examples;
    ut_store *store;         /* the user's knowledge base, belongs to `examples`; NULL: none */
    ut_combined space;       /* of combined embeddings made here */
    ut_combined store_space; /* as ut_knowledge_space() says of the store */
    ut_refiner *refiner;     /* NULL: no language model is asked */

    ut_vad vad;
    ut_diarize_models diarization;
    const char *text_model;
    const char *text_mark; /* that its embeddings carry, as for the heads */
    const char *text_sha256;

    ut_model_record *records;
    size_t record_count;
    bool planning; /* ut_engine_plan(): models are chosen, none is opened */
};

/* What a command needs; ut_engine_open() takes all. ENCODE is of LISTEN the recogniser alone. */
enum {
    UT_ENGINE_LISTEN = 1,
    UT_ENGINE_EXTRACT = 2,
    UT_ENGINE_JUDGE = 4,
    UT_ENGINE_ALL = 7,
    UT_ENGINE_ENCODE = 8
};
UT_MUST_CHECK ut_status ut_engine_open_parts(const ut_options *options, unsigned parts,
                                             ut_engine **engine, ut_error *err);

/* The same choice of models without opening one: what a cache key must know. In records, sha256
 * holds the path of the weights instead; the folder of each holds all that belongs to it
 * (configuration, tokenizer). Close it as any engine; it can do nothing else. */
UT_MUST_CHECK ut_status ut_engine_plan(const ut_options *options, unsigned parts,
                                       ut_engine **engine, ut_error *err);

/* The text embedding of the encoder in use: out[UT_TEXT_DIMENSIONS]. `context` is the engine. */
UT_MUST_CHECK ut_status ut_engine_embed(void *context, const char *text, float *out, ut_error *err);
/* The same for texts[count], none of them empty, into out[count, UT_TEXT_DIMENSIONS]. */
UT_MUST_CHECK ut_status ut_engine_embed_many(const ut_engine *engine, const char *const *texts,
                                             size_t count, float *out, ut_error *err);

/* Notes a model in the conversation's provenance. */
UT_MUST_CHECK ut_status ut_engine_record(const ut_engine *engine, ut_conversation *c,
                                         const char *job);

#endif
