/* What people call emotions, and which of the five each name is.
 *
 * Corpora have names of their own ("joy", "fearful", "frustration"). A table that knows the usual
 * ones is built in; a file can add names or overrule it:
 *
 *     label,emotion            or   {"ecstatic": "happy", "unclear": "skip"}
 *     ecstatic,happy
 *     unclear,skip
 *
 * A name that stands there twice must mean the same. Upper and lower case, spaces, underscores and
 * hyphens make no difference. The voice head tells nine ways of speaking apart and adds them up to
 * the five (models/emotion_voice/voice.h), so a name also says which of the nine it may be.
 * Immutable once read. */
#ifndef UT_TRAIN_LABELS_H
#define UT_TRAIN_LABELS_H

#include "base/arena.h"
#include "conversation/conversation.h"

/* A label: one of the five and the ways of speaking it may be, bits 1 << 0 .. 8. */
typedef struct ut_label {
    int emotion; /* ut_emotion_label; UT_LABEL_SKIP: leave such utterances out */
    unsigned ways;
} ut_label;

enum { UT_LABEL_SKIP = -1, UT_LABEL_NAME = 48 /* longest name, with its zero byte */ };

typedef struct ut_label_map ut_label_map;

/* Names of a document over the built-in ones; `name` is what messages call it. A document that
 * begins with { is JSON, any other a table with the columns label and emotion. UT_ERR_FORMAT. */
UT_MUST_CHECK ut_status ut_label_map_parse(const char *text, size_t length, const char *name,
                                           ut_arena *arena, const ut_label_map **map,
                                           ut_error *err);
/* The same of a file. */
UT_MUST_CHECK ut_status ut_label_map_load(const char *path, ut_arena *arena,
                                          const ut_label_map **map, ut_error *err);

/* False where neither the map (may be NULL) nor the built-in table knows the name. */
bool ut_label_find(const ut_label_map *map, const char *name, ut_label *label);

#endif
