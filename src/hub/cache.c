#include "hub/cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

char *ut_hub_cache_folder(void)
{
    const char *cache = getenv("HF_HUB_CACHE");
    const char *home = getenv("HF_HOME");
    if (cache && *cache)
        return strdup(cache);
    if (home && *home)
        return ut_path_join(home, "hub");
    home = getenv("HOME");
    return home ? ut_path_join(home, ".cache/huggingface/hub") : NULL;
}

/* <cache>/models--owner--name */
static char *repository_folder(const char *repository)
{
    char name[512] = "models--";
    size_t n = strlen(name);
    for (const char *c = repository; *c && n + 3 < sizeof name; c++) {
        name[n++] = *c == '/' ? '-' : *c;
        if (*c == '/')
            name[n++] = '-';
    }
    name[n] = 0;
    char *cache = ut_hub_cache_folder();
    char *folder = cache ? ut_path_join(cache, name) : NULL;
    free(cache);
    return folder;
}

/* The snapshot if it holds the file, else NULL. */
static char *snapshot(const char *folder, const char *revision, const char *file)
{
    char *snapshots = ut_path_join(folder, "snapshots");
    char *one = snapshots ? ut_path_join(snapshots, revision) : NULL;
    char *path = one ? ut_path_join(one, file) : NULL;
    if (!path || !ut_file_exists(path)) {
        free(one);
        one = NULL;
    }
    free(snapshots);
    free(path);
    return one;
}

static char *by_reference(const char *folder, const char *file)
{
    char *reference = ut_path_join(folder, "refs/main");
    char *revision = NULL;
    char *found = NULL;
    if (reference && ut_file_read(reference, 256, &revision, NULL, NULL) == UT_OK) {
        revision[strcspn(revision, "\r\n/")] = 0;
        if (*revision && *revision != '.')
            found = snapshot(folder, revision, file);
    }
    free(revision);
    free(reference);
    return found;
}

char *ut_hub_cached(const char *repository, const char *file)
{
    char *folder = repository_folder(repository);
    if (!folder)
        return NULL;
    char *best = by_reference(folder, file);
    char *snapshots = best ? NULL : ut_path_join(folder, "snapshots");
    DIR *dir = snapshots ? opendir(snapshots) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *one = e->d_name[0] == '.' ? NULL : snapshot(folder, e->d_name, file);
        if (one && (!best || strcmp(one, best) > 0)) {
            free(best);
            best = one;
        } else {
            free(one);
        }
    }
    if (dir)
        closedir(dir);
    free(snapshots);
    free(folder);
    return best;
}
