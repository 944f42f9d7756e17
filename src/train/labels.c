#include "train/labels.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

/* The nine ways of speaking, in the order of models/emotion_voice/voice.h. */
enum {
    SAD = 1,
    HAPPY = 2,
    ANGRY = 4,
    NEUTRAL = 8,
    CALM = 16,
    FEAR = 32,
    DISGUST = 64,
    SURPRISE = 128,
    BOREDOM = 256,
    OTHER = FEAR | DISGUST | SURPRISE | BOREDOM
};

static const struct {
    int emotion;
    unsigned ways;
    const char *names; /* as fold() leaves them, between spaces */
} built_in[] = {
    {UT_SAD, SAD,
     " sad sadness unhappy unhappiness sorrow grief depressed depression disappointed "
     "disappointment hurt lonely melancholy remorse sd "},
    {UT_HAPPY, HAPPY,
     " happy happiness joy joyful joyous glad delight delighted amusement amused cheerful excited "
     "excitement elation elated content contentment laughter enthusiasm enthusiastic love hp hap "
     "exc "},
    {UT_ANGRY, ANGRY,
     " angry anger annoyed annoyance irritated irritation frustrated frustration fru rage mad "
     "furious fury hostile hostility ang "},
    {UT_NEUTRAL, NEUTRAL, " neutral neutrality noemotion none normal neu "},
    {UT_NEUTRAL, CALM, " calm calmness relaxed serene peaceful "},
    {UT_NON_NEUTRAL, FEAR,
     " fear fearful afraid scared anxiety anxious nervous nervousness terror panic panicked "
     "worried worry fea "},
    {UT_NON_NEUTRAL, DISGUST, " disgust disgusted dis "},
    {UT_NON_NEUTRAL, SURPRISE,
     " surprise surprised pleasantsurprise pleasantsurprised astonished astonishment amazed "
     "amazement sur "},
    {UT_NON_NEUTRAL, BOREDOM, " boredom bored tired tiredness sleepy "},
    {UT_NON_NEUTRAL, OTHER,
     " nonneutral emotional contempt contemptuous embarrassed embarrassment guilt shame pride "
     "proud confused confusion jealousy "},
};

typedef struct entry {
    char name[UT_LABEL_NAME];
    ut_label label;
} entry;

struct ut_label_map {
    entry *entries;
    size_t count;
};

/* Lower case without spaces, '_' and '-'; false if it is empty or too long. */
static bool fold(const char *name, char out[UT_LABEL_NAME])
{
    size_t n = 0;
    for (; *name; name++) {
        if (strchr(" \t_-", *name))
            continue;
        if (n + 1 == UT_LABEL_NAME)
            return false;
        out[n++] = (char)tolower((unsigned char)*name);
    }
    out[n] = 0;
    return n > 0;
}

static bool find_built_in(const char *folded, ut_label *label)
{
    char spaced[UT_LABEL_NAME + 2];
    snprintf(spaced, sizeof spaced, " %s ", folded);
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (strstr(built_in[i].names, spaced)) {
            *label = (ut_label){built_in[i].emotion, built_in[i].ways};
            return true;
        }
    return false;
}

bool ut_label_find(const ut_label_map *map, const char *name, ut_label *label)
{
    char folded[UT_LABEL_NAME];
    if (!fold(name, folded))
        return false;
    for (size_t i = 0; map && i < map->count; i++)
        if (strcmp(map->entries[i].name, folded) == 0) {
            *label = map->entries[i].label;
            return true;
        }
    return find_built_in(folded, label);
}

/* A name may stand there again, but not for something else: which one was meant? */
static ut_status check_agreement(const ut_label_map *map, const entry *e, const char *place,
                                 ut_error *err)
{
    for (const entry *o = map->entries; o < e; o++)
        if (strcmp(o->name, e->name) == 0 && memcmp(&o->label, &e->label, sizeof o->label) != 0)
            return ut_fail(err, UT_ERR_FORMAT, "labels",
                           "%s: \"%s\" is something else than further up; remove one of the two",
                           place, e->name);
    return UT_OK;
}

/* Adds "`name` is `emotion`"; `place` is for messages. */
static ut_status add(ut_label_map *map, const char *name, const char *emotion, const char *place,
                     ut_error *err)
{
    entry *e = &map->entries[map->count];
    char folded[UT_LABEL_NAME];
    if (!fold(name, e->name))
        return ut_fail(err, UT_ERR_FORMAT, "labels",
                       "%s: a label has from 1 to %d characters, not \"%.60s\"", place,
                       UT_LABEL_NAME - 1, name);
    bool known = fold(emotion, folded);
    if (known && strcmp(folded, "skip") == 0)
        e->label = (ut_label){UT_LABEL_SKIP, 0};
    else if (!known || !find_built_in(folded, &e->label))
        return ut_fail(err, UT_ERR_FORMAT, "labels",
                       "%s: \"%.60s\" is to be \"%.60s\", which is none of sad, happy, angry, "
                       "neutral, non-neutral, skip",
                       place, name, emotion);
    UT_TRY(check_agreement(map, e, place, err));
    map->count++;
    return UT_OK;
}

static ut_status parse_json(const char *text, size_t length, const char *name, ut_arena *arena,
                            ut_label_map *map, ut_error *err)
{
    json_t *json;
    UT_TRY(ut_json_parse(text, length, name, &json, err));
    ut_status status = UT_OK;
    const char *key;
    json_t *value;
    map->entries = UT_ARENA_NEW(arena, entry, json_object_size(json) + 1);
    if (!map->entries)
        status = ut_fail_memory(err, "labels");
    json_object_foreach(json, key, value)
    {
        if (status != UT_OK)
            break;
        const char *emotion = json_string_value(value);
        status = add(map, key, emotion ? emotion : "", name, err);
    }
    json_decref(json);
    return status;
}

static ut_status parse_table(const char *text, size_t length, const char *name, ut_arena *arena,
                             ut_label_map *map, ut_error *err)
{
    ut_csv csv;
    UT_TRY(ut_csv_parse(text, length, name, arena, &csv, err));
    size_t label = ut_csv_column(&csv, "label");
    size_t emotion = ut_csv_column(&csv, "emotion");
    if (label == csv.columns || emotion == csv.columns)
        return ut_fail(err, UT_ERR_FORMAT, "labels",
                       "%s must have the columns label and emotion in its first line", name);
    map->entries = UT_ARENA_NEW(arena, entry, csv.rows + 1);
    if (!map->entries)
        return ut_fail_memory(err, "labels");
    for (size_t r = 0; r < csv.rows; r++) {
        const char *const *row = csv.cells + r * csv.columns;
        char place[512];
        snprintf(place, sizeof place, "%.400s, line %zu", name, csv.lines[r]);
        UT_TRY(add(map, row[label], row[emotion], place, err));
    }
    return UT_OK;
}

ut_status ut_label_map_parse(const char *text, size_t length, const char *name, ut_arena *arena,
                             const ut_label_map **out, ut_error *err)
{
    ut_label_map *map = UT_ARENA_NEW(arena, ut_label_map, 1);
    if (!map)
        return ut_fail_memory(err, "labels");
    size_t at = 0;
    while (at < length && isspace((unsigned char)text[at]))
        at++;
    bool json = at < length && text[at] == '{';
    UT_TRY(json ? parse_json(text, length, name, arena, map, err)
                : parse_table(text, length, name, arena, map, err));
    *out = map;
    return UT_OK;
}

ut_status ut_label_map_load(const char *path, ut_arena *arena, const ut_label_map **map,
                            ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, UT_LIMIT_CONFIG_BYTES, &text, &length, err));
    ut_status status = ut_label_map_parse(text, length, path, arena, map, err);
    free(text);
    return status;
}
