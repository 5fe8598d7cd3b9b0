/*
 * hkdf.h - HKDF-SHA256 (RFC 5869), the one key derivation of this project: the Noise handshake,
 * session tickets and the ratchets all use it. HMAC-SHA256 underneath is sha256.h.
 *
 * Outputs must not overlap inputs. Every slice may be empty (data may then be NULL). The caller
 * wipes what it gets.
 */
#ifndef HKDF_H
#define HKDF_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { HKDF_HASH_LEN = 32, HKDF_OUT_MAX = 255 * HKDF_HASH_LEN };

/*
 * HKDF-Extract (section 2.2): prk = HMAC-SHA256(key salt, message ikm), so it is also the plain
 * HMAC with a key of any length. An empty salt counts as 32 zero bytes.
 */
void hkdf_extract(struct slice salt, struct slice ikm, uint8_t prk[HKDF_HASH_LEN]);

/*
 * HKDF-Expand (section 2.3): n bytes to out. 0, or -1 (out untouched) when n > HKDF_OUT_MAX, which
 * a caller with a constant n need not check.
 */
int hkdf_expand(const uint8_t prk[HKDF_HASH_LEN], struct slice info, uint8_t *out, size_t n);

/* Extract, then expand. 0 / -1 like hkdf_expand(). */
int hkdf_sha256(struct slice salt, struct slice ikm, struct slice info, uint8_t *out, size_t n);

#endif
