#include "report/collection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/analytics.h"

enum { MOMENTS = 3 };
static const double APART_S = 30;

ut_status ut_collection_begin(ut_collection *x, const char *title, ut_sink sink, ut_error *err)
{
    x->page = (ut_page){title, "collection", sink};
    x->count = 0;
    UT_TRY(ut_page_begin(&x->page, err));
    UT_TRY(ut_page_data(&x->page, &x->data, err));
    json_t *name = json_string(title);
    char *text = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
    json_decref(name);
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_buf_addf(&out, "{\"title\":%s,\"conversations\":[", text ? text : "\"\"");
    free(text);
    ut_status status = ut_buf_status(&out) == UT_OK
                           ? x->data.put(x->data.context, out.data, out.length, err)
                           : ut_fail_memory(err, "report");
    ut_buf_free(&out);
    return status;
}

static float anger(const ut_utterance *u)
{
    return u->emotion.present ? u->emotion.probabilities[UT_ANGRY] : 0;
}

/* Whether `at` may stand beside the moments taken so far. */
static bool is_apart(const ut_conversation *c, const size_t *taken, size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++)
        if (fabs(c->utterances[taken[i]].start - c->utterances[at].start) < APART_S)
            return false;
    return true;
}

static json_t *moment(const ut_conversation *c, size_t index)
{
    const ut_utterance *u = &c->utterances[index];
    json_t *loudness = NULL;
    for (size_t i = 0; i < u->feature_count; i++)
        if (strcmp(u->features[i].name, "loudness_mean_db") == 0)
            loudness = ut_json_probability((double)u->features[i].relative);
    return json_pack("{s:I, s:o, s:o, s:s, s:o, s:o}", "utterance", (json_int_t)index, "time",
                     ut_json_seconds(u->start), "speaker",
                     u->speaker < 0 ? json_null() : json_string(c->speakers[u->speaker]), "text",
                     u->text, "angry", ut_json_probability((double)anger(u)), "louder",
                     loudness ? loudness : json_null());
}

static json_t *moments(const ut_conversation *c)
{
    json_t *array = json_array();
    size_t taken[MOMENTS];
    for (size_t count = 0; array && count < MOMENTS; count++) {
        size_t best = c->utterance_count;
        for (size_t i = 0; i < c->utterance_count; i++)
            if (anger(&c->utterances[i]) > 0 && is_apart(c, taken, count, i) &&
                (best == c->utterance_count ||
                 anger(&c->utterances[i]) > anger(&c->utterances[best])))
                best = i;
        if (best == c->utterance_count)
            break;
        taken[count] = best;
        json_array_append_new(array, moment(c, best));
    }
    return array;
}

/* Seconds that each emotion was the label of. */
static json_t *labels(const ut_conversation *c)
{
    double seconds[UT_EMOTIONS] = {0};
    for (size_t i = 0; i < c->utterance_count; i++)
        if (c->utterances[i].emotion.present)
            seconds[c->utterances[i].emotion.label] +=
                c->utterances[i].end - c->utterances[i].start;
    json_t *object = json_object();
    for (int k = 0; object && k < UT_EMOTIONS; k++)
        json_object_set_new(object, ut_emotion_name((ut_emotion_label)k),
                            ut_json_seconds(seconds[k]));
    return object;
}

ut_status ut_collection_add(ut_collection *x, const ut_conversation *c, const char *href,
                            ut_error *err)
{
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "id", c->id ? c->id : "", "file",
                  c->source.file ? c->source.file : "", "href",
                  href ? json_string(href) : json_null(), "duration",
                  ut_json_seconds(c->source.duration), "utterances", (json_int_t)c->utterance_count,
                  "labels", labels(c), "moments", moments(c), "analytics", ut_analytics_json(c));
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    if (!text)
        return ut_fail_memory(err, "report");
    ut_status status = x->count++ ? x->data.put(x->data.context, ",", 1, err) : UT_OK;
    if (status == UT_OK)
        status = x->data.put(x->data.context, text, strlen(text), err);
    free(text);
    return status;
}

ut_status ut_collection_end(ut_collection *x, ut_error *err)
{
    UT_TRY(x->data.put(x->data.context, "]}", 2, err));
    return ut_page_end(&x->page, err);
}

ut_status ut_report_evaluation(const json_t *results, const char *title, ut_sink sink,
                               ut_error *err)
{
    ut_page page = {title, "evaluation", sink};
    ut_sink data;
    char *text = json_dumps(results, JSON_COMPACT | JSON_REAL_PRECISION(9));
    ut_status status = text ? ut_page_begin(&page, err) : ut_fail_memory(err, "report");
    if (status == UT_OK)
        status = ut_page_data(&page, &data, err);
    if (status == UT_OK)
        status = data.put(data.context, text, strlen(text), err);
    if (status == UT_OK)
        status = ut_page_end(&page, err);
    free(text);
    return status;
}
