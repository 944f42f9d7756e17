/* Which recordings (or documents) a command works on, and what their results are called. */
#ifndef UT_PIPELINE_INPUTS_H
#define UT_PIPELINE_INPUTS_H

#include <stddef.h>

#include "base/arena.h"
#include "undertone_status.h"

typedef struct ut_input {
    const char *path; /* to open */
    const char
        *file; /* relative to the folder it was found in, or the last part of a file's path */
    const char
        *id; /* the result's name: `file` without its ending; with it where two would collide */
} ut_input;

typedef struct ut_inputs {
    ut_input *items; /* sorted by id */
    size_t count;
} ut_inputs;

/* Recordings: `paths` are files, taken as they are, or folders, of which every file with the ending
 * of an audio or video format is taken. Nothing found is an error. Lives in the arena. */
UT_MUST_CHECK ut_status ut_inputs_recordings(ut_arena *arena, const char *const *paths,
                                             size_t count, ut_inputs *inputs, ut_error *err);

/* Documents: `paths` are conversation.json files or folders that hold some. */
UT_MUST_CHECK ut_status ut_inputs_documents(ut_arena *arena, const char *const *paths, size_t count,
                                            ut_inputs *inputs, ut_error *err);

/* Keeps the part "i/n" of them: those whose id hashes to it, so that a new file moves no other. May
 * leave none. */
void ut_inputs_shard(ut_inputs *inputs, const char *shard);

#endif
