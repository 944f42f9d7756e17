/* NumPy's files: arrays that are spooled beside the file they end up in, as their headers tell how
 * much there is (NEP 1), and archives of several (stored zip entries). */
#ifndef UT_REPORT_NUMPY_H
#define UT_REPORT_NUMPY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "undertone_status.h"

/* One array under way. Zeroed at first. */
typedef struct ut_spool {
    FILE *file;
    uint32_t crc;
    uint64_t bytes;
} ut_spool;

/* `folder` is where the scratch file is made. */
UT_MUST_CHECK ut_status ut_spool_open(const char *folder, ut_spool *spool, ut_error *err);
UT_MUST_CHECK ut_status ut_spool_put(ut_spool *spool, const void *bytes, size_t count,
                                     ut_error *err);
/* Texts as one array, each as wide as the longest. */
UT_MUST_CHECK ut_status ut_spool_texts(ut_spool *spool, const char *const *texts, size_t count,
                                       size_t *letters, ut_error *err);
/* Takes back what was put since it was as in `then`, a copy. */
UT_MUST_CHECK ut_status ut_spool_return(ut_spool *spool, const ut_spool *then, ut_error *err);
/* What it holds, from its beginning. */
UT_MUST_CHECK ut_status ut_spool_copy(const ut_spool *spool, const ut_sink *sink, ut_error *err);
void ut_spool_close(ut_spool *spool);

/* A spooled array with what its header says. */
typedef struct ut_npy {
    ut_spool *spool;
    char type[16]; /* "<f4", "<U12" */
    uint64_t rows;
    uint64_t columns;   /* 0: one dimension */
    const char *member; /* name in an archive */
} ut_npy;

UT_MUST_CHECK ut_status ut_npy_write(const ut_npy *array, const ut_sink *sink, ut_error *err);
/* UT_ERR_LIMIT beyond 4 GiB. */
UT_MUST_CHECK ut_status ut_npz_write(const ut_npy *arrays, size_t count, const ut_sink *sink,
                                     ut_error *err);

#endif
