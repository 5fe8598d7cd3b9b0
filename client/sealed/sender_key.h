/*
 * sender_key.h - group messages: a chain and a signing key per group, sending device and generation
 * (docs/sealed.md section 7). One ciphertext per message, whatever the number of members.
 *
 * A struct sender_key is one generation, either our own (it can seal) or somebody's (it can open).
 * Whose it is says the pairwise session that brought it: the caller keeps it under group, account
 * and device.
 */
#ifndef SEALED_SENDER_KEY_H
#define SEALED_SENDER_KEY_H

#include "device_list.h"

enum {
    SENDER_KEY_SKIP_STEP = 1000,
    SENDER_KEY_SKIP_ALL = 2000,
    SENDER_KEY_SKIP_DAYS = 30,
    SENDER_KEY_DAYS = 7,        /* our own are replaced after so many days */
    SENDER_KEY_MESSAGES = 1000, /* or messages */
    SENDER_KEY_GENERATIONS = 64, /* of one device, kept until a message of a later one was opened */
    SENDER_KEY_DISTRIBUTION = 32 + 4 + 4 + 32 + 32,
    SENDER_KEY_FRONT = 13, /* bytes of a body before the ciphertext */
};

enum sender_key_verdict {
    SENDER_KEY_GOOD,
    SENDER_KEY_DAMAGED, /* not in this form, or the tag is wrong */
    SENDER_KEY_FORGED,  /* not signed by the device that it claims to be from */
    SENDER_KEY_OTHER,   /* of another generation */
    SENDER_KEY_NO_KEY,  /* opened before, from before we joined, or so late that its key is gone */
    SENDER_KEY_TOO_FAR,
};

struct sender_key_skipped {
    uint32_t n, day;
    uint8_t key[SEALED_KEY];
};

/* Zero-initialise; sender_key_wipe() in the end. Oldest skipped key first. */
struct sender_key {
    bool own;
    uint8_t group[SEALED_HASH];
    uint32_t generation, iteration; /* of the next message */
    uint8_t chain[SEALED_KEY];
    uint8_t sign_public[SEALED_KEY], sign_secret[SEALED_SIGN_SECRET];
    uint32_t created, sent; /* own: day, messages */
    struct sender_key_skipped *skipped;
    size_t n_skipped, room;
};

/* What a group message is bound to besides its own bytes. */
struct sender_key_bound {
    const struct device_who *from;
    uint64_t id;                   /* of the message, as in SEND */
    uint8_t log_hash[SEALED_HASH]; /* of the membership log's entry that the message names */
};

/* The generation and log entry that a body claims, to find key and hash by. False: no such body. */
bool sender_key_peek(struct slice body, uint32_t *generation, uint32_t *log_seq)
    __attribute__((warn_unused_result));

/* A new generation of our own, one higher than the last (0: none yet). */
void sender_key_make(struct sender_key *k, const uint8_t group[SEALED_HASH], uint32_t last,
                     uint32_t day, const struct sealed_random *rnd);

/* Must a new generation be made before the next message? Leaves and kicks say so by themselves. */
bool sender_key_due(const struct sender_key *k, uint32_t day);

/* For each member's device, through its session: from the next message on it can read. */
void sender_key_distribution(const struct sender_key *k, uint8_t out[SENDER_KEY_DISTRIBUTION]);

/* Reads one into *k. */
bool sender_key_accept(struct sender_key *k, struct slice distribution)
    __attribute__((warn_unused_result));

/*
 * A distribution for a generation that is here already: may it be ignored (the same chain, at any
 * place), or has the sender, or somebody, made two chains of one name?
 */
bool sender_key_same(const struct sender_key *k, const struct sender_key *again);

/* A body behind out. -1: not our own, or 2^32 - 1 messages. content is less than 69,632 bytes. */
int sender_key_seal(struct sender_key *k, const struct sender_key_bound *bound, uint32_t log_seq,
                    struct slice content, struct buf *out) __attribute__((warn_unused_result));

/* The content behind out. Unless GOOD nothing has changed. */
enum sender_key_verdict sender_key_open(struct sender_key *k, const struct sender_key_bound *bound,
                                        struct slice body, uint32_t day, struct buf *out)
    __attribute__((warn_unused_result));

/* For the store; secret. False: damaged, and *k is empty. */
void sender_key_encode(const struct sender_key *k, struct buf *out);
bool sender_key_decode(struct sender_key *k, struct slice in) __attribute__((warn_unused_result));
void sender_key_wipe(struct sender_key *k);

#endif
