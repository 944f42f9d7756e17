#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/emotion_text/head.h"
#include "nn/ops.h"

enum { MAX_MAP = 64, OWN = 2 + UT_TEXT_LABELS };

struct ut_context_expert {
    ut_weights *weights;
    ut_tensor map;     /* [n, 384] */
    ut_text_head head; /* of UT_CONTEXT_TURNS * (OWN + n) */
};

static ut_status bind(ut_context_expert *e, ut_error *err)
{
    const ut_binding map = {
        "map.weight", offsetof(ut_context_expert, map), 2, {UT_ANY, UT_TEXT_DIMENSIONS}, false};
    const int64_t width = ut_weights_size(e->weights, map.name, 0);
    ut_binder binder;
    ut_binder_init(&binder, e->weights);
    ut_bind(&binder, e, &map, 1, 0);
    ut_text_head_bind(&e->head, &binder, "hidden",
                      width == UT_ANY ? UT_ANY : UT_CONTEXT_TURNS * (OWN + width));
    UT_TRY(ut_binder_finish(&binder, err));
    if (width < 1 || width > MAX_MAP)
        return ut_fail(err, UT_ERR_FORMAT, "emotion_text",
                       "%s maps a sentence to %lld values where 1 to %d are possible; install "
                       "Undertone again",
                       ut_weights_path(e->weights), (long long)width, MAX_MAP);
    return ut_text_head_load(&e->head, e->weights, err);
}

ut_status ut_context_expert_open(const char *path, ut_context_expert **expert, ut_error *err)
{
    *expert = NULL;
    ut_context_expert *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "emotion_text");
    ut_status status = ut_weights_open(path, &e->weights, err);
    if (status == UT_OK)
        status = bind(e, err);
    if (status != UT_OK)
        ut_context_expert_close(e);
    else
        *expert = e;
    return status;
}

void ut_context_expert_close(ut_context_expert *e)
{
    if (!e)
        return;
    ut_weights_close(e->weights);
    free(e);
}

static float log_p(float p)
{
    return logf(p > 1e-6f ? p : 1e-6f);
}

void ut_context_expert_classify(const ut_context_expert *e,
                                const ut_context_turn *const turns[UT_CONTEXT_TURNS], float *p)
{
    float x[UT_CONTEXT_TURNS * (OWN + MAX_MAP)] = {0};
    const size_t width = OWN + (size_t)e->map.shape[0];
    const int speaker = turns[0]->speaker;
    for (size_t k = 0; k < UT_CONTEXT_TURNS; k++) {
        const ut_context_turn *turn = turns[k];
        if (!turn)
            continue;
        float *at = x + k * width;
        at[0] = 1;
        at[1] = turn->speaker == speaker;
        for (int i = 0; i < UT_TEXT_LABELS; i++)
            at[2 + i] = log_p(turn->p_text[i]);
        if (turn->embedding)
            ut_linear(at + OWN, turn->embedding, 1, &e->map, NULL);
    }
    ut_text_head_logits(&e->head, x, p);
    for (int i = 0; i < UT_TEXT_LABELS; i++)
        p[i] += x[2 + i];
    ut_text_head_calibrate(&e->head, p);
}
