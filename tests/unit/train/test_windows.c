/* Utterances in windows: each once, none over another, the same however often it is asked; and what
 * two sets have in common. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/write.h"
#include "base/buf.h"
#include "train/weighting.h"
#include "train/windows.h"

enum { COUNT = 60 };

static ut_dataset *make(ut_clip *clips)
{
    ut_error err;
    ut_dataset *d;
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_buf_adds(&text, "file,emotion,speaker,start,end\n");
    for (int i = 0; i < COUNT; i++)
        if (i < 40)
            ut_buf_addf(&text, "%d.wav,%s,s%d,,\n", i, i % 3 ? "sad" : "joy", i % 5);
        else
            ut_buf_addf(&text, "call.wav,anger,,%d,%d\n", i, i + 1);
    assert_int_equal(ut_dataset_create(&d, &err), UT_OK);
    assert_int_equal(ut_dataset_parse(d, ut_buf_text(&text), text.length, "m.csv", NULL, &err),
                     UT_OK);
    ut_buf_free(&text);
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i < 40 ? i : 40);
        ut_sha256(name, strlen(name), clips[i].sha256);
        clips[i].from = i < 40 ? 0 : (size_t)i * 16000;
        clips[i].count = i == 7 ? UT_CLIP_MOST : i < 40 ? 20000 + 3000 * (size_t)(i % 9) : 16000;
        clips[i].last = clips[i].count;
        clips[i].gain = 1;
    }
    clips[3].count = 0; /* text alone */
    return d;
}

static void check(const ut_windows *w, const ut_clip *clips, bool alone)
{
    int met[COUNT] = {0};
    for (size_t i = 0; i < w->count; i++) {
        const ut_window *window = &w->items[i];
        size_t end = 0;
        assert_true(window->count > 0);
        assert_true(!alone || (window->count == 1 && window->held[0].at == 0));
        for (size_t k = 0; k < window->count; k++) {
            const ut_held *h = &window->held[k];
            met[h->sample]++;
            assert_true(h->at >= end);
            end = h->at + clips[h->sample].count;
        }
        assert_int_equal(window->used, end);
        assert_true(end <= UT_CLIP_MOST);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(met[i], i == 3 ? 0 : 1);
}

static void test_plan(void **state)
{
    (void)state;
    ut_error err;
    ut_clip clips[COUNT] = {0};
    ut_dataset *d = make(clips);
    ut_windows w, again, alone;
    assert_int_equal(ut_windows_plan(d, clips, false, &w, &err), UT_OK);
    assert_int_equal(ut_windows_plan(d, clips, false, &again, &err), UT_OK);
    assert_int_equal(ut_windows_plan(d, clips, true, &alone, &err), UT_OK);
    check(&w, clips, false);
    check(&alone, clips, true);
    assert_int_equal(alone.count, COUNT - 1);
    assert_true(w.count < 12); /* some 130 s of sound and pauses, one of them 30 s long */
    assert_int_equal(w.count, again.count);
    assert_memory_equal(w.held, again.held, COUNT * sizeof *w.held);
    /* The parts of a recording come in their order. */
    double last = -1;
    for (size_t i = 0; i < COUNT - 1; i++)
        if (w.held[i].sample >= 40) {
            assert_true(d->samples[w.held[i].sample].start > last);
            last = d->samples[w.held[i].sample].start;
        }
    assert_near(last, COUNT - 1, 0);
    ut_windows_free(&w);
    ut_windows_free(&again);
    ut_windows_free(&alone);
    ut_dataset_free(d);
}

static void test_compare(void **state)
{
    (void)state;
    ut_error err;
    ut_common common;
    ut_clip a[COUNT] = {0};
    ut_clip b[COUNT] = {0};
    ut_dataset *x = make(a);
    ut_dataset *y = make(b);
    assert_int_equal(ut_clips_compare(x, a, y, b, &common, &err), UT_ERR_FORMAT);
    assert_non_null(strstr(err.message, "validation set"));
    /* Other recordings, and other parts of the same one. */
    for (int i = 0; i < COUNT; i++) {
        if (i < 40)
            b[i].sha256[0] = 'x';
        else
            b[i].from += (size_t)COUNT * 16000;
    }
    assert_int_equal(ut_clips_compare(x, a, y, b, &common, &err), UT_OK);
    assert_int_equal(common.speakers, 5);
    assert_int_equal(common.of, 0);  /* no texts */
    b[59].from = a[41].from + 15999; /* one sample of it */
    assert_int_equal(ut_clips_compare(x, a, y, b, &common, &err), UT_ERR_FORMAT);
    ut_dataset_free(x);
    ut_dataset_free(y);
}

/* Rows of one recording in any order, one of them without times: each gets its own sound, whether
 * the recording is still open from the row before or not. */
static void test_read(void **state)
{
    (void)state;
    enum { ROWS = 5, LENGTH = 4 * 16000 };
    static const char text[] = "file,emotion,start,end\n"
                               "a.wav,sad,2,3\na.wav,joy,,\na.wav,sad,1,1.5\na.wav,joy,0.5,2.5\n"
                               "b.wav,joy,1,2\n";
    static const size_t from[ROWS] = {32000, 0, 16000, 8000, 16000};
    static const size_t count[ROWS] = {16000, LENGTH, 8000, 32000, 16000};
    ut_error err;
    ut_dataset *d;
    ut_clip clips[ROWS];
    float *sound = ut_test_floats(LENGTH);
    float *pcm = malloc(UT_CLIP_MOST * sizeof *pcm);
    const char *name = ut_test_in_folder("m.csv");
    for (int i = 0; i < 2; i++)
        assert_int_equal(ut_wav_write(ut_test_in_folder(i ? "b.wav" : "a.wav"), sound, LENGTH, 1,
                                      16000, UT_WAV_F32, &err),
                         UT_OK);
    assert_int_equal(ut_dataset_create(&d, &err), UT_OK);
    assert_int_equal(ut_dataset_parse(d, text, strlen(text), name, NULL, &err), UT_OK);
    assert_int_equal(ut_clips_measure(d, 1, NULL, clips, &err), UT_OK);
    ut_window_source source = {0};
    static const size_t order[] = {1, 3, 2, 0, 4, 0, 3, 3, 1};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const size_t row = order[i];
        const ut_held held = {row, 160, clips[row].gain};
        const ut_window window = {&held, 1, 160 + clips[row].count};
        assert_int_equal(clips[row].from, from[row]);
        assert_int_equal(clips[row].count, count[row]);
        assert_int_equal(ut_window_read(&window, d, clips, &source, pcm, &err), UT_OK);
        assert_near(pcm[159], 0, 0);
        for (size_t k = 0; k < count[row]; k++)
            assert_near(pcm[160 + k] * sound[from[row]], pcm[160] * sound[from[row] + k], 1e-6);
    }
    ut_window_source_close(&source);
    ut_dataset_free(d);
    free(sound);
    free(pcm);
}

/* Emotions weigh the same, whatever their number. */
static void test_weights(void **state)
{
    (void)state;
    ut_error err;
    ut_clip clips[COUNT] = {0};
    ut_dataset *d = make(clips);
    size_t samples[COUNT];
    double weights[COUNT];
    double sums[UT_EMOTIONS] = {0};
    size_t numbers[COUNT];
    size_t speakers;
    for (size_t i = 0; i < COUNT; i++)
        samples[i] = i;
    assert_int_equal(ut_weigh_samples(d, samples, COUNT, weights, &err), UT_OK);
    for (size_t i = 0; i < COUNT; i++)
        sums[d->samples[i].label.emotion] += weights[i];
    assert_near(sums[UT_SAD], sqrt(6), 1e-9); /* five speakers, and those who have no name */
    assert_near(sums[UT_HAPPY], sums[UT_SAD], 1e-9);
    assert_near(sums[UT_ANGRY], sums[UT_SAD], 1e-9);
    assert_int_equal(ut_number_speakers(d, samples, COUNT, numbers, &speakers, &err), UT_OK);
    assert_int_equal(speakers, 6);
    assert_int_equal(numbers[0], numbers[5]);
    assert_int_equal(numbers[45], numbers[59]);
    assert_true(numbers[0] != numbers[1]);
    ut_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
