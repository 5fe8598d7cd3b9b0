/* admit.h - letting a new device in from within the conversation: /admit and what is told of it. */
#ifndef FACE_ADMIT_H
#define FACE_ADMIT_H

#include "chat.h"

enum { ADMIT_CODE = 12 }; /* holds the digits of a code, and of a slip that is longer */

/*
 * "": answers the device that asks, or, with a code, says what it shows; "with-account-key" behind the code
 * hands that over, too; "no" lets go of it.
 */
void admit_order(struct chat *c, const char *rest);

/* CLIENT_DEVICE. */
void admit_event(struct chat *c, const struct client_event *e);

#endif
