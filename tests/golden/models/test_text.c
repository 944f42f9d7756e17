/* Word pieces, sentence vectors and opinions against Hugging Face's tokenizers and PyTorch
 * (tools/golden/bert_text.py). */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "models/bert/bert.h"
#include "models/emotion_text/emotion_text.h"
#include "models/static_embedding/static_embedding.h"
#include "nn/weights.h"
#include "text/wordpiece.h"

enum { MAX_ROWS = 64 };

/* One line of a golden file: text as bytes, then numbers. */
typedef struct golden_row {
    char *text;
    size_t length;
    double *values;
    size_t count;
} golden_row;

typedef struct golden {
    golden_row rows[MAX_ROWS];
    size_t count;
} golden;

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void read_row(char *line, golden_row *row)
{
    char *tab = strchr(line, '\t');
    assert_non_null(tab);
    row->length = (size_t)(tab - line) / 2;
    row->text = calloc(row->length + 1, 1);
    row->values = calloc(strlen(tab) / 2 + 1, sizeof *row->values);
    assert_true(row->text && row->values);
    for (size_t i = 0; i < row->length; i++)
        row->text[i] = (char)(hex(line[2 * i]) * 16 + hex(line[2 * i + 1]));
    for (char *at = tab + 1, *end; *at; at = end) {
        double v = strtod(at, &end);
        if (end == at)
            break;
        row->values[row->count++] = v;
    }
}

static void golden_read(const char *name, golden *g)
{
    char path[256];
    char *data = NULL;
    size_t length = 0;
    memset(g, 0, sizeof *g);
    snprintf(path, sizeof path, "tests/golden/models/data/%s", name);
    assert_int_equal(ut_file_read(ut_test_source(path), 1 << 20, &data, &length, NULL), UT_OK);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        assert_true(g->count < MAX_ROWS);
        read_row(line, &g->rows[g->count++]);
    }
    free(data);
    assert_true(g->count > 0);
}

static void golden_free(golden *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->rows[i].text);
        free(g->rows[i].values);
    }
}

static void check_ids(const ut_wordpiece *w)
{
    golden g;
    golden_read("bert_ids.txt", &g);
    for (size_t i = 0; i < g.count; i++) {
        int32_t ids[256];
        size_t count = 0;
        const golden_row *r = &g.rows[i];
        assert_int_equal(
            ut_wordpiece_encode(w, r->text, r->length, true, ids, 256, &count, NULL, NULL), UT_OK);
        bool same = count == r->count;
        for (size_t k = 0; same && k < count; k++)
            same = ids[k] == (int32_t)r->values[k];
        if (!same) {
            print_error("other pieces for: %s\n", r->text);
            for (size_t k = 0; k < count || k < r->count; k++)
                print_error(" %d/%d", k < count ? (int)ids[k] : -1,
                            k < r->count ? (int)r->values[k] : -1);
            print_error("\n");
        }
        assert_true(same);
    }
    golden_free(&g);
}

static void bundled_vocabulary_cuts_like_the_reference(void **state)
{
    (void)state;
    ut_weights *weights;
    ut_wordpiece *w;
    assert_int_equal(
        ut_weights_open(ut_test_source("models/text/static.safetensors"), &weights, NULL), UT_OK);
    const ut_tensor *v = ut_weights_find(weights, "vocabulary");
    assert_non_null(v);
    assert_int_equal(ut_wordpiece_parse(v->data, (size_t)v->shape[0], "vocabulary", true, &w, NULL),
                     UT_OK);
    assert_int_equal(ut_wordpiece_count(w), 30522);
    check_ids(w);
    ut_wordpiece_close(w);
    ut_weights_close(weights);
}

static void hub_folder_cuts_like_the_reference(void **state)
{
    (void)state;
    const char *folder = ut_test_model("sentence-transformers/all-MiniLM-L6-v2");
    if (!folder)
        UT_SKIP("WordPiece from a hub folder", "MiniLM is not pulled");
    ut_wordpiece *w;
    assert_int_equal(ut_wordpiece_open(folder, &w, NULL), UT_OK);
    check_ids(w);
    ut_wordpiece_close(w);
}

static void compare(const float *got, const golden_row *r, size_t count, double tolerance)
{
    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++)
        assert_near(got[i], r->values[i], tolerance);
}

static void minilm_embeds_like_pytorch(void **state)
{
    (void)state;
    const char *folder = ut_test_model("sentence-transformers/all-MiniLM-L6-v2");
    if (!folder)
        UT_SKIP("MiniLM sentence vectors", "MiniLM is not pulled");
    golden g;
    ut_bert *bert;
    float out[384];
    ut_error err = {0};
    golden_read("bert_vectors.txt", &g);
    if (ut_bert_open(folder, &bert, &err) != UT_OK)
        fail_msg("%s", err.message);
    assert_int_equal(ut_bert_dimensions(bert), 384);
    ut_arena *scratch = ut_arena_create(0);
    for (size_t i = 0; i < g.count; i++) {
        size_t tokens = 0;
        assert_int_equal(ut_bert_embed(bert, g.rows[i].text, out, scratch, &tokens, &err), UT_OK);
        compare(out, &g.rows[i], 384, 1e-4);
        assert_true(tokens >= 2);
        if (g.rows[i].length > 1000)
            assert_int_equal(tokens, 302); /* the last sentence is cut at 256 */
    }
    ut_arena_destroy(scratch);
    ut_bert_close(bert);
    golden_free(&g);
}

static void minilm_embeds_many_like_one(void **state)
{
    (void)state;
    const char *folder = ut_test_model("sentence-transformers/all-MiniLM-L6-v2");
    if (!folder)
        UT_SKIP("MiniLM sentence vectors, many at a time", "MiniLM is not pulled");
    golden g;
    ut_bert *bert;
    golden_read("bert_vectors.txt", &g);
    assert_int_equal(ut_bert_open(folder, &bert, NULL), UT_OK);
    enum { COUNT = 2 * UT_BERT_BATCH + 5 };
    const char *texts[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        texts[i] = g.rows[(i * i + 1) % g.count].text;
    float *out = calloc(COUNT, 384 * sizeof *out);
    ut_arena *scratch = ut_arena_create(0);
    assert_int_equal(ut_bert_embed_many(bert, texts, COUNT, out, scratch, NULL), UT_OK);
    for (size_t i = 0; i < COUNT; i++)
        compare(out + i * 384, &g.rows[(i * i + 1) % g.count], 384, 1e-4);
    free(out);
    ut_arena_destroy(scratch);
    ut_bert_close(bert);
    golden_free(&g);
}

static void bundled_models_think_like_the_reference(void **state)
{
    (void)state;
    golden vectors, opinions, contexts;
    ut_static_embedding *e;
    ut_text_expert *t;
    ut_context_expert *c;
    ut_error err = {0};
    float x[MAX_ROWS][384];
    float p[5];
    ut_context_turn turns[MAX_ROWS];
    const ut_context_turn *window[UT_CONTEXT_TURNS];
    golden_read("static_vectors.txt", &vectors);
    golden_read("static_opinions.txt", &opinions);
    golden_read("context_opinions.txt", &contexts);
    if (ut_static_embedding_open(ut_test_source("models/text/static.safetensors"), &e, &err) !=
            UT_OK ||
        ut_text_expert_open(ut_test_source("models/text/emotion-static.safetensors"), &t, &err) !=
            UT_OK ||
        ut_context_expert_open(ut_test_source("models/text/context.safetensors"), &c, &err) !=
            UT_OK)
        fail_msg("%s", err.message);
    assert_int_equal(ut_static_embedding_dimensions(e), 384);
    assert_string_equal(ut_static_embedding_name(e), "undertone-static-160");
    for (size_t i = 0; i < vectors.count; i++) {
        const char *text = vectors.rows[i].text;
        assert_int_equal(ut_static_embedding_embed(e, text, x[i], &err), UT_OK);
        compare(x[i], &vectors.rows[i], 384, 2e-5);
        assert_int_equal(ut_text_expert_classify(t, text, x[i], turns[i].p_text, &err), UT_OK);
        compare(turns[i].p_text, &opinions.rows[i], 5, 1e-4);
        turns[i].embedding = x[i];
        turns[i].speaker = (int)(i % 2);
    }
    for (size_t i = 0; i < vectors.count; i++) {
        for (size_t k = 0; k <= UT_CONTEXT_BEFORE; k++)
            window[k] = k <= i ? &turns[i - k] : NULL;
        for (size_t k = 1; k <= UT_CONTEXT_AFTER; k++)
            window[UT_CONTEXT_BEFORE + k] = i + k < vectors.count ? &turns[i + k] : NULL;
        ut_context_expert_classify(c, window, p);
        compare(p, &contexts.rows[i], 5, 2e-4);
    }
    ut_context_expert_close(c);
    ut_text_expert_close(t);
    ut_static_embedding_close(e);
    golden_free(&contexts);
    golden_free(&opinions);
    golden_free(&vectors);
}

static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    return ut_static_embedding_embed(context, text, out, err);
}

static void cues_name_the_word_that_carries_the_feeling(void **state)
{
    (void)state;
    ut_static_embedding *e;
    ut_text_expert *t;
    float x[384];
    ut_text_cue cues[3];
    size_t count = 0;
    const char *text = "This is terrible news for the team.";
    assert_int_equal(
        ut_static_embedding_open(ut_test_source("models/text/static.safetensors"), &e, NULL),
        UT_OK);
    assert_int_equal(
        ut_text_expert_open(ut_test_source("models/text/emotion-static.safetensors"), &t, NULL),
        UT_OK);
    assert_int_equal(ut_static_embedding_embed(e, text, x, NULL), UT_OK);
    assert_int_equal(ut_text_expert_cues(t, text, x, 3, embed, e, cues, 3, &count, NULL), UT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(cues[0].start, 8);
    assert_int_equal(cues[0].length, 8);
    assert_true(cues[0].effect < 0); /* "terrible" speaks against neutral */
    assert_int_equal(ut_text_expert_cues(t, "", x, 3, NULL, NULL, cues, 3, &count, NULL), UT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(ut_text_expert_cues(t, text, x, 5, NULL, NULL, cues, 3, &count, NULL),
                     UT_ERR_USAGE);
    ut_text_expert_close(t);
    ut_static_embedding_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundled_vocabulary_cuts_like_the_reference),
        cmocka_unit_test(hub_folder_cuts_like_the_reference),
        cmocka_unit_test(minilm_embeds_like_pytorch),
        cmocka_unit_test(minilm_embeds_many_like_one),
        cmocka_unit_test(bundled_models_think_like_the_reference),
        cmocka_unit_test(cues_name_the_word_that_carries_the_feeling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
