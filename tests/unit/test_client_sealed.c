/*
 * test_client_sealed.c - what stands between the engine and client/sealed: lists and trust (peers.h), what a
 * device publishes (duty.h), sealing and opening with a store (seal.h, open.h), asking again (again.h),
 * questions (asks.h). The server is a few variables here.
 */
#include "client_fake.h"

#include "../../client/again.h"
#include "../../client/asks.h"
#include "../../client/duty.h"
#include "../../client/identity.h"
#include "../../client/open.h"
#include "../../client/packed.h"
#include "../../client/seal.h"

#define NOW_MS UINT64_C(1700000000000)
#define DAY_MS UINT64_C(86400000)

/* Somebody with one device, a store, and what the server has of them. */
struct person {
    const char *name;
    struct identity id;
    struct keyring k;
    struct buf entries; /* the list at the server */
    uint32_t head;
    struct wire_keys_own own;
    struct buf prefix, one_time; /* of the publication */
    size_t handed_out;
    char folder[64];
};

/* What a device sends next, of this type: its payload, which stays valid until the buffer is freed. */
static struct slice sent_frame(struct buf *out, uint8_t type)
{
    struct cur c = cur_of(buf_head(out), buf_len(out));
    struct wire_frame f = {0};
    assert_int_equal(wire_next(&c, &f), 1);
    assert_int_equal(f.type, type);
    assert_int_equal(wire_next(&c, &f), 0);
    return f.payload;
}

static struct wire_list_entries list_of(const struct person *p, const uint8_t *account_key)
{
    struct wire_list_entries m = {.name = text_of(p->name), .head = p->head, .entries = sealed_head(&p->entries)};
    memcpy(m.account_key, account_key ? account_key : p->id.account_key, sizeof m.account_key);
    return m;
}

/* What `at` makes of this list. */
static enum peer_news learn_list(struct person *at, const struct wire_list_entries *m, enum peer_trouble *trouble)
{
    struct peer p;
    assert_true(peers_get(at->k.vault, m->name, &p) >= 0);
    enum peer_news news = peers_take(at->k.vault, &p, m, 0);
    if (trouble) *trouble = p.trouble;
    peer_free(&p);
    return news;
}

static void enter_list(struct person *p)
{
    struct peer own;
    struct buf out = {0};
    struct wire_list_ask ask;
    assert_int_equal(peers_get(p->k.vault, p->k.name, &own), 0);
    assert_int_equal(duty_listed(&p->k, &own, 0, &out), 0);
    assert_true(wire_get_list_ask(sent_frame(&out, WIRE_LIST_ASK), &ask));
    assert_int_equal(ask.op, WIRE_LIST_APPEND);
    buf_put_str16(&p->entries, ask.entry.data, ask.entry.len);
    p->head = 1;
    buf_free(&out);
    peer_free(&own);
    const struct wire_list_entries m = list_of(p, NULL);
    assert_int_equal(learn_list(p, &m, NULL), PEER_GREW);
}

/* Lets the device see how its prekeys stand; how many one-time prekeys it publishes, -1: nothing at all. */
static int see_prekeys(struct person *p)
{
    struct buf out = {0};
    struct wire_keys_ask ask;
    struct wire_publish m;
    assert_int_equal(duty_own(&p->k, &p->own, &out), 0);
    int n = -1;
    if (buf_len(&out)) {
        assert_true(wire_get_keys_ask(sent_frame(&out, WIRE_KEYS_ASK), &ask));
        assert_true(wire_get_publish(ask.publish, &m));
        assert_true(m.signed_id >= p->own.signed_id);
        p->own.signed_id = m.signed_id;
        p->own.left = (uint16_t)(p->own.left + m.n);
        n = m.n;
        if (n > 0) p->own.top = get_u32(m.one_time + (size_t)(n - 1) * WIRE_ONE_TIME);
        buf_free(&p->prefix);
        buf_free(&p->one_time);
        buf_put(&p->prefix, m.prefix.data, m.prefix.len);
        if (n > 0) buf_put(&p->one_time, m.one_time, (size_t)n * WIRE_ONE_TIME);
    }
    buf_free(&out);
    return n;
}

static void make(struct person *p, const char *name, bool file)
{
    struct why why;
    char path[96];
    *p = (struct person){.name = name};
    identity_make(&p->id);
    p->k = (struct keyring){
        .identity = &p->id, .name = text_of(name), .random = &sealed_random_system, .now_ms = NOW_MS};
    if (file) {
        snprintf(p->folder, sizeof p->folder, "/tmp/csmsg-sealed-XXXXXX");
        assert_non_null(mkdtemp(p->folder));
        snprintf(path, sizeof path, "%s/store.db", p->folder);
    }
    p->k.vault = file ? vault_open(path, &why) : vault_memory();
    assert_non_null(p->k.vault);
    enter_list(p);
    assert_int_equal(see_prekeys(p), PREKEY_ONE_TIME);
}

static void unmake(struct person *p)
{
    char command[128];
    vault_close(p->k.vault);
    buf_free(&p->entries);
    buf_free(&p->prefix);
    buf_free(&p->one_time);
    identity_wipe(&p->id);
    if (!p->folder[0]) return;
    snprintf(command, sizeof command, "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
}

/* `at` gets prekeys of `of` from the server: how many sessions were begun. */
static int fetch_keys(struct person *at, struct person *of)
{
    struct buf bundle = {0}; /* a str16, as it travels */
    wire_put_bundle(&bundle, sealed_head(&of->prefix), buf_head(&of->one_time) + of->handed_out++ * WIRE_ONE_TIME);
    const struct wire_bundles m = {.name = text_of(of->name), .n = 1, .bundle = sealed_head(&bundle)};
    int begun = seal_begin(&at->k, &m);
    buf_free(&bundle);
    return begun;
}

static void meet(struct person *at, struct person *of)
{
    const struct wire_list_entries m = list_of(of, NULL);
    assert_int_equal(learn_list(at, &m, NULL), PEER_GREW);
    assert_int_equal(fetch_keys(at, of), 1);
}

static enum seal_result seal_text(struct person *from, const char *to, const char *text, struct seal_need *need)
{
    const struct content c = {
        .kind = CONTENT_TEXT, .time_ms = NOW_MS, .u.text = {CONTENT_SAYS, text_of(text)}};
    struct buf bytes = {0};
    struct vault_draft d = {.to = text_of(to)};
    assert_int_equal(content_encode(&c, &bytes), 0);
    assert_int_equal(vault_begin(from->k.vault), 0);
    assert_int_equal(vault_number(from->k.vault, &d.number), 0);
    struct buf body = {0};
    buf_put_u8(&body, WIRE_SUITE_PLAIN);
    buf_put_u8(&body, WIRE_FORM_SAYS);
    buf_put(&body, text, strlen(text));
    assert_true(vault_note(from->k.vault, d.number, WIRE_TO_USER, d.to, sealed_head(&body), NOW_MS) >= 0);
    d.content = sealed_head(&bytes);
    enum seal_result r = seal_draft(&from->k, &d, need);
    assert_int_equal(vault_commit(from->k.vault), 0);
    buf_free(&body);
    buf_free(&bytes);
    return r;
}

/* The newest of the outbox as the server delivers it, in one piece. */
static struct buf delivered(struct person *from, const char *to)
{
    struct vault_out out, last = {0};
    struct buf packed = {0};
    uint64_t device;
    struct slice head;
    for (uint64_t after = 0; vault_next(from->k.vault, after, &out) > 0; after = out.id)
        last = out;
    assert_true(last.id > 0);
    assert_int_equal(vault_next(from->k.vault, last.id - 1, &out), 1);
    assert_int_equal(out.body.data[0], SEALED_SUITE_DIRECT);
    struct cur c = cur_of(out.head_bytes.data, out.head_bytes.len);
    assert_true(wire_next_head(&c, &device, &head));
    packed_put(&packed, &(struct wire_deliver){.from = text_of(from->name),
                                               .from_device = from->id.device,
                                               .id = out.id,
                                               .to = text_of(to),
                                               .head = head,
                                               .body = out.body});
    return packed;
}

static enum open_result open_at(struct person *at, const struct buf *packed, const char *fresh,
                                struct opened *o)
{
    struct wire_deliver m;
    assert_true(packed_get(sealed_head(packed), &m));
    assert_int_equal(vault_begin(at->k.vault), 0);
    open_message(&at->k, &m, fresh, o);
    assert_int_equal(vault_commit(at->k.vault), 0);
    return o->result;
}

static void expect_text(struct person *from, struct person *to, const char *text)
{
    struct seal_need need;
    struct opened o;
    assert_int_equal(seal_text(from, to->name, text, &need), SEAL_DONE);
    struct buf packed = delivered(from, to->name);
    assert_int_equal(open_at(to, &packed, NULL, &o), OPEN_TEXT);
    assert_int_equal(buf_len(&o.body), strlen(text) + 2);
    assert_memory_equal(buf_head(&o.body) + 2, text, strlen(text));
    assert_string_equal(o.to, to->name);
    open_done(&o);
    buf_free(&packed);
}

struct two {
    struct person alice, bob;
};

static int set_up(void **state)
{
    struct two *t = calloc(1, sizeof *t);
    make(&t->alice, "alice", true); /* the own history is what a resend is made of */
    make(&t->bob, "bob", false);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct two *t = *state;
    unmake(&t->alice);
    unmake(&t->bob);
    free(t);
    return 0;
}

static void test_conversation(void **state)
{
    struct two *t = *state;
    meet(&t->alice, &t->bob);
    const struct wire_list_entries alice = list_of(&t->alice, NULL);
    assert_int_equal(learn_list(&t->bob, &alice, NULL), PEER_GREW);
    expect_text(&t->alice, &t->bob, "one");
    expect_text(&t->alice, &t->bob, "two");
    for (int i = 0; i < 5; i++) {
        expect_text(&t->bob, &t->alice, "there");
        expect_text(&t->alice, &t->bob, "and back");
    }
}

/* Each thing that is missing is named, and nothing is sealed meanwhile. */
static void test_needs(void **state)
{
    struct two *t = *state;
    struct seal_need need;
    struct vault_out out;
    struct peer p;
    struct vault *v = t->alice.k.vault;
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_NEED_LIST);
    assert_string_equal(need.name, "bob");
    const struct wire_list_entries bob = list_of(&t->bob, NULL);
    assert_int_equal(learn_list(&t->alice, &bob, NULL), PEER_GREW);
    assert_int_equal(seal_text(&t->alice, "Bob", "hi", &need), SEAL_NEED_KEYS);
    assert_true(need.device == t->bob.id.device);
    assert_int_equal(vault_next(v, 0, &out), 0);
    assert_int_equal(fetch_keys(&t->alice, &t->bob), 1);
    assert_int_equal(fetch_keys(&t->alice, &t->bob), 0); /* there is one: it is kept */
    assert_int_equal(peers_get(v, text_of("bob"), &p), 1);
    p.stale = true;
    assert_int_equal(peers_put(v, &p), 0);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_NEED_LIST);
    p.stale = false;
    p.barrier = 1;
    assert_int_equal(peers_put(v, &p), 0);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_WAIT);
    p.barrier = 0;
    p.trouble = PEER_CHANGED;
    assert_int_equal(peers_put(v, &p), 0);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_TROUBLE);
    assert_int_equal(need.trouble, PEER_CHANGED);
    p.trouble = PEER_FINE;
    assert_int_equal(peers_put(v, &p), 0);
    peer_free(&p);
    assert_int_equal(vault_next(v, 0, &out), 0);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_DONE);
    assert_int_equal(seal_text(&t->alice, "alice", "note to self", &need), SEAL_NOBODY);
}

/* What does not open changes nothing, and the right message opens afterwards. */
static void test_not_opened(void **state)
{
    struct two *t = *state;
    struct seal_need need;
    struct opened o;
    meet(&t->alice, &t->bob);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_DONE);
    struct buf packed = delivered(&t->alice, "bob");
    assert_int_equal(open_at(&t->bob, &packed, NULL, &o), OPEN_NEED_LIST);
    assert_string_equal(o.name, "alice");
    assert_int_equal(open_at(&t->bob, &packed, "alice", &o), OPEN_FAILED);
    assert_int_equal(o.verdict, OPEN_STRANGER);
    const struct wire_list_entries alice = list_of(&t->alice, NULL);
    assert_int_equal(learn_list(&t->bob, &alice, NULL), PEER_GREW);
    for (size_t from_end = 1; from_end < 200; from_end += 11) {
        packed.data[packed.len - from_end] ^= 4; /* body, then head */
        assert_int_equal(open_at(&t->bob, &packed, NULL, &o), OPEN_FAILED);
        open_done(&o);
        packed.data[packed.len - from_end] ^= 4;
    }
    assert_int_equal(open_at(&t->bob, &packed, NULL, &o), OPEN_TEXT);
    open_done(&o);
    assert_int_equal(open_at(&t->bob, &packed, NULL, &o), OPEN_FAILED); /* the server repeats it */
    open_done(&o);
    buf_free(&packed);
}

/* --- trust --- */

static void test_trust(void **state)
{
    struct two *t = *state;
    enum peer_trouble trouble;
    struct peer p;
    struct person *a = &t->alice;
    uint8_t other_key[32];
    const struct wire_list_entries none = {.name = text_of("bob")};
    struct wire_list_entries list = list_of(&t->bob, NULL), forged = list;
    uint8_t bytes[600];
    assert_int_equal(learn_list(a, &none, NULL), PEER_NO_LIST);
    memcpy(bytes, list.entries.data, list.entries.len);
    bytes[list.entries.len - 1] ^= 1;
    forged.entries.data = bytes;
    assert_int_equal(learn_list(a, &forged, NULL), PEER_NO_LIST); /* nothing to believe yet */
    assert_int_equal(learn_list(a, &list, NULL), PEER_GREW);
    assert_int_equal(learn_list(a, &list, NULL), PEER_SAME); /* two of our processes had asked */
    struct wire_list_entries ahead = {.name = text_of("bob"), .head = 5};
    memcpy(ahead.account_key, list.account_key, 32);
    ahead.entries = (struct slice){list.entries.data, list.entries.len};
    assert_int_equal(learn_list(a, &ahead, NULL), PEER_AGAIN);
    assert_int_equal(peers_verify(a->k.vault, "BOB"), 1);
    assert_int_equal(learn_list(a, &forged, &trouble), PEER_TROUBLE);
    assert_int_equal(trouble, PEER_FORKED);
    assert_int_equal(peers_verify(a->k.vault, "bob"), 0);
    assert_int_equal(peers_accept(a->k.vault, "bob"), 1);
    assert_int_equal(peers_get(a->k.vault, text_of("bob"), &p), 0);
    peer_free(&p);
    assert_int_equal(peers_accept(a->k.vault, "bob"), 0);

    assert_int_equal(learn_list(a, &list, NULL), PEER_GREW);
    assert_int_equal(learn_list(a, &none, &trouble), PEER_TROUBLE);
    assert_int_equal(trouble, PEER_ROLLED_BACK);
    assert_int_equal(peers_accept(a->k.vault, "bob"), 1);

    assert_int_equal(learn_list(a, &list, NULL), PEER_GREW);
    memset(other_key, 7, sizeof other_key);
    const struct wire_list_entries changed = list_of(&t->bob, other_key);
    assert_int_equal(learn_list(a, &changed, &trouble), PEER_TROUBLE);
    assert_int_equal(trouble, PEER_CHANGED);
    assert_int_equal(learn_list(a, &list, &trouble), PEER_SAME); /* and it stays so until it is accepted */
    assert_int_equal(trouble, PEER_CHANGED);
}

/* --- asking again --- */

static unsigned drafts(struct person *p)
{
    struct vault_draft d = {0};
    unsigned n = 0;
    while (vault_next_draft(p->k.vault, (struct slice){0}, d.number, &d) > 0)
        n += d.quiet;
    return n;
}

static void test_again(void **state)
{
    struct two *t = *state;
    const struct slice to = text_of("bob");
    const struct wire_deliver lost = {
        .from = text_of("alice"), .from_device = t->alice.id.device, .id = 1, .to = text_of("bob")};
    struct seal_need need;
    meet(&t->alice, &t->bob);
    assert_int_equal(seal_text(&t->alice, "bob", "hi", &need), SEAL_DONE); /* id 1 */
    /* a message is asked for, and comes once */
    assert_true(again_ask(&t->bob.k, &lost, OPEN_DAMAGED) >= 0);
    assert_int_equal(drafts(&t->bob), 1);
    assert_int_equal(again_is_due(&t->bob.k, "alice", t->alice.id.device), 1);
    assert_int_equal(again_is_done(&t->bob.k, "alice", t->alice.id.device), 0);
    assert_int_equal(again_is_due(&t->bob.k, "alice", t->alice.id.device), 0);
    assert_int_equal(again_came(&t->bob.k, text_of("alice"), t->alice.id.device + 1, 1, to), 0);
    assert_int_equal(again_came(&t->bob.k, text_of("alice"), t->alice.id.device, 1, text_of("#chess")), 0);
    assert_int_equal(again_came(&t->bob.k, text_of("Alice"), t->alice.id.device, 1, to), 1);
    assert_int_equal(again_came(&t->bob.k, text_of("alice"), t->alice.id.device, 1, to), 0);
    /* nobody can have us ask without end */
    for (unsigned i = 2; i < 2 * AGAIN_ASKED; i++) {
        struct wire_deliver m = lost;
        m.id = i;
        assert_true(again_ask(&t->bob.k, &m, OPEN_DAMAGED) >= 0);
    }
    assert_int_equal(drafts(&t->bob), AGAIN_ASKED);
    t->bob.k.now_ms += DAY_MS;
    assert_true(again_ask(&t->bob.k, &lost, OPEN_DAMAGED) >= 0);
    assert_int_equal(drafts(&t->bob), AGAIN_ASKED + 1);
    /* nor answer: only whom it was for, and so many times */
    assert_int_equal(again_answer(&t->alice.k, text_of("eve"), 1), 0);
    for (int i = 0; i < AGAIN_ANSWERED; i++)
        assert_int_equal(again_answer(&t->alice.k, text_of("BOB"), 1), 1);
    assert_int_equal(again_answer(&t->alice.k, text_of("bob"), 1), 0);
    assert_int_equal(again_answer(&t->alice.k, text_of("bob"), 99), 0);
    assert_int_equal(drafts(&t->alice), AGAIN_ANSWERED);
}

/* --- what a device publishes --- */

static void test_duty(void **state)
{
    struct two *t = *state;
    struct person *p = &t->bob;
    assert_int_equal(see_prekeys(p), -1); /* all is well */
    p->own.left = PREKEY_REFILL_AT;
    assert_int_equal(see_prekeys(p), -1);
    p->own.left = 20;
    uint32_t top = p->own.top;
    assert_int_equal(see_prekeys(p), PREKEY_ONE_TIME - 20);
    assert_int_equal(p->own.top, top + PREKEY_ONE_TIME - 20);
    p->k.now_ms += PREKEY_ROTATE_DAYS * DAY_MS;
    uint32_t before = p->own.signed_id;
    assert_int_equal(see_prekeys(p), 0);
    assert_int_equal(p->own.signed_id, before + 1);
    assert_int_equal(see_prekeys(p), -1);
    /* the private halves are lost: nothing of what the server has is of use, and no id is used again */
    assert_int_equal(vault_drop(p->k.vault, VAULT_PREKEYS, text_of(""), 0), 0);
    assert_int_equal(see_prekeys(p), 200);
    assert_int_equal(p->own.signed_id, before + 2);
    assert_int_equal(get_u32(buf_head(&p->one_time)), top + PREKEY_ONE_TIME - 20 + 1);
}

/* A server that has lost the list gets it back, entry by entry. */
static void test_lost_list(void **state)
{
    struct two *t = *state;
    struct peer own;
    struct buf out = {0};
    struct wire_list_ask ask;
    assert_int_equal(peers_get(t->bob.k.vault, text_of("bob"), &own), 1);
    assert_int_equal(duty_listed(&t->bob.k, &own, 0, &out), 0);
    assert_true(wire_get_list_ask(sent_frame(&out, WIRE_LIST_ASK), &ask));
    assert_int_equal(ask.entry.len, buf_len(&t->bob.entries) - 2);
    assert_memory_equal(ask.entry.data, buf_head(&t->bob.entries) + 2, ask.entry.len);
    buf_free(&out);
    peer_free(&own);
}

/* --- questions --- */

static void test_asks(void **state)
{
    (void)state;
    struct asks a = {0};
    assert_null(asks_next(&a, 0));
    assert_false(asks_want(&a, WIRE_LIST, "bob", 0, 0));
    assert_false(asks_want(&a, WIRE_LIST, "bob", 0, 0));
    assert_int_equal(asks_due(&a, 5), 5);
    assert_string_equal(asks_next(&a, 0)->name, "bob");
    assert_null(asks_next(&a, 0)); /* once */
    asks_answered(&a, WIRE_LIST, "bob");
    assert_true(asks_want(&a, WIRE_LIST, "bob", 0, 1000)); /* it did not help */
    asks_tidy(&a);
    assert_int_equal(asks_due(&a, 1000), 1000 + ASKS_AGAIN_MIN_MS);
    assert_null(asks_next(&a, 1000));
    asks_hurry(&a, WIRE_LIST, "bob");
    assert_non_null(asks_next(&a, 1000));
    asks_answered(&a, WIRE_LIST, "bob");
    assert_true(asks_want(&a, WIRE_LIST, "bob", 0, 1000));
    assert_int_equal(asks_due(&a, 1000), 1000 + 2 * ASKS_AGAIN_MIN_MS);
    assert_non_null(asks_next(&a, 1000 + 2 * ASKS_AGAIN_MIN_MS));
    asks_reset(&a); /* the connection was lost */
    assert_non_null(asks_next(&a, 0));
    asks_hold(&a, WIRE_LIST, "bob", 9000);
    assert_null(asks_next(&a, 8999));
    assert_int_equal(asks_due(&a, 0), 9000);
    assert_non_null(asks_next(&a, 9000));
    asks_answered(&a, WIRE_LIST, "bob");
    asks_tidy(&a);
    assert_int_equal(asks_due(&a, 0), UINT64_MAX);
    /* few at once */
    for (int i = 0; i < 2 * ASKS_AT_ONCE; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "p%d", i);
        asks_want(&a, WIRE_KEYS, name, 7, 9000);
    }
    for (int i = 0; i < ASKS_AT_ONCE; i++)
        assert_non_null(asks_next(&a, 9000));
    assert_null(asks_next(&a, 9000));
    asks_answered(&a, WIRE_KEYS, "p0");
    asks_tidy(&a);
    assert_non_null(asks_next(&a, 9000));
    asks_free(&a);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define WITH_TWO(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TWO(test_conversation), WITH_TWO(test_needs),     WITH_TWO(test_not_opened),
        WITH_TWO(test_trust),        WITH_TWO(test_again),     WITH_TWO(test_duty),
        WITH_TWO(test_lost_list),    cmocka_unit_test(test_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
