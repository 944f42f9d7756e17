#include "train/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/reader.h"
#include "base/buf.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

/* A row of any manifest. */
typedef struct row {
    const char *file, *text, *speaker, *language;
    const char *emotion5, *emotion, *original;
    const char *start, *end;
    const char *licence;
} row;

/* Names of members, the best first. */
static const struct {
    const char *name;
    size_t member;
} columns[] = {
    {"file", offsetof(row, file)},
    {"path", offsetof(row, file)},
    {"audio", offsetof(row, file)},
    {"audio_file", offsetof(row, file)},
    {"filename", offsetof(row, file)},
    {"file_name", offsetof(row, file)},
    {"emotion5", offsetof(row, emotion5)},
    {"emotion", offsetof(row, emotion)},
    {"label", offsetof(row, emotion)},
    {"class", offsetof(row, emotion)},
    {"emotion_original", offsetof(row, original)},
    {"text", offsetof(row, text)},
    {"sentence", offsetof(row, text)},
    {"utterance", offsetof(row, text)},
    {"transcript", offsetof(row, text)},
    {"speaker", offsetof(row, speaker)},
    {"speaker_id", offsetof(row, speaker)},
    {"actor", offsetof(row, speaker)},
    {"language", offsetof(row, language)},
    {"start", offsetof(row, start)},
    {"end", offsetof(row, end)},
    {"licence", offsetof(row, licence)},
    {"license", offsetof(row, licence)},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static const char **member(row *r, size_t c)
{
    return (const char **)(void *)((char *)r + columns[c].member);
}

/* The manifest being read. */
typedef struct reading {
    ut_dataset *d;
    const ut_label_map *map;
    const char *name; /* of the manifest */
    const char *folder;
    int corpus;
    ut_error *err;
} reading;

ut_status ut_dataset_create(ut_dataset **dataset, ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    ut_dataset *d = arena ? UT_ARENA_NEW(arena, ut_dataset, 1) : NULL;
    if (!d) {
        ut_arena_destroy(arena);
        return ut_fail_memory(err, "dataset");
    }
    d->arena = arena;
    *dataset = d;
    return UT_OK;
}

void ut_dataset_free(ut_dataset *d)
{
    if (!d)
        return;
    free(d->samples);
    ut_arena_destroy(d->arena);
}

/* Remembers a label that no table knows, for one message about all of them. */
static void note_unknown(ut_dataset *d, const char *name)
{
    char quoted[72];
    snprintf(quoted, sizeof quoted, "\"%.60s\"", name);
    size_t used = strlen(d->unknown);
    d->unknown_count++;
    if (!strstr(d->unknown, quoted) && used + strlen(quoted) + 3 < sizeof d->unknown)
        snprintf(d->unknown + used, sizeof d->unknown - used, "%s%s", used ? ", " : "", quoted);
}

/* Whether a list between "; " has the whole item: "CC BY" is not "CC BY-NC". */
static bool is_listed(const char *list, const char *item)
{
    const size_t n = strlen(item);
    for (const char *at = list; (at = strstr(at, item)); at++)
        if ((at == list || (at - list >= 2 && memcmp(at - 2, "; ", 2) == 0)) &&
            (!at[n] || strncmp(at + n, "; ", 2) == 0))
            return true;
    return false;
}

static void note_licence(ut_dataset *d, const char *licence)
{
    static const char more[] = "others that the manifests name";
    char line[256];
    const size_t used = strlen(d->licences);
    const size_t room = sizeof d->licences - sizeof "; " - sizeof more;
    if (!licence)
        return;
    snprintf(line, sizeof line, "%s", licence);
    ut_tidy(line);
    if (is_listed(d->licences, line) || used > room)
        return;
    snprintf(d->licences + used, sizeof d->licences - used, "%s%s", used ? "; " : "",
             used + strlen(line) + 2 > room ? more : line);
}

static ut_status wrong(const reading *r, const char *place, const char *what)
{
    return ut_fail(r->err, UT_ERR_FORMAT, "dataset", "%s: %s", place, what);
}

static bool read_seconds(const char *text, double *seconds)
{
    char *end;
    *seconds = NAN;
    if (!text || !*text)
        return true;
    *seconds = strtod(text, &end);
    return !*end && *seconds >= 0 && *seconds <= UT_LIMIT_DURATION_S;
}

/* False where the row is to be left out. */
static bool find_label(const reading *r, const row *given, ut_label *label)
{
    const char *name = given->emotion5  ? given->emotion5
                       : given->emotion ? given->emotion
                                        : given->original;
    if (!ut_label_find(r->map, name, label)) {
        note_unknown(r->d, name);
        return false;
    }
    ut_label finer;
    const char *kinds[] = {given->original, given->emotion};
    for (size_t i = 0; i < 2; i++)
        if (kinds[i] && ut_label_find(r->map, kinds[i], &finer) &&
            finer.emotion == label->emotion && finer.ways) {
            label->ways = finer.ways;
            break;
        }
    r->d->skipped += label->emotion == UT_LABEL_SKIP;
    return label->emotion != UT_LABEL_SKIP;
}

static ut_status add(reading *r, const row *given, const char *place)
{
    ut_dataset *d = r->d;
    ut_sample s = {.corpus = r->corpus};
    if (!given->emotion5 && !given->emotion && !given->original)
        return wrong(r, place, "has no label; it belongs in a column or member called emotion");
    if (!given->file && !given->text)
        return wrong(r, place, "names no file and has no text");
    if (!read_seconds(given->start, &s.start) || !read_seconds(given->end, &s.end) ||
        isnan(s.start) != isnan(s.end) || s.end <= s.start)
        return wrong(r, place,
                     "start and end must be seconds from 0, the end later, or both "
                     "absent for the whole recording");
    if (!find_label(r, given, &s.label))
        return UT_OK;
    char *path = given->file ? ut_path_join(r->folder, given->file) : NULL;
    s.path = ut_arena_strdup(d->arena, path);
    s.text = ut_arena_strdup(d->arena, given->text);
    s.speaker = ut_arena_strdup(d->arena, given->speaker);
    s.language = ut_arena_strdup(d->arena, given->language);
    s.place = ut_arena_strdup(d->arena, place);
    free(path);
    if ((given->file && !s.path) || (given->text && !s.text) || !s.place ||
        !ut_grow(&d->samples, &d->capacity, d->count + 1, sizeof *d->samples))
        return ut_fail_memory(r->err, "dataset");
    d->samples[d->count++] = s;
    note_licence(d, given->licence);
    return UT_OK;
}

/* ------------------------------------------------------------------------------- tables */

static ut_status parse_table(reading *r, const char *text, size_t length)
{
    ut_csv csv;
    UT_TRY(ut_csv_parse(text, length, r->name, r->d->arena, &csv, r->err));
    size_t where[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++)
        where[c] = ut_csv_column(&csv, columns[c].name);
    for (size_t i = 0; i < csv.rows; i++) {
        const char *const *cells = csv.cells + i * csv.columns;
        row given = {0};
        char place[512];
        for (size_t c = 0; c < COLUMNS; c++)
            if (where[c] < csv.columns && *cells[where[c]] && !*member(&given, c))
                *member(&given, c) = cells[where[c]];
        snprintf(place, sizeof place, "%.400s, line %zu", r->name, csv.lines[i]);
        UT_TRY(add(r, &given, place));
    }
    return UT_OK;
}

/* --------------------------------------------------------------------------------- JSON */

/* `file`: the recording, where the document names it outside of the object; else NULL. */
static ut_status add_object(reading *r, const json_t *object, const char *file, const char *place)
{
    row given = {0};
    char numbers[COLUMNS][32];
    if (!json_is_object(object))
        return wrong(r, place, "is no object; write {\"file\": \"a.wav\", \"emotion\": \"sad\"}");
    for (size_t c = 0; c < COLUMNS; c++) {
        const json_t *value = json_object_get(object, columns[c].name);
        const char *text = json_string_value(value);
        if (json_is_integer(value))
            snprintf(numbers[c], sizeof numbers[c], "%" JSON_INTEGER_FORMAT,
                     json_integer_value(value));
        else if (json_is_real(value))
            snprintf(numbers[c], sizeof numbers[c], "%.9g", json_real_value(value));
        if (json_is_number(value))
            text = numbers[c];
        if (text && *text && !*member(&given, c))
            *member(&given, c) = text;
    }
    if (file)
        given.file = file;
    return add(r, &given, place);
}

static ut_status add_array(reading *r, const json_t *array, const char *file)
{
    size_t i;
    json_t *object;
    json_array_foreach(array, i, object)
    {
        char place[700];
        snprintf(place, sizeof place, "%.400s%s%.200s, entry %zu", r->name, file ? ": " : "",
                 file ? file : "", i + 1);
        UT_TRY(add_object(r, object, file, place));
    }
    return UT_OK;
}

/* {"call.wav": [entries]}, {"clip.wav": {entry}}, {"clip.wav": "label"} */
static ut_status add_files(reading *r, json_t *root)
{
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        char place[700];
        snprintf(place, sizeof place, "%.400s: %.200s", r->name, key);
        if (json_is_array(value)) {
            UT_TRY(add_array(r, value, key));
        } else if (json_is_string(value)) {
            row given = {.file = key, .emotion = json_string_value(value)};
            UT_TRY(add(r, &given, place));
        } else {
            UT_TRY(add_object(r, value, key, place));
        }
    }
    return UT_OK;
}

static ut_status parse_json(reading *r, const char *text, size_t length)
{
    json_t *root;
    UT_TRY(ut_json_parse(text, length, r->name, &root, r->err));
    ut_status status = json_is_array(root) ? add_array(r, root, NULL) : add_files(r, root);
    json_decref(root);
    return status;
}

static ut_status parse_lines(reading *r, const char *text, size_t length)
{
    size_t line = 0;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t n = end ? (size_t)(end - text) - at : length - at;
        json_t *object = NULL;
        char place[512];
        line++;
        if (strspn(text + at, " \t\r") < n) {
            UT_TRY(ut_json_parse_part(text + at, n, line, r->name, &object, r->err));
            snprintf(place, sizeof place, "%.400s, line %zu", r->name, line);
            ut_status status = add_object(r, object, NULL, place);
            json_decref(object);
            UT_TRY(status);
        }
        at += n + 1;
    }
    return UT_OK;
}

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (strcasecmp(ut_path_ending(name), *endings) == 0)
            return true;
    return false;
}

ut_status ut_dataset_parse(ut_dataset *d, const char *text, size_t length, const char *name,
                           const ut_label_map *map, ut_error *err)
{
    static const char *const lines[] = {".jsonl", ".ndjson", NULL};
    static const char *const json[] = {".json", NULL};
    reading r = {d,
                 map,
                 name,
                 ut_arena_strndup(d->arena, name, (size_t)(ut_path_base(name) - name)),
                 d->corpora++,
                 err};
    if (!r.folder)
        return ut_fail_memory(err, "dataset");
    if (!ut_is_utf8(text))
        return ut_fail(err, UT_ERR_FORMAT, "dataset", "%s is not UTF-8; save it as that", name);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) { /* as some editors begin it */
        text += 3;
        length -= 3;
    }
    return has_ending(name, lines)  ? parse_lines(&r, text, length)
           : has_ending(name, json) ? parse_json(&r, text, length)
                                    : parse_table(&r, text, length);
}

/* ------------------------------------------------------------------------------ folders */

static ut_status load_manifest(ut_dataset *d, const char *path, const ut_label_map *map,
                               ut_error *err)
{
    char *text;
    size_t length;
    if (ut_audio_is_name(path))
        return ut_fail(err, UT_ERR_FORMAT, "dataset",
                       "%s is a recording; name a manifest (CSV or JSON with file and emotion), or "
                       "a folder",
                       path);
    UT_TRY(ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, &length, err));
    ut_status status = ut_dataset_parse(d, text, length, path, map, err);
    free(text);
    return status;
}

/* One folder a label: its first level names it. */
static ut_status load_folders(ut_dataset *d, const char *folder, const ut_file_list *list,
                              const ut_label_map *map, ut_error *err)
{
    reading r = {d, map, folder, folder, d->corpora++, err};
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->names[i];
        const char *slash = strchr(name, '/');
        char place[700];
        snprintf(place, sizeof place, "%.400s/%.200s", folder, name);
        if (slash && !slash[1])
            return wrong(&r, place,
                         "the folder is empty; put recordings of that emotion into it, "
                         "or remove it");
        if (!slash || !ut_audio_is_name(name))
            continue;
        char *label = strndup(name, (size_t)(slash - name));
        if (!label)
            return ut_fail_memory(err, "dataset");
        row given = {.file = name, .emotion = label};
        ut_status status = add(&r, &given, place);
        free(label);
        UT_TRY(status);
    }
    return UT_OK;
}

ut_status ut_dataset_load(ut_dataset *d, const char *path, const ut_label_map *map, ut_error *err)
{
    static const char *const manifests[] = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", NULL};
    if (!ut_file_is_dir(path))
        return load_manifest(d, path, map, err);
    ut_file_list list;
    UT_TRY(ut_file_walk(path, &list, err));
    ut_status status = UT_OK;
    size_t found = 0;
    for (size_t i = 0; i < list.count && status == UT_OK; i++) {
        if (!has_ending(list.names[i], manifests))
            continue;
        char *manifest = ut_path_join(path, list.names[i]);
        status = manifest ? load_manifest(d, manifest, map, err) : ut_fail_memory(err, "dataset");
        free(manifest);
        found++;
    }
    if (status == UT_OK && !found)
        status = load_folders(d, path, &list, map, err);
    ut_file_list_free(&list);
    return status;
}

/* -------------------------------------------------------------------------------- checks */

void ut_dataset_count(const ut_dataset *d, size_t counts[UT_EMOTIONS])
{
    memset(counts, 0, UT_EMOTIONS * sizeof *counts);
    for (size_t i = 0; i < d->count; i++)
        counts[d->samples[i].label.emotion]++;
}

ut_status ut_dataset_check(const ut_dataset *d, const char *name, ut_error *err)
{
    size_t counts[UT_EMOTIONS];
    if (d->unknown_count)
        return ut_fail(err, UT_ERR_FORMAT, "dataset",
                       "%s: %zu utterances have labels that are not known: %s; say which of sad, "
                       "happy, angry, neutral, non-neutral (or skip) they are with --label_map "
                       "FILE",
                       name, d->unknown_count, d->unknown);
    if (!d->count)
        return ut_fail(err, UT_ERR_FORMAT, "dataset",
                       "%s holds no labelled utterances; it takes manifests (CSV or JSON with file "
                       "and emotion), or one folder a label with recordings in it",
                       name);
    ut_dataset_count(d, counts);
    int present = 0;
    int last = 0;
    for (int k = 0; k < UT_EMOTIONS; k++)
        if (counts[k]) {
            present++;
            last = k;
        }
    if (present < 2)
        return ut_fail(err, UT_ERR_FORMAT, "dataset",
                       "%s holds only one emotion, %s (%zu utterances); there is nothing to tell "
                       "apart, add others",
                       name, ut_emotion_name((ut_emotion_label)last), d->count);
    return UT_OK;
}
