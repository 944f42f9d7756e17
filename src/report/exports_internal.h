/* Inside report: what the exports share. */
#ifndef UT_REPORT_EXPORTS_INTERNAL_H
#define UT_REPORT_EXPORTS_INTERNAL_H

#include "report/exports.h"

/* NULL if it is not known. */
const char *ut_export_speaker(const ut_conversation *c, const ut_utterance *u);

/* The text on one line: control characters become spaces, runs of them one; "(angry)" for none. */
void ut_export_line(ut_buf *out, const ut_utterance *u, bool emotion_for_none);

long long ut_export_milliseconds(double seconds);

#endif
