/*
 * identity.h - who this device is: an Ed25519 key and a random device number, in a file that only
 * its owner may read.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "why.h"

struct identity {
    uint64_t device; /* never 0 */
    uint8_t public_key[32];
    uint8_t secret[64]; /* as libsodium keeps it: seed, public key */
};

/* A fresh identity, in memory alone (load tools, tests). */
void identity_make(struct identity *id);

/*
 * Reads the identity from path; makes it first when the file is missing. Of several processes
 * that do so at once all get the same one. 0, or -1 and why.
 */
int identity_open(const char *path, struct identity *id, struct why *why);

void identity_sign(const struct identity *id, const void *data, size_t n, uint8_t signature[64]);

/* Forgets the secret. Call it always. */
void identity_wipe(struct identity *id);

#endif
