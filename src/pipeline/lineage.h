/* A picture of where an artifact came from and what came from it. */
#ifndef UT_PIPELINE_LINEAGE_H
#define UT_PIPELINE_LINEAGE_H

#include <jansson.h>

#include "base/buf.h"

/* `lineage` as ut_records_lineage() gives it: columns from left to right, an artifact in each box,
 * a step on each arrow; the artifact `sha256` stands out. Text stays text. */
UT_MUST_CHECK ut_status ut_lineage_svg(const json_t *lineage, const char *sha256, ut_buf *svg,
                                       ut_error *err);

#endif
