#include "train/weighting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct who {
    int corpus;
    const char *name;
    size_t row;
} who;

static int by_name(const void *a, const void *b)
{
    const who *x = a;
    const who *y = b;
    if (x->corpus != y->corpus)
        return x->corpus - y->corpus;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

ut_status ut_number_speakers(const ut_dataset *d, const size_t *samples, size_t count,
                             size_t *numbers, size_t *speakers, ut_error *err)
{
    who *all = calloc(count + 1, sizeof *all);
    *speakers = 0;
    if (!all)
        return ut_fail_memory(err, "train");
    for (size_t i = 0; i < count; i++) {
        const ut_sample *s = &d->samples[samples[i]];
        all[i] = (who){s->corpus, s->speaker ? s->speaker : "", i};
    }
    qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++) {
        bool same =
            i && all[i].corpus == all[i - 1].corpus && strcmp(all[i].name, all[i - 1].name) == 0;
        *speakers += !same;
        numbers[all[i].row] = *speakers - 1;
    }
    free(all);
    return UT_OK;
}

ut_status ut_weigh_samples(const ut_dataset *d, const size_t *samples, size_t count,
                           double *weights, ut_error *err)
{
    const size_t corpora = (size_t)d->corpora + 1;
    size_t *numbers = calloc(count + 1, sizeof *numbers);
    size_t *counts = calloc(corpora * (UT_EMOTIONS + 1), sizeof *counts);
    bool *met = calloc(count + 1, sizeof *met);
    size_t speakers;
    ut_status status = numbers && counts && met
                           ? ut_number_speakers(d, samples, count, numbers, &speakers, err)
                           : ut_fail_memory(err, "train");
    for (size_t i = 0; status == UT_OK && i < count; i++) {
        const ut_sample *s = &d->samples[samples[i]];
        size_t *of = counts + (size_t)s->corpus * (UT_EMOTIONS + 1);
        of[s->label.emotion]++;
        of[UT_EMOTIONS] += !met[numbers[i]];
        met[numbers[i]] = true;
    }
    for (size_t i = 0; status == UT_OK && i < count; i++) {
        const ut_sample *s = &d->samples[samples[i]];
        const size_t *of = counts + (size_t)s->corpus * (UT_EMOTIONS + 1);
        weights[i] = sqrt((double)of[UT_EMOTIONS]) / (double)of[s->label.emotion];
    }
    free(numbers);
    free(counts);
    free(met);
    return status;
}
