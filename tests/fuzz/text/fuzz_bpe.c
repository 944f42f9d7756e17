/* Any bytes as a vocabulary; what is accepted must be readable token by token, and what it encodes
 * must come out again. */
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
    int ids[512];
    size_t count, used = 0, length = size < 512 ? size : 512;
    const char *text = (const char *)data + size - length;
    if (ut_bpe_encode(bpe, text, length, ids, &count, NULL) == UT_OK) {
        for (size_t i = 0; i < count; i++) {
            size_t n;
            const char *bytes = ut_bpe_token(bpe, ids[i], &n);
            if (n > length - used || memcmp(bytes, text + used, n) != 0)
                __builtin_trap();
            used += n;
        }
        if (used != length)
            __builtin_trap();
    }
    ut_bpe_close(bpe);
    return 0;
}
