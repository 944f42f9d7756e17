#include "pipeline/home.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static const char folder_name[] = ".undertone";

/* The nearest `.undertone` from the working folder up, NULL if there is none. */
static char *find_above(void)
{
    char *folder = getcwd(NULL, 0);
    char *found = NULL;
    while (folder && !found) {
        char *home = ut_path_join(folder, folder_name);
        if (home && ut_file_is_dir(home))
            found = home;
        else
            free(home);
        char *slash = strrchr(folder, '/');
        if (!slash || (slash == folder && !folder[1]))
            break;
        slash[slash == folder] = 0;
    }
    free(folder);
    return found;
}

static char *of_results(const char *output_dir, const char *shard)
{
    int i;
    int n;
    char name[96];
    if (shard && sscanf(shard, "%d/%d", &i, &n) == 2)
        snprintf(name, sizeof name, "%s/shards/%d-of-%d", folder_name, i, n);
    else
        snprintf(name, sizeof name, "%s", folder_name);
    return ut_path_join(output_dir, name);
}

ut_status ut_home_find(const char *output_dir, const char *shard, char **path, ut_error *err)
{
    *path = find_above();
    if (*path)
        return UT_OK;
    if (!output_dir)
        return ut_fail(err, UT_ERR_NOT_FOUND, "home",
                       "there is no %s here or above; run `undertone init` first, or name the "
                       "results of a run with --output_dir",
                       folder_name);
    *path = of_results(output_dir, shard);
    return *path ? UT_OK : ut_fail_memory(err, "home");
}

char *ut_home_path(const char *home, const char *name)
{
    return ut_path_join(home, name);
}

static ut_status make_id(const char *path, ut_error *err)
{
    unsigned char random[UT_HOME_ID / 2];
    char id[UT_HOME_ID];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(id, sizeof id, random, sizeof random);
    return ut_file_write(path, id, strlen(id), err);
}

ut_status ut_home_id(const char *home, char id[UT_HOME_ID], ut_error *err)
{
    char *text = NULL;
    char *path = ut_home_path(home, "id");
    ut_status status =
        path ? ut_file_read(path, 1024, &text, NULL, err) : ut_fail_memory(err, "home");
    if (status == UT_OK && strspn(text, "0123456789abcdef") != UT_HOME_ID - 1)
        status = ut_fail(err, UT_ERR_FORMAT, "home", "%s is damaged", path);
    if (status == UT_OK)
        snprintf(id, UT_HOME_ID, "%s", text);
    free(text);
    free(path);
    return status;
}

ut_status ut_home_create(const char *path, ut_error *err)
{
    char *artifacts = ut_home_path(path, "artifacts");
    char *ignore = ut_home_path(path, ".gitignore");
    char *id = ut_home_path(path, "id");
    ut_status status =
        artifacts && ignore && id ? ut_file_make_dirs(artifacts, err) : ut_fail_memory(err, "home");
    if (status == UT_OK)
        ut_file_sweep(path, "");
    if (status == UT_OK && !ut_file_exists(ignore))
        status = ut_file_write(ignore, "*\n", 2, err);
    if (status == UT_OK && !ut_file_exists(id))
        status = make_id(id, err);
    free(artifacts);
    free(ignore);
    free(id);
    return status;
}
