/*
 * test_slab.c - the life of a record in the slab: bytes in, bytes out, buffers taken and given
 * back, memory given back to the system. Adoption is tested elsewhere.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "slab.h"

enum { RECORDS = 3, LONGEST = WIRE_RECORD_HEAD + WIRE_RECORD_MAX, PAGE = 4096 };

static struct slab slab;
static int memfd;

static int set_up(void **state)
{
    (void)state;
    memfd = slab_make(RECORDS);
    assert_true(memfd >= 0);
    assert_int_equal(slab_map(&slab, memfd, RECORDS), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slab_unmap(&slab);
    slab_unmap(&slab);
    close(memfd);
    return 0;
}

/* The byte at a place of a stream: another place, another direction, another record give others. */
static uint8_t byte_at(uint32_t i, bool rx, uint64_t at)
{
    return (uint8_t)((at * 2 + rx + 1) * UINT64_C(0x9e3779b97f4a7c15) * (i + 1) >> 37);
}

static void receive(uint32_t i, size_t n)
{
    size_t room;
    uint64_t at = slab.record[i].rx_seen;
    uint8_t *to = slab_rx_room(&slab, i, &room);
    assert_true(n <= room);
    for (size_t k = 0; k < n; k++)
        to[k] = byte_at(i, true, at + k);
    slab_rx_seen(&slab, i, n);
}

static void expect_waiting(uint32_t i, uint64_t done, size_t n)
{
    size_t got;
    const uint8_t *at = slab_rx_data(&slab, i, &got);
    assert_int_equal(got, n);
    for (size_t k = 0; k < n; k++)
        if (at[k] != byte_at(i, true, done + k)) fail_msg("byte %zu of %zu", k, n);
}

static void handle(uint32_t i, size_t n)
{
    struct slab_half next = *slab_now(&slab, i);
    next.rx_nonce++;
    slab_rx_done(&slab, i, &next, n);
}

static bool seal(uint32_t i, size_t n)
{
    uint8_t *to = slab_tx_room(&slab, i, n);
    if (!to) return false;
    struct slab_half next = *slab_now(&slab, i);
    for (size_t k = 0; k < n; k++)
        to[k] = byte_at(i, false, next.tx_ready + k);
    next.tx_nonce++;
    slab_tx_ready(&slab, i, &next, n);
    return true;
}

static void expect_unsent(uint32_t i, uint64_t sent, size_t n)
{
    size_t got;
    const uint8_t *at = slab_tx_data(&slab, i, &got);
    assert_int_equal(got, n);
    for (size_t k = 0; k < n; k++)
        if (at[k] != byte_at(i, false, sent + k)) fail_msg("byte %zu of %zu", k, n);
}

/* --- the memory file --- */

static void the_size_is_sealed(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(fstat(memfd, &st), 0);
    assert_int_equal((size_t)st.st_size, slab_size(RECORDS));
    assert_int_equal(ftruncate(memfd, st.st_size - PAGE), -1);
    assert_int_equal(ftruncate(memfd, st.st_size + PAGE), -1);
    assert_int_equal(ftruncate(memfd, 0), -1);
    assert_int_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* nor may seals be added */
    assert_true(fcntl(memfd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fstat(memfd, &st), 0);
    assert_int_equal((size_t)st.st_size, slab_size(RECORDS));
}

static void another_size_is_not_mapped(void **state)
{
    (void)state;
    struct slab s;
    assert_int_equal(slab_map(&s, memfd, RECORDS + 1), -1);
    assert_int_equal(slab_map(&s, memfd, RECORDS - 1), -1);
    assert_int_equal(slab_map(&s, -1, RECORDS), -1);
}

static void a_fresh_slab(void **state)
{
    (void)state;
    assert_true(slab.head->magic == SLAB_MAGIC && slab.head->version == SLAB_VERSION);
    assert_int_equal(slab.head->records, RECORDS);
    assert_int_equal(slab.n_unused, slab.buffers);
    for (uint32_t i = 0; i < RECORDS; i++)
        assert_int_equal(slab.record[i].phase, SLAB_FREE);
}

/* --- the life of a record --- */

static void starting_and_ending(void **state)
{
    (void)state;
    static const struct slab_half zero[2];
    slab_start(&slab, 1, 7, 100, 200);
    const struct slab_record *r = &slab.record[1];
    assert_int_equal(r->phase, SLAB_HANDSHAKE);
    assert_true(r->generation == 7 && r->kernel_in == 100 && r->kernel_out == 200);
    struct slab_half keyed = *slab_now(&slab, 1);
    memset(keyed.rx_key, 0xaa, 32);
    memset(keyed.tx_key, 0xbb, 32);
    slab_commit(&slab, 1, &keyed);
    slab_commit(&slab, 1, &keyed); /* both halves have them */
    memset(slab.record[1].ticket, 0xcc, BUS_TICKET);
    receive(1, 10);
    assert_true(seal(1, 20));
    slab_end(&slab, 1);
    assert_int_equal(r->phase, SLAB_FREE);
    assert_int_equal(slab.n_unused, slab.buffers);
    assert_memory_equal(r->half, zero, sizeof zero); /* no key stays */
    assert_true(sodium_is_zero(r->ticket, BUS_TICKET));
    slab_start(&slab, 1, 8, 0, 0);
    assert_true(r->rx_seen == 0 && r->tx_sent == 0 && slab_now(&slab, 1)->rx_nonce == 0);
    slab_end(&slab, 1);
}

/* A commit shows all of the new state, and leaves the other records alone. */
static void a_commit_is_one_step(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RECORDS; i++)
        slab_start(&slab, i, 1, 0, 0);
    const struct slab_half *before = slab_now(&slab, 1);
    struct slab_half next = *before, old = *before;
    next.rx_nonce = 5;
    next.tx_nonce = 6;
    memset(next.rx_key, 7, 32);
    slab_commit(&slab, 1, &next);
    assert_memory_equal(slab_now(&slab, 1), &next, sizeof next);
    assert_memory_equal(before, &old, sizeof old); /* whoever looks at the old half sees it whole */
    assert_true(slab_now(&slab, 0)->rx_nonce == 0 && slab_now(&slab, 2)->rx_nonce == 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        slab_end(&slab, i);
}

static void an_idle_record_holds_no_buffer(void **state)
{
    (void)state;
    slab_start(&slab, 0, 1, 0, 0);
    assert_int_equal(slab.n_unused, slab.buffers);
    receive(0, 50);
    assert_int_equal(slab.n_unused, slab.buffers - 1);
    slab_rx_rest(&slab, 0); /* something waits: it keeps it */
    assert_int_equal(slab.n_unused, slab.buffers - 1);
    handle(0, 50);
    expect_waiting(0, 50, 0);
    slab_rx_rest(&slab, 0);
    assert_int_equal(slab.n_unused, slab.buffers);
    slab_rx_rest(&slab, 0);
    assert_true(seal(0, 60));
    assert_int_equal(slab.n_unused, slab.buffers - 1);
    slab_tx_sent(&slab, 0, 59);
    assert_int_equal(slab.n_unused, slab.buffers - 1);
    expect_unsent(0, 59, 1);
    slab_tx_sent(&slab, 0, 1);
    assert_int_equal(slab.n_unused, slab.buffers);
    expect_unsent(0, 60, 0);
    slab_end(&slab, 0);
}

/* Three records, cut at every place near their boundaries and at some in between. */
static void records_cut_anywhere(void **state)
{
    (void)state;
    enum { FIRST = 40, SECOND = 500, THIRD = 33, ALL = FIRST + SECOND + THIRD };
    static const size_t ends[] = {FIRST, FIRST + SECOND, ALL};
    for (size_t cut = 1; cut < ALL; cut++) {
        size_t seen = 0, done = 0;
        slab_start(&slab, 0, 1, 0, 0);
        for (unsigned part = 0; part < 2; part++) {
            receive(0, part ? ALL - cut : cut);
            seen = part ? ALL : cut;
            expect_waiting(0, done, seen - done);
            for (unsigned k = 0; k < 3; k++)
                if (ends[k] > done && ends[k] <= seen) {
                    handle(0, ends[k] - done);
                    done = ends[k];
                }
            slab_rx_rest(&slab, 0);
            expect_waiting(0, done, seen - done);
        }
        assert_int_equal(done, ALL);
        assert_int_equal(slab.n_unused, slab.buffers);
        slab_end(&slab, 0);
    }
}

/* Whatever waits, there is always room for the rest of the longest record; what waits may move for
 * it. */
static void the_longest_record_fits_behind_what_waits(void **state)
{
    (void)state;
    size_t room;
    unsigned moved = 0;
    slab_start(&slab, 0, 1, 0, 0);
    for (unsigned k = 0; k < 40; k++) {
        uint64_t done = slab_now(&slab, 0)->rx_done;
        slab_rx_room(&slab, 0, &room);
        size_t waits = slab.record[0].rx_seen - done, n = LONGEST - waits + (k % 3) * 1000;
        assert_true(room + waits >= LONGEST);
        uint32_t old = slab_now(&slab, 0)->rx_buffer;
        receive(0, n < room ? n : room);
        moved += old != slab_now(&slab, 0)->rx_buffer;
        expect_waiting(0, done, slab.record[0].rx_seen - done);
        handle(0, LONGEST);
        slab_rx_room(&slab, 0, &room);
        moved += old != slab_now(&slab, 0)->rx_buffer;
        assert_true(slab.n_unused == slab.buffers - 1); /* the one that was left is given back */
    }
    assert_true(moved > 5);
    slab_end(&slab, 0);
}

static void a_full_send_buffer_says_so(void **state)
{
    (void)state;
    slab_start(&slab, 0, 1, 0, 0);
    assert_true(seal(0, LONGEST));
    assert_true(seal(0, SLAB_BUFFER - LONGEST));
    const struct slab_half full = *slab_now(&slab, 0);
    assert_null(slab_tx_room(&slab, 0, 1));
    assert_memory_equal(slab_now(&slab, 0), &full, sizeof full);
    slab_tx_sent(&slab, 0, SLAB_BUFFER - 1); /* only an empty buffer begins again */
    assert_null(slab_tx_room(&slab, 0, 1));
    expect_unsent(0, SLAB_BUFFER - 1, 1);
    slab_tx_sent(&slab, 0, 1);
    assert_true(seal(0, SLAB_BUFFER));
    expect_unsent(0, SLAB_BUFFER, SLAB_BUFFER);
    slab_end(&slab, 0);
}

/* All records in both directions at once: the pool is never empty, and no two share a buffer. */
static void every_record_may_be_busy(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RECORDS; i++) {
        slab_start(&slab, i, 1, 0, 0);
        receive(i, 1000);
        assert_true(seal(i, 2000));
    }
    assert_int_equal(slab.n_unused, slab.buffers - 2 * RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++) {
        expect_waiting(i, 0, 1000);
        expect_unsent(i, 0, 2000);
        slab_end(&slab, i);
    }
    assert_int_equal(slab.n_unused, slab.buffers);
}

/* --- memory --- */

/* Pages of the memory file that hold something. */
static size_t pages(void)
{
    struct stat st;
    assert_int_equal(fstat(memfd, &st), 0);
    return (size_t)st.st_blocks * 512 / PAGE;
}

static void large_use_gives_its_memory_back(void **state)
{
    (void)state;
    slab.warm_max = 0;
    slab_start(&slab, 0, 1, 0, 0);
    size_t before = pages();
    receive(0, LONGEST);
    assert_true(seal(0, SLAB_BUFFER));
    assert_true(pages() >= before + LONGEST / PAGE + SLAB_BUFFER / PAGE);
    handle(0, LONGEST);
    slab_rx_rest(&slab, 0);
    slab_tx_sent(&slab, 0, SLAB_BUFFER);
    assert_true(pages() <= before + 2 * 4); /* a few pages of each buffer stay warm */
    for (unsigned k = 0; k < 100; k++) {    /* and the same ones are used again */
        receive(0, 3000);
        handle(0, 3000);
        slab_rx_rest(&slab, 0);
    }
    assert_true(pages() <= before + 2 * 4);
    slab_end(&slab, 0);
}

/* As much as is allowed stays for those who come next, and no more. */
static void some_memory_stays_warm(void **state)
{
    (void)state;
    size_t before = pages();
    slab.warm_max = SLAB_BUFFER;
    for (uint32_t i = 0; i < RECORDS; i++) {
        slab_start(&slab, i, 1, 0, 0);
        assert_true(seal(i, SLAB_BUFFER));
    }
    for (uint32_t i = 0; i < RECORDS; i++)
        slab_tx_sent(&slab, i, SLAB_BUFFER);
    size_t after = pages();
    assert_true(after >= before + SLAB_BUFFER / PAGE);
    assert_true(after <= before + SLAB_BUFFER / PAGE + RECORDS * 4 + 2);
    assert_true(seal(0, SLAB_BUFFER));
    slab_tx_sent(&slab, 0, SLAB_BUFFER);
    assert_true(pages() <= after + SLAB_BUFFER / PAGE);
    assert_true(slab.warm <= slab.warm_max);
    for (uint32_t i = 0; i < RECORDS; i++)
        slab_end(&slab, i);
}

/* A record that is moved or ended in the middle of much gives it back as well. */
static void so_does_an_end_in_the_middle(void **state)
{
    (void)state;
    slab.warm_max = 0;
    size_t before = pages();
    slab_start(&slab, 0, 1, 0, 0);
    receive(0, 70000);
    handle(0, 66000); /* what waits must move now */
    receive(0, 60000);
    expect_waiting(0, 66000, 64000);
    assert_true(seal(0, 90000));
    slab_tx_sent(&slab, 0, 5);
    slab_end(&slab, 0);
    assert_true(pages() <= before + 3 * 4 + 2);
}

/* --- everything, in any order, beside a model that knows positions alone --- */

struct model {
    bool used;
    uint64_t seen, done, ready, sent;
};

static void step(uint32_t i, struct model *m)
{
    size_t room,
        n = randombytes_uniform(8) ? randombytes_uniform(3000) : randombytes_uniform(LONGEST);
    if (!m->used) {
        slab_start(&slab, i, 1, 0, 0);
        *m = (struct model){.used = true};
        return;
    }
    switch (randombytes_uniform(40) == 0 ? 9 : randombytes_uniform(5)) {
    case 0:
        slab_rx_room(&slab, i, &room);
        n = n < room ? n : room;
        receive(i, n);
        m->seen += n;
        break;
    case 1:
        n = n < m->seen - m->done ? n : m->seen - m->done;
        handle(i, n);
        m->done += n;
        break;
    case 2: slab_rx_rest(&slab, i); break;
    case 3:
        if (n && seal(i, n)) m->ready += n;
        break;
    case 4:
        n = n < m->ready - m->sent ? n : m->ready - m->sent;
        if (n) slab_tx_sent(&slab, i, n);
        m->sent += n;
        break;
    default: slab_end(&slab, i); m->used = false;
    }
}

static void any_order(void **state)
{
    (void)state;
    struct model model[RECORDS] = {0};
    for (unsigned k = 0; k < 4000; k++) {
        uint32_t i = randombytes_uniform(RECORDS), held = 0;
        struct model *m = &model[i];
        step(i, m);
        if (m->used) {
            expect_waiting(i, m->done, m->seen - m->done);
            expect_unsent(i, m->sent, m->ready - m->sent);
        }
        for (uint32_t r = 0; r < RECORDS; r++)
            if (model[r].used)
                held += (slab_now(&slab, r)->rx_buffer ? 1u : 0) +
                        (slab_now(&slab, r)->tx_buffer ? 1u : 0);
        assert_int_equal(slab.n_unused, slab.buffers - held);
    }
    for (uint32_t i = 0; i < RECORDS; i++)
        if (model[i].used) slab_end(&slab, i);
    assert_int_equal(slab.n_unused, slab.buffers);
}

#define WITH_SLAB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SLAB(the_size_is_sealed),
        WITH_SLAB(another_size_is_not_mapped),
        WITH_SLAB(a_fresh_slab),
        WITH_SLAB(starting_and_ending),
        WITH_SLAB(a_commit_is_one_step),
        WITH_SLAB(an_idle_record_holds_no_buffer),
        WITH_SLAB(records_cut_anywhere),
        WITH_SLAB(the_longest_record_fits_behind_what_waits),
        WITH_SLAB(a_full_send_buffer_says_so),
        WITH_SLAB(every_record_may_be_busy),
        WITH_SLAB(large_use_gives_its_memory_back),
        WITH_SLAB(some_memory_stays_warm),
        WITH_SLAB(so_does_an_end_in_the_middle),
        WITH_SLAB(any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
