/* Any bytes as text conversations and, behind the first byte of value 1, as their table of voice
 * measurements. */
#include <stdint.h>
#include <string.h>

#include "pipeline/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *reading(const uint8_t *data, size_t size)
{
    return size ? fmemopen((void *)(uintptr_t)data, size, "rb") : fopen("/dev/null", "rb");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *border = size ? memchr(data, 1, size) : NULL;
    size_t length = border ? (size_t)(border - data) : size;
    FILE *lines = reading(data, length);
    FILE *table = border ? reading(border + 1, size - length - 1) : NULL;
    ut_dialogues *dialogues = NULL;
    ut_dialogue dialogue;
    ut_error err;
    if (lines && ut_dialogues_open(lines, "lines", table, "table", &dialogues, &err) == UT_OK) {
        while (ut_dialogues_next(dialogues, &dialogue, &err) == UT_OK && dialogue.c)
            ut_dialogue_free(&dialogue);
        ut_dialogues_close(dialogues);
    }
    if (table)
        fclose(table);
    if (lines)
        fclose(lines);
    return 0;
}
