/* The embedded store alone: exactness to the last bit, files that are damaged, foreign or
 * read-only, several programs at once, and programs killed at any moment. */
#include "store_suite.h"

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
#include "nn/ops.h"

enum { ROUNDS = 30 };

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ut_store_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a%%20b?c#.db", folder);
    return 0;
}

static int empty_folder(void **state)
{
    (void)state;
    ut_file_list list;
    if (ut_file_walk(folder, &list, NULL) != UT_OK)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        char *name = ut_path_join(folder, list.names[i]);
        unlink(name);
        free(name);
    }
    ut_file_list_free(&list);
    return 0;
}

static int remove_folder(void **state)
{
    return empty_folder(state) == 0 ? rmdir(folder) : -1;
}

static uint32_t seed = 3;

static unsigned below(unsigned most)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % most;
}

static float noise(void)
{
    return (float)below(1 << 24) / 8388608.0f - 1;
}

static ut_store *open_store(const char *where, ut_store_mode mode, ut_store_space space)
{
    ut_store *store;
    ut_error err;
    if (ut_store_open(where, mode, space, NULL, &store, &err) != UT_OK)
        fail_msg("%s", err.message);
    return store;
}

static size_t count_of(ut_store *store)
{
    size_t count = 0;
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    return count;
}

/* ------------------------------------------------------------------ exactness */

typedef struct all {
    size_t dim, count;
    char (*ids)[16];
    float *vectors;
} all;

/* Vectors around a few centres, some twice, some short, some along an axis: close calls. */
static void random_vector(const all *a, size_t i, float *v)
{
    float square = 0;
    if (i > 20 && below(8) == 0) {
        memcpy(v, a->vectors + below((unsigned)i) * a->dim, a->dim * sizeof *v);
        return;
    }
    unsigned centre = below(3);
    unsigned kind = below(10);
    for (size_t d = 0; d < a->dim; d++) {
        v[d] = noise() * (kind < 5 ? 1 : 0.05f) + (d % 3 == centre);
        if (kind == 9)
            v[d] = d == centre % a->dim ? 1 : noise() * 1e-4f;
        square += v[d] * v[d];
    }
    float length = (kind == 8 ? 0.01f : 1) / sqrtf(square);
    for (size_t d = 0; d < a->dim; d++)
        v[d] *= length;
}

typedef struct near {
    float distance;
    const char *id;
} near;

static int compare_near(const void *a, const void *b)
{
    const near *x = a;
    const near *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return strcmp(x->id, y->id);
}

static void exactly(const all *a, ut_store *store, size_t queries, size_t k, float length)
{
    float *vectors = malloc(queries * a->dim * sizeof *vectors);
    ut_store_hit *hits = malloc(queries * k * sizeof *hits);
    near *expected = malloc(a->count * sizeof *expected);
    size_t *found = malloc(queries * sizeof *found);
    ut_arena *arena = ut_arena_create(0);
    for (size_t q = 0; q < queries; q++) {
        random_vector(a, a->count, vectors + q * a->dim);
        for (size_t d = 0; d < a->dim; d++)
            vectors[q * a->dim + d] *= length;
    }
    ut_store_query query = {.vectors = vectors, .count = queries, .k = k};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
    for (size_t q = 0; q < queries; q++) {
        for (size_t i = 0; i < a->count; i++)
            expected[i] = (near){1 - ut_dot(a->vectors + i * a->dim, vectors + q * a->dim, a->dim),
                                 a->ids[i]};
        qsort(expected, a->count, sizeof *expected, compare_near);
        assert_int_equal(found[q], k < a->count ? k : a->count);
        for (size_t h = 0; h < found[q]; h++) {
            assert_string_equal(hits[q * k + h].item.id, expected[h].id);
            assert_true(hits[q * k + h].distance == expected[h].distance);
        }
    }
    ut_arena_destroy(arena);
    free(found);
    free(expected);
    free(hits);
    free(vectors);
}

static void all_new(all *a, size_t dim, size_t count)
{
    *a = (all){.dim = dim, .count = count};
    a->ids = malloc(count * sizeof *a->ids);
    a->vectors = malloc(count * dim * sizeof *a->vectors);
    for (size_t i = 0; i < count; i++)
        snprintf(a->ids[i], sizeof *a->ids, "%zu", i * 7919 % 100003);
}

static void all_free(all *a)
{
    free(a->vectors);
    free(a->ids);
}

static void add_all(const all *a, ut_store *store, size_t from, size_t count)
{
    ut_store_item *items = calloc(count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i].id = a->ids[from + i];
    assert_int_equal(ut_store_add(store, items, a->vectors + from * a->dim, count, NULL, NULL),
                     UT_OK);
    free(items);
}

static void the_nearest_are_exact_to_the_last_bit(void **state)
{
    (void)state;
    static const struct {
        size_t dim, count;
    } sizes[] = {{1, 300}, {2, 40}, {3, 700}, {63, 1000}, {384, 1500}, {1030, 400}, {9000, 40}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        all a;
        all_new(&a, sizes[s].dim, sizes[s].count);
        ut_store *store = open_store(NULL, UT_STORE_WRITE, (ut_store_space){"m", a.dim});
        for (size_t i = 0; i < a.count; i++)
            random_vector(&a, i, a.vectors + i * a.dim);
        add_all(&a, store, 0, a.count);
        exactly(&a, store, 1, 10, 1);
        exactly(&a, store, 130, 7, 1);
        exactly(&a, store, 3, 1000, 1);
        exactly(&a, store, 5, 10, 1e-7f);
        exactly(&a, store, 5, 10, 1000);
        ut_store_close(store);
        all_free(&a);
    }
}

/* Vectors whose rounding to bytes all pulls one way as seen from the query. First come those that
 * it makes look nearer than they are, then those that look farther, by 3.7 of the 4.3 that it can
 * do: the true nearest are among the second, of which bytes alone would take none. */
static void rounding_that_pulls_one_way_changes_nothing(void **state)
{
    (void)state;
    enum { DIM = 96, ALL = 600 };
    all a;
    float query[DIM];
    float base[DIM];
    ut_store_hit hits[10];
    near expected[ALL];
    size_t found;
    all_new(&a, DIM, ALL);
    ut_arena *arena = ut_arena_create(0);
    for (size_t d = 0; d < DIM; d++) {
        query[d] = below(2) ? 0.1f : -0.1f; /* bytes say it exactly */
        base[d] = (float)below(200) - 100;
    }
    for (size_t i = 0; i < ALL; i++) {
        float *v = a.vectors + i * DIM;
        for (size_t d = 0; d < DIM; d++) {
            float up = query[d] > 0 ? 1 : -1;
            float jitter = d < 10 ? (float)below(3) - 1 : 0;
            v[d] = base[d] + jitter + (i < ALL / 2 ? -0.45f : d < 80 ? -0.55f : 0.45f) * up;
            if (d == 0)
                v[d] = 127;
            v[d] /= 127 * sqrtf(DIM);
        }
        expected[i] = (near){1 - ut_dot(v, query, DIM), a.ids[i]};
    }
    ut_store *store = open_store(NULL, UT_STORE_WRITE, (ut_store_space){"m", DIM});
    add_all(&a, store, 0, ALL);
    ut_store_query nearest = {.vectors = query, .count = 1, .k = 10};
    assert_int_equal(ut_store_nearest(store, &nearest, arena, hits, &found, NULL), UT_OK);
    qsort(expected, ALL, sizeof *expected, compare_near);
    for (size_t h = 0; h < 10; h++)
        assert_string_equal(hits[h].item.id, expected[h].id);
    ut_store_close(store);
    ut_arena_destroy(arena);
    all_free(&a);
}

/* Mixtures of `latent` directions and a little of everything. */
static void mixed_vectors(all *a, size_t from, size_t latent, uint32_t directions)
{
    float *mix = malloc(latent * a->dim * sizeof *mix);
    uint32_t kept = seed;
    seed = directions;
    for (size_t i = 0; i < latent * a->dim; i++)
        mix[i] = noise();
    seed = kept;
    for (size_t i = from; i < a->count; i++) {
        float *v = a->vectors + i * a->dim;
        for (size_t d = 0; d < a->dim; d++)
            v[d] = 0.2f * noise();
        for (size_t l = 0; l < latent; l++)
            ut_axpy(v, noise(), mix + l * a->dim, a->dim);
        float length = sqrtf(ut_dot(v, v, a->dim));
        for (size_t d = 0; d < a->dim; d++)
            v[d] /= length;
    }
    free(mix);
}

static int64_t number_in_file(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    int64_t number = -1;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    if (sqlite3_step(row) == SQLITE_ROW)
        number = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return number;
}

/* Vectors are turned when there are enough of them and again when there are many more, also under a
 * reader's hands, and stay exact; changes go on as before. */
static void turned_vectors_stay_exact(void **state)
{
    (void)state;
    enum { DIM = 100, FIRST = 1200, ALL = 20000 };
    all a;
    ut_store_space space = {"m", DIM};
    all_new(&a, DIM, ALL);
    mixed_vectors(&a, 0, 10, 1);
    mixed_vectors(&a, FIRST, 90, 2); /* later ones differ in other directions */
    ut_store *store = open_store(path, UT_STORE_WRITE, space);
    ut_store *reader = open_store(path, UT_STORE_READ, space);
    add_all(&a, store, 0, 1000);
    a.count = 1000;
    exactly(&a, reader, 20, 10, 1);
    assert_int_equal(number_in_file("SELECT head FROM basis"), -1);
    add_all(&a, store, 1000, FIRST - 1000);
    a.count = FIRST;
    assert_int_equal(number_in_file("SELECT head FROM basis"), 32);
    exactly(&a, reader, 20, 10, 1);
    exactly(&a, store, 20, 10, 1);
    add_all(&a, store, FIRST, 5000);
    a.count = FIRST + 5000;
    exactly(&a, reader, 20, 10, 1);
    assert_int_equal(number_in_file("SELECT based FROM basis"), FIRST);
    add_all(&a, store, a.count, ALL - a.count);
    a.count = ALL;
    assert_int_equal(number_in_file("SELECT based FROM basis"), ALL);
    assert_int_equal(number_in_file("SELECT head FROM basis"), 64);
    exactly(&a, reader, 70, 10, 1);
    exactly(&a, store, 1, 300, 1);
    const char *ids[50];
    for (size_t i = 0; i < 50; i++)
        ids[i] = a.ids[ALL - 1 - i];
    assert_int_equal(ut_store_remove(store, ids, 50, NULL, NULL), UT_OK);
    a.count = ALL - 50;
    exactly(&a, reader, 20, 10, 1);
    add_all(&a, store, ALL - 50, 50);
    a.count = ALL;
    exactly(&a, reader, 20, 10, 1);
    ut_store_close(reader);
    ut_store_close(store);
    all_free(&a);
}

/* Where every direction holds the same, vectors are left as they are. */
static void even_vectors_are_not_turned(void **state)
{
    (void)state;
    enum { DIM = 64, ALL = 1100 };
    all a;
    all_new(&a, DIM, ALL);
    mixed_vectors(&a, 0, 0, 1);
    ut_store *store = open_store(path, UT_STORE_WRITE, (ut_store_space){"m", DIM});
    add_all(&a, store, 0, ALL);
    assert_int_equal(number_in_file("SELECT head FROM basis"), 0);
    exactly(&a, store, 20, 10, 1);
    ut_store_close(store);
    all_free(&a);
}

/* ------------------------------------------------------------------ files */

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
    assert_true(status == UT_ERR_USAGE || strstr(err.message, folder));
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
    assert_int_equal(empty_folder(state), 0);
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
        assert_int_equal(empty_folder(state), 0);
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
    assert_int_equal(chmod(folder, 0555), 0);
    store = open_store(path, UT_STORE_READ, store_suite_space());
    assert_int_equal(count_of(store), STORE_SUITE_COUNT);
    store_suite_compare(store);
    ut_store_close(store);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* ------------------------------------------------------------------ JSON lines */

/* A vector that depends on the text alone. */
static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    (void)err;
    uint32_t kept = seed;
    all one = {.dim = STORE_SUITE_DIM};
    seed = 5;
    for (const char *c = text; *c; c++)
        seed = seed * 31 + (unsigned char)*c;
    random_vector(&one, 0, out);
    seed = kept;
    if (context)
        ++*(int *)context;
    return UT_OK;
}

static void lines_are_taken_all_or_none(void **state)
{
    (void)state;
    char lines[160];
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
    snprintf(lines, sizeof lines, "%s/lines.jsonl", folder);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_exact_to_the_last_bit),
        cmocka_unit_test(rounding_that_pulls_one_way_changes_nothing),
        cmocka_unit_test_teardown(turned_vectors_stay_exact, empty_folder),
        cmocka_unit_test_teardown(even_vectors_are_not_turned, empty_folder),
        cmocka_unit_test_teardown(what_was_added_is_there_again, empty_folder),
        cmocka_unit_test_teardown(handles_see_what_others_change, empty_folder),
        cmocka_unit_test_teardown(another_space_is_refused, empty_folder),
        cmocka_unit_test_teardown(damaged_and_foreign_files_are_refused, empty_folder),
        cmocka_unit_test_teardown(rows_that_cannot_be_ours_are_refused, empty_folder),
        cmocka_unit_test_teardown(read_only_media_are_read, empty_folder),
        cmocka_unit_test_teardown(lines_are_taken_all_or_none, empty_folder),
        cmocka_unit_test_teardown(a_killed_writer_loses_nothing, empty_folder),
        cmocka_unit_test_teardown(readers_search_while_another_program_writes, empty_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
