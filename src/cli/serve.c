/* undertone serve */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "pipeline/language_model.h"
#include "pipeline/secrets.h"
#include "serve/serve.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = stop + 1;
}

static int new_key(const ut_settings *s)
{
    ut_error err;
    char key[UT_KEY_TEXT];
    if (ut_serve_new_key(s->api_keys, s->new_key, key, &err) != UT_OK)
        return ut_cli_failure(&err);
    printf("%s\n", key);
    ut_log(UT_LOG_INFO, "this is the only time that it is shown; %s holds its hash", s->api_keys);
    return 0;
}

static int serve(const ut_settings *s)
{
    ut_error err;
    ut_engine *engine;
    char line[UT_LANGUAGE_MODEL_LINE];
    if (s->options.llm &&
        ut_secret_to_environment(s->output_dir, "openai_api_key", "OPENAI_API_KEY", &err) != UT_OK)
        return ut_cli_failure(&err);
    if (ut_engine_open(&s->options, &engine, &err) != UT_OK)
        return ut_cli_failure(&err);
    if (!s->quiet)
        ut_log(UT_LOG_INFO, "%s", ut_engine_summary(engine));
    ut_language_model_intent(engine, line);
    if (line[0] && (s->options.llm || !s->quiet))
        ut_log(UT_LOG_INFO, "%s", line);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    ut_status status = ut_serve(s, engine, &stop, &err);
    ut_engine_close(engine);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

int ut_cli_serve(int argc, char **argv)
{
    ut_error err;
    ut_arguments a;
    static const char usage[] = "usage: undertone serve [--host HOST] [--port N]\n";
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return 1;
    int code = 0;
    if (ut_arguments_read(argc, argv, UT_COMMAND_SERVE, arena, &a, &err) != UT_OK) {
        code = ut_cli_failure(&err);
    } else if (a.help) {
        printf("%s\nThe analysis over HTTP, and a page to try it, on this machine unless told "
               "otherwise.\n",
               usage);
        ut_arguments_help(UT_COMMAND_SERVE, stdout);
    } else if (a.count) {
        fputs(usage, stderr);
        code = 2;
    } else {
        code = a.settings.new_key ? new_key(&a.settings) : serve(&a.settings);
    }
    ut_arena_destroy(arena);
    return code;
}
