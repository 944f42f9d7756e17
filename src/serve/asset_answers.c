/* Files of web/, which are part of the program: the page and the description of this interface. */
#include <string.h>

#include "report/assets.h"
#include "report/page.h"
#include "serve/internal.h"

void ut_answer_asset(ut_call *call)
{
    char path[UT_ROUTE_PART + 16];
    char tag[40];
    const char *route = call->route->path;
    if (strcmp(route, "/") == 0)
        snprintf(path, sizeof path, "page/index.html");
    else
        snprintf(path, sizeof path, "%.*s%s", (int)strcspn(route + 1, "*"), route + 1, call->part);
    const ut_asset *asset = ut_asset_find(path);
    if (!asset) {
        ut_fault_set(&call->fault, 404, "not_found", "GET / is the page", "there is no such file");
        return;
    }
    snprintf(tag, sizeof tag, "\"%s\"", asset->etag);
    const char *known = MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND,
                                                    MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (known && strcmp(known, tag) == 0)
        ut_respond_empty(call, MHD_HTTP_NOT_MODIFIED);
    else
        ut_respond_static(call, asset->bytes, asset->length, asset->type);
    ut_respond_header(call, MHD_HTTP_HEADER_ETAG, tag);
    ut_respond_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    ut_respond_header(call, "Content-Security-Policy", ut_page_policy);
    ut_respond_header(call, "Referrer-Policy", "no-referrer");
}
