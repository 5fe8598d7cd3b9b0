/*
 * x3dh.h - the first shared secret with a device that may be away: The X3DH Key Agreement Protocol,
 * revision 1, sections 3.3 and 3.4 (docs/sealed.md section 4). X25519 and SHA-256.
 */
#ifndef SEALED_X3DH_H
#define SEALED_X3DH_H

#include "prekey.h"

enum { X3DH_PART = 72 };

/* What the first message carries besides the ciphertext; also stored until it is answered. */
struct x3dh_part {
    uint8_t identity[SEALED_KEY], ephemeral[SEALED_KEY]; /* IK_A, EK_A */
    uint32_t signed_id, one_time_id;                     /* one_time_id 0: none */
};

struct x3dh_secret {
    uint8_t sk[SEALED_KEY];      /* the first root key; wipe it */
    uint8_t ad[SEALED_HASH];     /* associated data of everything that follows */
    uint8_t number[SEALED_HASH]; /* of the session, the same at both ends */
};

enum x3dh_verdict {
    X3DH_GOOD,
    X3DH_FORGED,    /* the bundle's signature is not of that device */
    X3DH_LOW_ORDER, /* a public key that leads to a shared secret anybody knows */
    X3DH_STRANGER,  /* IK_A is not the key of the device that the message claims to be from */
    X3DH_GONE,      /* the prekey's private half is gone */
    X3DH_REPEATED,  /* this first message was taken before */
};

/*
 * Initiator, section 3.3. me and peer: both devices as the device lists have them. ephemeral is
 * fresh and the caller wipes its secret afterwards. Unless GOOD, *secret is zero.
 */
enum x3dh_verdict x3dh_start(const struct device_who *me, const struct sealed_pair *identity,
                             const struct device_who *peer, const struct bundle *bundle,
                             const struct sealed_pair *ephemeral, struct x3dh_part *part,
                             struct x3dh_secret *secret) __attribute__((warn_unused_result));

/*
 * Responder, section 3.4. Changes nothing: once the first message has opened, the caller commits
 * with x3dh_commit(), else it wipes *secret. *signed_pair: the first ratchet key.
 */
enum x3dh_verdict x3dh_answer(const struct device_who *me, const struct sealed_pair *identity,
                              const struct device_who *peer, const struct prekeys *prekeys,
                              const struct x3dh_part *part, struct sealed_pair *signed_pair,
                              struct x3dh_secret *secret) __attribute__((warn_unused_result));

/* Uses up the one-time prekey, or remembers the message. False: no room to remember. */
bool x3dh_commit(struct prekeys *prekeys, const struct x3dh_part *part)
    __attribute__((warn_unused_result));

void x3dh_part_put(struct buf *out, const struct x3dh_part *part);
void x3dh_part_get(struct cur *c, struct x3dh_part *part);

void x3dh_wipe(struct x3dh_secret *secret);

#endif
