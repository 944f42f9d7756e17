/* Who may ask: the file of API keys.
 *
 * A line is "<sha-256 of the key> <name>"; empty lines and those that begin with '#' are passed
 * over. A key is "ut_" and 32 random bytes, so that one fast hash is all the hardening it takes:
 * guessing it is hopeless, and a slow hash would only let strangers waste the processor's time. A
 * key that is shown is compared with every one of the file, each in constant time.
 *
 * Any number of threads; the file is read again when it changed, so that a removed line counts. */
#ifndef UT_SERVE_KEYS_H
#define UT_SERVE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

enum { UT_KEY_NAME = 64, UT_KEYS_MOST = 10000 };

typedef struct ut_keys ut_keys;

/* UT_ERR_CONFIG names the line that is no key. */
UT_MUST_CHECK ut_status ut_keys_open(const char *path, ut_keys **keys, ut_error *err);
void ut_keys_close(ut_keys *keys); /* NULL is fine */

/* Reads the file again if it changed since; a file that cannot be read then leaves things as they
 * are, and is told once. */
void ut_keys_refresh(ut_keys *keys);

/* The name that belongs to a key; false for none. */
bool ut_keys_name(ut_keys *keys, const char *key, char name[UT_KEY_NAME]);

#endif
