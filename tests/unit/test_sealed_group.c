/*
 * test_sealed_group.c - sender keys and the membership log: who can read, who can speak, and in
 * whose name.
 */
#include "sealed_help.h"

#include "../../client/sealed/content.h"
#include "membership.h"
#include "../../client/sealed/sender_key.h"

enum { ALICE, BOB, CAROL, DAVE, PROF, PEOPLE };

struct room {
    struct someone who[PEOPLE];
    struct membership m;
    struct sender_key own;     /* Alice's */
    struct sender_key_bound b; /* for messages of hers */
    bool prof_teaches;
};

static const uint8_t *key_of(void *ctx, const struct membership_entry *e, bool *instructor)
{
    struct room *r = ctx;
    for (int i = 0; i < PEOPLE; i++) {
        const struct someone *p = &r->who[i];
        if (memcmp(p->account, e->actor_account, 32) != 0 || p->name.len != e->actor.len ||
            memcmp(p->name.data, e->actor.data, e->actor.len) != 0 ||
            p->keys.device != e->actor_device)
            continue;
        *instructor = i == PROF && r->prof_teaches;
        return p->keys.ed;
    }
    return NULL;
}

/* What an entry says; the caller may change it before apply(). */
static struct membership_entry entry_of(struct room *r, uint8_t op, int actor, int subject)
{
    struct membership_entry e = {.op = op,
                                 .time_ms = NOW_MS,
                                 .actor = r->who[actor].name,
                                 .actor_device = r->who[actor].keys.device};
    memcpy(e.actor_account, r->who[actor].account, 32);
    if (subject >= 0) {
        e.subject = r->who[subject].name;
        memcpy(e.subject_account, r->who[subject].account, 32);
    }
    return e;
}

static enum membership_verdict apply_raw(struct room *r, const struct buf *raw)
{
    struct membership_lookup lookup = {key_of, r};
    return membership_apply(&r->m, sealed_head(raw), &lookup, NULL);
}

static enum membership_verdict apply(struct room *r, const struct membership_entry *e, int signer)
{
    struct buf raw = {0};
    membership_write(&r->m, e, r->who[signer].keys.ed_secret, &raw);
    enum membership_verdict v = apply_raw(r, &raw);
    buf_free(&raw);
    return v;
}

static enum membership_verdict act(struct room *r, uint8_t op, int actor, int subject)
{
    struct membership_entry e = entry_of(r, op, actor, subject);
    return apply(r, &e, actor);
}

static enum membership_verdict set_role(struct room *r, int actor, int subject, uint8_t role)
{
    struct membership_entry e = entry_of(r, MEMBERSHIP_ROLE, actor, subject);
    e.role = role;
    return apply(r, &e, actor);
}

static int role(struct room *r, int who)
{
    return (int)membership_role_of(&r->m, r->who[who].account);
}

static int set_up(void **state)
{
    static const char *const names[] = {"alice", "bob", "carol", "dave", "prof"};
    struct room *r = calloc(1, sizeof *r);
    for (int i = 0; i < PEOPLE; i++)
        someone_make(&r->who[i], names[i]);
    struct membership_entry e = entry_of(r, MEMBERSHIP_CREATE, ALICE, -1);
    e.text = TEXT("#sealed");
    assert_int_equal(apply(r, &e, ALICE), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, BOB), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, BOB, -1), MEMBERSHIP_GOOD);
    sender_key_make(&r->own, r->m.group, 0, TODAY, &r->who[ALICE].rnd);
    r->b = (struct sender_key_bound){.from = &r->who[ALICE].self.who, .id = 1};
    memcpy(r->b.log_hash, r->m.head, 32);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct room *r = *state;
    for (int i = 0; i < PEOPLE; i++)
        someone_free(&r->who[i]);
    membership_free(&r->m);
    sender_key_wipe(&r->own);
    free(r);
    return 0;
}

/* --- sender keys --- */

/* What a member's device gets now, through its session. */
static struct sender_key give(const struct sender_key *own)
{
    uint8_t d[SENDER_KEY_DISTRIBUTION];
    struct sender_key k;
    sender_key_distribution(own, d);
    assert_true(sender_key_accept(&k, sealed_slice(d, sizeof d)));
    return k;
}

static struct buf shout(struct room *r, const char *text)
{
    struct buf body = {0};
    assert_int_equal(sender_key_seal(&r->own, &r->b, r->m.seq, TEXT(text), &body), 0);
    return body;
}

static enum sender_key_verdict listen(struct sender_key *k, const struct sender_key_bound *b,
                                      const struct buf *body, const char *text)
{
    struct buf out = {0};
    enum sender_key_verdict v = sender_key_open(k, b, sealed_head(body), TODAY, &out);
    if (v == SENDER_KEY_GOOD) {
        assert_int_equal(buf_len(&out), strlen(text));
        assert_memory_equal(buf_head(&out), text, strlen(text));
    } else {
        assert_int_equal(buf_len(&out), 0);
    }
    buf_free(&out);
    return v;
}

static struct buf stored(const struct sender_key *k)
{
    struct buf b = {0};
    sender_key_encode(k, &b);
    return b;
}

static void assert_stored(struct buf *before, const struct sender_key *k)
{
    struct buf after = stored(k);
    assert_int_equal(buf_len(before), buf_len(&after));
    assert_memory_equal(buf_head(before), buf_head(&after), buf_len(before));
    buf_free(before);
    buf_free(&after);
}

static void every_flipped_bit_is_refused(void **state)
{
    struct room *r = *state;
    struct sender_key k = give(&r->own);
    struct buf body = shout(r, "x"), before = stored(&k);
    for (size_t bit = 0; bit < buf_len(&body) * 8; bit++) {
        buf_head(&body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(listen(&k, &r->b, &body, "x"), SENDER_KEY_GOOD);
        buf_head(&body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < buf_len(&body); n++) {
        struct buf cut = {.data = body.data, .len = n};
        assert_int_not_equal(listen(&k, &r->b, &cut, "x"), SENDER_KEY_GOOD);
    }
    assert_stored(&before, &k);
    assert_int_equal(listen(&k, &r->b, &body, "x"), SENDER_KEY_GOOD);
    assert_int_equal(listen(&k, &r->b, &body, "x"), SENDER_KEY_NO_KEY);
    sender_key_wipe(&k);
    buf_free(&body);
}

/* F8: a member has Alice's chain, and may not speak as her, nor let her words be another's. */
static void no_impersonation(void **state)
{
    struct room *r = *state;
    struct sender_key at_carol = give(&r->own), forger = give(&r->own);
    struct buf body = {0}, own = {0};
    /* Bob signs with a key of his own. */
    uint8_t public_key[32];
    crypto_sign_keypair(public_key, forger.sign_secret);
    forger.own = true;
    assert_int_equal(sender_key_seal(&forger, &r->b, r->m.seq, TEXT("x"), &body), 0);
    assert_int_equal(listen(&at_carol, &r->b, &body, "x"), SENDER_KEY_FORGED);
    /* With no signature at all, or an empty one. */
    memset(buf_head(&body) + buf_len(&body) - 64, 0, 64);
    assert_int_equal(listen(&at_carol, &r->b, &body, "x"), SENDER_KEY_FORGED);
    body.len -= 64;
    assert_int_not_equal(listen(&at_carol, &r->b, &body, "x"), SENDER_KEY_GOOD);

    /* Bound: sender, number, group, log. */
    own = shout(r, "mine");
    struct sender_key_bound b = r->b;
    b.from = &r->who[BOB].self.who; /* Alice's chain with Bob's name */
    assert_int_equal(listen(&at_carol, &b, &own, ""), SENDER_KEY_FORGED);
    b = r->b;
    b.id++;
    assert_int_equal(listen(&at_carol, &b, &own, ""), SENDER_KEY_FORGED);
    b = r->b;
    b.log_hash[0] ^= 1; /* another idea of who is in */
    assert_int_equal(listen(&at_carol, &b, &own, ""), SENDER_KEY_FORGED);
    at_carol.group[0] ^= 1;
    assert_int_equal(listen(&at_carol, &r->b, &own, ""), SENDER_KEY_FORGED);
    at_carol.group[0] ^= 1;
    assert_int_equal(listen(&at_carol, &r->b, &own, "mine"), SENDER_KEY_GOOD);
    sender_key_wipe(&at_carol);
    sender_key_wipe(&forger);
    buf_free(&body);
    buf_free(&own);
}

/* F9 */
static void who_left_reads_on_nothing_who_comes_nothing_before(void **state)
{
    struct room *r = *state;
    struct sender_key at_bob = give(&r->own);
    struct buf before = shout(r, "before");
    struct sender_key at_carol = give(&r->own); /* joins here */
    struct buf both = shout(r, "both");
    assert_int_equal(listen(&at_bob, &r->b, &before, "before"), SENDER_KEY_GOOD);
    assert_int_equal(listen(&at_carol, &r->b, &before, ""), SENDER_KEY_NO_KEY);
    assert_int_equal(listen(&at_carol, &r->b, &both, "both"), SENDER_KEY_GOOD);
    assert_int_equal(listen(&at_bob, &r->b, &both, "both"), SENDER_KEY_GOOD);

    assert_int_equal(act(r, MEMBERSHIP_LEAVE, BOB, -1), MEMBERSHIP_GOOD);
    assert_true(membership_rekeys(MEMBERSHIP_LEAVE) && membership_rekeys(MEMBERSHIP_KICK));
    assert_false(membership_rekeys(MEMBERSHIP_JOIN));
    struct sender_key old = r->own;
    sender_key_make(&r->own, r->m.group, old.generation, TODAY, &r->who[ALICE].rnd);
    assert_int_equal(r->own.generation, 2);
    sender_key_wipe(&at_carol);
    at_carol = give(&r->own);
    struct buf after = shout(r, "after");
    assert_int_equal(listen(&at_carol, &r->b, &after, "after"), SENDER_KEY_GOOD);
    assert_int_equal(listen(&at_bob, &r->b, &after, ""), SENDER_KEY_OTHER);
    at_bob.generation = 2; /* Bob bends his store */
    assert_int_equal(listen(&at_bob, &r->b, &after, ""), SENDER_KEY_FORGED);
    memcpy(at_bob.sign_public, r->own.sign_public, 32);
    at_bob.iteration = 0;
    assert_int_equal(listen(&at_bob, &r->b, &after, ""), SENDER_KEY_DAMAGED);
    sender_key_wipe(&at_bob);
    sender_key_wipe(&at_carol);
    buf_free(&before);
    buf_free(&both);
    buf_free(&after);
}

static void skipping_is_bounded(void **state)
{
    struct room *r = *state;
    struct sender_key k = give(&r->own);
    struct buf first = shout(r, "first"), second = shout(r, "second"), b = {0};
    for (int round = 0; round < 2; round++) { /* first and second are skipped, too */
        for (int i = round ? 0 : 2; i < SENDER_KEY_SKIP_STEP; i++) {
            b = shout(r, "lost");
            buf_free(&b);
        }
        b = shout(r, "seen");
        assert_int_equal(listen(&k, &r->b, &b, "seen"), SENDER_KEY_GOOD);
        buf_free(&b);
    }
    assert_int_equal(k.n_skipped, SENDER_KEY_SKIP_ALL);
    for (int i = 0; i < SENDER_KEY_SKIP_STEP + 1; i++) {
        b = shout(r, "lost");
        buf_free(&b);
    }
    b = shout(r, "far");
    assert_int_equal(listen(&k, &r->b, &b, ""), SENDER_KEY_TOO_FAR);
    buf_free(&b);
    struct sender_key now = give(&r->own); /* one skipped more than are kept: the oldest goes */
    memcpy(k.chain, now.chain, 32);
    k.iteration = now.iteration;
    b = shout(r, "lost");
    buf_free(&b);
    b = shout(r, "seen");
    assert_int_equal(listen(&k, &r->b, &b, "seen"), SENDER_KEY_GOOD);
    buf_free(&b);
    assert_int_equal(k.n_skipped, SENDER_KEY_SKIP_ALL);
    assert_int_equal(listen(&k, &r->b, &first, ""), SENDER_KEY_NO_KEY);
    assert_int_equal(listen(&k, &r->b, &second, "second"), SENDER_KEY_GOOD);
    assert_int_equal(k.n_skipped, SENDER_KEY_SKIP_ALL - 1);
    sender_key_wipe(&now);
    struct buf raw = stored(&k);
    struct sender_key read;
    assert_true(sender_key_decode(&read, sealed_head(&raw)));
    assert_stored(&raw, &read);
    sender_key_wipe(&read);
    sender_key_wipe(&k);
    buf_free(&first);
    buf_free(&second);
}

static void skipped_keys_expire(void **state)
{
    struct room *r = *state;
    struct sender_key k = give(&r->own);
    struct buf late = shout(r, "late"), on = shout(r, "on"), later = shout(r, "later"), out = {0};
    assert_int_equal(listen(&k, &r->b, &on, "on"), SENDER_KEY_GOOD);
    assert_int_equal(k.n_skipped, 1);
    assert_int_equal(
        sender_key_open(&k, &r->b, sealed_head(&later), TODAY + SENDER_KEY_SKIP_DAYS + 1, &out),
        SENDER_KEY_GOOD);
    assert_int_equal(k.n_skipped, 0);
    assert_int_equal(listen(&k, &r->b, &late, ""), SENDER_KEY_NO_KEY);
    sender_key_wipe(&k);
    buf_free(&late);
    buf_free(&on);
    buf_free(&later);
    buf_free(&out);
}

/* Our own key goes on from the store; a damaged one is noticed. */
static void a_stored_key_goes_on_where_it_was(void **state)
{
    struct room *r = *state;
    struct sender_key at_bob = give(&r->own), read;
    struct buf one = shout(r, "one"), raw = stored(&r->own);
    sender_key_wipe(&r->own);
    assert_true(sender_key_decode(&r->own, sealed_head(&raw)));
    assert_int_equal(r->own.sent, 1);
    struct buf two = shout(r, "two");
    assert_int_equal(listen(&at_bob, &r->b, &one, "one"), SENDER_KEY_GOOD);
    assert_int_equal(listen(&at_bob, &r->b, &two, "two"), SENDER_KEY_GOOD);
    for (size_t n = 0; n < buf_len(&raw); n++)
        assert_false(sender_key_decode(&read, (struct slice){buf_head(&raw), n}));
    buf_head(&raw)[1] = 2; /* neither ours nor somebody's */
    assert_false(sender_key_decode(&read, sealed_head(&raw)));
    sealed_buf_wipe(&raw);
    sender_key_wipe(&at_bob);
    buf_free(&one);
    buf_free(&two);
}

static void generations_and_distributions(void **state)
{
    struct room *r = *state;
    struct sender_key early = give(&r->own);
    assert_false(sender_key_due(&r->own, TODAY + SENDER_KEY_DAYS - 1));
    assert_true(sender_key_due(&r->own, TODAY + SENDER_KEY_DAYS));
    for (int i = 0; i < SENDER_KEY_MESSAGES; i++) {
        assert_false(sender_key_due(&r->own, TODAY));
        struct buf b = shout(r, "x");
        buf_free(&b);
    }
    assert_true(sender_key_due(&r->own, TODAY));
    struct sender_key late = give(&r->own);
    assert_true(sender_key_same(&early, &late) && sender_key_same(&late, &early));
    late.chain[0] ^= 1; /* two chains under one name */
    assert_false(sender_key_same(&early, &late));
    late.chain[0] ^= 1;
    late.sign_public[0] ^= 1;
    assert_false(sender_key_same(&early, &late));

    uint8_t d[SENDER_KEY_DISTRIBUTION + 1] = {0};
    sender_key_distribution(&r->own, d);
    struct sender_key k;
    for (size_t n = 0; n < SENDER_KEY_DISTRIBUTION; n++)
        assert_false(sender_key_accept(&k, sealed_slice(d, n)));
    assert_false(sender_key_accept(&k, sealed_slice(d, sizeof d)));
    put_u32(d + 32, 0); /* generations begin at 1 */
    assert_false(sender_key_accept(&k, sealed_slice(d, SENDER_KEY_DISTRIBUTION)));
    struct buf out = {0};
    assert_int_equal(sender_key_seal(&early, &r->b, 1, TEXT("x"), &out), -1); /* not our own */
    sender_key_wipe(&early);
    sender_key_wipe(&late);
}

/* --- the log --- */

static void who_may_what(void **state)
{
    struct room *r = *state;
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_FORBIDDEN); /* not invited */
    assert_int_equal(act(r, MEMBERSHIP_INVITE, BOB, CAROL), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, DAVE, CAROL), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, BOB), MEMBERSHIP_SENSELESS);
    assert_int_equal(act(r, MEMBERSHIP_KICK, BOB, ALICE), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(set_role(r, BOB, BOB, ROLE_OWNER), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(set_role(r, ALICE, CAROL, ROLE_MEMBER), MEMBERSHIP_SENSELESS);
    assert_int_equal(set_role(r, ALICE, BOB, ROLE_ASSISTANT), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, BOB, CAROL), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_KICK, BOB, ALICE), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(set_role(r, ALICE, CAROL, ROLE_ASSISTANT), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_KICK, BOB, CAROL), MEMBERSHIP_FORBIDDEN); /* a peer */
    assert_int_equal(set_role(r, ALICE, CAROL, ROLE_MEMBER), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_KICK, CAROL, BOB), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_KICK, BOB, CAROL), MEMBERSHIP_GOOD);
    assert_int_equal(role(r, CAROL), ROLE_NONE);
    assert_int_equal(act(r, MEMBERSHIP_KICK, BOB, CAROL), MEMBERSHIP_SENSELESS);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, CAROL, -1), MEMBERSHIP_SENSELESS);
    assert_int_equal(act(r, MEMBERSHIP_CREATE, ALICE, -1), MEMBERSHIP_FORBIDDEN);
    struct membership_entry e = entry_of(r, MEMBERSHIP_CREATE, ALICE, -1);
    e.text = TEXT("#again");
    assert_int_equal(apply(r, &e, ALICE), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(membership_count(&r->m), 2);
}

static void the_kicked_stay_out_until_invited(void **state)
{
    struct room *r = *state;
    struct membership_entry open = entry_of(r, MEMBERSHIP_OPEN, ALICE, -1);
    open.role = 1;
    assert_int_equal(apply(r, &open, ALICE), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_KICK, ALICE, CAROL), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, BOB, CAROL), MEMBERSHIP_GOOD); /* it is open */
    assert_int_equal(act(r, MEMBERSHIP_KICK, ALICE, CAROL), MEMBERSHIP_GOOD); /* taken back */
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_FORBIDDEN);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, CAROL), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, CAROL, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD); /* all is forgiven */
}

/* Who invites may call the guest what they like; who joins has the name of the device list. */
static void a_name_is_not_the_inviters_to_choose(void **state)
{
    struct room *r = *state;
    struct membership_entry e = entry_of(r, MEMBERSHIP_INVITE, ALICE, CAROL);
    e.subject = TEXT("prof");
    assert_int_equal(apply(r, &e, ALICE), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD);
    const struct membership_person *p = membership_find(&r->m, r->who[CAROL].account);
    assert_int_equal(p->name_len, 5);
    assert_memory_equal(p->name, "carol", 5);
}

static void an_instructor_moderates(void **state)
{
    struct room *r = *state;
    struct membership_entry mute = entry_of(r, MEMBERSHIP_MUTE, PROF, ALICE);
    mute.until_ms = NOW_MS + 1;
    assert_int_equal(apply(r, &mute, PROF), MEMBERSHIP_FORBIDDEN);
    r->prof_teaches = true; /* the class anchor says so */
    assert_int_equal(apply(r, &mute, PROF), MEMBERSHIP_GOOD);
    assert_true(membership_find(&r->m, r->who[ALICE].account)->muted_until == NOW_MS + 1);
    mute.until_ms = 0;
    assert_int_equal(apply(r, &mute, PROF), MEMBERSHIP_GOOD);
    assert_true(membership_find(&r->m, r->who[ALICE].account)->muted_until == 0);
    assert_int_equal(act(r, MEMBERSHIP_KICK, PROF, ALICE), MEMBERSHIP_GOOD); /* even the owner */
    assert_int_equal(role(r, BOB), ROLE_OWNER);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, PROF, -1), MEMBERSHIP_FORBIDDEN);
}

static void the_last_owner_leaves(void **state)
{
    struct room *r = *state;
    for (int i = CAROL; i <= DAVE; i++) {
        assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, i), MEMBERSHIP_GOOD);
        assert_int_equal(act(r, MEMBERSHIP_JOIN, i, -1), MEMBERSHIP_GOOD);
    }
    assert_int_equal(set_role(r, ALICE, DAVE, ROLE_ASSISTANT), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, ALICE, -1), MEMBERSHIP_GOOD);
    assert_int_equal(role(r, DAVE), ROLE_OWNER); /* the assistant, though Bob came first */
    assert_int_equal(set_role(r, DAVE, DAVE, ROLE_MEMBER), MEMBERSHIP_GOOD);
    assert_int_equal(role(r, BOB), ROLE_OWNER); /* nobody is left without an owner */
    for (int i = BOB; i <= DAVE; i++)
        assert_int_equal(act(r, MEMBERSHIP_LEAVE, i, -1), MEMBERSHIP_GOOD);
    assert_int_equal(membership_count(&r->m), 0);
    assert_int_equal(r->m.n, 0);
}

static void who_comes_into_an_empty_group_owns_it(void **state)
{
    struct room *r = *state;
    struct membership_entry open = entry_of(r, MEMBERSHIP_OPEN, ALICE, -1);
    open.role = 1;
    assert_int_equal(apply(r, &open, ALICE), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, ALICE, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, BOB, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, CAROL, -1), MEMBERSHIP_GOOD);
    assert_int_equal(role(r, CAROL), ROLE_OWNER);
    assert_int_equal(act(r, MEMBERSHIP_JOIN, DAVE, -1), MEMBERSHIP_GOOD);
    assert_int_equal(role(r, DAVE), ROLE_MEMBER);
}

static void the_server_forges_nothing(void **state)
{
    struct room *r = *state;
    struct membership_entry e = entry_of(r, MEMBERSHIP_INVITE, ALICE, CAROL);
    struct buf good = {0};
    membership_write(&r->m, &e, r->who[ALICE].keys.ed_secret, &good);
    uint32_t seq = r->m.seq;
    for (size_t bit = 0; bit < buf_len(&good) * 8; bit++) {
        buf_head(&good)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(apply_raw(r, &good), MEMBERSHIP_GOOD);
        buf_head(&good)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < buf_len(&good); n++) {
        struct buf cut = {.data = good.data, .len = n};
        assert_int_equal(apply_raw(r, &cut), MEMBERSHIP_DAMAGED);
    }
    assert_int_equal(r->m.seq, seq);
    assert_int_equal(apply(r, &e, BOB), MEMBERSHIP_FORGED); /* Bob signs in Alice's name */
    e.actor_device++;
    assert_int_equal(apply(r, &e, ALICE), MEMBERSHIP_STRANGER); /* no such device of hers */
    assert_int_equal(apply_raw(r, &good), MEMBERSHIP_GOOD);
    assert_int_equal(apply_raw(r, &good), MEMBERSHIP_GAP); /* a repeat */
    buf_free(&good);
}

/* Two write at once: one is first, the other's entry does not fit any more; and groups do not mix.
 */
static void one_order_for_all(void **state)
{
    struct room *r = *state;
    struct membership_entry a = entry_of(r, MEMBERSHIP_INVITE, ALICE, CAROL),
                            b = entry_of(r, MEMBERSHIP_LEAVE, BOB, -1);
    struct buf first = {0}, second = {0}, third = {0};
    membership_write(&r->m, &a, r->who[ALICE].keys.ed_secret, &first);
    membership_write(&r->m, &b, r->who[BOB].keys.ed_secret, &second);
    assert_int_equal(apply_raw(r, &first), MEMBERSHIP_GOOD);
    assert_int_equal(apply_raw(r, &second), MEMBERSHIP_GAP);
    struct membership forked = r->m;
    forked.head[0] ^= 1; /* as if the server had shown Bob another third entry */
    membership_write(&forked, &b, r->who[BOB].keys.ed_secret, &third);
    assert_int_equal(apply_raw(r, &third), MEMBERSHIP_FORK);
    forked = r->m;
    forked.group[0] ^= 1; /* an entry of another group */
    buf_reset(&third, SIZE_MAX);
    membership_write(&forked, &b, r->who[BOB].keys.ed_secret, &third);
    assert_int_equal(apply_raw(r, &third), MEMBERSHIP_FORK);
    assert_int_equal(apply(r, &b, BOB), MEMBERSHIP_GOOD); /* written anew */
    buf_free(&first);
    buf_free(&second);
    buf_free(&third);
}

static void unused_fields_are_empty(void **state)
{
    struct room *r = *state;
    for (int i = 0; i < 5; i++) {
        struct membership_entry e = entry_of(r, MEMBERSHIP_LEAVE, BOB, i == 0 ? CAROL : -1);
        if (i == 1) e.role = 1;
        if (i == 2) e.until_ms = 1;
        if (i == 3) e.text = TEXT("bye");
        if (i == 4) e.op = 99;
        assert_int_equal(apply(r, &e, BOB), MEMBERSHIP_DAMAGED);
    }
    assert_int_equal(act(r, MEMBERSHIP_KICK, ALICE, -1), MEMBERSHIP_DAMAGED);
}

static void a_group_is_bounded(void **state)
{
    struct room *r = *state;
    char name[16];
    for (unsigned i = 0; r->m.n < MEMBERSHIP_PEOPLE; i++) {
        struct membership_entry e = entry_of(r, MEMBERSHIP_INVITE, ALICE, -1);
        snprintf(name, sizeof name, "guest%u", i);
        e.subject = TEXT(name);
        put_u32(e.subject_account, i + 1);
        assert_int_equal(apply(r, &e, ALICE), MEMBERSHIP_GOOD);
    }
    assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, CAROL), MEMBERSHIP_FULL);
    assert_int_equal(act(r, MEMBERSHIP_LEAVE, BOB, -1), MEMBERSHIP_GOOD);
    assert_int_equal(act(r, MEMBERSHIP_INVITE, ALICE, CAROL), MEMBERSHIP_GOOD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* A log that was judged once is followed again without keys, an instructor's entries too, who is none any more. */
static void a_kept_log_is_followed(void **state)
{
    struct room *r = *state;
    struct membership judged = {0}, kept = {0}, copy;
    struct membership_lookup lookup = {key_of, r};
    const struct { uint8_t op; int actor, subject; } log[] = {
        {MEMBERSHIP_CREATE, ALICE, -1}, {MEMBERSHIP_INVITE, ALICE, BOB}, {MEMBERSHIP_JOIN, BOB, -1}, {MEMBERSHIP_KICK, PROF, ALICE}};
    struct buf raw[4] = {0};
    r->prof_teaches = true;
    for (size_t i = 0; i < 4; i++) {
        struct membership_entry e = entry_of(r, log[i].op, log[i].actor, log[i].subject), said;
        uint8_t group[SEALED_HASH], hash[SEALED_HASH];
        uint32_t seq;
        if (i == 0) e.text = sealed_slice("#chess", 6);
        membership_write(&judged, &e, r->who[log[i].actor].keys.ed_secret, &raw[i]);
        assert_true(membership_read(sealed_head(&raw[i]), &said, group, &seq) && said.op == e.op && seq == i + 1);
        assert_memory_equal(group, judged.group, SEALED_HASH);
        assert_int_equal(membership_apply(&judged, sealed_head(&raw[i]), &lookup, NULL), MEMBERSHIP_GOOD);
        membership_hash(sealed_head(&raw[i]), hash);
        assert_memory_equal(hash, judged.head, SEALED_HASH);
    }
    assert_int_equal(membership_recall(&kept, sealed_head(&raw[1]), NULL), MEMBERSHIP_GAP);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(membership_recall(&kept, sealed_head(&raw[i]), NULL), MEMBERSHIP_GOOD);
    membership_copy(&copy, &kept);
    assert_true(copy.seq == 4 && memcmp(copy.head, judged.head, SEALED_HASH) == 0 && copy.n == judged.n);
    assert_int_equal(membership_role_of(&copy, r->who[BOB].account), ROLE_OWNER);
    assert_true(membership_find(&copy, r->who[ALICE].account)->barred);
    copy.person[0].role = ROLE_NONE; /* it is a memory of its own */
    assert_int_equal(membership_count(&kept), 1);
    buf_head(&raw[3])[6 + 32]++; /* another log's entry */
    assert_int_equal(membership_recall(&kept, sealed_head(&raw[3]), NULL), MEMBERSHIP_GAP);
    for (size_t i = 0; i < 4; i++)
        buf_free(&raw[i]);
    membership_free(&copy);
    membership_free(&kept);
    membership_free(&judged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_flipped_bit_is_refused),
        TEST(no_impersonation),
        TEST(who_left_reads_on_nothing_who_comes_nothing_before),
        TEST(skipping_is_bounded),
        TEST(skipped_keys_expire),
        TEST(a_stored_key_goes_on_where_it_was),
        TEST(generations_and_distributions),
        TEST(who_may_what),
        TEST(the_kicked_stay_out_until_invited),
        TEST(a_name_is_not_the_inviters_to_choose),
        TEST(an_instructor_moderates),
        TEST(the_last_owner_leaves),
        TEST(who_comes_into_an_empty_group_owns_it),
        TEST(the_server_forges_nothing),
        TEST(one_order_for_all),
        TEST(unused_fields_are_empty),
        TEST(a_group_is_bounded),
        TEST(a_kept_log_is_followed),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
