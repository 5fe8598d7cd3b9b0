/*
 * invitation.h - a code that an instructor gives to a student, so that the student's new account
 * key is signed, and the anchor key known, without anybody comparing numbers (docs/sealed.md
 * section 11).
 */
#ifndef SEALED_INVITATION_H
#define SEALED_INVITATION_H

#include "anchor.h"

enum {
    INVITATION_SECRET = 12, /* 90 bits, the last six of 96 are zero */
    INVITATION_CODE = 24,   /* XXXXX-XXXXX-XXXXX-XXXXX and the terminator */
    INVITATION_ID = 8,
    INVITATION_CLAIM_MAX = 512,
};

/* A fresh code; the instructor notes secret, name and role, the student gets the text. */
void invitation_make(uint8_t secret[INVITATION_SECRET], const struct sealed_random *rnd);
void invitation_spell(const uint8_t secret[INVITATION_SECRET], char code[INVITATION_CODE]);

/* Reads a code as people type it. False: wrong length, letters, or checksum (a slip). */
bool invitation_read(const char *code, size_t len, uint8_t secret[INVITATION_SECRET])
    __attribute__((warn_unused_result));

/* What a claim carries in clear, and how the instructor's client finds the code again. */
void invitation_id(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                   uint8_t id[INVITATION_ID]);

struct invitation_claim {
    uint8_t id[INVITATION_ID];
    struct slice class_name, name;
    uint8_t account_key[SEALED_KEY];
};

/* The student's claim behind out. -1: a name or class that cannot be. */
int invitation_claim(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                     struct slice class_name, struct slice name,
                     const uint8_t account_secret[SEALED_SIGN_SECRET], struct buf *out)
    __attribute__((warn_unused_result));

/* Its fields, to look the code up; nothing is proven. Slices point into in. */
bool invitation_peek(struct invitation_claim *claim, struct slice in)
    __attribute__((warn_unused_result));

/*
 * The instructor's check: made with this code, for this anchor, by the owner of the account key.
 * That name and class are those the code was noted for, the caller compares; a code counts once.
 */
bool invitation_check(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                      struct slice in) __attribute__((warn_unused_result));

/* The instructor's answer: a signed entry (anchor_sign()) and the proof for who has the code. */
void invitation_welcome(const uint8_t secret[INVITATION_SECRET],
                        const uint8_t anchor_key[SEALED_KEY], struct slice entry, struct buf *out);

/*
 * The student's check of it; *entry is the part for anchor_read(). True: the anchor key is the
 * instructor's, since whoever answered knows the code.
 */
bool invitation_welcomed(const uint8_t secret[INVITATION_SECRET],
                         const uint8_t anchor_key[SEALED_KEY], struct slice in, struct slice *entry)
    __attribute__((warn_unused_result));

#endif
