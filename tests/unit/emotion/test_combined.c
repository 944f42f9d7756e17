/* The combined embedding: two parts in one vector, each with its weight, either of which may be
 * missing. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "emotion/combined.h"

static const ut_combined space = {
    .text_model = "words", .voice_model = "voices", .text_weight = 0.8, .voice_weight = 0.6};

static float text_values[UT_COMBINED_TEXT];
static float voice_values[UT_COMBINED_VOICE];
static const ut_embedding text = {"words", text_values, UT_COMBINED_TEXT};
static const ut_embedding voice = {"voices", voice_values, UT_COMBINED_VOICE};

/* Values of any length; `turn` of another direction. */
static void fill(float turn)
{
    for (int i = 0; i < UT_COMBINED_TEXT; i++)
        text_values[i] = 3 * sinf((float)i + turn);
    for (int i = 0; i < UT_COMBINED_VOICE; i++)
        voice_values[i] = 40 * cosf((float)i * 0.7f + turn);
}

static double square(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sum;
}

static double product(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < UT_COMBINED_DIM; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void parts_have_their_weight(void **state)
{
    (void)state;
    float both[UT_COMBINED_DIM], said[UT_COMBINED_DIM], heard[UT_COMBINED_DIM];
    fill(0);
    assert_true(ut_combine(&space, &text, &voice, both));
    assert_near(square(both, UT_COMBINED_TEXT), 0.64, 1e-6);
    assert_near(square(both + UT_COMBINED_TEXT, UT_COMBINED_VOICE), 0.36, 1e-6);
    assert_true(ut_combine(&space, &text, NULL, said));
    assert_near(square(said, UT_COMBINED_TEXT), 0.64, 1e-6);
    assert_near(square(said + UT_COMBINED_TEXT, UT_COMBINED_VOICE), 0, 0);
    assert_true(ut_combine(&space, NULL, &voice, heard));
    assert_near(product(said, heard), 0, 0);
    assert_near(product(said, both), 0.64, 1e-6); /* the store's order: what they share */
    assert_near(product(heard, both), 0.36, 1e-6);
    /* What is shown is 0 for the same, whatever parts it is known by. */
    assert_near(ut_combined_distance(&space, both, both), 0, 1e-6);
    assert_near(ut_combined_distance(&space, said, both), 0, 1e-6);
    assert_near(ut_combined_distance(&space, heard, both), 0, 1e-6);
    assert_near(ut_combined_distance(&space, said, heard), 1, 0);
    float other[UT_COMBINED_DIM];
    fill(1);
    assert_true(ut_combine(&space, &text, &voice, other));
    assert_near(ut_combined_distance(&space, both, other), 1 - product(both, other), 1e-5);
}

static void parts_of_others_count_as_missing(void **state)
{
    (void)state;
    float vector[UT_COMBINED_DIM];
    fill(0);
    ut_embedding others = text;
    ut_embedding shorter = voice;
    ut_embedding zero = text;
    float zeros[UT_COMBINED_TEXT] = {0};
    others.model = "other words";
    shorter.count--;
    zero.values = zeros;
    assert_false(ut_combine(&space, &others, &shorter, vector));
    assert_near(square(vector, UT_COMBINED_DIM), 0, 0);
    assert_false(ut_combine(&space, &zero, NULL, vector));
    assert_true(ut_combine(&space, &others, &voice, vector));
    assert_near(square(vector, UT_COMBINED_DIM), 0.36, 1e-6);
    text_values[3] = NAN;
    assert_false(ut_combine(&space, &text, NULL, vector));
}

static void a_name_tells_the_whole_space(void **state)
{
    (void)state;
    char name[UT_COMBINED_NAME], again[UT_COMBINED_NAME];
    ut_arena *arena = ut_arena_create(0);
    ut_combined back;
    ut_combined_name(&space, name);
    assert_string_equal(name, "words*0.80+voices*0.60");
    assert_int_equal(ut_combined_parse(name, arena, &back, NULL), UT_OK);
    ut_combined_name(&back, again);
    assert_string_equal(again, name);
    /* Names with the edition of the weights. */
    ut_combined made = space;
    made.text_model = "words@0123abcd";
    made.voice_model = "voices@4567cdef";
    ut_combined_name(&made, name);
    assert_string_equal(name, "words@0123abcd*0.80+voices@4567cdef*0.60");
    assert_int_equal(ut_combined_parse(name, arena, &back, NULL), UT_OK);
    assert_string_equal(back.text_model, "words@0123abcd");
    assert_string_equal(back.voice_model, "voices@4567cdef");
    /* A store that was filled with other weights keeps them. */
    float vector[UT_COMBINED_DIM];
    fill(0);
    assert_int_equal(ut_combined_parse("words*0.71+voices*0.71", arena, &back, NULL), UT_OK);
    assert_true(ut_combine(&back, &text, &voice, vector));
    assert_near(square(vector, UT_COMBINED_TEXT), 0.5, 1e-6);
    assert_near(square(vector, UT_COMBINED_DIM), 1, 1e-6);
    static const char *const bad[] = {"",
                                      "words",
                                      "words*0.80",
                                      "words*0.80+voices",
                                      "words*0.80+voices*0.8",
                                      "words*0.80+voices*0.80",
                                      "words*1.00+voices*0.00",
                                      "words*nan+voices*0.60",
                                      "words*0.80+voices*0.60 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ut_combined_parse(bad[i], arena, &back, NULL) != UT_ERR_MISMATCH)
            fail_msg("taken: %s", bad[i]);
    ut_arena_destroy(arena);
}

static void weights_come_with_the_models(void **state)
{
    (void)state;
    ut_combined read = {0};
    ut_error err;
    if (ut_combined_weigh(ut_test_source("models/knowledge/combined.json"), &read, &err) != UT_OK)
        fail_msg("%s", err.message);
    assert_near(hypot(read.text_weight, read.voice_weight), 1, 0.01);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"text_weight\": 1, \"voice_weight\": 1}",
                                      "{\"text_weight\": \"0.8\", \"voice_weight\": 0.6}",
                                      "{\"text_weight\": -0.8, \"voice_weight\": 0.6}"};
    const char *path = ut_test_in_folder("combined.json");
    assert_true(ut_combined_weigh(path, &read, &err) != UT_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ut_file_write(path, bad[i], strlen(bad[i]), NULL), UT_OK);
        assert_true(ut_combined_weigh(path, &read, &err) != UT_OK);
        assert_non_null(strstr(err.message, "combined.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_their_weight),
        cmocka_unit_test(parts_of_others_count_as_missing),
        cmocka_unit_test(a_name_tells_the_whole_space),
        cmocka_unit_test(weights_come_with_the_models),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
