/* Tables as spreadsheets write them. */
#include <string.h>

#include "base/csv.h"
#include "ut_test.h"

static ut_arena *arena;

static int set_up(void **state)
{
    (void)state;
    return (arena = ut_arena_create(0)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ut_arena_destroy(arena);
    return 0;
}

static ut_csv parsed(const char *text)
{
    ut_csv csv;
    ut_error err;
    if (ut_csv_parse(text, strlen(text), "t.csv", arena, &csv, &err) != UT_OK)
        fail_msg("%s", err.message);
    return csv;
}

static void test_quotes_and_line_ends(void **state)
{
    (void)state;
    ut_csv csv = parsed("index,text,label\r\n0,\"He said \"\"no, never\"\".\",angry\r\n"
                        "1,\"two\nlines\",\r\n\r\n2,\"\",sad");
    assert_int_equal(csv.columns, 3);
    assert_int_equal(csv.rows, 3);
    assert_string_equal(csv.names[1], "text");
    assert_string_equal(csv.cells[1], "He said \"no, never\".");
    assert_string_equal(csv.cells[3 + 1], "two\nlines");
    assert_string_equal(csv.cells[3 + 2], "");
    assert_string_equal(csv.cells[6 + 1], "");
    assert_string_equal(csv.cells[6 + 2], "sad");
    assert_int_equal(csv.lines[1], 3);
    assert_int_equal(csv.lines[2], 6);
}

static void test_what_spreadsheets_write(void **state)
{
    (void)state;
    ut_csv csv = parsed("\xef\xbb\xbfText;Label\nyes, sir;happy\n");
    assert_int_equal(csv.columns, 2);
    assert_int_equal(ut_csv_column(&csv, "text"), 0);
    assert_int_equal(ut_csv_column(&csv, "speaker"), csv.columns);
    assert_string_equal(csv.cells[0], "yes, sir");
    csv = parsed("a\tb\n1\t2");
    assert_string_equal(csv.cells[1], "2");
    csv = parsed("\"a;b\",c\n1,2\n");
    assert_string_equal(csv.names[0], "a;b");
}

static void test_damage_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"a,b\n1,2\n3\n", "line 3"},
        {"a,b\n1,2,3\n", "line 2"},
        {"a,b\n1,2\n\"open,2\n\n", "line 3"},
        {"", "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ut_csv csv;
        ut_error err;
        assert_int_equal(
            ut_csv_parse(cases[i].text, strlen(cases[i].text), "t.csv", arena, &csv, &err),
            UT_ERR_FORMAT);
        assert_non_null(strstr(err.message, cases[i].told));
    }
    ut_csv csv;
    ut_error err;
    assert_int_equal(ut_csv_parse("a\0b", 3, "t.csv", arena, &csv, &err), UT_ERR_FORMAT);
}

static void test_cells_written_are_read_back(void **state)
{
    (void)state;
    static const char *const cells[] = {"plain",    "",   "a, b", "say \"yes\"", "two\nlines",
                                        " padded ", "\"", "cr\r", NULL};
    enum { COUNT = sizeof cells / sizeof *cells };
    ut_buf out;
    ut_buf_init(&out, 0);
    for (int i = 0; i < COUNT; i++)
        ut_buf_addf(&out, "c%d%s", i, i + 1 < COUNT ? "," : "\r\n");
    for (int i = 0; i < COUNT; i++) {
        ut_csv_cell(&out, cells[i]);
        ut_buf_adds(&out, i + 1 < COUNT ? "," : "\r\n");
    }
    ut_csv csv;
    ut_error err;
    assert_int_equal(ut_csv_parse(ut_buf_text(&out), out.length, "t.csv", arena, &csv, &err),
                     UT_OK);
    assert_int_equal(csv.columns, COUNT);
    assert_int_equal(csv.rows, 1);
    for (int i = 0; i < COUNT; i++)
        assert_string_equal(csv.cells[i], cells[i] ? cells[i] : "");
    assert_non_null(strstr(ut_buf_text(&out), "plain,,\"a, b\"")); /* quotes only where needed */
    ut_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quotes_and_line_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_spreadsheets_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_told_with_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cells_written_are_read_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
