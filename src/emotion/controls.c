#include "emotion/controls.h"

#include <math.h>
#include <stdint.h>

enum { EACH = 6 };

/* None of them stands in the knowledge base: a retrieved example must not give the answer away. */
static const char *const texts[UT_EMOTIONS][EACH] = {
    [UT_SAD] = {"I cried all night, it hurts so much that he is gone for ever.",
                "Since she died the days are empty, I am heartbroken.",
                "I feel so lonely and hopeless, nothing will ever be good again.",
                "We buried my little brother yesterday, I can't stop weeping.",
                "I am so sad, I miss her every single hour.",
                "It breaks my heart, I have lost everything I loved."},
    [UT_HAPPY] = {"Hooray, we won, this is the best day of my life!",
                  "I am so happy, she said yes, we are getting married!",
                  "This is wonderful, I love it, thank you, thank you so much!",
                  "Yay, I passed, I could jump for joy!",
                  "I'm over the moon, the baby is here and she is perfect!",
                  "What a fantastic surprise party, I am so delighted!"},
    [UT_ANGRY] = {"How dare you lie to me, I am furious, get out of my house!",
                  "I have had enough of your excuses, you idiot, I hate you!",
                  "You ruined it again, I am so angry that I could scream!",
                  "Shut up, shut up, I am sick of you, damn it!",
                  "This is outrageous, you cheated me, and I am mad as hell!",
                  "Don't you ever touch my things again, you make me so angry!"},
    [UT_NEUTRAL] = {"The meeting is on Tuesday at ten in room four.",
                    "The bus stops at the corner of the second street.",
                    "The form has two pages, and the date goes at the top.",
                    "The library opens at nine and closes at six.",
                    "The printer is on the third floor next to the lift.",
                    "The parcel weighs two kilograms and comes on Monday."},
    [UT_NON_NEUTRAL] = {"Oh my God, somebody is in the house, I am terrified!",
                        "Ugh, that is disgusting, there are worms in it, I feel sick!",
                        "I'm so scared, please don't leave me alone in the dark!",
                        "Help, something is moving under the bed, I am so frightened!",
                        "Yuck, it stinks, that is the most revolting thing I ever smelled!",
                        "I am shaking with fear, I thought we were going to die!"},
};

void ut_controls_choose(const char *seed, ut_control controls[UT_CONTROLS])
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *c = seed; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    for (uint32_t i = 0; i < UT_CONTROLS; i++) {
        ut_emotion_label label = (ut_emotion_label)((hash + i) % UT_EMOTIONS);
        controls[i] = (ut_control){texts[label][(hash / UT_EMOTIONS + i) % EACH], label};
    }
}

float ut_controls_trust(double sum, size_t count)
{
    double mean = count ? sum / (double)count : 0;
    return (float)fmin(fmax((mean - 0.5) / 0.3, 0), 1);
}

/* The true label is drawn from `base`; a model of accuracy a says it with probability a, each other
 * one with a fourth of the rest. What it says is itself a distribution. */
void ut_agreement_add(ut_agreement *agreement, const float base[UT_EMOTIONS],
                      const float said[UT_EMOTIONS])
{
    double same = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        same += (double)base[i] * (double)said[i];
    for (int k = 0; k < UT_ACCURACIES; k++) {
        double a = (double)k / (UT_ACCURACIES - 1);
        /* The base may be sure and wrong: no line alone settles anything. */
        agreement->log_likelihood[k] +=
            log(a * same + (1 - a) * (1 - same) / (UT_EMOTIONS - 1) + 1e-3);
    }
}

double ut_agreement_accuracy(const ut_agreement *agreement)
{
    double most = agreement->log_likelihood[0];
    double sum = 0;
    double mean = 0;
    for (int k = 1; k < UT_ACCURACIES; k++)
        most = fmax(most, agreement->log_likelihood[k]);
    for (int k = 0; k < UT_ACCURACIES; k++) {
        double p = exp(agreement->log_likelihood[k] - most);
        sum += p;
        mean += p * k / (UT_ACCURACIES - 1);
    }
    return mean / sum;
}

float ut_agreement_trust(const ut_agreement *agreement)
{
    return (float)fmin(fmax((ut_agreement_accuracy(agreement) - 0.54) / 0.1, 0), 1);
}
