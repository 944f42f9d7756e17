/* Vocabularies in their three written forms, and bad ones. */
#include "ut_test.h"

#include <string.h>

#include "text/bpe.h"

static ut_bpe *parse(const char *text)
{
    ut_bpe *bpe = NULL;
    ut_error err;
    if (ut_bpe_parse(text, strlen(text), "test", &bpe, &err) != UT_OK)
        fail_msg("%s", err.message);
    return bpe;
}

static void expect(const ut_bpe *bpe, int id, const char *want)
{
    size_t length;
    const char *bytes = ut_bpe_token(bpe, id, &length);
    assert_int_equal(length, strlen(want));
    assert_memory_equal(bytes, want, length + 1);
}

static void test_forms(void **unused)
{
    (void)unused;
    /* "Ġ" writes a space, "Ã©" the two bytes of "é", "Ċ" a newline. */
    static const char *const forms[] = {
        "a\n\xC4\xA0the\n\xC3\x83\xC2\xA9\n\xC4\x8A\n<|en|>\n",
        "[\"a\", \"\\u0120the\", \"\\u00c3\\u00a9\", \"\\u010a\", \"<|en|>\"]",
        "{\"model\": {\"vocab\": {\"a\": 0, \"\\u0120the\": 1, \"\\u00c3\\u00a9\": 2, \"\\u010a\": "
        "3}}, \"added_tokens\": [{\"id\": 4, \"content\": \"<|en|>\"}]}"};
    for (int i = 0; i < 3; i++) {
        ut_bpe *bpe = parse(forms[i]);
        assert_int_equal(ut_bpe_size(bpe), 5);
        expect(bpe, 0, "a");
        expect(bpe, 1, " the");
        expect(bpe, 2, "\xC3\xA9");
        expect(bpe, 3, "\n");
        expect(bpe, 4, "<|en|>");
        expect(bpe, 5, "");
        expect(bpe, -1, "");
        assert_int_equal(ut_bpe_find(bpe, " the"), 1);
        assert_int_equal(ut_bpe_find(bpe, "<|en|>"), 4);
        assert_int_equal(ut_bpe_find(bpe, "the"), -1);
        ut_bpe_close(bpe);
    }
}

static void test_bad(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[1]",
        "{\"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"model\": {\"vocab\": {\"a\": 99999999}}}",
        "{\"model\": {\"vocab\": {\"a\": \"0\"}}}",
        "{\"model\": {\"vocab\": {}}}",
        "{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [3]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ut_bpe *bpe = NULL;
        ut_error err = {0};
        assert_int_equal(ut_bpe_parse(bad[i], strlen(bad[i]), "test.json", &bpe, &err),
                         UT_ERR_FORMAT);
        assert_null(bpe);
        assert_non_null(strstr(err.message, "test.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
