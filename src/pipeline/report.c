#include "pipeline/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "pipeline/inputs.h"
#include "pipeline/results.h"
#include "report/collection.h"

typedef struct work {
    const ut_report_request *request;
    ut_collection collection;
    ut_output *page; /* the collection's; NULL: there is none */
    size_t failed;
    ut_error *err;
} work;

static void tell(const work *w, const char *path, const ut_error *failure)
{
    if (w->request->written)
        w->request->written(w->request->context, path, failure);
}

/* The folder of a path with its '/', "" for none (free()). */
static char *folder_of(const char *path)
{
    return strndup(path, (size_t)(ut_path_base(path) - path));
}

/* <output_dir>/<folder of `file`>/<name>, or beside `path`; its folder is made. */
static ut_status place(const work *w, const char *path, const char *file, const char *name,
                       char **out, ut_error *err)
{
    const char *root = w->request->output_dir;
    char *folder = folder_of(root ? file : path);
    char *whole = !folder ? NULL : root ? ut_path_join(root, folder) : strdup(folder);
    ut_status status = whole ? UT_OK : ut_fail_memory(err, "report");
    if (status == UT_OK && *whole)
        status = ut_file_make_dirs(whole, err);
    *out = NULL;
    if (status == UT_OK && !(*out = *whole ? ut_path_join(whole, name) : strdup(name)))
        status = ut_fail_memory(err, "report");
    free(folder);
    free(whole);
    return status;
}

/* A relative link to the page of `file`, as a browser reads it. */
static char *link_to(const char *file)
{
    char *folder = folder_of(file);
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_buf_add_uri(&out, folder ? folder : "");
    ut_buf_adds(&out, "report.html");
    free(folder);
    if (ut_buf_status(&out) == UT_OK)
        return out.data;
    ut_buf_free(&out);
    return NULL;
}

static ut_status write_one(work *w, const ut_input *input, const ut_conversation *c, ut_error *err)
{
    char *recording = NULL;
    char *path = NULL;
    ut_error absent;
    /* A page without its recording is better than none: it offers to open it from disk. */
    if (w->request->embed &&
        ut_results_recording(c, input->path, w->request->audio_dir, &recording, &absent) != UT_OK)
        tell(w, NULL, &absent);
    ut_status status = place(w, input->path, input->file, "report.html", &path, err);
    if (status == UT_OK)
        status = ut_results_write_page(path, c, recording, err);
    if (status == UT_OK)
        tell(w, path, NULL);
    free(path);
    free(recording);
    return status;
}

static ut_status add(work *w, const ut_input *input, const ut_conversation *c, ut_error *err)
{
    char *href = link_to(input->file);
    ut_status status =
        href ? ut_collection_add(&w->collection, c, href, err) : ut_fail_memory(err, "report");
    free(href);
    return status;
}

/* A failure of one conversation is told of; one of the collection's page ends everything. */
static ut_status report_one(work *w, const ut_input *input)
{
    ut_error err;
    ut_conversation *c = NULL;
    ut_status status = ut_results_read(input->path, &c, &err);
    if (status == UT_OK)
        status = write_one(w, input, c, &err);
    if (status != UT_OK) {
        w->failed++;
        tell(w, NULL, &err);
    }
    ut_status whole = status == UT_OK && w->page ? add(w, input, c, w->err) : UT_OK;
    ut_conversation_destroy(c);
    return whole;
}

/* Where the collection's page goes: the output folder, or the only folder of results; else there is
 * none. */
static ut_status open_collection(work *w, const char *const *paths, size_t count, char **path)
{
    const char *folder = w->request->output_dir;
    const char *title = "Conversations";
    if (!folder && count == 1 && ut_file_is_dir(paths[0]))
        folder = paths[0];
    if (!folder)
        return UT_OK;
    UT_TRY(ut_file_make_dirs(folder, w->err));
    *path = ut_path_join(folder, "report.html");
    if (!*path)
        return ut_fail_memory(w->err, "report");
    UT_TRY(ut_output_open(*path, &w->page, w->err));
    return ut_collection_begin(&w->collection, title, (ut_sink){ut_output_put, w->page}, w->err);
}

/* Two documents may have one name where several folders were given. */
static ut_status check_names(const work *w, const ut_inputs *inputs)
{
    for (size_t i = 1; w->request->output_dir && i < inputs->count; i++)
        if (strcmp(inputs->items[i].file, inputs->items[i - 1].file) == 0)
            return ut_fail(w->err, UT_ERR_USAGE, "report",
                           "%s and %s would give pages of the same name; report them apart",
                           inputs->items[i - 1].path, inputs->items[i].path);
    return UT_OK;
}

static ut_status report_all(work *w, const char *const *paths, size_t count)
{
    ut_inputs inputs;
    char *path = NULL;
    ut_arena *arena = ut_arena_create(0);
    ut_status status = arena ? ut_inputs_documents(arena, paths, count, &inputs, w->err)
                             : ut_fail_memory(w->err, "report");
    if (status == UT_OK)
        status = check_names(w, &inputs);
    if (status == UT_OK)
        status = open_collection(w, paths, count, &path);
    for (size_t i = 0; status == UT_OK && i < inputs.count; i++)
        status = report_one(w, &inputs.items[i]);
    if (status == UT_OK && w->page)
        status = ut_collection_end(&w->collection, w->err);
    if (status == UT_OK && w->page) {
        status = ut_output_commit(w->page, w->err);
        if (status == UT_OK)
            tell(w, path, NULL);
    } else {
        ut_output_discard(w->page);
    }
    free(path);
    ut_arena_destroy(arena);
    return status;
}

/* The scores of an evaluation tell themselves by their format. */
static json_t *scores_at(const char *path)
{
    json_t *json = NULL;
    if (ut_file_is_dir(path) || ut_json_load(path, UT_LIMIT_JSON_BYTES, &json, NULL) != UT_OK)
        return NULL;
    if (json_is_object(json) &&
        strcmp(ut_json_string_or(json, "format", ""), "undertone-evaluation") == 0)
        return json;
    json_decref(json);
    return NULL;
}

static ut_status report_scores(work *w, const char *path, const json_t *scores)
{
    const char *base = ut_path_base(path);
    ut_buf name;
    ut_buf_init(&name, 4096);
    ut_buf_add(&name, base, strlen(base) - strlen(ut_path_ending(base)));
    ut_buf_adds(&name, ".html");
    char *out = NULL;
    ut_status status = ut_buf_status(&name) == UT_OK
                           ? place(w, path, base, ut_buf_text(&name), &out, w->err)
                           : ut_fail_memory(w->err, "report");
    if (status == UT_OK)
        status = ut_results_write_scores_page(out, scores, w->err);
    if (status == UT_OK)
        tell(w, out, NULL);
    free(out);
    ut_buf_free(&name);
    return status;
}

ut_status ut_run_report(const ut_report_request *request, size_t *failed, ut_error *err)
{
    work w = {.request = request, .err = err};
    const char **rest = calloc(request->count + 1, sizeof *rest);
    size_t count = 0;
    ut_status status = rest ? UT_OK : ut_fail_memory(err, "report");
    for (size_t i = 0; i < request->count && status == UT_OK; i++) {
        json_t *scores = scores_at(request->paths[i]);
        if (scores)
            status = report_scores(&w, request->paths[i], scores);
        else
            rest[count++] = request->paths[i];
        json_decref(scores);
    }
    if (status == UT_OK && count)
        status = report_all(&w, rest, count);
    free((void *)rest);
    *failed = w.failed;
    return status;
}
