#include "train/model_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/weights.h"

static const char FORMAT[] = "undertone emotion model";

enum { ITEMS = 20, NOTES = 16 };

typedef struct contents {
    ut_weights_item items[ITEMS];
    size_t count;
    ut_weights_note notes[NOTES];
    size_t note_count;
} contents;

static void add_floats(contents *c, const char *name, const float *values, size_t count)
{
    c->items[c->count++] = (ut_weights_item){
        name, {.data = values, .dtype = UT_F32, .rank = 1, .shape = {(int64_t)count, 1, 1, 1}}};
}

static void add_block(contents *c, const ut_parameters *p, size_t block)
{
    const ut_block *b = &p->blocks[block];
    ut_tensor t = {.data = ut_parameters_values(p, block), .dtype = UT_F32, .rank = b->rank};
    for (int d = 0; d < UT_RANK; d++)
        t.shape[d] = d < b->rank ? b->shape[d] : 1;
    c->items[c->count++] = (ut_weights_item){b->name, t};
}

static void add_note(contents *c, const char *key, const char *value)
{
    if (value)
        c->notes[c->note_count++] = (ut_weights_note){key, value};
}

/* The n-grams as whole numbers of a scale, as the expert reads them. */
static int8_t *quantise(const float *table, size_t count, float *scale)
{
    int8_t *out = malloc(count + 1);
    float most = 1e-6f;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(table[i]));
    *scale = most / 127;
    for (size_t i = 0; out && i < count; i++)
        out[i] = (int8_t)lrintf(fminf(fmaxf(table[i] / *scale, -127), 127));
    return out;
}

static void add_voice(contents *c, const ut_trained_voice *voice, const float *layers, size_t count)
{
    for (size_t b = 0; b < UT_VOICE_BLOCKS; b++)
        add_block(c, &voice->model.parameters, b);
    add_floats(c, "temperature", voice->temperature, 2);
    if (count)
        add_floats(c, "layers", layers, count);
}

static void add_text(contents *c, const ut_trained_text *text, const int8_t *ngram,
                     const float *ngram_scale)
{
    for (size_t b = 0; b < UT_TEXT_NGRAM; b++)
        add_block(c, &text->model.parameters, b);
    const int64_t buckets = (int64_t)text->model.buckets;
    c->items[c->count++] = (ut_weights_item){
        "ngram",
        {.data = ngram, .dtype = UT_I8, .rank = 2, .shape = {buckets, UT_TEXT_LABELS, 1, 1}}};
    add_floats(c, "ngram_scale", ngram_scale, 1);
    add_floats(c, "scale", &text->scale, 1);
    add_floats(c, "prior", text->prior, UT_TEXT_LABELS);
}

ut_status ut_model_write(const char *path, const ut_trained_voice *voice,
                         const ut_trained_text *text, const ut_model_info *info, ut_error *err)
{
    contents c = {.count = 0};
    char seed[32];
    float layers[64];
    float ngram_scale = 1;
    int8_t *ngram = NULL;
    snprintf(seed, sizeof seed, "%" PRIu64, info->seed);
    for (size_t i = 0; i < info->layer_count && i < 64; i++)
        layers[i] = (float)info->layers[i];
    if (info->voice.name)
        add_voice(&c, voice, layers, info->layer_count);
    if (info->text.name) {
        ngram = quantise(ut_parameters_values(&text->model.parameters, UT_TEXT_NGRAM),
                         text->model.buckets * UT_TEXT_LABELS, &ngram_scale);
        if (!ngram)
            return ut_fail_memory(err, "train");
        add_text(&c, text, ngram, &ngram_scale);
    }
    add_note(&c, "format", FORMAT);
    add_note(&c, "version", "1");
    add_note(&c, "classes", "sad happy angry neutral non-neutral");
    add_note(&c, "fine_classes", "sad happy angry neutral calm fear disgust surprise boredom");
    add_note(&c, "standardisation", "part of the weights");
    add_note(&c, "voice.encoder", info->voice.name);
    add_note(&c, "voice.encoder_sha256", info->voice.sha256);
    add_note(&c, "text.encoder", info->text.name);
    add_note(&c, "text.encoder_sha256", info->text.sha256);
    add_note(&c, "data", info->data);
    add_note(&c, "license", info->license);
    add_note(&c, "scores", info->scores);
    add_note(&c, "seed", seed);
    ut_status status = ut_weights_write(path, c.items, c.count, c.notes, c.note_count, err);
    free(ngram);
    return status;
}

ut_status ut_model_read_info(const char *path, ut_arena *arena, ut_model_info *info, ut_error *err)
{
    static const char *const keys[] = {"voice.encoder", "voice.encoder_sha256",
                                       "text.encoder",  "text.encoder_sha256",
                                       "data",          "license",
                                       "scores"};
    *info = (ut_model_info){0};
    const char **const members[] = {&info->voice.name,  &info->voice.sha256, &info->text.name,
                                    &info->text.sha256, &info->data,         &info->license,
                                    &info->scores};
    ut_weights *w;
    UT_TRY(ut_weights_open(path, &w, err));
    const char *format = ut_weights_metadata(w, "format");
    ut_status status = UT_OK;
    if (!format || strcmp(format, FORMAT) != 0)
        status =
            ut_fail(err, UT_ERR_FORMAT, "model",
                    "%s was not written by `undertone train`; --model takes what it writes", path);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == UT_OK; i++) {
        const char *value = ut_weights_metadata(w, keys[i]);
        *members[i] = ut_arena_strdup(arena, value);
        if (value && !*members[i])
            status = ut_fail_memory(err, "model");
    }
    ut_weights_close(w);
    if (status == UT_OK && ((info->voice.name != NULL) != (info->voice.sha256 != NULL) ||
                            (info->text.name != NULL) != (info->text.sha256 != NULL)))
        status = ut_fail(err, UT_ERR_FORMAT, "model",
                         "%s does not say which encoder it belongs to; train it again", path);
    return status;
}
