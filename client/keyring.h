/*
 * keyring.h - this device's sessions with other devices and its own prekeys, between the store and
 * client/sealed. They are read and written inside one transaction and never kept longer: another
 * process of the same user may seal the next message.
 *
 * Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_KEYRING_H
#define CLIENT_KEYRING_H

#include "peers.h"
#include "sealed/session.h"

/* Who does all this: the same for seal.h, open.h, again.h and duty.h. */
struct keyring {
    struct vault *vault;
    const struct identity *identity;
    struct slice name; /* of the account, any case */
    const struct sealed_random *random;
    uint64_t now_ms; /* since 1970 */
    bool sparing;    /* publishes no one-time prekeys */
};

static inline uint32_t keyring_day(const struct keyring *k)
{
    return (uint32_t)(k->now_ms / (24 * 3600 * 1000));
}

/* The sessions with a device of an account (its key of peers.h): 1; 0: none, and *all is empty. */
int keyring_sessions(const struct keyring *k, const char *key, uint64_t device, struct sessions *all);
int keyring_save(const struct keyring *k, const char *key, uint64_t device, const struct sessions *all);

/* The own prekeys: 1; 0: none yet, and *p is empty. */
int keyring_prekeys(const struct keyring *k, struct prekeys *p);
int keyring_save_prekeys(const struct keyring *k, const struct prekeys *p);

/*
 * The account's key, as the own list has it: 1; 0: no list is known yet, and it is this device's own. A device that
 * was let in without the account's secret has another one in its identity, which means nothing.
 */
int keyring_account(const struct keyring *k, uint8_t account_key[SEALED_KEY]);

/* This device as the own list has it. False: it is not in it (yet). Wipe it with keyring_wipe(). */
bool keyring_self(const struct keyring *k, const struct peer *own, struct session_self *self);
void keyring_wipe(struct session_self *self);

#endif
