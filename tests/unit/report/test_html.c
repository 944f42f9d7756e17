/* The page holds everything escaped and nothing from elsewhere; what a browser makes of it is
 * checked in tests/e2e/test_report_page.py with the file written here. */
#include "ut_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "report/html.h"
#include "synthetic.h"

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static void holds_the_conversation_safely(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(16);
    c->id = "</title><b>\"x\"";
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_error err;
    assert_int_equal(ut_report_html(c, NULL, (ut_sink){ut_buf_put, &out}, &err), UT_OK);
    assert_int_equal(count_of(out.data, "</script>"), 4); /* data, two libraries, script */
    assert_int_equal(count_of(out.data, "</title>"), 1);
    assert_null(strstr(out.data, "\xE2\x80\xA8"));
    const char *data = strstr(out.data, "id=\"data\">") + strlen("id=\"data\">");
    json_t *json;
    assert_int_equal(
        ut_json_parse(data, (size_t)(strstr(data, "</script>") - data), "page", &json, &err),
        UT_OK);
    json_t *u =
        json_array_get(json_object_get(json_object_get(json, "conversation"), "utterances"), 2);
    assert_string_equal(ut_json_string_or(u, "text", ""), c->utterances[2].text);
    json_decref(json);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

static void embeds_the_recording(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(2);
    ut_buf out;
    ut_buf_init(&out, 0);
    FILE *sound;
    assert_int_equal(ut_file_scratch("/tmp", &sound, NULL), UT_OK);
    for (int i = 0; i < 50000; i++) /* more than a window of it */
        fwrite("abc", 1, 3, sound);
    ut_peaks peaks = {.values = {0.5f, 0.25f, 0.004f}, .count = 3};
    ut_html_audio audio = {sound, "audio/ogg", &peaks};
    assert_int_equal(ut_report_html(c, &audio, (ut_sink){ut_buf_put, &out}, NULL), UT_OK);
    const char *at = strstr(out.data, "src=\"data:audio/ogg;base64,");
    assert_non_null(at);
    at += strlen("src=\"data:audio/ogg;base64,");
    for (int i = 0; i < 50000; i++)
        assert_memory_equal(at + (size_t)4 * i, "YWJj", 4);
    assert_int_equal(at[200000], '"');
    assert_non_null(strstr(at, "id=\"data\">{\"peaks\":[100,50,1],\"conversation\":{"));
    fclose(sound);
    ut_buf_free(&out);
    ut_buf_init(&out, 1000);
    ut_error err;
    assert_int_equal(ut_report_html(c, NULL, (ut_sink){ut_buf_put, &out}, &err), UT_ERR_LIMIT);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

/* For the browser's test and for looking at: report-example.html, -long.html and, for the
 * schema, .json, in the build folder. */
static void writes_examples(void **state)
{
    (void)state;
    const size_t sizes[] = {24, 800};
    const char *const names[] = {"report-example.html", "report-example-long.html"};
    const char *folder = getenv("UT_BUILD_DIR");
    for (size_t i = 0; i < 2 && folder; i++) {
        ut_conversation *c = synthetic(sizes[i]);
        ut_buf out;
        ut_buf_init(&out, 0);
        assert_int_equal(ut_report_html(c, NULL, (ut_sink){ut_buf_put, &out}, NULL), UT_OK);
        char *path = ut_path_join(folder, names[i]);
        assert_int_equal(ut_file_write(path, out.data, out.length, NULL), UT_OK);
        free(path);
        path = ut_path_join(folder, "report-example.json");
        ut_buf_clear(&out);
        assert_int_equal(
            ut_conversation_write(c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &out}, NULL), UT_OK);
        assert_int_equal(ut_file_write(path, out.data, out.length, NULL), UT_OK);
        free(path);
        ut_buf_free(&out);
        ut_conversation_destroy(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_the_conversation_safely),
        cmocka_unit_test(embeds_the_recording),
        cmocka_unit_test(writes_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
