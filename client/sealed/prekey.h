/*
 * prekey.h - what a device publishes so that others can write to it while it is away: a signed
 * prekey and one-time prekeys (X3DH section 3.2; docs/sealed.md section 3). `struct prekeys` is the
 * device's private side, with a codec for its store; `struct bundle` what somebody else fetched.
 */
#ifndef SEALED_PREKEY_H
#define SEALED_PREKEY_H

#include "device_list.h"

enum {
    PREKEY_SUITE = 1,
    PREKEY_ROTATE_DAYS = 7,
    PREKEY_KEEP_DAYS = 30,
    PREKEY_SIGNED_MAX = 8, /* signed prekeys kept; 30 days of them are 5 */
    PREKEY_ONE_TIME = 100, /* what a refill brings the stock up to */
    PREKEY_REFILL_AT = 25,
    PREKEY_ONE_TIME_MAX = 1000, /* private halves kept: handed out, not used yet */
    PREKEY_SEEN_MAX = 4096,     /* first messages without a one-time prekey remembered */
};

struct signed_prekey {
    uint32_t id;
    uint64_t created; /* ms */
    struct sealed_pair pair;
    uint8_t signature[SEALED_SIGNATURE];
};

struct one_time_prekey {
    uint32_t id;
    struct sealed_pair pair;
};

/* A first message that used no one-time prekey, and the signed prekey that it used. */
struct prekey_seen {
    uint32_t signed_id;
    uint8_t hash[SEALED_HASH];
};

/* Zero-initialise; prekeys_wipe() in the end. Newest signed prekey last. */
struct prekeys {
    uint32_t next_signed, next_one_time; /* ids, the next to use; 0 counts as 1 */
    size_t n_signed, n_one_time, n_seen;
    struct signed_prekey signed_key[PREKEY_SIGNED_MAX];
    struct one_time_prekey *one_time; /* PREKEY_ONE_TIME_MAX of them, or NULL */
    struct prekey_seen *seen;         /* PREKEY_SEEN_MAX of them, or NULL */
};

/* What the verifier of a bundle needs of it. */
struct bundle {
    uint64_t device;
    uint32_t signed_id, one_time_id; /* one_time_id 0: there is none */
    uint64_t created;
    uint8_t signed_key[SEALED_KEY], signature[SEALED_SIGNATURE];
    uint8_t one_time[SEALED_KEY]; /* zero when there is none */
};

/*
 * Makes a signed prekey when the newest is older than PREKEY_ROTATE_DAYS or there is none, and
 * drops those over their time with what was seen of them. True when there is something to publish.
 * `keys` sign for the account of this key.
 */
bool prekeys_rotate(struct prekeys *p, const struct device_keys *keys,
                    const uint8_t account_key[SEALED_KEY], uint64_t now_ms,
                    const struct sealed_random *rnd);

/*
 * Makes one-time prekeys until PREKEY_ONE_TIME are at the server, which has `left`; none while
 * left is PREKEY_REFILL_AT or more. Returns how many are new: the last ones of one_time[]. The
 * oldest private halves go when there are more than PREKEY_ONE_TIME_MAX.
 */
size_t prekeys_refill(struct prekeys *p, size_t left, const struct sealed_random *rnd);

/* The `publish` string of docs/sealed.md: the newest signed prekey (there must be one), the last n
 * one-time prekeys. */
void prekeys_publish(const struct prekeys *p, uint64_t device, size_t n, struct buf *out);

/* The private half of this id, NULL when it is gone. Valid until the prekeys change. */
const struct sealed_pair *prekeys_signed(const struct prekeys *p, uint32_t id);
const struct sealed_pair *prekeys_one_time(const struct prekeys *p, uint32_t id);

/* After a first message has opened: its one-time prekey is wiped. */
void prekeys_used(struct prekeys *p, uint32_t one_time_id);

/* Was a first message with this hash taken before? */
bool prekeys_seen(const struct prekeys *p, const uint8_t hash[SEALED_HASH]);
/* Remembers one. False when there is no room: the message must be refused. */
bool prekeys_remember(struct prekeys *p, uint32_t signed_id, const uint8_t hash[SEALED_HASH])
    __attribute__((warn_unused_result));

/* For the store; secret. False: damaged, and *p is empty. */
void prekeys_encode(const struct prekeys *p, struct buf *out);
bool prekeys_decode(struct prekeys *p, struct slice in) __attribute__((warn_unused_result));
void prekeys_wipe(struct prekeys *p);

void bundle_encode(const struct bundle *b, struct buf *out);
/* False: not a bundle of suite 1. Says nothing of its signature. */
bool bundle_decode(struct bundle *b, struct slice in) __attribute__((warn_unused_result));
/* The signature is by the device that it should be for (X3DH 3.3: verify before any DH). */
bool bundle_verify(const struct bundle *b, const struct device_who *owner)
    __attribute__((warn_unused_result));

#endif
