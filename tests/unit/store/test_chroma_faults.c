/* The store over a server that misbehaves: whatever it does, a clear error or success after all,
 * and nothing half done. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/store.h"

enum { DIM = 4 };

static int port;
static const ut_store_space space = {"a model", DIM};

static ut_status try_open(const char *fault, ut_store **store, ut_error *err)
{
    char url[64];
    bool huge = strstr(fault, "huge") != NULL; /* takes its time: 256 MB come */
    ut_store_options options = {.token = fault, .seconds = huge ? 60 : 4};
    snprintf(url, sizeof url, "chroma://127.0.0.1:%d/things", port);
    return ut_store_open(url, UT_STORE_WRITE, space, &options, store, err);
}

static ut_store *open_store(const char *fault)
{
    ut_store *store;
    ut_error err;
    if (try_open(fault, &store, &err) != UT_OK)
        fail_msg("%s: %s", fault, err.message);
    return store;
}

static ut_status add(ut_store *store, const char *const *texts, size_t count, size_t *added,
                     ut_error *err)
{
    ut_store_item items[16] = {0};
    float vectors[16 * DIM] = {0};
    for (size_t i = 0; i < count; i++) {
        items[i].id = items[i].text = texts[i];
        vectors[i * DIM + i % DIM] = 1.0f - 0.05f * (float)i;
    }
    return ut_store_add(store, items, vectors, count, added, err);
}

static ut_status call(ut_store *store, const char *name, ut_error *err)
{
    static const char *const texts[] = {"a", "b", "c"};
    float vector[DIM] = {1};
    ut_store_item item;
    ut_store_hit hits[2];
    size_t n;
    ut_status status = UT_ERR_INTERNAL;
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 2};
    if (strcmp(name, "count") == 0)
        status = ut_store_count(store, &n, err);
    else if (strcmp(name, "get") == 0)
        status = ut_store_get(store, "a", arena, &item, vector, err);
    else if (strcmp(name, "query") == 0)
        status = ut_store_nearest(store, &query, arena, hits, &n, err);
    else if (strcmp(name, "add") == 0)
        status = add(store, texts, 3, &n, err);
    ut_arena_destroy(arena);
    return status;
}

/* What a person needs: which collection, what happened; never the token. */
static void check_message(const char *fault, const char *word, const ut_error *err)
{
    char place[64];
    snprintf(place, sizeof place, "chroma://127.0.0.1:%d/things", port);
    if (!strstr(err->message, word) || !strstr(err->message, place) || strstr(err->message, fault))
        fail_msg("%s: \"%s\" does not say \"%s\"", fault, err->message, word);
}

static const struct {
    const char *fault; /* CALL=FAULT */
    ut_status status;
    const char *word;
} cases[] = {
    {"preflight=401", UT_ERR_CONFIG, "CHROMA_TOKEN"},
    {"preflight=404", UT_ERR_UNSUPPORTED, "version 1"},
    {"preflight=html", UT_ERR_FORMAT, "not JSON"},
    {"preflight=500", UT_ERR_NETWORK, "on fire"},
    {"preflight=limits", UT_ERR_FORMAT, "max_batch_size"},
    {"preflight=list", UT_ERR_FORMAT, "max_batch_size"},
    {"preflight=reset", UT_ERR_NETWORK, "chroma run"},
    {"preflight=slow", UT_ERR_NETWORK, "timed out"},
    {"collection=badid", UT_ERR_FORMAT, "no collection"},
    {"collection=null", UT_ERR_FORMAT, "no collection"},
    {"collection=410", UT_ERR_FORMAT, "410"},
    {"count=500", UT_ERR_NETWORK, "on fire"},
    {"count=429long", UT_ERR_NETWORK, "tomorrow"},
    {"count=slow", UT_ERR_NETWORK, "timed out"},
    {"count=drip", UT_ERR_NETWORK, "timed out"},
    {"count=half", UT_ERR_NETWORK, "broke"},
    {"count=reset", UT_ERR_NETWORK, "broke"},
    {"count=html", UT_ERR_FORMAT, "not JSON"},
    {"count=html502", UT_ERR_NETWORK, "502"},
    {"count=empty", UT_ERR_FORMAT, "not JSON"},
    {"count=minus", UT_ERR_FORMAT, "no number"},
    {"count=real", UT_ERR_FORMAT, "no number"},
    {"count=text", UT_ERR_FORMAT, "no number"},
    {"get=null", UT_ERR_FORMAT, "columns"},
    {"get=text", UT_ERR_FORMAT, "columns"},
    {"get=cut", UT_ERR_FORMAT, "not JSON"},
    {"get=deep", UT_ERR_FORMAT, "not JSON"},
    {"get=ids", UT_ERR_FORMAT, "without ids"},
    {"get=noids", UT_ERR_FORMAT, "columns"},
    {"get=columns", UT_ERR_FORMAT, "columns"},
    {"get=vectors", UT_ERR_FORMAT, "vector"},
    {"get=short", UT_ERR_FORMAT, "vector"},
    {"query=object", UT_ERR_FORMAT, "other queries"},
    {"query=queries", UT_ERR_FORMAT, "other queries"},
    {"query=nodistance", UT_ERR_FORMAT, "distance"},
    {"query=nocolumn", UT_ERR_FORMAT, "vector"},
    {"add=413", UT_ERR_LIMIT, "so much"},
};

/* Opens with this fault and makes the call that has it. */
typedef struct trial {
    const char *fault;
    ut_status status;
    ut_error err;
    double seconds;
} trial;

static void try_one(void *context, size_t i, int worker)
{
    (void)worker;
    trial *t = (trial *)context + i;
    char name[16];
    ut_store *store;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(t->fault, "="), t->fault);
    double began = ut_clock_wall();
    t->status = try_open(t->fault, &store, &t->err);
    if (t->status == UT_OK) {
        bool opening = strcmp(name, "preflight") == 0;
        t->status = opening ? UT_OK : call(store, name, &t->err);
        ut_store_close(store);
    }
    t->seconds = ut_clock_wall() - began;
}

static void faults_are_told(void **state)
{
    (void)state;
    enum { COUNT = sizeof cases / sizeof *cases };
    static trial trials[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        trials[i].fault = cases[i].fault;
    ut_parallel(12, COUNT, try_one, trials);
    for (size_t i = 0; i < COUNT; i++) {
        if (trials[i].status != cases[i].status)
            fail_msg("%s: %d, %s", cases[i].fault, (int)trials[i].status, trials[i].err.message);
        check_message(cases[i].fault, cases[i].word, &trials[i].err);
        assert_true(trials[i].seconds < 30);
    }
}

static void what_passes_is_waited_for(void **state)
{
    (void)state;
    trial trials[] = {{.fault = "preflight=503twice"}, {.fault = "count=503twice"},
                      {.fault = "count=429"},          {.fault = "count=halftwice"},
                      {.fault = "count=resettwice"},   {.fault = "query=429"}};
    size_t count = sizeof trials / sizeof *trials;
    ut_parallel((int)count, count, try_one, trials);
    for (size_t i = 0; i < count; i++)
        if (trials[i].status != UT_OK)
            fail_msg("%s: %s", trials[i].fault, trials[i].err.message);
    assert_true(trials[2].seconds >= 1); /* Retry-After: 1 */
}

static void an_answer_without_end_is_cut(void **state)
{
    (void)state;
    trial t = {.fault = "count=huge"};
    try_one(&t, 0, 0);
    assert_int_equal(t.status, UT_ERR_LIMIT);
    check_message(t.fault, "bytes", &t.err);
}

static const char *const ten[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

/* The server takes 3 at once. */
static void items_are_added_all_or_none(void **state)
{
    (void)state;
    size_t added = 77;
    size_t count = 77;
    ut_error err;
    ut_store *store = open_store("add=500later");
    assert_int_equal(add(store, ten, 10, &added, &err), UT_ERR_NETWORK);
    check_message("add=500later", "the disk is full", &err);
    assert_int_equal(added, 0);
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    assert_int_equal(count, 0);
    ut_store_close(store);
    store = open_store("delete=500");
    assert_int_equal(add(store, ten, 10, &added, &err), UT_OK);
    assert_int_equal(added, 10);
    size_t removed;
    assert_int_equal(ut_store_remove(store, ten, 2, &removed, &err), UT_ERR_NETWORK);
    assert_int_equal(removed, 0);
    ut_store_close(store);
}

static void an_answer_that_is_lost_changes_nothing(void **state)
{
    (void)state;
    size_t added = 77;
    size_t count = 77;
    ut_store *store = open_store("add=lost");
    assert_int_equal(add(store, ten, 3, &added, NULL), UT_OK);
    assert_int_equal(added, 3);
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    assert_int_equal(count, 3);
    ut_store_close(store);
}

/* The index gives one of ten; the rest is found without it. */
static void what_the_index_misses_is_found(void **state)
{
    (void)state;
    float vectors[2 * DIM] = {[0] = 1, [DIM + 1] = 1};
    ut_store_hit hits[2 * 4];
    size_t found[2];
    ut_store *store = open_store("query=few");
    assert_int_equal(add(store, ten, 10, NULL, NULL), UT_OK);
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vectors, .count = 2, .k = 4, .with_vectors = true};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
    static const char *const expected[] = {"a", "e", "i", "b", "b", "f", "j", "a"};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(found[i / 4], 4);
        assert_string_equal(hits[i].item.id, expected[i]);
        assert_non_null(hits[i].vector);
    }
    assert_near(hits[1].distance, 0.2, 1e-6);
    ut_arena_destroy(arena);
    ut_store_close(store);
}

static void a_server_that_is_away_is_told_with_the_remedy(void **state)
{
    (void)state;
    ut_store *store;
    ut_error err;
    double began = ut_clock_wall();
    assert_int_equal(
        ut_store_open("chroma://127.0.0.1:1/things", UT_STORE_READ, space, NULL, &store, &err),
        UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "chroma://127.0.0.1:1/things"));
    assert_non_null(strstr(err.message, "chroma run"));
    assert_true(ut_clock_wall() - began < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(what_passes_is_waited_for),
        cmocka_unit_test(an_answer_without_end_is_cut),
        cmocka_unit_test(items_are_added_all_or_none),
        cmocka_unit_test(an_answer_that_is_lost_changes_nothing),
        cmocka_unit_test(what_the_index_misses_is_found),
        cmocka_unit_test(a_server_that_is_away_is_told_with_the_remedy),
    };
    if (!(port = ut_test_server_start("store/fake_chroma.py", NULL, NULL))) {
        printf("SKIP: the store over a Chroma server that misbehaves (python3 is not there)\n");
        return 77;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ut_test_server_stop();
    return failed;
}
