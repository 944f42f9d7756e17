/* The Chroma back end without a server: addresses, who asks, and what is said. */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/chroma.h"

static ut_arena *arena;
static ut_chroma_place place;

static void expect(const char *url, const char *token, const char *database,
                   const char *authorization)
{
    ut_error err;
    if (ut_chroma_place_read(url, token, arena, &place, &err) != UT_OK)
        fail_msg("%s: %s", url, err.message);
    assert_string_equal(place.database, database);
    if (!authorization)
        assert_null(place.headers[0]);
    else
        assert_string_equal(place.headers[0], authorization);
    assert_null(place.headers[2]);
}

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    arena = ut_arena_create(0);
    unsetenv("CHROMA_TOKEN");
    expect("chroma://host/things", NULL,
           "http://host:8000/api/v2/tenants/default_tenant/databases/default_database", NULL);
    assert_string_equal(place.collection, "things");
    assert_string_equal(place.shown, "chroma://host:8000/things");
    expect("chroma://[::1]:81/a.b?tenant=t%20x&database=d", NULL,
           "http://[::1]:81/api/v2/tenants/t%20x/databases/d", NULL);
    expect("chroma://x.example/abc?ssl=true", NULL,
           "https://x.example:443/api/v2/tenants/default_tenant/databases/default_database", NULL);
    expect("chroma://x.example:8443/abc?ssl=true&tenant=t", NULL,
           "https://x.example:8443/api/v2/tenants/t/databases/default_database", NULL);
    ut_arena_destroy(arena);
}

static void who_asks_is_said_as_chromas_client_does(void **state)
{
    (void)state;
    static const char database[] =
        "http://h:8000/api/v2/tenants/default_tenant/databases/default_database";
    arena = ut_arena_create(0);
    setenv("CHROMA_TOKEN", "from-environment", 1);
    expect("chroma://h/abc", NULL, database, "Authorization: Bearer from-environment");
    assert_string_equal(place.headers[1], "X-Chroma-Token: from-environment");
    expect("chroma://s%3A%40cret@h/abc", NULL, database,
           "Authorization: Basic czpAY3JldA=="); /* s:@cret */
    assert_null(place.headers[1]);
    expect("chroma://s%40cret@h/abc", NULL, database, "Authorization: Bearer s@cret");
    assert_null(strstr(place.shown, "cret"));
    expect("chroma://user:word@h/abc", NULL, database, "Authorization: Basic dXNlcjp3b3Jk");
    expect("chroma://user:word@h/abc", "given", database, "Authorization: Bearer given");
    expect("chroma://h/abc", "", database, NULL);
    unsetenv("CHROMA_TOKEN");
    ut_arena_destroy(arena);
}

static void wrong_addresses_are_refused_without_their_secrets(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "chroma://",
        "chroma://host",
        "chroma://host/",
        "chroma:///things",
        "chroma://secret@/things",
        "chroma://secret%4@host/things",
        "chroma://secret%00x@host/things",
        "chroma://ho st/things",
        "chroma://host:/things",
        "chroma://host:port/things",
        "chroma://host:65536/things",
        "chroma://host/ab",
        "chroma://host/a/things",
        "chroma://host/-things",
        "chroma://host/a..b",
        "chroma://host/things?tenant=",
        "chroma://host/things?tenant=a/b",
        "chroma://host/things?tenant=a&colour=red",
        "chroma://host/things?ssl=maybe",
        "chroma://secret@host/things?",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ut_error err;
        arena = ut_arena_create(0);
        if (ut_chroma_place_read(wrong[i], NULL, arena, &place, &err) != UT_ERR_USAGE)
            fail_msg("%s was taken", wrong[i]);
        assert_null(strstr(err.message, "secret"));
        assert_non_null(strstr(err.message, "chroma://host:port/collection"));
        ut_arena_destroy(arena);
    }
    static const char *const tokens[] = {"two words", "line\nbreak", "caf\xc3\xa9"};
    for (size_t i = 0; i < 3; i++) {
        arena = ut_arena_create(0);
        assert_int_equal(
            ut_chroma_place_read("chroma://host/things", tokens[i], arena, &place, NULL),
            UT_ERR_CONFIG);
        ut_arena_destroy(arena);
    }
}

static void expect_said(json_t *body, const char *expected)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_string_equal(text, expected);
    free(text);
    json_decref(body);
}

static void filters_are_said_with_one_key_an_object(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b"};
    ut_store_filter filter = {.labels = 1u << UT_ANGRY | 1u << UT_SAD};
    expect_said(ut_chroma_say_get(NULL, ids, 2, false),
                "{\"where\":null,\"ids\":[\"a\",\"b\"],\"include\":[]}");
    expect_said(ut_chroma_say_get(&filter, NULL, 0, true),
                "{\"where\":{\"label\":{\"$in\":[\"sad\",\"angry\"]}},\"ids\":null,"
                "\"include\":[\"documents\",\"metadatas\",\"embeddings\"]}");
    filter = (ut_store_filter){.language = "", .exclude_conversation = "c \"1\""};
    expect_said(ut_chroma_say_query(&filter, (const float[]){0.5f, 1}, 2, 1, 7, false),
                "{\"query_embeddings\":[[0.5],[1.0]],\"where\":{\"$and\":[{\"language\":"
                "{\"$eq\":\"\"}},{\"conversation\":{\"$ne\":\"c \\\"1\\\"\"}}]},\"n_results\":7,"
                "\"include\":[\"documents\",\"metadatas\",\"distances\"]}");
}

static void items_are_said_with_base64_or_without(void **state)
{
    (void)state;
    ut_store_item item = {"i", "Käse", UT_HAPPY, "S", "de", "phone", "x", "c", 1.1, 2.3};
    static const char members[] =
        "{\"ids\":[\"i\"],\"documents\":[\"Käse\"],\"metadatas\":[{\"label\":\"happy\","
        "\"speaker\":\"S\",\"language\":\"de\",\"channel\":\"phone\",\"source\":\"x\","
        "\"conversation\":\"c\",\"start\":1.1,\"end\":2.3}],\"embeddings\":";
    char expected[512];
    snprintf(expected, sizeof expected, "%s%s", members, "[\"AACAPwAAAMA=\"]}");
    expect_said(ut_chroma_say_add(&item, (const float[]){1, -2}, 1, 2, true), expected);
    snprintf(expected, sizeof expected, "%s%s", members, "[[1.0,-2.0]]}");
    expect_said(ut_chroma_say_add(&item, (const float[]){1, -2}, 1, 2, false), expected);
    expect_said(ut_chroma_say_label("i", -1), "{\"ids\":[\"i\"],\"metadatas\":[{\"label\":null}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(who_asks_is_said_as_chromas_client_does),
        cmocka_unit_test(wrong_addresses_are_refused_without_their_secrets),
        cmocka_unit_test(filters_are_said_with_one_key_an_object),
        cmocka_unit_test(items_are_said_with_base64_or_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
