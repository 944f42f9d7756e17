/* Conversations out of JSON lines and a table of voice measurements. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "emotion/baseline.h"
#include "pipeline/dialogue.h"

/* The table's columns and the features that they fill. Pitch's spread comes in hertz and is told in
 * semitones, to first order: 12 / ln 2 times spread over mean. */
enum {
    DURATION,
    INTENSITY,
    INTENSITY_SPREAD,
    PITCH,
    PITCH_SPREAD,
    PITCH_RANGE,
    RATE,
    HNR,
    COLUMNS
};
static const struct {
    const char *column, *feature;
} columns[COLUMNS] = {
    [DURATION] = {"duration", "duration_s"},
    [INTENSITY] = {"avg_intensity", "loudness_mean_db"},
    [INTENSITY_SPREAD] = {"intensity_variation", "loudness_std_db"},
    [PITCH] = {"avg_pitch", "pitch_mean_hz"},
    [PITCH_SPREAD] = {"pitch_std", "pitch_std_semitones"},
    [PITCH_RANGE] = {"pitch_range", "pitch_range_semitones"},
    [RATE] = {"articulation_rate", "articulation_rate_sps"},
    [HNR] = {"mean_hnr", "hnr_mean_db"},
};

typedef struct line {
    json_t *object; /* NULL: none */
    size_t bytes;
    float prosody[COLUMNS];
} line;

struct ut_dialogues {
    FILE *lines, *prosody;
    const char *name, *prosody_name;
    size_t number;       /* of the line read last, from 1 */
    int fields[COLUMNS]; /* which feature each field of the table fills */
    size_t field_count;
    ut_buf text;
    line next; /* read ahead: the first of the following conversation */
    bool done;
};

/* One line without its end into `text`; *more is false at the end of the file. */
static ut_status read_line(FILE *file, const char *name, size_t number, ut_buf *text, bool *more,
                           ut_error *err)
{
    char chunk[1024];
    size_t n = 0;
    int c;
    ut_buf_clear(text);
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        chunk[n++] = (char)c;
        if (n == sizeof chunk) {
            ut_buf_add(text, chunk, n);
            n = 0;
            if (ut_buf_status(text) != UT_OK)
                break;
        }
    }
    ut_buf_add(text, chunk, n);
    if (ferror(file))
        return ut_fail_errno(err, UT_ERR_IO, "dialogue", "cannot read %s", name);
    if (ut_buf_status(text) == UT_ERR_LIMIT)
        return ut_fail(err, UT_ERR_LIMIT, "dialogue", "%s, line %zu is longer than %zu bytes", name,
                       number, UT_LIMIT_LINE_BYTES);
    if (ut_buf_status(text) != UT_OK)
        return ut_fail_memory(err, "dialogue");
    *more = c != EOF || text->length > 0;
    if (text->length && text->data[text->length - 1] == '\r')
        text->data[--text->length] = 0;
    return UT_OK;
}

static ut_status wrong(const ut_dialogues *d, const char *what, ut_error *err)
{
    return ut_fail(err, UT_ERR_FORMAT, "dialogue",
                   "%s, line %zu: %s; a line is {\"dialogue\": ..., \"turn\": ..., \"speaker\": "
                   "..., \"text\": ...}",
                   d->name, d->number, what);
}

static bool is_absent(const json_t *value)
{
    return !value || json_is_null(value);
}

static const char *fault(const json_t *object)
{
    const json_t *dialogue = json_object_get(object, "dialogue");
    const json_t *speaker = json_object_get(object, "speaker");
    if (!json_is_object(object))
        return "no object";
    if (!json_is_string(dialogue) && !json_is_integer(dialogue))
        return "\"dialogue\" must be a string or an integer";
    if (!json_is_string(json_object_get(object, "text")))
        return "\"text\" must be a string";
    if (!is_absent(speaker) && !json_is_string(speaker))
        return "\"speaker\" must be a string";
    return NULL;
}

static ut_status read_cell(const ut_dialogues *d, const char *cell, size_t length, float *value,
                           ut_error *err)
{
    char text[64];
    char *end;
    *value = NAN;
    if (length == 0)
        return UT_OK;
    if (length >= sizeof text)
        length = sizeof text - 1;
    memcpy(text, cell, length);
    text[length] = 0;
    *value = (float)strtod(text, &end);
    if (end == text || *end || isinf(*value))
        return ut_fail(err, UT_ERR_FORMAT, "dialogue", "%s, row %zu: \"%s\" is no number",
                       d->prosody_name, d->number, text);
    return UT_OK;
}

/* The table's row for the line read last. */
static ut_status read_row(ut_dialogues *d, line *l, ut_error *err)
{
    bool more = false;
    for (int i = 0; i < COLUMNS; i++)
        l->prosody[i] = NAN;
    if (!d->prosody)
        return UT_OK;
    UT_TRY(read_line(d->prosody, d->prosody_name, d->number + 1, &d->text, &more, err));
    if (!more)
        return ut_fail(err, UT_ERR_FORMAT, "dialogue",
                       "%s has fewer rows than %s has lines; row i belongs to line i",
                       d->prosody_name, d->name);
    const char *cell = ut_buf_text(&d->text);
    for (size_t f = 0; f < d->field_count; f++) {
        size_t length = strcspn(cell, "\t");
        bool last = cell[length] == 0;
        if (last != (f + 1 == d->field_count))
            return ut_fail(err, UT_ERR_FORMAT, "dialogue", "%s, row %zu does not have %zu cells",
                           d->prosody_name, d->number, d->field_count);
        UT_TRY(read_cell(d, cell, length, &l->prosody[d->fields[f]], err));
        cell += length + !last;
    }
    float to_semitones = 12.0f / (float)M_LN2 / l->prosody[PITCH];
    l->prosody[PITCH_SPREAD] *= to_semitones;
    l->prosody[PITCH_RANGE] *= to_semitones;
    return UT_OK;
}

static ut_status read_next(ut_dialogues *d, ut_error *err)
{
    bool more = false;
    d->number++;
    UT_TRY(read_line(d->lines, d->name, d->number, &d->text, &more, err));
    if (!more) {
        d->done = true;
        if (d->prosody)
            UT_TRY(read_line(d->prosody, d->prosody_name, d->number + 1, &d->text, &more, err));
        if (more)
            return ut_fail(err, UT_ERR_FORMAT, "dialogue",
                           "%s has more rows than %s has lines; row i belongs to line i",
                           d->prosody_name, d->name);
        return UT_OK;
    }
    json_error_t e;
    line l = {.bytes = d->text.length};
    l.object = json_loadb(ut_buf_text(&d->text), d->text.length, JSON_REJECT_DUPLICATES, &e);
    const char *what = l.object ? fault(l.object) : e.text;
    ut_status status = what ? wrong(d, what, err) : read_row(d, &l, err);
    if (status != UT_OK)
        json_decref(l.object);
    else
        d->next = l;
    return status;
}

static ut_status read_header(ut_dialogues *d, ut_error *err)
{
    bool more = false;
    UT_TRY(read_line(d->prosody, d->prosody_name, 1, &d->text, &more, err));
    for (const char *cell = ut_buf_text(&d->text);; cell++) {
        size_t length = strcspn(cell, "\t");
        int found = -1;
        for (int i = 0; i < COLUMNS; i++)
            if (strlen(columns[i].column) == length &&
                strncmp(columns[i].column, cell, length) == 0)
                found = i;
        for (size_t f = 0; f < d->field_count; f++)
            if (d->fields[f] == found)
                found = -1;
        if (found < 0)
            return ut_fail(err, UT_ERR_FORMAT, "dialogue",
                           "%s, header: \"%.*s\" is not known or stands twice; columns are "
                           "duration, avg_intensity, intensity_variation, avg_pitch, pitch_std, "
                           "pitch_range, articulation_rate, mean_hnr, separated by tabs",
                           d->prosody_name, (int)(length < 64 ? length : 64), cell);
        d->fields[d->field_count++] = found;
        cell += length;
        if (!*cell)
            return UT_OK;
    }
}

ut_status ut_dialogues_open(FILE *lines, const char *name, FILE *prosody, const char *prosody_name,
                            ut_dialogues **dialogues, ut_error *err)
{
    ut_dialogues *d = calloc(1, sizeof *d);
    if (!d)
        return ut_fail_memory(err, "dialogue");
    d->lines = lines;
    d->name = name;
    d->prosody = prosody;
    d->prosody_name = prosody_name;
    ut_buf_init(&d->text, UT_LIMIT_LINE_BYTES);
    ut_status status = prosody ? read_header(d, err) : UT_OK;
    if (status == UT_OK)
        status = read_next(d, err);
    if (status != UT_OK)
        ut_dialogues_close(d);
    else
        *dialogues = d;
    return status;
}

void ut_dialogues_close(ut_dialogues *dialogues)
{
    if (!dialogues)
        return;
    json_decref(dialogues->next.object);
    ut_buf_free(&dialogues->text);
    free(dialogues);
}

void ut_dialogue_free(ut_dialogue *dialogue)
{
    ut_conversation_destroy(dialogue->c);
    json_decref(dialogue->ids);
    *dialogue = (ut_dialogue){0};
}

/* Index of a speaker's name, new names at the end; -1 without a name. */
static int speaker_of(ut_conversation *c, const char *name)
{
    if (!name || !*name)
        return -1;
    for (size_t i = 0; i < c->speaker_count; i++)
        if (strcmp(c->speakers[i], name) == 0)
            return (int)i;
    c->speakers[c->speaker_count] = ut_arena_strdup(c->arena, name);
    return c->speakers[c->speaker_count] ? (int)c->speaker_count++ : -1;
}

static double seconds(const json_t *object, const char *key)
{
    double value = ut_json_number_or(object, key, NAN);
    return isfinite(value) && value >= 0 ? value : NAN;
}

static ut_status fill(const ut_dialogues *d, const line *l, ut_conversation *c, ut_utterance *u,
                      ut_error *err)
{
    *u = (ut_utterance){.start = seconds(l->object, "start"),
                        .end = seconds(l->object, "end"),
                        .speaker = speaker_of(c, ut_json_string_or(l->object, "speaker", NULL)),
                        .speaker_confidence = NAN,
                        .text = ut_arena_strdup(c->arena, ut_json_string_or(l->object, "text", "")),
                        .text_confidence = NAN};
    if (!u->text)
        return ut_fail_memory(err, "dialogue");
    if (!d->prosody)
        return UT_OK;
    u->features = UT_ARENA_NEW(c->arena, ut_feature, COLUMNS);
    if (!u->features)
        return ut_fail_memory(err, "dialogue");
    for (int i = 0; i < COLUMNS; i++)
        u->features[i] = (ut_feature){columns[i].feature, l->prosody[i], NAN};
    u->feature_count = COLUMNS;
    return UT_OK;
}

static json_t *id_of(const json_t *object)
{
    json_t *turn = json_object_get(object, "turn");
    json_t *speaker = json_object_get(object, "speaker");
    return json_pack("{s:O, s:o, s:o}", "dialogue", json_object_get(object, "dialogue"), "turn",
                     turn ? json_incref(turn) : json_null(), "speaker",
                     speaker ? json_incref(speaker) : json_null());
}

static ut_status build(const ut_dialogues *d, const line *lines, size_t count, ut_dialogue *out,
                       ut_error *err)
{
    UT_TRY(ut_conversation_create(&out->c, err));
    ut_conversation *c = out->c;
    const json_t *dialogue = json_object_get(lines[0].object, "dialogue");
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(dialogue));
    c->id =
        ut_arena_strdup(c->arena, json_is_string(dialogue) ? json_string_value(dialogue) : number);
    c->speakers = UT_ARENA_NEW(c->arena, const char *, count);
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, count);
    out->ids = json_array();
    if (!c->id || !c->speakers || !c->utterances || !out->ids)
        return ut_fail_memory(err, "dialogue");
    for (size_t i = 0; i < count; i++) {
        UT_TRY(fill(d, &lines[i], c, &c->utterances[i], err));
        c->utterance_count++;
        if (json_array_append_new(out->ids, id_of(lines[i].object)) != 0)
            return ut_fail_memory(err, "dialogue");
    }
    ut_baseline_relative(c);
    return UT_OK;
}

/* Gathers the lines up to where "dialogue" changes. */
static ut_status gather(ut_dialogues *d, line **lines, size_t *count, ut_error *err)
{
    size_t capacity = 0;
    size_t bytes = 0;
    while (!d->done && (*count == 0 || json_equal(json_object_get((*lines)[0].object, "dialogue"),
                                                  json_object_get(d->next.object, "dialogue")))) {
        bytes += d->next.bytes;
        if (*count == UT_LIMIT_DIALOGUE_LINES || bytes > UT_LIMIT_DIALOGUE_BYTES)
            return ut_fail(err, UT_ERR_LIMIT, "dialogue",
                           "%s, line %zu: a conversation has at most %d lines and %zu bytes; "
                           "give its parts different \"dialogue\" values",
                           d->name, d->number, UT_LIMIT_DIALOGUE_LINES, UT_LIMIT_DIALOGUE_BYTES);
        if (!ut_grow((void *)lines, &capacity, *count + 1, sizeof **lines))
            return ut_fail_memory(err, "dialogue");
        (*lines)[(*count)++] = d->next;
        d->next = (line){0};
        UT_TRY(read_next(d, err));
    }
    return UT_OK;
}

ut_status ut_dialogues_next(ut_dialogues *dialogues, ut_dialogue *dialogue, ut_error *err)
{
    line *lines = NULL;
    size_t count = 0;
    *dialogue = (ut_dialogue){0};
    ut_status status = gather(dialogues, &lines, &count, err);
    if (status == UT_OK && count)
        status = build(dialogues, lines, count, dialogue, err);
    if (status != UT_OK)
        ut_dialogue_free(dialogue);
    for (size_t i = 0; i < count; i++)
        json_decref(lines[i].object);
    free(lines);
    return status;
}
