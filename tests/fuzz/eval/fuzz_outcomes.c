/* Any bytes as a file of scores to compare. */
#include <stdint.h>

#include "eval/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_outcomes outcomes;
    ut_comparison comparison;
    ut_error err;
    ut_arena *arena = ut_arena_create(0);
    if (arena &&
        ut_outcomes_parse((const char *)data, size, "fuzz", arena, &outcomes, &err) == UT_OK &&
        outcomes.count < 4)
        (void)!ut_compare(&outcomes, &outcomes, "a", "b", &comparison, &err);
    ut_arena_destroy(arena);
    return 0;
}
