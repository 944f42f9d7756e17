/* Random numbers that are not secret: the same seed gives the same numbers everywhere.
 *
 * SplitMix64 (Steele, Lea, Flood 2014). Streams of one seed are independent: training takes one an
 * epoch, so that a resumed one needs no state of it. */
#ifndef UT_BASE_RANDOM_H
#define UT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct ut_random {
    uint64_t state;
} ut_random;

ut_random ut_random_seeded(uint64_t seed, uint64_t stream);
uint64_t ut_random_bits(ut_random *r);
/* [0, 1), 53 bits of it. */
double ut_random_unit(ut_random *r);
/* 0 .. count - 1; count at least 1. */
size_t ut_random_below(ut_random *r, size_t count);
/* Beta(a, a), Joehnk's method; a below 1. */
double ut_random_beta(ut_random *r, double a);
/* Shuffles values[count] (Fisher and Yates). */
void ut_random_shuffle(ut_random *r, size_t *values, size_t count);

#endif
