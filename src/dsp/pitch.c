#include "dsp/pitch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/autocorrelation.h"
#include "dsp/pitch_path.h"

typedef struct tracker {
    const ut_pitch_options *options;
    size_t period;   /* longest, samples */
    size_t half;     /* of a window, samples */
    size_t longest;  /* lag that is looked at */
    size_t reliable; /* lags below are: half a window (Boersma 1993) */
    ut_autocorrelation *autocorrelation;
    double *taper;       /* [2 half] */
    double *frame;       /* [2 half] */
    double *correlation; /* of the taper, [reliable + 1] */
    double *r;           /* of a frame by that, [2 reliable + 1]: lags -reliable .. reliable */
} tracker;

ut_pitch_options ut_pitch_defaults(int rate)
{
    return (ut_pitch_options){.rate = rate,
                              .floor_hz = 75.0,
                              .ceiling_hz = 600.0,
                              .hop = 0.01,
                              .silence_threshold = 0.03,
                              .voicing_threshold = 0.45,
                              .octave_cost = 0.01,
                              .octave_jump_cost = 0.35,
                              .voiced_unvoiced_cost = 0.14};
}

size_t ut_pitch_frames(const ut_pitch_options *options, size_t n)
{
    double window = 3.0 / options->floor_hz, seconds = (double)n * (1.0 / options->rate);
    return seconds < window ? 0 : (size_t)((seconds - window) / options->hop) + 1;
}

double ut_pitch_time(const ut_pitch_options *options, size_t n, size_t frame)
{
    double all = (double)ut_pitch_frames(options, n) * options->hop;
    double seconds = (double)n * (1.0 / options->rate);
    return 0.5 * seconds - 0.5 * all + 0.5 * options->hop + (double)frame * options->hop;
}

static void tracker_close(tracker *t)
{
    ut_autocorrelation_destroy(t->autocorrelation);
    free(t->taper);
}

static ut_status tracker_open(tracker *t, const ut_pitch_options *options, ut_error *err)
{
    memset(t, 0, sizeof *t);
    t->options = options;
    t->period = (size_t)(options->rate / options->floor_hz);
    t->half = (size_t)(3.0 / options->floor_hz * options->rate) / 2 - 1;
    t->longest = 2 * t->half / 3 + 1;
    t->reliable = t->half;
    t->autocorrelation = ut_autocorrelation_create(2 * t->half, t->reliable);
    t->taper = calloc(4 * t->half + 3 * t->reliable + 2, sizeof *t->taper);
    if (!t->autocorrelation || !t->taper)
        return ut_fail_memory(err, "pitch");
    t->frame = t->taper + 2 * t->half;
    t->correlation = t->frame + 2 * t->half;
    t->r = t->correlation + t->reliable + 1;
    for (size_t i = 0; i < 2 * t->half; i++)
        t->taper[i] = 0.5 - 0.5 * cos(2.0 * M_PI * (double)(i + 1) / (double)(2 * t->half + 1));
    ut_autocorrelation_run(t->autocorrelation, t->taper, t->correlation);
    for (size_t i = t->reliable + 1; i > 0; i--)
        t->correlation[i - 1] /= t->correlation[0];
    return UT_OK;
}

/* Samples before the signal and behind it count as none. */
static void analyse_frame(tracker *t, const float *pcm, size_t n, double time, double peak,
                          ut_pitch_candidates *c)
{
    const ut_pitch_options *o = t->options;
    /* The sample behind the middle. In every other recording the middles of all frames fall on a
     * sample, and the last bit of the time decides; hence the order of Praat's operations, which
     * gives the same one in all of 7022 such frames. */
    double step = 1.0 / o->rate;
    size_t right = (size_t)((time - 0.5 * step) / step) + 1;
    size_t from = right - t->half, width = 2 * t->half;
    double sum = 0.0, local = 0.0;
    for (size_t i = right - t->period; i < right + t->period && i < n; i++)
        sum += pcm[i];
    double mean = sum / (double)(2 * t->period);
    for (size_t i = 0; i < width; i++)
        t->frame[i] = from + i < n ? (pcm[from + i] - mean) * t->taper[i] : 0.0;
    /* Loudness is judged within half a longest period about the middle. */
    size_t near = t->period / 2 + 1;
    for (size_t i = t->half - near; i < t->half + near; i++)
        local = fmax(local, fabs(t->frame[i]));
    double *r = t->r + t->reliable;
    ut_autocorrelation_run(t->autocorrelation, t->frame, r);
    double power = r[0];
    for (size_t i = 0; power > 0.0 && i <= t->reliable; i++)
        r[-(ptrdiff_t)i] = r[i] /= power * t->correlation[i];
    double loudness = power > 0.0 ? fmin(local / peak, 1.0) : 0.0;
    ut_pitch_find_candidates(o, r, t->reliable, t->longest, loudness, c);
}

ut_status ut_pitch_track(const ut_pitch_options *options, const float *pcm, size_t n,
                         ut_pitch_frame *frames, ut_error *err)
{
    size_t count = ut_pitch_frames(options, n);
    if (count == 0)
        return UT_OK;
    tracker t;
    ut_pitch_candidates *all = calloc(count, sizeof *all);
    ut_status status = tracker_open(&t, options, err);
    if (status == UT_OK && !all)
        status = ut_fail_memory(err, "pitch");
    if (status != UT_OK)
        goto done;
    double sum = 0.0, peak = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += pcm[i];
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak, fabs(pcm[i] - sum / (double)n));
    if (!(peak > 0.0)) {
        memset(frames, 0, count * sizeof *frames);
        goto done;
    }
    for (size_t f = 0; f < count; f++)
        analyse_frame(&t, pcm, n, ut_pitch_time(options, n, f), peak, &all[f]);
    ut_pitch_find_path(options, all, count, frames);
done:
    tracker_close(&t);
    free(all);
    return status;
}
