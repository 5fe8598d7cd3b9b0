/*
 * test_noise_refuse.c - everything that the handshake must refuse: flipped bits, cut messages,
 * wrong turns, missing keys, low-order points; and that a refusal leaves nothing behind. Looks into
 * struct noise_handshake where only that shows it.
 */
#include "vectors.h"

#include "hkdf.h"
#include "noise.h"

enum { MSG_MAX = 256, MESSAGES_MAX = 3 };

static const uint8_t prologue[] = "test prologue";
static const char payload[] = "hello";

/* Both ends of one handshake. */
struct ends {
    struct noise_handshake side[2]; /* indexed by enum noise_role */
};

struct message {
    uint8_t data[MSG_MAX];
    size_t len;
};

static int messages_of(enum noise_pattern p)
{
    return p == NOISE_NX ? 2 : 3;
}

/* What a message holds beside its payload. */
static size_t overhead(int m)
{
    return (const size_t[]){32, 96, 64}[m];
}

/* Two fresh ends with random keys. */
static struct ends ends_new(enum noise_pattern p)
{
    struct ends e;
    uint8_t secret[32], pub[32];

    for (int r = 0; r < 2; r++) {
        noise_init(&e.side[r], p, (enum noise_role)r, prologue, sizeof prologue);
        noise_keypair(secret, pub);
        if (r == NOISE_RESPONDER || p == NOISE_XX) noise_set_static(&e.side[r], secret);
        noise_keypair(secret, pub);
        noise_set_ephemeral(&e.side[r], secret);
    }
    return e;
}

static struct message write_ok(struct noise_handshake *hs, const void *data, size_t n)
{
    struct message m;

    assert_int_equal(noise_write(hs, data, n, m.data, sizeof m.data, &m.len), 0);
    return m;
}

/* Reads from a heap copy of exactly n bytes, so that a sanitizer sees a read past the end. */
static int read_copy(struct noise_handshake *hs, const uint8_t *msg, size_t n, uint8_t *out,
                     size_t cap, size_t *len)
{
    uint8_t *copy = malloc(n ? n : 1);

    assert_non_null(copy);
    memcpy(copy, msg, n);
    int rc = noise_read(hs, copy, n, out, cap, len);
    free(copy);
    return rc;
}

static void read_ok(struct noise_handshake *hs, const struct message *m, const void *want, size_t n)
{
    uint8_t out[MSG_MAX];
    size_t len;

    assert_int_equal(read_copy(hs, m->data, m->len, out, n, &len), 0);
    assert_int_equal(len, n);
    assert_memory_equal(out, want, n);
}

/* Passes messages [from, to) between the ends. */
static void run(struct ends *e, int from, int to)
{
    for (int m = from; m < to; m++) {
        struct message msg = write_ok(&e->side[m % 2], payload, sizeof payload);
        assert_int_equal(msg.len, overhead(m) + sizeof payload);
        read_ok(&e->side[1 - m % 2], &msg, payload, sizeof payload);
    }
}

/* Wiped, and no call revives it. */
static void assert_unusable(struct noise_handshake *hs)
{
    uint8_t out[MSG_MAX], key[32] = {9};
    struct noise_cipher a, b;
    size_t len = 1;

    assert_true(sodium_is_zero((const uint8_t *)hs, sizeof *hs));
    noise_set_static(hs, key);
    noise_set_static_public(hs, key);
    noise_set_ephemeral(hs, key);
    assert_true(sodium_is_zero((const uint8_t *)hs, sizeof *hs));
    assert_int_equal(noise_set_es(hs, key), -1);
    assert_int_equal(noise_write(hs, "", 0, out, sizeof out, &len), -1);
    assert_int_equal(len, 0);
    assert_int_equal(noise_read(hs, out, 96, out + 96, 64, &len), -1);
    assert_int_equal(noise_hash(hs, out), -1);
    assert_int_equal(noise_split(hs, &a, &b), -1);
    assert_false(noise_done(hs));
    assert_null(noise_remote_static(hs));
    assert_null(noise_remote_ephemeral(hs));
    assert_true(sodium_is_zero((const uint8_t *)hs, sizeof *hs));
}

static void assert_read_fails(struct noise_handshake *hs, const uint8_t *msg, size_t n)
{
    uint8_t out[MSG_MAX];
    size_t len = 1;

    assert_int_equal(read_copy(hs, msg, n, out, sizeof out, &len), -1);
    assert_int_equal(len, 0);
    assert_unusable(hs);
}

static void assert_write_fails(struct noise_handshake *hs)
{
    uint8_t out[MSG_MAX];
    size_t len = 1;

    assert_int_equal(noise_write(hs, "", 0, out, sizeof out, &len), -1);
    assert_int_equal(len, 0);
    assert_unusable(hs);
}

/*
 * The receiver of message m, given msg instead, must not finish. Message 1 is clear text: a change
 * in it shows when the answer to it is read.
 */
static void assert_refused(const struct ends *before, int m, const uint8_t *msg, size_t n)
{
    struct noise_handshake receiver = before->side[1 - m % 2], sender = before->side[m % 2];
    uint8_t out[MSG_MAX];
    size_t len;

    if (m > 0) {
        assert_read_fails(&receiver, msg, n);
        return;
    }
    if (read_copy(&receiver, msg, n, out, sizeof out, &len) != 0) {
        assert_true(n < overhead(0));
        assert_unusable(&receiver);
        return;
    }
    struct message answer = write_ok(&receiver, "", 0);
    assert_read_fails(&sender, answer.data, answer.len);
}

static void tamper(enum noise_pattern p)
{
    struct ends e = ends_new(p);

    for (int m = 0; m < messages_of(p); m++) {
        struct message msg = write_ok(&e.side[m % 2], payload, sizeof payload);
        for (size_t bit = 0; bit < msg.len * 8; bit++) {
            msg.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_refused(&e, m, msg.data, msg.len);
            msg.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t n = 0; n < msg.len; n++)
            assert_refused(&e, m, msg.data, n);
        assert_refused(&e, m, msg.data, msg.len + 1);
        read_ok(&e.side[1 - m % 2], &msg, payload, sizeof payload);
    }
    assert_true(noise_done(&e.side[0]) && noise_done(&e.side[1]));
}

static void test_tampered(void **state)
{
    (void)state;
    tamper(NOISE_NX);
    tamper(NOISE_XX);
}

/* Different prologues, patterns or protocols never meet. */
static void test_disagreement(void **state)
{
    struct ends a = ends_new(NOISE_NX), b = ends_new(NOISE_XX);

    (void)state;
    b.side[NOISE_INITIATOR] = a.side[NOISE_INITIATOR];
    struct message m = write_ok(&b.side[NOISE_INITIATOR], "", 0);
    read_ok(&b.side[NOISE_RESPONDER], &m, "", 0);
    m = write_ok(&b.side[NOISE_RESPONDER], "", 0);
    assert_read_fails(&b.side[NOISE_INITIATOR], m.data, m.len);

    noise_init(&a.side[NOISE_INITIATOR], NOISE_NX, NOISE_INITIATOR, prologue, sizeof prologue - 1);
    m = write_ok(&a.side[NOISE_INITIATOR], "", 0);
    read_ok(&a.side[NOISE_RESPONDER], &m, "", 0);
    m = write_ok(&a.side[NOISE_RESPONDER], "", 0);
    assert_read_fails(&a.side[NOISE_INITIATOR], m.data, m.len);
}

static void test_wrong_turn(void **state)
{
    static const uint8_t junk[96];
    struct noise_cipher c, d;

    (void)state;
    for (int p = 0; p < 2; p++) {
        for (int m = 0; m <= messages_of((enum noise_pattern)p); m++) {
            struct ends e = ends_new((enum noise_pattern)p), copy;
            run(&e, 0, m);
            copy = e;
            assert_write_fails(&copy.side[1 - m % 2]); /* the other's turn, or none's */
            assert_read_fails(&copy.side[m % 2], junk, sizeof junk);
            if (m == messages_of((enum noise_pattern)p)) continue;
            copy = e;
            assert_int_equal(noise_split(&copy.side[m % 2], &c, &d), -1);
            assert_unusable(&copy.side[m % 2]);
        }
    }
}

static void test_missing_keys(void **state)
{
    struct ends e = ends_new(NOISE_NX);
    uint8_t key[32] = {9}, zero[32] = {0};

    (void)state;
    struct noise_handshake *r = &e.side[NOISE_RESPONDER], copy;
    noise_init(r, NOISE_NX, NOISE_RESPONDER, prologue, sizeof prologue);
    noise_set_static_public(r, key);
    copy = *r;
    assert_int_equal(noise_set_es(&copy, key), -1); /* before the peer's ephemeral */
    assert_unusable(&copy);
    run(&e, 0, 1);
    copy = *r;
    assert_write_fails(&copy); /* public half alone: es never came */
    copy = *r;
    assert_int_equal(noise_set_es(&copy, zero), -1);
    assert_unusable(&copy);
    copy = *r;
    copy.has_s_pub = false;
    assert_int_equal(noise_set_es(&copy, key), -1);
    assert_unusable(&copy);
    assert_int_equal(noise_set_es(&e.side[NOISE_INITIATOR], key), -1);
    assert_unusable(&e.side[NOISE_INITIATOR]);

    e = ends_new(NOISE_XX); /* an initiator without its static key */
    e.side[0].has_s = e.side[0].has_s_pub = false;
    run(&e, 0, 2);
    assert_write_fails(&e.side[0]);

    e = ends_new(NOISE_XX); /* es is a responder's, even where an initiator has all it needs */
    run(&e, 0, 2);
    assert_int_equal(noise_set_es(&e.side[0], key), -1);
    assert_unusable(&e.side[0]);
}

/* One byte too little room on either side; a payload that just fits a message, and one that not. */
static void test_room(void **state)
{
    static uint8_t big[NOISE_MSG_MAX + 1], out[NOISE_MSG_MAX + 1];
    size_t len;

    (void)state;
    for (int m = 0; m < MESSAGES_MAX; m++) {
        struct ends e = ends_new(NOISE_XX), copy;
        run(&e, 0, m);
        for (size_t cap = 0; cap < overhead(m) + sizeof payload; cap++) {
            copy = e;
            uint8_t *tight = malloc(cap ? cap : 1);
            assert_int_equal(
                noise_write(&copy.side[m % 2], payload, sizeof payload, tight, cap, &len), -1);
            assert_unusable(&copy.side[m % 2]);
            free(tight);
        }
        copy = e;
        struct message msg = write_ok(&copy.side[m % 2], payload, sizeof payload);
        assert_int_equal(
            noise_read(&copy.side[1 - m % 2], msg.data, msg.len, out, sizeof payload - 1, &len),
            -1);
        assert_unusable(&copy.side[1 - m % 2]);

        copy = e;
        size_t most = NOISE_MSG_MAX - overhead(m);
        assert_int_equal(noise_write(&copy.side[m % 2], big, most + 1, out, sizeof out, &len), -1);
        copy = e;
        assert_int_equal(noise_write(&copy.side[m % 2], big, most, out, sizeof out, &len), 0);
        assert_int_equal(len, NOISE_MSG_MAX);
        struct noise_handshake again = copy.side[1 - m % 2];
        assert_int_equal(noise_read(&again, out, len + 1, big, sizeof big, &len), -1);
        assert_int_equal(
            noise_read(&copy.side[1 - m % 2], out, NOISE_MSG_MAX, big, sizeof big, &len), 0);
        assert_int_equal(len, most);
    }
}

/* ---- low-order points ---- */

/* MixKey (5.2), written once more. */
static void forge_mix(uint8_t ck[32], uint8_t k[32], const uint8_t dh[32])
{
    uint8_t two[64];

    hkdf_sha256((struct slice){ck, 32}, (struct slice){dh, 32}, (struct slice){0}, two, sizeof two);
    memcpy(ck, two, 32);
    memcpy(k, two + 32, 32);
}

/* EncryptAndHash (5.2) with nonce 0, written once more. */
static void forge_seal(uint8_t h[32], const uint8_t k[32], const uint8_t *in, size_t n,
                       uint8_t *out)
{
    static const uint8_t nonce[12];
    uint8_t both[32 + MSG_MAX];

    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, n, h, 32, NULL, nonce, k);
    memcpy(both, h, 32);
    memcpy(both + 32, out, n + NOISE_TAG_LEN);
    crypto_hash_sha256(h, both, 32 + n + NOISE_TAG_LEN);
}

/*
 * Message 2 with any ephemeral and any ee; r has read message 1. With ee zero it is right in every
 * byte for a client that goes on with the result of a refused point.
 */
static void forge_answer(struct noise_handshake *r, const uint8_t e_pub[32], const uint8_t ee[32],
                         uint8_t msg[96])
{
    uint8_t joined[64], k[32], es[32];

    memcpy(msg, e_pub, 32);
    memcpy(joined, r->h, 32);
    memcpy(joined + 32, e_pub, 32);
    crypto_hash_sha256(r->h, joined, sizeof joined);
    forge_mix(r->secret.ck, k, ee);
    forge_seal(r->h, k, r->s_pub, 32, msg + 32);
    assert_int_equal(noise_dh(r->secret.s, r->re, es), 0);
    forge_mix(r->secret.ck, k, es);
    forge_seal(r->h, k, NULL, 0, msg + 80);
}

/* Has the end write the point as its static key and zero as the DH result that follows. */
static struct message forge_static(struct noise_handshake *hs, const uint8_t point[32])
{
    memcpy(hs->s_pub, point, 32);
    sodium_memzero(hs->secret.es, 32);
    hs->has_es = true;
    return write_ok(hs, "", 0);
}

/* The point in each place where a peer can put it. */
static void refuse_point(const uint8_t point[32])
{
    static const uint8_t zero[32];
    struct ends e = ends_new(NOISE_NX), copy;
    struct message m = {.len = 32};
    uint8_t secret[32], pub[32], out[32], msg[96];

    noise_keypair(secret, pub);
    assert_int_equal(noise_dh(secret, point, out), -1);
    assert_true(sodium_is_zero(out, sizeof out));

    copy = e; /* the client's ephemeral */
    memcpy(m.data, point, 32);
    read_ok(&copy.side[1], &m, "", 0);
    assert_write_fails(&copy.side[1]);

    run(&e, 0, 1);
    copy = e; /* the server's ephemeral */
    forge_answer(&copy.side[1], point, zero, msg);
    assert_read_fails(&copy.side[0], msg, sizeof msg);

    m = forge_static(&e.side[1], point); /* the server's static key */
    assert_read_fails(&e.side[0], m.data, m.len);

    e = ends_new(NOISE_XX);
    run(&e, 0, 2);
    m = forge_static(&e.side[0], point); /* the client's static key */
    assert_read_fails(&e.side[1], m.data, m.len);
}

/* The points are those of Wycheproof whose result is zero. */
static void test_low_order(void **state)
{
    json_t *root = vectors_load("wycheproof/x25519_test.json");
    const json_t *groups = json_object_get(root, "testGroups");
    int points = 0;

    (void)state;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *tests = json_object_get(json_array_get(groups, g), "tests");
        for (size_t t = 0; t < json_array_size(tests); t++) {
            uint8_t point[32];
            if (!vectors_flagged(json_array_get(tests, t), "ZeroSharedSecret")) continue;
            vectors_fixed(json_array_get(tests, t), "public", point, sizeof point);
            refuse_point(point);
            points++;
        }
    }
    print_message("low order: %d points refused in 4 places each\n", points);
    assert_int_equal(points, 31);
    json_decref(root);
}

/* The forger does its part right: given an honest ee it is believed. */
static void test_forger(void **state)
{
    struct ends e = ends_new(NOISE_NX);
    struct noise_handshake *r = &e.side[1];
    uint8_t ee[32], msg[96];
    size_t len;

    (void)state;
    run(&e, 0, 1);
    assert_int_equal(noise_dh(r->secret.e, r->re, ee), 0);
    forge_answer(r, r->e_pub, ee, msg);
    assert_int_equal(noise_read(&e.side[0], msg, sizeof msg, NULL, 0, &len), 0);
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tampered),   cmocka_unit_test(test_disagreement),
        cmocka_unit_test(test_wrong_turn), cmocka_unit_test(test_missing_keys),
        cmocka_unit_test(test_room),       cmocka_unit_test(test_low_order),
        cmocka_unit_test(test_forger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
