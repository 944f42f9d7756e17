#include "embedded_file.h"

#include <stdio.h>

char path[512];
uint32_t seed = 3;

int path_make(void **state)
{
    if (ut_test_folder_make(state) != 0)
        return -1;
    snprintf(path, sizeof path, "%s", ut_test_in_folder("a%20b?c#.db"));
    return 0;
}

unsigned below(unsigned most)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % most;
}

float noise(void)
{
    return (float)below(1 << 24) / 8388608.0f - 1;
}

ut_store *open_store(const char *where, ut_store_mode mode, ut_store_space space)
{
    ut_store *store;
    ut_error err;
    if (ut_store_open(where, mode, space, NULL, &store, &err) != UT_OK)
        fail_msg("%s", err.message);
    return store;
}

size_t count_of(ut_store *store)
{
    size_t count = 0;
    assert_int_equal(ut_store_count(store, &count, NULL), UT_OK);
    return count;
}
