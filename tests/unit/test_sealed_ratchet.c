/*
 * test_sealed_ratchet.c - the ratchet under attack, as it is used, with a session around it: forged
 * heads, skipped keys, stolen and stored states (F1, F2, F4, F10 of docs/sealed.md section 14).
 */
#include "sealed_help.h"

#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_hundred_thousand_forged_heads(void **state)
{
    struct pair *p = *state;
    uint64_t dice = 1;
    acquaint(p);
    struct buf late = say(&p->a, &p->alice, "skipped, and opened late");
    pass(p, true, "after it");
    struct buf real = say(&p->a, &p->alice, "still here"), before = frozen(&p->b, &p->bob.prekeys);
    for (int i = 0; i < 100000; i++) {
        struct buf forged = {0}, out = {0};
        buf_put(&forged, buf_head(&real), buf_len(&real));
        dice = dice * UINT64_C(6364136223846793005) + 1;
        uint32_t r = (uint32_t)(dice >> 33);
        uint8_t *at = buf_head(&forged);
        /* Mostly header and ciphertext; a new ratchet key costs a DH each: now and then. */
        size_t from = i % 50 == 0 ? 10 : 10 + 32;
        at[from + r % (buf_len(&forged) - from)] ^= (uint8_t)(1 << (dice >> 20) % 8);
        assert_int_not_equal(sessions_open(&p->b, &p->bob.self, &p->alice.self.who, &p->bob.prekeys,
                                           sealed_head(&forged), TODAY, &out, NULL),
                             SESSION_OPENED);
        assert_int_equal(buf_len(&out), 0);
        buf_free(&forged);
        buf_free(&out);
    }
    assert_frozen(&before, &p->b, &p->bob.prekeys);
    assert_int_equal(to_bob(p, &real, "still here"), SESSION_OPENED);
    assert_int_equal(to_bob(p, &late, "skipped, and opened late"), SESSION_OPENED);
    buf_free(&late);
    buf_free(&real);
}

static void every_flipped_bit_is_refused(void **state)
{
    struct pair *p = *state;
    start(&p->a, &p->alice, &p->bob, 0);
    for (int round = 0; round < 2; round++) {
        struct buf head = say(&p->a, &p->alice, "x"), before = frozen(&p->b, &p->bob.prekeys);
        for (size_t bit = 0; bit < buf_len(&head) * 8; bit++) {
            buf_head(&head)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(to_bob(p, &head, "x"), SESSION_OPENED);
            buf_head(&head)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t n = 0; n < buf_len(&head); n++) {
            struct buf cut = {.data = head.data, .off = head.off, .len = head.off + n};
            assert_int_not_equal(to_bob(p, &cut, "x"), SESSION_OPENED);
        }
        assert_frozen(&before, &p->b, &p->bob.prekeys);
        assert_int_equal(to_bob(p, &head, "x"), SESSION_OPENED);
        buf_free(&head);
        if (round == 0) pass(p, false, "answer"); /* then without the X3DH part */
    }
}

static void skip_bombs(void **state)
{
    struct pair *p = *state;
    acquaint(p);
    lose(p, RATCHET_SKIP_STEP + 1);
    struct buf far = say(&p->a, &p->alice, "far"), before = frozen(&p->b, NULL);
    assert_int_equal(to_bob(p, &far, "far"), SESSION_TOO_FAR);
    double began = seconds();
    for (int field = 0; field < 2; field++) { /* pn and n at their highest, old key and new */
        for (int fresh = 0; fresh < 2; fresh++) {
            struct buf bomb = {0};
            buf_put(&bomb, buf_head(&far), buf_len(&far));
            put_u32(buf_head(&bomb) + SESSION_HEAD_PLAIN + 32 + 4 * field, UINT32_MAX);
            if (fresh) buf_head(&bomb)[SESSION_HEAD_PLAIN] ^= 1;
            assert_int_equal(to_bob(p, &bomb, ""), SESSION_TOO_FAR);
            buf_free(&bomb);
        }
    }
    assert_true(seconds() - began < 4 * 0.005);
    assert_frozen(&before, &p->b, NULL);
    buf_free(&far);
}

/* The most that one step may pass over, more often than keys are kept. */
static void skipped_keys_stay_bounded(void **state)
{
    struct pair *p = *state;
    acquaint(p);
    struct buf oldest = say(&p->a, &p->alice, "oldest"), older = say(&p->a, &p->alice, "kept");
    for (int round = 0; round < 2; round++) {
        lose(p, RATCHET_SKIP_STEP - (round == 0 ? 2 : 0));
        pass(p, true, "next");
    }
    assert_int_equal(ratchet_of(&p->b)->n_skipped, RATCHET_SKIP_ALL);
    assert_int_equal(ratchet_of(&p->b)->skipped[0].n, 0); /* "oldest" */
    lose(p, 1);
    pass(p, true, "one more");
    assert_int_equal(ratchet_of(&p->b)->n_skipped, RATCHET_SKIP_ALL);
    assert_int_equal(to_bob(p, &oldest, "oldest"), SESSION_NO_KEY); /* the oldest went */
    assert_int_equal(to_bob(p, &older, "kept"), SESSION_OPENED);
    buf_free(&oldest);
    buf_free(&older);

    struct buf state_now = {0};
    ratchet_encode(ratchet_of(&p->b), &state_now);
    assert_int_equal(buf_len(&state_now),
                     RATCHET_STATE + (RATCHET_SKIP_ALL - 1) * RATCHET_STATE_KEY);
    buf_free(&state_now);
}

static void skipped_keys_expire(void **state)
{
    struct pair *p = *state;
    acquaint(p);
    struct buf late = say(&p->a, &p->alice, "late"), later = say(&p->a, &p->alice, "later");
    struct buf now = say(&p->a, &p->alice, "now");
    assert_int_equal(to_bob(p, &now, "now"), SESSION_OPENED); /* both keys are of TODAY */
    assert_int_equal(
        hear_on(&p->b, &p->bob, &p->alice.self.who, &late, TODAY + RATCHET_SKIP_DAYS, "late", NULL),
        SESSION_OPENED);
    assert_int_equal(hear_on(&p->b, &p->bob, &p->alice.self.who, &later,
                             TODAY + RATCHET_SKIP_DAYS + 1, "later", NULL),
                     SESSION_NO_KEY);
    struct buf last = say(&p->a, &p->alice, "last");
    assert_int_equal(hear_on(&p->b, &p->bob, &p->alice.self.who, &last,
                             TODAY + RATCHET_SKIP_DAYS + 1, "last", NULL),
                     SESSION_OPENED);
    assert_int_equal(ratchet_of(&p->b)->n_skipped, 0);
    buf_free(&late);
    buf_free(&later);
    buf_free(&now);
    buf_free(&last);
}

/* A message of five chains back opens; one of six is taken for a forged beginning of a chain. */
static void keys_of_old_chains_go(void **state)
{
    struct pair *p = *state;
    struct buf late[2];
    acquaint(p);
    for (int extra = 0; extra < 2; extra++) {
        late[extra] = say(&p->a, &p->alice, "late");
        for (int i = 0; i < RATCHET_OLD_CHAINS + extra; i++) {
            pass(p, true, "on");
            pass(p, false, "and on");
        }
        pass(p, true, "on");
        assert_int_equal(to_bob(p, &late[extra], "late"), extra ? SESSION_DAMAGED : SESSION_OPENED);
        buf_free(&late[extra]);
    }
}

/* What was committed is what is sent: state before the crash and after it seal different texts
 * under different keys only if the state was stored first; from the same state the same bytes come.
 */
static void a_stored_state_goes_on_where_it_was(void **state)
{
    struct pair *p = *state;
    acquaint(p);
    struct buf stored = {0};
    sessions_encode(&p->a, &stored);
    struct stream before = p->alice.stream;
    struct buf one = say(&p->a, &p->alice, "text");
    sessions_wipe(&p->a);
    assert_true(sessions_decode(&p->a, sealed_head(&stored)));
    p->alice.stream = before;
    struct buf two = say(&p->a, &p->alice, "text");
    assert_int_equal(buf_len(&one), buf_len(&two));
    assert_memory_equal(buf_head(&one), buf_head(&two), buf_len(&one));
    assert_int_equal(to_bob(p, &two, "text"), SESSION_OPENED);
    pass(p, true, "next");
    sealed_buf_wipe(&stored);
    buf_free(&one);
    buf_free(&two);
}

/* A failed seal moves nothing either. */
static void who_has_heard_nothing_cannot_speak(void **state)
{
    struct pair *p = *state;
    struct ratchet r;
    struct buf out = {0};
    ratchet_answer(&r, p->alice.seed, p->bob.seed, &p->bob.keys.x);
    assert_int_equal(ratchet_seal(&r, TEXT("x"), &p->bob.rnd, &out, 0), -1);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(sessions_seal(&p->a, TEXT("x"), TODAY, &p->alice.rnd, &out), -1);
    ratchet_wipe(&r);
    buf_free(&out);
}

#if !defined(__SANITIZE_ADDRESS__)
/* How often these 32 bytes, given with every bit turned, are in the heap. */
static size_t in_heap(const uint8_t turned[32])
{
    char line[256];
    size_t found = 0;
    uint8_t *from = NULL, *to = NULL;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "[heap]"))
            assert_int_equal(sscanf(line, "%p-%p", (void **)&from, (void **)&to), 2);
    fclose(maps);
    for (uint8_t *at = from; at + 32 <= to; at++) {
        int same = 0;
        while (same < 32 && (at[same] ^ turned[same]) == 0xff)
            same++;
        found += same == 32;
    }
    return found;
}

static void turn(uint8_t to[32], const uint8_t from[32])
{
    for (int i = 0; i < 32; i++)
        to[i] = from[i] ^ 0xff;
}

/* Every secret of a session is found while it lives, and nowhere in the heap after it was wiped. */
static void secrets_leave_the_heap(void **state)
{
    struct pair *p = *state;
    uint8_t secret[8][32];
    p->alice.rnd = p->bob.rnd =
        sealed_random_system; /* other tests have used the streams' secrets */
    prekeys_wipe(&p->bob.prekeys);
    assert_true(prekeys_rotate(&p->bob.prekeys, &p->bob.keys, p->bob.account, NOW_MS, &p->bob.rnd));
    assert_int_equal(prekeys_refill(&p->bob.prekeys, 0, &p->bob.rnd), PREKEY_ONE_TIME);
    acquaint(p);
    for (int round = 0; round < 3; round++) { /* the array of skipped keys grows and moves */
        lose(p, 40 << round);
        pass(p, true, "on");
    }
    struct sessions *live = calloc(1, sizeof *live);
    struct buf stored = {0};
    sessions_encode(&p->b, &stored);
    sessions_wipe(&p->b);
    assert_true(sessions_decode(live, sealed_head(&stored)));
    sealed_buf_wipe(&stored);
    const struct ratchet *r = ratchet_of(live);
    turn(secret[0], r->core.root);
    turn(secret[1], r->core.recv_chain);
    turn(secret[2], r->core.self.secret);
    turn(secret[3], r->skipped[0].key);
    turn(secret[4], r->skipped[r->n_skipped - 1].key);
    turn(secret[5], p->bob.prekeys.one_time[0].pair.secret);
    turn(secret[6], p->bob.prekeys.one_time[50].pair.secret);
    turn(secret[7], p->bob.prekeys.signed_key[0].pair.secret);
    for (int i = 0; i < 8; i++)
        assert_true(in_heap(secret[i]) >= 1); /* the search finds what is there */
    sessions_wipe(&p->a);                     /* shares the root with it */
    sessions_wipe(live);
    free(live);
    prekeys_wipe(&p->bob.prekeys);
    for (int i = 0; i < 8; i++)
        if (in_heap(secret[i])) fail_msg("secret %d is still there", i);
}

#endif

/* Stolen at time t: nothing earlier opens, and nothing after both have spoken again. */
static void a_stolen_state(void **state)
{
    struct pair *p = *state;
    struct buf stolen = {0};
    struct sessions thief;
    acquaint(p);
    struct buf earlier = say(&p->a, &p->alice, "earlier");
    assert_int_equal(to_bob(p, &earlier, "earlier"), SESSION_OPENED);
    sessions_encode(&p->b, &stolen);
    assert_true(sessions_decode(&thief, sealed_head(&stolen)));
    assert_int_equal(hear(&thief, &p->bob, &p->alice.self.who, &earlier, ""), SESSION_NO_KEY);
    struct buf soon = say(&p->a, &p->alice, "soon");
    assert_int_equal(to_bob(p, &soon, "soon"), SESSION_OPENED);
    assert_int_equal(hear(&thief, &p->bob, &p->alice.self.who, &soon, "soon"), SESSION_OPENED);
    pass(p, false, "Bob's new key");
    pass(p, true, "Alice's new key"); /* a thief with Bob's old key cannot follow */
    struct buf after = say(&p->a, &p->alice, "after");
    assert_int_equal(hear(&thief, &p->bob, &p->alice.self.who, &after, ""), SESSION_DAMAGED);
    assert_int_equal(to_bob(p, &after, "after"), SESSION_OPENED);
    sessions_wipe(&thief);
    sealed_buf_wipe(&stolen);
    buf_free(&earlier);
    buf_free(&soon);
    buf_free(&after);
}

/* Within the window nothing is ever lost: each of 20 x 50 messages, shuffled, opens exactly once.
 */
static void everything_opens_once(void **state)
{
    struct pair *p = *state;
    enum { TURNS = 20, EACH = 50 };
    uint64_t dice = 7;
    acquaint(p);
    for (int t = 0; t < TURNS; t++) {
        struct buf head[EACH];
        for (int i = 0; i < EACH; i++)
            head[i] = t % 2 ? say(&p->b, &p->bob, "m") : say(&p->a, &p->alice, "m");
        for (int i = EACH - 1; i > 0; i--) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            int j = (int)((dice >> 33) % (uint64_t)(i + 1));
            struct buf swap = head[i];
            head[i] = head[j];
            head[j] = swap;
        }
        for (int i = 0; i < EACH; i++)
            assert_int_equal(t % 2 ? to_alice(p, &head[i], "m") : to_bob(p, &head[i], "m"),
                             SESSION_OPENED);
        for (int i = 0; i < EACH; i++) {
            assert_int_equal(t % 2 ? to_alice(p, &head[i], "m") : to_bob(p, &head[i], "m"),
                             SESSION_NO_KEY);
            buf_free(&head[i]);
        }
    }
    assert_int_equal(ratchet_of(&p->a)->n_skipped + ratchet_of(&p->b)->n_skipped, 0);
}

/* One stored ratchet with a skipped key, and what may not be in it. */
static void a_damaged_ratchet_is_noticed(void **state)
{
    struct pair *p = *state;
    enum { FLAGS = 1, CHAIN = 174, COUNT = RATCHET_STATE - 2, SKIPPED_CHAIN = RATCHET_STATE };
    struct buf good = {0};
    struct ratchet r;
    acquaint(p);
    lose(p, 1);
    pass(p, true, "on");
    ratchet_encode(ratchet_of(&p->b), &good);
    assert_int_equal(buf_len(&good), RATCHET_STATE + RATCHET_STATE_KEY);
    assert_true(ratchet_decode(&r, sealed_head(&good), NULL));
    ratchet_wipe(&r);
    const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 2},     {FLAGS, 8},        {FLAGS, 2 | 4},     {FLAGS, 1},
                 {COUNT, 2}, {COUNT + 1, 0xff}, {SKIPPED_CHAIN, 0}, {SKIPPED_CHAIN, 200}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t right = buf_head(&good)[wrong[i].at];
        buf_head(&good)[wrong[i].at] = wrong[i].value;
        assert_false(ratchet_decode(&r, sealed_head(&good), NULL));
        assert_null(r.skipped);
        buf_head(&good)[wrong[i].at] = right;
    }
    put_u32(buf_head(&good) + CHAIN, 100); /* its skipped key is of a chain long gone */
    assert_false(ratchet_decode(&r, sealed_head(&good), NULL));
    for (size_t n = 0; n < buf_len(&good); n++)
        assert_false(ratchet_decode(&r, (struct slice){buf_head(&good), n}, NULL));
    sealed_buf_wipe(&good);
    static const uint8_t zero[32];
    assert_int_equal(ratchet_start(&r, p->alice.seed, p->bob.seed, zero, &p->alice.rnd), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_set_up, pair_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_thousand_forged_heads),
        TEST(every_flipped_bit_is_refused),
        TEST(skip_bombs),
        TEST(skipped_keys_stay_bounded),
        TEST(skipped_keys_expire),
        TEST(keys_of_old_chains_go),
        TEST(a_stored_state_goes_on_where_it_was),
        TEST(who_has_heard_nothing_cannot_speak),
#if !defined(__SANITIZE_ADDRESS__)
        TEST(secrets_leave_the_heap),
#endif
        TEST(a_stolen_state),
        TEST(everything_opens_once),
        TEST(a_damaged_ratchet_is_noticed),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
