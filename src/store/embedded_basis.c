/* The embedded back end: axes for its vectors.
 *
 * Embeddings differ much along some directions and little along most. Turned so that the first
 * axes hold what they differ in, the head of two vectors tells nearly all of their product, and
 * most tails need no look: of sentence embeddings by MiniLM (384 values) a search reads 60 %, of
 * vectors with 32 latent values a tenth. Turning keeps products, so that results stay exact; where
 * no short head holds enough, vectors are left as they are.
 *
 * The axes are found by simultaneous iteration (Rutishauser 1970) over second moments of a sample;
 * head and tail are then each mixed by random rotation, which spreads values evenly for their
 * bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "store/embedded_blocks.h"

enum {
    FIRST = 1024,  /* items that make a basis worth while */
    GROWTH = 16,   /* times more items make it worth while again */
    SAMPLE = 4096, /* items it is made from */
    ROUNDS = 6,
    DIM_LEAST = 64,
    DIM_MOST = 1024, /* 4 s at this; the time grows with the cube */
    HEAD_STEP = 32
};

/* What the tail may hold of the vectors' squares. Chosen on MiniLM's embeddings of utterances: with
 * 1/7 (a head of 192) 60 % of all bytes are read, with half and twice that 69 and 81 %. */
static const float tail_most = 1.0f / 7;

void ut_basis_forget(ut_embedded *e)
{
    free(e->basis.matrix);
    e->basis = (ut_basis){.changed = -1};
}

static ut_status load(ut_embedded *e, ut_error *err)
{
    int rc;
    size_t values = e->dim * e->dim;
    ut_basis basis = {0};
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_BASIS, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_DONE) {
        e->basis = basis;
        return UT_OK;
    }
    if (rc != SQLITE_ROW)
        return ut_embedded_fail(e, rc, err);
    basis.changed = sqlite3_column_int64(row, 0);
    basis.based = sqlite3_column_int64(row, 1);
    basis.head = (size_t)sqlite3_column_int64(row, 2);
    basis.defect = (float)sqlite3_column_double(row, 3);
    const void *blob = sqlite3_column_blob(row, 4);
    if (blob) {
        if ((size_t)sqlite3_column_bytes(row, 4) != values * sizeof(float) || basis.head < 1 ||
            basis.head >= e->dim || !(basis.defect >= 0 && basis.defect < 1))
            return ut_embedded_damaged(e, err);
        basis.matrix = malloc(values * sizeof(float));
        if (!basis.matrix)
            return ut_fail_memory(err, "store");
        memcpy(basis.matrix, blob, values * sizeof(float));
    }
    e->basis = basis;
    for (size_t i = 0; basis.matrix && i < values; i++)
        if (!(fabsf(basis.matrix[i]) <= 1.001f))
            return ut_embedded_damaged(e, err);
    return UT_OK;
}

ut_status ut_basis_refresh(ut_embedded *e, ut_error *err)
{
    int64_t changed;
    int rc = ut_embedded_number(e, UT_ST_BASIS_CHANGE, &changed);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    if (changed == e->basis.changed)
        return UT_OK;
    ut_basis_forget(e);
    ut_status status = load(e, err);
    if (status != UT_OK)
        ut_basis_forget(e);
    return status;
}

static void turn(const float *matrix, size_t dim, const float *vectors, size_t count, float *turned)
{
    int d = (int)dim;
    if (matrix)
        ut_matmul_nt(turned, d, vectors, d, matrix, d, (int)count, d, d, 0);
    else
        memcpy(turned, vectors, count * dim * sizeof *turned);
}

void ut_basis_turn(const ut_embedded *e, const float *vectors, size_t count, float *turned)
{
    turn(e->basis.matrix, e->dim, vectors, count, turned);
}

/* ------------------------------------------------------------------ finding axes */

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1;
}

/* Makes the rows of v[n, n] orthonormal, first ones first; what depends on those before it becomes
 * a random direction that does not. Twice is enough (Kahan and Parlett). */
static void orthonormalize(float *v, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        float *row = v + i * n;
        for (int pass = 0; pass < 3; pass++) {
            float before = sqrtf(ut_dot(row, row, n));
            for (size_t j = 0; j < i; j++)
                ut_axpy(row, -ut_dot(row, v + j * n, n), v + j * n, n);
            float norm = sqrtf(ut_dot(row, row, n));
            bool lost = !(norm > before * 1e-4f);
            for (size_t d = 0; d < n; d++)
                row[d] = lost ? noise(seed) : row[d] / norm;
            pass -= lost;
        }
    }
}

/* The second moments [dim, dim] of a sample of the items. */
static ut_status moments_of(ut_embedded *e, size_t count, float *moments, ut_error *err)
{
    size_t dim = e->dim;
    size_t every = count / SAMPLE + 1;
    size_t most = count / every + 1;
    float *columns = calloc(dim * most, sizeof *columns); /* [dim, most] */
    if (!columns)
        return ut_fail_memory(err, "store");
    int rc;
    size_t taken = 0;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_VECTORS, &rc);
    for (size_t i = 0; rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW; i++) {
        const float *vector = sqlite3_column_blob(row, 0);
        bool whole = (size_t)sqlite3_column_bytes(row, 0) == dim * sizeof *vector;
        rc = SQLITE_OK;
        if (i % every != 0 || !whole || taken == most)
            continue;
        for (size_t d = 0; d < dim; d++)
            memcpy(&columns[d * most + taken], &vector[d], sizeof *vector);
        taken++;
    }
    sqlite3_reset(row);
    int d = (int)dim;
    int m = (int)most;
    ut_matmul_nt(moments, d, columns, m, columns, m, d, d, m, 0);
    free(columns);
    return rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
}

/* Axes in falling order of what they hold, and how many make a head; 0: none is short enough. */
static size_t find_axes(const float *moments, size_t dim, float *axes, float *scratch)
{
    uint32_t seed = 1;
    int d = (int)dim;
    for (size_t i = 0; i < dim * dim; i++)
        axes[i] = noise(&seed);
    orthonormalize(axes, dim, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        ut_matmul_nn(scratch, d, axes, d, moments, d, d, d, d, 0);
        memcpy(axes, scratch, dim * dim * sizeof *axes);
        orthonormalize(axes, dim, &seed);
    }
    ut_matmul_nn(scratch, d, axes, d, moments, d, d, d, d, 0);
    double all = 0;
    double held = 0;
    for (size_t i = 0; i < dim; i++)
        all += moments[i * dim + i];
    for (size_t i = 0; i < dim; i++) {
        if (i % HEAD_STEP == 0 && all - held <= all * tail_most)
            return i <= dim * 3 / 4 ? i : 0;
        held += ut_dot(scratch + i * dim, axes + i * dim, dim);
    }
    return 0;
}

/* Replaces rows by random orthonormal mixtures of themselves. */
static void mix(float *axes, size_t rows, size_t dim, float *scratch)
{
    uint32_t seed = 2;
    int n = (int)rows;
    int d = (int)dim;
    float *mixed = scratch + rows * rows;
    for (size_t i = 0; i < rows * rows; i++)
        scratch[i] = noise(&seed);
    orthonormalize(scratch, rows, &seed);
    ut_matmul_nn(mixed, d, scratch, n, axes, d, n, d, n, 0);
    memcpy(axes, mixed, rows * dim * sizeof *axes);
}

/* How far the axes are from orthonormal: a bound on the largest eigenvalue of A A^T - 1. */
static float defect_of(const float *axes, size_t dim)
{
    double most = 0;
    for (size_t i = 0; i < dim; i++) {
        double sum = 0;
        for (size_t j = 0; j < dim; j++)
            sum += fabs((double)ut_dot(axes + i * dim, axes + j * dim, dim) - (i == j));
        most = fmax(most, sum);
    }
    return (float)most;
}

static ut_status make_basis(ut_embedded *e, size_t count, ut_basis *basis, ut_error *err)
{
    size_t dim = e->dim;
    size_t values = dim * dim;
    float *moments = malloc(values * sizeof *moments);
    float *scratch = malloc(2 * values * sizeof *scratch);
    basis->matrix = malloc(values * sizeof *basis->matrix);
    ut_status status = UT_OK;
    if (!moments || !scratch || !basis->matrix)
        status = ut_fail_memory(err, "store");
    else
        status = moments_of(e, count, moments, err);
    if (status == UT_OK)
        basis->head = find_axes(moments, dim, basis->matrix, scratch);
    if (status == UT_OK && basis->head > 0) {
        mix(basis->matrix, basis->head, dim, scratch);
        mix(basis->matrix + basis->head * dim, dim - basis->head, dim, scratch);
        basis->defect = defect_of(basis->matrix, dim);
    } else {
        free(basis->matrix);
        basis->matrix = NULL;
    }
    free(scratch);
    free(moments);
    return status;
}

/* ------------------------------------------------------------------ writing anew */

static ut_status write_basis(ut_embedded *e, const ut_basis *basis, ut_error *err)
{
    int rc;
    int bytes = basis->matrix ? (int)(e->dim * e->dim * sizeof(float)) : 0;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_NEW_BASIS, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, basis->changed);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 2, basis->based);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 3, (int64_t)basis->head);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_double(row, 4, (double)basis->defect);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(row, 5, basis->matrix, bytes, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    return rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
}

/* A block on its way from one basis to another. */
typedef struct moving {
    ut_embedded *e;
    const ut_basis *basis;
    ut_shape from, to;
    void *old, *new;
    float *vectors, *turned; /* [slots, dim] */
    int8_t *codes;
} moving;

static ut_status read_vectors(const moving *m, const ut_block *block, ut_error *err)
{
    size_t dim = m->e->dim;
    for (size_t i = 0; i < *block->used; i++) {
        int rc;
        sqlite3_stmt *row = ut_embedded_statement(m->e, UT_ST_VECTOR, &rc);
        if (rc == SQLITE_OK)
            rc = sqlite3_bind_int64(row, 1, block->n[i]);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(row);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return ut_embedded_fail(m->e, rc, err);
        const void *vector = rc == SQLITE_ROW ? sqlite3_column_blob(row, 0) : NULL;
        if (!vector || (size_t)sqlite3_column_bytes(row, 0) != dim * sizeof(float))
            return ut_embedded_damaged(m->e, err);
        memcpy(m->vectors + i * dim, vector, dim * sizeof(float));
    }
    return UT_OK;
}

static ut_status move_block(const moving *m, int64_t number, ut_error *err)
{
    UT_TRY(ut_block_read(m->e, &m->from, number, m->old, err));
    memset(m->new, 0, m->to.bytes);
    ut_block old = ut_block_view(m->old, &m->from);
    ut_block new = ut_block_view(m->new, &m->to);
    size_t slots = m->from.slots;
    UT_TRY(read_vectors(m, &old, err));
    turn(m->basis->matrix, m->e->dim, m->vectors, *old.used, m->turned);
    for (int k = 0; k < UT_BY_COUNT; k++)
        memcpy(new.names[k], old.names[k], slots * sizeof *new.names[k]);
    memcpy(new.n, old.n, slots * sizeof *new.n);
    memcpy(new.label, old.label, slots);
    *new.used = *old.used;
    for (size_t i = 0; i < *old.used; i++)
        ut_block_put(&new, &m->to, i, m->turned + i * m->e->dim, m->codes);
    return ut_block_write(m->e, &m->to, number, m->basis->changed, m->new, err);
}

static ut_status move_all(ut_embedded *e, const ut_basis *basis, ut_error *err)
{
    int64_t last = -1;
    moving m = {.e = e, .basis = basis};
    m.from = ut_shape_of(e->dim, &e->basis);
    m.to = ut_shape_of(e->dim, basis);
    size_t values = m.from.slots * e->dim;
    m.old = malloc(m.from.bytes);
    m.new = malloc(m.to.bytes);
    m.vectors = malloc(values * sizeof *m.vectors);
    m.turned = malloc(values * sizeof *m.turned);
    m.codes = malloc(m.to.width[UT_HEAD] + m.to.width[UT_TAIL]);
    ut_status status = UT_OK;
    if (!m.old || !m.new || !m.vectors || !m.turned || !m.codes)
        status = ut_fail_memory(err, "store");
    int rc = ut_embedded_number(e, UT_ST_LAST_BLOCK, &last);
    if (status == UT_OK && rc != SQLITE_OK)
        status = ut_embedded_fail(e, rc, err);
    for (int64_t b = 0; b <= last && status == UT_OK; b++)
        status = move_block(&m, b, err);
    free(m.old);
    free(m.new);
    free(m.vectors);
    free(m.turned);
    free(m.codes);
    return status;
}

ut_status ut_basis_renew(ut_embedded *e, int64_t change, ut_error *err)
{
    size_t count;
    if (e->dim < DIM_LEAST || e->dim > DIM_MOST)
        return UT_OK;
    UT_TRY(ut_embedded_count(e, &count, err));
    if (count < FIRST || count / GROWTH < (size_t)e->basis.based)
        return UT_OK;
    ut_basis basis = {.changed = change, .based = (int64_t)count};
    ut_status status = make_basis(e, count, &basis, err);
    if (status == UT_OK && (basis.matrix || e->basis.matrix))
        status = move_all(e, &basis, err);
    if (status == UT_OK)
        status = write_basis(e, &basis, err);
    free(e->basis.matrix);
    e->basis = basis;
    return status;
}
