/* Writing files that are whole or absent. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

/* A new file beside `path`, open for writing, of a unique name (free()). Renamed onto a device it
 * would take its place, /dev/null for the whole machine where root runs the program. */
static ut_status create_beside(const char *path, char **temporary, int *fd, ut_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return ut_fail(err, UT_ERR_IO, "file", "cannot write %s: it is %s; name a file", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "a pipe or device");
    size_t length = strlen(path) + sizeof ".XXXXXX.part";
    char *name = malloc(length);
    if (!name)
        return ut_fail_memory(err, "file");
    snprintf(name, length, "%s.XXXXXX.part", path);
    *fd = mkostemps(name, 5, O_CLOEXEC);
    mode_t mask = umask(0);
    umask(mask);
    if (*fd < 0 || fchmod(*fd, 0666 & ~mask) != 0) {
        ut_status status = ut_fail_errno(err, UT_ERR_IO, "file", "cannot write %s", path);
        if (*fd >= 0) {
            close(*fd);
            unlink(name);
        }
        free(name);
        return status;
    }
    *temporary = name;
    return UT_OK;
}

ut_status ut_file_begin(const char *path, char **temporary, ut_error *err)
{
    int fd;
    UT_TRY(create_beside(path, temporary, &fd, err));
    close(fd);
    return UT_OK;
}

void ut_file_discard(char *temporary)
{
    if (temporary)
        unlink(temporary);
    free(temporary);
}

ut_status ut_file_commit(char *temporary, const char *path, ut_error *err)
{
    int fd = open(temporary, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || rename(temporary, path) != 0) {
        ut_status status = ut_fail_errno(err, UT_ERR_IO, "file", "cannot write %s", path);
        if (fd >= 0)
            close(fd);
        ut_file_discard(temporary);
        return status;
    }
    close(fd);
    free(temporary);
    return UT_OK;
}

/* The lock tells a sweeper that the writer lives. One that came between creating and locking has
 * taken the name: then another is made. */
static ut_status create_locked(const char *path, char **temporary, int *fd, ut_error *err)
{
    struct stat st;
    for (int attempt = 0; attempt < 100; attempt++) {
        UT_TRY(create_beside(path, temporary, fd, err));
        if (flock(*fd, LOCK_EX) != 0 || fstat(*fd, &st) != 0 || st.st_nlink > 0)
            return UT_OK;
        close(*fd);
        free(*temporary);
        *temporary = NULL;
    }
    return ut_fail(err, UT_ERR_IO, "file", "%s is swept while it is written", path);
}

struct ut_output {
    FILE *file;
    char *path, *temporary;
};

static ut_status cannot_write(const ut_output *output, ut_error *err)
{
    return ut_fail_errno(err, UT_ERR_IO, "file", "cannot write %s", output->path);
}

ut_status ut_output_open(const char *path, ut_output **output, ut_error *err)
{
    *output = NULL;
    ut_output *o = calloc(1, sizeof *o);
    if (!o || !(o->path = strdup(path))) {
        free(o);
        return ut_fail_memory(err, "file");
    }
    int fd;
    ut_status status = create_locked(path, &o->temporary, &fd, err);
    if (status == UT_OK && !(o->file = fdopen(fd, "w"))) {
        status = cannot_write(o, err);
        close(fd);
    }
    if (status != UT_OK) {
        ut_output_discard(o);
        return status;
    }
    *output = o;
    return UT_OK;
}

ut_status ut_output_put(void *output, const void *bytes, size_t count, ut_error *err)
{
    ut_output *o = output;
    return fwrite(bytes, 1, count, o->file) == count ? UT_OK : cannot_write(o, err);
}

ut_status ut_output_commit(ut_output *output, ut_error *err)
{
    ut_status status = UT_OK;
    if (fflush(output->file) != 0 || fsync(fileno(output->file)) != 0 ||
        rename(output->temporary, output->path) != 0) {
        status = cannot_write(output, err);
    } else {
        free(output->temporary);
        output->temporary = NULL;
    }
    ut_output_discard(output);
    return status;
}

void ut_output_discard(ut_output *output)
{
    if (!output)
        return;
    ut_file_discard(output->temporary);
    if (output->file)
        fclose(output->file); /* and with it the lock */
    free(output->path);
    free(output);
}

ut_status ut_file_write(const char *path, const void *data, size_t length, ut_error *err)
{
    ut_output *output;
    UT_TRY(ut_output_open(path, &output, err));
    ut_status status = ut_output_put(output, data, length, err);
    if (status == UT_OK)
        return ut_output_commit(output, err);
    ut_output_discard(output);
    return status;
}

/* "<name>.XXXXXX.part" as mkostemps() fills it in; other programs use the ending, too. */
static bool is_temporary(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(name);
    const char *tail = n > 12 ? name + n - 12 : "";
    return *tail == '.' && strspn(tail + 1, letters) == 6 && strcmp(tail + 7, ".part") == 0;
}

void ut_file_sweep(const char *folder, const char *prefix)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_temporary(e->d_name) || strncmp(e->d_name, prefix, strlen(prefix)) != 0)
            continue;
        int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(dir), e->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    if (dir)
        closedir(dir);
}

typedef struct kept {
    struct timespec changed;
    uint64_t size;
    char name[NAME_MAX + 1];
} kept;

static int newest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const kept *)a)->changed, *y = &((const kept *)b)->changed;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

/* The files of an open folder whose names end so (free()); as many as memory lets it hold. */
static kept *list_kept(DIR *dir, const char *ending, size_t *count)
{
    kept *files = NULL;
    size_t capacity = 0;
    *count = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        size_t n = strlen(e->d_name), tail = strlen(ending);
        if (n < tail || strcmp(e->d_name + n - tail, ending) != 0 ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (!ut_grow(&files, &capacity, *count + 1, sizeof *files))
            break;
        kept *file = &files[(*count)++];
        *file = (kept){.changed = st.st_mtim, .size = (uint64_t)st.st_size};
        snprintf(file->name, sizeof file->name, "%s", e->d_name);
    }
    return files;
}

void ut_file_trim(const char *folder, const char *ending, uint64_t most)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    size_t count;
    uint64_t sum = 0;
    kept *files = list_kept(dir, ending, &count);
    if (files)
        qsort(files, count, sizeof *files, newest_first);
    for (size_t i = 0; files && i < count; i++)
        if ((sum += files[i].size) > most)
            unlinkat(dirfd(dir), files[i].name, 0);
    free(files);
    closedir(dir);
}

ut_status ut_file_scratch(const char *folder, FILE **file, ut_error *err)
{
    *file = NULL;
    char *name = ut_path_join(folder, ".undertone.XXXXXX");
    int fd = name ? mkostemp(name, O_CLOEXEC) : -1;
    if (fd >= 0) {
        unlink(name);
        *file = fdopen(fd, "w+");
        if (!*file)
            close(fd);
    }
    free(name);
    return *file ? UT_OK
                 : ut_fail_errno(err, UT_ERR_IO, "file", "cannot make a file in %s", folder);
}
