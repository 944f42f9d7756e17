/* Any bytes as a weights file, from seeds of every format; every tensor that comes out is read. */
#include <stdint.h>
#include <stdlib.h>

#include "nn/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_weights *weights;
    if (ut_weights_parse(data, size, "fuzz", &weights, NULL) != UT_OK)
        return 0;
    volatile float last = 0.0f; /* keeps the reads */
    for (size_t i = 0; i < ut_weights_count(weights); i++) {
        const ut_tensor *tensor = ut_weights_find(weights, ut_weights_name(weights, i));
        size_t count = tensor ? ut_tensor_count(tensor) : 0;
        for (size_t k = 0; k < count && k < 4096; k++) {
            float value;
            ut_tensor_to_f32(tensor, k * (count / 4096 ? count / 4096 : 1), 1, &value);
            last = value;
        }
    }
    (void)last;
    ut_weights_close(weights);
    return 0;
}
