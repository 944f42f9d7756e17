/* Any bytes as a vocabulary; what is accepted must be readable token by token. */
#include <stdint.h>
#include <string.h>

#include "text/bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_bpe *bpe;
    if (ut_bpe_parse((const char *)data, size, "fuzz", &bpe, NULL) != UT_OK)
        return 0;
    for (int id = 0; id < ut_bpe_size(bpe); id++) {
        size_t length;
        const char *bytes = ut_bpe_token(bpe, id, &length);
        if (bytes[length] != 0)
            __builtin_trap();
    }
    ut_bpe_close(bpe);
    return 0;
}
