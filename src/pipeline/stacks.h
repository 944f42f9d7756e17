/* Stacks: where runs of a home keep their artifacts and do their work, in ZenML's words. A stack
 * names an artifact store (a folder), an orchestrator, a container registry and a model deployer.
 * Here work is done on this machine and models are what is installed, so these three are "default";
 * integrations/zenml runs the same steps under ZenML's orchestrators.
 *
 * Kept in <home>/stacks.json. One thread. */
#ifndef UT_PIPELINE_STACKS_H
#define UT_PIPELINE_STACKS_H

#include <jansson.h>

#include "pipeline/records.h"

typedef struct ut_stack {
    char *name; /* "default" when none was set */
    /* The home's part of the store: no other home writes or prunes there. NULL: in the home. */
    char *artifact_store;
} ut_stack;

/* The stack in use. UT_ERR_FORMAT for a damaged file. */
UT_MUST_CHECK ut_status ut_stack_active(const char *home, ut_stack *stack, ut_error *err);
void ut_stack_free(ut_stack *stack);
/* Artifacts of these records lie where the stack in use of their home keeps them. *stack gets it
 * (NULL is fine). */
UT_MUST_CHECK ut_status ut_stack_use(ut_records *records, ut_stack *stack, ut_error *err);

/* Components of a new stack: "default" or, for the artifact store, a folder. UT_ERR_USAGE for what
 * cannot be, among it a name that is taken. */
typedef struct ut_stack_components {
    const char *artifact_store, *orchestrator, *container_registry, *model_deployer;
} ut_stack_components;
UT_MUST_CHECK ut_status ut_stack_register(const char *home, const char *name,
                                          const ut_stack_components *components, ut_error *err);
/* UT_ERR_NOT_FOUND for an unknown one. */
UT_MUST_CHECK ut_status ut_stack_set(const char *home, const char *name, ut_error *err);

/* {"active": NAME, "stacks": {NAME: {"artifact_store": ...}}}, the default one in it. New
 * reference. */
UT_MUST_CHECK ut_status ut_stack_list(const char *home, json_t **stacks, ut_error *err);

#endif
