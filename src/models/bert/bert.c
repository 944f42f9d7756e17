#include "models/bert/bert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "nn/ops.h"
#include "nn/weights.h"
#include "text/wordpiece.h"

enum { MAX_LAYERS = 48, MAX_HIDDEN = 4096, MAX_INNER = 16384, MAX_POSITIONS = 8192 };

/* Biases and norms are small and used as float rows, whatever the file holds. */
typedef struct layer {
    ut_tensor query, key, value, attention_out, inner, outer;
    ut_tensor query_bias, key_bias, value_bias, attention_out_bias, inner_bias, outer_bias;
    ut_tensor attention_gamma, attention_beta, gamma, beta;
    const float *bq, *bk, *bv, *bo, *bi, *bu, *ga, *ba, *gf, *bf;
} layer;

struct ut_bert {
    ut_weights *weights;
    ut_wordpiece *tokenizer;
    ut_arena *rows; /* biases and norms as floats */
    int layers, hidden, heads, inner, positions;
    float eps;
    ut_tensor words, places, types, norm_gamma, norm_beta;
    const float *gamma, *beta, *type0;
    layer *layer;
};

static int config_int(const json_t *config, const char *key, int maximum)
{
    json_int_t v = json_integer_value(json_object_get(config, key));
    return v > 0 && v <= maximum ? (int)v : 0;
}

static ut_status read_config(ut_bert *b, const char *folder, ut_error *err)
{
    json_t *config = NULL;
    char *path = ut_path_join(folder, "config.json");
    if (!path)
        return ut_fail_memory(err, "bert");
    ut_status status = ut_json_load(path, 1 << 20, &config, err);
    if (status != UT_OK)
        goto done;
    b->layers = config_int(config, "num_hidden_layers", MAX_LAYERS);
    b->hidden = config_int(config, "hidden_size", MAX_HIDDEN);
    b->heads = config_int(config, "num_attention_heads", MAX_HIDDEN);
    b->inner = config_int(config, "intermediate_size", MAX_INNER);
    b->positions = config_int(config, "max_position_embeddings", MAX_POSITIONS);
    b->eps = (float)json_number_value(json_object_get(config, "layer_norm_eps"));
    const char *type = json_string_value(json_object_get(config, "model_type"));
    const char *act = json_string_value(json_object_get(config, "hidden_act"));
    if (!type || strcmp(type, "bert") != 0 || (act && strcmp(act, "gelu") != 0))
        status =
            ut_fail(err, UT_ERR_UNSUPPORTED, "bert",
                    "%s is not a BERT encoder with GELU; use one such as all-MiniLM-L6-v2", path);
    else if (!b->layers || !b->hidden || !b->heads || !b->inner || b->positions < 2 ||
             b->hidden % b->heads != 0 || !(b->eps >= 0 && b->eps < 1))
        status =
            ut_fail(err, UT_ERR_FORMAT, "bert",
                    "%s has sizes that are missing or out of range; fetch the model again", path);
done:
    json_decref(config);
    free(path);
    return status;
}

#define LAYER(name, member, ...)                                                                   \
    {                                                                                              \
        name, offsetof(layer, member), __VA_ARGS__, false                                          \
    }

/* Binds every tensor; names may carry the prefix "bert." (fine-tuned heads do). */
static ut_status bind(ut_bert *b, ut_error *err)
{
    const int64_t d = b->hidden;
    const int64_t f = b->inner;
    const size_t skip =
        ut_weights_find(b->weights, "bert.embeddings.word_embeddings.weight") ? 0 : 5;
    ut_binding outer[] = {
        {&"bert.embeddings.word_embeddings.weight" [skip],
         offsetof(ut_bert, words),
         2,
         { (int64_t) ut_wordpiece_count(b->tokenizer), d },
         false},
        {&"bert.embeddings.position_embeddings.weight" [skip],
         offsetof(ut_bert, places),
         2,
         { b->positions, d },
         false},
        {&"bert.embeddings.token_type_embeddings.weight" [skip],
         offsetof(ut_bert, types),
         2,
         { UT_ANY, d },
         false},
        {&"bert.embeddings.LayerNorm.weight" [skip],
         offsetof(ut_bert, norm_gamma),
         1,
         { d },
         false},
        {&"bert.embeddings.LayerNorm.bias" [skip], offsetof(ut_bert, norm_beta), 1, { d }, false},
    };
    ut_binding inner[] = {
        LAYER(&"bert.encoder.layer.%d.attention.self.query.weight" [skip], query, 2, { d, d }),
        LAYER(&"bert.encoder.layer.%d.attention.self.query.bias" [skip], query_bias, 1, { d }),
        LAYER(&"bert.encoder.layer.%d.attention.self.key.weight" [skip], key, 2, { d, d }),
        LAYER(&"bert.encoder.layer.%d.attention.self.key.bias" [skip], key_bias, 1, { d }),
        LAYER(&"bert.encoder.layer.%d.attention.self.value.weight" [skip], value, 2, { d, d }),
        LAYER(&"bert.encoder.layer.%d.attention.self.value.bias" [skip], value_bias, 1, { d }),
        LAYER(&"bert.encoder.layer.%d.attention.output.dense.weight" [skip], attention_out, 2,
              { d, d }),
        LAYER(&"bert.encoder.layer.%d.attention.output.dense.bias" [skip], attention_out_bias, 1,
              { d }),
        LAYER(&"bert.encoder.layer.%d.attention.output.LayerNorm.weight" [skip], attention_gamma, 1,
              { d }),
        LAYER(&"bert.encoder.layer.%d.attention.output.LayerNorm.bias" [skip], attention_beta, 1,
              { d }),
        LAYER(&"bert.encoder.layer.%d.intermediate.dense.weight" [skip], inner, 2, { f, d }),
        LAYER(&"bert.encoder.layer.%d.intermediate.dense.bias" [skip], inner_bias, 1, { f }),
        LAYER(&"bert.encoder.layer.%d.output.dense.weight" [skip], outer, 2, { d, f }),
        LAYER(&"bert.encoder.layer.%d.output.dense.bias" [skip], outer_bias, 1, { d }),
        LAYER(&"bert.encoder.layer.%d.output.LayerNorm.weight" [skip], gamma, 1, { d }),
        LAYER(&"bert.encoder.layer.%d.output.LayerNorm.bias" [skip], beta, 1, { d }),
    };
    ut_binder binder;
    ut_binder_init(&binder, b->weights);
    ut_bind(&binder, b, outer, sizeof outer / sizeof *outer, 0);
    for (int i = 0; i < b->layers; i++)
        ut_bind(&binder, &b->layer[i], inner, sizeof inner / sizeof *inner, i);
    return ut_binder_finish(&binder, err);
}

/* A row of floats that outlives the call; NULL when out of memory. */
static const float *row(ut_bert *b, const ut_tensor *t, int n)
{
    float *out = UT_ARENA_NEW(b->rows, float, (size_t)n);
    if (out)
        ut_tensor_to_f32(t, 0, (size_t)n, out);
    return out;
}

static ut_status convert_rows(ut_bert *b, ut_error *err)
{
    const int d = b->hidden;
    b->gamma = row(b, &b->norm_gamma, d);
    b->beta = row(b, &b->norm_beta, d);
    b->type0 = row(b, &b->types, d);
    bool ok = b->gamma && b->beta && b->type0;
    for (int i = 0; i < b->layers; i++) {
        layer *l = &b->layer[i];
        l->bq = row(b, &l->query_bias, d);
        l->bk = row(b, &l->key_bias, d);
        l->bv = row(b, &l->value_bias, d);
        l->bo = row(b, &l->attention_out_bias, d);
        l->bi = row(b, &l->inner_bias, b->inner);
        l->bu = row(b, &l->outer_bias, d);
        l->ga = row(b, &l->attention_gamma, d);
        l->ba = row(b, &l->attention_beta, d);
        l->gf = row(b, &l->gamma, d);
        l->bf = row(b, &l->beta, d);
        ok = ok && l->bq && l->bk && l->bv && l->bo && l->bi && l->bu && l->ga && l->ba && l->gf &&
             l->bf;
    }
    return ok ? UT_OK : ut_fail_memory(err, "bert");
}

ut_status ut_bert_open(const char *folder, ut_bert **bert, ut_error *err)
{
    *bert = NULL;
    ut_status status = UT_OK;
    char *path = NULL;
    ut_bert *b = calloc(1, sizeof *b);
    if (!b)
        return ut_fail_memory(err, "bert");
    if ((status = read_config(b, folder, err)) != UT_OK)
        goto done;
    if ((status = ut_wordpiece_open(folder, &b->tokenizer, err)) != UT_OK)
        goto done;
    path = ut_path_join(folder, "model.safetensors");
    b->layer = calloc((size_t)b->layers, sizeof *b->layer);
    b->rows = ut_arena_create(0);
    if (!path || !b->layer || !b->rows) {
        status = ut_fail_memory(err, "bert");
        goto done;
    }
    if ((status = ut_weights_open(path, &b->weights, err)) != UT_OK)
        goto done;
    if ((status = bind(b, err)) != UT_OK)
        goto done;
    status = convert_rows(b, err);
done:
    free(path);
    if (status != UT_OK)
        ut_bert_close(b);
    else
        *bert = b;
    return status;
}

void ut_bert_close(ut_bert *b)
{
    if (!b)
        return;
    ut_weights_close(b->weights);
    ut_wordpiece_close(b->tokenizer);
    ut_arena_destroy(b->rows);
    free(b->layer);
    free(b);
}

size_t ut_bert_dimensions(const ut_bert *b)
{
    return (size_t)b->hidden;
}

/* Texts side by side: the tokens of text i are rows from[i] .. from[i + 1] of x, y, q, k, v [t,
 * hidden]. Only attention sees the borders between them. */
typedef struct activations {
    size_t texts;
    int from[UT_BERT_BATCH + 1];
    float *x, *y, *q, *k, *v, *scores, *inner;
} activations;

/* y = attention of x: every head attends within a text's tokens; q is reused for the joined heads'
 * output. */
static void attend(const ut_bert *b, const layer *l, activations *a)
{
    const int d = b->hidden;
    const int n = d / b->heads;
    const int all = a->from[a->texts];
    const float scale = 1.0f / sqrtf((float)n);
    ut_linear(a->q, a->x, all, &l->query, l->bq);
    ut_linear(a->k, a->x, all, &l->key, l->bk);
    ut_linear(a->v, a->x, all, &l->value, l->bv);
    for (size_t text = 0; text < a->texts; text++)
        for (int h = 0; h < b->heads; h++) {
            const int t = a->from[text + 1] - a->from[text];
            const size_t at = (size_t)a->from[text] * (size_t)d + (size_t)(h * n);
            ut_matmul_nt(a->scores, t, a->q + at, d, a->k + at, d, t, t, n, 0);
            for (int i = 0; i < t * t; i++)
                a->scores[i] *= scale;
            ut_softmax(a->scores, t, t, t);
            ut_matmul_nn(a->y + at, d, a->scores, t, a->v + at, d, t, n, t, 0);
        }
    ut_linear(a->q, a->y, all, &l->attention_out, l->bo);
}

static void run_layer(const ut_bert *b, const layer *l, activations *a)
{
    const int t = a->from[a->texts];
    const size_t size = (size_t)t * (size_t)b->hidden;
    attend(b, l, a);
    ut_axpy(a->x, 1.0f, a->q, size);
    ut_layer_norm(a->x, a->x, t, b->hidden, l->ga, l->ba, b->eps);
    ut_linear(a->inner, a->x, t, &l->inner, l->bi);
    ut_gelu(a->inner, (size_t)t * (size_t)b->inner);
    ut_linear(a->y, a->inner, t, &l->outer, l->bu);
    ut_axpy(a->x, 1.0f, a->y, size);
    ut_layer_norm(a->x, a->x, t, b->hidden, l->gf, l->bf, b->eps);
}

static void embed_tokens(const ut_bert *b, const int32_t *ids, activations *a)
{
    const size_t d = (size_t)b->hidden;
    for (size_t text = 0; text < a->texts; text++)
        for (int i = a->from[text]; i < a->from[text + 1]; i++) {
            float *x = a->x + (size_t)i * d;
            ut_tensor_to_f32(&b->words, (size_t)ids[i] * d, d, x);
            ut_tensor_to_f32(&b->places, (size_t)(i - a->from[text]) * d, d, a->y);
            ut_axpy(x, 1.0f, a->y, d);
            ut_axpy(x, 1.0f, b->type0, d);
        }
    ut_layer_norm(a->x, a->x, a->from[a->texts], b->hidden, b->gamma, b->beta, b->eps);
}

static void pool(const activations *a, size_t text, size_t d, float *out)
{
    const int t = a->from[text + 1] - a->from[text];
    memset(out, 0, d * sizeof *out);
    for (int i = a->from[text]; i < a->from[text + 1]; i++)
        ut_axpy(out, 1.0f / (float)t, a->x + (size_t)i * d, d);
    float norm = sqrtf(ut_dot(out, out, d));
    for (size_t i = 0; i < d; i++)
        out[i] /= norm > 1e-12f ? norm : 1e-12f;
}

static ut_status embed_batch(const ut_bert *b, const char *const *texts, size_t count, float *out,
                             ut_arena *scratch, size_t *tokens, ut_error *err)
{
    const size_t d = (size_t)b->hidden;
    activations a = {.texts = count};
    size_t maximum = UT_BERT_MAX_TOKENS;
    size_t longest = 0;
    if ((size_t)b->positions < maximum)
        maximum = (size_t)b->positions;
    ut_arena_reset(scratch);
    int32_t *ids = UT_ARENA_NEW(scratch, int32_t, count * maximum);
    if (!ids)
        return ut_fail_memory(err, "bert");
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        UT_TRY(ut_wordpiece_encode(b->tokenizer, texts[i], strlen(texts[i]), true, ids + a.from[i],
                                   maximum, &n, tokens, err));
        a.from[i + 1] = a.from[i] + (int)n;
        longest = n > longest ? n : longest;
    }
    const size_t all = (size_t)a.from[count];
    a.x = UT_ARENA_NEW(scratch, float, all *d);
    a.y = UT_ARENA_NEW(scratch, float, all *d);
    a.q = UT_ARENA_NEW(scratch, float, all *d);
    a.k = UT_ARENA_NEW(scratch, float, all *d);
    a.v = UT_ARENA_NEW(scratch, float, all *d);
    a.scores = UT_ARENA_NEW(scratch, float, longest *longest);
    a.inner = UT_ARENA_NEW(scratch, float, all *(size_t)b->inner);
    if (!a.x || !a.y || !a.q || !a.k || !a.v || !a.scores || !a.inner)
        return ut_fail_memory(err, "bert");
    embed_tokens(b, ids, &a);
    for (int i = 0; i < b->layers; i++)
        run_layer(b, &b->layer[i], &a);
    for (size_t i = 0; i < count; i++)
        pool(&a, i, d, out + i * d);
    return UT_OK;
}

ut_status ut_bert_embed(const ut_bert *b, const char *text, float *out, ut_arena *scratch,
                        size_t *tokens, ut_error *err)
{
    return embed_batch(b, &text, 1, out, scratch, tokens, err);
}

ut_status ut_bert_embed_many(const ut_bert *b, const char *const *texts, size_t count, float *out,
                             ut_arena *scratch, ut_error *err)
{
    for (size_t i = 0; i < count; i += UT_BERT_BATCH) {
        size_t n = count - i < UT_BERT_BATCH ? count - i : UT_BERT_BATCH;
        UT_TRY(embed_batch(b, texts + i, n, out + i * (size_t)b->hidden, scratch, NULL, err));
    }
    return UT_OK;
}
