/*
 * test_chaos_rooms.c - the judge of groups in the chaos test finds what it is there for: lines that are missing,
 * come again or out of order, are shown to who is out, differ, do not open; and nothing where all is well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../chaos/rooms.c"

enum { ALICE, BOB, PEOPLE };

static int set_up(void **state)
{
    *state = rooms_new(1, PEOPLE, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    rooms_free(*state);
    return 0;
}

static void line(struct rooms *r, unsigned at, uint64_t number, enum rooms_what what, unsigned who, uint64_t n)
{
    rooms_got(r, 0, at, &(struct rooms_line){.what = what, .who = who, .number = number, .n = n}, 1);
}

/* 1 alice in, 2 bob in, 3 a message of alice's, 4 bob out, 5 another message. */
static void talk(struct rooms *r)
{
    rooms_send(r, 0, ALICE);
    rooms_send(r, 0, ALICE);
    rooms_settled(r, 0, ALICE, 1, true);
    rooms_settled(r, 0, ALICE, 2, true);
    line(r, ALICE, 1, ROOMS_IN, ALICE, 1);
    line(r, ALICE, 2, ROOMS_IN, BOB, 2);
    line(r, ALICE, 3, ROOMS_MESSAGE, ALICE, 1);
    line(r, ALICE, 4, ROOMS_OUT, BOB, 3);
    line(r, ALICE, 5, ROOMS_MESSAGE, ALICE, 2);
    line(r, BOB, 2, ROOMS_IN, BOB, 2);
}

static struct rooms_counts judged(struct rooms *r)
{
    rooms_finish(r);
    return rooms_counts(r);
}

#define EXPECT(c, l, du, di, a, u)                                                                       \
    assert_true((c).lost == (l) && (c).dup == (du) && (c).disorder == (di) && (c).alien == (a) && (c).unopened == (u))

static void all_is_well(void **state)
{
    struct rooms *r = *state;
    talk(r);
    assert_false(rooms_quiet(r));
    line(r, BOB, 3, ROOMS_MESSAGE, ALICE, 1);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    assert_true(rooms_quiet(r));
    struct rooms_counts c = judged(r);
    EXPECT(c, 0, 0, 0, 0, 0);
    assert_int_equal(c.sent, 2);
    assert_int_equal(c.delivered, 3);
    assert_int_equal(c.entries, 3);
}

static void missing_and_twice(void **state)
{
    struct rooms *r = *state;
    talk(r);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    struct rooms_counts c = judged(r);
    EXPECT(c, 1, 1, 0, 0, 0);
}

static void out_of_order(void **state)
{
    struct rooms *r = *state;
    talk(r);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    line(r, BOB, 3, ROOMS_MESSAGE, ALICE, 1);
    struct rooms_counts c = judged(r);
    EXPECT(c, 0, 0, 1, 0, 0);
}

static void shown_to_who_is_out(void **state)
{
    struct rooms *r = *state;
    talk(r);
    line(r, BOB, 3, ROOMS_MESSAGE, ALICE, 1);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    line(r, BOB, 5, ROOMS_MESSAGE, ALICE, 2);
    struct rooms_counts c = judged(r);
    EXPECT(c, 0, 0, 0, 1, 0);
}

static void another_line_and_unopened(void **state)
{
    struct rooms *r = *state;
    talk(r);
    line(r, BOB, 3, ROOMS_MESSAGE, ALICE, 2);
    line(r, BOB, 4, ROOMS_UNOPENED, 0, 2);
    struct rooms_counts c = judged(r);
    EXPECT(c, 0, 0, 1, 0, 1);
}

static void accepted_refused_never_sent(void **state)
{
    struct rooms *r = *state;
    talk(r);
    line(r, BOB, 3, ROOMS_MESSAGE, ALICE, 1);
    line(r, BOB, 4, ROOMS_OUT, BOB, 3);
    rooms_send(r, 0, ALICE);
    rooms_settled(r, 0, ALICE, 3, true);  /* and never came */
    rooms_settled(r, 0, ALICE, 2, false); /* and came all the same */
    line(r, ALICE, 6, ROOMS_MESSAGE, BOB, 1);
    struct rooms_counts c = judged(r);
    EXPECT(c, 1, 0, 0, 2, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_is_well),         TEST(missing_and_twice),         TEST(out_of_order),
        TEST(shown_to_who_is_out), TEST(another_line_and_unopened), TEST(accepted_refused_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
