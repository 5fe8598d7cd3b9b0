/*
 * test_sealed_model.c - two ends of a ratchet under random loss, repeats, damage and disorder: the
 * same game as tests/reference/sealed_ratchet.py, with the same outcome, byte for byte, as the
 * second implementation had. TEST_RATCHET names another file of its, as `make ratchet-model` does.
 */
#include "sealed_help.h"

enum { FLIGHT = 64, POINTS = 10 };

struct game {
    uint64_t dice;
    uint32_t day;
    struct stream stream[2];
    struct sealed_random rnd[2];
    struct ratchet end[2];
    struct buf flight[2][FLIGHT]; /* by sender */
    size_t n[2];
    uint8_t digest[32];
    uint64_t sent, opened, refused;
    uint8_t *headers; /* of all that was sent, 36 bytes each: ratchet key and number */
    size_t room;
};

static uint32_t roll(struct game *g, uint32_t n)
{
    g->dice = g->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(g->dice >> 32) % n;
}

static void note(struct game *g, const void *a, size_t na, const void *b, size_t nb)
{
    crypto_hash_sha256_state st;
    crypto_hash_sha256_init(&st);
    crypto_hash_sha256_update(&st, g->digest, sizeof g->digest);
    crypto_hash_sha256_update(&st, a, na);
    crypto_hash_sha256_update(&st, b, nb);
    crypto_hash_sha256_final(&st, g->digest);
}

static void game_start(struct game *g)
{
    static const char *const labels[] = {"game a", "game b"};
    uint8_t sk[32], ad[32];
    struct sealed_pair pair;
    *g = (struct game){.dice = 1, .day = 20000};
    sealed_hash("game", TEXT("sk"), sk);
    sealed_hash("game", TEXT("ad"), ad);
    for (int i = 0; i < 2; i++)
        g->rnd[i] = stream_open(&g->stream[i], labels[i]);
    sealed_pair_make(&pair, &g->rnd[1]);
    assert_int_equal(ratchet_start(&g->end[0], sk, ad, pair.public_key, &g->rnd[0]), 0);
    ratchet_answer(&g->end[1], sk, ad, &pair);
}

static void remember_header(struct game *g, const struct buf *message)
{
    if (g->sent == g->room) {
        g->room = g->room ? g->room * 2 : 1024;
        g->headers = realloc(g->headers, g->room * 36);
        assert_non_null(g->headers);
    }
    memcpy(g->headers + g->sent * 36, buf_head(message), 32);
    memcpy(g->headers + g->sent * 36 + 32, buf_head(message) + 36, 4);
}

static void game_send(struct game *g, uint32_t side, bool kept)
{
    uint8_t text[8 + 40] = {0};
    struct buf message = {0};
    if (!g->end[side].core.can_send) return;
    put_u64(text, g->sent);
    size_t n = 8 + roll(g, 40);
    assert_int_equal(ratchet_seal(&g->end[side], sealed_slice(text, n), &g->rnd[side], &message, 0),
                     0);
    remember_header(g, &message);
    g->sent++;
    note(g, buf_head(&message), buf_len(&message), NULL, 0);
    if (kept && g->n[side] < FLIGHT)
        g->flight[side][g->n[side]++] = message;
    else
        buf_free(&message);
}

static void game_receive(struct game *g, uint32_t side, struct slice message)
{
    struct buf out = {0};
    uint8_t what[2] = {(uint8_t)side, 0};
    what[1] = (uint8_t)ratchet_open(&g->end[side], message, 0, g->day, &out);
    if (what[1] == RATCHET_OPENED)
        g->opened++;
    else
        g->refused++;
    note(g, what, 2, out.data, buf_len(&out));
    assert_true(g->end[side].n_skipped <= RATCHET_SKIP_ALL);
    buf_free(&out);
}

static void game_take(struct game *g, uint32_t from, size_t at)
{
    buf_free(&g->flight[from][at]);
    g->n[from]--;
    memmove(&g->flight[from][at], &g->flight[from][at + 1],
            (g->n[from] - at) * sizeof g->flight[0][0]);
}

static void game_deliver(struct game *g, uint32_t side)
{
    uint32_t from = 1 - side, n = (uint32_t)g->n[from];
    if (n == 0) return;
    bool near = roll(g, 4) > 0;
    size_t at = roll(g, near && n > 8 ? 8 : n);
    struct slice message = sealed_head(&g->flight[from][at]);
    uint32_t fate = roll(g, 20);
    if (fate == 2) {
        uint32_t bit = roll(g, (uint32_t)message.len * 8);
        uint8_t *byte = buf_head(&g->flight[from][at]) + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        game_receive(g, side, message);
        *byte ^= (uint8_t)(1 << bit % 8);
        return;
    }
    if (fate != 0) game_receive(g, side, message);
    if (fate != 1) game_take(g, from, at);
}

static void game_turn(struct game *g)
{
    uint32_t what = roll(g, 1000), side = roll(g, 2);
    if (what < 500) {
        game_send(g, side, true);
    } else if (what < 990) {
        game_deliver(g, side);
    } else if (what < 999) {
        g->day += roll(g, 3);
    } else {
        for (uint32_t lost = roll(g, 700); lost > 0; lost--)
            game_send(g, side, false);
    }
}

static int by_header(const void *a, const void *b)
{
    return memcmp(a, b, 36);
}

/* One ratchet key and number is one message key: used twice, two texts would share key and nonce.
 */
static void no_key_twice(struct game *g)
{
    qsort(g->headers, g->sent, 36, by_header);
    for (size_t i = 1; i < g->sent; i++)
        assert_memory_not_equal(g->headers + (i - 1) * 36, g->headers + i * 36, 36);
}

static void state_is(const json_t *root, const char *key, struct ratchet *r)
{
    struct buf state = {0}, again = {0};
    struct ratchet read;
    uint8_t want[32], hash[32];
    ratchet_encode(r, &state);
    crypto_hash_sha256(hash, buf_head(&state), buf_len(&state));
    vectors_fixed(root, key, want, sizeof want);
    assert_memory_equal(hash, want, sizeof want);
    assert_true(ratchet_decode(&read, sealed_head(&state), NULL));
    ratchet_encode(&read, &again);
    assert_int_equal(buf_len(&again), buf_len(&state));
    assert_memory_equal(buf_head(&again), buf_head(&state), buf_len(&state));
    ratchet_wipe(&read);
    buf_free(&state);
    buf_free(&again);
}

static void same_as_the_model(void **state)
{
    (void)state;
    static struct game g;
    const char *file = getenv("TEST_RATCHET");
    json_t *root = file ? json_load_file(file, 0, NULL) : vectors_load("sealed/ratchet.json");
    assert_non_null(root);
    uint64_t messages = (uint64_t)json_integer_value(json_object_get(root, "messages"));
    const json_t *points = json_object_get(root, "points");
    assert_true(messages >= 100000);
    assert_int_equal(json_array_size(points), POINTS);
    game_start(&g);
    for (uint64_t point = 0; point < POINTS;) {
        game_turn(&g);
        for (; point < POINTS && g.sent >= messages * (point + 1) / POINTS; point++) {
            char hex[65];
            sodium_bin2hex(hex, sizeof hex, g.digest, sizeof g.digest);
            assert_string_equal(hex, json_string_value(json_array_get(points, point)));
        }
    }
    assert_int_equal(g.opened, json_integer_value(json_object_get(root, "opened")));
    assert_int_equal(g.refused, json_integer_value(json_object_get(root, "refused")));
    state_is(root, "state_a", &g.end[0]);
    state_is(root, "state_b", &g.end[1]);
    no_key_twice(&g);
    print_message(
        "cases: %d messages, %d opened, %d refused, as the second implementation has it\n",
        (int)g.sent, (int)g.opened, (int)g.refused);
    for (uint32_t side = 0; side < 2; side++) {
        while (g.n[side])
            game_take(&g, side, 0);
        ratchet_wipe(&g.end[side]);
    }
    free(g.headers);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_the_model)};
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
