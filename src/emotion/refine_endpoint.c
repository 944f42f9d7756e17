/* Asking an endpoint: bounded in number, rate and cost, and only in a form that it understands. */
#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "emotion/refine_internal.h"

enum { AT_ONCE = 4, TRIES = 4, FAILURES = 3, FAULT = UT_REFINE_FAULT };

/* How a request is written. What a server refuses is left out of this and all later ones. */
typedef struct form {
    enum { SCHEMA, OBJECT, FREE } format; /* json_schema; llama-cpp-python's json_object; none */
    bool no_temperature;                  /* some models have one temperature only */
    bool completion_tokens;               /* some take max_completion_tokens for max_tokens */
} form;

struct ut_endpoint {
    const ut_refine_options *options;
    ut_http_client *client;
    char *address;
    char host[128]; /* for messages */
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int flying;
    double next_start; /* earliest, where calls a minute are bounded */
    int failures;      /* in a row */
    uint64_t reserved; /* tokens that calls in the air may take */
    double reserved_cost;
    form form;
    char stopped[FAULT]; /* why nothing is asked any more, "" as long as it is */
    ut_refine_usage usage;
};

typedef struct reservation {
    uint64_t in, out;
} reservation;

/* The host of an address without user, port and path; its length. */
static size_t host_of(const char *url, const char **host)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t length = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', length);
    if (at) {
        length -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    *host = start;
    if (*start == '[') {
        const char *end = memchr(start, ']', length);
        return end ? (size_t)(end + 1 - start) : length;
    }
    const char *colon = memchr(start, ':', length);
    return colon ? (size_t)(colon - start) : length;
}

bool ut_refine_is_local(const char *url)
{
    const char *host;
    char text[64];
    struct in_addr four;
    size_t length = host_of(url, &host);
    if (length == 0 || length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = 0;
    if (strcasecmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, text, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

static ut_status check(const ut_refine_options *o, ut_error *err)
{
    const char *host;
    bool web = strncmp(o->url, "http://", 7) == 0 || strncmp(o->url, "https://", 8) == 0;
    if (!web || host_of(o->url, &host) == 0)
        return ut_fail(err, UT_ERR_USAGE, "refine",
                       "OPENAI_BASE_URL is no web address: %s; it looks like "
                       "https://api.openai.com/v1",
                       o->url);
    if (!ut_refine_is_local(o->url) && (!o->key || !*o->key))
        return ut_fail(err, UT_ERR_USAGE, "refine",
                       "--llm %s asks %.*s, which needs a key in OPENAI_API_KEY or in "
                       "the secret openai_api_key (`undertone secret create openai_api_key "
                       "--api_key=-`); for a model on "
                       "this machine set OPENAI_BASE_URL to its address",
                       o->model, (int)host_of(o->url, &host), host);
    if (o->budget_money > 0 && !(o->price_in > 0 || o->price_out > 0))
        return ut_fail(err, UT_ERR_USAGE, "refine",
                       "--llm_budget in money needs the prices of a million tokens: --llm_price "
                       "IN,OUT");
    return UT_OK;
}

ut_status ut_endpoint_open(const ut_refine_options *options, ut_endpoint **endpoint, ut_error *err)
{
    UT_TRY(check(options, err));
    ut_endpoint *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "refine");
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->freed, NULL);
    size_t length = strlen(options->url);
    while (length && options->url[length - 1] == '/')
        length--;
    const char *host;
    size_t host_length = host_of(options->url, &host);
    snprintf(e->host, sizeof e->host, "%.*s", (int)host_length, host);
    e->options = options;
    e->client = ut_http_client_create();
    if (asprintf(&e->address, "%.*s/chat/completions", (int)length, options->url) < 0)
        e->address = NULL;
    if (!e->client || !e->address) {
        ut_endpoint_close(e);
        return ut_fail_memory(err, "refine");
    }
    *endpoint = e;
    return UT_OK;
}

void ut_endpoint_close(ut_endpoint *endpoint)
{
    if (!endpoint)
        return;
    ut_http_client_destroy(endpoint->client);
    pthread_cond_destroy(&endpoint->freed);
    pthread_mutex_destroy(&endpoint->lock);
    free(endpoint->address);
    free(endpoint);
}

const char *ut_endpoint_host(const ut_endpoint *endpoint)
{
    return endpoint->host;
}

ut_refine_usage ut_endpoint_usage(ut_endpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->lock);
    ut_refine_usage usage = endpoint->usage;
    pthread_mutex_unlock(&endpoint->lock);
    return usage;
}

void ut_endpoint_cached(ut_endpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->lock);
    endpoint->usage.cached++;
    pthread_mutex_unlock(&endpoint->lock);
}

static double cost_of(const ut_refine_options *o, uint64_t in, uint64_t out)
{
    return ((double)in * o->price_in + (double)out * o->price_out) / 1e6;
}

static bool is_stopped(const atomic_bool *cancelled)
{
    return cancelled && atomic_load(cancelled);
}

static bool ask_cancelled(void *context)
{
    return is_stopped(context);
}

static bool affords(const ut_endpoint *e, const reservation *r)
{
    const ut_refine_options *o = e->options;
    uint64_t tokens = e->usage.tokens_in + e->usage.tokens_out + e->reserved + r->in + r->out;
    double cost = e->usage.cost + e->reserved_cost + cost_of(o, r->in, r->out);
    return (!o->budget_tokens || tokens <= o->budget_tokens) &&
           (!(o->budget_money > 0) || cost <= o->budget_money);
}

/* Waits for a place among the calls; false with a fault where none will be given. */
static bool enter(ut_endpoint *e, const reservation *r, const atomic_bool *cancelled, form *how,
                  char fault[FAULT])
{
    int most = e->options->at_once > 0 ? e->options->at_once : AT_ONCE;
    bool given = false;
    pthread_mutex_lock(&e->lock);
    while (e->flying >= most && !is_stopped(cancelled)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&e->freed, &e->lock, &until);
    }
    double now = ut_clock_wall();
    double start = now;
    if (is_stopped(cancelled)) {
        snprintf(fault, FAULT, "stopped");
    } else if (e->stopped[0]) {
        snprintf(fault, FAULT, "%s", e->stopped);
    } else if (!affords(e, r)) {
        e->usage.spent = true;
        snprintf(fault, FAULT, "the budget is spent");
    } else {
        given = true;
        e->flying++;
        e->reserved += r->in + r->out;
        e->reserved_cost += cost_of(e->options, r->in, r->out);
        *how = e->form;
        if (e->options->per_minute > 0) {
            start = e->next_start > now ? e->next_start : now;
            e->next_start = start + 60.0 / e->options->per_minute;
        }
    }
    pthread_mutex_unlock(&e->lock);
    for (; given && now < start && !is_stopped(cancelled); now = ut_clock_wall()) {
        double rest = start - now < 0.2 ? start - now : 0.2;
        nanosleep(&(struct timespec){.tv_nsec = (long)(rest * 1e9)}, NULL);
    }
    return given;
}

/* What a call took, and whether the server is of use at all. */
static void leave(ut_endpoint *e, const reservation *r, bool answered, uint64_t in, uint64_t out,
                  const char *fault, bool hopeless)
{
    pthread_mutex_lock(&e->lock);
    e->flying--;
    e->reserved -= r->in + r->out;
    e->reserved_cost -= cost_of(e->options, r->in, r->out);
    if (answered) {
        e->usage.calls++;
        e->usage.tokens_in += in;
        e->usage.tokens_out += out;
        e->usage.cost += cost_of(e->options, in, out);
        e->failures = 0;
    } else if (fault[0] && (++e->failures >= FAILURES || hopeless) && !e->stopped[0]) {
        snprintf(e->stopped, FAULT, "%s", fault);
    }
    pthread_cond_broadcast(&e->freed);
    pthread_mutex_unlock(&e->lock);
}

static json_t *response_format(int format, const int *ids, size_t count)
{
    if (format == SCHEMA)
        return json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema", "json_schema", "name",
                         "emotions", "strict", 1, "schema", ut_refine_schema(ids, count, false));
    return json_pack("{s:s, s:o}", "type", "json_object", "schema",
                     ut_refine_schema(ids, count, true));
}

/* Room for an answer about `count` lines: five numbers and 20 words each take about 90 tokens. */
static int answer_tokens(size_t count)
{
    return 200 + 150 * (int)count;
}

static char *write_body(const ut_endpoint *e, const form *how, json_t *messages, const int *ids,
                        size_t count)
{
    json_t *body = json_pack("{s:s, s:O, s:i}", "model", e->options->model, "messages", messages,
                             how->completion_tokens ? "max_completion_tokens" : "max_tokens",
                             answer_tokens(count));
    if (body && !how->no_temperature)
        json_object_set_new(body, "temperature", json_integer(0));
    if (body && how->format != FREE)
        json_object_set_new(body, "response_format", response_format(how->format, ids, count));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

/* The server's own words about what went wrong, "" if there are none. They stay in the document, so
 * that a key which they repeat is masked. */
static void complaint(const ut_buf *reply, const char *key, char out[160])
{
    size_t secret = key ? strlen(key) : 0;
    json_t *json = json_loadb(ut_buf_text(reply), reply->length, 0, NULL);
    const json_t *error = json_object_get(json, "error");
    const char *text = json_is_object(error) ? ut_json_string_or(error, "message", NULL)
                                             : json_string_value(error);
    if (!text)
        text = ut_json_string_or(json, "message", ut_json_string_or(json, "detail", ""));
    size_t n = 0;
    for (; *text && n + 1 < 160; text++)
        if (secret && strncmp(text, key, secret) == 0) {
            out[n++] = '*';
            text += secret - 1;
        } else {
            out[n++] = (unsigned char)*text < ' ' || (unsigned char)*text > '~' ? ' ' : *text;
        }
    out[n] = 0;
    json_decref(json);
}

/* Leaves out what the server refused (it names it, or the likeliest first); false when there is
 * nothing left to leave out. Another call may have done so already. */
static bool adapt(ut_endpoint *e, const form *used, const ut_buf *reply)
{
    const char *text = ut_buf_text(reply);
    bool can = true;
    pthread_mutex_lock(&e->lock);
    form *f = &e->form;
    bool same = f->format == used->format && f->no_temperature == used->no_temperature &&
                f->completion_tokens == used->completion_tokens;
    if (same && !f->completion_tokens && strstr(text, "max_completion_tokens"))
        f->completion_tokens = true;
    else if (same && !f->no_temperature && strstr(text, "temperature"))
        f->no_temperature = true;
    else if (same && f->format == SCHEMA)
        f->format = OBJECT;
    else if (same && f->format == OBJECT)
        f->format = FREE;
    else
        can = !same;
    pthread_mutex_unlock(&e->lock);
    return can;
}

/* The message of a completion into *text. */
static bool take(const ut_endpoint *e, const ut_buf *reply, const char *body, char **text,
                 uint64_t *in, uint64_t *out, char fault[FAULT])
{
    const char *message = NULL;
    json_t *json = json_loadb(ut_buf_text(reply), reply->length, 0, NULL);
    if (!json)
        snprintf(fault, FAULT, "%s does not answer in JSON; is OPENAI_BASE_URL right?", e->host);
    else if (!ut_refine_completion(json, &message, in, out))
        snprintf(fault, FAULT, "%s does not answer with a chat completion", e->host);
    else if (!(*text = strdup(message)))
        snprintf(fault, FAULT, "out of memory");
    if (*text && !*in)
        *in = strlen(body) / 4; /* a usual English token */
    if (*text && !*out)
        *out = strlen(*text) / 4;
    json_decref(json);
    return *text != NULL;
}

/* What an answer that is no completion means; *again: in another form. */
static void refuse(ut_endpoint *e, const form *how, long code, const ut_buf *reply,
                   char fault[FAULT], bool *again, bool *hopeless)
{
    char said[160];
    complaint(reply, e->options->key, said);
    /* llama-cpp-python answers 500 to a form that it does not know. */
    bool form_refused = code == 400 || code == 422 ||
                        (code == 500 && strstr(ut_buf_text(reply), "response_format"));
    *again = form_refused && adapt(e, how, reply);
    *hopeless = code == 401 || code == 403 || code == 404;
    if (*again)
        fault[0] = 0;
    else if (code == 401 || code == 403)
        snprintf(fault, FAULT, "%s refuses the key in OPENAI_API_KEY (%ld)", e->host, code);
    else
        snprintf(fault, FAULT, "%s answers %ld%s%s", e->host, code, said[0] ? ": " : "", said);
}

/* One request; *again where another form may do better. */
static bool ask_once(ut_endpoint *e, json_t *messages, const int *ids, size_t count,
                     const atomic_bool *cancelled, char **text, char fault[FAULT], bool *again)
{
    form how = {0};
    ut_buf reply;
    ut_error err = {0};
    long code = 0;
    bool hopeless = false;
    uint64_t in = 0;
    uint64_t out = 0;
    char *sized = json_dumps(messages, JSON_COMPACT);
    reservation r = {sized ? strlen(sized) / 3 : 0, (uint64_t)answer_tokens(count)};
    free(sized);
    *again = false;
    if (!enter(e, &r, cancelled, &how, fault))
        return false;
    ut_buf_init(&reply, 4u << 20);
    char *body = write_body(e, &how, messages, ids, count);
    double seconds = e->options->seconds > 0 ? e->options->seconds : 120;
    ut_http_request request = {.url = e->address,
                               .bearer = e->options->key,
                               .body = body,
                               .body_length = body ? strlen(body) : 0,
                               .total_seconds = seconds,
                               .stall_seconds = seconds,
                               .maximum = 4u << 20,
                               .tries = TRIES,
                               .context = (void *)(uintptr_t)cancelled,
                               .cancelled = ask_cancelled};
    if (!body)
        snprintf(fault, FAULT, "out of memory");
    else if (ut_http_fetch(e->client, &request, &reply, &code, &err) != UT_OK)
        snprintf(fault, FAULT, "%.*s", FAULT - 1, err.message);
    else if (code == 200)
        take(e, &reply, body, text, &in, &out, fault);
    else
        refuse(e, &how, code, &reply, fault, again, &hopeless);
    leave(e, &r, *text != NULL, in, out, fault, hopeless);
    ut_buf_free(&reply);
    free(body);
    return *text != NULL;
}

bool ut_endpoint_ask(ut_endpoint *endpoint, json_t *messages, const int *ids, size_t count,
                     const atomic_bool *cancelled, char **text, char fault[FAULT])
{
    bool again = true;
    *text = NULL;
    fault[0] = 0;
    /* Five forms at most, so this ends. */
    while (again && !ask_once(endpoint, messages, ids, count, cancelled, text, fault, &again))
        ;
    return *text != NULL;
}
