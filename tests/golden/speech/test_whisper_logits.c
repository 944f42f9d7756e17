/* Whisper base on the sample against openai-whisper with the same weights in f32
 * (tools/golden/whisper_logits.py): the encoder's output, and the logits of a forced transcript. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "audio/reader.h"
#include "models/whisper/whisper.h"

enum { HEARD = 185600, /* samples, 11.6 s */ STEP = 512, TOP = 8 };

static const double TOLERANCE = 1e-3;

typedef struct golden {
    ut_whisper *model;
    ut_whisper_state *state;
    float *tokens, *logits, *top, *logits_now;
    size_t count, columns;
} golden;

static float *read_golden(const char *name, size_t *count, size_t shape[4])
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/speech/data/whisper_%s.npy", name);
    return ut_test_npy(ut_test_source(path), count, shape);
}

static golden setup(void)
{
    golden g = {0};
    const char *dir = ut_test_model("Systran/faster-whisper-base");
    if (!dir)
        UT_SKIP("Whisper base against openai-whisper", "Systran/faster-whisper-base is not pulled");
    ut_error err;
    ut_audio *audio;
    float *pcm = malloc(HEARD * sizeof *pcm);
    assert_non_null(pcm);
    size_t got, shape[4];
    if (ut_audio_open(ut_test_source("data/raw/watch_repair.flac"), UT_AUDIO_MIX, &audio, &err) ||
        ut_audio_read(audio, pcm, HEARD, &got, &err) || ut_whisper_open(dir, &g.model, &err) ||
        ut_whisper_state_create(g.model, UT_WHISPER_ROWS, &g.state, &err))
        fail_msg("%s", err.message);
    assert_int_equal(got, HEARD);
    ut_audio_close(audio);
    ut_whisper_encode(g.state, pcm, HEARD);
    free(pcm);
    g.tokens = read_golden("tokens", &g.count, NULL);
    g.logits = read_golden("logits", &g.columns, shape);
    assert_int_equal(shape[0], g.count);
    g.columns = shape[1];
    g.top = read_golden("top", &got, shape);
    assert_true(shape[0] == 2 && shape[1] == g.count && shape[2] == TOP);
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
    free(g->logits_now);
    ut_whisper_state_destroy(g->state);
    ut_whisper_close(g->model);
}

static void test_encoder(void **unused)
{
    (void)unused;
    golden g = setup();
    size_t count, shape[4];
    float *want = read_golden("encoded", &count, shape);
    int d = ut_whisper_get_dims(g.model)->d;
    assert_true(shape[0] == 60 && (int)shape[1] == d / 16);
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        size_t at = i / shape[1] * 25 * (size_t)d + i % shape[1] * 16;
        worst = fmax(worst, fabs((double)ut_whisper_encoded(g.state)[at] - want[i]));
    }
    print_message("largest difference of the encoder's output: %.2e\n", worst);
    assert_true(worst < TOLERANCE);
    free(want);
    teardown(&g);
}

/* The largest difference of one step's logits; the likeliest tokens must come in the same order. */
static double compare(const golden *g, size_t step, const float *logits)
{
    size_t vocabulary = (size_t)ut_whisper_get_dims(g->model)->vocabulary;
    double worst = 0.0;
    for (size_t i = 0; i < g->columns; i++)
        worst = fmax(worst, fabs((double)logits[i * STEP] - g->logits[step * g->columns + i]));
    const float *ids = g->top + step * TOP, *values = ids + g->count * TOP;
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        best = logits[i] > logits[best] ? i : best;
    assert_int_equal(best, (int)ids[0]);
    for (int i = 0; i < TOP; i++)
        worst = fmax(worst, fabs((double)logits[(size_t)ids[i]] - values[i]));
    return worst;
}

/* `rows` tokens a pass; hypothesis `slot` of the cache, or every position in another slot. */
static double run(golden *g, int rows, int slot)
{
    uint8_t history[UT_WHISPER_CONTEXT];
    size_t vocabulary = (size_t)ut_whisper_get_dims(g->model)->vocabulary;
    double worst = 0.0;
    for (int i = 0; i < UT_WHISPER_CONTEXT; i++)
        history[i] = (uint8_t)(slot < 0 ? i * 5 % UT_WHISPER_ROWS : slot);
    for (int at = 0; at < (int)g->count; at += rows) {
        ut_whisper_row pass[UT_WHISPER_ROWS];
        int n = (int)g->count - at < rows ? (int)g->count - at : rows;
        for (int i = 0; i < n; i++)
            pass[i] = (ut_whisper_row){(int)g->tokens[at + i], at + i, history};
        ut_whisper_decode(g->state, pass, n, n, g->logits_now);
        for (int i = 0; i < n; i++)
            worst =
                fmax(worst, compare(g, (size_t)(at + i), g->logits_now + (size_t)i * vocabulary));
    }
    return worst;
}

static void test_logits(void **unused)
{
    (void)unused;
    golden g = setup();
    const int passes[][2] = {{1, 0}, {5, 3}, {8, -1}};
    for (int i = 0; i < 3; i++) {
        double worst = run(&g, passes[i][0], passes[i][1]);
        print_message("largest difference of the logits of %zu tokens, %d a pass: %.2e\n", g.count,
                      passes[i][0], worst);
        assert_true(worst < TOLERANCE);
    }
    teardown(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_encoder),
                                       cmocka_unit_test(test_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
