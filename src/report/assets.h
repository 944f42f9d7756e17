/* The files of web/, embedded in the program at build time (embed.cmake). Static and immutable. */
#ifndef UT_REPORT_ASSETS_H
#define UT_REPORT_ASSETS_H

#include <stddef.h>

typedef struct ut_asset {
    const char *path;           /* below web/: "page/index.html" */
    const char *type;           /* MIME type */
    const char *etag;           /* 16 hexadecimal digits that change with the contents */
    const unsigned char *bytes; /* a zero byte follows them */
    size_t length;
} ut_asset;

extern const ut_asset ut_assets[];
extern const size_t ut_asset_count;

/* The whole path must be equal; NULL if there is none such. */
const ut_asset *ut_asset_find(const char *path);

#endif
