/*
 * test_group.c - what must hold of a group at the broker while something is on its way to the disk: entries
 * that find it full, messages judged meanwhile, a group that ends under those who read. The real uplink,
 * session, route, room and group*, with the fuzzers' store that answers when told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz_store.h"
#include "group.h"
#include "log.h"
#include "quiet_loop.h"

enum { ALICE, BOB, PEOPLE };

static const char *const names[PEOPLE] = {"alice", "bob"};
static struct broker b;
static struct session *session[PEOPLE];
static uint8_t secret[PEOPLE][SEALED_SIGN_SECRET], account_key[PEOPLE][SEALED_KEY];
static struct membership theirs; /* the log as the clients know it */
static int worker;               /* the worker's end of the stream */
static char said[4096];          /* what clients were told: "alice head 1, bob DELIVER 2" */

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- what clients say --- */

static void up(unsigned who, struct buf *frame)
{
    struct stream s = {0};
    bus_put_up(&s, session[who]->sid, buf_head(frame)[0],
               (struct slice){buf_head(frame) + WIRE_FRAME_HEAD, buf_len(frame) - WIRE_FRAME_HEAD});
    assert_true(b.links->stream.frame(&b.links->stream, buf_head(&s.out)[4],
                                      (struct slice){buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD}));
    buf_free(&s.out);
    buf_free(frame);
}

/* Writes and sends the next entry; about: whom it is about, PEOPLE: nobody. known: the clients' log takes it. */
static void append(unsigned who, uint8_t op, unsigned about, bool known)
{
    struct membership_entry e = {.op = op, .time_ms = 1, .actor = text(names[who]), .actor_device = who + 1};
    struct buf raw = {0}, frame = {0};
    memcpy(e.actor_account, account_key[who], SEALED_KEY);
    if (about < PEOPLE) {
        e.subject = text(names[about]);
        memcpy(e.subject_account, account_key[about], SEALED_KEY);
    }
    if (op == MEMBERSHIP_CREATE) e.role = 1, e.text = text("#chess");
    membership_write(&theirs, &e, secret[who], &raw);
    struct slice entry = {buf_head(&raw), buf_len(&raw)};
    struct wire_group_question q = {.op = WIRE_ASK_APPEND, .entry = entry};
    wire_put_group_question(&frame, &q);
    up(who, &frame);
    if (known) assert_int_equal(membership_recall(&theirs, entry, NULL), MEMBERSHIP_GOOD);
    buf_free(&raw);
}

/* Sealed for this entry of the log. */
static void say_for(unsigned who, uint64_t id, uint32_t seq)
{
    struct buf frame = {0};
    uint8_t body[WIRE_GROUP_BODY_LOG + 5] = {SEALED_SUITE_GROUP};
    put_u32(body + WIRE_GROUP_BODY_LOG, seq);
    struct wire_send m = {.id = id, .kind = WIRE_TO_ROOM, .to = text("#chess"), .body = {body, sizeof body}};
    wire_put_send(&frame, &m);
    up(who, &frame);
}

static void say(unsigned who, uint64_t id)
{
    say_for(who, id, UINT32_MAX);
}

static void ack(unsigned who, uint64_t number)
{
    struct buf frame = {0};
    struct wire_ack m = {.kind = WIRE_TO_ROOM, .seq = number, .room = text("#chess")};
    wire_put_ack(&frame, &m);
    up(who, &frame);
}

/* Says that the refusals up to this id are known. */
static void confirm(unsigned who, uint64_t next_id)
{
    struct buf frame = {0};
    wire_put_ack(&frame, &(struct wire_ack){.kind = WIRE_ACK_SETTLED, .seq = next_id - 1});
    up(who, &frame);
}

/* --- what they hear --- */

static void note(const char *who, const struct wire_frame *f)
{
    struct wire_deliver d;
    struct wire_rejected r;
    struct wire_group_head h;
    struct wire_group_no no;
    struct wire_group_notice gone;
    size_t at = strlen(said);
    const char *comma = at ? ", " : "";
    if (f->type == WIRE_DELIVER && wire_get_deliver(f->payload, &d))
        snprintf(said + at, sizeof said - at, "%s%s %s %llu", comma, who, d.flags & WIRE_FLAG_ENTRY ? "entry" : "message",
                 (unsigned long long)d.seq);
    else if (f->type == WIRE_REJECTED && wire_get_rejected(f->payload, &r))
        snprintf(said + at, sizeof said - at, "%s%s %s", comma, who, wire_code_name(r.code));
    else if (f->type == WIRE_GROUP && wire_get_group_head(f->payload, &h))
        snprintf(said + at, sizeof said - at, "%s%s head %u", comma, who, h.seq);
    else if (f->type == WIRE_GROUP && wire_get_group_no(f->payload, &no))
        snprintf(said + at, sizeof said - at, "%s%s no %s", comma, who, wire_code_name(no.code));
    else if (f->type == WIRE_GROUP && wire_get_group_notice(f->payload, WIRE_GROUP_GONE, &gone))
        snprintf(said + at, sizeof said - at, "%s%s gone", comma, who);
}

/* The store answers what it was asked until now; the turn ends; what was told in it. */
static const char *heard(bool full)
{
    static uint8_t bytes[1 << 20];
    struct bus_down down;
    struct wire_frame f;
    said[0] = '\0';
    fuzz_store_answer(b.store, b.store->pending, full);
    room_flush(&b);
    route_settle(&b);
    stream_flush(&b.links->stream);
    ssize_t came = recv(worker, bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t at = 0; at < came;) {
        const uint8_t *head = bytes + at;
        size_t n = get_u32(head);
        if (head[4] == BUS_DOWN) {
            assert_true(bus_get_down((struct slice){head + STREAM_HEAD, n}, &down));
            for (unsigned i = 0; i < down.n; i++) {
                struct cur c = cur_of(down.frames.data, down.frames.len);
                while (wire_next(&c, &f) > 0)
                    note(names[bus_index(get_u64(down.sids + 8 * i))], &f);
            }
        }
        at += (ssize_t)(STREAM_HEAD + n);
    }
    return said;
}

#define HEARD(words) assert_string_equal(heard(false), words)

/* --- a broker for each test --- */

static void add_person(unsigned who)
{
    uint8_t seed[32] = {(uint8_t)(1 + who)}, ed[32];
    crypto_sign_seed_keypair(ed, secret[who], seed);
    struct account *a = people_add(&b, who + 1, text(names[who]), 0);
    people_add_device(a, who + 1, ed);
    memset(account_key[who], 0x40 + (int)who, SEALED_KEY);
    memcpy(people_keyring(a)->list.account_key, account_key[who], SEALED_KEY);
    a->keys->list.head = 1;
}

static void enter(unsigned who)
{
    session[who] = session_open(b.links, bus_sid(who, 1), people_by_id(&b, who + 1)->device, WIRE_CAP_RECEIVE, ++b.serial,
                                text("192.0.2.1:5"));
    session_resume(session[who], &(struct wire_resume){.next_id = 1});
}

static int set_up(void **state)
{
    int pair[2];
    (void)state;
    fuzz_random_start();
    log_init("test", LOG_LOGFMT, LOG_ERROR, false);
    b = (struct broker){.master.closed = true, .incarnation = 5, .dir_fd = -1};
    loop_init(&b.loop);
    conf_defaults(settings_table, settings_count, &b.set);
    b.store = fuzz_store_open();
    room_load(&b);
    groups_load(&b);
    fuzz_files_begin(&b);
    presence_start(&b);
    stream_pair(pair);
    worker = pair[1];
    link_open(&b, 0, 1, pair[0]);
    for (unsigned i = 0; i < PEOPLE; i++) {
        add_person(i);
        enter(i);
    }
    heard(false);
    return 0;
}

static void drop(void *arg, struct group *g)
{
    group_drop(arg, g, false);
}

static int tear_down(void **state)
{
    (void)state;
    b.links->stream.ended(&b.links->stream, "closed");
    close(worker);
    fuzz_store_answer(b.store, SIZE_MAX, false);
    fuzz_store_answer(b.store, SIZE_MAX, false);
    room_flush(&b);
    route_settle(&b);
    groups_each(&b, drop, &b);
    for (unsigned i = 0; i < PEOPLE; i++) {
        refuse_confirm(&people_by_id(&b, i + 1)->device->out, UINT64_MAX);
        people_remove(&b, people_by_id(&b, i + 1));
    }
    membership_free(&theirs);
    struct table *tables[] = {&b.names, &b.skeletons, &b.ids, &b.shares, &b.groups, &b.group_names, &b.group_looks, &b.group_rooms};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]->bucket);
    free(b.presence.change);
    fuzz_store_answer(b.store, SIZE_MAX, false);
    fuzz_files_end(&b);
    fuzz_store_close(b.store);
    return 0;
}

/* A group of the two. */
static void begin(void)
{
    append(ALICE, MEMBERSHIP_CREATE, PEOPLE, true);
    HEARD("alice head 1");
    HEARD("alice entry 1");
    append(BOB, MEMBERSHIP_JOIN, PEOPLE, true);
    assert_non_null(strstr(heard(false), "bob head 2"));
    HEARD("bob entry 2");
}

/* --- a full disk --- */

static void a_group_that_never_came_to_be(void **state)
{
    (void)state;
    append(ALICE, MEMBERSHIP_CREATE, PEOPLE, false);
    assert_string_equal(heard(true), "alice no disk-full");
    assert_null(group_find(&b, text("#chess")));
    append(BOB, MEMBERSHIP_CREATE, PEOPLE, true); /* the name is free */
    HEARD("bob head 1");
}

static void a_kick_that_never_came_to_be(void **state)
{
    (void)state;
    begin();
    append(ALICE, MEMBERSHIP_KICK, BOB, false);
    assert_string_equal(heard(true), "alice no disk-full");
    say(BOB, 1);
    assert_non_null(strstr(heard(false), "alice message 3"));
    append(ALICE, MEMBERSHIP_KICK, BOB, true); /* at the same place of the log */
    assert_non_null(strstr(heard(false), "alice head 3"));
}

/* --- while an entry is on its way --- */

static void nobody_speaks_behind_the_kick(void **state)
{
    (void)state;
    begin();
    append(ALICE, MEMBERSHIP_KICK, BOB, true);
    say(BOB, 1);
    say(ALICE, 1);
    assert_string_equal(heard(false), "alice head 3, alice entry 3, bob entry 3, alice message 4, bob not-member");
}

/* Whoever is in at its number must have its key: what was sealed before they came, or before somebody went, was not. */
static void sealed_for_who_is_in(void **state)
{
    (void)state;
    begin();
    say_for(ALICE, 1, 1); /* before bob came */
    assert_string_equal(heard(false), "alice log-changed");
    confirm(ALICE, 2);
    say_for(ALICE, 2, 2);
    assert_string_equal(heard(false), "alice message 3, bob message 3");
    append(ALICE, MEMBERSHIP_KICK, BOB, true); /* under way */
    say_for(ALICE, 3, 2);
    assert_string_equal(heard(false), "alice head 3, alice entry 4, bob entry 4, alice log-changed");
    confirm(ALICE, 4);
    append(ALICE, MEMBERSHIP_INVITE, BOB, true); /* nobody's coming or going */
    heard(false);
    say_for(ALICE, 4, 3);
    assert_string_equal(heard(false), "alice message 6");
}

static void an_entry_waits_for_no_other(void **state)
{
    (void)state;
    begin();
    append(ALICE, MEMBERSHIP_TOPIC, PEOPLE, false);
    append(ALICE, MEMBERSHIP_TOPIC, PEOPLE, false); /* the same: answered with the first */
    append(ALICE, MEMBERSHIP_KICK, BOB, false);
    assert_string_equal(heard(false), "alice no log-changed, alice head 3, alice entry 3, bob entry 3");
}

/* --- under those who read --- */

/* What was on its way before the order still comes; nothing is taken behind it, and it is gone when that is on disk. */
static void a_group_deleted_under_its_messages(void **state)
{
    (void)state;
    begin();
    say(ALICE, 1);
    ask_answer(&b, 1, text("group delete #chess"));
    ask_answer(&b, 2, text("group delete chess")); /* is told that it is on its way */
    say(BOB, 1);
    append(BOB, MEMBERSHIP_LEAVE, PEOPLE, false);
    assert_non_null(group_find(&b, text("#chess")));
    HEARD("bob no no-such-room, alice message 3, bob message 3, bob gone, alice gone, bob no-such-room");
    assert_null(group_find(&b, text("#chess")));
}

/* Who has left reads to the end, and with the last of them the group is forgotten. */
static void the_last_reader_takes_the_group_along(void **state)
{
    (void)state;
    begin();
    append(ALICE, MEMBERSHIP_LEAVE, PEOPLE, true);
    heard(false);
    append(BOB, MEMBERSHIP_LEAVE, PEOPLE, true);
    assert_string_equal(heard(false), "bob head 4, bob entry 4");
    struct room *r = group_room(&b, 2);
    assert_non_null(r);
    ack(ALICE, 4); /* beyond her end: it counts for nothing */
    ack(ALICE, 3);
    ack(BOB, 3);
    assert_ptr_equal(group_room(&b, 2), r);
    ack(BOB, 4);
    assert_null(group_room(&b, 2));
}

/* A portion that comes when its reader is gone goes nowhere. */
static void a_portion_for_nobody(void **state)
{
    (void)state;
    append(ALICE, MEMBERSHIP_CREATE, PEOPLE, true);
    heard(false); /* and her first portion is asked for */
    assert_true(b.store->pending > 0);
    session_close(session[ALICE], true);
    enter(ALICE);
    HEARD("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_group_that_never_came_to_be),  TEST(a_kick_that_never_came_to_be),
        TEST(nobody_speaks_behind_the_kick), TEST(sealed_for_who_is_in),  TEST(an_entry_waits_for_no_other),
        TEST(a_group_deleted_under_its_messages), TEST(the_last_reader_takes_the_group_along),
        TEST(a_portion_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
