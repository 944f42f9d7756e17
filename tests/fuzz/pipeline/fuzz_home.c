/* Any bytes as what lies in a home: stacks.json, its name, a sealed secret, and what was sealed. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "pipeline/home.h"
#include "pipeline/secrets.h"
#include "pipeline/stacks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[64];
static unsigned char key[crypto_secretbox_KEYBYTES];

static void write_bytes(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        __builtin_trap();
    chmod(path, 0600);
}

static void remove_home(void)
{
    static const char *const names[] = {"stacks.json", "id",      "secrets/.key",
                                        "secrets/s",   "secrets", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", home, names[i]);
        remove(path);
    }
}

static void make_home(void)
{
    char path[128];
    snprintf(home, sizeof home, "/tmp/ut_fuzz_home_XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(home))
        __builtin_trap();
    snprintf(path, sizeof path, "%s/secrets", home);
    mkdir(path, 0700);
    memset(key, 'k', sizeof key);
    write_bytes("secrets/.key", key, sizeof key);
    atexit(remove_home);
}

static void read_stacks(const uint8_t *data, size_t size)
{
    ut_stack stack;
    json_t *all;
    write_bytes("stacks.json", data, size);
    if (ut_stack_list(home, &all, NULL) == UT_OK) {
        const char *active = json_string_value(json_object_get(all, "active"));
        if (!json_object_get(json_object_get(all, "stacks"), active))
            __builtin_trap();
        json_decref(all);
    }
    if (ut_stack_active(home, &stack, NULL) == UT_OK)
        ut_stack_free(&stack);
    (void)!ut_stack_set(home, "default", NULL);
}

static void read_secret(void)
{
    json_t *values;
    if (ut_secret_get(home, "s", &values, NULL) != UT_OK)
        return;
    const char *text = ut_secret_main(values);
    if (text && strlen(text) > 65536)
        __builtin_trap();
    ut_secret_forget(values);
}

/* As ut_secret_create() seals, but what could not be created too. */
static void seal(const uint8_t *data, size_t size)
{
    static const char magic[] = "undertone secret 1\n";
    enum { MAGIC = sizeof magic - 1, NONCE = crypto_secretbox_NONCEBYTES };
    size_t length = MAGIC + NONCE + crypto_secretbox_MACBYTES + size;
    unsigned char *box = calloc(length, 1);
    if (!box)
        return;
    memcpy(box, magic, MAGIC);
    crypto_secretbox_easy(box + MAGIC + NONCE, data, size, box + MAGIC, key);
    write_bytes("secrets/s", box, length);
    free(box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[UT_HOME_ID];
    if (!*home)
        make_home();
    write_bytes("id", data, size);
    (void)!ut_home_id(home, id, NULL);
    read_stacks(data, size);
    write_bytes("secrets/s", data, size);
    read_secret();
    seal(data, size);
    read_secret();
    return 0;
}
