/* An arena: many small allocations with one lifetime, released together.
 *
 * Memory comes zeroed and aligned to 64 bytes, so that rows of floats suit every kernel. One thread
 * at a time. Failing allocations return NULL; `limit` bounds the whole. */
#ifndef UT_BASE_ARENA_H
#define UT_BASE_ARENA_H

#include <stddef.h>

typedef struct ut_arena ut_arena;

/* `limit` in bytes, 0 for none. NULL when out of memory. */
ut_arena *ut_arena_create(size_t limit);
void ut_arena_destroy(ut_arena *arena); /* NULL is fine */

/* Forgets everything allocated, keeping the largest block for reuse. */
void ut_arena_reset(ut_arena *arena);

/* count * size bytes, overflow-checked, zeroed; NULL on failure. */
void *ut_arena_alloc(ut_arena *arena, size_t count, size_t size);
#define UT_ARENA_NEW(arena, type, count) ((type *)ut_arena_alloc((arena), (count), sizeof(type)))

/* Copies of strings, always terminated. `text` NULL gives NULL. */
char *ut_arena_strdup(ut_arena *arena, const char *text);
char *ut_arena_strndup(ut_arena *arena, const char *text, size_t length);

/* Bytes handed out since the last reset. */
size_t ut_arena_used(const ut_arena *arena);

#endif
