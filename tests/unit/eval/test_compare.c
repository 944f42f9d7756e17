/* Two systems side by side: the tests equal scipy's and numpy's with the same draws, and files of
 * scores are matched by what they are about. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"
#include "eval/compare.h"
#include "reference.h"

enum { MOST = 300, DRAWS = 100 };

static double at(const json_t *lists, size_t i, size_t j, size_t k)
{
    return json_number_value(json_array_get(json_array_get(json_array_get(lists, i), j), k));
}

static void compare_random(size_t n, double first_right, double second_right, bool missed)
{
    int truth[MOST], first[MOST], second[MOST];
    json_t *lists[3] = {json_array(), json_array(), json_array()};
    ut_random r = ut_random_seeded(n, 9);
    for (size_t i = 0; i < n; i++) {
        truth[i] = (int)ut_random_below(&r, 5);
        first[i] = ut_random_unit(&r) < first_right ? truth[i] : (int)ut_random_below(&r, 5);
        second[i] = ut_random_unit(&r) < second_right ? truth[i] : (int)ut_random_below(&r, 5);
        if (missed && i % 17 == 0)
            second[i] = UT_METRICS_MISSED;
        const int values[3] = {truth[i], first[i], second[i]};
        for (int k = 0; k < 3; k++)
            json_array_append_new(lists[k], json_integer(values[k]));
    }
    json_t *question = json_pack("{s:i, s:o, s:o, s:o, s:i, s:i}", "classes", 5, "truth", lists[0],
                                 "first", lists[1], "second", lists[2], "draws", DRAWS, "seed", 4);
    json_t *want = ut_ask_reference("significance_reference.py", question);
    json_decref(question);
    if (!want)
        UT_SKIP("comparison with scipy", "python3-scipy or python3-sklearn does not run here");
    ut_mcnemar m;
    ut_bootstrap b;
    ut_mcnemar_test(truth, first, second, n, &m);
    assert_int_equal(ut_bootstrap_test(truth, first, second, n, 5, DRAWS, 4, &b, NULL), UT_OK);
    assert_int_equal(m.only_first, json_integer_value(json_object_get(want, "only_first")));
    assert_int_equal(m.only_second, json_integer_value(json_object_get(want, "only_second")));
    assert_near(m.exact, json_number_value(json_object_get(want, "exact")), 1e-9);
    assert_near(m.chi2, json_number_value(json_object_get(want, "chi2")), 1e-9);
    assert_near(m.chi2_p, json_number_value(json_object_get(want, "chi2_p")), 1e-9);
    const ut_interval *const mine[3] = {b.first, b.second, b.gain};
    const json_t *intervals = json_object_get(want, "intervals");
    for (size_t s = 0; s < 3; s++)
        for (size_t k = 0; k < UT_COMPARED; k++) {
            assert_near(mine[s][k].low, at(intervals, s, k, 0), 1e-12);
            assert_near(mine[s][k].high, at(intervals, s, k, 1), 1e-12);
        }
    const json_t *values = json_object_get(want, "values");
    for (size_t s = 0; s < 2; s++)
        for (size_t k = 0; k < UT_COMPARED; k++)
            assert_near(mine[s][k].value,
                        json_number_value(json_array_get(json_array_get(values, s), k)), 1e-12);
    json_decref(want);
}

static void equals_scipy_and_numpy(void **unused)
{
    (void)unused;
    compare_random(300, 0.5, 0.6, false);
    compare_random(60, 0.9, 0.2, true);
    compare_random(40, 1, 1, false); /* they never differ */
}

static void percentiles(void **unused)
{
    (void)unused;
    const double sorted[] = {1, 2, 4, 8};
    assert_near(ut_percentile(sorted, 4, 0), 1, 0);
    assert_near(ut_percentile(sorted, 4, 50), 3, 1e-12);
    assert_near(ut_percentile(sorted, 4, 100), 8, 0);
    assert_near(ut_percentile(sorted, 1, 97.5), 1, 0);
}

#define HEAD "{\"format\": \"undertone-evaluation\", \"scores\": ["

static ut_status parse(const char *text, ut_arena *arena, ut_outcomes *o, ut_error *err)
{
    return ut_outcomes_parse(text, strlen(text), "x.json", arena, o, err);
}

static void matches_by_place(void **unused)
{
    (void)unused;
    static const char first[] =
        HEAD "{\"file\": \"b.wav\", \"entry\": 1, \"truth\": \"sad\", \"predicted\": \"sad\"},"
             "{\"file\": \"a.wav\", \"entry\": 0, \"truth\": \"happy\", \"predicted\": null},"
             "{\"file\": \"a.wav\", \"entry\": 1, \"truth\": \"angry\", \"predicted\": \"sad\"}]}";
    static const char second[] =
        HEAD "{\"file\": \"a.wav\", \"entry\": 0, \"truth\": \"happy\", \"predicted\": \"happy\"},"
             "{\"file\": \"b.wav\", \"entry\": 1, \"truth\": \"sad\", \"predicted\": \"sad\"},"
             "{\"file\": \"a.wav\", \"entry\": 1, \"truth\": \"neutral\", \"predicted\": "
             "\"neutral\"}]}";
    ut_error err;
    ut_outcomes a, b;
    ut_comparison c;
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(parse(first, arena, &a, &err), UT_OK);
    assert_int_equal(parse(second, arena, &b, &err), UT_OK);
    assert_int_equal(ut_compare(&a, &b, "first", "second", &c, &err), UT_OK);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.left_out, 2);
    assert_int_equal(c.mcnemar.only_second, 1);
    assert_int_equal(c.mcnemar.only_first, 0);
    assert_near(c.bootstrap.gain[UT_COMPARED_ACCURACY].value, 0.5, 1e-12);
    ut_buf table;
    ut_buf_init(&table, 0);
    assert_int_equal(ut_comparison_table(&c, &table), UT_OK);
    assert_non_null(strstr(ut_buf_text(&table), "B alone in 1"));
    for (const char *line = ut_buf_text(&table); *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    ut_buf_free(&table);
    json_t *json = ut_comparison_to_json(&c);
    assert_near(
        json_number_value(json_object_get(
            json_object_get(json_object_get(json_object_get(json, "measures"), "uar"), "gain"),
            "value")),
        c.bootstrap.gain[UT_COMPARED_UAR].value, 1e-12);
    json_decref(json);
    b.count = 0;
    assert_int_equal(ut_compare(&a, &b, "first", "second", &c, &err), UT_ERR_FORMAT);
    ut_arena_destroy(arena);
}

static void refuses(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"format\": \"undertone-evaluation\"}",
        HEAD "1]}",
        HEAD "{\"file\": \"a\", \"entry\": -1, \"truth\": \"sad\", \"predicted\": \"sad\"}]}",
        HEAD "{\"file\": \"a\", \"entry\": 0, \"truth\": null, \"predicted\": \"sad\"}]}",
        HEAD "{\"file\": \"a\", \"entry\": 0, \"truth\": \"sad\", \"predicted\": \"blue\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ut_error err;
        ut_outcomes o;
        ut_arena *arena = ut_arena_create(0);
        assert_int_equal(parse(bad[i], arena, &o, &err), UT_ERR_FORMAT);
        assert_non_null(strstr(err.message, "x.json"));
        ut_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scipy_and_numpy),
        cmocka_unit_test(percentiles),
        cmocka_unit_test(matches_by_place),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
