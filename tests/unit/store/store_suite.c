#include "store_suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { DIM = STORE_SUITE_DIM, COUNT = STORE_SUITE_COUNT, QUERIES = 37, MOST = 50 };

static store_suite_open open_empty;

ut_store_space store_suite_space(void)
{
    return (ut_store_space){"a model, with weights 0.6:0.8", DIM};
}

static ut_store *fresh(void)
{
    ut_store *store = open_empty(store_suite_space());
    assert_non_null(store);
    return store;
}

static size_t count_of(ut_store *store)
{
    size_t count = 12345;
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    return count;
}

/* ------------------------------------------------------------------ the data */

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1;
}

/* A combined embedding that depends on the number alone: a third have no voice, a third no text. */
static void vector_of(unsigned number, float *v)
{
    uint32_t seed = number * 2654435761u + 7;
    double square[2] = {0, 0};
    for (int d = 0; d < DIM; d++) {
        v[d] = noise(&seed) + (d % 5 == (int)(number % 5));
        square[d >= DIM / 2] += (double)v[d] * v[d];
    }
    for (int d = 0; d < DIM; d++) {
        int part = d >= DIM / 2;
        double weight = part ? 0.8 : 0.6;
        if (number % 3 == (part ? 1u : 2u))
            weight = 0;
        v[d] = (float)(v[d] * weight / sqrt(square[part]));
    }
}

static const char *const languages[] = {"en", "de", ""};
static const char *const channels[] = {"phone", "clean"};

typedef struct example {
    char id[32], text[96], speaker[16], source[16], conversation[16];
    ut_store_item item;
    float vector[DIM];
} example;

static example *example_of(unsigned i)
{
    static example x;
    snprintf(x.id, sizeof x.id, "id-%03u", (i * 389) % 1000); /* not in the order they come in */
    snprintf(x.text, sizeof x.text, "Line %u: \"Käse\",\n\tto\\be & 'not' \xf0\x9f\x98\x80 $in", i);
    snprintf(x.speaker, sizeof x.speaker, "S%u", i % 4);
    snprintf(x.source, sizeof x.source, "source %u", i % 2);
    snprintf(x.conversation, sizeof x.conversation, "call %u", i % 7);
    x.item = (ut_store_item){.id = x.id,
                             .text = i % 10 ? x.text : "",
                             .label = (int)(i % 6) - 1,
                             .speaker = x.speaker,
                             .language = languages[i % 3],
                             .channel = channels[i / 2 % 2],
                             .source = x.source,
                             .conversation = i % 7 ? x.conversation : "",
                             .start = i * 1.1,
                             .end = i * 1.1 + 0.1 / 3};
    vector_of(i, x.vector);
    return &x;
}

static void add_one(ut_store *store, const ut_store_item *item, const float *vector)
{
    size_t added = 0;
    assert_int_equal(ut_store_add(store, item, vector, 1, &added, NULL), UT_OK);
    assert_int_equal(added, 1);
}

void store_suite_fill(ut_store *store)
{
    example *all = malloc(COUNT * sizeof *all);
    ut_store_item *items = malloc(COUNT * sizeof *items);
    float *vectors = malloc(sizeof(float) * COUNT * DIM);
    for (unsigned i = 0; i < COUNT; i++) {
        all[i] = *example_of(i);
        items[i] = all[i].item;
        items[i].id = all[i].id;
        items[i].text = *items[i].text ? all[i].text : "";
        items[i].speaker = all[i].speaker;
        items[i].source = all[i].source;
        items[i].conversation = *items[i].conversation ? all[i].conversation : "";
        memcpy(vectors + (size_t)i * DIM, all[i].vector, sizeof all[i].vector);
    }
    size_t added = 0;
    size_t sizes[] = {1, 2, 297, COUNT - 300};
    for (size_t s = 0, at = 0; s < 4; at += sizes[s++]) {
        assert_int_equal(
            ut_store_add(store, items + at, vectors + at * DIM, sizes[s], &added, NULL), UT_OK);
        assert_int_equal(added, sizes[s]);
    }
    free(vectors);
    free(items);
    free(all);
}

/* ------------------------------------------------------------------ the measure */

static bool passes(const ut_store_filter *f, const ut_store_item *item)
{
    if (f->labels && (item->label < 0 || !(f->labels & 1u << item->label)))
        return false;
    if (f->language && strcmp(f->language, item->language) != 0)
        return false;
    if (f->channel && strcmp(f->channel, item->channel) != 0)
        return false;
    if (f->source && strcmp(f->source, item->source) != 0)
        return false;
    return !f->exclude_conversation || !*f->exclude_conversation ||
           strcmp(f->exclude_conversation, item->conversation) != 0;
}

typedef struct truth {
    double distance;
    unsigned number;
    char id[32];
} truth;

static int by_distance(const void *a, const void *b)
{
    const truth *x = a;
    const truth *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return strcmp(x->id, y->id);
}

static size_t plain_search(const float *query, const ut_store_filter *filter, truth *out)
{
    size_t n = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        const example *x = example_of(i);
        if (!passes(filter, &x->item))
            continue;
        double product = 0;
        for (int d = 0; d < DIM; d++)
            product += (double)query[d] * x->vector[d];
        out[n].distance = 1 - product;
        out[n].number = i;
        memcpy(out[n++].id, x->id, sizeof x->id);
    }
    qsort(out, n, sizeof *out, by_distance);
    return n;
}

static void same_item(const ut_store_item *a, const ut_store_item *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->label, b->label);
    assert_string_equal(a->speaker, b->speaker);
    assert_string_equal(a->language, b->language);
    assert_string_equal(a->channel, b->channel);
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->conversation, b->conversation);
    assert_near(a->start, b->start, 0.51e-6);
    assert_near(a->end, b->end, 0.51e-6);
}

/* One query's hits: each where it belongs, but for neighbours that differ by rounding alone. */
static void compare_hits(const float *query, const ut_store_filter *filter, size_t k,
                         const ut_store_hit *hits, size_t found)
{
    static truth all[COUNT];
    size_t n = plain_search(query, filter, all);
    assert_int_equal(found, n < k ? n : k);
    for (size_t h = 0; h < found; h++) {
        assert_near(hits[h].distance, all[h].distance, 1e-5);
        size_t at = 0;
        while (at < n && strcmp(all[at].id, hits[h].item.id) != 0)
            at++;
        assert_true(at < n);
        assert_near(all[at].distance, all[h].distance, 2e-6);
        const example *x = example_of(all[at].number);
        same_item(&hits[h].item, &x->item);
        if (hits[h].vector)
            assert_memory_equal(hits[h].vector, x->vector, sizeof x->vector);
    }
}

static void compare_with_filter(ut_store *store, ut_store_filter filter, bool with_vectors)
{
    static const size_t ks[] = {1, 10, MOST};
    static float queries[QUERIES * DIM];
    static ut_store_hit hits[QUERIES * MOST];
    size_t found[QUERIES];
    for (unsigned q = 0; q < QUERIES; q++)
        vector_of(5000 + q, queries + (size_t)q * DIM);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        ut_arena *arena = ut_arena_create(0);
        size_t count = i == 1 ? QUERIES : 1;
        ut_store_query query = {queries, count, ks[i], filter, with_vectors};
        assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
        for (size_t q = 0; q < count; q++)
            compare_hits(queries + q * DIM, &filter, ks[i], hits + q * ks[i], found[q]);
        assert_true((hits[0].vector != NULL) == with_vectors || found[0] == 0);
        ut_arena_destroy(arena);
    }
}

void store_suite_compare(ut_store *store)
{
    const ut_store_filter filters[] = {
        {0},
        {.labels = UT_STORE_LABELLED},
        {.labels = 1u << UT_SAD | 1u << UT_NEUTRAL},
        {.labels = 1u << UT_ANGRY, .language = "en"},
        {.language = "de", .channel = "phone"},
        {.language = ""},
        {.source = "source 1", .exclude_conversation = "call 3"},
        {.labels = UT_STORE_LABELLED, .exclude_conversation = "call 1"},
        {.exclude_conversation = ""},
        {.language = "fr"},
        {.channel = "phone", .source = "no such", .exclude_conversation = "call 1"},
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        compare_with_filter(store, filters[i], i % 2);
}

/* ------------------------------------------------------------------ the tests */

static void the_nearest_are_those_of_a_plain_search(void **state)
{
    (void)state;
    ut_store *store = fresh();
    store_suite_fill(store);
    assert_int_equal(count_of(store), COUNT);
    store_suite_compare(store);
    ut_store_close(store);
}

static void equal_distances_come_in_order_of_id(void **state)
{
    (void)state;
    static const char *const ids[] = {"m", "b", "Z", "a", "c", "\xc3\xa4", "B"};
    static const char *const sorted[] = {"B", "Z", "a", "b", "c", "m", "\xc3\xa4"};
    ut_store *store = fresh();
    float vector[DIM] = {0};
    vector[3] = 1;
    for (size_t i = 0; i < 7; i++)
        add_one(store, &(ut_store_item){.id = ids[i], .text = "x"}, vector);
    for (size_t k = 1; k <= 8; k++) {
        ut_store_hit hits[8];
        size_t found;
        ut_arena *arena = ut_arena_create(0);
        ut_store_query query = {.vectors = vector, .count = 1, .k = k};
        assert_int_equal(ut_store_nearest(store, &query, arena, hits, &found, NULL), UT_OK);
        assert_int_equal(found, k < 7 ? k : 7);
        for (size_t h = 0; h < found; h++) {
            assert_string_equal(hits[h].item.id, sorted[h]);
            assert_near(hits[h].distance, 0, 1e-6);
        }
        ut_arena_destroy(arena);
    }
    ut_store_close(store);
}

static void parts_that_are_missing_count_as_nothing(void **state)
{
    (void)state;
    ut_store *store = fresh();
    float text[DIM] = {[0] = 0.6f};
    float voice[DIM] = {[DIM - 1] = 0.8f};
    float both[DIM] = {[0] = 0.6f, [DIM - 1] = 0.8f};
    float zero[DIM] = {0};
    add_one(store, &(ut_store_item){.id = "text"}, text);
    add_one(store, &(ut_store_item){.id = "voice"}, voice);
    add_one(store, &(ut_store_item){.id = "both"}, both);
    float queries[4 * DIM];
    memcpy(queries, text, sizeof text);
    memcpy(queries + DIM, voice, sizeof voice);
    memcpy(queries + DIM + DIM, zero, sizeof zero);
    memcpy(queries + DIM + DIM + DIM, both, sizeof both);
    ut_store_hit hits[4 * 3];
    size_t found[4];
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = queries, .count = 4, .k = 3};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, found, NULL), UT_OK);
    static const struct {
        const char *id;
        double distance;
    } expected[] = {{"both", 0.64},  {"text", 0.64}, {"voice", 1},    {"both", 0.36},
                    {"voice", 0.36}, {"text", 1},    {NULL, 0},       {NULL, 0},
                    {NULL, 0},       {"both", 0},    {"voice", 0.36}, {"text", 0.64}};
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(found[i / 3], i / 3 == 2 ? 0 : 3);
        if (!expected[i].id)
            continue;
        assert_string_equal(hits[i].item.id, expected[i].id);
        assert_near(hits[i].distance, expected[i].distance, 1e-6);
    }
    ut_arena_destroy(arena);
    ut_store_close(store);
}

static void what_is_there_is_left_as_it_is(void **state)
{
    (void)state;
    ut_store *store = fresh();
    float vectors[3 * DIM] = {[0] = 1, [DIM] = 1, [2 * DIM + 1] = 1};
    size_t added;
    ut_store_item items[] = {{.id = "a", .text = "first", .label = 1},
                             {.id = "b", .text = "second", .label = -1},
                             {.id = "a", .text = "third", .label = 2}};
    assert_int_equal(ut_store_add(store, items, vectors, 0, &added, NULL), UT_OK);
    assert_int_equal(ut_store_add(store, items, vectors, 3, &added, NULL), UT_OK);
    assert_int_equal(added, 2);
    assert_int_equal(ut_store_add(store, items, vectors, 3, &added, NULL), UT_OK);
    assert_int_equal(added, 0);
    assert_int_equal(count_of(store), 2);
    ut_store_item item;
    float vector[DIM];
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(ut_store_get(store, "a", arena, &item, vector, NULL), UT_OK);
    assert_string_equal(item.text, "first");
    assert_string_equal(item.speaker, "");
    assert_int_equal(item.label, 1);
    assert_memory_equal(vector, vectors, sizeof vector);
    assert_int_equal(ut_store_get(store, "none", arena, &item, vector, NULL), UT_ERR_NOT_FOUND);
    ut_arena_destroy(arena);
    ut_store_close(store);
}

static void an_id_is_made_from_what_was_said_where(void **state)
{
    (void)state;
    ut_store *store = fresh();
    float vectors[6 * DIM] = {0};
    for (size_t i = 0; i < 6; i++)
        vectors[i * DIM] = 1;
    size_t added;
    const ut_store_item items[] = {
        {.text = "Oh.", .label = -1, .conversation = "c", .start = 1, .end = 2},
        {.text = "Oh.", .label = 2, .conversation = "c", .start = 1, .end = 2}, /* the same */
        {.text = "Oh.", .label = 2, .conversation = "c", .start = 3, .end = 4},
        {.text = "Oh.", .label = 2},
        {.text = "Oh.", .label = 3},
        {.text = "Oh.", .label = 3, .speaker = "", .language = ""}, /* the same */
    };
    assert_int_equal(ut_store_add(store, items, vectors, 6, &added, NULL), UT_OK);
    assert_int_equal(added, 4);
    assert_int_equal(ut_store_add(store, items, vectors, 6, &added, NULL), UT_OK);
    assert_int_equal(added, 0);
    assert_int_equal(count_of(store), 4);
    ut_store_close(store);
}

static void bad_items_are_refused_with_all_that_came_with_them(void **state)
{
    (void)state;
    ut_store *store = fresh();
    char *huge = malloc(UT_STORE_TEXT_MOST + 2);
    memset(huge, 'x', UT_STORE_TEXT_MOST + 1);
    huge[UT_STORE_TEXT_MOST + 1] = 0;
    const ut_store_item bad[] = {
        {.id = ""},        {.text = "bad \xff"},    {.text = huge},
        {.id = huge},      {.label = UT_EMOTIONS},  {.label = -2},
        {.start = -1},     {.start = 2, .end = 1},  {.end = NAN},
        {.end = INFINITY}, {.speaker = "bad \xc3"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ut_store_item items[] = {{.text = "good"}, bad[i]};
        float vectors[2 * DIM] = {[0] = 1, [DIM] = 1};
        ut_error err;
        assert_int_equal(ut_store_add(store, items, vectors, 2, NULL, &err), UT_ERR_FORMAT);
    }
    static const float values[] = {NAN, INFINITY, 1.1f, 0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ut_store_item items[] = {{.text = "good"}, {.text = "fine"}};
        float vectors[2 * DIM] = {[0] = 1, [DIM + 3] = values[i]};
        assert_int_equal(ut_store_add(store, items, vectors, 2, NULL, NULL), UT_ERR_FORMAT);
    }
    assert_int_equal(count_of(store), 0);
    float vector[DIM] = {1};
    ut_store_hit hit;
    size_t found;
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 1};
    assert_int_equal(ut_store_nearest(store, &query, arena, &hit, &found, NULL), UT_OK);
    assert_int_equal(found, 0);
    query.k = 0;
    assert_int_equal(ut_store_nearest(store, &query, arena, &hit, &found, NULL), UT_ERR_USAGE);
    query.k = UT_STORE_K_MOST + 1;
    assert_int_equal(ut_store_nearest(store, &query, arena, &hit, &found, NULL), UT_ERR_USAGE);
    query.k = 1;
    vector[1] = NAN;
    assert_int_equal(ut_store_nearest(store, &query, arena, &hit, &found, NULL), UT_ERR_USAGE);
    ut_arena_destroy(arena);
    free(huge);
    ut_store_close(store);
}

static size_t hits_with_label(ut_store *store, unsigned labels)
{
    float vector[DIM] = {1};
    ut_store_hit hits[10];
    size_t found;
    ut_arena *arena = ut_arena_create(0);
    ut_store_query query = {.vectors = vector, .count = 1, .k = 10, .filter = {.labels = labels}};
    assert_int_equal(ut_store_nearest(store, &query, arena, hits, &found, NULL), UT_OK);
    ut_arena_destroy(arena);
    return found;
}

static void labels_are_given_and_items_removed(void **state)
{
    (void)state;
    ut_store *store = fresh();
    float vector[DIM] = {1};
    const char *const ids[] = {"b", "nobody", "c", "b"};
    size_t removed;
    add_one(store, &(ut_store_item){.id = "a", .text = "one", .label = -1, .speaker = "S"}, vector);
    add_one(store, &(ut_store_item){.id = "b", .text = "two", .label = UT_SAD}, vector);
    add_one(store, &(ut_store_item){.id = "c", .text = "three", .label = UT_HAPPY}, vector);
    assert_int_equal(hits_with_label(store, 0), 3);
    assert_int_equal(hits_with_label(store, UT_STORE_LABELLED), 2);
    assert_int_equal(ut_store_set_label(store, "a", UT_ANGRY, NULL), UT_OK);
    assert_int_equal(ut_store_set_label(store, "b", -1, NULL), UT_OK);
    assert_int_equal(ut_store_set_label(store, "c", UT_EMOTIONS, NULL), UT_ERR_FORMAT);
    assert_int_equal(ut_store_set_label(store, "nobody", UT_SAD, NULL), UT_ERR_NOT_FOUND);
    assert_int_equal(hits_with_label(store, UT_STORE_LABELLED), 2);
    assert_int_equal(hits_with_label(store, 1u << UT_ANGRY), 1);
    assert_int_equal(hits_with_label(store, 1u << UT_SAD), 0);
    size_t counts[UT_EMOTIONS];
    assert_int_equal(ut_store_labels(store, counts, NULL), UT_OK);
    for (int i = 0; i < UT_EMOTIONS; i++)
        assert_int_equal(counts[i], i == UT_ANGRY || i == UT_HAPPY);
    ut_store_item item;
    float back[DIM];
    ut_arena *arena = ut_arena_create(0);
    assert_int_equal(ut_store_get(store, "a", arena, &item, back, NULL), UT_OK);
    assert_int_equal(item.label, UT_ANGRY);
    assert_string_equal(item.text, "one");
    assert_string_equal(item.speaker, "S");
    assert_memory_equal(back, vector, sizeof back);
    ut_arena_destroy(arena);
    assert_int_equal(ut_store_remove(store, ids, 4, &removed, NULL), UT_OK);
    assert_int_equal(removed, 2);
    assert_int_equal(ut_store_remove(store, ids, 4, &removed, NULL), UT_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(count_of(store), 1);
    assert_int_equal(hits_with_label(store, 0), 1);
    add_one(store, &(ut_store_item){.id = "b", .text = "two again", .label = UT_SAD}, vector);
    assert_int_equal(hits_with_label(store, 1u << UT_SAD), 1);
    assert_int_equal(count_of(store), 2);
    ut_store_close(store);
}

typedef struct walk {
    size_t count, end_at;
    char last[32];
} walk;

static ut_status visit(void *context, const ut_store_item *item, const float *vector, ut_error *err)
{
    (void)err;
    walk *w = context;
    assert_true(strcmp(w->last, item->id) < 0);
    snprintf(w->last, sizeof w->last, "%s", item->id);
    unsigned number = 0;
    while (strcmp(example_of(number)->id, item->id) != 0)
        number++;
    same_item(item, &example_of(number)->item);
    assert_memory_equal(vector, example_of(number)->vector, DIM * sizeof *vector);
    return ++w->count == w->end_at ? UT_ERR_CANCELLED : UT_OK;
}

static void every_item_is_walked_in_order_of_id(void **state)
{
    (void)state;
    ut_store *store = fresh();
    walk all = {0};
    assert_int_equal(ut_store_each(store, visit, &all, NULL), UT_OK);
    assert_int_equal(all.count, 0);
    store_suite_fill(store);
    assert_int_equal(ut_store_each(store, visit, &all, NULL), UT_OK);
    assert_int_equal(all.count, COUNT);
    walk some = {.end_at = 17};
    assert_int_equal(ut_store_each(store, visit, &some, NULL), UT_ERR_CANCELLED);
    assert_int_equal(some.count, 17);
    ut_store_close(store);
}

static void nothing_is_lost_by_copies_and_files(void **state)
{
    (void)state;
    char path[] = "/tmp/ut_store_lines_XXXXXX";
    size_t added;
    walk one = {0};
    walk two = {0};
    close(mkstemp(path));
    ut_store *store = fresh();
    store_suite_fill(store);
    assert_int_equal(ut_store_export(store, path, NULL), UT_OK);
    ut_store *copy;
    assert_int_equal(ut_store_open(NULL, UT_STORE_WRITE, store_suite_space(), NULL, &copy, NULL),
                     UT_OK);
    assert_int_equal(ut_store_copy(store, copy, &added, NULL), UT_OK);
    assert_int_equal(added, COUNT);
    assert_int_equal(ut_store_copy(store, copy, &added, NULL), UT_OK);
    assert_int_equal(added, 0);
    assert_int_equal(ut_store_each(copy, visit, &one, NULL), UT_OK);
    assert_int_equal(one.count, COUNT);
    ut_store_close(store);
    store = fresh();
    assert_int_equal(ut_store_import(store, path, NULL, NULL, NULL, &added, NULL), UT_OK);
    assert_int_equal(added, COUNT);
    assert_int_equal(ut_store_each(store, visit, &two, NULL), UT_OK);
    assert_int_equal(two.count, COUNT);
    ut_store_close(store);
    store = fresh();
    assert_int_equal(ut_store_copy(copy, store, &added, NULL), UT_OK);
    store_suite_compare(store);
    ut_store_close(store);
    ut_store_close(copy);
    unlink(path);
}

int store_suite_run(store_suite_open open)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_those_of_a_plain_search),
        cmocka_unit_test(equal_distances_come_in_order_of_id),
        cmocka_unit_test(parts_that_are_missing_count_as_nothing),
        cmocka_unit_test(what_is_there_is_left_as_it_is),
        cmocka_unit_test(an_id_is_made_from_what_was_said_where),
        cmocka_unit_test(bad_items_are_refused_with_all_that_came_with_them),
        cmocka_unit_test(labels_are_given_and_items_removed),
        cmocka_unit_test(every_item_is_walked_in_order_of_id),
        cmocka_unit_test(nothing_is_lost_by_copies_and_files),
    };
    open_empty = open;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
