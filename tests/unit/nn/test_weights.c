/* The weights readers on small files of known values (tests/fuzz/nn/corpus_weights), on damaged
 * ones, and on pulled models where they are. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/weights.h"

static const char *const SEEDS[] = {
    "tests/fuzz/nn/corpus_weights/seed.safetensors",
    "tests/fuzz/nn/corpus_weights/ctranslate2.bin",
    "tests/fuzz/nn/corpus_weights/zip.pt",
    "tests/fuzz/nn/corpus_weights/zip_protocol4.pt",
    "tests/fuzz/nn/corpus_weights/stream.pt",
    "tests/fuzz/nn/corpus_weights/ctranslate2_int8.bin",
    "tests/fuzz/nn/corpus_weights/ctranslate2_int16.bin",
};

static ut_weights *open_file(const char *path)
{
    ut_weights *weights;
    ut_error err = {0};
    if (ut_weights_open(path, &weights, &err) != UT_OK)
        fail_msg("%s", err.message);
    return weights;
}

/* Tensor `name` of that shape (ended by 0) holds first, first + step ... */
static void check_ramp(const ut_weights *weights, const char *name, const int64_t *shape, int rank,
                       float first, float step)
{
    const ut_tensor *tensor = ut_weights_find(weights, name);
    if (!tensor)
        fail_msg("%s is missing", name);
    assert_int_equal(tensor->rank, rank);
    for (int i = 0; i < UT_RANK; i++)
        assert_int_equal(tensor->shape[i], i < rank ? shape[i] : 1);
    for (size_t i = 0; i < ut_tensor_count(tensor); i++) {
        float value;
        ut_tensor_to_f32(tensor, i, 1, &value);
        assert_near(value, first + step * (float)i, 1e-6);
    }
}

#define RAMP(weights, name, first, step, ...)                                                      \
    check_ramp(weights, name, (const int64_t[]){__VA_ARGS__},                                      \
               (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), first, step)

static void test_safetensors(void **unused)
{
    (void)unused;
    ut_weights *w = open_file(ut_test_source(SEEDS[0]));
    RAMP(w, "weight", 0.0f, 0.25f, 3, 4);
    RAMP(w, "half", 0.0f, 0.25f, 2, 2);
    RAMP(w, "brain", 0.0f, 0.25f, 2, 2);
    check_ramp(w, "scalar", NULL, 0, 2.5f, 0.0f);
    assert_int_equal(ut_tensor_count(ut_weights_find(w, "empty")), 0);
    assert_int_equal(ut_weights_find(w, "bytes")->dtype, UT_U8);
    assert_null(ut_weights_find(w, "five")); /* more dimensions than a tensor has here */
    assert_null(ut_weights_find(w, "absent"));
    assert_string_equal(ut_weights_metadata(w, "kind"), "test");
    assert_null(ut_weights_metadata(w, "absent"));
    ut_weights_close(w);
}

static void test_ctranslate2(void **unused)
{
    (void)unused;
    ut_weights *w = open_file(ut_test_source(SEEDS[1]));
    RAMP(w, "a/bias", 0.0f, 0.25f, 3);
    RAMP(w, "half", 0.0f, 0.25f, 2, 3);
    static const float expected[] = {-1.5f, -1.0f, -0.5f, 0.0f, 0.25f, 0.5f};
    static const char *const names[] = {"a/weight", "other/weight"};
    for (int i = 0; i < 2; i++) {
        float values[6];
        const ut_tensor *tensor = ut_weights_find(w, names[i]);
        assert_non_null(tensor);
        ut_tensor_to_f32(tensor, 0, 6, values);
        assert_memory_equal(values, expected, sizeof expected);
    }
    ut_weights_close(w);
}

/* What CTranslate2's converter makes of first, first + 1/4 ...: integers in steps of a row's
 * largest value / 127 (int8), or of the largest of all / 1024 (int16). */
static void check_quantized(const ut_weights *weights, const char *name, size_t rows, float first,
                            bool bytes)
{
    const ut_tensor *tensor = ut_weights_find(weights, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, bytes ? UT_I8 : UT_I16);
    size_t count = ut_tensor_count(tensor), columns = count / rows;
    double all = fmax(fabs((double)first), fabs(first + 0.25 * ((double)count - 1.0)));
    for (size_t i = 0; i < count; i++) {
        double low = first + 0.25 * (double)(i / columns * columns);
        double row = fmax(fabs(low), fabs(low + 0.25 * ((double)columns - 1.0)));
        double step = bytes ? row / 127.0 : all / 1024.0, value = first + 0.25 * (double)i;
        float got;
        ut_tensor_to_f32(tensor, i, 1, &got);
        assert_near(got, step * rint(value / step), 1e-6);
    }
    float *together = malloc(count * sizeof *together);
    assert_non_null(together);
    for (size_t from = 0; from < count; from++) {
        ut_tensor_to_f32(tensor, from, count - from, together);
        for (size_t i = from; i < count; i++) {
            float got;
            ut_tensor_to_f32(tensor, i, 1, &got);
            assert_true(together[i - from] == got);
        }
    }
    free(together);
}

static void test_quantized(void **unused)
{
    (void)unused;
    for (int bytes = 0; bytes < 2; bytes++) {
        ut_weights *w = open_file(ut_test_source(SEEDS[bytes ? 5 : 6]));
        check_quantized(w, "linear/weight", 4, -3.0f, bytes);
        check_quantized(w, "conv/weight", 2, -2.0f, bytes);
        RAMP(w, "linear/bias", 0.0f, 0.25f, 4);
        ut_weights_close(w);
    }
}

static void test_checkpoints(void **unused)
{
    (void)unused;
    for (int i = 2; i < 5; i++) {
        ut_weights *w = open_file(ut_test_source(SEEDS[i]));
        RAMP(w, "state.weight", 0.0f, 0.25f, 3, 4);
        RAMP(w, "state.part", 1.25f, 0.25f, 4);
        RAMP(w, "state.half", 0.0f, 0.25f, 2, 2);
        RAMP(w, "state.wide", 0.0f, 0.25f, 3);
        RAMP(w, "state.parameter", 0.0f, 0.25f, 2, 3);
        RAMP(w, "list.0", 0.0f, 0.25f, 2);
        RAMP(w, "list.1.0", 0.0f, 0.25f, 3);
        RAMP(w, "5", 0.0f, 0.25f, 1);
        check_ramp(w, "state.scalar", NULL, 0, 2.5f, 0.0f);
        assert_int_equal(ut_weights_find(w, "state.counter")->dtype, UT_I64);
        assert_int_equal(ut_tensor_count(ut_weights_find(w, "state.empty")), 0);
        /* Transposed in memory: value [r][c] of 4 x 3 is (4 c + r) / 4. */
        float turned[12];
        ut_tensor_to_f32(ut_weights_find(w, "state.turned"), 0, 12, turned);
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 3; c++)
                assert_near(turned[r * 3 + c], (4 * c + r) / 4.0, 1e-6);
        ut_weights_close(w);
    }
}

/* Cut at every length, and with each byte changed: an error or a result, never anything else. The
 * copy has the exact length, so that the sanitizers see reads beyond it. */
static void test_damaged(void **unused)
{
    (void)unused;
    for (size_t s = 0; s < sizeof SEEDS / sizeof *SEEDS; s++) {
        char *data;
        size_t length;
        ut_error err = {0};
        assert_int_equal(ut_file_read(ut_test_source(SEEDS[s]), 1 << 20, &data, &length, &err),
                         UT_OK);
        for (size_t cut = 0; cut < length; cut++) {
            ut_weights *w = NULL;
            uint8_t *copy = malloc(cut + 1);
            assert_non_null(copy);
            memcpy(copy, data, cut);
            ut_status status = ut_weights_parse(copy, cut, "cut", &w, &err);
            assert_int_not_equal(status, UT_OK);
            assert_null(w);
            assert_true(strstr(err.message, "cut") != NULL || status == UT_ERR_MEMORY);
            free(copy);
        }
        for (size_t at = 0; at < length; at++) {
            ut_weights *w = NULL;
            data[at] ^= 0x11;
            if (ut_weights_parse((const uint8_t *)data, length, "changed", &w, &err) == UT_OK)
                ut_weights_close(w);
            data[at] ^= 0x11;
        }
        free(data);
    }
}

typedef struct network {
    ut_tensor weight, half, layer, counter;
} network;

static void test_binding(void **unused)
{
    (void)unused;
    ut_weights *w = open_file(ut_test_source(SEEDS[2]));
    network net;
    ut_error err = {0};
    ut_binder binder;
    const ut_binding good[] = {
        {"state.weight", offsetof(network, weight), 2, {3, UT_ANY}, false},
        {"list.%d", offsetof(network, layer), 1, {2}, false},
        {"state.counter", offsetof(network, counter), 1, {3}, true},
    };
    memset(&net, 1, sizeof net);
    ut_binder_init(&binder, w);
    ut_bind(&binder, &net, good, 3, 0);
    assert_int_equal(ut_binder_finish(&binder, &err), UT_OK);
    assert_int_equal(net.weight.shape[1], 4);
    assert_int_equal(net.layer.shape[0], 2);
    assert_int_equal(net.counter.dtype, UT_I64);
    const ut_binding bad[] = {
        {"state.weight", offsetof(network, weight), 2, {4, 4}, false},
        {"state.half", offsetof(network, half), 2, {2, 2}, false},
        {"state.counter", offsetof(network, counter), 1, {3}, false},
        {"state.absent", offsetof(network, layer), 1, {2}, false},
    };
    ut_binder_init(&binder, w);
    ut_bind(&binder, &net, bad, 4, 0);
    assert_int_equal(ut_binder_finish(&binder, &err), UT_ERR_FORMAT);
    assert_non_null(strstr(err.message, "3 tensors"));
    assert_non_null(strstr(err.message, "state.weight is [3 x 4] instead of [4 x 4]"));
    assert_non_null(strstr(err.message, "state.counter holds I64 instead of floats"));
    assert_non_null(strstr(err.message, "state.absent is missing"));
    assert_int_equal(ut_weights_size(w, "state.weight", 1), 4);
    assert_int_equal(ut_weights_size(w, "state.weight", 2), UT_ANY);
    assert_int_equal(ut_weights_size(w, "state.absent", 0), UT_ANY);
    ut_weights_close(w);
}

/* Sums over whole tensors, as PyTorch and NumPy give them. */
static void test_pulled(void **unused)
{
    (void)unused;
    static const struct {
        const char *repository, *file, *tensor;
        double sum;
    } models[] = {
        {"sentence-transformers/all-MiniLM-L6-v2", "model.safetensors",
         "embeddings.LayerNorm.weight", 236.854352},
        {"Systran/faster-whisper-base", "model.bin", "encoder/conv1/weight", 89.3043817},
        {"pyannote/segmentation", "pytorch_model.bin", "state_dict.classifier.weight", -1.14763761},
        {"resemble-ai/Resemblyzer", "pretrained.pt", "model_state.linear.weight", 32.390661},
    };
    int found = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const char *folder = ut_test_model(models[i].repository);
        char path[1024];
        if (!folder) {
            print_message("SKIP: %s (not pulled)\n", models[i].repository);
            continue;
        }
        found++;
        snprintf(path, sizeof path, "%s/%s", folder, models[i].file);
        ut_weights *w = open_file(path);
        const ut_tensor *tensor = ut_weights_find(w, models[i].tensor);
        assert_non_null(tensor);
        double sum = 0.0;
        for (size_t k = 0; k < ut_tensor_count(tensor); k++) {
            float value;
            ut_tensor_to_f32(tensor, k, 1, &value);
            sum += value;
        }
        assert_near(sum, models[i].sum, 1e-4 * fabs(models[i].sum));
        ut_weights_close(w);
    }
    if (!found)
        UT_SKIP("pulled weights", "run `undertone models pull standard`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors), cmocka_unit_test(test_ctranslate2),
        cmocka_unit_test(test_quantized),   cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_damaged),     cmocka_unit_test(test_binding),
        cmocka_unit_test(test_pulled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
