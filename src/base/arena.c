#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, BLOCK = 64 * 1024 };

typedef struct block {
    struct block *next;
    size_t capacity;
    size_t used;
} block;

struct ut_arena {
    block *blocks; /* the newest first */
    size_t limit;
    size_t used;
};

/* The header takes a whole alignment unit, so that the data behind it is aligned as well. */
_Static_assert(sizeof(block) <= ALIGNMENT, "block header must fit one alignment unit");

ut_arena *ut_arena_create(size_t limit)
{
    ut_arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->limit = limit;
    return arena;
}

static void free_blocks(block *b)
{
    while (b) {
        block *next = b->next;
        free(b);
        b = next;
    }
}

void ut_arena_destroy(ut_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->blocks);
    free(arena);
}

void ut_arena_reset(ut_arena *arena)
{
    block *keep = NULL;
    for (block *b = arena->blocks; b; b = b->next)
        if (!keep || b->capacity > keep->capacity)
            keep = b;
    block *b = arena->blocks;
    while (b) {
        block *next = b->next;
        if (b != keep)
            free(b);
        b = next;
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    arena->blocks = keep;
    arena->used = 0;
}

void *ut_arena_alloc(ut_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 2 * ALIGNMENT)
        return NULL;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0)
        bytes = ALIGNMENT;
    if (arena->limit && bytes > arena->limit - arena->used)
        return NULL;
    block *b = arena->blocks;
    if (!b || b->capacity - b->used < bytes) {
        size_t capacity = bytes > BLOCK ? bytes : BLOCK;
        b = aligned_alloc(ALIGNMENT, ALIGNMENT + capacity);
        if (!b)
            return NULL;
        b->capacity = capacity;
        b->used = 0;
        b->next = arena->blocks;
        arena->blocks = b;
    }
    void *memory = (char *)b + ALIGNMENT + b->used;
    b->used += bytes;
    arena->used += bytes;
    return memset(memory, 0, bytes);
}

char *ut_arena_strndup(ut_arena *arena, const char *text, size_t length)
{
    char *copy = ut_arena_alloc(arena, length + 1, 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

char *ut_arena_strdup(ut_arena *arena, const char *text)
{
    return text ? ut_arena_strndup(arena, text, strlen(text)) : NULL;
}

size_t ut_arena_used(const ut_arena *arena)
{
    return arena->used;
}
