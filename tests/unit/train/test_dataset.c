/* Manifests of every form, labels of any name, and what is wrong with them. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/dataset.h"

static ut_dataset *parse(const char *name, const char *text, const ut_label_map *map)
{
    ut_error err;
    ut_dataset *d;
    assert_int_equal(ut_dataset_create(&d, &err), UT_OK);
    if (ut_dataset_parse(d, text, strlen(text), name, map, &err) != UT_OK)
        fail_msg("%s", err.message);
    return d;
}

static void refuse(const char *name, const char *text, const char *word)
{
    ut_error err;
    ut_dataset *d;
    assert_int_equal(ut_dataset_create(&d, &err), UT_OK);
    ut_status status = ut_dataset_parse(d, text, strlen(text), name, NULL, &err);
    if (status == UT_OK)
        status = ut_dataset_check(d, name, &err);
    assert_int_equal(status, UT_ERR_FORMAT);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" is not in \"%s\"", word, err.message);
    ut_dataset_free(d);
}

static void test_table(void **state)
{
    (void)state;
    ut_dataset *d = parse("data/m.csv",
                          "file,speaker,emotion_original,emotion5,text,start,end\n"
                          "a.wav,anna,fearful,non-neutral,\"Oh, no\",,\n"
                          "/b.wav,,sadness,sad,,1.5,2.25\n"
                          ",bert,joy,happy,hello,,\n",
                          NULL);
    assert_int_equal(d->count, 3);
    assert_string_equal(d->samples[0].path, "data/a.wav");
    assert_string_equal(d->samples[0].text, "Oh, no");
    assert_int_equal(d->samples[0].label.emotion, UT_NON_NEUTRAL);
    assert_int_equal(d->samples[0].label.ways, 32);
    assert_true(isnan(d->samples[0].start));
    assert_string_equal(d->samples[1].path, "/b.wav");
    assert_null(d->samples[1].speaker);
    assert_null(d->samples[1].text);
    assert_near(d->samples[1].start, 1.5, 0);
    assert_near(d->samples[1].end, 2.25, 0);
    assert_null(d->samples[2].path);
    assert_int_equal(d->samples[2].label.emotion, UT_HAPPY);
    ut_error err;
    assert_int_equal(ut_dataset_check(d, "m.csv", &err), UT_OK);
    ut_dataset_free(d);
}

static void test_json(void **state)
{
    (void)state;
    ut_dataset *d = parse("t/truth.json",
                          "{\"call.wav\": [{\"start\": 0, \"end\": 1.5, \"speaker\": \"agent\", "
                          "\"emotion\": \"neutral\", \"text\": \"Hello.\"},\n"
                          " {\"start\": 2, \"end\": 3, \"emotion\": \"Anger\"}],\n"
                          " \"clip.wav\": {\"emotion\": \"sad\"}, \"other.wav\": \"happy\"}",
                          NULL);
    assert_int_equal(d->count, 4);
    assert_string_equal(d->samples[1].path, "t/call.wav");
    assert_int_equal(d->samples[1].label.emotion, UT_ANGRY);
    assert_near(d->samples[1].end, 3, 0);
    assert_string_equal(d->samples[3].path, "t/other.wav");
    assert_int_equal(d->samples[3].label.emotion, UT_HAPPY);
    ut_dataset_free(d);
    d = parse("x.jsonl",
              "{\"text\": \"I hate it\", \"emotion\": \"disgust\", \"speaker\": 12}\n\n"
              "{\"text\": \"fine\", \"label\": \"no emotion\", \"start\": null}\n",
              NULL);
    assert_int_equal(d->count, 2);
    assert_string_equal(d->samples[0].speaker, "12");
    assert_int_equal(d->samples[1].label.emotion, UT_NEUTRAL);
    ut_dataset_free(d);
    d = parse("x.json", "[{\"file\": \"a.wav\", \"class\": \"calm\"}]", NULL);
    assert_int_equal(d->samples[0].label.ways, 16);
    ut_dataset_free(d);
}

/* A byte order mark, long numbers as names, and licences that begin alike. */
static void test_details(void **state)
{
    (void)state;
    ut_dataset *d =
        parse("x.json",
              "\xef\xbb\xbf[{\"text\": \"a\", \"emotion\": \"sad\", \"speaker\": 12345678901,"
              " \"licence\": \"CC BY-NC\"},"
              "{\"text\": \"b\", \"emotion\": \"joy\", \"speaker\": 12345678902,"
              " \"licence\": \"CC BY\"},"
              "{\"text\": \"c\", \"emotion\": \"joy\", \"licence\": \"CC BY\"}]",
              NULL);
    assert_int_equal(d->count, 3);
    assert_string_equal(d->samples[0].speaker, "12345678901");
    assert_string_equal(d->samples[1].speaker, "12345678902");
    assert_string_equal(d->licences, "CC BY-NC; CC BY");
    ut_dataset_free(d);
}

/* Where two columns disagree about the emotion, the first of the order says which, and the other
 * says nothing about the kind. */
static void test_kinds(void **state)
{
    (void)state;
    ut_dataset *d = parse("x.csv",
                          "text,emotion5,emotion_original\n"
                          "a,non-neutral,frustration\n"
                          "b,neutral,boredom\n"
                          "c,non-neutral,surprise\n",
                          NULL);
    assert_int_equal(d->samples[0].label.ways, 32 | 64 | 128 | 256);
    assert_int_equal(d->samples[1].label.emotion, UT_NEUTRAL);
    assert_int_equal(d->samples[2].label.ways, 128);
    ut_dataset_free(d);
}

static void test_label_map(void **state)
{
    (void)state;
    static const char table[] =
        "label,emotion\nSo-So,neutral\njoy,skip\nJoy,skip\nfrustration,non-neutral\n";
    static const char json[] = " {\"so so\": \"neutral\", \"joy\": \"skip\", "
                               "\"frustration\": \"non-neutral\"}";
    const char *const maps[] = {table, json};
    for (int i = 0; i < 2; i++) {
        ut_error err;
        const ut_label_map *map;
        ut_arena *arena = ut_arena_create(0);
        assert_int_equal(ut_label_map_parse(maps[i], strlen(maps[i]), "map", arena, &map, &err),
                         UT_OK);
        ut_dataset *d = parse("x.csv", "text,emotion\na,SOSO\nb,joy\nc,Frustration\nd,sad\n", map);
        assert_int_equal(d->count, 3);
        assert_int_equal(d->skipped, 1);
        assert_int_equal(d->samples[0].label.emotion, UT_NEUTRAL);
        assert_int_equal(d->samples[1].label.emotion, UT_NON_NEUTRAL);
        assert_int_equal(d->samples[2].label.emotion, UT_SAD);
        ut_dataset_free(d);
        ut_arena_destroy(arena);
    }
}

static void test_bad_label_map(void **state)
{
    (void)state;
    static const char *const bad[] = {"label,emotion\nx,purple\n",
                                      "name,emotion\nx,sad\n",
                                      "{\"x\": 3}",
                                      "{\"x\"",
                                      "",
                                      "label,emotion\n,sad\n",
                                      "label,emotion\nx-1,sad\njoy,happy\nX 1,happy\n",
                                      "{\"x\": \"sad\", \"X\": \"skip\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ut_error err;
        const ut_label_map *map;
        ut_arena *arena = ut_arena_create(0);
        assert_int_equal(ut_label_map_parse(bad[i], strlen(bad[i]), "map", arena, &map, &err),
                         UT_ERR_FORMAT);
        ut_arena_destroy(arena);
    }
}

static void test_bad_manifests(void **state)
{
    (void)state;
    refuse("x.csv", "file,text\na.wav,b\n", "no label");
    refuse("x.csv", "emotion\nsad\n", "names no file");
    refuse("x.csv", "text,emotion,start,end\na,sad,3,2\n", "start and end");
    refuse("x.csv", "text,emotion,start,end\na,sad,1,\n", "start and end");
    refuse("x.csv", "text,emotion,start,end\na,sad,nan,nan\n", "start and end");
    refuse("x.csv", "text,emotion\na,sad\nb,sad\n", "only one emotion, sad (2");
    refuse("x.csv", "text,emotion\na,blue\nb,sad\nc,blue\nd,green\n",
           "3 utterances have labels that are not known: \"blue\", \"green\"");
    refuse("x.csv", "text,emotion\n", "no labelled utterances");
    refuse("x.csv", "text,emotion\n\"a,sad\n", "x.csv");
    refuse("x.json", "[1]", "entry 1");
    refuse("x.json", "{\"a.wav\": 3}", "a.wav");
    refuse("x.json", "{\"a.wav\": [{\"emotion\": \"sad\", \"start\": -1, \"end\": 2}]}", "entry 1");
    refuse("x.jsonl", "{\"text\": \"a\", \"emotion\": \"sad\"}\n{\n", "2");
    refuse("x.csv", "text,emotion\n\xff,sad\n", "UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_json),
        cmocka_unit_test(test_details),       cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_label_map),     cmocka_unit_test(test_bad_label_map),
        cmocka_unit_test(test_bad_manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
