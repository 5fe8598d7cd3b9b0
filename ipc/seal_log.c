/* seal_log.c - see seal_log.h. Empty in release builds. */
#include "seal_log.h"

#ifdef FAULTS
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "noise.h"

static int log_fd = -1;

void seal_log_open(void)
{
    const char *path = getenv("CSMSG_SEALS");
    if (!path) return;
    log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log_fd < 0) fatal("the log of seals cannot be opened: %s: %s", path, strerror(errno));
}

uint64_t seal_log_max(void)
{
    return log_fd >= 0 ? UINT64_C(1) << 32 : 0;
}

static void put_digest(uint8_t to[8], const uint8_t *data, size_t n)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, data, n);
    memcpy(to, digest, 8);
}

void seal_log(enum seal_kind kind, const struct slab_half *half, const uint8_t *plain, size_t n)
{
    uint8_t entry[SEAL_ENTRY] = {(uint8_t)kind}, used[32];
    if (log_fd < 0) return;
    uint64_t nonce = half->tx_nonce;
    memcpy(used, half->tx_key, sizeof used);
    /* The slab's key changes with the seal of such a number, not before. */
    if (kind == SEAL_ADOPTED && nonce > 0 && nonce % WIRE_REKEY_EVERY == 0) noise_rekey(used);
    put_digest(entry + 8, used, sizeof used);
    put_u64(entry + 16, nonce);
    if (plain) put_digest(entry + 24, plain, n);
    put_u64(entry + 32, half->tx_ready + (plain ? WIRE_RECORD_HEAD + n + NOISE_TAG_LEN : 0));
    sodium_memzero(used, sizeof used);
    if (write(log_fd, entry, sizeof entry) != sizeof entry) fatal("the log of seals: %s", strerror(errno));
}
#else
typedef int seal_log_is_empty; /* ISO C wants a translation unit to have something in it */
#endif
