#include "eval/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "eval/groups.h"

/* ------------------------------------------------------------------ whose truth is whose */

static const char *source_of(const ut_conversation *c)
{
    return c->source.file ? c->source.file : "";
}

static const char *id_of(const ut_conversation *c)
{
    return c->id ? c->id : "";
}

/* -1: none. Several of the same base name: none, since any choice might be the wrong one. */
static long partner(const char *key, const ut_conversation *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(source_of(all[i]), key) == 0)
            return (long)i;
    long found = -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(ut_path_base(source_of(all[i])), ut_path_base(key)) == 0) {
            if (found >= 0)
                return -1;
            found = (long)i;
        }
    for (size_t i = 0; found < 0 && i < count; i++)
        if (strcmp(id_of(all[i]), key) == 0)
            found = (long)i;
    return found;
}

/* --------------------------------------------------------------------------- emotions */

static double overlap(const ut_truth_entry *entry, const ut_utterance *u)
{
    double length = u->end - u->start;
    if (isnan(entry->start))
        return length;
    double start = u->start > entry->start ? u->start : entry->start;
    double end = u->end < entry->end ? u->end : entry->end;
    return end > start ? end - start : 0;
}

/* What the groups go by. */
static ut_status describe(const ut_truth_entry *entry, const ut_conversation *c, ut_arena *arena,
                          ut_score *score, ut_error *err)
{
    double known = 0;
    double most = 0;
    double confidence = 0;
    const char *speaker = entry->speaker;
    score->seconds = isnan(entry->start) ? 0 : entry->end - entry->start;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        double weight = overlap(entry, u);
        if (isnan(entry->start))
            score->seconds += u->end - u->start;
        if (weight > 0 && isfinite(u->text_confidence)) {
            known += weight;
            confidence += weight * u->text_confidence;
        }
        if (!entry->speaker && weight > most && u->speaker >= 0) {
            most = weight;
            speaker = c->speakers[u->speaker];
        }
    }
    score->confidence = known > 0 ? confidence / known : NAN;
    score->speaker = ut_arena_strdup(arena, speaker);
    return speaker && !score->speaker ? ut_fail_memory(err, "eval") : UT_OK;
}

static void score_entry(const ut_truth_entry *entry, const ut_conversation *c, ut_score *score)
{
    double total = 0;
    double most = 0;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        double weight = u->emotion.present ? overlap(entry, u) : 0;
        total += weight;
        if (weight > most) {
            most = weight;
            score->label_set = u->emotion.label_set;
        }
        for (int k = 0; k < UT_EMOTIONS && weight > 0; k++)
            score->probabilities[k] += weight * (double)u->emotion.probabilities[k];
    }
    score->truth = (int)entry->emotion;
    score->start = entry->start;
    score->end = entry->end;
    score->predicted = total > 0 ? 0 : UT_METRICS_MISSED;
    for (int k = 0; k < UT_EMOTIONS && total > 0; k++) {
        score->probabilities[k] /= total;
        if (score->probabilities[k] > score->probabilities[score->predicted])
            score->predicted = k;
    }
}

static size_t count_extra(const ut_truth_file *file, const ut_conversation *c)
{
    size_t extra = 0;
    for (size_t i = 0; i < c->utterance_count; i++) {
        if (!c->utterances[i].emotion.present)
            continue;
        bool any = false;
        for (size_t j = 0; j < file->count && !any; j++)
            any = overlap(&file->entries[j], &c->utterances[i]) > 0;
        extra += !any;
    }
    return extra;
}

/* ------------------------------------------------------------------------------- words */

static int by_start(const void *a, const void *b)
{
    const ut_truth_entry *const *x = a, *const *y = b;
    if ((*x)->start != (*y)->start)
        return (*x)->start < (*y)->start ? -1 : 1;
    return (*x > *y) - (*x < *y);
}

static ut_status score_words(const ut_truth_file *file, const ut_conversation *c,
                             ut_file_result *result, ut_error *err)
{
    ut_buf reference, hypothesis;
    ut_buf_init(&reference, 0);
    ut_buf_init(&hypothesis, 0);
    const ut_truth_entry **order = malloc(file->count * sizeof *order);
    ut_status status = order ? UT_OK : ut_fail_memory(err, "eval");
    if (!order)
        goto done;
    for (size_t i = 0; i < file->count; i++) {
        order[i] = &file->entries[i];
        if (!order[i]->text)
            goto done;
    }
    if (!file->whole)
        qsort(order, file->count, sizeof *order, by_start);
    for (size_t i = 0; i < file->count; i++)
        ut_wer_normalize(order[i]->text, strlen(order[i]->text), &reference);
    for (size_t i = 0; i < c->utterance_count; i++)
        if (c->utterances[i].text)
            ut_wer_normalize(c->utterances[i].text, strlen(c->utterances[i].text), &hypothesis);
    if (ut_buf_status(&reference) != UT_OK || ut_buf_status(&hypothesis) != UT_OK) {
        status = ut_fail_memory(err, "eval");
        goto done;
    }
    status = ut_wer_count(ut_buf_text(&reference), ut_buf_text(&hypothesis), &result->wer, err);
    result->has_wer = status == UT_OK && result->wer.reference_words > 0;
done:
    free(order);
    ut_buf_free(&reference);
    ut_buf_free(&hypothesis);
    return status;
}

/* -------------------------------------------------------------------------- the whole */

static ut_status score_file(ut_evaluation *e, const ut_truth_file *file, const ut_conversation *c,
                            ut_error *err)
{
    ut_file_result *result = &e->files[e->file_count];
    result->name = ut_arena_strdup(e->arena, file->name);
    result->id = ut_arena_strdup(e->arena, id_of(c));
    if (!result->name || !result->id)
        return ut_fail_memory(err, "eval");
    result->entries = file->count;
    for (size_t i = 0; i < file->count; i++) {
        ut_score *score = &e->scores[e->score_count++];
        score->file = e->file_count;
        score->entry = i;
        score_entry(&file->entries[i], c, score);
        UT_TRY(describe(&file->entries[i], c, e->arena, score, err));
        result->missed += score->predicted < 0;
        result->correct += score->predicted == score->truth;
    }
    result->extra = count_extra(file, c);
    e->missed += result->missed;
    e->extra += result->extra;
    e->file_count++;
    UT_TRY(score_words(file, c, result, err));
    if (result->has_wer) {
        e->wer_files++;
        e->wer.reference_words += result->wer.reference_words;
        e->wer.hits += result->wer.hits;
        e->wer.substitutions += result->wer.substitutions;
        e->wer.deletions += result->wer.deletions;
        e->wer.insertions += result->wer.insertions;
    }
    return UT_OK;
}

static void count_sets(ut_evaluation *e)
{
    ut_set_counts *n = &e->sets;
    for (size_t i = 0; i < e->score_count; i++) {
        const ut_score *s = &e->scores[i];
        if (!s->label_set)
            continue;
        bool covered = s->label_set & 1u << s->truth;
        n->count++;
        n->covered += covered;
        n->class_count[s->truth]++;
        n->class_covered[s->truth] += covered;
        for (int k = 0; k < UT_EMOTIONS; k++)
            n->labels += s->label_set >> k & 1u;
    }
}

static ut_status summarize(ut_evaluation *e, ut_error *err)
{
    size_t n = e->score_count;
    int *labels = calloc(3 * n, sizeof *labels);
    double *confidence = calloc(n, sizeof *confidence);
    ut_status status = UT_OK;
    if (!labels || !confidence) {
        status = ut_fail_memory(err, "eval");
        goto done;
    }
    int *truth = labels, *predicted = labels + n, *right = labels + 2 * n;
    size_t certain = 0;
    for (size_t i = 0; i < n; i++) {
        const ut_score *s = &e->scores[i];
        truth[i] = s->truth;
        predicted[i] = s->predicted;
        if (s->predicted < 0)
            continue;
        confidence[certain] = s->probabilities[s->predicted];
        right[certain++] = s->predicted == s->truth;
    }
    ut_classify(truth, predicted, n, UT_EMOTIONS, &e->emotions);
    ut_calibrate(confidence, right, certain, &e->calibration);
done:
    free(labels);
    free(confidence);
    return status;
}

static ut_status run(ut_evaluation *e, const ut_truth *truth, const ut_conversation *const *all,
                     size_t count, bool *taken, ut_error *err)
{
    for (size_t i = 0; i < truth->count; i++) {
        const ut_truth_file *file = &truth->files[i];
        long at = partner(file->name, all, count);
        if (at >= 0) {
            taken[at] = true;
            UT_TRY(score_file(e, file, all[at], err));
            continue;
        }
        const char *name = ut_arena_strdup(e->arena, file->name);
        if (!name)
            return ut_fail_memory(err, "eval");
        e->truth_without_conversation[e->truth_without_conversation_count++] = name;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = ut_arena_strdup(e->arena, source_of(all[i]));
        if (!name)
            return ut_fail_memory(err, "eval");
        if (!taken[i])
            e->conversations_without_truth[e->conversations_without_truth_count++] = name;
    }
    if (!e->file_count)
        return ut_fail(
            err, UT_ERR_NOT_FOUND, "eval",
            "no recording of the ground truth was analysed (it names \"%s\"%s); its keys "
            "must be paths below the audio folder, or file names",
            truth->files[0].name, truth->count > 1 ? " and others" : "");
    UT_TRY(summarize(e, err));
    count_sets(e);
    return ut_groups_make(e, err);
}

ut_status ut_evaluate(const ut_truth *truth, const ut_conversation *const *conversations,
                      size_t count, ut_evaluation **evaluation, ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    bool *taken = calloc(count + 1, sizeof *taken);
    ut_evaluation *e = arena ? UT_ARENA_NEW(arena, ut_evaluation, 1) : NULL;
    ut_status status = UT_OK;
    size_t entries = 0;
    for (size_t i = 0; i < truth->count; i++)
        entries += truth->files[i].count;
    if (e) {
        e->arena = arena;
        e->scores = UT_ARENA_NEW(arena, ut_score, entries + 1);
        e->files = UT_ARENA_NEW(arena, ut_file_result, truth->count + 1);
        e->truth_without_conversation = UT_ARENA_NEW(arena, const char *, truth->count + 1);
        e->conversations_without_truth = UT_ARENA_NEW(arena, const char *, count + 1);
    }
    if (!e || !taken || !e->scores || !e->files || !e->truth_without_conversation ||
        !e->conversations_without_truth)
        status = ut_fail_memory(err, "eval");
    else
        status = run(e, truth, conversations, count, taken, err);
    free(taken);
    if (status == UT_OK)
        *evaluation = e;
    else
        ut_arena_destroy(arena);
    return status;
}

void ut_evaluation_free(ut_evaluation *evaluation)
{
    if (evaluation)
        ut_arena_destroy(evaluation->arena);
}
