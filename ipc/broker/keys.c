/*
 * keys.c - the server's identity (Ed25519), the transport key that it certifies (X25519), and the
 * key of the tickets; all in DIR/keys, owner-only, made at first start.
 *
 * Clients pin the identity, so the transport key can be changed without teaching anybody to click a
 * warning away. A file is replaced by temporary file, fsync, rename, fsync of the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker.h"
#include "log.h"
#include "noise.h"

enum { VALID_DAYS = 3650 };

static int write_file(const char *dir, const char *name, const void *data, size_t n)
{
    char path[SETTINGS_PATH_LEN + 32], temp[SETTINGS_PATH_LEN + 40];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(temp, sizeof temp, "%s/%s.new", dir, name);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    bool good = write(fd, data, n) == (ssize_t)n && fsync(fd) == 0;
    close(fd);
    if (!good || rename(temp, path)) return -1;
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    int r = fsync(folder);
    close(folder);
    return r;
}

/* 0; -1 with errno, EINVAL when the length is wrong. */
static int read_file(const char *dir, const char *name, void *data, size_t n)
{
    char path[SETTINGS_PATH_LEN + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    uint8_t more;
    bool good = read(fd, data, n) == (ssize_t)n && read(fd, &more, 1) == 0;
    close(fd);
    if (!good) errno = EINVAL;
    return good ? 0 : -1;
}

/* A secret of 32 bytes: read, or made. */
static void secret(const char *dir, const char *name, uint8_t out[32])
{
    if (read_file(dir, name, out, 32) == 0) return;
    if (errno != ENOENT)
        fatal("cannot use %s/%s: %s; put back a copy, or move it away to start with a new key", dir,
              name, strerror(errno));
    randombytes_buf(out, 32);
    if (write_file(dir, name, out, 32)) fatal("cannot write %s/%s: %s", dir, name, strerror(errno));
}

static void certify(struct keys *k)
{
    struct wire_cert *c = &k->cert;
    uint8_t signed_bytes[WIRE_CERT_SIGNED];
    memcpy(c->server_id, k->server_id, 32);
    crypto_scalarmult_base(c->transport_key, k->transport_secret);
    /* Renewed at each start; a day back, for clocks that are late. */
    c->not_before_ms = clock_wall_ms() - 86400000u;
    c->not_after_ms = clock_wall_ms() + UINT64_C(86400000) * VALID_DAYS;
    wire_cert_signed(c, signed_bytes);
    crypto_sign_detached(c->signature, NULL, signed_bytes, sizeof signed_bytes, k->server_secret);
}

void keys_load(struct keys *k, const char *dir)
{
    char folder[SETTINGS_PATH_LEN + 8];
    uint8_t seed[32];
    snprintf(folder, sizeof folder, "%s/keys", dir);
    if (mkdir(folder, 0700) && errno != EEXIST) fatal("cannot make %s: %s", folder, strerror(errno));
    secret(folder, "identity", seed);
    crypto_sign_seed_keypair(k->server_id, k->server_secret, seed);
    sodium_memzero(seed, sizeof seed);
    secret(folder, "transport", k->transport_secret);
    secret(folder, "ticket", k->ticket);
    certify(k);
}

int keys_rotate(struct keys *k, const char *dir)
{
    char folder[SETTINGS_PATH_LEN + 8];
    uint8_t fresh[32];
    snprintf(folder, sizeof folder, "%s/keys", dir);
    randombytes_buf(fresh, sizeof fresh);
    int r = write_file(folder, "transport", fresh, sizeof fresh);
    if (r == 0) {
        memcpy(k->transport_secret, fresh, sizeof fresh);
        certify(k);
    }
    sodium_memzero(fresh, sizeof fresh);
    return r;
}

/* docs/protocol.md section 9: 20 bytes of SHA-256, Crockford base 32, in groups of four. */
void keys_fingerprint(const uint8_t server_id[32], char out[40])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t h[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(h, server_id, 32);
    char *at = out;
    for (unsigned i = 0; i < 32; i++) {
        unsigned bit = 5 * i, word = (unsigned)(h[bit / 8] << 8 | h[bit / 8 + 1]);
        if (i && i % 4 == 0) *at++ = '-';
        *at++ = digits[word >> (11 - bit % 8) & 31];
    }
    *at = 0;
}
