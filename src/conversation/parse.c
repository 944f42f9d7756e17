/* Reading a document without a tree of the whole: the text is cut into the head, whose array of
 * utterances is empty, and the utterances, and each is parsed and read alone. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/analytics.h"
#include "conversation/internal.h"

/* Walks over JSON text, knowing just enough of it to find the array of utterances. What is not JSON
 * is cut anyhow: the parser of the pieces refuses it. */
typedef struct walker {
    int depth;
    bool in_string, escaped;
    const char *string;  /* where the last string began, behind its quote */
    int after_key;       /* of the array, at depth 1: 1 behind the key, 2 behind its colon */
    bool inside, passed; /* the array */
} walker;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void end_string(walker *w, const char *at)
{
    static const char key[] = "utterances";
    size_t length = (size_t)(at - w->string);
    w->in_string = false;
    w->after_key = w->depth == 1 && length == sizeof key - 1 && memcmp(w->string, key, length) == 0;
}

static void step(walker *w, const char *at)
{
    char c = *at;
    if (w->in_string) {
        if (!w->escaped && c == '"')
            end_string(w, at);
        w->escaped = !w->escaped && c == '\\';
        return;
    }
    if (is_space(c))
        return;
    if (c == '[' && w->after_key == 2 && !w->passed)
        w->inside = w->passed = true;
    w->after_key = c == ':' && w->after_key == 1 ? 2 : 0;
    if (c == '"') {
        w->in_string = true;
        w->string = at + 1;
    }
    w->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    if (w->inside && w->depth < 2)
        w->inside = false;
}

typedef ut_status (*piece_reader)(void *context, const char *text, size_t length, size_t line);

static bool is_blank(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && is_space(text[i]))
        i++;
    return i == length;
}

/* Hands each utterance's text and its first line to `read`, and all else to `head` (which may be
 * NULL), with the line ends of what it leaves out, so that lines keep their numbers. */
static ut_status cut(const char *text, size_t length, ut_buf *head, piece_reader read,
                     void *context)
{
    walker w = {0};
    ut_status status = UT_OK;
    const char *begin = NULL;
    size_t line = 1, first_line = 1, count = 0;
    for (const char *at = text; at < text + length && status == UT_OK; at++) {
        bool was = w.inside;
        step(&w, at);
        bool ends = was && (!w.inside || (w.depth == 2 && *at == ',' && !w.in_string));
        /* "[]" holds no utterance; "[{}, ]" holds a wrong one. */
        if (ends && (count || w.inside || !is_blank(begin, (size_t)(at - begin)))) {
            status = read(context, begin, (size_t)(at - begin), first_line);
            count++;
        }
        if (ends || (!was && w.inside)) {
            begin = at + 1;
            first_line = line;
        }
        if (head && (!was || !w.inside || *at == '\n'))
            ut_buf_add(head, at, 1);
        line += *at == '\n';
    }
    return status;
}

static ut_status count_piece(void *context, const char *text, size_t length, size_t line)
{
    (void)text;
    (void)length;
    (void)line;
    ++*(size_t *)context;
    return UT_OK;
}

static ut_status read_piece(void *context, const char *text, size_t length, size_t line)
{
    ut_conversation_reader *r = context;
    json_t *json;
    r->index = r->c->utterance_count;
    r->status = ut_json_parse_part(text, length, line, r->name, &json, r->err);
    if (r->status != UT_OK)
        return r->status;
    ut_conversation_read_utterance(r, json);
    json_decref(json);
    r->c->utterance_count++;
    return r->status;
}

static ut_status begin(ut_conversation_reader *r, const char *name, ut_error *err)
{
    *r = (ut_conversation_reader){.name = name, .err = err};
    return ut_conversation_create(&r->c, err);
}

static ut_status read_head(ut_conversation_reader *r, const char *text, size_t length, size_t count)
{
    json_t *json;
    UT_TRY(ut_json_parse(text, length, r->name, &json, r->err));
    ut_conversation_read_head(r, json);
    json_decref(json);
    if (r->status != UT_OK || !count)
        return r->status;
    r->c->utterances = UT_ARENA_NEW(r->c->arena, ut_utterance, count);
    return r->c->utterances ? UT_OK : ut_fail_memory(r->err, "conversation");
}

/* Analytics follow from the rest: they are made again, not read. */
static ut_status finish(ut_conversation_reader *r, ut_status status, ut_conversation **c)
{
    if (status == UT_OK && r->measured)
        status = ut_conversation_measure(r->c, r->err);
    if (status == UT_OK)
        *c = r->c;
    else
        ut_conversation_destroy(r->c);
    return status;
}

ut_status ut_conversation_parse(const char *text, size_t length, const char *name,
                                ut_conversation **conversation, ut_error *err)
{
    ut_conversation_reader r;
    UT_TRY(begin(&r, name, err));
    size_t count = 0;
    ut_buf head;
    ut_buf_init(&head, length + 1);
    ut_status status = cut(text, length, &head, count_piece, &count);
    if (status == UT_OK && ut_buf_status(&head) != UT_OK)
        status = ut_fail_memory(err, "conversation");
    if (status == UT_OK)
        status = read_head(&r, ut_buf_text(&head), head.length, count);
    ut_buf_free(&head);
    if (status == UT_OK)
        status = cut(text, length, NULL, read_piece, &r);
    return finish(&r, status, conversation);
}

/* Written and parsed: numbers are rounded where they are written. */
static char *written(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    return text;
}

ut_status ut_conversation_settle(ut_conversation **conversation, ut_error *err)
{
    ut_conversation *old = *conversation;
    ut_conversation_reader r;
    *conversation = NULL;
    ut_status status = begin(&r, "the document", err);
    bool begun = status == UT_OK;
    for (size_t i = 0; i <= old->utterance_count && status == UT_OK; i++) {
        char *text = written(i ? ut_utterance_json(old, i - 1, UT_DOCUMENT_WHOLE)
                               : ut_conversation_head_json(old));
        if (!text)
            status = ut_fail_memory(err, "conversation");
        else if (i == 0)
            status = read_head(&r, text, strlen(text), old->utterance_count);
        else
            status = read_piece(&r, text, strlen(text), 1);
        free(text);
    }
    ut_conversation_destroy(old);
    return begun ? finish(&r, status, conversation) : status;
}
