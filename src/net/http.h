/* HTTP over libcurl: into memory with a cap, or into a file with resumption.
 *
 * Only http and https, also behind redirects; from https never back to http. A bearer token goes to
 * the host of the request's own URL and is dropped when a redirect leaves it. Proxies are taken
 * from the usual environment (https_proxy, no_proxy). All functions are thread-safe; callbacks run
 * in the calling thread. */
#ifndef UT_NET_HTTP_H
#define UT_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "undertone_status.h"

typedef struct ut_http_request {
    const char *url;
    const char *bearer;       /* token, NULL: none */
    const char *content_type; /* of the body; NULL with a body: application/json */
    const void *body;         /* NULL: GET, else POST */
    size_t body_length;       /* bytes */
    double connect_seconds;   /* 0: 8 */
    double total_seconds;     /* 0: none */
    double stall_seconds;     /* gives up after so long below 100 bytes a second; 0: 60 */
    uint64_t maximum;         /* bytes of the answer, 0: 16 MiB in memory, no cap in a file */
    void *context;            /* for the callbacks, each may be NULL */
    bool (*cancelled)(void *context); /* asked about once a second and at each block */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* total 0: unknown */
    /* Each header of each answer on the way, redirects included; name in lower case. */
    void (*header)(void *context, const char *name, const char *value);
} ut_http_request;

/* The last answer's status code (200, 404 ...) is no failure of these functions: the caller judges
 * it. Failures are UT_ERR_NETWORK (no answer, cut connection, time-out: the message names the
 * host), UT_ERR_LIMIT, UT_ERR_CANCELLED, UT_ERR_IO. */

/* Appends the body to `out`. */
UT_MUST_CHECK ut_status ut_http_fetch(const ut_http_request *request, ut_buf *out, long *code,
                                      ut_error *err);

/* Writes the body to the file at `path`, of which `have` bytes are there already: asks for the
 * rest, appends it if the server sends it (206) and starts over if it sends the whole (200). The
 * body of any other answer is dropped and the file left as it is. After UT_ERR_NETWORK the file
 * holds what came. */
UT_MUST_CHECK ut_status ut_http_download(const ut_http_request *request, const char *path,
                                         uint64_t have, long *code, ut_error *err);

#endif
