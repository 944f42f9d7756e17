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
        assert_int_equal(ut_bpe_find(bpe, " the", 4), 1);
        assert_int_equal(ut_bpe_find(bpe, "<|en|>", 6), 4);
        assert_int_equal(ut_bpe_find(bpe, "the", 3), -1);
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

/* All single bytes in GPT-2's order, then " t", "he", " the", "ab", "abc", "bcd". */
static ut_bpe *small_vocabulary(void)
{
    static char text[4096];
    size_t used = 0;
    for (int pass = 0, next = 256; pass < 2; pass++)
        for (int b = 0; b < 256; b++) {
            bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            int c = printable ? b : next;
            next += pass == 0 || printable ? 0 : 1;
            if (printable != (pass == 0))
                continue;
            if (c < 128)
                text[used++] = (char)c;
            if (c >= 128) {
                text[used++] = (char)(0xC0 | c >> 6);
                text[used++] = (char)(0x80 | (c & 63));
            }
            text[used++] = '\n';
        }
    static const char words[] = "\xC4\xA0t\nhe\n\xC4\xA0the\nab\nabc\nbcd\n";
    memcpy(text + used, words, sizeof words);
    return parse(text);
}

static void test_encode(void **unused)
{
    (void)unused;
    enum { T = 256, HE, THE, AB, ABC, BCD };
    ut_bpe *bpe = small_vocabulary();
    assert_int_equal(ut_bpe_size(bpe), 262);
    const struct {
        const char *text;
        int ids[8], count;
    } cases[] = {
        {"", {0}, 0},
        {"he", {HE}, 1},
        {" the", {THE}, 1},
        {"the", {'t' - 33, HE}, 2},
        {"abcd", {ABC, 'd' - 33}, 2},               /* what was learnt first is joined first */
        {"bcd", {'b' - 33, 'c' - 33, 'd' - 33}, 3}, /* "bc" and "cd" are no tokens on the way */
        {"he1he", {HE, '1' - 33, HE}, 3},
        {"  the", {220, THE}, 2}, /* the last of several spaces goes to the word */
        {" \n", {220, 198}, 2},
        {"it's", {'i' - 33, 't' - 33, '\'' - 33, 's' - 33}, 4},
        {"\xC3\xA9", {127, 102}, 2},
        {"\xFF", {187}, 1}, /* bytes that are no text stay themselves */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int ids[16];
        size_t count;
        assert_int_equal(
            ut_bpe_encode(bpe, cases[i].text, strlen(cases[i].text), ids, &count, NULL), UT_OK);
        if (count != (size_t)cases[i].count || memcmp(ids, cases[i].ids, count * sizeof *ids) != 0)
            fail_msg("case %zu: %zu tokens, the first is %d", i, count, ids[0]);
    }
    ut_bpe_close(bpe);
}

/* Tokens of any bytes give the bytes again. */
static void test_round_trip(void **unused)
{
    (void)unused;
    static char text[UT_BPE_MAX_BYTES + 1];
    static int ids[UT_BPE_MAX_BYTES];
    ut_bpe *bpe = small_vocabulary();
    uint32_t seed = 1;
    for (size_t length = 0; length <= UT_BPE_MAX_BYTES; length += 1 + length / 2) {
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = length % 3 ? "9 abcdthe '  \n\xC3\xA9"[seed >> 24 & 15] : (char)(seed >> 24);
        }
        size_t count, used = 0, size;
        assert_int_equal(ut_bpe_encode(bpe, text, length, ids, &count, NULL), UT_OK);
        for (size_t i = 0; i < count; i++) {
            const char *bytes = ut_bpe_token(bpe, ids[i], &size);
            assert_true(used + size <= length && memcmp(text + used, bytes, size) == 0);
            used += size;
        }
        assert_int_equal(used, length);
    }
    size_t count;
    ut_error err;
    memset(text, 'a', sizeof text); /* one word as long as may be: not slow either */
    assert_int_equal(ut_bpe_encode(bpe, text, UT_BPE_MAX_BYTES, ids, &count, &err), UT_OK);
    assert_int_equal(count, UT_BPE_MAX_BYTES);
    assert_int_equal(ut_bpe_encode(bpe, text, sizeof text, ids, &count, &err), UT_ERR_LIMIT);
    ut_bpe_close(bpe);
    bpe = parse("a\nb\n");
    assert_int_equal(ut_bpe_encode(bpe, "abc", 3, ids, &count, &err), UT_ERR_FORMAT);
    ut_bpe_close(bpe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_encode),
                                       cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
