/* The pictures are drawn, the same each time. */
#include "ut_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/curves.h"

static void fill(ut_evaluation *e, bool missed)
{
    enum { N = 200 };
    int truth[N], predicted[N], right[N];
    double confidence[N];
    for (int i = 0; i < N; i++) {
        truth[i] = i * i % 7 % 5;
        predicted[i] = i % 3 ? truth[i] : i % 5;
        if (missed && i % 29 == 0)
            predicted[i] = UT_METRICS_MISSED;
        right[i] = truth[i] == predicted[i];
        confidence[i] = 0.2 + 0.8 * (double)(i % 31) / 31;
    }
    memset(e, 0, sizeof *e);
    ut_classify(truth, predicted, N, 5, &e->emotions);
    ut_calibrate(confidence, right, N, &e->calibration);
    e->missed = missed;
}

/* Left in the build folder to be looked at. */
static void keep(const char *name, const ut_buf *out)
{
    const char *folder = getenv("UT_BUILD_DIR");
    if (!folder)
        return;
    char *path = ut_path_join(folder, name);
    assert_int_equal(ut_file_write(path, out->data, out->length, NULL), UT_OK);
    free(path);
}

static void drawn_alike(void **state)
{
    (void)state;
    ut_evaluation e;
    ut_buf one, two;
    ut_buf_init(&one, 0);
    ut_buf_init(&two, 0);
    for (int missed = 0; missed < 2; missed++)
        for (size_t i = 0; i < UT_FIGURE_COUNT; i++) {
            fill(&e, missed);
            ut_buf_clear(&one);
            ut_buf_clear(&two);
            assert_int_equal(ut_figures[i].draw(&e, UT_FIGURE_SVG, &one, NULL), UT_OK);
            assert_int_equal(ut_figures[i].draw(&e, UT_FIGURE_SVG, &two, NULL), UT_OK);
            assert_memory_equal(one.data, "<?xml", 5);
            assert_string_equal(one.data, two.data);
            assert_non_null(strstr(one.data, "</svg>"));
            keep(i ? "figure-reliability.svg" : "figure-confusion.svg", &one);
            ut_buf_clear(&one);
            assert_int_equal(ut_figures[i].draw(&e, UT_FIGURE_PNG, &one, NULL), UT_OK);
            assert_memory_equal(one.data, "\x89PNG", 4);
            keep(i ? "figure-reliability.png" : "figure-confusion.png", &one);
        }
    ut_buf_free(&one);
    ut_buf_free(&two);
}

static void empty_and_full_buffers(void **state)
{
    (void)state;
    ut_evaluation e;
    memset(&e, 0, sizeof e);
    ut_buf out;
    ut_buf_init(&out, 0);
    for (size_t i = 0; i < UT_FIGURE_COUNT; i++)
        assert_int_equal(ut_figures[i].draw(&e, UT_FIGURE_SVG, &out, NULL), UT_OK);
    ut_buf_free(&out);
    ut_buf_init(&out, 100);
    ut_error err;
    assert_int_not_equal(ut_figure_confusion(&e, UT_FIGURE_PNG, &out, &err), UT_OK);
    ut_buf_free(&out);
}

/* One training and two, long and of one epoch; a loss that is off the scale stays in the picture.
 */
static void learning_curves(void **state)
{
    (void)state;
    enum { EPOCHS = 12 };
    float values[EPOCHS * 3];
    for (int i = 0; i < EPOCHS; i++) {
        values[3 * i] = 4.0f / (float)(i + 1);
        values[3 * i + 1] = 1.6f / (float)(i + 1);
        values[3 * i + 2] = 0.2f + 0.06f * (float)i;
    }
    const ut_curves both[2] = {{"Voice", values, values + 1, values + 2, EPOCHS, 3, 9},
                               {"Words", values, values + 1, values + 2, 1, 3, 0}};
    ut_buf one, two;
    ut_buf_init(&one, 0);
    ut_buf_init(&two, 0);
    assert_int_equal(ut_curves_draw(both, 2, UT_FIGURE_SVG, &one, NULL), UT_OK);
    assert_int_equal(ut_curves_draw(both, 2, UT_FIGURE_SVG, &two, NULL), UT_OK);
    assert_string_equal(one.data, two.data);
    assert_non_null(strstr(one.data, "</svg>"));
    keep("figure-curves.svg", &one);
    ut_buf_clear(&two);
    assert_int_equal(ut_curves_draw(both, 1, UT_FIGURE_SVG, &two, NULL), UT_OK);
    assert_true(two.length < one.length);
    ut_buf_clear(&one);
    assert_int_equal(ut_curves_draw(both, 2, UT_FIGURE_PNG, &one, NULL), UT_OK);
    assert_memory_equal(one.data, "\x89PNG", 4);
    keep("figure-curves.png", &one);
    ut_buf_free(&one);
    ut_buf_free(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_alike),
        cmocka_unit_test(learning_curves),
        cmocka_unit_test(empty_and_full_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
