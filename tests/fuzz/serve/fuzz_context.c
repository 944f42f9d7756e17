/* Any bytes as the context of a request: what is taken is within its bounds. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "serve/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_error err;
    ut_past_turn *turns;
    size_t count;
    ut_arena *arena = ut_arena_create(0);
    if (arena && ut_history_parse((const char *)data, size, arena, &turns, &count, &err) == UT_OK) {
        must(count <= UT_HISTORY_TURNS);
        for (size_t i = 0; i < count; i++) {
            must(strlen(turns[i].speaker) <= UT_HISTORY_NAME && ut_is_utf8(turns[i].speaker));
            must(strlen(turns[i].text) <= UT_HISTORY_TEXT && ut_is_utf8(turns[i].text));
            must(turns[i].emotion >= -1 && turns[i].emotion < UNDERTONE_EMOTIONS);
        }
    }
    ut_arena_destroy(arena);
    return 0;
}
