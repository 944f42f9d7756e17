#include "conversation/conversation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

static const char *const emotion_names[UT_EMOTIONS] = {"sad", "happy", "angry", "neutral",
                                                       "non-neutral"};
static const char *const expert_names[UT_EXPERTS] = {"acoustic", "text", "context", "retrieval",
                                                     "language_model"};

static const char *const grounds_names[UT_GROUNDS] = {"words", "voice", "turns", "examples",
                                                      "base"};

const char *ut_grounds_name(ut_grounds grounds)
{
    return (unsigned)grounds < UT_GROUNDS ? grounds_names[grounds] : "unknown";
}

const char *ut_emotion_name(ut_emotion_label label)
{
    return (unsigned)label < UT_EMOTIONS ? emotion_names[label] : "unknown";
}

int ut_emotion_from_name(const char *name)
{
    if (strcasecmp(name, "nonneutral") == 0 || strcasecmp(name, "non_neutral") == 0)
        return UT_NON_NEUTRAL;
    for (int i = 0; i < UT_EMOTIONS; i++)
        if (strcasecmp(name, emotion_names[i]) == 0)
            return i;
    return -1;
}

const char *ut_expert_name(ut_expert expert)
{
    return (unsigned)expert < UT_EXPERTS ? expert_names[expert] : "unknown";
}

bool ut_embedding_of(const ut_embedding *e, const char *model, size_t count)
{
    bool finite = e->count == count && strcmp(e->model, model) == 0;
    for (size_t i = 0; finite && i < count; i++)
        finite = isfinite(e->values[i]);
    return finite;
}

ut_status ut_conversation_create(ut_conversation **conversation, ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    ut_conversation *c = arena ? UT_ARENA_NEW(arena, ut_conversation, 1) : NULL;
    if (!c) {
        ut_arena_destroy(arena);
        return ut_fail_memory(err, "conversation");
    }
    c->arena = arena;
    *conversation = c;
    return UT_OK;
}

void ut_conversation_destroy(ut_conversation *conversation)
{
    if (conversation)
        ut_arena_destroy(conversation->arena);
}

/* The lists of a document are short, so growing means copying into the arena. */
static void *append(ut_arena *arena, void *items, size_t count, size_t size)
{
    char *grown = ut_arena_alloc(arena, count + 1, size);
    if (grown && count)
        memcpy(grown, items, count * size);
    return grown;
}

ut_status ut_conversation_add_model(ut_conversation *c, const char *job, const char *name,
                                    const char *sha256)
{
    size_t at = 0;
    while (at < c->model_count && strcmp(c->models[at].job, job) != 0)
        at++;
    if (at == c->model_count) {
        ut_model_record *grown = append(c->arena, c->models, c->model_count, sizeof *grown);
        if (!grown)
            return UT_ERR_MEMORY;
        c->models = grown;
        c->model_count++;
    }
    ut_model_record *record = &c->models[at];
    *record = (ut_model_record){ut_arena_strdup(c->arena, job), ut_arena_strdup(c->arena, name),
                                ut_arena_strdup(c->arena, sha256)};
    return record->job && record->name ? UT_OK : UT_ERR_MEMORY;
}

ut_status ut_conversation_add_setting(ut_conversation *c, const char *name, const char *value)
{
    size_t at = 0;
    while (at < c->setting_count && strcmp(c->settings[at].name, name) != 0)
        at++;
    if (at == c->setting_count) {
        ut_setting *grown = append(c->arena, c->settings, c->setting_count, sizeof *grown);
        if (!grown)
            return UT_ERR_MEMORY;
        c->settings = grown;
        c->setting_count++;
    }
    ut_setting *setting = &c->settings[at];
    *setting = (ut_setting){ut_arena_strdup(c->arena, name), ut_arena_strdup(c->arena, value)};
    return setting->name && setting->value ? UT_OK : UT_ERR_MEMORY;
}

ut_status ut_conversation_add_note(ut_conversation *c, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < c->note_count; i++)
        if (strcmp(c->notes[i], text) == 0)
            return UT_OK;
    const char **grown = append(c->arena, (void *)c->notes, c->note_count, sizeof *grown);
    if (!grown)
        return UT_ERR_MEMORY;
    c->notes = grown;
    grown[c->note_count] = ut_arena_strdup(c->arena, text);
    return grown[c->note_count++] ? UT_OK : UT_ERR_MEMORY;
}
