#include "report/html.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/error.h"
#include "report/page.h"

static ut_status put_sound(const ut_page *page, FILE *file, ut_error *err)
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
            status = ut_page_text(page, base64, err);
    }
    free(bytes);
    free(base64);
    return status;
}

static ut_status put_audio(const ut_page *page, const ut_html_audio *audio, ut_error *err)
{
    if (!audio || !audio->file)
        return UT_OK;
    UT_TRY(ut_page_text(page, "<audio id=\"audio\" preload=\"metadata\" hidden src=\"data:", err));
    UT_TRY(ut_page_text(page, audio->mime, err));
    UT_TRY(ut_page_text(page, ";base64,", err));
    UT_TRY(put_sound(page, audio->file, err));
    return ut_page_text(page, "\"></audio>\n", err);
}

/* In hundredths of the loudest. */
static ut_status put_peaks(const ut_peaks *peaks, ut_sink data, ut_error *err)
{
    float loudest = 0;
    size_t count = peaks ? peaks->count : 0;
    ut_buf out;
    ut_buf_init(&out, 0);
    for (size_t i = 0; i < count; i++)
        loudest = fmaxf(loudest, peaks->values[i]);
    ut_buf_adds(&out, loudest > 0 ? "{\"peaks\":[" : "{\"peaks\":null");
    for (size_t i = 0; loudest > 0 && i < count; i++)
        ut_buf_addf(&out, "%s%ld", i ? "," : "", lroundf(100 * peaks->values[i] / loudest));
    ut_buf_adds(&out, loudest > 0 ? "],\"conversation\":" : ",\"conversation\":");
    ut_status status = ut_buf_status(&out) == UT_OK
                           ? data.put(data.context, out.data, out.length, err)
                           : ut_fail_memory(err, "report");
    ut_buf_free(&out);
    return status;
}

ut_status ut_report_html(const ut_conversation *c, const ut_html_audio *audio, ut_sink sink,
                         ut_error *err)
{
    ut_page page = {c->id ? c->id : "", "conversation", sink};
    ut_sink data;
    UT_TRY(ut_page_begin(&page, err));
    UT_TRY(put_audio(&page, audio, err));
    UT_TRY(ut_page_data(&page, &data, err));
    UT_TRY(put_peaks(audio ? audio->peaks : NULL, data, err));
    UT_TRY(ut_conversation_write(c, UT_DOCUMENT_PAGE, data, err));
    UT_TRY(data.put(data.context, "}", 1, err));
    return ut_page_end(&page, err);
}
