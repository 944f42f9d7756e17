/* Time warping against every path there is, and recognition of speech, silence and noise. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "speech/recognize_internal.h"

static uint32_t seed = 1;

static float noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

/* The largest sum over all monotone paths from (r, c) to the far corner. */
static double all_paths(const float *m, int rows, int columns, int r, int c)
{
    double here = m[r * columns + c], best = -INFINITY;
    if (r == rows - 1 && c == columns - 1)
        return here;
    for (int step = 1; step < 4; step++) {
        int nr = r + (step & 1), nc = c + (step >> 1);
        if (nr < rows && nc < columns)
            best = fmax(best, all_paths(m, rows, columns, nr, nc));
    }
    return here + best;
}

/* The largest sum of a path that begins row r at first[r]: between two rows it goes down at the
 * last column of the first, or aslant. */
static double path_sum(const float *m, int rows, int columns, const int *first)
{
    double sum = 0.0;
    for (int r = 0; r < rows; r++) {
        int stop = r + 1 < rows ? first[r + 1] : columns - 1;
        for (int c = first[r]; c < stop; c++)
            sum += m[r * columns + c];
        bool down = r + 1 == rows || stop == first[r] || m[r * columns + stop] > 0.0f;
        sum += down ? m[r * columns + stop] : 0.0f;
    }
    return sum;
}

static void test_warp(void **unused)
{
    (void)unused;
    enum { MOST = 6 };
    for (int trial = 0; trial < 300; trial++) {
        int rows = 1 + trial % MOST, columns = 1 + trial / MOST % MOST;
        float m[MOST * MOST];
        uint8_t steps[MOST * MOST];
        double costs[2 * (MOST + 1)];
        int first[MOST];
        for (int i = 0; i < rows * columns; i++)
            m[i] = noise();
        ut_warp(m, rows, columns, steps, costs, first);
        assert_int_equal(first[0], 0);
        for (int r = 1; r < rows; r++)
            assert_true(first[r] >= first[r - 1] && first[r] < columns);
        assert_near(path_sum(m, rows, columns, first), all_paths(m, rows, columns, 0, 0), 1e-5);
    }
}

static ut_recognizer_session *open_session(ut_recognizer **recognizer)
{
    const char *dir = ut_test_model("Systran/faster-whisper-tiny.en");
    if (!dir)
        dir = ut_test_model("Systran/faster-whisper-base");
    ut_recognizer_session *session = NULL;
    if (!dir)
        UT_SKIP("recognition", "no Whisper pulled");
    ut_error err;
    if (ut_recognizer_open(dir, recognizer, &err) != UT_OK ||
        ut_recognizer_session_create(*recognizer, &session, &err) != UT_OK)
        fail_msg("%s", err.message);
    return session;
}

static void test_nothing_said(void **unused)
{
    (void)unused;
    ut_recognizer *recognizer = NULL;
    ut_recognizer_session *session = open_session(&recognizer);
    ut_arena *arena = ut_arena_create(0);
    float *pcm = calloc(80000, sizeof *pcm);
    ut_recognize_options options = ut_recognize_defaults();
    for (int kind = 0; kind < 3; kind++) {
        ut_recognition r;
        for (int i = 0; kind > 0 && i < 80000; i++)
            pcm[i] = (kind == 1 ? 0.001f : 0.1f) * noise();
        assert_int_equal(ut_recognize(session, pcm, 80000, &options, arena, &r, NULL), UT_OK);
        print_message("kind %d: \"%s\", no speech %.2f, log-probability %.2f\n", kind, r.text,
                      r.no_speech, r.mean_log_probability);
        assert_string_equal(r.text, "");
        assert_int_equal(r.word_count, 0);
    }
    ut_recognition r;
    assert_int_equal(ut_recognize(session, pcm, 0, &options, arena, &r, NULL), UT_OK);
    assert_int_equal(r.word_count, 0);
    free(pcm);
    ut_arena_destroy(arena);
    ut_recognizer_session_destroy(session);
    ut_recognizer_close(recognizer);
}

static bool at_once(void *context)
{
    ++*(int *)context;
    return true;
}

static void test_refusals(void **unused)
{
    (void)unused;
    ut_recognizer *recognizer = NULL;
    ut_recognizer_session *session = open_session(&recognizer);
    ut_arena *arena = ut_arena_create(0);
    float *pcm = calloc(16000, sizeof *pcm);
    ut_recognize_options options = ut_recognize_defaults();
    ut_recognition r;
    ut_error err;
    options.language = "klingon";
    assert_int_equal(ut_recognize(session, pcm, 16000, &options, arena, &r, &err), UT_ERR_USAGE);
    options.language = NULL;
    int asked = 0;
    options.cancelled = at_once;
    options.context = &asked;
    assert_int_equal(ut_recognize(session, pcm, 16000, &options, arena, &r, &err),
                     UT_ERR_CANCELLED);
    assert_int_equal(asked, 1);
    ut_recognizer *none;
    assert_int_equal(ut_recognizer_open("/nonexistent", &none, &err), UT_ERR_NOT_FOUND);
    free(pcm);
    ut_arena_destroy(arena);
    ut_recognizer_session_destroy(session);
    ut_recognizer_close(recognizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_warp),
                                       cmocka_unit_test(test_nothing_said),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
