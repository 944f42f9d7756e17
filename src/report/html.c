#include "report/html.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/assets.h"

/* 'sha256-...' of an inline style or script, as a content security policy names it. */
static void add_source_hash(ut_buf *out, const ut_asset *asset)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, asset->bytes, asset->length);
    sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    ut_buf_addf(out, "'sha256-%s'", base64);
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

/* JSON inside a script element: no '<' may end it or open a comment, and U+2028 and U+2029 are line
 * ends to older scripts. All of these occur in strings alone, where an escape means the same. Takes
 * pieces that end between two characters of the text; `context` is a sink. */
static ut_status put_json(void *context, const void *bytes, size_t count, ut_error *err)
{
    const ut_sink *sink = context;
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

static ut_status put_text(ut_sink sink, const char *text, ut_error *err)
{
    return sink.put(sink.context, text, strlen(text), err);
}

static ut_status put_sound(FILE *file, ut_sink sink, ut_error *err)
{
    enum { WINDOW = 3 * 16384 }; /* whole groups of base64 */
    static const int variant = sodium_base64_VARIANT_ORIGINAL;
    unsigned char *bytes = malloc(WINDOW);
    char *base64 = malloc(sodium_base64_encoded_len(WINDOW, variant));
    ut_status status = bytes && base64 ? UT_OK : ut_fail_memory(err, "report");
    size_t got = WINDOW;
    rewind(file);
    while (status == UT_OK && got == WINDOW) {
        got = fread(bytes, 1, WINDOW, file);
        if (ferror(file))
            status = ut_fail_errno(err, UT_ERR_IO, "report", "cannot read the sound back");
        sodium_bin2base64(base64, sodium_base64_encoded_len(got, variant), bytes, got, variant);
        if (status == UT_OK)
            status = put_text(sink, base64, err);
    }
    free(bytes);
    free(base64);
    return status;
}

static ut_status put_audio(const ut_html_audio *audio, ut_sink sink, ut_error *err)
{
    if (!audio || !audio->file)
        return UT_OK;
    UT_TRY(put_text(sink,
                    "<audio id=\"audio\" controls preload=\"metadata\" aria-label=\"Recording\" "
                    "src=\"data:",
                    err));
    UT_TRY(put_text(sink, audio->mime, err));
    UT_TRY(put_text(sink, ";base64,", err));
    UT_TRY(put_sound(audio->file, sink, err));
    return put_text(sink, "\"></audio>\n", err);
}

static void add_head(ut_buf *out, const ut_conversation *c)
{
    ut_buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "base-uri 'none'; form-action 'none'; media-src data: blob:; style-src ");
    add_source_hash(out, ut_asset_find("report/report.css"));
    ut_buf_adds(out, "; script-src ");
    add_source_hash(out, ut_asset_find("report/report.bundle.js"));
    ut_buf_adds(out, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "\n<meta name=\"generator\" content=\"Undertone " UT_VERSION "\">\n<title>");
    add_escaped(out, c->id ? c->id : "");
    ut_buf_adds(out, " - Undertone</title>\n<style>");
    ut_buf_adds(out, (const char *)ut_asset_find("report/report.css")->bytes);
    ut_buf_adds(out, "</style>\n</head>\n<body>\n");
}

ut_status ut_report_html(const ut_conversation *c, const ut_html_audio *audio, ut_sink sink,
                         ut_error *err)
{
    ut_buf head;
    ut_buf_init(&head, 0);
    add_head(&head, c);
    ut_buf_adds(&head, (const char *)ut_asset_find("report/page.html")->bytes);
    ut_status status = ut_buf_status(&head) == UT_OK ? put_text(sink, ut_buf_text(&head), err)
                                                     : ut_fail_memory(err, "report");
    ut_buf_free(&head);
    if (status == UT_OK)
        status = put_audio(audio, sink, err);
    if (status == UT_OK)
        status = put_text(sink, "<script type=\"application/json\" id=\"data\">", err);
    if (status == UT_OK)
        status = ut_conversation_write(c, UT_DOCUMENT_PAGE, (ut_sink){put_json, &sink}, err);
    if (status == UT_OK)
        status = put_text(sink, "</script>\n<script>", err);
    if (status == UT_OK)
        status = put_text(sink, (const char *)ut_asset_find("report/report.bundle.js")->bytes, err);
    return status == UT_OK ? put_text(sink, "</script>\n</body>\n</html>\n", err) : status;
}
