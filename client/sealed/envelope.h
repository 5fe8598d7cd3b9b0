/*
 * envelope.h - a direct message: its content sealed once under a random key, and that key for each
 * device through its session (docs/sealed.md section 6). Heads and body are what SEND carries.
 */
#ifndef SEALED_ENVELOPE_H
#define SEALED_ENVELOPE_H

#include "session.h"

enum {
    ENVELOPE_CONTENT_MAX = 69632, /* padded */
    ENVELOPE_BODY_MAX = 1 + ENVELOPE_CONTENT_MAX + SEALED_TAG,
    ENVELOPE_KEY_TEXT = 1 + SEALED_KEY + 4 + 4, /* what a head holds */
};

/* What the body is bound to: if any of it differs, it does not open. */
struct envelope {
    struct slice from; /* names, as in SEND and DELIVER */
    uint8_t from_account[SEALED_KEY];
    uint64_t from_device, id;
    struct slice to;
    uint8_t to_account[SEALED_KEY];
};

/* What a head holds: the body's key, and the device lists that the sender had (their seq). */
struct envelope_key {
    uint8_t key[SEALED_KEY];
    uint32_t from_seq, to_seq;
};

/* Bytes that content of n is padded to; n is less than ENVELOPE_CONTENT_MAX. */
size_t envelope_padded(size_t n);

/* Puts content, padded, behind out; takes the padding off again. False: not padded so. */
void envelope_pad(struct slice content, struct buf *out);
bool envelope_unpad(struct slice *padded) __attribute__((warn_unused_result));

/*
 * Draws the key and puts the body behind out; k->from_seq and to_seq are the caller's to set
 * before. content.len is less than ENVELOPE_CONTENT_MAX.
 */
void envelope_seal(const struct envelope *e, struct envelope_key *k, struct slice content,
                   const struct sealed_random *rnd, struct buf *out);

/* The content behind out. False: damaged, or bound to something else. */
bool envelope_open(const struct envelope *e, const struct envelope_key *k, struct slice body,
                   struct buf *out) __attribute__((warn_unused_result));

/* The text that goes through a session. */
void envelope_key_encode(const struct envelope_key *k, uint8_t out[ENVELOPE_KEY_TEXT]);
bool envelope_key_decode(struct envelope_key *k, struct slice in)
    __attribute__((warn_unused_result));

#endif
