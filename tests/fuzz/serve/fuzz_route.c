/* Any bytes as a method and a path: the part taken out of a path is a part of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char part[UT_ROUTE_PART];
    char allowed[64];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    char *path = strchr(text, ' ');
    if (path) {
        *path++ = 0;
        const ut_route *r = ut_route_find(text, path, part, allowed);
        bool one = r && strchr(r->path, '{');
        if ((r && part[0] && !strstr(path, part)) || (one && strchr(part, '/')) ||
            strlen(allowed) >= sizeof allowed)
            __builtin_trap();
    }
    free(text);
    return 0;
}
