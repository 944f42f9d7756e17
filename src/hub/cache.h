/* Finding models in the hub's cache, as huggingface_hub lays it out, so that what WhisperX or
 * transformers downloaded is found: <cache>/models--<owner>--<name>/snapshots/<revision>/<files>.
 *
 * <cache> is $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub. */
#ifndef UT_HUB_CACHE_H
#define UT_HUB_CACHE_H

#include "undertone_status.h"

/* The snapshot folder of `repository` ("Systran/faster-whisper-base") that holds `file`, the one
 * refs/main names first, else the last by name; free(). NULL if there is none. */
char *ut_hub_cached(const char *repository, const char *file);

/* The cache folder; free(). NULL without a home or memory. */
char *ut_hub_cache_folder(void);

#endif
