/* The home of runs, and its stacks: where artifacts are kept. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/home.h"
#include "pipeline/stacks.h"

static char home[512];

static int make(void **state)
{
    (void)state;
    snprintf(home, sizeof home, "%s", ut_test_in_folder("p/.undertone"));
    return ut_home_create(home, NULL) == UT_OK ? 0 : -1;
}

static void a_home_serves_its_folder_and_all_below(void **state)
{
    (void)state;
    ut_error err = {0};
    char *found;
    assert_ok(ut_file_make_dirs(ut_test_in_folder("p/deep/er"), &err));
    assert_int_equal(chdir(ut_test_in_folder("p/deep/er")), 0);
    assert_ok(ut_home_find("anywhere", "1/2", &found, &err));
    assert_string_equal(found, home);
    free(found);
    assert_int_equal(chdir(ut_test_in_folder("")), 0);
    assert_ok(ut_home_find("out", NULL, &found, &err));
    assert_string_equal(found, "out/.undertone");
    free(found);
    assert_ok(ut_home_find("out", "2/8", &found, &err));
    assert_string_equal(found, "out/.undertone/shards/2-of-8");
    free(found);
    assert_int_equal(ut_home_find(NULL, NULL, &found, &err), UT_ERR_NOT_FOUND);
    assert_says("undertone init");
    assert_int_equal(chdir("/"), 0);
}

static void a_home_is_named_once(void **state)
{
    (void)state;
    ut_error err = {0};
    char id[UT_HOME_ID];
    char again[UT_HOME_ID];
    assert_ok(ut_home_id(home, id, &err));
    assert_int_equal(strlen(id), UT_HOME_ID - 1);
    assert_ok(ut_home_create(home, &err));
    assert_ok(ut_home_id(home, again, &err));
    assert_string_equal(id, again);
    char *ignored = scratch_read(ut_test_in_folder("p/.undertone/.gitignore"), NULL);
    assert_string_equal(ignored, "*\n");
    free(ignored);
    scratch_text(ut_test_in_folder("p/.undertone/id"), "../../etc");
    assert_int_equal(ut_home_id(home, id, &err), UT_ERR_FORMAT);
}

static void the_default_stack_needs_no_file(void **state)
{
    (void)state;
    ut_error err = {0};
    ut_stack stack;
    assert_ok(ut_stack_active(home, &stack, &err));
    assert_string_equal(stack.name, "default");
    assert_null(stack.artifact_store);
    ut_stack_free(&stack);
    assert_false(ut_file_exists(ut_test_in_folder("p/.undertone/stacks.json")));
}

static void a_store_is_parted_between_homes(void **state)
{
    (void)state;
    ut_error err = {0};
    char id[UT_HOME_ID];
    char part[600];
    ut_stack stack;
    char other[512];
    char store[512];
    snprintf(other, sizeof other, "%s", ut_test_in_folder("other/.undertone"));
    snprintf(store, sizeof store, "%s", ut_test_in_folder("store"));
    const ut_stack_components c = {.artifact_store = store};
    assert_ok(ut_home_create(other, &err));
    assert_ok(ut_stack_register(home, "disk", &c, &err));
    assert_ok(ut_stack_register(other, "disk", &c, &err));
    assert_ok(ut_stack_set(home, "disk", &err));
    assert_ok(ut_stack_set(other, "disk", &err));
    assert_ok(ut_stack_active(home, &stack, &err));
    assert_ok(ut_home_id(home, id, &err));
    snprintf(part, sizeof part, "%s/%s", store, id);
    assert_string_equal(stack.name, "disk");
    assert_string_equal(stack.artifact_store, part);
    ut_stack_free(&stack);
    assert_ok(ut_stack_active(other, &stack, &err));
    assert_string_not_equal(stack.artifact_store, part);
    ut_stack_free(&stack);
    assert_ok(ut_stack_set(home, "default", &err));
    assert_ok(ut_stack_active(home, &stack, &err));
    assert_null(stack.artifact_store);
    ut_stack_free(&stack);
}

static void what_a_stack_cannot_be_is_said(void **state)
{
    (void)state;
    ut_error err = {0};
    const ut_stack_components plain = {"default", "default", "default", "default"};
    static const ut_stack_components cannot[] = {{.orchestrator = "kubernetes"},
                                                 {.container_registry = "hub"},
                                                 {.model_deployer = "mlflow"},
                                                 {.artifact_store = "s3://bucket"}};
    static const char *const words[] = {"orchestrator \"kubernetes\"", "container_registry \"hub\"",
                                        "model_deployer \"mlflow\"", "s3://bucket"};
    for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++) {
        assert_int_equal(ut_stack_register(home, "s", &cannot[i], &err), UT_ERR_USAGE);
        assert_says(words[i]);
        assert_says("integrations/zenml");
    }
    assert_int_equal(ut_stack_register(home, "", &plain, &err), UT_ERR_USAGE);
    assert_int_equal(ut_stack_register(home, "\xff", &plain, &err), UT_ERR_USAGE);
    char longest[200];
    memset(longest, 'n', sizeof longest);
    longest[129] = 0;
    assert_int_equal(ut_stack_register(home, longest, &plain, &err), UT_ERR_USAGE);
    longest[128] = 0;
    assert_ok(ut_stack_register(home, longest, &plain, &err));
    assert_int_equal(ut_stack_register(home, longest, &plain, &err), UT_ERR_USAGE);
    assert_says("registered already");
    assert_int_equal(ut_stack_register(home, "default", &plain, &err), UT_ERR_USAGE);
    assert_int_equal(ut_stack_set(home, "nope", &err), UT_ERR_NOT_FOUND);
    assert_says("there is no stack nope");
}

static void a_damaged_file_is_named_and_kept(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"active\": \"a\"}",
        "{\"active\": 1, \"stacks\": {}}",
        "{\"active\": \"a\", \"stacks\": []}",
        "{\"active\": \"a\", \"stacks\": {}}",
        "{\"active\": \"a\", \"stacks\": {\"a\": 1}}",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        ut_error err = {0};
        ut_stack stack;
        const ut_stack_components plain = {0};
        const char *path = ut_test_in_folder("p/.undertone/stacks.json");
        scratch_text(path, damaged[i]);
        assert_int_not_equal(ut_stack_active(home, &stack, &err), UT_OK);
        assert_says("stacks.json");
        assert_int_not_equal(ut_stack_register(home, "b", &plain, &err), UT_OK);
        assert_int_not_equal(ut_stack_set(home, "a", &err), UT_OK);
        char *text = scratch_read(path, NULL);
        assert_string_equal(text, damaged[i]);
        free(text);
    }
    ut_error err = {0};
    ut_stack stack;
    scratch_text(ut_test_in_folder("p/.undertone/stacks.json"),
                 "{\"active\": \"a\", \"stacks\": {\"a\": {\"artifact_store\": 7}}}");
    assert_ok(ut_stack_active(home, &stack, &err)); /* what is no text is as if it were not there */
    assert_null(stack.artifact_store);
    ut_stack_free(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_HOME(test) cmocka_unit_test_setup_teardown(test, make, ut_test_folder_empty)
        WITH_HOME(a_home_serves_its_folder_and_all_below),
        WITH_HOME(a_home_is_named_once),
        WITH_HOME(the_default_stack_needs_no_file),
        WITH_HOME(a_store_is_parted_between_homes),
        WITH_HOME(what_a_stack_cannot_be_is_said),
        WITH_HOME(a_damaged_file_is_named_and_kept),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
