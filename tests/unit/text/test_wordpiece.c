/* WordPiece over a small vocabulary: matching, bounds, broken vocabularies. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "text/normalize.h"
#include "text/wordpiece.h"

static const char vocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nhello\n,\nworld\r\n##un";

static ut_wordpiece *open_small(void)
{
    ut_wordpiece *w;
    assert_int_equal(ut_wordpiece_parse(vocabulary, strlen(vocabulary), "small", true, &w, NULL),
                     UT_OK);
    return w;
}

static void expect(const ut_wordpiece *w, const char *text, const int32_t *ids, size_t n)
{
    int32_t got[16];
    size_t count = 0;
    assert_int_equal(ut_wordpiece_encode(w, text, strlen(text), false, got, 16, &count, NULL, NULL),
                     UT_OK);
    assert_int_equal(count, n);
    assert_memory_equal(got, ids, n * sizeof *ids);
}

static void longest_piece_wins(void **state)
{
    (void)state;
    ut_wordpiece *w = open_small();
    expect(w, "UNAFFABLE", (int32_t[]){4, 5, 6}, 3);
    expect(w, "unun h\xc3\xa9llo,World", (int32_t[]){4, 10, 7, 8, 9}, 5);
    expect(w, "unaffablex", (int32_t[]){1}, 1);
    expect(w, " \t\n", NULL, 0);
    assert_int_equal(ut_wordpiece_id(w, "world", 5), 9);
    assert_int_equal(ut_wordpiece_id(w, "worlds", 6), -1);
    ut_wordpiece_close(w);
}

static void long_text_is_cut_and_counted(void **state)
{
    (void)state;
    ut_wordpiece *w = open_small();
    const char *text = "hello hello hello hello unaffable";
    int32_t ids[6] = {0, 0, 0, 0, -7, -7};
    size_t count, whole;
    assert_int_equal(ut_wordpiece_encode(w, text, strlen(text), true, ids, 4, &count, &whole, NULL),
                     UT_OK);
    assert_int_equal(count, 4);
    assert_int_equal(whole, 9);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[3], 3);
    assert_int_equal(ids[4], -7);
    assert_int_equal(ut_wordpiece_encode(w, text, strlen(text), true, ids, 1, &count, &whole, NULL),
                     UT_ERR_USAGE);
    ut_wordpiece_close(w);
}

static void bad_vocabularies_are_refused(void **state)
{
    (void)state;
    ut_wordpiece *w;
    ut_error err;
    char *big = calloc(1, 4096);
    assert_non_null(big);
    memset(big, 'a', 4095);
    assert_int_equal(ut_wordpiece_parse("", 0, "empty", true, &w, &err), UT_ERR_FORMAT);
    assert_null(w);
    assert_int_equal(ut_wordpiece_parse("[UNK]\n[CLS]\n", 12, "cut", true, &w, &err),
                     UT_ERR_FORMAT);
    assert_non_null(strstr(err.message, "cut"));
    assert_int_equal(ut_wordpiece_parse(big, 4095, "long", true, &w, &err), UT_ERR_FORMAT);
    assert_int_not_equal(ut_wordpiece_open("/nonexistent", &w, &err), UT_OK);
    free(big);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char *path = ut_path_join(folder, name);
    assert_int_equal(ut_file_write(path, text, strlen(text), NULL), UT_OK);
    free(path);
}

static void folders_are_read_in_both_forms(void **state)
{
    (void)state;
    char folder[] = "/tmp/ut_wordpiece_XXXXXX";
    ut_wordpiece *w;
    assert_non_null(mkdtemp(folder));
    write_file(folder, "vocab.txt", vocabulary);
    assert_int_equal(ut_wordpiece_open(folder, &w, NULL), UT_OK);
    expect(w, "Hello", (int32_t[]){7}, 1);
    ut_wordpiece_close(w);
    write_file(folder, "tokenizer.json",
               "{\"normalizer\":{\"lowercase\":false},\"model\":{\"vocab\":{\"[UNK]\":0,\"[CLS]\":"
               "1,\"[SEP]\":2,\"Hello\":5}}}");
    assert_int_equal(ut_wordpiece_open(folder, &w, NULL), UT_OK);
    expect(w, "Hello hello", (int32_t[]){5, 0}, 2);
    ut_wordpiece_close(w);
    write_file(folder, "tokenizer.json",
               "{\"model\":{\"vocab\":{\"[UNK]\":-1,\"[CLS]\":1,\"[SEP]\":99999999}}}");
    assert_int_equal(ut_wordpiece_open(folder, &w, NULL), UT_ERR_FORMAT);
    write_file(folder, "tokenizer.json", "{\"model\":{}}");
    assert_int_equal(ut_wordpiece_open(folder, &w, NULL), UT_ERR_FORMAT);
    for (int i = 0; i < 2; i++) {
        char *path = ut_path_join(folder, i ? "vocab.txt" : "tokenizer.json");
        assert_int_equal(remove(path), 0);
        free(path);
    }
    assert_int_equal(remove(folder), 0);
}

static void bad_utf8_never_runs_over(void **state)
{
    (void)state;
    const char bytes[] = "\xe2\x82";
    size_t at = 0;
    assert_int_equal(ut_utf8_next(bytes, 2, &at), 0xFFFD);
    assert_int_equal(at, 1);
    assert_int_equal(ut_utf8_next(bytes, 2, &at), 0xFFFD);
    assert_int_equal(at, 2);
    ut_buf words;
    ut_buf_init(&words, 0);
    ut_text_basic_words("a\xff"
                        "b \xc3",
                        5, true, &words);
    assert_string_equal(ut_buf_text(&words), "ab\n");
    ut_buf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_piece_wins),
        cmocka_unit_test(long_text_is_cut_and_counted),
        cmocka_unit_test(bad_vocabularies_are_refused),
        cmocka_unit_test(folders_are_read_in_both_forms),
        cmocka_unit_test(bad_utf8_never_runs_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
