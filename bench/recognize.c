/* Transcribes raw 16 kHz mono f32 files, a window of up to 30 s each:
 *     recognize MODEL_DIR BEAM LANGUAGE|auto FILE.f32 ...
 * One line a file: name, text; with UT_WORDS set also a line a word. CPU seconds at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "speech/recognize.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    ut_error err;
    ut_recognizer *recognizer;
    ut_recognizer_session *session;
    if (argc < 5 || ut_recognizer_open(argv[1], &recognizer, &err) != UT_OK ||
        ut_recognizer_session_create(recognizer, &session, &err) != UT_OK) {
        fprintf(stderr, "%s\n",
                argc < 5 ? "usage: recognize MODEL BEAM LANGUAGE FILE ..." : err.message);
        return 1;
    }
    ut_recognize_options options = ut_recognize_defaults();
    options.beam = (int)strtol(argv[2], NULL, 10);
    options.language = strcmp(argv[3], "auto") ? argv[3] : NULL;
    options.timestamps = getenv("UT_TIMESTAMPS") != NULL;
    ut_arena *arena = ut_arena_create(0);
    static float pcm[UT_WHISPER_SAMPLES];
    double audio = 0.0, start = cpu_seconds();
    for (int i = 4; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n = f ? fread(pcm, sizeof *pcm, UT_WHISPER_SAMPLES, f) : 0;
        if (f)
            fclose(f);
        ut_recognition r;
        ut_arena_reset(arena);
        if (ut_recognize(session, pcm, n, &options, arena, &r, &err) != UT_OK) {
            fprintf(stderr, "%s: %s\n", argv[i], err.message);
            continue;
        }
        audio += (double)n / UT_WHISPER_RATE;
        printf("%s\t%s\n", argv[i], r.text);
        if (getenv("UT_WORDS")) {
            printf(
                "\t%s %.2f, no speech %.3f, log-probability %.3f, ratio %.2f, temperature %.1f\n",
                r.language, r.language_probability, r.no_speech, r.mean_log_probability,
                r.compression_ratio, r.temperature);
            for (size_t w = 0; w < r.word_count; w++)
                printf("\t%6.2f %6.2f %.2f %s %s\n", r.words[w].start, r.words[w].end,
                       r.words[w].probability, r.words[w].interpolated ? "~" : " ",
                       r.words[w].text);
        }
    }
    double used = cpu_seconds() - start;
    fprintf(stderr, "%.1f s of audio, %.1f s CPU, %.1f x real time\n", audio, used, audio / used);
    ut_arena_destroy(arena);
    ut_recognizer_session_destroy(session);
    ut_recognizer_close(recognizer);
    return 0;
}
