/* The service: the analysis over HTTP (docs/service.md).
 *
 * libmicrohttpd's few threads wait for all connections at once (epoll); an analysis runs in a
 * worker thread while its connection sleeps, so that an open connection costs a socket and some
 * memory, not a thread. What a client uploads goes to a file without a name, which is gone with the
 * request whatever happens; no name, path or number that a client sends ever becomes a path. */
#ifndef UT_SERVE_SERVE_H
#define UT_SERVE_SERVE_H

#include <signal.h>

#include "pipeline/settings.h"
#include "undertone.h"

/* Serves until *stop is not 0: then takes nothing new, finishes what was taken, and returns; a
 * second signal (*stop above 1) cancels that. UT_ERR_IO where the address cannot be had. */
UT_MUST_CHECK ut_status ut_serve(const ut_settings *settings, const ut_engine *engine,
                                 const volatile sig_atomic_t *stop, ut_error *err);

/* Adds a key of this name to the file of keys, made if absent, and puts the key itself, which is
 * kept nowhere, into `key`. */
enum { UT_KEY_TEXT = 48 };
UT_MUST_CHECK ut_status ut_serve_new_key(const char *path, const char *name, char key[UT_KEY_TEXT],
                                         ut_error *err);

#endif
