/*
 * seal.h - outgoing direct messages: content to heads and body for every device that is to read it
 * (docs/sealed.md section 6), and new sessions from fetched prekeys.
 *
 * Everything here happens inside a transaction of the caller's (section 13: sessions, id and outbox row
 * change together).
 */
#ifndef CLIENT_SEAL_H
#define CLIENT_SEAL_H

#include "sealed/content.h"
#include "sealed/envelope.h"
#include "keyring.h"

enum seal_result {
    SEAL_STORE = -1, /* the store failed */
    SEAL_DONE,       /* it is in the outbox */
    SEAL_NEED_LIST,  /* nothing sealed: fetch the list of need->name first */
    SEAL_NEED_KEYS,  /* … prekeys of that account's device, 0: of all */
    SEAL_WAIT,       /* … something sealed for an older list has to be settled first */
    SEAL_TROUBLE,    /* … a person has to look at need->trouble */
    SEAL_NOBODY,     /* there is no device to seal it for, and will be none */
};

/* What stands in the way. */
struct seal_need {
    char name[NAME_SIZE];
    uint64_t device;
    enum peer_trouble trouble;
};

/*
 * Seals a draft for all devices of its recipient and the other ones of our own, and puts it into the
 * outbox under a new id. What is needed first stands in *need. The draft itself is the caller's to drop.
 */
enum seal_result seal_draft(const struct keyring *k, const struct vault_draft *d,
                            struct seal_need *need);

/*
 * Begins a session with each device of an account that a bundle is for and that there is no session
 * with, or one that is to be replaced (again.h). Bundles that are not signed by a device of the
 * list are left. How many were begun; -1: the store failed.
 */
int seal_begin(const struct keyring *k, const struct wire_bundles *m);

#endif
