/* multipart/form-data, streamed: fields that are known into memory, each with a cap, the recording
 * into a file that has no name and is gone when it is closed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "serve/internal.h"

enum {
    PARTS = 64,        /* of a form */
    FIELD_NAME = 64,   /* bytes of a field's name */
    CHUNK = 32 * 1024, /* of the post processor */
    FILE_NAME = UT_JOB_FILE
};

typedef struct field {
    char name[FIELD_NAME];
    ut_buf value;
} field;

struct ut_form {
    ut_call *call;
    const char *file_field;
    size_t (*room)(const char *name);
    struct MHD_PostProcessor *processor;
    FILE *file;
    uint64_t file_bytes;
    char file_name[FILE_NAME];
    size_t parts;
    field fields[PARTS];
    size_t count;
    bool in_file; /* the part being read */
    bool untold;  /* it was announced without any bytes */
    char announced[FIELD_NAME];
};

/* The last part of what a client calls its file, fit to be shown; never a path of ours. */
static void take_name(ut_form *form, const char *given)
{
    const char *base = given;
    for (const char *c = given; *c; c++)
        if (*c == '/' || *c == '\\')
            base = c + 1;
    snprintf(form->file_name, sizeof form->file_name, "%s", base);
    /* A character may have been cut in two. */
    for (size_t n = strlen(form->file_name); n && !ut_is_utf8(form->file_name);)
        form->file_name[--n] = 0;
    ut_tidy(form->file_name);
    const char *name = form->file_name;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        snprintf(form->file_name, sizeof form->file_name, "recording");
}

static bool begin_file(ut_form *form, const char *file_name)
{
    ut_error err;
    if (form->file) {
        ut_fault_set(&form->call->fault, 400, "two_files", "send one recording a request",
                     "there are two parts called %s", form->file_field);
        return false;
    }
    take_name(form, file_name ? file_name : "recording");
    if (ut_file_scratch(form->call->server->folder, &form->file, &err) != UT_OK) {
        ut_fault_internal(&form->call->fault, &err);
        return false;
    }
    form->in_file = true;
    return true;
}

static bool begin_field(ut_form *form, const char *name)
{
    ut_fault *fault = &form->call->fault;
    if (strlen(name) >= FIELD_NAME || !ut_is_utf8(name)) {
        ut_fault_set(fault, 400, "bad_form", "see /openapi.json", "a field's name is none of ours");
        return false;
    }
    size_t most = form->room(name);
    if (!most) {
        ut_fault_set(fault, 400, "bad_option", "see the fields in /openapi.json",
                     "there is no field %s", name);
        return false;
    }
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0 && !strstr(name, "[]")) {
            ut_fault_set(fault, 400, "bad_form", "send each field once", "%s stands there twice",
                         name);
            return false;
        }
    field *f = &form->fields[form->count++];
    snprintf(f->name, sizeof f->name, "%s", name);
    ut_buf_init(&f->value, most);
    form->in_file = false;
    return true;
}

static bool begin_part(ut_form *form, const char *name, const char *file_name,
                       const char *transfer_encoding)
{
    ut_fault *fault = &form->call->fault;
    if (++form->parts > PARTS) {
        ut_fault_set(fault, 413, "too_many_parts", "send the recording and its options only",
                     "the form has more than %d parts", PARTS);
        return false;
    }
    if (!name) {
        ut_fault_set(fault, 400, "bad_form", "name each part in its Content-Disposition",
                     "a part of the form has no name");
        return false;
    }
    if (transfer_encoding && strcasecmp(transfer_encoding, "binary") != 0 &&
        strcasecmp(transfer_encoding, "8bit") != 0 && strcasecmp(transfer_encoding, "7bit") != 0) {
        ut_fault_set(fault, 415, "unsupported_encoding", "send parts as they are",
                     "a part has the transfer encoding %.40s", transfer_encoding);
        return false;
    }
    return strcmp(name, form->file_field) == 0 ? begin_file(form, file_name)
                                               : begin_field(form, name);
}

static bool put(ut_form *form, const char *data, size_t size)
{
    ut_fault *fault = &form->call->fault;
    if (form->in_file) {
        form->file_bytes += size;
        if (fwrite(data, 1, size, form->file) == size)
            return true;
        ut_fault_set(fault, 500, "internal", "make room in the service's temporary folder",
                     "the recording could not be kept");
        return false;
    }
    field *f = &form->fields[form->count - 1];
    if (memchr(data, 0, size)) {
        ut_fault_set(fault, 400, "bad_form", "send text", "%s holds a zero byte", f->name);
        return false;
    }
    ut_buf_add(&f->value, data, size);
    if (ut_buf_status(&f->value) == UT_OK)
        return true;
    ut_fault_set(fault, 413, "too_large", "send less of it", "%s is longer than %zu bytes", f->name,
                 f->value.maximum);
    return false;
}

static enum MHD_Result on_data(void *context, enum MHD_ValueKind kind, const char *key,
                               const char *file_name, const char *content_type,
                               const char *transfer_encoding, const char *data, uint64_t offset,
                               size_t size)
{
    ut_form *form = context;
    (void)kind;
    (void)content_type;
    if (form->call->fault.status)
        return MHD_NO;
    /* A part may be told of before its first bytes are. */
    bool same = form->untold && key && strncmp(form->announced, key, FIELD_NAME - 1) == 0;
    if (offset == 0 && !same && !begin_part(form, key, file_name, transfer_encoding))
        return MHD_NO;
    form->untold = offset == 0 && size == 0 && !same;
    snprintf(form->announced, sizeof form->announced, "%s", key ? key : "");
    return size == 0 || put(form, data, size) ? MHD_YES : MHD_NO;
}

ut_form *ut_form_create(ut_call *call, const char *file_field, size_t (*room)(const char *name))
{
    static const char form_type[] = "multipart/form-data";
    const char *type = MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_CONTENT_TYPE);
    ut_form *form = NULL;
    if (!type || strncasecmp(type, form_type, sizeof form_type - 1) != 0) {
        ut_fault_set(&call->fault, 415, "unsupported_media_type",
                     "send multipart/form-data with the recording as a file",
                     "the body is %.80s, not multipart/form-data", type ? type : "of no type");
        return NULL;
    }
    if ((form = calloc(1, sizeof *form))) {
        form->call = call;
        form->file_field = file_field;
        form->room = room;
        form->processor = MHD_create_post_processor(call->connection, CHUNK, on_data, form);
        if (form->processor)
            return form;
    }
    free(form);
    ut_fault_set(&call->fault, 400, "bad_form", "let an HTTP library make the form",
                 "the form has no usable boundary");
    return NULL;
}

void ut_form_destroy(ut_form *form)
{
    if (!form)
        return;
    if (form->processor)
        MHD_destroy_post_processor(form->processor);
    for (size_t i = 0; i < form->count; i++)
        ut_buf_free(&form->fields[i].value);
    if (form->file)
        fclose(form->file);
    free(form);
}

void ut_form_take(ut_form *form, const char *data, size_t size)
{
    if (MHD_post_process(form->processor, data, size) != MHD_YES)
        ut_fault_set(&form->call->fault, 400, "bad_form", "let an HTTP library make the form",
                     "the form is malformed");
}

void ut_form_finish(ut_form *form)
{
    ut_fault *fault = &form->call->fault;
    bool whole = MHD_destroy_post_processor(form->processor) == MHD_YES;
    form->processor = NULL;
    if (!whole)
        ut_fault_set(fault, 400, "truncated", "send it again, whole",
                     "the form ends in the middle of a part");
    else if (!form->file)
        ut_fault_set(fault, 400, "missing_file", "send the recording as a file of that name",
                     "there is no part called %s", form->file_field);
    else if (!form->file_bytes)
        ut_fault_set(fault, 400, "empty_file", "send a recording with sound in it", "%s is empty",
                     form->file_field);
    else if (fflush(form->file) != 0)
        ut_fault_set(fault, 500, "internal", "make room in the service's temporary folder",
                     "the recording could not be kept");
    for (size_t i = 0; i < form->count; i++)
        if (!ut_is_utf8(ut_buf_text(&form->fields[i].value)))
            ut_fault_set(fault, 400, "bad_form", "send text as UTF-8", "%s is not UTF-8",
                         form->fields[i].name);
}

FILE *ut_form_file(ut_form *form)
{
    FILE *file = form->file;
    form->file = NULL;
    return file;
}

const char *ut_form_name(const ut_form *form)
{
    return form->file_name;
}

const char *ut_form_field(const ut_form *form, size_t index, const char **value)
{
    if (index >= form->count)
        return NULL;
    *value = ut_buf_text(&form->fields[index].value);
    return form->fields[index].name;
}
