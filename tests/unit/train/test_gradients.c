/* Every gradient of the heads against differences of the loss itself. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/layers.h"
#include "train/text_model.h"
#include "train/voice_model.h"

enum { ROWS = 6 };

/* The logits are floats: a step of 5e-4 leaves two digits, and seldom crosses a kink of relu. */
static void compare(double numeric, double analytic, const char *block, size_t index)
{
    double scale = fmax(fabs(numeric), fabs(analytic));
    if (fabs(numeric - analytic) > 5e-4 + 2e-2 * scale)
        fail_msg("%s[%zu]: numeric %.6f, analytic %.6f", block, index, numeric, analytic);
}

/* Looks at some values of each block, among them the first and the last. */
static void check(ut_parameters *p, double (*loss)(void *context), void *context)
{
    memset(p->gradients, 0, p->count * sizeof *p->gradients);
    (void)loss(context);
    float *analytic = malloc(p->count * sizeof *analytic);
    assert_non_null(analytic);
    memcpy(analytic, p->gradients, p->count * sizeof *analytic);
    size_t moved = 0;
    for (size_t b = 0; b < p->block_count; b++) {
        const ut_block *block = &p->blocks[b];
        for (size_t k = 0; k < 24 && block->count; k++) {
            size_t i = block->offset + k * (block->count - 1) / 23;
            float kept = p->values[i];
            const float step = 5e-4f;
            p->values[i] = kept + step;
            double above = loss(context);
            p->values[i] = kept - step;
            double below = loss(context);
            p->values[i] = kept;
            compare((above - below) / (2 * (double)step), analytic[i], block->name,
                    i - block->offset);
            moved += fabsf(analytic[i]) > 1e-4f;
        }
    }
    assert_true(moved > 20);
    free(analytic);
}

typedef struct voice_case {
    ut_voice_model model;
    float *x, *b;
} voice_case;

static double voice_loss(void *context)
{
    voice_case *c = context;
    static const unsigned ways[ROWS] = {1, 2, 8, 32 | 64 | 128 | 256, 16 | 8, 4};
    static const unsigned others[ROWS] = {4, 1, 2, 8, 256, 32};
    const size_t size = (size_t)ROWS * (size_t)c->model.inputs;
    float *x = malloc(size * sizeof *x);
    float *b = malloc(size * sizeof *b);
    assert_true(x && b);
    memcpy(x, c->x, size * sizeof *x);
    memcpy(b, c->b, size * sizeof *b);
    ut_random random = ut_random_seeded(3, 4); /* the same dropout every time */
    const ut_voice_batch batch = {x, b, ways, others, ROWS, 0.7f};
    double loss = ut_voice_model_loss(&c->model, &batch, &random);
    free(x);
    free(b);
    return loss;
}

static void check_voice(int inputs, bool project)
{
    ut_error err;
    ut_random random = ut_random_seeded(1, 2);
    voice_case c;
    assert_int_equal(ut_voice_model_create(inputs, project, ROWS, &c.model, &err), UT_OK);
    ut_voice_model_begin(&c.model, &random);
    c.x = ut_test_floats((size_t)ROWS * (size_t)inputs);
    c.b = ut_test_floats((size_t)ROWS * (size_t)inputs);
    check(&c.model.parameters, voice_loss, &c);
    free(c.x);
    free(c.b);
    ut_voice_model_free(&c.model);
}

static void test_voice(void **state)
{
    (void)state;
    check_voice(40, true);
    check_voice(UT_VOICE_DIM, false);
}

typedef struct text_case {
    ut_text_model model;
    float *x;
} text_case;

static double text_loss(void *context)
{
    text_case *c = context;
    static const uint32_t hashes[] = {5, 9, 5, 100, 7, 7, 3, 2, 0, 11};
    static const size_t starts[ROWS + 1] = {0, 2, 3, 6, 7, 8, 10};
    static const size_t rows[ROWS] = {0, 1, 2, 3, 4, 5};
    static const int emotions[ROWS] = {0, 1, 2, 3, 4, 0};
    const ut_grams grams = {hashes, starts};
    ut_random random = ut_random_seeded(5, 6);
    return ut_text_model_loss(&c->model, c->x, rows, ROWS, &grams, emotions, &random);
}

static void test_text(void **state)
{
    (void)state;
    ut_error err;
    ut_random random = ut_random_seeded(1, 2);
    text_case c;
    assert_int_equal(ut_text_model_create(12, 13, ROWS, &c.model, &err), UT_OK);
    ut_text_model_begin(&c.model, &random);
    float *table = ut_parameters_values(&c.model.parameters, UT_TEXT_NGRAM);
    for (size_t i = 0; i < c.model.parameters.blocks[UT_TEXT_NGRAM].count; i++)
        table[i] = ut_test_noise();
    c.x = ut_test_floats((size_t)ROWS * UT_TEXT_DIMENSIONS);
    check(&c.model.parameters, text_loss, &c);
    free(c.x);
    ut_text_model_free(&c.model);
}

/* A set of classes is right when any of it is: the loss of all classes together is nothing. */
static void test_sets(void **state)
{
    (void)state;
    const float z[3] = {1, 2, 3};
    float dz[3] = {0};
    assert_near(ut_set_cross_entropy(z, 3, 7, 0, 1, dz), 0, 1e-12);
    for (int i = 0; i < 3; i++)
        assert_near(dz[i], 0, 1e-7);
    double all = exp(1) + exp(2) + exp(3);
    assert_near(ut_set_cross_entropy(z, 3, 3, 0, 1, dz), -log((exp(1) + exp(2)) / all), 1e-12);
    /* Far from any probability: still finite, still a direction. */
    const float far[2] = {0, 1000};
    float d[2] = {0};
    assert_true(isfinite(ut_set_cross_entropy(far, 2, 1, 0.1f, 1, d)));
    assert_true(d[1] > 0.5f);
}

/* Standardised inputs and raw ones through folded weights give the same opinion, and back. */
static void check_fold(int inputs, bool project)
{
    ut_error err;
    ut_random random = ut_random_seeded(1, 2);
    ut_voice_model m;
    assert_int_equal(ut_voice_model_create(inputs, project, 1, &m, &err), UT_OK);
    ut_voice_model_begin(&m, &random);
    float *raw = ut_test_floats((size_t)inputs);
    float *mean = ut_test_floats((size_t)inputs);
    float *deviation = ut_test_floats((size_t)inputs);
    float *x = ut_test_floats((size_t)inputs);
    for (int i = 0; i < inputs; i++) {
        deviation[i] = 0.5f + fabsf(deviation[i]);
        x[i] = (raw[i] - mean[i]) / deviation[i];
    }
    float v[UT_VOICE_DIM];
    double want[UT_VOICE_CLASSES];
    double got[UT_VOICE_CLASSES];
    ut_voice_model_embed(&m, x, 1, v);
    ut_voice_model_judge(&m, v, 1, false, want);
    for (int round = 0; round < 2; round++) {
        ut_voice_model_fold(&m, mean, deviation, round == 1);
        ut_voice_model_embed(&m, round == 0 ? raw : x, 1, v);
        ut_voice_model_judge(&m, v, 1, false, got);
        for (int k = 0; k < UT_VOICE_CLASSES; k++)
            assert_near(got[k], want[k], 1e-4);
    }
    free(raw);
    free(mean);
    free(deviation);
    free(x);
    ut_voice_model_free(&m);
}

static void test_fold(void **state)
{
    (void)state;
    check_fold(24, true);
    check_fold(UT_VOICE_DIM, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_voice),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
