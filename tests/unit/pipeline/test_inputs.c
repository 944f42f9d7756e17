/* Which recordings are found, what their results are called, and how they fall into shards. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/inputs.h"

static ut_arena *arena;

static int make(void **state)
{
    (void)state;
    arena = ut_arena_create(0);
    return arena ? 0 : -1;
}

static int unmake(void **state)
{
    ut_arena_destroy(arena);
    return ut_test_folder_empty(state);
}

static ut_inputs recordings(const char *a, const char *b)
{
    ut_error err = {0};
    ut_inputs inputs;
    const char *const paths[] = {a, b};
    assert_ok(ut_inputs_recordings(arena, paths, b ? 2 : 1, &inputs, &err));
    return inputs;
}

static void recordings_of_a_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"z.wav",     "a.FLAC",      "sub/c.m4a", "sub/deep/d.ogg",
                                        "notes.txt", ".hidden.wav", "e.wav.bak"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        scratch_text(ut_test_in_folder(names[i]), "x");
    ut_inputs found = recordings(ut_test_in_folder(""), NULL);
    static const char *const ids[] = {"a", "sub/c", "sub/deep/d", "z"};
    assert_int_equal(found.count, 4);
    for (size_t i = 0; i < found.count; i++)
        assert_string_equal(found.items[i].id, ids[i]);
    assert_string_equal(found.items[1].file, "sub/c.m4a");
    assert_string_equal(found.items[1].path, ut_test_in_folder("sub/c.m4a"));
}

static void a_file_is_taken_as_it_is(void **state)
{
    (void)state;
    scratch_text(ut_test_in_folder("voice.bin"), "x");
    ut_inputs found = recordings(ut_test_in_folder("voice.bin"), NULL);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].id, "voice");
}

static void names_that_collide_keep_their_endings(void **state)
{
    (void)state;
    scratch_text(ut_test_in_folder("a.wav"), "x");
    scratch_text(ut_test_in_folder("a.flac"), "x");
    scratch_text(ut_test_in_folder("b.wav"), "x");
    ut_inputs found = recordings(ut_test_in_folder(""), NULL);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.items[0].id, "a.flac");
    assert_string_equal(found.items[1].id, "a.wav");
    assert_string_equal(found.items[2].id, "b");
}

static void what_cannot_be_told_apart_is_an_error(void **state)
{
    (void)state;
    ut_error err = {0};
    ut_inputs inputs;
    scratch_text(ut_test_in_folder("one/a.wav"), "x");
    scratch_text(ut_test_in_folder("two/a.wav"), "x");
    const char *const both[] = {ut_test_in_folder("one"), ut_test_in_folder("two")};
    assert_int_equal(ut_inputs_recordings(arena, both, 2, &inputs, &err), UT_ERR_USAGE);
    assert_says("one/a.wav");
    assert_says("two/a.wav");
    scratch_text(ut_test_in_folder("none/readme.txt"), "x");
    const char *const none[] = {ut_test_in_folder("none")};
    assert_int_equal(ut_inputs_recordings(arena, none, 1, &inputs, &err), UT_ERR_NOT_FOUND);
    assert_says("none");
    assert_int_equal(ut_inputs_documents(arena, none, 1, &inputs, &err), UT_ERR_NOT_FOUND);
    assert_says("undertone transcribe");
}

static void documents_of_a_folder(void **state)
{
    (void)state;
    ut_error err = {0};
    ut_inputs found;
    scratch_text(ut_test_in_folder("r/b/conversation.json"), "{}");
    scratch_text(ut_test_in_folder("r/a/conversation.json"), "{}");
    scratch_text(ut_test_in_folder("r/a/source.json"), "{}");
    const char *const paths[] = {ut_test_in_folder("r")};
    assert_ok(ut_inputs_documents(arena, paths, 1, &found, &err));
    assert_int_equal(found.count, 2);
    assert_string_equal(found.items[0].file, "a/conversation.json");
}

/* --- shards ----------------------------------------------------------------------------------- */

enum { MANY = 2000 };

static ut_inputs made(size_t count)
{
    ut_inputs inputs = {UT_ARENA_NEW(arena, ut_input, count), count};
    for (size_t i = 0; i < count; i++) {
        char id[64];
        snprintf(id, sizeof id, "calls/2024-%02zu/call %zu", i % 12 + 1, i);
        inputs.items[i].id = ut_arena_strdup(arena, id);
    }
    return inputs;
}

/* The part that each name falls into, 1..parts; fails if one falls into none or into two. */
static void part_of_each(size_t count, int parts, int part[])
{
    memset(part, 0, count * sizeof *part);
    for (int i = 1; i <= parts; i++) {
        char shard[32];
        snprintf(shard, sizeof shard, "%d/%d", i, parts);
        ut_inputs all = made(count);
        ut_inputs_shard(&all, shard);
        for (size_t k = 0; k < all.count; k++) {
            size_t number = strtoul(strrchr(all.items[k].id, ' ') + 1, NULL, 10);
            assert_int_equal(part[number], 0);
            part[number] = i;
        }
    }
    for (size_t k = 0; k < count; k++)
        assert_int_not_equal(part[k], 0);
}

static void shards_are_a_partition(void **state)
{
    (void)state;
    static int part[MANY];
    for (int parts = 1; parts <= 16; parts++) {
        size_t sizes[17] = {0};
        part_of_each(MANY, parts, part);
        for (size_t k = 0; k < MANY; k++)
            sizes[part[k]]++;
        for (int i = 1; i <= parts; i++) /* six standard deviations of a fair draw */
            assert_near((double)sizes[i], (double)MANY / parts, 6 * 45.0 / 2);
    }
    part_of_each(3, 999, part); /* more parts than files: most are empty */
}

static void a_new_recording_moves_no_other(void **state)
{
    (void)state;
    static int before[MANY];
    static int after[MANY];
    part_of_each(MANY - 500, 7, before);
    part_of_each(MANY, 7, after);
    assert_memory_equal(before, after, (MANY - 500) * sizeof *before);
}

/* Programs of different builds and machines must cut alike: these came from Python's hashlib,
 * int(sha256(name)[:8], 16) % parts + 1. */
static void parts_stay_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int of_8, of_3;
    } known[] = {{"a", 3, 3}, {"calls/2024/one", 3, 3}, {"München", 3, 2}, {"x.wav", 2, 3}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        for (int parts = 3; parts <= 8; parts += 5) {
            char shard[32];
            ut_input item = {.id = known[i].id};
            ut_inputs one = {&item, 1};
            snprintf(shard, sizeof shard, "%d/%d", parts == 3 ? known[i].of_3 : known[i].of_8,
                     parts);
            ut_inputs_shard(&one, shard);
            assert_int_equal(one.count, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, make, unmake)
        WITH_ARENA(recordings_of_a_folder),
        WITH_ARENA(a_file_is_taken_as_it_is),
        WITH_ARENA(names_that_collide_keep_their_endings),
        WITH_ARENA(what_cannot_be_told_apart_is_an_error),
        WITH_ARENA(documents_of_a_folder),
        WITH_ARENA(shards_are_a_partition),
        WITH_ARENA(a_new_recording_moves_no_other),
        WITH_ARENA(parts_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
