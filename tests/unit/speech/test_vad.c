/* Hysteresis, segments and windows, with a network that says what it is told: the first sample of a
 * step is its score. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "speech/vad.h"
#include "speech/windows.h"
#include "ut_test.h"

enum { STEP = 160 }; /* 10 ms */

static float told(const void *model, void *state, const float *pcm)
{
    (void)model;
    (void)state;
    return pcm[0];
}

static const ut_vad VAD = {
    .name = "told", .step = STEP, .state_bytes = 4, .onset = 0.5f, .offset = 0.3f, .score = told};

typedef struct span {
    double start, end;
    float score;
} span;

static ut_segmenter *listen(const span *spans, int count, double duration, size_t chunk,
                            const ut_vad_options *options)
{
    size_t samples = (size_t)(duration * 16000.0 + 0.5);
    float *pcm = calloc(samples + 1, sizeof *pcm);
    for (int i = 0; i < count; i++)
        for (size_t k = (size_t)(spans[i].start * 16000.0 + 0.5);
             k < (size_t)(spans[i].end * 16000.0 + 0.5) && k < samples; k++)
            pcm[k] = spans[i].score;
    ut_segmenter *segmenter = NULL;
    assert_int_equal(ut_segmenter_create(&VAD, options, &segmenter, NULL), UT_OK);
    for (size_t at = 0; at < samples; at += chunk)
        assert_int_equal(ut_segmenter_push(segmenter, pcm + at,
                                           samples - at < chunk ? samples - at : chunk, NULL),
                         UT_OK);
    assert_int_equal(ut_segmenter_finish(segmenter, NULL), UT_OK);
    free(pcm);
    return segmenter;
}

static void hysteresis(void **state)
{
    (void)state;
    const span spans[] = {{1.0, 2.0, 0.9f}, {2.0, 2.5, 0.4f},
                          {2.7, 3.0, 0.6f}, {4.0, 4.1, 0.9f}, /* too short */
                          {5.0, 6.0, 0.4f},                   /* never over the onset */
                          {9.0, 9.95, 0.9f}};
    ut_segmenter *s = listen(spans, 6, 10.0, 777, NULL);
    size_t count;
    const ut_segment *segments = ut_segmenter_segments(s, &count);
    assert_int_equal(count, 2);
    assert_near(segments[0].start, 0.9, 1e-6);
    assert_near(segments[0].end, 3.1, 1e-6);
    assert_near(segments[1].start, 8.9, 1e-6);
    assert_near(segments[1].end, 10.0, 1e-6); /* not beyond the recording */
    ut_segmenter_windows(s, &count);
    assert_int_equal(count, 2);
    ut_segmenter_destroy(s);
}

static void assert_same(const ut_segment *a, const ut_segment *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(a[i].start == b[i].start && a[i].end == b[i].end);
        assert_true(a[i].score == b[i].score);
    }
}

static void chunks_do_not_matter(void **state)
{
    (void)state;
    span spans[40];
    uint32_t random = 7;
    double at = 0.0;
    for (int i = 0; i < 40; i++) {
        random = random * 1664525u + 1013904223u;
        spans[i].start = at + (random >> 20) / 2000.0;
        random = random * 1664525u + 1013904223u;
        spans[i].end = spans[i].start + (random >> 20) / 400.0;
        random = random * 1664525u + 1013904223u;
        spans[i].score = (float)(random >> 8) / 16777216.0f;
        at = spans[i].end;
    }
    ut_segmenter *a = listen(spans, 40, at + 0.013, 1, NULL);
    ut_segmenter *b = listen(spans, 40, at + 0.013, 100000, NULL);
    size_t count, other;
    const ut_segment *x = ut_segmenter_segments(a, &count), *y = ut_segmenter_segments(b, &other);
    assert_int_equal(count, other);
    assert_true(count > 5);
    assert_same(x, y, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(x[i].start >= 0.0 && x[i].end > x[i].start && x[i].end <= at + 0.013);
        assert_true(x[i].end - x[i].start <= 30.2);
        assert_true(i == 0 || x[i].start >= x[i - 1].end);
    }
    x = ut_segmenter_windows(a, &count);
    y = ut_segmenter_windows(b, &other);
    assert_int_equal(count, other);
    assert_same(x, y, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(x[i].end - x[i].start <= 30.2);
        assert_true(i == 0 || x[i].start >= x[i - 1].end);
    }
    ut_segmenter_destroy(a);
    ut_segmenter_destroy(b);
}

static void long_speech_is_cut_at_its_weakest(void **state)
{
    (void)state;
    const span spans[] = {{1.0, 80.0, 0.9f}, {20.0, 20.05, 0.45f}, {8.0, 8.05, 0.31f}};
    ut_segmenter *s = listen(spans, 3, 81.0, 5000, NULL);
    size_t count;
    const ut_segment *windows = ut_segmenter_windows(s, &count);
    assert_true(count >= 3);
    assert_near(windows[0].end, 20.04, 0.02); /* 8 s lies in the first half */
    for (size_t i = 0; i < count; i++)
        assert_true(windows[i].end - windows[i].start <= 30.0);
    for (size_t i = 1; i < count; i++)
        assert_near(windows[i].start, windows[i - 1].end, 1e-9);
    ut_segmenter_destroy(s);
}

static void nothing_and_noise(void **state)
{
    (void)state;
    const span loud[] = {{0.0, 1.0, NAN}, {1.0, 1.5, INFINITY}};
    size_t count;
    ut_segmenter *s = listen(NULL, 0, 0.0, 1, NULL);
    ut_segmenter_segments(s, &count);
    assert_int_equal(count, 0);
    ut_segmenter_destroy(s);
    s = listen(loud, 2, 2.0, 100, NULL);
    ut_segmenter_segments(s, &count);
    assert_int_equal(count, 0);
    ut_segmenter_destroy(s);
    const span brief[] = {{0.0, 0.1, 0.9f}};
    s = listen(brief, 1, 0.1, 100, NULL);
    ut_segmenter_windows(s, &count);
    assert_int_equal(count, 0);
    ut_segmenter_destroy(s);
    ut_vad_options wrong = ut_vad_defaults();
    wrong.window = 0.0;
    assert_int_equal(ut_segmenter_create(&VAD, &wrong, &s, NULL), UT_ERR_USAGE);
    assert_null(s);
}

static void windows_take_segments(void **state)
{
    (void)state;
    const ut_segment s[] = {{0, 5, 1},     {5.5, 12, 1},  {12.2, 18, 1}, {20, 24, 1},
                            {24.2, 28, 1}, {28.3, 34, 1}, {60, 61, 1}};
    assert_int_equal(ut_window_take(s, 7, 30.0, 4.0), 3); /* the longest pause of the second half */
    assert_int_equal(ut_window_take(s + 3, 4, 30.0, 4.0), 3); /* a long pause always ends it */
    assert_int_equal(ut_window_take(s + 6, 1, 30.0, 4.0), 1);
    const ut_segment one[] = {{0, 40, 1}, {41, 42, 1}};
    assert_int_equal(ut_window_take(one, 2, 30.0, 4.0), 1);
    const float scores[] = {0.0f, 0.9f, 0.8f, 0.5f, 0.9f, 0.5f, 0.9f};
    assert_int_equal(ut_window_cut(scores, 7), 5);
    assert_int_equal(ut_window_cut(scores, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hysteresis),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(long_speech_is_cut_at_its_weakest),
        cmocka_unit_test(nothing_and_noise),
        cmocka_unit_test(windows_take_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
