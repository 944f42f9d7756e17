#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/reader.h"
#include "base/error.h"

enum {
    FRAME = 480,    /* samples: 30 ms */
    BINS = 100,     /* levels of -100 .. 0 dB in steps of 1 */
    WINDOW = 16000, /* frames read at a time */
    LEAD = 12,      /* dB that make one channel the only party speaking */
    BELOW_PEAK = 35 /* dB under the loud frames that still count as sound */
};

typedef struct levels {
    uint32_t joint[BINS][BINS]; /* frames by level of left and right */
    double energy[2], product;
    double sum[2], frame_product;
    int filled;
} levels;

static int level_bin(double mean_square)
{
    double db = 10 * log10(mean_square + 1e-12);
    int bin = (int)lrint(db) + BINS - 1;
    return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
}

static void take(levels *l, const float *pcm, size_t frames)
{
    for (size_t i = 0; i < frames; i++) {
        double a = pcm[2 * i];
        double b = pcm[2 * i + 1];
        l->sum[0] += a * a;
        l->sum[1] += b * b;
        l->frame_product += a * b;
        if (++l->filled < FRAME)
            continue;
        l->joint[level_bin(l->sum[0] / FRAME)][level_bin(l->sum[1] / FRAME)]++;
        l->energy[0] += l->sum[0];
        l->energy[1] += l->sum[1];
        l->product += l->frame_product;
        l->sum[0] = l->sum[1] = l->frame_product = 0;
        l->filled = 0;
    }
}

/* The level that 5 % of the frames of either channel exceed, less 35 dB: above it there is sound.
 */
static int sound_floor(const levels *l)
{
    uint64_t counts[BINS] = {0};
    uint64_t total = 0;
    for (int a = 0; a < BINS; a++)
        for (int b = 0; b < BINS; b++) {
            counts[a > b ? a : b] += l->joint[a][b];
            total += l->joint[a][b];
        }
    uint64_t above = 0;
    int bin = BINS;
    while (bin > 1 && above * 20 <= total)
        above += counts[--bin];
    return bin > BELOW_PEAK ? bin - BELOW_PEAK : 1;
}

static bool decide(const levels *l)
{
    uint64_t sounding = 0;
    uint64_t leads[2] = {0};
    int lowest = sound_floor(l);
    for (int a = 0; a < BINS; a++)
        for (int b = 0; b < BINS; b++) {
            if (a < lowest && b < lowest)
                continue;
            sounding += l->joint[a][b];
            if (abs(a - b) >= LEAD)
                leads[a < b] += l->joint[a][b];
        }
    double scale = sqrt(l->energy[0] * l->energy[1]);
    double correlation = scale > 0 ? fabs(l->product) / scale : 0;
    return sounding > 0 && 2 * (leads[0] + leads[1]) >= sounding && 25 * leads[0] >= sounding &&
           25 * leads[1] >= sounding && correlation < 0.5;
}

ut_status ut_audio_is_split(const char *path, double most, bool *split, ut_error *err)
{
    *split = false;
    ut_audio *audio = NULL;
    UT_TRY(ut_audio_open(path, UT_AUDIO_ALL, &audio, err));
    if (ut_audio_width(audio) != 2) {
        ut_audio_close(audio);
        return UT_OK;
    }
    levels *l = calloc(1, sizeof *l);
    float *pcm = malloc(2 * WINDOW * sizeof *pcm);
    ut_status status = UT_OK;
    if (!l || !pcm) {
        status = ut_fail_memory(err, "audio");
        goto done;
    }
    size_t got = WINDOW;
    while (got == WINDOW && !(most > 0 && ut_audio_position(audio) > most)) {
        status = ut_audio_read(audio, pcm, WINDOW, &got, err);
        if (status != UT_OK)
            goto done;
        take(l, pcm, got);
    }
    *split = decide(l);
done:
    free(pcm);
    free(l);
    ut_audio_close(audio);
    return status;
}
