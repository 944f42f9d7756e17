#include "pipeline/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/write.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "report/collection.h"
#include "report/exports.h"
#include "report/html.h"

char *ut_results_path(const ut_results *r, const char *name)
{
    char *folder = ut_path_join(r->output_dir, r->id);
    char *path = folder ? ut_path_join(folder, name) : NULL;
    free(folder);
    return path;
}

ut_status ut_results_prepare(const ut_results *r, ut_error *err)
{
    char *folder = ut_path_join(r->output_dir, r->id);
    ut_status status = folder ? ut_file_make_dirs(folder, err) : ut_fail_memory(err, "results");
    free(folder);
    return status;
}

void ut_results_sweep(const ut_results *r)
{
    char *folder = ut_path_join(r->output_dir, r->id);
    if (folder)
        ut_file_sweep(folder, "");
    free(folder);
}

static ut_status remember(ut_results *r, const char *name, const char *sha256, ut_error *err)
{
    return json_object_set_new(r->written, name, json_string(sha256)) == 0
               ? UT_OK
               : ut_fail_memory(err, "results");
}

static ut_status write_in(ut_results *r, const char *name, const void *data, size_t length,
                          ut_error *err)
{
    char hex[UT_SHA256_HEX];
    char *path = ut_results_path(r, name);
    if (!path)
        return ut_fail_memory(err, "results");
    ut_status status = ut_file_write(path, data, length, err);
    free(path);
    ut_sha256(data, length, hex);
    return status == UT_OK ? remember(r, name, hex, err) : status;
}

ut_status ut_results_write_document(ut_results *r, const char *text, size_t length, ut_error *err)
{
    return write_in(r, "conversation.json", text, length, err);
}

/* What source.json should say (free()); NULL for a path that is not UTF-8 and so cannot stand in
 * JSON: then --audio_dir is needed later. */
static char *source_text(const char *recording)
{
    char *absolute = realpath(recording, NULL);
    json_t *source = json_pack("{s:s}", "recording", absolute ? absolute : recording);
    char *text = source ? ut_json_text(source) : NULL;
    json_decref(source);
    free(absolute);
    return text;
}

ut_status ut_results_write_source(ut_results *r, const char *recording, bool *changed,
                                  ut_error *err)
{
    char *there = NULL;
    char *text = source_text(recording);
    char *path = ut_results_path(r, "source.json");
    bool same = text && path &&
                ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &there, NULL, NULL) == UT_OK &&
                strcmp(text, there) == 0;
    ut_status status = UT_OK;
    if (text && path && !same) {
        *changed = true;
        status = ut_results_prepare(r, err);
        if (status == UT_OK)
            status = ut_file_write(path, text, strlen(text), err);
    }
    free(there);
    free(path);
    free(text);
    return status;
}

/* A report that carries its recording stays below what mail and browsers take. */
enum { AUDIO_MOST = 48 * 1024 * 1024 };

/* Into `page`; the packed recording waits in a nameless file in `folder`, since it may be large. */
static ut_status put_report(const char *folder, const ut_conversation *c, const char *recording,
                            ut_output *page, ut_error *err)
{
    ut_peaks peaks = {0};
    ut_html_audio audio = {.peaks = &peaks};
    FILE *sound = NULL;
    ut_status status = recording ? ut_file_scratch(folder, &sound, err) : UT_OK;
    /* A recording too long to embed leaves a page that offers to open it from disk. */
    if (sound && ut_audio_encode(recording, sound, AUDIO_MOST, &audio.mime, &peaks, NULL) == UT_OK)
        audio.file = sound;
    if (status == UT_OK)
        status = ut_report_html(c, &audio, (ut_sink){ut_output_put, page}, err);
    if (sound)
        fclose(sound);
    return status;
}

ut_status ut_results_write_page(const char *path, const ut_conversation *c, const char *recording,
                                ut_error *err)
{
    ut_output *page = NULL;
    char *folder = strndup(path, (size_t)(ut_path_base(path) - path));
    ut_status status = folder ? ut_output_open(path, &page, err) : ut_fail_memory(err, "results");
    if (status == UT_OK)
        status = put_report(*folder ? folder : ".", c, recording, page, err);
    free(folder);
    if (status == UT_OK)
        return ut_output_commit(page, err);
    ut_output_discard(page);
    return status;
}

ut_status ut_results_write_scores_page(const char *path, const json_t *scores, ut_error *err)
{
    ut_output *page = NULL;
    UT_TRY(ut_output_open(path, &page, err));
    ut_status status =
        ut_report_evaluation(scores, "Evaluation", (ut_sink){ut_output_put, page}, err);
    if (status == UT_OK)
        return ut_output_commit(page, err);
    ut_output_discard(page);
    return status;
}

static ut_status write_report(ut_results *r, const ut_conversation *c, const char *recording,
                              ut_error *err)
{
    char hex[UT_SHA256_HEX];
    char *path = ut_results_path(r, "report.html");
    ut_status status =
        path ? ut_results_write_page(path, c, recording, err) : ut_fail_memory(err, "results");
    if (status == UT_OK)
        status = ut_sha256_file(path, hex, err);
    free(path);
    return status == UT_OK ? remember(r, "report.html", hex, err) : status;
}

ut_status ut_results_write_exports(ut_results *r, const ut_conversation *c, const char *recording,
                                   ut_error *err)
{
    ut_status status = UT_OK;
    for (size_t i = 0; i < UT_EXPORT_COUNT && status == UT_OK; i++) {
        ut_buf out;
        ut_buf_init(&out, 0);
        status = ut_exports[i].write(c, &out);
        if (status == UT_OK)
            status = write_in(r, ut_exports[i].name, ut_buf_text(&out), out.length, err);
        else
            ut_fail(err, status, "results", "%s of %s could not be made", ut_exports[i].name,
                    c->id);
        ut_buf_free(&out);
    }
    return status == UT_OK ? write_report(r, c, recording, err) : status;
}

ut_status ut_results_read(const char *path, ut_conversation **c, ut_error *err)
{
    ut_mapping text;
    UT_TRY(ut_file_map(path, &text, err));
    ut_status status =
        text.length > UT_LIMIT_JSON_BYTES
            ? ut_fail(err, UT_ERR_LIMIT, "results", "%s has %zu bytes; at most %zu are read", path,
                      text.length, UT_LIMIT_JSON_BYTES)
            : ut_conversation_parse((const char *)text.data, text.length, path, c, err);
    ut_file_unmap(&text);
    return status;
}

static char *beside(const char *document, const char *name)
{
    size_t folder = (size_t)(ut_path_base(document) - document);
    char *path = malloc(folder + strlen(name) + 1);
    if (path) {
        memcpy(path, document, folder);
        memcpy(path + folder, name, strlen(name) + 1);
    }
    return path;
}

ut_status ut_results_recording(const ut_conversation *c, const char *document,
                               const char *audio_dir, char **path, ut_error *err)
{
    *path = NULL;
    if (audio_dir) {
        *path = ut_path_join(audio_dir, c->source.file);
    } else {
        char *source = beside(document, "source.json");
        json_t *json = NULL;
        if (source && ut_json_load(source, UT_LIMIT_CONFIG_BYTES, &json, NULL) == UT_OK)
            *path = strdup(ut_json_string_or(json, "recording", c->source.file));
        else
            *path = strdup(c->source.file);
        json_decref(json);
        free(source);
    }
    if (!*path)
        return ut_fail_memory(err, "results");
    char hash[UT_SHA256_HEX] = "";
    ut_status status = UT_OK;
    if (!ut_file_exists(*path))
        status = ut_fail(err, UT_ERR_NOT_FOUND, "results",
                         "the recording of %s is not at %s; say where it lies with --audio_dir",
                         document, *path);
    else if (c->source.sha256 && (status = ut_sha256_file(*path, hash, err)) == UT_OK &&
             strcmp(hash, c->source.sha256) != 0)
        status = ut_fail(err, UT_ERR_MISMATCH, "results",
                         "%s is not the recording that %s was made from; transcribe it again",
                         *path, document);
    if (status != UT_OK) {
        free(*path);
        *path = NULL;
    }
    return status;
}
