#include "dsp/feature_sets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/egemaps.h"
#include "dsp/features.h"
#include "dsp/formants.h"
#include "dsp/functionals.h"
#include "dsp/harmonicity.h"
#include "dsp/intensity.h"
#include "dsp/mfcc.h"
#include "dsp/pitch.h"
#include "dsp/spectral.h"
#include "dsp/syllables.h"
#include "dsp/voice_report.h"

enum { RATE = UT_FEATURE_SET_RATE };

/* Without a summary of its own, the mean and deviation of the frames are one; without frames, the
 * last four members are NULL. */
typedef struct kind {
    const char *name, *meaning;
    ut_status (*open)(ut_feature_set *set, ut_error *err); /* may be NULL */
    size_t (*summary_columns)(const ut_feature_set *set);
    void (*summary_column)(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME]);
    ut_status (*summary)(ut_feature_set *set, const float *pcm, size_t n, float *values,
                         ut_error *err);
    size_t (*frame_columns)(const ut_feature_set *set);
    void (*frame_column)(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME]);
    ut_feature_grid (*grid)(const ut_feature_set *set, size_t n);
    ut_status (*frames)(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                        ut_error *err);
} kind;

struct ut_feature_set {
    const kind *kind;
    ut_mfcc *mfcc;
    size_t orders; /* of the cepstrum's differences: 1, or 3 with first and second ones */
    ut_spectral *spectral;
    bool of_sample; /* a summary's deviations are those of a sample, as Praat has them */
};

/* ------------------------------------------------------------------------- eGeMAPS */

static size_t egemaps_columns(const ut_feature_set *set)
{
    (void)set;
    return UT_EGEMAPS_FUNCTIONALS;
}

static void egemaps_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", ut_egemaps_functional_name(index));
}

static ut_status egemaps_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                                 ut_error *err)
{
    (void)set;
    return ut_egemaps_functionals(pcm, n, values, err);
}

static size_t egemaps_frame_columns(const ut_feature_set *set)
{
    (void)set;
    return UT_EGEMAPS_DESCRIPTORS;
}

static void egemaps_frame_column(const ut_feature_set *set, size_t index,
                                 char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", ut_egemaps_descriptor_name(index));
}

static ut_feature_grid egemaps_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    return (ut_feature_grid){ut_egemaps_frames(n), 0.0, (double)UT_EGEMAPS_HOP / RATE,
                             (double)UT_EGEMAPS_SHORTEST / RATE};
}

static ut_status egemaps_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                                ut_error *err)
{
    (void)set;
    return ut_egemaps_descriptors(pcm, n, rows, err);
}

/* ------------------------------------------------------------------------ cepstrum */

static ut_status open_mfcc(ut_feature_set *set, ut_mfcc_kind which, size_t orders, ut_error *err)
{
    set->orders = orders;
    return ut_mfcc_create(which, RATE, &set->mfcc, err);
}

static ut_status open_htk(ut_feature_set *set, ut_error *err)
{
    return open_mfcc(set, UT_MFCC_HTK, 3, err);
}

static ut_status open_kaldi(ut_feature_set *set, ut_error *err)
{
    return open_mfcc(set, UT_MFCC_KALDI, 1, err);
}

static ut_status open_librosa(ut_feature_set *set, ut_error *err)
{
    return open_mfcc(set, UT_MFCC_LIBROSA, 1, err);
}

static size_t mfcc_columns(const ut_feature_set *set)
{
    return set->orders * ut_mfcc_count(set->mfcc);
}

static void mfcc_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    static const char *const orders[] = {"", "_delta", "_delta2"};
    size_t count = ut_mfcc_count(set->mfcc);
    snprintf(name, UT_FEATURE_NAME, "mfcc%zu%s", ut_mfcc_number(set->mfcc, index % count),
             orders[index / count]);
}

static ut_feature_grid mfcc_grid(const ut_feature_set *set, size_t n)
{
    return (ut_feature_grid){
        ut_mfcc_frames(set->mfcc, n), -(double)ut_mfcc_padding(set->mfcc) / RATE,
        (double)ut_mfcc_hop(set->mfcc) / RATE, (double)ut_mfcc_frame(set->mfcc) / RATE};
}

static ut_status mfcc_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                             ut_error *err)
{
    size_t frames = ut_mfcc_frames(set->mfcc, n), count = ut_mfcc_count(set->mfcc);
    size_t width = mfcc_columns(set);
    if (set->orders == 1)
        return ut_mfcc_run(set->mfcc, pcm, n, rows, err);
    float *plain = calloc(frames * count + 1, sizeof *plain);
    if (!plain)
        return ut_fail_memory(err, "features");
    ut_status status = ut_mfcc_run(set->mfcc, pcm, n, plain, err);
    for (size_t f = 0; status == UT_OK && f < frames; f++)
        memcpy(rows + f * width, plain + f * count, count * sizeof *rows);
    for (size_t i = 1; status == UT_OK && i < set->orders; i++)
        ut_mfcc_deltas(rows + (i - 1) * count, width, frames, count, rows + i * count, width);
    free(plain);
    return status;
}

/* ------------------------------------------------------------------------ spectrum */

static const char *const spectral_names[] = {"centroid_hz",      "rolloff_hz", "flux",
                                             "slope_db_per_khz", "flatness",   "alpha_ratio_db"};
enum { SPECTRAL = sizeof spectral_names / sizeof *spectral_names };

static ut_status open_spectral(ut_feature_set *set, ut_error *err)
{
    set->spectral = ut_spectral_create();
    return set->spectral ? UT_OK : ut_fail_memory(err, "features");
}

static size_t spectral_columns(const ut_feature_set *set)
{
    (void)set;
    return SPECTRAL;
}

static void spectral_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "spectral_%s", spectral_names[index]);
}

static ut_feature_grid spectral_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    size_t frames = n < UT_SPECTRAL_FRAME ? 0 : (n - UT_SPECTRAL_FRAME) / UT_SPECTRAL_HOP + 1;
    return (ut_feature_grid){frames, 0.0, (double)UT_SPECTRAL_HOP / RATE,
                             (double)UT_SPECTRAL_FRAME / RATE};
}

static ut_status spectral_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                                 ut_error *err)
{
    (void)err;
    size_t frames = spectral_grid(set, n).count;
    ut_spectral_reset(set->spectral);
    for (size_t f = 0; f < frames; f++) {
        ut_spectral_frame s;
        float *row = rows + f * SPECTRAL;
        if (!ut_spectral_run(set->spectral, pcm + f * UT_SPECTRAL_HOP, &s)) {
            for (size_t i = 0; i < SPECTRAL; i++)
                row[i] = NAN;
            continue;
        }
        const float values[SPECTRAL] = {s.centroid_hz,      s.rolloff_hz, s.flux,
                                        s.slope_db_per_khz, s.flatness,   s.alpha_db};
        memcpy(row, values, sizeof values);
    }
    return UT_OK;
}

/* --------------------------------------------------------------------------- pitch */

static const char *const pitch_names[] = {"pitch_mean_hz", "pitch_median_hz", "pitch_std_hz",
                                          "pitch_min_hz",  "pitch_max_hz",    "voiced_share"};
enum { PITCH = sizeof pitch_names / sizeof *pitch_names };

static size_t pitch_columns(const ut_feature_set *set)
{
    (void)set;
    return PITCH;
}

static void pitch_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", pitch_names[index]);
}

static size_t pitch_frame_columns(const ut_feature_set *set)
{
    (void)set;
    return 2;
}

static void pitch_frame_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, index ? "pitch_strength" : "pitch_hz");
}

/* Frames are told by their middle 10 ms. */
static ut_feature_grid pitch_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    ut_pitch_options o = ut_pitch_defaults(RATE);
    size_t count = ut_pitch_frames(&o, n);
    return (ut_feature_grid){count, count ? ut_pitch_time(&o, n, 0) - o.hop / 2 : 0.0, o.hop,
                             o.hop};
}

static ut_status pitch_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                              ut_error *err)
{
    (void)set;
    ut_pitch_options o = ut_pitch_defaults(RATE);
    size_t count = ut_pitch_frames(&o, n);
    ut_pitch_frame *frames = calloc(count + 1, sizeof *frames);
    if (!frames)
        return ut_fail_memory(err, "features");
    ut_status status = ut_pitch_track(&o, pcm, n, frames, err);
    for (size_t f = 0; status == UT_OK && f < count; f++) {
        bool voiced = frames[f].hz > 0.0;
        rows[2 * f] = voiced ? (float)frames[f].hz : NAN;
        rows[2 * f + 1] = voiced ? (float)frames[f].strength : NAN;
    }
    free(frames);
    return status;
}

/* Median and deviation as Praat has them: halfway between two values, of a sample. */
static ut_status pitch_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                               ut_error *err)
{
    size_t count = pitch_grid(set, n).count, voiced = 0;
    float *rows = calloc(2 * count + 1, sizeof *rows);
    if (!rows)
        return ut_fail_memory(err, "features");
    ut_status status = pitch_frames(set, pcm, n, rows, err);
    for (size_t f = 0; f < count; f++)
        if (!isnan(rows[2 * f]))
            rows[voiced++] = rows[2 * f];
    for (size_t i = 0; i < PITCH; i++)
        values[i] = NAN;
    if (status == UT_OK && count)
        values[5] = (float)voiced / (float)count;
    if (status == UT_OK && voiced) {
        ut_moments m = ut_moments_of(rows, voiced);
        ut_sort(rows, voiced);
        values[0] = (float)m.mean;
        values[1] = (float)ut_quantile(rows, voiced, 0.5);
        if (voiced > 1)
            values[2] = (float)(m.deviation * sqrt((double)voiced / (double)(voiced - 1)));
        values[3] = rows[0];
        values[4] = rows[voiced - 1];
    }
    free(rows);
    return status;
}

/* ------------------------------------------------------------------------ formants */

static ut_status open_formants(ut_feature_set *set, ut_error *err)
{
    (void)err;
    set->of_sample = true;
    return UT_OK;
}

static size_t formant_columns(const ut_feature_set *set)
{
    (void)set;
    return 2 * (size_t)UT_FORMANTS;
}

static void formant_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "f%zu_%s", index / 2 + 1, index % 2 ? "bandwidth_hz" : "hz");
}

/* Frames are told by their middle 6.25 ms. */
static ut_feature_grid formant_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    size_t count = ut_formant_frames(n);
    return (ut_feature_grid){count, count ? ut_formant_time(n, 0) - UT_FORMANTS_HOP / 2 : 0.0,
                             UT_FORMANTS_HOP, UT_FORMANTS_HOP};
}

static ut_status formant_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                                ut_error *err)
{
    size_t count = ut_formant_frames(n), width = formant_columns(set);
    ut_formant_frame *frames = calloc(count + 1, sizeof *frames);
    if (!frames)
        return ut_fail_memory(err, "features");
    ut_status status = ut_formant_track(pcm, n, frames, err);
    for (size_t f = 0; status == UT_OK && f < count; f++)
        for (int i = 0; i < UT_FORMANTS; i++) {
            bool there = i < frames[f].count;
            float *cell = rows + f * width + 2 * (size_t)i;
            cell[0] = there ? (float)frames[f].formants[i].hz : NAN;
            cell[1] = there ? (float)frames[f].formants[i].bandwidth : NAN;
        }
    free(frames);
    return status;
}

/* ----------------------------------------------------------------------- intensity */

static const char *const intensity_names[] = {"intensity_mean_db", "intensity_median_db",
                                              "intensity_std_db", "intensity_min_db",
                                              "intensity_max_db"};
enum { INTENSITY = sizeof intensity_names / sizeof *intensity_names };
static const double INTENSITY_LOWEST = 75.0; /* hertz of pitch, which set the window */

static size_t intensity_columns(const ut_feature_set *set)
{
    (void)set;
    return INTENSITY;
}

static void intensity_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", intensity_names[index]);
}

static size_t intensity_frame_columns(const ut_feature_set *set)
{
    (void)set;
    return 1;
}

static void intensity_frame_column(const ut_feature_set *set, size_t index,
                                   char name[UT_FEATURE_NAME])
{
    (void)set;
    (void)index;
    snprintf(name, UT_FEATURE_NAME, "intensity_db");
}

/* Frames are told by their middle 10.7 ms. */
static ut_feature_grid intensity_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    double hop = ut_intensity_hop(INTENSITY_LOWEST);
    size_t count = ut_intensity_frames(INTENSITY_LOWEST, n);
    return (ut_feature_grid){
        count, count ? ut_intensity_time(INTENSITY_LOWEST, n, 0) - hop / 2 : 0.0, hop, hop};
}

static ut_status intensity_track(const float *pcm, size_t n, double **db, ut_error *err)
{
    *db = calloc(ut_intensity_frames(INTENSITY_LOWEST, n) + 1, sizeof **db);
    if (!*db)
        return ut_fail_memory(err, "features");
    return ut_intensity_track(INTENSITY_LOWEST, pcm, n, *db, err);
}

static ut_status intensity_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                                  ut_error *err)
{
    double *db;
    ut_status status = intensity_track(pcm, n, &db, err);
    for (size_t f = 0; status == UT_OK && f < intensity_grid(set, n).count; f++)
        rows[f] = (float)db[f];
    free(db);
    return status;
}

/* The mean is that of the energy, the deviation a sample's: as Praat has them. */
static ut_status intensity_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                                   ut_error *err)
{
    size_t count = intensity_grid(set, n).count;
    for (size_t i = 0; i < INTENSITY; i++)
        values[i] = NAN;
    float *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        return ut_fail_memory(err, "features");
    ut_status status = intensity_frames(set, pcm, n, rows, err);
    if (status == UT_OK && count) {
        ut_moments m = ut_moments_of(rows, count);
        double energy = 0.0;
        for (size_t f = 0; f < count; f++)
            energy += pow(10.0, 0.1 * (double)rows[f]);
        ut_sort(rows, count);
        values[0] = (float)(10.0 * log10(energy / (double)count));
        values[1] = (float)ut_quantile(rows, count, 0.5);
        if (count > 1)
            values[2] = (float)(m.deviation * sqrt((double)count / (double)(count - 1)));
        values[3] = rows[0];
        values[4] = rows[count - 1];
    }
    free(rows);
    return status;
}

/* ----------------------------------------------------------------------- syllables */

static const char *const syllables_names[] = {
    "syllable_count",        "pause_count",     "phonation_time_s", "speech_rate_sps",
    "articulation_rate_sps", "mean_syllable_s", "pause_time_s"};
enum { SYLLABLES = sizeof syllables_names / sizeof *syllables_names };

static size_t syllables_columns(const ut_feature_set *set)
{
    (void)set;
    return SYLLABLES;
}

static void syllables_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", syllables_names[index]);
}

static ut_status syllables_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                                   ut_error *err)
{
    (void)set;
    for (size_t i = 0; i < SYLLABLES; i++)
        values[i] = NAN;
    if (n < UT_SYLLABLES_SHORTEST)
        return UT_OK;
    ut_pitch_options o = ut_syllables_pitch();
    ut_pitch_frame *pitch = calloc(ut_pitch_frames(&o, n) + 1, sizeof *pitch);
    if (!pitch)
        return ut_fail_memory(err, "features");
    ut_syllables s;
    ut_status status = ut_pitch_track(&o, pcm, n, pitch, err);
    if (status == UT_OK)
        status = ut_syllables_find(pcm, n, &o, pitch, &s, err);
    free(pitch);
    if (status != UT_OK)
        return status;
    values[0] = (float)s.count;
    values[1] = (float)s.pauses;
    values[2] = (float)s.phonation;
    values[3] = (float)(s.count * (double)RATE / (double)n);
    values[4] = s.phonation > 0.0 ? (float)(s.count / s.phonation) : NAN;
    values[5] = s.count ? (float)(s.phonation / s.count) : NAN;
    values[6] = (float)s.paused;
    return UT_OK;
}

/* -------------------------------------------------------------------- voice report */

static size_t report_columns(const ut_feature_set *set)
{
    (void)set;
    return UT_VOICE_REPORT;
}

static void report_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", ut_voice_report_name(index));
}

static ut_status report_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                                ut_error *err)
{
    (void)set;
    return ut_voice_report(RATE, pcm, n, values, err);
}

static size_t report_frame_columns(const ut_feature_set *set)
{
    (void)set;
    return 1;
}

static void report_frame_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    (void)index;
    snprintf(name, UT_FEATURE_NAME, "hnr_db");
}

/* Frames are told by their middle 10 ms. */
static ut_feature_grid report_grid(const ut_feature_set *set, size_t n)
{
    (void)set;
    size_t count = ut_harmonicity_frames(RATE, n);
    double first = count ? ut_harmonicity_time(RATE, n, 0) - UT_HARMONICITY_HOP / 2 : 0.0;
    return (ut_feature_grid){count, first, UT_HARMONICITY_HOP, UT_HARMONICITY_HOP};
}

static ut_status report_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                               ut_error *err)
{
    size_t count = report_grid(set, n).count;
    double *db = calloc(count + 1, sizeof *db);
    if (!db)
        return ut_fail_memory(err, "features");
    ut_status status = ut_harmonicity_track(RATE, pcm, n, db, err);
    for (size_t f = 0; status == UT_OK && f < count; f++)
        rows[f] = (float)db[f];
    free(db);
    return status;
}

/* ----------------------------------------------- what conversation.json has of an utterance */

static size_t voice_columns(const ut_feature_set *set)
{
    (void)set;
    return ut_acoustic_feature_count();
}

static void voice_column(const ut_feature_set *set, size_t index, char name[UT_FEATURE_NAME])
{
    (void)set;
    snprintf(name, UT_FEATURE_NAME, "%s", ut_acoustic_feature_name(index));
}

static ut_status voice_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                               ut_error *err)
{
    (void)set;
    return ut_acoustic_features(pcm, n, RATE, values, err);
}

/* --------------------------------------------------------------------------- table */

static const kind kinds[] = {
    {"egemaps", "eGeMAPSv02: 88 functionals, 25 descriptors a frame", NULL, egemaps_columns,
     egemaps_column, egemaps_summary, egemaps_frame_columns, egemaps_frame_column, egemaps_grid,
     egemaps_frames},
    {"voice", "pitch, loudness, voice quality, rhythm, pauses, spectrum: as in conversation.json",
     NULL, voice_columns, voice_column, voice_summary, NULL, NULL, NULL, NULL},
    {"pitch", "Praat's pitch by autocorrelation, 75 to 600 Hz", NULL, pitch_columns, pitch_column,
     pitch_summary, pitch_frame_columns, pitch_frame_column, pitch_grid, pitch_frames},
    {"voice-report", "jitter, shimmer, harmonics-to-noise ratio, as Praat", NULL, report_columns,
     report_column, report_summary, report_frame_columns, report_frame_column, report_grid,
     report_frames},
    {"formants", "F1-F5 and their bandwidths by Burg's method below 5500 Hz, after Praat",
     open_formants, NULL, NULL, NULL, formant_columns, formant_column, formant_grid,
     formant_frames},
    {"intensity", "Praat's intensity in dB, lowest pitch 75 Hz", NULL, intensity_columns,
     intensity_column, intensity_summary, intensity_frame_columns, intensity_frame_column,
     intensity_grid, intensity_frames},
    {"syllables", "syllable nuclei, speech and articulation rate, pauses, after de Jong and Wempe",
     NULL, syllables_columns, syllables_column, syllables_summary, NULL, NULL, NULL, NULL},
    {"mfcc-htk", "c1-c12, c0 and their first and second differences, as HTK and openSMILE",
     open_htk, NULL, NULL, NULL, mfcc_columns, mfcc_column, mfcc_grid, mfcc_frames},
    {"mfcc-kaldi", "log energy and c1-c12, as Kaldi", open_kaldi, NULL, NULL, NULL, mfcc_columns,
     mfcc_column, mfcc_grid, mfcc_frames},
    {"mfcc-librosa", "c0-c19, as librosa at 16 kHz", open_librosa, NULL, NULL, NULL, mfcc_columns,
     mfcc_column, mfcc_grid, mfcc_frames},
    {"spectral", "centroid, rolloff, flux, slope, flatness, alpha ratio", open_spectral, NULL, NULL,
     NULL, spectral_columns, spectral_column, spectral_grid, spectral_frames},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *ut_feature_set_name(size_t index)
{
    return index < KINDS ? kinds[index].name : NULL;
}

const char *ut_feature_set_meaning(size_t index)
{
    return index < KINDS ? kinds[index].meaning : NULL;
}

ut_status ut_feature_set_open(const char *name, ut_feature_set **out, ut_error *err)
{
    char names[256] = "";
    const kind *found = NULL;
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "", kinds[i].name);
        if (strcmp(kinds[i].name, name) == 0)
            found = &kinds[i];
    }
    if (!found)
        return ut_fail(err, UT_ERR_USAGE, "features",
                       "there is no feature set \"%s\"; the sets are %s", name, names);
    ut_feature_set *set = calloc(1, sizeof *set);
    if (!set)
        return ut_fail_memory(err, "features");
    set->kind = found;
    ut_status status = found->open ? found->open(set, err) : UT_OK;
    if (status != UT_OK) {
        ut_feature_set_close(set);
        return status;
    }
    *out = set;
    return UT_OK;
}

void ut_feature_set_close(ut_feature_set *set)
{
    if (!set)
        return;
    ut_mfcc_destroy(set->mfcc);
    ut_spectral_destroy(set->spectral);
    free(set);
}

bool ut_feature_set_has_frames(const ut_feature_set *set)
{
    return set->kind->frames;
}

size_t ut_feature_set_columns(const ut_feature_set *set, bool frames)
{
    if (frames)
        return set->kind->frame_columns(set);
    return set->kind->summary ? set->kind->summary_columns(set) : 2 * set->kind->frame_columns(set);
}

void ut_feature_set_column(const ut_feature_set *set, bool frames, size_t index,
                           char name[UT_FEATURE_NAME])
{
    if (frames || !set->kind->summary) {
        set->kind->frame_column(set, frames ? index : index / 2, name);
        size_t length = strlen(name);
        if (!frames)
            snprintf(name + length, UT_FEATURE_NAME - length, index % 2 ? "_std" : "_mean");
    } else {
        set->kind->summary_column(set, index, name);
    }
}

/* Mean and deviation of each column, of the values that are numbers: the deviation of them, or of
 * what they are a sample of. */
static void moments(const float *rows, size_t count, size_t width, bool of_sample, float *values)
{
    for (size_t c = 0; c < width; c++) {
        double mean = 0.0, squares = 0.0;
        size_t seen = 0;
        for (size_t f = 0; f < count; f++) {
            double x = rows[f * width + c];
            if (isnan(x))
                continue;
            double d = x - mean;
            mean += d / (double)++seen;
            squares += d * (x - mean);
        }
        values[2 * c] = seen ? (float)mean : NAN;
        size_t by = of_sample && seen ? seen - 1 : seen;
        values[2 * c + 1] = by ? (float)sqrt(squares / (double)by) : NAN;
    }
}

static ut_status check_length(size_t n, ut_error *err)
{
    if (n > UT_FEATURE_SET_LONGEST)
        return ut_fail(err, UT_ERR_LIMIT, "features",
                       "longer than %d s, which is the most that is measured as one; take --level "
                       "windows or frames",
                       UT_FEATURE_SET_LONGEST / RATE);
    return UT_OK;
}

ut_status ut_feature_set_summary(ut_feature_set *set, const float *pcm, size_t n, float *values,
                                 ut_error *err)
{
    UT_TRY(check_length(n, err));
    if (set->kind->summary)
        return set->kind->summary(set, pcm, n, values, err);
    size_t count = set->kind->grid(set, n).count, width = set->kind->frame_columns(set);
    float *rows = calloc(count * width + 1, sizeof *rows);
    if (!rows)
        return ut_fail_memory(err, "features");
    ut_status status = set->kind->frames(set, pcm, n, rows, err);
    if (status == UT_OK)
        moments(rows, count, width, set->of_sample, values);
    free(rows);
    return status;
}

ut_feature_grid ut_feature_set_grid(const ut_feature_set *set, size_t n)
{
    return set->kind->grid(set, n);
}

ut_status ut_feature_set_frames(ut_feature_set *set, const float *pcm, size_t n, float *rows,
                                ut_error *err)
{
    UT_TRY(check_length(n, err));
    return set->kind->frames(set, pcm, n, rows, err);
}
