/* Every format, rate and channel count in; the same 16 kHz sound out. The recordings are made here.
 */
#include "ut_test.h"

#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/reader.h"
#include "audio/write.h"
#include "base/file.h"
#include "base/process.h"

/* Channel c holds a tone of 300 + 100 c Hz, amplitude 0.5, for `seconds`. */
static float *tones(int rate, int channels, double seconds, size_t *frames)
{
    *frames = (size_t)(rate * seconds);
    float *pcm = malloc(*frames * (size_t)channels * sizeof *pcm + 1);
    for (size_t i = 0; i < *frames; i++)
        for (int c = 0; c < channels; c++)
            pcm[i * (size_t)channels + (size_t)c] =
                (float)(0.5 * sin(2 * M_PI * (300.0 + 100 * c) * (double)i / rate));
    return pcm;
}

static void write_tones(const char *path, int format, int rate, int channels, double seconds)
{
    size_t frames;
    float *pcm = tones(rate, channels, seconds, &frames);
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file)
        print_error("%s: %s\n", path, sf_strerror(NULL));
    assert_non_null(file);
    sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    assert_int_equal(sf_writef_float(file, pcm, (sf_count_t)frames), (sf_count_t)frames);
    assert_int_equal(sf_close(file), 0);
    free(pcm);
}

static float *read_all(const char *path, int channel, size_t step, size_t *frames, char *warning)
{
    ut_audio *audio;
    ut_error err = {0};
    if (ut_audio_open(path, channel, &audio, &err) != UT_OK) {
        print_error("%s\n", err.message);
        fail();
    }
    size_t width = (size_t)ut_audio_width(audio);
    size_t room = 0;
    float *out = NULL;
    size_t got = step;
    *frames = 0;
    while (got == step) {
        room = *frames + step;
        out = realloc(out, room * width * sizeof *out);
        assert_int_equal(ut_audio_read(audio, out + *frames * width, step, &got, &err), UT_OK);
        *frames += got;
    }
    assert_int_equal(ut_audio_read(audio, out, step, &got, &err), UT_OK);
    assert_int_equal(got, 0); /* the end stays the end */
    if (warning)
        snprintf(warning, 256, "%.255s", ut_audio_warning(audio));
    ut_audio_close(audio);
    return out;
}

/* Amplitude of the tone of `hz` in the middle half of the signal. */
static double tone_level(const float *pcm, size_t frames, double hz)
{
    double re = 0;
    double im = 0;
    size_t from = frames / 4;
    size_t n = frames / 2;
    for (size_t i = 0; i < n; i++) {
        double window = 1 - cos(2 * M_PI * (double)i / (double)n);
        double phase = 2 * M_PI * hz * (double)(from + i) / UT_AUDIO_RATE;
        re += window * pcm[from + i] * cos(phase);
        im += window * pcm[from + i] * sin(phase);
    }
    return 2 * hypot(re, im) / (double)n;
}

static void formats_give_the_same_sound(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int format, rate, channels;
        double tolerance;
    } cases[] = {
        {"u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8000, 1, 0.01},
        {"s16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0.001},
        {"s24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 2, 0.001},
        {"s32.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_32, 48000, 6, 0.001},
        {"f32.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 22050, 2, 0.001},
        {"f64.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 96000, 1, 0.001},
        {"ulaw.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 0.02},
        {"alaw.wav", SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000, 2, 0.02},
        {"ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 16000, 1, 0.02},
        {"high.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 384000, 1, 0.001},
        {"low.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 4000, 1, 0.001},
        {"a.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 44100, 1, 0.001},
        {"a.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 16000, 1, 0.001},
        {"a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2, 0.001},
        {"deep.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 48000, 8, 0.001},
        {"a.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 2, 0.05},
        {"a.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 0.05},
        {"a.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2, 0.05},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = ut_test_in_folder(cases[i].name);
        write_tones(path, cases[i].format, cases[i].rate, cases[i].channels, 1.5);
        for (int c = 0; c < cases[i].channels; c++) {
            size_t frames;
            float *pcm = read_all(path, c, 1000, &frames, NULL);
            assert_near((double)frames / UT_AUDIO_RATE, 1.5, 0.1);
            assert_near(tone_level(pcm, frames, 300 + 100 * c), 0.5, cases[i].tolerance);
            free(pcm);
        }
        size_t frames;
        float *mix = read_all(path, UT_AUDIO_MIX, 1000, &frames, NULL);
        assert_near(tone_level(mix, frames, 300), 0.5 / cases[i].channels, cases[i].tolerance);
        free(mix);
    }
}

static void ffmpeg_formats_give_the_same_sound(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a.m4a", "aac"},         {"a.mp4", "aac"},
                                           {"a.webm", "libopus"},    {"a.mkv", "flac"},
                                           {"a.wma", "wmav2"},       {"a.wv", "wavpack"},
                                           {"a:b.m4a", "alac"},      {"-i.m4a", "aac"},
                                           {"line\nend.m4a", "aac"}, {"100%d $(x) '.m4a", "aac"}};
    if (!ut_process_available("ffmpeg"))
        UT_SKIP("M4A, MP4, WebM, AMR, WMA", "ffmpeg is not installed");
    write_tones(ut_test_in_folder("source.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char output[300];
        snprintf(output, sizeof output, "file:%s", ut_test_in_folder(cases[i][0]));
        const char *const argv[] = {"ffmpeg",
                                    "-v",
                                    "error",
                                    "-nostdin",
                                    "-y",
                                    "-i",
                                    ut_test_in_folder("source.wav"),
                                    "-c:a",
                                    cases[i][1],
                                    "-strict",
                                    "-2",
                                    output,
                                    NULL};
        ut_process process;
        int code;
        assert_int_equal(ut_process_start(&process, argv, (ut_process_limits){0}, NULL), UT_OK);
        ut_process_finish(&process, &code);
        if (code != 0) {
            print_message("SKIP: %s (this ffmpeg has no encoder %s)\n", cases[i][0], cases[i][1]);
            continue;
        }
        size_t frames;
        char warning[256];
        float *pcm = read_all(ut_test_in_folder(cases[i][0]), UT_AUDIO_MIX, 777, &frames, warning);
        assert_near((double)frames / UT_AUDIO_RATE, 3, 0.15);
        assert_near(tone_level(pcm, frames, 300), 0.5, 0.06);
        assert_string_equal(warning, "");
        free(pcm);
    }
}

/* Debian's ffmpeg decodes AMR but does not encode it: frames of 12.2 kbit/s (header 0x3c, 31 bytes)
 * of any bits. */
static void telephone_recordings_are_read(void **state)
{
    (void)state;
    enum { FRAMES = 150 };
    static char bytes[6 + 32 * FRAMES] = "#!AMR\n";
    uint32_t seed = 3;
    if (!ut_process_available("ffmpeg"))
        UT_SKIP("AMR", "ffmpeg is not installed");
    for (size_t i = 0; i < 32 * FRAMES; i++)
        bytes[6 + i] = i % 32 ? (char)((seed = seed * 1664525u + 1013904223u) >> 24) : 0x3c;
    assert_int_equal(ut_file_write(ut_test_in_folder("a.amr"), bytes, sizeof bytes, NULL), UT_OK);
    size_t frames;
    char warning[256];
    float *pcm = read_all(ut_test_in_folder("a.amr"), UT_AUDIO_MIX, 1000, &frames, warning);
    assert_near((double)frames / UT_AUDIO_RATE, 3, 0.05);
    assert_string_equal(warning, "");
    free(pcm);
}

static void window_size_changes_nothing(void **state)
{
    (void)state;
    const char *path = ut_test_in_folder("steps.wav");
    write_tones(path, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2, 1.234);
    size_t frames;
    float *whole = read_all(path, UT_AUDIO_ALL, 100000, &frames, NULL);
    assert_int_equal(frames, (size_t)lrint(54419 * 16000.0 / 44100));
    for (size_t step = 1; step < 20000; step = step * 7 + 1) {
        size_t n;
        float *parts = read_all(path, UT_AUDIO_ALL, step, &n, NULL);
        assert_int_equal(n, frames);
        assert_memory_equal(parts, whole, frames * 2 * sizeof *parts);
        free(parts);
    }
    free(whole);
}

static void info_tells_the_recording(void **state)
{
    (void)state;
    ut_audio *audio;
    write_tones(ut_test_in_folder("i.flac"), SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 22050, 2, 2);
    assert_int_equal(ut_audio_open(ut_test_in_folder("i.flac"), UT_AUDIO_MIX, &audio, NULL), UT_OK);
    const ut_audio_info *info = ut_audio_get_info(audio);
    assert_int_equal(info->rate, 22050);
    assert_int_equal(info->channels, 2);
    assert_near(info->duration, 2, 1e-9);
    assert_string_equal(info->format, "flac");
    ut_audio_close(audio);
}

static void samples_that_are_no_numbers_become_silence(void **state)
{
    (void)state;
    size_t frames;
    float *pcm = tones(16000, 1, 1, &frames);
    pcm[100] = NAN;
    pcm[200] = INFINITY;
    pcm[300] = -3e38f;
    assert_int_equal(
        ut_wav_write(ut_test_in_folder("nan.wav"), pcm, frames, 1, 16000, UT_WAV_F32, NULL), UT_OK);
    char warning[256];
    size_t n;
    float *out = read_all(ut_test_in_folder("nan.wav"), UT_AUDIO_MIX, 999, &n, warning);
    assert_int_equal(n, frames);
    assert_true(out[100] == 0 && out[200] == 0 && out[300] == 0);
    assert_near(out[101], pcm[101], 0);
    assert_string_equal(warning, "3 samples were not numbers and count as silence");
    free(out);
    for (size_t i = 0; i < frames; i++)
        pcm[i] = NAN;
    assert_int_equal(
        ut_wav_write(ut_test_in_folder("nan.wav"), pcm, 4000, 1, 16000, UT_WAV_F32, NULL), UT_OK);
    ut_audio *audio;
    ut_error err;
    assert_int_equal(ut_audio_open(ut_test_in_folder("nan.wav"), UT_AUDIO_MIX, &audio, &err),
                     UT_ERR_FORMAT);
    assert_non_null(strstr(err.message, "not numbers"));
    free(pcm);
}

static void expect_error(const char *path, ut_status status, const char *part)
{
    ut_audio *audio = (ut_audio *)1;
    ut_error err = {0};
    assert_int_equal(ut_audio_open(path, UT_AUDIO_MIX, &audio, &err), status);
    assert_null(audio);
    if (!strstr(err.message, part))
        print_error("\"%s\" does not say \"%s\"\n", err.message, part);
    assert_non_null(strstr(err.message, part));
}

static void bad_input_is_told(void **state)
{
    (void)state;
    bool ffmpeg = ut_process_available("ffmpeg");
    expect_error(ut_test_in_folder("absent.wav"), UT_ERR_NOT_FOUND, "absent.wav");
    assert_int_equal(mkdir(ut_test_in_folder("sub"), 0777), 0);
    expect_error(ut_test_in_folder("sub"), UT_ERR_IO, "a folder");
    assert_int_equal(ut_file_write(ut_test_in_folder("empty.wav"), "", 0, NULL), UT_OK);
    expect_error(ut_test_in_folder("empty.wav"), UT_ERR_FORMAT, "is empty");
    static const char text[] = "This is a letter, not a recording.\nDear Sir, ...\n";
    assert_int_equal(ut_file_write(ut_test_in_folder("new\nline.mp3"), text, sizeof text, NULL),
                     UT_OK);
    expect_error(ut_test_in_folder("new\nline.mp3"), ffmpeg ? UT_ERR_FORMAT : UT_ERR_UNSUPPORTED,
                 "new?line.mp3");
    write_tones(ut_test_in_folder("none.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0);
    expect_error(ut_test_in_folder("none.wav"), UT_ERR_FORMAT, "no sound");
    write_tones(ut_test_in_folder("many.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 100, 0.1);
    expect_error(ut_test_in_folder("many.wav"), UT_ERR_LIMIT, "100 channels");
    write_tones(ut_test_in_folder("slow.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, 1, 50);
    expect_error(ut_test_in_folder("slow.wav"), UT_ERR_LIMIT, "1 Hz");
    write_tones(ut_test_in_folder("fast.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 768000, 1, 0.1);
    expect_error(ut_test_in_folder("fast.wav"), UT_ERR_LIMIT, "768000 Hz");
    ut_audio *audio;
    write_tones(ut_test_in_folder("one.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 0.1);
    assert_int_equal(ut_audio_open(ut_test_in_folder("one.wav"), 1, &audio, NULL), UT_ERR_USAGE);
}

/* A playlist must not make ffmpeg open the files it names. */
static void playlists_are_refused(void **state)
{
    (void)state;
    write_tones(ut_test_in_folder("inner.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 1);
    char list[400];
    snprintf(list, sizeof list, "ffconcat version 1.0\nfile '%s'\n",
             ut_test_in_folder("inner.wav"));
    assert_int_equal(ut_file_write(ut_test_in_folder("list.mp4"), list, strlen(list), NULL), UT_OK);
    expect_error(ut_test_in_folder("list.mp4"),
                 ut_process_available("ffmpeg") ? UT_ERR_FORMAT : UT_ERR_UNSUPPORTED, "list.mp4");
}

static void without_ffmpeg_the_package_is_named(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    static const char text[] = "neither sound nor known";
    assert_int_equal(ut_file_write(ut_test_in_folder("x.m4a"), text, sizeof text, NULL), UT_OK);
    setenv("PATH", "/nonexistent", 1);
    expect_error(ut_test_in_folder("x.m4a"), UT_ERR_UNSUPPORTED, "install the package ffmpeg");
    setenv("PATH", path, 1);
    free(path);
}

static void a_cut_recording_is_read_and_told(void **state)
{
    (void)state;
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        char warning[256];
        char *bytes;
        size_t length;
        write_tones(ut_test_in_folder("cut"), formats[i], 16000, 1, 2);
        float *pcm = read_all(ut_test_in_folder("cut"), UT_AUDIO_MIX, 1000, &n, warning);
        assert_string_equal(warning, "");
        assert_int_equal(n, 32000);
        free(pcm);
        assert_int_equal(ut_file_read(ut_test_in_folder("cut"), 1 << 20, &bytes, &length, NULL),
                         UT_OK);
        assert_int_equal(ut_file_write(ut_test_in_folder("cut"), bytes, length * 6 / 10, NULL),
                         UT_OK);
        pcm = read_all(ut_test_in_folder("cut"), UT_AUDIO_MIX, 1000, &n, warning);
        assert_true(n > 10000 && n < 21000);
        assert_non_null(strstr(warning, "cut short"));
        free(pcm);
        /* Every shorter cut is an error or a warning, never a crash. */
        for (size_t keep = 0; keep < 1200; keep += 13) {
            ut_audio *audio;
            assert_int_equal(ut_file_write(ut_test_in_folder("cut"), bytes, keep, NULL), UT_OK);
            if (keep % 5 == 0 || keep > 40)
                if (ut_audio_open(ut_test_in_folder("cut"), UT_AUDIO_MIX, &audio, NULL) == UT_OK)
                    ut_audio_close(audio);
        }
        free(bytes);
    }
}

/* A program that writes WAV into a pipe cannot know the size: no warning. */
static void streamed_headers_are_no_damage(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    size_t n;
    char warning[256];
    write_tones(ut_test_in_folder("stream.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 1);
    assert_int_equal(ut_file_read(ut_test_in_folder("stream.wav"), 1 << 20, &bytes, &length, NULL),
                     UT_OK);
    memset(bytes + 4, 0xff, 4);
    memset(bytes + 40, 0xff, 4);
    assert_int_equal(ut_file_write(ut_test_in_folder("stream.wav"), bytes, length, NULL), UT_OK);
    float *pcm = read_all(ut_test_in_folder("stream.wav"), UT_AUDIO_MIX, 1000, &n, warning);
    assert_int_equal(n, 16000);
    assert_string_equal(warning, "");
    free(pcm);
    free(bytes);
}

/* Noise bursts in turn: on the left for even seconds, on the right for odd, `bleed` into the other.
 */
static void write_call(const char *path, float bleed, bool both)
{
    enum { RATE = 8000, SECONDS = 20 };
    float *pcm = malloc(2 * RATE * SECONDS * sizeof *pcm);
    uint32_t seed = 1;
    for (size_t i = 0; i < (size_t)RATE * SECONDS; i++) {
        seed = seed * 1664525u + 1013904223u;
        float noise = ((float)(seed >> 8) / 8388608.0f - 1) * 0.3f;
        seed = seed * 1664525u + 1013904223u;
        float hiss = ((float)(seed >> 8) / 8388608.0f - 1) * 0.0005f;
        int side = (int)(i / RATE) & 1;
        pcm[2 * i + (size_t)side] = noise + hiss;
        pcm[2 * i + (size_t)!side] = (both ? noise : bleed * noise) - hiss;
    }
    assert_int_equal(ut_wav_write(path, pcm, (size_t)RATE * SECONDS, 2, RATE, UT_WAV_S16, NULL),
                     UT_OK);
    free(pcm);
}

static void two_channel_calls_are_recognised(void **state)
{
    (void)state;
    bool split;
    write_call(ut_test_in_folder("call.wav"), 0.03f, false);
    assert_int_equal(ut_audio_is_split(ut_test_in_folder("call.wav"), 0, &split, NULL), UT_OK);
    assert_true(split);
    write_call(ut_test_in_folder("call.wav"), 0.6f, false);
    assert_int_equal(ut_audio_is_split(ut_test_in_folder("call.wav"), 0, &split, NULL), UT_OK);
    assert_false(split);
    write_call(ut_test_in_folder("call.wav"), 0, true);
    assert_int_equal(ut_audio_is_split(ut_test_in_folder("call.wav"), 0, &split, NULL), UT_OK);
    assert_false(split);
    write_tones(ut_test_in_folder("mono.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 1);
    assert_int_equal(ut_audio_is_split(ut_test_in_folder("mono.wav"), 0, &split, NULL), UT_OK);
    assert_false(split);
    /* One silent side is no second party. */
    size_t frames;
    float *pcm = tones(8000, 2, 4, &frames);
    for (size_t i = 0; i < frames; i++)
        pcm[2 * i] = 0;
    assert_int_equal(
        ut_wav_write(ut_test_in_folder("half.wav"), pcm, frames, 2, 8000, UT_WAV_S16, NULL), UT_OK);
    assert_int_equal(ut_audio_is_split(ut_test_in_folder("half.wav"), 0, &split, NULL), UT_OK);
    assert_false(split);
    free(pcm);
}

static double level(const float *pcm, double from, double to)
{
    double sum = 0;
    size_t first = (size_t)(from * UT_AUDIO_RATE), last = (size_t)(to * UT_AUDIO_RATE);
    for (size_t i = first; i < last; i++)
        sum += (double)pcm[i] * pcm[i];
    return sqrt(sum / (double)(last - first));
}

/* What leaks into a channel is hushed; its own party is not touched, nor are two who talk at once.
 */
static void a_channel_alone_holds_its_own_party(void **state)
{
    (void)state;
    size_t frames;
    for (int both = 0; both < 2; both++) {
        write_call(ut_test_in_folder("call.wav"), 0.1f, both);
        for (int side = 0; side < 2; side++) {
            float *pcm = read_all(ut_test_in_folder("call.wav"), side, 777, &frames, NULL);
            for (int second = 0; second < 20; second++) {
                double got = level(pcm, second + 0.1, second + 0.95);
                bool own = second % 2 == side || both;
                assert_true(own ? got > 0.15 : got < 1e-3);
            }
            free(pcm);
        }
    }
}

static FILE *scratch(void)
{
    FILE *file;
    assert_int_equal(ut_file_scratch(ut_test_in_folder(""), &file, NULL), UT_OK);
    return file;
}

static size_t bytes_of(FILE *file, char *bytes, size_t room)
{
    rewind(file);
    size_t got = fread(bytes, 1, room, file);
    assert_true(got < room);
    return got;
}

static void packed_recordings_play_back(void **state)
{
    (void)state;
    static char first[200000], second[200000];
    const char *mime;
    write_tones(ut_test_in_folder("pack.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2, 5);
    FILE *out = scratch(), *again = scratch();
    assert_int_equal(
        ut_audio_encode(ut_test_in_folder("pack.wav"), out, 1 << 20, &mime, NULL, NULL), UT_OK);
    assert_int_equal(
        ut_audio_encode(ut_test_in_folder("pack.wav"), again, 1 << 20, &mime, NULL, NULL), UT_OK);
    size_t length = bytes_of(out, first, sizeof first);
    assert_int_equal(bytes_of(again, second, sizeof second), length);
    assert_memory_equal(first, second, length);
    assert_true(length < 5 * 16000 * 2);
    assert_int_equal(ut_file_write(ut_test_in_folder("packed"), first, length, NULL), UT_OK);
    size_t n;
    float *pcm = read_all(ut_test_in_folder("packed"), UT_AUDIO_MIX, 1000, &n, NULL);
    assert_near((double)n / UT_AUDIO_RATE, 5, 0.15);
    assert_near(tone_level(pcm, n, 300), 0.25, 0.02);
    free(pcm);
    fclose(again);
    again = scratch();
    assert_int_equal(ut_audio_encode(ut_test_in_folder("pack.wav"), again, 1000, &mime, NULL, NULL),
                     UT_ERR_LIMIT);
    fclose(again);
    fclose(out);
    ut_peaks peaks; /* without packing; more samples than parts, so that they were joined */
    assert_int_equal(ut_audio_encode(ut_test_in_folder("pack.wav"), NULL, 0, NULL, &peaks, NULL),
                     UT_OK);
    assert_in_range(peaks.count, 500 - 2, 500 + 2);
    assert_int_equal(peaks.width, 160);
    for (size_t i = 5; i < 490; i++)
        assert_near(peaks.values[i], 0.48, 0.05);
    float ramp[1000];
    ut_peaks long_one = {0};
    for (int k = 0; k < 3000; k++) {
        for (int i = 0; i < 1000; i++)
            ramp[i] = (float)k / 3000 * (i % 2 ? 1.0f : -1.0f);
        ut_peaks_add(&long_one, ramp, 1000);
    }
    ut_peaks_end(&long_one);
    assert_in_range(long_one.count, UT_PEAKS_MOST / 2, UT_PEAKS_MOST);
    assert_int_equal(long_one.count, (3000000 + long_one.width - 1) / long_one.width);
    for (size_t i = 0; i < long_one.count; i++)
        assert_near(long_one.values[i], (double)i / (double)long_one.count, 0.002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_give_the_same_sound),
        cmocka_unit_test(ffmpeg_formats_give_the_same_sound),
        cmocka_unit_test(telephone_recordings_are_read),
        cmocka_unit_test(window_size_changes_nothing),
        cmocka_unit_test(info_tells_the_recording),
        cmocka_unit_test(samples_that_are_no_numbers_become_silence),
        cmocka_unit_test(bad_input_is_told),
        cmocka_unit_test(playlists_are_refused),
        cmocka_unit_test(without_ffmpeg_the_package_is_named),
        cmocka_unit_test(a_cut_recording_is_read_and_told),
        cmocka_unit_test(streamed_headers_are_no_damage),
        cmocka_unit_test(two_channel_calls_are_recognised),
        cmocka_unit_test(a_channel_alone_holds_its_own_party),
        cmocka_unit_test(packed_recordings_play_back),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
