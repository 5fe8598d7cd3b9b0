/*
 * admission.h - a new device of an account is let in by one that is in: a code of eight digits
 * shown on the new one and typed into the old one proves to both that nobody sits between
 * (docs/sealed.md section 12: commit, reveal, compare a short authentication string; Vaudenay,
 * CRYPTO 2005).
 *
 *     newcomer                              host (holds the account key)
 *     admission_offer()    -- commit -->    admission_answer()
 *     admission_reveal()   <-- answer --
 *                          -- offer -->     admission_revealed()
 *     shows the code                        the person types it: admission_confirm()
 *     the person says "taken":
 *     admission_taken()
 *     device_self_sign()   -- self -->      device_list_add(), admission_grant()
 *     admission_granted()  <-- grant --
 *
 * Either struct serves one attempt; after any failure wipe it and start anew.
 */
#ifndef SEALED_ADMISSION_H
#define SEALED_ADMISSION_H

#include "device_list.h"

enum {
    ADMISSION_COMMIT = SEALED_HASH,
    ADMISSION_ANSWER = 1 + SEALED_KEY + 8 + SEALED_KEY + SEALED_KEY,
    ADMISSION_OFFER_MAX = 1 + 1 + SEALED_NAME_MAX + 8 + 4 * SEALED_KEY,
    ADMISSION_DIGITS = 8,
    ADMISSION_GRANT_MAX = DEVICE_LIST_MAX + 256,
};

/* One side of one attempt; secret. */
struct admission {
    struct sealed_pair e;
    uint8_t nonce[SEALED_KEY];
    uint8_t commit[ADMISSION_COMMIT], answer[ADMISSION_ANSWER];
    uint8_t offer[ADMISSION_OFFER_MAX];
    size_t offer_len;
    uint8_t transcript[SEALED_HASH], key[SEALED_KEY];
    char code[ADMISSION_DIGITS + 1];
    bool typed;     /* host: an attempt to type the code was made */
    bool confirmed; /* host: and it was right; newcomer: the person says that it was taken */
};

/* Newcomer: draws the attempt's secrets; what to send first is a->commit. */
void admission_offer(struct admission *a, const struct device_keys *keys, struct slice name,
                     const struct sealed_random *rnd);

/* Host: takes the commitment; what to send is a->answer. */
void admission_answer(struct admission *a, const uint8_t commit[ADMISSION_COMMIT],
                      const uint8_t account_key[SEALED_KEY], uint64_t device,
                      const struct sealed_random *rnd);

/*
 * Newcomer: takes the answer, knows the code (a->code), and which account key it would join; what
 * to send is a->offer. False: no answer in this form, or a key of low order.
 */
bool admission_reveal(struct admission *a, struct slice answer, uint8_t account_key[SEALED_KEY])
    __attribute__((warn_unused_result));

/*
 * Host: takes the offer. False: it is not what was committed to, of another name, or a key of low
 * order. The offer's self signature is still missing: it comes with message 4.
 */
bool admission_revealed(struct admission *a, struct slice offer, struct slice name,
                        struct device_offer *device) __attribute__((warn_unused_result));

/* Host: what the person typed; spaces and dashes do not matter. One try: the second is refused. */
bool admission_confirm(struct admission *a, const char *typed, size_t len)
    __attribute__((warn_unused_result));

/*
 * Newcomer: the person says that the host took the code. Without it a server could answer with an
 * account of its own, while the host refuses.
 */
void admission_taken(struct admission *a);

/*
 * Host: seals list and gift (may be empty) for the newcomer, behind out. -1: the code was not
 * confirmed.
 */
int admission_grant(const struct admission *a, struct slice list, struct slice gift,
                    struct buf *out) __attribute__((warn_unused_result));

/* Newcomer: the list and gift, pointing into out. False: damaged, forged, or not admission_taken().
 * Read the list with device_list_read() and look whether this device is in it. */
bool admission_granted(const struct admission *a, struct slice grant, struct buf *out,
                       struct slice *list, struct slice *gift) __attribute__((warn_unused_result));

void admission_wipe(struct admission *a);

#endif
