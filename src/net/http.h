/* HTTP over libcurl: into memory with a cap, or into a file with resumption.
 *
 * Only http and https, also behind redirects; from https never back to http. Redirects are followed
 * for plain GETs alone, those without headers and body. A bearer token goes to the host of the
 * request's own URL and is dropped when a redirect leaves it. Proxies are taken from the usual
 * environment (https_proxy, no_proxy). All functions are thread-safe; callbacks run in the calling
 * thread.
 *
 *     ut_http_client *client = ut_http_client_create();
 *     ut_http_request request = {.url = url, .bearer = key, .body = json, .body_length = n,
 *                                .tries = 4, .total_seconds = 60, .stall_seconds = 60};
 *     status = ut_http_fetch(client, &request, &reply, &code, err);
 *     if (status == UT_OK && code != 200) ... the server's own words are in `reply` */
#ifndef UT_NET_HTTP_H
#define UT_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "undertone_status.h"

typedef struct ut_http_request {
    const char *url;
    const char *method;         /* NULL: GET, with a body POST */
    const char *bearer;         /* token, NULL: none */
    const char *const *headers; /* lines "Name: value", the last one NULL; NULL: none */
    const char *content_type;   /* of the body; NULL with a body: application/json */
    const void *body;           /* NULL: none */
    size_t body_length;         /* bytes */
    double connect_seconds;     /* 0: 8 */
    double total_seconds;       /* of one try; 0: none */
    double stall_seconds;       /* gives up after so long below 100 bytes a second, also while the
                                   answer has not begun; 0: 60 */
    uint64_t maximum;           /* bytes of the answer, 0: 16 MiB in memory, no cap in a file */

    /* Only for ut_http_fetch(), and only for what does no harm when it is asked twice: up to so
     * many tries in all where the connection fails or breaks, and where the answer is 429, 500,
     * 502, 503 or 504; an answer that took too long is not asked for again. Between them it waits
     * 0.25 s, 0.5 s, 1 s ... 8 s, each shortened by chance to 50-100 %, or what the answer's
     * Retry-After says; one that says more than wait_most ends it, and that answer is returned. */
    int tries;        /* 0: 1 */
    double wait_most; /* seconds; 0: 60 */

    void *context;                    /* for the callbacks, each may be NULL */
    bool (*cancelled)(void *context); /* asked about once a second and at each block */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* total 0: unknown */
    /* Each header of each answer on the way, redirects included; name in lower case. */
    void (*header)(void *context, const char *name, const char *value);
} ut_http_request;

/* Connections that are kept open between calls, one for each call at a time. NULL: out of memory.
 */
typedef struct ut_http_client ut_http_client;
ut_http_client *ut_http_client_create(void);
/* When no call uses it; NULL is fine. */
void ut_http_client_destroy(ut_http_client *client);

/* The last answer's status code (200, 404 ...) is no failure of these functions: the caller judges
 * it. Failures are UT_ERR_NETWORK (no answer, cut connection, time-out: the message names the
 * host), UT_ERR_LIMIT, UT_ERR_CANCELLED, UT_ERR_CONFIG (an address or header that cannot be sent),
 * UT_ERR_IO. */

/* Appends the body to `out`. */
UT_MUST_CHECK ut_status ut_http_fetch(ut_http_client *client, const ut_http_request *request,
                                      ut_buf *out, long *code, ut_error *err);

/* Writes the body to the file at `path`, of which `have` bytes are there already: asks for the
 * rest, appends it if the server sends it (206) and starts over if it sends the whole (200). The
 * body of any other answer is dropped and the file left as it is. After UT_ERR_NETWORK the file
 * holds what came. */
UT_MUST_CHECK ut_status ut_http_download(const ut_http_request *request, const char *path,
                                         uint64_t have, long *code, ut_error *err);

#endif
