#include "emotion/fusion.h"

#include <math.h>

/* Talk is mostly neutral: the shares of DailyDialog's and MELD's development parts, averaged and
 * rounded. The voice experts are trained on balanced classes, so their prior is flat. */
static const float talk_prior[UT_EMOTIONS] = {0.08f, 0.12f, 0.10f, 0.60f, 0.10f};
static const float flat_prior[UT_EMOTIONS] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f};

/* Fitted by tools/train/fusion.py, but for the weights of context, retrieval and words, which were
 * chosen from a grid so that a feeling in words is followed (docs/evaluation.md has the scores). */
static const float belief[UT_EXPERTS] = {1.69f, 1.0f, 3.0f, 0.25f, 1.0f};
/* The weight that text and context, which read the same words, share. */
static const float words_weight = 1.2f;
/* No expert has a veto: each may be wrong outright, so a part of its opinion is its prior. */
static const float doubt[UT_EXPERTS] = {0.16f, 0.08f, 0.08f, 0.08f, 0.15f};
/* How far a voice that was heard stands in for the prior of talk: what it learned from holds
 * everyday talk too, so that it knows by itself how rare feelings are. */
static const float stand_in = 0.80f;
/* What is left of the weight of a voice that sounds neutral: it says less than one that does not,
 * for much that is felt is not heard, least of all by an expert that learned from actors. */
static const float calm = 0.24f;

/* From which probability on a label is in the set: what nine of ten utterances that are so reach.
 */
static const float likely[UT_EMOTIONS] = {0.028f, 0.062f, 0.056f, 0.322f, 0.062f};

static bool reads_words(int expert)
{
    return expert == UT_EXPERT_TEXT || expert == UT_EXPERT_CONTEXT;
}

const float *ut_expert_prior(ut_expert expert)
{
    bool flat = expert == UT_EXPERT_ACOUSTIC || expert == UT_EXPERT_RETRIEVAL;
    return flat ? flat_prior : talk_prior;
}

static void weigh(const ut_opinion opinions[UT_EXPERTS], const float reliability[UT_EXPERTS],
                  float weights[UT_EXPERTS])
{
    float words = 0;
    float understood = 0;
    for (int e = 0; e < UT_EXPERTS; e++) {
        weights[e] = opinions[e].present ? belief[e] * reliability[e] : 0;
        if (reads_words(e) && opinions[e].present) {
            words += weights[e];
            understood = fmaxf(understood, reliability[e]);
        }
    }
    weights[UT_EXPERT_ACOUSTIC] *=
        1 - (1 - calm) * opinions[UT_EXPERT_ACOUSTIC].probabilities[UT_NEUTRAL];
    float others = 0;
    for (int e = 0; e < UT_EXPERT_LANGUAGE_MODEL; e++) {
        if (reads_words(e) && words > 0)
            weights[e] *= words_weight * understood / words;
        others += weights[e];
    }
    float *asked = &weights[UT_EXPERT_LANGUAGE_MODEL];
    *asked = fminf(*asked, others * UT_LANGUAGE_MODEL_SHARE / (1 - UT_LANGUAGE_MODEL_SHARE));
}

/* Adds what an expert has to say to the log-probabilities; returns how far it moved them apart. */
static float speak(const ut_opinion *o, ut_expert expert, float weight, float logits[UT_EMOTIONS])
{
    const float *prior = ut_expert_prior(expert);
    float least = 0;
    float most = 0;
    for (int i = 0; i < UT_EMOTIONS; i++) {
        float p = (1 - doubt[expert]) * o->probabilities[i] + doubt[expert] * prior[i];
        float moved = weight * logf(p / prior[i]);
        logits[i] += moved;
        least = fminf(least, moved);
        most = fmaxf(most, moved);
    }
    return most - least;
}

void ut_fuse(ut_opinion opinions[UT_EXPERTS], const float reliability[UT_EXPERTS],
             float probabilities[UT_EMOTIONS])
{
    float weights[UT_EXPERTS];
    weigh(opinions, reliability, weights);
    bool heard = opinions[UT_EXPERT_ACOUSTIC].present;
    float prior = 1 - (heard ? stand_in * reliability[UT_EXPERT_ACOUSTIC] : 0);
    float logits[UT_EMOTIONS];
    for (int i = 0; i < UT_EMOTIONS; i++)
        logits[i] = prior * logf(talk_prior[i]);
    float moved = 0;
    for (int e = 0; e < UT_EXPERTS; e++) {
        opinions[e].weight =
            weights[e] > 0 ? speak(&opinions[e], (ut_expert)e, weights[e], logits) : 0;
        moved += opinions[e].weight;
    }
    for (int e = 0; e < UT_EXPERTS && moved > 0; e++)
        opinions[e].weight /= moved;
    float highest = logits[0];
    for (int i = 1; i < UT_EMOTIONS; i++)
        highest = fmaxf(highest, logits[i]);
    float sum = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        sum += probabilities[i] = expf(logits[i] - highest);
    for (int i = 0; i < UT_EMOTIONS; i++)
        probabilities[i] /= sum;
}

unsigned ut_label_set(const float probabilities[UT_EMOTIONS])
{
    int top = 0;
    unsigned set = 0;
    for (int i = 0; i < UT_EMOTIONS; i++) {
        top = probabilities[i] > probabilities[top] ? i : top;
        set |= probabilities[i] >= likely[i] ? 1u << i : 0;
    }
    return set | 1u << top;
}
