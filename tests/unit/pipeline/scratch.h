/* Files in a test's folder, and errors that say what they should. */
#ifndef UT_TEST_PIPELINE_SCRATCH_H
#define UT_TEST_PIPELINE_SCRATCH_H

#include "ut_test.h"

#include "undertone_status.h"

/* Folders on the way are made. The caller frees what is read. */
void scratch_write(const char *path, const void *data, size_t length);
void scratch_text(const char *path, const char *text);
char *scratch_read(const char *path, size_t *length);
/* Files below a path, hidden ones too. */
size_t scratch_count(const char *path);

/* Fails the test with the error's message. */
#define assert_ok(call) assert_ok_at((call), &err, __FILE__, __LINE__)
void assert_ok_at(ut_status status, const ut_error *err, const char *file, int line);

/* That `err` says `words`. */
#define assert_says(words) assert_says_at(&err, (words), __FILE__, __LINE__)
void assert_says_at(const ut_error *err, const char *words, const char *file, int line);

#endif
