/* Labelled utterances to train on: where each is heard, what was said, and what a person says of
 * it.
 *
 * A set is a manifest, or a folder: every manifest in it (*.csv, *.tsv, *.json, *.jsonl, at any
 * depth), or, where there is none, one folder a label with recordings in it. A manifest is one of
 *
 *     file,emotion,text,speaker,start,end     a table with any of these columns
 *     {"file": ..., "emotion": ...}           the same as JSON lines, or as a JSON array
 *     {"call.wav": [{"start": 0, "end": 2.1, "emotion": "sad", "text": "..."}]}
 *                                             the ground truth that `evaluate` takes
 *
 * Paths in a manifest are relative to its folder. A row without a file is text alone, one without a
 * text is voice alone. The label is looked for in emotion5, emotion, label, class, and
 * emotion_original, in this order; where emotion5 and emotion_original agree about the emotion, the
 * latter says which kind. licence or license is for the model's card. Members that are not known
 * here are passed over: corpora have many.
 *
 * A dataset owns everything it points to; one thread at a time. */
#ifndef UT_TRAIN_DATASET_H
#define UT_TRAIN_DATASET_H

#include "train/labels.h"

typedef struct ut_sample {
    const char *path;    /* of the recording; NULL: text alone */
    double start, end;   /* seconds in it; NAN: all of it */
    const char *text;    /* NULL: voice alone */
    const char *speaker; /* NULL: not known */
    const char *language;
    int corpus; /* which manifest or folder it comes from, 0 ... */
    ut_label label;
    const char *place; /* "manifest.csv, line 12", for messages */
} ut_sample;

typedef struct ut_dataset {
    ut_arena *arena;
    ut_sample *samples;
    size_t count, capacity;
    int corpora;
    size_t skipped;    /* rows that the label map leaves out */
    char unknown[320]; /* labels that nobody knows, as they are read: "x" (12), "y" (3) */
    size_t unknown_count;
    char licences[1024]; /* of the rows that name one, a line; each once, between "; " */
} ut_dataset;

UT_MUST_CHECK ut_status ut_dataset_create(ut_dataset **dataset, ut_error *err);
void ut_dataset_free(ut_dataset *dataset); /* NULL is fine */

/* Adds the rows of one manifest whose text this is; `name` its path. UT_ERR_FORMAT names the line
 * or the row: no label, times that are none, neither file nor text. Labels outside the table are
 * only counted; ut_dataset_check() reports them together. */
UT_MUST_CHECK ut_status ut_dataset_parse(ut_dataset *dataset, const char *text, size_t length,
                                         const char *name, const ut_label_map *map, ut_error *err);

/* Adds a manifest or a folder. */
UT_MUST_CHECK ut_status ut_dataset_load(ut_dataset *dataset, const char *path,
                                        const ut_label_map *map, ut_error *err);

/* Whether it can be trained on: something in it, every label known, at least two emotions. `name`
 * is for messages. */
UT_MUST_CHECK ut_status ut_dataset_check(const ut_dataset *dataset, const char *name,
                                         ut_error *err);

/* How often each emotion occurs. */
void ut_dataset_count(const ut_dataset *dataset, size_t counts[UT_EMOTIONS]);

#endif
