/* The store over a real Chroma server, beside Chroma's own Python client: the suite, the same
 * results as the embedded store, and collections of other software. */
#include "store_suite.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

static char folder[] = "/tmp/ut_chroma_XXXXXX";
static ut_process server;
static int port;
static char python[512];

static const char *url_of(const char *rest)
{
    static char urls[4][256];
    static unsigned next;
    char *url = urls[next++ & 3];
    snprintf(url, 256, "chroma://127.0.0.1:%d/%s", port, rest);
    return url;
}

static ut_store *open_store(const char *where, ut_store_mode mode, ut_store_space space)
{
    ut_store *store;
    ut_error err;
    if (ut_store_open(where, mode, space, NULL, &store, &err) != UT_OK)
        fail_msg("%s", err.message);
    return store;
}

static ut_store *open_empty(ut_store_space space)
{
    static unsigned made;
    char name[32];
    snprintf(name, sizeof name, "suite-%u", made++);
    return open_store(url_of(name), UT_STORE_WRITE, space);
}

/* Runs chroma_client.py; fails the test with what it said. */
static void client(const char *action, const char *a, const char *b, const char *c)
{
    char number[16];
    const char *const argv[] = {python, "-B",   ut_test_source("tests/unit/store/chroma_client.py"),
                                number, action, a,
                                b,      c,      NULL};
    ut_process process;
    char said[64];
    size_t got = 1;
    int code;
    snprintf(number, sizeof number, "%d", port);
    assert_int_equal(ut_process_start(&process, argv, (ut_process_limits){0}, NULL), UT_OK);
    while (got)
        assert_int_equal(ut_process_read(&process, said, sizeof said, &got, NULL), UT_OK);
    ut_process_finish(&process, &code);
    if (code != 0)
        fail_msg("chroma_client.py %s: %d, %s", action, code, process.last_error);
}

static void expect_refused(const char *rest, ut_store_mode mode, ut_store_space space,
                           ut_status expected, const char *word)
{
    ut_store *store;
    ut_error err;
    assert_int_equal(ut_store_open(url_of(rest), mode, space, NULL, &store, &err), expected);
    assert_null(store);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" does not say \"%s\"", err.message, word);
}

/* ------------------------------------------------------------------ the same results */

enum { DIM = 96, ITEMS = 5000, BATCH = 10, K = 10 };

static uint64_t seed = 11;

static uint32_t chance(uint32_t most)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % most;
}

/* Two parts as a combined embedding has them; one of eight lacks one of them. */
static void random_vector(float *v)
{
    static const float weights[] = {0.6f, 0.8f};
    uint32_t without = chance(16);
    for (int part = 0; part < 2; part++) {
        float *p = v + (size_t)part * (DIM / 2);
        double square = 0;
        for (int d = 0; d < DIM / 2; d++) {
            p[d] = (float)((int)chance(2001) + (int)chance(2001) - 2000) / 1000;
            square += (double)p[d] * p[d];
        }
        for (int d = 0; d < DIM / 2; d++)
            p[d] *= (uint32_t)part == without ? 0 : weights[part] / (float)sqrt(square);
    }
}

static void fill_both(ut_store *one, ut_store *other)
{
    static const char *const languages[] = {"en", "de", "fr", ""};
    enum { PORTION = 500 };
    static char ids[PORTION][32];
    static char conversations[PORTION][32];
    static float vectors[PORTION * DIM];
    static ut_store_item items[PORTION];
    for (unsigned at = 0; at < ITEMS; at += PORTION) {
        for (unsigned i = 0; i < PORTION; i++) {
            snprintf(ids[i], sizeof ids[i], "%08x", (at + i) * 2654435761u);
            snprintf(conversations[i], sizeof conversations[i], "call %u", chance(100));
            items[i] = (ut_store_item){.id = ids[i],
                                       .text = "Well.",
                                       .label = (int)chance(6) - 1,
                                       .language = languages[chance(4)],
                                       .channel = chance(2) ? "phone" : "clean",
                                       .source = chance(200) ? "starter" : "rare",
                                       .conversation = conversations[i]};
            random_vector(vectors + (size_t)i * DIM);
        }
        assert_int_equal(ut_store_add(one, items, vectors, PORTION, NULL, NULL), UT_OK);
        assert_int_equal(ut_store_add(other, items, vectors, PORTION, NULL, NULL), UT_OK);
    }
}

static ut_store_filter random_filter(char *conversation)
{
    ut_store_filter filter = {0};
    if (chance(2))
        filter.labels = chance(2) ? UT_STORE_LABELLED : 1 + chance(UT_STORE_LABELLED);
    if (chance(3) == 0)
        filter.language = chance(2) ? "en" : "";
    if (chance(3) == 0)
        filter.channel = "phone";
    if (chance(4) == 0)
        filter.source = "rare";
    if (chance(2)) {
        snprintf(conversation, 32, "call %u", chance(100));
        filter.exclude_conversation = conversation;
    }
    return filter;
}

/* Ties aside: an item may stand for another that is as near within rounding. */
static bool same_hits(const ut_store_hit *a, size_t in_a, const ut_store_hit *b, size_t in_b)
{
    bool same = in_a == in_b;
    for (size_t i = 0; i < in_a && same; i++)
        same = fabs((double)a[i].distance - b[i].distance) < 1e-6;
    for (size_t i = 0; i < in_a && same; i++)
        same = strcmp(a[i].item.id, b[i].item.id) == 0 ||
               fabs((double)a[i].distance - a[in_a - 1].distance) < 1e-6 ||
               (i > 0 && fabs((double)a[i].distance - a[i - 1].distance) < 1e-6) ||
               fabs((double)a[i].distance - a[i + 1].distance) < 1e-6;
    return same;
}

/* UT_CHROMA_QUERIES=10000 asks as many as that; it takes minutes. */
static void random_queries_find_the_same_in_both(void **state)
{
    (void)state;
    static float queries[BATCH * DIM];
    static ut_store_hit ours[BATCH * K], theirs[BATCH * K];
    size_t found[2][BATCH];
    const char *wanted = getenv("UT_CHROMA_QUERIES");
    long most = wanted ? strtol(wanted, NULL, 10) : 1500;
    ut_store_space space = {"a model", DIM};
    ut_store *one = open_store(NULL, UT_STORE_WRITE, space);
    ut_store *other = open_store(url_of("equal"), UT_STORE_WRITE, space);
    fill_both(one, other);
    long differ = 0;
    long asked = 0;
    long hits = 0;
    for (; asked < most; asked += BATCH) {
        char conversation[32];
        ut_arena *arena = ut_arena_create(0);
        ut_store_query query = {queries, BATCH, K, random_filter(conversation), false};
        for (size_t q = 0; q < BATCH; q++)
            random_vector(queries + q * DIM);
        assert_int_equal(ut_store_nearest(one, &query, arena, ours, found[0], NULL), UT_OK);
        assert_int_equal(ut_store_nearest(other, &query, arena, theirs, found[1], NULL), UT_OK);
        for (size_t q = 0; q < BATCH; q++) {
            differ += !same_hits(ours + q * K, found[0][q], theirs + q * K, found[1][q]);
            hits += (long)found[0][q];
        }
        ut_arena_destroy(arena);
    }
    print_message("%ld queries with filters, %ld hits: %ld differ\n", asked, hits, differ);
    assert_int_equal(differ, 0);
    ut_store_close(one);
    ut_store_close(other);
}

/* ------------------------------------------------------------------ other software */

static void chromas_client_reads_what_was_written(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/lines", folder);
    ut_store *store = open_store(url_of("written"), UT_STORE_WRITE, store_suite_space());
    store_suite_fill(store);
    assert_int_equal(ut_store_export(store, path, NULL), UT_OK);
    client("check", "written", path, NULL);
    client("label", "written", "id-000", "sad");
    ut_store_item item;
    float vector[STORE_SUITE_DIM];
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(ut_store_get(store, "id-000", arena, &item, vector, NULL), UT_OK);
    assert_int_equal(item.label, UT_SAD);
    ut_arena_destroy(arena);
    ut_store_close(store);
}

typedef struct seen {
    size_t count, labelled, without_text;
} seen;

static ut_status look(void *context, const ut_store_item *item, const float *vector, ut_error *err)
{
    (void)err;
    seen *s = context;
    s->count++;
    s->labelled += item->label >= 0;
    s->without_text += !*item->text;
    assert_true(isfinite(vector[0]));
    assert_true(strcmp(item->language, "en") == 0 || strcmp(item->language, "de") == 0 ||
                strcmp(item->id, "id-13") == 0);
    return UT_OK;
}

static void expect_fifty(const char *name, const char *model)
{
    ut_store *store = open_store(url_of(name), UT_STORE_READ, (ut_store_space){0});
    assert_string_equal(ut_store_space_of(store).model, model);
    assert_int_equal(ut_store_space_of(store).dim, 24);
    seen s = {0};
    assert_int_equal(ut_store_each(store, look, &s, NULL), UT_OK);
    assert_int_equal(s.count, 50);
    assert_int_equal(s.labelled, 20); /* "ecstatic" and 7 are none */
    assert_int_equal(s.without_text, 1);
    ut_store_item item;
    float vector[24];
    ut_store_hit hits[50];
    size_t found;
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(ut_store_get(store, "id-21", arena, &item, vector, NULL), UT_OK);
    assert_string_equal(item.text, "Line 21: é \xe4\xbd\xa0 \xf0\x9f\x98\x80");
    assert_int_equal(item.label, UT_SAD);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 3};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, &found, NULL), UT_OK);
    assert_int_equal(found, 3);
    assert_string_equal(hits[0].item.id, "id-21");
    assert_near(hits[0].distance, 0, 1e-5);
    assert_true(hits[1].distance > 0.1f && hits[1].distance <= hits[2].distance);
    query =
        (ut_store_query){.vectors = vector, .count = 1, .k = 50, .filter.labels = 1u << UT_ANGRY};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, &found, NULL), UT_OK);
    assert_int_equal(found, 10);
    ut_arena_destroy(arena);
    ut_store_close(store);
}

static void collections_of_others_are_read_or_refused(void **state)
{
    (void)state;
    ut_store_space space = {"a model", 24};
    ut_store_space other_model = {"another model", 24};
    ut_store_space other_size = {"a model", 25};
    client("make", NULL, NULL, NULL);
    expect_fifty("others-l2", "unknown");
    expect_fifty("others-cosine", "unknown");
    expect_fifty("ours-by-python", "a model");
    ut_store_close(open_store(url_of("ours-by-python"), UT_STORE_WRITE, space));
    ut_store_close(open_store(url_of("ours-by-python"), UT_STORE_WRITE, (ut_store_space){0}));
    expect_refused("others-l2", UT_STORE_WRITE, space, UT_ERR_FORMAT, "other software");
    expect_refused("others-l2", UT_STORE_READ, space, UT_ERR_FORMAT, "other software");
    expect_refused("others-empty", UT_STORE_READ, (ut_store_space){0}, UT_ERR_FORMAT, "empty");
    expect_refused("ours-by-python", UT_STORE_READ, other_model, UT_ERR_MISMATCH, "a model");
    expect_refused("ours-by-python", UT_STORE_WRITE, other_size, UT_ERR_MISMATCH, "24");
    expect_refused("ours-other-space", UT_STORE_READ, space, UT_ERR_FORMAT, "damaged");
    expect_refused("ours-damaged", UT_STORE_READ, space, UT_ERR_FORMAT, "damaged");
    expect_refused("ours-newer", UT_STORE_READ, space, UT_ERR_UNSUPPORTED, "newer");
    expect_refused("absent", UT_STORE_READ, space, UT_ERR_NOT_FOUND, "absent");
    expect_refused("absent", UT_STORE_WRITE, (ut_store_space){0}, UT_ERR_NOT_FOUND, "absent");
}

static void tenants_and_databases_are_told_apart(void **state)
{
    (void)state;
    size_t count;
    float vector[24] = {1};
    ut_store_space space = {"a model", 24};
    const char *inside = "apart?tenant=ten.ant&database=data%2Ebase";
    ut_store *one = open_store(url_of("apart"), UT_STORE_WRITE, space);
    ut_store *other = open_store(url_of(inside), UT_STORE_WRITE, space);
    assert_int_equal(ut_store_add(other, &(ut_store_item){.text = "x"}, vector, 1, NULL, NULL),
                     UT_OK);
    assert_int_equal(ut_store_count(one, &count, NULL), UT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(ut_store_count(other, &count, NULL), UT_OK);
    assert_int_equal(count, 1);
    ut_store_close(one);
    ut_store_close(other);
    expect_refused("apart?tenant=nobody", UT_STORE_READ, space, UT_ERR_NOT_FOUND, "tenant");
}

/* ------------------------------------------------------------------ many at once */

enum { WRITERS = 4, EACH = 120 };

static void *write_some(void *context)
{
    ut_store *store = context;
    float vector[24] = {0};
    for (unsigned i = 0; i < EACH; i += 10) {
        char texts[10][32];
        float vectors[10 * 24];
        ut_store_item items[10];
        for (unsigned n = 0; n < 10; n++) {
            snprintf(texts[n], sizeof texts[n], "text %u", i + n); /* the same of every writer */
            items[n] = (ut_store_item){.text = texts[n], .label = -1};
            vector[(i + n) % 24] = 1;
            memcpy(vectors + (size_t)n * 24, vector, sizeof vector);
            vector[(i + n) % 24] = 0;
        }
        if (ut_store_add(store, items, vectors, 10, NULL, NULL) != UT_OK)
            return store;
    }
    return NULL;
}

static void threads_share_a_handle(void **state)
{
    (void)state;
    ut_store *store =
        open_store(url_of("threads"), UT_STORE_WRITE, (ut_store_space){"a model", 24});
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, store), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    size_t count;
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    assert_int_equal(count, EACH);
    ut_store_close(store);
}

/* ------------------------------------------------------------------ the server */

static void read_line(char *line, size_t room)
{
    size_t length = 0;
    size_t got = 1;
    while (got && !memchr(line, '\n', length) && length < room - 1) {
        if (ut_process_read(&server, line + length, room - 1 - length, &got, NULL) != UT_OK)
            break;
        length += got;
    }
    line[strcspn(line, "\n")] = 0;
}

static bool start(void)
{
    char data[64];
    char line[640] = "";
    snprintf(data, sizeof data, "%s/data", folder);
    const char *const argv[] = {"python3", "-B", ut_test_source("tests/support/chroma_server.py"),
                                data, NULL};
    if (ut_process_available("python3") &&
        ut_process_start(&server, argv, (ut_process_limits){0}, NULL) == UT_OK)
        read_line(line, sizeof line);
    else
        snprintf(line, sizeof line, "0 python3 is not there");
    char *rest = line;
    port = (int)strtol(line, &rest, 10);
    snprintf(python, sizeof python, "%s", rest + strspn(rest, " "));
    if (port == 0)
        printf("SKIP: the store over a real Chroma server (%s)\n", python);
    return port != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_queries_find_the_same_in_both),
        cmocka_unit_test(chromas_client_reads_what_was_written),
        cmocka_unit_test(collections_of_others_are_read_or_refused),
        cmocka_unit_test(tenants_and_databases_are_told_apart),
        cmocka_unit_test(threads_share_a_handle),
    };
    if (!mkdtemp(folder))
        return 1;
    unsetenv("CHROMA_TOKEN");
    int failed = 77;
    if (start())
        failed = store_suite_run(open_empty) + cmocka_run_group_tests(tests, NULL, NULL);
    ut_process_kill(&server);
    const char *const argv[] = {"rm", "-rf", folder, NULL};
    int code = 0;
    if (ut_process_start(&server, argv, (ut_process_limits){0}, NULL) == UT_OK)
        ut_process_finish(&server, &code);
    return failed;
}
