#include "pipeline/train_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

ut_status ut_train_cache_folder(char **folder, ut_error *err)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char path[4096];
    if (base && *base)
        snprintf(path, sizeof path, "%s/undertone/features", base);
    else
        snprintf(path, sizeof path, "%s/.cache/undertone/features", home ? home : "");
    UT_TRY(ut_file_make_dirs(path, err));
    *folder = strdup(path);
    return *folder ? UT_OK : ut_fail_memory(err, "train");
}

ut_status ut_train_check_output(const char *path, ut_error *err)
{
    if (ut_file_is_dir(path))
        return ut_fail(err, UT_ERR_USAGE, "train",
                       "%s is a folder; model_output_path is the file to write", path);
    char *folder = strndup(path, (size_t)(ut_path_base(path) - path));
    if (!folder)
        return ut_fail_memory(err, "train");
    ut_status status = *folder ? ut_file_make_dirs(folder, err) : UT_OK;
    free(folder);
    char *temporary = NULL;
    if (status == UT_OK)
        status = ut_file_begin(path, &temporary, err);
    ut_file_discard(temporary);
    return status;
}

static void percent(ut_buf *out, double value)
{
    ut_buf_add_fixed(out, value * 100, 1);
}

static void add_scores(ut_buf *out, const ut_train_outcome *o)
{
    static const char *const who[] = {"voice, unknown speaker", "voice, known speaker"};
    for (int known = 0; o->voice && known < 2; known++) {
        ut_buf_addf(out, "%s%s: mean recall ", known ? "; " : "", who[known]);
        percent(out, o->voice->scores[known].uar);
        ut_buf_addf(out, " %%, accuracy ");
        percent(out, o->voice->scores[known].accuracy);
        ut_buf_addf(out, " %%, calibration error ");
        ut_buf_add_fixed(out, o->voice->ece[known], 3);
    }
    if (o->text) {
        ut_buf_addf(out, "%stext: mean recall ", o->voice ? "; " : "");
        percent(out, o->text->scores.uar);
        ut_buf_addf(out, " %%, accuracy ");
        percent(out, o->text->scores.accuracy);
        ut_buf_addf(out, " %%, weighted F1 ");
        percent(out, o->text->scores.weighted.f1);
        ut_buf_addf(out, " %%, calibration error ");
        ut_buf_add_fixed(out, o->text->ece, 3);
    }
}

ut_status ut_train_write(const ut_train_outcome *o, ut_buf *summary, ut_error *err)
{
    ut_buf scores;
    ut_buf_init(&scores, 0);
    add_scores(&scores, o);
    o->info->scores = ut_buf_text(&scores);
    o->info->seed = (uint64_t)o->settings->seed;
    ut_status status = ut_buf_status(&scores) == UT_OK ? UT_OK : ut_fail_memory(err, "train");
    if (status == UT_OK)
        status = ut_model_write(o->settings->model_output_path, o->voice, o->text, o->info, err);
    for (const char *c = ut_buf_text(&scores); *c; c++)
        if (c[0] == ';' && c[1] == ' ')
            ut_buf_add(summary, "\n", 1), c++;
        else
            ut_buf_add(summary, c, 1);
    ut_buf_add(summary, "\n", 1);
    ut_buf_free(&scores);
    o->info->scores = NULL;
    return status;
}
