#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static size_t counted;

void scratch_write(const char *path, const void *data, size_t length)
{
    ut_error err = {0};
    char *parent = strndup(path, (size_t)(ut_path_base(path) - path));
    assert_ok(ut_file_make_dirs(parent, &err));
    free(parent);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

void scratch_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

char *scratch_read(const char *path, size_t *length)
{
    char *data = NULL;
    ut_error err = {0};
    assert_ok(ut_file_read(path, 1 << 24, &data, length, &err));
    return data;
}

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)path;
    (void)st;
    (void)place;
    counted += kind == FTW_F;
    return 0;
}

size_t scratch_count(const char *path)
{
    counted = 0;
    assert_int_equal(nftw(path, count_one, 16, FTW_PHYS), 0);
    return counted;
}

void assert_ok_at(ut_status status, const ut_error *err, const char *file, int line)
{
    if (status != UT_OK)
        print_error("%s\n", err->message);
    _assert_int_equal(status, UT_OK, file, line);
}

void assert_says_at(const ut_error *err, const char *words, const char *file, int line)
{
    if (!strstr(err->message, words)) {
        print_error("\"%s\" does not say \"%s\"\n", err->message, words);
        _fail(file, line);
    }
}
