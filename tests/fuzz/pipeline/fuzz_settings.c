/* Any bytes as a YAML file of settings and as a .env. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Settings that were read must be sound: what they say of themselves can be said again. */
static void check(const ut_settings *s, ut_arena *arena)
{
    ut_settings copy = *s;
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        char room[32];
        const char *value = ut_settings_value(s, row, room);
        if (value && ut_settings_set(&copy, row, value, "again", arena, NULL) != UT_OK)
            __builtin_trap();
    }
    (void)!ut_settings_finish(&copy, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    ut_error err;
    ut_settings settings;
    int fd = memfd_create("settings", 0);
    ut_arena *arena = ut_arena_create(0);
    if (fd < 0 || !arena || write(fd, data, size) != (ssize_t)size)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ut_settings_default(&settings);
    if (ut_settings_read_yaml(&settings, path, arena, &err) == UT_OK)
        check(&settings, arena);
    ut_settings_default(&settings);
    if (ut_settings_read_dotenv(path, &err) == UT_OK &&
        ut_settings_read_environment(&settings, arena, &err) == UT_OK)
        check(&settings, arena);
    clearenv();
    ut_arena_destroy(arena);
    close(fd);
    return 0;
}
