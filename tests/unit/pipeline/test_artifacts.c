/* What is stored is what is read, or an error: never other bytes, never half of them. */
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/artifacts.h"

static const char text[] = "{\"utterances\": [\"what was said\"]}\n";

static void put(const void *data, size_t length, char sha256[UT_SHA256_HEX])
{
    ut_error err = {0};
    assert_ok(ut_artifact_put(ut_test_in_folder("store"), data, length, sha256, &err));
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    static const char bytes[] = {0, 1, (char)255, 0, '\n'};
    ut_error err = {0};
    char sha256[UT_SHA256_HEX];
    char *data;
    size_t length;
    put(bytes, sizeof bytes, sha256);
    /* `printf '\x00\x01\xff\x00\n' | sha256sum` */
    assert_string_equal(sha256, "70494027a5df969204dfefef436c4ea5f67d8c4578dec115f9de4059fd09aeb4");
    assert_ok(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, &length, &err));
    assert_int_equal(length, sizeof bytes);
    assert_memory_equal(data, bytes, sizeof bytes);
    assert_int_equal(data[length], 0);
    free(data);
}

static void one_content_is_one_file(void **state)
{
    (void)state;
    char first[UT_SHA256_HEX];
    char again[UT_SHA256_HEX];
    char other[UT_SHA256_HEX];
    put(text, strlen(text), first);
    put(text, strlen(text), again);
    put(text, strlen(text) - 1, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_int_equal(scratch_count(ut_test_in_folder("store")), 2);
    char *path = ut_artifact_path(ut_test_in_folder("store"), first);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0222, 0); /* nobody changes it by accident */
    assert_int_equal(strlen(strstr(path, "store/")), strlen("store/ab/") + 62);
    free(path);
}

static void an_empty_one_is_one(void **state)
{
    (void)state;
    ut_error err = {0};
    char sha256[UT_SHA256_HEX];
    char *data;
    size_t length = 7;
    put("", 0, sha256);
    assert_ok(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, &length, &err));
    assert_int_equal(length, 0);
    free(data);
}

/* Replaces the bytes of an artifact behind its back. */
static void damage(const char *sha256, const void *data, size_t length)
{
    char *path = ut_artifact_path(ut_test_in_folder("store"), sha256);
    assert_int_equal(unlink(path), 0);
    scratch_write(path, data, length);
    free(path);
}

static void a_changed_byte_anywhere_is_seen(void **state)
{
    (void)state;
    char sha256[UT_SHA256_HEX];
    char bad[sizeof text];
    for (size_t i = 0; i < strlen(text); i++) {
        ut_error err = {0};
        char *data = (char *)1;
        put(text, strlen(text), sha256);
        memcpy(bad, text, sizeof text);
        bad[i] ^= 1;
        damage(sha256, bad, strlen(text));
        assert_int_equal(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, NULL, &err),
                         UT_ERR_MISMATCH);
        assert_null(data);
        assert_says("damaged");
        assert_says(sha256 + 2);
        /* It is gone, so that the next one who asks makes it again. */
        assert_int_equal(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, NULL, &err),
                         UT_ERR_NOT_FOUND);
    }
}

static void a_torn_one_is_seen_and_put_again(void **state)
{
    (void)state;
    ut_error err = {0};
    char sha256[UT_SHA256_HEX];
    char *data;
    put(text, strlen(text), sha256);
    damage(sha256, text, 10);
    put(text, strlen(text), sha256);
    assert_ok(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, NULL, &err));
    assert_string_equal(data, text);
    free(data);
    damage(sha256, "", 0);
    assert_int_equal(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, NULL, &err),
                     UT_ERR_MISMATCH);
}

static void what_was_never_put_is_not_found(void **state)
{
    (void)state;
    ut_error err = {0};
    char *data;
    char sha256[UT_SHA256_HEX];
    ut_sha256("x", 1, sha256);
    assert_int_equal(ut_artifact_get(ut_test_in_folder("store"), sha256, &data, NULL, &err),
                     UT_ERR_NOT_FOUND);
}

static void *put_many(void *context)
{
    for (int i = 0; i < 50; i++) {
        char line[32];
        char sha256[UT_SHA256_HEX];
        int n = snprintf(line, sizeof line, "content %d", i);
        if (ut_artifact_put(context, line, (size_t)n, sha256, NULL) != UT_OK)
            return context;
    }
    return NULL;
}

static void many_writers_of_the_same_agree(void **state)
{
    (void)state;
    enum { WRITERS = 8 };
    pthread_t threads[WRITERS];
    char store[256];
    snprintf(store, sizeof store, "%s", ut_test_in_folder("store"));
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, store), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(scratch_count(store), 50);
}

static void nothing_half_is_left_where_there_is_no_room(void **state)
{
    (void)state;
    ut_error err = {0};
    char sha256[UT_SHA256_HEX];
    static char large[100000];
    memset(large, 'x', sizeof large);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){5000, 5000});
        _exit(ut_artifact_put(ut_test_in_folder("store"), large, sizeof large, sha256, NULL) ==
                      UT_ERR_IO
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(scratch_count(ut_test_in_folder("store")), 0);
    put(large, sizeof large, sha256);
    scratch_text(ut_test_in_folder("file"), "where a folder should be");
    assert_int_equal(ut_artifact_put(ut_test_in_folder("file"), text, sizeof text, sha256, &err),
                     UT_ERR_IO);
    assert_says("file");
}

static void names_are_hashes(void **state)
{
    (void)state;
    char good[UT_SHA256_HEX];
    ut_sha256("", 0, good);
    assert_true(ut_is_sha256(good));
    good[63] = 'A';
    assert_false(ut_is_sha256(good));
    good[63] = 0;
    assert_false(ut_is_sha256(good));
    assert_false(ut_is_sha256(""));
    assert_false(
        ut_is_sha256("../../../../../../../../../../../../../../../../../../../../../etc/passwd"));
    assert_false(ut_is_sha256("00000000000000000000000000000000000000000000000000000000000000000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_SCRATCH(test) cmocka_unit_test_teardown(test, ut_test_folder_empty)
        IN_SCRATCH(what_is_put_is_got),
        IN_SCRATCH(one_content_is_one_file),
        IN_SCRATCH(an_empty_one_is_one),
        IN_SCRATCH(a_changed_byte_anywhere_is_seen),
        IN_SCRATCH(a_torn_one_is_seen_and_put_again),
        IN_SCRATCH(what_was_never_put_is_not_found),
        IN_SCRATCH(many_writers_of_the_same_agree),
        IN_SCRATCH(nothing_half_is_left_where_there_is_no_room),
        cmocka_unit_test(names_are_hashes),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
