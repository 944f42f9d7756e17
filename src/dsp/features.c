#include "dsp/features.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/pitch.h"
#include "dsp/spectral.h"
#include "dsp/syllables.h"
#include "dsp/voice_quality.h"

enum { RATE = UT_SPECTRAL_RATE, FRAME = UT_SPECTRAL_FRAME, HOP = UT_SPECTRAL_HOP };

static const size_t LONGEST = (size_t)600 * RATE;
/* Frames within 25 dB of the loudest are speech, the threshold of de Jong and Wempe. */
static const float SPEECH_DB = 25.0f;
static const float SILENT_DB = -200.0f;

/*        member               name                          unit          meaning */
#define FEATURES(X)                                                                                \
    X(LOUDNESS_MEAN, "loudness_mean_db", "dB", "mean level of speech, full scale is 0")            \
    X(LOUDNESS_STD, "loudness_std_db", "dB", "how much the level of speech varies")                \
    X(LOUDNESS_RANGE, "loudness_range_db", "dB", "from soft (5 %) to loud (95 %) speech")          \
    X(PITCH_MEAN, "pitch_mean_hz", "Hz", "mean pitch of voiced speech")                            \
    X(PITCH_MEDIAN, "pitch_median_hz", "Hz", "median pitch of voiced speech")                      \
    X(PITCH_STD, "pitch_std_semitones", "semitones", "how much the pitch varies")                  \
    X(PITCH_RANGE, "pitch_range_semitones", "semitones", "from low (5 %) to high (95 %) pitch")    \
    X(PITCH_SLOPE, "pitch_slope_semitones_per_s", "semitones/s", "rise (or fall) of the pitch")    \
    X(PITCH_CHANGE, "pitch_change_semitones_per_s", "semitones/s", "how fast the pitch moves")     \
    X(VOICED_SHARE, "voiced_share", "", "share of the time that is voiced")                        \
    X(HNR_MEAN, "hnr_mean_db", "dB", "harmonics-to-noise ratio: clear (high) or rough voice")      \
    X(HNR_STD, "hnr_std_db", "dB", "how much the harmonics-to-noise ratio varies")                 \
    X(JITTER, "jitter_percent", "%", "difference of neighbouring periods' lengths")                \
    X(SHIMMER, "shimmer_percent", "%", "difference of neighbouring periods' heights")              \
    X(SPEECH_RATE, "speech_rate_sps", "1/s", "syllables a second, pauses included")                \
    X(ARTICULATION_RATE, "articulation_rate_sps", "1/s", "syllables a second of speech")           \
    X(PAUSE_SHARE, "pause_share", "", "share of the time in pauses of 0.3 s and more")             \
    X(PAUSE_RATE, "pause_rate_ps", "1/s", "pauses a second")                                       \
    X(PAUSE_MEAN, "pause_mean_s", "s", "mean length of a pause")                                   \
    X(CENTROID_MEAN, "spectral_centroid_mean_hz", "Hz", "centre of the spectrum: dark or bright")  \
    X(CENTROID_STD, "spectral_centroid_std_hz", "Hz", "how much it varies")                        \
    X(ROLLOFF_MEAN, "spectral_rolloff_mean_hz", "Hz", "85 % of the power lies below")              \
    X(ROLLOFF_STD, "spectral_rolloff_std_hz", "Hz", "how much it varies")                          \
    X(FLUX_MEAN, "spectral_flux_mean", "", "change of the spectrum from frame to frame")           \
    X(FLUX_STD, "spectral_flux_std", "", "how much that varies")                                   \
    X(SLOPE_MEAN, "spectral_slope_mean_db_per_khz", "dB/kHz", "fall of the spectrum to 5 kHz")     \
    X(SLOPE_STD, "spectral_slope_std_db_per_khz", "dB/kHz", "how much it varies")                  \
    X(FLATNESS_MEAN, "spectral_flatness_mean", "", "0 a tone, 1 noise")                            \
    X(FLATNESS_STD, "spectral_flatness_std", "", "how much it varies")                             \
    X(ALPHA_MEAN, "alpha_ratio_mean_db", "dB", "power below 1 kHz against 1 to 5 kHz")             \
    X(ALPHA_STD, "alpha_ratio_std_db", "dB", "how much it varies")

#define MFCC_ROW(X, number)                                                                        \
    X(MFCC##number##_MEAN, "mfcc" #number "_mean", "", "mean of cepstral coefficient " #number)    \
    X(MFCC##number##_STD, "mfcc" #number "_std", "", "how much it varies")                         \
    X(DELTA##number##_STD, "delta_mfcc" #number "_std", "", "how fast it changes")
#define MFCC_FEATURES(X)                                                                           \
    MFCC_ROW(X, 1)                                                                                 \
    MFCC_ROW(X, 2)                                                                                 \
    MFCC_ROW(X, 3)                                                                                 \
    MFCC_ROW(X, 4)                                                                                 \
    MFCC_ROW(X, 5)                                                                                 \
    MFCC_ROW(X, 6)                                                                                 \
    MFCC_ROW(X, 7)                                                                                 \
    MFCC_ROW(X, 8)                                                                                 \
    MFCC_ROW(X, 9)                                                                                 \
    MFCC_ROW(X, 10)                                                                                \
    MFCC_ROW(X, 11)                                                                                \
    MFCC_ROW(X, 12)

enum {
#define AS_INDEX(member, name, unit, meaning) member,
    FEATURES(AS_INDEX) MFCC_FEATURES(AS_INDEX)
#undef AS_INDEX
        COUNT
};

static const struct {
    const char *name, *unit, *meaning;
} TABLE[COUNT] = {
#define AS_ROW(member, name, unit, meaning) {name, unit, meaning},
    FEATURES(AS_ROW) MFCC_FEATURES(AS_ROW)
#undef AS_ROW
};

size_t ut_acoustic_feature_count(void)
{
    return COUNT;
}

const char *ut_acoustic_feature_name(size_t index)
{
    return index < COUNT ? TABLE[index].name : NULL;
}

const char *ut_acoustic_feature_unit(size_t index)
{
    return index < COUNT ? TABLE[index].unit : NULL;
}

const char *ut_acoustic_feature_meaning(size_t index)
{
    return index < COUNT ? TABLE[index].meaning : NULL;
}

/* Running mean and deviation (Welford). */
typedef struct moments {
    double mean, squares;
    size_t count;
} moments;

static void add(moments *m, double x)
{
    double d = x - m->mean;
    m->count++;
    m->mean += d / (double)m->count;
    m->squares += d * (x - m->mean);
}

static float mean_of(const moments *m)
{
    return m->count ? (float)m->mean : NAN;
}

static float deviation_of(const moments *m)
{
    return m->count ? (float)sqrt(m->squares / (double)m->count) : NAN;
}

/* All that lives while one utterance is measured; arrays by 10 ms frame in one allocation. */
typedef struct work {
    const float *pcm;
    size_t n;
    size_t frames;
    size_t pitch_frames;
    ut_pitch_options options;
    ut_spectral *spectral;
    ut_pitch_frame *pitch; /* [pitch_frames] */
    float *level;          /* dB, [frames] */
    float *sorted;         /* scratch, [frames] */
    float *mfcc;           /* [frames][UT_MFCC_COUNT] */
    float threshold;       /* dB */
} work;

static void work_close(work *w)
{
    ut_spectral_destroy(w->spectral);
    free(w->pitch);
    free(w->level);
}

static ut_status work_open(work *w, const float *pcm, size_t n, ut_error *err)
{
    memset(w, 0, sizeof *w);
    w->pcm = pcm;
    w->n = n;
    w->frames = n < FRAME ? 0 : (n - FRAME) / HOP + 1;
    w->options = ut_pitch_defaults(RATE);
    w->pitch_frames = ut_pitch_frames(&w->options, n);
    w->spectral = ut_spectral_create();
    w->pitch = calloc(w->pitch_frames + 1, sizeof *w->pitch);
    w->level = calloc(w->frames + 1, (2 + UT_MFCC_COUNT) * sizeof *w->level);
    if (!w->spectral || !w->pitch || !w->level)
        return ut_fail_memory(err, "features");
    w->sorted = w->level + w->frames;
    w->mfcc = w->sorted + w->frames;
    return UT_OK;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Linear between the two nearest of x[n], which gets sorted. */
static float quantile(const float *sorted, size_t n, double share)
{
    double at = share * (double)(n - 1);
    size_t low = (size_t)at;
    size_t high = low + 1 < n ? low + 1 : low;
    return (float)(sorted[low] + (at - (double)low) * ((double)sorted[high] - sorted[low]));
}

static void measure_level(work *w, float *values)
{
    float top = SILENT_DB;
    for (size_t f = 0; f < w->frames; f++) {
        const float *x = w->pcm + f * HOP;
        double power = 0.0;
        for (int i = 0; i < FRAME; i++)
            power += (double)x[i] * x[i];
        power /= FRAME;
        w->level[f] = power > 1e-20 ? (float)(10.0 * log10(power)) : SILENT_DB;
        top = fmaxf(top, w->level[f]);
    }
    w->threshold = top - SPEECH_DB;
    moments m = {0};
    size_t count = 0;
    for (size_t f = 0; f < w->frames; f++)
        if (w->level[f] >= w->threshold && w->level[f] > SILENT_DB) {
            add(&m, w->level[f]);
            w->sorted[count++] = w->level[f];
        }
    if (count == 0)
        return;
    qsort(w->sorted, count, sizeof *w->sorted, by_value);
    values[LOUDNESS_MEAN] = mean_of(&m);
    values[LOUDNESS_STD] = deviation_of(&m);
    values[LOUDNESS_RANGE] = quantile(w->sorted, count, 0.95) - quantile(w->sorted, count, 0.05);
}

static double semitones(double hz)
{
    return 12.0 * log2(hz);
}

/* Line through the pitch over time, and the mean speed of its movement within voiced stretches. */
static void measure_melody(const work *w, float *values)
{
    double t = 0.0, y = 0.0, tt = 0.0, ty = 0.0, moved = 0.0;
    size_t count = 0, steps = 0;
    for (size_t f = 0; f < w->pitch_frames; f++) {
        if (w->pitch[f].hz <= 0.0)
            continue;
        double at = (double)f * w->options.hop, height = semitones(w->pitch[f].hz);
        t += at;
        y += height;
        tt += at * at;
        ty += at * height;
        count++;
        if (f > 0 && w->pitch[f - 1].hz > 0.0) {
            moved += fabs(height - semitones(w->pitch[f - 1].hz));
            steps++;
        }
    }
    double spread = (double)count * tt - t * t;
    if (count >= 10 && spread > 0.0)
        values[PITCH_SLOPE] = (float)(((double)count * ty - t * y) / spread);
    if (steps)
        values[PITCH_CHANGE] = (float)(moved / (double)steps / w->options.hop);
}

static void measure_pitch(work *w, float *values)
{
    moments hz = {0}, height = {0}, clear = {0};
    size_t count = 0;
    for (size_t f = 0; f < w->pitch_frames; f++) {
        const ut_pitch_frame *p = &w->pitch[f];
        if (p->hz <= 0.0)
            continue;
        add(&hz, p->hz);
        add(&height, semitones(p->hz));
        double r = fmin(p->strength, 0.9999);
        if (r > 0.0)
            add(&clear, 10.0 * log10(r / (1.0 - r)));
        w->sorted[count++] = (float)p->hz;
    }
    if (w->pitch_frames)
        values[VOICED_SHARE] = (float)count / (float)w->pitch_frames;
    if (count == 0)
        return;
    qsort(w->sorted, count, sizeof *w->sorted, by_value);
    values[PITCH_MEAN] = mean_of(&hz);
    values[PITCH_MEDIAN] = quantile(w->sorted, count, 0.5);
    values[PITCH_STD] = deviation_of(&height);
    values[PITCH_RANGE] = (float)(semitones(quantile(w->sorted, count, 0.95)) -
                                  semitones(quantile(w->sorted, count, 0.05)));
    values[HNR_MEAN] = mean_of(&clear);
    values[HNR_STD] = deviation_of(&clear);
    measure_melody(w, values);
}

static ut_status measure_rhythm(const work *w, float *values, ut_error *err)
{
    double seconds = (double)w->n / RATE;
    ut_syllables s;
    if (w->n < UT_SYLLABLES_SHORTEST)
        return UT_OK;
    UT_TRY(ut_syllables_find(w->pcm, w->n, &w->options, w->pitch, &s, err));
    values[SPEECH_RATE] = (float)(s.count / seconds);
    values[ARTICULATION_RATE] = s.phonation > 0.0 ? (float)(s.count / s.phonation) : NAN;
    values[PAUSE_SHARE] = (float)(s.paused / seconds);
    values[PAUSE_RATE] = (float)(s.pauses / seconds);
    values[PAUSE_MEAN] = s.pauses ? (float)(s.paused / s.pauses) : 0.0f;
    return UT_OK;
}

/* Regression over two frames on both sides (HTK), the ends repeated. */
static float delta(const work *w, size_t f, int c)
{
    float sum = 0.0f;
    for (size_t q = 1; q <= 2; q++) {
        size_t after = f + q < w->frames ? f + q : w->frames - 1;
        size_t before = f >= q ? f - q : 0;
        sum +=
            (float)q * (w->mfcc[after * UT_MFCC_COUNT + c] - w->mfcc[before * UT_MFCC_COUNT + c]);
    }
    return sum / 10.0f;
}

static void measure_cepstrum(const work *w, const bool *speech, float *values)
{
    for (int c = 0; c < UT_MFCC_COUNT; c++) {
        moments own = {0}, change = {0};
        for (size_t f = 0; f < w->frames; f++) {
            if (!speech[f])
                continue;
            add(&own, w->mfcc[f * UT_MFCC_COUNT + c]);
            add(&change, delta(w, f, c));
        }
        values[MFCC1_MEAN + 3 * c] = mean_of(&own);
        values[MFCC1_STD + 3 * c] = deviation_of(&own);
        values[DELTA1_STD + 3 * c] = deviation_of(&change);
    }
}

static ut_status measure_spectrum(work *w, float *values, ut_error *err)
{
    moments shape[6] = {{0}};
    bool *speech = calloc(w->frames + 1, sizeof *speech);
    if (!speech)
        return ut_fail_memory(err, "features");
    for (size_t f = 0; f < w->frames; f++) {
        ut_spectral_frame s;
        bool loud = w->level[f] >= w->threshold && w->level[f] > SILENT_DB;
        bool any = ut_spectral_run(w->spectral, w->pcm + f * HOP, &s);
        memcpy(w->mfcc + f * UT_MFCC_COUNT, s.mfcc, sizeof s.mfcc);
        speech[f] = loud && any;
        if (!speech[f])
            continue;
        const float row[6] = {s.centroid_hz,      s.rolloff_hz, s.flux,
                              s.slope_db_per_khz, s.flatness,   s.alpha_db};
        for (int i = 0; i < 6; i++)
            add(&shape[i], row[i]);
    }
    for (int i = 0; i < 6; i++) {
        values[CENTROID_MEAN + 2 * i] = mean_of(&shape[i]);
        values[CENTROID_STD + 2 * i] = deviation_of(&shape[i]);
    }
    measure_cepstrum(w, speech, values);
    free(speech);
    return UT_OK;
}

ut_status ut_acoustic_features(const float *pcm, size_t n, int rate, float *values, ut_error *err)
{
    for (size_t i = 0; i < COUNT; i++)
        values[i] = NAN;
    if (rate != RATE)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "features",
                       "acoustic features want %d Hz, not %d; resample first", RATE, rate);
    if (n > LONGEST)
        return ut_fail(err, UT_ERR_LIMIT, "features",
                       "an utterance of %.0f s is longer than 600 s; cut it", (double)n / RATE);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(pcm[i]))
            return ut_fail(err, UT_ERR_FORMAT, "features",
                           "sample %zu is no number; decode the recording again", i);
    work w;
    ut_status status = work_open(&w, pcm, n, err);
    if (status == UT_OK && w.pitch_frames > 0)
        status = ut_pitch_track(&w.options, pcm, n, w.pitch, err);
    if (status == UT_OK && w.pitch_frames > 0) {
        measure_level(&w, values);
        /* Without any level there is neither voice nor rhythm to speak of. */
        if (!isnan(values[LOUDNESS_MEAN])) {
            measure_pitch(&w, values);
            ut_voice_quality quality =
                ut_voice_quality_measure(&w.options, pcm, n, w.pitch, w.pitch_frames);
            values[JITTER] = quality.jitter_percent;
            values[SHIMMER] = quality.shimmer_percent;
            status = measure_rhythm(&w, values, err);
            if (status == UT_OK)
                status = measure_spectrum(&w, values, err);
        }
    }
    work_close(&w);
    return status;
}
