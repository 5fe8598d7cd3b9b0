/*
 * identity.h - who this device is: a random device number, an Ed25519 key that signs, an X25519 key
 * that agrees, and the account's key, in a file that only its owner may read.
 *
 * The account key signs the list of the account's devices (docs/sealed.md section 2). A device that
 * another one admits has one here, too, that nobody ever lists: which key is the account's says the
 * list.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "device_list.h"
#include "why.h"

struct identity {
    uint64_t device; /* never 0 */
    uint8_t public_key[32];
    uint8_t secret[64]; /* as libsodium keeps it: seed, public key */
    struct sealed_pair x;
    uint8_t account_key[32], account_secret[64];
};

/* A fresh identity, in memory alone (load tools, tests). */
void identity_make(struct identity *id);

/* The same with every key made from a seed: a later run is the same device (load tools). */
void identity_from_seed(struct identity *id, uint64_t device, const uint8_t seed[32]);

/*
 * Reads the identity from path; makes it first when the file is missing, and adds what a file of an
 * older version lacks. Of several processes that do so at once all get the same one. 0, or -1 and why.
 */
int identity_open(const char *path, struct identity *id, struct why *why);

/* Puts the account's key, from its seed, in the place of the one that the file at path holds, and into *id. */
int identity_take_account(const char *path, struct identity *id, const uint8_t seed[32], struct why *why);

void identity_sign(const struct identity *id, const void *data, size_t n, uint8_t signature[64]);

/* The device's keys as client/sealed takes them; wipe them with device_keys_wipe(). */
void identity_device(const struct identity *id, struct device_keys *keys);

/* Forgets the secrets. Call it always. */
void identity_wipe(struct identity *id);

#endif
