/* Every setting of the program in one table: its name, kind, range, meaning, and where its value
 * came from. Flags (--audio_dir or --audio-dir), UNDERTONE_* in the environment, .env in the
 * working folder, and --config file.yaml all fill the same table; the first of these that names a
 * setting wins. */
#ifndef UT_PIPELINE_SETTINGS_H
#define UT_PIPELINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "undertone.h"

/* Commands, as bits: which of them take a setting. */
enum {
    UT_COMMAND_RUN = 1,
    UT_COMMAND_TRANSCRIBE = 2,
    UT_COMMAND_EXTRACT = 4,
    UT_COMMAND_ANALYZE = 8,
    UT_COMMAND_EVALUATE = 16,
    UT_COMMAND_KB = 32,
    UT_COMMAND_SERVE = 64,
    UT_COMMAND_REQUEST = 128, /* a request to the service, as fields of its form */
    UT_COMMAND_TRAIN = 256
};

enum { UT_SETTINGS_MOST = 96 }; /* rows of the table */

typedef struct ut_settings {
    ut_options options;
    const char *config;
    const char *audio_dir;
    const char *output_dir;
    const char *ground_truth;
    const char *evaluation_output;
    const char *predictions;
    bool compare;
    const char *text;
    const char *prosody;
    const char *output;
    const char *train_data_path;
    const char *val_data_path;
    const char *model_output_path;
    const char *label_map;
    const char *init;
    int epochs;
    int seed;
    const char *model;
    const char *asr_model;
    const char *text_model;
    const char *vad_model;
    const char *speaker_model;
    const char *models_dir;
    const char *language;
    const char *initial_prompt;
    const char *channels;
    const char *store;
    const char *llm;
    const char *llm_gate;
    const char *llm_budget;
    const char *llm_price;
    int llm_rate;
    int llm_timeout;
    int beam_size;
    int num_speakers;
    int min_speakers;
    int max_speakers;
    int jobs;
    bool redact;
    bool no_retrieval;
    bool causal;
    bool no_audio_in_report;
    bool quiet;
    bool no_cache;
    const char *only;
    const char *from;
    const char *shard;
    int retries;
    /* The service. */
    const char *host;
    int port;
    int workers;
    int queue;
    int max_upload;  /* MiB */
    int max_minutes; /* of a recording */
    int keep_results;
    int timeout;
    int upload_timeout;
    int rate; /* analyses a minute */
    const char *api_keys;
    const char *new_key;
    const char *cors;
    const char *tls_cert;
    const char *tls_key;
    const char *access_log;
    /* Where the value of each row of the table came from; NULL: the default. */
    const char *origins[UT_SETTINGS_MOST];
} ut_settings;

typedef struct ut_setting_row {
    const char *name; /* as in YAML and, with dashes, as a flag */
    char kind;        /* 's' text, 'i' integer, 'b' flag without a value, 'm' modalities */
    size_t member;    /* offset in ut_settings */
    unsigned commands;
    int low, high;       /* range of integers */
    const char *choices; /* "a|b|c", NULL for any text */
    const char *placeholder;
    const char *help;
} ut_setting_row;

/* The table, ended by a row without a name. */
extern const ut_setting_row ut_setting_rows[];

void ut_settings_default(ut_settings *settings);

/* Row of a name in either spelling; NULL if there is none. */
const ut_setting_row *ut_settings_find(const char *name, size_t length);

/* A row's value as text, as a flag would give it; NULL where it is unset. `room` holds what is no
 * text. */
const char *ut_settings_value(const ut_settings *settings, const ut_setting_row *row,
                              char room[32]);

/* Sets one value from text; `origin` ("--jobs", "file.yaml", "UNDERTONE_JOBS") is for messages and
 * kept in settings->origins. */
UT_MUST_CHECK ut_status ut_settings_set(ut_settings *settings, const ut_setting_row *row,
                                        const char *value, const char *origin, ut_arena *arena,
                                        ut_error *err);

/* Reads a YAML mapping of settings. Unknown names are errors. */
UT_MUST_CHECK ut_status ut_settings_read_yaml(ut_settings *settings, const char *path,
                                              ut_arena *arena, ut_error *err);
/* Takes UNDERTONE_<NAME> variables. */
UT_MUST_CHECK ut_status ut_settings_read_environment(ut_settings *settings, ut_arena *arena,
                                                     ut_error *err);
/* Puts KEY=VALUE lines of a .env file into the environment where the key is not set yet; an absent
 * file is fine. Call before any thread starts. */
UT_MUST_CHECK ut_status ut_settings_read_dotenv(const char *path, ut_error *err);

/* Reads "2/8"; false unless 1 <= index <= count. */
bool ut_settings_shard(const char *text, int *index, int *count);

/* Checks what belongs together and fills settings->options. */
UT_MUST_CHECK ut_status ut_settings_finish(ut_settings *settings, ut_error *err);

#endif
