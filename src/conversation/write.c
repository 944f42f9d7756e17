/* The JSON form, writing. The order of members is part of the format: the same document is the same
 * bytes. */
#include <math.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/analytics.h"
#include "conversation/internal.h"

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *probabilities(const float p[UT_EMOTIONS])
{
    json_t *object = json_object();
    for (int i = 0; object && i < UT_EMOTIONS; i++)
        json_object_set_new(object, ut_emotion_name((ut_emotion_label)i),
                            ut_json_probability(p[i]));
    return object;
}

json_t *ut_label_set_json(unsigned set)
{
    json_t *array = json_array();
    for (int i = 0; array && i < UT_EMOTIONS; i++)
        if (set & 1u << i)
            json_array_append_new(array, json_string(ut_emotion_name((ut_emotion_label)i)));
    return array;
}

static json_t *words(const ut_utterance *u)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < u->word_count; i++) {
        const ut_word *w = &u->words[i];
        json_array_append_new(array,
                              json_pack("{s:s, s:o, s:o, s:o, s:s}", "text", w->text, "start",
                                        ut_json_seconds(w->start), "end", ut_json_seconds(w->end),
                                        "probability", ut_json_probability(w->probability),
                                        "timing", w->interpolated ? "interpolated" : "aligned"));
    }
    return array;
}

static json_t *embedding(const ut_embedding *e)
{
    if (!e->count)
        return json_null();
    return json_pack("{s:s, s:o}", "model", e->model, "f32",
                     ut_json_embedding(e->values, e->count));
}

static json_t *features(const ut_utterance *u)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < u->feature_count; i++)
        json_object_set_new(object, u->features[i].name,
                            json_pack("{s:o, s:o}", "value", ut_json_number(u->features[i].value),
                                      "relative", ut_json_probability(u->features[i].relative)));
    return object;
}

static json_t *opinion(const ut_opinion *o)
{
    json_t *object = json_pack("{s:o, s:o}", "weight", ut_json_probability(o->weight),
                               "probabilities", probabilities(o->probabilities));
    if (!object || !o->reason)
        return object;
    json_t *grounds = json_array();
    for (int i = 0; i < UT_GROUNDS; i++)
        if (o->grounds & 1u << i)
            json_array_append_new(grounds, json_string(ut_grounds_name((ut_grounds)i)));
    json_object_set_new(object, "reason", json_string(o->reason));
    json_object_set_new(object, "grounds", grounds);
    return object;
}

static json_t *opinions(const ut_emotion *e)
{
    json_t *object = json_object();
    for (int i = 0; object && i < UT_EXPERTS; i++)
        if (e->opinions[i].present)
            json_object_set_new(object, ut_expert_name((ut_expert)i), opinion(&e->opinions[i]));
    return object;
}

static json_t *examples(const ut_emotion *e)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < e->example_count; i++) {
        const ut_example *x = &e->examples[i];
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:o, s:s}", "text", x->text, "label",
                                        ut_emotion_name(x->label), "distance",
                                        ut_json_probability(x->distance), "source", x->source));
    }
    return array;
}

static json_t *cues(const ut_emotion *e)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < e->cue_count; i++) {
        const ut_cue *c = &e->cues[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", c->name, "text",
                                               c->text, "value", ut_json_number(c->value),
                                               "relative", ut_json_probability(c->relative),
                                               "effect", ut_json_probability(c->effect)));
    }
    return array;
}

static json_t *emotion(const ut_emotion *e)
{
    if (!e->present)
        return json_null();
    return json_pack("{s:s, s:o, s:o*, s:o, s:s, s:{s:o, s:o}}", "label", ut_emotion_name(e->label),
                     "probabilities", probabilities(e->probabilities), "label_set",
                     e->label_set ? ut_label_set_json(e->label_set) : NULL, "opinions", opinions(e),
                     "explanation", e->explanation ? e->explanation : "", "evidence", "cues",
                     cues(e), "examples", examples(e));
}

json_t *ut_utterance_json(const ut_conversation *c, size_t index, ut_document_form form)
{
    const ut_utterance *u = &c->utterances[index];
    bool page = form == UT_DOCUMENT_PAGE;
    json_t *speaker = u->speaker >= 0 && (size_t)u->speaker < c->speaker_count
                          ? json_string(c->speakers[u->speaker])
                          : json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:s, s:o, s:o*, s:o*, s:o, s:o*, s:o*, s:o}",
                     "index", (json_int_t)index, "start", ut_json_seconds(u->start), "end",
                     ut_json_seconds(u->end), "speaker", speaker, "speaker_confidence",
                     ut_json_probability(u->speaker_confidence), "text", u->text ? u->text : "",
                     "text_confidence", ut_json_probability(u->text_confidence), "words",
                     page ? NULL : words(u), "voice", page ? NULL : embedding(&u->voice),
                     "features", features(u), "text_embedding",
                     page ? NULL : embedding(&u->text_embedding), "combined_embedding",
                     page ? NULL : embedding(&u->combined), "emotion", emotion(&u->emotion));
}

static json_t *provenance(const ut_conversation *c)
{
    json_t *models = json_array();
    for (size_t i = 0; models && i < c->model_count; i++)
        json_array_append_new(models, json_pack("{s:s, s:s, s:o}", "job", c->models[i].job, "name",
                                                c->models[i].name, "sha256",
                                                text_or_null(c->models[i].sha256)));
    json_t *settings = json_object();
    for (size_t i = 0; settings && i < c->setting_count; i++)
        json_object_set_new(settings, c->settings[i].name, json_string(c->settings[i].value));
    json_t *notes = json_array();
    for (size_t i = 0; notes && i < c->note_count; i++)
        json_array_append_new(notes, json_string(c->notes[i]));
    return json_pack("{s:s, s:o, s:o, s:o}", "version", UT_VERSION, "models", models, "settings",
                     settings, "notes", notes);
}

/* NULL, which leaves the member out, where nothing was said before. */
static json_t *history(const ut_conversation *c)
{
    json_t *array = c->history_count ? json_array() : NULL;
    for (size_t i = 0; array && i < c->history_count; i++) {
        const ut_earlier_turn *t = &c->history[i];
        json_array_append_new(
            array,
            json_pack("{s:s, s:s, s:o}", "speaker", t->speaker, "text", t->text, "emotion",
                      text_or_null(
                          t->emotion < 0 ? NULL : ut_emotion_name((ut_emotion_label)t->emotion))));
    }
    return array;
}

json_t *ut_conversation_head_json(const ut_conversation *c)
{
    json_t *speakers = json_array();
    for (size_t i = 0; speakers && i < c->speaker_count; i++)
        json_array_append_new(speakers, json_string(c->speakers[i]));
    return json_pack("{s:s, s:i, s:s, s:{s:s, s:o, s:o, s:i, s:i}, s:o, s:o, s:o*, s:o, s:o, s:o}",
                     "format", "undertone-conversation", "version", UT_CONVERSATION_VERSION, "id",
                     c->id ? c->id : "", "source", "file", c->source.file ? c->source.file : "",
                     "sha256", text_or_null(c->source.sha256), "duration",
                     ut_json_seconds(c->source.duration), "rate", c->source.rate, "channels",
                     c->source.channels, "language", text_or_null(c->language), "speakers",
                     speakers, "history", history(c), "utterances", json_array(), "analytics",
                     ut_analytics_json(c), "provenance", provenance(c));
}

static size_t flags_of(ut_document_form form)
{
    return JSON_REAL_PRECISION(9) | (form == UT_DOCUMENT_PAGE ? JSON_COMPACT : JSON_INDENT(2));
}

/* An utterance as it stands in the whole: a level deeper than alone. */
static ut_status put_utterance(const ut_conversation *c, size_t index, ut_document_form form,
                               ut_sink sink, ut_error *err)
{
    json_t *json = ut_utterance_json(c, index, form);
    char *text = json ? json_dumps(json, flags_of(form)) : NULL;
    json_decref(json);
    if (!text)
        return ut_fail_memory(err, "conversation");
    const char *lead = form == UT_DOCUMENT_PAGE ? "" : "\n    ";
    ut_status status = index ? sink.put(sink.context, ",", 1, err) : UT_OK;
    for (const char *line = text; line && status == UT_OK;) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        status = sink.put(sink.context, lead, strlen(lead), err);
        if (status == UT_OK)
            status = sink.put(sink.context, line, length, err);
        line = end ? end + 1 : NULL;
    }
    free(text);
    return status;
}

ut_status ut_conversation_write(const ut_conversation *c, ut_document_form form, ut_sink sink,
                                ut_error *err)
{
    bool page = form == UT_DOCUMENT_PAGE;
    json_t *json = ut_conversation_head_json(c);
    char *text = json ? json_dumps(json, flags_of(form)) : NULL;
    json_decref(json);
    if (!text)
        return ut_fail_memory(err, "conversation");
    /* Inside a string the quotes would be escaped, so this is the array. */
    const char *mark = page ? ",\"utterances\":[" : "\n  \"utterances\": [";
    const char *rest = strstr(text, mark) + strlen(mark);
    ut_status status = sink.put(sink.context, text, (size_t)(rest - text), err);
    for (size_t i = 0; i < c->utterance_count && status == UT_OK; i++)
        status = put_utterance(c, i, form, sink, err);
    if (status == UT_OK && c->utterance_count && !page)
        status = sink.put(sink.context, "\n  ", 3, err);
    if (status == UT_OK)
        status = sink.put(sink.context, rest, strlen(rest), err);
    if (status == UT_OK && !page)
        status = sink.put(sink.context, "\n", 1, err);
    free(text);
    return status;
}
