#include "pipeline/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"

#define ROW(member, kind, commands, low, high, choices, placeholder, help)                         \
    {                                                                                              \
#member, kind, offsetof(ut_settings, member), commands, low, high, choices, placeholder,   \
            help                                                                                   \
    }
#define TEXT(member, commands, placeholder, help)                                                  \
    ROW(member, 's', commands, 0, 0, NULL, placeholder, help)
#define CHOICE(member, commands, choices, help)                                                    \
    ROW(member, 's', commands, 0, 0, choices, choices, help)
#define NUMBER(member, commands, low, high, help)                                                  \
    ROW(member, 'i', commands, low, high, NULL, "N", help)
#define FLAG(member, commands, help) ROW(member, 'b', commands, 0, 0, NULL, "", help)

enum {
    R = UT_COMMAND_RUN,
    T = UT_COMMAND_TRANSCRIBE,
    X = UT_COMMAND_EXTRACT,
    A = UT_COMMAND_ANALYZE,
    E = UT_COMMAND_EVALUATE,
    K = UT_COMMAND_KB,
    S = UT_COMMAND_SERVE,
    Q = UT_COMMAND_REQUEST,
    N = UT_COMMAND_TRAIN
};

const ut_setting_row ut_setting_rows[] = {
    TEXT(audio_dir, R | X, "DIR", "folder with the recordings"),
    TEXT(output_dir, R | T | X | A | S, "DIR", "folder for the results"),
    TEXT(ground_truth, R | E, "FILE", "labelled utterances to score against (JSON)"),
    TEXT(evaluation_output, R | E, "FILE", "where the scores go (JSON; pictures beside it)"),
    TEXT(text, A, "FILE", "text conversations to judge (JSON lines) in place of documents"),
    TEXT(prosody, A, "FILE", "voice measurements of these lines (tab-separated)"),
    TEXT(output, A, "FILE", "where their labels go, line by line"),
    TEXT(predictions, E, "DIR", "folder with results to score"),
    FLAG(compare, E, "compare two files of scores over the same ground truth"),
    TEXT(train_data_path, N, "PATH", "labelled utterances: a manifest, or a folder"),
    TEXT(val_data_path, N, "PATH", "others of the same kind, to choose and calibrate by"),
    TEXT(model_output_path, N, "FILE", "where the model goes (card and curves beside it)"),
    TEXT(label_map, N, "FILE", "which of the five each label is (CSV or JSON)"),
    CHOICE(init, N, "random|bundled", "weights to start from (random)"),
    NUMBER(epochs, N, 0, 1000, "at most so many passes; 0: as many as usually pay (0)"),
    NUMBER(seed, N, 0, 2147483647, "of all that is random (1)"),
    TEXT(model, R | T | X | A | K | S, "FILE", "your own heads, written by `undertone train`"),
    TEXT(asr_model, R | T | K | S | N, "NAME",
         "recogniser: auto, none (voice only), whisper-base ..., or a folder"),
    TEXT(language, R | T | S | Q, "CODE", "spoken language, e.g. en; detected when absent"),
    TEXT(initial_prompt, R | T | S | Q, "TEXT",
         "names and terms to expect, as if they had been said before"),
    NUMBER(beam_size, R | T | S | Q, 1, 8, "hypotheses kept while decoding (5)"),
    CHOICE(vad_model, R | T | S, "auto|silero|bundled", "speech detection"),
    CHOICE(speaker_model, R | T | S, "auto|resemblyzer|bundled", "voice comparison"),
    NUMBER(num_speakers, R | T | S | Q, 0, 32, "number of speakers; 0 estimates it"),
    NUMBER(min_speakers, R | T | S | Q, 0, 32, "at least so many speakers"),
    NUMBER(max_speakers, R | T | S | Q, 0, 32, "at most so many speakers"),
    CHOICE(channels, R | T | S | Q, "auto|mix|split",
           "two-channel recordings: one signal, or a speaker each"),
    TEXT(text_model, R | X | A | K | S | N, "NAME",
         "text encoder: auto, bundled, minilm, or a folder"),
    {"modalities", 'm', offsetof(ut_settings, options.modalities), R | A | S | Q | N, 0, 0, NULL,
     "LIST", "experts to ask: any of audio,text,context (all)"},
    TEXT(store, R | A | K | S | N, "WHERE",
         "knowledge base: a file, or chroma://host:port/collection"),
    FLAG(causal, R | A | S | Q, "context sees only the turns before, as if it were live"),
    FLAG(no_retrieval, R | A | S | Q, "labelled examples have no vote"),
    TEXT(llm, R | A | S, "MODEL",
         "ask this language model where unsure (see OPENAI_BASE_URL below)"),
    CHOICE(llm_gate, R | A | S, "auto|always|never", "ask where unsure, about all, or not at all"),
    TEXT(llm_budget, R | A | S, "AMOUNT", "at most so many tokens, or $2.50, in this run"),
    TEXT(llm_price, R | A | S, "IN,OUT", "price of a million tokens sent and answered: 0.15,0.60"),
    NUMBER(llm_rate, R | A | S, 0, 100000, "calls a minute; 0: as many as the server takes"),
    NUMBER(llm_timeout, R | A | S, 0, 3600, "seconds for an answer; 0: 120"),
    FLAG(redact, R | A | S, "mask names, numbers, addresses and cards in what is sent"),
    FLAG(no_audio_in_report, R | A, "keep the recording out of the HTML report"),
    TEXT(models_dir, R | T | X | A | K | S | N, "DIR", "bundled weights, if they lie elsewhere"),
    NUMBER(jobs, R | T | X | A | N, 0, 256,
           "recordings worked on at once; 0 takes every processor (1)"),
    FLAG(no_cache, R | T | X | A | N, "do everything anew, also what was done before"),
    CHOICE(from, R, "transcribe|extract|analyze", "do this step and those after it anew"),
    CHOICE(only, R, "transcribe|extract|analyze",
           "do this step alone, on what an earlier run left"),
    TEXT(shard, R | T, "I/N", "the I-th of N parts of the recordings, for N programs at once"),
    NUMBER(retries, R | T | X | A, 0, 10,
           "times a step is tried again when reading, writing or "
           "the network failed (0)"),
    TEXT(host, S, "HOST", "address to listen on (127.0.0.1)"),
    NUMBER(port, S, 0, 65535, "port to listen on; 0 takes a free one (8000)"),
    NUMBER(workers, S, 1, 64, "analyses at once (1)"),
    NUMBER(queue, S, 0, 10000, "requests that may wait for one (16)"),
    NUMBER(max_upload, S, 1, 65536, "MiB of one request (512)"),
    NUMBER(max_minutes, S, 1, 1440, "minutes that a recording may last (240)"),
    NUMBER(keep_results, S, 1, 604800, "seconds that a job's result is kept (3600)"),
    NUMBER(timeout, S, 1, 3600, "seconds that a client may be silent, or slower than 4 KiB/s (30)"),
    NUMBER(upload_timeout, S, 1, 86400, "seconds that sending a request may take in all (3600)"),
    NUMBER(rate, S, 0, 1000000, "analyses a minute for each key or address; 0: any number (60)"),
    TEXT(api_keys, S, "FILE", "who may ask: hashed keys, one a line"),
    TEXT(new_key, S, "NAME", "add a key of this name to that file, print it and end"),
    TEXT(cors, S, "ORIGIN", "other web pages that may ask: https://host, or *"),
    TEXT(tls_cert, S, "FILE", "certificate chain (PEM): https"),
    TEXT(tls_key, S, "FILE", "its key (PEM)"),
    TEXT(access_log, S, "FILE", "a line of JSON for each request; -: standard output (none)"),
    FLAG(quiet, R | T | X | A | E | K | S | N, "no progress"),
    TEXT(config, R | T | X | A | E | K | S | N, "FILE", "settings in YAML, by these names"),
    {0},
};

void ut_settings_default(ut_settings *settings)
{
    *settings = (ut_settings){.options = ut_options_default(),
                              .init = "random",
                              .seed = 1,
                              .asr_model = "auto",
                              .text_model = "auto",
                              .vad_model = "auto",
                              .speaker_model = "auto",
                              .channels = "auto",
                              .llm_gate = "auto",
                              .beam_size = 5,
                              .jobs = 1,
                              .host = "127.0.0.1",
                              .port = 8000,
                              .workers = 1,
                              .queue = 16,
                              .max_upload = 512,
                              .max_minutes = 240,
                              .keep_results = 3600,
                              .timeout = 30,
                              .upload_timeout = 3600,
                              .rate = 60};
}

const ut_setting_row *ut_settings_find(const char *name, size_t length)
{
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        size_t i = 0;
        while (i < length && (name[i] == '-' ? '_' : name[i]) == row->name[i])
            i++;
        if (i == length && row->name[i] == 0)
            return row;
    }
    return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    while (*choices) {
        size_t n = strcspn(choices, "|");
        if (n == length && strncmp(choices, value, n) == 0)
            return true;
        choices += n + (choices[n] == '|');
    }
    return false;
}

static ut_status set_integer(ut_settings *settings, const ut_setting_row *row, const char *value,
                             const char *origin, ut_error *err)
{
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end || errno || number < row->low || number > row->high)
        return ut_fail(err, UT_ERR_USAGE, "settings", "%s takes a number from %d to %d, not \"%s\"",
                       origin, row->low, row->high, value);
    *(int *)(void *)((char *)settings + row->member) = (int)number;
    return UT_OK;
}

static ut_status set_flag(ut_settings *settings, const ut_setting_row *row, const char *value,
                          const char *origin, ut_error *err)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "1") == 0;
    bool no = strcmp(value, "false") == 0 || strcmp(value, "no") == 0 || strcmp(value, "0") == 0;
    if (!yes && !no)
        return ut_fail(err, UT_ERR_USAGE, "settings", "%s is true or false, not \"%s\"", origin,
                       value);
    *(bool *)((char *)settings + row->member) = yes;
    return UT_OK;
}

static ut_status read_modalities(const char *list, const char *origin, unsigned *out, ut_error *err)
{
    static const char *const names[] = {"audio", "text", "context"};
    unsigned set = 0;
    bool known = true;
    for (const char *p = list; *p && known;) {
        size_t n = strcspn(p, ",");
        known = false;
        for (unsigned i = 0; i < 3; i++)
            if (strlen(names[i]) == n && strncmp(names[i], p, n) == 0) {
                set |= 1u << i;
                known = true;
            }
        p += n + (p[n] == ',');
    }
    if (!set || !known)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "%s takes any of audio,text,context, not \"%s\"", origin, list);
    *out = set;
    return UT_OK;
}

static ut_status set_value(ut_settings *settings, const ut_setting_row *row, const char *value,
                           const char *origin, ut_arena *arena, ut_error *err)
{
    if (row->kind == 'i')
        return set_integer(settings, row, value, origin, err);
    if (row->kind == 'b')
        return set_flag(settings, row, value, origin, err);
    if (row->kind == 'm')
        return read_modalities(value, origin, &settings->options.modalities, err);
    if (row->choices && !is_choice(row->choices, value))
        return ut_fail(err, UT_ERR_USAGE, "settings", "%s is one of %s, not \"%s\"", origin,
                       row->choices, value);
    const char *copy = ut_arena_strdup(arena, value);
    if (!copy)
        return ut_fail_memory(err, "settings");
    memcpy((char *)settings + row->member, &copy, sizeof copy);
    return UT_OK;
}

ut_status ut_settings_set(ut_settings *settings, const ut_setting_row *row, const char *value,
                          const char *origin, ut_arena *arena, ut_error *err)
{
    _Static_assert(sizeof ut_setting_rows / sizeof *ut_setting_rows <= UT_SETTINGS_MOST,
                   "raise UT_SETTINGS_MOST");
    UT_TRY(set_value(settings, row, value, origin, arena, err));
    const char *copy = ut_arena_strdup(arena, origin);
    settings->origins[row - ut_setting_rows] = copy;
    return copy ? UT_OK : ut_fail_memory(err, "settings");
}

const char *ut_settings_value(const ut_settings *settings, const ut_setting_row *row, char room[32])
{
    const char *member = (const char *)settings + row->member;
    const char *text;
    if (row->kind == 's') {
        memcpy(&text, member, sizeof text);
        return text;
    }
    if (row->kind == 'b')
        return *(const bool *)member ? "true" : "false";
    if (row->kind == 'm') {
        unsigned set = settings->options.modalities;
        snprintf(room, 32, "%s%s%s", set & UT_MODALITY_AUDIO ? ",audio" : "",
                 set & UT_MODALITY_TEXT ? ",text" : "",
                 set & UT_MODALITY_CONTEXT ? ",context" : "");
        return room + 1;
    }
    snprintf(room, 32, "%d", *(const int *)(const void *)member);
    return room;
}

/* `first` is the first pair of the file: what stands before `pair` was read. */
static ut_status yaml_pair(ut_settings *settings, yaml_document_t *document,
                           yaml_node_pair_t *first, yaml_node_pair_t *pair, const char *path,
                           ut_arena *arena, ut_error *err)
{
    yaml_node_t *key = yaml_document_get_node(document, pair->key);
    yaml_node_t *value = yaml_document_get_node(document, pair->value);
    int line = (int)key->start_mark.line + 1;
    if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
        return ut_fail(err, UT_ERR_CONFIG, "settings",
                       "%s, line %d: settings are lines of the form name: value", path, line);
    const char *name = (const char *)key->data.scalar.value;
    const ut_setting_row *row = ut_settings_find(name, strlen(name));
    if (!row || strcmp(row->name, "config") == 0)
        return ut_fail(err, UT_ERR_CONFIG, "settings",
                       "%s, line %d: there is no setting \"%s\"; `undertone run --help` lists them",
                       path, line, name);
    for (yaml_node_pair_t *p = pair - 1; p >= first; p--) {
        const yaml_node_t *other = yaml_document_get_node(document, p->key);
        if (ut_settings_find((const char *)other->data.scalar.value, other->data.scalar.length) ==
            row)
            return ut_fail(err, UT_ERR_CONFIG, "settings",
                           "%s, line %d: %s is set a second time; remove one of the lines", path,
                           line, name);
    }
    char origin[512];
    snprintf(origin, sizeof origin, "%s, line %d: %s", path, line, name);
    ut_status status =
        ut_settings_set(settings, row, (const char *)value->data.scalar.value, origin, arena, err);
    return status == UT_ERR_USAGE && err ? (err->status = UT_ERR_CONFIG) : status;
}

ut_status ut_settings_read_yaml(ut_settings *settings, const char *path, ut_arena *arena,
                                ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &text, &length, err));
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return ut_fail_memory(err, "settings");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    ut_status status = UT_OK;
    if (!yaml_parser_load(&parser, &document)) {
        status = ut_fail(err, UT_ERR_CONFIG, "settings", "%s is not valid YAML: line %zu: %s", path,
                         parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "cannot be read");
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&document);
        if (root && root->type != YAML_MAPPING_NODE)
            status = ut_fail(err, UT_ERR_CONFIG, "settings",
                             "%s must hold lines of the form name: value", path);
        for (yaml_node_pair_t *pair = root && status == UT_OK ? root->data.mapping.pairs.start
                                                              : NULL;
             pair && pair < root->data.mapping.pairs.top && status == UT_OK; pair++)
            status = yaml_pair(settings, &document, root->data.mapping.pairs.start, pair, path,
                               arena, err);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    free(text);
    return status;
}

/* Variables that .env put into the environment: state beside the environment's own, like it written
 * before any thread starts. */
static char dotenv_names[UT_SETTINGS_MOST][64];
static size_t dotenv_count;

static bool is_from_dotenv(const char *name)
{
    for (size_t i = 0; i < dotenv_count; i++)
        if (strcmp(dotenv_names[i], name) == 0)
            return true;
    return false;
}

ut_status ut_settings_read_environment(ut_settings *settings, ut_arena *arena, ut_error *err)
{
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        char name[64] = "UNDERTONE_";
        size_t n = strlen(name);
        for (const char *c = row->name; *c && n + 1 < sizeof name; c++)
            name[n++] = (char)toupper((unsigned char)*c);
        name[n] = 0;
        const char *value = getenv(name);
        char origin[96];
        snprintf(origin, sizeof origin, "%s%s", name, is_from_dotenv(name) ? " in .env" : "");
        if (value && *value)
            UT_TRY(ut_settings_set(settings, row, value, origin, arena, err));
    }
    return UT_OK;
}

/* One line of .env: `export ` in front, spaces and quotes around and a comment behind are taken
 * off. */
static ut_status dotenv_line(char *line, const char *path, int number, ut_error *err)
{
    while (isspace((unsigned char)*line))
        line++;
    if (!*line || *line == '#')
        return UT_OK;
    if (strncmp(line, "export ", 7) == 0)
        line += 7;
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return ut_fail(err, UT_ERR_CONFIG, "settings", "%s, line %d is not KEY=value", path,
                       number);
    char *value = equals + 1;
    while (equals > line && isspace((unsigned char)equals[-1]))
        equals--;
    *equals = 0;
    while (*value == ' ' || *value == '\t')
        value++;
    if (*value == '"' || *value == '\'') {
        char *end = strchr(value + 1, *value);
        if (!end)
            return ut_fail(err, UT_ERR_CONFIG, "settings", "%s, line %d: a quote is not closed",
                           path, number);
        *end = 0;
        value++;
    } else {
        char *comment = strstr(value, " #");
        if (comment)
            *comment = 0;
        for (char *end = value + strlen(value); end > value && isspace((unsigned char)end[-1]);)
            *--end = 0;
    }
    if (!getenv(line) && dotenv_count < UT_SETTINGS_MOST && strlen(line) < sizeof *dotenv_names)
        snprintf(dotenv_names[dotenv_count++], sizeof *dotenv_names, "%s", line);
    if (setenv(line, value, is_from_dotenv(line)) != 0) /* the last of several lines counts */
        return ut_fail(err, UT_ERR_CONFIG, "settings", "%s, line %d: bad name", path, number);
    return UT_OK;
}

ut_status ut_settings_read_dotenv(const char *path, ut_error *err)
{
    if (!ut_file_exists(path))
        return UT_OK;
    char *text;
    UT_TRY(ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &text, NULL, err));
    ut_status status = UT_OK;
    int number = 1;
    for (char *line = text; line && status == UT_OK; number++) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        status = dotenv_line(line, path, number, err);
        line = next;
    }
    free(text);
    return status;
}

bool ut_settings_shard(const char *text, int *index, int *count)
{
    char end;
    return sscanf(text, "%6d/%6d%c", index, count, &end) == 2 && *index >= 1 && *index <= *count;
}

static ut_status check_shard(const ut_settings *settings, ut_error *err)
{
    int index;
    int count;
    if (!settings->shard)
        return UT_OK;
    if (!ut_settings_shard(settings->shard, &index, &count))
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "shard is I/N with I from 1 to N, such as 2/8, not \"%s\"", settings->shard);
    if (settings->ground_truth)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "a shard holds a part of the recordings; score them all with `undertone "
                       "evaluate` when every shard is done");
    return UT_OK;
}

ut_status ut_settings_finish(ut_settings *settings, ut_error *err)
{
    ut_options *o = &settings->options;
    o->model = settings->model;
    o->asr_model = settings->asr_model;
    o->text_model = settings->text_model;
    o->vad_model = settings->vad_model;
    o->speaker_model = settings->speaker_model;
    o->models_dir = settings->models_dir;
    o->store = settings->store;
    o->language = settings->language;
    o->initial_prompt = settings->initial_prompt;
    o->beam_size = settings->beam_size;
    o->num_speakers = settings->num_speakers;
    o->min_speakers = settings->min_speakers;
    o->max_speakers = settings->max_speakers;
    o->retrieval = !settings->no_retrieval;
    o->causal = settings->causal;
    o->llm = settings->llm;
    o->llm_gate = settings->llm_gate;
    o->llm_budget = settings->llm_budget;
    o->llm_price = settings->llm_price;
    o->llm_rate = settings->llm_rate;
    o->llm_timeout = settings->llm_timeout;
    o->redact = settings->redact;
    o->channels = strcmp(settings->channels, "mix") == 0     ? UT_CHANNELS_MIX
                  : strcmp(settings->channels, "split") == 0 ? UT_CHANNELS_SPLIT
                                                             : UT_CHANNELS_AUTO;
    if (o->max_speakers && o->min_speakers > o->max_speakers)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "min_speakers (%d) is more than max_speakers (%d)", o->min_speakers,
                       o->max_speakers);
    UT_TRY(check_shard(settings, err));
    if (!settings->tls_cert != !settings->tls_key)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "tls_cert (the certificate) and tls_key (its key) go together");
    if (settings->new_key && !settings->api_keys)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "new_key needs api_keys, the file it goes to");
    if (settings->ground_truth && !settings->evaluation_output)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "ground_truth needs evaluation_output, the file for the scores");
    if (settings->text ? !settings->output : settings->prosody || settings->output)
        return ut_fail(err, UT_ERR_USAGE, "settings",
                       "text (the conversations), output (the file for their labels) and, as "
                       "wished, prosody go together");
    return UT_OK;
}
