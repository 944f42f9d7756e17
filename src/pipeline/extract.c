/* Step 2: what can be measured in each utterance's voice, and its words as a vector. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/stream.h"
#include "base/error.h"
#include "dsp/features.h"
#include "emotion/baseline.h"
#include "pipeline/engine.h"
#include "pipeline/steps.h"

/* Longer utterances do not occur; a document made elsewhere may hold some, of which the beginning
 * is measured. */
enum { LONGEST = 60 * UT_RATE };

static ut_status measure(ut_conversation *c, ut_utterance *u, const float *pcm, size_t n,
                         ut_error *err)
{
    size_t count = ut_acoustic_feature_count();
    float *values = UT_ARENA_NEW(c->arena, float, count);
    u->features = UT_ARENA_NEW(c->arena, ut_feature, count);
    if (!values || !u->features)
        return ut_fail_memory(err, "extract");
    UT_TRY(ut_acoustic_features(pcm, n, UT_RATE, values, err));
    for (size_t i = 0; i < count; i++)
        u->features[i] = (ut_feature){ut_acoustic_feature_name(i), values[i], NAN};
    u->feature_count = count;
    return UT_OK;
}

/* The bundled network's voice embedding, where no recogniser's encoder has given one. */
static ut_status embed_voice(const ut_engine *e, ut_conversation *c, ut_utterance *u,
                             const float *pcm, size_t n, float *scratch, ut_error *err)
{
    if (u->voice.count || !e->voice_net || n < UT_RATE / 10)
        return UT_OK;
    size_t dim = ut_voice_net_dim(e->voice_net);
    u->voice = (ut_embedding){e->voice_net_mark, UT_ARENA_NEW(c->arena, float, dim), dim};
    if (!u->voice.values)
        return ut_fail_memory(err, "extract");
    ut_voice_net_embed(e->voice_net, pcm, n, scratch, u->voice.values);
    return UT_OK;
}

static ut_status embed_words(const ut_engine *e, ut_conversation *c, ut_utterance *u, ut_error *err)
{
    if (!u->text[0])
        return UT_OK;
    float *values = UT_ARENA_NEW(c->arena, float, UT_TEXT_DIMENSIONS);
    if (!values)
        return ut_fail_memory(err, "extract");
    UT_TRY(ut_engine_embed((void *)(uintptr_t)e, u->text, values, err));
    u->text_embedding = (ut_embedding){e->text_mark, values, UT_TEXT_DIMENSIONS};
    return UT_OK;
}

static ut_status extract_lane(const ut_step *step, const char *path, ut_conversation *c,
                              int channel, ut_error *err)
{
    ut_stream stream;
    const ut_voice_net *net = step->engine->voice_net;
    float *scratch = malloc((net ? ut_voice_net_scratch(net) : 1) * sizeof *scratch);
    if (!scratch)
        return ut_fail_memory(err, "extract");
    ut_status status = ut_stream_open(&stream, path, channel, err);
    bool opened = status == UT_OK;
    for (size_t i = 0; i < c->utterance_count && status == UT_OK; i++) {
        ut_utterance *u = &c->utterances[i];
        if (channel >= 0 && u->speaker != channel)
            continue;
        size_t from = (size_t)llround(u->start * UT_RATE);
        size_t to = (size_t)llround(u->end * UT_RATE);
        if (to > from + LONGEST)
            to = from + LONGEST;
        const float *pcm;
        size_t n;
        status = ut_step_check(step, err);
        if (status == UT_OK)
            status = ut_stream_window(&stream, from, to, &pcm, &n, err);
        if (status == UT_OK)
            status = measure(c, u, pcm, n, err);
        if (status == UT_OK)
            status = embed_voice(step->engine, c, u, pcm, n, scratch, err);
        if (status == UT_OK)
            status = embed_words(step->engine, c, u, err);
        ut_step_report(step, "extract", (double)(i + 1) / (double)c->utterance_count);
    }
    if (opened)
        ut_stream_close(&stream);
    free(scratch);
    return status;
}

static bool is_split(const ut_conversation *c)
{
    for (size_t i = 0; i < c->setting_count; i++)
        if (strcmp(c->settings[i].name, "channels") == 0)
            return strcmp(c->settings[i].value, "split") == 0;
    return false;
}

ut_status ut_step_extract(const ut_step *step, const char *path, ut_conversation *c, ut_error *err)
{
    if (is_split(c))
        for (int channel = 0; channel < c->source.channels; channel++)
            UT_TRY(extract_lane(step, path, c, channel, err));
    else
        UT_TRY(extract_lane(step, path, c, -1, err));
    ut_baseline_relative(c);
    if (ut_engine_record(step->engine, c, "text") != UT_OK)
        return ut_fail_memory(err, "extract");
    return UT_OK;
}
