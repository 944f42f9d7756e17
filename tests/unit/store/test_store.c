/* The store against a plain search, and against damaged, foreign and read-only files. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store.h"

enum { DIM = 24, COUNT = 500 };

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

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1;
}

/* A vector that depends on the text alone. */
static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    (void)err;
    uint32_t seed = 5;
    for (const char *c = text; *c; c++)
        seed = seed * 31 + (unsigned char)*c;
    for (int d = 0; d < DIM; d++)
        out[d] = noise(&seed);
    if (context)
        ++*(int *)context;
    return UT_OK;
}

static ut_store *open_store(const char *file, ut_store_mode mode, const char *model)
{
    ut_store *store;
    ut_error err;
    if (ut_store_open(file, mode, model, DIM, &store, &err) != UT_OK) {
        print_error("%s\n", err.message);
        fail();
    }
    return store;
}

static void fill(ut_store *store)
{
    static char texts[COUNT][16];
    static char conversations[COUNT][16];
    ut_store_example *examples = calloc(COUNT, sizeof *examples);
    float *vectors = malloc(COUNT * DIM * sizeof *vectors);
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "text %d", i);
        snprintf(conversations[i], sizeof conversations[i], "call %d", i % 3);
        examples[i] = (ut_store_example){.text = texts[i],
                                         .label = i % 6 - 1,
                                         .source = "test",
                                         .conversation = conversations[i]};
        assert_int_equal(embed(NULL, texts[i], vectors + (size_t)i * DIM, NULL), UT_OK);
    }
    assert_int_equal(ut_store_add(store, examples, vectors, COUNT, NULL), UT_OK);
    free(vectors);
    free(examples);
}

/* Distances by the definition, in double. */
static double distance(const float *a, const float *b)
{
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int d = 0; d < DIM; d++) {
        ab += (double)a[d] * b[d];
        aa += (double)a[d] * a[d];
        bb += (double)b[d] * b[d];
    }
    return 1 - ab / sqrt(aa * bb);
}

static void compare_with_plain_search(const ut_store *store, bool labelled, const char *exclude)
{
    for (size_t k = 0; k <= 40; k += 13) {
        ut_store_hit hits[40];
        float query[DIM];
        bool used[COUNT] = {false};
        assert_int_equal(embed(NULL, "a question", query, NULL), UT_OK);
        size_t n = ut_store_nearest(store, &(ut_store_query){query, k, labelled, exclude}, hits);
        assert_int_equal(n, k);
        for (size_t h = 0; h < n; h++) {
            double best = 9;
            int who = -1;
            for (int i = 0; i < COUNT; i++) {
                char text[16];
                char conversation[16];
                float vector[DIM];
                snprintf(text, sizeof text, "text %d", i);
                snprintf(conversation, sizeof conversation, "call %d", i % 3);
                if (used[i] || (labelled && i % 6 == 0) ||
                    (exclude && strcmp(conversation, exclude) == 0))
                    continue;
                assert_int_equal(embed(NULL, text, vector, NULL), UT_OK);
                if (distance(vector, query) < best) {
                    best = distance(vector, query);
                    who = i;
                }
            }
            used[who] = true;
            assert_int_equal(strtol(hits[h].example->text + 5, NULL, 10), who);
            assert_int_equal(hits[h].example->label, who % 6 - 1);
            assert_near(hits[h].distance, best, 1e-5);
        }
    }
}

static void the_nearest_are_exact(void **state)
{
    (void)state;
    ut_store *store = open_store(NULL, UT_STORE_WRITE, "m");
    float zero[DIM] = {0};
    ut_store_hit hit;
    fill(store);
    assert_int_equal(ut_store_count(store), COUNT);
    compare_with_plain_search(store, false, NULL);
    compare_with_plain_search(store, true, NULL);
    compare_with_plain_search(store, true, "call 1");
    assert_int_equal(ut_store_nearest(store, &(ut_store_query){zero, 1, false, NULL}, &hit), 0);
    ut_store_close(store);
}

static void what_was_added_is_there_again(void **state)
{
    (void)state;
    ut_store *store = open_store(path, UT_STORE_WRITE, "m");
    fill(store);
    fill(store); /* the same again changes nothing */
    assert_int_equal(ut_store_count(store), COUNT);
    ut_store_close(store);
    assert_true(ut_file_exists(path));
    for (int mode = 0; mode < 2; mode++) {
        store = open_store(path, (ut_store_mode)mode, "m");
        assert_int_equal(ut_store_count(store), COUNT);
        assert_int_equal(ut_store_missing(store), 0);
        compare_with_plain_search(store, true, "call 2");
        ut_store_close(store);
    }
    /* Two handles: each sees what it opened; a third sees both. */
    ut_store *one = open_store(path, UT_STORE_WRITE, "m");
    ut_store *two = open_store(path, UT_STORE_WRITE, "m");
    float vector[DIM] = {1};
    assert_int_equal(
        ut_store_add(one, &(ut_store_example){.text = "one", .label = 0}, vector, 1, NULL), UT_OK);
    assert_int_equal(
        ut_store_add(two, &(ut_store_example){.text = "two", .label = -1}, vector, 1, NULL), UT_OK);
    store = open_store(path, UT_STORE_READ, "m");
    assert_int_equal(ut_store_count(store), COUNT + 2);
    assert_int_equal(ut_store_add(store, &(ut_store_example){.text = "three"}, vector, 1, NULL),
                     UT_ERR_IO);
    assert_int_equal(ut_store_count(store), COUNT + 2);
    ut_store_close(store);
    ut_store_close(two);
    ut_store_close(one);
}

static void another_encoder_embeds_what_it_has_not_seen(void **state)
{
    (void)state;
    int calls = 0;
    ut_store *store = open_store(path, UT_STORE_WRITE, "m");
    fill(store);
    ut_store_close(store);
    store = open_store(path, UT_STORE_WRITE, "other");
    assert_int_equal(ut_store_count(store), 0);
    assert_int_equal(ut_store_missing(store), COUNT);
    assert_int_equal(ut_store_embed_missing(store, embed, &calls, NULL), UT_OK);
    assert_int_equal(calls, COUNT);
    assert_int_equal(ut_store_embed_missing(store, embed, &calls, NULL), UT_OK);
    assert_int_equal(calls, COUNT);
    assert_int_equal(ut_store_count(store), COUNT);
    compare_with_plain_search(store, true, NULL);
    ut_store_close(store);
    ut_error err;
    assert_int_equal(ut_store_open(path, UT_STORE_READ, "m", DIM + 1, &store, &err),
                     UT_ERR_MISMATCH);
    assert_null(store);
    assert_non_null(strstr(err.message, "24 values"));
    assert_int_equal(ut_store_open(path, UT_STORE_READ, "m", 0, &store, &err), UT_ERR_USAGE);
}

static void json_lines_are_all_or_none(void **state)
{
    (void)state;
    char lines[160];
    ut_error err;
    ut_store *store = open_store(path, UT_STORE_WRITE, "m");
    static const char good[] = "{\"text\": \"one\", \"label\": \"sad\"}\n\n"
                               "{\"text\": \"two\", \"label\": \"NonNeutral\", \"speaker\": \"A\", "
                               "\"source\": \"own\"}\r\n"
                               "{\"text\": \"three\", \"conversation\": \"c\"}";
    static const char *const bad[] = {
        "{\"text\": \"x\", \"label\": \"sad\"}\n{\"text\": \"y\", \"label\": \"gloomy\"}\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\n{\"text\": \"\", \"label\": \"sad\"}\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\nnonsense\n",
        "{\"text\": \"x\", \"label\": \"sad\"}\n5\n",
    };
    snprintf(lines, sizeof lines, "%s/lines.jsonl", folder);
    assert_int_equal(ut_file_write(lines, good, sizeof good - 1, NULL), UT_OK);
    assert_int_equal(ut_store_import(store, lines, "given", embed, NULL, &err), UT_OK);
    assert_int_equal(ut_store_count(store), 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ut_file_write(lines, bad[i], strlen(bad[i]), NULL), UT_OK);
        assert_int_equal(ut_store_import(store, lines, "given", embed, NULL, &err), UT_ERR_FORMAT);
        assert_non_null(strstr(err.message, "line 2"));
        assert_int_equal(ut_store_count(store), 3);
    }
    ut_store_close(store);
    store = open_store(path, UT_STORE_READ, "m");
    assert_int_equal(ut_store_count(store), 3);
    float query[DIM];
    ut_store_hit hits[3];
    assert_int_equal(embed(NULL, "two", query, NULL), UT_OK);
    assert_int_equal(ut_store_nearest(store, &(ut_store_query){query, 3, true, NULL}, hits), 2);
    assert_near(hits[0].distance, 0, 1e-6);
    assert_int_equal(hits[0].example->label, UT_NON_NEUTRAL);
    assert_string_equal(hits[0].example->speaker, "A");
    assert_string_equal(hits[0].example->source, "own");
    assert_string_equal(hits[1].example->source, "given");
    ut_store_close(store);
}

static void bad_examples_are_refused(void **state)
{
    (void)state;
    ut_store *store = open_store(NULL, UT_STORE_WRITE, "m");
    float vectors[2 * DIM] = {1};
    vectors[DIM] = 1;
    ut_store_example two[] = {{.text = "fine", .label = 1}, {.text = "", .label = 1}};
    assert_int_equal(ut_store_add(store, two, vectors, 2, NULL), UT_ERR_FORMAT);
    two[1] = (ut_store_example){.text = "fine", .label = UT_EMOTIONS};
    assert_int_equal(ut_store_add(store, two, vectors, 2, NULL), UT_ERR_FORMAT);
    two[1].label = 2;
    vectors[DIM + 3] = NAN;
    assert_int_equal(ut_store_add(store, two, vectors, 2, NULL), UT_ERR_FORMAT);
    assert_int_equal(ut_store_count(store), 0);
    ut_store_close(store);
}

static void expect_refused(ut_store_mode mode, ut_status status)
{
    ut_store *store;
    ut_error err;
    assert_int_equal(ut_store_open(path, mode, "m", DIM, &store, &err), status);
    assert_null(store);
    assert_non_null(strstr(err.message, folder));
}

static void damaged_and_foreign_files_are_refused(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    ut_store *store;
    expect_refused(UT_STORE_READ, UT_ERR_NOT_FOUND);
    assert_int_equal(
        ut_file_write(path, "This is no database, but long enough to be read as one.", 55, NULL),
        UT_OK);
    expect_refused(UT_STORE_READ, UT_ERR_FORMAT);
    expect_refused(UT_STORE_WRITE, UT_ERR_FORMAT);
    assert_int_equal(empty_folder(state), 0);
    store = open_store(path, UT_STORE_WRITE, "m");
    fill(store);
    ut_store_close(store);
    assert_int_equal(ut_file_read(path, 1 << 24, &bytes, &length, NULL), UT_OK);
    assert_int_equal(ut_file_write(path, bytes, length / 2, NULL), UT_OK);
    expect_refused(UT_STORE_READ, UT_ERR_FORMAT);
    /* Another program's database: the mark in the header (bytes 68..71) is not ours. */
    bytes[68] ^= 0x55;
    assert_int_equal(ut_file_write(path, bytes, length, NULL), UT_OK);
    expect_refused(UT_STORE_READ, UT_ERR_FORMAT);
    bytes[68] ^= 0x55;
    /* Any page overwritten: refused or read, never a crash, and never a vector of a wrong size. */
    for (size_t page = 4096; page + 4096 <= length; page += 4096) {
        char kept[256];
        memcpy(kept, bytes + page, sizeof kept);
        memset(bytes + page, 0xa5, sizeof kept);
        assert_int_equal(ut_file_write(path, bytes, length, NULL), UT_OK);
        if (ut_store_open(path, UT_STORE_READ, "m", DIM, &store, NULL) == UT_OK)
            ut_store_close(store);
        memcpy(bytes + page, kept, sizeof kept);
    }
    free(bytes);
}

static void read_only_media_are_read(void **state)
{
    (void)state;
    ut_store *store = open_store(path, UT_STORE_WRITE, "m");
    fill(store);
    ut_store_close(store);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    store = open_store(path, UT_STORE_READ, "m");
    assert_int_equal(ut_store_count(store), COUNT);
    ut_store_close(store);
    assert_int_equal(chmod(folder, 0755), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_nearest_are_exact, empty_folder),
        cmocka_unit_test_teardown(what_was_added_is_there_again, empty_folder),
        cmocka_unit_test_teardown(another_encoder_embeds_what_it_has_not_seen, empty_folder),
        cmocka_unit_test_teardown(json_lines_are_all_or_none, empty_folder),
        cmocka_unit_test_teardown(bad_examples_are_refused, empty_folder),
        cmocka_unit_test_teardown(damaged_and_foreign_files_are_refused, empty_folder),
        cmocka_unit_test_teardown(read_only_media_are_read, empty_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
