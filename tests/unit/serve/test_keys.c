/* The file of keys: made, read, changed under a reader's feet, damaged. */
#include "ut_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "serve/keys.h"
#include "serve/serve.h"

static void write_file(const char *path, const char *text)
{
    assert_int_equal(ut_file_write(path, text, strlen(text), NULL), UT_OK);
}

static void a_made_key_is_known_by_its_name(void **state)
{
    (void)state;
    ut_error err;
    char ann[UT_KEY_TEXT];
    char bob[UT_KEY_TEXT];
    char name[UT_KEY_NAME];
    char *text;
    size_t length;
    struct stat st;
    const char *path = ut_test_in_folder("keys");
    assert_int_equal(ut_serve_new_key(path, "ann", ann, &err), UT_OK);
    assert_int_equal(ut_serve_new_key(path, "bob", bob, &err), UT_OK);
    assert_int_equal(ut_serve_new_key(path, "bob", bob, &err), UT_ERR_USAGE);
    assert_int_equal(ut_serve_new_key(path, "b b", bob, &err), UT_ERR_USAGE);
    assert_int_equal(ut_serve_new_key(path, "", bob, &err), UT_ERR_USAGE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(ut_file_read(path, 4096, &text, &length, NULL), UT_OK);
    assert_null(strstr(text, ann));
    free(text);
    ut_keys *keys;
    assert_int_equal(ut_keys_open(path, &keys, &err), UT_OK);
    assert_true(ut_keys_name(keys, ann, name));
    assert_string_equal(name, "ann");
    assert_true(ut_keys_name(keys, bob, name));
    assert_string_equal(name, "bob");
    ann[5] = ann[5] == 'a' ? 'b' : 'a';
    assert_false(ut_keys_name(keys, ann, name));
    assert_false(ut_keys_name(keys, "", name));
    ut_keys_close(keys);
}

static void other_lines_are_refused(void **state)
{
    (void)state;
    ut_error err;
    ut_keys *keys;
    char hash[UT_SHA256_HEX];
    char text[256];
    const char *path = ut_test_in_folder("odd");
    static const char *const bad[] = {"x",       "0123 name", "%s",      "%s ",
                                      "%s  two", "%sx name",  " %s name"};
    ut_sha256("k", 1, hash);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = strstr(bad[i], "%s");
        snprintf(text, sizeof text, "# ours\n\n%.*s%s%s\n", (int)(at ? at - bad[i] : 99), bad[i],
                 at ? hash : "", at ? at + 2 : "");
        write_file(path, text);
        assert_int_equal(ut_keys_open(path, &keys, &err), UT_ERR_CONFIG);
        assert_non_null(strstr(err.message, "line 3"));
    }
    snprintf(text, sizeof text, "# ours\r\n\r\n%s name\r\n", hash);
    write_file(path, text);
    char name[UT_KEY_NAME];
    assert_int_equal(ut_keys_open(path, &keys, &err), UT_OK);
    assert_true(ut_keys_name(keys, "k", name));
    ut_keys_close(keys);
    assert_int_equal(ut_keys_open(ut_test_in_folder("none"), &keys, &err), UT_ERR_NOT_FOUND);
}

static atomic_bool over;

static void *ask(void *keys)
{
    char name[UT_KEY_NAME];
    size_t known = 0;
    while (!over)
        known += ut_keys_name(keys, "k", name);
    return (void *)known;
}

/* Readers while the file changes; a damaged one changes nothing. */
static void a_changed_file_counts(void **state)
{
    (void)state;
    ut_error err;
    ut_keys *keys;
    pthread_t reader;
    char hash[UT_SHA256_HEX];
    char text[256];
    char name[UT_KEY_NAME];
    const char *path = ut_test_in_folder("changing");
    ut_sha256("k", 1, hash);
    snprintf(text, sizeof text, "%s one\n", hash);
    write_file(path, text);
    assert_int_equal(ut_keys_open(path, &keys, &err), UT_OK);
    assert_int_equal(pthread_create(&reader, NULL, ask, keys), 0);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%s round%d\n", hash, i);
        write_file(path, text);
        ut_keys_refresh(keys);
        assert_true(ut_keys_name(keys, "k", name));
        assert_int_equal(strncmp(name, "round", 5), 0);
    }
    write_file(path, "damaged\n");
    ut_keys_refresh(keys);
    assert_true(ut_keys_name(keys, "k", name));
    write_file(path, "# nobody\n");
    ut_keys_refresh(keys);
    assert_false(ut_keys_name(keys, "k", name));
    over = true;
    pthread_join(reader, NULL);
    ut_keys_close(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_key_is_known_by_its_name),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(a_changed_file_counts),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
