/* undertone kb: the user's own labelled utterances. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "pipeline/knowledge.h"
#include "pipeline/knowledge_files.h"

/* What one call is about, beside the settings. */
typedef struct request {
    const char *text, *audio, *label, *speaker, *language, *channel, *source, *k, *ground_truth;
    bool labelled;
} request;

typedef struct call {
    ut_arena *arena;
    ut_settings settings;
    request request;
    const char **operands;
    size_t count;
} call;

/* Takes the options of `request` out of argv; returns how many arguments are left. */
static int take_request(int argc, char **argv, request *r, ut_error *err)
{
    const struct {
        const char *name;
        const char **to;
    } options[] = {{"--text", &r->text},
                   {"--audio", &r->audio},
                   {"--label", &r->label},
                   {"--speaker", &r->speaker},
                   {"--language", &r->language},
                   {"--channel", &r->channel},
                   {"--source", &r->source},
                   {"--k", &r->k},
                   {"--ground_truth", &r->ground_truth}};
    int left = 0;
    for (int i = 0; i < argc; i++) {
        size_t o = 0;
        while (o < sizeof options / sizeof *options && strcmp(argv[i], options[o].name) != 0)
            o++;
        if (strcmp(argv[i], "--labelled") == 0 || strcmp(argv[i], "--labeled") == 0) {
            r->labelled = true;
        } else if (o == sizeof options / sizeof *options) {
            argv[left++] = argv[i];
        } else if (i + 1 == argc) {
            (void)ut_fail(err, UT_ERR_USAGE, "kb", "%s needs a value", argv[i]);
            return -1;
        } else {
            *options[o].to = argv[++i];
        }
    }
    return left;
}

static ut_status parse_label(const char *name, int *label, ut_error *err)
{
    *label = name ? ut_emotion_from_name(name) : -1;
    if (name && *label < 0)
        return ut_fail(err, UT_ERR_USAGE, "kb",
                       "\"%s\" is none of sad, happy, angry, neutral, non-neutral", name);
    return UT_OK;
}

static ut_status open_engine(const call *c, unsigned parts, ut_engine **engine, ut_error *err)
{
    ut_options options = c->settings.options;
    options.store = NULL; /* opened here, not for voting */
    options.language = c->request.language;
    return ut_engine_open_parts(&options, parts, engine, err);
}

/* ------------------------------------------------------------------------------- actions */

static ut_status add(const call *c, ut_error *err)
{
    ut_knowledge_source from = {.paths = c->operands,
                                .count = c->count,
                                .ground_truth = c->request.ground_truth,
                                .text = c->request.text,
                                .speaker = c->request.speaker,
                                .language = c->request.language,
                                .channel = c->request.channel,
                                .source = c->request.source};
    UT_TRY(parse_label(c->request.label, &from.label, err));
    if (!from.text == !from.count)
        return ut_fail(err, UT_ERR_USAGE, "kb",
                       "add takes either --text or results and recordings to add");
    bool recordings;
    UT_TRY(ut_knowledge_has_recordings(&from, &recordings, err));
    ut_engine *engine;
    ut_store *store;
    unsigned parts = UT_ENGINE_EXTRACT | (recordings ? UT_ENGINE_LISTEN : 0);
    UT_TRY(open_engine(c, parts, &engine, err));
    ut_status status =
        ut_knowledge_open(c->settings.store, UT_STORE_WRITE, &engine->space, &store, err);
    if (status == UT_OK) {
        size_t added = 0, labelled = 0;
        status = ut_knowledge_add_all(engine, store, &from, &added, &labelled, err);
        if (status == UT_OK || added)
            ut_log(UT_LOG_INFO, "%zu utterances added, %zu labelled", added, labelled);
        ut_store_close(store);
    }
    ut_engine_close(engine);
    return status;
}

static ut_status import(const call *c, ut_error *err)
{
    ut_engine *engine;
    ut_store *store;
    if (!c->count)
        return ut_fail(err, UT_ERR_USAGE, "kb", "import takes .jsonl or .csv files");
    UT_TRY(open_engine(c, UT_ENGINE_EXTRACT, &engine, err));
    ut_status status =
        ut_knowledge_open(c->settings.store, UT_STORE_WRITE, &engine->space, &store, err);
    if (status == UT_OK) {
        for (size_t i = 0; i < c->count && status == UT_OK; i++) {
            size_t added = 0;
            status =
                ut_knowledge_import(engine, store, c->operands[i], c->request.source, &added, err);
            if (status == UT_OK)
                ut_log(UT_LOG_INFO, "%s: %zu added", c->operands[i], added);
        }
        ut_store_close(store);
    }
    ut_engine_close(engine);
    return status;
}

/* For actions that need no model. */
typedef ut_status (*on_store)(const call *c, ut_store *store, ut_error *err);

static ut_status with_store(const call *c, ut_store_mode mode, on_store act, ut_error *err)
{
    ut_store *store;
    UT_TRY(ut_knowledge_open(c->settings.store, mode, NULL, &store, err));
    ut_status status = act(c, store, err);
    ut_store_close(store);
    return status;
}

static ut_status export_it(const call *c, ut_store *store, ut_error *err)
{
    return ut_knowledge_export(store, c->operands[0], err);
}

static ut_status export(const call *c, ut_error *err)
{
    if (c->count != 1)
        return ut_fail(err, UT_ERR_USAGE, "kb", "export takes one .jsonl or .csv file to write");
    return with_store(c, UT_STORE_READ, export_it, err);
}

static ut_status set_label(const call *c, ut_store *store, ut_error *err)
{
    int label;
    bool none = strcmp(c->operands[1], "none") == 0;
    UT_TRY(parse_label(none ? NULL : c->operands[1], &label, err));
    return ut_store_set_label(store, c->operands[0], label, err);
}

static ut_status label(const call *c, ut_error *err)
{
    if (c->count != 2)
        return ut_fail(err, UT_ERR_USAGE, "kb", "label takes an id and a label (or none)");
    return with_store(c, UT_STORE_WRITE, set_label, err);
}

static ut_status remove_them(const call *c, ut_store *store, ut_error *err)
{
    size_t removed = 0;
    if (c->request.source)
        UT_TRY(ut_knowledge_remove_source(store, c->request.source, &removed, err));
    else
        UT_TRY(ut_store_remove(store, c->operands, c->count, &removed, err));
    ut_log(UT_LOG_INFO, "%zu removed", removed);
    return UT_OK;
}

static ut_status delete (const call *c, ut_error *err)
{
    if (!c->count == !c->request.source)
        return ut_fail(err, UT_ERR_USAGE, "kb", "remove takes ids, or --source NAME");
    return with_store(c, UT_STORE_WRITE, remove_them, err);
}

static ut_status show_stats(const call *c, ut_store *store, ut_error *err)
{
    size_t total, labels[UT_EMOTIONS];
    UT_TRY(ut_store_count(store, &total, err));
    UT_TRY(ut_store_labels(store, labels, err));
    printf("store       %s\nembeddings  %s\nutterances  %zu\n", c->settings.store,
           ut_store_space_of(store).model, total);
    for (int i = 0; i < UT_EMOTIONS; i++) {
        printf("%-12s%zu\n", ut_emotion_name((ut_emotion_label)i), labels[i]);
        total -= labels[i] < total ? labels[i] : total; /* others may add meanwhile */
    }
    printf("no label    %zu\n", total);
    return UT_OK;
}

static ut_status stats(const call *c, ut_error *err)
{
    return with_store(c, UT_STORE_READ, show_stats, err);
}

static ut_status copy_to(const call *c, ut_store *from, ut_error *err)
{
    ut_store *to;
    ut_combined space;
    UT_TRY(ut_combined_parse(ut_store_space_of(from).model, c->arena, &space, err));
    UT_TRY(ut_knowledge_open(c->operands[0], UT_STORE_WRITE, &space, &to, err));
    size_t added = 0;
    ut_status status = ut_store_copy(from, to, &added, err);
    ut_store_close(to);
    if (status == UT_OK)
        ut_log(UT_LOG_INFO, "%zu copied", added);
    return status;
}

static ut_status copy(const call *c, ut_error *err)
{
    if (c->count != 1)
        return ut_fail(err, UT_ERR_USAGE, "kb", "copy takes the store to copy into");
    return with_store(c, UT_STORE_READ, copy_to, err);
}

/* ----------------------------------------------------------------------------- searching */

static void show_found(void *context, const ut_store_item *item, float distance)
{
    (void)context;
    printf("%.3f\t%s\t%s\t%s\t%.2f\t%s\t%s\n", (double)distance,
           item->label >= 0 ? ut_emotion_name((ut_emotion_label)item->label) : "-", item->source,
           *item->speaker ? item->speaker : "-", item->start, *item->text ? item->text : "-",
           item->id);
}

static ut_status query(const call *c, ut_error *err)
{
    ut_knowledge_query q = {.text = c->request.text,
                            .audio = c->request.audio,
                            .k = c->request.k ? strtoul(c->request.k, NULL, 10) : 10,
                            .filter = {.labels = c->request.labelled ? UT_STORE_LABELLED : 0,
                                       .language = c->request.language,
                                       .channel = c->request.channel,
                                       .source = c->request.source}};
    int wanted;
    UT_TRY(parse_label(c->request.label, &wanted, err));
    if (wanted >= 0)
        q.filter.labels = 1u << wanted;
    if (!q.text == !q.audio || c->count || q.k < 1 || q.k > UT_STORE_K_MOST)
        return ut_fail(err, UT_ERR_USAGE, "kb",
                       "query takes --text or --audio, and --k from 1 to %d", UT_STORE_K_MOST);
    ut_engine *engine;
    ut_store *store;
    UT_TRY(open_engine(c, UT_ENGINE_EXTRACT | (q.audio ? UT_ENGINE_LISTEN : 0), &engine, err));
    ut_status status = ut_knowledge_open(c->settings.store, UT_STORE_READ, NULL, &store, err);
    if (status == UT_OK) {
        status = ut_knowledge_search(engine, store, &q, show_found, NULL, err);
        ut_store_close(store);
    }
    ut_engine_close(engine);
    return status;
}

/* ------------------------------------------------------------------------------ the command */

static const struct {
    const char *name;
    ut_status (*act)(const call *c, ut_error *err);
    const char *usage;
    const char *about;
} actions[] = {
    {"add", add, "add IN...", "utterances of results or recordings; labels from the column"},
    {"", NULL, "", "\"corrected\" of utterances.csv, or from --ground_truth FILE"},
    {"", NULL, "add --text T --label L", "one sentence"},
    {"import", import, "import FILE...", ".jsonl or .csv with text and label"},
    {"export", export, "export FILE", ".jsonl with everything, .csv without the embeddings"},
    {"query", query, "query --text T | --audio F", "the nearest (--k 10, --labelled, --label L)"},
    {"label", label, "label ID LABEL", "what a person says an utterance is; none takes it back"},
    {"remove", delete, "remove ID... | --source S", "deletes utterances"},
    {"stats", stats, "stats", "how many, by label"},
    {"copy", copy, "copy TO", "everything into another store"},
};

static void help(FILE *out)
{
    fputs("usage: undertone kb ACTION --store WHERE ...\n\n"
          "Your own labelled utterances, which vote when `run --store WHERE` judges new ones.\n"
          "WHERE is a file, or chroma://host:port/collection (UNDERTONE_STORE does too).\n\n",
          out);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        fprintf(out, "  %-28s%s\n", actions[i].usage, actions[i].about);
    fputs(
        "\nOf what is added or looked for: --label, --speaker, --language, --channel, --source.\n",
        out);
    ut_arguments_help(UT_COMMAND_KB, out);
}

static ut_status run(int argc, char **argv, call *c, bool *helped, ut_error *err)
{
    size_t a = 0;
    while (a < sizeof actions / sizeof *actions &&
           (!actions[a].act || strcmp(argv[0], actions[a].name) != 0))
        a++;
    int left = take_request(argc - 1, argv + 1, &c->request, err);
    if (left < 0)
        return UT_ERR_USAGE;
    ut_arguments arguments;
    UT_TRY(ut_arguments_read(left, argv + 1, UT_COMMAND_KB, c->arena, &arguments, err));
    if ((*helped = arguments.help))
        return UT_OK;
    if (a == sizeof actions / sizeof *actions)
        return ut_fail(err, UT_ERR_USAGE, "kb", "kb has no action \"%s\"; undertone kb --help",
                       argv[0]);
    c->settings = arguments.settings;
    c->operands = arguments.positional;
    c->count = arguments.count;
    if (!c->settings.store)
        return ut_fail(err, UT_ERR_USAGE, "kb",
                       "which store? --store knowledge.db, or UNDERTONE_STORE in .env");
    return actions[a].act(c, err);
}

int ut_cli_kb(int argc, char **argv)
{
    ut_error err;
    bool helped = argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    if (argc == 0) {
        help(stderr);
        return 2;
    }
    call c = {.arena = ut_arena_create(0)};
    ut_status status = c.arena ? UT_OK : ut_fail_memory(&err, "kb");
    if (status == UT_OK && !helped)
        status = run(argc, argv, &c, &helped, &err);
    if (helped)
        help(stdout);
    ut_arena_destroy(c.arena);
    if (status == UT_OK)
        return 0;
    ut_log(UT_LOG_ERROR, "%s", err.message);
    return status == UT_ERR_USAGE || status == UT_ERR_CONFIG ? 2 : 1;
}
