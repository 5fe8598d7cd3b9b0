/*
 * sha256.h - SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104) over a text that lies in pieces.
 *
 * By libgcrypt, which uses the processor's instructions for it: texts as short as those that keys
 * are derived from take it a fifth of libsodium's time, and a sealed message derives eight keys at
 * each end. No state is kept, so every thread may call these.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { SHA256_HASH = 32, SHA256_PIECES = 4 };

/* n is at most SHA256_PIECES; a piece may be empty (data may then be NULL). out may be one of them. */
void sha256(const struct slice piece[], size_t n, uint8_t out[SHA256_HASH]);

/* The same under a key of any length. What the computing leaves behind is wiped. */
void sha256_hmac(struct slice key, const struct slice piece[], size_t n, uint8_t out[SHA256_HASH]);

#endif
