/*
 * identity.h - who this device is: a random device number, an Ed25519 key that signs, an X25519 key
 * that agrees, and the account's key, in a file that only its owner may read. The file may be locked with a
 * passphrase; then it holds the key of the sealed store, too (vault_lock.h).
 *
 * The account key signs the list of the account's devices (docs/sealed.md section 2). A device that
 * another one admits has one here, too, that nobody ever lists: which key is the account's says the
 * list.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device_list.h"
#include "why.h"

/* How a key file is locked: Argon2id of the passphrase opens the store's key, which seals the secrets. */
struct identity_lock {
    bool on;
    uint64_t passes, memory; /* of Argon2id; bytes */
    uint8_t salt[16];
    uint8_t wrapped[24 + 32 + 16];
    uint8_t store_key[32]; /* secret: vault_give_key() */
};

struct identity {
    uint64_t device; /* never 0 */
    uint8_t public_key[32];
    uint8_t secret[64]; /* as libsodium keeps it: seed, public key */
    struct sealed_pair x;
    uint8_t account_key[32], account_secret[64];
    struct identity_lock lock;
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

/*
 * A file that is locked with a passphrase: 1; 0: it is not, or there is none; -1 and why. identity_open()
 * refuses such a file.
 */
int identity_is_locked(const char *path, struct why *why);
/* 0; -1 and why; IDENTITY_WRONG and why: not the passphrase. Takes some tenths of a second and 64 MiB. */
enum { IDENTITY_WRONG = -2 };
int identity_unlock(const char *path, const char *passphrase, size_t len, struct identity *id, struct why *why);
/* Locks the file of an identity that is open, under a fresh key for the store. 0, or -1 and why. */
int identity_lock(const char *path, struct identity *id, const char *passphrase, size_t len, struct why *why);
/* Writes it without a lock again. */
int identity_open_up(const char *path, struct identity *id, struct why *why);

/* Puts the account's key, from its seed, in the place of the one that the file at path holds, and into *id. */
int identity_take_account(const char *path, struct identity *id, const uint8_t seed[32], struct why *why);

void identity_sign(const struct identity *id, const void *data, size_t n, uint8_t signature[64]);

/* The device's keys as client/sealed takes them; wipe them with device_keys_wipe(). */
void identity_device(const struct identity *id, struct device_keys *keys);

/* Forgets the secrets. Call it always. */
void identity_wipe(struct identity *id);

#endif
