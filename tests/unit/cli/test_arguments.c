/* Flag over environment over .env over file over default, and where each value says it came from.
 */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"

static char folder[64];
static ut_arena *arena;

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ut_arguments_XXXXXX");
    arena = ut_arena_create(0);
    return arena && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    ut_arena_destroy(arena);
    unlink(".env");
    unlink("s.yaml");
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

enum { MOST = 16 };

/* `line` without quoting: words between single spaces. */
static ut_status read_line(const char *line, ut_arguments *a, ut_error *err)
{
    char *argv[MOST];
    int argc = 0;
    char *words = ut_arena_strdup(arena, line);
    for (char *word = words; word && *word;) {
        char *space = strchr(word, ' ');
        if (space)
            *space++ = 0;
        assert_true(argc < MOST);
        argv[argc++] = word;
        word = space;
    }
    return ut_arguments_read(argc, argv, UT_COMMAND_RUN, arena, a, err);
}

static void check(const ut_arguments *a, const char *name, const char *value, const char *origin)
{
    char room[32];
    const ut_setting_row *row = ut_settings_find(name, strlen(name));
    assert_non_null(row);
    const char *got = ut_settings_value(&a->settings, row, room);
    const char *from = a->settings.origins[row - ut_setting_rows];
    assert_string_equal(got ? got : "-", value);
    assert_string_equal(from ? from : "default", origin);
}

/* Each setting is given by one source more than the one before it, and the strongest wins. */
static void the_stronger_source_wins(void **state)
{
    (void)state;
    ut_arguments a;
    ut_error err = {0};
    write_text("s.yaml", "language: de\nnum_speakers: 2\nmin_speakers: 3\nbeam_size: 4\n"
                         "no_retrieval: true\n");
    write_text(".env", "UNDERTONE_NUM_SPEAKERS=5\nUNDERTONE_MIN_SPEAKERS=6\n"
                       "UNDERTONE_BEAM_SIZE=7\nUNDERTONE_JOBS=\n");
    setenv("UNDERTONE_MIN_SPEAKERS", "8", 1);
    setenv("UNDERTONE_BEAM_SIZE", "6", 1);
    setenv("UNDERTONE_RETRIES", "", 1); /* an empty one is none */
    assert_int_equal(ut_settings_read_dotenv(".env", &err), UT_OK);
    ut_status status = read_line("--config s.yaml --beam-size=1 --no_retrieval=false in", &a, &err);
    assert_int_equal(status, UT_OK);
    check(&a, "vad_model", "auto", "default");
    check(&a, "retries", "0", "default");
    check(&a, "jobs", "1", "default");
    check(&a, "language", "de", "s.yaml, line 1: language");
    check(&a, "num_speakers", "5", "UNDERTONE_NUM_SPEAKERS in .env");
    check(&a, "min_speakers", "8", "UNDERTONE_MIN_SPEAKERS");
    check(&a, "beam_size", "1", "--beam_size");
    check(&a, "no_retrieval", "false", "--no_retrieval");
    assert_int_equal(a.settings.options.beam_size, 1);
    assert_true(a.settings.options.retrieval);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.positional[0], "in");
    unsetenv("UNDERTONE_NUM_SPEAKERS");
    unsetenv("UNDERTONE_MIN_SPEAKERS");
    unsetenv("UNDERTONE_BEAM_SIZE");
    unsetenv("UNDERTONE_JOBS");
    unsetenv("UNDERTONE_RETRIES");
}

static void both_spellings_are_one_flag(void **state)
{
    (void)state;
    static const char *const lines[] = {"--no-cache --audio-dir x", "--no_cache --audio_dir=x",
                                        "--no-cache=yes --audio_dir x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ut_arguments a;
        ut_error err = {0};
        assert_int_equal(read_line(lines[i], &a, &err), UT_OK);
        check(&a, "no_cache", "true", "--no_cache");
        check(&a, "audio_dir", "x", "--audio_dir");
    }
}

static void flags_may_stand_anywhere(void **state)
{
    (void)state;
    ut_arguments a;
    ut_error err = {0};
    assert_int_equal(read_line("a --jobs 2 b - --jobs 3 -- --c", &a, &err), UT_OK);
    assert_int_equal(a.count, 4);
    assert_string_equal(a.positional[2], "-");
    assert_string_equal(a.positional[3], "--c");
    assert_int_equal(a.settings.jobs, 3); /* the last one counts */
    assert_int_equal(read_line("--help --jobs 2", &a, &err), UT_OK);
    assert_true(a.help);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"--nonsense 1", "--nonsense"},
        {"-j 3", "-j"},
        {"--jobs", "--jobs needs a value"},
        {"--jobs 300", "0 to 256"},
        {"--jobs 3x", "3x"},
        {"--beam_size=", "1 to 8"},
        {"--channels stereo", "auto|mix"},
        {"--quiet=maybe", "true or false"},
        {"--modalities smell", "smell"},
        {"--from report", "transcribe|extract"},
        {"--predictions x", "--predictions"},
        {"--shard 3/2", "I/N"},
        {"--ground_truth x", "evaluation_output"},
        {"--min_speakers 3 --max_speakers 2", "min_speakers (3)"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ut_arguments a;
        ut_error err = {0};
        assert_int_equal(read_line(lines[i][0], &a, &err), UT_ERR_USAGE);
        if (!strstr(err.message, lines[i][1]))
            fail_msg("%s: \"%s\"", lines[i][0], err.message);
    }
    ut_arguments a;
    ut_error err = {0};
    setenv("UNDERTONE_JOBS", "many", 1);
    assert_int_equal(read_line("in", &a, &err), UT_ERR_USAGE);
    assert_non_null(strstr(err.message, "UNDERTONE_JOBS"));
    unsetenv("UNDERTONE_JOBS");
    assert_int_not_equal(read_line("--config absent.yaml", &a, &err), UT_OK);
    assert_non_null(strstr(err.message, "absent.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_stronger_source_wins, make, unmake),
        cmocka_unit_test_setup_teardown(both_spellings_are_one_flag, make, unmake),
        cmocka_unit_test_setup_teardown(flags_may_stand_anywhere, make, unmake),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
