#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "serve/internal.h"

/* Bytes of an answer that are held until they are sent; longer ones go into a file. */
enum { IN_MEMORY = 64 * 1024 };

void ut_respond(ut_call *call, int status, struct MHD_Response *response, uint64_t length)
{
    call->response = response;
    call->status = status;
    call->sent = length;
}

void ut_respond_header(ut_call *call, const char *name, const char *value)
{
    if (call->response)
        (void)MHD_add_response_header(call->response, name, value);
}

void ut_respond_static(ut_call *call, const void *bytes, size_t length, const char *type)
{
    ut_respond(
        call, MHD_HTTP_OK,
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT),
        length);
    ut_respond_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

/* Takes over the text. What is long and slowly read takes no memory meanwhile. */
static void respond_text(ut_call *call, int status, char *text, size_t length, const char *type)
{
    ut_error err;
    FILE *file;
    if (length <= IN_MEMORY) {
        ut_respond(call, status,
                   MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE), length);
        ut_respond_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        return;
    }
    ut_status kept = ut_file_scratch(call->server->folder, &file, &err);
    if (kept == UT_OK) {
        int fd = -1;
        if (fwrite(text, 1, length, file) != length || fflush(file) != 0 ||
            (fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0)) < 0)
            kept = ut_fail_errno(&err, UT_ERR_IO, "serve", "cannot keep an answer in %s",
                                 call->server->folder);
        else
            ut_respond_file(call, fd, 0, length, type);
        fclose(file);
    }
    free(text);
    if (kept == UT_OK)
        call->status = status;
    else
        ut_fault_internal(&call->fault, &err);
}

void ut_respond_buf(ut_call *call, ut_buf *text, const char *type)
{
    char *data = text->data;
    size_t length = text->length;
    if (ut_buf_status(text) != UT_OK) {
        ut_buf_free(text);
        ut_respond_json(call, 0, NULL);
        return;
    }
    *text = (ut_buf){0};
    if (length)
        respond_text(call, MHD_HTTP_OK, data, length, type);
    else
        ut_respond_static(call, "", 0, type);
}

void ut_respond_json(ut_call *call, int status, json_t *value)
{
    static const char no_memory[] =
        "{\"code\": \"out_of_memory\", \"message\": \"out of memory\", \"hint\": \"try again "
        "later\"}\n";
    char *text = value ? json_dumps(value, JSON_REAL_PRECISION(15)) : NULL;
    json_decref(value);
    if (text) {
        respond_text(call, status, text, strlen(text), "application/json");
        return;
    }
    ut_respond_static(call, no_memory, sizeof no_memory - 1, "application/json");
    call->status = MHD_HTTP_SERVICE_UNAVAILABLE;
}

void ut_respond_fault(ut_call *call)
{
    const ut_fault *f = &call->fault;
    bool openai = call->route && call->route->flags & UT_ROUTE_OPENAI;
    ut_respond_json(call, f->status, openai ? ut_fault_openai(f) : ut_fault_json(f));
    if (f->retry_after) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", f->retry_after);
        ut_respond_header(call, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (f->status == MHD_HTTP_UNAUTHORIZED)
        ut_respond_header(call, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"undertone\"");
}

void ut_respond_empty(ut_call *call, int status)
{
    ut_respond_static(call, "", 0, "text/plain");
    call->status = status;
}

void ut_respond_file(ut_call *call, int fd, uint64_t from, uint64_t length, const char *type)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(length, fd, from);
    if (!response)
        close(fd);
    ut_respond(call, MHD_HTTP_OK, response, length);
    ut_respond_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}
