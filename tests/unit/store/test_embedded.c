/* The embedded store's answers: exact to the last bit. */
#include "embedded_file.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/ops.h"

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

/* Labels of all items count, however many there are and in whatever order they came. */
static void labels_of_all_items_are_counted(void **state)
{
    (void)state;
    enum { ALL = 25000, SAD = 22000, GONE = 30 };
    static char ids[ALL][8];
    static ut_store_item items[ALL];
    static float vectors[ALL];
    const char *gone[GONE];
    size_t counts[UT_EMOTIONS];
    for (size_t i = 0; i < ALL; i++) {
        snprintf(ids[i], sizeof ids[i], "%zu", i);
        items[i] = (ut_store_item){.id = ids[i], .label = i < SAD ? UT_SAD : UT_HAPPY};
        vectors[i] = 1;
    }
    items[0].label = -1;
    for (size_t i = 0; i < GONE; i++)
        gone[i] = ids[ALL - 1 - i];
    ut_store *store = open_store(path, UT_STORE_WRITE, (ut_store_space){"m", 1});
    ut_store *reader = open_store(path, UT_STORE_READ, (ut_store_space){0});
    assert_int_equal(ut_store_add(store, items, vectors, ALL, NULL, NULL), UT_OK);
    assert_int_equal(ut_store_labels(reader, counts, NULL), UT_OK);
    assert_int_equal(counts[UT_SAD], SAD - 1);
    assert_int_equal(counts[UT_HAPPY], ALL - SAD);
    assert_int_equal(ut_store_remove(store, gone, GONE, NULL, NULL), UT_OK);
    assert_int_equal(ut_store_labels(reader, counts, NULL), UT_OK);
    assert_int_equal(counts[UT_HAPPY], ALL - SAD - GONE);
    ut_store_close(reader);
    ut_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_exact_to_the_last_bit),
        cmocka_unit_test(rounding_that_pulls_one_way_changes_nothing),
        cmocka_unit_test_teardown(turned_vectors_stay_exact, ut_test_folder_empty),
        cmocka_unit_test_teardown(even_vectors_are_not_turned, ut_test_folder_empty),
        cmocka_unit_test_teardown(labels_of_all_items_are_counted, ut_test_folder_empty),
    };
    return cmocka_run_group_tests(tests, path_make, ut_test_folder_remove);
}
