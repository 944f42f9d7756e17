/* The promises of base: arenas, buffers, files that are whole or absent, JSON numbers, hashes,
 * children. */
#include "ut_test.h"

#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/process.h"
#include "base/thread.h"

static char folder[] = "/tmp/ut_base_XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    ut_file_list list;
    if (ut_file_walk(folder, &list, NULL) == UT_OK) {
        for (size_t i = 0; i < list.count; i++) {
            char *path = ut_path_join(folder, list.names[i]);
            unlink(path);
            free(path);
        }
        ut_file_list_free(&list);
    }
    char *sub = ut_path_join(folder, "a/b");
    rmdir(sub);
    free(sub);
    sub = ut_path_join(folder, "a");
    rmdir(sub);
    free(sub);
    return rmdir(folder);
}

static void arena_aligns_zeroes_and_bounds(void **state)
{
    (void)state;
    ut_arena *arena = ut_arena_create(1 << 20);
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = ut_arena_alloc(arena, n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    assert_null(ut_arena_alloc(arena, SIZE_MAX / 2, 3));
    assert_null(ut_arena_alloc(arena, 1 << 20, 1));
    ut_arena_reset(arena);
    assert_int_equal(ut_arena_used(arena), 0);
    unsigned char *again = ut_arena_alloc(arena, 100, 1);
    assert_int_equal(again[99], 0);
    assert_string_equal(ut_arena_strndup(arena, "hello", 4), "hell");
    ut_arena_destroy(arena);
}

static void buffer_remembers_its_first_failure(void **state)
{
    (void)state;
    ut_buf buf;
    ut_buf_init(&buf, 10);
    ut_buf_addf(&buf, "%d-%s", 12, "ab");
    assert_string_equal(ut_buf_text(&buf), "12-ab");
    ut_buf_adds(&buf, "too long");
    assert_int_equal(ut_buf_status(&buf), UT_ERR_LIMIT);
    ut_buf_adds(&buf, "x");
    assert_string_equal(ut_buf_text(&buf), "12-ab");
    ut_buf_clear(&buf);
    assert_int_equal(ut_buf_status(&buf), UT_OK);
    ut_buf_free(&buf);
}

static void messages_hold_no_control_characters(void **state)
{
    (void)state;
    ut_error err;
    assert_int_equal(ut_fail(&err, UT_ERR_IO, "x", "bad\nname\x1b[0m"), UT_ERR_IO);
    assert_string_equal(err.message, "bad?name?[0m");
    assert_string_equal(ut_status_text(UT_ERR_FORMAT), "malformed data");
    assert_string_equal(ut_status_text((ut_status)999), "unknown status");
}

static void only_utf8_reaches_people(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *tidy;
        bool utf8;
    } cases[] = {
        {"na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
         true},
        {"a\x1b[31m\n\x7f", "a?[31m??", true},
        {"\xc2\x9b"
         "31m",
         "??31m", true}, /* a terminal's escape in one character */
        {"latin\xe9.wav", "latin?.wav", false},
        {"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "?????????", false}, /* overlong */
        {"\xed\xa0\x80\xf4\x90\x80\x80", "???????", false},           /* surrogate, too high */
        {"cut \xe2\x82", "cut ??", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s", cases[i].raw);
        ut_tidy(line);
        assert_string_equal(line, cases[i].tidy);
        assert_int_equal(ut_is_utf8(cases[i].raw), cases[i].utf8);
        assert_true(ut_is_utf8(line));
    }
}

/* What cannot be read is listed, so that whoever opens it says so. */
static void a_walk_passes_over_nothing(void **state)
{
    (void)state;
    char *root = ut_path_join(folder, "walk");
    static const char *const folders[] = {"", "/empty", "/full", "/hidden"};
    for (size_t i = 0; i < 4; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    char path[8][4096];
    static const char *const names[] = {"full/file", "dangling", "pipe", "linked", "hidden/.x"};
    for (size_t i = 0; i < 5; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", root, names[i]);
    assert_int_equal(ut_file_write(path[0], "x", 1, NULL), UT_OK);
    assert_int_equal(symlink("/nowhere/at all", path[1]), 0);
    assert_int_equal(mkfifo(path[2], 0600), 0);
    assert_int_equal(symlink("full", path[3]), 0);
    assert_int_equal(ut_file_write(path[4], "x", 1, NULL), UT_OK);
    ut_file_list list;
    assert_int_equal(ut_file_walk(root, &list, NULL), UT_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.names[0], "dangling");
    assert_string_equal(list.names[1], "empty/");
    assert_string_equal(list.names[2], "full/file");
    assert_string_equal(list.names[3], "pipe");
    ut_file_list_free(&list);
    for (size_t i = 0; i < 5; i++)
        unlink(path[i]);
    for (size_t i = 4; i-- > 0;) {
        snprintf(path[0], sizeof path[0], "%s%s", root, folders[i]);
        rmdir(path[0]);
    }
    free(root);
}

static void a_write_is_whole_or_absent(void **state)
{
    (void)state;
    ut_error err;
    char *path = ut_path_join(folder, "a/b/file.txt");
    assert_int_equal(ut_file_write(path, "x", 1, &err), UT_ERR_IO);
    char *parent = ut_path_join(folder, "a/b");
    assert_int_equal(ut_file_make_dirs(parent, &err), UT_OK);
    assert_int_equal(ut_file_make_dirs(parent, &err), UT_OK);
    assert_int_equal(ut_file_write(path, "hello", 5, &err), UT_OK);
    char *data;
    size_t length;
    assert_int_equal(ut_file_read(path, 4, &data, &length, &err), UT_ERR_LIMIT);
    assert_int_equal(ut_file_read(path, 5, &data, &length, &err), UT_OK);
    assert_string_equal(data, "hello");
    free(data);
    assert_int_equal(ut_file_read(parent, 5, &data, &length, &err), UT_ERR_IO);
    ut_mapping map;
    assert_int_equal(ut_file_map(path, &map, &err), UT_OK);
    assert_memory_equal(map.data, "hello", 5);
    ut_file_unmap(&map);
    ut_file_list list;
    assert_int_equal(ut_file_walk(folder, &list, &err), UT_OK);
    assert_int_equal(list.count, 1); /* no temporary file is left */
    assert_string_equal(list.names[0], "a/b/file.txt");
    ut_file_list_free(&list);
    free(parent);
    free(path);
}

/* A rename would put a file in the place of a device. */
static void a_pipe_is_not_written_over(void **state)
{
    (void)state;
    ut_error err;
    struct stat st;
    char *path = ut_path_join(folder, "pipe");
    char *temporary = NULL;
    ut_output *output = NULL;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ut_file_write(path, "x", 1, &err), UT_ERR_IO);
    assert_non_null(strstr(err.message, "a pipe or device"));
    assert_int_equal(ut_file_begin(path, &temporary, &err), UT_ERR_IO);
    assert_int_equal(ut_output_open(path, &output, &err), UT_ERR_IO);
    assert_int_equal(ut_file_write(folder, "x", 1, &err), UT_ERR_IO);
    assert_non_null(strstr(err.message, "a folder"));
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    unlink(path);
    free(path);
}

static void a_sweep_takes_its_prefix_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"a.pt.state.Ab3xyZ.part", "b.pt.Ab3xyZ.part", "a.pt.part"};
    char *path[3];
    for (size_t i = 0; i < 3; i++) {
        path[i] = ut_path_join(folder, names[i]);
        assert_int_equal(ut_file_write(path[i], "x", 1, NULL), UT_OK);
    }
    ut_file_sweep(folder, "a.pt");
    assert_false(ut_file_exists(path[0]));
    assert_true(ut_file_exists(path[1]));
    assert_true(ut_file_exists(path[2]));
    ut_file_sweep(folder, "");
    assert_false(ut_file_exists(path[1]));
    assert_true(ut_file_exists(path[2]));
    for (size_t i = 0; i < 3; i++) {
        unlink(path[i]);
        free(path[i]);
    }
}

static void trimming_keeps_what_was_used_last(void **state)
{
    (void)state;
    static const char *const names[] = {"c.kept", "a.kept", "b.kept", "d.other"};
    static const long ages[] = {30, 20, 10, 40};
    char *path[4];
    for (size_t i = 0; i < 4; i++) {
        const struct timespec when[2] = {{.tv_sec = 1000000 - ages[i]},
                                         {.tv_sec = 1000000 - ages[i]}};
        path[i] = ut_path_join(folder, names[i]);
        assert_int_equal(ut_file_write(path[i], "1234", 4, NULL), UT_OK);
        assert_int_equal(utimensat(AT_FDCWD, path[i], when, 0), 0);
    }
    ut_file_trim(folder, ".kept", 12);
    assert_true(ut_file_exists(path[0]));
    ut_file_trim(folder, ".kept", 11);
    assert_false(ut_file_exists(path[0]));
    assert_true(ut_file_exists(path[1]) && ut_file_exists(path[2]) && ut_file_exists(path[3]));
    ut_file_trim(folder, ".kept", 0);
    assert_false(ut_file_exists(path[1]) || ut_file_exists(path[2]));
    ut_file_trim("/nowhere/at/all", ".kept", 0);
    for (size_t i = 0; i < 4; i++) {
        unlink(path[i]);
        free(path[i]);
    }
}

static void paths_are_taken_apart(void **state)
{
    (void)state;
    assert_string_equal(ut_path_ending("a.b/c.tar.gz"), ".gz");
    assert_string_equal(ut_path_ending("a.b/c"), "");
    assert_string_equal(ut_path_ending(".hidden"), "");
    assert_string_equal(ut_path_base("x/y"), "y");
    char *p = ut_path_join("x/", "y");
    assert_string_equal(p, "x/y");
    free(p);
    p = ut_path_join("x", "/y");
    assert_string_equal(p, "/y");
    free(p);
}

static void json_numbers_survive_being_written(void **state)
{
    (void)state;
    const double values[] = {0, -0.0, 1, 12.345, 86399.999, 0.0001, 0.1, 1.0 / 3, 7200.1234};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_t *first = ut_json_seconds(values[i]);
        char *text = ut_json_text(first);
        json_t *back = json_loads(text, JSON_DECODE_ANY, NULL);
        json_t *second = ut_json_seconds(json_number_value(back));
        char *again = ut_json_text(second);
        assert_string_equal(text, again);
        assert_near(json_number_value(back), values[i], 0.0005001);
        free(text);
        free(again);
        json_decref(first);
        json_decref(second);
        json_decref(back);
    }
    json_t *nan = ut_json_number(NAN);
    assert_true(json_is_null(nan));
}

static void json_embeddings_are_exact(void **state)
{
    (void)state;
    for (size_t n = 1; n < 9; n++) {
        float values[8], back[8];
        for (size_t i = 0; i < n; i++)
            values[i] = sinf((float)(i + n)) * 1e-3f;
        json_t *text = ut_json_embedding(values, n);
        assert_int_equal(ut_json_embedding_size(text), n);
        assert_true(ut_json_embedding_read(text, back, n));
        assert_memory_equal(values, back, n * sizeof *values);
        if (n > 1)
            assert_false(ut_json_embedding_read(text, back, n - 1));
        json_decref(text);
    }
}

static void json_errors_name_the_place(void **state)
{
    (void)state;
    ut_error err;
    json_t *value;
    const char *bad = "{\"a\": 1,\n \"a\": 2}";
    assert_int_equal(ut_json_parse(bad, strlen(bad), "file.json", &value, &err), UT_ERR_FORMAT);
    assert_non_null(strstr(err.message, "file.json"));
    assert_non_null(strstr(err.message, "line 2"));
}

static void sha256_is_sha256(void **state)
{
    (void)state;
    char hex[UT_SHA256_HEX];
    ut_sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *path = ut_path_join(folder, "abc");
    assert_int_equal(ut_file_write(path, "abc", 3, NULL), UT_OK);
    char same[UT_SHA256_HEX];
    assert_int_equal(ut_sha256_file(path, same, NULL), UT_OK);
    assert_string_equal(hex, same);
    unlink(path);
    free(path);
}

static void children_are_read_and_limited(void **state)
{
    (void)state;
    ut_error err;
    ut_process process;
    assert_true(ut_process_available("sh"));
    assert_false(ut_process_available("no-such-program-anywhere"));
    const char *hello[] = {"sh", "-c", "echo hello; echo why >&2; exit 3", NULL};
    assert_int_equal(ut_process_start(&process, hello, (ut_process_limits){0}, &err), UT_OK);
    char text[64];
    size_t n = 0, got;
    do {
        assert_int_equal(ut_process_read(&process, text + n, sizeof text - n, &got, &err), UT_OK);
        n += got;
    } while (got);
    int code;
    ut_process_finish(&process, &code);
    assert_int_equal(n, 6);
    assert_memory_equal(text, "hello\n", 6);
    assert_int_equal(code, 3);
    assert_string_equal(process.last_error, "why");
    setenv("OPENAI_API_KEY", "sk-1", 1);
    setenv("UT_TEST_PLAIN", "plain", 1);
    const char *told[] = {"sh", "-c", "echo \"${OPENAI_API_KEY-none} $UT_TEST_PLAIN\" >&2", NULL};
    assert_int_equal(ut_process_start(&process, told, (ut_process_limits){0}, &err), UT_OK);
    ut_process_finish(&process, &code);
    assert_string_equal(process.last_error, "none plain");
    unsetenv("OPENAI_API_KEY");
    unsetenv("UT_TEST_PLAIN");
    const char *missing[] = {"no-such-program-anywhere", NULL};
    assert_int_equal(ut_process_start(&process, missing, (ut_process_limits){0}, &err), UT_OK);
    ut_process_finish(&process, &code);
    assert_int_equal(code, 127);
    const char *forever[] = {"sleep", "100", NULL};
    assert_int_equal(ut_process_start(&process, forever, (ut_process_limits){0}, &err), UT_OK);
    ut_process_kill(&process);
    ut_process_kill(&process);
}

/* An upload of another caller is no business of a decoder. */
static void children_have_the_file_that_is_named_alone(void **state)
{
    (void)state;
    ut_error err;
    ut_process process;
    FILE *file[2];
    char command[128];
    int code;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ut_file_scratch(folder, &file[i], &err), UT_OK);
    fputs("words\n", file[0]);
    fflush(file[0]);
    snprintf(command, sizeof command, "cat /proc/self/fd/%d >&2; test ! -e /proc/self/fd/%d",
             fileno(file[0]), fileno(file[1]));
    const char *argv[] = {"sh", "-c", command, NULL};
    assert_int_equal(ut_process_start(&process, argv, (ut_process_limits){0}, &err), UT_OK);
    ut_process_finish(&process, &code);
    assert_string_equal(process.last_error, "words");
    for (int i = 0; i < 2; i++)
        fclose(file[i]);
    assert_int_equal(code, 0);
}

static void count_index(void *context, size_t index, int worker)
{
    (void)worker;
    atomic_fetch_add((atomic_size_t *)context, index + 1);
}

static void parallel_runs_each_index_once(void **state)
{
    (void)state;
    for (int threads = 0; threads < 5; threads++) {
        atomic_size_t sum = 0;
        ut_parallel(threads, 1000, count_index, &sum);
        assert_int_equal(sum, 1000 * 1001 / 2);
        ut_parallel(threads, 0, count_index, &sum);
        assert_int_equal(sum, 1000 * 1001 / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_aligns_zeroes_and_bounds),
        cmocka_unit_test(buffer_remembers_its_first_failure),
        cmocka_unit_test(messages_hold_no_control_characters),
        cmocka_unit_test(only_utf8_reaches_people),
        cmocka_unit_test(a_walk_passes_over_nothing),
        cmocka_unit_test(a_write_is_whole_or_absent),
        cmocka_unit_test(a_pipe_is_not_written_over),
        cmocka_unit_test(a_sweep_takes_its_prefix_alone),
        cmocka_unit_test(trimming_keeps_what_was_used_last),
        cmocka_unit_test(paths_are_taken_apart),
        cmocka_unit_test(json_numbers_survive_being_written),
        cmocka_unit_test(json_embeddings_are_exact),
        cmocka_unit_test(json_errors_name_the_place),
        cmocka_unit_test(sha256_is_sha256),
        cmocka_unit_test(children_are_read_and_limited),
        cmocka_unit_test(children_have_the_file_that_is_named_alone),
        cmocka_unit_test(parallel_runs_each_index_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
