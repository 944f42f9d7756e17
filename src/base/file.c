#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"

enum { DEPTH = 64, FILES = 1000000 };

ut_status ut_file_open(const char *path, int *fd, size_t *length, ut_error *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        ut_status status = errno == ENOENT ? UT_ERR_NOT_FOUND : UT_ERR_IO;
        return ut_fail_errno(err, status, "file", "cannot open %s", path);
    }
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return ut_fail(err, UT_ERR_IO, "file", "%s is %s; name a file", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "a pipe or device, not a regular file");
    }
    *length = (size_t)st.st_size;
    return UT_OK;
}

ut_status ut_file_read(const char *path, size_t maximum, char **data, size_t *length, ut_error *err)
{
    int fd;
    size_t size;
    UT_TRY(ut_file_open(path, &fd, &size, err));
    if (size > maximum) {
        close(fd);
        return ut_fail(err, UT_ERR_LIMIT, "file", "%s has %zu bytes; at most %zu are read", path,
                       size, maximum);
    }
    char *memory = malloc(size + 1);
    size_t got = 0;
    while (memory && got < size) {
        ssize_t n = read(fd, memory + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    if (!memory)
        return ut_fail_memory(err, "file");
    if (got != size) {
        free(memory);
        return ut_fail(err, UT_ERR_IO, "file", "%s could not be read to its end", path);
    }
    memory[size] = 0;
    *data = memory;
    if (length)
        *length = size;
    return UT_OK;
}

ut_status ut_file_map(const char *path, ut_mapping *mapping, ut_error *err)
{
    int fd;
    size_t size;
    *mapping = (ut_mapping){0};
    UT_TRY(ut_file_open(path, &fd, &size, err));
    if (size) {
        void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (memory == MAP_FAILED) {
            close(fd);
            return ut_fail_errno(err, UT_ERR_IO, "file", "cannot map %s", path);
        }
        *mapping = (ut_mapping){memory, size};
    }
    close(fd);
    return UT_OK;
}

void ut_file_unmap(ut_mapping *mapping)
{
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->length);
    *mapping = (ut_mapping){0};
}

ut_status ut_file_make_dirs(const char *path, ut_error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return ut_fail_memory(err, "file");
    ut_status status = UT_OK;
    size_t length = strlen(copy);
    for (size_t i = 1; i <= length && status == UT_OK; i++) {
        if (copy[i] != '/' && copy[i] != 0)
            continue;
        copy[i] = 0;
        if (mkdir(copy, 0777) != 0 && !(errno == EEXIST && ut_file_is_dir(copy)))
            status = errno == EEXIST
                         ? ut_fail(err, UT_ERR_IO, "file",
                                   "%s is a file, not a folder; choose another name", copy)
                         : ut_fail_errno(err, UT_ERR_IO, "file", "cannot make the folder %s", copy);
        if (i < length)
            copy[i] = '/';
    }
    free(copy);
    return status;
}

bool ut_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool ut_file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `name` belongs to the list afterwards. */
static ut_status list_add(ut_file_list *list, char *name, const char *root, ut_error *err)
{
    ut_status status = UT_OK;
    if (!name || !ut_grow(&list->names, &list->capacity, list->count + 1, sizeof(char *)))
        status = ut_fail_memory(err, "file");
    else if (list->count >= FILES)
        status = ut_fail(err, UT_ERR_LIMIT, "file",
                         "%s holds over %d files; name a folder with fewer", root, FILES);
    if (status == UT_OK)
        list->names[list->count++] = name;
    else
        free(name);
    return status;
}

static ut_status walk(const char *root, const char *relative, int depth, ut_file_list *list,
                      ut_error *err);

static ut_status walk_entry(const char *root, char *name, int depth, ut_file_list *list,
                            ut_error *err)
{
    struct stat st;
    char *full = name ? ut_path_join(root, name) : NULL;
    if (!full) {
        free(name);
        return ut_fail_memory(err, "file");
    }
    bool folder = lstat(full, &st) == 0 && S_ISDIR(st.st_mode);
    bool linked_folder = !folder && ut_file_is_dir(full);
    free(full);
    if (!folder && !linked_folder)
        return list_add(list, name, root, err);
    ut_status status = folder && depth < DEPTH ? walk(root, name, depth + 1, list, err) : UT_OK;
    free(name);
    return status;
}

static ut_status walk(const char *root, const char *relative, int depth, ut_file_list *list,
                      ut_error *err)
{
    char *folder = *relative ? ut_path_join(root, relative) : strdup(root);
    DIR *dir = folder ? opendir(folder) : NULL;
    ut_status status = UT_OK;
    bool empty = true;
    if (!dir && !*relative)
        status = ut_fail_errno(err, errno == ENOENT ? UT_ERR_NOT_FOUND : UT_ERR_IO, "file",
                               "cannot read the folder %s", root);
    for (struct dirent *e; dir && status == UT_OK && (e = readdir(dir));) {
        empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        if (e->d_name[0] != '.')
            status =
                walk_entry(root, *relative ? ut_path_join(relative, e->d_name) : strdup(e->d_name),
                           depth, list, err);
    }
    if (dir)
        closedir(dir);
    free(folder);
    if (status == UT_OK && empty && *relative)
        status = list_add(list, ut_path_join(relative, ""), root, err);
    return status;
}

ut_status ut_file_walk(const char *root, ut_file_list *list, ut_error *err)
{
    *list = (ut_file_list){0};
    ut_status status = walk(root, "", 0, list, err);
    if (status != UT_OK)
        ut_file_list_free(list);
    else if (list->count)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
    return status;
}

void ut_file_list_free(ut_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (ut_file_list){0};
}

char *ut_path_join(const char *folder, const char *name)
{
    if (*name == '/' || !*folder)
        return strdup(name);
    size_t length = strlen(folder) + strlen(name) + 2;
    char *path = malloc(length);
    if (path)
        snprintf(path, length, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                 name);
    return path;
}

const char *ut_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *ut_path_ending(const char *path)
{
    const char *base = ut_path_base(path);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot : base + strlen(base);
}
