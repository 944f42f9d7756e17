/* The cues of a decision, each with its effect: by how much the decided label's probability falls
 * when the cue is taken out and everything else is left.
 *
 * A word is taken out of what the text expert read, a turn out of what the context expert saw. A
 * measurement of the voice (loudness, pitch
 * ...) is taken out of the voice embedding that the acoustic expert heard: over the speaker's own
 * utterances the embedding's slopes on all measurements are fitted (ridge regression), and the
 * embedding is moved back along one of them to where the measurement is the speaker's usual. Then
 * the expert is asked and the opinions are fused again. So an effect is the model's own answer; of
 * a measurement it holds as far as the conversation shows how voice and measurement go together,
 * and is small where it is too short to show it. */
#ifndef UT_EMOTION_CUES_H
#define UT_EMOTION_CUES_H

#include "emotion/judge.h"

/* The measurements that become cues: what people can hear. */
enum { UT_VOICE_CUES = 10 };

/* How the voice moves with each measurement, by speaker. */
typedef struct ut_cue_slopes {
    size_t dim;
    float *values; /* [speakers][UT_VOICE_CUES][dim] */
} ut_cue_slopes;

/* How one utterance was judged. */
typedef struct ut_cue_ground {
    const ut_judge_models *models;
    const ut_cue_slopes *slopes;
    const float *baseline;    /* the speaker's mean voice that the expert was given, or NULL */
    size_t baseline_count;    /* utterances that it rests on */
    const float *reliability; /* [UT_EXPERTS] that the opinions were fused with */
    const ut_context_turn *const *turns; /* [UT_CONTEXT_TURNS] that the context expert was given */
} ut_cue_ground;

/* Fits the slopes over the utterances that the acoustic expert judged; means: [speakers][dim], each
 * speaker's mean voice. Needs features relative to the speaker's usual. `slopes->values` is freed
 * by the caller. */
UT_MUST_CHECK ut_status ut_cue_slopes_fit(const ut_conversation *c, size_t dim, const float *means,
                                          ut_cue_slopes *slopes, ut_error *err);

/* Writes the cues of a decided utterance: the words that spoke for the label, the turns that moved
 * its probability, then the measurements at least one deviation from the speaker's usual; the
 * strongest first, at most four each. */
UT_MUST_CHECK ut_status ut_cues_find(const ut_cue_ground *ground, ut_conversation *c,
                                     ut_utterance *u, ut_error *err);

#endif
