/*
 * duty.h - what a device owes to those who write to it: its entry in the account's device list and
 * fresh prekeys at the server (docs/sealed.md sections 2 and 3, docs/protocol.md 6.5 and 6.6).
 *
 *   duty_begin   asks for the own list                        after every login and RESYNC
 *   duty_listed  appends the first entry, or what the server   on the answer; again after HEAD
 *                has lost of the list; else asks what prekeys
 *                the server has
 *   duty_own     makes and publishes what is missing           on that answer, also an unasked one
 *
 * Each puts the frames to be sent behind out. All but duty_begin() run inside a transaction of the
 * caller's, which must be committed before the frames leave: private halves before public ones.
 * -1: the store failed.
 */
#ifndef CLIENT_DUTY_H
#define CLIENT_DUTY_H

#include "keyring.h"
#include "wire_keys.h"

enum { DUTY_EVERY_MS = 6 * 3600 * 1000 }; /* asks how the prekeys stand */

int duty_begin(const struct keyring *k, struct buf *out);

/* own: the record as peers_take() has left it. */
int duty_listed(const struct keyring *k, const struct peer *own, uint32_t server_head,
                struct buf *out);

int duty_own(const struct keyring *k, const struct wire_keys_own *server, struct buf *out);

#endif
