/*
 * test_sealed_session.c - first messages, and sessions beside each other: repeats, weak keys,
 * prekeys that are not what they say, names exchanged, clones (F3, F5, F6, F7, F12 of
 * docs/sealed.md section 14).
 */
#include "sealed_help.h"

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

/* What an older program stored: version 1, and no public key in front of the ratchet's state. */
static void as_stored_before(struct buf *b)
{
    enum { SESSION = 8, FORMAT = SESSION + 4, KEY = FORMAT + 1 + 1 + 32 + 4 + 72, AFTER = KEY + 32 };
    uint8_t *at = buf_head(b);
    assert_int_equal(at[FORMAT], 2);
    at[FORMAT] = 1;
    put_u32(at + SESSION, get_u32(at + SESSION) - 32);
    memmove(at + KEY, at + AFTER, buf_len(b) - AFTER);
    b->len -= 32;
}

static void a_session_of_an_older_program_goes_on(void **state)
{
    struct pair *p = *state;
    struct buf now = {0}, before = {0};
    acquaint(p);
    pass(p, true, "and the last step is ours");
    sessions_encode(&p->a, &now);
    sessions_encode(&p->a, &before);
    as_stored_before(&before);
    sessions_wipe(&p->a);
    assert_true(sessions_decode(&p->a, sealed_head(&before)));
    sealed_buf_wipe(&before);
    sessions_encode(&p->a, &before);
    assert_int_equal(buf_len(&before), buf_len(&now));
    assert_memory_equal(buf_head(&before), buf_head(&now), buf_len(&now));
    pass(p, true, "sealed with the key that was made anew");
    pass(p, false, "and answered");
    sealed_buf_wipe(&before);
    sealed_buf_wipe(&now);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_set_up, pair_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repeats_are_refused),
        TEST(repeats_are_refused_while_the_prekey_lives),
        TEST(a_first_message_that_fails_uses_nothing_up),
        TEST(memory_of_first_messages_is_bounded),
        TEST(low_order_points),
        TEST(every_field_of_a_bundle_is_signed),
        TEST(misbinding),
        TEST(a_new_beginning_is_reported),
        TEST(new_beginnings_are_limited),
        TEST(both_begin_at_once),
        TEST(a_damaged_store_is_noticed),
        TEST(a_session_of_an_older_program_goes_on),
        TEST(every_verdict_has_its_words),
        TEST(prekeys_are_refilled_and_bounded),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
