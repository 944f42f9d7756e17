/* The exports hold what the conversation holds, in each format's own grammar (checked by small
 * readers written from the specifications, and Python's csv module). */
#include "ut_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/cues.h"
#include "report/exports.h"
#include "synthetic.h"

/* One RFC 4180 field; returns what follows it. `value` has room for 4096 bytes. */
static const char *csv_field(const char *at, char *value)
{
    size_t n = 0;
    if (*at == '"') {
        for (at++; *at != '"' || at[1] == '"'; at++) {
            assert_true(*at);
            at += *at == '"';
            value[n++] = *at;
        }
        at++;
    } else {
        while (*at && *at != ',' && *at != '\r') {
            assert_true(*at != '"' && *at != '\n');
            value[n++] = *at++;
        }
    }
    value[n] = 0;
    assert_true(n < 4096);
    return at;
}

static void csv_reads_back(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(40);
    c->utterances[0].emotion.label_set = 1u << UT_HAPPY | 1u << UT_NON_NEUTRAL;
    ut_buf out;
    ut_buf_init(&out, 0);
    assert_int_equal(ut_export_csv(c, &out), UT_OK);
    const char *at = out.data;
    for (size_t row = 0; row <= c->utterance_count; row++) {
        char value[4096];
        for (int column = 0; column < 17; column++) {
            at = csv_field(at, value);
            if (row && column == 5)
                assert_string_equal(value, c->utterances[row - 1].text);
            if (row && column == 1)
                assert_near(strtod(value, NULL), c->utterances[row - 1].start, 0.0006);
            if (row && column == 7)
                assert_string_equal(value,
                                    c->utterances[row - 1].emotion.present
                                        ? ut_emotion_name(c->utterances[row - 1].emotion.label)
                                        : "");
            if (row && column == 9 && *value)
                assert_near(strtod(value, NULL),
                            c->utterances[row - 1].emotion.probabilities[UT_SAD], 0.00006);
            if (row && column == 14)
                assert_string_equal(value, row == 1 ? "happy non-neutral" : "");
            if (column < 16)
                assert_int_equal(*at++, ',');
        }
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
    }
    assert_int_equal(*at, 0);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

/* "00:00:01<point>500" in milliseconds */
static long read_clock(const char *at, char point)
{
    static const char form[] = "dd:dd:dd.ddd";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = at[i] >= '0' && at[i] <= '9';
        assert_true(form[i] == 'd' ? digit : at[i] == (form[i] == '.' ? point : form[i]));
    }
    return ((strtol(at, NULL, 10) * 60 + strtol(at + 3, NULL, 10)) * 60 +
            strtol(at + 6, NULL, 10)) *
               1000 +
           strtol(at + 9, NULL, 10);
}

/* Reads cues of either kind and appends all their texts' letters to `letters`. */
static size_t read_cues(const char *at, char point, ut_buf *letters)
{
    size_t count = 0;
    long last = -1;
    while (*at) {
        char *end;
        assert_int_equal(strtol(at, &end, 10), (long)++count);
        assert_int_equal(*end, '\n');
        at = end + 1;
        long from = read_clock(at, point), to = read_clock(at + 17, point);
        assert_memory_equal(at + 12, " --> ", 5);
        assert_true(to > from && from >= last);
        last = from;
        at += 29;
        assert_int_equal(*at++, '\n');
        int lines = 0;
        while (*at && *at != '\n') {
            const char *stop = strchr(at, '\n');
            assert_non_null(stop);
            const char *text = at;
            if (!lines && *at == '[')
                text = strstr(at, ": ") + 2;
            if (!lines && *at == '<' && at[1] == 'v')
                text = strchr(at, '>') + 1;
            assert_null(memmem(text, (size_t)(stop - text), "-->", 3));
            if (point == ',')
                assert_true(ut_text_columns(text, (size_t)(stop - text)) <= UT_CUE_COLUMNS);
            for (; text < stop; text++) {
                if (point == '.' && *text == '<') {
                    assert_memory_equal(text, "</v>", 4);
                    text += 3;
                } else if (*text != ' ') {
                    ut_buf_add(letters, text, 1);
                }
            }
            lines++;
            at = stop + 1;
        }
        assert_true(lines >= 1 && lines <= UT_CUE_LINES);
        at += *at == '\n';
    }
    return count;
}

static void subtitles_hold_all_text(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(24);
    ut_buf srt, vtt, letters, expected, again;
    ut_buf_init(&srt, 0);
    ut_buf_init(&vtt, 0);
    ut_buf_init(&letters, 0);
    ut_buf_init(&expected, 0);
    ut_buf_init(&again, 0);
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        for (const char *s = u->text; *s; s++)
            if (*s != ' ')
                ut_buf_add(&expected, s, 1);
        if (!*u->text && u->emotion.present)
            ut_buf_addf(&expected, "(%s)", ut_emotion_name(u->emotion.label));
    }
    assert_int_equal(ut_export_srt(c, &srt), UT_OK);
    size_t cues = read_cues(srt.data, ',', &letters);
    assert_string_equal(ut_buf_text(&letters), ut_buf_text(&expected));
    assert_true(cues > c->utterance_count); /* the long utterance makes several */

    assert_int_equal(ut_export_vtt(c, &vtt), UT_OK);
    assert_memory_equal(vtt.data, "WEBVTT\n\n1\n", 10);
    assert_non_null(strstr(vtt.data, "<v SPEAKER_00>"));
    assert_non_null(strstr(vtt.data, "&lt;b&gt;truly&lt;/b&gt; &amp;"));
    assert_int_equal(read_cues(vtt.data + 8, '.', &again), cues);
    ut_buf_free(&srt);
    ut_buf_free(&vtt);
    ut_buf_free(&letters);
    ut_buf_free(&expected);
    ut_buf_free(&again);
    ut_conversation_destroy(c);
}

static void simple_formats(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(1);
    c->utterances[0] = (ut_utterance){.start = 0.0624,
                                      .end = 3725.9996,
                                      .speaker = 1,
                                      .text = " a\n\tb  c ",
                                      .speaker_confidence = 1};
    ut_buf out;
    ut_buf_init(&out, 0);
    assert_int_equal(ut_export_tsv(c, &out), UT_OK);
    assert_string_equal(out.data, "start\tend\ttext\n62\t3726000\ta b c\n");
    ut_buf_clear(&out);
    assert_int_equal(ut_export_txt(c, &out), UT_OK);
    assert_string_equal(out.data, "[SPEAKER_01]: a b c\n");
    ut_buf_clear(&out);
    assert_int_equal(ut_export_rttm(c, &out), UT_OK);
    assert_string_equal(
        out.data, "SPEAKER calls/first_one 1 0.062 3725.937 <NA> <NA> SPEAKER_01 <NA> <NA>\n");
    ut_buf_clear(&out);
    assert_int_equal(ut_export_srt(c, &out), UT_OK);
    assert_non_null(strstr(out.data, " --> 01:02:06,000\n"));
    ut_buf_clear(&out);
    c->utterance_count = 0;
    for (size_t i = 0; i < UT_EXPORT_COUNT; i++)
        assert_int_equal(ut_exports[i].write(c, &out), UT_OK);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

static void tiers_do_not_overlap(void **state)
{
    (void)state;
    ut_conversation *c = synthetic(3);
    c->source.duration = 4;
    c->speakers[1] = "the \"second\" & <last>";
    ut_utterance *u = c->utterances;
    u[0] = (ut_utterance){.start = 0.5, .end = 2, .text = "say \"a\" & b", .speaker = 1};
    u[0].emotion = (ut_emotion){.present = true, .label = UT_ANGRY};
    u[1] = (ut_utterance){.start = 1, .end = 3, .text = "c", .speaker = 1};
    u[2] = (ut_utterance){.start = 1.5, .end = 2.5, .text = "d", .speaker = 1};
    ut_buf out;
    ut_buf_init(&out, 0);
    assert_int_equal(ut_export_textgrid(c, &out), UT_OK);
    assert_non_null(strstr(out.data, "name = \"the \"\"second\"\" & <last>\"\n        xmin = 0\n"
                                     "        xmax = 4.000\n        intervals: size = 4\n"));
    assert_non_null(strstr(out.data, "xmin = 0.500\n            xmax = 2.000\n"
                                     "            text = \"say \"\"a\"\" & b\"\n"));
    assert_non_null(strstr(out.data, "intervals [3]:\n            xmin = 2.000\n"
                                     "            xmax = 3.000\n            text = \"c\"\n"));
    assert_null(strstr(out.data, "\"d\"")); /* nothing is left of it */
    ut_buf_clear(&out);
    assert_int_equal(ut_export_eaf(c, &out), UT_OK);
    assert_non_null(strstr(out.data, "<TIME_SLOT TIME_SLOT_ID=\"ts2\" TIME_VALUE=\"2000\"/>"));
    assert_null(strstr(out.data, "ts4"));
    assert_non_null(strstr(out.data, "<ALIGNABLE_ANNOTATION ANNOTATION_ID=\"a1\" "
                                     "TIME_SLOT_REF1=\"ts2\" TIME_SLOT_REF2=\"ts3\">"
                                     "<ANNOTATION_VALUE>c</ANNOTATION_VALUE>"));
    assert_non_null(strstr(out.data, "ANNOTATION_REF=\"a0\" CVE_REF=\"cve2\">"
                                     "<ANNOTATION_VALUE>angry</ANNOTATION_VALUE>"));
    assert_non_null(strstr(out.data, "PARTICIPANT=\"the &quot;second&quot; &amp; &lt;last&gt;\""));
    ut_buf_clear(&out);
    assert_int_equal(ut_export_audacity(c, &out), UT_OK);
    assert_memory_equal(
        out.data, "0.500\t2.000\t[the \"second\" & <last>] angry: say \"a\" & b\n1.000\t3.000\t",
        60);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
}

static void keep(const char *folder, const char *name, ut_buf *out)
{
    char *path = ut_path_join(folder, name);
    assert_int_equal(ut_file_write(path, out->data, out->length, NULL), UT_OK);
    free(path);
    ut_buf_clear(out);
}

/* For the test that opens them in their own programs: exports/ in the build folder. */
static void writes_examples(void **state)
{
    (void)state;
    const char *build = getenv("UT_BUILD_DIR");
    if (!build)
        return;
    char *folder = ut_path_join(build, "exports");
    assert_int_equal(ut_file_make_dirs(folder, NULL), UT_OK);
    ut_conversation *c = synthetic(40);
    ut_buf out;
    ut_buf_init(&out, 0);
    for (size_t i = 0; i < UT_EXPORT_COUNT; i++) {
        assert_int_equal(ut_exports[i].write(c, &out), UT_OK);
        keep(folder, ut_exports[i].name, &out);
    }
    assert_int_equal(ut_conversation_write(c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &out}, NULL),
                     UT_OK);
    keep(folder, "conversation.json", &out);
    c->utterance_count = 0;
    assert_int_equal(ut_export_eaf(c, &out), UT_OK);
    keep(folder, "nothing.eaf", &out);
    ut_buf_free(&out);
    ut_conversation_destroy(c);
    free(folder);
}

static void lines_balance(void **state)
{
    (void)state;
    const char *text = "one two three four five six seven eight nine ten";
    size_t next, n = ut_cue_line(text, strlen(text), &next);
    assert_int_equal(n, strlen("one two three four five"));
    assert_int_equal(next, n + 1);
    char wide[121];
    memset(wide, 'x', 120);
    wide[120] = 0;
    assert_int_equal(ut_cue_line(wide, 120, &next), UT_CUE_COLUMNS);
    assert_int_equal(next, UT_CUE_COLUMNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_back),  cmocka_unit_test(subtitles_hold_all_text),
        cmocka_unit_test(simple_formats),  cmocka_unit_test(tiers_do_not_overlap),
        cmocka_unit_test(writes_examples), cmocka_unit_test(lines_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
