/* What SQLite leaves to those who open one file from several programs at once. */
#ifndef UT_BASE_DATABASE_H
#define UT_BASE_DATABASE_H

#include <sqlite3.h>

/* Turns the file to the write-ahead log. That needs it alone for a moment, and SQLite's busy
 * timeout does not cover it, so this waits by itself, for `wait_ms` at most. Returns SQLite's code;
 * SQLITE_BUSY, extended or not, when others kept the file all the while. */
int ut_database_use_wal(sqlite3 *db, int wait_ms);

#endif
