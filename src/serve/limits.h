/* How often each caller may ask: a token bucket for each key or address.
 *
 * A bucket holds a minute's worth of requests and fills at the rate. Memory is bounded: of more
 * callers than UT_LIMITER_CALLERS the one that was quiet longest is forgotten, whose bucket is the
 * fullest. Any number of threads. */
#ifndef UT_SERVE_LIMITS_H
#define UT_SERVE_LIMITS_H

#include <stdbool.h>

enum { UT_LIMITER_CALLERS = 4096, UT_CALLER = 80 };

typedef struct ut_limiter ut_limiter;

/* `per_minute` 0: no limit. NULL when out of memory. */
ut_limiter *ut_limiter_create(int per_minute);
void ut_limiter_destroy(ut_limiter *limiter); /* NULL is fine */

/* Takes one at time `now` (seconds, monotonic); false where there is none, with the seconds after
 * which there is one in *wait, rounded up. */
bool ut_limiter_take(ut_limiter *limiter, const char *caller, double now, int *wait);

#endif
