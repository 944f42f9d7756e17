#include "pipeline/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "pipeline/knowledge.h"
#include "pipeline/language_model.h"

/* What `auto` looks for, best for conversations on a processor first: base is what the standard set
 * holds and what the voice head was trained on. */
static const char *const recognisers[] = {"whisper-base", "whisper-small", "whisper-tiny",
                                          "whisper-base.en", "whisper-tiny.en"};

ut_options ut_options_default(void)
{
    return (ut_options){.asr_model = "auto",
                        .text_model = "auto",
                        .vad_model = "auto",
                        .speaker_model = "auto",
                        .beam_size = 5,
                        .channels = UT_CHANNELS_AUTO,
                        .modalities = UT_MODALITY_ALL,
                        .retrieval = 1};
}

/* *installed becomes the folder of an installed model, in the arena, NULL if it is not there; one
 * that is there but damaged is an error, lest something lesser takes its place unseen. Sizes of
 * Whisper that the manifest does not have may be in the cache all the same. */
static ut_status find_installed(ut_engine *e, const char *name, const char **installed,
                                ut_error *err)
{
    char *folder = NULL;
    char repository[256];
    *installed = NULL;
    ut_status status = ut_hub_find(e->hub, name, &folder, err);
    if (status == UT_ERR_NOT_FOUND && strncmp(name, "whisper-", 8) == 0) {
        snprintf(repository, sizeof repository, "Systran/faster-%s", name);
        status = ut_hub_find(e->hub, repository, &folder, err);
    }
    if (status == UT_ERR_NOT_FOUND)
        return UT_OK;
    if (status == UT_OK && !(*installed = ut_arena_strdup(e->arena, folder)))
        status = ut_fail_memory(err, "engine");
    free(folder);
    return status;
}

static const char *in_folder(ut_engine *e, const char *folder, const char *file)
{
    char *path = ut_path_join(folder, file);
    const char *copy = ut_arena_strdup(e->arena, path);
    free(path);
    return copy ? copy : "";
}

static const char *bundled(ut_engine *e, const char *file)
{
    return in_folder(e, e->models_dir, file);
}

/* Provenance: every model that is used, with the hash of its weights. */
static ut_status record(ut_engine *e, const char *job, const char *name, const char *path,
                        ut_error *err)
{
    char hash[UT_SHA256_HEX];
    if (!e->planning) {
        UT_TRY(ut_sha256_file(path, hash, err));
        UT_TRY(ut_hub_check_hash(e->hub, path, hash, err));
    }
    ut_model_record *r = &e->records[e->record_count++];
    *r = (ut_model_record){job, ut_arena_strdup(e->arena, name),
                           ut_arena_strdup(e->arena, e->planning ? path : hash)};
    return r->name && r->sha256 ? UT_OK : ut_fail_memory(err, "engine");
}

ut_status ut_engine_record(const ut_engine *engine, ut_conversation *c, const char *job)
{
    for (size_t i = 0; i < engine->record_count; i++) {
        const ut_model_record *r = &engine->records[i];
        if (strncmp(r->job, job, strlen(job)) == 0)
            UT_TRY(ut_conversation_add_model(c, r->job, r->name, r->sha256));
    }
    return UT_OK;
}

/* Beside the sources' build folder, beside the program, or where `make install` puts it. */
static ut_status find_models(ut_engine *e, ut_error *err)
{
    const char *environment = getenv("UNDERTONE_MODELS");
    if (!e->options.models_dir && environment && *environment)
        e->options.models_dir = environment;
    if (e->options.models_dir) {
        e->models_dir = ut_arena_strdup(e->arena, e->options.models_dir);
        if (!ut_file_is_dir(e->models_dir))
            return ut_fail(err, UT_ERR_NOT_FOUND, "engine",
                           "there is no folder %s; see --models_dir", e->models_dir);
        return UT_OK;
    }
    static const char *const places[] = {"../models", "../share/undertone/models", "models"};
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    size_t folder = (size_t)(ut_path_base(program) - program);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[5000];
        snprintf(path, sizeof path, "%.*s%s", (int)folder, program, places[i]);
        if (ut_file_is_dir(path)) {
            e->models_dir = ut_arena_strdup(e->arena, path);
            return e->models_dir ? UT_OK : ut_fail_memory(err, "engine");
        }
    }
    return ut_fail(
        err, UT_ERR_NOT_FOUND, "engine",
        "the models that come with the program are not beside it; say where they are with "
        "--models_dir");
}

static ut_status missing(const char *name, ut_error *err)
{
    return ut_fail(err, UT_ERR_NOT_FOUND, "engine",
                   "the model %s is not installed; `undertone models pull %s` brings it", name,
                   name);
}

static ut_status open_speech(ut_engine *e, ut_error *err)
{
    const char *want = e->options.vad_model;
    const char *folder = NULL;
    if (strcmp(want, "bundled") != 0)
        UT_TRY(find_installed(e, "silero-vad", &folder, err));
    if (!folder && strcmp(want, "silero") == 0)
        return missing("silero-vad", err);
    if (folder) {
        const char *path = in_folder(e, folder, "silero_vad_16k.safetensors");
        if (!e->planning) {
            UT_TRY(ut_silero_open(path, &e->silero, err));
            e->vad = ut_vad_from_silero(e->silero);
        }
        return record(e, "speech", "silero-vad", path, err);
    }
    const char *path = bundled(e, "speech/vad-small.safetensors");
    if (!e->planning) {
        UT_TRY(ut_vad_small_open(path, &e->vad_small, err));
        e->vad = ut_vad_from_small(e->vad_small);
    }
    return record(e, "speech", "vad-small (bundled)", path, err);
}

static ut_status open_speakers(ut_engine *e, ut_error *err)
{
    const char *want = e->options.speaker_model;
    bool only_bundled = strcmp(want, "bundled") == 0;
    const char *folder = NULL;
    if (!only_bundled)
        UT_TRY(find_installed(e, "segmentation", &folder, err));
    if (folder) {
        const char *path = in_folder(e, folder, "pytorch_model.bin");
        if (!e->planning)
            UT_TRY(ut_segmentation_open(path, &e->segmentation, err));
        e->diarization.segmentation = e->segmentation;
        UT_TRY(record(e, "segmentation", "pyannote segmentation", path, err));
    }
    e->diarization.vad = e->vad;
    folder = NULL;
    if (!only_bundled)
        UT_TRY(find_installed(e, "resemblyzer", &folder, err));
    if (!folder && strcmp(want, "resemblyzer") == 0)
        return missing("resemblyzer", err);
    if (folder) {
        const char *path = in_folder(e, folder, "pretrained.pt");
        if (!e->planning) {
            UT_TRY(ut_resemblyzer_open(path, &e->resemblyzer, err));
            e->diarization.encoder = ut_speaker_encoder_from_resemblyzer(e->resemblyzer);
        }
        return record(e, "speaker", "resemblyzer", path, err);
    }
    const char *path = bundled(e, "speech/speaker-small.safetensors");
    if (!e->planning) {
        UT_TRY(ut_speaker_small_open(path, &e->speaker_small, err));
        e->diarization.encoder = ut_speaker_encoder_from_small(e->speaker_small);
    }
    return record(e, "speaker", "speaker-small (bundled)", path, err);
}

/* The user's own heads: which they are, before anything else is opened. */
static ut_status open_own(ut_engine *e, ut_error *err)
{
    char hash[UT_SHA256_HEX];
    char name[32];
    if (!e->options.model)
        return UT_OK;
    UT_TRY(ut_sha256_file(e->options.model, hash, err));
    UT_TRY(ut_model_read_info(e->options.model, e->arena, &e->own.info, err));
    snprintf(name, sizeof name, "trained-%.12s", hash);
    e->own.name = ut_arena_strdup(e->arena, name);
    e->own.sha256 = ut_arena_strdup(e->arena, hash);
    e->own.path = e->options.model;
    return e->own.name && e->own.sha256 ? UT_OK : ut_fail_memory(err, "engine");
}

static bool owns_voice(const ut_engine *e)
{
    return e->own.info.voice.name != NULL;
}

/* Whether the user's voice head hears what voice-net says, and no recogniser's encoder. */
static bool owns_net(const ut_engine *e)
{
    return owns_voice(e) && strcmp(e->own.info.voice.name, "voice-net") == 0;
}

/* The user's head and the encoder `name` that is in use must be of one kind; `option` chooses it.
 */
static ut_status check_own(const ut_engine *e, const ut_encoder_id *own, const char *name,
                           const char *sha256, const char *option, ut_error *err)
{
    static const char *const choices[][2] = {
        {"voice-net", "none"}, {"all-MiniLM-L6-v2", "minilm"}, {"undertone-static-160", "bundled"}};
    if (sha256 && strcmp(own->sha256, sha256) == 0)
        return UT_OK;
    const char *choice = own->name;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(own->name, choices[i][0]) == 0)
            choice = choices[i][1];
    bool same_name = strcmp(own->name, name) == 0;
    return ut_fail(err, UT_ERR_MISMATCH, "engine",
                   "%s was trained on %s, but %s%s is in use; give %s %s, or train it again",
                   e->own.path, own->name, same_name ? "another edition of " : "", name, option,
                   choice);
}

/* What the embeddings of these weights are called: "whisper-base-voice@0123abcd". */
static const char *mark(ut_engine *e, const char *name, const char *sha256)
{
    char text[96];
    snprintf(text, sizeof text, "%s@%.8s", name, sha256);
    return ut_arena_strdup(e->arena, text);
}

/* Heads come one for each size of Whisper that they were trained on. */
static const char *const head_sizes[] = {"base.en", "base", "tiny.en", "tiny"};

static ut_status open_heads(ut_engine *e, ut_error *err)
{
    for (size_t i = 0; i < sizeof head_sizes / sizeof *head_sizes; i++) {
        char file[96];
        char name[64];
        char hash[UT_SHA256_HEX];
        snprintf(name, sizeof name, "whisper-%s-voice", head_sizes[i]);
        snprintf(file, sizeof file, "emotion_voice/%s.safetensors", name);
        const char *path = bundled(e, file);
        if (!ut_file_exists(path))
            continue;
        if (e->planning) {
            if (e->own.path)
                UT_TRY(record(e, "voice heads", e->own.name, e->own.path, err));
            return record(e, "voice heads", "heads", path, err);
        }
        struct ut_engine_head *head = &e->heads[e->head_count];
        UT_TRY(ut_voice_head_open(path, &head->head, err));
        e->head_count++;
        UT_TRY(ut_sha256_file(path, hash, err));
        head->name = ut_arena_strdup(e->arena, name);
        head->mark = mark(e, name, hash);
        head->sha256 = ut_arena_strdup(e->arena, hash);
        if (!head->name || !head->mark || !head->sha256)
            return ut_fail_memory(err, "engine");
    }
    if (!owns_voice(e) || owns_net(e) || e->planning)
        return UT_OK;
    struct ut_engine_head *head = &e->heads[e->head_count];
    UT_TRY(ut_voice_head_open(e->own.path, &head->head, err));
    head->name = head->mark = e->own.name;
    head->sha256 = e->own.sha256;
    e->head_count++;
    return UT_OK;
}

/* The head trained on the encoder of a recogniser of this name; NULL where there is none. */
static const struct ut_engine_head *head_for(const ut_engine *e, const char *recogniser)
{
    if (owns_voice(e) && !owns_net(e) && e->head_count)
        return &e->heads[e->head_count - 1];
    for (size_t i = 0; i < sizeof head_sizes / sizeof *head_sizes; i++) {
        const char *at = strstr(recogniser, head_sizes[i]);
        if (!at || at[strlen(head_sizes[i])])
            continue;
        char name[64];
        snprintf(name, sizeof name, "whisper-%s-voice", head_sizes[i]);
        for (size_t h = 0; h < e->head_count; h++)
            if (strcmp(e->heads[h].name, name) == 0)
                return &e->heads[h];
        return NULL;
    }
    return NULL;
}

/* Name and folder of the recogniser that the options ask for; both NULL for none. */
static ut_status find_recogniser(ut_engine *e, const char **name, const char **folder,
                                 ut_error *err)
{
    const char *want = e->options.asr_model;
    *name = *folder = NULL;
    if (strcmp(want, "none") == 0)
        return UT_OK;
    if (strcmp(want, "auto") == 0) {
        for (size_t i = 0; !*folder && i < sizeof recognisers / sizeof *recognisers; i++)
            UT_TRY(find_installed(e, *name = recognisers[i], folder, err));
        return UT_OK;
    }
    *name = want;
    UT_TRY(find_installed(e, want, folder, err));
    if (*folder)
        return UT_OK;
    if (!ut_file_is_dir(want))
        return missing(want, err);
    *folder = want;
    *name = ut_path_base(want);
    return UT_OK;
}

static ut_status open_recogniser(ut_engine *e, ut_error *err)
{
    const char *name;
    const char *folder;
    UT_TRY(find_recogniser(e, &name, &folder, err));
    if (!folder && owns_voice(e) && !owns_net(e))
        return check_own(e, &e->own.info.voice, "no recogniser", NULL, "--asr_model", err);
    if (!folder)
        return UT_OK;
    if (e->planning)
        return record(e, "recognition", name, in_folder(e, folder, "model.bin"), err);
    UT_TRY(ut_recognizer_open(folder, &e->recognizer, err));
    const ut_whisper *model = ut_recognizer_model(e->recognizer);
    UT_TRY(record(e, "recognition", name, ut_whisper_path(model), err));
    if (owns_voice(e))
        UT_TRY(check_own(e, &e->own.info.voice, name, e->records[e->record_count - 1].sha256,
                         "--asr_model", err));
    const struct ut_engine_head *head = head_for(e, name);
    if (head && (int)ut_voice_head_width(head->head) == ut_whisper_get_dims(model)->d)
        e->head = head;
    return UT_OK;
}

static ut_status open_text(ut_engine *e, ut_error *err)
{
    const char *want = e->options.text_model;
    const char *folder = NULL;
    bool only_bundled = strcmp(want, "bundled") == 0;
    bool any = strcmp(want, "auto") == 0;
    if (any || strcmp(want, "minilm") == 0)
        UT_TRY(find_installed(e, "minilm", &folder, err));
    const char *name = "all-MiniLM-L6-v2";
    if (!folder && !any && !only_bundled) {
        if (!ut_file_is_dir(want))
            return missing(want, err);
        folder = want;
        name = ut_path_base(want);
    }
    const char *path;
    if (folder && e->planning) {
        path = in_folder(e, folder, "model.safetensors");
    } else if (folder) {
        UT_TRY(ut_bert_open(folder, &e->bert, err));
        path = in_folder(e, folder, "model.safetensors");
        if (ut_bert_dimensions(e->bert) != UT_TEXT_DIMENSIONS)
            return ut_fail(err, UT_ERR_UNSUPPORTED, "engine",
                           "%s makes vectors of %zu values; the emotion models take %d", folder,
                           ut_bert_dimensions(e->bert), UT_TEXT_DIMENSIONS);
    } else {
        path = bundled(e, "text/static.safetensors");
        UT_TRY(ut_static_embedding_open(path, &e->static_embedding, err));
        name = ut_static_embedding_name(e->static_embedding);
    }
    UT_TRY(record(e, "text", name, path, err));
    const ut_model_record *text = &e->records[e->record_count - 1];
    e->text_model = text->name;
    e->text_sha256 = text->sha256;
    e->text_mark = e->planning ? text->name : mark(e, text->name, text->sha256);
    return e->text_mark ? UT_OK : ut_fail_memory(err, "engine");
}

static ut_status open_voice_net(ut_engine *e, ut_error *err)
{
    const char *path = bundled(e, "emotion_voice/voice-net.safetensors");
    e->voice_net_name = "voice-net";
    if (!e->planning)
        UT_TRY(ut_voice_net_open(path, &e->voice_net, err));
    UT_TRY(record(e, "voice", e->voice_net_name, path, err));
    const char *hash = e->records[e->record_count - 1].sha256;
    e->voice_net_mark = e->planning ? e->voice_net_name : mark(e, e->voice_net_name, hash);
    if (!e->voice_net_mark)
        return ut_fail_memory(err, "engine");
    if (!owns_net(e) || e->planning)
        return UT_OK;
    UT_TRY(check_own(e, &e->own.info.voice, e->voice_net_name,
                     e->records[e->record_count - 1].sha256, "--asr_model", err));
    ut_weights *weights;
    e->own.classifier = UT_ARENA_NEW(e->arena, ut_voice_classifier, 1);
    if (!e->own.classifier)
        return ut_fail_memory(err, "engine");
    UT_TRY(ut_weights_open(e->own.path, &weights, err));
    ut_status status = ut_voice_classifier_load(weights, e->own.classifier, err);
    ut_weights_close(weights);
    return status;
}

/* Which encoders make combined embeddings here: the text encoder in use, and what the recogniser
 * that the options ask for would hear with. */
static ut_status name_space(ut_engine *e, ut_error *err)
{
    const char *name;
    const char *folder;
    UT_TRY(find_recogniser(e, &name, &folder, err));
    const struct ut_engine_head *head = folder ? head_for(e, name) : NULL;
    const char *weights = bundled(e, "knowledge/combined.json");
    e->space = (ut_combined){.text_model = e->text_mark,
                             .voice_model = head ? head->mark : e->voice_net_mark};
    UT_TRY(record(e, "emotion embedding", "combined", weights, err));
    return ut_combined_weigh(weights, &e->space, err);
}

/* The user's knowledge base. */
static ut_status open_store(ut_engine *e, ut_error *err)
{
    ut_store *store;
    UT_TRY(ut_knowledge_open(e->options.store, UT_STORE_WRITE, &e->space, &store, err));
    ut_status status = ut_knowledge_space(e, store, true, e->arena, &e->store_space, err);
    if (status != UT_OK) {
        ut_store_close(store);
        return status;
    }
    e->store = store; /* closed with the examples */
    return ut_examples_add_store(e->examples, store, &e->store_space, err);
}

static ut_status open_examples(ut_engine *e, ut_error *err)
{
    const char *path = bundled(e, "knowledge/starter.jsonl");
    UT_TRY(record(e, "emotion examples", "starter", path, err));
    if (e->planning)
        return UT_OK;
    const ut_examples_from starter = {
        .path = path,
        .name = "starter",
        .space = &e->space,
        .embed = ut_engine_embed,
        .context = e,
        .vectors = bundled(e, "knowledge/starter.minilm.safetensors"),
        .encoder_sha256 = e->text_sha256,
    };
    UT_TRY(ut_examples_open(&starter, &e->examples, err));
    return e->options.store ? open_store(e, err) : UT_OK;
}

static ut_status open_emotion(ut_engine *e, ut_error *err)
{
    const char *expert = e->bert ? "emotion-minilm" : "emotion-static";
    const char *path =
        bundled(e, e->bert ? "text/emotion-minilm.safetensors" : "text/emotion-static.safetensors");
    if (e->own.info.text.name) {
        expert = e->own.name;
        path = e->own.path;
        if (!e->planning)
            UT_TRY(check_own(e, &e->own.info.text, e->text_model, e->text_sha256, "--text_model",
                             err));
    }
    if (!e->planning)
        UT_TRY(ut_text_expert_open(path, &e->text_expert, err));
    UT_TRY(record(e, "emotion text", expert, path, err));
    path = bundled(e, "text/context.safetensors");
    if (!e->planning)
        UT_TRY(ut_context_expert_open(path, &e->context_expert, err));
    UT_TRY(record(e, "emotion context", "context", path, err));
    return e->options.retrieval ? open_examples(e, err) : UT_OK;
}

ut_status ut_engine_embed_many(const ut_engine *e, const char *const *texts, size_t count,
                               float *out, ut_error *err)
{
    for (size_t i = 0; !e->bert && i < count; i++)
        UT_TRY(ut_static_embedding_embed(e->static_embedding, texts[i],
                                         out + i * UT_TEXT_DIMENSIONS, err));
    if (!e->bert)
        return UT_OK;
    ut_arena *scratch = ut_arena_create(0);
    if (!scratch)
        return ut_fail_memory(err, "engine");
    ut_status status = ut_bert_embed_many(e->bert, texts, count, out, scratch, err);
    ut_arena_destroy(scratch);
    return status;
}

ut_status ut_engine_embed(void *context, const char *text, float *out, ut_error *err)
{
    return ut_engine_embed_many(context, &text, 1, out, err);
}

static void summarise(ut_engine *e, bool listens)
{
    size_t n = (size_t)snprintf(e->summary, sizeof e->summary, "using");
    static const char *const jobs[] = {"recognition", "speech", "segmentation", "speaker", "text"};
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++)
        for (size_t i = 0; i < e->record_count; i++)
            if (strcmp(e->records[i].job, jobs[j]) == 0 && n < sizeof e->summary)
                n += (size_t)snprintf(e->summary + n, sizeof e->summary - n, "%s %s",
                                      n > 5 ? "," : "", e->records[i].name);
    bool recognises = !listens;
    for (size_t i = 0; i < e->record_count; i++)
        recognises = recognises || strcmp(e->records[i].job, "recognition") == 0;
    if (!recognises && n < sizeof e->summary)
        snprintf(e->summary + n, sizeof e->summary - n, "; no recogniser%s: voice only",
                 strcmp(e->options.asr_model, "none") == 0
                     ? ""
                     : " is installed (`undertone models pull standard` brings one)");
}

static const struct {
    unsigned parts; /* that need it */
    ut_status (*open)(ut_engine *e, ut_error *err);
} openers[] = {
    {UT_ENGINE_JUDGE, ut_language_model_open}, /* quick, and what is wrong is wrong usage */
    {UT_ENGINE_ALL, open_own},
    {UT_ENGINE_ALL, open_heads},
    {UT_ENGINE_LISTEN, open_speech},
    {UT_ENGINE_LISTEN, open_speakers},
    {UT_ENGINE_LISTEN | UT_ENGINE_ENCODE, open_recogniser},
    {UT_ENGINE_EXTRACT | UT_ENGINE_JUDGE, open_text},
    {UT_ENGINE_EXTRACT | UT_ENGINE_JUDGE, open_voice_net},
    {UT_ENGINE_EXTRACT | UT_ENGINE_JUDGE, name_space},
    {UT_ENGINE_JUDGE, open_emotion},
};

ut_status ut_engine_open(const ut_options *options, ut_engine **engine, ut_error *err)
{
    return ut_engine_open_parts(options, UT_ENGINE_ALL, engine, err);
}

static ut_status open_engine(const ut_options *options, unsigned parts, bool planning,
                             ut_engine **engine, ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    ut_engine *e = arena ? UT_ARENA_NEW(arena, ut_engine, 1) : NULL;
    if (!e) {
        ut_arena_destroy(arena);
        return ut_fail_memory(err, "engine");
    }
    ut_options defaults = ut_options_default();
    e->arena = arena;
    e->planning = planning;
    e->options = *options;
    const char **strings[] = {
        &e->options.asr_model,     &e->options.text_model, &e->options.vad_model,
        &e->options.speaker_model, &e->options.language,   &e->options.initial_prompt,
        &e->options.model,         &e->options.models_dir, &e->options.llm,
        &e->options.llm_gate,      &e->options.llm_budget, &e->options.llm_price,
        &e->options.store};
    const char *fallbacks[sizeof strings / sizeof *strings] = {
        defaults.asr_model, defaults.text_model, defaults.vad_model, defaults.speaker_model};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        *strings[i] = ut_arena_strdup(arena, *strings[i] ? *strings[i] : fallbacks[i]);
    if (e->options.beam_size < 1 || e->options.beam_size > 8)
        e->options.beam_size = defaults.beam_size;
    e->records = UT_ARENA_NEW(arena, ut_model_record, 16);
    ut_status status = e->records ? find_models(e, err) : ut_fail_memory(err, "engine");
    if (status == UT_OK)
        status = ut_hub_open(bundled(e, "manifest.json"), &e->hub, err);
    for (size_t i = 0; i < sizeof openers / sizeof *openers && status == UT_OK; i++)
        if (openers[i].parts & parts)
            status = openers[i].open(e, err);
    if (status != UT_OK) {
        ut_engine_close(e);
        return status;
    }
    summarise(e, parts & UT_ENGINE_LISTEN);
    *engine = e;
    return UT_OK;
}

ut_status ut_engine_open_parts(const ut_options *options, unsigned parts, ut_engine **engine,
                               ut_error *err)
{
    return open_engine(options, parts, false, engine, err);
}

ut_status ut_engine_plan(const ut_options *options, unsigned parts, ut_engine **engine,
                         ut_error *err)
{
    return open_engine(options, parts, true, engine, err);
}

void ut_engine_close(ut_engine *engine)
{
    if (!engine)
        return;
    ut_refiner_close(engine->refiner);
    ut_examples_close(engine->examples);
    ut_voice_net_close(engine->voice_net);
    for (size_t i = 0; i < engine->head_count; i++)
        ut_voice_head_close(engine->heads[i].head);
    ut_context_expert_close(engine->context_expert);
    ut_text_expert_close(engine->text_expert);
    ut_static_embedding_close(engine->static_embedding);
    ut_bert_close(engine->bert);
    ut_recognizer_close(engine->recognizer);
    ut_speaker_small_close(engine->speaker_small);
    ut_resemblyzer_close(engine->resemblyzer);
    ut_segmentation_close(engine->segmentation);
    ut_vad_small_close(engine->vad_small);
    ut_silero_close(engine->silero);
    ut_hub_close(engine->hub);
    ut_arena_destroy(engine->arena);
}

const char *ut_engine_summary(const ut_engine *engine)
{
    return engine->summary;
}
