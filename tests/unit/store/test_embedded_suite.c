/* The suite over the embedded store, in memory and in a file. */
#include "store_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static ut_store *open_at(const char *where, ut_store_space space)
{
    ut_store *store;
    ut_error err;
    if (ut_store_open(where, UT_STORE_WRITE, space, NULL, &store, &err) != UT_OK)
        fail_msg("%s", err.message);
    return store;
}

static ut_store *open_in_memory(ut_store_space space)
{
    return open_at(NULL, space);
}

static void remove_file(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

static ut_store *open_in_file(ut_store_space space)
{
    remove_file();
    return open_at(path, space);
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/ut_store_suite_%ld.db", (long)getpid());
    int failed = store_suite_run(open_in_memory) + store_suite_run(open_in_file);
    remove_file();
    return failed;
}
