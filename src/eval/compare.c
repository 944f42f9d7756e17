#include "eval/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/conversation.h"

static int by_place(const void *a, const void *b)
{
    const ut_outcome *x = a;
    const ut_outcome *y = b;
    int order = strcmp(x->file, y->file);
    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

/* "sad" ... to a number; -1 for null, -2 for anything else. */
static int label_of(const json_t *value)
{
    const char *name = json_string_value(value);
    int label = name ? ut_emotion_from_name(name) : -1;
    return name ? (label < 0 ? -2 : label) : json_is_null(value) ? -1 : -2;
}

static ut_status read_outcome(const json_t *score, const char *name, size_t index, ut_arena *arena,
                              ut_outcome *o, ut_error *err)
{
    const json_t *entry = json_object_get(score, "entry");
    const char *file = json_string_value(json_object_get(score, "file"));
    o->truth = label_of(json_object_get(score, "truth"));
    o->predicted = label_of(json_object_get(score, "predicted"));
    if (!file || !json_is_integer(entry) || json_integer_value(entry) < 0 || o->truth < 0 ||
        o->predicted < -1)
        return ut_fail(err, UT_ERR_FORMAT, "compare",
                       "%s: score %zu is damaged; make it anew with `undertone evaluate`", name,
                       index + 1);
    o->entry = (size_t)json_integer_value(entry);
    o->file = ut_arena_strdup(arena, file);
    return o->file ? UT_OK : ut_fail_memory(err, "compare");
}

ut_status ut_outcomes_parse(const char *text, size_t length, const char *name, ut_arena *arena,
                            ut_outcomes *out, ut_error *err)
{
    json_t *root;
    *out = (ut_outcomes){0};
    UT_TRY(ut_json_parse(text, length, name, &root, err));
    const json_t *scores = json_object_get(root, "scores");
    ut_status status = UT_OK;
    if (strcmp(ut_json_string_or(root, "format", ""), "undertone-evaluation") != 0 ||
        !json_is_array(scores))
        status = ut_fail(err, UT_ERR_FORMAT, "compare",
                         "%s is no evaluation; --compare takes two files that `undertone evaluate "
                         "--evaluation_output` wrote",
                         name);
    const size_t count = json_array_size(scores);
    if (status == UT_OK && !(out->items = UT_ARENA_NEW(arena, ut_outcome, count + 1)))
        status = ut_fail_memory(err, "compare");
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status =
            read_outcome(json_array_get(scores, i), name, i, arena, &out->items[out->count++], err);
    json_decref(root);
    if (status == UT_OK && out->count)
        qsort(out->items, out->count, sizeof *out->items, by_place);
    return status;
}

/* Utterances that both have with the same truth, into labels[3, most]; their number. */
static size_t match(const ut_outcomes *a, const ut_outcomes *b, int *labels, size_t most)
{
    size_t n = 0;
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        while (j < b->count && by_place(&b->items[j], &a->items[i]) < 0)
            j++;
        if (j == b->count || by_place(&b->items[j], &a->items[i]) != 0 ||
            a->items[i].truth != b->items[j].truth)
            continue;
        labels[n] = a->items[i].truth;
        labels[most + n] = a->items[i].predicted;
        labels[2 * most + n] = b->items[j].predicted;
        n++;
        j++;
    }
    return n;
}

ut_status ut_compare(const ut_outcomes *first, const ut_outcomes *second, const char *first_name,
                     const char *second_name, ut_comparison *c, ut_error *err)
{
    const size_t most = first->count < second->count ? first->count : second->count;
    *c = (ut_comparison){.names = {first_name, second_name}};
    int *labels = calloc(3 * most + 1, sizeof *labels);
    if (!labels)
        return ut_fail_memory(err, "compare");
    c->count = match(first, second, labels, most);
    c->left_out = first->count + second->count - 2 * c->count;
    ut_status status =
        c->count ? UT_OK
                 : ut_fail(err, UT_ERR_FORMAT, "compare",
                           "%s and %s have no utterance in common; they must be scored against "
                           "the same ground truth",
                           first_name, second_name);
    if (status == UT_OK) {
        ut_mcnemar_test(labels, labels + most, labels + 2 * most, c->count, &c->mcnemar);
        status = ut_bootstrap_test(labels, labels + most, labels + 2 * most, c->count, UT_EMOTIONS,
                                   UT_COMPARE_DRAWS, 1, &c->bootstrap, err);
    }
    free(labels);
    return status;
}

static json_t *interval(const ut_interval *i)
{
    return json_pack("{s:f, s:f, s:f}", "value", i->value, "low", i->low, "high", i->high);
}

json_t *ut_comparison_to_json(const ut_comparison *c)
{
    json_t *measures = json_object();
    for (int m = 0; measures && m < UT_COMPARED; m++)
        json_object_set_new(measures, ut_compared_names[m],
                            json_pack("{s:o, s:o, s:o}", "first", interval(&c->bootstrap.first[m]),
                                      "second", interval(&c->bootstrap.second[m]), "gain",
                                      interval(&c->bootstrap.gain[m])));
    return json_pack(
        "{s:s, s:i, s:[s, s], s:I, s:I, s:{s:I, s:I, s:f, s:f, s:f}, s:o, s:i}", "format",
        "undertone-comparison", "version", 1, "compared", c->names[0], c->names[1], "utterances",
        (json_int_t)c->count, "left_out", (json_int_t)c->left_out, "mcnemar", "only_first_right",
        (json_int_t)c->mcnemar.only_first, "only_second_right", (json_int_t)c->mcnemar.only_second,
        "p_exact", c->mcnemar.exact, "chi2", c->mcnemar.chi2, "p_chi2", c->mcnemar.chi2_p,
        "measures", measures, "bootstrap_draws", UT_COMPARE_DRAWS);
}

static void add_percent(ut_buf *out, const ut_interval *i, bool sign)
{
    double values[] = {i->value, i->low, i->high};
    static const char *const between[] = {" [", ", ", "]"};
    for (int k = 0; k < 3; k++) {
        if (sign && values[k] >= 0)
            ut_buf_adds(out, "+");
        ut_buf_add_fixed(out, values[k] * 100, 1);
        ut_buf_adds(out, between[k]);
    }
}

ut_status ut_comparison_table(const ut_comparison *c, ut_buf *out)
{
    ut_buf_addf(out, "Comparison on %zu utterances\n\n  A  %s\n  B  %s\n\n", c->count, c->names[0],
                c->names[1]);
    ut_buf_addf(out, "  %-12s%-22s%-22s%s\n", "", "A, %", "B, %", "B - A, points");
    for (int m = 0; m < UT_COMPARED; m++) {
        static const char *const titles[UT_COMPARED] = {"accuracy", "mean recall", "macro F1",
                                                        "weighted F1"};
        const ut_interval *cells[] = {&c->bootstrap.first[m], &c->bootstrap.second[m],
                                      &c->bootstrap.gain[m]};
        ut_buf_addf(out, "  %-12s", titles[m]);
        for (int k = 0; k < 3; k++) {
            size_t from = out->length;
            add_percent(out, cells[k], k == 2);
            while (k < 2 && out->length - from < 22 && out->status == UT_OK)
                ut_buf_adds(out, " ");
        }
        ut_buf_adds(out, "\n");
    }
    ut_buf_addf(out,
                "\n  in brackets: the middle 95 %% of %d bootstrap draws\n"
                "  McNemar: A alone is right in %zu, B alone in %zu;\n           p = ",
                UT_COMPARE_DRAWS, c->mcnemar.only_first, c->mcnemar.only_second);
    ut_buf_add_fixed(out, c->mcnemar.exact, 4);
    ut_buf_adds(out, " (exact), ");
    ut_buf_add_fixed(out, c->mcnemar.chi2_p, 4);
    ut_buf_adds(out, " (chi-squared)\n");
    if (c->left_out)
        ut_buf_addf(out, "  %zu utterances that only one of them has were left out\n", c->left_out);
    return ut_buf_status(out);
}
