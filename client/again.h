/*
 * again.h - messages that could not be opened: asking the sender's client to seal them anew, and
 * answering when another one asks (docs/sealed.md section 6.1, kinds 6 and 7).
 *
 * A message is asked for once; of a device at most AGAIN_ASKED a day, and of the sessions with it at most
 * AGAIN_RENEWED are begun anew, so nobody can use a client up. An own message is sealed again at most
 * AGAIN_ANSWERED times. Inside a transaction of the caller's; int is -1 when the store failed.
 */
#ifndef CLIENT_AGAIN_H
#define CLIENT_AGAIN_H

#include "keyring.h"

enum { AGAIN_ASKED = 50, AGAIN_RENEWED = 4, AGAIN_ANSWERED = 3 };

/*
 * Notes that this message did not open, for this reason (1 to 15), and drafts the request; the next
 * message to that device begins a new session, since the present one may be what is broken.
 */
int again_ask(const struct keyring *k, const struct wire_deliver *m, uint8_t reason);

/*
 * Takes a note back: the sender's device has sent the message with this id again, which it had written to
 * `to`. 1; 0: nobody asked for it, or the server had shown it in another conversation.
 */
int again_came(const struct keyring *k, struct slice from, uint64_t device, uint64_t id, struct slice to);

/*
 * Somebody could not open the message of ours with this id: drafts it for them again, if it was for
 * them (or for ourselves and they are another device of ours). 1 drafted, 0 not.
 */
int again_answer(const struct keyring *k, struct slice from, uint64_t id);

/* Is a new session with this device wanted? 1, 0. */
int again_is_due(const struct keyring *k, const char *key, uint64_t device);
/* It was begun. */
int again_is_done(const struct keyring *k, const char *key, uint64_t device);

#endif
