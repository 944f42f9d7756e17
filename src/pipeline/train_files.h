/* What training leaves: the model, its card, its learning curves; and where features are kept. */
#ifndef UT_PIPELINE_TRAIN_FILES_H
#define UT_PIPELINE_TRAIN_FILES_H

#include "base/buf.h"
#include "pipeline/settings.h"
#include "train/model_file.h"

/* *folder (free()): $XDG_CACHE_HOME/undertone/features, or the same below ~/.cache; made if it is
 * not there. */
UT_MUST_CHECK ut_status ut_train_cache_folder(char **folder, ut_error *err);

/* Whether a model can be written there, before hours are spent on it; makes its folder. */
UT_MUST_CHECK ut_status ut_train_check_output(const char *path, ut_error *err);

typedef struct ut_train_outcome {
    const ut_settings *settings;
    const ut_dataset *train, *validation;
    const ut_trained_voice *voice; /* NULL: not trained */
    const ut_trained_text *text;   /* the same */
    const ut_model_info *info;     /* the encoders */
} ut_train_outcome;

/* Writes everything; `summary` gets the scores for a terminal. */
UT_MUST_CHECK ut_status ut_train_write(const ut_train_outcome *outcome, ut_buf *summary,
                                       ut_error *err);

#endif
