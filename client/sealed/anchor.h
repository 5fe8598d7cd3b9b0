/*
 * anchor.h - one key for a class: the instructor's signs who has which name, account key and role
 * (docs/sealed.md section 11). Who has verified that key has verified all that it signed.
 */
#ifndef SEALED_ANCHOR_H
#define SEALED_ANCHOR_H

#include "primitives.h"

enum { ANCHOR_CLASS_MAX = 64, ANCHOR_ENTRY_MAX = 512 };
enum anchor_role { ANCHOR_STUDENT, ANCHOR_ASSISTANT, ANCHOR_INSTRUCTOR };

/* Slices point into what was decoded. */
struct anchor_entry {
    uint32_t serial; /* of two for a name the higher one stands */
    struct slice class_name, name;
    uint8_t account_key[SEALED_KEY];
    uint8_t role; /* enum anchor_role */
    uint64_t issued_ms, expires_ms;
};

enum anchor_verdict {
    ANCHOR_GOOD,
    ANCHOR_DAMAGED,
    ANCHOR_FORGED,  /* not signed by this class's key, or of another class */
    ANCHOR_EXPIRED, /* or not valid yet, by more than a day */
};

/* The signed entry behind out. -1: a name, class or time that cannot be. */
int anchor_sign(const struct anchor_entry *e, const uint8_t anchor_secret[SEALED_SIGN_SECRET],
                struct buf *out) __attribute__((warn_unused_result));

/*
 * Reads and judges an entry: signature, class, time. e is filled in unless DAMAGED, so that an
 * expired one can be named.
 */
enum anchor_verdict anchor_read(struct anchor_entry *e, struct slice in,
                                const uint8_t anchor_key[SEALED_KEY], struct slice class_name,
                                uint64_t now_ms) __attribute__((warn_unused_result));

#endif
