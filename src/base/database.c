#include "base/database.h"

#include <time.h>

enum { STEP_MS = 20 };

int ut_database_use_wal(sqlite3 *db, int wait_ms)
{
    int rc = SQLITE_BUSY;
    for (int waited = 0; (rc & 0xff) == SQLITE_BUSY && waited < wait_ms; waited += STEP_MS) {
        rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((rc & 0xff) == SQLITE_BUSY)
            nanosleep(&(struct timespec){0, STEP_MS * 1000000}, NULL);
    }
    return rc;
}
