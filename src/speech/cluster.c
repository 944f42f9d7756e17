#include "speech/cluster.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"

/* Place of the pair i < j in the condensed matrix of n vectors. */
static size_t pair(int n, int i, int j)
{
    if (i > j) {
        int swap = i;
        i = j;
        j = swap;
    }
    return (size_t)i * (size_t)(2 * n - i - 1) / 2 + (size_t)(j - i - 1);
}

static void distances(const float *vectors, int n, int size, const int *groups, float *norms,
                      float *distance)
{
    for (int i = 0; i < n; i++) {
        const float *row = vectors + (size_t)i * (size_t)size;
        norms[i] = sqrtf(ut_dot(row, row, (size_t)size));
    }
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            float dot = ut_dot(vectors + (size_t)i * (size_t)size,
                               vectors + (size_t)j * (size_t)size, (size_t)size);
            float scale = norms[i] * norms[j];
            float cosine = scale > 0.0f ? dot / scale : 0.0f;
            float far = 1.0f - fminf(fmaxf(cosine, -1.0f), 1.0f);
            bool apart = groups && groups[i] >= 0 && groups[i] == groups[j];
            distance[pair(n, i, j)] = apart ? far + UT_CLUSTER_APART : far;
        }
}

/* The live cluster nearest to x; `prefer` wins ties, so that chains end. */
static int nearest(const float *distance, const int *weight, int n, int x, int prefer, float *least)
{
    int best = prefer;
    *least = prefer >= 0 ? distance[pair(n, x, prefer)] : INFINITY;
    for (int i = 0; i < n; i++)
        if (i != x && weight[i] > 0 && distance[pair(n, x, i)] < *least) {
            *least = distance[pair(n, x, i)];
            best = i;
        }
    return best;
}

/* Merges in the chain's order; a and b are vectors that stand for their clusters. */
static void chains(float *distance, int *weight, int *chain, int n, ut_merge *merges)
{
    int length = 0;
    for (int m = 0; m < n - 1; m++) {
        float height = 0.0f;
        if (length == 0)
            for (int i = 0; i < n && length == 0; i++)
                if (weight[i] > 0)
                    chain[length++] = i;
        for (;;) {
            int top = chain[length - 1], before = length > 1 ? chain[length - 2] : -1;
            int next = nearest(distance, weight, n, top, before, &height);
            if (next == before)
                break;
            chain[length++] = next;
        }
        int a = chain[length - 1], b = chain[length - 2];
        length -= 2;
        merges[m] = (ut_merge){a < b ? a : b, a < b ? b : a, height};
        a = merges[m].a;
        b = merges[m].b;
        float wa = (float)weight[a], wb = (float)weight[b], sum = wa + wb;
        for (int i = 0; i < n; i++)
            if (i != a && i != b && weight[i] > 0)
                distance[pair(n, b, i)] =
                    (wa * distance[pair(n, a, i)] + wb * distance[pair(n, b, i)]) / sum;
        weight[b] += weight[a];
        weight[a] = 0;
    }
}

static int by_height(const void *x, const void *y)
{
    const ut_merge *a = x, *b = y;
    if (a->height != b->height)
        return a->height < b->height ? -1 : 1;
    return a->a != b->a ? (a->a < b->a ? -1 : 1) : (a->b > b->b) - (a->b < b->b);
}

static int find(int *parent, int i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Sorted by height, vectors replaced by the clusters they have become. parent[n], cluster[n]. */
static void relabel(ut_merge *merges, int n, int *parent, int *cluster)
{
    qsort(merges, (size_t)(n - 1), sizeof *merges, by_height);
    for (int i = 0; i < n; i++)
        parent[i] = cluster[i] = i;
    for (int m = 0; m < n - 1; m++) {
        int a = find(parent, merges[m].a), b = find(parent, merges[m].b);
        int x = cluster[a], y = cluster[b];
        parent[a] = b;
        cluster[b] = n + m;
        merges[m].a = x < y ? x : y;
        merges[m].b = x < y ? y : x;
    }
}

ut_status ut_cluster_link(const float *vectors, int n, int size, const int *groups,
                          ut_merge *merges, ut_error *err)
{
    if (n < 2)
        return UT_OK;
    size_t pairs = (size_t)n * (size_t)(n - 1) / 2;
    float *distance = malloc(pairs * sizeof *distance);
    float *norms = malloc((size_t)n * sizeof *norms);
    int *weight = malloc((size_t)n * sizeof *weight);
    int *chain = malloc((size_t)(n + 1) * sizeof *chain);
    ut_status status = UT_OK;
    if (!distance || !norms || !weight || !chain) {
        status = ut_fail_memory(err, "cluster");
        goto done;
    }
    distances(vectors, n, size, groups, norms, distance);
    for (int i = 0; i < n; i++)
        weight[i] = 1;
    chains(distance, weight, chain, n, merges);
    relabel(merges, n, weight, chain);
done:
    free(distance);
    free(norms);
    free(weight);
    free(chain);
    return status;
}

/* Vectors below a node of the tree get `label`. */
static void paint(const ut_merge *merges, int n, int node, int label, int *labels)
{
    while (node >= n) {
        paint(merges, n, merges[node - n].a, label, labels);
        node = merges[node - n].b;
    }
    labels[node] = label;
}

int ut_cluster_cut(const ut_merge *merges, int n, float threshold, int least, int most, int *labels)
{
    int made = 0;
    for (int i = 0; i < n; i++)
        labels[i] = -1;
    while (made < n - 1 && n - made > least &&
           (merges[made].height < threshold || (most > 0 && n - made > most)))
        made++;
    /* A node below `made` that no later kept merge takes is a root. */
    for (int m = made - 1; m >= 0; m--) {
        int node = n + m, low = merges[m].a;
        while (low >= n)
            low = merges[low - n].a;
        if (labels[low] == -1)
            paint(merges, n, node, n + m, labels);
    }
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (labels[i] >= 0 && labels[i] < n)
            continue;
        int old = labels[i];
        labels[i] = count;
        if (old >= n)
            for (int j = i + 1; j < n; j++)
                if (labels[j] == old)
                    labels[j] = count;
        count++;
    }
    return count;
}
