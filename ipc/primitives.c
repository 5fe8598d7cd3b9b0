/* primitives.c - see primitives.h. */
#include "primitives.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hkdf.h"
#include "sha256.h"

static void system_fill(void *ctx, void *out, size_t n)
{
    (void)ctx;
    randombytes_buf(out, n);
}

const struct sealed_random sealed_random_system = {system_fill, NULL};

void sealed_pair_from(struct sealed_pair *pair, const uint8_t secret[SEALED_KEY])
{
    if (pair->secret != secret) memcpy(pair->secret, secret, SEALED_KEY);
    /* Refuses nothing: the base point is not of low order. */
    int made = crypto_scalarmult_base(pair->public_key, pair->secret);
    assert(made == 0);
    (void)made;
}

void sealed_pair_make(struct sealed_pair *pair, const struct sealed_random *rnd)
{
    sealed_fill(rnd, pair->secret, SEALED_KEY);
    sealed_pair_from(pair, pair->secret);
}

int sealed_dh(const uint8_t secret[SEALED_KEY], const uint8_t peer[SEALED_KEY],
              uint8_t out[SEALED_KEY])
{
    if (crypto_scalarmult(out, secret, peer) == 0) return 0; /* it refuses low-order points */
    sodium_memzero(out, SEALED_KEY);
    return -1;
}

/* libsodium declares pointers as never NULL, also where there is nothing to read. */
static struct slice solid(struct slice s)
{
    return s.data ? s : (struct slice){(const uint8_t *)"", 0};
}

static void put_label(struct buf *b, const char *label, struct slice text)
{
    buf_put_str8(b, label, strlen(label));
    buf_put(b, text.data, text.len);
}

void sealed_sign(const uint8_t secret[SEALED_SIGN_SECRET], const char *label, struct slice text,
                 uint8_t signature[SEALED_SIGNATURE])
{
    struct buf b = {0};
    put_label(&b, label, text);
    crypto_sign_detached(signature, NULL, buf_head(&b), buf_len(&b), secret);
    buf_free(&b);
}

bool sealed_verify(const uint8_t public_key[SEALED_KEY], const char *label, struct slice text,
                   const uint8_t signature[SEALED_SIGNATURE])
{
    struct buf b = {0};
    put_label(&b, label, text);
    bool good = crypto_sign_verify_detached(signature, buf_head(&b), buf_len(&b), public_key) == 0;
    buf_free(&b);
    return good;
}

void sealed_hash(const char *label, struct slice text, uint8_t out[SEALED_HASH])
{
    const uint8_t n = (uint8_t)strlen(label);
    const struct slice all[] = {{&n, 1}, {(const uint8_t *)label, n}, text};
    sha256(all, 3, out);
}

void sealed_mac(const uint8_t key[SEALED_KEY], const char *label, struct slice text,
                uint8_t out[SEALED_HASH])
{
    const uint8_t n = (uint8_t)strlen(label);
    const struct slice all[] = {{&n, 1}, {(const uint8_t *)label, n}, text};
    sha256_hmac(sealed_slice(key, SEALED_KEY), all, 3, out);
}

void sealed_derive(struct slice salt, struct slice ikm, const char *info, uint8_t *out, size_t n)
{
    int done = hkdf_sha256(solid(salt), solid(ikm), sealed_slice(info, strlen(info)), out, n);
    assert(done == 0);
    (void)done;
}

void sealed_chain_step(uint8_t chain[SEALED_KEY], uint8_t message_key[SEALED_KEY])
{
    static const uint8_t one[1] = {1}, two[1] = {2};
    uint8_t next[SEALED_KEY];
    hkdf_extract(sealed_slice(chain, SEALED_KEY), sealed_slice(one, 1), message_key);
    hkdf_extract(sealed_slice(chain, SEALED_KEY), sealed_slice(two, 1), next);
    memcpy(chain, next, SEALED_KEY);
    sodium_memzero(next, sizeof next);
}

enum {
    AEAD_KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    AEAD_EXPANDED = AEAD_KEY + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
};

void sealed_seal(const uint8_t key[SEALED_KEY], const char *info, struct slice ad,
                 struct slice text, struct buf *out)
{
    uint8_t expanded[AEAD_EXPANDED];
    unsigned long long n = 0;
    sealed_derive(sealed_slice(NULL, 0), sealed_slice(key, SEALED_KEY), info, expanded,
                  sizeof expanded);
    crypto_aead_xchacha20poly1305_ietf_encrypt(buf_room(out, text.len + SEALED_TAG), &n, text.data,
                                               text.len, ad.data, ad.len, NULL, expanded + AEAD_KEY,
                                               expanded);
    buf_added(out, (size_t)n);
    sodium_memzero(expanded, sizeof expanded);
}

int sealed_open(const uint8_t key[SEALED_KEY], const char *info, struct slice ad,
                struct slice sealed, uint8_t *out)
{
    uint8_t expanded[AEAD_EXPANDED];
    if (sealed.len < SEALED_TAG) return -1;
    sealed_derive(sealed_slice(NULL, 0), sealed_slice(key, SEALED_KEY), info, expanded,
                  sizeof expanded);
    int r = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, sealed.data, sealed.len, ad.data, ad.len, expanded + AEAD_KEY, expanded);
    sodium_memzero(expanded, sizeof expanded);
    if (r != 0) sodium_memzero(out, sealed.len - SEALED_TAG);
    return r == 0 ? 0 : -1;
}

void sealed_buf_wipe(struct buf *b)
{
    if (b->data) sodium_memzero(b->data, b->cap);
    buf_free(b);
}
