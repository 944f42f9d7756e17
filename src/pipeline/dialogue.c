/* Labels for conversations that come as text, a batch of them at a time. */
#include "pipeline/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread.h"
#include "pipeline/engine.h"

/* Lines that are worked on together, so that threads have enough to do. */
enum { BATCH_LINES = 1024 };

typedef struct part {
    ut_dialogue dialogue;
    ut_buf out;
    ut_status status;
    ut_error err;
} part;

typedef struct batch {
    const ut_step *step;
    int threads;
    part *parts;
    size_t count, capacity;
    ut_utterance **utterances; /* of all parts, and the embeddings that they get */
    float *embeddings;
    ut_status *statuses;
    ut_error *errors;
    size_t lines;
} batch;

static void clear(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        ut_dialogue_free(&b->parts[i].dialogue);
        ut_buf_free(&b->parts[i].out);
    }
    free(b->utterances);
    free(b->embeddings);
    free(b->statuses);
    free(b->errors);
    b->utterances = NULL;
    b->embeddings = NULL;
    b->statuses = NULL;
    b->errors = NULL;
    b->count = b->lines = 0;
}

static ut_status gather(batch *b, ut_dialogues *dialogues, ut_error *err)
{
    while (b->lines < BATCH_LINES) {
        ut_dialogue dialogue;
        UT_TRY(ut_dialogues_next(dialogues, &dialogue, err));
        if (!dialogue.c)
            break;
        if (!ut_grow((void *)&b->parts, &b->capacity, b->count + 1, sizeof *b->parts)) {
            ut_dialogue_free(&dialogue);
            return ut_fail_memory(err, "dialogue");
        }
        b->parts[b->count] = (part){.dialogue = dialogue};
        ut_buf_init(&b->parts[b->count++].out, 0);
        b->lines += dialogue.c->utterance_count;
    }
    b->utterances = calloc(b->lines + 1, sizeof(ut_utterance *));
    b->embeddings = malloc((b->lines + 1) * UT_TEXT_DIMENSIONS * sizeof *b->embeddings);
    b->statuses = calloc(b->lines + 1, sizeof *b->statuses);
    b->errors = calloc((size_t)b->threads, sizeof *b->errors);
    if (!b->utterances || !b->embeddings || !b->statuses || !b->errors)
        return ut_fail_memory(err, "dialogue");
    size_t at = 0;
    for (size_t i = 0; i < b->count; i++)
        for (size_t u = 0; u < b->parts[i].dialogue.c->utterance_count; u++)
            b->utterances[at++] = &b->parts[i].dialogue.c->utterances[u];
    return UT_OK;
}

/* The vectors of one group of lines. The groups are cut by the lines alone, so that no number of
 * threads changes a bit of them. */
static void embed(void *context, size_t index, int worker)
{
    batch *b = context;
    const ut_engine *e = b->step->engine;
    size_t from = index * UT_BERT_BATCH;
    size_t to = from + UT_BERT_BATCH < b->lines ? from + UT_BERT_BATCH : b->lines;
    const char *texts[UT_BERT_BATCH];
    size_t count = 0;
    float *values = b->embeddings + from * UT_TEXT_DIMENSIONS;
    for (size_t i = from; i < to; i++) {
        ut_utterance *u = b->utterances[i];
        if (!u->text[0])
            continue;
        u->text_embedding =
            (ut_embedding){e->text_mark, values + count * UT_TEXT_DIMENSIONS, UT_TEXT_DIMENSIONS};
        texts[count++] = u->text;
    }
    b->statuses[index] = ut_engine_embed_many(e, texts, count, values, &b->errors[worker]);
}

static void write_line(const ut_utterance *u, json_t *id, ut_buf *out)
{
    json_t *p = json_object();
    for (int i = 0; p && i < UT_EMOTIONS; i++)
        json_object_set_new(p, ut_emotion_name((ut_emotion_label)i),
                            ut_json_probability(u->emotion.probabilities[i]));
    json_object_set_new(id, "label", json_string(ut_emotion_name(u->emotion.label)));
    json_object_set_new(id, "probabilities", p);
    json_object_set_new(id, "label_set", ut_label_set_json(u->emotion.label_set));
    char *text = json_dumps(id, JSON_REAL_PRECISION(9));
    if (!text)
        out->status = UT_ERR_MEMORY;
    else
        ut_buf_addf(out, "%s\n", text);
    free(text);
}

static void judge(void *context, size_t index, int worker)
{
    batch *b = context;
    part *p = &b->parts[index];
    ut_conversation *c = p->dialogue.c;
    p->status = ut_step_check(b->step, &p->err);
    if (p->status == UT_OK)
        p->status = ut_step_analyze(b->step, c, &p->err);
    for (size_t i = 0; p->status == UT_OK && i < c->utterance_count; i++)
        write_line(&c->utterances[i], json_array_get(p->dialogue.ids, i), &p->out);
    if (p->status == UT_OK && ut_buf_status(&p->out) != UT_OK)
        p->status = ut_fail_memory(&p->err, "dialogue");
    (void)worker;
}

static ut_status work(batch *b, FILE *out, const char *path, ut_error *err)
{
    size_t groups = (b->lines + UT_BERT_BATCH - 1) / UT_BERT_BATCH;
    ut_parallel(b->threads, groups, embed, b);
    for (size_t i = 0; i < groups; i++)
        if (b->statuses[i] != UT_OK) {
            for (int w = 0; err && w < b->threads; w++)
                if (b->errors[w].status != UT_OK)
                    *err = b->errors[w];
            return b->statuses[i];
        }
    ut_parallel(b->threads, b->count, judge, b);
    for (size_t i = 0; i < b->count; i++) {
        const part *p = &b->parts[i];
        if (p->status != UT_OK && err)
            *err = p->err;
        if (p->status != UT_OK)
            return p->status;
        if (fwrite(ut_buf_text(&p->out), 1, p->out.length, out) != p->out.length)
            return ut_fail_errno(err, UT_ERR_IO, "dialogue", "cannot write %s", path);
    }
    return UT_OK;
}

static ut_status judge_all(const ut_step *step, const ut_settings *s, ut_dialogues *dialogues,
                           FILE *out, size_t *lines, ut_error *err)
{
    batch b = {.step = step, .threads = s->jobs ? s->jobs : ut_thread_count()};
    ut_status status;
    do {
        status = gather(&b, dialogues, err);
        size_t count = b.lines;
        if (status == UT_OK)
            status = work(&b, out, s->output, err);
        *lines += count;
        clear(&b);
        if (count == 0)
            break;
    } while (status == UT_OK);
    free(b.parts);
    return status;
}

static ut_status to_file(const ut_step *step, const ut_settings *s, ut_dialogues *dialogues,
                         size_t *lines, ut_error *err)
{
    char *temporary;
    UT_TRY(ut_file_begin(s->output, &temporary, err));
    FILE *out = fopen(temporary, "wb");
    ut_status status =
        out ? judge_all(step, s, dialogues, out, lines, err)
            : ut_fail_errno(err, UT_ERR_IO, "dialogue", "cannot write %s", s->output);
    if (out && fclose(out) != 0 && status == UT_OK)
        status = ut_fail_errno(err, UT_ERR_IO, "dialogue", "cannot write %s", s->output);
    if (status == UT_OK)
        return ut_file_commit(temporary, s->output, err);
    ut_file_discard(temporary);
    return status;
}

static ut_status open_file(const char *path, FILE **file, ut_error *err)
{
    if (ut_file_is_dir(path))
        return ut_fail(err, UT_ERR_IO, "dialogue", "%s is a folder, not a file", path);
    *file = fopen(path, "rb");
    if (!*file)
        return ut_fail_errno(err, UT_ERR_NOT_FOUND, "dialogue", "cannot read %s", path);
    return UT_OK;
}

ut_status ut_run_dialogues(const ut_engine *engine, const ut_settings *settings,
                           atomic_bool *cancelled, size_t *lines, ut_error *err)
{
    const ut_step step = {.engine = engine, .cancelled = cancelled, .labels_only = true};
    FILE *text = NULL;
    FILE *prosody = NULL;
    ut_dialogues *dialogues = NULL;
    *lines = 0;
    ut_status status = open_file(settings->text, &text, err);
    if (status == UT_OK && settings->prosody)
        status = open_file(settings->prosody, &prosody, err);
    if (status == UT_OK)
        status =
            ut_dialogues_open(text, settings->text, prosody, settings->prosody, &dialogues, err);
    if (status == UT_OK)
        status = to_file(&step, settings, dialogues, lines, err);
    ut_dialogues_close(dialogues);
    if (prosody)
        fclose(prosody);
    if (text)
        fclose(text);
    return status;
}
