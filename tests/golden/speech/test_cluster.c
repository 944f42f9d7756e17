/* Average linkage against SciPy's, and what cutting promises. */
#include <math.h>
#include <stdlib.h>

#include "speech/cluster.h"
#include "ut_test.h"

static float *vectors(int n, int size, uint32_t state)
{
    float *out = malloc((size_t)n * (size_t)size * sizeof *out);
    for (int i = 0; i < n * size; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (float)(state / 2147483648.0 - 1.0);
    }
    for (int i = 0; i < n; i++)
        out[i * size + i % 3] += 1.5f;
    return out;
}

static void equals_scipy(void **state)
{
    (void)state;
    size_t count, row = 0;
    float *golden =
        ut_test_npy(ut_test_source("tests/golden/speech/data/cluster.npy"), &count, NULL);
    while (row < count / 4) {
        int n = (int)golden[row * 4];
        ut_merge merges[64];
        float *x = vectors(n, 12, (uint32_t)n);
        assert_int_equal(ut_cluster_link(x, n, 12, NULL, merges, NULL), UT_OK);
        for (int m = 0; m < n - 1; m++, row++) {
            assert_int_equal(merges[m].a, (int)golden[row * 4 + 1]);
            assert_int_equal(merges[m].b, (int)golden[row * 4 + 2]);
            assert_near(merges[m].height, golden[row * 4 + 3], 1e-5);
        }
        free(x);
    }
    free(golden);
}

static void cuts_as_asked(void **state)
{
    (void)state;
    enum { N = 60 };
    ut_merge merges[N];
    int labels[N];
    float *x = vectors(N, 12, 5);
    assert_int_equal(ut_cluster_link(x, N, 12, NULL, merges, NULL), UT_OK);
    for (int wanted = 1; wanted <= N; wanted++) {
        int seen = 0;
        assert_int_equal(ut_cluster_cut(merges, N, -1.0f, 1, wanted, labels), wanted);
        for (int i = 0; i < N; i++) {
            assert_in_range(labels[i], 0, wanted - 1);
            assert_true(labels[i] <= seen); /* numbered by first appearance */
            seen += labels[i] == seen;
        }
        assert_int_equal(seen, wanted);
    }
    assert_int_equal(ut_cluster_cut(merges, N, 10.0f, 4, 0, labels), 4);
    assert_int_equal(ut_cluster_cut(merges, N, 10.0f, 1, 0, labels), 1);
    assert_int_equal(ut_cluster_cut(merges, N, 0.0f, 1, 0, labels), N);
    free(x);
}

/* One direction, but each group of two says that they are two. */
static void keeps_groups_apart(void **state)
{
    (void)state;
    enum { N = 20 };
    float x[N * 2];
    int groups[N], labels[N];
    ut_merge merges[N];
    for (int i = 0; i < N; i++) {
        x[2 * i] = 1.0f;
        x[2 * i + 1] = i % 2 ? 0.1f : -0.1f;
        groups[i] = i / 2;
    }
    assert_int_equal(ut_cluster_link(x, N, 2, NULL, merges, NULL), UT_OK);
    assert_int_equal(ut_cluster_cut(merges, N, 0.2f, 1, 0, labels), 1);
    assert_int_equal(ut_cluster_link(x, N, 2, groups, merges, NULL), UT_OK);
    assert_int_equal(ut_cluster_cut(merges, N, 0.2f, 1, 0, labels), 2);
    for (int i = 0; i < N; i++)
        assert_int_equal(labels[i], i % 2);
}

static void takes_odd_input(void **state)
{
    (void)state;
    float x[5 * 3] = {0};
    ut_merge merges[5];
    int labels[5];
    assert_int_equal(ut_cluster_link(x, 5, 3, NULL, merges, NULL), UT_OK);
    for (int m = 0; m < 4; m++)
        assert_near(merges[m].height, 1.0, 0.0);
    assert_int_equal(ut_cluster_link(x, 1, 3, NULL, merges, NULL), UT_OK);
    assert_int_equal(ut_cluster_cut(merges, 1, 0.5f, 1, 0, labels), 1);
    assert_int_equal(labels[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scipy),
        cmocka_unit_test(cuts_as_asked),
        cmocka_unit_test(keeps_groups_apart),
        cmocka_unit_test(takes_odd_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
