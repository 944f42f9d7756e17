/* What every C test shares: cmocka in its include order, the way to test data, and a loud skip.
 *
 * Tests that need recordings or pulled weights call ut_test_data()/ut_test_model() and skip when
 * they get NULL; each skip prints one line "SKIP: ..." that the test run collects and shows at its
 * end. */
#ifndef UT_TEST_H
#define UT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Path of `name` below the folder of test data ($UNDERTONE_TEST_DATA, else ../shared beside the
 * sources), or NULL if it is not there. Static storage, overwritten by the fourth next call. */
const char *ut_test_data(const char *name);

/* Folder of a pulled model in the hub's cache, by repository name ("Systran/faster-whisper-base"),
 * or NULL. $UNDERTONE_TEST_MODELS/<last part> wins when it is set. Storage as above. */
const char *ut_test_model(const char *repository);

/* Path of a file of this repository ("tests/golden/nn/data/x.npy"). Storage as above. */
const char *ut_test_source(const char *name);

/* A folder of this program's own, for a group of tests: cmocka's setups and teardowns. */
int ut_test_folder_make(void **state);
int ut_test_folder_empty(void **state);
int ut_test_folder_remove(void **state);
/* Path of `name` in it, of the folder itself for "". Static storage, overwritten by the eighth next
 * call. */
const char *ut_test_in_folder(const char *name);

/* Starts tests/unit/<script>, a server on this machine that prints its port, with up to two
 * arguments (NULL: none); returns the port, 0 where there is no Python. */
int ut_test_server_start(const char *script, const char *one, const char *two);
void ut_test_server_stop(void);

/* Prints "SKIP: <what> (<why>)" and ends the test as skipped. */
#define UT_SKIP(what, why)                                                                         \
    do {                                                                                           \
        print_message("SKIP: %s (%s)\n", (what), (why));                                           \
        skip();                                                                                    \
    } while (0)

/* Asserts |a-b| <= tolerance and prints both when it fails. */
#define assert_near(a, b, tolerance) ut_assert_near((a), (b), (tolerance), __FILE__, __LINE__)
void ut_assert_near(double a, double b, double tolerance, const char *file, int line);

/* Reads a NumPy .npy file of little-endian f32/f64/i32/i64 (C order) as floats. Caller frees with
 * free(). `shape` may be NULL. Fails the test if the file is missing or of another kind. */
float *ut_test_npy(const char *path, size_t *count, size_t shape[4]);

/* Lets `programs` processes do `act` at one moment; fails the test unless each returns 0. */
void ut_test_at_once(int programs, int (*act)(void *context), void *context);

/* The same noise in every run, uniform in -1 .. 1: a value, or n of them that the caller frees. */
float ut_test_noise(void);
float *ut_test_floats(size_t n);

#endif
