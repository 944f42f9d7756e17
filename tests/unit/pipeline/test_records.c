/* What was recorded is what is told, through kills, several programs, pruning and merging. */
#include "scratch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "pipeline/artifacts.h"
#include "pipeline/lineage.h"
#include "pipeline/records.h"

static ut_records *records;
static ut_error err;

static int make(void **state)
{
    (void)state;
    return ut_records_open(ut_test_in_folder("home"), &records, &err) == UT_OK ? 0 : -1;
}

static int unmake(void **state)
{
    ut_records_close(records);
    records = NULL;
    return ut_test_folder_empty(state);
}

static void begin(ut_records *r, char id[UT_RUN_ID])
{
    const ut_run_record run = {.pipeline = "run",
                               .stack = "default",
                               .output_dir = "/results",
                               .parameters = "{\"jobs\": {\"value\": \"2\", \"from\": \"--jobs\"}}",
                               .environment = "{\"system\": \"Linux\"}",
                               .models = "[]",
                               .files = 1};
    assert_ok(ut_records_begin_run(r, &run, id, &err));
}

/* An artifact of this text, as made by `step` of conversation "talk" from `input`. */
static void made(ut_records *r, const char *step, const char *text, const char *input,
                 char sha256[UT_SHA256_HEX])
{
    char key[128];
    snprintf(key, sizeof key, "key of %s", text);
    assert_ok(ut_artifact_put(ut_records_artifacts(r), text, strlen(text), sha256, &err));
    const ut_step_record s = {.conversation = "talk",
                              .step = step,
                              .status = "completed",
                              .key = key,
                              .output = sha256,
                              .kind = "document",
                              .bytes = strlen(text),
                              .began = 1e9,
                              .seconds = 0.5,
                              .inputs = {{"document", input}}};
    assert_ok(ut_records_add_steps(r, &s, 1, &err));
}

static const char *text_of(const json_t *row, const char *key)
{
    return ut_json_string_or(row, key, "-");
}

static size_t count_rows(ut_status (*ask)(ut_records *, json_t **, ut_error *))
{
    json_t *rows;
    assert_ok(ask(records, &rows, &err));
    size_t count = json_array_size(rows);
    json_decref(rows);
    return count;
}

static void a_run_is_told_as_it_was(void **state)
{
    (void)state;
    char id[UT_RUN_ID];
    char sha256[UT_SHA256_HEX];
    json_t *run;
    json_t *rows;
    begin(records, id);
    assert_ok(ut_records_run(records, "latest", &run, &err));
    assert_string_equal(text_of(run, "status"), "running");
    json_decref(run);
    made(records, "transcribe", "words", "0000", sha256);
    const ut_step_record failed = {.conversation = "bad",
                                   .step = "transcribe",
                                   .status = "failed",
                                   .error = "it is no audio",
                                   .key = "k",
                                   .kind = "document"};
    assert_ok(ut_records_add_steps(records, &failed, 1, &err));
    ut_records_log(records, UT_LOG_WARNING, "a line");
    assert_ok(ut_records_end_run(records, "failed", 1, &err));
    ut_records_log(records, UT_LOG_ERROR, "after the run: in no run's log");
    assert_ok(ut_records_set_metrics(records, id, "{\"accuracy\": 0.5}", &err));

    assert_ok(ut_records_run(records, id, &run, &err));
    assert_string_equal(text_of(run, "id"), id);
    assert_string_equal(text_of(run, "status"), "failed");
    assert_string_equal(
        text_of(json_object_get(json_object_get(run, "parameters"), "jobs"), "from"), "--jobs");
    assert_near(ut_json_number_or(json_object_get(run, "metrics"), "accuracy", 0), 0.5, 0);
    assert_true(ut_json_number_or(run, "ended", 0) >= ut_json_number_or(run, "began", 1e99));
    json_decref(run);
    assert_ok(ut_records_steps(records, id, &rows, &err));
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(json_array_get(rows, 0), "error"), "it is no audio");
    assert_string_equal(text_of(json_array_get(rows, 1), "output"), sha256);
    json_decref(rows);
    assert_ok(ut_records_lines(records, id, &rows, &err));
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(text_of(json_array_get(rows, 0), "level"), "warning");
    json_decref(rows);
}

static void runs_are_found_by_the_beginning_of_their_id(void **state)
{
    (void)state;
    char first[UT_RUN_ID];
    char second[UT_RUN_ID];
    json_t *run;
    begin(records, first);
    assert_ok(ut_records_end_run(records, "completed", 0, &err));
    begin(records, second);
    assert_ok(ut_records_end_run(records, "completed", 0, &err));
    assert_int_equal(ut_records_run(records, "2", &run, &err), UT_ERR_USAGE);
    assert_says("2 runs begin with");
    assert_int_equal(ut_records_run(records, "nope", &run, &err), UT_ERR_NOT_FOUND);
    assert_says("pipeline runs list");
    assert_int_equal(ut_records_run(records, "%", &run, &err), UT_ERR_NOT_FOUND);
    assert_ok(ut_records_run(records, "latest", &run, &err));
    assert_string_equal(text_of(run, "id"), second);
    json_decref(run);
    assert_int_equal(count_rows(ut_records_runs), 2);
}

/* A child that begins a run, waits until `release` is closed, and goes without a word. */
static pid_t start_elsewhere(int ready, const int release[2])
{
    pid_t child = fork();
    if (child)
        return child;
    close(release[1]);
    ut_records *mine;
    char id[UT_RUN_ID];
    char byte = 0;
    const ut_run_record run = {.pipeline = "run", .output_dir = "/r", .files = 1};
    bool fine = ut_records_open(ut_test_in_folder("home"), &mine, NULL) == UT_OK &&
                ut_records_begin_run(mine, &run, id, NULL) == UT_OK;
    fine = fine && write(ready, "x", 1) == 1 && read(release[0], &byte, 1) >= 0;
    _exit(fine ? 0 : 1);
}

static void a_living_run_is_told_from_a_killed_one(void **state)
{
    (void)state;
    int ready[2];
    int release[2];
    char byte;
    json_t *run;
    ut_pruned pruned;
    assert_int_equal(pipe(ready) + pipe(release), 0);
    pid_t child = start_elsewhere(ready[1], release);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_ok(ut_records_run(records, "latest", &run, &err));
    assert_string_equal(text_of(run, "status"), "running");
    assert_int_equal(ut_records_prune(records, false, &pruned, &err), UT_ERR_IO);
    assert_says("a run is at work");
    assert_int_equal(ut_records_delete_run(records, text_of(run, "id"), &err), UT_ERR_USAGE);
    assert_says("at work");
    json_decref(run);
    close(release[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(release[0]);
    assert_ok(ut_records_run(records, "latest", &run, &err));
    assert_string_equal(text_of(run, "status"), "interrupted");
    assert_ok(ut_records_prune(records, false, &pruned, &err));
    assert_ok(ut_records_delete_run(records, text_of(run, "id"), &err));
    json_decref(run);
    assert_int_equal(count_rows(ut_records_runs), 0);
}

static void only_completed_steps_enter_the_cache(void **state)
{
    (void)state;
    char id[UT_RUN_ID];
    char sha256[UT_SHA256_HEX];
    char found[UT_SHA256_HEX];
    begin(records, id);
    assert_int_equal(ut_records_cached(records, "key of words", found, &err), UT_ERR_NOT_FOUND);
    made(records, "transcribe", "words", "0000", sha256);
    const ut_step_record others[] = {
        {.conversation = "t", .step = "extract", .status = "cached", .key = "c", .output = sha256},
        {.conversation = "t", .step = "analyze", .status = "failed", .key = "f"}};
    assert_ok(ut_records_add_steps(records, others, 2, &err));
    assert_ok(ut_records_cached(records, "key of words", found, &err));
    assert_string_equal(found, sha256);
    assert_int_equal(ut_records_cached(records, "c", found, &err), UT_ERR_NOT_FOUND);
    assert_int_equal(ut_records_cached(records, "f", found, &err), UT_ERR_NOT_FOUND);
}

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){0, 80000000}, NULL);
}

/* The same size, name and times on the outside; the time of change cannot be set. */
static void hashes_of_files_are_never_stale(void **state)
{
    (void)state;
    char path[256];
    char hash[UT_SHA256_HEX];
    char again[UT_SHA256_HEX];
    char want[UT_SHA256_HEX];
    struct stat st;
    snprintf(path, sizeof path, "%s", ut_test_in_folder("file"));
    for (int round = 0; round < 2; round++) {
        scratch_text(path, "one");
        if (round)
            wait_a_little(); /* old enough to be remembered */
        assert_ok(ut_records_hash_file(records, path, hash, &err));
        assert_int_equal(stat(path, &st), 0);
        scratch_text(path, "two");
        const struct timespec times[] = {st.st_atim, st.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        ut_sha256("two", 3, want);
        assert_ok(ut_records_hash_file(records, path, again, &err));
        assert_string_equal(again, want);
        assert_string_not_equal(again, hash);
    }
    wait_a_little();
    assert_ok(ut_records_hash_file(records, path, hash, &err));
    assert_ok(ut_records_hash_file(records, path, again, &err)); /* out of memory this time */
    assert_string_equal(hash, want);
    assert_string_equal(again, want);
    assert_int_equal(ut_records_hash_file(records, ut_test_in_folder("absent"), hash, &err),
                     UT_ERR_NOT_FOUND);
    assert_says("absent");
}

static void results_are_told_from_changed_ones(void **state)
{
    (void)state;
    char sha256[UT_SHA256_HEX];
    scratch_text(ut_test_in_folder("r/a.csv"), "one");
    scratch_text(ut_test_in_folder("r/b.csv"), "one");
    ut_sha256("one", 3, sha256);
    json_t *files = json_pack("{s:s, s:s}", "a.csv", sha256, "b.csv", sha256);
    json_t *none = json_object();
    json_t *odd = json_pack("{s:i}", "a.csv", 1);
    assert_true(ut_records_are_files(records, ut_test_in_folder("r"), files));
    assert_ok(ut_records_note_files(records, ut_test_in_folder("r"), files, &err));
    assert_true(ut_records_are_files(records, ut_test_in_folder("r"), files));
    assert_false(ut_records_are_files(records, ut_test_in_folder("r"), none));
    assert_false(ut_records_are_files(records, ut_test_in_folder("r"), odd));
    assert_false(ut_records_are_files(records, ut_test_in_folder("absent"), files));
    scratch_text(ut_test_in_folder("r/b.csv"), "two");
    assert_false(ut_records_are_files(records, ut_test_in_folder("r"), files));
    scratch_text(ut_test_in_folder("r/b.csv"), "one");
    assert_int_equal(unlink(ut_test_in_folder("r/a.csv")), 0);
    assert_false(ut_records_are_files(records, ut_test_in_folder("r"), files));
    json_decref(files);
    json_decref(none);
    json_decref(odd);
}

/* recording -> words -> features, and a sibling that the middle one does not come from. */
static void lineage_reaches_both_ways(void **state)
{
    (void)state;
    char id[UT_RUN_ID];
    char recording[UT_SHA256_HEX];
    char words[UT_SHA256_HEX];
    char features[UT_SHA256_HEX];
    char sibling[UT_SHA256_HEX];
    json_t *lineage;
    json_t *artifact;
    begin(records, id);
    ut_sha256("audio", 5, recording);
    assert_ok(ut_records_add_source(records, recording, "recording", "a <b> & \"c\".wav", &err));
    made(records, "transcribe", "words", recording, words);
    made(records, "extract", "features", words, features);
    made(records, "transcribe", "other words", recording, sibling);
    assert_ok(ut_records_lineage(records, words, &lineage, &err));
    assert_int_equal(json_array_size(json_object_get(lineage, "steps")), 2);
    assert_int_equal(json_array_size(json_object_get(lineage, "artifacts")), 3);
    ut_buf svg;
    ut_buf_init(&svg, 0);
    assert_ok(ut_lineage_svg(lineage, words, &svg, &err));
    assert_non_null(strstr(ut_buf_text(&svg), "a &lt;b&gt; &amp; "));
    assert_null(strstr(ut_buf_text(&svg), "<b>"));
    ut_buf_free(&svg);
    json_decref(lineage);
    assert_ok(ut_records_lineage(records, recording, &lineage, &err));
    assert_int_equal(json_array_size(json_object_get(lineage, "steps")), 3);
    json_decref(lineage);
    assert_ok(ut_records_artifact(records, "talk/extract", &artifact, &err));
    assert_string_equal(text_of(artifact, "sha256"), features);
    json_decref(artifact);
    char beginning[9] = {0};
    memcpy(beginning, words, 8);
    assert_ok(ut_records_artifact(records, beginning, &artifact, &err));
    assert_string_equal(text_of(artifact, "sha256"), words);
    json_decref(artifact);
    assert_int_equal(ut_records_artifact(records, "talk/analyze", &artifact, &err),
                     UT_ERR_NOT_FOUND);
    assert_says("artifact list");
}

static bool stored(const char *sha256)
{
    char *path = ut_artifact_path(ut_records_artifacts(records), sha256);
    bool there = ut_file_exists(path);
    free(path);
    return there;
}

static void pruning_keeps_what_a_run_names(void **state)
{
    (void)state;
    char first[UT_RUN_ID];
    char second[UT_RUN_ID];
    char old[UT_SHA256_HEX];
    char shared[UT_SHA256_HEX];
    char stray[UT_SHA256_HEX];
    char found[UT_SHA256_HEX];
    ut_pruned pruned;
    begin(records, first);
    made(records, "transcribe", "old", "0000", old);
    made(records, "transcribe", "shared", "0000", shared);
    assert_ok(ut_records_end_run(records, "completed", 0, &err));
    begin(records, second); /* takes `shared` as an input only */
    const ut_step_record reader = {.conversation = "talk",
                                   .step = "extract",
                                   .status = "failed",
                                   .key = "k",
                                   .inputs = {{"document", shared}}};
    assert_ok(ut_records_add_steps(records, &reader, 1, &err));
    assert_ok(ut_records_end_run(records, "failed", 1, &err));
    assert_ok(ut_artifact_put(ut_records_artifacts(records), "stray", 5, stray, &err));
    scratch_text(ut_test_in_folder("home/artifacts/readme.txt"), "not ours");

    assert_ok(ut_records_prune(records, true, &pruned, &err));
    assert_int_equal(pruned.artifacts, 1);
    assert_true(stored(stray));
    assert_ok(ut_records_prune(records, false, &pruned, &err));
    assert_int_equal(pruned.artifacts, 1);
    assert_int_equal(pruned.bytes, 5);
    assert_false(stored(stray));
    assert_true(stored(old) && stored(shared));
    assert_ok(ut_records_delete_run(records, first, &err));
    assert_true(stored(old)); /* until it is pruned */
    assert_ok(ut_records_prune(records, false, &pruned, &err));
    assert_int_equal(pruned.artifacts, 1);
    assert_false(stored(old));
    assert_true(stored(shared));
    assert_int_equal(ut_records_cached(records, "key of old", found, &err), UT_ERR_NOT_FOUND);
    assert_ok(ut_records_cached(records, "key of shared", found, &err));
    assert_true(ut_file_exists(ut_test_in_folder("home/artifacts/readme.txt")));
}

static void merging_takes_over_runs_and_artifacts_once(void **state)
{
    (void)state;
    ut_records *other;
    char here[UT_RUN_ID];
    char there[UT_RUN_ID];
    char mine[UT_SHA256_HEX];
    char theirs[UT_SHA256_HEX];
    char bad[UT_SHA256_HEX];
    json_t *rows;
    size_t runs;
    begin(records, here);
    made(records, "transcribe", "mine", "0000", mine);
    assert_ok(ut_records_end_run(records, "completed", 0, &err));
    assert_ok(ut_records_open(ut_test_in_folder("other"), &other, &err));
    begin(other, there);
    made(other, "transcribe", "theirs", "1111", theirs);
    made(other, "extract", "damaged", theirs, bad);
    ut_records_log(other, UT_LOG_INFO, "their line");
    char *path = ut_artifact_path(ut_records_artifacts(other), bad);
    assert_int_equal(unlink(path), 0);
    scratch_text(path, "not what it was");
    free(path);
    ut_records_close(other); /* as if killed: the run has not ended */
    for (int round = 0; round < 2; round++) {
        assert_ok(ut_records_merge(records, ut_test_in_folder("other"), &runs, &err));
        assert_int_equal(runs, round == 0);
        assert_int_equal(count_rows(ut_records_runs), 2);
        assert_true(stored(mine) && stored(theirs));
        assert_false(stored(bad)); /* it will be made again */
    }
    assert_ok(ut_records_steps(records, there, &rows, &err));
    assert_int_equal(json_array_size(rows), 2);
    json_decref(rows);
    assert_ok(ut_records_lines(records, there, &rows, &err));
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    json_t *run;
    assert_ok(ut_records_run(records, there, &run, &err));
    assert_string_equal(text_of(run, "status"), "interrupted");
    json_decref(run);
    assert_ok(ut_records_lineage(records, theirs, &rows, &err));
    assert_int_equal(json_array_size(json_object_get(rows, "steps")), 2);
    json_decref(rows);
    assert_int_equal(ut_records_merge(records, ut_test_in_folder("nowhere"), &runs, &err),
                     UT_ERR_NOT_FOUND);
}

static void change(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(ut_test_in_folder("home/records.db"), &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static void records_of_others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        ut_status status;
        const char *words;
    } cases[] = {
        {"PRAGMA user_version = 99", UT_ERR_UNSUPPORTED, "newer undertone (format 99"},
        {"PRAGMA user_version = 1; PRAGMA application_id = 7", UT_ERR_FORMAT, "another program"},
    };
    ut_records_close(records);
    records = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ut_records *r = NULL;
        change(cases[i].sql);
        assert_int_equal(ut_records_open(ut_test_in_folder("home"), &r, &err), cases[i].status);
        assert_says(cases[i].words);
        assert_says("records.db");
        assert_int_equal(ut_records_open_existing(ut_test_in_folder("home"), &r, &err),
                         cases[i].status);
        assert_null(r);
    }
    ut_records *r = NULL;
    unlink(ut_test_in_folder("home/records.db-wal"));
    unlink(ut_test_in_folder("home/records.db-shm"));
    scratch_text(ut_test_in_folder("home/records.db"), "this is no database, though it is a file");
    assert_int_equal(ut_records_open(ut_test_in_folder("home"), &r, &err), UT_ERR_FORMAT);
    assert_says("damaged");
    assert_int_equal(ut_records_open_existing(ut_test_in_folder("empty"), &r, &err),
                     UT_ERR_NOT_FOUND);
    assert_false(ut_file_exists(ut_test_in_folder("empty"))); /* looking makes nothing */
}

/* What another hand wrote into the file is shown or left out, and harms nothing. */
static void strange_values_do_no_harm(void **state)
{
    (void)state;
    char id[UT_RUN_ID];
    char sha256[UT_SHA256_HEX];
    json_t *run;
    json_t *rows;
    begin(records, id);
    made(records, "transcribe", "words", "0000", sha256);
    assert_ok(ut_records_end_run(records, "completed", 0, &err));
    change("UPDATE runs SET models_json = '{broken', metrics_json = 7, output_dir = x'ff00fe',"
           " environment_json = NULL, version = char(27) || '[31m';"
           "UPDATE steps SET conversation = CAST(x'fffe41' AS TEXT), seconds = 'long'");
    assert_ok(ut_records_run(records, id, &run, &err));
    assert_true(json_is_null(json_object_get(run, "models")));
    assert_true(json_is_null(json_object_get(run, "environment")));
    json_decref(run);
    assert_ok(ut_records_steps(records, id, &rows, &err));
    assert_string_equal(text_of(json_array_get(rows, 0), "conversation"), "??A");
    json_decref(rows);
    assert_ok(ut_records_lineage(records, sha256, &rows, &err));
    json_decref(rows);
}

static void *add_many(void *context)
{
    for (int i = 0; i < 40; i++) {
        char key[64];
        char sha256[UT_SHA256_HEX];
        char found[UT_SHA256_HEX];
        int n = snprintf(key, sizeof key, "%p %d", context, i);
        ut_sha256(key, (size_t)n, sha256);
        const ut_step_record s = {.conversation = "t",
                                  .step = "extract",
                                  .status = "completed",
                                  .key = key,
                                  .output = sha256,
                                  .kind = "document"};
        if (ut_records_add_steps(records, &s, 1, NULL) != UT_OK ||
            ut_records_cached(records, key, found, NULL) != UT_OK || strcmp(found, sha256) != 0)
            return context;
    }
    return NULL;
}

static void threads_share_the_records(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    static char names[THREADS];
    pthread_t threads[THREADS];
    char id[UT_RUN_ID];
    json_t *rows;
    begin(records, id);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &names[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_ok(ut_records_steps(records, id, &rows, &err));
    assert_int_equal(json_array_size(rows), THREADS * 40);
    json_decref(rows);
    assert_int_equal(count_rows(ut_records_artifact_list), THREADS * 40);
}

/* What one of several programs sees that open the same new folder at one moment. */
static int open_and_close(void *home)
{
    ut_records *r;
    if (ut_records_open(ut_test_in_folder(home), &r, &err) != UT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    ut_records_close(r);
    return 0;
}

static void programs_may_make_the_records_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        char home[64];
        snprintf(home, sizeof home, "new%d", round);
        ut_test_at_once(6, open_and_close, home);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_RECORDS(test) cmocka_unit_test_setup_teardown(test, make, unmake)
        WITH_RECORDS(a_run_is_told_as_it_was),
        WITH_RECORDS(runs_are_found_by_the_beginning_of_their_id),
        WITH_RECORDS(a_living_run_is_told_from_a_killed_one),
        WITH_RECORDS(only_completed_steps_enter_the_cache),
        WITH_RECORDS(hashes_of_files_are_never_stale),
        WITH_RECORDS(results_are_told_from_changed_ones),
        WITH_RECORDS(lineage_reaches_both_ways),
        WITH_RECORDS(pruning_keeps_what_a_run_names),
        WITH_RECORDS(merging_takes_over_runs_and_artifacts_once),
        WITH_RECORDS(records_of_others_are_refused),
        WITH_RECORDS(strange_values_do_no_harm),
        WITH_RECORDS(threads_share_the_records),
        WITH_RECORDS(programs_may_make_the_records_at_once),
    };
    return cmocka_run_group_tests(tests, ut_test_folder_make, ut_test_folder_remove);
}
