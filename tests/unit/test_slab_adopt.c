/*
 * test_slab_adopt.c - taking over a slab: what a worker leaves behind when it dies between any two
 * steps is mended and goes on; what cannot be true is refused with a reason; memory is not lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "slab.h"

enum { RECORDS = 3, IN = 100, OUT = 200 }; /* kernel counters at hand-over */

static struct slab slab, next_slab;
static int memfd;

static int set_up(void **state)
{
    (void)state;
    memfd = slab_make(RECORDS);
    assert_true(memfd >= 0);
    assert_int_equal(slab_map(&slab, memfd, RECORDS), 0);
    for (uint32_t i = 0; i < RECORDS; i++) {
        slab_start(&slab, i, 5, IN, OUT);
        slab.record[i].name_len = 3;
        memcpy(slab.record[i].name, "bob", 3);
        slab.record[i].phase = SLAB_OPEN;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slab_unmap(&slab);
    slab_unmap(&next_slab);
    close(memfd);
    return 0;
}

/* Received by the kernel; counted, too, or not any more. */
static void receive(uint32_t i, size_t n, bool counted)
{
    size_t room;
    uint8_t *to = slab_rx_room(&slab, i, &room);
    assert_true(n <= room);
    memset(to, 'r', n);
    if (counted) slab_rx_seen(&slab, i, n);
}

static void handle(uint32_t i, size_t n)
{
    struct slab_half next = *slab_now(&slab, i);
    slab_rx_done(&slab, i, &next, n);
}

static void seal(uint32_t i, size_t n)
{
    uint8_t *to = slab_tx_room(&slab, i, n);
    assert_non_null(to);
    memset(to, 't', n);
    struct slab_half next = *slab_now(&slab, i);
    slab_tx_ready(&slab, i, &next, n);
}

static void adopt(void)
{
    assert_int_equal(slab_adopt(&next_slab, memfd, RECORDS, RECORDS), 0);
}

/* in, out: bytes since hand-over, as the kernel counts. */
static enum slab_claim claim(uint32_t i, uint64_t in, uint64_t out, const char *expected)
{
    const char *why;
    enum slab_claim c = slab_claim(&next_slab, i, 5, IN + in, OUT + out, false, &why);
    if (expected) {
        assert_int_equal(c, SLAB_LOST);
        assert_string_equal(why, expected);
    }
    return c;
}

static void goes_on(uint32_t i, uint64_t in, uint64_t out)
{
    assert_int_equal(claim(i, in, out, NULL), SLAB_GOES_ON);
}

static size_t waiting(uint32_t i)
{
    size_t n;
    slab_rx_data(&next_slab, i, &n);
    return n;
}

static size_t unsent(uint32_t i)
{
    size_t n;
    slab_tx_data(&next_slab, i, &n);
    return n;
}

/* --- what goes on --- */

static void uncounted_bytes_are_mended(void **state)
{
    (void)state;
    receive(0, 40, true);
    handle(0, 30);
    receive(0, 60, false);
    seal(0, 500);
    slab_tx_sent(&slab, 0, 100);
    adopt();
    goes_on(0, 100, 350); /* the dead worker had counted 40 and 100 */
    goes_on(1, 0, 0);
    goes_on(2, 0, 0);
    slab_adopted(&next_slab, RECORDS);
    assert_int_equal(waiting(0), 70);
    assert_int_equal(unsent(0), 150);
    assert_int_equal(next_slab.n_unused, next_slab.buffers - 2);
}

/*
 * A buffer full to its end is sent, and the worker dies before it has given the buffer back: there
 * must be room again, or the session waits for ever for a client that has everything.
 */
static void a_sent_buffer_is_room_again(void **state)
{
    (void)state;
    for (unsigned counted = 0; counted < 2; counted++) {
        seal(counted, SLAB_BUFFER);
        if (counted) slab.record[1].tx_sent += SLAB_BUFFER;
    }
    adopt();
    goes_on(0, 0, SLAB_BUFFER);
    goes_on(1, 0, SLAB_BUFFER);
    slab_adopted(&next_slab, RECORDS);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(unsent(i), 0);
        assert_non_null(slab_tx_room(&next_slab, i, SLAB_BUFFER));
        struct slab_half next = *slab_now(&next_slab, i);
        slab_tx_ready(&next_slab, i, &next, 10);
        assert_int_equal(unsent(i), 10);
        slab_tx_sent(&next_slab, i, 10);
    }
    assert_int_equal(next_slab.n_unused, next_slab.buffers);
}

static void a_handled_buffer_is_room_again(void **state)
{
    (void)state;
    size_t room;
    receive(0, SLAB_BUFFER, true);
    handle(0, SLAB_BUFFER);
    adopt();
    goes_on(0, SLAB_BUFFER, 0);
    slab_adopted(&next_slab, RECORDS);
    slab_rx_room(&next_slab, 0, &room);
    assert_int_equal(room, SLAB_BUFFER);
    slab_rx_rest(&next_slab, 0);
    assert_int_equal(next_slab.n_unused, next_slab.buffers);
}

/* What the dead worker's buffers hold goes back to the system with their next use. */
static void memory_comes_back(void **state)
{
    (void)state;
    receive(0, SLAB_BUFFER, true);
    uint32_t b = slab_now(&slab, 0)->rx_buffer - 1;
    adopt();
    assert_int_equal(claim(0, 1, 0, "counts more than the kernel"), SLAB_LOST);
    slab_adopted(&next_slab, RECORDS);
    slab_start(&next_slab, 0, 6, 0, 0);
    assert_int_equal(next_slab.unused[next_slab.n_unused - 1], b);
    uint8_t *at = next_slab.buffer + (size_t)b * SLAB_BUFFER;
    size_t room;
    assert_ptr_equal(slab_rx_room(&next_slab, 0, &room), at);
    slab_rx_rest(&next_slab, 0);
    assert_int_equal(at[SLAB_BUFFER - 1], 0);
}

static void one_never_seen_is_started_afresh(void **state)
{
    (void)state;
    const char *why;
    slab_end(&slab, 1);
    adopt();
    assert_int_equal(slab_claim(&next_slab, 0, 6, IN, OUT, false, &why), SLAB_NEVER);
    assert_int_equal(claim(1, 0, 0, NULL), SLAB_NEVER);
}

/* --- in which order, and before all have come --- */

static void who_was_heard_lately_comes_first(void **state)
{
    (void)state;
    uint32_t index[RECORDS] = {77, 77, 77};
    const uint32_t now = 5; /* the clock has just gone over its end */
    slab.record[0].heard_ms = now - 2 * SLAB_RECENT_MS;
    slab.record[1].heard_ms = now - SLAB_RECENT_MS;
    slab.record[2].heard_ms = now - SLAB_RECENT_MS + 1;
    adopt();
    assert_int_equal(slab_recent(&next_slab, RECORDS, now, index, RECORDS), 2);
    assert_int_equal(index[0], 2);
    assert_int_equal(index[1], 1);
    assert_int_equal(index[2], 77);
    /* However long nobody was heard: what counts is who was last. */
    slab.record[0].heard_ms = now - 2 * SLAB_RECENT_MS + 1;
    assert_int_equal(slab_recent(&next_slab, RECORDS, now + 60000, index, RECORDS), 3);
    assert_int_equal(index[2], 0);
    assert_int_equal(slab_recent(&next_slab, RECORDS, now, index, 1), 1);
    assert_int_equal(slab_recent(&next_slab, 2, now, index, RECORDS), 2); /* below high alone */
    slab.record[2].phase = SLAB_HANDSHAKE;
    assert_int_equal(slab_recent(&next_slab, RECORDS, now, index, 1), 1);
    assert_int_equal(index[0], 1);
}

/* Whoever has come is served while others are still to come: what those hold is not touched. */
static void one_is_served_before_the_others_come(void **state)
{
    (void)state;
    size_t room;
    receive(1, 40, true);
    seal(2, 50);
    slab.record[2].rx_seen = 1; /* a lie: it will be lost */
    adopt();
    assert_int_equal(next_slab.n_unused, next_slab.buffers - 2);
    goes_on(0, 0, 0);
    while (next_slab.n_unused > 0) { /* whatever it takes is nobody else's */
        uint32_t b = next_slab.unused[--next_slab.n_unused];
        assert_int_not_equal(b + 1, slab_now(&slab, 1)->rx_buffer);
        assert_int_not_equal(b + 1, slab_now(&slab, 2)->tx_buffer);
        if (next_slab.n_unused == 1) break;
    }
    memset(slab_rx_room(&next_slab, 0, &room), 'x', 10);
    slab_rx_seen(&next_slab, 0, 10);
    goes_on(1, 40, 0);
    assert_int_equal(waiting(1), 40);
    assert_int_equal(*slab_rx_data(&next_slab, 1, &room), 'r');
    claim(2, 0, 0, "counts more than the kernel");
    assert_int_equal(next_slab.n_unused, 0);
    slab_adopted(&next_slab, RECORDS);
    assert_int_equal(next_slab.n_unused, 1); /* what the lost one held */
    assert_int_equal(waiting(0), 10);
}

/* A successor that dies after it has served one leaves a slab that goes on, too. */
static void the_next_successor_finds_what_was_served(void **state)
{
    (void)state;
    size_t room;
    seal(1, 70);
    adopt();
    goes_on(0, 0, 0);
    slab_rx_room(&next_slab, 0, &room);
    slab_rx_seen(&next_slab, 0, 30);
    slab_unmap(&next_slab);
    adopt();
    assert_int_equal(next_slab.n_unused, next_slab.buffers - 2);
    goes_on(1, 0, 20);
    goes_on(0, 30, 0);
    goes_on(2, 0, 0);
    slab_adopted(&next_slab, RECORDS);
    assert_int_equal(waiting(0), 30);
    assert_int_equal(unsent(1), 50);
    assert_int_equal(next_slab.n_unused, next_slab.buffers - 2);
}

/* --- what does not --- */

static void the_wrong_layout_is_not_adopted(void **state)
{
    (void)state;
    struct slab s;
    assert_int_equal(slab_adopt(&s, memfd, RECORDS + 1, RECORDS), -1);
    assert_int_equal(slab_adopt(&s, memfd, RECORDS, RECORDS + 1), -1);
    slab.head->version++;
    assert_int_equal(slab_adopt(&s, memfd, RECORDS, RECORDS), -1);
    assert_null(s.head);
}

static void lies_are_found(void **state)
{
    (void)state;
    const struct slab_half good = *slab_now(&slab, 0);
    struct slab_half *h = &slab.record[0].half[slab.record[0].selector & 1];
    adopt();
    claim(0, (uint64_t)-50, 0, "baseline");
    slab.record[0].rx_seen = 7;
    claim(0, 6, 0, "counts more than the kernel");
    claim(0, 7, 0, "receive positions"); /* bytes without a buffer */
    slab.record[0].rx_seen = 0;
    claim(0, 0, 1, "send positions"); /* sent, and never sealed */
    h->rx_buffer = next_slab.buffers + 1;
    claim(0, 0, 0, "buffers");
    h->rx_buffer = h->tx_buffer = 1;
    claim(0, 0, 0, "buffers");
    h->tx_buffer = 0;
    claim(0, SLAB_BUFFER + 1, 0, "receive positions");
    h->rx_base = 1;
    claim(0, 5, 0, "receive positions"); /* base behind what is handled */
    *h = good;
    h->tx_nonce = UINT64_MAX;
    claim(0, 0, 0, "nonces");
    *h = good;
    slab.record[0].name_len = 0;
    claim(0, 0, 0, "name");
    slab.record[0].name_len = WIRE_NAME_MAX + 1;
    claim(0, 0, 0, "name");
    slab.record[0].name_len = 3;
    slab.record[0].phase = SLAB_CLOSING;
    claim(0, 0, 0, "not signed in yet");
    slab.record[0].phase = 77;
    claim(0, 0, 0, "not signed in yet");
    slab.record[0].phase = SLAB_OPEN;
    goes_on(0, 0, 0);
}

/* The first to name a buffer has it; a record that is refused has none. */
static void no_two_share_a_buffer(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RECORDS; i++)
        slab.record[i].half[slab.record[i].selector & 1].tx_buffer = 1;
    slab.record[1].half[slab.record[1].selector & 1].rx_buffer = 2;
    slab.record[2].half[slab.record[2].selector & 1].tx_buffer = 2;
    adopt();
    goes_on(0, 0, 0);
    claim(1, 0, 0, "buffers");
    goes_on(2, 0, 0); /* what record 1 claimed in vain is free */
    slab_adopted(&next_slab, RECORDS);
    assert_int_equal(next_slab.n_unused, next_slab.buffers - 2);
    assert_true(sodium_is_zero((uint8_t *)&next_slab.record[1], sizeof next_slab.record[1]));
}

static void one_buffer_is_not_for_both_ways(void **state)
{
    (void)state;
    struct slab_half *h = &slab.record[0].half[slab.record[0].selector & 1];
    h->rx_buffer = h->tx_buffer = 1;
    adopt();
    claim(0, 0, 0, "buffers");
    slab_adopted(&next_slab, RECORDS);
    assert_int_equal(next_slab.n_unused, next_slab.buffers);
}

static void two_strikes(void **state)
{
    (void)state;
    const char *why;
    slab.head->in_hand = 2;
    adopt();
    assert_int_equal(slab_in_hand(&next_slab), 1);
    assert_int_equal(slab_claim(&next_slab, 1, 5, IN, OUT, true, &why), SLAB_GOES_ON);
    slab_adopted(&next_slab, 2);
    assert_int_equal(slab_in_hand(&next_slab), UINT32_MAX);
    slab_unmap(&next_slab);
    adopt();
    assert_int_equal(slab_claim(&next_slab, 1, 5, IN, OUT, true, &why), SLAB_LOST);
    assert_string_equal(why, "quarantine");
}

#define WITH_SLAB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SLAB(uncounted_bytes_are_mended),
        WITH_SLAB(a_sent_buffer_is_room_again),
        WITH_SLAB(a_handled_buffer_is_room_again),
        WITH_SLAB(memory_comes_back),
        WITH_SLAB(one_never_seen_is_started_afresh),
        WITH_SLAB(who_was_heard_lately_comes_first),
        WITH_SLAB(one_is_served_before_the_others_come),
        WITH_SLAB(the_next_successor_finds_what_was_served),
        WITH_SLAB(the_wrong_layout_is_not_adopted),
        WITH_SLAB(lies_are_found),
        WITH_SLAB(no_two_share_a_buffer),
        WITH_SLAB(one_buffer_is_not_for_both_ways),
        WITH_SLAB(two_strikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
