/* Whisper against recordings of PyTorch's and openai-whisper's results. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/whisper/whisper.h"

/* 16-bit mono PCM of a WAV file: what lies behind its "data" chunk's head. */
static float *read_wav(const char *path, size_t *count)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static unsigned char bytes[1 << 20];
    size_t length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    size_t at = 12;
    while (at + 8 < length && memcmp(bytes + at, "data", 4) != 0)
        at += 8 + (bytes[at + 4] | (size_t)bytes[at + 5] << 8);
    at += 8;
    assert_true(at < length);
    *count = (length - at) / 2;
    float *pcm = malloc(*count * sizeof *pcm);
    assert_non_null(pcm);
    for (size_t i = 0; i < *count; i++)
        pcm[i] = (int16_t)(bytes[at + 2 * i] | bytes[at + 2 * i + 1] << 8) / 32768.0f;
    return pcm;
}

static ut_whisper *open_model(const char *repository)
{
    const char *dir = ut_test_model(repository);
    ut_whisper *model = NULL;
    if (!dir)
        UT_SKIP(repository, "not pulled");
    ut_error err;
    if (ut_whisper_open(dir, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    return model;
}

static void test_encoder(void **unused)
{
    (void)unused;
    const char *wav = ut_test_data("models/whisper-tiny.en-partial/jfk.wav");
    const char *want_path = ut_test_data("models/whisper-tiny.en-partial/jfk_encoder_out.npy");
    if (!wav || !want_path)
        UT_SKIP("encoder against PyTorch", "no ../shared");
    ut_whisper *model = open_model("Systran/faster-whisper-tiny.en");
    ut_whisper_state *state = NULL;
    assert_int_equal(ut_whisper_state_create(model, 1, &state, NULL), UT_OK);
    size_t n, count, shape[4];
    float *pcm = read_wav(wav, &n);
    ut_whisper_encode(state, pcm, n);
    float *want = ut_test_npy(want_path, &count, shape);
    assert_int_equal(count, 1500 * 384);
    double worst = 0.0;
    for (size_t i = 0; i < count; i++)
        worst = fmax(worst, fabs((double)ut_whisper_encoded(state)[i] - want[i]));
    print_message("largest difference of the encoder's output: %.2e\n", worst);
    assert_true(worst < 1e-3);
    free(want);
    free(pcm);
    ut_whisper_state_destroy(state);
    ut_whisper_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
