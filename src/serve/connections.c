/* Every open connection, with what it is doing and since when. libmicrohttpd ends those that are
 * silent; those that trickle are found here: a byte a second would otherwise hold a connection for
 * hours. */
#include <linux/tcp.h>
#include <netinet/in.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "serve/internal.h"

/* Bytes a second that a client should manage: half of what a telephone call takes. Slower ones
 * would hold their place, and room on the disk, for hours. */
enum { SLOWEST = 4096 };

typedef struct connection {
    struct connection *next, *before;
    int socket;
    ut_activity activity;
    double since;
    uint64_t heard; /* bytes that had come when it began to wait for a request */
    ut_call *call;  /* NULL while there is none */
    bool was_gone;  /* at the last check */
} connection;

struct ut_connections {
    pthread_mutex_t lock;
    ut_server *server;
    connection *all;
    size_t count;
};

ut_connections *ut_connections_create(ut_server *server)
{
    ut_connections *c = calloc(1, sizeof *c);
    if (c)
        pthread_mutex_init(&c->lock, NULL);
    if (c)
        c->server = server;
    return c;
}

void ut_connections_destroy(ut_connections *connections)
{
    if (!connections)
        return;
    while (connections->all) {
        connection *next = connections->all->next;
        free(connections->all);
        connections->all = next;
    }
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

static uint64_t bytes_heard(int socket)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received
                                                                        : 0;
}

static connection *of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void open_one(ut_connections *all, struct MHD_Connection *mhd, void **socket_context)
{
    connection *c = calloc(1, sizeof *c);
    *socket_context = c;
    if (!c)
        return;
    c->socket = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    c->since = ut_clock_wall();
    pthread_mutex_lock(&all->lock);
    c->next = all->all;
    if (all->all)
        all->all->before = c;
    all->all = c;
    all->count++;
    pthread_mutex_unlock(&all->lock);
}

static void close_one(ut_connections *all, connection *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&all->lock);
    if (c->before)
        c->before->next = c->next;
    else
        all->all = c->next;
    if (c->next)
        c->next->before = c->before;
    all->count--;
    pthread_mutex_unlock(&all->lock);
    free(c);
}

void ut_connections_notify(void *server, struct MHD_Connection *mhd, void **socket_context,
                           enum MHD_ConnectionNotificationCode code)
{
    ut_connections *all = ((ut_server *)server)->connections;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        open_one(all, mhd, socket_context);
    else
        close_one(all, *socket_context);
}

void ut_connection_is(ut_call *call, ut_activity activity)
{
    ut_connections *all = call->server->connections;
    connection *c = of(call->connection);
    if (!c)
        return;
    pthread_mutex_lock(&all->lock);
    c->activity = activity;
    c->since = ut_clock_wall();
    c->was_gone = false;
    c->call = activity == UT_ACTIVITY_HEAD ? NULL : call;
    if (activity == UT_ACTIVITY_HEAD)
        c->heard = bytes_heard(c->socket);
    pthread_mutex_unlock(&all->lock);
}

/* libmicrohttpd cannot answer in the middle of a request; nothing was sent for this one yet, so the
 * answer may go into the socket past it. Over TLS that is not possible. */
static void refuse(const ut_server *server, int socket, const ut_fault *fault)
{
    json_t *json = server->settings->tls_cert ? NULL : ut_fault_json(fault);
    char *body = json ? json_dumps(json, 0) : NULL;
    json_decref(json);
    if (body) {
        char text[2048];
        int n = snprintf(text, sizeof text,
                         "HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                         fault->status, strlen(body), body);
        if (n > 0 && (size_t)n < sizeof text)
            (void)!send(socket, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(body);
    (void)shutdown(socket, SHUT_RDWR);
}

void ut_connection_refuse(ut_call *call)
{
    connection *c = of(call->connection);
    call->status = call->fault.status;
    if (c)
        refuse(call->server, c->socket, &call->fault);
}

/* True if the other side has closed. */
static bool is_gone(int socket)
{
    struct pollfd p = {.fd = socket, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* The other side has closed, and all that it sent was read. libmicrohttpd may not hear of it while
 * a request is not whole: it waits for the next edge, and the end came with the last bytes. */
static bool is_over(connection *c)
{
    int unread = 0;
    bool was = c->was_gone;
    c->was_gone = is_gone(c->socket) && ioctl(c->socket, FIONREAD, &unread) == 0 && !unread;
    return was && c->was_gone;
}

/* A body that takes longer than it may: bytes that trickle in, or, since the slowest rate alone
 * would let the largest upload hold its place for a day and a half, all of it together. */
static bool is_too_slow(const ut_server *server, const ut_call *call, double passed, ut_fault *slow)
{
    double patience = server->settings->timeout, most = server->settings->upload_timeout;
    if (passed >= most)
        ut_fault_set(slow, 408, "too_slow", "send it over a faster line, or smaller",
                     "the request was not there after %.0f seconds", most);
    else if (passed >= patience && (double)call->received < passed * SLOWEST)
        ut_fault_set(slow, 408, "too_slow", "send it over a faster line, or smaller",
                     "the request came more slowly than %d bytes a second", SLOWEST);
    return slow->status != 0;
}

static void check_one(ut_connections *all, connection *c, double now)
{
    double passed = now - c->since;
    double patience = all->server->settings->timeout;
    ut_fault slow = {0};
    switch (c->activity) {
    case UT_ACTIVITY_HEAD:
        if (passed < patience && !is_over(c))
            return;
        if (c->was_gone || bytes_heard(c->socket) == c->heard) {
            (void)shutdown(c->socket, SHUT_RDWR);
            return;
        }
        ut_fault_set(&slow, 408, "too_slow", "send it at once",
                     "the request's headers took more than %.0f seconds", patience);
        refuse(all->server, c->socket, &slow);
        return;
    case UT_ACTIVITY_BODY:
        if (c->call->received < c->call->declared && is_over(c)) {
            (void)shutdown(c->socket, SHUT_RDWR);
            return;
        }
        if (!is_too_slow(all->server, c->call, passed, &slow))
            return;
        c->call->cut = true;
        refuse(all->server, c->socket, &slow);
        return;
    case UT_ACTIVITY_SEND:
        if (passed > patience + (double)c->call->sent / SLOWEST)
            (void)shutdown(c->socket, SHUT_RDWR);
        return;
    case UT_ACTIVITY_WAIT:
        if (c->call->job && is_gone(c->socket))
            ut_job_cancel(c->call->job);
        return;
    case UT_ACTIVITY_STREAM:
        return; /* finds out when it says something */
    }
}

void ut_connections_check(ut_connections *connections)
{
    double now = ut_clock_wall();
    pthread_mutex_lock(&connections->lock);
    for (connection *c = connections->all; c; c = c->next)
        check_one(connections, c, now);
    pthread_mutex_unlock(&connections->lock);
}

void ut_connections_hang_up(ut_connections *connections, bool bodies)
{
    pthread_mutex_lock(&connections->lock);
    for (connection *c = connections->all; c; c = c->next)
        if (c->activity == UT_ACTIVITY_HEAD || (bodies && c->activity == UT_ACTIVITY_BODY))
            (void)shutdown(c->socket, SHUT_RDWR);
    pthread_mutex_unlock(&connections->lock);
}

size_t ut_connections_count(ut_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    size_t count = connections->count;
    pthread_mutex_unlock(&connections->lock);
    return count;
}
