/*
 * primitives.h - the few cryptographic steps that device_list.c and all of client/sealed are made
 * of, each with its purpose bound in (docs/sealed.md section 1). All else is libsodium's.
 *
 * Labels are C strings of at most 255 bytes; the functions put their length in front. Whoever
 * calls wipes the secrets it gets.
 */
#ifndef SEALED_PRIMITIVES_H
#define SEALED_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
    SEALED_KEY = 32,         /* bytes of every key, public or secret, but the next one */
    SEALED_SIGN_SECRET = 64, /* Ed25519 secret key as libsodium keeps it */
    SEALED_SIGNATURE = 64,
    SEALED_HASH = 32,
    SEALED_TAG = 16,
    SEALED_SUITE_DIRECT = 1, /* suite bytes of a body; 0 is plain text */
    SEALED_SUITE_GROUP = 2,
    SEALED_NAME_MAX = 32,
};

/* Where random bytes come from. fill() never fails. */
struct sealed_random {
    void (*fill)(void *ctx, void *out, size_t n);
    void *ctx;
};

/* libsodium's generator. */
extern const struct sealed_random sealed_random_system;

static inline void sealed_fill(const struct sealed_random *rnd, void *out, size_t n)
{
    rnd->fill(rnd->ctx, out, n);
}

/* An X25519 key pair. */
struct sealed_pair {
    uint8_t secret[SEALED_KEY], public_key[SEALED_KEY];
};

void sealed_pair_make(struct sealed_pair *pair, const struct sealed_random *rnd);

/* The public key that belongs to a secret one. */
void sealed_pair_from(struct sealed_pair *pair, const uint8_t secret[SEALED_KEY]);

/* X25519. 0, or -1 (out zero) when the result is zero: a low-order point was sent. */
int sealed_dh(const uint8_t secret[SEALED_KEY], const uint8_t peer[SEALED_KEY],
              uint8_t out[SEALED_KEY]) __attribute__((warn_unused_result));

/* Ed25519 and SHA-256 over str8(label) and text. */
void sealed_sign(const uint8_t secret[SEALED_SIGN_SECRET], const char *label, struct slice text,
                 uint8_t signature[SEALED_SIGNATURE]);
bool sealed_verify(const uint8_t public_key[SEALED_KEY], const char *label, struct slice text,
                   const uint8_t signature[SEALED_SIGNATURE]) __attribute__((warn_unused_result));
void sealed_hash(const char *label, struct slice text, uint8_t out[SEALED_HASH]);

/* HMAC-SHA256 with a key of 32 bytes over str8(label) and text. */
void sealed_mac(const uint8_t key[SEALED_KEY], const char *label, struct slice text,
                uint8_t out[SEALED_HASH]);

/*
 * HKDF-SHA256 with an info string. n is a constant of the caller's, at most 255 * 32. salt and ikm
 * may be empty.
 */
void sealed_derive(struct slice salt, struct slice ikm, const char *info, uint8_t *out, size_t n);

/* KDF_CK of the Double Ratchet, section 5.2: the message key, and the chain key moved on. */
void sealed_chain_step(uint8_t chain[SEALED_KEY], uint8_t message_key[SEALED_KEY]);

/*
 * XChaCha20-Poly1305 under a key that is used once: key and nonce come from it by HKDF. text.len +
 * SEALED_TAG bytes are written behind out.
 */
void sealed_seal(const uint8_t key[SEALED_KEY], const char *info, struct slice ad,
                 struct slice text, struct buf *out);

/* out has room for sealed.len - SEALED_TAG bytes. 0, or -1 with these zero. */
int sealed_open(const uint8_t key[SEALED_KEY], const char *info, struct slice ad,
                struct slice sealed, uint8_t *out) __attribute__((warn_unused_result));

/* All that a buffer ever held in its present memory is wiped, then freed. */
void sealed_buf_wipe(struct buf *b);

static inline struct slice sealed_slice(const void *data, size_t n)
{
    return (struct slice){data, n};
}

static inline struct slice sealed_head(const struct buf *b)
{
    return b->data ? (struct slice){buf_head(b), buf_len(b)} : (struct slice){NULL, 0};
}

#endif
