/* Any bytes as a chat completion, as the model's answer in it, and as something said: masked, and
 * asked about. */
#include <stdlib.h>
#include <string.h>

#include "emotion/refine_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void answer(const char *text)
{
    ut_refine_call call = {.ids = {1, 2}, .id_count = 2};
    bool read = ut_refine_read(text, &call);
    must(read == (call.fault[0] == 0));
    for (size_t i = 0; read && i < call.id_count; i++) {
        float sum = 0;
        for (int k = 0; k < UT_EMOTIONS; k++) {
            must(call.answers[i].probabilities[k] >= 0);
            sum += call.answers[i].probabilities[k];
        }
        must(sum > 0.999f && sum < 1.001f);
        must(strlen(call.answers[i].reason) < UT_REFINE_REASON);
    }
}

static void completion(const char *text, size_t size)
{
    const char *message;
    uint64_t in;
    uint64_t out;
    json_t *json = json_loadb(text, size, 0, NULL);
    if (json && ut_refine_completion(json, &message, &in, &out))
        answer(message);
    json_decref(json);
}

static void speech(const char *text)
{
    ut_conversation *c;
    if (ut_conversation_create(&c, NULL) != UT_OK)
        return;
    ut_utterance u[2] = {{.speaker = -1, .text = text}, {.speaker = -1, .text = "Anna said so."}};
    c->utterances = u;
    c->utterance_count = 2;
    ut_redactor *redactor = ut_redactor_create(c);
    ut_refine_call call = {.asked = {0, 1}, .asked_count = 2};
    /* A recogniser's text is UTF-8; other bytes cannot be asked about, and must be refused. */
    (void)!ut_refine_write(c, redactor, &call);
    free(call.prompt);
    ut_redactor_destroy(redactor);
    ut_conversation_destroy(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    answer(text);
    completion(text, size);
    speech(text);
    free(text);
    return 0;
}
