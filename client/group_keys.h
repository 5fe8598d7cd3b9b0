/*
 * group_keys.h - sender keys of groups between the store and client/sealed/sender_key: our own generation
 * and who has been given it, those of others (docs/sealed.md section 7).
 *
 *   sending     group_hand_out(): a new generation when one is due, its distribution (content kind 5, a quiet
 *               draft) for everybody who lacks it; then group_seal() the message. Who is given it is found by
 *               comparing the devices that have it with those of the members now: whoever has it and
 *               should not makes a new generation.
 *   receiving   group_keys_take() keeps what a device has handed over, group_open() opens with it. Our own
 *               messages are opened like anybody's, with a copy of our key as others get it.
 *
 * Inside a transaction of the caller's (section 13: sender key and outbox row change together). int is -1
 * when the store failed.
 */
#ifndef CLIENT_GROUP_KEYS_H
#define CLIENT_GROUP_KEYS_H

#include "group.h"
#include "sealed/sender_key.h"

/*
 * Makes a new generation when one is due, and drafts the key for everybody who lacks it. 1: drafts were made,
 * which should leave before the next message; 0: none; also when this device is not in its list (yet).
 */
int group_hand_out(const struct keyring *k, struct group *g);

/* Seals a draft and puts it into the outbox. 1; 0: there is no key: group_hand_out() first. */
int group_seal(const struct keyring *k, const struct group *g, const struct vault_draft *d);

/* A device of this account hands over a sender key. 1: a new one, and group says of which; 0: of no use. */
int group_keys_take(const struct keyring *k, const struct peer *from, uint64_t device,
                    struct slice distribution, uint8_t group[SEALED_HASH]);

/* Our own generation, as it stands, for this member, again. 1 drafted; 0: there is none. */
int group_keys_give(const struct keyring *k, const struct group *g, const char *name);

/* Nothing of this group can be opened or sealed any more. */
int group_keys_forget(struct vault *v, const struct group *g);

/* Why a message of a group did not open, beside SENDER_KEY_*. */
enum group_verdict {
    GROUP_OPENED,
    GROUP_NO_SENDER_KEY, /* it may still come */
    GROUP_CLOSED,        /* *verdict says why */
    GROUP_REPEATED,      /* not above the highest id of that device that was opened */
};

/* Opens a body: the content behind out. log_hash: of the entry that it names. */
enum group_verdict group_open(const struct keyring *k, const struct group *g, const struct wire_deliver *m,
                              const struct device_who *from, const uint8_t log_hash[SEALED_HASH],
                              struct buf *out, enum sender_key_verdict *verdict, bool *store_failed);

#endif
