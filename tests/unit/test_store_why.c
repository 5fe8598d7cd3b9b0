/*
 * test_store_why.c - what the store knows of messages that were for somebody: where they wait, and that
 * they ended without having been delivered, also after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_help.h"

#define DAY UINT64_C(86400000)

static struct {
    struct store_found row[64];
    size_t n;
} seen;

static void on_found(void *ctx, const struct store_found *f, size_t n)
{
    (void)ctx;
    assert_true(n <= 64);
    seen.n = n;
    if (n) memcpy(seen.row, f, n * sizeof *f);
}

/* About messages of user 2 to user 1 with ids from first on. */
static void find_of(uint64_t from, uint64_t first, size_t n, bool queued)
{
    uint64_t id[64];
    for (size_t i = 0; i < n; i++)
        id[i] = first + i;
    seen.n = 99;
    store_find(help.s,
               &(struct store_question){
                   .account = 1, .from_account = from, .from_device = DEVICE, .id = id, .n = n, .queued = queued},
               on_found, NULL);
    help_settle();
}

static void find(uint64_t first, size_t n)
{
    find_of(2, first, n, true);
}

static void is(size_t i, uint64_t id, enum store_end end, uint32_t place)
{
    assert_true(i < seen.n);
    assert_int_equal(seen.row[i].device, DEVICE);
    assert_int_equal(seen.row[i].id, id);
    assert_int_equal(seen.row[i].end, end);
    assert_int_equal(seen.row[i].place, place);
    assert_int_equal(seen.row[i].time_ms, id);
    assert_int_equal(seen.row[i].row > 0, end == STORE_WAITS);
}

static void a_place_counts_what_waits_before(void **state)
{
    (void)state;
    help_open();
    help_users(3);
    help_put(1, 2, 10);
    help_put(1, 3, 10); /* the same id, of somebody else */
    help_put(1, 2, 11);
    help_put(3, 2, 12); /* to somebody else */
    find(10, 3);
    assert_int_equal(seen.n, 2);
    is(0, 10, STORE_WAITS, 1);
    is(1, 11, STORE_WAITS, 3);
    store_ack(help.s, 1, DEVICE, seen.row[0].row);
    find(10, 2);
    assert_int_equal(seen.n, 1);
    is(0, 11, STORE_WAITS, 2);
    help_reopen();
    find(11, 1);
    is(0, 11, STORE_WAITS, 2);
    find_of(3, 11, 1, true);
    assert_int_equal(seen.n, 0);
}

static void queues_are_left_alone_when_nothing_can_wait(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_put(1, 2, 10);
    find_of(2, 10, 1, false);
    assert_int_equal(seen.n, 0);
}

static void what_expired_stays_known(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 10, 3);
    find(10, 3);
    store_ack(help.s, 1, DEVICE, seen.row[0].row);
    help_expire(12); /* 10 was acknowledged, 12 is not old enough */
    find(10, 3);
    assert_int_equal(seen.n, 2);
    is(0, 12, STORE_WAITS, 1);
    is(1, 11, STORE_EXPIRED, 0);
    help_reopen();
    find(11, 1);
    is(0, 11, STORE_EXPIRED, 0);
    find_of(1, 11, 1, true);
    assert_int_equal(seen.n, 0);
}

/* A copy for another device of the sender's is nothing that the sender waits for. */
static void copies_leave_no_word(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    struct store_message copy = help_message(1, 1, 10);
    copy.to = 2;
    store_put_message(help.s, &copy, help_done, NULL);
    help_settle();
    help_expire(11);
    assert_int_equal(help.n, 1);
    find_of(1, 10, 1, true);
    assert_int_equal(seen.n, 0);
}

static void what_a_revoked_device_did_not_get(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 10, 2);
    find(10, 2);
    store_ack(help.s, 1, DEVICE, seen.row[0].row);
    struct store_list list = {.account = 1, .head = 2};
    struct store_device gone = {.account = 1, .device = DEVICE, .revoked = 2};
    store_append(help.s, &list, (struct slice){(const uint8_t *)"entry", 5}, &gone, help_done, NULL);
    find(10, 2);
    assert_int_equal(seen.n, 1);
    is(0, 11, STORE_REVOKED, 0);
}

static void it_is_forgotten_in_the_end(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_put(1, 2, 10);
    help_expire(11);
    help_expire(STORE_UNDELIVERED_DAYS * DAY + 10);
    find(10, 1);
    assert_int_equal(seen.n, 1);
    help_expire(STORE_UNDELIVERED_DAYS * DAY + 11);
    find(10, 1);
    assert_int_equal(seen.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_place_counts_what_waits_before),
        TEST(queues_are_left_alone_when_nothing_can_wait),
        TEST(what_expired_stays_known),
        TEST(copies_leave_no_word),
        TEST(what_a_revoked_device_did_not_get),
        TEST(it_is_forgotten_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
