/* The analytics as the document has them. */
#include "base/json.h"
#include "conversation/analytics.h"

static json_t *name_of(const ut_conversation *c, int speaker)
{
    return speaker < 0 ? json_null() : json_string(c->speakers[speaker]);
}

static json_t *mood(const ut_mood *m)
{
    if (m->seconds <= 0)
        return json_null();
    json_t *object = json_object();
    for (int k = 0; object && k < UT_EMOTIONS; k++)
        json_object_set_new(object, ut_emotion_name((ut_emotion_label)k),
                            ut_json_probability(m->probabilities[k]));
    return object;
}

static json_t *quarters(const ut_mood moods[UT_QUARTERS])
{
    json_t *array = json_array();
    for (int q = 0; array && q < UT_QUARTERS; q++)
        json_array_append_new(array, mood(&moods[q]));
    return array;
}

static json_t *talkers(const ut_conversation *c)
{
    json_t *array = json_array();
    for (size_t s = 0; array && s < c->speaker_count; s++) {
        const ut_talker *t = &c->analytics->talkers[s];
        json_array_append_new(
            array,
            json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}",
                      "speaker", c->speakers[s], "talk_time", ut_json_seconds(t->talk_time),
                      "talk_share", ut_json_probability(t->talk_share), "turns",
                      (json_int_t)t->turns, "utterances", (json_int_t)t->utterances, "words",
                      (json_int_t)t->words, "words_per_minute",
                      ut_json_probability(t->words_per_minute), "syllables_per_second",
                      ut_json_probability(t->syllables_per_second), "loudness_db",
                      ut_json_probability(t->loudness_db), "interrupted",
                      (json_int_t)t->interrupted, "was_interrupted", (json_int_t)t->was_interrupted,
                      "interjections", (json_int_t)t->interjections, "emotions", mood(&t->mood),
                      "quarters", quarters(t->quarters)));
    }
    return array;
}

static json_t *interruptions(const ut_conversation *c)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < c->analytics->interruption_count; i++) {
        const ut_interruption *x = &c->analytics->interruptions[i];
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:o, s:I}", "time", ut_json_seconds(x->time), "by",
                             name_of(c, x->by), "of", name_of(c, x->of), "overlap",
                             ut_json_seconds(x->overlap), "utterance", (json_int_t)x->utterance));
    }
    return array;
}

static json_t *silences(const ut_conversation *c)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < c->analytics->silence_count; i++) {
        const ut_silence *x = &c->analytics->silences[i];
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o, s:o}", "start", ut_json_seconds(x->start),
                                        "end", ut_json_seconds(x->end), "after",
                                        name_of(c, x->after), "before", name_of(c, x->before)));
    }
    return array;
}

static json_t *turning_points(const ut_conversation *c)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < c->analytics->turning_point_count; i++) {
        const ut_turning_point *x = &c->analytics->turning_points[i];
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:I, s:s, s:s, s:o}", "time", ut_json_seconds(x->time),
                             "speaker", name_of(c, x->speaker), "utterance",
                             (json_int_t)x->utterance, "from", ut_emotion_name(x->from), "to",
                             ut_emotion_name(x->to), "change", ut_json_probability(x->change)));
    }
    return array;
}

json_t *ut_analytics_json(const ut_conversation *c)
{
    const ut_analytics *a = c->analytics;
    if (!a)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "speech",
                     ut_json_seconds(a->speech), "overlap", ut_json_seconds(a->overlap), "silence",
                     ut_json_seconds(a->silence), "speakers", talkers(c), "interruptions",
                     interruptions(c), "silences", silences(c), "quarters", quarters(a->quarters),
                     "turning_points", turning_points(c));
}
