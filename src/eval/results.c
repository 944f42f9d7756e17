/* An evaluation as results.json and as a table. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "eval/groups.h"

/* --------------------------------------------------------------------------------- JSON */

/* Metrics are given as computed, so that they compare with scikit-learn's to the last digits. */
static json_t *metric(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *average(const ut_average *a)
{
    return json_pack("{s:o, s:o, s:o}", "precision", metric(a->precision), "recall",
                     metric(a->recall), "f1", metric(a->f1));
}

static json_t *size(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *classes(const ut_classification *c)
{
    json_t *object = json_object();
    for (int k = 0; object && k < UT_EMOTIONS; k++) {
        const ut_class_metrics *m = &c->by_class[k];
        json_object_set_new(object, ut_emotion_name((ut_emotion_label)k),
                            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "precision",
                                      metric(m->precision), "recall", metric(m->recall), "f1",
                                      metric(m->f1), "support", size(m->support), "predicted",
                                      size(m->predicted), "missed", size(m->missed)));
    }
    return object;
}

static json_t *confusion(const ut_classification *c)
{
    json_t *rows = json_array(), *labels = json_array();
    for (int i = 0; rows && i < UT_EMOTIONS; i++) {
        json_t *row = json_array();
        for (int j = 0; row && j < UT_EMOTIONS; j++)
            json_array_append_new(row, size(c->confusion[i][j]));
        json_array_append_new(rows, row);
        json_array_append_new(labels, json_string(ut_emotion_name((ut_emotion_label)i)));
    }
    return json_pack("{s:o, s:o}", "labels", labels, "rows_true_columns_predicted", rows);
}

static json_t *calibration(const ut_calibration *c)
{
    json_t *bins = json_array();
    for (int b = 0; bins && b < UT_METRICS_BINS; b++)
        json_array_append_new(
            bins, json_pack("{s:o, s:o, s:o, s:o, s:o}", "low", metric((double)b / UT_METRICS_BINS),
                            "high", metric((double)(b + 1) / UT_METRICS_BINS), "count",
                            size(c->bins[b].count), "confidence", metric(c->bins[b].confidence),
                            "accuracy", metric(c->bins[b].accuracy)));
    return json_pack("{s:o, s:o, s:o}", "expected_calibration_error", metric(c->ece), "count",
                     size(c->count), "bins", bins);
}

static json_t *share(size_t part, size_t whole)
{
    return whole ? json_real((double)part / (double)whole) : json_null();
}

/* null where the results have none. */
static json_t *label_sets(const ut_set_counts *n)
{
    if (!n->count)
        return json_null();
    json_t *by_class = json_object();
    for (int k = 0; by_class && k < UT_EMOTIONS; k++)
        json_object_set_new(by_class, ut_emotion_name((ut_emotion_label)k),
                            json_pack("{s:o, s:o}", "coverage",
                                      share(n->class_covered[k], n->class_count[k]), "count",
                                      size(n->class_count[k])));
    return json_pack("{s:o, s:o, s:o, s:o}", "coverage", share(n->covered, n->count), "mean_size",
                     share(n->labels, n->count), "count", size(n->count), "classes", by_class);
}

static json_t *words(const ut_wer *w)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "wer", metric(ut_wer_rate(w)),
                     "reference_words", size(w->reference_words), "hits", size(w->hits),
                     "substitutions", size(w->substitutions), "deletions", size(w->deletions),
                     "insertions", size(w->insertions));
}

static json_t *files(const ut_evaluation *e)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < e->file_count; i++) {
        const ut_file_result *f = &e->files[i];
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "file", f->name, "conversation",
                             f->id, "utterances", size(f->entries), "correct", size(f->correct),
                             "missed", size(f->missed), "extra_predictions", size(f->extra),
                             "words", f->has_wer ? words(&f->wer) : json_null()));
    }
    return array;
}

static json_t *scores(const ut_evaluation *e)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < e->score_count; i++) {
        const ut_score *s = &e->scores[i];
        bool missed = s->predicted < 0;
        json_t *probabilities = missed ? json_null() : json_object();
        for (int k = 0; !missed && k < UT_EMOTIONS; k++)
            json_object_set_new(probabilities, ut_emotion_name((ut_emotion_label)k),
                                ut_json_probability(s->probabilities[k]));
        json_t *predicted =
            missed ? json_null() : json_string(ut_emotion_name((ut_emotion_label)s->predicted));
        json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:o, s:s*, s:o, s:o, s:s, s:o, s:o}", "file",
                             e->files[s->file].name, "entry", size(s->entry), "start",
                             ut_json_seconds(s->start), "end", ut_json_seconds(s->end), "speaker",
                             s->speaker, "seconds", ut_json_seconds(s->seconds), "confidence",
                             ut_json_probability(s->confidence), "truth",
                             ut_emotion_name((ut_emotion_label)s->truth), "predicted", predicted,
                             "probabilities", probabilities));
    }
    return array;
}

static json_t *groups(const ut_evaluation *e)
{
    json_t *all = json_object();
    for (int by = 0; all && by < UT_GROUPINGS; by++) {
        json_t *array = json_array();
        for (size_t i = 0; array && i < e->group_count; i++) {
            const ut_classification *c = &e->groups[i].emotions;
            if ((int)e->groups[i].by == by)
                json_array_append_new(
                    array, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", e->groups[i].name,
                                     "utterances", size(c->count), "accuracy", metric(c->accuracy),
                                     "uar", metric(c->uar), "macro_f1", metric(c->macro.f1),
                                     "weighted_f1", metric(c->weighted.f1)));
        }
        json_object_set_new(all, ut_grouping_names[by], array);
    }
    return all;
}

static json_t *names(const char *const *list, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

json_t *ut_evaluation_to_json(const ut_evaluation *e)
{
    const ut_classification *c = &e->emotions;
    json_t *word_error = e->wer_files ? words(&e->wer) : json_null();
    return json_pack(
        "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "format", "undertone-evaluation", "version", 1, "utterances", size(c->count), "correct",
        size(c->correct), "missed", size(e->missed), "extra_predictions", size(e->extra),
        "accuracy", metric(c->accuracy), "uar", metric(c->uar), "macro", average(&c->macro),
        "weighted", average(&c->weighted), "classes", classes(c), "confusion_matrix", confusion(c),
        "calibration", calibration(&e->calibration), "label_sets", label_sets(&e->sets), "groups",
        groups(e), "words", word_error, "files", files(e), "ground_truth_without_conversation",
        names(e->truth_without_conversation, e->truth_without_conversation_count),
        "conversations_without_ground_truth",
        names(e->conversations_without_truth, e->conversations_without_truth_count), "scores",
        scores(e));
}

/* -------------------------------------------------------------------------------- table */

static void pad(ut_buf *out, size_t start, size_t width)
{
    while (out->length - start < width && out->status == UT_OK)
        ut_buf_add(out, " ", 1);
}

/* `value` with `decimals` at the right of a column. */
static void number(ut_buf *out, double value, int decimals, size_t width)
{
    ut_buf text;
    ut_buf_init(&text, 64);
    ut_buf_add_fixed(&text, value, decimals);
    size_t start = out->length;
    pad(out, start, width > text.length ? width - text.length : 0);
    ut_buf_adds(out, ut_buf_text(&text));
    ut_buf_free(&text);
}

static void row(ut_buf *out, const char *name, double precision, double recall, double f1,
                size_t support)
{
    size_t start = out->length;
    ut_buf_addf(out, "  %s", name);
    pad(out, start, 16);
    number(out, precision, 3, 9);
    number(out, recall, 3, 8);
    number(out, f1, 3, 8);
    number(out, (double)support, 0, 9);
    ut_buf_adds(out, "\n");
}

static void metric_line(ut_buf *out, const char *name, double value, const char *unit)
{
    size_t start = out->length;
    ut_buf_addf(out, "  %s", name);
    pad(out, start, 28);
    number(out, value, unit[0] == '%' ? 1 : 3, 5);
    ut_buf_addf(out, "%s%s\n", unit[0] ? " " : "", unit);
}

static void matrix(ut_buf *out, const ut_classification *c)
{
    ut_buf_adds(out, "\n  true \\ predicted");
    for (int j = 0; j < UT_EMOTIONS; j++) {
        const char *name = ut_emotion_name((ut_emotion_label)j);
        size_t length = strlen(name), start = out->length;
        pad(out, start, (length < 8 ? 8 : length + 1) - length);
        ut_buf_adds(out, name);
    }
    ut_buf_adds(out, "  missed\n");
    for (int i = 0; i < UT_EMOTIONS; i++) {
        size_t start = out->length;
        ut_buf_addf(out, "  %s", ut_emotion_name((ut_emotion_label)i));
        pad(out, start, 18);
        for (int j = 0; j < UT_EMOTIONS; j++)
            number(out, (double)c->confusion[i][j], 0, j == UT_NON_NEUTRAL ? 12 : 8);
        number(out, (double)c->by_class[i].missed, 0, 8);
        ut_buf_adds(out, "\n");
    }
}

/* Where it does better and worse: groups that can be compared, a handful of each kind. */
static void group_rows(ut_buf *out, const ut_evaluation *e)
{
    enum { SHOWN = 8 };
    for (int by = 0; by < UT_GROUPINGS; by++) {
        size_t count = 0;
        for (size_t i = 0; i < e->group_count; i++)
            count += (int)e->groups[i].by == by;
        if (count < 2)
            continue;
        ut_buf_addf(out, "\n  by %-15s accuracy  recall                 support\n",
                    ut_grouping_names[by]);
        size_t shown = 0;
        for (size_t i = 0; i < e->group_count && shown < SHOWN; i++) {
            const ut_classification *c = &e->groups[i].emotions;
            if ((int)e->groups[i].by != by)
                continue;
            size_t start = out->length;
            ut_buf_addf(out, "    %.14s", e->groups[i].name);
            pad(out, start, 20);
            number(out, c->accuracy, 3, 8);
            number(out, c->uar, 3, 8);
            number(out, (double)c->count, 0, 24);
            ut_buf_adds(out, "\n");
            shown++;
        }
        if (count > shown)
            ut_buf_addf(out, "    and %zu more\n", count - shown);
    }
}

static void unmatched(ut_buf *out, const char *what, const char *const *list, size_t count)
{
    enum { SHOWN = 5 };
    if (!count)
        return;
    ut_buf_addf(out, "  %s (%zu):", what, count);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        ut_buf_addf(out, "%s %.60s", i ? "," : "", list[i]);
    ut_buf_adds(out, count > SHOWN ? ", ...\n" : "\n");
}

ut_status ut_evaluation_table(const ut_evaluation *e, ut_buf *out)
{
    const ut_classification *c = &e->emotions;
    ut_buf_addf(out, "Evaluation of %zu utterances in %zu recording%s\n\n", c->count, e->file_count,
                e->file_count == 1 ? "" : "s");
    ut_buf_adds(out, "                precision  recall      f1  support\n");
    for (int k = 0; k < UT_EMOTIONS; k++) {
        const ut_class_metrics *m = &c->by_class[k];
        row(out, ut_emotion_name((ut_emotion_label)k), m->precision, m->recall, m->f1, m->support);
    }
    row(out, "macro", c->macro.precision, c->macro.recall, c->macro.f1, c->count);
    row(out, "weighted", c->weighted.precision, c->weighted.recall, c->weighted.f1, c->count);
    ut_buf_adds(out, "\n");
    metric_line(out, "accuracy", c->accuracy * 100, "%");
    metric_line(out, "mean recall (UAR)", c->uar * 100, "%");
    metric_line(out, "calibration error (ECE)", e->calibration.ece, "");
    if (e->sets.count) {
        double count = (double)e->sets.count;
        metric_line(out, "truth in its label set", (double)e->sets.covered / count * 100, "%");
        metric_line(out, "labels in a set, mean", (double)e->sets.labels / count, "");
    }
    if (e->wer_files) {
        metric_line(out, "word error rate", ut_wer_rate(&e->wer) * 100, "%");
        ut_buf_addf(out, "    %zu words in %zu files: %zu substituted, %zu deleted, %zu inserted\n",
                    e->wer.reference_words, e->wer_files, e->wer.substitutions, e->wer.deletions,
                    e->wer.insertions);
    }
    if (e->missed)
        ut_buf_addf(out, "  %zu missed: nothing was predicted there; counted as wrong\n",
                    e->missed);
    if (e->extra)
        ut_buf_addf(out, "  %zu predictions lie where the ground truth has nothing; not scored\n",
                    e->extra);
    matrix(out, c);
    group_rows(out, e);
    if (e->truth_without_conversation_count || e->conversations_without_truth_count)
        ut_buf_adds(out, "\n");
    unmatched(out, "ground truth without an analysis, not scored", e->truth_without_conversation,
              e->truth_without_conversation_count);
    unmatched(out, "analyses without ground truth", e->conversations_without_truth,
              e->conversations_without_truth_count);
    return ut_buf_status(out);
}
