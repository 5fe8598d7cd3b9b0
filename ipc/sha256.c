/* sha256.c - see sha256.h. */
#include "sha256.h"

#include <assert.h>
#include <gcrypt.h>
#include <sodium.h>
#include <string.h>

#include "libgcrypt.h"
#include "log.h"

enum { BLOCK = 64, INNER = 0x36, OUTER = 0x5c, LEFT_ON_STACK = 1024 };

/* first: what stands before the pieces, a block of it. */
static void hash(const uint8_t *first, const struct slice piece[], size_t n, uint8_t *out)
{
    gcry_buffer_t all[SHA256_PIECES + 1];
    int used = 0;
    assert(n <= SHA256_PIECES);
    libgcrypt_start();
    if (first) all[used++] = (gcry_buffer_t){.len = BLOCK, .size = BLOCK, .data = (void *)first};
    for (size_t i = 0; i < n; i++)
        if (piece[i].len)
            all[used++] = (gcry_buffer_t){
                .len = piece[i].len, .size = piece[i].len, .data = (void *)piece[i].data};
    gcry_error_t e = gcry_md_hash_buffers(GCRY_MD_SHA256, 0, out, all, used);
    if (e) fatal("SHA-256: %s", gcry_strerror(e));
}

void sha256(const struct slice piece[], size_t n, uint8_t out[SHA256_HASH])
{
    hash(NULL, piece, n, out);
}

void sha256_hmac(struct slice key, const struct slice piece[], size_t n, uint8_t out[SHA256_HASH])
{
    uint8_t inner[BLOCK] = {0}, outer[BLOCK], between[SHA256_HASH];
    if (key.len > BLOCK)
        hash(NULL, &key, 1, inner);
    else if (key.len)
        memcpy(inner, key.data, key.len);
    for (int i = 0; i < BLOCK; i++) {
        outer[i] = inner[i] ^ OUTER;
        inner[i] ^= INNER;
    }
    hash(inner, piece, n, between);
    hash(outer, &(struct slice){between, sizeof between}, 1, out);
    sodium_memzero(inner, sizeof inner);
    sodium_memzero(outer, sizeof outer);
    sodium_memzero(between, sizeof between);
    sodium_stackzero(LEFT_ON_STACK); /* libgcrypt's own state, which it does not wipe */
}
