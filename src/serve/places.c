#include "serve/places.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/limits.h"

struct ut_places {
    pthread_mutex_t lock;
    int count, taken;
    char (*holders)[UT_CALLER]; /* "": free */
};

ut_places *ut_places_create(int count)
{
    ut_places *p = calloc(1, sizeof *p);
    if (!p || !(p->holders = calloc((size_t)count, sizeof *p->holders))) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->count = count;
    return p;
}

void ut_places_destroy(ut_places *places)
{
    if (!places)
        return;
    pthread_mutex_destroy(&places->lock);
    free(places->holders);
    free(places);
}

int ut_places_take(ut_places *places, const char *caller)
{
    int place = -1;
    int held = 0;
    pthread_mutex_lock(&places->lock);
    for (int i = 0; i < places->count; i++) {
        held += strncmp(places->holders[i], caller, UT_CALLER - 1) == 0;
        if (place < 0 && !places->holders[i][0])
            place = i;
    }
    if (held && places->count - places->taken <= places->count / 4)
        place = -1;
    if (place >= 0) {
        snprintf(places->holders[place], UT_CALLER, "%s", caller);
        places->taken++;
    }
    pthread_mutex_unlock(&places->lock);
    return place;
}

void ut_places_leave(ut_places *places, int place)
{
    if (place < 0)
        return;
    pthread_mutex_lock(&places->lock);
    places->holders[place][0] = 0;
    places->taken--;
    pthread_mutex_unlock(&places->lock);
}

int ut_places_taken(ut_places *places)
{
    pthread_mutex_lock(&places->lock);
    int taken = places->taken;
    pthread_mutex_unlock(&places->lock);
    return taken;
}
