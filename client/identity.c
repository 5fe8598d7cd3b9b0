/*
 * identity.c - see identity.h. The file: "csmsg-key 2", "device HEX", then "seed", "agree" and
 * "account", each with 32 bytes in base64. Version 1 ended after "seed".
 */
#include "identity.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

enum { FILE_MAX = 512, SEED = crypto_sign_SEEDBYTES, BASE64 = 64 };

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
    id->device = device;
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

static size_t format(const struct identity *id, char text[FILE_MAX])
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
    int version = n > 0 ? parse(text, id) : 0;
    sodium_memzero(text, sizeof text);
    if (n <= 0) return n < 0 ? FAILED : ABSENT;
    if (version > 0) return version;
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
    char text[FILE_MAX];
    int lock = file_lock_folder(path, why);
    if (lock < 0) return -1;
    crypto_sign_seed_keypair(id->account_key, id->account_secret, seed);
    size_t n = format(id, text);
    int r = file_replace(path, text, n, why);
    sodium_memzero(text, sizeof text);
    close(lock);
    return r;
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
