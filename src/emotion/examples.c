#include "emotion/examples.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/store.h"

enum { MOST_WANTED = 64 };

struct ut_examples {
    ut_store *store;
};

ut_status ut_examples_open(const char *path, const char *source, const char *model, size_t dim,
                           ut_judge_embed embed, void *context, ut_examples **examples,
                           ut_error *err)
{
    ut_examples *x = calloc(1, sizeof *x);
    if (!x)
        return ut_fail_memory(err, "emotion");
    ut_status status = ut_store_open(NULL, UT_STORE_WRITE, model, dim, &x->store, err);
    if (status == UT_OK)
        status = ut_store_import(x->store, path, source, embed, context, err);
    if (status != UT_OK)
        ut_examples_close(x);
    else
        *examples = x;
    return status;
}

void ut_examples_close(ut_examples *examples)
{
    if (!examples)
        return;
    ut_store_close(examples->store);
    free(examples);
}

size_t ut_examples_count(const ut_examples *examples)
{
    return ut_store_count(examples->store);
}

size_t ut_examples_nearest(const void *examples, const char *model, const float *embedding,
                           size_t n, size_t k, ut_example *out)
{
    const ut_store *store = ((const ut_examples *)examples)->store;
    ut_store_hit hits[MOST_WANTED];
    if (n != ut_store_dim(store) || strcmp(model, ut_store_model(store)) != 0)
        return 0;
    ut_store_query query = {
        .vector = embedding, .k = k < MOST_WANTED ? k : MOST_WANTED, .labelled = true};
    size_t found = ut_store_nearest(store, &query, hits);
    for (size_t i = 0; i < found; i++)
        out[i] = (ut_example){hits[i].example->text, (ut_emotion_label)hits[i].example->label,
                              hits[i].distance, hits[i].example->source};
    return found;
}
