#include "cli/arguments.h"

#include <string.h>

#include "base/error.h"

/* One flag at argv[i]; *used tells how many arguments it took. */
static ut_status read_flag(char **argv, int left, unsigned command, ut_settings *settings,
                           ut_arena *arena, int *used, ut_error *err)
{
    const char *flag = argv[0] + 2;
    size_t length = strcspn(flag, "=");
    const ut_setting_row *row = ut_settings_find(flag, length);
    if (!row || !(row->commands & command))
        return ut_fail(err, UT_ERR_USAGE, "cli", "there is no option %s here; --help lists them",
                       argv[0]);
    char origin[96];
    snprintf(origin, sizeof origin, "--%s", row->name);
    const char *value = flag[length] ? flag + length + 1 : NULL;
    *used = 1;
    if (!value && row->kind == 'b')
        value = "true";
    if (!value) {
        if (left < 2)
            return ut_fail(err, UT_ERR_USAGE, "cli", "%s needs a value (%s)", origin,
                           row->placeholder);
        value = argv[1];
        *used = 2;
    }
    return ut_settings_set(settings, row, value, origin, arena, err);
}

/* Two passes over the flags: --config must be known before the file is read, and flags win over it.
 */
static ut_status read_flags(int argc, char **argv, unsigned command, ut_arena *arena,
                            ut_arguments *a, ut_error *err)
{
    a->count = 0;
    bool only_positional = false;
    for (int i = 0; i < argc;) {
        int used = 1;
        if (only_positional || strncmp(argv[i], "-", 1) != 0 || strcmp(argv[i], "-") == 0)
            a->positional[a->count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_positional = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            a->help = true;
        else if (strncmp(argv[i], "--", 2) == 0)
            UT_TRY(read_flag(argv + i, argc - i, command, &a->settings, arena, &used, err));
        else
            return ut_fail(err, UT_ERR_USAGE, "cli",
                           "there is no option %s here; --help lists them", argv[i]);
        i += used;
    }
    return UT_OK;
}

ut_status ut_arguments_read(int argc, char **argv, unsigned command, ut_arena *arena,
                            ut_arguments *arguments, ut_error *err)
{
    *arguments = (ut_arguments){0};
    arguments->positional = UT_ARENA_NEW(arena, const char *, (size_t)argc + 1);
    if (!arguments->positional)
        return ut_fail_memory(err, "cli");
    ut_settings_default(&arguments->settings);
    UT_TRY(read_flags(argc, argv, command, arena, arguments, err));
    if (arguments->help)
        return UT_OK;
    const char *config = arguments->settings.config;
    ut_settings_default(&arguments->settings);
    if (config)
        UT_TRY(ut_settings_read_yaml(&arguments->settings, config, arena, err));
    UT_TRY(ut_settings_read_environment(&arguments->settings, arena, err));
    UT_TRY(read_flags(argc, argv, command, arena, arguments, err));
    return ut_settings_finish(&arguments->settings, err);
}

void ut_arguments_help(unsigned command, FILE *out)
{
    fputs("\nOptions (--audio_dir and --audio-dir are the same):\n", out);
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        if (!(row->commands & command))
            continue;
        char flag[96];
        snprintf(flag, sizeof flag, "--%s %s", row->name, row->placeholder);
        if (strlen(flag) > 34)
            fprintf(out, "  %s\n  %-34s %s\n", flag, "", row->help);
        else
            fprintf(out, "  %-34s %s\n", flag, row->help);
    }
    fputs("  --help                             this text\n"
          "\nA setting also comes from UNDERTONE_<NAME> in the environment or from --config FILE;\n"
          "a flag wins over the environment, and that over the file. A file .env in the working\n"
          "folder adds to the environment: these names, OPENAI_API_KEY, HF_TOKEN ... `undertone\n"
          "config show` tells which value came from where.\n",
          out);
    if (ut_settings_find("llm", 3)->commands & command)
        fputs("\nLanguage model: any endpoint that speaks OpenAI's chat completions; its address\n"
              "in OPENAI_BASE_URL (http://127.0.0.1:8080/v1 for one on this machine, which needs\n"
              "no key), the key in OPENAI_API_KEY.\n",
              out);
}
