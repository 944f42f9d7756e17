/* What is written reads back: values, shapes, notes; and nothing is left where it cannot be. */
#include "ut_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "nn/weights.h"

static const float floats[6] = {1, -2.5f, 3e-20f, 4, 5, 6};
static const int8_t small[3] = {-127, 0, 127};
static const uint16_t halves[2] = {0x3c00, 0xc000};

static const ut_weights_item items[] = {
    {"a.weight", {.data = floats, .dtype = UT_F32, .rank = 2, .shape = {2, 3, 1, 1}}},
    {"nothing", {.data = floats, .dtype = UT_F32, .rank = 2, .shape = {0, 3, 1, 1}}},
    {"small", {.data = small, .dtype = UT_I8, .rank = 1, .shape = {3, 1, 1, 1}}},
    {"half", {.data = halves, .dtype = UT_F16, .rank = 1, .shape = {2, 1, 1, 1}}},
};
static const ut_weights_note notes[] = {{"format", "x \"quoted\" \xc3\xa4"}, {"n", "1"}};

static void test_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/ut_write_XXXXXX";
    ut_error err;
    ut_weights *w;
    float back[6];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ut_weights_write(path, items, 4, notes, 2, &err), UT_OK);
    assert_int_equal(ut_weights_open(path, &w, &err), UT_OK);
    assert_int_equal(ut_weights_count(w), 3);
    const ut_tensor *a = ut_weights_find(w, "a.weight");
    assert_non_null(a);
    assert_int_equal(a->shape[0], 2);
    assert_int_equal(a->shape[1], 3);
    assert_memory_equal(a->data, floats, sizeof floats);
    assert_int_equal((uintptr_t)a->data % 4, 0);
    assert_memory_equal(ut_weights_find(w, "small")->data, small, sizeof small);
    ut_tensor_to_f32(ut_weights_find(w, "half"), 0, 2, back);
    assert_near(back[0], 1, 0);
    assert_near(back[1], -2, 0);
    assert_string_equal(ut_weights_metadata(w, "format"), notes[0].value);
    assert_string_equal(ut_weights_metadata(w, "n"), "1");
    ut_weights_close(w);
    unlink(path);
}

static void test_nowhere(void **state)
{
    (void)state;
    ut_error err;
    assert_int_equal(ut_weights_write("/nonexistent/x.pt", items, 1, NULL, 0, &err), UT_ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
