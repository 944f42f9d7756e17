/* run, transcribe, extract, analyze: what they share is nearly everything. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "pipeline/dialogue.h"
#include "pipeline/engine.h"
#include "pipeline/inputs.h"
#include "pipeline/language_model.h"
#include "pipeline/run.h"
#include "pipeline/secrets.h"
#include "report/terminal.h"

static const struct {
    const char *usage;
    const char *about;
    unsigned command;
} texts[] = {
    [UT_RUN_TRANSCRIBE] =
        {"undertone transcribe IN... --output_dir DIR",
         "Finds speech, speakers and words. IN: recordings, or folders of them.\n"
         "WAV, FLAC, Ogg, Opus, MP3; anything else that the ffmpeg program reads.\n\n"
         "  undertone transcribe calls/ --output_dir words/\n"
         "  undertone extract words/ --audio_dir calls/ --output_dir heard/\n"
         "  undertone analyze heard/ --output_dir results/",
         UT_COMMAND_TRANSCRIBE},
    [UT_RUN_EXTRACT] =
        {"undertone extract IN... --output_dir DIR",
         "Measures the voice and embeds the words of each utterance. IN: folders with\n"
         "results of `undertone transcribe`, or conversation.json files.",
         UT_COMMAND_EXTRACT},
    [UT_RUN_ANALYZE] =
        {"undertone analyze IN... --output_dir DIR\n"
         "       undertone analyze --text FILE [--prosody FILE] --output FILE",
         "Judges the emotion of each utterance and says why. IN: folders with results of\n"
         "`undertone extract`, or conversation.json files. With --text: conversations that\n"
         "are text already, one utterance a line, {\"dialogue\", \"turn\", \"speaker\", "
         "\"text\"};\n"
         "a label and five probabilities come out for each line.",
         UT_COMMAND_ANALYZE},
    [UT_RUN_ALL] =
        {"undertone run --audio_dir DIR --output_dir DIR\n"
         "                     [--ground_truth FILE --evaluation_output FILE]",
         "Every step: recordings to explained emotions. Each recording gets a folder in\n"
         "the results: conversation.json, report.html, subtitles, tables.\n\n"
         "  undertone run --audio_dir calls/ --output_dir results/\n"
         "  undertone run --audio_dir call.wav --output_dir results/ --num_speakers 2\n"
         "  undertone run --audio_dir calls/ --output_dir results/ --asr_model none   # voice "
         "alone\n"
         "  undertone run --audio_dir calls/ --output_dir results/ --jobs 4 --only transcribe",
         UT_COMMAND_RUN},
};

/* Tables of more files than this tell nobody anything; then unchanged files need not be read. */
enum { TABLES_MOST = 100 };

static atomic_bool cancelled;

static void on_interrupt(int number)
{
    (void)number;
    cancelled = true;
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void on_progress(void *context, const ut_input *input, const char *stage, double done)
{
    (void)context;
    ut_progress_update(input->file, stage, done);
}

static ut_terminal_options terminal(void)
{
    struct winsize size = {0};
    bool is = isatty(STDOUT_FILENO);
    if (is)
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return (ut_terminal_options){is ? size.ws_col : 120, is && !getenv("NO_COLOR")};
}

/* Tables of finished files, in the order of the inputs whatever finished first. */
typedef struct tables {
    const ut_inputs *inputs;
    char **texts;
    const ut_settings *settings;
    bool wanted; /* tables */
    bool notes;
} tables;

static void on_finished(void *context, const ut_input *input, const ut_conversation *c, double work,
                        bool unchanged, const ut_error *failure)
{
    tables *t = context;
    if (failure) {
        ut_progress_file(input->file, false, 0, work);
        /* Most messages name the whole path. */
        bool named = strstr(failure->message, input->file);
        if (failure->status != UT_ERR_CANCELLED)
            ut_log(UT_LOG_ERROR, "%s%s%s", named ? "" : input->file, named ? "" : ": ",
                   failure->message);
        return;
    }
    if (t->wanted && c) {
        ut_buf table;
        ut_buf_init(&table, 0);
        if (ut_terminal_table(c, terminal(), &table) == UT_OK)
            t->texts[input - t->inputs->items] = strdup(ut_buf_text(&table));
        ut_buf_free(&table);
    }
    /* That there is no recogniser was said once for all files. */
    for (size_t i = 0; t->notes && c && !unchanged && i < c->note_count; i++)
        if (strcmp(c->notes[i], ut_note_voice_only) != 0)
            ut_log(UT_LOG_WARNING, "%s: %s", input->file, c->notes[i]);
    ut_progress_file(input->file, true, unchanged || !c ? -1 : c->source.duration, work);
}

static int usage(const ut_error *err)
{
    ut_log(UT_LOG_ERROR, "%s", err->message);
    return 2;
}

static int failure(const ut_error *err)
{
    ut_log(UT_LOG_ERROR, "%s", err->message);
    return err->status == UT_ERR_USAGE || err->status == UT_ERR_CONFIG ? 2 : 1;
}

/* What the person should know before words are sent anywhere, and what it came to. */
static void say_intent(const ut_engine *engine, const ut_settings *s)
{
    char line[UT_LANGUAGE_MODEL_LINE];
    ut_language_model_intent(engine, line);
    if (line[0] && (engine->refiner || !s->quiet))
        ut_log(UT_LOG_INFO, "%s", line);
}

static void say_usage(const ut_engine *engine, const ut_settings *s)
{
    char line[UT_LANGUAGE_MODEL_LINE];
    ut_language_model_usage(engine, line);
    if (line[0] && !s->quiet)
        ut_log(UT_LOG_INFO, "%s", line);
}

static int show_evaluation(const ut_settings *s)
{
    char *table;
    ut_error err;
    if (ut_run_evaluate(s->output_dir, s->ground_truth, s->evaluation_output, &table, &err) !=
        UT_OK)
        return failure(&err);
    fputs(table, stdout);
    free(table);
    ut_log(UT_LOG_INFO, "scores: %s", s->evaluation_output);
    return 0;
}

static void on_planned(void *context, const ut_engine *choice)
{
    const tables *t = context;
    if (!t->settings->quiet)
        ut_log(UT_LOG_INFO, "%s", ut_engine_summary(choice));
    if (t->wanted)
        say_intent(choice, t->settings);
}

static void on_opened(void *context, const ut_engine *engine)
{
    const tables *t = context;
    if (engine->refiner)
        say_intent(engine, t->settings);
}

static void on_closing(void *context, const ut_engine *engine)
{
    const tables *t = context;
    say_usage(engine, t->settings);
}

static void print_tables(tables *t)
{
    bool first = true;
    for (size_t i = 0; i < t->inputs->count; i++) {
        if (t->texts[i])
            printf("%s%s", first ? "" : "\n", t->texts[i]);
        first &= !t->texts[i];
        free(t->texts[i]);
    }
    free(t->texts);
}

static void say_outcome(const ut_settings *s, const ut_run_outcome *o, size_t count)
{
    if (o->failed < count && !s->quiet)
        ut_log(UT_LOG_INFO, "results: %s%s", s->output_dir,
               o->unchanged == count ? "; nothing has changed since the last run, and nothing had "
                                       "to be done (--no-cache does it anew)"
                                     : "");
    if (o->failed)
        ut_log(UT_LOG_ERROR, "%zu of %zu files %s", o->failed, count,
               cancelled ? "failed or were not finished when the run was stopped" : "failed");
}

/* `run`: the id of its record. */
static int work(const ut_settings *s, ut_run_kind kind, const ut_inputs *inputs,
                char run[UT_RUN_ID])
{
    ut_error err;
    ut_run_outcome outcome;
    tables t = {inputs, calloc(inputs->count + 1, sizeof *t.texts), s,
                kind == UT_RUN_ALL || kind == UT_RUN_ANALYZE,
                kind == UT_RUN_ALL || kind == UT_RUN_TRANSCRIBE};
    if (!t.texts)
        return 1;
    catch_interrupts();
    ut_progress_start(inputs->count, s->quiet);
    ut_run_observer observer = {&t,         t.wanted && inputs->count <= TABLES_MOST,
                                on_planned, on_opened,
                                on_closing, on_progress,
                                on_finished};
    ut_status status = ut_run(s, kind, inputs, &observer, &cancelled, &outcome, &err);
    ut_progress_end();
    print_tables(&t);
    snprintf(run, UT_RUN_ID, "%s", outcome.id);
    if (status != UT_OK)
        return failure(&err);
    say_outcome(s, &outcome, inputs->count);
    return outcome.failed ? 1 : 0;
}

/* Conversations that are text already. */
static int judge_text(const ut_settings *s)
{
    ut_error err;
    ut_engine *engine;
    size_t lines;
    if (ut_engine_open_parts(&s->options, UT_ENGINE_JUDGE, &engine, &err) != UT_OK)
        return failure(&err);
    if (!s->quiet)
        ut_log(UT_LOG_INFO, "%s", ut_engine_summary(engine));
    say_intent(engine, s);
    catch_interrupts();
    ut_status status = ut_run_dialogues(engine, s, &cancelled, &lines, &err);
    say_usage(engine, s);
    ut_engine_close(engine);
    if (status != UT_OK)
        return failure(&err);
    if (!s->quiet)
        ut_log(UT_LOG_INFO, "%zu lines: %s", lines, s->output);
    return 0;
}

/* The scores belong to the run's record, too. */
static int score(const ut_settings *s, const char *run)
{
    ut_error err;
    int code = show_evaluation(s);
    if (code == 0 && *run && ut_run_note_scores(s, run, s->evaluation_output, &err) != UT_OK)
        ut_log(UT_LOG_WARNING, "the scores are not in the run's record: %s", err.message);
    return code;
}

/* What is wrong with the ground truth is told before the work, which goes on all the same. */
static int work_and_score(const ut_settings *s, ut_run_kind kind, const ut_inputs *inputs)
{
    ut_error err;
    char run[UT_RUN_ID];
    bool scored = kind == UT_RUN_ALL && s->ground_truth;
    if (!scored)
        return work(s, kind, inputs, run);
    if (ut_run_check_truth(s->ground_truth, &err) != UT_OK) {
        ut_log(UT_LOG_ERROR,
               "%s (the recordings are analysed all the same; `undertone evaluate` "
               "scores them afterwards)",
               err.message);
        int code = work(s, kind, inputs, run);
        return code ? code : 1;
    }
    int code = work(s, kind, inputs, run);
    int scores = code <= 1 && !cancelled ? score(s, run) : code;
    return code ? code : scores;
}

static int help(ut_run_kind kind)
{
    printf("usage: %s\n\n%s\n", texts[kind].usage, texts[kind].about);
    ut_arguments_help(texts[kind].command, stdout);
    return 0;
}

static int usage_line(ut_run_kind kind)
{
    fprintf(stderr, "usage: %s\n", texts[kind].usage);
    return 2;
}

static int gather(ut_arena *arena, ut_run_kind kind, ut_arguments *a, ut_inputs *inputs,
                  ut_error *err)
{
    if (kind == UT_RUN_ALL && a->settings.audio_dir)
        a->positional[a->count++] = a->settings.audio_dir;
    if (!a->count || !a->settings.output_dir)
        return usage_line(kind);
    bool recordings = kind == UT_RUN_ALL || kind == UT_RUN_TRANSCRIBE;
    ut_status status = recordings
                           ? ut_inputs_recordings(arena, a->positional, a->count, inputs, err)
                           : ut_inputs_documents(arena, a->positional, a->count, inputs, err);
    if (status == UT_OK && a->settings.shard)
        ut_inputs_shard(inputs, a->settings.shard);
    if (status == UT_OK)
        status = ut_file_make_dirs(a->settings.output_dir, err);
    return status == UT_OK ? 0 : failure(err);
}

/* The language model's key may be sealed in the home. */
static int open_secrets(const ut_settings *s)
{
    ut_error err;
    if (!s->options.llm ||
        ut_secret_to_environment(s->output_dir, "openai_api_key", "OPENAI_API_KEY", &err) == UT_OK)
        return 0;
    return failure(&err);
}

static int proceed(ut_run_kind kind, ut_arena *arena, ut_arguments *a)
{
    ut_error err;
    ut_inputs inputs;
    int code = open_secrets(&a->settings);
    if (code)
        return code;
    if (a->settings.text)
        return a->count ? usage_line(kind) : judge_text(&a->settings);
    code = gather(arena, kind, a, &inputs, &err);
    return code ? code : work_and_score(&a->settings, kind, &inputs);
}

static int step(ut_run_kind kind, int argc, char **argv)
{
    ut_error err;
    ut_arguments a;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return 1;
    int code;
    if (ut_arguments_read(argc, argv, texts[kind].command, arena, &a, &err) != UT_OK)
        code = usage(&err);
    else if (a.help)
        code = help(kind);
    else
        code = proceed(kind, arena, &a);
    ut_arena_destroy(arena);
    return code;
}

int ut_cli_run(int argc, char **argv)
{
    return step(UT_RUN_ALL, argc, argv);
}

int ut_cli_transcribe(int argc, char **argv)
{
    return step(UT_RUN_TRANSCRIBE, argc, argv);
}

int ut_cli_extract(int argc, char **argv)
{
    return step(UT_RUN_EXTRACT, argc, argv);
}

int ut_cli_analyze(int argc, char **argv)
{
    return step(UT_RUN_ANALYZE, argc, argv);
}

static int compare(const ut_arguments *a)
{
    char *table;
    ut_error err;
    if (ut_run_compare(a->positional[0], a->positional[1], a->settings.evaluation_output, &table,
                       &err) != UT_OK)
        return failure(&err);
    fputs(table, stdout);
    free(table);
    return 0;
}

int ut_cli_evaluate(int argc, char **argv)
{
    ut_error err;
    ut_arguments a;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return 1;
    static const char line[] = "usage: undertone evaluate --predictions DIR --ground_truth FILE "
                               "--evaluation_output FILE\n"
                               "       undertone evaluate --compare A.json B.json "
                               "[--evaluation_output FILE]\n";
    int code = 0;
    if (ut_arguments_read(argc, argv, UT_COMMAND_EVALUATE, arena, &a, &err) != UT_OK) {
        code = usage(&err);
    } else if (a.help) {
        fputs(line, stdout);
        fputs(
            "\nScores results against what people say they heard, and draws the confusion matrix\n"
            "and the reliability. The truth is JSON; times may be left out where one label holds\n"
            "for a whole recording, text where the words are not scored:\n\n"
            "  {\"call.wav\": [{\"start\": 0.6, \"end\": 3.9, \"speaker\": \"agent\",\n"
            "                 \"emotion\": \"neutral\", \"text\": \"Good afternoon.\"}]}\n\n"
            "Emotions: sad, happy, angry, neutral, non-neutral.\n",
            stdout);
        ut_arguments_help(UT_COMMAND_EVALUATE, stdout);
    } else if (a.settings.compare && a.count == 2) {
        code = compare(&a);
    } else if (a.settings.compare || !a.settings.predictions || !a.settings.ground_truth ||
               a.count) {
        fputs(line, stderr);
        code = 2;
    } else {
        a.settings.output_dir = a.settings.predictions;
        code = show_evaluation(&a.settings);
    }
    ut_arena_destroy(arena);
    return code;
}
