#include "base/random.h"

#include <math.h>

ut_random ut_random_seeded(uint64_t seed, uint64_t stream)
{
    ut_random r = {seed};
    r.state = ut_random_bits(&r) ^ (stream * 0xd1342543de82ef95u + 1);
    ut_random_bits(&r);
    return r;
}

uint64_t ut_random_bits(ut_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double ut_random_unit(ut_random *r)
{
    return (double)(ut_random_bits(r) >> 11) * 0x1p-53;
}

size_t ut_random_below(ut_random *r, size_t count)
{
    return (size_t)(ut_random_unit(r) * (double)count);
}

double ut_random_beta(ut_random *r, double a)
{
    for (;;) {
        double x = pow(ut_random_unit(r), 1 / a);
        double y = pow(ut_random_unit(r), 1 / a);
        if (x + y > 0 && x + y <= 1)
            return x / (x + y);
    }
}

void ut_random_shuffle(ut_random *r, size_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = ut_random_below(r, i);
        size_t t = values[i - 1];
        values[i - 1] = values[k];
        values[k] = t;
    }
}
