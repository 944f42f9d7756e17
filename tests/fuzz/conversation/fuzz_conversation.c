/* Any bytes as a conversation document; what is accepted must be writable. */
#include <jansson.h>
#include <stdint.h>

#include "base/json.h"
#include "conversation/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json;
    ut_error err;
    if (ut_json_parse((const char *)data, size, "fuzz", &json, &err) != UT_OK)
        return 0;
    ut_conversation *c;
    if (ut_conversation_from_json(json, "fuzz", &c, &err) == UT_OK) {
        json_decref(ut_conversation_to_json(c));
        ut_conversation_destroy(c);
    }
    json_decref(json);
    return 0;
}
