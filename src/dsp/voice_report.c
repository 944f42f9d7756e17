#include "dsp/voice_report.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "dsp/harmonicity.h"
#include "dsp/perturbation.h"
#include "dsp/pitch.h"
#include "dsp/pulses.h"

static const char *const names[UT_VOICE_REPORT] = {
    "pulses",        "periods",          "period_mean_s",
    "period_std_s",  "jitter_local",     "jitter_local_absolute_s",
    "jitter_rap",    "jitter_ppq5",      "jitter_ddp",
    "shimmer_local", "shimmer_local_db", "shimmer_apq3",
    "shimmer_apq5",  "shimmer_apq11",    "shimmer_dda",
    "hnr_mean_db",   "hnr_std_db",
};

const char *ut_voice_report_name(size_t index)
{
    return index < UT_VOICE_REPORT ? names[index] : NULL;
}

static ut_status find_pulses(int rate, const float *pcm, size_t n, ut_pulses *pulses, ut_error *err)
{
    ut_pitch_options options = ut_pitch_defaults(rate);
    size_t count = ut_pitch_frames(&options, n);
    ut_pitch_frame *pitch = calloc(count + 1, sizeof *pitch);
    if (!pitch)
        return ut_fail_memory(err, "voice report");
    ut_status status = ut_pitch_track(&options, pcm, n, pitch, err);
    if (status == UT_OK)
        status = ut_pulses_find(&options, pcm, n, pitch, count, pulses, err);
    free(pitch);
    return status;
}

/* Mean, and deviation of a sample, over the frames that have one. */
static ut_status measure_harmonicity(int rate, const float *pcm, size_t n, float *values,
                                     ut_error *err)
{
    size_t count = ut_harmonicity_frames(rate, n), seen = 0;
    double *db = calloc(count + 1, sizeof *db), mean = 0.0, squares = 0.0;
    if (!db)
        return ut_fail_memory(err, "voice report");
    ut_status status = ut_harmonicity_track(rate, pcm, n, db, err);
    for (size_t f = 0; f < count; f++) {
        if (isnan(db[f]))
            continue;
        double d = db[f] - mean;
        mean += d / (double)++seen;
        squares += d * (db[f] - mean);
    }
    values[0] = seen > 0 ? (float)mean : NAN;
    values[1] = seen > 1 ? (float)sqrt(squares / (double)(seen - 1)) : NAN;
    free(db);
    return status;
}

ut_status ut_voice_report(int rate, const float *pcm, size_t n, float *values, ut_error *err)
{
    ut_pulses pulses = {0};
    ut_jitter j = {0};
    ut_shimmer s = {0};
    ut_status status = find_pulses(rate, pcm, n, &pulses, err);
    if (status == UT_OK)
        status = ut_jitter_measure(pulses.times, pulses.count, &j, err);
    if (status == UT_OK)
        status = ut_shimmer_measure(pulses.times, pulses.count, pcm, n, rate, &s, err);
    const double all[] = {(double)pulses.count,
                          (double)j.periods,
                          j.mean,
                          j.deviation,
                          j.local,
                          j.local_absolute,
                          j.rap,
                          j.ppq5,
                          j.ddp,
                          s.local,
                          s.local_db,
                          s.apq3,
                          s.apq5,
                          s.apq11,
                          s.dda};
    enum { PERTURBATION = sizeof all / sizeof *all };
    for (size_t i = 0; i < PERTURBATION; i++)
        values[i] = (float)all[i];
    ut_pulses_free(&pulses);
    if (status == UT_OK)
        status = measure_harmonicity(rate, pcm, n, values + PERTURBATION, err);
    return status;
}
