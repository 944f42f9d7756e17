/* Diarization with made-up networks: the sound is a constant per speaker, the voice is that
 * constant. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "speech/diarize.h"
#include "ut_test.h"

static float level_vad(const void *model, void *state, const float *pcm)
{
    (void)model;
    (void)state;
    return fabsf(pcm[100]) > 0.005f ? 0.95f : 0.02f;
}

static void level_features(const void *model, const float *pcm, int count, float *features)
{
    (void)model;
    for (int i = 0; i < count; i++)
        features[i] = pcm[i * 160 + 200];
}

static size_t level_scratch(int count)
{
    return (size_t)count;
}

/* Directions that turn with the level. */
static void level_embed(const void *model, const float *features, int count, float *embeddings,
                        float *scratch)
{
    (void)model;
    (void)scratch;
    for (int i = 0; i < count; i++) {
        float sum = 0.0f;
        for (int t = 0; t < 160; t++)
            sum += features[i * 160 + t];
        embeddings[2 * i] = cosf(sum / 160.0f * 10.0f);
        embeddings[2 * i + 1] = sinf(sum / 160.0f * 10.0f);
    }
}

static ut_diarize_models networks(void)
{
    return (ut_diarize_models){
        .encoder = {.name = "level",
                    .size = 2,
                    .bands = 1,
                    .hop = 160,
                    .frame = 400,
                    .partial = 160,
                    .batch = 16,
                    .threshold = 0.2f,
                    .features = level_features,
                    .scratch = level_scratch,
                    .embed = level_embed},
        .vad = {.name = "level", .step = 512, .onset = 0.5f, .offset = 0.3f, .score = level_vad}};
}

typedef struct result {
    ut_arena *arena;
    ut_turn *turns;
    size_t count;
    int speakers;
} result;

static result diarize(const float *pcm, size_t samples, size_t chunk,
                      const ut_diarize_options *options)
{
    ut_diarize_models models = networks();
    ut_diarizer *d = NULL;
    result r = {.arena = ut_arena_create(0)};
    assert_int_equal(ut_diarizer_create(&models, options, &d, NULL), UT_OK);
    for (size_t at = 0; at < samples; at += chunk)
        assert_int_equal(
            ut_diarizer_push(d, pcm + at, samples - at < chunk ? samples - at : chunk, NULL),
            UT_OK);
    assert_int_equal(ut_diarizer_finish(d, r.arena, &r.turns, &r.count, &r.speakers, NULL), UT_OK);
    ut_diarizer_destroy(d);
    for (size_t i = 0; i < r.count; i++) {
        assert_true(r.turns[i].start >= 0.0 && r.turns[i].end > r.turns[i].start);
        assert_true(r.turns[i].end <= (double)samples / 16000.0 + 1e-9);
        assert_in_range(r.turns[i].speaker, 0, r.speakers - 1);
        assert_true(r.turns[i].confidence >= 0.0f && r.turns[i].confidence <= 1.0f);
    }
    return r;
}

/* Two voices take turns of 6 s with a second's pause. */
static float *conversation(size_t *samples, int turns)
{
    *samples = (size_t)turns * 7 * 16000;
    float *pcm = calloc(*samples, sizeof *pcm);
    for (size_t i = 0; i < *samples; i++)
        if (i / 16000 % 7 != 6)
            pcm[i] = i / 16000 / 7 % 2 ? 0.15f : 0.01f;
    return pcm;
}

static void two_speakers(void **state)
{
    (void)state;
    size_t samples;
    float *pcm = conversation(&samples, 10);
    result r = diarize(pcm, samples, 999, NULL), other = diarize(pcm, samples, 64000, NULL);
    assert_int_equal(r.speakers, 2);
    assert_int_equal(r.count, 10);
    for (size_t i = 0; i < r.count; i++) {
        assert_int_equal(r.turns[i].speaker, i % 2);
        assert_near(r.turns[i].start, 7.0 * (double)i, 0.1);
        assert_near(r.turns[i].end, 7.0 * (double)i + 6.0, 0.1);
        assert_true(r.turns[i].confidence > 0.6f);
    }
    assert_int_equal(other.count, r.count);
    assert_memory_equal(other.turns, r.turns, r.count * sizeof *r.turns);
    ut_arena_destroy(r.arena);
    ut_arena_destroy(other.arena);
    free(pcm);
}

static void numbers_are_kept(void **state)
{
    (void)state;
    size_t samples;
    float *pcm = conversation(&samples, 10);
    ut_diarize_options options = ut_diarize_defaults();
    options.num_speakers = 1;
    result r = diarize(pcm, samples, 16000, &options);
    assert_int_equal(r.speakers, 1);
    ut_arena_destroy(r.arena);
    options.num_speakers = 0;
    options.max_speakers = 1;
    r = diarize(pcm, samples, 16000, &options);
    assert_int_equal(r.speakers, 1);
    ut_arena_destroy(r.arena);
    options.max_speakers = 5;
    options.min_speakers = 3;
    r = diarize(pcm, samples, 16000, &options);
    assert_in_range(r.speakers, 2, 5);
    ut_arena_destroy(r.arena);
    free(pcm);
}

static void odd_recordings(void **state)
{
    (void)state;
    const float values[] = {0.0f, 0.5f, NAN, INFINITY, -1e30f};
    const size_t lengths[] = {0, 1, 1600, 8000, 200000};
    float *pcm = malloc(200000 * sizeof *pcm);
    for (int v = 0; v < 5; v++)
        for (int l = 0; l < 5; l++) {
            for (size_t i = 0; i < lengths[l]; i++)
                pcm[i] = values[v];
            result r = diarize(pcm, lengths[l], 1000, NULL);
            assert_true(r.speakers <= 1);
            if (v == 0 || lengths[l] == 0)
                assert_int_equal(r.count, 0);
            ut_arena_destroy(r.arena);
        }
    free(pcm);
}

static void wrong_options(void **state)
{
    (void)state;
    ut_diarize_models models = networks();
    ut_diarizer *d = NULL;
    ut_diarize_options options = ut_diarize_defaults();
    options.step = NAN;
    assert_int_equal(ut_diarizer_create(&models, &options, &d, NULL), UT_ERR_USAGE);
    options = ut_diarize_defaults();
    options.num_speakers = 1000;
    assert_int_equal(ut_diarizer_create(&models, &options, &d, NULL), UT_ERR_USAGE);
    options = ut_diarize_defaults();
    options.min_speakers = 4;
    options.max_speakers = 2;
    assert_int_equal(ut_diarizer_create(&models, &options, &d, NULL), UT_ERR_USAGE);
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_speakers),
        cmocka_unit_test(numbers_are_kept),
        cmocka_unit_test(odd_recordings),
        cmocka_unit_test(wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
