/* The HTTP client against a server that can do everything wrong. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "net/http.h"

static int port;
static ut_http_client *client;
static ut_buf body;
static long code;
static ut_error err;

static const char *url_of(const char *path)
{
    static char urls[8][128];
    static unsigned next;
    char *url = urls[next++ & 7];
    snprintf(url, 128, "http://127.0.0.1:%d%s", port, path);
    return url;
}

static ut_status fetch(ut_http_request request)
{
    ut_buf_clear(&body);
    return ut_http_fetch(client, &request, &body, &code, &err);
}

/* A member of the answer, "" if it has none; "headers.accept". */
static const char *said(const char *name)
{
    static char text[256];
    json_t *json = json_loadb(body.data, body.length, 0, NULL);
    const json_t *value = json;
    const char *dot = strchr(name, '.');
    if (dot)
        value = json_object_get(value, "headers");
    value = json_object_get(value, dot ? dot + 1 : name);
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%d", (int)json_integer_value(value));
    else
        snprintf(text, sizeof text, "%s", json_is_string(value) ? json_string_value(value) : "");
    json_decref(json);
    return text;
}

static void methods_and_headers_are_sent(void **state)
{
    (void)state;
    const char *const headers[] = {"X-One: 1", "X-Two: two words", NULL};
    assert_int_equal(fetch((ut_http_request){.url = url_of("/echo"), .bearer = "k"}), UT_OK);
    assert_int_equal(code, 200);
    assert_string_equal(said("method"), "GET");
    assert_string_equal(said("headers.authorization"), "Bearer k");
    ut_http_request request = {
        .url = url_of("/echo"), .headers = headers, .body = "{}", .body_length = 2};
    assert_int_equal(fetch(request), UT_OK);
    assert_string_equal(said("method"), "POST");
    assert_string_equal(said("headers.x-two"), "two words");
    assert_string_equal(said("headers.content-type"), "application/json");
    assert_string_equal(said("headers.authorization"), "");
    assert_string_equal(said("headers.expect"), "");
    assert_string_equal(said("body"), "{}");
    request.method = "PUT";
    request.content_type = "text/plain";
    assert_int_equal(fetch(request), UT_OK);
    assert_string_equal(said("method"), "PUT");
    assert_string_equal(said("headers.content-type"), "text/plain");
    assert_int_equal(fetch((ut_http_request){.url = url_of("/echo"), .method = "DELETE"}), UT_OK);
    assert_string_equal(said("method"), "DELETE");
    const char *const broken[] = {"X-One: 1\r\nX-Two: 2", NULL};
    request.headers = broken;
    assert_int_equal(fetch(request), UT_ERR_CONFIG);
    request = (ut_http_request){.url = url_of("/echo"), .bearer = "a\nb"};
    assert_int_equal(fetch(request), UT_ERR_CONFIG);
    assert_int_equal(fetch((ut_http_request){.url = "file:///etc/hosts"}), UT_ERR_CONFIG);
}

static void secrets_stay_with_the_host_they_are_for(void **state)
{
    (void)state;
    const char *const headers[] = {"X-Secret: s", NULL};
    assert_int_equal(fetch((ut_http_request){.url = url_of("/away"), .bearer = "k"}), UT_OK);
    assert_int_equal(code, 200);
    assert_string_equal(said("method"), "GET");
    assert_string_equal(said("headers.authorization"), "");
    assert_int_equal(fetch((ut_http_request){.url = url_of("/away"), .headers = headers}), UT_OK);
    assert_int_equal(code, 302);
}

static void one_connection_serves_call_after_call(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(fetch((ut_http_request){.url = url_of("/again")}), UT_OK);
    assert_string_equal(said("requests"), "20");
    assert_string_equal(said("connections"), "1");
}

static void call_often(void *context, size_t index, int worker)
{
    (void)worker;
    bool *fine = context;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/threads", port);
    ut_buf own;
    ut_buf_init(&own, 0);
    fine[index] = true;
    for (int i = 0; i < 25; i++) {
        long got;
        ut_http_request request = {.url = url, .tries = 2};
        ut_buf_clear(&own);
        fine[index] &= ut_http_fetch(client, &request, &own, &got, NULL) == UT_OK && got == 200;
    }
    ut_buf_free(&own);
}

static void threads_share_a_client(void **state)
{
    (void)state;
    bool fine[8];
    ut_parallel(8, 8, call_often, fine);
    for (size_t i = 0; i < 8; i++)
        assert_true(fine[i]);
    assert_int_equal(fetch((ut_http_request){.url = url_of("/threads")}), UT_OK);
    assert_string_equal(said("requests"), "201");
    assert_true(strtol(said("connections"), NULL, 10) <= 9);
}

static double seconds_of(ut_http_request request, ut_status expected)
{
    double began = ut_clock_wall();
    ut_status status = fetch(request);
    if (status != expected)
        fail_msg("%s: %d, %s", request.url, (int)status, err.message);
    return ut_clock_wall() - began;
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    static const char *const passing[] = {"/fails/2/503/-", "/fails/1/500/-", "/fails/1/429/-",
                                          "/fails/1/502/-", "/fails/1/504/-", "/cut/2"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        assert_true(seconds_of((ut_http_request){.url = url_of(passing[i]), .tries = 3}, UT_OK) >
                    0.12);
        assert_int_equal(code, 200);
        assert_true(body.data[0] == '{'); /* nothing of the earlier answers */
    }
    seconds_of((ut_http_request){.url = url_of("/fails/1/404/-"), .tries = 3}, UT_OK);
    assert_int_equal(code, 404);
    seconds_of((ut_http_request){.url = url_of("/fails/9/503/-"), .tries = 2}, UT_OK);
    assert_int_equal(code, 503);
    assert_string_equal(ut_buf_text(&body), "not now");
    seconds_of((ut_http_request){.url = url_of("/fails/4/503/-")}, UT_OK); /* 1 try */
    seconds_of((ut_http_request){.url = url_of("/cut/9"), .tries = 2}, UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "127.0.0.1"));
    seconds_of((ut_http_request){.url = url_of("/fails/4/503/-"), .tries = 9}, UT_OK);
    assert_string_equal(said("requests"), "5");
}

static void the_server_says_when(void **state)
{
    (void)state;
    ut_http_request request = {.url = url_of("/fails/1/429/2"), .tries = 2};
    double took = seconds_of(request, UT_OK);
    assert_int_equal(code, 200);
    assert_true(took >= 2 && took < 10);
    request.url = url_of("/fails/1/429/3600");
    assert_true(seconds_of(request, UT_OK) < 5);
    assert_int_equal(code, 429);
    request.url = url_of("/fails/1/503/Fri,_31_Dec_2999_23:59:59_GMT");
    assert_true(seconds_of(request, UT_OK) < 5);
    assert_int_equal(code, 503);
    request.url = url_of("/fails/1/503/5");
    request.wait_most = 4;
    assert_true(seconds_of(request, UT_OK) < 4);
    assert_int_equal(code, 503);
}

static void what_is_slow_is_given_up_at_once(void **state)
{
    (void)state;
    ut_http_request request = {.url = url_of("/slow"), .tries = 5, .total_seconds = 1};
    assert_true(seconds_of(request, UT_ERR_NETWORK) < 3.5);
    assert_non_null(strstr(err.message, "took too long"));
    request = (ut_http_request){.url = url_of("/stall"), .tries = 5, .stall_seconds = 1};
    assert_true(seconds_of(request, UT_ERR_NETWORK) < 3.9);
    /* The connection was dropped with its late answer. */
    assert_int_equal(fetch((ut_http_request){.url = url_of("/echo")}), UT_OK);
    assert_string_equal(said("method"), "GET");
}

static void what_is_too_long_is_cut(void **state)
{
    (void)state;
    ut_http_request request = {.url = url_of("/size/100000"), .maximum = 100000, .tries = 3};
    assert_int_equal(fetch(request), UT_OK);
    assert_int_equal(body.length, 100000);
    request.maximum = 99999;
    assert_int_equal(fetch(request), UT_ERR_LIMIT);
    request = (ut_http_request){.url = url_of("/size/17000000")};
    assert_int_equal(fetch(request), UT_ERR_LIMIT);
}

static bool after_a_while(void *context)
{
    return ++*(int *)context > 3;
}

static void waiting_can_be_cancelled(void **state)
{
    (void)state;
    int asked = 0;
    ut_http_request request = {.url = url_of("/fails/1/503/30"),
                               .tries = 2,
                               .context = &asked,
                               .cancelled = after_a_while};
    assert_true(seconds_of(request, UT_ERR_CANCELLED) < 10);
}

static void who_is_away_is_named(void **state)
{
    (void)state;
    ut_http_request request = {.url = "http://127.0.0.1:1/x", .tries = 3};
    assert_true(seconds_of(request, UT_ERR_NETWORK) > 0.3);
    assert_non_null(strstr(err.message, "127.0.0.1:1 cannot be reached"));
    request.url = "http://no-such-host.invalid/";
    seconds_of(request, UT_ERR_NETWORK);
    assert_non_null(strstr(err.message, "no-such-host.invalid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_headers_are_sent),
        cmocka_unit_test(secrets_stay_with_the_host_they_are_for),
        cmocka_unit_test(one_connection_serves_call_after_call),
        cmocka_unit_test(threads_share_a_client),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(the_server_says_when),
        cmocka_unit_test(what_is_slow_is_given_up_at_once),
        cmocka_unit_test(what_is_too_long_is_cut),
        cmocka_unit_test(waiting_can_be_cancelled),
        cmocka_unit_test(who_is_away_is_named),
    };
    unsetenv("http_proxy");
    if (!(port = ut_test_server_start("net/http_server.py", NULL, NULL))) {
        printf("SKIP: the HTTP client (python3 is not there)\n");
        return 77;
    }
    client = ut_http_client_create();
    ut_buf_init(&body, 64u << 20);
    int failed = client ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    ut_buf_free(&body);
    ut_http_client_destroy(client);
    ut_test_server_stop();
    return failed;
}
