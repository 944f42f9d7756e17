/* Any vocabulary and any text: bytes before the first 0xFF are the vocabulary (after the three
 * needed pieces). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "text/wordpiece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 0xFF, size) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size / 2;
    ut_buf vocabulary;
    ut_wordpiece *w = NULL;
    int32_t ids[64];
    size_t count = 0;
    ut_buf_init(&vocabulary, 0);
    ut_buf_adds(&vocabulary, "[UNK]\n[CLS]\n[SEP]\n");
    ut_buf_add(&vocabulary, data, n);
    if (ut_buf_status(&vocabulary) == UT_OK &&
        ut_wordpiece_parse(vocabulary.data, vocabulary.length, "fuzz", n & 1, &w, NULL) == UT_OK) {
        if (ut_wordpiece_encode(w, (const char *)data + n, size - n, true, ids, 64, &count, NULL,
                                NULL) == UT_OK)
            for (size_t i = 0; i < count; i++)
                if (ids[i] < 0 || (size_t)ids[i] >= ut_wordpiece_count(w))
                    abort();
        ut_wordpiece_close(w);
    }
    ut_buf_free(&vocabulary);
    return 0;
}
