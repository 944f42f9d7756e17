#include "report/assets.h"

#include <string.h>

const ut_asset *ut_asset_find(const char *path)
{
    for (size_t i = 0; i < ut_asset_count; i++)
        if (strcmp(ut_assets[i].path, path) == 0)
            return &ut_assets[i];
    return NULL;
}
