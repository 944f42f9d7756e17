#include "serve/limits.h"

#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Callers are spread over sets of WAYS, as in a processor's cache. */
enum { WAYS = 8, SETS = UT_LIMITER_CALLERS / WAYS };

typedef struct bucket {
    char caller[UT_CALLER]; /* "": free */
    double tokens, seen;
} bucket;

struct ut_limiter {
    pthread_mutex_t lock;
    double most, per_second;
    unsigned char secret[crypto_shorthash_KEYBYTES]; /* nobody can aim at a set */
    bucket buckets[SETS][WAYS];
};

ut_limiter *ut_limiter_create(int per_minute)
{
    ut_limiter *l = calloc(1, sizeof *l);
    if (!l || pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return NULL;
    }
    l->most = per_minute;
    l->per_second = per_minute / 60.0;
    crypto_shorthash_keygen(l->secret);
    return l;
}

void ut_limiter_destroy(ut_limiter *limiter)
{
    if (limiter)
        pthread_mutex_destroy(&limiter->lock);
    free(limiter);
}

static bucket *find(ut_limiter *l, const char *caller, double now)
{
    unsigned char hash[crypto_shorthash_BYTES];
    unsigned set;
    crypto_shorthash(hash, (const unsigned char *)caller, strlen(caller), l->secret);
    memcpy(&set, hash, sizeof set);
    bucket *ways = l->buckets[set % SETS];
    bucket *oldest = ways;
    for (int w = 0; w < WAYS; w++) {
        if (strncmp(ways[w].caller, caller, UT_CALLER - 1) == 0)
            return &ways[w];
        if (!ways[w].caller[0] || (oldest->caller[0] && ways[w].seen < oldest->seen))
            oldest = &ways[w];
    }
    *oldest = (bucket){.tokens = l->most, .seen = now};
    snprintf(oldest->caller, sizeof oldest->caller, "%s", caller);
    return oldest;
}

bool ut_limiter_take(ut_limiter *limiter, const char *caller, double now, int *wait)
{
    *wait = 0;
    if (!(limiter->most > 0))
        return true;
    pthread_mutex_lock(&limiter->lock);
    bucket *b = find(limiter, caller, now);
    b->tokens = fmin(limiter->most, b->tokens + (now - b->seen) * limiter->per_second);
    b->seen = now;
    bool taken = b->tokens >= 1;
    if (taken)
        b->tokens -= 1;
    else
        *wait = (int)ceil((1 - b->tokens) / limiter->per_second);
    pthread_mutex_unlock(&limiter->lock);
    return taken;
}
