#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "hub/internal.h"

bool ut_hub_cancelled(const ut_hub_events *events)
{
    return events && events->cancelled && events->cancelled(events->context);
}

void ut_hub_note(const ut_hub_events *events, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    if (!events || !events->note)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    events->note(events->context, line);
}

char *ut_hub_model_folder(const ut_hub *hub, const char *repository)
{
    ut_buf name;
    ut_buf_init(&name, 4096);
    ut_buf_adds(&name, "models--");
    for (const char *c = repository; *c; c++)
        ut_buf_add(&name, *c == '/' ? "--" : c, *c == '/' ? 2 : 1);
    char *folder =
        ut_buf_status(&name) == UT_OK ? ut_path_join(hub->cache, ut_buf_text(&name)) : NULL;
    ut_buf_free(&name);
    return folder;
}

bool ut_hub_read_ref(const char *folder, const char *revision, char commit[COMMIT])
{
    char path[4096];
    char *text = NULL;
    int length = snprintf(path, sizeof path, "%s/refs/%s", folder, revision);
    if (length < 0 || (size_t)length >= sizeof path ||
        ut_file_read(path, 4096, &text, NULL, NULL) != UT_OK)
        return false;
    size_t n = strspn(text, "0123456789abcdef");
    bool fine = n == COMMIT - 1 && (text[n] == 0 || isspace((unsigned char)text[n]));
    if (fine) {
        memcpy(commit, text, n);
        commit[n] = 0;
    }
    free(text);
    return fine;
}

/* ------------------------------------------------------------------ finding */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Snapshot folders (paths), the one refs/<revision> names first, then by name. */
static char **snapshots_of(const char *folder, const char *revision, size_t *count)
{
    char commit[COMMIT] = "";
    char **names = NULL;
    size_t capacity = 0;
    *count = 0;
    (void)ut_hub_read_ref(folder, revision, commit);
    char *parent = ut_path_join(folder, "snapshots");
    DIR *dir = parent ? opendir(parent) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !ut_grow(&names, &capacity, *count + 1, sizeof *names))
            continue;
        names[*count] = ut_path_join(parent, e->d_name);
        *count += names[*count] != NULL;
    }
    if (dir)
        closedir(dir);
    free(parent);
    if (*count)
        qsort(names, *count, sizeof *names, compare_names);
    for (size_t i = 0; *commit && i < *count; i++)
        if (strcmp(ut_path_base(names[i]), commit) == 0) {
            char *chosen = names[i];
            memmove(names + 1, names, i * sizeof *names);
            names[0] = chosen;
        }
    return names;
}

/* Bytes of a file of the folder, -1 if it is not there. */
static int64_t bytes_of(const char *folder, const ut_hub_file *file)
{
    struct stat st;
    char *path = ut_path_join(folder, file->path);
    bool fine = path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    free(path);
    return fine ? (int64_t)st.st_size : -1;
}

static bool has_size(const char *folder, const ut_hub_file *file)
{
    return bytes_of(folder, file) == (int64_t)file->bytes;
}

/* UT_ERR_NOT_FOUND where files are missing, as while a pull goes on; UT_ERR_MISMATCH where all are
 * there and one is not as long as it should be. */
static ut_status check_complete(const char *folder, const ut_hub_model *model, ut_error *err)
{
    const ut_hub_file *wrong = NULL;
    for (size_t i = 0; i < model->file_count; i++) {
        if (bytes_of(folder, &model->files[i]) < 0)
            return UT_ERR_NOT_FOUND;
        if (!wrong && !has_size(folder, &model->files[i]))
            wrong = &model->files[i];
    }
    if (!wrong)
        return UT_OK;
    return ut_fail(err, UT_ERR_MISMATCH, "hub",
                   "%s/%s is damaged or another version (%lld bytes, not %llu); run `undertone "
                   "models pull %s` to mend it",
                   folder, wrong->path, (long long)bytes_of(folder, wrong),
                   (unsigned long long)wrong->bytes, model->name);
}

static ut_status not_found(const ut_hub *hub, const char *name, const ut_hub_model *model,
                           ut_error *err)
{
    if (model)
        return ut_fail(err, UT_ERR_NOT_FOUND, "hub",
                       "the model %s is not in %s; run `undertone models pull %s`", model->name,
                       hub->cache, model->name);
    return ut_fail(err, UT_ERR_NOT_FOUND, "hub",
                   "%s is no folder, no model of `undertone models list` and not in %s", name,
                   hub->cache);
}

ut_status ut_hub_find(const ut_hub *hub, const char *name, char **folder, ut_error *err)
{
    *folder = NULL;
    const ut_hub_model *model = ut_hub_lookup(hub, name);
    if (!model && ut_file_is_dir(name)) {
        *folder = strdup(name);
        return *folder ? UT_OK : ut_fail_memory(err, "hub");
    }
    const char *slash = strchr(name, '/');
    if (!model && (!slash || strchr(slash + 1, '/') || strstr(name, "..")))
        return not_found(hub, name, model, err);
    char *parent = ut_hub_model_folder(hub, model ? model->repository : name);
    if (!parent)
        return ut_fail_memory(err, "hub");
    size_t count;
    char **names = snapshots_of(parent, model ? model->revision : "main", &count);
    ut_status status = UT_ERR_NOT_FOUND;
    for (size_t i = 0; i < count && !*folder; i++) {
        ut_error local;
        ut_status this_one = model ? check_complete(names[i], model, &local) : UT_OK;
        if (this_one == UT_OK) {
            *folder = names[i];
            names[i] = NULL;
        } else if (this_one == UT_ERR_MISMATCH && status == UT_ERR_NOT_FOUND) {
            status = this_one;
            if (err)
                *err = local;
        }
    }
    free_names(names, count);
    free(parent);
    if (*folder)
        return UT_OK;
    return status == UT_ERR_MISMATCH ? status : not_found(hub, name, model, err);
}

char *ut_hub_have(const char *folder, const ut_hub_file *file)
{
    char *found = NULL;
    size_t count;
    char **names = snapshots_of(folder, "main", &count);
    for (size_t i = 0; i < count && !found; i++) {
        char hex[UT_SHA256_HEX];
        char *path = has_size(names[i], file) ? ut_path_join(names[i], file->path) : NULL;
        if (path && ut_sha256_file(path, hex, NULL) == UT_OK && strcmp(hex, file->sha256) == 0)
            found = realpath(path, NULL);
        free(path);
    }
    free_names(names, count);
    return found;
}

static ut_status compare_hash(const char *path, const char *hex, const ut_hub_model *model,
                              const ut_hub_file *file, ut_error *err)
{
    if (strcmp(hex, file->sha256) == 0)
        return UT_OK;
    return ut_fail(err, UT_ERR_MISMATCH, "hub",
                   "%s is damaged or another version (sha-256 %.12s..., not %.12s...); run "
                   "`undertone models pull %s` to mend it",
                   path, hex, file->sha256, model->name);
}

ut_status ut_hub_check_hash(const ut_hub *hub, const char *path, const char *hex, ut_error *err)
{
    ut_status status = UT_OK;
    for (size_t m = 0; m < hub->count && status == UT_OK; m++) {
        const ut_hub_model *model = &hub->models[m];
        char *folder = ut_hub_model_folder(hub, model->repository);
        char *snapshots = folder ? ut_path_join(folder, "snapshots/") : NULL;
        size_t length = snapshots ? strlen(snapshots) : 0;
        const char *slash =
            snapshots && strncmp(path, snapshots, length) == 0 ? strchr(path + length, '/') : NULL;
        for (size_t i = 0; slash && i < model->file_count && status == UT_OK; i++)
            if (strcmp(slash + 1, model->files[i].path) == 0)
                status = compare_hash(path, hex, model, &model->files[i], err);
        free(snapshots);
        free(folder);
    }
    return status;
}

ut_status ut_hub_verify(const ut_hub *hub, const ut_hub_model *model, ut_error *err)
{
    char *folder;
    UT_TRY(ut_hub_find(hub, model->name, &folder, err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < model->file_count && status == UT_OK; i++) {
        char hex[UT_SHA256_HEX];
        char *path = ut_path_join(folder, model->files[i].path);
        status = path ? ut_sha256_file(path, hex, err) : ut_fail_memory(err, "hub");
        if (status == UT_OK)
            status = compare_hash(path, hex, model, &model->files[i], err);
        free(path);
    }
    free(folder);
    return status;
}

/* ------------------------------------------------------------------ changing */

ut_status ut_hub_link(const char *folder, const char *commit, const char *file, const char *blob,
                      ut_error *err)
{
    ut_buf path;
    ut_buf target;
    ut_buf fresh;
    ut_buf_init(&path, 8192);
    ut_buf_init(&target, 8192);
    ut_buf_init(&fresh, 8192);
    ut_buf_addf(&path, "%s/snapshots/%s/%s", folder, commit, file);
    ut_buf_adds(&target, "../../");
    for (const char *c = file; *c; c++)
        if (*c == '/')
            ut_buf_adds(&target, "../");
    ut_buf_addf(&target, "blobs/%s", blob);
    ut_buf_addf(&fresh, "%s.new", ut_buf_text(&path));
    ut_status status = UT_OK;
    if (ut_buf_status(&path) != UT_OK || ut_buf_status(&target) != UT_OK ||
        ut_buf_status(&fresh) != UT_OK) {
        status = ut_fail(err, UT_ERR_LIMIT, "hub", "the path of %s is too long", file);
        goto done;
    }
    char *slash = strrchr(path.data, '/');
    *slash = 0;
    status = ut_file_make_dirs(path.data, err);
    *slash = '/';
    if (status != UT_OK)
        goto done;
    unlink(fresh.data);
    if (symlink(target.data, fresh.data) != 0 || rename(fresh.data, path.data) != 0) {
        status = ut_fail_errno(err, UT_ERR_IO, "hub", "cannot link %s", path.data);
        unlink(fresh.data);
    }
done:
    ut_buf_free(&path);
    ut_buf_free(&target);
    ut_buf_free(&fresh);
    return status;
}

/* The lock lies beside the models, as huggingface_hub's do, so that removing a model does not
 * remove a lock that somebody waits for. */
ut_status ut_hub_lock(const ut_hub *hub, const char *folder, const ut_hub_events *events, int *lock,
                      ut_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/.locks/%s", hub->cache, ut_path_base(folder));
    UT_TRY(ut_file_make_dirs(path, err));
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "/undertone.lock");
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0)
        return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot make %s", path);
    bool told = false;
    while (flock(*lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            close(*lock);
            return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot lock %s", path);
        }
        if (ut_hub_cancelled(events)) {
            close(*lock);
            return ut_fail(err, UT_ERR_CANCELLED, "hub", "the pull was cancelled");
        }
        if (!told)
            ut_hub_note(events, "another program is pulling it; waiting");
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return UT_OK;
}

void ut_hub_unlock(int lock)
{
    close(lock);
}

static int delete_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

ut_status ut_hub_delete(const char *folder, ut_error *err)
{
    if (nftw(folder, delete_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot remove %s", folder);
    return UT_OK;
}

ut_status ut_hub_remove(const ut_hub *hub, const ut_hub_model *model, ut_error *err)
{
    char *folder = ut_hub_model_folder(hub, model->repository);
    if (!folder)
        return ut_fail_memory(err, "hub");
    int lock;
    ut_status status;
    if (!ut_file_is_dir(folder)) {
        status = ut_fail(err, UT_ERR_NOT_FOUND, "hub", "the model %s is not in %s", model->name,
                         hub->cache);
    } else if ((status = ut_hub_lock(hub, folder, NULL, &lock, err)) == UT_OK) {
        status = ut_hub_delete(folder, err);
        ut_hub_unlock(lock);
    }
    free(folder);
    return status;
}
