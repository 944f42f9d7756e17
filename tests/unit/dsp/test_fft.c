/* The fast transform equals the sum that defines it, over odd sizes; the filters are librosa's. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/fft.h"
#include "dsp/mel.h"

static void equals_the_definition(void **state)
{
    (void)state;
    const int sizes[] = {1,  2,  3,  4,  5,  6,  7,   8,   11,  12,  15,  16,
                         25, 30, 49, 64, 77, 80, 121, 240, 400, 512, 551, 960};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s];
        ut_fft *fft = ut_fft_create(n);
        assert_non_null(fft);
        float *x = malloc((size_t)n * 2 * sizeof *x);
        float *re = malloc(((size_t)n + 2) * sizeof *re);
        float *im = malloc(((size_t)n + 2) * sizeof *im);
        float *scratch = malloc(ut_fft_scratch(fft) * sizeof *scratch);
        for (int i = 0; i < n; i++)
            x[i] = sinf((float)(i * i % 97)) + 0.25f;
        ut_fft_forward(fft, x, re, im, scratch);
        for (int k = 0; k <= n / 2; k++) {
            double sr = 0, si = 0;
            for (int t = 0; t < n; t++) {
                double angle = -2 * M_PI * (double)((long)k * t % n) / n;
                sr += x[t] * cos(angle);
                si += x[t] * sin(angle);
            }
            assert_near(re[k], sr, 2e-4 * sqrt(n));
            assert_near(im[k], si, 2e-4 * sqrt(n));
        }
        ut_fft_inverse(fft, re, im, x + n, scratch);
        for (int i = 0; i < n; i++)
            assert_near(x[n + i], x[i], 1e-5);
        free(x);
        free(re);
        free(im);
        free(scratch);
        ut_fft_destroy(fft);
    }
    assert_null(ut_fft_create(0));
    assert_null(ut_fft_create(65537));
}

/* Bit by bit: what is faster must not be another thing. */
static void four_at_once_are_four_alone(void **state)
{
    (void)state;
    const int sizes[] = {1, 2, 5, 12, 49, 400, 512, 551};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s], bins = n / 2 + 1;
        ut_fft *fft = ut_fft_create(n);
        float *x = ut_test_floats((size_t)n * 4), *one = malloc((size_t)n * sizeof *one);
        float *power = malloc((size_t)bins * 5 * sizeof *power), *alone = power + 4 * bins;
        float *scratch = malloc(4 * ut_fft_scratch(fft) * sizeof *scratch);
        assert_true(fft && one && power && scratch);
        ut_fft_power4(fft, x, power, scratch);
        for (int i = 0; i < 4; i++) {
            for (int t = 0; t < n; t++)
                one[t] = x[4 * t + i];
            ut_fft_power(fft, one, alone, scratch);
            for (int k = 0; k < bins; k++)
                assert_memory_equal(&power[4 * k + i], &alone[k], sizeof *alone);
        }
        free(x);
        free(one);
        free(power);
        free(scratch);
        ut_fft_destroy(fft);
    }
}

static void frames_in_a_row_are_frames_alone(void **state)
{
    (void)state;
    enum { FRAMES = 7, SAMPLES = 6 * 160 + 400, BANDS = 26 };
    const ut_mel_options kinds[] = {
        ut_mel_defaults(),
        {.window = UT_WINDOW_POVEY, .warped = true, .centred = true, .emphasis = 0.97f, .gain = 2},
        {.window = UT_WINDOW_HANN, .magnitude = true, .area = true, .log_floor = 1e-3f},
    };
    float *pcm = ut_test_floats(SAMPLES);
    for (size_t q = 0; q < sizeof kinds / sizeof *kinds; q++) {
        ut_mel_options o = kinds[q];
        o.rate = 16000, o.frame = 400 - (int)q, o.fft = 512, o.hop = 160, o.bands = BANDS;
        ut_mel *mel;
        assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_OK);
        float *scratch = malloc(ut_mel_scratch(mel) * sizeof *scratch);
        float rows[FRAMES * BANDS], row[BANDS];
        ut_mel_run(mel, pcm, FRAMES, rows, scratch);
        for (int f = 0; f < FRAMES; f++) {
            ut_mel_frame(mel, pcm + f * 160, row, scratch);
            assert_memory_equal(row, rows + f * BANDS, sizeof row);
        }
        free(scratch);
        ut_mel_destroy(mel);
    }
    free(pcm);
}

/* From librosa.filters.mel(sr=16000, n_fft=400, n_mels=80): Whisper's own filters. */
static void filters_are_slaneys(void **state)
{
    (void)state;
    ut_mel_options o = {.rate = 16000,
                        .frame = 400,
                        .fft = 400,
                        .hop = 160,
                        .bands = 80,
                        .scale = UT_MEL_SLANEY,
                        .area = true};
    ut_mel *mel;
    assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_OK);
    float *filters = malloc(80 * 201 * sizeof *filters);
    ut_mel_filters(mel, filters);
    assert_near(filters[0 * 201 + 1], 0.02486259, 1e-6);
    assert_near(filters[1 * 201 + 1], 0.00199082, 1e-6);
    assert_near(filters[1 * 201 + 2], 0.02287177, 1e-6);
    assert_near(filters[79 * 201 + 199], 0.00044876, 1e-6);
    free(filters);
    ut_mel_destroy(mel);
    o.low = 9000;
    assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_ERR_USAGE);
}

static void a_tone_lands_in_its_band_whatever_its_level(void **state)
{
    (void)state;
    ut_mel_options o = ut_mel_defaults();
    ut_mel *mel;
    assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_OK);
    float *scratch = malloc(ut_mel_scratch(mel) * sizeof *scratch);
    float pcm[560], out[2][40], quiet[2][40];
    for (int i = 0; i < 560; i++)
        pcm[i] = 0.5f * sinf((float)(2 * M_PI * 1000 * i / 16000));
    assert_int_equal(ut_mel_frames(mel, 560), 2);
    assert_int_equal(ut_mel_frames(mel, 399), 0);
    ut_mel_run(mel, pcm, 2, out[0], scratch);
    int best = 0;
    for (int b = 1; b < 40; b++)
        best = out[0][b] > out[0][best] ? b : best;
    /* 1000 Hz is mel 1000; bands lie between mel 92.7 and 2787: centre 12.8. */
    assert_int_equal(best, 13);
    for (int i = 0; i < 560; i++)
        pcm[i] *= 0.1f;
    ut_mel_run(mel, pcm, 2, quiet[0], scratch);
    assert_near(out[1][best] - quiet[1][best], log(100), 1e-3);
    free(scratch);
    ut_mel_destroy(mel);
}

/* The floor is what silence gives, and what is added where that is asked for. */
static void floor_bounds_or_is_added(void **state)
{
    (void)state;
    for (int added = 0; added < 2; added++) {
        ut_mel_options o = ut_mel_defaults();
        ut_mel *mel;
        o.add_floor = added;
        o.log_floor = 0.25f;
        assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_OK);
        float spectrum[257], out[40];
        for (int k = 0; k < 257; k++)
            spectrum[k] = 0;
        ut_mel_apply(mel, spectrum, out);
        assert_near(out[7], log(0.25), 1e-6);
        for (int k = 0; k < 257; k++)
            spectrum[k] = 1;
        ut_mel_apply(mel, spectrum, out);
        o.log_floor = 0;
        ut_mel_destroy(mel);
        assert_int_equal(ut_mel_create(&o, &mel, NULL), UT_OK);
        float plain[40];
        ut_mel_apply(mel, spectrum, plain);
        assert_near(out[39], log(plain[39] + (added ? 0.25 : 0)), 1e-5);
        ut_mel_destroy(mel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_definition),
        cmocka_unit_test(four_at_once_are_four_alone),
        cmocka_unit_test(frames_in_a_row_are_frames_alone),
        cmocka_unit_test(filters_are_slaneys),
        cmocka_unit_test(a_tone_lands_in_its_band_whatever_its_level),
        cmocka_unit_test(floor_bounds_or_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
