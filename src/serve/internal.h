/* What the files of the service share. */
#ifndef UT_SERVE_INTERNAL_H
#define UT_SERVE_INTERNAL_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "serve/fault.h"
#include "serve/jobs.h"
#include "serve/keys.h"
#include "serve/limits.h"
#include "serve/metrics.h"
#include "serve/places.h"
#include "serve/serve.h"

typedef struct ut_connections ut_connections;
typedef struct ut_clerk ut_clerk;
typedef struct ut_form ut_form;

typedef struct ut_server {
    const ut_settings *settings;
    const ut_engine *engine;
    const char *folder; /* for uploads and results */
    ut_keys *keys;      /* NULL: everybody may ask */
    ut_limiter *limiter;
    ut_jobs *jobs;
    ut_clerk *clerk;
    ut_places *desk; /* of the clerk's answers, from their headers until they are sent */
    ut_metrics *metrics;
    ut_connections *connections;
    FILE *log;     /* of requests; NULL: none */
    bool loopback; /* nobody else can reach it: only this machine's names may stand in Host */
    atomic_bool draining;
    unsigned ticks; /* of the main thread */
} ut_server;

typedef struct ut_call ut_call;

/* What a path and a method mean. */
typedef struct ut_route {
    const char *method;
    const char *path; /* "{id}" stands for one part, "*" for the rest */
    /* Answers a request whose body, if any, is whole. */
    void (*answer)(ut_call *call);
    unsigned flags;
} ut_route;

enum {
    UT_ROUTE_OPEN = 1,  /* needs no key */
    UT_ROUTE_FORM = 2,  /* takes multipart/form-data and a place in the queue */
    UT_ROUTE_JSON = 4,  /* takes a small JSON body */
    UT_ROUTE_CLERK = 8, /* may take a while: answered by the clerk's thread */
    UT_ROUTE_OPENAI = 16
};

/* The route of a method and path; *path_known tells whether another method would do, whose names go
 * into `allowed`. `part` gets what "{id}" or "*" stands for. */
enum { UT_ROUTE_PART = 256 };
const ut_route *ut_route_find(const char *method, const char *path, char part[UT_ROUTE_PART],
                              char allowed[64]);
size_t ut_route_count(void);
const ut_route *ut_route_at(size_t index);

/* One request. A daemon's thread and, while the connection sleeps, the clerk's: one at a time. */
struct ut_call {
    ut_server *server;
    struct MHD_Connection *connection;
    const ut_route *route; /* NULL: there is none */
    char part[UT_ROUTE_PART];
    char caller[UT_CALLER];   /* a key's name, or an address; for limits and the log */
    char owner[UT_KEY_NAME];  /* of jobs: a key's name, "" without keys */
    const char *allow_origin; /* another page that may read the answer, or NULL */
    double began;
    _Atomic uint64_t received; /* bytes of the request's body */
    uint64_t sent;             /* of the answer's */
    atomic_bool cut;           /* it was too slow, and told so */
    uint64_t declared;         /* of the request's, UINT64_MAX where it is not told */
    int place;                 /* in the queue, or -1 */
    int desk_place;            /* the clerk's, or -1 */
    ut_form *form;
    ut_buf body;
    ut_fault fault;
    ut_job *job;      /* that is waited for */
    const char *type; /* of its answer; a literal */
    bool clerked;
    int status;
    struct MHD_Response *response;
};

/* --- respond.c: the answer of a call; exactly one of these ------------------------------------ */

/* Takes over the reference; NULL is answered as "out of memory". */
void ut_respond_json(ut_call *call, int status, json_t *value);
/* call->fault as JSON. */
void ut_respond_fault(ut_call *call);
void ut_respond_empty(ut_call *call, int status);
/* Takes over the buffer. `type` is a MIME type. */
void ut_respond_buf(ut_call *call, ut_buf *text, const char *type);
/* A part of an open file, which is closed with the answer. */
void ut_respond_file(ut_call *call, int fd, uint64_t from, uint64_t length, const char *type);
/* Bytes that live as long as the program. */
void ut_respond_static(ut_call *call, const void *bytes, size_t length, const char *type);
/* Takes over the response. */
void ut_respond(ut_call *call, int status, struct MHD_Response *response, uint64_t length);
void ut_respond_header(ut_call *call, const char *name, const char *value);

/* --- form.c: multipart/form-data, the recording into a file without a name ---------------------
 */

/* The most bytes of a field that is no context. */
enum { UT_FORM_FIELD = 4096 };

/* NULL: call->fault says why. `file_field`: what the recording is called; `room` as
 * ut_analysis_field(). */
ut_form *ut_form_create(ut_call *call, const char *file_field, size_t (*room)(const char *name));
void ut_form_destroy(ut_form *form); /* NULL is fine */
void ut_form_take(ut_form *form, const char *data, size_t size);
/* After the last byte. */
void ut_form_finish(ut_form *form);

/* The recording: the file is the caller's to close, once. */
FILE *ut_form_file(ut_form *form);
const char *ut_form_name(const ut_form *form);
/* Fields besides, in order; NULL behind the last. Values end with a zero byte and hold none. */
const char *ut_form_field(const ut_form *form, size_t index, const char **value);

/* --- analysis.c --------------------------------------------------------------------------------
 */

/* Makes the job that the form asks for; false with call->fault. */
bool ut_analysis_submit(ut_call *call, bool kept);
/* The bytes that a field of its form may have; 0: there is no such field. */
size_t ut_analysis_field(const char *name);
/* The same for OpenAI's transcriptions (openai.c). */
bool ut_openai_submit(ut_call *call);
size_t ut_openai_field(const char *name);

typedef struct ut_recording {
    FILE *audio;
    char path[64];
    const char *name;
    ut_arena *arena; /* the settings and everything below; belongs to this */
    ut_settings settings;
    ut_past_turn *history;
    size_t history_count;
} ut_recording;
/* Takes the recording out of the form, with the server's settings; false with call->fault. */
bool ut_recording_take(ut_call *call, ut_recording *r);
/* Sets an option of requests (ut_analysis_field()). A bad value is call->fault. */
void ut_recording_set(ut_call *call, ut_recording *r, const char *name, const char *value);
void ut_recording_free(ut_recording *r);

/* How a kind of job writes its answer. */
typedef ut_status (*ut_answer_writer)(void *context, ut_job *job, const ut_result *result,
                                      FILE *out, ut_error *err);
/* Takes over the recording in every case; `context` lives in its arena. */
bool ut_recording_submit(ut_call *call, ut_recording *r, bool kept, bool words_only,
                         ut_answer_writer write, void *context);

/* --- routes' answers ----------------------------------------------------------------------------
 */

void ut_answer_analysis(ut_call *call);   /* POST /analyze_emotion, /v1/audio/transcriptions */
void ut_answer_job_made(ut_call *call);   /* POST /jobs */
void ut_answer_job(ut_call *call);        /* GET /jobs/{id} */
void ut_answer_job_gone(ut_call *call);   /* DELETE */
void ut_answer_job_result(ut_call *call); /* .../result */
void ut_answer_job_events(ut_call *call);
void ut_answer_job_export(ut_call *call);
void ut_answer_job_labels(ut_call *call);
void ut_answer_job_corrected(ut_call *call);
void ut_check_job_labels(ut_call *call); /* before its body is read: whether there is what for */
void ut_answer_runs(ut_call *call);
void ut_answer_run(ut_call *call);
void ut_answer_run_logs(ut_call *call);
void ut_answer_run_compare(ut_call *call);
void ut_answer_lineage(ut_call *call);
void ut_answer_lineage_svg(ut_call *call);
void ut_answer_asset(ut_call *call);

/* The job that the path names, held; NULL with call->fault. */
ut_job *ut_call_job(ut_call *call);
/* The call's connection, as one that can sleep. */
ut_waiter ut_call_waiter(const ut_call *call);
/* Of one word of the query; NULL with call->fault where it is missing. */
const char *ut_call_query(ut_call *call, const char *name);

/* --- connections.c: who is connected, and who is too slow --------------------------------------
 */

ut_connections *ut_connections_create(ut_server *server);
void ut_connections_destroy(ut_connections *connections);
/* MHD_OPTION_NOTIFY_CONNECTION. */
void ut_connections_notify(void *server, struct MHD_Connection *connection, void **socket_context,
                           enum MHD_ConnectionNotificationCode code);
/* What the connection is doing: for a while, a request. */
typedef enum ut_activity {
    UT_ACTIVITY_HEAD, /* waits for the headers of the next request */
    UT_ACTIVITY_BODY,
    UT_ACTIVITY_WAIT,   /* sleeps */
    UT_ACTIVITY_STREAM, /* server-sent events */
    UT_ACTIVITY_SEND
} ut_activity;
void ut_connection_is(ut_call *call, ut_activity activity);
/* Ends those that are too slow, and cancels the jobs of clients that are gone. */
void ut_connections_check(ut_connections *connections);
/* Ends those that do nothing, when no more requests are wanted; with `bodies` those, too, whose
 * request is not whole. */
void ut_connections_hang_up(ut_connections *connections, bool bodies);
size_t ut_connections_count(ut_connections *connections);
/* Tells the fault on the spot, in the middle of a request, and ends the connection. */
void ut_connection_refuse(ut_call *call);

/* --- clerk.c: a thread for answers that take a while --------------------------------------------
 */

/* Calls under way, from their headers until their answer is sent: each may hold a body of 1 MiB. */
enum { UT_CLERK_CALLS = 64 };

ut_clerk *ut_clerk_create(void);
/* Answers what was taken, and takes nothing more. */
void ut_clerk_stop(ut_clerk *clerk);
void ut_clerk_destroy(ut_clerk *clerk); /* stops it; NULL is fine */
/* The call, which has a place at server->desk, is answered there by its route; its connection
 * sleeps until then. False after ut_clerk_stop(). */
bool ut_clerk_take(ut_clerk *clerk, ut_call *call);

#endif
