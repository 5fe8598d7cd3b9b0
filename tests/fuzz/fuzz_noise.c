/*
 * fuzz_noise.c - handshake messages and records: both patterns, both roles. A message is made by a
 * real peer, cut, prolonged or changed by the input, and read. Unchanged it must be taken, with the
 * payload that was given; changed, refused - and then the handshake must be dead.
 *
 * Input: a byte of choices, the length of the payload, then changes (place u16, value): a value
 * of 0 cuts the message there.
 */
#include "fuzz.h"
#include "noise.h"

enum { PAYLOAD_MAX = 200 };

static uint8_t key[2][32], pub[2][32];

static void start(struct noise_handshake *hs, enum noise_pattern pattern, enum noise_role role)
{
    noise_init(hs, pattern, role, "fuzz", 4);
    if (pattern == NOISE_XX || role == NOISE_RESPONDER) noise_set_static(hs, key[role]);
}

/* Applies what is left of the input; true when the message is another one than before. */
static bool change(uint8_t *msg, size_t *n, struct cur *in)
{
    uint8_t before[1024];
    size_t len = *n;
    memcpy(before, msg, len);
    while ((size_t)(in->end - in->p) >= 3) {
        size_t at = cur_u16(in);
        uint8_t value = cur_u8(in);
        if (at >= *n) continue;
        if (value == 0)
            *n = at;
        else
            msg[at] ^= value;
    }
    return *n != len || memcmp(before, msg, len) != 0;
}

static void check_dead(struct noise_handshake *hs)
{
    uint8_t out[1024], h[32];
    size_t n = 1;
    struct noise_cipher a, b;
    CHECK(noise_write(hs, NULL, 0, out, sizeof out, &n) == -1 && n == 0);
    CHECK(noise_read(hs, out, 32, out + 100, 100, &n) == -1 && n == 0);
    CHECK(noise_hash(hs, h) == -1 && noise_split(hs, &a, &b) == -1);
}

/* One bit of an X25519 key counts for nothing, and no tag stands over a payload in clear text. */
static bool may_pass(unsigned message)
{
    return message == 0;
}

static void records(struct noise_cipher *from, struct noise_cipher *to, struct cur *in)
{
    uint8_t plain[64] = {5}, sealed[64 + NOISE_TAG_LEN], out[64];
    size_t n = sizeof sealed;
    CHECK(memcmp(from->key, to->key, 32) == 0);
    CHECK(noise_seal(from->key, from->nonce, plain, sizeof plain, sealed) == 0);
    bool changed = change(sealed, &n, in);
    int r = noise_open(to->key, to->nonce, sealed, n, out);
    CHECK(r == (changed ? -1 : 0));
    CHECK(changed || memcmp(out, plain, sizeof plain) == 0);
}

/* The messages in turn; the one that the input chose is changed. */
static void talk(enum noise_pattern pattern, unsigned victim, size_t payload, struct cur *in)
{
    struct noise_handshake side[2];
    uint8_t msg[1024], given[PAYLOAD_MAX], taken[PAYLOAD_MAX];
    struct noise_cipher send[2], recv[2];
    size_t n, got;
    unsigned messages = pattern == NOISE_NX ? 2 : 3;
    memset(given, 0x5a, sizeof given);
    start(&side[0], pattern, NOISE_INITIATOR);
    start(&side[1], pattern, NOISE_RESPONDER);
    for (unsigned i = 0; i < messages; i++) {
        CHECK(noise_write(&side[i & 1], given, payload, msg, sizeof msg, &n) == 0);
        bool changed = i == victim && change(msg, &n, in);
        uint8_t *exact = fuzz_copy(msg, n);
        int r = noise_read(&side[~i & 1], exact, n, taken, payload, &got);
        free(exact);
        CHECK(r == 0 || got == 0);
        CHECK(changed || (r == 0 && got == payload && memcmp(taken, given, payload) == 0));
        if (r < 0) check_dead(&side[~i & 1]);
        if (r < 0 || changed) {
            CHECK(r < 0 || may_pass(i));
            break;
        }
    }
    if (noise_done(&side[0]) && noise_done(&side[1])) {
        CHECK(noise_split(&side[0], &send[0], &recv[0]) == 0);
        CHECK(noise_split(&side[1], &send[1], &recv[1]) == 0);
        records(&send[0], &recv[1], in);
    }
    noise_wipe(&side[0]);
    noise_wipe(&side[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    uint8_t choice = cur_u8(&in);
    size_t payload = cur_u8(&in) % PAYLOAD_MAX;
    fuzz_random_start();
    for (int i = 0; i < 2; i++)
        noise_keypair(key[i], pub[i]);
    talk(choice & 1 ? NOISE_XX : NOISE_NX, choice >> 1 & 3, payload, &in);
    return 0;
}
