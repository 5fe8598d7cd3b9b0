/*
 * test_noise.c - the handshake against published vectors in both roles, the flow that client and
 * worker use, and the record cipher. What must be refused is in test_noise_refuse.c.
 */
#include "vectors.h"

#include "noise.h"

enum { MSG_MAX = 256 };

/* Both ends of one handshake. */
struct ends {
    struct noise_handshake side[2]; /* indexed by enum noise_role */
};

static int messages_of(enum noise_pattern p)
{
    return p == NOISE_NX ? 2 : 3;
}

static void vector_init(struct noise_handshake *hs, enum noise_pattern p, enum noise_role role,
                        const json_t *v)
{
    static const char *const names[2][3] = {{"init_prologue", "init_static", "init_ephemeral"},
                                            {"resp_prologue", "resp_static", "resp_ephemeral"}};
    struct bytes text = vectors_bytes(v, names[role][0]);
    uint8_t secret[32];

    noise_init(hs, p, role, text.data, text.len);
    if (role == NOISE_RESPONDER || p == NOISE_XX) {
        vectors_fixed(v, names[role][1], secret, sizeof secret);
        noise_set_static(hs, secret);
    }
    vectors_fixed(v, names[role][2], secret, sizeof secret);
    noise_set_ephemeral(hs, secret);
    free(text.data);
}

/* Takes the static secret away from a responder and has "another process" compute es. */
static void vector_set_es(struct noise_handshake *hs)
{
    uint8_t secret[32], pub[32], es[32];

    memcpy(secret, hs->secret.s, 32);
    memcpy(pub, hs->s_pub, 32);
    sodium_memzero(hs->secret.s, 32);
    sodium_memzero(hs->s_pub, 32);
    hs->has_s = hs->has_s_pub = false;
    noise_set_static_public(hs, pub);
    assert_int_equal(noise_dh(secret, noise_remote_ephemeral(hs), es), 0);
    assert_int_equal(noise_set_es(hs, es), 0);
}

/* Handshake message number m, written by one end and read by the other. */
static void vector_message(struct ends *e, size_t m, struct bytes plain, struct bytes cipher)
{
    uint8_t out[MSG_MAX];
    size_t len;

    assert_int_equal(noise_write(&e->side[m % 2], plain.data, plain.len, out, sizeof out, &len), 0);
    assert_int_equal(len, cipher.len);
    assert_memory_equal(out, cipher.data, len);
    assert_int_equal(
        noise_read(&e->side[1 - m % 2], cipher.data, cipher.len, out, sizeof out, &len), 0);
    assert_int_equal(len, plain.len);
    assert_memory_equal(out, plain.data, len);
}

static void vector_record(struct noise_cipher *send, struct noise_cipher *recv, struct bytes plain,
                          struct bytes cipher)
{
    uint8_t out[MSG_MAX];

    assert_int_equal(cipher.len, plain.len + NOISE_TAG_LEN);
    assert_true(cipher.len <= sizeof out);
    assert_int_equal(noise_seal(send->key, send->nonce++, plain.data, plain.len, out), 0);
    assert_memory_equal(out, cipher.data, cipher.len);
    assert_int_equal(noise_open(recv->key, recv->nonce++, cipher.data, cipher.len, out), 0);
    assert_memory_equal(out, plain.data, plain.len);
}

/* Returns true when the vector states a handshake hash (which both ends then had). */
static bool vector_hash(struct ends *e, const json_t *v)
{
    uint8_t want[32], got[2][32];

    for (int r = 0; r < 2; r++) {
        assert_true(noise_done(&e->side[r]));
        assert_int_equal(noise_hash(&e->side[r], got[r]), 0);
    }
    assert_memory_equal(got[0], got[1], 32);
    if (!json_object_get(v, "handshake_hash")) return false;
    vectors_fixed(v, "handshake_hash", want, sizeof want);
    assert_memory_equal(got[0], want, 32);
    return true;
}

struct tally {
    int vectors, handshake, records, hashes;
};

/* through_es: the responder never holds its static secret. */
static void vector_run(const json_t *v, enum noise_pattern p, bool through_es, struct tally *n)
{
    const json_t *messages = json_object_get(v, "messages");
    struct noise_cipher send[2], recv[2];
    struct ends e;

    for (int r = 0; r < 2; r++)
        vector_init(&e.side[r], p, (enum noise_role)r, v);
    for (size_t m = 0; m < json_array_size(messages); m++) {
        struct bytes plain = vectors_bytes(json_array_get(messages, m), "payload");
        struct bytes cipher = vectors_bytes(json_array_get(messages, m), "ciphertext");
        if (m < (size_t)messages_of(p)) {
            if (m == 1 && through_es) vector_set_es(&e.side[NOISE_RESPONDER]);
            vector_message(&e, m, plain, cipher);
            n->handshake++;
        } else {
            vector_record(&send[m % 2], &recv[1 - m % 2], plain, cipher);
            n->records++;
        }
        free(plain.data);
        free(cipher.data);
        if (m + 1 != (size_t)messages_of(p)) continue;
        n->hashes += vector_hash(&e, v);
        for (int r = 0; r < 2; r++)
            assert_int_equal(noise_split(&e.side[r], &send[r], &recv[r]), 0);
    }
    n->vectors++;
}

static struct tally vector_files(bool through_es)
{
    static const char *const files[] = {"noise/cacophony-25519-chachapoly.json",
                                        "noise/snow-25519-chachapoly.json"};
    static const char *const names[] = {[NOISE_NX] = "Noise_NX_25519_ChaChaPoly_SHA256",
                                        [NOISE_XX] = "Noise_XX_25519_ChaChaPoly_SHA256"};
    struct tally n = {0};

    for (int f = 0; f < 2; f++) {
        json_t *root = vectors_load(files[f]);
        const json_t *all = json_object_get(root, "vectors");
        for (size_t i = 0; i < json_array_size(all); i++)
            for (int p = 0; p < 2; p++)
                if (!strcmp(vectors_text(json_array_get(all, i), "protocol_name"), names[p]))
                    vector_run(json_array_get(all, i), (enum noise_pattern)p, through_es, &n);
        json_decref(root);
    }
    print_message("noise%s: %d vectors, %d handshake messages, %d records, %d handshake hashes\n",
                  through_es ? " through set_es" : "", n.vectors, n.handshake, n.records, n.hashes);
    return n;
}

/* cacophony and snow, NX and XX: 2 + 3 handshake messages each, 4 + 3 and 2 + 2 records. */
static void test_vectors(void **state)
{
    (void)state;
    for (int through_es = 0; through_es < 2; through_es++) {
        struct tally n = vector_files(through_es);
        assert_int_equal(n.vectors, 4);
        assert_int_equal(n.handshake, 10);
        assert_int_equal(n.records, 11);
        assert_int_equal(n.hashes, 2);
    }
}

/* ---- the flow of client, worker and broker ---- */

/* NX with empty payloads; the client's ephemeral is known before its state exists. */
static void real_flow(struct ends *e, struct noise_cipher send[2], struct noise_cipher recv[2])
{
    uint8_t secret[32], hello[32], server[32], server_pub[32], es[32], msg[MSG_MAX];
    size_t len;

    noise_keypair(server, server_pub);
    noise_keypair(secret, hello);
    noise_init(&e->side[0], NOISE_NX, NOISE_INITIATOR, "p", 1);
    noise_set_ephemeral(&e->side[0], secret);
    assert_int_equal(noise_write(&e->side[0], NULL, 0, msg, 32, &len), 0);
    assert_int_equal(len, 32);
    assert_memory_equal(msg, hello, 32);

    noise_init(&e->side[1], NOISE_NX, NOISE_RESPONDER, "p", 1);
    noise_set_static_public(&e->side[1], server_pub);
    assert_null(noise_remote_ephemeral(&e->side[1]));
    assert_int_equal(noise_read(&e->side[1], hello, 32, NULL, 0, &len), 0);
    assert_memory_equal(noise_remote_ephemeral(&e->side[1]), hello, 32);
    assert_int_equal(noise_dh(server, hello, es), 0);
    assert_int_equal(noise_set_es(&e->side[1], es), 0);
    assert_int_equal(noise_write(&e->side[1], NULL, 0, msg, 96, &len), 0);
    assert_int_equal(len, 96);

    assert_null(noise_remote_static(&e->side[0]));
    assert_int_equal(noise_read(&e->side[0], msg, 96, NULL, 0, &len), 0);
    assert_memory_equal(noise_remote_static(&e->side[0]), server_pub, 32);
    for (int r = 0; r < 2; r++)
        assert_int_equal(noise_split(&e->side[r], &send[r], &recv[r]), 0);
}

static void test_flow(void **state)
{
    struct noise_cipher send[2], recv[2], send2[2], recv2[2];
    struct ends e, f;
    uint8_t h[2][32], h2[32];

    (void)state;
    real_flow(&e, send, recv);
    real_flow(&f, send2, recv2);
    for (int r = 0; r < 2; r++) {
        assert_memory_equal(send[r].key, recv[1 - r].key, 32);
        assert_memory_not_equal(send[r].key, recv[r].key, 32);
        assert_memory_not_equal(send[r].key, send2[r].key, 32);
        assert_true(send[r].nonce == 0 && recv[r].nonce == 0);
        /* after the split: hash and peer's keys are there, secrets are not, no second split */
        assert_int_equal(noise_hash(&e.side[r], h[r]), 0);
        assert_true(sodium_is_zero((const uint8_t *)&e.side[r].secret, sizeof e.side[r].secret));
        assert_non_null(noise_remote_ephemeral(&e.side[r]));
        assert_int_equal(noise_split(&e.side[r], &send2[r], &recv2[r]), -1);
        assert_true(sodium_is_zero((const uint8_t *)&e.side[r], sizeof e.side[r]));
    }
    assert_memory_equal(h[0], h[1], 32);
    assert_int_equal(noise_hash(&f.side[0], h2), 0);
    assert_memory_not_equal(h[0], h2, 32);
}

/* A responder draws its own ephemeral, another one each time. */
static void test_random_ephemeral(void **state)
{
    struct noise_handshake a, b;
    uint8_t first[32], second[32];
    size_t len;

    (void)state;
    noise_init(&a, NOISE_NX, NOISE_INITIATOR, NULL, 0);
    noise_init(&b, NOISE_NX, NOISE_INITIATOR, NULL, 0);
    assert_int_equal(noise_write(&a, NULL, 0, first, 32, &len), 0);
    assert_int_equal(noise_write(&b, NULL, 0, second, 32, &len), 0);
    assert_memory_not_equal(first, second, 32);
    noise_wipe(&a);
    noise_wipe(&b);
    assert_true(sodium_is_zero((const uint8_t *)&a, sizeof a));
}

/* ---- records ---- */

static void test_record_tampered(void **state)
{
    uint8_t key[32] = {1}, plain[20] = "twenty bytes of text", out[36], back[20];

    (void)state;
    assert_int_equal(noise_seal(key, 7, plain, sizeof plain, out), 0);
    for (size_t bit = 0; bit < sizeof out * 8; bit++) {
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(back, 1, sizeof back);
        assert_int_equal(noise_open(key, 7, out, sizeof out, back), -1);
        assert_memory_not_equal(back, plain, sizeof plain);
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < sizeof out; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* exact, for the sanitizer */
        memcpy(cut, out, n);
        assert_int_equal(noise_open(key, 7, cut, n, back), -1);
        free(cut);
    }
    assert_int_equal(noise_open(key, 8, out, sizeof out, back), -1);
    assert_int_equal(noise_open(key, 7 + (1ULL << 32), out, sizeof out, back), -1);
    assert_int_equal(noise_open(key, 7, out, sizeof out, back), 0);
    assert_memory_equal(back, plain, sizeof plain);
}

static void test_record_limits(void **state)
{
    static uint8_t a[NOISE_MSG_MAX + 1], b[NOISE_MSG_MAX + 1];
    const size_t most = NOISE_MSG_MAX - NOISE_TAG_LEN;
    uint8_t key[32] = {1}, tag[16];

    (void)state;
    assert_int_equal(noise_seal(key, UINT64_MAX, a, 1, b), -1);
    assert_int_equal(noise_seal(key, UINT64_MAX - 1, a, 1, b), 0);
    assert_int_equal(noise_open(key, UINT64_MAX - 1, b, 17, b), 0);
    assert_int_equal(noise_open(key, UINT64_MAX, b, 17, b), -1);
    assert_int_equal(noise_seal(key, 0, NULL, 0, tag), 0);
    assert_int_equal(noise_open(key, 0, tag, sizeof tag, NULL), 0);
    assert_int_equal(noise_seal(key, 0, a, most + 1, b), -1);
    /* genuine but for its length */
    crypto_aead_chacha20poly1305_ietf_encrypt(b, NULL, a, most + 1, NULL, 0, NULL,
                                              (const uint8_t[12]){0}, key);
    assert_int_equal(noise_open(key, 0, b, sizeof b, a), -1);

    memset(a, 5, most);
    memcpy(b, a, most); /* in place, there and back */
    assert_int_equal(noise_seal(key, 3, b, most, b), 0);
    assert_memory_not_equal(b, a, most);
    assert_int_equal(noise_open(key, 3, b, NOISE_MSG_MAX, b), 0);
    assert_memory_equal(b, a, most);
}

/* A sealed record under the reserved nonce, which noise_open() must refuse though it is genuine. */
static void test_rekey(void **state)
{
    static const uint8_t zeros[32];
    static const uint8_t last[12] = {0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    uint8_t key[32], want[48], out[32];

    (void)state;
    for (int i = 0; i < 3; i++) {
        randombytes_buf(key, sizeof key);
        crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, zeros, sizeof zeros, NULL, 0, NULL,
                                                  last, key);
        assert_int_equal(noise_open(key, UINT64_MAX, want, sizeof want, out), -1);
        noise_rekey(key);
        assert_memory_equal(key, want, sizeof key);
    }
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),          cmocka_unit_test(test_flow),
        cmocka_unit_test(test_random_ephemeral), cmocka_unit_test(test_record_tampered),
        cmocka_unit_test(test_record_limits),    cmocka_unit_test(test_rekey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
