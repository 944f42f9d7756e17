#include "net/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { IDLE_MOST = 16 }; /* handles kept while nobody uses them */

/* Each handle of curl's keeps its own connections, so that no lock is held while one works. */
struct ut_http_client {
    pthread_mutex_t lock;
    CURL *idle[IDLE_MOST];
    int count;
};

typedef struct transfer {
    const ut_http_request *request;
    CURL *curl;
    struct curl_slist *headers;
    ut_buf *buf; /* or a file: */
    int fd;
    const char *path;
    uint64_t have; /* bytes the file began with */
    uint64_t got;
    bool began; /* the final answer's body has begun */
    bool keep;  /* ... and is wanted */
    bool slow;  /* it was connected and took too long */
    ut_status failure;
    ut_error *err;
} transfer;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* At the first byte of a body: where it goes depends on the answer's code. */
static void begin_body(transfer *t)
{
    long code = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    t->began = true;
    t->keep = t->buf || code == 206 || code == 200;
    if (t->buf || code != 200 || t->have == 0)
        return;
    t->have = 0;
    if (ftruncate(t->fd, 0) != 0 || lseek(t->fd, 0, SEEK_SET) != 0)
        t->failure = ut_fail_errno(t->err, UT_ERR_IO, "net", "cannot write %s", t->path);
}

static ut_status put(transfer *t, const char *bytes, size_t count)
{
    if (t->buf) {
        ut_buf_add(t->buf, bytes, count);
        if (ut_buf_status(t->buf) != UT_OK)
            return ut_fail_memory(t->err, "net");
        return UT_OK;
    }
    while (count) {
        ssize_t n = write(t->fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ut_fail_errno(t->err, UT_ERR_IO, "net", "cannot write %s", t->path);
        bytes += n;
        count -= (size_t)n;
    }
    return UT_OK;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    transfer *t = context;
    size_t n = size * count;
    if (!t->began)
        begin_body(t);
    if (t->failure != UT_OK)
        return 0;
    if (!t->keep)
        return n;
    uint64_t maximum = t->request->maximum;
    if (maximum == 0 && t->buf)
        maximum = 16u << 20;
    if (maximum && t->have + t->got + n > maximum) {
        t->failure =
            ut_fail(t->err, UT_ERR_LIMIT, "net", "%s sends more than the %llu bytes expected",
                    t->request->url, (unsigned long long)maximum);
        return 0;
    }
    t->failure = put(t, bytes, n);
    t->got += n;
    return t->failure == UT_OK ? n : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    transfer *t = context;
    size_t n = size * count;
    char line[4096];
    if (n >= 5 && strncmp(bytes, "HTTP/", 5) == 0)
        t->began = false;
    if (!t->request->header || n >= sizeof line)
        return n;
    memcpy(line, bytes, n);
    line[n] = 0;
    line[strcspn(line, "\r\n")] = 0;
    char *colon = strchr(line, ':');
    if (!colon)
        return n;
    *colon = 0;
    for (char *c = line; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    t->request->header(t->request->context, line, colon + 1 + strspn(colon + 1, " \t"));
    return n;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    (void)up_total;
    (void)up;
    transfer *t = context;
    const ut_http_request *request = t->request;
    if (request->cancelled && request->cancelled(request->context)) {
        t->failure = ut_fail(t->err, UT_ERR_CANCELLED, "net", "%s was cancelled", request->url);
        return 1;
    }
    if (request->progress && t->began && t->keep)
        request->progress(request->context, t->have + (uint64_t)now,
                          total > 0 ? t->have + (uint64_t)total : 0);
    return 0;
}

static bool add_line(transfer *t, const char *line)
{
    struct curl_slist *longer = strpbrk(line, "\r\n") ? NULL : curl_slist_append(t->headers, line);
    if (longer)
        t->headers = longer;
    return longer != NULL;
}

static bool add_header(transfer *t, const char *name, const char *value)
{
    ut_buf line;
    ut_buf_init(&line, 65536);
    ut_buf_addf(&line, "%s: %s", name, value);
    bool fine = ut_buf_status(&line) == UT_OK && add_line(t, ut_buf_text(&line));
    ut_buf_free(&line);
    return fine;
}

static ut_status set_up(transfer *t)
{
    const ut_http_request *r = t->request;
    CURL *c = t->curl;
    bool secure = strncmp(r->url, "https:", 6) == 0;
    double stall = r->stall_seconds > 0 ? r->stall_seconds : 60;
    double connect = r->connect_seconds > 0 ? r->connect_seconds : 8;
    curl_easy_setopt(c, CURLOPT_URL, r->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, r->body || r->headers || r->method ? 0L : 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "undertone/" UT_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect * 1000));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(r->total_seconds * 1000));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    bool fine = add_header(t, "Expect", ""); /* no waiting for leave to send a long body */
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        fine = fine && add_line(t, r->headers[i]);
    if (r->bearer && *r->bearer) {
        /* libcurl drops this header where a redirect leads to another host, port or protocol. */
        ut_buf value;
        ut_buf_init(&value, 65536);
        ut_buf_addf(&value, "Bearer %s", r->bearer);
        fine = fine && add_header(t, "Authorization", ut_buf_text(&value));
        ut_buf_free(&value);
    }
    if (r->body) {
        const char *type = r->content_type ? r->content_type : "application/json";
        fine = fine && add_header(t, "Content-Type", type);
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_length);
    }
    if (r->method)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
    if (t->have) {
        char range[64];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)t->have);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
    if (!fine)
        return ut_fail(t->err, UT_ERR_CONFIG, "net",
                       "a token or header for %s cannot be sent; it is too long or holds a line "
                       "break",
                       r->url);
    return UT_OK;
}

/* The host part of a URL, for messages. */
static int host_of(const char *url, const char **host)
{
    const char *start = strstr(url, "://");
    *host = start ? start + 3 : url;
    return (int)strcspn(*host, "/?");
}

static ut_status judge(transfer *t, CURLcode rc)
{
    const char *host;
    int length = host_of(t->request->url, &host);
    if (t->failure != UT_OK)
        return t->failure;
    switch (rc) {
    case CURLE_OK:
        return UT_OK;
    case CURLE_OUT_OF_MEMORY:
        return ut_fail_memory(t->err, "net");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ut_fail(t->err, UT_ERR_CONFIG, "net",
                       "%s is no address that can be asked; use http or https", t->request->url);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return ut_fail(t->err, UT_ERR_NETWORK, "net",
                       "%.*s cannot be reached (%s); check the network", length, host,
                       curl_easy_strerror(rc));
    case CURLE_OPERATION_TIMEDOUT: {
        double ready = 0; /* when sending could begin, also on a kept connection */
        curl_easy_getinfo(t->curl, CURLINFO_PRETRANSFER_TIME, &ready);
        t->slow = ready > 0;
        return ut_fail(t->err, UT_ERR_NETWORK, "net", "%.*s %s (timed out); check the network",
                       length, host, t->slow ? "took too long" : "cannot be reached");
    }
    default:
        return ut_fail(t->err, UT_ERR_NETWORK, "net",
                       "the connection to %.*s broke (%s); try again", length, host,
                       curl_easy_strerror(rc));
    }
}

/* ------------------------------------------------------------------ handles */

ut_http_client *ut_http_client_create(void)
{
    ut_http_client *client = calloc(1, sizeof *client);
    if (client && pthread_mutex_init(&client->lock, NULL) != 0) {
        free(client);
        return NULL;
    }
    return client;
}

void ut_http_client_destroy(ut_http_client *client)
{
    if (!client)
        return;
    for (int i = 0; i < client->count; i++)
        curl_easy_cleanup(client->idle[i]);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

static CURL *take_handle(ut_http_client *client)
{
    CURL *curl = NULL;
    pthread_once(&once, start_curl);
    if (client) {
        pthread_mutex_lock(&client->lock);
        if (client->count > 0)
            curl = client->idle[--client->count];
        pthread_mutex_unlock(&client->lock);
    }
    return curl ? curl : curl_easy_init();
}

static void give_handle(ut_http_client *client, CURL *curl)
{
    curl_easy_reset(curl); /* keeps what is connected */
    if (client) {
        pthread_mutex_lock(&client->lock);
        if (client->count < IDLE_MOST) {
            client->idle[client->count++] = curl;
            curl = NULL;
        }
        pthread_mutex_unlock(&client->lock);
    }
    curl_easy_cleanup(curl);
}

/* ------------------------------------------------------------------ one try, and more */

/* `retry_after` may be NULL; seconds, 0: not said. */
static ut_status perform(transfer *t, ut_http_client *client, long *code, double *retry_after)
{
    *code = 0;
    t->curl = take_handle(client);
    if (!t->curl)
        return ut_fail_memory(t->err, "net");
    ut_status status = set_up(t);
    if (status == UT_OK) {
        curl_off_t said = 0;
        CURLcode rc = curl_easy_perform(t->curl);
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, code);
        curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &said);
        if (retry_after)
            *retry_after = (double)said;
        status = judge(t, rc);
    }
    give_handle(client, t->curl);
    curl_slist_free_all(t->headers);
    return status;
}

static bool worth_another(const transfer *t, ut_status status, long code)
{
    if (status != UT_OK)
        return status == UT_ERR_NETWORK && !t->slow;
    return code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

/* Shortened by chance, so that many clients do not come back at the same moment. */
static double back_off(int tried)
{
    double seconds = tried < 6 ? 0.25 * (1 << (tried - 1)) : 8;
    unsigned char chance = 0;
    if (getrandom(&chance, 1, GRND_NONBLOCK) != 1)
        chance = 128;
    return seconds * (0.5 + 0.5 * chance / 255);
}

static ut_status wait_for(const ut_http_request *r, double seconds, ut_error *err)
{
    double until = ut_clock_wall() + seconds;
    while (ut_clock_wall() < until) {
        if (r->cancelled && r->cancelled(r->context))
            return ut_fail(err, UT_ERR_CANCELLED, "net", "%s was cancelled", r->url);
        double left = until - ut_clock_wall();
        nanosleep(
            &(struct timespec){.tv_nsec = left < 0.1 ? (long)(fmax(left, 0) * 1e9) : 100000000},
            NULL);
    }
    return UT_OK;
}

ut_status ut_http_fetch(ut_http_client *client, const ut_http_request *request, ut_buf *out,
                        long *code, ut_error *err)
{
    size_t before = out->length;
    double most = request->wait_most > 0 ? request->wait_most : 60;
    for (int tried = 1;; tried++) {
        double said = 0;
        transfer t = {.request = request, .buf = out, .fd = -1, .err = err};
        ut_status status = perform(&t, client, code, &said);
        if (tried >= request->tries || !worth_another(&t, status, *code) || said > most)
            return status;
        UT_TRY(wait_for(request, said > 0 ? said : back_off(tried), err));
        if (out->data)
            out->data[out->length = before] = 0;
    }
}

ut_status ut_http_download(const ut_http_request *request, const char *path, uint64_t have,
                           long *code, ut_error *err)
{
    transfer t = {.request = request, .path = path, .have = have, .err = err};
    t.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (t.fd < 0)
        return ut_fail_errno(err, UT_ERR_IO, "net", "cannot write %s", path);
    ut_status status;
    if (lseek(t.fd, (off_t)have, SEEK_SET) < 0 || ftruncate(t.fd, (off_t)have) != 0)
        status = ut_fail_errno(err, UT_ERR_IO, "net", "cannot write %s", path);
    else
        status = perform(&t, NULL, code, NULL);
    if (close(t.fd) != 0 && status == UT_OK)
        status = ut_fail_errno(err, UT_ERR_IO, "net", "cannot write %s", path);
    return status;
}
