/* identity.c - see identity.h. The file: three lines, "csmsg-key 1", "device HEX", "seed BASE64".
 */
#include "identity.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"

enum { FILE_MAX = 256, SEED = crypto_sign_SEEDBYTES };

static void from_seed(struct identity *id, const uint8_t seed[SEED])
{
    crypto_sign_seed_keypair(id->public_key, id->secret, seed);
}

void identity_make(struct identity *id)
{
    uint8_t seed[SEED];
    randombytes_buf(seed, sizeof seed);
    from_seed(id, seed);
    sodium_memzero(seed, sizeof seed);
    do
        randombytes_buf(&id->device, sizeof id->device);
    while (id->device == 0);
}

static int parse(const char *path, const char *text, struct identity *id, struct why *why)
{
    uint8_t seed[SEED];
    char base64[64];
    size_t n = 0;
    bool ok =
        sscanf(text, "csmsg-key 1\ndevice %16" SCNx64 "\nseed %63s", &id->device, base64) == 2 &&
        id->device != 0 &&
        sodium_base642bin(seed, SEED, base64, strlen(base64), NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        n == SEED;
    if (ok)
        from_seed(id, seed);
    else {
        why_set(why, "\"%s\" is damaged: not a device key", path);
        why_hint(why, "restore it from a copy; without it the name cannot be used again");
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(base64, sizeof base64);
    return ok ? 0 : -1;
}

static int write_new(const char *path, struct why *why)
{
    struct identity id;
    identity_make(&id);
    char base64[64], text[FILE_MAX];
    sodium_bin2base64(base64, sizeof base64, id.secret, SEED, sodium_base64_VARIANT_ORIGINAL);
    int n = snprintf(text, sizeof text, "csmsg-key 1\ndevice %016" PRIx64 "\nseed %s\n", id.device,
                     base64);
    int made = file_create(path, text, (size_t)n, why);
    sodium_memzero(base64, sizeof base64);
    sodium_memzero(text, sizeof text);
    identity_wipe(&id);
    return made;
}

int identity_open(const char *path, struct identity *id, struct why *why)
{
    char text[FILE_MAX];
    ssize_t n = file_read(path, 077, text, sizeof text, why);
    if (n == 0 && write_new(path, why) >= 0)
        n = file_read(path, 077, text, sizeof text, why);
    else if (n == 0)
        n = -1;
    int r = n < 0 ? -1 : parse(path, text, id, why);
    sodium_memzero(text, sizeof text);
    return r;
}

void identity_sign(const struct identity *id, const void *data, size_t n, uint8_t signature[64])
{
    crypto_sign_detached(signature, NULL, data, n, id->secret);
}

void identity_wipe(struct identity *id)
{
    sodium_memzero(id, sizeof *id);
}
