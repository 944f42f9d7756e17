/* Any bytes as a ground-truth document. */
#include <stdint.h>

#include "eval/truth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_truth *truth;
    ut_error err;
    if (ut_truth_parse((const char *)data, size, "fuzz", &truth, &err) == UT_OK)
        ut_truth_free(truth);
    return 0;
}
