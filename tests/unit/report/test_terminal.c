/* The table keeps to the width, and no text steers the terminal. */
#include "ut_test.h"

#include <stdio.h>
#include <string.h>

#include "report/cues.h"
#include "report/terminal.h"
#include "synthetic.h"

static void keeps_to_the_width(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(20);
    for (int columns = 56; columns < 140; columns += 13) {
        ut_buf out;
        ut_buf_init(&out, 0);
        assert_int_equal(ut_terminal_table(c, (ut_terminal_options){columns, false}, &out), UT_OK);
        size_t lines = 0;
        for (char *line = out.data, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
            assert_true(ut_text_columns(line, (size_t)(end - line)) <= (size_t)columns);
        assert_int_equal(lines, 20 + 2 + c->note_count);
        ut_buf_free(&out);
    }
    ut_conversation_destroy(c);
}

static void shows_each_column(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(2);
    c->utterances[0].text = "short \033[2J \xE2\x80\xAE"
                            "end\nnext";
    c->utterances[0].emotion.label = UT_ANGRY;
    c->utterances[0].emotion.probabilities[UT_ANGRY] = 0.876f;
    c->utterances[0].start = 3725.9;
    ut_buf out;
    ut_buf_init(&out, 0);
    assert_int_equal(ut_terminal_table(c, (ut_terminal_options){0, false}, &out), UT_OK);
    assert_non_null(
        strstr(out.data, "1:02:05  SPEAKER_00  angry         88 %  short ?[2J ?end next\n"));
    assert_null(strchr(out.data, '\033'));
    ut_buf_clear(&out);
    assert_int_equal(ut_terminal_table(c, (ut_terminal_options){0, true}, &out), UT_OK);
    assert_non_null(strstr(out.data, "\033[31mangry"));
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_to_the_width),
        cmocka_unit_test(shows_each_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
