/* Any bytes as what a Chroma server answers to each call, and as the address of a collection. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "store/chroma.h"

enum { DIM = 4, QUERIES = 2 };

static void read_rows(const ut_chroma_rows *rows)
{
    for (size_t i = 0; i < rows->count && i < 64; i++) {
        ut_error err;
        ut_store_item item;
        float vector[DIM];
        float distance;
        ut_chroma_row_item(rows, i, &item);
        size_t length = strlen(item.id) + strlen(item.text) + strlen(item.conversation);
        if (ut_chroma_row_vector(rows, i, vector, DIM, &err) == UT_OK && length > 3 &&
            ut_chroma_row_distance(rows, i, &distance, &err) != UT_OK)
            continue;
    }
}

static void read_answer(const char *text, size_t size)
{
    ut_chroma_answer answer;
    ut_chroma_collection collection;
    ut_chroma_limits limits;
    ut_chroma_rows rows[QUERIES];
    ut_error err;
    size_t count;
    char said[300];
    ut_chroma_complaint(text, size, said, sizeof said);
    if (ut_chroma_parse(text, size, "fuzz", &answer, &err) != UT_OK)
        return;
    (void)!(ut_chroma_hear_limits(&answer, &limits, &err) == UT_OK);
    (void)!(ut_chroma_hear_count(&answer, &count, &err) == UT_OK);
    (void)!(ut_chroma_hear_collection(&answer, &collection, &err) == UT_OK);
    if (ut_chroma_hear_rows(&answer, rows, &err) == UT_OK)
        read_rows(rows);
    if (ut_chroma_hear_queries(&answer, QUERIES, rows, &err) == UT_OK)
        for (size_t q = 0; q < QUERIES; q++)
            read_rows(&rows[q]);
    ut_chroma_forget(&answer);
}

static void read_place(const char *text, size_t size)
{
    char url[512] = "chroma://";
    size_t begin = strlen(url);
    size_t length = size < sizeof url - begin - 1 ? size : sizeof url - begin - 1;
    memcpy(url + begin, text, length);
    ut_chroma_place place;
    ut_arena *arena = ut_arena_create(0);
    ut_error err;
    if (arena && ut_chroma_place_read(url, NULL, arena, &place, &err) != UT_OK)
        (void)place;
    ut_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_answer((const char *)data, size);
    read_place((const char *)data, size);
    return 0;
}
