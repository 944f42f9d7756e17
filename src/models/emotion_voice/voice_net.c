#include "models/emotion_voice/voice_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/mel.h"
#include "nn/ops.h"

enum { CONVS = 6, BANDS = 64, WIDE = 128, TOP = 192, ATTENTION = 64, FRAME = 400, HOP = 160 };
/* Attentive mean and deviation of the top channels, and the mean of each band. */
enum { POOLED = 2 * TOP + BANDS };
enum {
    FRAMES = (UT_VOICE_NET_SAMPLES - FRAME) / HOP + 1,
    HALF = FRAMES / 2 + 1,
    QUARTER = FRAMES / 4 + 1
};

/* Shapes of the convolutions; batch normalisation has been folded into them. */
static const struct {
    int in, out, kernel, stride, padding, dilation;
} CONV[CONVS] = {{BANDS, 96, 5, 2, 2, 1},  {96, WIDE, 5, 2, 2, 1},   {WIDE, WIDE, 3, 1, 1, 1},
                 {WIDE, WIDE, 3, 1, 2, 2}, {WIDE, WIDE, 3, 1, 3, 3}, {WIDE, TOP, 1, 1, 0, 1}};

struct ut_voice_net {
    ut_weights *weights;
    ut_mel *mel;
    /* As the file holds them: half precision. */
    ut_tensor conv[CONVS], conv_bias[CONVS];
    ut_tensor attention[2], attention_bias[2];
    ut_tensor project, project_bias;
    float *floats; /* the same as floats, one after the other; the views below point into it */
    float *bias[CONVS], *att_bias[2], *project_floats_bias;
    ut_voice_classifier classifier;
};

/* Where the parts of the scratch lie. */
typedef struct layout {
    float *pcm, *mel, *a, *b, *patches;
} layout;

static size_t patch_size(void)
{
    size_t most = ut_conv1d_scratch(CONV[0].in, CONV[0].kernel, HALF);
    for (int i = 1; i < CONVS; i++) {
        size_t size = ut_conv1d_scratch(CONV[i].in, CONV[i].kernel, QUARTER);
        most = size > most ? size : most;
    }
    return most;
}

static size_t lay_out(const ut_voice_net *net, float *scratch, layout *l)
{
    size_t mel_scratch = ut_mel_scratch(net->mel);
    size_t patches = patch_size();
    if (l) {
        l->pcm = scratch;
        l->mel = l->pcm + UT_VOICE_NET_SAMPLES;
        l->a = l->mel + (size_t)BANDS * FRAMES;
        l->b = l->a + (size_t)BANDS * FRAMES;
        l->patches = l->b + (size_t)TOP * QUARTER;
    }
    return UT_VOICE_NET_SAMPLES + 2 * (size_t)BANDS * FRAMES + (size_t)TOP * QUARTER +
           (patches > mel_scratch ? patches : mel_scratch);
}

static ut_status bind(ut_voice_net *net, ut_error *err)
{
    static const char *const NAMES[CONVS][2] = {
        {"conv.0.weight", "conv.0.bias"}, {"conv.1.weight", "conv.1.bias"},
        {"conv.2.weight", "conv.2.bias"}, {"conv.3.weight", "conv.3.bias"},
        {"conv.4.weight", "conv.4.bias"}, {"conv.5.weight", "conv.5.bias"}};
    static const ut_binding REST[] = {
        {"attention.0.weight", offsetof(ut_voice_net, attention[0]), 3, {ATTENTION, TOP, 1}, false},
        {"attention.0.bias", offsetof(ut_voice_net, attention_bias[0]), 1, {ATTENTION}, false},
        {"attention.1.weight", offsetof(ut_voice_net, attention[1]), 3, {TOP, ATTENTION, 1}, false},
        {"attention.1.bias", offsetof(ut_voice_net, attention_bias[1]), 1, {TOP}, false},
        {"project.weight", offsetof(ut_voice_net, project), 2, {UT_VOICE_DIM, POOLED}, false},
        {"project.bias", offsetof(ut_voice_net, project_bias), 1, {UT_VOICE_DIM}, false},
    };
    ut_binder binder;
    ut_binder_init(&binder, net->weights);
    for (int i = 0; i < CONVS; i++) {
        ut_binding pair[2] = {{NAMES[i][0],
                               offsetof(ut_voice_net, conv) + (size_t)i * sizeof(ut_tensor),
                               3,
                               {CONV[i].out, CONV[i].in, CONV[i].kernel},
                               false},
                              {NAMES[i][1],
                               offsetof(ut_voice_net, conv_bias) + (size_t)i * sizeof(ut_tensor),
                               1,
                               {CONV[i].out},
                               false}};
        ut_bind(&binder, net, pair, 2, 0);
    }
    ut_bind(&binder, net, REST, sizeof REST / sizeof REST[0], 0);
    return ut_binder_finish(&binder, err);
}

/* Moves a tensor's values to *at as floats and lets it point there; returns where they lie. */
static float *to_floats(ut_tensor *tensor, float **at)
{
    float *here = *at;
    size_t count = ut_tensor_count(tensor);
    ut_tensor_to_f32(tensor, 0, count, here);
    tensor->data = here;
    tensor->dtype = UT_F32;
    *at += count;
    return here;
}

static ut_status unpack(ut_voice_net *net, ut_error *err)
{
    size_t total = ut_tensor_count(&net->project) + UT_VOICE_DIM;
    for (int i = 0; i < CONVS; i++)
        total += ut_tensor_count(&net->conv[i]) + ut_tensor_count(&net->conv_bias[i]);
    for (int i = 0; i < 2; i++)
        total += ut_tensor_count(&net->attention[i]) + ut_tensor_count(&net->attention_bias[i]);
    float *at = net->floats = malloc(total * sizeof *at);
    if (!at)
        return ut_fail_memory(err, "emotion_voice");
    for (int i = 0; i < CONVS; i++) {
        to_floats(&net->conv[i], &at);
        net->bias[i] = to_floats(&net->conv_bias[i], &at);
    }
    for (int i = 0; i < 2; i++) {
        to_floats(&net->attention[i], &at);
        net->att_bias[i] = to_floats(&net->attention_bias[i], &at);
    }
    to_floats(&net->project, &at);
    net->project_floats_bias = to_floats(&net->project_bias, &at);
    return UT_OK;
}

ut_status ut_voice_net_open(const char *path, ut_voice_net **out, ut_error *err)
{
    *out = NULL;
    ut_voice_net *net = calloc(1, sizeof *net);
    if (!net)
        return ut_fail_memory(err, "emotion_voice");
    ut_mel_options options = ut_mel_defaults();
    options.bands = BANDS;
    options.log_floor = 1e-6f;
    options.add_floor = false;
    ut_status status = ut_weights_open(path, &net->weights, err);
    if (status == UT_OK)
        status = ut_mel_create(&options, &net->mel, err);
    if (status == UT_OK)
        status = bind(net, err);
    if (status == UT_OK)
        status = unpack(net, err);
    if (status == UT_OK)
        status = ut_voice_classifier_load(net->weights, &net->classifier, err);
    if (status != UT_OK) {
        ut_voice_net_close(net);
        return status;
    }
    *out = net;
    return UT_OK;
}

void ut_voice_net_close(ut_voice_net *net)
{
    if (!net)
        return;
    ut_mel_destroy(net->mel);
    ut_weights_close(net->weights);
    free(net->floats);
    free(net);
}

size_t ut_voice_net_dim(const ut_voice_net *net)
{
    (void)net;
    return UT_VOICE_DIM;
}

size_t ut_voice_net_scratch(const ut_voice_net *net)
{
    return lay_out(net, NULL, NULL);
}

/* l->a[BANDS, frames]: log-mel, each band's mean taken off, times 0.3 as in training; means[BANDS]
 * are what was taken off. */
static int features(const ut_voice_net *net, const float *pcm, size_t count, const layout *l,
                    float *means)
{
    if (count > UT_VOICE_NET_SAMPLES) {
        pcm += (count - UT_VOICE_NET_SAMPLES) / 2;
        count = UT_VOICE_NET_SAMPLES;
    }
    float gain = ut_voice_gain(pcm, count);
    for (size_t i = 0; i < count; i++)
        l->pcm[i] = isfinite(pcm[i]) ? pcm[i] * gain : 0.0f;
    for (; count < FRAME; count++)
        l->pcm[count] = 0.0f;
    int frames = ut_mel_frames(net->mel, count);
    ut_mel_run(net->mel, l->pcm, frames, l->mel, l->patches);
    for (int b = 0; b < BANDS; b++) {
        double mean = 0.0;
        for (int t = 0; t < frames; t++)
            mean += l->mel[(size_t)t * BANDS + b];
        mean /= frames;
        means[b] = (float)mean;
        for (int t = 0; t < frames; t++)
            l->a[(size_t)b * frames + t] = 0.3f * (l->mel[(size_t)t * BANDS + b] - (float)mean);
    }
    return frames;
}

/* Runs the convolutions; the result [TOP, returned] lies in l->b. */
static int convolve(const ut_voice_net *net, int t, const layout *l)
{
    float *x = l->a;
    float *y = l->mel; /* free by now, and as large as the widest of the layers */
    for (int i = 0; i < CONVS; i++) {
        if (i == CONVS - 1)
            y = l->b;
        int out =
            ut_conv1d_length(t, CONV[i].kernel, CONV[i].stride, CONV[i].padding, CONV[i].dilation);
        ut_conv1d(y, x, CONV[i].in, t, &net->conv[i], net->bias[i], CONV[i].stride, CONV[i].padding,
                  CONV[i].dilation, l->patches);
        size_t n = (size_t)CONV[i].out * (size_t)out;
        ut_relu(y, n);
        if (i >= 2 && i <= 4)
            ut_axpy(y, 1.0f, x, n);
        t = out;
        float *next = x;
        x = y;
        y = next;
    }
    return t;
}

/* pooled[2 * TOP]: mean and deviation of x[TOP, t], each channel weighed over time by attention. */
static void attend(const ut_voice_net *net, const float *x, int t, const layout *l, float *pooled)
{
    float *hidden = l->mel;
    float *weight = l->a;
    ut_conv1d(hidden, x, TOP, t, &net->attention[0], net->att_bias[0], 1, 0, 1, l->patches);
    ut_tanh(hidden, (size_t)ATTENTION * (size_t)t);
    ut_conv1d(weight, hidden, ATTENTION, t, &net->attention[1], net->att_bias[1], 1, 0, 1,
              l->patches);
    ut_softmax(weight, t, TOP, t);
    for (int c = 0; c < TOP; c++) {
        double mean = 0.0;
        double square = 0.0;
        for (int i = 0; i < t; i++) {
            double value = x[(size_t)c * t + i];
            double part = weight[(size_t)c * t + i] * value;
            mean += part;
            square += part * value;
        }
        pooled[c] = (float)mean;
        pooled[TOP + c] = (float)sqrt(fmax(square - mean * mean, 1e-5));
    }
}

void ut_voice_net_embed(const ut_voice_net *net, const float *pcm, size_t count, float *scratch,
                        float *voice)
{
    layout l;
    float pooled[POOLED];
    lay_out(net, scratch, &l);
    int t = features(net, pcm, count, &l, pooled + 2 * TOP);
    t = convolve(net, t, &l);
    attend(net, l.b, t, &l, pooled);
    ut_linear(voice, pooled, 1, &net->project, net->project_floats_bias);
}

void ut_voice_net_classify(const ut_voice_net *net, const float *voice, const float *baseline,
                           float p[UT_VOICE_CLASSES])
{
    ut_voice_classify(&net->classifier, voice, baseline, p);
}
