/* The starter examples' vectors: of the examples and the encoder that they name, taken only then,
 * and what the encoder makes. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "emotion/examples.h"
#include "models/bert/bert.h"
#include "nn/weights.h"

enum { DIM = 384, LINES = 300 };

static const char *const LINES_FILE = "models/knowledge/starter.jsonl";
static const char *const VECTORS = "models/knowledge/starter.minilm.safetensors";

static char encoder[UT_SHA256_HEX]; /* as the vectors name it */

/* Stands for an encoder: counts what it is asked for. */
static ut_status count_calls(void *context, const char *text, float *vector, ut_error *err)
{
    (void)err;
    for (int i = 0; i < DIM; i++)
        vector[i] = (float)(unsigned char)text[(size_t)i % strlen(text)];
    ++*(size_t *)context;
    return UT_OK;
}

static ut_examples *open_examples(const char *path, const char *sha256, size_t *calls)
{
    ut_examples *examples = NULL;
    ut_error err;
    static const ut_combined space = {
        .text_model = "minilm", .voice_model = "voice", .text_weight = 0.8, .voice_weight = 0.6};
    const ut_examples_from from = {
        path, "starter", &space, count_calls, calls, ut_test_source(VECTORS), sha256};
    *calls = 0;
    if (ut_examples_open(&from, &examples, &err) != UT_OK)
        fail_msg("%s", err.message);
    return examples;
}

static ut_weights *open_vectors(void)
{
    ut_weights *weights = NULL;
    ut_error err;
    if (ut_weights_open(ut_test_source(VECTORS), &weights, &err) != UT_OK)
        fail_msg("%s", err.message);
    return weights;
}

static int prepare(void **state)
{
    (void)state;
    ut_weights *weights = open_vectors();
    const char *sha256 = ut_weights_metadata(weights, "encoder_sha256");
    snprintf(encoder, sizeof encoder, "%s", sha256 ? sha256 : "");
    ut_weights_close(weights);
    return 0;
}

/* Fails after a change of starter.jsonl until tools/train/starter_vectors.py has run again. */
static void are_of_these_examples_and_this_encoder(void **state)
{
    (void)state;
    char hash[UT_SHA256_HEX];
    json_t *manifest;
    ut_weights *weights = open_vectors();
    const char *named = ut_weights_metadata(weights, "examples_sha256");
    assert_non_null(named);
    assert_int_equal(ut_sha256_file(ut_test_source(LINES_FILE), hash, NULL), UT_OK);
    assert_string_equal(named, hash);
    ut_weights_close(weights);
    assert_int_equal(ut_json_load(ut_test_source("models/manifest.json"), 1 << 20, &manifest, NULL),
                     UT_OK);
    char *text = json_dumps(manifest, 0);
    assert_non_null(strstr(text, encoder));
    free(text);
    json_decref(manifest);
}

static void spare_the_encoder(void **state)
{
    (void)state;
    size_t calls;
    ut_examples *examples = open_examples(ut_test_source(LINES_FILE), encoder, &calls);
    assert_int_equal(calls, 0);
    assert_int_equal(ut_examples_count(examples), LINES);
    ut_weights *weights = open_vectors();
    const ut_tensor *vectors = ut_weights_find(weights, "vectors");
    float vector[DIM];
    ut_tensor_to_f32(vectors, 0, DIM, vector);
    ut_utterance said = {.speaker = -1, .text_embedding = {"minilm", vector, DIM}};
    ut_conversation c = {.arena = ut_arena_create(0), .id = "c", .utterances = &said};
    c.utterance_count = 1;
    ut_recalled recalled;
    ut_error err;
    assert_int_equal(ut_examples_recall(examples, &c, true, false, 2, &recalled, &err), UT_OK);
    assert_int_equal(recalled.count, 2);
    const ut_example *nearest = recalled.examples;
    assert_int_equal(nearest[0].label, UT_SAD);
    for (int i = 0; i < UT_EMOTIONS; i++)
        assert_true(recalled.opinion[i] > 0 && recalled.opinion[i] <= recalled.opinion[UT_SAD]);
    assert_string_equal(nearest[0].text,
                        "I just can't stop thinking about her, the house is so quiet now.");
    assert_near(nearest[0].distance, 0, 1e-5);
    assert_true(nearest[1].distance > 0.1f);
    ut_arena_destroy(c.arena);
    ut_weights_close(weights);
    ut_examples_close(examples);
}

static void of_another_encoder_are_not_taken(void **state)
{
    (void)state;
    size_t calls;
    encoder[5] ^= 1;
    ut_examples *examples = open_examples(ut_test_source(LINES_FILE), encoder, &calls);
    encoder[5] ^= 1;
    assert_int_equal(calls, LINES);
    assert_int_equal(ut_examples_count(examples), LINES);
    ut_examples_close(examples);
}

static void of_other_examples_are_not_taken(void **state)
{
    (void)state;
    char path[] = "/tmp/undertone-examples-XXXXXX";
    static const char line[] = "{\"text\": \"That is all.\", \"label\": \"neutral\"}\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, line, sizeof line - 1), sizeof line - 1);
    close(fd);
    size_t calls;
    ut_examples *examples = open_examples(path, encoder, &calls);
    assert_int_equal(calls, 1);
    ut_examples_close(examples);
    unlink(path);
}

static void are_what_the_encoder_makes(void **state)
{
    (void)state;
    const char *folder = ut_test_model("sentence-transformers/all-MiniLM-L6-v2");
    if (!folder)
        UT_SKIP("the starter vectors against MiniLM", "its weights were not pulled");
    static const struct {
        int row;
        const char *text;
    } some[] = {{0, "I just can't stop thinking about her, the house is so quiet now."},
                {299, "Honestly, I'm at a loss, I've filled in the same page five times."}};
    ut_bert *bert;
    ut_error err;
    if (ut_bert_open(folder, &bert, &err) != UT_OK)
        fail_msg("%s", err.message);
    ut_weights *weights = open_vectors();
    ut_arena *arena = ut_arena_create(0);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        float made[DIM], held[DIM];
        assert_int_equal(ut_bert_embed(bert, some[i].text, made, arena, NULL, &err), UT_OK);
        ut_tensor_to_f32(ut_weights_find(weights, "vectors"), (size_t)some[i].row * DIM, DIM, held);
        for (int k = 0; k < DIM; k++)
            assert_near(made[k], held[k], 2e-4);
    }
    ut_arena_destroy(arena);
    ut_weights_close(weights);
    ut_bert_close(bert);
}

/* A voice like others that a person called angry, without words, beside voices of the opposite
 * direction that sound happy: the near ones vote, and are shown each text once, two a conversation.
 */
static void a_near_voice_votes(void **state)
{
    (void)state;
    enum { ALL = 12, VOICE = UT_COMBINED_VOICE };
    static const ut_combined heard = {
        .text_model = "minilm", .voice_model = "voice", .text_weight = 0.8, .voice_weight = 0.6};
    static float vectors[ALL * UT_COMBINED_DIM];
    char name[UT_COMBINED_NAME];
    char ids[ALL][8];
    float values[VOICE];
    ut_store_item items[ALL];
    ut_store *store;
    size_t calls;
    ut_error err;
    for (size_t i = 0; i < ALL; i++) {
        bool angry = i % 2 == 0;
        for (size_t d = 0; d < VOICE; d++)
            values[d] = (angry ? 1 : -1) * cosf((float)d) + 0.1f * sinf((float)(d * (i + 3)));
        ut_embedding voice = {"voice", values, VOICE};
        assert_true(ut_combine(&heard, NULL, &voice, vectors + i * UT_COMBINED_DIM));
        snprintf(ids[i], sizeof ids[i], "%zu", i);
        items[i] = (ut_store_item){.id = ids[i],
                                   .text = i < 4   ? "Hm."
                                           : i < 8 ? "Well."
                                                   : "",
                                   .label = angry ? UT_ANGRY : UT_HAPPY,
                                   .conversation = i < 6    ? "first"
                                                   : i < 10 ? "second"
                                                            : "this"};
    }
    ut_combined_name(&heard, name);
    assert_int_equal(ut_store_open(NULL, UT_STORE_WRITE, (ut_store_space){name, UT_COMBINED_DIM},
                                   NULL, &store, &err),
                     UT_OK);
    assert_int_equal(ut_store_add(store, items, vectors, ALL, NULL, &err), UT_OK);
    ut_examples *examples = open_examples(ut_test_source(LINES_FILE), encoder, &calls);
    assert_int_equal(ut_examples_add_store(examples, store, &heard, &err), UT_OK);
    for (size_t d = 0; d < VOICE; d++)
        values[d] = cosf((float)d);
    ut_utterance said = {.speaker = -1, .text = "", .voice = {"voice", values, VOICE}};
    ut_conversation c = {.arena = ut_arena_create(0), .id = "this", .utterances = &said};
    c.utterance_count = 1;
    ut_recalled recalled;
    assert_int_equal(ut_examples_recall(examples, &c, true, true, 5, &recalled, &err), UT_OK);
    assert_true(recalled.opinion[UT_ANGRY] > 0.7f);
    assert_true(recalled.count >= 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(recalled.examples[i].label, UT_ANGRY);
    assert_true(recalled.examples[0].distance < 0.1f);
    /* Of the angry ones 0 and 2 say "Hm.", 4 and 6 "Well.", and 10 is of this conversation. */
    for (size_t i = 0; i < recalled.count; i++)
        for (size_t k = 0; k < i; k++)
            if (*recalled.examples[i].text)
                assert_string_not_equal(recalled.examples[i].text, recalled.examples[k].text);
    /* Of another name, it is not this conversation's own any more: one more to choose from. */
    size_t kept = recalled.count;
    c.id = "another";
    assert_int_equal(ut_examples_recall(examples, &c, true, true, 64, &recalled, &err), UT_OK);
    assert_true(recalled.count > kept);
    /* Without ears there is nothing to go by. */
    assert_int_equal(ut_examples_recall(examples, &c, true, false, 5, &recalled, &err), UT_OK);
    assert_int_equal(recalled.count, 0);
    ut_arena_destroy(c.arena);
    ut_examples_close(examples);
}

/* The vote counts the labels of the whole store, in whatever order it was filled: a label that most
 * items have says less. */
static void a_common_label_says_less(void **state)
{
    (void)state;
    enum { ALL = 21000, SAD = 20500, DIM_ALL = UT_COMBINED_DIM };
    static const ut_combined space = {
        .text_model = "minilm", .voice_model = "voice", .text_weight = 0.8, .voice_weight = 0.6};
    char name[UT_COMBINED_NAME];
    float values[DIM] = {0};
    size_t calls;
    ut_store *store;
    ut_error err;
    ut_combined_name(&space, name);
    assert_int_equal(
        ut_store_open(NULL, UT_STORE_WRITE, (ut_store_space){name, DIM_ALL}, NULL, &store, &err),
        UT_OK);
    char(*ids)[8] = malloc(ALL * sizeof *ids);
    ut_store_item *items = calloc(ALL, sizeof *items);
    float *vectors = calloc((size_t)ALL * DIM_ALL, sizeof *vectors);
    for (size_t i = 0; i < ALL; i++) {
        snprintf(ids[i], sizeof ids[i], "%05zu", i);
        items[i] =
            (ut_store_item){.id = ids[i], .text = ids[i], .label = i < SAD ? UT_SAD : UT_HAPPY};
        /* All far from the question, but for one of each label that are equally near. */
        vectors[i * DIM_ALL + (i == 0 || i == ALL - 1 ? 0 : 1)] = 0.8f;
    }
    assert_int_equal(ut_store_add(store, items, vectors, ALL, NULL, &err), UT_OK);
    ut_examples *examples = open_examples(ut_test_source(LINES_FILE), encoder, &calls);
    assert_int_equal(ut_examples_add_store(examples, store, &space, &err), UT_OK);
    values[0] = 1;
    ut_utterance said = {.speaker = -1, .text = "x", .text_embedding = {"minilm", values, DIM}};
    ut_conversation c = {.arena = ut_arena_create(0), .id = "c", .utterances = &said};
    c.utterance_count = 1;
    ut_recalled recalled;
    assert_int_equal(ut_examples_recall(examples, &c, true, false, 2, &recalled, &err), UT_OK);
    assert_near(recalled.examples[0].distance, 0, 1e-6);
    assert_near(recalled.examples[1].distance, 0, 1e-6);
    assert_true(recalled.opinion[UT_HAPPY] > 10 * recalled.opinion[UT_SAD]);
    ut_arena_destroy(c.arena);
    ut_examples_close(examples);
    free(vectors);
    free(items);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_of_these_examples_and_this_encoder),
        cmocka_unit_test(spare_the_encoder),
        cmocka_unit_test(of_another_encoder_are_not_taken),
        cmocka_unit_test(of_other_examples_are_not_taken),
        cmocka_unit_test(are_what_the_encoder_makes),
        cmocka_unit_test(a_near_voice_votes),
        cmocka_unit_test(a_common_label_says_less),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
