/* Whisper on the sample against the reference programs with the same weights (recorded by
 * tools/golden/whisper_logits.py): base against openai-whisper in f32, and tiny.en quantised as
 * CTranslate2's converter does against CTranslate2. The encoder's output, and the logits of a given
 * run of tokens. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/reader.h"
#include "base/file.h"
#include "models/whisper/whisper.h"
#include "nn/weights.h"

enum { HEARD = 185600, /* samples, 11.6 s */ STEP = 512, TOP = 8 };

static const double TOLERANCE = 1e-3;

typedef struct golden {
    ut_whisper *model;
    ut_whisper_state *state;
    float *tokens, *logits, *top, *encoded, *logits_now;
    size_t count;   /* of tokens; */
    size_t rows;    /* of them so many last ones have logits, */
    size_t columns; /* so many each */
} golden;

static float *read_golden(const char *kind, const char *what, size_t *count, size_t shape[4])
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/speech/data/whisper_%s_%s.npy", kind, what);
    return ut_test_npy(ut_test_source(path), count, shape);
}

static golden setup(const char *dir, const char *kind)
{
    golden g = {0};
    ut_error err;
    ut_audio *audio;
    float *pcm = malloc(HEARD * sizeof *pcm);
    assert_non_null(pcm);
    size_t got = 0;
    size_t shape[4];
    if (ut_audio_open(ut_test_source("data/raw/watch_repair.flac"), UT_AUDIO_MIX, &audio, &err) ||
        ut_audio_read(audio, pcm, HEARD, &got, &err) || ut_whisper_open(dir, &g.model, &err) ||
        ut_whisper_state_create(g.model, UT_WHISPER_ROWS, &g.state, &err))
        fail_msg("%s", err.message);
    assert_int_equal(got, HEARD);
    ut_audio_close(audio);
    ut_whisper_encode(g.state, pcm, HEARD);
    free(pcm);
    g.tokens = read_golden(kind, "tokens", &g.count, NULL);
    g.logits = read_golden(kind, "logits", &got, shape);
    g.rows = shape[0];
    g.columns = shape[1];
    g.top = read_golden(kind, "top", &got, shape);
    assert_true(g.rows <= g.count && shape[1] == g.rows && shape[2] == TOP);
    g.encoded = read_golden(kind, "encoded", &got, shape);
    assert_true(shape[0] == 60 && (int)shape[1] == ut_whisper_get_dims(g.model)->d / 16);
    g.logits_now =
        malloc((size_t)ut_whisper_get_dims(g.model)->vocabulary * UT_WHISPER_ROWS * sizeof(float));
    assert_non_null(g.logits_now);
    return g;
}

static void teardown(golden *g)
{
    free(g->tokens);
    free(g->logits);
    free(g->top);
    free(g->encoded);
    free(g->logits_now);
    ut_whisper_state_destroy(g->state);
    ut_whisper_close(g->model);
}

/* The largest difference of every 25th frame's every 16th value. */
static double compare_encoded(const golden *g)
{
    size_t d = (size_t)ut_whisper_get_dims(g->model)->d;
    double worst = 0.0;
    for (size_t i = 0; i < 60 * d / 16; i++) {
        size_t at = i / (d / 16) * 25 * d + i % (d / 16) * 16;
        worst = fmax(worst, fabs((double)ut_whisper_encoded(g->state)[at] - g->encoded[i]));
    }
    return worst;
}

/* The largest difference of one row's logits; the likeliest token must be the same. */
static double compare(const golden *g, size_t row, const float *logits)
{
    size_t vocabulary = (size_t)ut_whisper_get_dims(g->model)->vocabulary;
    double worst = 0.0;
    for (size_t i = 0; i < g->columns; i++)
        worst = fmax(worst, fabs((double)logits[i * STEP] - g->logits[row * g->columns + i]));
    const float *ids = g->top + row * TOP, *values = ids + g->rows * TOP;
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        best = logits[i] > logits[best] ? i : best;
    assert_int_equal(best, (int)ids[0]);
    for (int i = 0; i < TOP; i++)
        worst = fmax(worst, fabs((double)logits[(size_t)ids[i]] - values[i]));
    return worst;
}

/* All tokens, so many a pass; in hypothesis `slot` of the cache, or each position in another. */
static double run(golden *g, int rows, int slot)
{
    uint8_t history[UT_WHISPER_CONTEXT];
    int vocabulary = ut_whisper_get_dims(g->model)->vocabulary, count = (int)g->count;
    double worst = 0.0;
    for (int i = 0; i < UT_WHISPER_CONTEXT; i++)
        history[i] = (uint8_t)(slot < 0 ? i * 5 % UT_WHISPER_ROWS : slot);
    for (int at = 0; at < count; at += rows) {
        ut_whisper_row pass[UT_WHISPER_ROWS];
        int n = count - at < rows ? count - at : rows;
        for (int i = 0; i < n; i++)
            pass[i] = (ut_whisper_row){(int)g->tokens[at + i], at + i, history};
        ut_whisper_decode(g->state, pass, n, n, g->logits_now);
        for (int i = 0; i < n; i++) {
            int row = at + i - (count - (int)g->rows);
            const float *logits = g->logits_now + (size_t)i * vocabulary;
            worst = row < 0 ? worst : fmax(worst, compare(g, (size_t)row, logits));
        }
    }
    return worst;
}

static void check(const char *dir, const char *kind)
{
    golden g = setup(dir, kind);
    double worst = compare_encoded(&g);
    print_message("%s: largest difference of the encoder's output %.2e\n", kind, worst);
    assert_true(worst < TOLERANCE);
    const int passes[][2] = {{1, 0}, {5, 3}, {8, -1}};
    for (int i = 0; i < 3; i++) {
        worst = run(&g, passes[i][0], passes[i][1]);
        print_message("%s: largest difference of the logits behind %zu tokens, %d a pass, %.2e\n",
                      kind, g.rows, passes[i][0], worst);
        assert_true(worst < TOLERANCE);
    }
    teardown(&g);
}

static void test_base(void **unused)
{
    (void)unused;
    const char *dir = ut_test_model("Systran/faster-whisper-base");
    if (!dir)
        UT_SKIP("Whisper base against openai-whisper", "Systran/faster-whisper-base is not pulled");
    check(dir, "base");
}

/* ---- CTranslate2's quantised files, written here by its converter's rules ---- */

static void put_uint(FILE *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> (8 * i) & 0xff), f);
}

static void put_variable(FILE *f, const char *name, const ut_tensor *t, int rank, int type,
                         const void *data, size_t bytes)
{
    put_uint(f, (uint32_t)strlen(name) + 1, 2);
    fwrite(name, 1, strlen(name) + 1, f);
    put_uint(f, (uint32_t)rank, 1);
    for (int i = 0; i < rank; i++)
        put_uint(f, (uint32_t)t->shape[i], 4);
    put_uint(f, (uint32_t)type, 1);
    put_uint(f, (uint32_t)bytes, 4);
    fwrite(data, 1, bytes, f);
}

static float largest(const float *x, size_t n)
{
    float top = 0.0f;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(x[i]));
    return top;
}

/* int8: 127 / a row's largest; int16: 1024 / the largest of all (ctranslate2/specs). */
static void put_quantized(FILE *f, const char *name, const ut_tensor *t, bool bytes)
{
    char scale_name[256];
    size_t count = ut_tensor_count(t), rows = (size_t)t->shape[0], columns = count / rows;
    float *x = malloc(count * sizeof *x), *scale = malloc(rows * sizeof *scale);
    int16_t *shorts = malloc(count * sizeof *shorts);
    int8_t *octets = (int8_t *)shorts;
    assert_true(x && scale && shorts);
    ut_tensor_to_f32(t, 0, count, x);
    float all = bytes ? 0.0f : 1024.0f / largest(x, count);
    for (size_t r = 0; r < rows; r++)
        scale[r] = bytes ? 127.0f / largest(x + r * columns, columns) : all;
    for (size_t i = 0; i < count; i++) {
        float value = rintf(x[i] * scale[i / columns]);
        if (bytes)
            octets[i] = (int8_t)value;
        else
            shorts[i] = (int16_t)value;
    }
    put_variable(f, name, t, t->rank, bytes ? 1 : 2, shorts, count * (bytes ? 1 : 2));
    snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    put_variable(f, scale_name, t, bytes ? 1 : 0, 0, scale, (bytes ? rows : 1) * sizeof *scale);
    free(x);
    free(scale);
    free(shorts);
}

static void quantize(const char *from, const char *to, bool bytes)
{
    static const char specification[] = "WhisperSpec", weight[] = "/weight";
    ut_weights *weights;
    ut_error err;
    if (ut_weights_open(from, &weights, &err) != UT_OK)
        fail_msg("%s", err.message);
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    uint32_t variables = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < ut_weights_count(weights); i++) {
            const char *name = ut_weights_name(weights, i);
            const ut_tensor *t = ut_weights_find(weights, name);
            size_t length = strlen(name), ending = sizeof weight - 1;
            bool matrix = length > ending && strcmp(name + length - ending, weight) == 0;
            if (t->dtype != UT_F16 || strncmp(name, "decoder/projection", 18) == 0)
                continue;
            if (pass == 0)
                variables += matrix ? 2 : 1;
            else if (matrix)
                put_quantized(f, name, t, bytes);
            else
                put_variable(f, name, t, t->rank, 4, t->data, 2 * ut_tensor_count(t));
        }
        if (pass == 0) {
            put_uint(f, 6, 4);
            put_uint(f, sizeof specification, 2);
            fwrite(specification, 1, sizeof specification, f);
            put_uint(f, 3, 4);
            put_uint(f, variables, 4);
        }
    }
    put_uint(f, 0, 4);
    assert_int_equal(fclose(f), 0);
    ut_weights_close(weights);
}

static char *path_of(const char *dir, const char *name)
{
    char *path = ut_path_join(dir, name);
    assert_non_null(path);
    return path;
}

static void test_quantized(void **unused)
{
    (void)unused;
    static const char *const others[] = {"config.json", "tokenizer.json"};
    const char *tiny = ut_test_model("Systran/faster-whisper-tiny.en");
    if (!tiny)
        UT_SKIP("quantised weights against CTranslate2",
                "Systran/faster-whisper-tiny.en is not pulled");
    char dir[] = "/tmp/ut_quantized_XXXXXX", source[4096];
    snprintf(source, sizeof source, "%s", tiny);
    assert_non_null(mkdtemp(dir));
    char *from = path_of(source, "model.bin"), *to = path_of(dir, "model.bin");
    for (int i = 0; i < 2; i++) {
        char *there = path_of(source, others[i]), *here = path_of(dir, others[i]);
        assert_int_equal(symlink(there, here), 0);
        free(there);
        free(here);
    }
    quantize(from, to, true);
    check(dir, "int8");
    quantize(from, to, false);
    check(dir, "int16");
    unlink(to);
    for (int i = 0; i < 2; i++) {
        char *here = path_of(dir, others[i]);
        unlink(here);
        free(here);
    }
    rmdir(dir);
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_base),
                                       cmocka_unit_test(test_quantized)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
