/* Any bytes as a recording: opened, read to the end of the first seconds, closed. ffmpeg is kept
 * out: it would be a process an input, and what it does to itself stays there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audio/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The system's decoders lose memory over some damaged files (libvorbis in vorbis_info_init): not
 * ours to fix. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libsndfile\nleak:libvorbis\nleak:libogg\nleak:libopus\nleak:libFLAC\nleak:"
           "libmpg123\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    float pcm[1024];
    ut_audio *audio = NULL;
    ut_error err;
    setenv("PATH", "/nonexistent", 1);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (ut_audio_open(path, size & 1 ? UT_AUDIO_MIX : 0, &audio, &err) == UT_OK) {
        size_t got = 1024;
        for (int i = 0; i < 200 && got == 1024; i++)
            if (ut_audio_read(audio, pcm, 1024, &got, &err) != UT_OK)
                break;
        ut_audio_close(audio);
    }
    close(fd);
    return 0;
}
