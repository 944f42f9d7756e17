/* A records.db that another hand changed. The bytes are pieces, parted by lines that hold "--":
 *   "@<offset> <text>"   the text over the file's bytes from there
 *   "<column> <text>"    the text as that column of the run, its steps, inputs and artifacts
 * Everything that looks at records must get along with it. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/lineage.h"
#include "pipeline/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[64];
static char path[96];
static char *image; /* of good records */
static size_t image_bytes;

static void remove_home(void)
{
    static const char *const names[] = {"records.db",     "records.db-wal",
                                        "records.db-shm", "lock",
                                        ".gitignore",     "id",
                                        "artifacts",      ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", home, names[i]);
        remove(name);
    }
    free(image);
}

static void make_image(void)
{
    ut_records *r;
    char id[UT_RUN_ID];
    const ut_run_record run = {.pipeline = "run",
                               .stack = "default",
                               .output_dir = "/r",
                               .parameters = "{}",
                               .environment = "{}",
                               .models = "[]",
                               .files = 1};
    const ut_step_record steps[] = {
        {.conversation = "a",
         .step = "transcribe",
         .status = "completed",
         .key = "1",
         .output = "aaaa1111",
         .kind = "document",
         .inputs = {{"recording", "bbbb2222"}}},
        {.conversation = "a",
         .step = "extract",
         .status = "completed",
         .key = "2",
         .output = "cccc3333",
         .kind = "document",
         .inputs = {{"document", "aaaa1111"}}},
    };
    snprintf(home, sizeof home, "/tmp/ut_fuzz_records_XXXXXX");
    if (!mkdtemp(home) || ut_records_open(home, &r, NULL) != UT_OK ||
        ut_records_begin_run(r, &run, id, NULL) != UT_OK ||
        ut_records_add_source(r, "bbbb2222", "recording", "a.wav", NULL) != UT_OK ||
        ut_records_add_steps(r, steps, 2, NULL) != UT_OK ||
        ut_records_end_run(r, "completed", 0, NULL) != UT_OK)
        __builtin_trap();
    ut_records_log(r, UT_LOG_INFO, "a line");
    ut_records_close(r);
    snprintf(path, sizeof path, "%s/records.db", home);
    if (ut_file_read(path, 1 << 22, &image, &image_bytes, NULL) != UT_OK)
        __builtin_trap();
    atexit(remove_home);
}

static void overwrite(sqlite3 *db, const char *column, size_t name, const char *text, size_t length)
{
    static const char *const tables[] = {"runs", "steps", "inputs", "artifacts", "log"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        sqlite3_stmt *s;
        char sql[160];
        snprintf(sql, sizeof sql, "UPDATE %s SET \"%.*s\" = CAST(? AS TEXT)", tables[i], (int)name,
                 column);
        if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
            continue;
        sqlite3_bind_blob(s, 1, text, (int)length, SQLITE_TRANSIENT);
        (void)sqlite3_step(s);
        sqlite3_finalize(s);
    }
}

/* One piece: over the bytes in memory, or, once there is a file of them, into a column. */
static void apply(char *bytes, sqlite3 *db, const char *piece, size_t length)
{
    const char *space = memchr(piece, ' ', length);
    if (!space || space == piece || space - piece > 24)
        return;
    size_t name = (size_t)(space - piece);
    const char *text = space + 1;
    length -= name + 1;
    if (*piece != '@') {
        bool plain = true;
        for (size_t i = 0; i < name; i++)
            plain = plain && (piece[i] == '_' || (piece[i] >= 'a' && piece[i] <= 'z'));
        if (db && plain)
            overwrite(db, piece, name, text, length);
        return;
    }
    char number[26] = {0};
    memcpy(number, piece + 1, name - 1);
    size_t offset = strtoul(number, NULL, 10);
    if (bytes && offset < image_bytes)
        memcpy(bytes + offset, text, length < image_bytes - offset ? length : image_bytes - offset);
}

static void apply_all(char *bytes, sqlite3 *db, const char *data, size_t size)
{
    while (size) {
        const char *border = memmem(data, size, "\n--\n", 4);
        size_t length = border ? (size_t)(border - data) : size;
        apply(bytes, db, data, length);
        length += border ? 4 : 0;
        data += length;
        size -= length;
    }
}

static void place(const char *data, size_t size)
{
    sqlite3 *db;
    char name[128];
    snprintf(name, sizeof name, "%s-wal", path);
    unlink(name);
    snprintf(name, sizeof name, "%s-shm", path);
    unlink(name);
    char *bytes = malloc(image_bytes);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    if (!bytes || fd < 0)
        __builtin_trap();
    memcpy(bytes, image, image_bytes);
    apply_all(bytes, NULL, data, size);
    if (write(fd, bytes, image_bytes) != (ssize_t)image_bytes || close(fd) != 0)
        __builtin_trap();
    free(bytes);
    if (sqlite3_open(path, &db) == SQLITE_OK)
        apply_all(NULL, db, data, size);
    sqlite3_close(db);
}

static void look(ut_records *r)
{
    ut_status (*const lists[])(ut_records *, json_t **, ut_error *) = {ut_records_runs,
                                                                       ut_records_artifact_list};
    ut_status (*const named[])(ut_records *, const char *, json_t **, ut_error *) = {
        ut_records_run, ut_records_steps, ut_records_lines, ut_records_artifact};
    json_t *rows;
    ut_pruned pruned;
    ut_buf svg;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i](r, &rows, NULL) == UT_OK)
            json_decref(rows);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i](r, i < 3 ? "latest" : "a/extract", &rows, NULL) == UT_OK)
            json_decref(rows);
    ut_buf_init(&svg, 1 << 20);
    if (ut_records_lineage(r, "aaaa1111", &rows, NULL) == UT_OK) {
        (void)!ut_lineage_svg(rows, "aaaa1111", &svg, NULL);
        json_decref(rows);
    }
    ut_buf_free(&svg);
    (void)!ut_records_prune(r, false, &pruned, NULL);
    (void)!ut_records_delete_run(r, "latest", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_records *r;
    if (!image)
        make_image();
    place((const char *)data, size);
    if (ut_records_open_existing(home, &r, NULL) == UT_OK) {
        look(r);
        ut_records_close(r);
    }
    return 0;
}
