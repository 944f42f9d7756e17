#include "pipeline/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "pipeline/home.h"

static const char *const components[] = {"artifact_store", "orchestrator", "container_registry",
                                         "model_deployer"};
enum { COMPONENTS = sizeof components / sizeof *components, NAME_MOST = 128 };

static json_t *make(const char *const values[COMPONENTS])
{
    json_t *stack = json_object();
    for (int i = 0; stack && i < COMPONENTS; i++)
        json_object_set_new(stack, components[i], json_string(values[i] ? values[i] : "default"));
    return stack;
}

ut_status ut_stack_list(const char *home, json_t **stacks, ut_error *err)
{
    char *path = ut_home_path(home, "stacks.json");
    if (!path)
        return ut_fail_memory(err, "stacks");
    ut_status status = UT_OK;
    *stacks = NULL;
    if (ut_file_exists(path)) {
        status = ut_json_load(path, UT_LIMIT_CONFIG_BYTES, stacks, err);
        json_t *all = json_object_get(*stacks, "stacks");
        const char *active = json_string_value(json_object_get(*stacks, "active"));
        if (status == UT_OK &&
            (!json_is_object(all) || !active || !json_is_object(json_object_get(all, active))))
            status = ut_fail(err, UT_ERR_FORMAT, "stacks",
                             "%s is damaged; remove it and register your stacks again", path);
    } else {
        const char *const none[COMPONENTS] = {0};
        *stacks = json_pack("{s:s, s:{s:o}}", "active", "default", "stacks", "default", make(none));
        if (!*stacks)
            status = ut_fail_memory(err, "stacks");
    }
    if (status != UT_OK) {
        json_decref(*stacks);
        *stacks = NULL;
    }
    free(path);
    return status;
}

static ut_status save(const char *home, json_t *stacks, ut_error *err)
{
    char *path = ut_home_path(home, "stacks.json");
    if (!path)
        return ut_fail_memory(err, "stacks");
    ut_status status = ut_json_save(stacks, path, err);
    free(path);
    return status;
}

ut_status ut_stack_active(const char *home, ut_stack *stack, ut_error *err)
{
    json_t *all;
    *stack = (ut_stack){0};
    UT_TRY(ut_stack_list(home, &all, err));
    const char *name = json_string_value(json_object_get(all, "active"));
    json_t *active = json_object_get(json_object_get(all, "stacks"), name);
    const char *store = ut_json_string_or(active, "artifact_store", "default");
    stack->name = strdup(name);
    char id[UT_HOME_ID];
    ut_status status = stack->name ? UT_OK : ut_fail_memory(err, "stacks");
    if (status == UT_OK && strcmp(store, "default") != 0 &&
        (status = ut_home_id(home, id, err)) == UT_OK &&
        !(stack->artifact_store = ut_path_join(store, id)))
        status = ut_fail_memory(err, "stacks");
    json_decref(all);
    if (status != UT_OK)
        ut_stack_free(stack);
    return status;
}

ut_status ut_stack_use(ut_records *records, ut_stack *stack, ut_error *err)
{
    ut_stack active;
    UT_TRY(ut_stack_active(ut_records_home(records), &active, err));
    ut_status status = active.artifact_store
                           ? ut_records_set_artifacts(records, active.artifact_store, err)
                           : UT_OK;
    if (status == UT_OK && stack)
        *stack = active;
    else
        ut_stack_free(&active);
    return status;
}

void ut_stack_free(ut_stack *stack)
{
    free(stack->name);
    free(stack->artifact_store);
    *stack = (ut_stack){0};
}

/* The store's folder is made, so that what is wrong with it shows now. */
static ut_status resolve_store(const char *given, char **store, ut_error *err)
{
    *store = NULL;
    if (!given || strcmp(given, "default") == 0)
        return UT_OK;
    if (strstr(given, "://"))
        return ut_fail(err, UT_ERR_USAGE, "stacks",
                       "an artifact store is a folder here, not %s; object storage is reached "
                       "through a mounted folder or through integrations/zenml",
                       given);
    UT_TRY(ut_file_make_dirs(given, err));
    *store = realpath(given, NULL);
    return *store ? UT_OK
                  : ut_fail_errno(err, UT_ERR_IO, "stacks", "cannot open the folder %s", given);
}

static ut_status check(const char *name, const ut_stack_components *c, ut_error *err)
{
    const char *const fixed[] = {c->orchestrator, c->container_registry, c->model_deployer};
    if (!*name || strlen(name) > NAME_MOST)
        return ut_fail(err, UT_ERR_USAGE, "stacks", "a stack's name has 1 to %d characters",
                       NAME_MOST);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i] && strcmp(fixed[i], "default") != 0)
            return ut_fail(err, UT_ERR_USAGE, "stacks",
                           "there is no %s \"%s\": undertone works on this machine (\"default\"); "
                           "other ones are ZenML's, see integrations/zenml",
                           components[i + 1], fixed[i]);
    return UT_OK;
}

ut_status ut_stack_register(const char *home, const char *name, const ut_stack_components *c,
                            ut_error *err)
{
    json_t *all;
    char *store;
    UT_TRY(check(name, c, err));
    UT_TRY(resolve_store(c->artifact_store, &store, err));
    ut_status status = ut_stack_list(home, &all, err);
    if (status != UT_OK) {
        free(store);
        return status;
    }
    const char *const values[COMPONENTS] = {store, c->orchestrator, c->container_registry,
                                            c->model_deployer};
    json_t *stacks = json_object_get(all, "stacks");
    if (json_object_get(stacks, name))
        status = ut_fail(err, UT_ERR_USAGE, "stacks", "the stack %s is registered already", name);
    else if (json_object_set_new(stacks, name, make(values)) != 0)
        status = ut_fail(err, UT_ERR_USAGE, "stacks", "a stack's name is UTF-8 text");
    else
        status = save(home, all, err);
    json_decref(all);
    free(store);
    return status;
}

ut_status ut_stack_set(const char *home, const char *name, ut_error *err)
{
    json_t *all;
    UT_TRY(ut_stack_list(home, &all, err));
    ut_status status;
    if (!json_object_get(json_object_get(all, "stacks"), name)) {
        status = ut_fail(err, UT_ERR_NOT_FOUND, "stacks",
                         "there is no stack %s; `undertone stack list` lists them", name);
    } else {
        json_object_set_new(all, "active", json_string(name));
        status = save(home, all, err);
    }
    json_decref(all);
    return status;
}
