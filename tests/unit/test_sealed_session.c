/*
 * test_sealed_session.c - first messages and the ratchet under attack: the faults of SECURITY 2.5
 * that concern a pair of devices, each in a test of its own.
 */
#include "sealed_help.h"

#include <time.h>

struct pair {
    struct someone alice, bob;
    struct sessions a, b;
};

static int set_up(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    someone_make(&p->alice, "alice");
    someone_make(&p->bob, "bob");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    someone_free(&p->alice);
    someone_free(&p->bob);
    sessions_wipe(&p->a);
    sessions_wipe(&p->b);
    free(p);
    return 0;
}

static enum session_verdict to_bob(struct pair *p, const struct buf *head, const char *text)
{
    return hear(&p->b, &p->bob, &p->alice.self.who, head, text);
}

static enum session_verdict to_alice(struct pair *p, const struct buf *head, const char *text)
{
    return hear(&p->a, &p->alice, &p->bob.self.who, head, text);
}

static void pass(struct pair *p, bool by_alice, const char *text)
{
    struct buf head = by_alice ? say(&p->a, &p->alice, text) : say(&p->b, &p->bob, text);
    assert_int_equal(by_alice ? to_bob(p, &head, text) : to_alice(p, &head, text), SESSION_OPENED);
    buf_free(&head);
}

/* Both have spoken: no X3DH part any more. */
static void acquaint(struct pair *p)
{
    start(&p->a, &p->alice, &p->bob, 0);
    pass(p, true, "hello");
    pass(p, false, "hello back");
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct ratchet *ratchet_of(const struct sessions *s)
{
    return &s->s[s->current].ratchet;
}

/* --- F1 --- */

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

/* --- F2 --- */

/* Alice's session sends n messages that nobody gets. */
static void lose(struct pair *p, int n)
{
    for (int i = 0; i < n; i++) {
        struct buf head = say(&p->a, &p->alice, "lost");
        buf_free(&head);
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

/* --- F3 --- */

static void repeats_are_refused(void **state)
{
    struct pair *p = *state;
    for (int one_time = -1; one_time < 1; one_time++) {
        start(&p->a, &p->alice, &p->bob, one_time);
        struct buf first = say(&p->a, &p->alice, "first");
        assert_int_equal(to_bob(p, &first, "first"), SESSION_OPENED);
        assert_int_equal(to_bob(p, &first, "first"), SESSION_NO_KEY);
        sessions_wipe(&p->b); /* Bob restored a backup, or the session was pushed out */
        enum session_verdict v = to_bob(p, &first, "first");
        assert_int_equal(v, one_time < 0 ? SESSION_REPEATED : SESSION_GONE);
        buf_free(&first);
        sessions_wipe(&p->a);
    }
    acquaint(p);
    struct buf head = say(&p->a, &p->alice, "once");
    assert_int_equal(to_bob(p, &head, "once"), SESSION_OPENED);
    assert_int_equal(to_bob(p, &head, "once"), SESSION_NO_KEY);
    pass(p, false, "on");
    pass(p, true, "and on");
    assert_int_equal(to_bob(p, &head, "once"), SESSION_NO_KEY);
    buf_free(&head);
}

/* What was seen is kept as long as the signed prekey, through the store. */
static void repeats_are_refused_while_the_prekey_lives(void **state)
{
    struct pair *p = *state;
    struct buf stored = {0};
    struct prekeys read;
    start(&p->a, &p->alice, &p->bob, -1);
    struct buf first = say(&p->a, &p->alice, "first");
    assert_int_equal(to_bob(p, &first, "first"), SESSION_OPENED);
    sessions_wipe(&p->b);
    prekeys_encode(&p->bob.prekeys, &stored);
    assert_true(prekeys_decode(&read, sealed_head(&stored)));
    sealed_buf_wipe(&stored);
    prekeys_wipe(&p->bob.prekeys);
    p->bob.prekeys = read;
    const uint64_t day = UINT64_C(86400000);
    const uint64_t days[] = {6, 7, 29, 30};
    const bool fresh[] = {false, true, true, false};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(prekeys_rotate(&p->bob.prekeys, &p->bob.keys, p->bob.account,
                                        NOW_MS + days[i] * day, &p->bob.rnd),
                         fresh[i]);
        assert_int_equal(to_bob(p, &first, ""), days[i] < 30 ? SESSION_REPEATED : SESSION_GONE);
    }
    assert_int_equal(p->bob.prekeys.n_seen, 0);
    buf_free(&first);
}

static void a_first_message_that_fails_uses_nothing_up(void **state)
{
    struct pair *p = *state;
    start(&p->a, &p->alice, &p->bob, 0);
    struct buf first = say(&p->a, &p->alice, "first"), before = frozen(&p->b, &p->bob.prekeys);
    buf_head(&first)[buf_len(&first) - 1] ^= 1;
    assert_int_equal(to_bob(p, &first, ""), SESSION_DAMAGED);
    assert_frozen(&before, &p->b, &p->bob.prekeys);
    buf_head(&first)[buf_len(&first) - 1] ^= 1;
    assert_int_equal(to_bob(p, &first, "first"), SESSION_OPENED);
    assert_null(prekeys_one_time(&p->bob.prekeys, 1));
    buf_free(&first);
}

static void memory_of_first_messages_is_bounded(void **state)
{
    struct pair *p = *state;
    uint8_t hash[32] = {0};
    for (uint32_t i = 0; i < PREKEY_SEEN_MAX; i++) {
        put_u32(hash, i);
        assert_true(prekeys_remember(&p->bob.prekeys, 1, hash));
    }
    start(&p->a, &p->alice, &p->bob, -1);
    struct buf first = say(&p->a, &p->alice, "first");
    assert_int_equal(to_bob(p, &first, ""), SESSION_TOO_MANY);
    assert_int_equal(p->b.n, 0);
    buf_free(&first);
    sessions_wipe(&p->a);
    start(&p->a, &p->alice, &p->bob, 5); /* with a one-time prekey there is nothing to remember */
    pass(p, true, "first");
}

/* --- F4 --- */

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

/* --- F5 --- */

static void low_order_points(void **state)
{
    struct pair *p = *state;
    json_t *root = vectors_load("wycheproof/x25519_test.json");
    const json_t *tests =
        json_object_get(json_array_get(json_object_get(root, "testGroups"), 0), "tests");
    int points = 0;
    acquaint(p);
    struct buf head = say(&p->a, &p->alice, "x");
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *t = json_array_get(tests, i);
        uint8_t point[32], shared[32];
        vectors_fixed(t, "shared", shared, sizeof shared);
        if (!sodium_is_zero(shared, sizeof shared)) continue;
        vectors_fixed(t, "public", point, sizeof point);
        points++;

        struct bundle b; /* in a bundle, rightly signed by a hostile device */
        struct sessions fresh = {0};
        struct buf text = {0};
        for (int field = 0; field < 2; field++) {
            someone_bundle(&p->bob, 0, &b);
            memcpy(field ? b.one_time : b.signed_key, point, 32);
            buf_reset(&text, SIZE_MAX);
            buf_put_u8(&text, PREKEY_SUITE);
            buf_put(&text, p->bob.account, 32);
            buf_put_u64(&text, b.device);
            buf_put_u32(&text, b.signed_id);
            buf_put_u64(&text, b.created);
            buf_put(&text, b.signed_key, 32);
            sealed_sign(p->bob.keys.ed_secret, "csmsg signed prekey 1", sealed_head(&text),
                        b.signature);
            assert_int_equal(
                sessions_start(&fresh, &p->alice.self, &p->bob.self.who, &b, TODAY, &p->alice.rnd),
                X3DH_LOW_ORDER);
            assert_int_equal(fresh.n, 0);
        }
        struct device_who weak = p->bob.self.who; /* the identity key of the device list */
        memcpy(weak.x, point, 32);
        someone_bundle(&p->bob, 0, &b);
        assert_int_equal(sessions_start(&fresh, &p->alice.self, &weak, &b, TODAY, &p->alice.rnd),
                         X3DH_LOW_ORDER);

        struct x3dh_part part = {.signed_id = 1}; /* EK, and IK of the sender */
        struct x3dh_secret secret;
        struct sealed_pair first;
        memcpy(part.identity, p->alice.keys.x.public_key, 32);
        memcpy(part.ephemeral, point, 32);
        assert_int_equal(x3dh_answer(&p->bob.self.who, &p->bob.self.x, &p->alice.self.who,
                                     &p->bob.prekeys, &part, &first, &secret),
                         X3DH_LOW_ORDER);
        assert_true(sodium_is_zero((uint8_t *)&secret, sizeof secret));
        struct device_who weak_sender = p->alice.self.who;
        memcpy(weak_sender.x, point, 32);
        memcpy(part.identity, point, 32);
        memcpy(part.ephemeral, p->alice.keys.x.public_key, 32);
        assert_int_equal(x3dh_answer(&p->bob.self.who, &p->bob.self.x, &weak_sender,
                                     &p->bob.prekeys, &part, &first, &secret),
                         X3DH_LOW_ORDER);

        struct buf bad = {0}; /* in a ratchet header */
        buf_put(&bad, buf_head(&head), buf_len(&head));
        memcpy(buf_head(&bad) + SESSION_HEAD_PLAIN, point, 32);
        assert_int_equal(to_bob(p, &bad, ""), SESSION_LOW_ORDER);
        buf_free(&bad);
        buf_free(&text);
    }
    print_message("cases: %d low-order points\n", points);
    assert_true(points >= 12);
    assert_int_equal(to_bob(p, &head, "x"), SESSION_OPENED);
    buf_free(&head);
    json_decref(root);
}

/* --- F6 --- */

static void every_field_of_a_bundle_is_signed(void **state)
{
    struct pair *p = *state;
    struct bundle b;
    struct buf raw = {0};
    someone_bundle(&p->bob, -1, &b);
    bundle_encode(&b, &raw);
    assert_int_equal(buf_len(&raw), 1 + 8 + 4 + 8 + 32 + 64 + 2 + 1);
    for (size_t bit = 0; bit < buf_len(&raw) * 8; bit++) {
        struct bundle flipped;
        buf_head(&raw)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(bundle_decode(&flipped, sealed_head(&raw)) &&
                     bundle_verify(&flipped, &p->bob.self.who));
        buf_head(&raw)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(bundle_decode(&b, sealed_head(&raw)) && bundle_verify(&b, &p->bob.self.who));
    assert_false(bundle_verify(&b, &p->alice.self.who)); /* another's bundle under this name */
    struct device_who mixed = p->bob.self.who; /* the account key in place of the device's */
    memcpy(mixed.ed, p->bob.account, 32);
    assert_false(bundle_verify(&b, &mixed));
    mixed = p->bob.self.who; /* the same device, listed by another account */
    memcpy(mixed.account_key, p->alice.account, 32);
    assert_false(bundle_verify(&b, &mixed));

    /* A good signature of the same key, over the same bytes, for another purpose. */
    struct buf text = {0};
    buf_put_u8(&text, PREKEY_SUITE);
    buf_put(&text, p->bob.account, 32);
    buf_put_u64(&text, b.device);
    buf_put_u32(&text, b.signed_id);
    buf_put_u64(&text, b.created);
    buf_put(&text, b.signed_key, 32);
    sealed_sign(p->bob.keys.ed_secret, "csmsg device keys 1", sealed_head(&text), b.signature);
    assert_false(bundle_verify(&b, &p->bob.self.who));
    sealed_sign(p->bob.keys.ed_secret, "csmsg signed prekey 1", sealed_head(&text), b.signature);
    assert_true(bundle_verify(&b, &p->bob.self.who));
    put_u64(buf_head(&text) + 1 + 32, ++b.device); /* the same key, for another device number */
    sealed_sign(p->bob.keys.ed_secret, "csmsg signed prekey 1", sealed_head(&text), b.signature);
    assert_false(bundle_verify(&b, &p->bob.self.who));
    buf_free(&text);
    buf_free(&raw);
}

/* --- F7 --- */

static void misbinding(void **state)
{
    struct pair *p = *state;
    start(&p->a, &p->alice, &p->bob, 0);
    struct buf head = say(&p->a, &p->alice, "x"), before = frozen(&p->b, &p->bob.prekeys);
    for (int i = 0; i < 5; i++) {
        struct device_who from = p->alice.self.who;
        struct session_self me = p->bob.self;
        struct buf out = {0};
        if (i == 0) from.name[0] = 'm';       /* "mlice" sent it */
        if (i == 1) from.account_key[0] ^= 1; /* of another account */
        if (i == 2) from.device ^= 1;         /* another device */
        if (i == 3) from.ed[0] ^= 1;          /* with another signing key */
        if (i == 4) me.who.name[0] = 'r';     /* it was meant for "rob" */
        assert_int_equal(sessions_open(&p->b, &me, &from, &p->bob.prekeys, sealed_head(&head),
                                       TODAY, &out, NULL),
                         SESSION_DAMAGED);
        buf_free(&out);
    }
    struct device_who from = p->alice.self.who;
    from.x[0] ^= 1;
    assert_int_equal(hear(&p->b, &p->bob, &from, &head, ""), SESSION_STRANGER);
    assert_frozen(&before, &p->b, &p->bob.prekeys);
    assert_int_equal(to_bob(p, &head, "x"), SESSION_OPENED);
    buf_free(&head);
}

/* --- F10 --- */

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

/* --- F12, and sessions beside each other --- */

static void a_new_beginning_is_reported(void **state)
{
    struct pair *p = *state;
    enum session_event event;
    acquaint(p);
    sessions_wipe(&p->a); /* Alice restores a backup, or a clone of hers begins */
    start(&p->a, &p->alice, &p->bob, 1);
    struct buf head = say(&p->a, &p->alice, "anew");
    assert_int_equal(hear_on(&p->b, &p->bob, &p->alice.self.who, &head, TODAY, "anew", &event),
                     SESSION_OPENED);
    assert_int_equal(event, SESSION_RESET);
    buf_free(&head);
    pass(p, false, "on the new one"); /* Alice has no other */
    struct buf lost = {0};
    sessions_wipe(&p->a);
    lost = say(&p->b, &p->bob, "to nobody");
    assert_int_equal(to_alice(p, &lost, ""), SESSION_UNKNOWN);
    buf_free(&lost);
}

static void new_beginnings_are_limited(void **state)
{
    struct pair *p = *state;
    acquaint(p); /* the first of the day */
    for (int i = 1; i <= SESSION_STARTS_PER_DAY; i++) {
        sessions_wipe(&p->a);
        start(&p->a, &p->alice, &p->bob, i);
        struct buf head = say(&p->a, &p->alice, "anew");
        assert_int_equal(to_bob(p, &head, "anew"),
                         i < SESSION_STARTS_PER_DAY ? SESSION_OPENED : SESSION_TOO_MANY);
        assert_true(p->b.n <= SESSION_MAX);
        if (i == SESSION_STARTS_PER_DAY)
            assert_int_equal(
                hear_on(&p->b, &p->bob, &p->alice.self.who, &head, TODAY + 1, "anew", NULL),
                SESSION_OPENED);
        buf_free(&head);
    }
}

/* Both write first, in any order of arrival: nothing is lost, both end on one session. */
static void both_begin_at_once(void **state)
{
    struct pair *p = *state;
    for (int order = 0; order < 4; order++) {
        sessions_wipe(&p->a);
        sessions_wipe(&p->b);
        start(&p->a, &p->alice, &p->bob, order);
        start(&p->b, &p->bob, &p->alice, order);
        struct buf a = say(&p->a, &p->alice, "from alice"), b = say(&p->b, &p->bob, "from bob");
        struct buf a2 = say(&p->a, &p->alice, "more"), b2 = say(&p->b, &p->bob, "more");
        struct buf *first = order & 1 ? &a2 : &a, *second = order & 1 ? &a : &a2;
        assert_int_equal(to_bob(p, first, order & 1 ? "more" : "from alice"), SESSION_OPENED);
        assert_int_equal(to_bob(p, second, order & 1 ? "from alice" : "more"), SESSION_OPENED);
        first = order & 2 ? &b2 : &b, second = order & 2 ? &b : &b2;
        assert_int_equal(to_alice(p, first, order & 2 ? "more" : "from bob"), SESSION_OPENED);
        assert_int_equal(to_alice(p, second, order & 2 ? "from bob" : "more"), SESSION_OPENED);
        assert_memory_equal(p->a.s[p->a.current].number, p->b.s[p->b.current].number, 32);
        assert_int_equal(p->a.n, 2);
        for (int i = 0; i < 3; i++) {
            pass(p, true, "on");
            pass(p, false, "and on");
        }
        assert_memory_equal(p->a.s[p->a.current].number, p->b.s[p->b.current].number, 32);
        buf_free(&a);
        buf_free(&b);
        buf_free(&a2);
        buf_free(&b2);
    }
}

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

static void a_damaged_store_is_noticed(void **state)
{
    struct pair *p = *state;
    struct buf good = {0};
    acquaint(p);
    lose(p, 3);
    pass(p, true, "on");
    sessions_encode(&p->b, &good);
    for (size_t n = 0; n < buf_len(&good); n++) {
        struct sessions s;
        assert_false(sessions_decode(&s, (struct slice){buf_head(&good), n}));
        assert_int_equal(s.n, 0);
    }
    buf_put_u8(&good, 0);
    struct sessions s;
    assert_false(sessions_decode(&s, sealed_head(&good)));
    buf_head(&good)[0]++; /* a newer version */
    good.len--;
    assert_false(sessions_decode(&s, sealed_head(&good)));
    sealed_buf_wipe(&good);

    struct prekeys read;
    prekeys_encode(&p->bob.prekeys, &good);
    for (size_t n = 0; n < buf_len(&good); n += 7)
        assert_false(prekeys_decode(&read, (struct slice){buf_head(&good), n}));
    assert_true(prekeys_decode(&read, sealed_head(&good)));
    prekeys_wipe(&read);
    sealed_buf_wipe(&good);
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
    assert_true(ratchet_decode(&r, sealed_head(&good)));
    ratchet_wipe(&r);
    const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 2},     {FLAGS, 8},        {FLAGS, 2 | 4},     {FLAGS, 1},
                 {COUNT, 2}, {COUNT + 1, 0xff}, {SKIPPED_CHAIN, 0}, {SKIPPED_CHAIN, 200}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t right = buf_head(&good)[wrong[i].at];
        buf_head(&good)[wrong[i].at] = wrong[i].value;
        assert_false(ratchet_decode(&r, sealed_head(&good)));
        assert_null(r.skipped);
        buf_head(&good)[wrong[i].at] = right;
    }
    put_u32(buf_head(&good) + CHAIN, 100); /* its skipped key is of a chain long gone */
    assert_false(ratchet_decode(&r, sealed_head(&good)));
    for (size_t n = 0; n < buf_len(&good); n++)
        assert_false(ratchet_decode(&r, (struct slice){buf_head(&good), n}));
    sealed_buf_wipe(&good);
    static const uint8_t zero[32];
    assert_int_equal(ratchet_start(&r, p->alice.seed, p->bob.seed, zero, &p->alice.rnd), -1);
}

static void every_verdict_has_its_words(void **state)
{
    (void)state;
    for (int v = SESSION_OPENED; v <= SESSION_TOO_MANY; v++)
        for (int w = SESSION_OPENED; w < v; w++)
            assert_string_not_equal(session_verdict_words((enum session_verdict)v),
                                    session_verdict_words((enum session_verdict)w));
}

static void prekeys_are_refilled_and_bounded(void **state)
{
    struct pair *p = *state;
    struct prekeys *k = &p->bob.prekeys;
    struct buf out = {0};
    assert_int_equal(prekeys_refill(k, PREKEY_REFILL_AT, &p->bob.rnd), 0);
    assert_int_equal(prekeys_refill(k, PREKEY_REFILL_AT - 1, &p->bob.rnd), 76);
    prekeys_publish(k, p->bob.keys.device, 76, &out);
    assert_int_equal(buf_len(&out), 119 + 2 + 76 * 36);
    for (int i = 0; i < 20; i++)
        assert_int_equal(prekeys_refill(k, 0, &p->bob.rnd), PREKEY_ONE_TIME);
    assert_int_equal(k->n_one_time, PREKEY_ONE_TIME_MAX);
    assert_null(prekeys_one_time(k, 1)); /* the oldest went */
    assert_non_null(prekeys_one_time(k, k->next_one_time - 1));
    buf_free(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_thousand_forged_heads),
        TEST(every_flipped_bit_is_refused),
        TEST(skip_bombs),
        TEST(skipped_keys_stay_bounded),
        TEST(skipped_keys_expire),
        TEST(keys_of_old_chains_go),
        TEST(repeats_are_refused),
        TEST(repeats_are_refused_while_the_prekey_lives),
        TEST(a_first_message_that_fails_uses_nothing_up),
        TEST(memory_of_first_messages_is_bounded),
        TEST(a_stored_state_goes_on_where_it_was),
        TEST(who_has_heard_nothing_cannot_speak),
        TEST(low_order_points),
        TEST(every_field_of_a_bundle_is_signed),
        TEST(misbinding),
#if !defined(__SANITIZE_ADDRESS__)
        TEST(secrets_leave_the_heap),
#endif
        TEST(a_new_beginning_is_reported),
        TEST(new_beginnings_are_limited),
        TEST(both_begin_at_once),
        TEST(a_stolen_state),
        TEST(everything_opens_once),
        TEST(a_damaged_store_is_noticed),
        TEST(a_damaged_ratchet_is_noticed),
        TEST(every_verdict_has_its_words),
        TEST(prekeys_are_refilled_and_bounded),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
