/* The metrics equal scikit-learn's, on its own examples and on random labels with absent classes.
 */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/metrics.h"
#include "reference.h"

static uint32_t state;

static uint32_t next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void near_member(const json_t *object, const char *key, double expected)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    assert_near(json_number_value(value), expected, 1e-12);
}

static void near_average(const json_t *three, const ut_average *a)
{
    assert_near(json_number_value(json_array_get(three, 0)), a->precision, 1e-12);
    assert_near(json_number_value(json_array_get(three, 1)), a->recall, 1e-12);
    assert_near(json_number_value(json_array_get(three, 2)), a->f1, 1e-12);
}

enum { MOST = 500 };

static void compare_random(size_t n, int classes, int true_classes, int predicted_classes,
                           bool with_missed)
{
    int truth[MOST], predicted[MOST], right[MOST];
    double confidence[MOST];
    json_t *t = json_array(), *p = json_array(), *c = json_array(), *g = json_array();
    for (size_t i = 0; i < n; i++) {
        truth[i] = (int)(next_random() % (unsigned)true_classes);
        predicted[i] = (int)(next_random() % (unsigned)predicted_classes);
        if (with_missed && next_random() % 5 == 0)
            predicted[i] = UT_METRICS_MISSED;
        confidence[i] = (double)(next_random() % 1001) / 1000;
        right[i] = next_random() % 2 == 0;
        json_array_append_new(t, json_integer(truth[i]));
        json_array_append_new(p, json_integer(predicted[i]));
        json_array_append_new(c, json_real(confidence[i]));
        json_array_append_new(g, json_integer(right[i]));
    }
    json_t *labels = json_pack("{s:i, s:o, s:o, s:o, s:o}", "classes", classes, "truth", t,
                               "predicted", p, "confidence", c, "right", g);
    json_t *want = ut_ask_reference("sklearn_reference.py", labels);
    json_decref(labels);
    if (!want)
        UT_SKIP("comparison with scikit-learn", "python3-sklearn does not run here");
    ut_classification m;
    ut_classify(truth, predicted, n, (size_t)classes, &m);
    near_member(want, "accuracy", m.accuracy);
    near_member(want, "uar", m.uar);
    near_average(json_object_get(want, "macro"), &m.macro);
    near_average(json_object_get(want, "weighted"), &m.weighted);
    for (size_t k = 0; k < (size_t)classes; k++) {
        json_t *each = json_object_get(want, "classes");
        const double mine[3] = {m.by_class[k].precision, m.by_class[k].recall, m.by_class[k].f1};
        for (size_t j = 0; j < 3; j++)
            assert_near(json_number_value(json_array_get(json_array_get(each, j), k)), mine[j],
                        1e-12);
        for (size_t j = 0; j < (size_t)classes; j++)
            assert_int_equal(json_integer_value(json_array_get(
                                 json_array_get(json_object_get(want, "confusion"), k), j)),
                             m.confusion[k][j]);
    }
    ut_calibration calibration;
    ut_calibrate(confidence, right, n, &calibration);
    near_member(want, "ece", calibration.ece);
    json_decref(want);
}

static void equal_sklearn_on_random_labels(void **unused)
{
    (void)unused;
    state = 7;
    compare_random(500, 5, 5, 5, false);
    compare_random(200, 5, 4, 5, false); /* a class that is never true */
    compare_random(200, 5, 5, 3, false); /* classes never predicted */
    compare_random(50, 5, 2, 2, true);   /* absent and missed */
    compare_random(1, 5, 1, 5, false);
}

static int label_of(const json_t *labels, const json_t *label)
{
    for (size_t i = 0; i < json_array_size(labels); i++)
        if (json_equal(json_array_get(labels, i), label))
            return (int)i;
    fail_msg("a label that is not in the list");
    return -1;
}

/* The largest case is stored by its confusion matrix alone. */
static void from_confusion(const json_t *rows, size_t classes, int *truth, int *predicted)
{
    size_t n = 0;
    for (size_t i = 0; i < classes; i++)
        for (size_t j = 0; j < classes; j++) {
            json_int_t times = json_integer_value(json_array_get(json_array_get(rows, i), j));
            for (; times > 0; times--, n++) {
                truth[n] = (int)i;
                predicted[n] = (int)j;
            }
        }
}

static void equal_sklearn_fixtures(void **unused)
{
    (void)unused;
    const char *path = ut_test_data("data/metrics/classification_fixtures.json");
    if (!path)
        UT_SKIP("classification fixtures", "no test data");
    json_t *root;
    assert_int_equal(ut_json_load(path, 1 << 24, &root, NULL), UT_OK);
    size_t at, compared = 0;
    json_t *one;
    json_array_foreach(json_object_get(root, "cases"), at, one)
    {
        json_t *labels = json_object_get(one, "labels"), *y = json_object_get(one, "y_true");
        json_t *guess = json_object_get(one, "y_pred");
        size_t n = (size_t)ut_json_number_or(one, "n", 0), classes = json_array_size(labels);
        assert_true(classes <= UT_METRICS_CLASSES);
        int *truth = calloc(n + 1, sizeof *truth), *predicted = calloc(n + 1, sizeof *predicted);
        for (size_t i = 0; i < n && y; i++) {
            truth[i] = label_of(labels, json_array_get(y, i));
            predicted[i] = label_of(labels, json_array_get(guess, i));
        }
        if (!y)
            from_confusion(json_object_get(one, "confusion"), classes, truth, predicted);
        ut_classification m;
        ut_classify(truth, predicted, n, classes, &m);
        near_member(one, "accuracy", m.accuracy);
        near_member(one, "balanced_accuracy_UAR", m.uar);
        near_member(json_object_get(one, "macro"), "f1", m.macro.f1);
        near_member(json_object_get(one, "macro"), "precision", m.macro.precision);
        near_member(json_object_get(one, "weighted"), "f1", m.weighted.f1);
        near_member(json_object_get(one, "weighted"), "recall", m.weighted.recall);
        for (size_t k = 0; k < classes; k++) {
            assert_near(json_number_value(json_array_get(json_object_get(one, "f1"), k)),
                        m.by_class[k].f1, 1e-12);
            assert_int_equal(json_integer_value(json_array_get(json_object_get(one, "support"), k)),
                             m.by_class[k].support);
        }
        compared++;
        free(truth);
        free(predicted);
    }
    assert_true(compared >= 9);
    json_decref(root);
}

static void nothing_is_no_fault(void **unused)
{
    (void)unused;
    ut_classification m;
    ut_classify(NULL, NULL, 0, 5, &m);
    assert_near(m.accuracy, 0, 0);
    assert_near(m.uar, 0, 0);
    ut_calibration c;
    ut_calibrate(NULL, NULL, 0, &c);
    assert_near(c.ece, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sklearn_fixtures),
        cmocka_unit_test(equal_sklearn_on_random_labels),
        cmocka_unit_test(nothing_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
