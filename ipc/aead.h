/*
 * aead.h - ChaCha20-Poly1305 (RFC 8439, section 2.8), the cipher of every record.
 *
 * By libgcrypt, which is twice as fast as libsodium from a kilobyte on and no slower below: a
 * worker that passes on long messages spent two fifths of its time here. Its state is one handle
 * per process, so only one thread of a process may seal and open.
 */
#ifndef AEAD_H
#define AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { AEAD_KEY = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };

/*
 * Makes the handle, once. It reads files of the system, so a process does it before it enters its
 * sandbox; else the first call of the others does. Fatal when the system forbids the cipher.
 */
void aead_start(void);

/* Seals in: in.len + AEAD_TAG bytes to out, which may be in itself. */
void aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct slice ad, struct slice in,
               uint8_t *out);

/*
 * Opens in, whose last AEAD_TAG bytes are the tag: in.len - AEAD_TAG bytes to out, which may be
 * in itself. 0, or -1 when it is forged or shorter than a tag; out is then zero.
 */
int aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct slice ad, struct slice in,
              uint8_t *out);

#endif
