/*
 * noise.h - the handshake and the record cipher under every client connection:
 * Noise_{NX,XX}_25519_ChaChaPoly_SHA256, "The Noise Protocol Framework", revision 34.
 *
 *   client (NX)                                   worker (NX)
 *   noise_keypair(); send the public half
 *   noise_init(INITIATOR, prologue)               noise_init(RESPONDER, prologue)
 *   noise_set_ephemeral()                         noise_set_static_public()
 *   noise_write() -> the 32 bytes already sent    noise_read()
 *                                                 noise_remote_ephemeral() -> broker -> es
 *                                                 noise_set_es()
 *   noise_read()                                  noise_write()
 *   noise_hash(), noise_split()                   noise_hash(), noise_split()
 *
 * Nothing here allocates, reads the network or logs. sodium_init() must have succeeded before.
 * A message is its payload and, by pattern: NX 32, then 96 bytes; XX 32, then 96, then 64.
 * The payload of message 1 travels in clear text.
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_MUST_USE __attribute__((warn_unused_result))

enum {
    NOISE_KEY_LEN = 32,    /* X25519 keys, cipher keys */
    NOISE_HASH_LEN = 32,   /* handshake hash */
    NOISE_TAG_LEN = 16,    /* what sealing adds */
    NOISE_MSG_MAX = 65535, /* any message, tag included (section 3) */
};

enum noise_pattern { NOISE_NX, NOISE_XX };
enum noise_role { NOISE_INITIATOR, NOISE_RESPONDER };

/* One direction after the handshake. nonce = number of the next record, owned by the caller. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_LEN];
    uint64_t nonce;
};

/*
 * One handshake. Plain memory so that it can be embedded; EVERY field is private to noise.c (tests
 * excepted). A zeroed one is unusable: each call on it fails. It holds no pointers and may be
 * moved, but going on with two copies of one handshake would use a nonce twice.
 */
struct noise_handshake {
    struct {
        uint8_t ck[32], k[32]; /* chaining key, cipher key */
        uint8_t s[32], e[32];  /* own static and ephemeral key */
        uint8_t es[32];        /* DH result computed elsewhere */
    } secret;
    uint64_t nonce;
    uint8_t h[32];
    uint8_t s_pub[32], e_pub[32], rs[32], re[32];
    enum noise_pattern pattern;
    enum noise_role role;
    enum { NOISE_UNUSABLE, NOISE_RUNNING, NOISE_DONE, NOISE_SPLIT } state;
    unsigned message; /* index of the next message */
    bool has_k, has_s, has_s_pub, has_e, has_es, has_rs, has_re;
};

/*
 * Starts a handshake; whatever hs held is forgotten without being wiped. The prologue (public
 * data that both sides must agree on) is hashed at once and may be empty.
 */
void noise_init(struct noise_handshake *hs, enum noise_pattern pattern, enum noise_role role,
                const void *prologue, size_t n);

/* Wipes everything; hs is unusable until the next noise_init(). Call it when done, always. */
void noise_wipe(struct noise_handshake *hs);

/* Gives the own static key pair by its secret: NX responder, XX both. Copies. */
void noise_set_static(struct noise_handshake *hs, const uint8_t secret[NOISE_KEY_LEN]);

/*
 * Gives the own ephemeral key instead of one drawn at random when first needed: for a client that
 * sent its ephemeral before it knew the prologue, and for published vectors. The key must come
 * from noise_keypair() and be used in this one handshake. Copies; the caller wipes its own.
 */
void noise_set_ephemeral(struct noise_handshake *hs, const uint8_t secret[NOISE_KEY_LEN]);

/*
 * For a responder whose static secret lives in another process: its public half, before
 * noise_write(), and (after noise_read() of message 1) the result of
 * noise_dh(secret, noise_remote_ephemeral()) computed there. noise_set_es(): 0, or -1 and hs
 * unusable when there is no remote ephemeral or static public key yet, when hs is an initiator,
 * or when the result is all zero.
 */
void noise_set_static_public(struct noise_handshake *hs, const uint8_t pub[NOISE_KEY_LEN]);
NOISE_MUST_USE int noise_set_es(struct noise_handshake *hs, const uint8_t result[NOISE_KEY_LEN]);

/*
 * Writes the next message, with n bytes of payload (may be 0), to out. 0 and its length in
 * *out_len; or -1, *out_len 0, and hs wiped and unusable: nothing in out may be sent. Fails when
 * it is not this side's turn, a key was not given, cap (or NOISE_MSG_MAX) is too small, or the
 * peer's key is of low order. payload and out must not overlap.
 */
NOISE_MUST_USE int noise_write(struct noise_handshake *hs, const void *payload, size_t n,
                               uint8_t *out, size_t cap, size_t *out_len);

/*
 * Reads the next message and writes its payload to out. 0 and the length of the payload in
 * *out_len; or -1, *out_len 0, and hs wiped and unusable: close the connection, never try again.
 * Fails on anything forged, cut, too long for cap, out of turn, or of low order. msg and out must
 * not overlap; out may be NULL when cap is 0.
 */
NOISE_MUST_USE int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t n,
                              uint8_t *out, size_t cap, size_t *out_len);

/* True when every message has gone: noise_hash() and noise_split() will work. */
bool noise_done(const struct noise_handshake *hs);

/*
 * The peer's public keys; NULL when not yet received. They are proven to be the peer's only when
 * noise_done(), and whether that static key is to be trusted is for the caller to check.
 */
const uint8_t *noise_remote_ephemeral(const struct noise_handshake *hs);
const uint8_t *noise_remote_static(const struct noise_handshake *hs);

/*
 * The handshake hash, equal on both sides and unique to this session (channel binding, section
 * 11.2); public. 0 when noise_done(), else -1. Stays available after noise_split().
 */
NOISE_MUST_USE int noise_hash(const struct noise_handshake *hs, uint8_t h[NOISE_HASH_LEN]);

/*
 * Gives the keys of both directions with nonce 0, once, and wipes the secrets in hs. 0, or -1 and
 * hs unusable when the handshake is not done or was split before. The caller wipes the ciphers.
 */
NOISE_MUST_USE int noise_split(struct noise_handshake *hs, struct noise_cipher *send,
                               struct noise_cipher *recv);

/*
 * Seals n bytes as record number nonce: n + NOISE_TAG_LEN bytes to out, which may be plain itself.
 * A pure function: the caller counts, and no two plaintexts may leave it under one key and nonce.
 * 0, or -1 (nothing written) when n is over NOISE_MSG_MAX - NOISE_TAG_LEN or nonce is the reserved
 * 2^64-1.
 */
NOISE_MUST_USE int noise_seal(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce,
                              const uint8_t *plain, size_t n, uint8_t *out);

/*
 * Opens a record of n bytes: n - NOISE_TAG_LEN bytes to out, which may be in itself. 0, or -1 when
 * it is forged, cut, too long, or nonce is reserved; out then holds nothing of use.
 */
NOISE_MUST_USE int noise_open(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce, const uint8_t *in,
                              size_t n, uint8_t *out);

/* Replaces a key by its successor, REKEY of section 4.2. The nonce goes on counting (11.3). */
void noise_rekey(uint8_t key[NOISE_KEY_LEN]);

/* A fresh X25519 key pair. */
void noise_keypair(uint8_t secret[NOISE_KEY_LEN], uint8_t pub[NOISE_KEY_LEN]);

/* X25519. 0, or -1 (out all zero) when pub is of low order: the caller must give up. */
NOISE_MUST_USE int noise_dh(const uint8_t secret[NOISE_KEY_LEN], const uint8_t pub[NOISE_KEY_LEN],
                            uint8_t out[NOISE_KEY_LEN]);

#endif
