/* The training loop: the learning rate, early stopping, and going on after an interruption to the
 * very same weights. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/fit.h"
#include "train/layers.h"

enum { ROWS = 60, D = 8, CLASSES = 3, BATCH = 16, EPOCHS = 12 };

/* A small classifier of points whose class is where the largest of three sums lies. */
typedef struct toy {
    ut_parameters p;
    float x[ROWS * D];
    int y[ROWS];
    atomic_bool stop;
    int stop_after; /* epochs; 0: never */
    int seen;
} toy;

static double loss(void *self, const size_t *rows, size_t n, ut_random *random)
{
    toy *t = self;
    float x[BATCH * D];
    float mask[BATCH * D];
    float z[BATCH * CLASSES];
    float dz[BATCH * CLASSES] = {0};
    float scratch[BATCH * CLASSES];
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        memcpy(x + i * D, t->x + rows[i] * D, D * sizeof *x);
    ut_dropout_mask(mask, n * D, 0.2f, random);
    ut_multiply(x, x, mask, n * D);
    ut_linear_forward(z, x, ut_parameters_values(&t->p, 0), ut_parameters_values(&t->p, 1), (int)n,
                      CLASSES, D);
    for (size_t i = 0; i < n; i++)
        sum += ut_set_cross_entropy(z + i * CLASSES, CLASSES, 1u << t->y[rows[i]], 0, 1 / (float)n,
                                    dz + i * CLASSES);
    ut_linear_backward(NULL, ut_parameters_gradients(&t->p, 0), ut_parameters_gradients(&t->p, 1),
                       dz, x, ut_parameters_values(&t->p, 0), (int)n, CLASSES, D, scratch);
    return sum;
}

static void validate(void *self, ut_epoch *epoch)
{
    toy *t = self;
    float z[ROWS * CLASSES];
    int right = 0;
    ut_linear_forward(z, t->x, ut_parameters_values(&t->p, 0), ut_parameters_values(&t->p, 1), ROWS,
                      CLASSES, D);
    for (int i = 0; i < ROWS; i++) {
        const float *at = z + i * CLASSES;
        int best = at[1] > at[0] ? 1 : 0;
        best = at[2] > at[best] ? 2 : best;
        right += best == t->y[i];
    }
    epoch->uar = (float)right / ROWS;
    epoch->validation = 1 - epoch->uar;
}

static void watch(void *context, const ut_trainee *trainee, const ut_history *h)
{
    toy *t = context;
    (void)trainee;
    t->seen = h->count;
    if (t->stop_after && h->count >= t->stop_after)
        atomic_store(&t->stop, true);
}

static void begin(toy *t)
{
    ut_error err;
    ut_random random = ut_random_seeded(7, 0);
    const ut_block blocks[] = {{"w", 2, {CLASSES, D}, 1, 0.01f, 0, 0},
                               {"b", 1, {CLASSES}, 1, 0, 0, 0}};
    memset(t, 0, sizeof *t);
    assert_int_equal(ut_parameters_create(blocks, 2, &t->p, &err), UT_OK);
    ut_parameters_begin(&t->p, 0, D, &random);
    for (int i = 0; i < ROWS * D; i++)
        t->x[i] = (float)(2 * ut_random_unit(&random) - 1);
    for (int i = 0; i < ROWS; i++) {
        const float *x = t->x + i * D;
        float sums[3] = {x[0] + x[1], x[2] + x[3], x[4] + x[5]};
        t->y[i] = sums[1] > sums[0] ? 1 : 0;
        t->y[i] = sums[2] > sums[t->y[i]] ? 2 : t->y[i];
    }
}

static ut_status run(toy *t, const char *checkpoint, const char *fingerprint, int patience,
                     ut_history *h, ut_error *err)
{
    double weights[ROWS];
    for (int i = 0; i < ROWS; i++)
        weights[i] = 1 + i % 3;
    const ut_trainee trainee = {"toy",  t,        &t->p, weights, ROWS, BATCH,
                                EPOCHS, patience, 0.3f,  NULL,    loss, validate};
    const ut_fit_options options = {1, checkpoint, fingerprint, &t->stop, watch, t};
    return ut_fit(&trainee, &options, h, err);
}

static void test_learns(void **state)
{
    (void)state;
    toy t;
    ut_history h;
    ut_error err;
    begin(&t);
    assert_int_equal(run(&t, NULL, "", EPOCHS, &h, &err), UT_OK);
    assert_int_equal(h.count, EPOCHS);
    assert_true(h.epochs[h.best].uar > 0.8f);
    /* What remains is the best epoch's. */
    ut_epoch last;
    validate(&t, &last);
    assert_near(last.uar, h.epochs[h.best].uar, 0);
    ut_parameters_free(&t.p);
}

static void test_stops_early(void **state)
{
    (void)state;
    toy t;
    ut_history h;
    ut_error err;
    begin(&t);
    assert_int_equal(run(&t, NULL, "", 1, &h, &err), UT_OK);
    assert_true(h.count < EPOCHS);
    assert_int_equal(h.best, h.count - 2);
    ut_parameters_free(&t.p);
}

/* Stopped after any epoch, or in one, and called again: the same bytes as without a stop. */
static void test_resumes(void **state)
{
    (void)state;
    char path[64];
    ut_error err;
    toy whole;
    ut_history want;
    snprintf(path, sizeof path, "/tmp/ut_fit_%d.state", (int)getpid());
    begin(&whole);
    assert_int_equal(run(&whole, NULL, "a", EPOCHS, &want, &err), UT_OK);
    for (int stop = 1; stop < EPOCHS; stop += 3) {
        toy t;
        ut_history h;
        begin(&t);
        t.stop_after = stop;
        assert_int_equal(run(&t, path, "a", EPOCHS, &h, &err), UT_ERR_CANCELLED);
        ut_parameters_free(&t.p);
        begin(&t);
        assert_int_equal(run(&t, path, "a", EPOCHS, &h, &err), UT_OK);
        assert_int_equal(h.resumed, stop);
        assert_int_equal(h.count, want.count);
        assert_memory_equal(h.epochs, want.epochs, (size_t)h.count * sizeof *h.epochs);
        assert_memory_equal(t.p.values, whole.p.values, t.p.count * sizeof *t.p.values);
        ut_parameters_free(&t.p);
        unlink(path);
    }
    ut_parameters_free(&whole.p);
}

/* The state of another training is not gone on with; nor is one that is damaged. */
static void test_other_state(void **state)
{
    (void)state;
    char path[64];
    ut_error err;
    toy t;
    ut_history h;
    snprintf(path, sizeof path, "/tmp/ut_fit_%d.state", (int)getpid());
    begin(&t);
    t.stop_after = 3;
    assert_int_equal(run(&t, path, "a", EPOCHS, &h, &err), UT_ERR_CANCELLED);
    ut_parameters_free(&t.p);
    begin(&t);
    assert_int_equal(run(&t, path, "b", EPOCHS, &h, &err), UT_OK);
    assert_int_equal(h.resumed, 0);
    ut_parameters_free(&t.p);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fputs("rubbish", f);
    fclose(f);
    begin(&t);
    assert_int_equal(run(&t, path, "b", EPOCHS, &h, &err), UT_OK);
    assert_int_equal(h.resumed, 0);
    ut_parameters_free(&t.p);
    unlink(path);
}

static void test_rate(void **state)
{
    (void)state;
    assert_near(ut_fit_rate(1, 0, 100), 1 / 25.0, 1e-6);
    assert_near(ut_fit_rate(1, 15, 100), 1, 1e-6);
    assert_true(ut_fit_rate(1, 99, 100) < 0.002f);
    for (size_t i = 1; i < 15; i++)
        assert_true(ut_fit_rate(1, i, 100) > ut_fit_rate(1, i - 1, 100));
    for (size_t i = 16; i < 100; i++)
        assert_true(ut_fit_rate(1, i, 100) < ut_fit_rate(1, i - 1, 100));
}

static void test_random(void **state)
{
    (void)state;
    ut_random r = ut_random_seeded(1, 1);
    double sum = 0;
    double squares = 0;
    size_t order[50];
    for (int i = 0; i < 4000; i++) {
        double x = ut_random_beta(&r, 0.4);
        assert_true(x >= 0 && x <= 1);
        sum += x;
        squares += x * x;
    }
    /* Mean 1/2, variance 1 / (4 (2a + 1)). */
    assert_near(sum / 4000, 0.5, 0.02);
    assert_near(squares / 4000 - pow(sum / 4000, 2), 1 / 7.2, 0.01);
    for (size_t i = 0; i < 50; i++)
        order[i] = i;
    ut_random_shuffle(&r, order, 50);
    size_t moved = 0;
    bool met[50] = {false};
    for (size_t i = 0; i < 50; i++) {
        assert_false(met[order[i]]);
        met[order[i]] = true;
        moved += order[i] != i;
    }
    assert_true(moved > 40);
    ut_random a = ut_random_seeded(1, 2);
    ut_random b = ut_random_seeded(1, 3);
    assert_true(ut_random_bits(&a) != ut_random_bits(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),  cmocka_unit_test(test_stops_early),
        cmocka_unit_test(test_resumes), cmocka_unit_test(test_other_state),
        cmocka_unit_test(test_rate),    cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
