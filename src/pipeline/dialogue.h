/* Conversations that come as text: JSON lines in, labels out (`analyze --text`).
 *
 * One utterance a line, the lines of a conversation together and in order:
 *   {"dialogue": string or integer, "turn": any, "speaker": string, "text": string,
 *    "start": seconds, "end": seconds}
 * "dialogue" and "text" are needed, other members are ignored. Beside it there may be a table of
 * voice measurements, tab-separated with a header line, row i for line i, whose columns are called
 * as in MELD's (SpeechCueLLM, Wu et al. 2024): duration, avg_intensity, intensity_variation,
 * avg_pitch, pitch_std, pitch_range, articulation_rate, mean_hnr. Empty and NaN cells are unknown.
 *
 * Memory holds a few hundred lines and at most one conversation more, whatever the file's length.
 */
#ifndef UT_PIPELINE_DIALOGUE_H
#define UT_PIPELINE_DIALOGUE_H

#include <stdio.h>

#include "conversation/conversation.h"
#include "pipeline/settings.h"
#include "pipeline/steps.h"

/* One conversation and, for each utterance, what its line is called: an array of {"dialogue",
 * "turn", "speaker"} with the values that the line had. */
typedef struct ut_dialogue {
    ut_conversation *c; /* NULL behind the last */
    json_t *ids;
} ut_dialogue;

void ut_dialogue_free(ut_dialogue *dialogue);

/* Reads conversations one by one; one thread at a time. The files are borrowed; `prosody` may be
 * NULL. Names are for messages. */
typedef struct ut_dialogues ut_dialogues;
UT_MUST_CHECK ut_status ut_dialogues_open(FILE *lines, const char *name, FILE *prosody,
                                          const char *prosody_name, ut_dialogues **dialogues,
                                          ut_error *err);
void ut_dialogues_close(ut_dialogues *dialogues); /* NULL is fine */

/* The next conversation. UT_ERR_FORMAT and UT_ERR_LIMIT name the line. */
UT_MUST_CHECK ut_status ut_dialogues_next(ut_dialogues *dialogues, ut_dialogue *dialogue,
                                          ut_error *err);

/* Judges every line of settings->text and writes settings->output: one line for each, in order,
 * {"dialogue", "turn", "speaker", "label", "probabilities", "label_set"}. The file is whole or
 * absent. *lines is how many. */
UT_MUST_CHECK ut_status ut_run_dialogues(const ut_engine *engine, const ut_settings *settings,
                                         atomic_bool *cancelled, size_t *lines, ut_error *err);

#endif
