/* Any bytes as a conversation document; what is accepted is JSON, and once written it reads back to
 * the same bytes. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conversation/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ut_buf written(const ut_conversation *c)
{
    ut_buf out;
    ut_buf_init(&out, 0);
    if (ut_conversation_write(c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &out}, NULL) != UT_OK)
        abort();
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ut_conversation *c;
    ut_error err;
    if (ut_conversation_parse((const char *)data, size, "fuzz", &c, &err) != UT_OK)
        return 0;
    json_t *json;
    if (ut_json_parse((const char *)data, size, "fuzz", &json, &err) != UT_OK)
        abort();
    json_decref(json);
    ut_buf once = written(c);
    ut_conversation_destroy(c);
    if (ut_conversation_parse(once.data, once.length, "fuzz", &c, &err) != UT_OK)
        abort();
    ut_buf twice = written(c);
    ut_conversation_destroy(c);
    if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
        abort();
    ut_buf_free(&once);
    ut_buf_free(&twice);
    return 0;
}
