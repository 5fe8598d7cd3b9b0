/*
 * fuzz_sealed_group.c - stored and distributed sender keys, group messages, and a membership log of
 * any content: entries are taken raw, or made and signed from the input so that the rules are
 * reached.
 */
#include "fuzz.h"
#include "membership.h"
#include "sealed/sender_key.h"

enum { PEOPLE = 5 };

static const char *const names[PEOPLE] = {"alice", "bob", "carol", "dave", "prof"};
static struct device_keys keys;

static const uint8_t *key_of(void *ctx, const struct membership_entry *e, bool *instructor)
{
    *instructor = e->actor.len == 4 && e->actor.data[0] == 'p';
    return (e->actor_device & 7) == 7 ? NULL : (const uint8_t *)ctx;
}

static void check(const struct membership *m)
{
    size_t owners = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct membership_person *p = &m->person[i];
        owners += p->role == ROLE_OWNER;
        CHECK(p->role <= ROLE_OWNER && (p->role || p->invited || p->barred || p->muted_until));
        CHECK(membership_find(m, p->account_key) == p);
    }
    CHECK(m->n <= MEMBERSHIP_PEOPLE && (owners > 0) == (membership_count(m) > 0));
}

/* Six bytes of input make an entry: op, actor, subject, role, time of a mute, raw or not. */
static void log_of(struct cur *in)
{
    struct membership m = {0};
    struct membership_lookup lookup = {key_of, keys.ed};
    while (!in->bad && in->p != in->end) {
        struct membership_entry e = {.op = cur_u8(in)};
        uint8_t actor = cur_u8(in) % PEOPLE, subject = cur_u8(in) % (PEOPLE + 1);
        e.role = cur_u8(in);
        e.until_ms = cur_u8(in);
        uint8_t how = cur_u8(in);
        e.actor = sealed_slice(names[actor], strlen(names[actor]));
        e.actor_account[0] = (uint8_t)(actor + 1);
        e.actor_device = how;
        if (subject < PEOPLE) {
            e.subject = sealed_slice(names[subject], strlen(names[subject]));
            e.subject_account[0] = (uint8_t)(subject + 1);
        }
        if (how & 64) e.text = fuzz_piece(in);
        if (e.op == MEMBERSHIP_CREATE) e.text = sealed_slice("#g", 2);
        if (e.text.len > MEMBERSHIP_TEXT) e.text.len = MEMBERSHIP_TEXT;
        struct buf raw = {0};
        membership_write(&m, &e, keys.ed_secret, &raw);
        if (how & 128) buf_head(&raw)[cur_u8(in) % buf_len(&raw)] ^= cur_u8(in);
        uint32_t seq = m.seq;
        if (membership_apply(&m, sealed_head(&raw), &lookup, NULL) == MEMBERSHIP_GOOD)
            CHECK(m.seq == seq + 1);
        else
            CHECK(m.seq == seq);
        check(&m);
        buf_free(&raw);
    }
    membership_free(&m);
}

static void raw_entry(struct slice in)
{
    struct membership m = {0};
    struct membership_lookup lookup = {key_of, keys.ed};
    CHECK(membership_apply(&m, in, &lookup, NULL) != MEMBERSHIP_GOOD);
    membership_free(&m);
}

static void stored_key(struct slice in)
{
    struct sender_key k;
    struct buf out = {0};
    if (!sender_key_decode(&k, in)) return;
    sender_key_encode(&k, &out);
    CHECK(fuzz_same(in, sealed_head(&out)));
    sender_key_wipe(&k);
    buf_free(&out);
}

static void message(struct slice in, bool is_signed)
{
    struct sender_key own, k;
    struct device_who who = {.device = 1};
    struct sender_key_bound bound = {.from = &who};
    struct buf out = {0}, text = {0};
    uint8_t d[SENDER_KEY_DISTRIBUTION], *body = fuzz_copy(in.data, in.len);
    sender_key_make(&own, who.account_key, 0, 5, &sealed_random_system);
    sender_key_distribution(&own, d);
    CHECK(sender_key_accept(&k, sealed_slice(d, sizeof d)));
    if (is_signed && in.len >= SENDER_KEY_FRONT + SEALED_SIGNATURE) { /* by the sender itself */
        body[0] = SEALED_SUITE_GROUP;
        put_u32(body + 1, 1);
        buf_put_str8(&text, "csmsg group ad 1", 16);
        buf_put(&text, k.group, 32);
        device_who_put(&text, &who);
        buf_put_u64(&text, 0);
        buf_put(&text, bound.log_hash, 32);
        buf_put(&text, body, in.len - SEALED_SIGNATURE);
        sealed_sign(own.sign_secret, "csmsg group sign 1", sealed_head(&text),
                    body + in.len - SEALED_SIGNATURE);
    }
    CHECK(sender_key_open(&k, &bound, sealed_slice(body, in.len), 5, &out) != SENDER_KEY_GOOD);
    CHECK(k.iteration == 0 && k.n_skipped == 0 && buf_len(&out) == 0);
    sender_key_wipe(&k);
    sender_key_wipe(&own);
    buf_free(&out);
    buf_free(&text);
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct sender_key k;
    fuzz_random_start();
    device_keys_make(&keys, &sealed_random_system);
    switch (cur_u8(&in) % 6) {
    case 0: log_of(&in); break;
    case 1: raw_entry(cur_rest(&in)); break;
    case 2: stored_key(cur_rest(&in)); break;
    case 3:
        if (sender_key_accept(&k, cur_rest(&in))) {
            CHECK(sender_key_same(&k, &k) && k.generation > 0);
            sender_key_wipe(&k);
        }
        break;
    case 4: message(cur_rest(&in), false); break;
    default: message(cur_rest(&in), true);
    }
    return 0;
}
