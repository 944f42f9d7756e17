/* The files of web/report, embedded at build time (embed.cmake); each ends with a zero byte. */
#ifndef UT_REPORT_ASSETS_H
#define UT_REPORT_ASSETS_H

extern const unsigned char ut_asset_report_css[];
extern const unsigned char ut_asset_report_js[];
extern const unsigned char ut_asset_page_html[];

#endif
