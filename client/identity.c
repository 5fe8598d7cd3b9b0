/*
 * identity.c - see identity.h. The file: "csmsg-key 2", "device HEX", then "seed", "agree" and
 * "account", each with 32 bytes in base64. Version 1 ended after "seed". Version 3 is a locked one:
 * "csmsg-key 3", "device HEX", "lock PASSES MEMORY SALT", "key" with the store's key and "sealed" with the
 * three seeds, both as nonce and XChaCha20-Poly1305 in base64.
 */
#include "identity.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

enum { FILE_MAX = 1024, SEED = crypto_sign_SEEDBYTES, BASE64 = 64 };

/* The keys that version 1 did not have. */
static void add_keys(struct identity *id, const uint8_t agree[SEED], const uint8_t account[SEED])
{
    sealed_pair_from(&id->x, agree);
    crypto_sign_seed_keypair(id->account_key, id->account_secret, account);
}

static void draw_keys(struct identity *id)
{
    uint8_t seed[2][SEED];
    randombytes_buf(seed, sizeof seed);
    add_keys(id, seed[0], seed[1]);
    sodium_memzero(seed, sizeof seed);
}

void identity_make(struct identity *id)
{
    uint8_t seed[SEED];
    *id = (struct identity){0};
    do
        randombytes_buf(&id->device, sizeof id->device);
    while (id->device == 0);
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(id->public_key, id->secret, seed);
    sodium_memzero(seed, sizeof seed);
    draw_keys(id);
}

void identity_from_seed(struct identity *id, uint64_t device, const uint8_t seed[32])
{
    uint8_t more[2][SEED];
    *id = (struct identity){.device = device};
    crypto_sign_seed_keypair(id->public_key, id->secret, seed);
    sealed_hash("csmsg seeded agree", sealed_slice(seed, 32), more[0]);
    sealed_hash("csmsg seeded account", sealed_slice(seed, 32), more[1]);
    add_keys(id, more[0], more[1]);
    sodium_memzero(more, sizeof more);
}

/* --- the file --- */

static bool from_base64(const char *text, uint8_t out[SEED])
{
    size_t n = 0;
    return sodium_base642bin(out, SEED, text, strlen(text), NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == SEED;
}

/* The version of the text, 0 when it is damaged. */
static int parse(const char *text, struct identity *id)
{
    int version = 0;
    char line[3][BASE64] = {"", "", ""};
    uint8_t seed[3][SEED];
    int n = sscanf(text, "csmsg-key %d\ndevice %16" SCNx64 "\nseed %63s\nagree %63s\naccount %63s",
                   &version, &id->device, line[0], line[1], line[2]);
    bool good = id->device != 0 && ((version == 1 && n == 3) || (version == 2 && n == 5));
    for (int i = 0; good && i < n - 2; i++)
        good = from_base64(line[i], seed[i]);
    if (good) crypto_sign_seed_keypair(id->public_key, id->secret, seed[0]);
    if (good && version == 2) add_keys(id, seed[1], seed[2]);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(line, sizeof line);
    return good ? version : 0;
}

static size_t format_open(const struct identity *id, char text[FILE_MAX])
{
    const uint8_t *const seed[] = {id->secret, id->x.secret, id->account_secret};
    char line[3][BASE64];
    for (int i = 0; i < 3; i++)
        sodium_bin2base64(line[i], BASE64, seed[i], SEED, sodium_base64_VARIANT_ORIGINAL);
    int n = snprintf(text, FILE_MAX,
                     "csmsg-key 2\ndevice %016" PRIx64 "\nseed %s\nagree %s\naccount %s\n", id->device,
                     line[0], line[1], line[2]);
    sodium_memzero(line, sizeof line);
    return (size_t)n;
}

/* --- locked --- */

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    SEEDS = 3 * SEED,
    /* The second recommendation of RFC 9106, section 4, as far as libsodium has it: one lane. */
    PASSES = 3,
    MEMORY = 64 * 1024 * 1024,
    PASSES_MAX = 64,
    MEMORY_MAX = 1024 * 1024 * 1024, /* a file that asks for more is damaged */
};

static const char label_wrapped[] = "csmsg lock key 1", label_seeds[] = "csmsg lock seeds 1";

static void seal(const uint8_t key[32], const char *label, const uint8_t *text, size_t n, uint8_t *out)
{
    randombytes_buf(out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, text, n, (const uint8_t *)label, strlen(label), NULL,
                                               out, key);
}

static bool unseal(const uint8_t key[32], const char *label, const uint8_t *in, size_t n, uint8_t *text)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(text, NULL, NULL, in + NONCE, n - NONCE, (const uint8_t *)label,
                                                      strlen(label), in, key) == 0;
}

static int stretch(const struct identity_lock *l, const char *passphrase, size_t len, uint8_t key[32], struct why *why)
{
    if (crypto_pwhash(key, 32, passphrase, len, l->salt, l->passes, (size_t)l->memory, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return 0;
    why_set(why, "there is not enough memory for the passphrase: 64 MiB are needed");
    return -1;
}

static void put_base64(char *out, size_t size, const uint8_t *data, size_t n)
{
    sodium_bin2base64(out, size, data, n, sodium_base64_VARIANT_ORIGINAL);
}

static size_t format_locked(const struct identity *id, char text[FILE_MAX])
{
    uint8_t seeds[SEEDS], sealed[NONCE + SEEDS + TAG];
    char salt[64], wrapped[128], line[256];
    const struct identity_lock *l = &id->lock;
    memcpy(seeds, id->secret, SEED);
    memcpy(seeds + SEED, id->x.secret, SEED);
    memcpy(seeds + 2 * SEED, id->account_secret, SEED);
    seal(l->store_key, label_seeds, seeds, sizeof seeds, sealed);
    sodium_memzero(seeds, sizeof seeds);
    put_base64(salt, sizeof salt, l->salt, sizeof l->salt);
    put_base64(wrapped, sizeof wrapped, l->wrapped, sizeof l->wrapped);
    put_base64(line, sizeof line, sealed, sizeof sealed);
    int n = snprintf(text, FILE_MAX,
                     "csmsg-key 3\ndevice %016" PRIx64 "\nlock %" PRIu64 " %" PRIu64 " %s\nkey %s\nsealed %s\n",
                     id->device, l->passes, l->memory, salt, wrapped, line);
    return (size_t)n;
}

static size_t format(const struct identity *id, char text[FILE_MAX])
{
    return id->lock.on ? format_locked(id, text) : format_open(id, text);
}

static bool exactly(const char *text, uint8_t *out, size_t size)
{
    size_t n = 0;
    return sodium_base642bin(out, size, text, strlen(text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 && n == size;
}

/* All but the secrets, which stay sealed. */
static bool parse_locked(const char *text, struct identity *id, uint8_t sealed[NONCE + SEEDS + TAG])
{
    char salt[64], wrapped[128], line[256];
    struct identity_lock *l = &id->lock;
    int n = sscanf(text, "csmsg-key 3\ndevice %16" SCNx64 "\nlock %" SCNu64 " %" SCNu64 " %63s\nkey %127s\nsealed %255s",
                   &id->device, &l->passes, &l->memory, salt, wrapped, line);
    l->on = true;
    return n == 6 && id->device != 0 && l->passes >= crypto_pwhash_OPSLIMIT_MIN && l->passes <= PASSES_MAX &&
           l->memory >= crypto_pwhash_MEMLIMIT_MIN && l->memory <= MEMORY_MAX &&
           exactly(salt, l->salt, sizeof l->salt) && exactly(wrapped, l->wrapped, sizeof l->wrapped) &&
           exactly(line, sealed, NONCE + SEEDS + TAG);
}

static int replace(const char *path, const struct identity *id, struct why *why)
{
    char text[FILE_MAX];
    int folder = file_lock_folder(path, why);
    if (folder < 0) return -1;
    size_t n = format(id, text);
    int r = file_replace(path, text, n, why);
    sodium_memzero(text, sizeof text);
    close(folder);
    return r;
}

static bool says_locked(const char *text)
{
    static const char first[] = "csmsg-key 3\n";
    return strncmp(text, first, sizeof first - 1) == 0;
}

int identity_is_locked(const char *path, struct why *why)
{
    char text[FILE_MAX];
    ssize_t n = file_read(path, 077, text, sizeof text, why);
    bool locked = n > 0 && says_locked(text);
    sodium_memzero(text, sizeof text);
    return n < 0 ? -1 : locked;
}

static int open_seeds(struct identity *id, const uint8_t *sealed, struct why *why)
{
    uint8_t seeds[SEEDS];
    bool good = unseal(id->lock.store_key, label_seeds, sealed, NONCE + SEEDS + TAG, seeds);
    if (good) {
        crypto_sign_seed_keypair(id->public_key, id->secret, seeds);
        add_keys(id, seeds + SEED, seeds + 2 * SEED);
    } else {
        why_set(why, "the key file is damaged: its secrets do not open");
        why_hint(why, "restore it from a copy; without it the name cannot be used again");
    }
    sodium_memzero(seeds, sizeof seeds);
    return good ? 0 : -1;
}

int identity_unlock(const char *path, const char *passphrase, size_t len, struct identity *id, struct why *why)
{
    char text[FILE_MAX];
    uint8_t sealed[NONCE + SEEDS + TAG], key[32];
    *id = (struct identity){0};
    if (file_read(path, 077, text, sizeof text, why) < 0) return -1;
    if (!parse_locked(text, id, sealed)) {
        why_set(why, "\"%s\" is damaged: not a device key", path);
        why_hint(why, "restore it from a copy; without it the name cannot be used again");
        return -1;
    }
    if (stretch(&id->lock, passphrase, len, key, why) < 0) return -1;
    int r = unseal(key, label_wrapped, id->lock.wrapped, sizeof id->lock.wrapped, id->lock.store_key)
                ? open_seeds(id, sealed, why)
                : IDENTITY_WRONG;
    sodium_memzero(key, sizeof key);
    if (r == IDENTITY_WRONG) {
        why_set(why, "the passphrase is wrong");
        why_hint(why, "nobody can tell it to you; without it only the paper key brings the account back");
    }
    if (r < 0) identity_wipe(id);
    return r;
}

int identity_lock(const char *path, struct identity *id, const char *passphrase, size_t len, struct why *why)
{
    struct identity_lock l = {.on = true, .passes = PASSES, .memory = MEMORY};
    uint8_t key[32];
    randombytes_buf(l.salt, sizeof l.salt);
    randombytes_buf(l.store_key, sizeof l.store_key);
    if (stretch(&l, passphrase, len, key, why) < 0) return -1;
    seal(key, label_wrapped, l.store_key, sizeof l.store_key, l.wrapped);
    sodium_memzero(key, sizeof key);
    id->lock = l;
    sodium_memzero(&l, sizeof l);
    int r = replace(path, id, why);
    if (r < 0) sodium_memzero(&id->lock, sizeof id->lock);
    return r;
}

int identity_open_up(const char *path, struct identity *id, struct why *why)
{
    sodium_memzero(&id->lock, sizeof id->lock);
    return replace(path, id, why);
}

static int write_new(const char *path, struct why *why)
{
    struct identity id;
    char text[FILE_MAX];
    identity_make(&id);
    size_t n = format(&id, text);
    int made = file_create(path, text, n, why);
    sodium_memzero(text, sizeof text);
    identity_wipe(&id);
    return made;
}

enum { ABSENT = 0, FAILED = -1 };

/* Reads and parses: the version, ABSENT (missing or empty), or FAILED and why. */
static int read_file(const char *path, struct identity *id, struct why *why)
{
    char text[FILE_MAX];
    ssize_t n = file_read(path, 077, text, sizeof text, why);
    bool locked = n > 0 && says_locked(text);
    int version = n > 0 && !locked ? parse(text, id) : 0;
    sodium_memzero(text, sizeof text);
    if (n <= 0) return n < 0 ? FAILED : ABSENT;
    if (version > 0) return version;
    if (locked) {
        why_set(why, "\"%s\" is locked with a passphrase", path);
        return FAILED;
    }
    why_set(why, "\"%s\" is damaged: not a device key", path);
    why_hint(why, "restore it from a copy; without it the name cannot be used again");
    return FAILED;
}

/* Under the folder's lock, so that of several processes one adds the keys that all will use. */
static int add_newer(const char *path, struct identity *id, struct why *why)
{
    int lock = file_lock_folder(path, why);
    if (lock < 0) return -1;
    int version = read_file(path, id, why);
    if (version == 1) {
        char text[FILE_MAX];
        draw_keys(id);
        size_t n = format(id, text);
        if (file_replace(path, text, n, why) < 0) version = -1;
        sodium_memzero(text, sizeof text);
    }
    close(lock);
    return version > 0 ? 0 : -1;
}

int identity_open(const char *path, struct identity *id, struct why *why)
{
    *id = (struct identity){0};
    int version = read_file(path, id, why);
    if (version == ABSENT) {
        if (write_new(path, why) < 0) return -1;
        version = read_file(path, id, why);
    }
    if (version == ABSENT) {
        why_set(why, "\"%s\" is damaged: empty", path);
        why_hint(why, "restore it from a copy; without it the name cannot be used again");
    }
    if (version <= 0) return -1;
    return version == 1 ? add_newer(path, id, why) : 0;
}

int identity_take_account(const char *path, struct identity *id, const uint8_t seed[32], struct why *why)
{
    crypto_sign_seed_keypair(id->account_key, id->account_secret, seed);
    return replace(path, id, why);
}

void identity_sign(const struct identity *id, const void *data, size_t n, uint8_t signature[64])
{
    crypto_sign_detached(signature, NULL, data, n, id->secret);
}

void identity_device(const struct identity *id, struct device_keys *keys)
{
    keys->device = id->device;
    memcpy(keys->ed, id->public_key, sizeof keys->ed);
    memcpy(keys->ed_secret, id->secret, sizeof keys->ed_secret);
    keys->x = id->x;
}

void identity_wipe(struct identity *id)
{
    sodium_memzero(id, sizeof *id);
}
