/* Windows to hear utterances in.
 *
 * The program hears conversations: Whisper's encoder runs over up to 30 s that hold several
 * utterances of several speakers, and each is judged by its own frames. So utterances are put
 * together into such windows before anything is taken from them (tools/train/voice_data.py):
 * those of one recording in their order, single clips mostly two speakers in turn, and some of them
 * beside anyone. What a window holds depends on the recordings' contents alone. */
#ifndef UT_TRAIN_WINDOWS_H
#define UT_TRAIN_WINDOWS_H

#include "audio/stream.h"
#include "train/clips.h"

typedef struct ut_held {
    size_t sample; /* of the dataset */
    size_t at;     /* its first sample in the window */
    float gain;    /* of its samples there */
} ut_held;

typedef struct ut_window {
    const ut_held *held;
    size_t count;
    size_t used; /* samples up to the end of the last */
} ut_window;

typedef struct ut_windows {
    ut_window *items;
    size_t count;
    ut_held *held; /* of all windows */
} ut_windows;

/* Every sample with a recording is in one window; `alone`: each in its own, from its first sample
 * on. Freed with ut_windows_free(). */
UT_MUST_CHECK ut_status ut_windows_plan(const ut_dataset *dataset, const ut_clip *clips, bool alone,
                                        ut_windows *windows, ut_error *err);
void ut_windows_free(ut_windows *windows);

/* The recording that was read last, still open: the parts of a conversation come in their order,
 * and to decode it from its beginning for each would take minutes where seconds do (half an hour of
 * MP3 with 500 utterances: 298 s of CPU time, 5 s so). {0} at first; one thread at a time. */
typedef struct ut_window_source {
    const char *path; /* the dataset's; NULL: none is open */
    ut_stream stream;
    size_t from; /* what was asked for last */
} ut_window_source;

void ut_window_source_close(ut_window_source *source);

/* pcm[UT_CLIP_MOST] of a window, its speech at -26 dBFS. */
UT_MUST_CHECK ut_status ut_window_read(const ut_window *window, const ut_dataset *dataset,
                                       const ut_clip *clips, ut_window_source *source, float *pcm,
                                       ut_error *err);

#endif
