#include "report/html.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/assets.h"

/* 'sha256-...' of an inline style or script, as a content security policy names it. */
static void add_source_hash(ut_buf *out, const unsigned char *text)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, text, strlen((const char *)text));
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
 * ends to older scripts. All of these occur in strings alone, where an escape means the same. */
static void add_json(ut_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&') {
            ut_buf_addf(out, "\\u%04x", *text);
        } else if (strncmp(text, "\xE2\x80\xA8", 3) == 0 || strncmp(text, "\xE2\x80\xA9", 3) == 0) {
            ut_buf_adds(out, text[2] == '\xA8' ? "\\u2028" : "\\u2029");
            text += 2;
        } else {
            ut_buf_add(out, text, 1);
        }
    }
}

static char *conversation_text(const ut_conversation *c)
{
    json_t *json = ut_conversation_to_json(c);
    size_t i;
    json_t *utterance;
    json_array_foreach(json_object_get(json, "utterances"), i, utterance)
    {
        json_object_del(utterance, "voice");
        json_object_del(utterance, "text_embedding");
        json_object_del(utterance, "combined_embedding");
        json_object_del(utterance, "words");
    }
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    return text;
}

static ut_status add_audio(ut_buf *out, const ut_html_audio *audio, ut_error *err)
{
    if (!audio || !audio->length)
        return UT_OK;
    size_t size = sodium_base64_encoded_len(audio->length, sodium_base64_VARIANT_ORIGINAL);
    char *base64 = malloc(size);
    if (!base64)
        return ut_fail_memory(err, "report");
    sodium_bin2base64(base64, size, audio->data, audio->length, sodium_base64_VARIANT_ORIGINAL);
    ut_buf_adds(out, "<audio id=\"audio\" controls preload=\"metadata\" aria-label=\"Recording\" "
                     "src=\"data:");
    add_escaped(out, audio->mime);
    ut_buf_adds(out, ";base64,");
    ut_buf_adds(out, base64);
    ut_buf_adds(out, "\"></audio>\n");
    free(base64);
    return UT_OK;
}

static void add_head(ut_buf *out, const ut_conversation *c)
{
    ut_buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "base-uri 'none'; form-action 'none'; media-src data: blob:; style-src ");
    add_source_hash(out, ut_asset_report_css);
    ut_buf_adds(out, "; script-src ");
    add_source_hash(out, ut_asset_report_js);
    ut_buf_adds(out, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "\n<meta name=\"generator\" content=\"Undertone " UT_VERSION "\">\n<title>");
    add_escaped(out, c->id ? c->id : "");
    ut_buf_adds(out, " - Undertone</title>\n<style>");
    ut_buf_adds(out, (const char *)ut_asset_report_css);
    ut_buf_adds(out, "</style>\n</head>\n<body>\n");
}

ut_status ut_report_html(const ut_conversation *c, const ut_html_audio *audio, ut_buf *out,
                         ut_error *err)
{
    char *json = conversation_text(c);
    if (!json)
        return ut_fail_memory(err, "report");
    add_head(out, c);
    ut_buf_adds(out, (const char *)ut_asset_page_html);
    ut_status status = add_audio(out, audio, err);
    ut_buf_adds(out, "<script type=\"application/json\" id=\"data\">");
    add_json(out, json);
    ut_buf_adds(out, "</script>\n<script>");
    ut_buf_adds(out, (const char *)ut_asset_report_js);
    ut_buf_adds(out, "</script>\n</body>\n</html>\n");
    free(json);
    if (status == UT_OK && ut_buf_status(out) != UT_OK)
        status = ut_fail(err, ut_buf_status(out), "report",
                         "the report of %s grows too large; leave the recording out of it",
                         c->id ? c->id : "the conversation");
    return status;
}
