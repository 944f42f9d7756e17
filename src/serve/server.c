/* The daemon: from a request's headers to its answer, and from the first connection to the last. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "serve/internal.h"

enum {
    THREADS = 4, /* that wait for connections */
    CONNECTIONS = 4096,
    CONNECTION_BYTES = 48 * 1024, /* of memory, for headers and what is being read */
    JSON_BYTES = 1024 * 1024,     /* of a body that is no form */
    HEARTBEAT = 15,               /* seconds between signs of life in a stream */
    LAST_ANSWERS = 5 /* seconds for what is being sent when the last analysis is done */
};
/* Bodies of refused requests are read and passed over, so that the client hears why; not longer
 * ones. */
#define PASSED_OVER (64 * UT_MIB)

/* --- a request begins --------------------------------------------------------------------------
 */

static const char *header(const ut_call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

static void name_address(struct MHD_Connection *connection, char name[UT_CALLER])
{
    const struct sockaddr *a =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    struct in6_addr network = {0};
    snprintf(name, UT_CALLER, "-");
    if (a->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, name,
                  UT_CALLER);
    } else if (a->sa_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        memcpy(&network, six, 8);      /* who has one address of version 6 has 2^64 */
        if (IN6_IS_ADDR_V4MAPPED(six)) /* but each of version 4 is one */
            inet_ntop(AF_INET, &six->s6_addr[12], name, UT_CALLER);
        else
            inet_ntop(AF_INET6, &network, name, UT_CALLER);
    }
}

static void authenticate(ut_call *call)
{
    const char *given = header(call, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *key = header(call, "X-API-Key");
    name_address(call->connection, call->caller);
    if (!call->server->keys || (call->route && call->route->flags & UT_ROUTE_OPEN))
        return;
    if (given && strncasecmp(given, "Bearer ", 7) == 0)
        key = given + 7;
    if (key && ut_keys_name(call->server->keys, key, call->owner))
        snprintf(call->caller, sizeof call->caller, "%s", call->owner);
    else
        ut_fault_set(&call->fault, 401, "unauthorized",
                     "send \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"",
                     key ? "the key is not known here" : "there is no key in the request");
}

/* A name or literal address of this machine, or the one that --host gave. `host` may have a port.
 */
static bool is_local_name(const char *host, const char *given)
{
    char name[256];
    struct in_addr four;
    size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
    snprintf(name, sizeof name, "%.*s", (int)n, host);
    if (*host == '[')
        return strcmp(name, "[::1") == 0 || strcmp(name + 1, given) == 0;
    return strcasecmp(name, "localhost") == 0 || strcasecmp(name, given) == 0 ||
           (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

/* A page from elsewhere in the person's own browser must not reach what listens on this machine:
 * neither by posting a form, nor by a name of its own that leads here. */
static void check_origin(ut_call *call)
{
    const char *origin = header(call, MHD_HTTP_HEADER_ORIGIN);
    const char *host = header(call, MHD_HTTP_HEADER_HOST);
    const char *allowed = call->server->settings->cors;
    if (call->server->loopback && host && !is_local_name(host, call->server->settings->host))
        ut_fault_set(&call->fault, 403, "forbidden_host", "ask it as http://localhost:PORT",
                     "this service is not called so");
    if (!origin)
        return;
    const char *of = strstr(origin, "://");
    if (host && of && strcasecmp(of + 3, host) == 0)
        return;
    if (allowed && (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0))
        call->allow_origin = strcmp(allowed, "*") == 0 ? "*" : allowed;
    else
        ut_fault_set(&call->fault, 403, "forbidden_origin", "start the service with --cors ORIGIN",
                     "pages of that origin may not ask");
}

static void check_body(ut_call *call)
{
    const char *length = header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *encoding = header(call, MHD_HTTP_HEADER_CONTENT_ENCODING);
    const char *transfer = header(call, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    call->declared = length ? strtoull(length, NULL, 10) : transfer ? UINT64_MAX : 0;
    if (encoding && strcasecmp(encoding, "identity") != 0)
        ut_fault_set(&call->fault, 415, "unsupported_encoding", "send it as it is",
                     "bodies that are packed (%.40s) are not unpacked", encoding);
    if (call->fault.status || !call->route)
        return;
    size_t most = call->route->flags & UT_ROUTE_FORM
                      ? (size_t)call->server->settings->max_upload * UT_MIB
                      : JSON_BYTES;
    if (length && call->declared > most)
        ut_fault_set(&call->fault, 413, "too_large", "send less, or raise --max_upload",
                     "the request has %llu bytes; at most %zu are taken",
                     (unsigned long long)call->declared, most);
    const char *type = header(call, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (call->route->flags & UT_ROUTE_JSON &&
        (!type || strncasecmp(type, "application/json", 16) != 0))
        ut_fault_set(&call->fault, 415, "unsupported_media_type", "send application/json",
                     "the body is %.80s, not application/json", type ? type : "of no type");
}

/* Nothing is kept for a request that was refused or is over. */
static void let_go(ut_call *call)
{
    ut_form_destroy(call->form);
    call->form = NULL;
    ut_buf_free(&call->body);
    ut_jobs_leave(call->server->jobs, call->place);
    ut_places_leave(call->server->desk, call->desk_place);
    call->place = call->desk_place = -1;
}

/* A request that starts an analysis needs a place in the queue before its body is read. */
static void take_place(ut_call *call)
{
    ut_server *s = call->server;
    int wait;
    if (s->draining) {
        ut_fault_draining(&call->fault);
    } else if (!ut_limiter_take(s->limiter, call->caller, ut_clock_wall(), &wait)) {
        call->fault.retry_after = wait;
        ut_fault_set(&call->fault, 429, "rate_limited", "wait as Retry-After says",
                     "that were more than %d analyses a minute", s->settings->rate);
    } else if ((call->place = ut_jobs_admit(s->jobs, call->caller)) < 0) {
        call->fault.retry_after = ut_jobs_wait(s->jobs);
        ut_fault_set(&call->fault, 429, "queue_full", "wait as Retry-After says",
                     "no place is left beside the analyses that are at work and those that wait");
    }
}

/* So does one that the clerk answers: what is held for slow clients is bounded. */
static void take_desk_place(ut_call *call)
{
    if (call->route->flags & UT_ROUTE_JSON)
        ut_check_job_labels(call);
    if (call->fault.status)
        return;
    call->desk_place = ut_places_take(call->server->desk, call->caller);
    if (call->desk_place >= 0)
        return;
    call->fault.retry_after = 1;
    ut_fault_set(&call->fault, 503, "busy", "try again later", "too much is asked at once");
}

/* Another page's browser asks whether it may ask. */
static bool answer_preflight(ut_call *call, const char *method)
{
    if (strcmp(method, "OPTIONS") != 0 || !call->allow_origin)
        return false;
    ut_respond_empty(call, MHD_HTTP_NO_CONTENT);
    ut_respond_header(call, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    ut_respond_header(call, "Access-Control-Allow-Headers",
                      "Authorization, Content-Type, X-API-Key");
    ut_respond_header(call, "Access-Control-Max-Age", "600");
    return true;
}

static void begin(ut_call *call, const char *path, const char *method)
{
    char allowed[64];
    call->route = ut_route_find(method, path, call->part, allowed);
    check_origin(call);
    if (!call->fault.status && answer_preflight(call, method))
        return;
    if (!call->route && !allowed[0])
        ut_fault_set(&call->fault, 404, "not_found", "see /openapi.json", "there is no such place");
    authenticate(call);
    if (!call->route && allowed[0]) {
        ut_fault_set(&call->fault, 405, "method_not_allowed", "see /openapi.json",
                     "that place takes %s", allowed);
        if (call->fault.status == 405) {
            ut_respond_fault(call);
            ut_respond_header(call, MHD_HTTP_HEADER_ALLOW, allowed);
        }
        return;
    }
    check_body(call);
    if (!call->route || call->fault.status)
        return;
    bool openai = call->route->flags & UT_ROUTE_OPENAI;
    if (call->route->flags & UT_ROUTE_CLERK)
        take_desk_place(call);
    if (call->route->flags & UT_ROUTE_FORM)
        call->form = ut_form_create(call, openai ? "file" : "audio_file",
                                    openai ? ut_openai_field : ut_analysis_field);
    if (call->form)
        take_place(call);
    if (call->fault.status)
        let_go(call);
}

/* --- its body -----------------------------------------------------------------------------------
 */

static void take_body(ut_call *call, const char *data, size_t size)
{
    uint64_t received = atomic_fetch_add(&call->received, size) + size;
    size_t most = (size_t)call->server->settings->max_upload * UT_MIB;
    if (call->fault.status || call->response)
        return;
    if (!(call->route->flags & (UT_ROUTE_FORM | UT_ROUTE_JSON)))
        most = JSON_BYTES;
    if (call->route->flags & UT_ROUTE_JSON) {
        ut_buf_add(&call->body, data, size);
        if (ut_buf_status(&call->body) != UT_OK)
            most = 0;
    }
    if (received > most)
        ut_fault_set(&call->fault, 413, "too_large", "send less, or raise --max_upload",
                     "the request is larger than what is taken");
    else if (call->form)
        ut_form_take(call->form, data, size);
    if (call->fault.status)
        let_go(call);
}

/* --- its answer ----------------------------------------------------------------------------------
 */

static void sleep_now(void *context)
{
    MHD_suspend_connection(context);
}

static void wake_up(void *context)
{
    MHD_resume_connection(context);
}

ut_waiter ut_call_waiter(const ut_call *call)
{
    return (ut_waiter){sleep_now, wake_up, call->connection};
}

/* True while the connection sleeps for the call's job. */
static bool waits_for_job(ut_call *call)
{
    ut_job_view view;
    const ut_waiter waiter = ut_call_waiter(call);
    ut_connection_is(call, UT_ACTIVITY_WAIT);
    do {
        ut_job_look(call->job, &view);
        if (ut_job_state_is_final(view.state))
            return false;
    } while (!ut_job_wait(call->job, view.version, &waiter));
    return true;
}

/* Hands it to the clerk; false where he has gone. */
static bool give_to_clerk(ut_call *call)
{
    call->clerked = true;
    ut_connection_is(call, UT_ACTIVITY_WAIT);
    if (ut_clerk_take(call->server->clerk, call))
        return true;
    ut_fault_draining(&call->fault);
    return false;
}

/* Has the route answer; false while the connection sleeps for it. */
static bool ask_route(ut_call *call)
{
    if (call->clerked)
        return true;
    if (call->form)
        ut_form_finish(call->form);
    if (call->fault.status)
        return true;
    if (call->route->flags & UT_ROUTE_CLERK)
        return !give_to_clerk(call);
    if (!call->job)
        call->route->answer(call);
    ut_form_destroy(call->form);
    call->form = NULL;
    if (!call->job || call->fault.status)
        return true;
    if (waits_for_job(call))
        return false;
    call->route->answer(call);
    return true;
}

/* Makes call->response; false while it is being made elsewhere. */
static bool answer(ut_call *call)
{
    if (!call->response && !call->fault.status && !ask_route(call))
        return false;
    if (call->fault.status) {
        if (!call->response)
            ut_respond_fault(call);
        let_go(call);
    }
    return true;
}

static enum MHD_Result send_answer(ut_call *call)
{
    if (!call->response)
        return MHD_NO;
    ut_respond_header(call, "X-Content-Type-Options", "nosniff");
    if (!MHD_get_response_header(call->response, MHD_HTTP_HEADER_CACHE_CONTROL))
        ut_respond_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (call->allow_origin)
        ut_respond_header(call, "Access-Control-Allow-Origin", call->allow_origin);
    if (call->server->settings->cors)
        ut_respond_header(call, MHD_HTTP_HEADER_VARY, "Origin");
    if (call->server->draining)
        ut_respond_header(call, MHD_HTTP_HEADER_CONNECTION, "close");
    bool stream = call->route && call->route->answer == ut_answer_job_events && call->status == 200;
    ut_connection_is(call, stream ? UT_ACTIVITY_STREAM : UT_ACTIVITY_SEND);
    enum MHD_Result queued =
        MHD_queue_response(call->connection, (unsigned)call->status, call->response);
    MHD_destroy_response(call->response);
    call->response = NULL;
    return queued;
}

static ut_call *create_call(ut_server *server, struct MHD_Connection *connection)
{
    ut_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->server = server;
    call->connection = connection;
    call->began = ut_clock_wall();
    call->place = call->desk_place = -1;
    ut_buf_init(&call->body, JSON_BYTES);
    return call;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **of_request)
{
    (void)version;
    ut_call *call = *of_request;
    if (!call) {
        call = *of_request = create_call(context, connection);
        if (!call)
            return MHD_NO;
        begin(call, path, method);
        ut_connection_is(call, UT_ACTIVITY_BODY);
        /* Who waits to be told to go on, or has too much to say, hears it at once. */
        bool refused = call->fault.status || call->response;
        if (refused && (header(call, MHD_HTTP_HEADER_EXPECT) ||
                        (call->declared > PASSED_OVER && call->declared != UINT64_MAX)))
            return answer(call) ? send_answer(call) : MHD_YES;
        return MHD_YES;
    }
    if (*size) {
        take_body(call, data, *size);
        *size = 0;
        if (call->fault.status && call->received > PASSED_OVER &&
            call->received > (uint64_t)call->server->settings->max_upload * UT_MIB) {
            ut_connection_refuse(call);
            return MHD_NO;
        }
        return MHD_YES;
    }
    return answer(call) ? send_answer(call) : MHD_YES;
}

/* --- a request is over
 * ----------------------------------------------------------------------------- */

static void log_request(const ut_call *call, double seconds)
{
    struct timespec now;
    struct tm parts;
    char time[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t n = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time + n, sizeof time - n, ".%03ldZ", now.tv_nsec / 1000000);
    json_t *line = json_pack(
        "{s:s, s:s, s:s, s:i, s:s*, s:f, s:I, s:I, s:s}", "time", time, "method",
        call->route ? call->route->method : "-", "route", call->route ? call->route->path : "-",
        "status", call->status, "code", call->fault.code, "seconds", seconds, "received",
        (json_int_t)call->received, "sent", (json_int_t)call->sent, "caller", call->caller);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(line);
    if (text) {
        fprintf(call->server->log, "%s\n", text);
        fflush(call->server->log);
    }
    free(text);
}

static void completed(void *context, struct MHD_Connection *connection, void **of_request,
                      enum MHD_RequestTerminationCode how)
{
    ut_server *server = context;
    ut_call *call = *of_request;
    (void)connection;
    if (!call)
        return;
    double seconds = ut_clock_wall() - call->began;
    ut_connection_is(call, UT_ACTIVITY_HEAD);
    if (call->cut)
        call->status = MHD_HTTP_REQUEST_TIMEOUT;
    if (call->job) {
        if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
            ut_job_cancel(call->job);
        ut_job_release(call->job);
    }
    if (call->response)
        MHD_destroy_response(call->response);
    size_t route = call->route ? (size_t)(call->route - ut_route_at(0)) : ut_route_count();
    ut_metrics_request(server->metrics, route, call->status, seconds, call->received, call->sent);
    if (server->log)
        log_request(call, seconds);
    let_go(call);
    free(call);
    *of_request = NULL;
}

/* --- the address
 * ------------------------------------------------------------------------------------- */

static int listen_at(const struct addrinfo *a)
{
    int yes = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1024) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)a;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    return a->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static ut_status open_socket(ut_server *server, int *fd, ut_error *err)
{
    const ut_settings *s = server->settings;
    char port[8];
    struct addrinfo *found;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    snprintf(port, sizeof port, "%d", s->port);
    int code = getaddrinfo(s->host, port, &wanted, &found);
    if (code)
        return ut_fail(err, UT_ERR_USAGE, "serve", "--host %s is no address: %s", s->host,
                       gai_strerror(code));
    *fd = listen_at(found);
    server->loopback = is_loopback(found->ai_addr);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    if (*fd >= 0)
        return UT_OK;
    return ut_fail_errno(err, UT_ERR_IO, "serve", "cannot listen on %s, port %d%s", s->host,
                         s->port, reason == EADDRINUSE ? " (choose another with --port)" : "");
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &size) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&a)->sin6_port
                                         : ((struct sockaddr_in *)(void *)&a)->sin_port);
}

static void announce(const ut_server *server, int fd)
{
    const ut_settings *s = server->settings;
    bool six = strchr(s->host, ':');
    ut_log(UT_LOG_INFO, "undertone listens on http%s://%s%s%s:%d", s->tls_cert ? "s" : "",
           six ? "[" : "", s->host, six ? "]" : "", port_of(fd));
    if (!server->loopback && !s->api_keys)
        ut_log(UT_LOG_WARNING, "anybody who reaches that address may use it; --api_keys FILE lets "
                               "in only those with a key");
    if (!server->loopback && s->api_keys && !s->tls_cert)
        ut_log(UT_LOG_WARNING, "keys and recordings pass the network readable; --tls_cert and "
                               "--tls_key, or a proxy with TLS, hide them");
}

/* --- the life of the daemon
 * --------------------------------------------------------------------------- */

/* An open connection, an upload, a kept result: each is a descriptor. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static unsigned connections_most(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= 2 * CONNECTIONS)
        return CONNECTIONS;
    return (unsigned)files.rlim_cur / 2;
}

static const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static struct MHD_Daemon *start_daemon(ut_server *server, int fd, const char *cert, const char *key)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
            (cert ? MHD_USE_TLS : 0),
        0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS, MHD_OPTION_CONNECTION_LIMIT,
        connections_most(), MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections_most() / 2,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)server->settings->timeout, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, ut_connections_notify, server, MHD_OPTION_ARRAY,
        cert ? tls : none, MHD_OPTION_END);
}

static ut_status read_pem(const char *path, char **text, ut_error *err)
{
    size_t length;
    *text = NULL;
    return path ? ut_file_read(path, UT_LIMIT_CONFIG_BYTES, text, &length, err) : UT_OK;
}

static ut_status open_daemon(ut_server *server, int fd, struct MHD_Daemon **daemon, ut_error *err)
{
    char *cert = NULL;
    char *key = NULL;
    ut_status status = read_pem(server->settings->tls_cert, &cert, err);
    if (status == UT_OK)
        status = read_pem(server->settings->tls_key, &key, err);
    if (status == UT_OK && !(*daemon = start_daemon(server, fd, cert, key)))
        status =
            ut_fail(err, cert ? UT_ERR_CONFIG : UT_ERR_IO, "serve",
                    cert ? "the service cannot start; are %s and %s a certificate and its "
                           "key, in PEM?"
                         : "the service cannot start%s%s",
                    cert ? server->settings->tls_cert : "", cert ? server->settings->tls_key : "");
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
    free(cert);
    return status;
}

/* Naps a fifth of a second, and keeps house every second. */
static void tick(ut_server *server)
{
    const struct timespec nap = {0, 200000000};
    nanosleep(&nap, NULL);
    if (++server->ticks % 5)
        return;
    ut_connections_check(server->connections);
    ut_jobs_expire(server->jobs);
    if (server->keys)
        ut_keys_refresh(server->keys);
    if (server->ticks % (5 * HEARTBEAT) == 0)
        ut_jobs_stir(server->jobs);
}

/* Nothing new is taken; what was taken is finished and answered. The library aborts when it is
 * stopped while a connection sleeps: at its end nothing may wake one any more, and none go to
 * sleep.
 */
static void drain(ut_server *server, struct MHD_Daemon *daemon, const volatile sig_atomic_t *stop)
{
    int places;
    server->draining = true;
    if ((places = ut_jobs_count(server->jobs).places))
        ut_log(UT_LOG_INFO, "stopping when %d analyses are done; again to stop at once", places);
    MHD_socket fd = MHD_quiesce_daemon(daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)shutdown(fd, SHUT_RDWR); /* who comes now is refused, not kept waiting */
    while (*stop < 2 && ut_jobs_count(server->jobs).places)
        tick(server);
    ut_jobs_close(server->jobs);
    /* The last answers leave. */
    for (int i = 0; i < (*stop > 1 ? 5 : 5 * LAST_ANSWERS); i++) {
        ut_connections_hang_up(server->connections, *stop > 1);
        if (!ut_connections_count(server->connections))
            break;
        tick(server);
    }
    ut_clerk_stop(server->clerk);
    MHD_stop_daemon(daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

static ut_status open_log(ut_server *server, ut_error *err)
{
    const char *path = server->settings->access_log;
    if (!path)
        return UT_OK;
    server->log = strcmp(path, "-") == 0 ? stdout : fopen(path, "ae");
    return server->log ? UT_OK : ut_fail_errno(err, UT_ERR_IO, "serve", "cannot write %s", path);
}

static ut_status open_parts(ut_server *server, const char *const *names, ut_error *err)
{
    const ut_settings *s = server->settings;
    const ut_jobs_options jobs = {s->workers, s->queue, s->keep_results, server->folder};
    UT_TRY(open_log(server, err));
    if (s->api_keys)
        UT_TRY(ut_keys_open(s->api_keys, &server->keys, err));
    server->limiter = ut_limiter_create(s->rate);
    server->metrics = ut_metrics_create(names, ut_route_count());
    server->connections = ut_connections_create(server);
    server->clerk = ut_clerk_create();
    server->desk = ut_places_create(UT_CLERK_CALLS);
    if (!server->limiter || !server->metrics || !server->connections || !server->clerk ||
        !server->desk)
        return ut_fail_memory(err, "serve");
    return ut_jobs_create(&jobs, &server->jobs, err);
}

static void close_parts(ut_server *server)
{
    ut_clerk_destroy(server->clerk);
    ut_places_destroy(server->desk);
    ut_jobs_destroy(server->jobs);
    ut_connections_destroy(server->connections);
    ut_metrics_destroy(server->metrics);
    ut_limiter_destroy(server->limiter);
    ut_keys_close(server->keys);
    if (server->log && server->log != stdout)
        fclose(server->log);
}

ut_status ut_serve(const ut_settings *settings, const ut_engine *engine,
                   const volatile sig_atomic_t *stop, ut_error *err)
{
    const char *folder = getenv("TMPDIR");
    ut_server server = {
        .settings = settings, .engine = engine, .folder = folder && *folder ? folder : "/tmp"};
    struct MHD_Daemon *daemon = NULL;
    int fd = -1;
    const char **names = calloc(ut_route_count(), sizeof *names);
    if (!names)
        return ut_fail_memory(err, "serve");
    for (size_t i = 0; i < ut_route_count(); i++)
        names[i] = ut_route_at(i)->path;
    raise_limits();
    ut_status status = open_parts(&server, names, err);
    if (status == UT_OK)
        status = open_socket(&server, &fd, err);
    if (status == UT_OK)
        status = open_daemon(&server, fd, &daemon, err);
    if (status == UT_OK) {
        announce(&server, fd);
        while (!*stop)
            tick(&server);
        drain(&server, daemon, stop);
    } else if (fd >= 0) {
        close(fd);
    }
    close_parts(&server);
    free((void *)names);
    return status;
}
