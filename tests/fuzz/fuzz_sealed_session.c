/*
 * fuzz_sealed_session.c - bundles, stored prekeys, sessions and ratchets of any content, and any
 * head on top of a living conversation: what decodes encodes to the same bytes, and what does not
 * open changes nothing.
 */
#include "fuzz.h"
#include "sealed/session.h"

enum { DAY = 20000 };

struct side {
    struct session_self self;
    struct device_keys keys;
    struct prekeys prekeys;
    struct sessions sessions;
};

static void side_make(struct side *s, const char *name)
{
    memset(s, 0, sizeof *s);
    device_keys_make(&s->keys, &sealed_random_system);
    s->self.x = s->keys.x;
    s->self.who.name_len = 1;
    s->self.who.name[0] = name[0];
    s->self.who.device = s->keys.device;
    memcpy(s->self.who.ed, s->keys.ed, 32);
    memcpy(s->self.who.x, s->keys.x.public_key, 32);
    prekeys_rotate(&s->prekeys, &s->keys, s->self.who.account_key, 5, &sealed_random_system);
    prekeys_refill(&s->prekeys, PREKEY_REFILL_AT - 1, &sealed_random_system);
}

static void side_wipe(struct side *s)
{
    prekeys_wipe(&s->prekeys);
    sessions_wipe(&s->sessions);
}

static struct buf kept(const struct side *s)
{
    struct buf b = {0};
    sessions_encode(&s->sessions, &b);
    prekeys_encode(&s->prekeys, &b);
    return b;
}

static bool hear(struct side *me, const struct side *from, struct slice head)
{
    struct buf out = {0}, before = kept(me);
    enum session_verdict v = sessions_open(&me->sessions, &me->self, &from->self.who, &me->prekeys,
                                           head, DAY, &out, NULL);
    struct buf after = kept(me);
    CHECK(session_verdict_words(v)[0]);
    if (v != SESSION_OPENED)
        CHECK(fuzz_same(sealed_head(&before), sealed_head(&after)) && buf_len(&out) == 0);
    for (size_t i = 0; i < me->sessions.n; i++)
        CHECK(me->sessions.s[i].ratchet.n_skipped <= RATCHET_SKIP_ALL);
    buf_free(&out);
    buf_free(&before);
    buf_free(&after);
    return v == SESSION_OPENED;
}

static struct buf say(struct side *me)
{
    struct buf head = {0};
    CHECK(sessions_seal(&me->sessions, sealed_slice("text", 4), DAY, &sealed_random_system,
                        &head) == 0);
    return head;
}

/* Alice's head for Bob, some of whose bytes are the input's. */
static void live(struct cur *in)
{
    static struct side a, b;
    struct bundle bundle = {0};
    side_make(&a, "a");
    side_make(&b, "b");
    uint8_t how = cur_u8(in);
    bundle.device = b.keys.device;
    bundle.signed_id = b.prekeys.signed_key[0].id;
    bundle.created = b.prekeys.signed_key[0].created;
    memcpy(bundle.signed_key, b.prekeys.signed_key[0].pair.public_key, 32);
    memcpy(bundle.signature, b.prekeys.signed_key[0].signature, 64);
    CHECK(sessions_start(&a.sessions, &a.self, &b.self.who, &bundle, DAY, &sealed_random_system) ==
          X3DH_GOOD);
    for (int turn = 0; turn < (how & 3); turn++) { /* Alice, Bob, Alice */
        struct buf head = say(turn % 2 ? &b : &a);
        CHECK(turn % 2 ? hear(&a, &b, sealed_head(&head)) : hear(&b, &a, sealed_head(&head)));
        buf_free(&head);
    }
    struct buf head = say(&a), real = {0};
    buf_put(&real, buf_head(&head), buf_len(&head));
    bool changed = false;
    while (!in->bad && in->p != in->end) {
        size_t at = cur_u8(in);
        uint8_t with = cur_u8(in);
        if (at < buf_len(&head) && with) {
            buf_head(&head)[at] ^= with;
            changed = true;
        }
    }
    changed = changed && !fuzz_same(sealed_head(&head), sealed_head(&real));
    CHECK(hear(&b, &a, sealed_head(&head)) == !changed);
    if (changed) CHECK(hear(&b, &a, sealed_head(&real)));
    buf_free(&head);
    buf_free(&real);
    side_wipe(&a);
    side_wipe(&b);
}

static void again(struct slice in, struct buf *out)
{
    CHECK(fuzz_same(in, sealed_head(out)));
    buf_free(out);
}

static void stored(uint8_t what, struct slice in)
{
    struct buf out = {0};
    struct bundle bundle;
    struct prekeys prekeys;
    struct ratchet ratchet;
    struct sessions sessions;
    static struct side s;
    if (what == 0 && bundle_decode(&bundle, in)) {
        bundle_encode(&bundle, &out);
        again(in, &out);
        side_make(&s, "s");
        CHECK(!bundle_verify(&bundle, &s.self.who));
        side_wipe(&s);
    } else if (what == 1 && prekeys_decode(&prekeys, in)) {
        prekeys_encode(&prekeys, &out);
        again(in, &out);
        prekeys_wipe(&prekeys);
    } else if (what == 2 && ratchet_decode(&ratchet, in, NULL)) {
        ratchet_encode(&ratchet, &out);
        again(in, &out);
        if (ratchet_seal(&ratchet, sealed_slice("x", 1), &sealed_random_system, &out, 0) == 0)
            CHECK(buf_len(&out) == RATCHET_HEADER + 1 + SEALED_TAG);
        CHECK(ratchet_open(&ratchet, in, 0, DAY, &out) != RATCHET_OPENED);
        ratchet_wipe(&ratchet);
    } else if (what == 3 && sessions_decode(&sessions, in)) {
        sessions_encode(&sessions, &out);
        again(in, &out);
        sessions_wipe(&sessions);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    fuzz_random_start();
    uint8_t what = cur_u8(&in) % 5;
    if (what == 4)
        live(&in);
    else
        stored(what, cur_rest(&in));
    return 0;
}
