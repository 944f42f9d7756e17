/* Word error rates equal jiwer's and the published ones of LibriSpeech systems. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "eval/wer.h"

static void normalizes(const char *text, const char *expected)
{
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_wer_normalize(text, strlen(text), &out);
    assert_string_equal(ut_buf_text(&out), expected);
    ut_buf_free(&out);
}

static void normalizer_rules(void **state)
{
    (void)state;
    normalizes("", "");
    normalizes("  Hello,\tWORLD!\n", "hello world");
    normalizes("Don\xE2\x80\x99t 'quote' dogs' it's", "don't quote dogs it's");
    normalizes("well-known \xE2\x80\x94 3.5% of $20", "well known 3 5 of 20");
    normalizes("Stra\xC3\x9F"
               "e \xC3\x89T\xC3\x89 e\xCC\x81",
               "strasse e\xCC\x81te\xCC\x81 e\xCC\x81");
    normalizes("\xEF\xBC\xA1\xEF\xBC\xA2", "ab"); /* full-width letters */
    normalizes("a\xFFz\xC3", "a z");
    normalizes("...", "");
}

static void counts_like_jiwer(void **state)
{
    (void)state;
    const char *path = ut_test_data("data/metrics/jiwer_fixtures.json");
    if (!path)
        UT_SKIP("jiwer fixtures", "no test data");
    json_t *root;
    assert_int_equal(ut_json_load(path, 1 << 20, &root, NULL), UT_OK);
    size_t i, seen = 0;
    json_t *one;
    json_array_foreach(json_object_get(root, "words"), i, one)
    {
        ut_wer w = {0};
        assert_int_equal(ut_wer_count(ut_json_string_or(one, "ref", ""),
                                      ut_json_string_or(one, "hyp", ""), &w, NULL),
                         UT_OK);
        assert_near(ut_wer_rate(&w), ut_json_number_or(one, "wer", -1), 1e-12);
        seen++;
    }
    json_array_foreach(json_object_get(root, "counts"), i, one)
    {
        ut_wer w = {0};
        assert_int_equal(ut_wer_count(ut_json_string_or(one, "ref", ""),
                                      ut_json_string_or(one, "hyp", ""), &w, NULL),
                         UT_OK);
        assert_int_equal(w.substitutions, ut_json_number_or(one, "S", -1));
        assert_int_equal(w.deletions, ut_json_number_or(one, "D", -1));
        assert_int_equal(w.insertions, ut_json_number_or(one, "I", -1));
        assert_int_equal(w.hits, ut_json_number_or(one, "H", -1));
        seen++;
    }
    assert_int_equal(seen, 16);
    json_decref(root);
}

/* "id<TAB>text" lines, both files cut in place; finds id's text. */
typedef struct line {
    char *id, *text;
} line;

static int by_id(const void *a, const void *b)
{
    return strcmp(((const line *)a)->id, ((const line *)b)->id);
}

static size_t read_lines(const char *name, char **data, line *lines, size_t most)
{
    size_t length, count = 0;
    char *path = strdup(ut_test_data(name));
    assert_int_equal(ut_file_read(path, 1 << 24, data, &length, NULL), UT_OK);
    free(path);
    for (char *at = *data, *end; at && *at && count < most; at = end) {
        end = strchr(at, '\n');
        if (end)
            *end++ = 0;
        char *tab = strchr(at, '\t');
        if (tab)
            *tab = 0;
        lines[count++] = (line){at, tab ? tab + 1 : at + strlen(at)};
    }
    qsort(lines, count, sizeof *lines, by_id);
    return count;
}

enum { MOST_LINES = 4000 };

static void librispeech_system(const char *set, const char *system, size_t errors, size_t words)
{
    static line ref[MOST_LINES], hyp[MOST_LINES];
    char name[128], *a, *b;
    snprintf(name, sizeof name, "data/metrics/wer_librispeech/ref.%s.tsv", set);
    size_t n = read_lines(name, &a, ref, MOST_LINES);
    snprintf(name, sizeof name, "data/metrics/wer_librispeech/hyp.%s.%s.tsv", set, system);
    size_t m = read_lines(name, &b, hyp, MOST_LINES);
    ut_wer w = {0};
    for (size_t i = 0; i < n; i++) {
        line *found = bsearch(&ref[i], hyp, m, sizeof *hyp, by_id);
        assert_int_equal(ut_wer_count(ref[i].text, found ? found->text : "", &w, NULL), UT_OK);
    }
    assert_int_equal(w.reference_words, words);
    assert_int_equal(w.substitutions + w.deletions + w.insertions, errors);
    assert_int_equal(w.hits + w.substitutions + w.deletions, words);
    free(a);
    free(b);
}

static void librispeech_published(void **state)
{
    (void)state;
    if (!ut_test_data("data/metrics/wer_librispeech/ref.test-other.tsv"))
        UT_SKIP("published LibriSpeech results", "no test data");
    librispeech_system("test-other", "b1.rnnt_baseline", 3903 + 563 + 563, 52343);
    /* published as 3847, one above the smallest distance, which a plain Levenshtein confirms */
    librispeech_system("test-other", "b2.b1+nnlm", 3846, 52343);
    librispeech_system("test-clean", "s5.s3+db-nnlm.biasing_100", 751 + 131 + 160, 52576);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalizer_rules),
        cmocka_unit_test(counts_like_jiwer),
        cmocka_unit_test(librispeech_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
