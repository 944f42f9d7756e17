/* The embedded store under load, driven by bench/store.py over standard input:
 *   bench_store STORE VECTORS QUERIES DIM ANSWERS
 * VECTORS and QUERIES are rows of f32. Commands, each answered by one line of numbers:
 *   fill N     adds all vectors, N a transaction          CPU seconds, seconds
 *   open       closes and opens the store                 milliseconds to open, to the first
 * answer, of CPU time for both pass N K   asks all queries, N at a time, for the K nearest; their
 * numbers go to ANSWERS CPU seconds memory                                                MB
 * resident, at most */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "store/store.h"

typedef struct bench {
    const char *path;
    const float *vectors, *queries;
    size_t dim, count, query_count;
    const char *answers;
    ut_store *store;
} bench;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(ut_status status, const ut_error *err)
{
    if (status == UT_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", err->message);
    exit(1);
}

static void open_store(bench *b)
{
    ut_error err;
    ut_store_space space = {"bench", b->dim};
    check(ut_store_open(b->path, UT_STORE_WRITE, space, NULL, &b->store, &err), &err);
}

static void fill(bench *b, size_t n)
{
    ut_error err;
    ut_store_item *items = calloc(n, sizeof *items);
    char(*ids)[16] = calloc(n, sizeof *ids);
    for (size_t from = 0; from < b->count; from += n) {
        size_t count = b->count - from < n ? b->count - from : n;
        for (size_t i = 0; i < count; i++) {
            snprintf(ids[i], sizeof ids[i], "%08zu", from + i);
            items[i] = (ut_store_item){.id = ids[i],
                                       .text = "What was said takes about so many bytes.",
                                       .label = (int)(i % 5),
                                       .language = "en",
                                       .source = "bench"};
        }
        check(ut_store_add(b->store, items, b->vectors + from * b->dim, count, NULL, &err), &err);
    }
    free(ids);
    free(items);
}

static void pass(bench *b, size_t n, size_t k, FILE *answers)
{
    ut_error err;
    ut_store_hit *hits = malloc(n * k * sizeof *hits);
    size_t *found = malloc(n * sizeof *found);
    ut_arena *arena = ut_arena_create(0);
    for (size_t from = 0; from < b->query_count; from += n) {
        size_t count = b->query_count - from < n ? b->query_count - from : n;
        ut_store_query query = {.vectors = b->queries + from * b->dim, .count = count, .k = k};
        ut_arena_reset(arena);
        check(ut_store_nearest(b->store, &query, arena, hits, found, &err), &err);
        for (size_t q = 0; q < count && answers; q++)
            for (size_t h = 0; h < k; h++)
                fprintf(answers, "%s%c", h < found[q] ? hits[q * k + h].item.id : "-1",
                        h + 1 < k ? ' ' : '\n');
    }
    ut_arena_destroy(arena);
    free(found);
    free(hits);
}

static void memory(void)
{
    char line[128];
    double resident = 0;
    double most = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            resident = strtod(line + 6, NULL) / 1024;
        if (strncmp(line, "VmHWM:", 6) == 0)
            most = strtod(line + 6, NULL) / 1024;
    }
    if (status)
        fclose(status);
    printf("%.1f %.1f\n", resident, most);
}

static void reopen(bench *b)
{
    ut_store_close(b->store);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double start = seconds(CLOCK_MONOTONIC);
    open_store(b);
    double opened = seconds(CLOCK_MONOTONIC);
    size_t all = b->query_count;
    b->query_count = 1;
    pass(b, 1, 10, NULL);
    b->query_count = all;
    printf("%.2f %.2f %.2f\n", 1e3 * (opened - start), 1e3 * (seconds(CLOCK_MONOTONIC) - opened),
           1e3 * (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu));
}

static void run(bench *b, const char *command, size_t n, size_t k)
{
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double wall = seconds(CLOCK_MONOTONIC);
    if (strcmp(command, "fill") == 0) {
        fill(b, n);
        printf("%.6f %.6f\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
               seconds(CLOCK_MONOTONIC) - wall);
    } else if (strcmp(command, "pass") == 0) {
        pass(b, n, k, NULL);
        printf("%.6f\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        FILE *answers = fopen(b->answers, "we");
        if (answers) {
            pass(b, n, k, answers);
            fclose(answers);
        }
    } else if (strcmp(command, "open") == 0) {
        reopen(b);
    } else {
        memory();
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    ut_mapping vectors;
    ut_mapping queries;
    ut_error err;
    char command[16];
    char line[64];
    if (argc != 6)
        return 2;
    bench b = {.path = argv[1], .dim = strtoul(argv[4], NULL, 10), .answers = argv[5]};
    check(ut_file_map(argv[2], &vectors, &err), &err);
    check(ut_file_map(argv[3], &queries, &err), &err);
    b.vectors = (const float *)(const void *)vectors.data;
    b.queries = (const float *)(const void *)queries.data;
    b.count = vectors.length / sizeof(float) / b.dim;
    b.query_count = queries.length / sizeof(float) / b.dim;
    open_store(&b);
    while (fgets(line, sizeof line, stdin)) {
        size_t n = 0;
        size_t k = 0;
        if (sscanf(line, "%15s %zu %zu", command, &n, &k) >= 1)
            run(&b, command, n, k);
    }
    ut_store_close(b.store);
    ut_file_unmap(&queries);
    ut_file_unmap(&vectors);
    return 0;
}
