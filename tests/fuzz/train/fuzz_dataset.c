/* Any bytes as a manifest: the first says of which kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "train/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"f/m.csv", "f/m.json", "f/m.jsonl"};
    ut_dataset *dataset;
    ut_error err;
    if (!size || ut_dataset_create(&dataset, &err) != UT_OK)
        return 0;
    char *text = malloc(size); /* ends in a zero byte, as a file that was read does */
    if (text) {
        memcpy(text, data + 1, size - 1);
        text[size - 1] = 0;
        if (ut_dataset_parse(dataset, text, size - 1, names[data[0] % 3], NULL, &err) == UT_OK)
            (void)!ut_dataset_check(dataset, "fuzz", &err);
    }
    free(text);
    ut_dataset_free(dataset);
    return 0;
}
