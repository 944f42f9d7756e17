#include "emotion/cues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "emotion/fusion.h"

/* Of each kind at most so many: more is no explanation. */
enum { MOST = 4, KINDS = 3 };

/* How people say that a measurement is above or below the usual. */
static const struct {
    const char *name, *more, *less;
} phrases[UT_VOICE_CUES] = {
    {"loudness_mean_db", "louder", "quieter"},
    {"loudness_std_db", "louder and softer by turns", "more even in loudness"},
    {"pitch_mean_hz", "higher in pitch", "lower in pitch"},
    {"pitch_std_semitones", "livelier in melody", "flatter in melody"},
    {"pitch_range_semitones", "wider in pitch range", "narrower in pitch range"},
    {"articulation_rate_sps", "faster", "slower"},
    {"pause_share", "more halting", "more fluent"},
    {"hnr_mean_db", "clearer in tone", "rougher in tone"},
    {"jitter_percent", "shakier in pitch", "steadier in pitch"},
    {"spectral_centroid_mean_hz", "brighter", "darker"},
};

static int phrase_of(const char *name)
{
    for (int i = 0; i < UT_VOICE_CUES; i++)
        if (strcmp(phrases[i].name, name) == 0)
            return i;
    return -1;
}

/* One outlier must not tilt a slope; an utterance further out is moved back by as much. */
static float bounded(float relative)
{
    return fminf(fmaxf(relative, -3), 3);
}

/* --- slopes ----------------------------------------------------------------------------------- */

/* The utterance's measurements as the regression sees them: the usual where there is none. */
static void measured(const ut_utterance *u, float relative[UT_VOICE_CUES])
{
    memset(relative, 0, UT_VOICE_CUES * sizeof *relative);
    for (size_t f = 0; f < u->feature_count; f++) {
        int cue = phrase_of(u->features[f].name);
        if (cue >= 0 && isfinite(u->features[f].relative))
            relative[cue] = bounded(u->features[f].relative);
    }
}

static void add_utterance(const ut_utterance *u, const float *mean, size_t dim, float *slopes,
                          double products[UT_VOICE_CUES][UT_VOICE_CUES])
{
    float r[UT_VOICE_CUES];
    measured(u, r);
    for (size_t a = 0; a < UT_VOICE_CUES; a++) {
        for (size_t b = 0; b < UT_VOICE_CUES; b++)
            products[a][b] += (double)r[a] * r[b];
        for (size_t i = 0; i < dim; i++)
            slopes[a * dim + i] += r[a] * (u->voice.values[i] - mean[i]);
    }
}

/* Solves products * x = rows in place by elimination; products is positive definite, so that no
 * pivot need be looked for. */
static void solve(double products[UT_VOICE_CUES][UT_VOICE_CUES], float *rows, size_t dim)
{
    for (size_t k = 0; k < UT_VOICE_CUES; k++)
        for (size_t a = 0; a < UT_VOICE_CUES; a++) {
            double share = a == k ? 0 : products[a][k] / products[k][k];
            for (size_t b = k; b < UT_VOICE_CUES; b++)
                products[a][b] -= share * products[k][b];
            for (size_t i = 0; i < dim; i++)
                rows[a * dim + i] -= (float)share * rows[k * dim + i];
        }
    for (size_t k = 0; k < UT_VOICE_CUES; k++)
        for (size_t i = 0; i < dim; i++)
            rows[k * dim + i] /= (float)products[k][k];
}

ut_status ut_cue_slopes_fit(const ut_conversation *c, size_t dim, const float *means,
                            ut_cue_slopes *slopes, ut_error *err)
{
    /* As much evidence against a slope as four utterances one deviation from the usual give. */
    const double ridge = 4;
    slopes->dim = dim;
    slopes->values = calloc(c->speaker_count * UT_VOICE_CUES * dim + 1, sizeof *slopes->values);
    if (!slopes->values)
        return ut_fail_memory(err, "emotion");
    for (size_t s = 0; s < c->speaker_count; s++) {
        float *mine = slopes->values + s * UT_VOICE_CUES * dim;
        double products[UT_VOICE_CUES][UT_VOICE_CUES] = {{0}};
        for (size_t k = 0; k < UT_VOICE_CUES; k++)
            products[k][k] = ridge;
        for (size_t i = 0; i < c->utterance_count; i++) {
            const ut_utterance *u = &c->utterances[i];
            if (u->speaker == (int)s && u->emotion.opinions[UT_EXPERT_ACOUSTIC].present)
                add_utterance(u, means + s * dim, dim, mine, products);
        }
        solve(products, mine, dim);
    }
    return UT_OK;
}

/* --- effects ---------------------------------------------------------------------------------- */

/* By how much the label's probability falls with another opinion of one expert. */
static float fall(const ut_cue_ground *g, const ut_emotion *e, ut_expert expert,
                  const float p[UT_EMOTIONS])
{
    ut_opinion opinions[UT_EXPERTS];
    float fused[UT_EMOTIONS];
    memcpy(opinions, e->opinions, sizeof opinions);
    memcpy(opinions[expert].probabilities, p, sizeof opinions[expert].probabilities);
    ut_fuse(opinions, g->reliability, fused);
    return e->probabilities[e->label] - fused[e->label];
}

/* Without a voice that was heard, no measurement of it moved anything. */
static ut_status voice_effect(const ut_cue_ground *g, const ut_utterance *u, const ut_feature *f,
                              float *effect, ut_error *err)
{
    *effect = 0;
    if (!u->emotion.opinions[UT_EXPERT_ACOUSTIC].present || u->speaker < 0)
        return UT_OK;
    size_t dim = g->slopes->dim;
    const float *slope =
        g->slopes->values + ((size_t)u->speaker * UT_VOICE_CUES + (size_t)phrase_of(f->name)) * dim;
    float *voice = malloc(dim * sizeof *voice);
    if (!voice)
        return ut_fail_memory(err, "emotion");
    for (size_t i = 0; i < dim; i++)
        voice[i] = u->voice.values[i] - bounded(f->relative) * slope[i];
    float p[UT_EMOTIONS];
    ut_baseline_hear(g->models->hear, g->models->acoustic, voice, g->baseline, g->baseline_count,
                     p);
    free(voice);
    *effect = fall(g, &u->emotion, UT_EXPERT_ACOUSTIC, p);
    return UT_OK;
}

/* What the text expert would say if its log-odds of the label were lower by `log_odds`. */
static float word_effect(const ut_cue_ground *g, const ut_emotion *e, float log_odds)
{
    const float *said = e->opinions[UT_EXPERT_TEXT].probabilities;
    float now = fminf(fmaxf(said[e->label], 1e-6f), 1 - 1e-6f);
    float then = 1 / (1 + (1 - now) / now * expf(log_odds));
    float p[UT_EMOTIONS];
    for (int i = 0; i < UT_EMOTIONS; i++)
        p[i] = i == (int)e->label ? then : said[i] * (1 - then) / (1 - now);
    return fall(g, e, UT_EXPERT_TEXT, p);
}

/* --- finding ---------------------------------------------------------------------------------- */

static ut_status add_cue(ut_conversation *c, ut_emotion *e, ut_cue cue, ut_error *err)
{
    if (!cue.name || !cue.text)
        return ut_fail_memory(err, "emotion");
    if (!e->cues && !(e->cues = UT_ARENA_NEW(c->arena, ut_cue, KINDS * MOST + 1)))
        return ut_fail_memory(err, "emotion");
    e->cues[e->cue_count++] = cue;
    return UT_OK;
}

/* The words that moved the text expert towards the decided label. */
static ut_status add_words(const ut_cue_ground *g, ut_conversation *c, ut_utterance *u,
                           ut_error *err)
{
    const ut_judge_models *m = g->models;
    ut_emotion *e = &u->emotion;
    /* Neutral is where nothing moved it, and a text that was not trusted moved nothing. */
    if (!e->opinions[UT_EXPERT_TEXT].present || e->label == UT_NEUTRAL ||
        e->opinions[UT_EXPERT_TEXT].weight <= 0)
        return UT_OK;
    ut_text_cue words[MOST];
    size_t n = 0;
    UT_TRY(ut_text_expert_cues(m->text, u->text, u->text_embedding.values, (int)e->label, m->embed,
                               m->embed_context, words, MOST, &n, err));
    for (size_t i = 0; i < n; i++) {
        /* A smaller change of log-odds moves nothing that a person would notice. */
        if (words[i].effect < 0.3f)
            continue;
        const char *word = ut_arena_strndup(c->arena, u->text + words[i].start, words[i].length);
        ut_cue cue = {word, "a word that moved the text's opinion", NAN, NAN,
                      word_effect(g, e, words[i].effect)};
        UT_TRY(add_cue(c, e, cue, err));
    }
    return UT_OK;
}

/* "the turn before, by the same speaker" */
static const char *place_in_words(ut_arena *arena, int away, bool same)
{
    static const char *const numbers[] = {"the turn", "two turns", "three turns", "four turns"};
    char text[64];
    snprintf(text, sizeof text, "%s %s, by %s", numbers[abs(away) - 1],
             away < 0 ? "before" : "after", same ? "the same speaker" : "another speaker");
    return ut_arena_strdup(arena, text);
}

/* The turns that the context expert leaned on. */
static ut_status add_turns(const ut_cue_ground *g, ut_conversation *c, ut_utterance *u,
                           ut_error *err)
{
    const float noticed = 0.02f;
    ut_emotion *e = &u->emotion;
    size_t first = e->cue_count;
    const ut_context_turn *turns[UT_CONTEXT_TURNS];
    if (!e->opinions[UT_EXPERT_CONTEXT].present)
        return UT_OK;
    for (int k = 1; k < UT_CONTEXT_TURNS; k++) {
        float p[UT_EMOTIONS];
        if (!g->turns[k])
            continue;
        memcpy(turns, g->turns, sizeof turns);
        turns[k] = NULL;
        ut_context_expert_classify(g->models->context, turns, p);
        float effect = fall(g, e, UT_EXPERT_CONTEXT, p);
        if (fabsf(effect) < noticed)
            continue;
        char name[32];
        int away = k <= UT_CONTEXT_BEFORE ? -k : k - UT_CONTEXT_BEFORE;
        float at = (float)(u - c->utterances) + (float)away;
        snprintf(name, sizeof name, "turn %.0f", (double)at);
        ut_cue cue = {ut_arena_strdup(c->arena, name),
                      place_in_words(c->arena, away, g->turns[k]->speaker == g->turns[0]->speaker),
                      at, NAN, effect};
        UT_TRY(add_cue(c, e, cue, err));
        for (size_t i = e->cue_count - 1; i > first && fabsf(e->cues[i - 1].effect) < fabsf(effect);
             i--) {
            e->cues[i] = e->cues[i - 1];
            e->cues[i - 1] = cue;
        }
        if (e->cue_count > first + MOST)
            e->cue_count--;
    }
    return UT_OK;
}

/* Inserts by falling strength; the list is short. */
static size_t strongest(const ut_utterance *u, const ut_feature *best[MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < u->feature_count; i++) {
        const ut_feature *f = &u->features[i];
        if (!(fabsf(f->relative) >= 1) || phrase_of(f->name) < 0)
            continue;
        size_t at = n < MOST ? n++ : MOST;
        for (; at > 0 && fabsf(best[at - 1]->relative) < fabsf(f->relative); at--)
            if (at < MOST)
                best[at] = best[at - 1];
        if (at < MOST)
            best[at] = f;
    }
    return n;
}

static const char *in_words(ut_arena *arena, const ut_feature *f)
{
    float size = fabsf(f->relative);
    const char *degree = size >= 3 ? "very much " : size >= 2 ? "much " : "";
    int at = phrase_of(f->name);
    ut_buf text;
    ut_buf_init(&text, 256);
    ut_buf_addf(&text, "%s%s than this speaker's usual", degree,
                f->relative > 0 ? phrases[at].more : phrases[at].less);
    const char *copy = ut_arena_strdup(arena, ut_buf_text(&text));
    ut_buf_free(&text);
    return copy;
}

ut_status ut_cues_find(const ut_cue_ground *ground, ut_conversation *c, ut_utterance *u,
                       ut_error *err)
{
    const ut_feature *best[MOST];
    u->emotion.cue_count = 0;
    u->emotion.cues = NULL;
    UT_TRY(add_words(ground, c, u, err));
    UT_TRY(add_turns(ground, c, u, err));
    size_t n = strongest(u, best);
    for (size_t i = 0; i < n; i++) {
        float effect;
        UT_TRY(voice_effect(ground, u, best[i], &effect, err));
        ut_cue cue = {best[i]->name, in_words(c->arena, best[i]), best[i]->value, best[i]->relative,
                      effect};
        UT_TRY(add_cue(c, &u->emotion, cue, err));
    }
    return UT_OK;
}
