/* Any bytes as the list of models; each model and set of what is accepted is looked up again. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hub/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool leads_out(const char *path)
{
    const char *up = strstr(path, "..");
    for (; up; up = strstr(up + 1, ".."))
        if ((up == path || up[-1] == '/') && (!up[2] || up[2] == '/'))
            return true;
    return path[0] == '/';
}

/* A model is found by its name and what it downloads stays below the cache. */
static void look_up(const ut_hub *hub, const ut_hub_model *model)
{
    const ut_hub_model *found[16];
    size_t count;
    if (!ut_hub_lookup(hub, model->name))
        abort();
    for (size_t i = 0; i < model->file_count; i++)
        if (leads_out(model->files[i].path) || strlen(model->files[i].sha256) != 64)
            abort();
    ut_error err;
    if (ut_hub_expand(hub, model->name, found, 16, &count, &err) == UT_OK && count > 16)
        abort();
    (void)ut_hub_size(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    ut_hub *hub;
    ut_error err;
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (ut_hub_open(path, &hub, &err) == UT_OK) {
        for (size_t i = 0; i < ut_hub_count(hub); i++)
            look_up(hub, ut_hub_at(hub, i));
        ut_hub_close(hub);
    }
    close(file);
    return 0;
}
