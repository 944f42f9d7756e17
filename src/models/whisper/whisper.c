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

#define LAYER(name, member, ...)                                                                   \
    {                                                                                              \
        name, offsetof(raw_layer, member), __VA_ARGS__, false                                      \
    }
#define WHOLE(name, member, ...)                                                                   \
    {                                                                                              \
        name, offsetof(raw_whisper, member), __VA_ARGS__, false                                    \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))

/* ---- CTranslate2 ---- */

static void bind_ct2(ut_binder *binder, raw_whisper *raw, const ut_whisper_dims *dims)
{
    const int64_t d = dims->d;
    const ut_binding whole[] = {
        WHOLE("encoder/conv1/weight", conv1, 3, {d, dims->mels, 3}),
        WHOLE("encoder/conv1/bias", conv1_bias, 1, {d}),
        WHOLE("encoder/conv2/weight", conv2, 3, {d, d, 3}),
        WHOLE("encoder/conv2/bias", conv2_bias, 1, {d}),
        WHOLE("encoder/position_encodings/encodings", encoder_positions, 2, {UT_WHISPER_FRAMES, d}),
        WHOLE("encoder/layer_norm/gamma", encoder_gamma, 1, {d}),
        WHOLE("encoder/layer_norm/beta", encoder_beta, 1, {d}),
        WHOLE("decoder/embeddings/weight", embedding, 2, {dims->vocabulary, d}),
        WHOLE("decoder/position_encodings/encodings", decoder_positions, 2,
              {UT_WHISPER_CONTEXT, d}),
        WHOLE("decoder/layer_norm/gamma", decoder_gamma, 1, {d}),
        WHOLE("decoder/layer_norm/beta", decoder_beta, 1, {d}),
    };
#define SIDE(side)                                                                                 \
    LAYER(side "/layer_%d/self_attention/layer_norm/gamma", attention_gamma, 1, {d}),              \
        LAYER(side "/layer_%d/self_attention/layer_norm/beta", attention_beta, 1, {d}),            \
        LAYER(side "/layer_%d/self_attention/linear_0/weight", qkv, 2, {3 * d, d}),                \
        LAYER(side "/layer_%d/self_attention/linear_0/bias", qkv_bias, 1, {3 * d}),                \
        LAYER(side "/layer_%d/self_attention/linear_1/weight", out, 2, {d, d}),                    \
        LAYER(side "/layer_%d/self_attention/linear_1/bias", out_bias, 1, {d}),                    \
        LAYER(side "/layer_%d/ffn/layer_norm/gamma", feed_gamma, 1, {d}),                          \
        LAYER(side "/layer_%d/ffn/layer_norm/beta", feed_beta, 1, {d}),                            \
        LAYER(side "/layer_%d/ffn/linear_0/weight", in, 2, {4 * d, d}),                            \
        LAYER(side "/layer_%d/ffn/linear_0/bias", in_bias, 1, {4 * d}),                            \
        LAYER(side "/layer_%d/ffn/linear_1/weight", feed, 2, {d, 4 * d}),                          \
        LAYER(side "/layer_%d/ffn/linear_1/bias", feed_bias, 1, {d})
    const ut_binding encoder[] = {SIDE("encoder")};
    const ut_binding decoder[] = {
        SIDE("decoder"),
        LAYER("decoder/layer_%d/attention/layer_norm/gamma", cross_gamma, 1, {d}),
        LAYER("decoder/layer_%d/attention/layer_norm/beta", cross_beta, 1, {d}),
        LAYER("decoder/layer_%d/attention/linear_0/weight", cross_q, 2, {d, d}),
        LAYER("decoder/layer_%d/attention/linear_0/bias", cross_q_bias, 1, {d}),
        LAYER("decoder/layer_%d/attention/linear_1/weight", cross_kv, 2, {2 * d, d}),
        LAYER("decoder/layer_%d/attention/linear_1/bias", cross_kv_bias, 1, {2 * d}),
        LAYER("decoder/layer_%d/attention/linear_2/weight", cross_out, 2, {d, d}),
        LAYER("decoder/layer_%d/attention/linear_2/bias", cross_out_bias, 1, {d}),
    };
#undef SIDE
    ut_bind(binder, raw, whole, COUNT(whole), 0);
    for (int i = 0; i < dims->encoder_layers; i++)
        ut_bind(binder, &raw->encoder[i], encoder, COUNT(encoder), i);
    for (int i = 0; i < dims->decoder_layers; i++)
        ut_bind(binder, &raw->decoder[i], decoder, COUNT(decoder), i);
}

/* ---- the hub ---- */

static void bind_hub(ut_binder *binder, raw_whisper *raw, const ut_whisper_dims *dims)
{
    const int64_t d = dims->d;
    const ut_binding whole[] = {
        WHOLE("model.encoder.conv1.weight", conv1, 3, {d, dims->mels, 3}),
        WHOLE("model.encoder.conv1.bias", conv1_bias, 1, {d}),
        WHOLE("model.encoder.conv2.weight", conv2, 3, {d, d, 3}),
        WHOLE("model.encoder.conv2.bias", conv2_bias, 1, {d}),
        WHOLE("model.encoder.embed_positions.weight", encoder_positions, 2, {UT_WHISPER_FRAMES, d}),
        WHOLE("model.encoder.layer_norm.weight", encoder_gamma, 1, {d}),
        WHOLE("model.encoder.layer_norm.bias", encoder_beta, 1, {d}),
        WHOLE("model.decoder.embed_tokens.weight", embedding, 2, {dims->vocabulary, d}),
        WHOLE("model.decoder.embed_positions.weight", decoder_positions, 2,
              {UT_WHISPER_CONTEXT, d}),
        WHOLE("model.decoder.layer_norm.weight", decoder_gamma, 1, {d}),
        WHOLE("model.decoder.layer_norm.bias", decoder_beta, 1, {d}),
    };
#define SIDE(side)                                                                                 \
    LAYER("model." side ".layers.%d.self_attn_layer_norm.weight", attention_gamma, 1, {d}),        \
        LAYER("model." side ".layers.%d.self_attn_layer_norm.bias", attention_beta, 1, {d}),       \
        LAYER("model." side ".layers.%d.self_attn.q_proj.weight", q, 2, {d, d}),                   \
        LAYER("model." side ".layers.%d.self_attn.q_proj.bias", q_bias, 1, {d}),                   \
        LAYER("model." side ".layers.%d.self_attn.k_proj.weight", k, 2, {d, d}),                   \
        LAYER("model." side ".layers.%d.self_attn.v_proj.weight", v, 2, {d, d}),                   \
        LAYER("model." side ".layers.%d.self_attn.v_proj.bias", v_bias, 1, {d}),                   \
        LAYER("model." side ".layers.%d.self_attn.out_proj.weight", out, 2, {d, d}),               \
        LAYER("model." side ".layers.%d.self_attn.out_proj.bias", out_bias, 1, {d}),               \
        LAYER("model." side ".layers.%d.final_layer_norm.weight", feed_gamma, 1, {d}),             \
        LAYER("model." side ".layers.%d.final_layer_norm.bias", feed_beta, 1, {d}),                \
        LAYER("model." side ".layers.%d.fc1.weight", in, 2, {4 * d, d}),                           \
        LAYER("model." side ".layers.%d.fc1.bias", in_bias, 1, {4 * d}),                           \
        LAYER("model." side ".layers.%d.fc2.weight", feed, 2, {d, 4 * d}),                         \
        LAYER("model." side ".layers.%d.fc2.bias", feed_bias, 1, {d})
    const ut_binding encoder[] = {SIDE("encoder")};
    const ut_binding decoder[] = {
        SIDE("decoder"),
        LAYER("model.decoder.layers.%d.encoder_attn_layer_norm.weight", cross_gamma, 1, {d}),
        LAYER("model.decoder.layers.%d.encoder_attn_layer_norm.bias", cross_beta, 1, {d}),
        LAYER("model.decoder.layers.%d.encoder_attn.q_proj.weight", cross_q, 2, {d, d}),
        LAYER("model.decoder.layers.%d.encoder_attn.q_proj.bias", cross_q_bias, 1, {d}),
        LAYER("model.decoder.layers.%d.encoder_attn.k_proj.weight", cross_k, 2, {d, d}),
        LAYER("model.decoder.layers.%d.encoder_attn.v_proj.weight", cross_v, 2, {d, d}),
        LAYER("model.decoder.layers.%d.encoder_attn.v_proj.bias", cross_v_bias, 1, {d}),
        LAYER("model.decoder.layers.%d.encoder_attn.out_proj.weight", cross_out, 2, {d, d}),
        LAYER("model.decoder.layers.%d.encoder_attn.out_proj.bias", cross_out_bias, 1, {d}),
    };
#undef SIDE
    ut_bind(binder, raw, whole, COUNT(whole), 0);
    for (int i = 0; i < dims->encoder_layers; i++)
        ut_bind(binder, &raw->encoder[i], encoder, COUNT(encoder), i);
    for (int i = 0; i < dims->decoder_layers; i++)
        ut_bind(binder, &raw->decoder[i], decoder, COUNT(decoder), i);
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
static whisper_matrix rows(loader *l, const ut_tensor *w, const float *bias, int first, int count)
{
    whisper_matrix m = {.w = *w, .bias = bias ? bias + first : NULL};
    bool known = w->dtype == UT_F32 || w->dtype == UT_F16 || w->dtype == UT_BF16 ||
                 (w->dtype == UT_I8 && w->scale);
    if (!known && l->status == UT_OK)
        l->status = ut_fail(l->err, UT_ERR_UNSUPPORTED, "whisper",
                            "%s holds a matrix of a type that cannot be computed with; take the "
                            "float16 model",
                            ut_weights_path(l->model->weights));
    m.w.data =
        (const uint8_t *)w->data + (size_t)first * (size_t)w->shape[1] * ut_dtype_size(w->dtype);
    m.w.scale = w->scale ? w->scale + first : NULL;
    m.w.shape[0] = count;
    return m;
}

static whisper_matrix whole(loader *l, const ut_tensor *w, const ut_tensor *bias)
{
    return rows(l, w, floats(l, bias), 0, (int)w->shape[0]);
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
        layer->q = rows(l, &raw->qkv, bias, 0, d);
        layer->k = rows(l, &raw->qkv, bias, d, d);
        layer->v = rows(l, &raw->qkv, bias, 2 * d, d);
    } else {
        layer->q = whole(l, &raw->q, &raw->q_bias);
        layer->k = rows(l, &raw->k, NULL, 0, d);
        layer->v = whole(l, &raw->v, &raw->v_bias);
    }
    if (!decoder)
        return;
    layer->cross_norm = norm(l, &raw->cross_gamma, &raw->cross_beta);
    layer->cross_q = whole(l, &raw->cross_q, &raw->cross_q_bias);
    layer->cross_out = whole(l, &raw->cross_out, &raw->cross_out_bias);
    if (raw->cross_kv.data) {
        const float *bias = floats(l, &raw->cross_kv_bias);
        layer->cross_k = rows(l, &raw->cross_kv, bias, 0, d);
        layer->cross_v = rows(l, &raw->cross_kv, bias, d, d);
    } else {
        layer->cross_k = rows(l, &raw->cross_k, NULL, 0, d);
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
    model->embedding = rows(&l, &raw->embedding, NULL, 0, model->dims.vocabulary).w;
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
    if (hub)
        bind_hub(&binder, raw, &model->dims);
    else
        bind_ct2(&binder, raw, &model->dims);
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
