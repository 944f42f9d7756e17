/* What a back end of the store provides. store.c stands in front of it: arguments are checked
 * there, ids are made, doubles within a call are dropped, changes are refused in a store opened for
 * reading, and results are cut for queries of zeros. */
#ifndef UT_STORE_INTERNAL_H
#define UT_STORE_INTERNAL_H

#include "store/store.h"

/* Each function does what the one of the same name in store.h says; any thread may call any at any
 * time. Strings of items given are never NULL; out-pointers never. */
typedef struct ut_store_backend {
    void (*close)(void *self);
    ut_status (*count)(void *self, size_t *count, ut_error *err);
    ut_status (*labels)(void *self, size_t counts[UT_EMOTIONS], ut_error *err); /* given as zeros */
    ut_status (*add)(void *self, const ut_store_item *items, const float *vectors, size_t count,
                     size_t *added, ut_error *err); /* ids given, distinct; count of 1 and more */
    ut_status (*remove)(void *self, const char *const *ids, size_t count, size_t *removed,
                        ut_error *err); /* may hold doubles; count of 1 and more */
    ut_status (*set_label)(void *self, const char *id, int label, ut_error *err);
    ut_status (*get)(void *self, const char *id, ut_arena *arena, ut_store_item *item,
                     float *vector, ut_error *err);
    ut_status (*each)(void *self, ut_store_visit visit, void *context, ut_error *err);
    ut_status (*nearest)(void *self, const ut_store_query *query, ut_arena *arena,
                         ut_store_hit *hits, size_t *found, ut_error *err);
} ut_store_backend;

/* What opening gives: the functions, their first argument, and the space as the store has it
 * (`model` lives as long as `self`). */
typedef struct ut_store_opened {
    const ut_store_backend *backend;
    void *self;
    ut_store_space space;
} ut_store_opened;

/* `space` was checked: both members or none. On failure nothing is left behind. */
UT_MUST_CHECK ut_status ut_store_embedded_open(const char *path, ut_store_mode mode,
                                               ut_store_space space, ut_store_opened *opened,
                                               ut_error *err);
/* `url` begins with "chroma://". */
UT_MUST_CHECK ut_status ut_store_chroma_open(const char *url, ut_store_mode mode,
                                             ut_store_space space, const ut_store_options *options,
                                             ut_store_opened *opened, ut_error *err);

/* Moves an item's strings into `arena`. */
UT_MUST_CHECK ut_status ut_store_keep(ut_store_item *item, ut_arena *arena, ut_error *err);

/* The failure both give for a store of another space. */
ut_status ut_store_other_space(const char *where, ut_store_space held, ut_store_space asked,
                               ut_error *err);

#endif
