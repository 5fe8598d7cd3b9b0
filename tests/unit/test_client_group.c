/*
 * test_client_group.c - groups at a client: the log with a store (group.h), keys handed out and taken back
 * (group_keys.h), what comes in a room (group_room.h). The server is a few variables here.
 */
#include "client_fake.h"

#include "../../client/class.h"
#include "../../client/duty.h"
#include "../../client/group_keys.h"
#include "../../client/group_room.h"
#include "../../client/identity.h"
#include "../../client/open.h"
#include "../../client/sealed/content.h"

#define NOW_MS UINT64_C(1700000000000)

enum { ALICE, BOB, PROF, PEOPLE };

struct person {
    const char *name;
    struct identity id;
    struct keyring k;
    struct group g;
};

struct room {
    struct person p[PEOPLE];
    uint64_t number;
    struct buf entry; /* the last */
};

/* Writes the person's own list of one device, and lets everybody learn it. */
static void list_person(struct room *r, struct person *p)
{
    struct peer own;
    struct buf out = {0}, entries = {0};
    struct cur c;
    struct wire_frame f;
    struct wire_list_ask ask;
    assert_int_equal(peers_get(p->k.vault, p->k.name, &own), 0);
    assert_int_equal(duty_listed(&p->k, &own, 0, &out), 0);
    c = cur_of(buf_head(&out), buf_len(&out));
    assert_int_equal(wire_next(&c, &f), 1);
    assert_true(wire_get_list_ask(f.payload, &ask));
    buf_put_str16(&entries, ask.entry.data, ask.entry.len);
    struct wire_list_entries m = {.name = text_of(p->name), .head = 1, .entries = sealed_head(&entries)};
    memcpy(m.account_key, p->id.account_key, sizeof m.account_key);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct peer at;
        assert_int_equal(peers_get(r->p[i].k.vault, m.name, &at), 0);
        assert_int_equal(peers_take(r->p[i].k.vault, &at, &m, 0), PEER_GREW);
        peer_free(&at);
    }
    peer_free(&own);
    buf_free(&out);
    buf_free(&entries);
}

static int set_up(void **state)
{
    static const char *const names[PEOPLE] = {"alice", "bob", "prof"};
    struct room *r = calloc(1, sizeof *r);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *p = &r->p[i];
        *p = (struct person){.name = names[i]};
        identity_make(&p->id);
        p->k = (struct keyring){.vault = vault_memory(),
                                .identity = &p->id,
                                .name = text_of(names[i]),
                                .random = &sealed_random_system,
                                .now_ms = NOW_MS};
        group_start(&p->g, text_of("#Chess"));
    }
    for (size_t i = 0; i < PEOPLE; i++)
        list_person(r, &r->p[i]);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct room *r = *state;
    for (size_t i = 0; i < PEOPLE; i++) {
        group_free(&r->p[i].g);
        vault_close(r->p[i].k.vault);
        identity_wipe(&r->p[i].id);
    }
    buf_free(&r->entry);
    free(r);
    return 0;
}

/* The room's next line at this person. */
static enum room_result arrives(struct person *at, struct wire_deliver *m, bool patient, struct room_taken *t)
{
    room_take(&at->k, &at->g, m, NULL, patient, t);
    return t->result;
}

/* The next entry, by this person at this time; its number is taken. */
static void write_entry(struct room *r, struct person *by, uint8_t op, struct person *about, uint8_t role, uint64_t time_ms)
{
    struct membership_entry e = {.op = op, .time_ms = time_ms, .actor = text_of(by->name), .role = role,
                                 .actor_device = by->id.device};
    memcpy(e.actor_account, by->id.account_key, SEALED_KEY);
    if (op == MEMBERSHIP_CREATE) e.text = text_of("#Chess");
    if (about) {
        e.subject = text_of(about->name);
        memcpy(e.subject_account, about->id.account_key, SEALED_KEY);
    }
    buf_free(&r->entry);
    membership_write(&by->g.log, &e, by->id.secret, &r->entry);
    r->number++;
}

/* The entry comes to this one: how it is shown, and for one that is not taken the reason. */
static enum vault_how comes(struct room *r, struct person *at, bool *said, uint8_t *reason)
{
    struct wire_deliver m = {.flags = WIRE_FLAG_ROOM | WIRE_FLAG_ENTRY,
                             .seq = r->number,
                             .from = text_of(""),
                             .to = text_of("#Chess"),
                             .body = sealed_head(&r->entry)};
    struct room_taken t;
    assert_int_equal(arrives(at, &m, true, &t), ROOM_SHOW);
    *said = t.said;
    *reason = t.how == VAULT_UNOPENED ? *buf_head(&t.body) : 0;
    enum vault_how how = t.how;
    room_done(&t);
    return how;
}

/* An entry of this person, taken by everybody. */
static void append(struct room *r, struct person *by, uint8_t op, struct person *about, uint8_t role)
{
    bool said;
    uint8_t reason;
    write_entry(r, by, op, about, role, NOW_MS);
    for (size_t i = 0; i < PEOPLE; i++)
        assert_int_equal(comes(r, &r->p[i], &said, &reason), VAULT_ENTRY);
}

/* A message of this person; its bytes are in the sender's outbox. */
static struct wire_deliver say(struct room *r, struct person *by, const char *text, uint64_t after)
{
    struct content c = {.kind = CONTENT_TEXT, .time_ms = NOW_MS, .u.text = {CONTENT_SAYS, text_of(text)}};
    struct buf bytes = {0};
    struct vault_draft d = {.to = text_of("#Chess")};
    struct vault_out out;
    assert_int_equal(content_encode(&c, &bytes), 0);
    d.content = sealed_head(&bytes);
    assert_int_equal(group_seal(&by->k, &by->g, &d), 1);
    buf_free(&bytes);
    assert_int_equal(vault_next(by->k.vault, after, &out), 1);
    return (struct wire_deliver){.flags = WIRE_FLAG_ROOM, .seq = ++r->number, .time_ms = NOW_MS, .id = out.id,
                                 .from = text_of(by->name), .from_device = by->id.device, .to = text_of("#Chess"),
                                 .body = out.body};
}

/* Hands over what by has drafted for others: how many took it as new. */
static int hand_over(struct person *by, struct person *to)
{
    struct vault_draft d = {0};
    int taken = 0;
    while (vault_next_draft(by->k.vault, text_of(to->name), d.number, &d) > 0) {
        struct content c;
        struct peer p;
        uint8_t group[SEALED_HASH];
        assert_int_equal(content_decode(&c, d.content), CONTENT_GOOD);
        assert_int_equal(c.kind, CONTENT_SENDER_KEY);
        assert_int_equal(peers_get(to->k.vault, text_of(by->name), &p), 1);
        taken += group_keys_take(&to->k, &p, by->id.device, c.u.sender_key.distribution, group);
        peer_free(&p);
        vault_drop_draft(by->k.vault, d.number, 0);
    }
    return taken;
}

static void expect_text(struct person *at, struct wire_deliver m, const char *text)
{
    struct room_taken t;
    assert_int_equal(arrives(at, &m, true, &t), ROOM_SHOW);
    assert_int_equal(t.how, VAULT_SEALED);
    assert_int_equal(buf_len(&t.body), strlen(text) + 2);
    assert_memory_equal(buf_head(&t.body) + 2, text, strlen(text));
    room_done(&t);
}

static void test_key_before_message(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *b = &r->p[BOB];
    struct room_taken t;
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, b, MEMBERSHIP_JOIN, NULL, 0);
    assert_int_equal(group_hand_out(&a->k, &a->g), 1);
    assert_int_equal(group_hand_out(&a->k, &a->g), 0); /* nobody lacks it now */
    struct wire_deliver m = say(r, a, "hello", 0);
    assert_int_equal(arrives(b, &m, true, &t), ROOM_NEED_KEY);
    room_done(&t);
    assert_int_equal(hand_over(a, b), 1);
    expect_text(b, m, "hello");
    expect_text(a, m, "hello"); /* one's own, too */
    /* A server that says it again, at another place, is not heard: neither shown, nor asked for. */
    m.seq++;
    assert_int_equal(arrives(b, &m, false, &t), ROOM_NOTHING);
    room_done(&t);
    /* One that has lost its key and is not waited for says so and is asked for. */
    assert_int_equal(group_keys_forget(b->k.vault, &b->g), 0);
    assert_int_equal(arrives(b, &m, false, &t), ROOM_SHOW);
    assert_int_equal(t.how, VAULT_UNOPENED);
    assert_true(t.ask);
    room_done(&t);
}

static void test_out_means_new_keys(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *b = &r->p[BOB];
    struct room_taken t;
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, b, MEMBERSHIP_JOIN, NULL, 0);
    assert_int_equal(group_hand_out(&a->k, &a->g), 1);
    assert_int_equal(hand_over(a, b), 1);
    uint32_t before, after, log_seq;
    struct wire_deliver first = say(r, a, "one", 0);
    assert_true(sender_key_peek(first.body, &before, &log_seq));
    expect_text(b, first, "one");
    append(r, a, MEMBERSHIP_KICK, b, 0);
    assert_true(b->g.over);
    assert_int_equal(group_hand_out(&a->k, &a->g), 0); /* new, and nobody is left to have it */
    struct wire_deliver m = say(r, a, "two", 1);
    assert_true(sender_key_peek(m.body, &after, &log_seq));
    assert_true(after > before); /* whatever copy of his store bob has */
    assert_int_equal(hand_over(a, b), 0);
    assert_int_equal(arrives(b, &m, false, &t), ROOM_SHOW);
    assert_int_equal(t.how, VAULT_UNOPENED);
    room_done(&t);
    expect_text(a, m, "two");
}

/* Whoever was away has the keys of many generations at once, and reads in order what was said with each. */
static void test_many_generations_at_once(void **state)
{
    enum { MANY = 9 };
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *b = &r->p[BOB];
    struct buf kept[MANY] = {{0}};
    struct wire_deliver m[MANY];
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, b, MEMBERSHIP_JOIN, NULL, 0);
    for (size_t i = 0; i < MANY; i++) {
        a->g.rekey = true; /* as after somebody left */
        assert_int_equal(group_hand_out(&a->k, &a->g), 1);
        assert_int_equal(hand_over(a, b), 1);
        m[i] = say(r, a, "hello", i);
        buf_put(&kept[i], m[i].body.data, m[i].body.len);
        m[i].body = sealed_head(&kept[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        expect_text(b, m[i], "hello");
        buf_free(&kept[i]);
    }
}

/* Judged at its place: before the kick bob was in, although the log that is here goes further. */
static void test_member_at_a_place(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *b = &r->p[BOB];
    struct membership_person who;
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, b, MEMBERSHIP_JOIN, NULL, 0);
    append(r, a, MEMBERSHIP_KICK, b, 0);
    assert_int_equal(group_member_at(a->k.vault, &a->g, b->id.account_key, 3, &who), 1);
    assert_int_equal(group_member_at(a->k.vault, &a->g, b->id.account_key, 2, &who), 0);
    assert_int_equal(group_member_at(a->k.vault, &a->g, b->id.account_key, 4, &who), 0);
}

/* What a store has kept is what a new process reads. */
static void test_read_back(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE];
    struct group g;
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, r->p + BOB, MEMBERSHIP_JOIN, NULL, 0);
    group_start(&g, text_of("#CHESS"));
    assert_int_equal(group_read(a->k.vault, &g), 1);
    assert_int_equal(g.log.seq, 2);
    assert_memory_equal(g.id, a->g.id, sizeof g.id);
    assert_true(group_has(&g, r->p[BOB].id.account_key));
    group_free(&g);
}

static void test_parked_in_order(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE];
    for (uint64_t number = 9; number >= 7; number--) {
        const struct wire_deliver m = {.flags = WIRE_FLAG_ROOM, .seq = number, .from = text_of("bob"),
                                       .to = text_of("#Chess"), .head = text_of(""), .body = text_of("x")};
        assert_int_equal(room_park(a->k.vault, &a->g, &m), 0);
    }
    for (uint64_t number = 7; number <= 10; number++) {
        struct buf value = {0};
        struct wire_deliver m = {0};
        assert_int_equal(room_parked(a->k.vault, &a->g, &value, &m), number < 10);
        if (number < 10) assert_int_equal(m.seq, number);
        room_unpark(a->k.vault, &a->g, &m);
        buf_free(&value);
    }
}

/* --- who may write entries --- */

/* Everybody's copy of the list of this person says that their device is gone since then. */
static void revoke_device(struct room *r, struct person *p, uint64_t when_ms)
{
    uint8_t secret[SEALED_SIGN_SECRET];
    struct buf entry = {0}, entries = {0};
    struct peer own;
    memcpy(secret, p->id.account_secret, sizeof secret);
    assert_int_equal(peers_get(p->k.vault, p->k.name, &own), 1);
    assert_int_equal(device_list_revoke(&own.list, secret, NULL, p->id.device, when_ms, &entry), DEVICE_GOOD);
    buf_put_str16(&entries, buf_head(&entry), buf_len(&entry));
    struct wire_list_entries m = {.name = text_of(p->name), .head = 2, .entries = sealed_head(&entries)};
    memcpy(m.account_key, p->id.account_key, sizeof m.account_key);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct peer at;
        assert_int_equal(peers_get(r->p[i].k.vault, m.name, &at), 1);
        assert_int_equal(peers_take(r->p[i].k.vault, &at, &m, 0), PEER_GREW);
        peer_free(&at);
    }
    peer_free(&own);
    buf_free(&entry);
    buf_free(&entries);
}

/* Whose list has come since: what the device wrote before it was revoked stands, what it wrote after does not. */
static void test_revoked_device(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *b = &r->p[BOB];
    bool said;
    uint8_t reason;
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    write_entry(r, b, MEMBERSHIP_JOIN, NULL, 0, NOW_MS - 1);
    revoke_device(r, b, NOW_MS);
    for (size_t i = 0; i < PEOPLE; i++)
        assert_int_equal(comes(r, &r->p[i], &said, &reason), VAULT_ENTRY);
    assert_true(group_has(&a->g, b->id.account_key));
    write_entry(r, b, MEMBERSHIP_LEAVE, NULL, 0, NOW_MS);
    assert_int_equal(comes(r, a, &said, &reason), VAULT_UNOPENED);
    assert_int_equal(reason, OPEN_BAD_ENTRY);
    assert_true(a->g.broken && !a->g.unproven);
}

/* The server's word that somebody is an instructor puts out and mutes, and lets nobody in. */
static void test_by_the_servers_word(void **state)
{
    static const struct {
        uint8_t op, role;
        int about;
        bool taken;
    } tries[] = {
        {MEMBERSHIP_KICK, 0, ALICE, false}, /* the owner: another would become it */
        {MEMBERSHIP_ROLE, ROLE_OWNER, BOB, false},
        {MEMBERSHIP_OPEN, 1, -1, false},
        {MEMBERSHIP_OPEN, 0, -1, true},
        {MEMBERSHIP_MUTE, 0, BOB, true},
        {MEMBERSHIP_KICK, 0, BOB, true},
        {MEMBERSHIP_INVITE, 0, BOB, false},
    };
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *prof = &r->p[PROF];
    append(r, a, MEMBERSHIP_CREATE, NULL, 1);
    append(r, &r->p[BOB], MEMBERSHIP_JOIN, NULL, 0);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        bool said;
        uint8_t reason;
        write_entry(r, prof, tries[i].op, tries[i].about < 0 ? NULL : &r->p[tries[i].about], tries[i].role, NOW_MS);
        assert_int_equal(comes(r, a, &said, &reason), tries[i].taken ? VAULT_ENTRY : VAULT_UNOPENED);
        assert_int_equal(said, tries[i].taken);
        assert_int_equal(reason, tries[i].taken ? 0 : OPEN_UNPROVEN);
        if (!tries[i].taken) {
            assert_true(a->g.unproven);
            continue;
        }
        assert_int_equal(group_said(a->k.vault, &a->g, a->g.log.seq), 1);
        assert_int_equal(comes(r, prof, &said, &reason), VAULT_ENTRY);
        assert_false(said); /* of oneself one knows */
    }
}

/* The anchor's word is enough for everything; also later than it was good for, and for what came before. */
static void test_by_the_anchor(void **state)
{
    struct room *r = *state;
    struct person *a = &r->p[ALICE], *prof = &r->p[PROF];
    struct class_room class;
    struct buf item = {0};
    bool said;
    uint8_t reason;
    assert_int_equal(class_make(a->k.vault, "CSCE 513", &sealed_random_system), 1);
    assert_int_equal(class_get(a->k.vault, &class), 1);
    append(r, a, MEMBERSHIP_CREATE, NULL, 0);
    write_entry(r, prof, MEMBERSHIP_INVITE, &r->p[BOB], 0, NOW_MS);
    assert_int_equal(comes(r, a, &said, &reason), VAULT_UNOPENED);
    assert_int_equal(reason, OPEN_UNPROVEN);
    for (int role = ANCHOR_ASSISTANT; role <= ANCHOR_INSTRUCTOR; role++) {
        buf_free(&item);
        assert_int_equal(class_sign(&class, text_of("prof"), prof->id.account_key, (uint8_t)role, NOW_MS + (uint64_t)role * 1000, &item), 0);
        assert_int_equal(class_take_entry(a->k.vault, &class, text_of("prof"), sealed_head(&item), NOW_MS), 1);
        assert_int_equal(comes(r, a, &said, &reason), role == ANCHOR_INSTRUCTOR ? VAULT_ENTRY : VAULT_UNOPENED);
    }
    assert_false(said);
    assert_int_equal(comes(r, prof, &said, &reason), VAULT_ENTRY);
    write_entry(r, prof, MEMBERSHIP_TOPIC, NULL, 0, NOW_MS);
    a->k.now_ms = NOW_MS + UINT64_C(500) * 24 * 3600 * 1000;
    assert_int_equal(comes(r, a, &said, &reason), VAULT_ENTRY);
    assert_false(said);
    buf_free(&item);
    class_wipe(&class);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define IN_A_ROOM(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_ROOM(test_key_before_message), IN_A_ROOM(test_out_means_new_keys), IN_A_ROOM(test_member_at_a_place),
        IN_A_ROOM(test_read_back),          IN_A_ROOM(test_parked_in_order),    IN_A_ROOM(test_revoked_device),
        IN_A_ROOM(test_many_generations_at_once), IN_A_ROOM(test_by_the_servers_word), IN_A_ROOM(test_by_the_anchor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
