/* The embedded store's files: damaged, foreign or read-only ones, several programs at once, and
 * programs killed at any moment. */
#include "embedded_file.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

enum { ROUNDS = 30 };

static void what_was_added_is_there_again(void **state)
{
    (void)state;
    ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
    store_suite_fill(store);
    ut_store_close(store);
    assert_true(ut_file_exists(path));
    for (int mode = 0; mode < 2; mode++) {
        store = open_store(path, (ut_store_mode)mode, store_suite_space());
        assert_int_equal(count_of(store), STORE_SUITE_COUNT);
        store_suite_compare(store);
        ut_store_close(store);
    }
    store = open_store(path, UT_STORE_READ, (ut_store_space){0});
    assert_int_equal(ut_store_space_of(store).dim, STORE_SUITE_DIM);
    assert_string_equal(ut_store_space_of(store).model, store_suite_space().model);
    float vector[STORE_SUITE_DIM] = {1};
    const char *id = "id-000";
    assert_int_equal(ut_store_add(store, &(ut_store_item){.text = "x"}, vector, 1, NULL, NULL),
                     UT_ERR_USAGE);
    assert_int_equal(ut_store_remove(store, &id, 1, NULL, NULL), UT_ERR_USAGE);
    assert_int_equal(ut_store_set_label(store, id, 1, NULL), UT_ERR_USAGE);
    ut_store_close(store);
}

static size_t near_one(ut_store *store, const float *vector)
{
    ut_store_hit hits[8];
    size_t found;
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 8};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, &found, NULL), UT_OK);
    ut_arena_destroy(arena);
    return found;
}

static void handles_see_what_others_change(void **state)
{
    (void)state;
    ut_store *one = open_store(path, UT_STORE_WRITE, store_suite_space());
    ut_store *two = open_store(path, UT_STORE_WRITE, store_suite_space());
    ut_store *reader = open_store(path, UT_STORE_READ, store_suite_space());
    float vector[STORE_SUITE_DIM] = {1};
    ut_store_item a = {.id = "a", .label = -1};
    ut_store_item b = {.id = "b", .label = -1};
    assert_int_equal(near_one(reader, vector), 0);
    assert_int_equal(ut_store_add(one, &a, vector, 1, NULL, NULL), UT_OK);
    assert_int_equal(near_one(reader, vector), 1);
    assert_int_equal(near_one(two, vector), 1);
    assert_int_equal(ut_store_add(two, &b, vector, 1, NULL, NULL), UT_OK);
    assert_int_equal(near_one(one, vector), 2);
    assert_int_equal(near_one(reader, vector), 2);
    assert_int_equal(ut_store_remove(one, &a.id, 1, NULL, NULL), UT_OK);
    assert_int_equal(near_one(reader, vector), 1);
    assert_int_equal(near_one(two, vector), 1);
    ut_store_close(reader);
    ut_store_close(two);
    ut_store_close(one);
}

static void expect_refused(ut_store_mode mode, ut_store_space space, ut_status status)
{
    ut_store *store;
    ut_error err;
    assert_int_equal(ut_store_open(path, mode, space, NULL, &store, &err), status);
    assert_null(store);
    assert_true(status == UT_ERR_USAGE || strstr(err.message, ut_test_in_folder("")));
}

static void another_space_is_refused(void **state)
{
    (void)state;
    ut_store_space space = store_suite_space();
    expect_refused(UT_STORE_WRITE, (ut_store_space){NULL, 0}, UT_ERR_NOT_FOUND);
    ut_store_close(open_store(path, UT_STORE_WRITE, space));
    for (int mode = 0; mode < 2; mode++) {
        expect_refused(mode, (ut_store_space){"another", space.dim}, UT_ERR_MISMATCH);
        expect_refused(mode, (ut_store_space){space.model, space.dim + 1}, UT_ERR_MISMATCH);
        expect_refused(mode, (ut_store_space){space.model, 0}, UT_ERR_USAGE);
        expect_refused(mode, (ut_store_space){"", space.dim}, UT_ERR_USAGE);
        expect_refused(mode, (ut_store_space){"m", UT_STORE_DIM_MOST + 1}, UT_ERR_USAGE);
    }
}

static ut_status visit_nothing(void *context, const ut_store_item *item, const float *vector,
                               ut_error *err)
{
    (void)context;
    (void)item;
    (void)vector;
    (void)err;
    return UT_OK;
}

/* Reads all there is to read. */
static ut_status use(void)
{
    ut_store *store;
    float vector[STORE_SUITE_DIM] = {1};
    ut_store_hit hits[50];
    size_t found;
    ut_status status = ut_store_open(path, UT_STORE_READ, store_suite_space(), NULL, &store, NULL);
    if (status != UT_OK)
        return status;
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 50};
    status = ut_store_nearest(store, &query, arena, hits, &found, NULL);
    ut_status walked = ut_store_each(store, visit_nothing, NULL, NULL);
    ut_arena_destroy(arena);
    ut_store_close(store);
    return status == UT_OK ? walked : status;
}

static void damaged_and_foreign_files_are_refused(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    ut_store_space space = store_suite_space();
    static const char text[] = "This is no database, but long enough to be read as one.";
    expect_refused(UT_STORE_READ, space, UT_ERR_NOT_FOUND);
    assert_int_equal(ut_file_write(path, text, sizeof text, NULL), UT_OK);
    expect_refused(UT_STORE_READ, space, UT_ERR_FORMAT);
    expect_refused(UT_STORE_WRITE, space, UT_ERR_FORMAT);
    assert_int_equal(ut_test_folder_empty(state), 0);
    ut_store *store = open_store(path, UT_STORE_WRITE, space);
    store_suite_fill(store);
    ut_store_close(store);
    assert_int_equal(use(), UT_OK);
    assert_int_equal(ut_file_read(path, 1 << 24, &bytes, &length, NULL), UT_OK);
    assert_int_equal(ut_file_write(path, bytes, length / 2, NULL), UT_OK);
    assert_int_equal(use(), UT_ERR_FORMAT);
    /* Another program's database: the mark in the header (bytes 68..71) is not ours. Another
     * version of ours: bytes 60..63. */
    bytes[68] ^= 0x55;
    assert_int_equal(ut_file_write(path, bytes, length, NULL), UT_OK);
    expect_refused(UT_STORE_READ, space, UT_ERR_FORMAT);
    bytes[68] ^= 0x55;
    bytes[63] ^= 0x55;
    assert_int_equal(ut_file_write(path, bytes, length, NULL), UT_OK);
    expect_refused(UT_STORE_READ, space, UT_ERR_UNSUPPORTED);
    bytes[63] ^= 0x55;
    /* Any page overwritten: refused or read, never a crash. */
    int refused = 0;
    for (size_t page = 4096; page + 4096 <= length; page += 4096) {
        char kept[256];
        memcpy(kept, bytes + page, sizeof kept);
        memset(bytes + page, 0xa5, sizeof kept);
        assert_int_equal(ut_file_write(path, bytes, length, NULL), UT_OK);
        refused += use() != UT_OK;
        memcpy(bytes + page, kept, sizeof kept);
    }
    assert_true(refused > 10);
    free(bytes);
}

/* Runs SQL on the file behind the store's back. */
static void tamper(const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void rows_that_cannot_be_ours_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "UPDATE items SET vector = x'00'",
        "UPDATE items SET vector = 'text'",
        "UPDATE items SET label = 77",
        "DELETE FROM items",
        "UPDATE blocks SET data = zeroblob(10)",
        "UPDATE blocks SET data = 7",
        "UPDATE blocks SET b = b + 5",
        "UPDATE blocks SET data = substr(data, 1, length(data) - 4) || x'ffffffff'",
        "UPDATE blocks SET data = substr(data, 1, 6144) || x'0000c07f' || substr(data, 6149)",
        "DELETE FROM space",
        "UPDATE space SET dim = -1",
        "UPDATE space SET model = ''",
        "DROP TABLE blocks",
        "DROP TABLE items",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ut_test_folder_empty(state), 0);
        ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
        store_suite_fill(store);
        ut_store_close(store);
        tamper(bad[i]);
        if (use() == UT_OK)
            fail_msg("taken: %s", bad[i]);
    }
}

static void read_only_media_are_read(void **state)
{
    (void)state;
    ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
    store_suite_fill(store);
    ut_store_close(store);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(ut_test_in_folder(""), 0555), 0);
    store = open_store(path, UT_STORE_READ, store_suite_space());
    assert_int_equal(count_of(store), STORE_SUITE_COUNT);
    store_suite_compare(store);
    ut_store_close(store);
    assert_int_equal(chmod(ut_test_in_folder(""), 0755), 0);
}

/* ------------------------------------------------------------------ JSON lines */

static void unit_vector(float *v)
{
    float square = 0;
    for (size_t d = 0; d < STORE_SUITE_DIM; d++) {
        v[d] = noise();
        square += v[d] * v[d];
    }
    for (size_t d = 0; d < STORE_SUITE_DIM; d++)
        v[d] /= sqrtf(square);
}

/* A vector that depends on the text alone. */
static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    (void)err;
    uint32_t kept = seed;
    seed = 5;
    for (const char *c = text; *c; c++)
        seed = seed * 31 + (unsigned char)*c;
    unit_vector(out);
    seed = kept;
    if (context)
        ++*(int *)context;
    return UT_OK;
}

static void lines_are_taken_all_or_none(void **state)
{
    (void)state;
    const char *lines = ut_test_in_folder("lines.jsonl");
    ut_error err;
    int calls = 0;
    size_t added;
    ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
    static const char good[] = "{\"text\": \"one\", \"label\": \"sad\"}\n\n"
                               "{\"text\": \"two\", \"label\": \"NonNeutral\", \"speaker\": \"A\", "
                               "\"source\": \"own\", \"start\": 1.5, \"end\": 2.25}\r\n"
                               "{\"text\": \"three\", \"conversation\": \"c\", \"label\": null}";
    static const char *const bad[] = {
        "{\"text\": \"x\", \"label\": \"sad\"}\n{\"text\": \"y\", \"label\": \"gloomy\"}\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\n{\"text\": \"\", \"label\": \"sad\"}\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\n{\"text\": \"y\", \"label\": 3}\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\nnonsense\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\n5\n",
        "{\"text\": \"x\"}\n{\"text\": \"x\", \"vector\": \"AAAA\"}\n",
        "{\"text\": \"x\"}\n{\"text\": \"x\", \"vector\": \"not base64\"}\n",
    };
    assert_int_equal(ut_store_import(store, lines, NULL, embed, NULL, NULL, &err),
                     UT_ERR_NOT_FOUND);
    assert_int_equal(ut_file_write(lines, good, sizeof good - 1, NULL), UT_OK);
    assert_int_equal(ut_store_import(store, lines, "given", embed, &calls, &added, &err), UT_OK);
    assert_int_equal(added, 3);
    assert_int_equal(calls, 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ut_file_write(lines, bad[i], strlen(bad[i]), NULL), UT_OK);
        ut_status status = ut_store_import(store, lines, "given", embed, NULL, &added, &err);
        assert_true(status == UT_ERR_FORMAT || status == UT_ERR_MISMATCH);
        assert_non_null(strstr(err.message, "line 2"));
        assert_int_equal(added, 0);
        assert_int_equal(count_of(store), 3);
    }
    float query[STORE_SUITE_DIM];
    ut_store_hit hits[3];
    size_t found;
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(embed(NULL, "two", query, NULL), UT_OK);
    ut_store_query nearest = {
        .vectors = query, .count = 1, .k = 3, .filter = {.labels = UT_STORE_LABELLED}};
    assert_int_equal(ut_store_nearest(store, &nearest, arena, hits, &found, NULL), UT_OK);
    assert_int_equal(found, 2);
    assert_int_equal(hits[0].item.label, UT_NON_NEUTRAL);
    assert_string_equal(hits[0].item.speaker, "A");
    assert_string_equal(hits[0].item.source, "own");
    assert_true(hits[0].item.start == 1.5 && hits[0].item.end == 2.25);
    assert_string_equal(hits[1].item.source, "given");
    ut_arena_destroy(arena);
    ut_store_close(store);
}

/* ------------------------------------------------------------------ killed */

/* Changes of one kind after another, each told to the parent when it is done. */
static void change_until_killed(int told, unsigned round)
{
    ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
    seed = round * 77 + 1;
    for (unsigned step = 0;; step++) {
        enum { MOST = 40 };
        char ids[MOST][32];
        const char *named[MOST];
        ut_store_item items[MOST] = {0};
        float vectors[MOST * STORE_SUITE_DIM];
        size_t count = 1 + below(MOST);
        for (size_t i = 0; i < count; i++) {
            snprintf(ids[i], sizeof ids[i], "%u-%u-%zu", round, step, i);
            named[i] = items[i].id = ids[i];
            items[i].label = step % 3 ? -1 : UT_SAD;
            unit_vector(vectors + i * STORE_SUITE_DIM); /* nearest to itself */
        }
        if (ut_store_add(store, items, vectors, count, NULL, NULL) != UT_OK)
            _exit(1);
        if (step % 5 == 1 && ut_store_remove(store, named, count, NULL, NULL) != UT_OK)
            _exit(2);
        if (step % 5 == 2 && ut_store_set_label(store, ids[0], UT_HAPPY, NULL) != UT_OK)
            _exit(3);
        char line[64];
        int length = snprintf(line, sizeof line, "%u %zu\n", step, count);
        if (write(told, line, (size_t)length) != length)
            _exit(4);
    }
}

enum { SAMPLE = 512 };

typedef struct checking {
    size_t sad, walked, every, sampled;
    float vectors[SAMPLE * STORE_SUITE_DIM];
} checking;

static ut_status collect(void *context, const ut_store_item *item, const float *vector,
                         ut_error *err)
{
    (void)err;
    checking *c = context;
    c->sad += item->label == UT_SAD;
    if (c->walked++ % c->every == 0)
        memcpy(c->vectors + c->sampled++ * STORE_SUITE_DIM, vector,
               sizeof *vector * STORE_SUITE_DIM);
    return UT_OK;
}

/* Items and blocks tell the same: items find themselves, and labels agree. */
static void check_agreement(ut_store *store)
{
    static checking c;
    static ut_store_hit hits[UT_STORE_K_MOST];
    size_t found[SAMPLE];
    size_t count = count_of(store);
    ut_arena *arena = ut_arena_create(0);
    c = (checking){.every = count / SAMPLE + 1};
    assert_int_equal(ut_store_each(store, collect, &c, NULL), UT_OK);
    assert_int_equal(c.walked, count);
    ut_store_query query = {.vectors = c.vectors, .count = c.sampled, .k = 1};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
    for (size_t i = 0; i < c.sampled; i++) {
        assert_int_equal(found[i], 1);
        assert_near(hits[i].distance, 0, 1e-5);
    }
    query = (ut_store_query){.vectors = c.vectors,
                             .count = count > 0,
                             .k = UT_STORE_K_MOST,
                             .filter = {.labels = 1u << UT_SAD}};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
    if (count > 0)
        assert_int_equal(found[0], c.sad < UT_STORE_K_MOST ? c.sad : UT_STORE_K_MOST);
    ut_arena_destroy(arena);
}

/* What the writer told of is there, whole; what it did not tell of is there whole or not at all. */
static void check_told(ut_store *store, unsigned round, FILE *told)
{
    unsigned step;
    size_t count;
    long last = -1;
    ut_arena *arena = ut_arena_create(0);
    ut_store_item item;
    char id[32];
    while (fscanf(told, "%u %zu\n", &step, &count) == 2) {
        last = step;
        for (size_t i = 0; i < count; i++) {
            snprintf(id, sizeof id, "%u-%u-%zu", round, step, i);
            assert_int_equal(ut_store_get(store, id, arena, &item, NULL, NULL),
                             step % 5 == 1 ? UT_ERR_NOT_FOUND : UT_OK);
        }
        ut_arena_reset(arena);
    }
    size_t there = 0;
    size_t gap = 0;
    for (size_t i = 0; i < 41; i++) {
        snprintf(id, sizeof id, "%u-%ld-%zu", round, last + 1, i);
        ut_status status = ut_store_get(store, id, arena, &item, NULL, NULL);
        there += status == UT_OK;
        gap += status == UT_OK && there != i + 1;
    }
    assert_int_equal(gap, 0);
    ut_arena_destroy(arena);
}

static void a_killed_writer_loses_nothing(void **state)
{
    (void)state;
    ut_store *reader = NULL;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipes[0]);
            change_until_killed(pipes[1], round);
        }
        close(pipes[1]);
        struct timespec wait = {0, 1000000L * (2 + (long)below(60))};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        FILE *told = fdopen(pipes[0], "r");
        ut_store *store = open_store(path, UT_STORE_WRITE, store_suite_space());
        check_told(store, round, told);
        check_agreement(store);
        if (!reader)
            reader = open_store(path, UT_STORE_READ, store_suite_space());
        check_agreement(reader); /* has been open since the first round */
        ut_store_close(store);
        fclose(told);
    }
    assert_true(count_of(reader) > 500);
    ut_store_close(reader);
}

static void readers_search_while_another_program_writes(void **state)
{
    (void)state;
    int pipes[2];
    ut_store_close(open_store(path, UT_STORE_WRITE, store_suite_space()));
    assert_int_equal(pipe(pipes), 0);
    assert_true(fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20) > 0);
    pid_t child = fork();
    if (child == 0)
        change_until_killed(pipes[1], 1);
    ut_store *one = open_store(path, UT_STORE_READ, store_suite_space());
    ut_store *two = open_store(path, UT_STORE_READ, store_suite_space());
    float vector[STORE_SUITE_DIM] = {1};
    size_t grown = 0;
    size_t last = 0;
    for (int i = 0; i < 200; i++) {
        size_t count = count_of(i % 2 ? one : two);
        grown += count != last;
        last = count;
        size_t found = near_one(i % 2 ? one : two, vector);
        assert_true(found == 8 || last < 60);
        nanosleep(&(struct timespec){0, 500000}, NULL);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(grown > 5);
    check_agreement(one);
    check_agreement(two);
    ut_store_close(two);
    ut_store_close(one);
}

static int open_and_close(void *where)
{
    ut_error err = {0};
    ut_store *store = NULL;
    if (ut_store_open(where, UT_STORE_WRITE, store_suite_space(), NULL, &store, &err) != UT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    ut_store_close(store);
    return 0;
}

static void programs_may_make_a_store_at_once(void **state)
{
    for (int round = 0; round < 20; round++) {
        ut_test_at_once(6, open_and_close, path);
        assert_int_equal(ut_test_folder_empty(state), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_added_is_there_again, ut_test_folder_empty),
        cmocka_unit_test_teardown(handles_see_what_others_change, ut_test_folder_empty),
        cmocka_unit_test_teardown(another_space_is_refused, ut_test_folder_empty),
        cmocka_unit_test_teardown(damaged_and_foreign_files_are_refused, ut_test_folder_empty),
        cmocka_unit_test_teardown(rows_that_cannot_be_ours_are_refused, ut_test_folder_empty),
        cmocka_unit_test_teardown(read_only_media_are_read, ut_test_folder_empty),
        cmocka_unit_test_teardown(lines_are_taken_all_or_none, ut_test_folder_empty),
        cmocka_unit_test_teardown(a_killed_writer_loses_nothing, ut_test_folder_empty),
        cmocka_unit_test_teardown(programs_may_make_a_store_at_once, ut_test_folder_empty),
        cmocka_unit_test_teardown(readers_search_while_another_program_writes,
                                  ut_test_folder_empty),
    };
    return cmocka_run_group_tests(tests, path_make, ut_test_folder_remove);
}
