/* What a step's key depends on, and what must leave it alone. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/cache.h"

static ut_arena *arena;
static ut_records *records;
static char models[512];

/* The bundled models, each file a link, so that one can be replaced. */
static int link_models(void)
{
    ut_file_list list;
    const char *from = ut_test_source("models");
    if (ut_file_walk(from, &list, NULL) != UT_OK)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        char *target = ut_path_join(from, list.names[i]);
        char *path = ut_path_join(models, list.names[i]);
        *strrchr(path, '/') = 0;
        bool made = ut_file_make_dirs(path, NULL) == UT_OK;
        path[strlen(path)] = '/';
        if (!made || symlink(target, path) != 0)
            return -1;
        free(target);
        free(path);
    }
    ut_file_list_free(&list);
    return 0;
}

static int make(void **state)
{
    (void)state;
    snprintf(models, sizeof models, "%s", ut_test_in_folder("models"));
    arena = ut_arena_create(0);
    if (!arena || link_models() != 0)
        return -1;
    return ut_records_open(ut_test_in_folder("home"), &records, NULL) == UT_OK ? 0 : -1;
}

static int unmake(void **state)
{
    ut_records_close(records);
    ut_arena_destroy(arena);
    return ut_test_folder_empty(state);
}

static void settle(ut_settings *s)
{
    ut_settings_default(s);
    s->asr_model = "none";
    s->text_model = s->vad_model = s->speaker_model = "bundled";
    s->models_dir = models;
}

static ut_cache_plan plan_of(ut_settings *s)
{
    ut_error err = {0};
    ut_cache_plan plan;
    assert_ok(ut_settings_finish(s, &err));
    assert_ok(ut_cache_plan_make(records, s, UT_STAGE_TRANSCRIBE, UT_STAGE_REPORT, &plan, &err));
    return plan;
}

/* A bit for each stage whose base differs. */
static unsigned differing(const ut_cache_plan *a, const ut_cache_plan *b)
{
    unsigned set = 0;
    for (int i = 0; i < UT_STAGES; i++)
        set |= (unsigned)(strcmp(a->base[i], b->base[i]) != 0) << i;
    return set;
}

enum { T = 1 << UT_STAGE_TRANSCRIBE, X = 1 << UT_STAGE_EXTRACT, A = 1 << UT_STAGE_ANALYZE };

static void a_plan_repeats_and_stages_differ(void **state)
{
    (void)state;
    ut_settings s;
    settle(&s);
    ut_cache_plan first = plan_of(&s);
    ut_cache_plan again = plan_of(&s);
    assert_int_equal(differing(&first, &again), 0);
    for (int i = 0; i < UT_STAGES; i++)
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(first.base[i], first.base[k]);
            assert_string_not_equal(ut_step_code[i], ut_step_code[k]);
        }
    ut_cache_plan_free(&first);
    ut_cache_plan_free(&again);
}

/* Settings that say where, how fast or how loud: changing them redoes nothing. Every other setting
 * of a step's command must change the key of that step and of no other. */
static unsigned expected(const ut_setting_row *row)
{
    static const char *const neutral[] = {
        "audio_dir", "output_dir", "ground_truth", "evaluation_output", "predictions", "jobs",
        "quiet", "config", "no_cache", "from", "only", "no_audio_in_report", "shard", "retries",
        "llm_budget", "llm_price", "llm_rate",
        /* these choose models, whose contents count instead */
        "asr_model", "text_model", "vad_model", "speaker_model", "models_dir"};
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++)
        if (strcmp(row->name, neutral[i]) == 0)
            return 0;
    return (row->commands & UT_COMMAND_TRANSCRIBE ? T : 0u) |
           (row->commands & UT_COMMAND_EXTRACT ? X : 0u) |
           (row->commands & UT_COMMAND_ANALYZE ? A : 0u);
}

/* Another value than the one it has. */
static const char *another(const ut_settings *s, const ut_setting_row *row, char room[32])
{
    char now[32];
    const char *value = ut_settings_value(s, row, now);
    if (row->kind == 'b')
        return strcmp(value, "true") == 0 ? "false" : "true";
    if (row->kind == 'm')
        return "text";
    if (row->kind == 'i') {
        snprintf(room, 32, "%d", *value - '0' < row->high ? *value - '0' + 1 : row->low);
        return room;
    }
    if (!row->choices)
        return strcmp(row->name, "shard") == 0 ? "1/2" : "another";
    const char *last = strrchr(row->choices, '|') + 1;
    return value && strcmp(value, last) == 0 ? "auto" : last;
}

static void each_setting_changes_its_own_steps_alone(void **state)
{
    (void)state;
    ut_settings plain;
    settle(&plain);
    ut_cache_plan before = plan_of(&plain);
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        ut_settings s;
        ut_error err = {0};
        char room[32];
        /* Other models are the next test's; these two stand with others only. */
        if (strstr(row->name, "model") || strcmp(row->name, "ground_truth") == 0 ||
            !(row->commands & (UT_COMMAND_TRANSCRIBE | UT_COMMAND_EXTRACT | UT_COMMAND_ANALYZE)))
            continue;
        settle(&s);
        assert_ok(ut_settings_set(&s, row, another(&s, row, room), "test", arena, &err));
        ut_cache_plan after;
        (void)!ut_settings_finish(&s, &err);
        assert_ok(
            ut_cache_plan_make(records, &s, UT_STAGE_TRANSCRIBE, UT_STAGE_REPORT, &after, &err));
        if (differing(&before, &after) != expected(row))
            fail_msg("%s: changed stages %x, expected %x", row->name, differing(&before, &after),
                     expected(row));
        ut_cache_plan_free(&after);
    }
    ut_cache_plan_free(&before);
}

/* Puts a changed copy in place of a model's file. */
static void change_model(const char *name)
{
    size_t length;
    char *path = ut_path_join(models, name);
    char *data = scratch_read(path, &length);
    assert_int_equal(unlink(path), 0);
    data[length - 1] ^= 1;
    scratch_write(path, data, length);
    free(data);
    free(path);
}

static void a_changed_model_changes_the_steps_that_use_it(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned stages;
    } changes[] = {
        {"speech/vad-small.safetensors", T},
        {"speech/speaker-small.safetensors", T},
        {"text/static.safetensors", X | A},
        {"emotion_voice/voice-net.safetensors", T | X | A}, /* its folder counts as a whole */
        {"knowledge/starter.jsonl", A},
    };
    ut_settings s;
    settle(&s);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        ut_cache_plan before = plan_of(&s);
        change_model(changes[i].file);
        ut_cache_plan after = plan_of(&s);
        if ((differing(&before, &after) & (T | X | A)) != changes[i].stages)
            fail_msg("%s: changed stages %x, expected %x", changes[i].file,
                     differing(&before, &after), changes[i].stages);
        assert_non_null(strstr(after.models, "\"sha256\""));
        ut_cache_plan_free(&before);
        ut_cache_plan_free(&after);
    }
}

/* Weights in another folder are the same weights. */
static void where_models_lie_does_not_count(void **state)
{
    (void)state;
    ut_settings here;
    ut_settings there;
    settle(&here);
    settle(&there);
    char source[512];
    snprintf(source, sizeof source, "%s", ut_test_source("models"));
    there.models_dir = source;
    ut_cache_plan a = plan_of(&here);
    ut_cache_plan b = plan_of(&there);
    assert_int_equal(differing(&a, &b), 0);
    ut_cache_plan_free(&a);
    ut_cache_plan_free(&b);
}

static void key(ut_stage stage, ut_step_input first, ut_step_input second, char out[UT_SHA256_HEX])
{
    static ut_cache_plan plan = {.base = {"t", "x", "a", "r"}};
    const ut_step_input inputs[] = {first, second};
    ut_cache_key(&plan, stage, inputs, 2, out);
}

static void keys_tell_inputs_apart(void **state)
{
    (void)state;
    static const ut_step_input none = {0};
    char keys[9][UT_SHA256_HEX];
    key(UT_STAGE_EXTRACT, (ut_step_input){"document", "1"}, none, keys[0]);
    key(UT_STAGE_ANALYZE, (ut_step_input){"document", "1"}, none, keys[1]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"document", "2"}, none, keys[2]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"recording", "1"}, none, keys[3]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"id", "a"}, (ut_step_input){"file", "b"}, keys[4]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"id", "b"}, (ut_step_input){"file", "a"}, keys[5]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"id", "a\nfile 1:b"}, none, keys[6]);
    key(UT_STAGE_EXTRACT, none, none, keys[7]);
    key(UT_STAGE_EXTRACT, (ut_step_input){"document", ""}, none, keys[8]);
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    char again[UT_SHA256_HEX];
    key(UT_STAGE_EXTRACT, none, (ut_step_input){"document", "1"}, again);
    assert_string_equal(again, keys[0]);
}

static void a_record_tells_what_was_set_and_where(void **state)
{
    (void)state;
    ut_settings s;
    ut_error err = {0};
    settle(&s);
    char *text = ut_cache_parameters(&s);
    assert_string_equal(text, "{}");
    free(text);
    assert_ok(ut_settings_set(&s, ut_settings_find("jobs", 4), "3", "UNDERTONE_JOBS", arena, &err));
    text = ut_cache_parameters(&s);
    assert_string_equal(text, "{\"jobs\": {\"value\": \"3\", \"from\": \"UNDERTONE_JOBS\"}}");
    free(text);
    setenv("OPENAI_API_KEY", "sk-not-to-be-told", 1);
    text = ut_cache_environment();
    assert_non_null(strstr(text, "\"processors\""));
    assert_null(strstr(text, "sk-not"));
    unsetenv("OPENAI_API_KEY");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_MODELS(test) cmocka_unit_test_setup_teardown(test, make, unmake)
        WITH_MODELS(a_plan_repeats_and_stages_differ),
        WITH_MODELS(each_setting_changes_its_own_steps_alone),
        WITH_MODELS(a_changed_model_changes_the_steps_that_use_it),
        WITH_MODELS(where_models_lie_does_not_count),
        cmocka_unit_test(keys_tell_inputs_apart),
        WITH_MODELS(a_record_tells_what_was_set_and_where),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
