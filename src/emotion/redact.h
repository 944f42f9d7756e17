/* Masking what tells who is speaking, before a text leaves the machine: names, numbers, e-mail
 * addresses, web addresses, cards.
 *
 * By rules, not by a model: every capitalised word inside a sentence is taken for a name, at its
 * beginning where the word is known as a given name, is capitalised inside another sentence of the
 * same conversation, or is followed by a name; so is what is introduced ("my name is ...") and what
 * is spelled. Digits in any form and three or more number words in a row are numbers. It masks too
 * much rather than too little, and a name that a recogniser wrote in lower case stays: a help, no
 * guarantee. English. */
#ifndef UT_EMOTION_REDACT_H
#define UT_EMOTION_REDACT_H

#include "base/buf.h"
#include "conversation/conversation.h"

/* The names that occur in a conversation; NULL when out of memory. Immutable once made. */
typedef struct ut_redactor ut_redactor;
ut_redactor *ut_redactor_create(const ut_conversation *c);
void ut_redactor_destroy(ut_redactor *redactor); /* NULL is fine */

/* Appends `text` to `out` with [NAME], [NUMBER], [EMAIL], [LINK], [CARD] in place of what they
 * stand for. */
void ut_redact(const ut_redactor *redactor, const char *text, ut_buf *out);

#endif
