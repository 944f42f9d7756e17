/* Any bytes as a file of JSON lines for the store; what is taken must come out again. */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ut_status embed(void *context, const char *text, float *vector, ut_error *err)
{
    (void)context;
    (void)text;
    (void)err;
    for (int i = 0; i < 4; i++)
        vector[i] = 0.5f;
    return UT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    ut_store *store;
    ut_error err;
    snprintf(path, sizeof path, "/tmp/ut_fuzz_lines_%ld", (long)getpid());
    if (ut_file_write(path, data, size, &err) != UT_OK)
        return 0;
    if (ut_store_open(NULL, UT_STORE_WRITE, (ut_store_space){"m", 4}, NULL, &store, &err) ==
        UT_OK) {
        size_t added = 0;
        size_t again = 0;
        size_t count = 0;
        ut_status taken = ut_store_import(store, path, "fuzz", embed, NULL, &added, &err);
        if (ut_store_count(store, &count, &err) != UT_OK || count != added)
            __builtin_trap();
        if (taken == UT_OK &&
            (ut_store_export(store, path, &err) != UT_OK ||
             ut_store_import(store, path, NULL, NULL, NULL, &again, &err) != UT_OK || again != 0))
            __builtin_trap();
        ut_store_close(store);
    }
    unlink(path);
    return 0;
}
