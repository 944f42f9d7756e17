#include "models/emotion_voice/voice_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"

enum { LAYERS = 33 /* large has 32 blocks */ };

struct ut_voice_head {
    ut_weights *weights;
    ut_tensor layer_list, project, project_bias;
    int layers[LAYERS];
    int layer_count;
    int width;
    float bias[UT_VOICE_DIM];
    ut_voice_classifier classifier;
};

static ut_status read_layers(ut_voice_head *head, ut_error *err)
{
    int64_t count = head->layer_list.shape[0];
    int64_t inputs = head->project.shape[1];
    bool right = count >= 1 && count <= LAYERS && inputs % (2 * count) == 0 && inputs > 0 &&
                 inputs <= 2 * LAYERS * 2048;
    if (right) {
        float list[LAYERS];
        ut_tensor_to_f32(&head->layer_list, 0, (size_t)count, list);
        head->layer_count = (int)count;
        head->width = (int)(inputs / (2 * count));
        for (int i = 0; i < head->layer_count && right; i++) {
            right = list[i] >= 0.0f && list[i] < (float)LAYERS;
            head->layers[i] = right ? (int)list[i] : 0;
            right = right && (i == 0 || head->layers[i] > head->layers[i - 1]);
        }
    }
    return right ? UT_OK
                 : ut_fail(err, UT_ERR_FORMAT, "emotion_voice",
                           "%s: its list of layers does not fit its projection; install it again",
                           ut_weights_path(head->weights));
}

ut_status ut_voice_head_open(const char *path, ut_voice_head **out, ut_error *err)
{
    static const ut_binding TABLE[] = {
        {"layers", offsetof(ut_voice_head, layer_list), 1, {UT_ANY}, false},
        {"project.weight", offsetof(ut_voice_head, project), 2, {UT_VOICE_DIM, UT_ANY}, false},
        {"project.bias", offsetof(ut_voice_head, project_bias), 1, {UT_VOICE_DIM}, false},
    };
    *out = NULL;
    ut_voice_head *head = calloc(1, sizeof *head);
    if (!head)
        return ut_fail_memory(err, "emotion_voice");
    ut_status status = ut_weights_open_bound(path, head, TABLE, sizeof TABLE / sizeof TABLE[0],
                                             &head->weights, err);
    if (status == UT_OK)
        status = read_layers(head, err);
    if (status == UT_OK) {
        ut_tensor_to_f32(&head->project_bias, 0, UT_VOICE_DIM, head->bias);
        status = ut_voice_classifier_load(head->weights, &head->classifier, err);
    }
    if (status != UT_OK) {
        ut_voice_head_close(head);
        return status;
    }
    *out = head;
    return UT_OK;
}

void ut_voice_head_close(ut_voice_head *head)
{
    if (!head)
        return;
    ut_weights_close(head->weights);
    free(head);
}

size_t ut_voice_head_dim(const ut_voice_head *head)
{
    (void)head;
    return UT_VOICE_DIM;
}

size_t ut_voice_head_width(const ut_voice_head *head)
{
    return (size_t)head->width;
}

size_t ut_voice_head_layers(const ut_voice_head *head, const int **layers)
{
    *layers = head->layers;
    return (size_t)head->layer_count;
}

size_t ut_voice_head_scratch(const ut_voice_head *head)
{
    return (size_t)head->layer_count * 2 * (size_t)head->width;
}

/* Two passes: the deviation of a column with a large mean (Whisper has some of 20 and more) keeps
 * its digits. */
void ut_voice_pool(const float *layer, int width, int t0, int t1, float *out)
{
    t0 = t0 < 0 ? 0 : t0 > UT_VOICE_HEAD_FRAMES - 1 ? UT_VOICE_HEAD_FRAMES - 1 : t0;
    t1 = t1 <= t0 ? t0 + 1 : t1 > UT_VOICE_HEAD_FRAMES ? UT_VOICE_HEAD_FRAMES : t1;
    const float *x = layer + (size_t)t0 * (size_t)width;
    const int rows = t1 - t0;
    float *mean = out;
    float *deviation = out + width;
    memset(mean, 0, (size_t)width * sizeof *mean);
    memset(deviation, 0, (size_t)width * sizeof *deviation);
    for (int t = 0; t < rows; t++)
        ut_axpy(mean, 1.0f / (float)rows, x + (size_t)t * width, (size_t)width);
    for (int t = 0; t < rows; t++)
        for (int i = 0; i < width; i++) {
            float away = x[(size_t)t * width + i] - mean[i];
            deviation[i] += away * away;
        }
    for (int i = 0; i < width; i++)
        deviation[i] = sqrtf(deviation[i] / (float)rows);
}

void ut_voice_head_pool(const ut_voice_head *head, const float *const *layers, int t0, int t1,
                        float *voice, float *scratch)
{
    for (int i = 0; i < head->layer_count; i++)
        ut_voice_pool(layers[head->layers[i]], head->width, t0, t1,
                      scratch + (size_t)i * 2 * (size_t)head->width);
    ut_linear(voice, scratch, 1, &head->project, head->bias);
}

void ut_voice_head_classify(const ut_voice_head *head, const float *voice, const float *baseline,
                            float p[UT_VOICE_CLASSES])
{
    ut_voice_classify(&head->classifier, voice, baseline, p);
}
