/* The JSON form, reading: the document may have been edited by hand, so every member is checked and
 * the first thing wrong is named by its place. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/internal.h"

typedef ut_conversation_reader reader;

static void wrong(reader *r, const char *what)
{
    if (r->status == UT_OK)
        r->status = ut_fail(r->err, UT_ERR_FORMAT, "conversation",
                            "%s: utterance %zu: %s; it does not follow the conversation schema",
                            r->name, r->index, what);
}

static void no_memory(reader *r)
{
    if (r->status == UT_OK)
        r->status = ut_fail_memory(r->err, "conversation");
}

static const char *copy_text(reader *r, const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text)
        return NULL;
    char *copy = ut_arena_strdup(r->c->arena, text);
    if (!copy)
        no_memory(r);
    return copy;
}

static const char *need_text(reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        wrong(r, key);
        return "";
    }
    const char *copy = copy_text(r, value);
    return copy ? copy : "";
}

static double need_number(reader *r, const json_t *object, const char *key, double low, double high)
{
    const json_t *value = json_object_get(object, key);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(number >= low && number <= high))
        wrong(r, key);
    return number;
}

static int need_integer(reader *r, const json_t *object, const char *key, int high)
{
    double number = need_number(r, object, key, 0, high);
    return number >= 0 && number <= high ? (int)number : 0;
}

/* null and absent mean NAN */
static float maybe_number(const json_t *object, const char *key)
{
    return (float)ut_json_number_or(object, key, NAN);
}

static void read_probabilities(reader *r, const json_t *object, float p[UT_EMOTIONS])
{
    for (int i = 0; i < UT_EMOTIONS; i++)
        p[i] = (float)need_number(r, object, ut_emotion_name((ut_emotion_label)i), 0, 1);
}

static void *new_items(reader *r, size_t count, size_t size)
{
    void *items = count ? ut_arena_alloc(r->c->arena, count, size) : NULL;
    if (count && !items)
        no_memory(r);
    return items;
}

static void read_words(reader *r, const json_t *array, ut_utterance *u)
{
    u->words = new_items(r, json_array_size(array), sizeof *u->words);
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (!u->words)
            return;
        ut_word *w = &u->words[i];
        w->text = need_text(r, item, "text");
        w->start = need_number(r, item, "start", 0, 1e7);
        w->end = need_number(r, item, "end", w->start, 1e7);
        w->probability = maybe_number(item, "probability");
        w->interpolated = strcmp(ut_json_string_or(item, "timing", ""), "interpolated") == 0;
        w->speaker = u->speaker;
        u->word_count = i + 1;
    }
}

static void read_embedding(reader *r, const json_t *object, ut_embedding *e)
{
    const json_t *data = json_object_get(object, "f32");
    size_t n = ut_json_embedding_size(data);
    if (!n)
        return;
    e->values = n <= 65536 ? new_items(r, n, sizeof(float)) : NULL;
    if (!e->values || !ut_json_embedding_read(data, e->values, n)) {
        wrong(r, "an embedding is damaged");
        return;
    }
    e->model = need_text(r, object, "model");
    e->count = n;
}

/* The utterance before mostly has the same name in the same place: one copy does for all. */
static const char *feature_name(reader *r, const char *key, size_t at)
{
    const ut_utterance *before = r->index ? &r->c->utterances[r->index - 1] : NULL;
    if (before && at < before->feature_count && strcmp(before->features[at].name, key) == 0)
        return before->features[at].name;
    const char *name = ut_arena_strdup(r->c->arena, key);
    if (!name)
        no_memory(r);
    return name ? name : "";
}

static void read_features(reader *r, json_t *object, ut_utterance *u)
{
    size_t n = json_object_size(object);
    u->features = new_items(r, n, sizeof *u->features);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!u->features)
            return;
        const char *name = feature_name(r, key, u->feature_count);
        u->features[u->feature_count++] =
            (ut_feature){name, maybe_number(value, "value"), maybe_number(value, "relative")};
    }
}

static void read_evidence(reader *r, const json_t *evidence, ut_emotion *e)
{
    const json_t *cues = json_object_get(evidence, "cues");
    const json_t *examples = json_object_get(evidence, "examples");
    e->cues = new_items(r, json_array_size(cues), sizeof *e->cues);
    e->examples = new_items(r, json_array_size(examples), sizeof *e->examples);
    size_t i;
    json_t *item;
    json_array_foreach(cues, i, item)
    {
        if (!e->cues)
            return;
        e->cues[i] = (ut_cue){need_text(r, item, "name"), need_text(r, item, "text"),
                              maybe_number(item, "value"), maybe_number(item, "relative"),
                              maybe_number(item, "effect")};
        e->cue_count = i + 1;
    }
    json_array_foreach(examples, i, item)
    {
        if (!e->examples)
            return;
        int label = ut_emotion_from_name(ut_json_string_or(item, "label", ""));
        if (label < 0)
            wrong(r, "an example's label");
        e->examples[i] = (ut_example){need_text(r, item, "text"),
                                      label < 0 ? UT_NEUTRAL : (ut_emotion_label)label,
                                      maybe_number(item, "distance"), need_text(r, item, "source")};
        e->example_count = i + 1;
    }
}

static void read_opinion(reader *r, const json_t *object, ut_opinion *o)
{
    o->present = true;
    o->weight = (float)need_number(r, object, "weight", 0, 1);
    read_probabilities(r, json_object_get(object, "probabilities"), o->probabilities);
    if (!json_object_get(object, "reason"))
        return;
    o->reason = need_text(r, object, "reason");
    size_t i;
    json_t *item;
    json_array_foreach(
        json_object_get(object, "grounds"), i,
        item) for (int g = 0; json_is_string(item) && g < UT_GROUNDS;
                   g++) if (strcmp(json_string_value(item), ut_grounds_name((ut_grounds)g)) == 0)
        o->grounds |= 1u << g;
}

/* Absent in documents of before there were sets. */
static unsigned read_label_set(reader *r, const json_t *array)
{
    unsigned set = 0;
    size_t i;
    json_t *item;
    if (array && !json_is_array(array))
        wrong(r, "label_set");
    json_array_foreach(array, i, item)
    {
        const char *name = json_string_value(item);
        int label = name ? ut_emotion_from_name(name) : -1;
        if (label < 0)
            wrong(r, "label_set");
        else
            set |= 1u << label;
    }
    return set;
}

static void read_emotion(reader *r, const json_t *object, ut_emotion *e)
{
    if (!json_is_object(object))
        return;
    int label = ut_emotion_from_name(ut_json_string_or(object, "label", ""));
    if (label < 0) {
        wrong(r, "emotion label");
        return;
    }
    e->present = true;
    e->label = (ut_emotion_label)label;
    read_probabilities(r, json_object_get(object, "probabilities"), e->probabilities);
    e->label_set = read_label_set(r, json_object_get(object, "label_set"));
    const json_t *opinions = json_object_get(object, "opinions");
    for (int i = 0; i < UT_EXPERTS; i++) {
        const json_t *opinion = json_object_get(opinions, ut_expert_name((ut_expert)i));
        if (opinion)
            read_opinion(r, opinion, &e->opinions[i]);
    }
    e->explanation = need_text(r, object, "explanation");
    read_evidence(r, json_object_get(object, "evidence"), e);
}

static int speaker_index(reader *r, const json_t *value)
{
    const char *name = json_string_value(value);
    if (!name)
        return -1;
    for (size_t i = 0; i < r->c->speaker_count; i++)
        if (strcmp(r->c->speakers[i], name) == 0)
            return (int)i;
    wrong(r, "a speaker that is not in speakers");
    return -1;
}

void ut_conversation_read_utterance(reader *r, const json_t *item)
{
    ut_utterance *u = &r->c->utterances[r->index];
    u->start = need_number(r, item, "start", 0, 1e7);
    u->end = need_number(r, item, "end", u->start, 1e7);
    u->speaker = speaker_index(r, json_object_get(item, "speaker"));
    u->speaker_confidence = maybe_number(item, "speaker_confidence");
    u->text = need_text(r, item, "text");
    u->text_confidence = maybe_number(item, "text_confidence");
    read_words(r, json_object_get(item, "words"), u);
    read_embedding(r, json_object_get(item, "voice"), &u->voice);
    read_features(r, json_object_get(item, "features"), u);
    read_embedding(r, json_object_get(item, "text_embedding"), &u->text_embedding);
    read_embedding(r, json_object_get(item, "combined_embedding"), &u->combined);
    read_emotion(r, json_object_get(item, "emotion"), &u->emotion);
}

static void read_provenance(reader *r, const json_t *provenance)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(provenance, "models"), i, item)
    {
        if (ut_conversation_add_model(r->c, ut_json_string_or(item, "job", ""),
                                      ut_json_string_or(item, "name", ""),
                                      ut_json_string_or(item, "sha256", NULL)) != UT_OK)
            no_memory(r);
    }
    json_array_foreach(json_object_get(provenance, "notes"), i, item)
    {
        const char *note = json_string_value(item);
        if (note && ut_conversation_add_note(r->c, "%s", note) != UT_OK)
            no_memory(r);
    }
    json_t *settings = json_object_get(provenance, "settings");
    const char *key;
    json_object_foreach(settings, key, item)
    {
        const char *value = json_string_value(item);
        if (value && ut_conversation_add_setting(r->c, key, value) != UT_OK)
            no_memory(r);
    }
}

static void check_version(reader *r, const json_t *json)
{
    const char *format = ut_json_string_or(json, "format", "");
    double version = ut_json_number_or(json, "version", 0);
    if (strcmp(format, "undertone-conversation") != 0)
        r->status = ut_fail(r->err, UT_ERR_FORMAT, "conversation",
                            "%s is not a conversation; give a conversation.json that `undertone "
                            "transcribe` wrote",
                            r->name);
    else if (version != UT_CONVERSATION_VERSION)
        r->status = ut_fail(r->err, UT_ERR_UNSUPPORTED, "conversation",
                            "%s has format version %g; this program reads version %d", r->name,
                            version, UT_CONVERSATION_VERSION);
}

static void read_history(reader *r, const json_t *array)
{
    ut_conversation *c = r->c;
    c->history = new_items(r, json_array_size(array), sizeof *c->history);
    for (size_t i = 0; c->history && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const json_t *emotion = json_object_get(item, "emotion");
        int label = json_is_string(emotion) ? ut_emotion_from_name(json_string_value(emotion)) : -1;
        if (json_is_string(emotion) && label < 0)
            wrong(r, "an emotion in history");
        c->history[i] =
            (ut_earlier_turn){need_text(r, item, "speaker"), need_text(r, item, "text"), label};
        c->history_count = i + 1;
    }
}

void ut_conversation_read_head(reader *r, const json_t *json)
{
    check_version(r, json);
    if (r->status != UT_OK)
        return;
    ut_conversation *c = r->c;
    const json_t *source = json_object_get(json, "source");
    c->id = need_text(r, json, "id");
    c->source.file = need_text(r, source, "file");
    c->source.sha256 = copy_text(r, json_object_get(source, "sha256"));
    c->source.duration = need_number(r, source, "duration", 0, 1e7);
    c->source.rate = need_integer(r, source, "rate", 10000000);
    c->source.channels = need_integer(r, source, "channels", 100000);
    c->language = copy_text(r, json_object_get(json, "language"));
    const json_t *speakers = json_object_get(json, "speakers");
    c->speakers = new_items(r, json_array_size(speakers), sizeof *c->speakers);
    for (size_t i = 0; c->speakers && i < json_array_size(speakers); i++) {
        c->speakers[i] = copy_text(r, json_array_get(speakers, i));
        if (!c->speakers[i])
            wrong(r, "speakers");
        else
            c->speaker_count = i + 1;
    }
    read_history(r, json_object_get(json, "history"));
    if (r->status == UT_OK && !json_is_array(json_object_get(json, "utterances")))
        wrong(r, "utterances is no array");
    r->measured = json_is_object(json_object_get(json, "analytics"));
    if (r->status == UT_OK)
        read_provenance(r, json_object_get(json, "provenance"));
}
