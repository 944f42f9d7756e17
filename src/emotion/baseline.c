#include "emotion/baseline.h"

#include <math.h>
#include <string.h>

static bool find_value(const ut_utterance *u, const char *name, size_t hint, float *value)
{
    if (hint < u->feature_count && strcmp(u->features[hint].name, name) == 0) {
        *value = u->features[hint].value;
        return true;
    }
    for (size_t i = 0; i < u->feature_count; i++)
        if (strcmp(u->features[i].name, name) == 0) {
            *value = u->features[i].value;
            return true;
        }
    return false;
}

/* Welford's running mean and variance over the earlier utterances of the same speaker; one pass
 * over the conversation for each speaker and feature. */
static void relative_of(ut_conversation *c, int speaker, const char *name, size_t hint)
{
    double mean = 0;
    double squares = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->utterance_count; i++) {
        ut_utterance *u = &c->utterances[i];
        float value;
        if (u->speaker != speaker || !find_value(u, name, hint, &value) || !isfinite(value))
            continue;
        if (n >= UT_BASELINE_UTTERANCES && hint < u->feature_count) {
            double deviation = fmax(sqrt(squares / (double)n), fabs(mean) * 0.1);
            double relative = deviation > 1e-9 ? (value - mean) / deviation : 0;
            u->features[hint].relative = (float)fmin(fmax(relative, -10), 10);
        }
        n++;
        double delta = value - mean;
        mean += delta / (double)n;
        squares += delta * (value - mean);
    }
}

void ut_baseline_relative(ut_conversation *c)
{
    const ut_utterance *first = NULL;
    for (size_t i = 0; i < c->utterance_count; i++) {
        ut_utterance *u = &c->utterances[i];
        for (size_t f = 0; f < u->feature_count; f++)
            u->features[f].relative = NAN;
        if (!first && u->feature_count)
            first = u;
    }
    if (!first)
        return;
    for (int speaker = -1; speaker < (int)c->speaker_count; speaker++)
        for (size_t f = 0; f < first->feature_count; f++)
            relative_of(c, speaker, first->features[f].name, f);
}

size_t ut_baseline_voice(const ut_conversation *c, int speaker, const char *model, size_t dim,
                         float *mean)
{
    size_t n = 0;
    memset(mean, 0, dim * sizeof *mean);
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (u->speaker != speaker || !ut_embedding_of(&u->voice, model, dim))
            continue;
        n++;
        for (size_t d = 0; d < dim; d++)
            mean[d] += u->voice.values[d];
    }
    for (size_t d = 0; n && d < dim; d++)
        mean[d] /= (float)n;
    return n;
}

void ut_baseline_hear(ut_hear hear, const void *expert, const float *voice, const float *baseline,
                      size_t count, float p[UT_EMOTIONS])
{
    hear(expert, voice, NULL, p);
    if (!baseline)
        return;
    const float half_known = 24;
    float share = (float)count / ((float)count + half_known);
    float known[UT_EMOTIONS];
    hear(expert, voice, baseline, known);
    float sum = 0;
    for (int i = 0; i < UT_EMOTIONS; i++) {
        p[i] = powf(fmaxf(p[i], 1e-6f), 1 - share) * powf(fmaxf(known[i], 1e-6f), share);
        sum += p[i];
    }
    for (int i = 0; i < UT_EMOTIONS; i++)
        p[i] /= sum;
}
