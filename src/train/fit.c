#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

typedef struct fitting {
    const ut_trainee *t;
    const ut_fit_options *o;
    ut_history *h;
    float *best;     /* [parameters] of the best epoch */
    double *running; /* [rows] sums of the weights */
    size_t *rows;    /* [batch] */
    size_t batches;  /* in an epoch */
} fitting;

int ut_fit_batch(size_t rows)
{
    size_t batch = rows / 16;
    return batch < 16 ? 16 : batch > 128 ? 128 : (int)batch;
}

float ut_fit_rate(float highest, size_t step, size_t steps)
{
    const double pi = 3.14159265358979323846;
    double warm = 0.15 * (double)steps;
    double low = highest / 25.0;
    if ((double)step < warm)
        return (float)(low + (highest - low) * (1 - cos(pi * (double)step / warm)) / 2);
    double done = ((double)step - warm) / fmax(1, (double)steps - warm);
    low = highest / 25.0e4;
    return (float)(low + (highest - low) * (1 + cos(pi * fmin(1, done))) / 2);
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static ut_tensor floats(const float *values, size_t count)
{
    return (ut_tensor){
        .data = values, .dtype = UT_F32, .rank = 1, .shape = {(int64_t)count, 1, 1, 1}};
}

static ut_status save(const fitting *f, ut_error *err)
{
    const ut_parameters *p = f->t->parameters;
    char step[32];
    char best[16];
    const size_t epochs = (size_t)f->h->count * (sizeof(ut_epoch) / sizeof(float));
    const ut_weights_item items[] = {
        {"values", floats(p->values, p->count)},
        {"first", floats(p->first, p->count)},
        {"second", floats(p->second, p->count)},
        {"best", floats(f->best, p->count)},
        {"history", floats(&f->h->epochs[0].loss, epochs)},
    };
    snprintf(step, sizeof step, "%ld", p->step);
    snprintf(best, sizeof best, "%d", f->h->best);
    const ut_weights_note notes[] = {{"format", "undertone training state"},
                                     {"fingerprint", f->o->fingerprint},
                                     {"step", step},
                                     {"best", best}};
    return ut_weights_write(f->o->checkpoint, items, sizeof items / sizeof *items, notes,
                            sizeof notes / sizeof *notes, err);
}

static bool take(const ut_weights *w, const char *name, float *values, size_t count)
{
    const ut_tensor *t = ut_weights_find(w, name);
    if (!t || t->dtype != UT_F32 || ut_tensor_count(t) != count)
        return false;
    ut_tensor_to_f32(t, 0, count, values);
    return true;
}

static bool restore(fitting *f, const ut_weights *w)
{
    ut_parameters *p = f->t->parameters;
    const char *fingerprint = ut_weights_metadata(w, "fingerprint");
    const char *step = ut_weights_metadata(w, "step");
    const char *best = ut_weights_metadata(w, "best");
    int64_t epochs = ut_weights_size(w, "history", 0) / (int64_t)(sizeof(ut_epoch) / sizeof(float));
    if (!fingerprint || strcmp(fingerprint, f->o->fingerprint) != 0 || !step || !best ||
        epochs < 1 || epochs > f->t->epochs)
        return false;
    f->h->count = f->h->resumed = (int)epochs;
    f->h->best = (int)strtol(best, NULL, 10);
    p->step = strtol(step, NULL, 10);
    return take(w, "values", p->values, p->count) && take(w, "first", p->first, p->count) &&
           take(w, "second", p->second, p->count) && take(w, "best", f->best, p->count) &&
           take(w, "history", &f->h->epochs[0].loss,
                (size_t)epochs * (sizeof(ut_epoch) / sizeof(float))) &&
           f->h->best >= 0 && f->h->best < f->h->count;
}

/* Goes on from the checkpoint, if there is one of this very training; one that cannot be read is
 * as good as none. */
static ut_status resume(fitting *f, ut_error *err)
{
    ut_weights *w = NULL;
    ut_error ignored;
    const ut_parameters *p = f->t->parameters;
    if (!f->o->checkpoint || ut_weights_open(f->o->checkpoint, &w, &ignored) != UT_OK)
        return UT_OK;
    float *start = malloc(p->count * sizeof *start);
    if (start) {
        memcpy(start, p->values, p->count * sizeof *start);
        if (!restore(f, w)) {
            *f->h = (ut_history){0};
            memcpy(p->values, start, p->count * sizeof *start);
            memset(p->first, 0, 2 * p->count * sizeof *p->first); /* and `second` behind it */
            f->t->parameters->step = 0;
        }
    }
    ut_weights_close(w);
    free(start);
    return start ? UT_OK : ut_fail_memory(err, "train");
}

/* --- epochs ----------------------------------------------------------------------------------- */

/* The first row whose running sum is above u times the whole. */
static size_t draw(const fitting *f, double u)
{
    size_t low = 0;
    size_t high = f->t->rows - 1;
    double at = u * f->running[high];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (f->running[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool is_cancelled(const fitting *f)
{
    return f->o->cancelled && atomic_load(f->o->cancelled);
}

static ut_status run_epoch(fitting *f, ut_epoch *epoch, ut_error *err)
{
    const ut_trainee *t = f->t;
    ut_random random = ut_random_seeded(f->o->seed, (uint64_t)f->h->count);
    double loss = 0;
    if (t->begin)
        t->begin(t->self, &random);
    for (size_t b = 0; b < f->batches; b++) {
        if (is_cancelled(f))
            return ut_fail(err, UT_ERR_CANCELLED, "train",
                           "stopped after %d epochs of the %s head; the same command goes on from "
                           "there",
                           f->h->count, t->name);
        for (int i = 0; i < t->batch; i++)
            f->rows[i] = draw(f, ut_random_unit(&random));
        double one = t->loss(t->self, f->rows, (size_t)t->batch, &random);
        if (!isfinite(one))
            return ut_fail(err, UT_ERR_FORMAT, "train",
                           "the %s head's loss is no number any more in epoch %d; this is a fault "
                           "of the features: train again with --no_cache",
                           t->name, f->h->count + 1);
        loss += one;
        size_t step = (size_t)f->h->count * f->batches + b;
        ut_parameters_step(t->parameters,
                           ut_fit_rate(t->rate, step, (size_t)t->epochs * f->batches));
    }
    epoch->loss = (float)(loss / (double)f->batches);
    t->validate(t->self, epoch);
    return UT_OK;
}

static bool is_better(const ut_epoch *a, const ut_epoch *b)
{
    return a->uar != b->uar ? a->uar > b->uar : a->validation < b->validation;
}

static bool is_done(const fitting *f)
{
    const ut_history *h = f->h;
    return h->count >= f->t->epochs || (h->count && h->count - 1 - h->best >= f->t->patience);
}

static ut_status run(fitting *f, ut_error *err)
{
    ut_history *h = f->h;
    const ut_parameters *p = f->t->parameters;
    UT_TRY(resume(f, err));
    if (h->count && f->o->progress)
        f->o->progress(f->o->context, f->t, h);
    while (!is_done(f)) {
        ut_epoch *epoch = &h->epochs[h->count];
        UT_TRY(run_epoch(f, epoch, err));
        if (!h->count || is_better(epoch, &h->epochs[h->best])) {
            h->best = h->count;
            memcpy(f->best, p->values, p->count * sizeof *f->best);
        }
        h->count++;
        if (f->o->checkpoint)
            UT_TRY(save(f, err));
        if (f->o->progress)
            f->o->progress(f->o->context, f->t, h);
    }
    memcpy(p->values, f->best, p->count * sizeof *f->best);
    return UT_OK;
}

ut_status ut_fit(const ut_trainee *t, const ut_fit_options *options, ut_history *history,
                 ut_error *err)
{
    fitting f = {.t = t, .o = options, .h = history};
    *history = (ut_history){0};
    f.best = malloc((t->parameters->count + 1) * sizeof *f.best);
    f.running = malloc((t->rows + 1) * sizeof *f.running);
    f.rows = malloc(((size_t)t->batch + 1) * sizeof *f.rows);
    f.batches = (t->rows + (size_t)t->batch - 1) / (size_t)t->batch;
    ut_status status = UT_OK;
    if (!f.best || !f.running || !f.rows) {
        status = ut_fail_memory(err, "train");
    } else {
        double sum = 0;
        for (size_t i = 0; i < t->rows; i++)
            f.running[i] = sum += t->weights[i];
        status = run(&f, err);
    }
    free(f.best);
    free(f.running);
    free(f.rows);
    return status;
}
