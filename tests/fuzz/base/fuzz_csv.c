/* Any bytes as a table. */
#include <stdint.h>
#include <string.h>

#include "base/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_csv csv;
    ut_error err;
    ut_arena *arena = ut_arena_create(0);
    if (arena && ut_csv_parse((const char *)data, size, "fuzz", arena, &csv, &err) == UT_OK) {
        size_t bytes = 0;
        for (size_t i = 0; i < csv.rows * csv.columns; i++)
            bytes += strlen(csv.cells[i]);
        if (bytes > size)
            __builtin_trap();
    }
    ut_arena_destroy(arena);
    return 0;
}
