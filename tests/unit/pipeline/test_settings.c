/* The table of settings, and reading it from YAML, .env and text. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/settings.h"

static ut_arena *arena;

static int make(void **state)
{
    (void)state;
    arena = ut_arena_create(0);
    return arena ? 0 : -1;
}

static int unmake(void **state)
{
    ut_arena_destroy(arena);
    return ut_test_folder_empty(state);
}

static const char *value_of(const ut_settings *s, const char *name)
{
    static char room[32];
    const ut_setting_row *row = ut_settings_find(name, strlen(name));
    assert_non_null(row);
    const char *value = ut_settings_value(s, row, room);
    return value ? value : "-";
}

static void names_are_unique_in_either_spelling(void **state)
{
    (void)state;
    size_t count = 0;
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++, count++) {
        char dashed[64];
        snprintf(dashed, sizeof dashed, "%s", row->name);
        for (char *c = dashed; *c; c++)
            if (*c == '_')
                *c = '-';
        assert_ptr_equal(ut_settings_find(row->name, strlen(row->name)), row);
        assert_ptr_equal(ut_settings_find(dashed, strlen(dashed)), row);
        assert_null(ut_settings_find(row->name, strlen(row->name) - 1));
        assert_true(strlen(row->name) < 64 - strlen("UNDERTONE_"));
        assert_true(row->commands != 0 && *row->help);
    }
    assert_true(count > 30 && count < UT_SETTINGS_MOST);
    assert_null(ut_settings_find("", 0));
}

/* Setting what a value says of itself changes nothing: flags, records and YAML speak alike. */
static void every_default_can_be_said(void **state)
{
    (void)state;
    ut_settings s;
    ut_settings_default(&s);
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        ut_error err = {0};
        char room[32];
        char again[32];
        const char *value = ut_settings_value(&s, row, room);
        if (!value)
            continue;
        char *before = strdup(value);
        assert_ok(ut_settings_set(&s, row, before, "test", arena, &err));
        assert_string_equal(ut_settings_value(&s, row, again), before);
        assert_string_equal(s.origins[row - ut_setting_rows], "test");
        free(before);
    }
}

static ut_status read_yaml(ut_settings *s, const char *text, ut_error *err)
{
    ut_settings_default(s);
    scratch_text(ut_test_in_folder("s.yaml"), text);
    return ut_settings_read_yaml(s, ut_test_in_folder("s.yaml"), arena, err);
}

static void yaml_sets_what_it_names(void **state)
{
    (void)state;
    ut_settings s;
    ut_error err = {0};
    assert_ok(read_yaml(&s,
                        "# a comment\n---\njobs: 3\nchannels: \"split\"\nno-retrieval: yes\n"
                        "modalities: audio,context\ninitial_prompt: 'Dr. O''Neil: hello'\n",
                        &err));
    assert_int_equal(s.jobs, 3);
    assert_string_equal(s.channels, "split");
    assert_true(s.no_retrieval);
    assert_string_equal(value_of(&s, "modalities"), "audio,context");
    assert_string_equal(s.initial_prompt, "Dr. O'Neil: hello");
    assert_string_equal(value_of(&s, "beam_size"), "5");
    assert_ok(read_yaml(&s, "", &err));
    assert_int_equal(s.jobs, 1);
}

static void yaml_that_is_wrong_names_its_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"jobs: 1\nsurprise: 2\n", "line 2: there is no setting \"surprise\""},
        {"config: other.yaml\n", "line 1: there is no setting \"config\""},
        {"jobs: 1\nlanguage: de\njobs: 2\n", "line 3: jobs is set a second time"},
        {"no_cache: true\nno-cache: false\n", "line 2: no-cache is set a second time"},
        {"jobs: many\n", "line 1: jobs takes a number"},
        {"jobs: [1, 2]\n", "line 1"},
        {"jobs:\n    deep: 1\n", "line 1"},
        {"- jobs\n", "must hold lines"},
        {"jobs: \"1\n", "not valid YAML"},
        {"a: b: c\n", "not valid YAML"},
        {"quiet: perhaps\n", "true or false"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ut_settings s;
        ut_error err = {0};
        assert_int_equal(read_yaml(&s, wrong[i][0], &err), UT_ERR_CONFIG);
        assert_int_equal(err.status, UT_ERR_CONFIG);
        assert_says("s.yaml");
        assert_says(wrong[i][1]);
    }
}

static void read_dotenv(const char *text)
{
    ut_error err = {0};
    scratch_text(ut_test_in_folder(".env"), text);
    assert_ok(ut_settings_read_dotenv(ut_test_in_folder(".env"), &err));
}

static void dotenv_as_people_write_it(void **state)
{
    (void)state;
    ut_error err = {0};
    setenv("UT_TEST_THERE", "environment", 1);
    read_dotenv("# comment\n\nUT_TEST_PLAIN=sk-1=2\nexport UT_TEST_EXPORT = x\n"
                "UT_TEST_DOUBLE=\"a # b\"  # c\nUT_TEST_SINGLE=' s '\nUT_TEST_COMMENT=v # c\r\n"
                "UT_TEST_EMPTY=\n  UT_TEST_INDENTED=y  "
                "\nUT_TEST_THERE=file\nUT_TEST_LAST=y\nUT_TEST_LAST=z");
    assert_string_equal(getenv("UT_TEST_PLAIN"), "sk-1=2");
    assert_string_equal(getenv("UT_TEST_EXPORT"), "x");
    assert_string_equal(getenv("UT_TEST_DOUBLE"), "a # b");
    assert_string_equal(getenv("UT_TEST_SINGLE"), " s ");
    assert_string_equal(getenv("UT_TEST_COMMENT"), "v");
    assert_string_equal(getenv("UT_TEST_EMPTY"), "");
    assert_string_equal(getenv("UT_TEST_INDENTED"), "y");
    assert_string_equal(getenv("UT_TEST_THERE"), "environment");
    assert_string_equal(getenv("UT_TEST_LAST"), "z");
    assert_ok(ut_settings_read_dotenv(ut_test_in_folder("absent"), &err));
    static const char *const wrong[][2] = {{"A=1\nno equals\n", "line 2"},
                                           {"=x\n", "line 1"},
                                           {"\n\nA='open\n", "line 3: a quote is not closed"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        scratch_text(ut_test_in_folder(".env"), wrong[i][0]);
        assert_int_equal(ut_settings_read_dotenv(ut_test_in_folder(".env"), &err), UT_ERR_CONFIG);
        assert_says(wrong[i][1]);
    }
}

static void shards_are_i_of_n(void **state)
{
    (void)state;
    static const char *const wrong[] = {"0/3", "4/3",  "1",    "1/0", "a/b", "1/3x",
                                        "/3",  "-1/3", "1/-3", "1/ ", "",    "1//3"};
    int i;
    int n;
    assert_true(ut_settings_shard("2/8", &i, &n));
    assert_int_equal(i, 2);
    assert_int_equal(n, 8);
    assert_true(ut_settings_shard("999999/999999", &i, &n));
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        if (ut_settings_shard(wrong[k], &i, &n))
            fail_msg("\"%s\" was taken", wrong[k]);
}

static void what_belongs_together_is_checked(void **state)
{
    (void)state;
    ut_settings s;
    ut_error err = {0};
    ut_settings_default(&s);
    assert_ok(ut_settings_finish(&s, &err));
    assert_true(s.options.retrieval);
    s.ground_truth = "t.json";
    assert_int_equal(ut_settings_finish(&s, &err), UT_ERR_USAGE);
    s.evaluation_output = "e.json";
    assert_ok(ut_settings_finish(&s, &err));
    s.shard = "1/2";
    assert_int_equal(ut_settings_finish(&s, &err), UT_ERR_USAGE);
    assert_says("undertone evaluate");
    s.ground_truth = NULL;
    assert_ok(ut_settings_finish(&s, &err));
    s.text = "lines.jsonl";
    assert_int_equal(ut_settings_finish(&s, &err), UT_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, make, unmake)
        cmocka_unit_test(names_are_unique_in_either_spelling),
        WITH_ARENA(every_default_can_be_said),
        WITH_ARENA(yaml_sets_what_it_names),
        WITH_ARENA(yaml_that_is_wrong_names_its_line),
        WITH_ARENA(dotenv_as_people_write_it),
        cmocka_unit_test(shards_are_i_of_n),
        cmocka_unit_test(what_belongs_together_is_checked),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
