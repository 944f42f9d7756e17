/* Any bytes as a label map, and any name looked up in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "train/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ut_label_map *map;
    ut_label label;
    ut_error err;
    ut_arena *arena = ut_arena_create(0);
    char *text = malloc(size + 1);
    if (arena && text) {
        memcpy(text, data, size);
        text[size] = 0;
        if (ut_label_map_parse(text, size, "fuzz", arena, &map, &err) == UT_OK) {
            (void)ut_label_find(map, "joy", &label);
            (void)ut_label_find(map, text, &label);
        }
    }
    free(text);
    ut_arena_destroy(arena);
    return 0;
}
