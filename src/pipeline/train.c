#include "pipeline/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "nn/kernels.h"
#include "pipeline/engine.h"
#include "pipeline/train_files.h"
#include "pipeline/train_store.h"

enum { TRAIN, VALIDATION, SETS, LAYERS_MOST = 5 };

static const char *const set_names[SETS] = {"training", "validation"};

typedef struct training {
    const ut_settings *s;
    const ut_train_observer *o;
    atomic_bool *cancelled;
    ut_arena *arena;
    ut_engine *engine;
    ut_dataset *sets[SETS];
    ut_clip *clips[SETS];
    ut_features features[SETS];
    ut_text_set texts[SETS];
    bool hears, reads; /* whether the head is trained */
    ut_hearing hearing;
    int layers[LAYERS_MOST];
    char fingerprint[UT_SHA256_HEX];
    ut_trained_voice voice;
    ut_trained_text text;
    ut_model_info info;
} training;

static void say(const training *t, bool warning, const char *format, ...) UT_PRINTF(3, 4);

static void say(const training *t, bool warning, const char *format, ...)
{
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    t->o->say(t->o->context, warning, line);
}

/* --- data ------------------------------------------------------------------------------------- */

static ut_status load_set(training *t, int which, const char *path, const ut_label_map *map,
                          ut_error *err)
{
    UT_TRY(ut_dataset_create(&t->sets[which], err));
    UT_TRY(ut_dataset_load(t->sets[which], path, map, err));
    return ut_dataset_check(t->sets[which], path, err);
}

static void describe_set(const training *t, int which)
{
    const ut_dataset *d = t->sets[which];
    size_t counts[UT_EMOTIONS];
    size_t recordings = 0;
    size_t texts = 0;
    ut_dataset_count(d, counts);
    for (size_t i = 0; i < d->count; i++) {
        recordings += d->samples[i].path != NULL;
        texts += d->samples[i].text != NULL;
    }
    say(t, false,
        "%s: %zu utterances (sad %zu, happy %zu, angry %zu, neutral %zu, non-neutral %zu), %zu "
        "heard, %zu with words",
        set_names[which], d->count, counts[0], counts[1], counts[2], counts[3], counts[4],
        recordings, texts);
    if (d->skipped)
        say(t, false, "%s: %zu left out, as the label map says", set_names[which], d->skipped);
    for (int k = 0; k < UT_EMOTIONS; k++)
        if (!counts[k])
            say(t, true, "the %s set has no %s utterance%s", set_names[which],
                ut_emotion_name((ut_emotion_label)k),
                which == TRAIN ? ": the model will hardly ever say so" : "");
}

static size_t count_with(const ut_dataset *d, bool text)
{
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++)
        n += (text ? d->samples[i].text : d->samples[i].path) != NULL;
    return n;
}

/* Which heads the data are enough for. */
static ut_status choose_heads(training *t, ut_error *err)
{
    size_t heard[SETS];
    size_t read[SETS];
    for (int i = 0; i < SETS; i++) {
        heard[i] = count_with(t->sets[i], false);
        read[i] = count_with(t->sets[i], true);
    }
    t->hears = t->s->options.modalities & UT_MODALITY_AUDIO && heard[TRAIN];
    t->reads = t->s->options.modalities & UT_MODALITY_TEXT && read[TRAIN];
    if (!t->hears && !t->reads)
        return ut_fail(err, UT_ERR_USAGE, "train",
                       "%s has nothing of what --modalities asks for (%zu recordings, %zu texts)",
                       t->s->train_data_path, heard[TRAIN], read[TRAIN]);
    if ((t->hears && !heard[VALIDATION]) || (t->reads && !read[VALIDATION]))
        return ut_fail(err, UT_ERR_FORMAT, "train",
                       "%s has no %s, and %s has; without them nobody can tell when to stop: add "
                       "some, or leave them out with --modalities",
                       t->s->val_data_path, t->hears && !heard[VALIDATION] ? "recordings" : "texts",
                       t->s->train_data_path);
    return UT_OK;
}

static ut_status load_data(training *t, ut_error *err)
{
    const ut_label_map *map = NULL;
    if (t->s->label_map)
        UT_TRY(ut_label_map_load(t->s->label_map, t->arena, &map, err));
    UT_TRY(load_set(t, TRAIN, t->s->train_data_path, map, err));
    UT_TRY(load_set(t, VALIDATION, t->s->val_data_path, map, err));
    for (int i = 0; i < SETS; i++)
        describe_set(t, i);
    return choose_heads(t, err);
}

static ut_status measure_data(training *t, ut_error *err)
{
    ut_common common;
    size_t named = 0;
    for (int i = 0; i < SETS; i++) {
        t->clips[i] = calloc(t->sets[i]->count + 1, sizeof *t->clips[i]);
        if (!t->clips[i])
            return ut_fail_memory(err, "train");
        if (t->hears)
            UT_TRY(ut_clips_measure(t->sets[i], t->s->jobs, t->cancelled, t->clips[i], err));
    }
    UT_TRY(ut_clips_compare(t->sets[TRAIN], t->clips[TRAIN], t->sets[VALIDATION],
                            t->clips[VALIDATION], &common, err));
    if (common.speakers)
        say(t, true, "%zu speaker%s in both sets: the scores will be better than new speakers' are",
            common.speakers, common.speakers == 1 ? " is" : "s are");
    if (t->reads && 2 * common.texts > common.of)
        say(t, true,
            "%zu of the %zu different texts of the validation set are in the training set, too: "
            "the words' scores will be better than new texts' are",
            common.texts, common.of);
    for (size_t i = 0; i < t->sets[TRAIN]->count; i++)
        named += t->sets[TRAIN]->samples[i].speaker != NULL;
    if (t->hears && !named)
        say(t, true,
            "no speaker is named: what the head makes of a known speaker's usual voice rests on "
            "everybody's; a column called speaker would say");
    return UT_OK;
}

/* --- the encoders ----------------------------------------------------------------------------- */

static const ut_model_record *record_of(const ut_engine *e, const char *job)
{
    for (size_t i = 0; i < e->record_count; i++)
        if (strcmp(e->records[i].job, job) == 0)
            return &e->records[i];
    return NULL;
}

/* Those of the bundled head for this Whisper; else up to five, evenly over its middle. */
static void choose_layers(training *t, const ut_whisper *whisper)
{
    if (t->engine->head) {
        t->hearing.layer_count = ut_voice_head_layers(t->engine->head->head, &t->hearing.layers);
        return;
    }
    int blocks = ut_whisper_get_dims(whisper)->encoder_layers;
    int count = blocks - 1 < LAYERS_MOST ? blocks - 1 : LAYERS_MOST;
    for (int i = 0; i < count; i++)
        t->layers[i] = 1 + i * (blocks - 1) / count;
    t->hearing.layers = t->layers;
    t->hearing.layer_count = (size_t)count;
}

static ut_status open_encoders(training *t, ut_error *err)
{
    ut_options options = t->s->options;
    options.store = NULL;
    options.llm = NULL;
    options.model = NULL;
    unsigned parts = UT_ENGINE_EXTRACT | (t->hears ? UT_ENGINE_ENCODE : 0);
    UT_TRY(ut_engine_open_parts(&options, parts, &t->engine, err));
    const ut_engine *e = t->engine;
    say(t, false, "%s", ut_engine_summary(e));
    if (t->hears) {
        const ut_model_record *r = record_of(e, e->recognizer ? "recognition" : "voice");
        t->hearing.net = e->voice_net;
        if (e->recognizer) {
            t->hearing.whisper = ut_recognizer_model(e->recognizer);
            choose_layers(t, t->hearing.whisper);
        }
        t->hearing.sha256 = r->sha256;
        t->info.voice = (ut_encoder_id){r->name, r->sha256};
        t->info.layers = t->hearing.layers;
        t->info.layer_count = t->hearing.layer_count;
    }
    if (t->reads)
        t->info.text = (ut_encoder_id){e->text_model, e->text_sha256};
    return UT_OK;
}

static void on_window(void *context, size_t done, size_t all)
{
    const training *t = context;
    if (t->o->progress)
        t->o->progress(t->o->context, "listening", (double)done / (double)all);
}

static ut_status embed_texts(void *engine, const char *const *texts, size_t count, float *out,
                             ut_error *err)
{
    return ut_engine_embed_many(engine, texts, count, out, err);
}

static ut_status take_features(training *t, ut_error *err)
{
    char *cache = NULL;
    if (!t->s->no_cache && t->hears)
        UT_TRY(ut_train_cache_folder(&cache, err));
    const ut_features_options options = {t->s->jobs, cache, t->cancelled, on_window, t};
    ut_status status = UT_OK;
    for (int i = 0; i < SETS && status == UT_OK && t->hears; i++)
        status = ut_features_extract(&t->hearing, t->sets[i], t->clips[i], &options,
                                     &t->features[i], err);
    free(cache);
    if (status == UT_OK && t->hears)
        say(t, false, "heard %zu windows, %zu of them before",
            t->features[TRAIN].windows + t->features[VALIDATION].windows,
            t->features[TRAIN].kept + t->features[VALIDATION].kept);
    for (int i = 0; i < SETS && status == UT_OK && t->reads; i++)
        status =
            ut_text_set_make(t->sets[i], embed_texts, t->engine, t->cancelled, &t->texts[i], err);
    return status;
}

/* --- training --------------------------------------------------------------------------------- */

/* Everything that the weights depend on. */
static ut_status make_fingerprint(training *t, ut_error *err)
{
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_buf_addf(&text, "train 2\nseed %d epochs %d init %s modalities %u %s\n", t->s->seed,
                t->s->epochs, t->s->init, t->s->options.modalities, ut_kernels_get()->name);
    for (size_t i = 0; i < t->hearing.layer_count; i++)
        ut_buf_addf(&text, "layer %d\n", t->hearing.layers[i]);
    ut_buf_addf(&text, "%s %s\n", t->hears ? t->info.voice.sha256 : "-",
                t->reads ? t->info.text.sha256 : "-");
    for (int set = 0; set < SETS; set++)
        for (size_t i = 0; i < t->sets[set]->count; i++) {
            const ut_sample *s = &t->sets[set]->samples[i];
            const ut_clip *c = &t->clips[set][i];
            const char *words = t->reads && s->text ? s->text : "";
            const char *speaker = s->speaker ? s->speaker : "";
            ut_buf_addf(&text, "%s %zu %zu %d %u %d %zu:%s %zu:%s\n", c->sha256, c->from, c->count,
                        s->label.emotion, s->label.ways, s->corpus, strlen(speaker), speaker,
                        strlen(words), words);
        }
    ut_sha256(ut_buf_text(&text), text.length, t->fingerprint);
    ut_status status = ut_buf_status(&text);
    ut_buf_free(&text);
    return status == UT_OK ? UT_OK : ut_fail_memory(err, "train");
}

static void on_epoch(void *context, const ut_trainee *trainee, const ut_history *h)
{
    const training *t = context;
    const ut_epoch *e = &h->epochs[h->count - 1];
    if (h->count == h->resumed)
        say(t, false, "%s: going on after epoch %d of an earlier training", trainee->name,
            h->count);
    else
        say(t, false, "%s: epoch %d/%d  loss %.3f  validation %.3f  mean recall %.1f %%%s",
            trainee->name, h->count, trainee->epochs, (double)e->loss, (double)e->validation,
            100 * (double)e->uar, h->best == h->count - 1 ? "  best" : "");
}

static ut_head_options head_options(const training *t, const char *checkpoint, const char *init)
{
    return (ut_head_options){
        .fit = {.seed = (uint64_t)t->s->seed,
                .checkpoint = checkpoint,
                .fingerprint = t->fingerprint,
                .cancelled = t->cancelled,
                .progress = on_epoch,
                .context = (void *)(uintptr_t)t},
        .epochs = t->s->epochs,
        .init = strcmp(t->s->init, "bundled") == 0 ? init : NULL,
    };
}

static ut_status train_voice(training *t, const char *checkpoint, ut_error *err)
{
    char init[4200];
    const ut_engine *e = t->engine;
    const char *bundled = t->hearing.whisper ? e->head ? e->head->name : NULL : "voice-net";
    snprintf(init, sizeof init, "%s/emotion_voice/%s.safetensors", e->models_dir,
             bundled ? bundled : "");
    if (!bundled && strcmp(t->s->init, "bundled") == 0)
        return ut_fail(err, UT_ERR_NOT_FOUND, "train",
                       "there is no bundled voice head for %s to start from; train without --init",
                       t->info.voice.name);
    const ut_voice_set train = {t->sets[TRAIN], &t->features[TRAIN]};
    const ut_voice_set validation = {t->sets[VALIDATION], &t->features[VALIDATION]};
    const ut_head_options options = head_options(t, checkpoint, init);
    return ut_train_voice(&train, &validation, t->hearing.whisper != NULL, &options, &t->voice,
                          err);
}

/* Words that tell nothing about the emotion (acted sentences that carry none) would put an expert
 * that knows nothing in the place of one that does. */
static void doubt_words(training *t)
{
    double n = (double)t->texts[VALIDATION].count;
    if (t->text.gain > 0.01 + 1 / n)
        return;
    say(t, true,
        "the words of the validation set tell nothing about the emotion that was learned from the "
        "training set (%.3f nats); the model goes without a text head, and the bundled one stays",
        t->text.gain);
    t->info.text = (ut_encoder_id){NULL, NULL};
}

static ut_status train_text(training *t, const char *checkpoint, ut_error *err)
{
    char init[4200];
    snprintf(init, sizeof init, "%s/text/emotion-%s.safetensors", t->engine->models_dir,
             t->engine->bert ? "minilm" : "static");
    const ut_head_options options = head_options(t, checkpoint, init);
    UT_TRY(ut_train_text(&t->texts[TRAIN], &t->texts[VALIDATION], &options, &t->text, err));
    doubt_words(t);
    return UT_OK;
}

static void forget_states(const char *voice, const char *text)
{
    unlink(voice);
    unlink(text);
}

static ut_status train_heads(training *t, const char *voice, const char *text, ut_error *err)
{
    UT_TRY(make_fingerprint(t, err));
    if (t->hears)
        UT_TRY(train_voice(t, voice, err));
    if (t->reads)
        UT_TRY(train_text(t, text, err));
    if (t->info.voice.name || t->info.text.name)
        return UT_OK;
    forget_states(voice, text); /* the same again would end the same way */
    return ut_fail(err, UT_ERR_FORMAT, "train",
                   "nothing could be learned from %s, so no model was written",
                   t->s->train_data_path);
}

/* --- the whole -------------------------------------------------------------------------------- */

static ut_status write_all(training *t, ut_buf *summary, ut_error *err)
{
    const ut_train_outcome outcome = {.settings = t->s,
                                      .train = t->sets[TRAIN],
                                      .validation = t->sets[VALIDATION],
                                      .voice = t->info.voice.name ? &t->voice : NULL,
                                      .text = t->info.text.name ? &t->text : NULL,
                                      .info = &t->info};
    return ut_train_write(&outcome, summary, err);
}

/* With --store the training set votes as examples, too. */
static ut_status fill_store(training *t, ut_error *err)
{
    char sha256[UT_SHA256_HEX];
    size_t added = 0;
    if (!t->s->store)
        return UT_OK;
    UT_TRY(ut_sha256_file(t->s->model_output_path, sha256, err));
    const ut_train_examples examples = {.engine = t->engine,
                                        .dataset = t->sets[TRAIN],
                                        .clips = t->clips[TRAIN],
                                        .features = t->hears ? &t->features[TRAIN] : NULL,
                                        .voice = t->info.voice.name ? &t->voice : NULL,
                                        .texts = t->reads ? &t->texts[TRAIN] : NULL,
                                        .model_sha256 = sha256};
    UT_TRY(ut_train_store(&examples, t->s->store, &added, err));
    say(t, false, "%s: %zu utterances added", t->s->store, added);
    return UT_OK;
}

static ut_status work(training *t, ut_buf *summary, ut_error *err)
{
    char voice[4200];
    char text[4200];
    snprintf(voice, sizeof voice, "%s.voice.state", t->s->model_output_path);
    snprintf(text, sizeof text, "%s.text.state", t->s->model_output_path);
    UT_TRY(ut_train_check_output(t->s->model_output_path, err));
    UT_TRY(load_data(t, err));
    UT_TRY(open_encoders(t, err));
    if (t->s->store)
        UT_TRY(ut_train_store_check(t->engine, t->s->store, t->reads, err));
    UT_TRY(measure_data(t, err));
    UT_TRY(take_features(t, err));
    UT_TRY(train_heads(t, voice, text, err));
    UT_TRY(write_all(t, summary, err));
    UT_TRY(fill_store(t, err));
    forget_states(voice, text);
    return UT_OK;
}

ut_status ut_run_train(const ut_settings *settings, const ut_train_observer *observer,
                       atomic_bool *cancelled, ut_buf *summary, ut_error *err)
{
    training *t = calloc(1, sizeof *t);
    if (!t || !(t->arena = ut_arena_create(0))) {
        free(t);
        return ut_fail_memory(err, "train");
    }
    t->s = settings;
    t->o = observer;
    t->cancelled = cancelled;
    ut_status status = work(t, summary, err);
    ut_trained_voice_free(&t->voice);
    ut_trained_text_free(&t->text);
    for (int i = 0; i < SETS; i++) {
        ut_text_set_free(&t->texts[i]);
        ut_features_free(&t->features[i]);
        free(t->clips[i]);
        ut_dataset_free(t->sets[i]);
    }
    ut_engine_close(t->engine);
    ut_arena_destroy(t->arena);
    free(t);
    return status;
}
