/* receipts.h - in the conversation: /why, its answer, and that somebody has read what was sent. */
#ifndef FACE_RECEIPTS_H
#define FACE_RECEIPTS_H

#include "chat.h"

/* A number of a message as people type it. */
bool receipts_number(const char *text, uint64_t *number);

void receipts_why(struct chat *c, const char *rest);
void receipts_told(struct chat *c, const struct client_why *w);
/* CLIENT_READ */
void receipts_read(struct chat *c, const struct client_event *e);

#endif
