/* A bounded number of places that callers take and leave, so that what is held for requests is
 * bounded, too: uploads and analyses, answers that take a while.
 *
 * The last quarter is for callers who hold none: however many requests one caller has under way,
 * and however slow it is about them, another still finds a place. Any number of threads. */
#ifndef UT_SERVE_PLACES_H
#define UT_SERVE_PLACES_H

typedef struct ut_places ut_places;

/* NULL when out of memory. */
ut_places *ut_places_create(int count);
void ut_places_destroy(ut_places *places); /* NULL is fine */

/* A place for the caller, or -1. */
int ut_places_take(ut_places *places, const char *caller);
void ut_places_leave(ut_places *places, int place); /* -1 is fine */
int ut_places_taken(ut_places *places);

#endif
