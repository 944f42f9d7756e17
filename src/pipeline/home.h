/* The home of runs: the folder `.undertone` with the records of runs (records.db), their artifacts,
 * stacks and secrets.
 *
 * `undertone init` makes one; like git's it serves its folder and all below. A run outside of any
 * keeps its own in <output_dir>/.undertone, or, as one of several shards that may run on other
 * machines, in <output_dir>/.undertone/shards/<i>-of-<n>, since SQLite's log must not be shared
 * over a network. Each home ignores itself in git. */
#ifndef UT_PIPELINE_HOME_H
#define UT_PIPELINE_HOME_H

#include "undertone_status.h"

/* *path (free()): the nearest `.undertone` of the working folder and those above it; else that of
 * `output_dir` (may be NULL), for the shard "i/n" (may be NULL). UT_ERR_NOT_FOUND when neither is
 * there. The folder of an output_dir may not exist yet. */
UT_MUST_CHECK ut_status ut_home_find(const char *output_dir, const char *shard, char **path,
                                     ut_error *err);

/* Makes the folder and what belongs in it, where it is not there. */
UT_MUST_CHECK ut_status ut_home_create(const char *path, ut_error *err);

enum { UT_HOME_ID = 17 };
/* A name of the home that stays when it is moved, made with the home. */
UT_MUST_CHECK ut_status ut_home_id(const char *home, char id[UT_HOME_ID], ut_error *err);

/* <home>/<name> (free()), NULL when out of memory. */
char *ut_home_path(const char *home, const char *name);

#endif
