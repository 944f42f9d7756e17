#include "ut_test.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

static char *slot(void)
{
    static char slots[4][4096];
    static unsigned next;
    return slots[next++ & 3];
}

static const char *existing(char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? path : NULL;
}

const char *ut_test_source(const char *name)
{
    const char *root = getenv("UT_SOURCE_DIR");
    char *path = slot();
    snprintf(path, 4096, "%s/%s", root ? root : ".", name);
    return path;
}

const char *ut_test_data(const char *name)
{
    const char *data = getenv("UNDERTONE_TEST_DATA");
    const char *root = getenv("UT_SOURCE_DIR");
    char *path = slot();
    if (data)
        snprintf(path, 4096, "%s/%s", data, name);
    else
        snprintf(path, 4096, "%s/../shared/%s", root ? root : ".", name);
    return existing(path);
}

const char *ut_test_model(const char *repository)
{
    const char *override = getenv("UNDERTONE_TEST_MODELS");
    const char *slash = strrchr(repository, '/');
    char *path = slot();
    if (override) {
        snprintf(path, 4096, "%s/%s", override, slash ? slash + 1 : repository);
        return existing(path);
    }
    const char *cache = getenv("HF_HUB_CACHE");
    const char *home = getenv("HF_HOME");
    char snapshots[2048];
    char folder[512];
    size_t n = 0;
    for (const char *c = repository; *c && n + 3 < sizeof folder; c++) {
        folder[n++] = *c == '/' ? '-' : *c;
        if (*c == '/')
            folder[n++] = '-';
    }
    folder[n] = 0;
    if (cache)
        snprintf(snapshots, sizeof snapshots, "%s/models--%s/snapshots", cache, folder);
    else if (home)
        snprintf(snapshots, sizeof snapshots, "%s/hub/models--%s/snapshots", home, folder);
    else
        snprintf(snapshots, sizeof snapshots, "%s/.cache/huggingface/hub/models--%s/snapshots",
                 getenv("HOME") ? getenv("HOME") : "", folder);
    DIR *dir = opendir(snapshots);
    const char *found = NULL;
    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        if (e->d_name[0] != '.') {
            snprintf(path, 4096, "%s/%s", snapshots, e->d_name);
            found = path;
        }
    if (dir)
        closedir(dir);
    return found;
}

void ut_assert_near(double a, double b, double tolerance, const char *file, int line)
{
    if (fabs(a - b) <= tolerance)
        return;
    print_error("%.9g is not within %.3g of %.9g\n", a, tolerance, b);
    _fail(file, line);
}

static void npy_shape(const char *header, size_t shape[4], size_t *count)
{
    const char *p = strstr(header, "'shape': (");
    assert_non_null(p);
    p += strlen("'shape': (");
    *count = 1;
    for (int i = 0; i < 4; i++)
        shape[i] = 1;
    for (int i = 0; i < 4 && *p && *p != ')'; i++) {
        char *end;
        shape[i] = strtoul(p, &end, 10);
        *count *= shape[i];
        p = end;
        while (*p == ',' || *p == ' ')
            p++;
    }
}

float *ut_test_npy(const char *path, size_t *count, size_t shape[4])
{
    size_t own[4];
    FILE *f = fopen(path, "rb");
    if (!f)
        print_error("cannot read %s\n", path);
    assert_non_null(f);
    unsigned char magic[10];
    assert_int_equal(fread(magic, 1, 10, f), 10);
    size_t length = magic[8] | (size_t)magic[9] << 8;
    char *header = calloc(1, length + 1);
    assert_int_equal(fread(header, 1, length, f), length);
    npy_shape(header, shape ? shape : own, count);
    assert_null(strstr(header, "'fortran_order': True"));
    int width = strstr(header, "8'") ? 8 : 4;
    int real = strstr(header, "<f") != NULL;
    free(header);
    float *out = malloc((*count + 1) * sizeof *out);
    for (size_t i = 0; i < *count; i++) {
        union {
            float f;
            double d;
            int32_t i;
            int64_t l;
        } value;
        assert_int_equal(fread(&value, 1, (size_t)width, f), width);
        if (real)
            out[i] = width == 8 ? (float)value.d : value.f;
        else
            out[i] = width == 8 ? (float)value.l : (float)value.i;
    }
    fclose(f);
    return out;
}

float ut_test_noise(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (float)(int32_t)state / 2147483648.0f;
}

float *ut_test_floats(size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = ut_test_noise();
    return x;
}

/* ------------------------------------------------------------------ a folder and a server */

static char folder[] = "/tmp/ut_test_XXXXXX";

int ut_test_folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_below(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    return at->level ? remove(path) : 0;
}

int ut_test_folder_empty(void **state)
{
    (void)state;
    return nftw(folder, remove_below, 16, FTW_DEPTH | FTW_PHYS);
}

int ut_test_folder_remove(void **state)
{
    return ut_test_folder_empty(state) == 0 ? remove(folder) : -1;
}

const char *ut_test_in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ & 7];
    snprintf(path, sizeof *paths, "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

static ut_process server;

int ut_test_server_start(const char *script, const char *one, const char *two)
{
    char path[256];
    char said[32] = "";
    size_t got = 0;
    snprintf(path, sizeof path, "tests/unit/%s", script);
    const char *const argv[] = {"python3", "-B", ut_test_source(path), one, two, NULL};
    if (!ut_process_available("python3") ||
        ut_process_start(&server, argv, (ut_process_limits){0}, NULL) != UT_OK)
        return 0;
    if (ut_process_read(&server, said, sizeof said - 1, &got, NULL) == UT_OK && got)
        return (int)strtol(said, NULL, 10);
    ut_process_kill(&server);
    return 0;
}

void ut_test_server_stop(void)
{
    ut_process_kill(&server);
}

void ut_test_at_once(int programs, int (*act)(void *context), void *context)
{
    enum { MOST = 16 };
    int gate[2];
    pid_t children[MOST];
    assert_in_range(programs, 1, MOST);
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < programs; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            char c;
            close(gate[1]);
            (void)!read(gate[0], &c, 1); /* until the gate falls */
            _exit(act(context));
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < programs; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}
