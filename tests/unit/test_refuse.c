/*
 * test_refuse.c - the broker's rule about refusals: what waits behind one, what lets it go on, what
 * is said again; and which RESUME counts. The real uplink, session, route, refuse and inbox, with
 * the fuzzers' store that answers when told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "fuzz_store.h"
#include "log.h"
#include "quiet_loop.h"

enum { ALICE, BOB, CAROL, PEOPLE };

static const char *const names[PEOPLE] = {"alice", "bob", "carol"};
static struct broker b;
static struct session *session[PEOPLE];
static int worker;      /* the worker's end of the stream */
static char said[4096]; /* what clients were told: "alice REJECTED 1, bob DELIVER 2" */

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- people and sessions --- */

static struct device *device_of(unsigned who)
{
    return people_device(people_by_id(&b, who + 1), who + 1);
}

static void enter(unsigned who, uint64_t next_id)
{
    session[who] = session_open(b.links, bus_sid(who, 1), device_of(who), WIRE_CAP_RECEIVE,
                                ++b.serial, text("192.0.2.1:5"));
    session_resume(session[who], &(struct wire_resume){.next_id = next_id});
}

/* --- what clients hear --- */

static void note(const char *who, const struct wire_frame *f)
{
    struct wire_accepted a;
    struct wire_rejected r;
    struct wire_deliver d;
    size_t at = strlen(said);
    uint64_t id = 0;
    if (f->type == WIRE_ACCEPTED && wire_get_accepted(f->payload, &a)) id = a.id;
    if (f->type == WIRE_REJECTED && wire_get_rejected(f->payload, &r)) id = r.id;
    if (f->type == WIRE_DELIVER && wire_get_deliver(f->payload, &d)) id = d.id;
    snprintf(said + at, sizeof said - at, "%s%s %s", at ? ", " : "", who, wire_row(f->type)->name);
    at = strlen(said);
    if (id) snprintf(said + at, sizeof said - at, " %llu", (unsigned long long)id);
}

/* Ends the turn and gives what was told in it. */
static const char *heard(void)
{
    static uint8_t bytes[1 << 20];
    struct bus_down down;
    struct wire_frame f;
    said[0] = '\0';
    room_flush(&b);
    route_settle(&b);
    stream_flush(&b.links->stream);
    ssize_t came = recv(worker, bytes, sizeof bytes, MSG_DONTWAIT);
    assert_true(came < (ssize_t)sizeof bytes);
    for (ssize_t at = 0; at < came;) {
        const uint8_t *head = bytes + at;
        size_t n = get_u32(head);
        if (head[4] == BUS_DOWN) {
            assert_true(bus_get_down((struct slice){head + STREAM_HEAD, n}, &down));
            struct cur c = cur_of(down.frames.data, down.frames.len);
            while (wire_next(&c, &f) > 0)
                note(names[bus_index(get_u64(down.sids))], &f);
        }
        at += (ssize_t)(STREAM_HEAD + n);
    }
    return said;
}

#define HEARD(words) assert_string_equal(heard(), words)

/* --- a broker for each test --- */

static int set_up(void **state)
{
    (void)state;
    fuzz_random_start();
    log_init("test", LOG_LOGFMT, LOG_ERROR, false);
    b = (struct broker){.master.closed = true, .incarnation = 5, .dir_fd = -1};
    loop_init(&b.loop);
    conf_defaults(settings_table, settings_count, &b.set);
    b.set.limits.window_messages = 4096;
    b.store = fuzz_store_open();
    room_load(&b);
    fuzz_files_begin(&b);
    presence_start(&b);
    int pair[2];
    stream_pair(pair);
    worker = pair[1];
    link_open(&b, 0, 1, pair[0]);
    for (unsigned i = 0; i < PEOPLE; i++) {
        const uint8_t key[32] = {(uint8_t)i};
        people_add_device(people_add(&b, i + 1, text(names[i]), 0), i + 1, key);
    }
    enter(ALICE, 1);
    enter(BOB, 1);
    heard();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    b.links->stream.ended(&b.links->stream, "closed");
    close(worker);
    for (int turn = 0; turn < 4; turn++) {
        fuzz_store_answer(b.store, SIZE_MAX, false);
        quiet_pass(&b.loop, 1000000);
        inbox_tick(&b);
        room_flush(&b);
        route_settle(&b);
    }
    for (unsigned i = 0; i < PEOPLE; i++)
        for (struct device *d = people_by_id(&b, i + 1)->device; d; d = d->next) {
            refuse_confirm(&d->out, UINT64_MAX);
            for (unsigned from = 0; from < PEOPLE; from++)
                while (share_of(&b, d, people_by_id(&b, from + 1)))
                    share_drop(&b, d, people_by_id(&b, from + 1));
        }
    for (unsigned i = 0; i < PEOPLE; i++)
        people_remove(&b, people_by_id(&b, i + 1));
    buf_free(&b.lobby.fan);
    free(b.names.bucket);
    free(b.skeletons.bucket);
    free(b.ids.bucket);
    free(b.shares.bucket);
    free(b.presence.change);
    fuzz_store_answer(b.store, SIZE_MAX, false);
    fuzz_files_end(&b);
    fuzz_store_close(b.store);
    return 0;
}

/* --- what they say --- */

static void up(unsigned who, struct buf *frame)
{
    struct stream s = {0};
    bus_put_up(&s, bus_sid(who, 1), buf_head(frame)[0],
               (struct slice){buf_head(frame) + WIRE_FRAME_HEAD, buf_len(frame) - WIRE_FRAME_HEAD});
    struct slice p = {buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD};
    assert_true(b.links->stream.frame(&b.links->stream, BUS_UP, p));
    buf_free(frame);
    buf_free(&s.out);
}

static void say(unsigned who, uint64_t id, const char *to)
{
    struct buf f = {0};
    wire_put_send(&f, &(struct wire_send){
                          .id = id, .kind = to[0] == '#', .to = text(to), .body = text("body")});
    up(who, &f);
}

static void settled(unsigned who, uint64_t upto)
{
    struct buf f = {0};
    wire_put_ack(&f, &(struct wire_ack){.kind = WIRE_ACK_SETTLED, .seq = upto});
    up(who, &f);
}

static void ack(unsigned who, uint64_t seq)
{
    struct buf f = {0};
    wire_put_ack(&f, &(struct wire_ack){.incarnation = b.incarnation, .seq = seq});
    up(who, &f);
}

static void resume(unsigned who, uint64_t next_id, uint64_t token)
{
    struct buf f = {0};
    wire_put_resume(&f, &(struct wire_resume){.next_id = next_id, .lobby_seen = WIRE_NOT_IN_LOBBY},
                    token);
    up(who, &f);
}

/* --- the rule --- */

static void later_ones_wait_until_it_is_confirmed(void **state)
{
    (void)state;
    say(ALICE, 1, "nobody");
    HEARD("alice REJECTED 1");
    say(ALICE, 2, "bob");
    say(ALICE, 3, "bob");
    HEARD("");
    settled(ALICE, 0);
    HEARD("");
    settled(ALICE, 1);
    HEARD("bob DELIVER 2, bob DELIVER 3");
    ack(BOB, 2);
    HEARD("alice ACCEPTED 3");
    say(ALICE, 4, "bob");
    HEARD("bob DELIVER 4");
}

/* Nobody else waits, nor what the sender receives. */
static void only_that_device_waits(void **state)
{
    (void)state;
    say(ALICE, 1, "nobody");
    say(ALICE, 2, "bob");
    say(BOB, 1, "alice");
    HEARD("alice DELIVER 1, alice REJECTED 1");
}

/* Refusals follow at once, so that a crowd of them costs no waiting; never past one that waits. */
static void refusals_need_not_wait(void **state)
{
    (void)state;
    say(ALICE, 1, "nobody");
    say(ALICE, 2, "none");
    HEARD("alice REJECTED 1, alice REJECTED 2");
    say(ALICE, 3, "bob");
    say(ALICE, 4, "nobody");
    settled(ALICE, 1);
    HEARD("");
    settled(ALICE, 2);
    HEARD("bob DELIVER 3");
    ack(BOB, 1);
    HEARD("alice ACCEPTED 3, alice REJECTED 4");
}

static void no_more_refusals_than_are_remembered(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 1030; id++)
        say(ALICE, id, "nobody");
    assert_int_equal(device_of(ALICE)->out.taken, 1024);
    room_flush(&b);
    route_settle(&b);
    settled(ALICE, 1024);
    assert_int_equal(device_of(ALICE)->out.taken, 1030);
}

/* A refusal that is decided, but must not be told before an older message: it holds back, too. */
static void an_untold_refusal_holds_back(void **state)
{
    (void)state;
    say(ALICE, 1, "bob");
    say(ALICE, 2, "nobody");
    say(ALICE, 3, "bob");
    HEARD("bob DELIVER 1");
    settled(ALICE, 3); /* it cannot know */
    HEARD("");
    ack(BOB, 1);
    HEARD("alice ACCEPTED 1, alice REJECTED 2");
    settled(ALICE, 2);
    HEARD("bob DELIVER 3");
}

/* Neither does the room number what waits. Any session of the device confirms. */
static void the_room_waits_too(void **state)
{
    (void)state;
    struct session *script =
        session_open(b.links, bus_sid(CAROL, 1), device_of(ALICE), 0, ++b.serial, text("x"));
    say(CAROL, 1, "nobody"); /* in Carol's seat, but Alice's script */
    say(CAROL, 2, "#lobby");
    HEARD("carol REJECTED 1, alice REJECTED 1");
    assert_null(b.store->first);
    settled(ALICE, 1);
    assert_non_null(b.store->first);
    /* judged as the script's, which need not be a member, though Alice's other session confirmed */
    assert_int_equal(b.store->first->kind, ASK_ROOM);
    session_close(script, true);
}

/* --- what lets it go on --- */

static void resume_confirms(void **state)
{
    (void)state;
    say(ALICE, 1, "nobody");
    say(ALICE, 2, "bob");
    HEARD("alice REJECTED 1");
    say(ALICE, 9, "bob");
    HEARD("alice RESYNC");
    resume(ALICE, 2, session[ALICE]->token);
    say(ALICE, 2, "bob"); /* the outbox again */
    HEARD("bob DELIVER 2");
}

/* The REJECTED was lost: it is said again, and what waits goes on waiting. */
static void resume_that_does_not_know_it(void **state)
{
    (void)state;
    say(ALICE, 1, "bob");
    ack(BOB, 1);
    say(ALICE, 2, "nobody");
    say(ALICE, 3, "bob");
    HEARD("bob DELIVER 1, alice ACCEPTED 1, alice REJECTED 2");
    session_resync(session[ALICE]);
    resume(ALICE, 1, session[ALICE]->token);
    for (uint64_t id = 1; id <= 3; id++)
        say(ALICE, id, id == 2 ? "nobody" : "bob");
    HEARD("alice RESYNC, alice ACCEPTED 1, alice REJECTED 2, alice ACCEPTED 2");
    settled(ALICE, 2);
    HEARD("bob DELIVER 3");
}

/* Told behind it, the repeat would settle the refusal as accepted. */
static void a_repeat_in_front_of_a_refusal(void **state)
{
    (void)state;
    say(ALICE, 1, "bob");
    ack(BOB, 1);
    HEARD("bob DELIVER 1, alice ACCEPTED 1");
    say(ALICE, 1, "bob");
    say(ALICE, 2, "nobody");
    HEARD("alice ACCEPTED 1, alice REJECTED 2");
}

/* The last broker had shown it to everybody: whatever holds now comes too late for it, but not for the next. */
static void what_has_its_number_is_not_refused(void **state)
{
    (void)state;
    device_of(ALICE)->out.room_id = 1;
    say(ALICE, 1, "#nowhere");
    say(ALICE, 2, "#nowhere");
    HEARD("alice ACCEPTED 1, alice REJECTED 2");
}

/* With the last session goes what waits; a new one repeats it. */
static void the_end_of_the_session(void **state)
{
    (void)state;
    say(ALICE, 1, "nobody");
    say(ALICE, 2, "bob");
    HEARD("alice REJECTED 1");
    session_close(session[ALICE], false);
    assert_null(refuse_held(&device_of(ALICE)->out));
    enter(ALICE, 1);
    say(ALICE, 1, "nobody");
    say(ALICE, 2, "bob");
    HEARD("alice REJECTED 1, alice ACCEPTED 1");
    settled(ALICE, 1);
    HEARD("bob DELIVER 2");
}

static void more_than_can_wait(void **state)
{
    (void)state;
    uint64_t id = 1;
    say(ALICE, id++, "nobody");
    while (id <= 1025)
        say(ALICE, id++, "bob");
    HEARD("alice REJECTED 1");
    say(ALICE, 1026, "bob");
    HEARD("alice RESYNC");
    resume(ALICE, 2, session[ALICE]->token);
    assert_int_equal(device_of(ALICE)->out.taken, 1025);
    for (id = 2; id <= 1027; id++)
        say(ALICE, id, "bob");
    assert_int_equal(device_of(ALICE)->out.taken, 1027);
    assert_null(refuse_held(&device_of(ALICE)->out));
}

/* --- a full disk --- */

/* Found when something later had been taken already: that must not be called taken for ever. */
static void a_late_refusal(void **state)
{
    (void)state;
    say(ALICE, 1, "carol"); /* absent: to the disk */
    say(ALICE, 2, "bob");
    HEARD("bob DELIVER 2");
    fuzz_store_answer(b.store, 1, true);
    say(ALICE, 3, "bob");
    HEARD("alice REJECTED 1");
    quiet_pass(&b.loop, BROKER_SPILL_MS);
    inbox_tick(&b); /* Bob does not answer: number 2 becomes durable */
    assert_non_null(b.store->first);
    assert_int_equal(b.store->first->m.id, 2);
    assert_int_equal(b.store->first->m.settled, 0);
    settled(ALICE, 1);
    HEARD("bob DELIVER 3");
}

/* --- which RESUME counts --- */

static void the_answer_to_an_earlier_resync(void **state)
{
    (void)state;
    session_resync(session[ALICE]);
    uint64_t first = session[ALICE]->token;
    session_resync(session[ALICE]);
    HEARD("alice RESYNC, alice RESYNC");
    resume(ALICE, 1, first);
    say(ALICE, 1, "bob");
    HEARD("");
    resume(ALICE, 1, session[ALICE]->token);
    say(ALICE, 1, "bob");
    HEARD("bob DELIVER 1");
}

static void resume_that_nobody_asked_for(void **state)
{
    (void)state;
    resume(ALICE, 50, session[ALICE]->token);
    say(ALICE, 1, "bob");
    HEARD("bob DELIVER 1");
}

/* Another broker, the same session: the answer to the dead one's question is none. */
static void tokens_of_another_incarnation(void **state)
{
    (void)state;
    session_resync(session[ALICE]);
    uint64_t first = session[ALICE]->token;
    b.incarnation++;
    b.resyncs = 0;
    session_resync(session[ALICE]);
    assert_true(session[ALICE]->token != first);
}

/* --- several devices --- */

/* One device has it, the disk is full for the other: it is kept in memory, and the next one is refused as a whole. */
static void what_one_device_has_is_not_refused(void **state)
{
    (void)state;
    const uint8_t key[32] = {BOB};
    people_add_device(people_by_id(&b, BOB + 1), 9, key);
    say(ALICE, 1, "bob");
    HEARD("bob DELIVER 1");
    fuzz_store_answer(b.store, SIZE_MAX, true);
    HEARD("");
    ack(BOB, 1);
    say(ALICE, 2, "bob");
    HEARD(""); /* told in order */
    inbox_tick(&b);
    fuzz_store_answer(b.store, SIZE_MAX, false);
    HEARD("alice ACCEPTED 1, alice REJECTED 2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(later_ones_wait_until_it_is_confirmed),
        TEST(only_that_device_waits),
        TEST(refusals_need_not_wait),
        TEST(no_more_refusals_than_are_remembered),
        TEST(an_untold_refusal_holds_back),
        TEST(the_room_waits_too),
        TEST(resume_confirms),
        TEST(resume_that_does_not_know_it),
        TEST(a_repeat_in_front_of_a_refusal),
        TEST(what_has_its_number_is_not_refused),
        TEST(the_end_of_the_session),
        TEST(more_than_can_wait),
        TEST(a_late_refusal),
        TEST(the_answer_to_an_earlier_resync),
        TEST(resume_that_nobody_asked_for),
        TEST(tokens_of_another_incarnation),
        TEST(what_one_device_has_is_not_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
