/* Byte pairs against openai-whisper's tokenizer (tools/golden/bpe_text.py), with the vocabularies
 * of the pulled models. */
#include "ut_test.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/bpe.h"

/* Every recorded text gives column `column`, and its tokens' bytes give the text again. */
static void check(const char *repository, size_t column)
{
    const char *dir = ut_test_model(repository);
    if (!dir)
        UT_SKIP("byte pairs against openai-whisper", repository);
    ut_bpe *bpe;
    ut_error err;
    json_t *rows;
    if (ut_bpe_open(dir, &bpe, &err) != UT_OK ||
        ut_json_load(ut_test_source("tests/golden/text/data/bpe.json"), UT_LIMIT_CONFIG_BYTES,
                     &rows, &err) != UT_OK)
        fail_msg("%s", err.message);
    size_t at;
    json_t *row;
    json_array_foreach(rows, at, row)
    {
        const json_t *text = json_array_get(row, 0), *want = json_array_get(row, column);
        const char *bytes = json_string_value(text);
        size_t length = json_string_length(text), count, used = 0, size;
        int ids[1024];
        assert_true(length < sizeof ids / sizeof *ids);
        assert_int_equal(ut_bpe_encode(bpe, bytes, length, ids, &count, NULL), UT_OK);
        bool same = count == json_array_size(want);
        for (size_t i = 0; i < count; i++) {
            same = same && json_integer_value(json_array_get(want, i)) == ids[i];
            const char *piece = ut_bpe_token(bpe, ids[i], &size);
            assert_true(used + size <= length && memcmp(bytes + used, piece, size) == 0);
            used += size;
        }
        assert_int_equal(used, length);
        if (!same)
            fail_msg("\"%s\" is encoded in another way", bytes);
    }
    print_message("%s: %zu texts\n", repository, at);
    assert_true(at > 400);
    json_decref(rows);
    ut_bpe_close(bpe);
}

static void test_multilingual(void **unused)
{
    (void)unused;
    check("Systran/faster-whisper-base", 1);
}

static void test_english(void **unused)
{
    (void)unused;
    check("Systran/faster-whisper-tiny.en", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_multilingual),
                                       cmocka_unit_test(test_english)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
