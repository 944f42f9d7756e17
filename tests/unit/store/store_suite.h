/* What every back end of the store must do alike: one suite, run over each. */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include "ut_test.h"

#include "store/store.h"

/* A store of this space with nothing in it, opened for writing; fails the test if there is none. */
typedef ut_store *(*store_suite_open)(ut_store_space space);

/* Runs all tests of the suite; returns how many failed. */
int store_suite_run(store_suite_open open);

/* The suite's own items, for tests of one back end: COUNT items of DIM values with varied members,
 * added in batches. */
enum { STORE_SUITE_DIM = 24, STORE_SUITE_COUNT = 700 };
ut_store_space store_suite_space(void);
void store_suite_fill(ut_store *store);
/* Compares `store`, holding these items, with a plain search in double precision. */
void store_suite_compare(ut_store *store);

#endif
