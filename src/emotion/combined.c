#include "emotion/combined.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static bool weighs(double text, double voice)
{
    double squares = text * text + voice * voice;
    return text > 0 && voice > 0 && squares > 0.98 && squares < 1.02;
}

ut_status ut_combined_weigh(const char *path, ut_combined *space, ut_error *err)
{
    json_t *file;
    UT_TRY(ut_json_load(path, 65536, &file, err));
    space->text_weight = ut_json_number_or(file, "text_weight", 0);
    space->voice_weight = ut_json_number_or(file, "voice_weight", 0);
    json_decref(file);
    if (!weighs(space->text_weight, space->voice_weight))
        return ut_fail(err, UT_ERR_FORMAT, "emotion",
                       "%s holds no two weights whose squares add up to 1", path);
    return UT_OK;
}

void ut_combined_name(const ut_combined *space, char name[UT_COMBINED_NAME])
{
    snprintf(name, UT_COMBINED_NAME, "%.80s*%.2f+%.80s*%.2f", space->text_model, space->text_weight,
             space->voice_model, space->voice_weight);
}

ut_status ut_combined_parse(const char *name, ut_arena *arena, ut_combined *space, ut_error *err)
{
    char again[UT_COMBINED_NAME] = "";
    const char *text_end = strchr(name, '*');
    const char *voice = text_end ? strchr(text_end, '+') : NULL;
    const char *voice_end = voice ? strchr(voice, '*') : NULL;
    if (voice_end) {
        space->text_model = ut_arena_strndup(arena, name, (size_t)(text_end - name));
        space->voice_model = ut_arena_strndup(arena, voice + 1, (size_t)(voice_end - voice - 1));
        if (!space->text_model || !space->voice_model)
            return ut_fail_memory(err, "emotion");
        space->text_weight = strtod(text_end + 1, NULL);
        space->voice_weight = strtod(voice_end + 1, NULL);
        ut_combined_name(space, again);
    }
    if (!voice_end || strcmp(again, name) != 0 || !weighs(space->text_weight, space->voice_weight))
        return ut_fail(err, UT_ERR_MISMATCH, "emotion",
                       "embeddings called \"%s\" are none that this program makes", name);
    return UT_OK;
}

static bool part(const char *model, const ut_embedding *from, size_t n, double w, float *out)
{
    memset(out, 0, n * sizeof *out);
    if (!from || from->count != n || !from->model || !model || strcmp(from->model, model) != 0)
        return false;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (double)from->values[i] * (double)from->values[i];
    if (squares <= 0 || !isfinite(squares))
        return false;
    double scale = w / sqrt(squares);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(from->values[i] * scale);
    return true;
}

bool ut_combine(const ut_combined *space, const ut_embedding *text, const ut_embedding *voice,
                float vector[UT_COMBINED_DIM])
{
    double length = hypot(space->text_weight, space->voice_weight);
    bool said =
        part(space->text_model, text, UT_COMBINED_TEXT, space->text_weight / length, vector);
    bool heard = part(space->voice_model, voice, UT_COMBINED_VOICE, space->voice_weight / length,
                      vector + UT_COMBINED_TEXT);
    return said || heard;
}

/* Adds a part to the similarity and its weight, if both have it. */
static void compare(const float *a, const float *b, size_t n, double w, double *sum,
                    double *weights)
{
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    if (aa <= 0 || bb <= 0)
        return;
    *sum += w * w * dot / sqrt(aa * bb);
    *weights += w * w;
}

float ut_combined_distance(const ut_combined *space, const float a[UT_COMBINED_DIM],
                           const float b[UT_COMBINED_DIM])
{
    double sum = 0, weights = 0;
    compare(a, b, UT_COMBINED_TEXT, space->text_weight, &sum, &weights);
    compare(a + UT_COMBINED_TEXT, b + UT_COMBINED_TEXT, UT_COMBINED_VOICE, space->voice_weight,
            &sum, &weights);
    return weights > 0 ? (float)fmax(0, 1 - sum / weights) : 1;
}
