/* Inside conversation: the parts of a document as JSON. */
#ifndef UT_CONVERSATION_INTERNAL_H
#define UT_CONVERSATION_INTERNAL_H

#include <jansson.h>

#include "conversation/conversation.h"

/* New references; NULL when out of memory. The head is everything but the utterances, whose array
 * is empty. */
json_t *ut_conversation_head_json(const ut_conversation *c);
json_t *ut_utterance_json(const ut_conversation *c, size_t index, ut_document_form form);

typedef struct ut_conversation_reader {
    ut_conversation *c;
    const char *name; /* of the document, for messages */
    size_t index;     /* of the utterance being read */
    bool measured;    /* the document has analytics */
    ut_error *err;
    ut_status status;
} ut_conversation_reader;

/* Fill reader->c; reader->status tells. An utterance needs the head before it, and room in
 * c->utterances. */
void ut_conversation_read_head(ut_conversation_reader *reader, const json_t *json);
void ut_conversation_read_utterance(ut_conversation_reader *reader, const json_t *json);

#endif
