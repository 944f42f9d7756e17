#include "emotion/fusion.h"

#include <math.h>

/* Talk is mostly neutral: the shares of DailyDialog's and MELD's development parts, averaged and
 * rounded. The voice experts are trained on balanced classes, so their prior is flat. */
static const float talk_prior[UT_EMOTIONS] = {0.08f, 0.12f, 0.10f, 0.60f, 0.10f};
static const float flat_prior[UT_EMOTIONS] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f};

const float *ut_expert_prior(ut_expert expert)
{
    bool flat = expert == UT_EXPERT_ACOUSTIC || expert == UT_EXPERT_RETRIEVAL;
    return flat ? flat_prior : talk_prior;
}

float ut_opinion_information(const float prior[UT_EMOTIONS], const float p[UT_EMOTIONS])
{
    float nats = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        if (p[i] > 1e-6f)
            nats += p[i] * logf(p[i] / prior[i]);
    return nats > 0 ? nats : 0;
}

void ut_fuse(ut_opinion opinions[UT_EXPERTS], const float reliability[UT_EXPERTS],
             const float priors[UT_EXPERTS][UT_EMOTIONS], float probabilities[UT_EMOTIONS])
{
    /* An expert that says just what it always says keeps a twentieth of its voice. */
    const float least = 0.05f;
    float total = 0;
    for (int e = 0; e < UT_EXPERTS; e++) {
        opinions[e].weight = 0;
        if (!opinions[e].present)
            continue;
        float information = ut_opinion_information(priors[e], opinions[e].probabilities);
        float says = least + (1 - least) * (1 - expf(-information));
        opinions[e].weight = reliability[e] * says;
        /* The last expert: what the others have is known. */
        if (e == UT_EXPERT_LANGUAGE_MODEL)
            opinions[e].weight = fminf(opinions[e].weight, total * UT_LANGUAGE_MODEL_SHARE /
                                                               (1 - UT_LANGUAGE_MODEL_SHARE));
        total += opinions[e].weight;
    }
    /* When all that is known is a little, the rest of the say is the prior's: a second of sound
     * alone does not decide. */
    const float enough = 0.7f;
    for (int e = 0; e < UT_EXPERTS; e++)
        opinions[e].weight /= fmaxf(total, enough);
    float logits[UT_EMOTIONS];
    for (int i = 0; i < UT_EMOTIONS; i++) {
        logits[i] = logf(talk_prior[i]);
        for (int e = 0; e < UT_EXPERTS; e++) {
            /* No expert has a veto: each may be wrong outright, so a seventh of its opinion is
             * its prior. On a real call the voice expert, trained on acted clips, ruled neutral
             * out at 0.00 for "It's 2017." */
            float p = 0.85f * opinions[e].probabilities[i] + 0.15f * priors[e][i];
            if (opinions[e].present)
                logits[i] += opinions[e].weight * logf(p / priors[e][i]);
        }
    }
    float highest = logits[0];
    for (int i = 1; i < UT_EMOTIONS; i++)
        highest = fmaxf(highest, logits[i]);
    float sum = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        sum += probabilities[i] = expf(logits[i] - highest);
    for (int i = 0; i < UT_EMOTIONS; i++)
        probabilities[i] /= sum;
}
