/*
 * test_ctl_demo.c - `ctl demo crash` without a server: what its clients make of the messages they
 * get, the verdict, who is killed, the answer to `status`, times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "../../master/ctl/demo.h"
#include "../../master/ctl/demo_kill.h"

/* Its clients are told of messages by events; here they come without a server. */
#include "../../master/ctl/demo_crowd.c"

enum { CLIENTS = 3, SENT = 4 };

static struct identity base;

/* Client 0 has sent four messages to client 1, which got none; somebody was killed. */
static int set_up(void **state)
{
    struct crowd *c = crowd_new(&(struct crowd_options){.host = "127.0.0.1",
                                                        .port = "1",
                                                        .fingerprint = "",
                                                        .clients = CLIENTS,
                                                        .lobby = true,
                                                        .id = &base});
    c->told = TOLD_MAX; /* the words are for people */
    for (unsigned i = 0; i < SENT; i++)
        put(&c->member[0], 1);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    crowd_free(*state);
    return 0;
}

/* A text of another, as the server would deliver it. */
static void deliver(struct crowd *c, unsigned at, const char *text, uint8_t flags)
{
    uint8_t body[2 + TEXT_SIZE] = {WIRE_SUITE_PLAIN, WIRE_FORM_SAYS};
    memcpy(body + 2, text, strlen(text));
    const struct wire_deliver d = {.flags = flags, .body = {body, 2 + strlen(text)}};
    on_event(&c->member[at], &(struct client_event){CLIENT_MESSAGE, .message = {&d, 0, false}});
}

static void say(struct crowd *c, unsigned at, uint64_t number, unsigned to)
{
    char text[TEXT_SIZE];
    text_write(c, &(struct ledger_message){.from = 0, .to = to, .number = number, .sent_us = 1},
               text);
    deliver(c, at, text, to == LEDGER_ROOM ? WIRE_FLAG_ROOM : 0);
}

static void all_four(struct crowd *c)
{
    for (unsigned i = 1; i <= SENT; i++)
        say(c, 1, i, 1);
}

/* The end of a run in which a worker was killed. */
static struct demo_result end(struct crowd *c)
{
    crowd_finish(c);
    return (struct demo_result){
        .clients = CLIENTS, .kills[STATUS_WORKER] = 1, .counts = crowd_counts(c)};
}

static void all_is_well(void **state)
{
    all_four(*state);
    struct demo_result r = end(*state);
    assert_true(demo_held(&r));
    assert_int_equal(r.counts.messages.delivered, SENT);
}

static void one_is_lost(void **state)
{
    say(*state, 1, 1, 1);
    say(*state, 1, 2, 1);
    say(*state, 1, 4, 1);
    assert_int_equal(crowd_counts(*state).missing, 1); /* said during the run, too */
    assert_false(crowd_quiet(*state));
    struct demo_result r = end(*state);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.lost, 1);
}

static void one_comes_twice(void **state)
{
    all_four(*state);
    say(*state, 1, 4, 1);
    struct demo_result r = end(*state);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.dup, 1);
}

static void two_change_places(void **state)
{
    say(*state, 1, 1, 1);
    say(*state, 1, 3, 1);
    say(*state, 1, 2, 1);
    say(*state, 1, 4, 1);
    struct demo_result r = end(*state);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.disorder, 1);
    assert_int_equal(r.counts.messages.lost, 0);
}

static void one_goes_astray(void **state)
{
    all_four(*state);
    say(*state, 2, 4, 1);
    struct demo_result r = end(*state);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.alien, 1);
}

static void one_is_damaged(void **state)
{
    struct crowd *c = *state;
    char text[TEXT_SIZE];
    all_four(c);
    size_t n = text_write(
        c, &(struct ledger_message){.from = 0, .to = 1, .number = 4, .sent_us = 1}, text);
    text[n] = '?'; /* one byte too many */
    text[n + 1] = 0;
    deliver(c, 1, text, 0);
    text[n - 1] = 'x'; /* no number where one has to be */
    deliver(c, 1, text, 0);
    struct demo_result r = end(c);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.alien, 2);
}

static void a_connection_is_lost(void **state)
{
    struct crowd *c = *state;
    const struct wire_welcome welcome = {0};
    all_four(c);
    on_event(&c->member[2], &(struct client_event){CLIENT_CONNECTED, .welcome = &welcome});
    on_event(&c->member[2], &(struct client_event){CLIENT_LOST, .lost = {"lost", "gone", 200}});
    on_event(&c->member[2],
             &(struct client_event){CLIENT_LOST, .lost = {"unreachable", "gone", 200}});
    struct demo_result r = end(c);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.reconnects, 1); /* a second try that fails is not a second loss */
}

static void one_is_refused(void **state)
{
    struct crowd *c = *state;
    const struct wire_rejected why = {.id = 1, .code = WIRE_QUEUE_FULL};
    on_event(&c->member[0], &(struct client_event){CLIENT_REJECTED, .rejected = &why});
    for (unsigned i = 2; i <= SENT; i++)
        say(c, 1, i, 1);
    struct demo_result r = end(c);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.refused, 1);
    assert_int_equal(r.counts.messages.lost, 0);
}

static void strangers_do_not_count(void **state)
{
    struct crowd *c = *state;
    all_four(c);
    deliver(c, 1, "hello, who are you?", 0);
    deliver(c, 1, "demo 0123456789abcdef: number 1 of 0 to 1, sent at 1", 0); /* an earlier run's */
    deliver(c, 1, "", WIRE_FLAG_ROOM);
    struct demo_result r = end(c);
    assert_true(demo_held(&r));
    assert_int_equal(r.counts.messages.delivered, SENT);
}

/* Everybody in the lobby hears it, the speaker too. */
static void one_ear_in_the_lobby_misses_one(void **state)
{
    struct crowd *c = *state;
    all_four(c);
    put(&c->member[0], LEDGER_ROOM);
    put(&c->member[0], LEDGER_ROOM);
    for (unsigned at = 0; at < CLIENTS; at++) {
        say(c, at, 1, LEDGER_ROOM);
        if (at != 2) say(c, at, 2, LEDGER_ROOM);
    }
    struct demo_result r = end(c);
    assert_false(demo_held(&r));
    assert_int_equal(r.counts.messages.sent, SENT + 2 * CLIENTS);
    assert_int_equal(r.counts.messages.lost, 1);
}

static void nothing_done_proves_nothing(void **state)
{
    all_four(*state);
    struct demo_result r = end(*state);
    r.kills[STATUS_WORKER] = 0;
    assert_false(demo_held(&r));
    r.kills[STATUS_BROKER] = 1;
    assert_true(demo_held(&r));
    r.counts.messages.delivered = 0;
    assert_false(demo_held(&r));
}

static void names_follow_from_the_key(void **state)
{
    struct identity a, b;
    char one[CROWD_NAME], again[CROWD_NAME];
    (void)state;
    crowd_name(&base, CROWD_MOST, one);
    crowd_name(&base, CROWD_MOST, again);
    assert_string_equal(one, again);
    assert_int_equal(strlen(one), strlen("demo-xxxx-200"));
    derive(&a, &base, 0);
    derive(&b, &base, 1);
    assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
    derive(&b, &base, 0);
    assert_memory_equal(a.secret, b.secret, sizeof a.secret);
}

/* --- whom the killer takes --- */

static const char answer[] =
    "{\"role\":\"master\",\"pid\":10,\"slot\":0,\"generation\":1,\"state\":\"ok\","
    "\"listen\":[\"[::]:5130\",\"1.2.3.4:9\"],\"fingerprint\":\"H7G1-YDH7\"}\n"
    "{\"role\":\"worker\",\"pid\":11,\"slot\":0,\"generation\":4,\"state\":\"ok\"}\n"
    "{\"role\":\"worker\",\"pid\":12,\"slot\":1,\"generation\":2,\"state\":\"%s\"}\n"
    "{\"role\":\"worker\",\"pid\":0,\"slot\":2,\"generation\":2,\"state\":\"dead\"}\n"
    "{\"role\":\"spare\",\"pid\":14,\"slot\":2,\"generation\":0,\"state\":\"ok\"}\n"
    "{\"role\":\"broker\",\"pid\":15,\"slot\":0,\"generation\":3,\"state\":\"ok\"}\n";

static struct status read_answer(const char *format, const char *state_of_12)
{
    struct status s;
    struct buf b = {0};
    char text[1200];
    int n = snprintf(text, sizeof text, format, state_of_12);
    buf_put(&b, text, (size_t)n);
    status_read(&s, &b);
    buf_free(&b);
    return s;
}

static void status_is_taken_apart(void **state)
{
    (void)state;
    struct status s = read_answer(answer, "adopting");
    assert_int_equal(s.n, 6);
    assert_string_equal(s.host, "::1"); /* it listens everywhere */
    assert_string_equal(s.port, "5130");
    assert_string_equal(s.fingerprint, "H7G1-YDH7");
    assert_int_equal(s.process[1].pid, 11);
    assert_int_equal(s.process[5].role, STATUS_BROKER);
    s = read_answer(
        "{\"role\":\"master\",\"pid\":10,\"state\":\"ok\",\"listen\":[\"127.0.0.1:77\"]}\n"
        "{\"role\":\"worker\",\"pid\":11,\"sta%s",
        ""); /* cut short */
    assert_int_equal(s.n, 1);
    assert_string_equal(s.host, "127.0.0.1");
    s = read_answer("not JSON\n{\"error\":\"unknown\"}\n{\"role\":\"cook\"}\n%s", "");
    assert_int_equal(s.n, 0);
}

static void only_who_serves_is_killed(void **state)
{
    (void)state;
    struct status s = read_answer(answer, "adopting");
    for (uint32_t luck = 0; luck < 4; luck++)
        assert_int_equal(killer_choose(&s, STATUS_WORKER, false, luck)->pid, 11);
    assert_int_equal(killer_choose(&s, STATUS_BROKER, false, 7)->pid, 15);
    s = read_answer(answer, "ok");
    assert_int_equal(killer_choose(&s, STATUS_WORKER, false, 1)->pid, 12);
    s = read_answer(answer, "draining"); /* its death would end the draining */
    assert_int_equal(killer_choose(&s, STATUS_WORKER, false, 1)->pid, 11);
}

static void the_master_only_when_all_are_settled(void **state)
{
    (void)state;
    struct status s = read_answer(answer, "ok");
    assert_null(killer_choose(&s, STATUS_MASTER, false, 0)); /* one worker is dead */
    assert_null(killer_choose(&s, STATUS_WORKER, true, 0));
    s.process[3] = s.process[1];
    assert_int_equal(killer_choose(&s, STATUS_MASTER, false, 0)->pid, 10);
    assert_non_null(killer_choose(&s, STATUS_WORKER, true, 0));
    s.n--; /* the broker does not answer */
    assert_null(killer_choose(&s, STATUS_MASTER, false, 0));
}

static void a_successor_is_another_process(void **state)
{
    (void)state;
    struct status s = read_answer(answer, "ok");
    struct status_process p = s.process[1];
    assert_true(status_has(&s, &p));
    p.generation--;
    assert_false(status_has(&s, &p));
    p = s.process[1];
    p.slot = 1;
    assert_false(status_has(&s, &p));
    p = s.process[5];
    p.role = STATUS_WORKER;
    assert_false(status_has(&s, &p));
}

static void times(void **state)
{
    (void)state;
    assert_int_equal(demo_seconds("30s"), 30);
    assert_int_equal(demo_seconds("5m"), 300);
    assert_int_equal(demo_seconds("24h"), 86400);
    assert_int_equal(demo_seconds("7"), 7);
    static const char *const wrong[] = {"",
                                        "0",
                                        "0s",
                                        "s",
                                        "-3",
                                        "+3",
                                        " 3",
                                        "3 ",
                                        "3x",
                                        "3ss",
                                        "25h",
                                        "86401",
                                        "99999999999999999999m"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(demo_seconds(wrong[i]), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_is_well),
        CASE(one_is_lost),
        CASE(one_comes_twice),
        CASE(two_change_places),
        CASE(one_goes_astray),
        CASE(one_is_damaged),
        CASE(a_connection_is_lost),
        CASE(one_is_refused),
        CASE(strangers_do_not_count),
        CASE(one_ear_in_the_lobby_misses_one),
        CASE(nothing_done_proves_nothing),
        cmocka_unit_test(names_follow_from_the_key),
        cmocka_unit_test(status_is_taken_apart),
        cmocka_unit_test(only_who_serves_is_killed),
        cmocka_unit_test(the_master_only_when_all_are_settled),
        cmocka_unit_test(a_successor_is_another_process),
        cmocka_unit_test(times),
    };
    if (sodium_init() < 0) return 1;
    identity_make(&base);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
