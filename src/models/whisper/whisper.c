/* Opening a Whisper: which tensors, which special tokens, and the state's buffers. */
#include "models/whisper/whisper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "models/whisper/internal.h"

/* Tensors of a layer as the two kinds of file have them. */
typedef struct raw_layer {
    ut_tensor attention_gamma, attention_beta, cross_gamma, cross_beta, feed_gamma, feed_beta;
    ut_tensor qkv, qkv_bias; /* CTranslate2: query, key, value stacked */
    ut_tensor q, k, v, q_bias, v_bias, out, out_bias;
    ut_tensor cross_kv, cross_kv_bias; /* CTranslate2: key, value stacked */
    ut_tensor cross_q, cross_k, cross_v, cross_q_bias, cross_v_bias, cross_out, cross_out_bias;
    ut_tensor in, in_bias, feed, feed_bias;
} raw_layer;

typedef struct raw_whisper {
    ut_tensor conv1, conv1_bias, conv2, conv2_bias, encoder_positions, encoder_gamma, encoder_beta;
    ut_tensor embedding, decoder_positions, decoder_gamma, decoder_beta;
    raw_layer encoder[UT_WHISPER_LAYERS], decoder[UT_WHISPER_LAYERS];
} raw_whisper;

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* ---- which tensors ---- */

/* A tensor by CTranslate2's name and by the hub's; NULL where that kind of file has none such. */
typedef struct entry {
    const char *ct2, *hub;
    size_t member;
    int64_t shape[UT_RANK]; /* 0 behind the last */
} entry;

static void bind_entries(ut_binder *binder, void *object, const entry *table, size_t count,
                         bool hub, const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        const entry *e = &table[i];
        const char *name = hub ? e->hub : e->ct2;
        char full[128];
        if (!name)
            continue;
        snprintf(full, sizeof full, "%s%s", prefix, name);
        ut_binding binding = {.name = full, .member = e->member};
        for (; binding.rank < UT_RANK && e->shape[binding.rank]; binding.rank++)
            binding.shape[binding.rank] = e->shape[binding.rank];
        ut_bind(binder, object, &binding, 1, 0);
    }
}

static void bind_whole(ut_binder *binder, raw_whisper *raw, const ut_whisper_dims *dims, bool hub)
{
#define AT(name) offsetof(raw_whisper, name)
    const int64_t d = dims->d;
    const entry whole[] = {
        {"encoder/conv1/weight", "encoder.conv1.weight", AT(conv1), {d, dims->mels, 3}},
        {"encoder/conv1/bias", "encoder.conv1.bias", AT(conv1_bias), {d}},
        {"encoder/conv2/weight", "encoder.conv2.weight", AT(conv2), {d, d, 3}},
        {"encoder/conv2/bias", "encoder.conv2.bias", AT(conv2_bias), {d}},
        {"encoder/position_encodings/encodings",
         "encoder.embed_positions.weight",
         AT(encoder_positions),
         {UT_WHISPER_FRAMES, d}},
        {"encoder/layer_norm/gamma", "encoder.layer_norm.weight", AT(encoder_gamma), {d}},
        {"encoder/layer_norm/beta", "encoder.layer_norm.bias", AT(encoder_beta), {d}},
        {"decoder/embeddings/weight",
         "decoder.embed_tokens.weight",
         AT(embedding),
         {dims->vocabulary, d}},
        {"decoder/position_encodings/encodings",
         "decoder.embed_positions.weight",
         AT(decoder_positions),
         {UT_WHISPER_CONTEXT, d}},
        {"decoder/layer_norm/gamma", "decoder.layer_norm.weight", AT(decoder_gamma), {d}},
        {"decoder/layer_norm/beta", "decoder.layer_norm.bias", AT(decoder_beta), {d}},
    };
#undef AT
    bind_entries(binder, raw, whole, COUNT(whole), hub, hub ? "model." : "");
}

/* What every layer has, and what only the decoder's have. */
static void bind_layer(ut_binder *binder, raw_layer *raw, int64_t d, bool hub, bool decoder,
                       int layer)
{
#define AT(name) offsetof(raw_layer, name)
    const entry own[] = {
        {"self_attention/layer_norm/gamma",
         "self_attn_layer_norm.weight",
         AT(attention_gamma),
         {d}},
        {"self_attention/layer_norm/beta", "self_attn_layer_norm.bias", AT(attention_beta), {d}},
        {"self_attention/linear_0/weight", NULL, AT(qkv), {3 * d, d}},
        {"self_attention/linear_0/bias", NULL, AT(qkv_bias), {3 * d}},
        {NULL, "self_attn.q_proj.weight", AT(q), {d, d}},
        {NULL, "self_attn.q_proj.bias", AT(q_bias), {d}},
        {NULL, "self_attn.k_proj.weight", AT(k), {d, d}},
        {NULL, "self_attn.v_proj.weight", AT(v), {d, d}},
        {NULL, "self_attn.v_proj.bias", AT(v_bias), {d}},
        {"self_attention/linear_1/weight", "self_attn.out_proj.weight", AT(out), {d, d}},
        {"self_attention/linear_1/bias", "self_attn.out_proj.bias", AT(out_bias), {d}},
        {"ffn/layer_norm/gamma", "final_layer_norm.weight", AT(feed_gamma), {d}},
        {"ffn/layer_norm/beta", "final_layer_norm.bias", AT(feed_beta), {d}},
        {"ffn/linear_0/weight", "fc1.weight", AT(in), {4 * d, d}},
        {"ffn/linear_0/bias", "fc1.bias", AT(in_bias), {4 * d}},
        {"ffn/linear_1/weight", "fc2.weight", AT(feed), {d, 4 * d}},
        {"ffn/linear_1/bias", "fc2.bias", AT(feed_bias), {d}},
    };
    const entry cross[] = {
        {"attention/layer_norm/gamma", "encoder_attn_layer_norm.weight", AT(cross_gamma), {d}},
        {"attention/layer_norm/beta", "encoder_attn_layer_norm.bias", AT(cross_beta), {d}},
        {"attention/linear_0/weight", "encoder_attn.q_proj.weight", AT(cross_q), {d, d}},
        {"attention/linear_0/bias", "encoder_attn.q_proj.bias", AT(cross_q_bias), {d}},
        {"attention/linear_1/weight", NULL, AT(cross_kv), {2 * d, d}},
        {"attention/linear_1/bias", NULL, AT(cross_kv_bias), {2 * d}},
        {NULL, "encoder_attn.k_proj.weight", AT(cross_k), {d, d}},
        {NULL, "encoder_attn.v_proj.weight", AT(cross_v), {d, d}},
        {NULL, "encoder_attn.v_proj.bias", AT(cross_v_bias), {d}},
        {"attention/linear_2/weight", "encoder_attn.out_proj.weight", AT(cross_out), {d, d}},
        {"attention/linear_2/bias", "encoder_attn.out_proj.bias", AT(cross_out_bias), {d}},
    };
#undef AT
    char prefix[64];
    snprintf(prefix, sizeof prefix, hub ? "model.%s.layers.%d." : "%s/layer_%d/",
             decoder ? "decoder" : "encoder", layer);
    bind_entries(binder, raw, own, COUNT(own), hub, prefix);
    if (decoder)
        bind_entries(binder, raw, cross, COUNT(cross), hub, prefix);
}

/* ---- from raw tensors to the model ---- */

typedef struct loader {
    ut_whisper *model;
    ut_status status;
    ut_error *err;
} loader;

static const float *floats(loader *l, const ut_tensor *t)
{
    if (!t->data || l->status != UT_OK)
        return NULL;
    size_t count = ut_tensor_count(t);
    float *out = UT_ARENA_NEW(l->model->arena, float, count);
    if (out)
        ut_tensor_to_f32(t, 0, count, out);
    else
        l->status = ut_fail_memory(l->err, "whisper");
    return out;
}

/* w[out, in, 3] with the taps before the channels: the frames of a patch then lie as in memory. */
static const float *taps_first(loader *l, const ut_tensor *t)
{
    const float *w = floats(l, t);
    size_t out = (size_t)t->shape[0], in = (size_t)t->shape[1];
    float *turned = w ? UT_ARENA_NEW(l->model->arena, float, out *in * 3) : NULL;
    if (!turned) {
        if (l->status == UT_OK)
            l->status = ut_fail_memory(l->err, "whisper");
        return NULL;
    }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t tap = 0; tap < 3; tap++)
                turned[(o * 3 + tap) * in + i] = w[(o * in + i) * 3 + tap];
    return turned;
}

/* `count` rows of a matrix from `first` on, in place. */
static whisper_matrix rows(const ut_tensor *w, const float *bias, int first, int count)
{
    whisper_matrix m = {.w = *w, .bias = bias ? bias + first : NULL};
    m.w.data =
        (const uint8_t *)w->data + (size_t)first * (size_t)w->shape[1] * ut_dtype_size(w->dtype);
    m.w.scale = w->scale ? w->scale + first : NULL;
    m.w.shape[0] = count;
    return m;
}

static whisper_matrix whole(loader *l, const ut_tensor *w, const ut_tensor *bias)
{
    return rows(w, floats(l, bias), 0, (int)w->shape[0]);
}

static whisper_norm norm(loader *l, const ut_tensor *gamma, const ut_tensor *beta)
{
    return (whisper_norm){floats(l, gamma), floats(l, beta)};
}

static void load_layer(loader *l, whisper_layer *layer, const raw_layer *raw, bool decoder)
{
    int d = l->model->dims.d;
    layer->attention_norm = norm(l, &raw->attention_gamma, &raw->attention_beta);
    layer->feed_norm = norm(l, &raw->feed_gamma, &raw->feed_beta);
    layer->out = whole(l, &raw->out, &raw->out_bias);
    layer->feed_in = whole(l, &raw->in, &raw->in_bias);
    layer->feed_out = whole(l, &raw->feed, &raw->feed_bias);
    if (raw->qkv.data) {
        const float *bias = floats(l, &raw->qkv_bias);
        layer->q = rows(&raw->qkv, bias, 0, d);
        layer->k = rows(&raw->qkv, bias, d, d);
        layer->v = rows(&raw->qkv, bias, 2 * d, d);
    } else {
        layer->q = whole(l, &raw->q, &raw->q_bias);
        layer->k = rows(&raw->k, NULL, 0, d);
        layer->v = whole(l, &raw->v, &raw->v_bias);
    }
    if (!decoder)
        return;
    layer->cross_norm = norm(l, &raw->cross_gamma, &raw->cross_beta);
    layer->cross_q = whole(l, &raw->cross_q, &raw->cross_q_bias);
    layer->cross_out = whole(l, &raw->cross_out, &raw->cross_out_bias);
    if (raw->cross_kv.data) {
        const float *bias = floats(l, &raw->cross_kv_bias);
        layer->cross_k = rows(&raw->cross_kv, bias, 0, d);
        layer->cross_v = rows(&raw->cross_kv, bias, d, d);
    } else {
        layer->cross_k = rows(&raw->cross_k, NULL, 0, d);
        layer->cross_v = whole(l, &raw->cross_v, &raw->cross_v_bias);
    }
}

static ut_status load(ut_whisper *model, const raw_whisper *raw, ut_error *err)
{
    loader l = {model, UT_OK, err};
    model->conv1 = taps_first(&l, &raw->conv1);
    model->conv1_bias = floats(&l, &raw->conv1_bias);
    model->conv2 = taps_first(&l, &raw->conv2);
    model->conv2_bias = floats(&l, &raw->conv2_bias);
    model->encoder_positions = floats(&l, &raw->encoder_positions);
    model->decoder_positions = floats(&l, &raw->decoder_positions);
    model->encoder_norm = norm(&l, &raw->encoder_gamma, &raw->encoder_beta);
    model->decoder_norm = norm(&l, &raw->decoder_gamma, &raw->decoder_beta);
    model->embedding = rows(&raw->embedding, NULL, 0, model->dims.vocabulary).w;
    for (int i = 0; i < model->dims.encoder_layers; i++)
        load_layer(&l, &model->encoder[i], &raw->encoder[i], false);
    for (int i = 0; i < model->dims.decoder_layers; i++)
        load_layer(&l, &model->decoder[i], &raw->decoder[i], true);
    return l.status;
}

static int count_layers(const ut_weights *weights, const char *format)
{
    for (int i = 0; i <= UT_WHISPER_LAYERS; i++) {
        char name[128];
        snprintf(name, sizeof name, format, i);
        if (!ut_weights_find(weights, name))
            return i;
    }
    return UT_WHISPER_LAYERS + 1;
}

static ut_status read_dims(ut_whisper *model, bool hub, ut_error *err)
{
    const ut_weights *weights = model->weights;
    const ut_tensor *conv =
        ut_weights_find(weights, hub ? "model.encoder.conv1.weight" : "encoder/conv1/weight");
    const ut_tensor *embedding = ut_weights_find(weights, hub ? "model.decoder.embed_tokens.weight"
                                                              : "decoder/embeddings/weight");
    if (!conv || !embedding || conv->rank != 3 || embedding->rank != 2)
        return ut_fail(err, UT_ERR_FORMAT, "whisper",
                       "%s is not a Whisper model (no convolution or no token embedding); pull "
                       "the model again or name another folder",
                       ut_weights_path(weights));
    ut_whisper_dims *dims = &model->dims;
    int64_t d = conv->shape[0], mels = conv->shape[1], vocabulary = embedding->shape[0];
    if (hub) {
        dims->encoder_layers = count_layers(weights, "model.encoder.layers.%d.fc1.weight");
        dims->decoder_layers = count_layers(weights, "model.decoder.layers.%d.fc1.weight");
    } else {
        dims->encoder_layers = count_layers(weights, "encoder/layer_%d/ffn/linear_0/weight");
        dims->decoder_layers = count_layers(weights, "decoder/layer_%d/ffn/linear_0/weight");
    }
    if (d < UT_WHISPER_HEAD || d > 4096 || d % UT_WHISPER_HEAD || mels < 1 || mels > 256 ||
        vocabulary < 51864 || vocabulary > 52000 || dims->encoder_layers < 1 ||
        dims->encoder_layers > UT_WHISPER_LAYERS || dims->decoder_layers < 1 ||
        dims->decoder_layers > UT_WHISPER_LAYERS)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "whisper",
                       "%s has sizes that no Whisper has (width %lld, %lld mel bands, %lld tokens, "
                       "%d and %d layers); pull the model again",
                       ut_weights_path(weights), (long long)d, (long long)mels,
                       (long long)vocabulary, dims->encoder_layers, dims->decoder_layers);
    dims->d = (int)d;
    dims->mels = (int)mels;
    dims->vocabulary = (int)vocabulary;
    dims->heads = dims->d / UT_WHISPER_HEAD;
    return UT_OK;
}

static ut_status read_weights(ut_whisper *model, const char *dir, ut_error *err)
{
    char *path = ut_path_join(dir, "model.bin");
    bool hub = path && !ut_file_exists(path);
    if (hub) {
        free(path);
        path = ut_path_join(dir, "model.safetensors");
    }
    if (!path)
        return ut_fail_memory(err, "whisper");
    ut_status status;
    if (ut_file_exists(path))
        status = ut_weights_open(path, &model->weights, err);
    else
        status =
            ut_fail(err, UT_ERR_NOT_FOUND, "whisper",
                    "%s holds neither model.bin nor model.safetensors; pull the model again or "
                    "name another folder",
                    dir);
    free(path);
    UT_TRY(status);
    UT_TRY(read_dims(model, hub, err));
    raw_whisper *raw = calloc(1, sizeof *raw);
    if (!raw)
        return ut_fail_memory(err, "whisper");
    ut_binder binder;
    ut_binder_init(&binder, model->weights);
    bind_whole(&binder, raw, &model->dims, hub);
    for (int i = 0; i < model->dims.encoder_layers; i++)
        bind_layer(&binder, &raw->encoder[i], model->dims.d, hub, false, i);
    for (int i = 0; i < model->dims.decoder_layers; i++)
        bind_layer(&binder, &raw->decoder[i], model->dims.d, hub, true, i);
    status = ut_binder_finish(&binder, err);
    if (status == UT_OK)
        status = load(model, raw, err);
    free(raw);
    return status;
}

/* ---- tokens ---- */

/* Every Whisper numbers its special tokens in the same order behind the text tokens: end, start,
 * languages, translate, transcribe, start of LM, previous, no speech, no timestamps, timestamps
 * (openai-whisper's tokenizer.py). */
static void number_tokens(ut_whisper *model)
{
    ut_whisper_tokens *t = &model->tokens;
    int vocabulary = model->dims.vocabulary;
    t->multilingual = vocabulary >= 51865;
    t->end = t->multilingual ? 50257 : 50256;
    t->start = t->end + 1;
    t->language = t->start + 1;
    t->languages = vocabulary - 51765 - (t->multilingual ? 1 : 0);
    t->translate = t->language + t->languages;
    t->transcribe = t->translate + 1;
    t->previous = t->translate + 3;
    t->no_speech = t->translate + 4;
    t->no_timestamps = t->translate + 5;
    t->timestamp = t->translate + 6;
}

static ut_status load_optional(const char *dir, const char *name, json_t **out, ut_error *err)
{
    *out = NULL;
    char *path = ut_path_join(dir, name);
    if (!path)
        return ut_fail_memory(err, "whisper");
    ut_status status = UT_OK;
    if (ut_file_exists(path))
        status = ut_json_load(path, UT_LIMIT_CONFIG_BYTES, out, err);
    free(path);
    return status;
}

static const json_t *array_of(const json_t *const files[2], const char *a, const char *b)
{
    for (int i = 0; i < 2; i++) {
        const json_t *value = json_object_get(files[i], a);
        if (!json_is_array(value))
            value = json_object_get(files[i], b);
        if (json_is_array(value))
            return value;
    }
    return NULL;
}

static ut_status copy_ids(ut_whisper *model, const json_t *array, int **out, size_t *count,
                          ut_error *err)
{
    *out = UT_ARENA_NEW(model->arena, int, json_array_size(array) + 1);
    if (!*out)
        return ut_fail_memory(err, "whisper");
    *count = 0;
    size_t index;
    json_t *value;
    json_array_foreach((json_t *)array, index, value)
    {
        json_int_t id = json_integer_value(value);
        if (json_is_integer(value) && id >= 0 && id < model->dims.vocabulary)
            (*out)[(*count)++] = (int)id;
    }
    return UT_OK;
}

/* The heads whose attention follows the audio; where the configuration names none, those of the
 * upper half of the layers (openai-whisper's choice). */
static ut_status read_alignment(ut_whisper *model, const json_t *array, ut_error *err)
{
    int layers = model->dims.decoder_layers, heads = model->dims.heads;
    model->alignment = UT_ARENA_NEW(model->arena, bool, (size_t)layers *heads);
    if (!model->alignment)
        return ut_fail_memory(err, "whisper");
    int named = 0;
    size_t index;
    json_t *pair;
    json_array_foreach((json_t *)array, index, pair)
    {
        json_int_t layer = json_integer_value(json_array_get(pair, 0));
        json_int_t head = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) == 2 && layer >= 0 && layer < layers && head >= 0 &&
            head < heads) {
            model->alignment[layer * heads + head] = true;
            named++;
        }
    }
    for (int i = layers / 2 * heads; named == 0 && i < layers * heads; i++)
        model->alignment[i] = true;
    return UT_OK;
}

static ut_status read_config(ut_whisper *model, const char *dir, ut_error *err)
{
    json_t *config = NULL, *generation = NULL;
    ut_status status = load_optional(dir, "config.json", &config, err);
    if (status == UT_OK)
        status = load_optional(dir, "generation_config.json", &generation, err);
    const json_t *const files[2] = {generation, config};
    if (status == UT_OK)
        status = copy_ids(model, array_of(files, "suppress_ids", "suppress_tokens"),
                          &model->suppressed, &model->suppressed_count, err);
    if (status == UT_OK)
        status = copy_ids(model, array_of(files, "suppress_ids_begin", "begin_suppress_tokens"),
                          &model->suppressed_first, &model->suppressed_first_count, err);
    if (status == UT_OK)
        status = read_alignment(model, array_of(files, "alignment_heads", "alignment_heads"), err);
    json_decref(config);
    json_decref(generation);
    return status;
}

ut_status ut_whisper_open(const char *dir, ut_whisper **out, ut_error *err)
{
    *out = NULL;
    ut_whisper *model = calloc(1, sizeof *model);
    if (!model)
        return ut_fail_memory(err, "whisper");
    ut_status status = UT_OK;
    model->arena = ut_arena_create(0);
    if (!model->arena)
        status = ut_fail_memory(err, "whisper");
    if (status == UT_OK)
        status = read_weights(model, dir, err);
    if (status == UT_OK) {
        number_tokens(model);
        status = read_config(model, dir, err);
    }
    if (status == UT_OK)
        status = ut_bpe_open(dir, &model->bpe, err);
    if (status == UT_OK && ut_bpe_size(model->bpe) < model->tokens.end)
        status = ut_fail(err, UT_ERR_FORMAT, "whisper",
                         "the vocabulary of %s has %d tokens, its weights %d; pull the model again",
                         dir, ut_bpe_size(model->bpe), model->dims.vocabulary);
    if (status == UT_OK) {
        const ut_mel_options options = {.rate = UT_WHISPER_RATE,
                                        .frame = 400,
                                        .fft = 400,
                                        .hop = 160,
                                        .bands = model->dims.mels,
                                        .scale = UT_MEL_SLANEY,
                                        .window = UT_WINDOW_HANN_PERIODIC,
                                        .area = true};
        status = ut_mel_create(&options, &model->mel, err);
    }
    if (status != UT_OK)
        ut_whisper_close(model);
    else
        *out = model;
    return status;
}

void ut_whisper_close(ut_whisper *model)
{
    if (!model)
        return;
    ut_mel_destroy(model->mel);
    ut_bpe_close(model->bpe);
    ut_weights_close(model->weights);
    ut_arena_destroy(model->arena);
    free(model);
}

const ut_whisper_dims *ut_whisper_get_dims(const ut_whisper *model)
{
    return &model->dims;
}

const ut_whisper_tokens *ut_whisper_get_tokens(const ut_whisper *model)
{
    return &model->tokens;
}

const ut_bpe *ut_whisper_bpe(const ut_whisper *model)
{
    return model->bpe;
}

const char *ut_whisper_path(const ut_whisper *model)
{
    return ut_weights_path(model->weights);
}

const int *ut_whisper_suppressed(const ut_whisper *model, bool first, size_t *count)
{
    *count = first ? model->suppressed_first_count : model->suppressed_count;
    return first ? model->suppressed_first : model->suppressed;
}
