/*
 * ratchet.h - The Double Ratchet Algorithm, revision 1, sections 3.1 to 3.5 without header
 * encryption, with deferred key generation (6.5). docs/sealed.md section 5 has the functions and
 * the figures.
 *
 * A message is opened on a copy; the state changes only when its tag was right, and whoever
 * stores it must do so in one transaction with what was opened.
 */
#ifndef SEALED_RATCHET_H
#define SEALED_RATCHET_H

#include "primitives.h"

enum {
    RATCHET_SKIP_STEP = 1000, /* MAX_SKIP: messages passed over in one chain at once */
    RATCHET_SKIP_ALL = 2000,  /* skipped keys kept */
    RATCHET_OLD_CHAINS = 5,   /* receiving chains before the present one that keep theirs */
    RATCHET_SKIP_DAYS = 30,
    RATCHET_HEADER = 40,
    RATCHET_STATE = 372,    /* bytes of an encoded state without skipped keys */
    RATCHET_STATE_KEY = 44, /* and for each of them */
};

enum ratchet_verdict {
    RATCHET_OPENED,
    RATCHET_DAMAGED,   /* too short, or the tag is wrong: damaged or forged */
    RATCHET_NO_KEY,    /* opened before, or so late that its key was dropped */
    RATCHET_TOO_FAR,   /* more than RATCHET_SKIP_STEP messages ahead */
    RATCHET_LOW_ORDER, /* a ratchet key that leads to a secret anybody knows */
};

/* The part of fixed size: what an attempt works on a copy of. */
struct ratchet_core {
    bool can_send;           /* the other side's ratchet key is known */
    bool sending, receiving; /* CKs, CKr are set */
    uint8_t ad[SEALED_HASH];
    uint8_t root[SEALED_KEY];                               /* RK */
    struct sealed_pair self;                                /* DHs */
    uint8_t send_chain[SEALED_KEY], recv_chain[SEALED_KEY]; /* CKs, CKr */
    uint32_t ns, nr, pn;
    uint32_t chain; /* number of the present receiving chain, from 1 */
    uint8_t peer[RATCHET_OLD_CHAINS + 1][SEALED_KEY]; /* DHr of chain c at c mod 6 */
};

/* One of MKSKIPPED. */
struct ratchet_skipped {
    uint32_t chain, n, day;
    uint8_t key[SEALED_KEY];
};

/* Zero-initialise; ratchet_wipe() in the end. Oldest skipped key first. */
struct ratchet {
    struct ratchet_core core;
    struct ratchet_skipped *skipped;
    size_t n_skipped, room;
};

/* RatchetInitAlice, RatchetInitBob (3.3, 5.1). -1: peer is of low order. */
int ratchet_start(struct ratchet *r, const uint8_t sk[SEALED_KEY], const uint8_t ad[SEALED_HASH],
                  const uint8_t peer[SEALED_KEY], const struct sealed_random *rnd)
    __attribute__((warn_unused_result));
void ratchet_answer(struct ratchet *r, const uint8_t sk[SEALED_KEY], const uint8_t ad[SEALED_HASH],
                    const struct sealed_pair *self);

/*
 * RatchetEncrypt: header and ciphertext behind out, whose bytes from `from` on are authenticated
 * with it. -1 (out as it was): this side has received nothing yet, or 2^32 - 1 messages were sent
 * in one chain, or the peer's key is of low order.
 */
int ratchet_seal(struct ratchet *r, struct slice text, const struct sealed_random *rnd,
                 struct buf *out, size_t from) __attribute__((warn_unused_result));

/*
 * RatchetDecrypt. message: everything that is authenticated, of which the header begins at
 * `header` and is followed by the ciphertext. On OPENED the text is put behind out; else nothing
 * has changed. day: today, for the age of skipped keys.
 */
enum ratchet_verdict ratchet_open(struct ratchet *r, struct slice message, size_t header,
                                  uint32_t day, struct buf *out)
    __attribute__((warn_unused_result));

/*
 * For the store; secret. False: damaged, and *r is empty. public_key: what belongs to the secret of
 * DHs (core.self.public_key), when it was kept beside the state; NULL: it is made anew, which takes
 * longer than a message.
 */
void ratchet_encode(const struct ratchet *r, struct buf *out);
bool ratchet_decode(struct ratchet *r, struct slice in, const uint8_t *public_key)
    __attribute__((warn_unused_result));

void ratchet_wipe(struct ratchet *r);

#endif
