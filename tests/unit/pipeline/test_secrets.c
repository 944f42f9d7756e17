/* Sealed means sealed: what is in the files tells nothing, and what was changed is not opened. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/home.h"
#include "pipeline/secrets.h"

static char home[512];

static int make(void **state)
{
    (void)state;
    snprintf(home, sizeof home, "%s", ut_test_in_folder(".undertone"));
    return ut_home_create(home, NULL) == UT_OK ? 0 : -1;
}

static void create(const char *name, const char *key, const char *value)
{
    ut_error err = {0};
    json_t *values = json_pack("{s:s}", key, value);
    assert_ok(ut_secret_create(home, name, values, &err));
    ut_secret_forget(values);
}

static ut_status get(const char *name, ut_error *err)
{
    json_t *values;
    ut_status status = ut_secret_get(home, name, &values, err);
    ut_secret_forget(values);
    return status;
}

static void what_is_sealed_is_opened(void **state)
{
    (void)state;
    ut_error err = {0};
    json_t *values = json_pack("{s:s, s:s}", "schema", "api_key", "value", "sk-\xc3\xa4 \"1\"");
    json_t *opened;
    assert_ok(ut_secret_create(home, "openai_api_key", values, &err));
    assert_ok(ut_secret_get(home, "openai_api_key", &opened, &err));
    assert_true(json_equal(values, opened));
    assert_string_equal(ut_secret_main(opened), "sk-\xc3\xa4 \"1\"");
    ut_secret_forget(opened);
    ut_secret_forget(values);
}

static void files_tell_nothing_and_belong_to_one_person(void **state)
{
    (void)state;
    create("a", "value", "sk-visible");
    create("b", "value", "sk-visible");
    size_t n;
    size_t m;
    struct stat st;
    char *a = scratch_read(ut_test_in_folder(".undertone/secrets/a"), &n);
    char *b = scratch_read(ut_test_in_folder(".undertone/secrets/b"), &m);
    assert_null(memmem(a, n, "sk-visible", 10));
    assert_null(memmem(a, n, "visible", 7));
    assert_int_equal(n, m);
    assert_memory_not_equal(a, b, n); /* equal secrets do not look equal */
    free(a);
    free(b);
    static const char *const names[] = {"a", "b", ".key"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, ".undertone/secrets/%s", names[i]);
        assert_int_equal(stat(ut_test_in_folder(path), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(ut_test_in_folder(".undertone/secrets"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_changed_bit_anywhere_is_seen(void **state)
{
    (void)state;
    ut_error err = {0};
    size_t length;
    create("a", "value", "sk-1");
    char *data = scratch_read(ut_test_in_folder(".undertone/secrets/a"), &length);
    for (size_t i = 0; i < length; i++) {
        data[i] ^= 1;
        scratch_write(ut_test_in_folder(".undertone/secrets/a"), data, length);
        assert_int_equal(get("a", &err), UT_ERR_MISMATCH);
        assert_says("the secret a is damaged");
        assert_null(strstr(err.message, "sk-1"));
        data[i] ^= 1;
    }
    for (size_t n = 0; n < length; n += 7) {
        scratch_write(ut_test_in_folder(".undertone/secrets/a"), data, n);
        assert_int_equal(get("a", &err), UT_ERR_MISMATCH);
    }
    scratch_write(ut_test_in_folder(".undertone/secrets/a"), data, length);
    assert_ok(get("a", &err));
    free(data);
}

static void the_key_is_guarded(void **state)
{
    (void)state;
    ut_error err = {0};
    char key[512];
    snprintf(key, sizeof key, "%s", ut_test_in_folder(".undertone/secrets/.key"));
    create("a", "value", "sk-1");
    assert_int_equal(chmod(key, 0640), 0);
    assert_int_equal(get("a", &err), UT_ERR_CONFIG);
    assert_says("chmod 600");
    assert_int_equal(chmod(key, 0600), 0);
    assert_ok(get("a", &err));
    scratch_text(key, "too short");
    assert_int_equal(get("a", &err), UT_ERR_FORMAT);
    scratch_text(key, "0123456789abcdef0123456789abcdef");
    assert_int_equal(get("a", &err), UT_ERR_MISMATCH);
    assert_says("another key");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(get("a", &err), UT_ERR_NOT_FOUND);
    assert_says(".key");
}

static void names_stay_in_the_folder(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "..",  "../a", "a/b",         ".key",
                                        ".hidden", "a b", "a\nb", "/etc/passwd", "ä"};
    ut_error err = {0};
    json_t *values = json_pack("{s:s}", "value", "x");
    char longest[80];
    memset(longest, 'n', sizeof longest);
    longest[65] = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ut_secret_create(home, wrong[i], values, &err), UT_ERR_USAGE);
        assert_int_equal(get(wrong[i], &err), UT_ERR_USAGE);
        assert_int_equal(ut_secret_delete(home, wrong[i], &err), UT_ERR_USAGE);
    }
    assert_int_equal(ut_secret_create(home, longest, values, &err), UT_ERR_USAGE);
    longest[64] = 0;
    assert_ok(ut_secret_create(home, longest, values, &err));
    assert_int_equal(ut_secret_create(home, longest, values, &err), UT_ERR_USAGE);
    assert_says("already");
    ut_secret_forget(values);
}

static void secrets_are_listed_and_deleted(void **state)
{
    (void)state;
    ut_error err = {0};
    json_t *names;
    assert_ok(ut_secret_list(home, &names, &err));
    assert_int_equal(json_array_size(names), 0);
    json_decref(names);
    create("b", "value", "1");
    create("a", "token", "2");
    assert_ok(ut_secret_list(home, &names, &err));
    assert_int_equal(json_array_size(names), 2); /* the key is none */
    assert_string_equal(json_string_value(json_array_get(names, 0)), "a");
    json_decref(names);
    assert_ok(ut_secret_delete(home, "a", &err));
    assert_int_equal(get("a", &err), UT_ERR_NOT_FOUND);
    assert_says("there is no secret a");
    assert_int_equal(ut_secret_delete(home, "a", &err), UT_ERR_NOT_FOUND);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    ut_error err = {0};
    char *large = malloc(70001);
    memset(large, 'x', 70000);
    large[70000] = 0;
    json_t *values = json_pack("{s:s}", "value", large);
    assert_int_not_equal(ut_secret_create(home, "a", values, &err), UT_OK);
    assert_false(ut_file_exists(ut_test_in_folder(".undertone/secrets/a")));
    ut_secret_forget(values);
    free(large);
}

static void the_text_that_a_secret_is_about(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"schema\": \"api_key\", \"value\": \"v\"}", "v"},
        {"{\"api_key\": \"k\", \"other\": \"o\"}", "k"},
        {"{\"token\": \"t\", \"other\": \"o\"}", "t"},
        {"{\"anything\": \"a\"}", "a"},
        {"{\"user\": \"u\", \"password\": \"p\"}", NULL},
        {"{\"value\": 1}", NULL},
        {"{}", NULL},
        {"[\"x\"]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *values = json_loads(cases[i][0], 0, NULL);
        const char *text = ut_secret_main(values);
        if (cases[i][1])
            assert_string_equal(text, cases[i][1]);
        else
            assert_null(text);
        json_decref(values);
    }
}

static void a_secret_goes_to_the_environment_where_nothing_is(void **state)
{
    (void)state;
    ut_error err = {0};
    assert_int_equal(chdir(ut_test_in_folder("")), 0);
    create("openai_api_key", "api_key", "sk-sealed");
    setenv("UT_TEST_KEY", "sk-given", 1);
    assert_ok(ut_secret_to_environment(NULL, "openai_api_key", "UT_TEST_KEY", &err));
    assert_string_equal(getenv("UT_TEST_KEY"), "sk-given");
    unsetenv("UT_TEST_KEY");
    assert_ok(ut_secret_to_environment(NULL, "absent", "UT_TEST_KEY", &err));
    assert_null(getenv("UT_TEST_KEY"));
    assert_ok(ut_secret_to_environment(NULL, "openai_api_key", "UT_TEST_KEY", &err));
    assert_string_equal(getenv("UT_TEST_KEY"), "sk-sealed");
    unsetenv("UT_TEST_KEY");
    scratch_text(ut_test_in_folder(".undertone/secrets/openai_api_key"), "damaged");
    assert_int_equal(ut_secret_to_environment(NULL, "openai_api_key", "UT_TEST_KEY", &err),
                     UT_ERR_MISMATCH);
    assert_int_equal(chdir("/"), 0);
}

static void who_holds_a_secret_leaves_no_core(void **state)
{
    (void)state;
    ut_error err = {0};
    struct rlimit limit;
    create("a", "value", "sk-1");
    assert_ok(get("a", &err));
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(limit.rlim_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_HOME(test) cmocka_unit_test_setup_teardown(test, make, ut_test_folder_empty)
        WITH_HOME(what_is_sealed_is_opened),
        WITH_HOME(files_tell_nothing_and_belong_to_one_person),
        WITH_HOME(a_changed_bit_anywhere_is_seen),
        WITH_HOME(the_key_is_guarded),
        WITH_HOME(names_stay_in_the_folder),
        WITH_HOME(secrets_are_listed_and_deleted),
        WITH_HOME(too_much_is_refused),
        cmocka_unit_test(the_text_that_a_secret_is_about),
        WITH_HOME(a_secret_goes_to_the_environment_where_nothing_is),
        WITH_HOME(who_holds_a_secret_leaves_no_core),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
