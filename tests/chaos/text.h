/*
 * text.h - what the clients of the chaos tool say: the numbers of a message, and a filling that
 * follows from them, so that a recipient can tell every changed byte. And who they are.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

#include "../../client/identity.h"
#include "../../client/ledger.h"
#include "buf.h"

enum { TEXT_MAX = 48 * 1024, NAME_LEN = 16 };

/* Writes the text of a message; valid until the next call. */
struct slice text_of(const struct ledger_message *m);

/* Takes a body of the wire apart: false when it is not, byte by byte, what text_of() says. */
bool text_read(struct slice body, struct ledger_message *m);
/* The same for the content of a message that is sealed or waits to be. */
bool text_read_sealed(struct slice content, struct ledger_message *m);

/* The name of a person by number, and the same key for it in every process and run. */
void text_name(char out[NAME_LEN], unsigned number);
void text_identity(struct identity *id, unsigned number);

#endif
