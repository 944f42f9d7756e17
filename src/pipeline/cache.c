#include "pipeline/cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread.h"
#include "nn/kernels.h"

static const struct {
    const char *name;
    unsigned parts;
    unsigned command;        /* whose settings it reads */
    const char *const *jobs; /* of the models it uses; NULL: none */
} stages[UT_STAGES] = {
    [UT_STAGE_TRANSCRIBE] = {"transcribe", UT_ENGINE_LISTEN, UT_COMMAND_TRANSCRIBE,
                             (const char *const[]){"speech", "segmentation", "speaker",
                                                   "recognition", "voice heads", NULL}},
    [UT_STAGE_EXTRACT] = {"extract", UT_ENGINE_EXTRACT, UT_COMMAND_EXTRACT,
                          (const char *const[]){"text", "voice", NULL}},
    [UT_STAGE_ANALYZE] = {"analyze", UT_ENGINE_JUDGE, UT_COMMAND_ANALYZE,
                          (const char *const[]){"text", "voice", "voice heads", "emotion", NULL}},
    [UT_STAGE_REPORT] = {"report", 0, 0, NULL},
};

const char *ut_stage_name(ut_stage stage)
{
    return stages[stage].name;
}

unsigned ut_stage_parts(ut_stage stage)
{
    return stages[stage].parts;
}

/* Settings that say where things lie, how fast to go, or what the models' hashes say better. Every
 * other setting of a step's command counts, so that a new one cannot be forgotten. */
static bool is_neutral(const char *name)
{
    static const char *const names[] = {"audio_dir",
                                        "output_dir",
                                        "ground_truth",
                                        "evaluation_output",
                                        "predictions",
                                        "asr_model",
                                        "text_model",
                                        "vad_model",
                                        "speaker_model",
                                        "models_dir",
                                        "model",
                                        "jobs",
                                        "quiet",
                                        "config",
                                        "no_audio_in_report",
                                        "no_cache",
                                        "from",
                                        "only",
                                        "shard",
                                        "retries",
                                        "llm_budget",
                                        "llm_price",
                                        "llm_rate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool uses(ut_stage stage, const char *job)
{
    for (const char *const *j = stages[stage].jobs; j && *j; j++)
        if (strcmp(*j, job) == 0 ||
            (strcmp(*j, "emotion") == 0 && strncmp(job, "emotion ", 8) == 0))
            return true;
    return false;
}

/* --- what models are made of ------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static ut_status list_folder(const char *folder, ut_file_list *list, ut_error *err)
{
    *list = (ut_file_list){0};
    DIR *dir = opendir(folder);
    if (!dir)
        return ut_fail_errno(err, UT_ERR_IO, "cache", "cannot read the folder %s", folder);
    ut_status status = UT_OK;
    for (struct dirent *e; status == UT_OK && (e = readdir(dir));) {
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        if (!ut_grow(&list->names, &list->capacity, list->count + 1, sizeof *list->names) ||
            !(list->names[list->count] = ut_path_join(folder, e->d_name)))
            status = ut_fail_memory(err, "cache");
        else
            list->count++;
    }
    closedir(dir);
    if (list->count)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
    return status;
}

/* Hash of the names and contents of the files in a model's folder: weights, configuration,
 * tokenizer. */
static ut_status hash_folder(ut_records *records, const char *folder, char sha256[UT_SHA256_HEX],
                             ut_error *err)
{
    ut_file_list list;
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_status status = list_folder(folder, &list, err);
    for (size_t i = 0; i < list.count && status == UT_OK; i++) {
        char hex[UT_SHA256_HEX];
        status = ut_records_hash_file(records, list.names[i], hex, err);
        ut_buf_addf(&text, "%s %s\n", hex, ut_path_base(list.names[i]));
    }
    if (status == UT_OK && (status = ut_buf_status(&text)) != UT_OK)
        status = ut_fail_memory(err, "cache");
    ut_sha256(ut_buf_text(&text), text.length, sha256);
    ut_file_list_free(&list);
    ut_buf_free(&text);
    return status;
}

typedef struct model_hash {
    const ut_model_record *model;
    char sha256[UT_SHA256_HEX];
} model_hash;

static ut_status hash_models(ut_records *records, const ut_engine *choice, model_hash *hashes,
                             ut_error *err)
{
    for (size_t i = 0; i < choice->record_count; i++) {
        const ut_model_record *m = &choice->records[i];
        hashes[i].model = m;
        /* The user's heads are one file, among files of any kind. */
        if (choice->own.path && strcmp(m->sha256, choice->own.path) == 0) {
            snprintf(hashes[i].sha256, sizeof hashes[i].sha256, "%s", choice->own.sha256);
            continue;
        }
        char *folder = strndup(m->sha256, (size_t)(ut_path_base(m->sha256) - m->sha256));
        ut_status status = folder ? hash_folder(records, folder, hashes[i].sha256, err)
                                  : ut_fail_memory(err, "cache");
        free(folder);
        if (status != UT_OK)
            return status;
    }
    return UT_OK;
}

/* --- the plan --------------------------------------------------------------------------------- */

/* Every value with its length in front: no two lists of values look alike. */
static void add_value(ut_buf *text, const char *name, const char *value)
{
    ut_buf_addf(text, "%s %zu:%s\n", name, strlen(value), value);
}

static void make_base(const ut_settings *settings, const model_hash *hashes, size_t count,
                      ut_stage stage, char sha256[UT_SHA256_HEX])
{
    ut_buf text;
    char room[32];
    ut_buf_init(&text, 0);
    add_value(&text, "step", stages[stage].name);
    add_value(&text, "code", ut_step_code[stage]);
    add_value(&text, "instructions", ut_kernels_get()->name);
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        const char *value = ut_settings_value(settings, row, room);
        if ((row->commands & stages[stage].command) && !is_neutral(row->name) && value)
            add_value(&text, row->name, value);
    }
    for (size_t i = 0; i < count; i++)
        if (uses(stage, hashes[i].model->job)) {
            add_value(&text, hashes[i].model->job, hashes[i].model->name);
            add_value(&text, "contents", hashes[i].sha256);
        }
    ut_sha256(ut_buf_text(&text), text.length, sha256);
    ut_buf_free(&text);
}

static char *describe_models(const model_hash *hashes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "job", hashes[i].model->job, "name",
                                        hashes[i].model->name, "sha256", hashes[i].sha256));
    char *text = list ? json_dumps(list, 0) : NULL;
    json_decref(list);
    return text;
}

ut_status ut_cache_plan_make(ut_records *records, const ut_settings *settings, ut_stage first,
                             ut_stage last, ut_cache_plan *plan, ut_error *err)
{
    unsigned parts = 0;
    *plan = (ut_cache_plan){0};
    for (int s = first; s <= (int)last; s++)
        parts |= stages[s].parts;
    UT_TRY(ut_engine_plan(&settings->options, parts, &plan->choice, err));
    size_t count = plan->choice->record_count;
    model_hash *hashes = calloc(count + 1, sizeof *hashes);
    ut_status status =
        hashes ? hash_models(records, plan->choice, hashes, err) : ut_fail_memory(err, "cache");
    for (int s = first; s <= (int)last && status == UT_OK; s++)
        make_base(settings, hashes, count, (ut_stage)s, plan->base[s]);
    if (status == UT_OK)
        plan->models = describe_models(hashes, count);
    free(hashes);
    return status;
}

void ut_cache_plan_free(ut_cache_plan *plan)
{
    free(plan->models);
    ut_engine_close(plan->choice);
    *plan = (ut_cache_plan){0};
}

void ut_cache_key(const ut_cache_plan *plan, ut_stage stage, const ut_step_input *inputs,
                  size_t count, char key[UT_SHA256_HEX])
{
    ut_buf text;
    ut_buf_init(&text, 0);
    add_value(&text, "base", plan->base[stage]);
    for (size_t i = 0; i < count; i++)
        if (inputs[i].name)
            add_value(&text, inputs[i].name, inputs[i].sha256);
    ut_sha256(ut_buf_text(&text), text.length, key);
    ut_buf_free(&text);
}

/* --- what a run's record says ----------------------------------------------------------------- */

char *ut_cache_parameters(const ut_settings *settings)
{
    json_t *all = json_object();
    char room[32];
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        const char *value = ut_settings_value(settings, row, room);
        const char *origin = settings->origins[row - ut_setting_rows];
        if (value && origin)
            json_object_set_new(
                all, row->name,
                json_pack("{s:s%, s:s}", "value", value, strlen(value), "from", origin));
    }
    char *text = all ? json_dumps(all, 0) : NULL;
    json_decref(all);
    return text;
}

char *ut_cache_environment(void)
{
    struct utsname name;
    char folder[4096];
    if (uname(&name) != 0 || !getcwd(folder, sizeof folder))
        return strdup("{}");
    const char *gpu = getenv("CUDA_VISIBLE_DEVICES");
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s*}", "system", name.sysname,
                            "release", name.release, "machine", name.machine, "host", name.nodename,
                            "processors", ut_thread_count(), "instructions", ut_kernels_get()->name,
                            "folder", folder, "CUDA_VISIBLE_DEVICES", gpu);
    char *text = all ? json_dumps(all, 0) : NULL;
    json_decref(all);
    return text ? text : strdup("{}");
}
