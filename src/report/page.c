#include "report/page.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "report/assets.h"

/* wavesurfer.js puts a style into its own shadow root; this is what its text hashes to with the
 * height of 56 that web/components/player.js asks for. The browser's message names the new hash
 * when it changes, and tests/e2e hear of it. */
#define WAVE_STYLE "'sha256-GDz2FZP0i7VZaDhs1mgc43IRUXU2xajPIjvThHvZvbs='"

const char ut_page_policy[] =
    "default-src 'self'; style-src 'self' " WAVE_STYLE "; img-src 'self' blob: data:; media-src "
    "'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char *const styles[] = {"vendor/uPlot.min.css", "components/style.css",
                                     "report/report.css"};
static const char *const libraries[] = {"vendor/wavesurfer.min.js", "vendor/uPlot.iife.min.js"};
enum { STYLES = sizeof styles / sizeof *styles, LIBRARIES = sizeof libraries / sizeof *libraries };

/* 'sha256-...' of an inline style or script, as a content security policy names it. */
static void add_hash(ut_buf *out, const ut_asset *asset)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, asset->bytes, asset->length);
    sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    ut_buf_addf(out, " 'sha256-%s'", base64);
}

static void add_escaped(ut_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            ut_buf_adds(out, entity);
        else
            ut_buf_add(out, text, 1);
    }
}

static const ut_asset *own_script(const ut_page *page)
{
    char path[64];
    snprintf(path, sizeof path, "report/%s.bundle.js", page->script);
    return ut_asset_find(path);
}

static void add_inline(ut_buf *out, const char *tag, const ut_asset *asset)
{
    ut_buf_addf(out, "<%s>", tag);
    ut_buf_add(out, asset->bytes, asset->length);
    ut_buf_addf(out, "</%s>\n", tag);
}

ut_status ut_page_text(const ut_page *page, const char *text, ut_error *err)
{
    return page->sink.put(page->sink.context, text, strlen(text), err);
}

/* All that was gathered, or why not. */
static ut_status flush(const ut_page *page, ut_buf *out, ut_error *err)
{
    ut_status status = ut_buf_status(out) == UT_OK
                           ? page->sink.put(page->sink.context, out->data, out->length, err)
                           : ut_fail_memory(err, "report");
    ut_buf_free(out);
    return status;
}

ut_status ut_page_begin(const ut_page *page, ut_error *err)
{
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_buf_adds(&out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "base-uri 'none'; form-action 'none'; media-src data: blob:; style-src "
                      "" WAVE_STYLE);
    for (int i = 0; i < STYLES; i++)
        add_hash(&out, ut_asset_find(styles[i]));
    ut_buf_adds(&out, "; script-src");
    for (int i = 0; i < LIBRARIES; i++)
        add_hash(&out, ut_asset_find(libraries[i]));
    add_hash(&out, own_script(page));
    ut_buf_adds(&out,
                "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "\n<meta name=\"generator\" content=\"Undertone " UT_VERSION "\">\n<title>");
    add_escaped(&out, page->title);
    ut_buf_adds(&out, " - Undertone</title>\n");
    for (int i = 0; i < STYLES; i++)
        add_inline(&out, "style", ut_asset_find(styles[i]));
    const ut_asset *body = ut_asset_find("report/page.html");
    ut_buf_adds(&out, "</head>\n<body>\n");
    ut_buf_add(&out, body->bytes, body->length);
    return flush(page, &out, err);
}

/* JSON inside a script element: no '<' may end it or open a comment, and U+2028 and U+2029 are line
 * ends to older scripts. All of these occur in strings alone, where an escape means the same. */
static ut_status put_json(void *context, const void *bytes, size_t count, ut_error *err)
{
    const ut_sink *sink = &((const ut_page *)context)->sink;
    const char *text = bytes, *end = text + count, *done = text;
    ut_status status = UT_OK;
    for (const char *at = text; at < end && status == UT_OK; at++) {
        bool line = end - at >= 3 &&
                    (memcmp(at, "\xE2\x80\xA8", 3) == 0 || memcmp(at, "\xE2\x80\xA9", 3) == 0);
        if (!line && *at != '<' && *at != '>' && *at != '&')
            continue;
        char escape[8];
        int length =
            snprintf(escape, sizeof escape, "\\u%04x", line ? 0x2028 + (at[2] == '\xA9') : *at);
        status = sink->put(sink->context, done, (size_t)(at - done), err);
        if (status == UT_OK)
            status = sink->put(sink->context, escape, (size_t)length, err);
        at += line ? 2 : 0;
        done = at + 1;
    }
    return status == UT_OK ? sink->put(sink->context, done, (size_t)(end - done), err) : status;
}

ut_status ut_page_data(const ut_page *page, ut_sink *data, ut_error *err)
{
    *data = (ut_sink){put_json, (void *)(uintptr_t)page};
    return ut_page_text(page, "<script type=\"application/json\" id=\"data\">", err);
}

ut_status ut_page_end(const ut_page *page, ut_error *err)
{
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_buf_adds(&out, "</script>\n");
    for (int i = 0; i < LIBRARIES; i++)
        add_inline(&out, "script", ut_asset_find(libraries[i]));
    add_inline(&out, "script", own_script(page));
    ut_buf_adds(&out, "</body>\n</html>\n");
    return flush(page, &out, err);
}
