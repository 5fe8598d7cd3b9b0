/*
 * test_ledger.c - the judge of chaos test and demo finds what it is there for: loss, repeats, disorder,
 * two orders in a room, strangers; and finds nothing where all is well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../client/ledger.h"
#include "../../client/numbers.h"

enum { PEOPLE = 4 };

static struct {
    unsigned told;
    char last[400];
    uint64_t when;
} heard;

static void on_violation(void *arg, uint64_t when_us, const char *words)
{
    (void)arg;
    heard.told++;
    heard.when = when_us;
    snprintf(heard.last, sizeof heard.last, "%s", words);
}

static int set_up(void **state)
{
    memset(&heard, 0, sizeof heard);
    *state = ledger_new(PEOPLE, on_violation, NULL);
    return 0;
}

static int tear_down(void **state)
{
    ledger_free(*state);
    return 0;
}

static void send(struct ledger *l, unsigned from, unsigned to, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ledger_send(l, from, to);
}

static void got(struct ledger *l, unsigned from, unsigned to, uint64_t number)
{
    ledger_got(l, to, &(struct ledger_message){.from = from, .to = to, .number = number},
               1000 + number);
}

static void said(struct ledger *l, unsigned at, uint64_t place, unsigned from, uint64_t number,
                 uint64_t seen)
{
    const struct ledger_message m = {
        .from = from, .to = LEDGER_ROOM, .number = number, .seen = seen};
    ledger_got_room(l, at, place, &m, 2000 + place);
}

static void expect(struct ledger *l, uint64_t lost, uint64_t dup, uint64_t disorder, uint64_t alien)
{
    ledger_finish(l);
    const struct ledger_counts c = ledger_counts(l);
    assert_int_equal(c.lost, lost);
    assert_int_equal(c.dup, dup);
    assert_int_equal(c.disorder, disorder);
    assert_int_equal(c.alien, alien);
    if (lost + dup + disorder + alien)
        assert_true(heard.told > 0);
    else
        assert_int_equal(heard.told, 0);
}

static void all_is_well(void **state)
{
    struct ledger *l = *state;
    for (unsigned i = 0; i < 2; i++)
        ledger_join(l, i, true);
    send(l, 0, 1, 3);
    send(l, 2, 1, 1);
    send(l, 0, LEDGER_ROOM, 2);
    assert_int_equal(ledger_owed(l, 1), 4);
    assert_false(ledger_quiet(l));
    got(l, 0, 1, 1);
    got(l, 2, 1, 1); /* between two senders there is no order */
    got(l, 0, 1, 2);
    got(l, 0, 1, 3);
    for (unsigned at = 0; at < 2; at++) {
        said(l, at, 1, 0, 1, 0);
        said(l, at, 2, 0, 2, 1);
    }
    assert_true(ledger_quiet(l));
    expect(l, 0, 0, 0, 0);
    assert_int_equal(ledger_counts(l).sent, 6);
    assert_int_equal(ledger_counts(l).delivered, 8);
}

static void loss_in_the_middle(void **state)
{
    send(*state, 0, 1, 5);
    got(*state, 0, 1, 1);
    got(*state, 0, 1, 4);
    got(*state, 0, 1, 5);
    assert_false(ledger_quiet(*state));
    assert_int_equal(ledger_missing(*state), 2);
    expect(*state, 2, 0, 0, 0);
    assert_non_null(strstr(heard.last, "numbers 2 to 3 of 0 to 1"));
    assert_int_equal(heard.when, 1004); /* when 4 showed that they were missing */
}

static void loss_at_the_end(void **state)
{
    send(*state, 0, 1, 3);
    got(*state, 0, 1, 1);
    assert_int_equal(ledger_missing(*state), 0); /* they may still come */
    expect(*state, 2, 0, 0, 0);
}

static void loss_of_all(void **state)
{
    send(*state, 3, 2, 1);
    ledger_sent_upto(*state, 1, 0, 4);
    ledger_sent_upto(*state, 1, 0, 2); /* less than was said before */
    expect(*state, 5, 0, 0, 0);
    assert_int_equal(ledger_counts(*state).sent, 5);
}

static void repeat(void **state)
{
    send(*state, 0, 1, 2);
    got(*state, 0, 1, 1);
    got(*state, 0, 1, 2);
    got(*state, 0, 1, 1);
    got(*state, 0, 1, 2);
    expect(*state, 0, 2, 0, 0);
}

static void disorder(void **state)
{
    static const uint64_t order[] = {1, 6, 4, 2, 5, 3};
    send(*state, 0, 1, 6);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        got(*state, 0, 1, order[i]);
    assert_true(ledger_quiet(*state));
    expect(*state, 0, 0, 4, 0);
}

static void late_and_then_again(void **state)
{
    send(*state, 0, 1, 3);
    got(*state, 0, 1, 3);
    got(*state, 0, 1, 2);
    got(*state, 0, 1, 2);
    expect(*state, 1, 1, 1, 0);
}

static void nobody_sent_it(void **state)
{
    send(*state, 0, 1, 1);
    got(*state, 0, 1, 1);
    got(*state, 0, 1, 2);
    expect(*state, 0, 0, 0, 1);
}

static void for_somebody_else(void **state)
{
    struct ledger *l = *state;
    const struct ledger_message astray = {.from = 0, .to = 1, .number = 1};
    const struct ledger_message strange = {.from = PEOPLE, .to = 2, .number = 1};
    send(l, 0, 1, 1);
    got(l, 0, 1, 1);
    ledger_got(l, 2, &astray, 1);
    ledger_got(l, 2, &strange, 1);
    ledger_got_nonsense(l, 2, "boo", 1);
    said(l, 3, 1, 0, 1, 0); /* not a member */
    expect(l, 0, 0, 0, 4);
}

static void refused_is_not_lost(void **state)
{
    send(*state, 0, 1, 3);
    got(*state, 0, 1, 1);
    ledger_refused(*state, 0, 1, 2, "queue-full", 5);
    got(*state, 0, 1, 3);
    assert_true(ledger_quiet(*state));
    assert_int_equal(ledger_missing(*state), 0);
    ledger_finish(*state);
    assert_int_equal(ledger_counts(*state).lost, 0);
    assert_int_equal(ledger_counts(*state).refused, 1);
}

/* Two members, two senders, three messages; each test below spoils one thing. */
static struct ledger *room_of_two(void **state)
{
    struct ledger *l = *state;
    ledger_join(l, 0, true);
    ledger_join(l, 1, true);
    send(l, 0, LEDGER_ROOM, 2);
    send(l, 1, LEDGER_ROOM, 1);
    said(l, 0, 1, 0, 1, 0);
    said(l, 0, 2, 1, 1, 0);
    said(l, 0, 3, 0, 2, 2);
    return l;
}

static void room_member_misses_one(void **state)
{
    struct ledger *l = room_of_two(state);
    said(l, 1, 1, 0, 1, 0);
    said(l, 1, 3, 0, 2, 2);
    assert_false(ledger_quiet(l));
    expect(l, 1, 0, 0, 0);
}

static void room_member_hears_twice(void **state)
{
    struct ledger *l = room_of_two(state);
    said(l, 1, 1, 0, 1, 0);
    said(l, 1, 2, 1, 1, 0);
    said(l, 1, 3, 0, 2, 2);
    said(l, 1, 3, 0, 2, 2);
    expect(l, 0, 1, 0, 0);
}

static void room_has_two_orders(void **state)
{
    struct ledger *l = room_of_two(state);
    said(l, 1, 1, 1, 1, 0);
    said(l, 1, 2, 0, 1, 0);
    said(l, 1, 3, 0, 2, 2);
    expect(l, 0, 0, 2, 0);
}

static void room_numbers_one_twice(void **state)
{
    struct ledger *l = room_of_two(state);
    said(l, 1, 1, 0, 1, 0);
    said(l, 1, 2, 1, 1, 0);
    said(l, 1, 3, 0, 2, 2);
    for (unsigned at = 0; at < 2; at++)
        said(l, at, 4, 0, 2, 2);
    expect(l, 0, 1, 0, 0);
}

static void room_loses_a_message_for_all(void **state)
{
    struct ledger *l = *state;
    ledger_join(l, 0, true);
    send(l, 1, LEDGER_ROOM, 2);
    said(l, 0, 1, 1, 1, 0);
    expect(l, 1, 0, 0, 0);
}

static void room_turns_a_sender_around(void **state)
{
    struct ledger *l = *state;
    ledger_join(l, 0, true);
    send(l, 1, LEDGER_ROOM, 2);
    said(l, 0, 1, 1, 2, 0);
    said(l, 0, 2, 1, 1, 0);
    expect(l, 0, 0, 1, 0);
}

static void room_answers_before_the_question(void **state)
{
    struct ledger *l = *state;
    ledger_join(l, 0, true);
    send(l, 1, LEDGER_ROOM, 1);
    send(l, 2, LEDGER_ROOM, 1);
    said(l, 0, 1, 2, 1, 2); /* its sender had seen place 2 */
    said(l, 0, 2, 1, 1, 0);
    expect(l, 0, 0, 1, 0);
}

/* Against a plain set: random numbers in, the same verdicts out. */
static void numbers_against_a_set(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct numbers s = {0};
        bool came[64] = {false};
        uint64_t highest = 0, missing = 0, luck = round * 2654435761u + 1;
        for (unsigned i = 0; i < 100; i++) {
            luck = luck * 6364136223846793005u + 1442695040888963407u;
            uint64_t n = 1 + (luck >> 40) % (i < 50 ? 20 : 60);
            enum numbers_verdict want = came[n]            ? NUMBERS_REPEAT
                                        : n == highest + 1 ? NUMBERS_NEXT
                                        : n > highest      ? NUMBERS_AHEAD
                                                           : NUMBERS_LATE;
            assert_int_equal(numbers_take(&s, n, 0), want);
            came[n] = true;
            if (n > highest) highest = n;
        }
        for (uint64_t n = 1; n < highest; n++)
            missing += !came[n];
        assert_int_equal(numbers_missing(&s), missing);
        numbers_free(&s);
    }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_is_well),
        CASE(loss_in_the_middle),
        CASE(loss_at_the_end),
        CASE(loss_of_all),
        CASE(repeat),
        CASE(disorder),
        CASE(late_and_then_again),
        CASE(nobody_sent_it),
        CASE(for_somebody_else),
        CASE(refused_is_not_lost),
        CASE(room_member_misses_one),
        CASE(room_member_hears_twice),
        CASE(room_has_two_orders),
        CASE(room_numbers_one_twice),
        CASE(room_loses_a_message_for_all),
        CASE(room_turns_a_sender_around),
        CASE(room_answers_before_the_question),
        cmocka_unit_test(numbers_against_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
