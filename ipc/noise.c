/*
 * noise.c - see noise.h. A pattern is a row of tokens per message; writing and reading run the
 * tokens in order. Numbers in comments are sections of the Noise specification, revision 34.
 * DH is libsodium's, hash and HMAC are sha256.h, the AEAD is aead.h; here is only their order.
 */
#include "noise.h"

#include <sodium.h>
#include <string.h>

#include "aead.h"
#include "buf.h"
#include "hkdf.h"
#include "sha256.h"

enum { MESSAGES_MAX = 3, TOKENS_MAX = 4 };
enum token { TOKEN_END, TOKEN_E, TOKEN_S, TOKEN_EE, TOKEN_ES, TOKEN_SE };

struct pattern {
    char name[NOISE_HASH_LEN + 1];
    unsigned messages;
    enum token tokens[MESSAGES_MAX][TOKENS_MAX + 1];
};

/* 7.5; message 0 is the initiator's, then the sides take turns. */
static const struct pattern patterns[] = {
    [NOISE_NX] = {"Noise_NX_25519_ChaChaPoly_SHA256",
                  2,
                  {{TOKEN_E}, {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES}}},
    [NOISE_XX] = {"Noise_XX_25519_ChaChaPoly_SHA256",
                  3,
                  {{TOKEN_E}, {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES}, {TOKEN_S, TOKEN_SE}}},
};

/* The message being written. */
struct writer {
    uint8_t *data;
    size_t cap, len;
};

/* ---- primitives: 4.1, 4.2, 12.1, 12.3 ---- */

void noise_keypair(uint8_t secret[NOISE_KEY_LEN], uint8_t pub[NOISE_KEY_LEN])
{
    randombytes_buf(secret, NOISE_KEY_LEN);
    crypto_scalarmult_base(pub, secret);
}

int noise_dh(const uint8_t secret[NOISE_KEY_LEN], const uint8_t pub[NOISE_KEY_LEN],
             uint8_t out[NOISE_KEY_LEN])
{
    if (crypto_scalarmult(out, secret, pub) == 0) return 0;
    sodium_memzero(out, NOISE_KEY_LEN);
    return -1;
}

/* 12.3: 32 zero bits, then the counter little-endian. */
static void put_nonce(uint8_t npub[AEAD_NONCE], uint64_t nonce)
{
    memset(npub, 0, 4);
    put_u64(npub + 4, nonce);
}

static void encrypt(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce, struct slice ad,
                    struct slice in, uint8_t *out)
{
    uint8_t npub[AEAD_NONCE];

    put_nonce(npub, nonce);
    aead_seal(key, npub, ad, in, out);
}

static int decrypt(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce, struct slice ad,
                   struct slice in, uint8_t *out)
{
    uint8_t npub[AEAD_NONCE];

    put_nonce(npub, nonce);
    return aead_open(key, npub, ad, in, out);
}

/* ---- symmetric state: 5.2 ---- */

static void mix_hash(struct noise_handshake *hs, const void *data, size_t n)
{
    const struct slice both[] = {{hs->h, sizeof hs->h}, {data, n}};

    sha256(both, 2, hs->h);
}

/* HKDF of 4.3 with two outputs: RFC 5869 with the chaining key as salt and no info. */
static void derive_two(const struct noise_handshake *hs, struct slice ikm, uint8_t out[64])
{
    struct slice ck = {hs->secret.ck, sizeof hs->secret.ck};

    hkdf_sha256(ck, ikm, (struct slice){0}, out, 64);
}

static void mix_key(struct noise_handshake *hs, const uint8_t ikm[32])
{
    uint8_t two[64];

    derive_two(hs, (struct slice){ikm, 32}, two);
    memcpy(hs->secret.ck, two, 32);
    memcpy(hs->secret.k, two + 32, 32);
    hs->nonce = 0;
    hs->has_k = true;
    sodium_memzero(two, sizeof two);
}

static int encrypt_and_hash(struct noise_handshake *hs, const void *plain, size_t n,
                            struct writer *w)
{
    size_t tag = hs->has_k ? NOISE_TAG_LEN : 0;
    if (w->cap - w->len < tag || w->cap - w->len - tag < n) return -1;

    uint8_t *out = w->data + w->len;
    if (hs->has_k)
        encrypt(hs->secret.k, hs->nonce++, (struct slice){hs->h, sizeof hs->h},
                (struct slice){plain, n}, out);
    else if (n > 0)
        memcpy(out, plain, n);
    mix_hash(hs, out, n + tag);
    w->len += n + tag;
    return 0;
}

/* in is what was received, the tag included when a key is set; out has room for the plaintext. */
static int decrypt_and_hash(struct noise_handshake *hs, struct slice in, uint8_t *out)
{
    if (hs->has_k) {
        struct slice ad = {hs->h, sizeof hs->h};
        if (decrypt(hs->secret.k, hs->nonce++, ad, in, out) != 0) return -1;
    } else if (in.len > 0) {
        memcpy(out, in.data, in.len);
    }
    mix_hash(hs, in.data, in.len);
    return 0;
}

/* ---- tokens: 5.3 ---- */

/* The DH results: the first letter is the initiator's key, the second the responder's. */
static int run_dh(struct noise_handshake *hs, enum token t)
{
    bool initiator = hs->role == NOISE_INITIATOR;
    bool own_static = t == (initiator ? TOKEN_SE : TOKEN_ES);
    bool remote_static = t == (initiator ? TOKEN_ES : TOKEN_SE);
    if (own_static ? !hs->has_s && !hs->has_es : !hs->has_e) return -1;
    if (remote_static ? !hs->has_rs : !hs->has_re) return -1;

    if (own_static && hs->has_es) { /* only a responder can have it: noise_set_es() */
        mix_key(hs, hs->secret.es);
        return 0;
    }
    uint8_t dh[NOISE_KEY_LEN];
    int rc =
        noise_dh(own_static ? hs->secret.s : hs->secret.e, remote_static ? hs->rs : hs->re, dh);
    if (rc == 0) mix_key(hs, dh);
    sodium_memzero(dh, sizeof dh);
    return rc;
}

static int write_ephemeral(struct noise_handshake *hs, struct writer *w)
{
    if (w->cap - w->len < NOISE_KEY_LEN) return -1;

    if (!hs->has_e) noise_keypair(hs->secret.e, hs->e_pub);
    hs->has_e = true;
    memcpy(w->data + w->len, hs->e_pub, NOISE_KEY_LEN);
    w->len += NOISE_KEY_LEN;
    mix_hash(hs, hs->e_pub, sizeof hs->e_pub);
    return 0;
}

static int write_token(struct noise_handshake *hs, enum token t, struct writer *w)
{
    switch (t) {
    case TOKEN_E: return write_ephemeral(hs, w);
    case TOKEN_S:
        if (!hs->has_s_pub) return -1;
        return encrypt_and_hash(hs, hs->s_pub, sizeof hs->s_pub, w);
    case TOKEN_EE:
    case TOKEN_ES:
    case TOKEN_SE: return run_dh(hs, t);
    case TOKEN_END: break;
    }
    return -1;
}

static int read_token(struct noise_handshake *hs, enum token t, struct cur *c)
{
    size_t n = NOISE_KEY_LEN + (t == TOKEN_S && hs->has_k ? NOISE_TAG_LEN : 0);
    const uint8_t *p;

    switch (t) {
    case TOKEN_E:
        if (!(p = cur_bytes(c, n))) return -1;
        memcpy(hs->re, p, sizeof hs->re);
        mix_hash(hs, hs->re, sizeof hs->re);
        hs->has_re = true;
        return 0;
    case TOKEN_S:
        if (!(p = cur_bytes(c, n))) return -1;
        if (decrypt_and_hash(hs, (struct slice){p, n}, hs->rs) != 0) return -1;
        hs->has_rs = true;
        return 0;
    case TOKEN_EE:
    case TOKEN_ES:
    case TOKEN_SE: return run_dh(hs, t);
    case TOKEN_END: break;
    }
    return -1;
}

/* ---- handshake state: 5.3 ---- */

void noise_init(struct noise_handshake *hs, enum noise_pattern pattern, enum noise_role role,
                const void *prologue, size_t n)
{
    *hs = (struct noise_handshake){.pattern = pattern, .role = role, .state = NOISE_RUNNING};
    /* 5.2: a name of exactly HASHLEN bytes is h as it stands, unhashed */
    memcpy(hs->h, patterns[pattern].name, sizeof hs->h);
    memcpy(hs->secret.ck, hs->h, sizeof hs->secret.ck);
    mix_hash(hs, prologue, n);
}

void noise_wipe(struct noise_handshake *hs)
{
    sodium_memzero(hs, sizeof *hs);
}

void noise_set_static(struct noise_handshake *hs, const uint8_t secret[NOISE_KEY_LEN])
{
    if (hs->state != NOISE_RUNNING) return;
    memcpy(hs->secret.s, secret, sizeof hs->secret.s);
    crypto_scalarmult_base(hs->s_pub, secret);
    hs->has_s = hs->has_s_pub = true;
}

void noise_set_ephemeral(struct noise_handshake *hs, const uint8_t secret[NOISE_KEY_LEN])
{
    if (hs->state != NOISE_RUNNING) return;
    memcpy(hs->secret.e, secret, sizeof hs->secret.e);
    crypto_scalarmult_base(hs->e_pub, secret);
    hs->has_e = true;
}

void noise_set_static_public(struct noise_handshake *hs, const uint8_t pub[NOISE_KEY_LEN])
{
    if (hs->state != NOISE_RUNNING) return;
    memcpy(hs->s_pub, pub, sizeof hs->s_pub);
    hs->has_s_pub = true;
}

int noise_set_es(struct noise_handshake *hs, const uint8_t result[NOISE_KEY_LEN])
{
    if (hs->state != NOISE_RUNNING || hs->role != NOISE_RESPONDER || !hs->has_re ||
        !hs->has_s_pub || sodium_is_zero(result, NOISE_KEY_LEN)) {
        noise_wipe(hs);
        return -1;
    }
    memcpy(hs->secret.es, result, sizeof hs->secret.es);
    hs->has_es = true;
    return 0;
}

/* Even messages are the initiator's. */
static bool may_go(const struct noise_handshake *hs, bool writing)
{
    bool initiators = hs->message % 2 == 0;
    bool mine = initiators == (hs->role == NOISE_INITIATOR);

    return hs->state == NOISE_RUNNING && mine == writing;
}

static void message_done(struct noise_handshake *hs)
{
    hs->message++;
    if (hs->message == patterns[hs->pattern].messages) hs->state = NOISE_DONE;
}

static int write_message(struct noise_handshake *hs, const void *payload, size_t n,
                         struct writer *w)
{
    if (!may_go(hs, true)) return -1;
    const enum token *t = patterns[hs->pattern].tokens[hs->message];
    for (; *t != TOKEN_END; t++)
        if (write_token(hs, *t, w) != 0) return -1;
    return encrypt_and_hash(hs, payload, n, w);
}

int noise_write(struct noise_handshake *hs, const void *payload, size_t n, uint8_t *out, size_t cap,
                size_t *out_len)
{
    struct writer w = {out, cap < NOISE_MSG_MAX ? cap : NOISE_MSG_MAX, 0};

    *out_len = 0;
    if (write_message(hs, payload, n, &w) != 0) {
        noise_wipe(hs);
        return -1;
    }
    message_done(hs);
    *out_len = w.len;
    return 0;
}

static int read_message(struct noise_handshake *hs, struct cur *c, uint8_t *out, size_t cap,
                        size_t *out_len)
{
    if (!may_go(hs, false)) return -1;
    const enum token *t = patterns[hs->pattern].tokens[hs->message];
    for (; *t != TOKEN_END; t++)
        if (read_token(hs, *t, c) != 0) return -1;

    struct slice rest = cur_rest(c);
    size_t tag = hs->has_k ? NOISE_TAG_LEN : 0;
    if (rest.len < tag || rest.len - tag > cap) return -1;
    if (decrypt_and_hash(hs, rest, out) != 0) return -1;
    *out_len = rest.len - tag;
    return 0;
}

int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t n, uint8_t *out, size_t cap,
               size_t *out_len)
{
    struct cur c = cur_of(msg, n);

    *out_len = 0;
    if (n > NOISE_MSG_MAX || read_message(hs, &c, out, cap, out_len) != 0) {
        noise_wipe(hs);
        return -1;
    }
    message_done(hs);
    return 0;
}

bool noise_done(const struct noise_handshake *hs)
{
    return hs->state == NOISE_DONE || hs->state == NOISE_SPLIT;
}

const uint8_t *noise_remote_ephemeral(const struct noise_handshake *hs)
{
    return hs->has_re ? hs->re : NULL;
}

const uint8_t *noise_remote_static(const struct noise_handshake *hs)
{
    return hs->has_rs ? hs->rs : NULL;
}

int noise_hash(const struct noise_handshake *hs, uint8_t h[NOISE_HASH_LEN])
{
    if (!noise_done(hs)) return -1;
    memcpy(h, hs->h, NOISE_HASH_LEN);
    return 0;
}

int noise_split(struct noise_handshake *hs, struct noise_cipher *send, struct noise_cipher *recv)
{
    if (hs->state != NOISE_DONE) {
        noise_wipe(hs);
        return -1;
    }
    bool initiator = hs->role == NOISE_INITIATOR;
    uint8_t two[64];
    derive_two(hs, (struct slice){0}, two); /* 5.2: zero-length ikm */
    memcpy(send->key, initiator ? two : two + 32, sizeof send->key);
    memcpy(recv->key, initiator ? two + 32 : two, sizeof recv->key);
    send->nonce = recv->nonce = 0;
    sodium_memzero(two, sizeof two);
    sodium_memzero(&hs->secret, sizeof hs->secret);
    hs->state = NOISE_SPLIT;
    return 0;
}

/* ---- records: 5.1, 11.3 ---- */

int noise_seal(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce, const uint8_t *plain, size_t n,
               uint8_t *out)
{
    if (nonce == UINT64_MAX || n > NOISE_MSG_MAX - NOISE_TAG_LEN) return -1;
    encrypt(key, nonce, (struct slice){0}, (struct slice){plain, n}, out);
    return 0;
}

int noise_open(const uint8_t key[NOISE_KEY_LEN], uint64_t nonce, const uint8_t *in, size_t n,
               uint8_t *out)
{
    if (nonce == UINT64_MAX || n < NOISE_TAG_LEN || n > NOISE_MSG_MAX) return -1;
    return decrypt(key, nonce, (struct slice){0}, (struct slice){in, n}, out);
}

void noise_rekey(uint8_t key[NOISE_KEY_LEN])
{
    uint8_t zeros[NOISE_KEY_LEN] = {0}, out[NOISE_KEY_LEN + NOISE_TAG_LEN];

    encrypt(key, UINT64_MAX, (struct slice){0}, (struct slice){zeros, sizeof zeros}, out);
    memcpy(key, out, NOISE_KEY_LEN);
    sodium_memzero(out, sizeof out);
}
