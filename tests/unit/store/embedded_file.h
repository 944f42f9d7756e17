/* What the tests of the embedded store share: a file in a folder, and the same noise in every run.
 */
#ifndef EMBEDDED_FILE_H
#define EMBEDDED_FILE_H

#include "store_suite.h"

/* Where the store lies: a name with what is special in URIs, in the test's folder. */
extern char path[512];
int path_make(void **state); /* a setup: the folder too */

extern uint32_t seed;
unsigned below(unsigned most);
float noise(void);

ut_store *open_store(const char *where, ut_store_mode mode, ut_store_space space);
size_t count_of(ut_store *store);

#endif
