/* Any bytes as a zip archive: opened, and every entry extracted. */
#include <stdint.h>

#include "base/zip.h"

static ut_status count(void *context, const uint8_t *bytes, size_t n, ut_error *err)
{
    (void)err;
    size_t *total = context;
    *total += n + bytes[0];
    return *total > (64u << 20) ? UT_ERR_LIMIT : UT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_zip zip;
    ut_error err;
    if (ut_zip_open(data, size, "fuzz", &zip, &err) != UT_OK)
        return 0;
    for (size_t i = 0; i < zip.count && i < 64; i++) {
        size_t total = 0;
        if (ut_zip_extract(&zip, &zip.entries[i], count, &total, &err) == UT_OK)
            (void)ut_zip_stored(&zip, &zip.entries[i]);
    }
    ut_zip_close(&zip);
    return 0;
}
