/* Files: reading with a cap, mapping, listing, and writes that are whole or absent.
 *
 * Paths are bytes, as the system has them. All functions are thread-safe. */
#ifndef UT_BASE_FILE_H
#define UT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "undertone_status.h"

/* Opens a regular file to read; *fd is the caller's to close. Never waits for a pipe. */
UT_MUST_CHECK ut_status ut_file_open(const char *path, int *fd, size_t *length, ut_error *err);

/* Reads a regular file into new memory with a zero byte behind it; the caller frees it with free().
 * UT_ERR_LIMIT if it is larger than `maximum` bytes. */
UT_MUST_CHECK ut_status ut_file_read(const char *path, size_t maximum, char **data, size_t *length,
                                     ut_error *err);

/* A read-only mapping. data is NULL only for an empty file. */
typedef struct ut_mapping {
    const uint8_t *data;
    size_t length;
} ut_mapping;
UT_MUST_CHECK ut_status ut_file_map(const char *path, ut_mapping *mapping, ut_error *err);
void ut_file_unmap(ut_mapping *mapping);

/* Writes under a temporary name in the same folder, fsyncs, renames. After a failure nothing is
 * left under the final name and the temporary file is gone. What is there and no regular file (a
 * device, a pipe, a folder) is UT_ERR_IO, here and below. */
UT_MUST_CHECK ut_status ut_file_write(const char *path, const void *data, size_t length,
                                      ut_error *err);

/* Removes what a writer that was killed left behind in `folder` (not below it): every
 * <prefix>*.XXXXXX.part that no living writer of ut_file_write() holds. Safe beside running ones.
 */
void ut_file_sweep(const char *folder, const char *prefix);

/* Bounds a cache: removes the files of `folder` (not below it) whose names end so, those that were
 * changed longest ago first, until the rest take at most `most` bytes. */
void ut_file_trim(const char *folder, const char *ending, uint64_t most);

/* Two halves of the same for writers that need a path: *temporary (free()) is a unique name beside
 * `path`; commit fsyncs and renames it; on failure and in discard it is removed. Both free it.
 * ut_file_sweep() may take what such a writer is at: not for folders that are swept. */
UT_MUST_CHECK ut_status ut_file_begin(const char *path, char **temporary, ut_error *err);
UT_MUST_CHECK ut_status ut_file_commit(char *temporary, const char *path, ut_error *err);
void ut_file_discard(char *temporary);

/* The same piece by piece: what was put is under the final name after ut_output_commit(), and
 * nothing is there after a failure or ut_output_discard(). Both end the output; put may be a
 * ut_sink's. */
typedef struct ut_output ut_output;
UT_MUST_CHECK ut_status ut_output_open(const char *path, ut_output **output, ut_error *err);
UT_MUST_CHECK ut_status ut_output_put(void *output, const void *bytes, size_t count, ut_error *err);
UT_MUST_CHECK ut_status ut_output_commit(ut_output *output, ut_error *err);
void ut_output_discard(ut_output *output); /* NULL is fine */

/* A file without a name in `folder`, to write and read back; fclose() ends it. */
UT_MUST_CHECK ut_status ut_file_scratch(const char *folder, FILE **file, ut_error *err);

/* mkdir -p. */
UT_MUST_CHECK ut_status ut_file_make_dirs(const char *path, ut_error *err);

bool ut_file_exists(const char *path);
bool ut_file_is_dir(const char *path);

/* Everything below `root` that is no folder, as paths relative to it, sorted by bytes, so that what
 * cannot be read (a dangling link, a pipe) is met by whoever opens it; likewise, with a '/' behind,
 * folders that cannot be read or hold nothing. Hidden names are left out, symbolic links to folders
 * are not followed. The caller frees with ut_file_list_free(). */
typedef struct ut_file_list {
    char **names;
    size_t count;
    size_t capacity;
} ut_file_list;
UT_MUST_CHECK ut_status ut_file_walk(const char *root, ut_file_list *list, ut_error *err);
void ut_file_list_free(ut_file_list *list);

/* "a/b" from two parts (free()); an absolute `name` wins. NULL when out of memory. */
char *ut_path_join(const char *folder, const char *name);
/* The part behind the last '/'; points into `path`. */
const char *ut_path_base(const char *path);
/* The ending with its dot (".wav"), "" if there is none; points into `path`. */
const char *ut_path_ending(const char *path);

#endif
