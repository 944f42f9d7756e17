/* The bundled networks behind the faces of speech detection and diarization. */
#ifndef UT_SPEECH_BUNDLED_H
#define UT_SPEECH_BUNDLED_H

#include "models/speaker_small/speaker_small.h"
#include "models/vad_small/vad_small.h"
#include "speech/diarize.h"
#include "speech/vad.h"

/* `model` is borrowed. */
ut_vad ut_vad_from_small(const ut_vad_small *model);
ut_speaker_encoder ut_speaker_encoder_from_small(const ut_speaker_small *model);

#endif
