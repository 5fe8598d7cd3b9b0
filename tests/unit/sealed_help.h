/*
 * sealed_help.h - for tests of client/sealed: streams of random bytes that repeat (the same as
 * those of tests/reference/sealed.py), people with an account and a device, and what they have in
 * common.
 */
#ifndef SEALED_HELP_H
#define SEALED_HELP_H

#include "vectors.h"

#include "../../client/sealed/session.h"

#define NOW_MS UINT64_C(1700000000000)
#define TODAY  ((uint32_t)(NOW_MS / 86400000))

#define TEXT(s) ((struct slice){(const uint8_t *)(s), strlen(s)})

/* Block i is SHA-256(SHA-256(label) || u64 i). */
struct stream {
    uint8_t seed[32];
    uint64_t counter;
};

static inline void stream_fill(void *ctx, void *out, size_t n)
{
    struct stream *s = ctx;
    uint8_t text[40], block[32];
    memcpy(text, s->seed, 32);
    for (size_t done = 0; done < n; done += sizeof block) {
        put_u64(text + 32, s->counter++);
        crypto_hash_sha256(block, text, sizeof text);
        memcpy((uint8_t *)out + done, block, n - done < sizeof block ? n - done : sizeof block);
    }
}

static inline struct sealed_random stream_open(struct stream *s, const char *label)
{
    crypto_hash_sha256(s->seed, (const uint8_t *)label, strlen(label));
    s->counter = 0;
    return (struct sealed_random){stream_fill, s};
}

/* An account and its first device. */
struct someone {
    struct stream stream;
    struct sealed_random rnd;
    struct slice name;
    uint8_t seed[32], account[32], account_secret[64];
    struct device_keys keys;
    struct session_self self;
    struct prekeys prekeys;
};

static inline void someone_keys(struct device_keys *keys, const char *name, const char *what)
{
    char label[64];
    struct stream s;
    snprintf(label, sizeof label, "%s %s", name, what);
    struct sealed_random rnd = stream_open(&s, label);
    device_keys_make(keys, &rnd);
}

static inline void someone_who(const struct someone *p, const struct device_keys *keys,
                               struct device_who *who)
{
    *who = (struct device_who){.name_len = (uint8_t)p->name.len, .device = keys->device};
    memcpy(who->name, p->name.data, p->name.len);
    memcpy(who->account_key, p->account, 32);
    memcpy(who->ed, keys->ed, 32);
    memcpy(who->x, keys->x.public_key, 32);
}

static inline void someone_make(struct someone *p, const char *name)
{
    char label[64];
    memset(p, 0, sizeof *p);
    p->name = TEXT(name);
    snprintf(label, sizeof label, "%s account", name);
    p->rnd = stream_open(&p->stream, label);
    stream_fill(&p->stream, p->seed, 32);
    crypto_sign_seed_keypair(p->account, p->account_secret, p->seed);
    someone_keys(&p->keys, name, "device");
    someone_who(p, &p->keys, &p->self.who);
    p->self.x = p->keys.x;
    snprintf(label, sizeof label, "%s prekeys", name);
    p->rnd = stream_open(&p->stream, label);
    assert_true(prekeys_rotate(&p->prekeys, &p->keys, p->account, NOW_MS, &p->rnd));
    assert_int_equal(prekeys_refill(&p->prekeys, 0, &p->rnd), PREKEY_ONE_TIME);
}

/* What a server gives out of it: the newest signed prekey, the i-th one-time prekey or none (-1).
 */
static inline void someone_bundle(const struct someone *p, int i, struct bundle *b)
{
    const struct signed_prekey *k = &p->prekeys.signed_key[p->prekeys.n_signed - 1];
    *b = (struct bundle){.device = p->keys.device, .signed_id = k->id, .created = k->created};
    memcpy(b->signed_key, k->pair.public_key, 32);
    memcpy(b->signature, k->signature, 64);
    if (i < 0) return;
    b->one_time_id = p->prekeys.one_time[i].id;
    memcpy(b->one_time, p->prekeys.one_time[i].pair.public_key, 32);
}

static inline struct device_offer someone_offer(const struct someone *p,
                                                const struct device_keys *keys)
{
    struct device_offer offer = {.device = keys->device};
    memcpy(offer.ed, keys->ed, 32);
    memcpy(offer.x, keys->x.public_key, 32);
    device_self_sign(keys, p->account, p->name, offer.self);
    return offer;
}

static inline void someone_free(struct someone *p)
{
    prekeys_wipe(&p->prekeys);
    device_keys_wipe(&p->keys);
}

/* --- two devices that talk --- */

/* Alice seals a text for Bob's device, or the other way round; the head is the caller's to free. */
static inline struct buf say(struct sessions *from, struct someone *who, const char *text)
{
    struct buf head = {0};
    assert_int_equal(sessions_seal(from, TEXT(text), TODAY, &who->rnd, &head), 0);
    return head;
}

static inline enum session_verdict hear_on(struct sessions *at, struct someone *me,
                                           const struct device_who *from, const struct buf *head,
                                           uint32_t day, const char *expected,
                                           enum session_event *event)
{
    struct buf out = {0};
    enum session_verdict v =
        sessions_open(at, &me->self, from, &me->prekeys, sealed_head(head), day, &out, event);
    if (v == SESSION_OPENED) {
        assert_int_equal(buf_len(&out), strlen(expected));
        assert_memory_equal(buf_head(&out), expected, strlen(expected));
    } else {
        assert_int_equal(buf_len(&out), 0);
    }
    buf_free(&out);
    return v;
}

static inline enum session_verdict hear(struct sessions *at, struct someone *me,
                                        const struct device_who *from, const struct buf *head,
                                        const char *expected)
{
    return hear_on(at, me, from, head, TODAY, expected, NULL);
}

static inline void start(struct sessions *from, struct someone *me, const struct someone *peer,
                         int one_time)
{
    struct bundle b;
    someone_bundle(peer, one_time, &b);
    assert_int_equal(sessions_start(from, &me->self, &peer->self.who, &b, TODAY, &me->rnd),
                     X3DH_GOOD);
}

/* Everything a store would hold of them, to see that nothing has changed. */
static inline struct buf frozen(const struct sessions *s, const struct prekeys *p)
{
    struct buf b = {0};
    sessions_encode(s, &b);
    if (p) prekeys_encode(p, &b);
    return b;
}

static inline void assert_frozen(struct buf *before, const struct sessions *s,
                                 const struct prekeys *p)
{
    struct buf after = frozen(s, p);
    assert_int_equal(buf_len(before), buf_len(&after));
    assert_memory_equal(buf_head(before), buf_head(&after), buf_len(before));
    buf_free(&after);
    buf_free(before);
}

/* --- Alice and Bob --- */

struct pair {
    struct someone alice, bob;
    struct sessions a, b;
};

static inline int pair_set_up(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    someone_make(&p->alice, "alice");
    someone_make(&p->bob, "bob");
    *state = p;
    return 0;
}

static inline int pair_tear_down(void **state)
{
    struct pair *p = *state;
    someone_free(&p->alice);
    someone_free(&p->bob);
    sessions_wipe(&p->a);
    sessions_wipe(&p->b);
    free(p);
    return 0;
}

static inline enum session_verdict to_bob(struct pair *p, const struct buf *head, const char *text)
{
    return hear(&p->b, &p->bob, &p->alice.self.who, head, text);
}

static inline enum session_verdict to_alice(struct pair *p, const struct buf *head,
                                            const char *text)
{
    return hear(&p->a, &p->alice, &p->bob.self.who, head, text);
}

static inline void pass(struct pair *p, bool by_alice, const char *text)
{
    struct buf head = by_alice ? say(&p->a, &p->alice, text) : say(&p->b, &p->bob, text);
    assert_int_equal(by_alice ? to_bob(p, &head, text) : to_alice(p, &head, text), SESSION_OPENED);
    buf_free(&head);
}

/* Both have spoken: no X3DH part any more. */
static inline void acquaint(struct pair *p)
{
    start(&p->a, &p->alice, &p->bob, 0);
    pass(p, true, "hello");
    pass(p, false, "hello back");
}

static inline const struct ratchet *ratchet_of(const struct sessions *s)
{
    return &s->s[s->current].ratchet;
}

/* Alice's session sends n messages that nobody gets. */
static inline void lose(struct pair *p, int n)
{
    for (int i = 0; i < n; i++) {
        struct buf head = say(&p->a, &p->alice, "lost");
        buf_free(&head);
    }
}

#endif
