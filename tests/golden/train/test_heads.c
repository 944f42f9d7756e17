/* Forward, backward and AdamW of the trainable heads against PyTorch's (tools/golden/train.py). */
#include "ut_test.h"

#include <stdlib.h>

#include "train/text_model.h"
#include "train/voice_model.h"

enum { STEPS = 5, ROWS = 6, EVERY = 37 };

static const float RATE = 1e-2f;

/* The generator of tools/golden/train.py. */
static float *uniform(size_t count, uint32_t x, float scale)
{
    float *out = malloc((count + 1) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        x = 1664525u * x + 1013904223u;
        out[i] = (float)((double)(x >> 8) / 8388608.0 - 1.0) * scale;
    }
    return out;
}

static void begin(ut_parameters *p)
{
    float *values = uniform(p->count, 11, 0.2f);
    for (size_t i = 0; i < p->count; i++)
        p->values[i] = values[i];
    free(values);
}

static void compare(const ut_parameters *p, const double losses[STEPS], const char *golden)
{
    size_t count;
    float *want = ut_test_npy(ut_test_source(golden), &count, NULL);
    assert_int_equal(count, STEPS + (p->count + EVERY - 1) / EVERY);
    for (int s = 0; s < STEPS; s++)
        assert_near(losses[s], want[s], 2e-5 * (1 + (double)want[s]));
    /* A step moves each value by about the rate, 1e-2: these agree to a thousandth of it. */
    for (size_t i = STEPS; i < count; i++)
        assert_near(p->values[(i - STEPS) * EVERY], want[i], 2e-5);
    free(want);
}

static void check_voice(int inputs, bool project, const char *golden)
{
    static const unsigned ways[ROWS] = {1, 2, 8, 32 | 64 | 128 | 256, 8 | 16, 4};
    static const unsigned others[ROWS] = {4, 1, 2, 8, 256, 32};
    ut_error err;
    ut_voice_model m;
    double losses[STEPS];
    const size_t size = (size_t)ROWS * (size_t)inputs;
    assert_int_equal(ut_voice_model_create(inputs, project, ROWS, &m, &err), UT_OK);
    m.input_dropout = m.dropout = 0;
    begin(&m.parameters);
    float *x = uniform(size, 5, 1);
    float *b = uniform(size, 6, 1);
    ut_random random = ut_random_seeded(1, 1);
    for (int s = 0; s < STEPS; s++) {
        const ut_voice_batch batch = {x, b, ways, others, ROWS, 0.7f};
        losses[s] = ut_voice_model_loss(&m, &batch, &random);
        ut_parameters_step(&m.parameters, RATE);
    }
    compare(&m.parameters, losses, golden);
    free(x);
    free(b);
    ut_voice_model_free(&m);
}

static void test_voice(void **state)
{
    (void)state;
    check_voice(40, true, "tests/golden/train/data/voice.npy");
}

static void test_voice_net(void **state)
{
    (void)state;
    check_voice(UT_VOICE_DIM, false, "tests/golden/train/data/voice_net.npy");
}

static void test_text(void **state)
{
    (void)state;
    static const uint32_t hashes[] = {5, 9, 5, 100, 7, 7, 3, 2, 0, 11};
    static const size_t starts[ROWS + 1] = {0, 2, 3, 6, 7, 8, 10};
    static const size_t rows[ROWS] = {0, 1, 2, 3, 4, 5};
    static const int emotions[ROWS] = {0, 1, 2, 3, 4, 0};
    const ut_grams grams = {hashes, starts};
    ut_error err;
    ut_text_model m;
    double losses[STEPS];
    assert_int_equal(ut_text_model_create(12, 13, ROWS, &m, &err), UT_OK);
    m.dropout = 0;
    begin(&m.parameters);
    float *x = uniform((size_t)ROWS * UT_TEXT_DIMENSIONS, 5, 1);
    ut_random random = ut_random_seeded(1, 1);
    for (int s = 0; s < STEPS; s++) {
        losses[s] = ut_text_model_loss(&m, x, rows, ROWS, &grams, emotions, &random);
        ut_parameters_step(&m.parameters, RATE);
    }
    compare(&m.parameters, losses, "tests/golden/train/data/text.npy");
    free(x);
    ut_text_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_voice),
        cmocka_unit_test(test_voice_net),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
