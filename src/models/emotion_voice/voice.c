#include "models/emotion_voice/voice.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"

enum { FRAME = 320 };

/* As tools/train/voice_data.py adds them up. */
const int ut_voice_five_of_fine[UT_VOICE_FINE] = {0, 1, 2, 3, 3, 4, 4, 4, 4};

static double frame_power(const float *pcm, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(pcm[i]))
            sum += (double)pcm[i] * pcm[i];
    return sum / (double)count;
}

float ut_voice_gain(const float *pcm, size_t count)
{
    /* Less than a frame is one frame; else what is left over at the end is not looked at. */
    size_t frame = count < FRAME ? count : FRAME;
    size_t frames = frame ? count / frame : 0;
    double top = 0.0;
    double sum = 0.0;
    size_t loud = 0;
    for (size_t i = 0; i < frames; i++)
        top = fmax(top, frame_power(pcm + i * frame, frame));
    for (size_t i = 0; i < frames; i++) {
        double power = frame_power(pcm + i * frame, frame);
        if (power >= top * 1e-3) {
            sum += power;
            loud++;
        }
    }
    if (top < 1e-14)
        return 1.0f;
    return (float)(pow(10.0, -26.0 / 20.0) / sqrt(sum / (double)loud));
}

typedef struct stored {
    ut_tensor hidden, hidden_bias, out, out_bias, temperature;
} stored;

ut_status ut_voice_classifier_load(const ut_weights *weights, ut_voice_classifier *classifier,
                                   ut_error *err)
{
    static const ut_binding TABLE[] = {
        {"hidden.weight", offsetof(stored, hidden), 3, {2, UT_VOICE_HIDDEN, UT_VOICE_DIM}, false},
        {"hidden.bias", offsetof(stored, hidden_bias), 2, {2, UT_VOICE_HIDDEN}, false},
        {"out.weight", offsetof(stored, out), 3, {2, UT_VOICE_FINE, UT_VOICE_HIDDEN}, false},
        {"out.bias", offsetof(stored, out_bias), 2, {2, UT_VOICE_FINE}, false},
        {"temperature", offsetof(stored, temperature), 1, {2}, false},
    };
    stored s;
    memset(&s, 0, sizeof s);
    ut_binder binder;
    ut_binder_init(&binder, weights);
    ut_bind(&binder, &s, TABLE, sizeof TABLE / sizeof TABLE[0], 0);
    UT_TRY(ut_binder_finish(&binder, err));
    ut_tensor_to_f32(&s.hidden, 0, ut_tensor_count(&s.hidden), classifier->hidden[0]);
    ut_tensor_to_f32(&s.hidden_bias, 0, ut_tensor_count(&s.hidden_bias),
                     classifier->hidden_bias[0]);
    ut_tensor_to_f32(&s.out, 0, ut_tensor_count(&s.out), classifier->out[0]);
    ut_tensor_to_f32(&s.out_bias, 0, ut_tensor_count(&s.out_bias), classifier->out_bias[0]);
    ut_tensor_to_f32(&s.temperature, 0, 2, classifier->temperature);
    for (int i = 0; i < 2; i++)
        if (!(classifier->temperature[i] > 0.0f))
            return ut_fail(err, UT_ERR_FORMAT, "emotion_voice",
                           "%s: the temperature is not above 0; install the file again",
                           ut_weights_path(weights));
    return UT_OK;
}

void ut_voice_classify(const ut_voice_classifier *classifier, const float *voice,
                       const float *baseline, float p[UT_VOICE_CLASSES])
{
    int known = baseline != NULL;
    float v[UT_VOICE_DIM];
    float h[UT_VOICE_HIDDEN];
    float z[UT_VOICE_FINE];
    for (int i = 0; i < UT_VOICE_DIM; i++)
        v[i] = voice[i] - (known ? baseline[i] : 0.0f);
    for (int i = 0; i < UT_VOICE_HIDDEN; i++)
        h[i] = classifier->hidden_bias[known][i] +
               ut_dot(classifier->hidden[known] + i * UT_VOICE_DIM, v, UT_VOICE_DIM);
    ut_gelu(h, UT_VOICE_HIDDEN);
    for (int i = 0; i < UT_VOICE_FINE; i++)
        z[i] = classifier->out_bias[known][i] +
               ut_dot(classifier->out[known] + i * UT_VOICE_HIDDEN, h, UT_VOICE_HIDDEN);
    ut_softmax(z, UT_VOICE_FINE, 1, UT_VOICE_FINE);
    for (int k = 0; k < UT_VOICE_CLASSES; k++)
        p[k] = 0.0f;
    for (int i = 0; i < UT_VOICE_FINE; i++)
        p[ut_voice_five_of_fine[i]] += z[i];
    /* The temperature was fitted on the five, after the adding up. */
    for (int k = 0; k < UT_VOICE_CLASSES; k++)
        p[k] = logf(fmaxf(p[k], 1e-20f)) / classifier->temperature[known];
    ut_softmax(p, UT_VOICE_CLASSES, 1, UT_VOICE_CLASSES);
}
