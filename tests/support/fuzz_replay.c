/* Runs a fuzz target over its seed corpus: what gcc builds and sanitizer runs do, where libFuzzer
 * is not linked. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    size_t ran = 0;
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        uint8_t *data = malloc(1 << 20);
        size_t size = data ? fread(data, 1, 1 << 20, f) : 0;
        fclose(f);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
        ran++;
    }
    if (dir)
        closedir(dir);
    printf("%zu seeds replayed\n", ran);
    return ran ? 0 : 1;
}
