/*
 * fuzz_slab.c - a sequence of operations on a slab of three records, beside a plain model that
 * knows the positions alone. The byte at each position of each stream is known, so that a byte of
 * another connection or of an older place is noticed. After each operation: slab_check().
 *
 * Input: for each operation its number and record (one byte) and a length (two bytes).
 */
#include "slab_check.h"

enum { RECORDS = 3, RECORD_MAX = WIRE_RECORD_HEAD + WIRE_RECORD_MAX };

struct model {
    bool used;
    uint32_t generation;
    uint64_t rx_seen, rx_done, tx_ready, tx_sent, nonces;
};

static struct slab slab;
static struct model model[RECORDS];

static uint8_t byte_at(uint32_t i, bool rx, uint64_t pos)
{
    uint64_t x =
        (pos + 1) * UINT64_C(0x9E3779B97F4A7C15) + model[i].generation * 977u + i * 131u + rx;
    return (uint8_t)(x >> 40);
}

static void fill(uint8_t *to, uint32_t i, bool rx, uint64_t pos, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] = byte_at(i, rx, pos + k);
}

/* Both ends, and now and then in between: all of it would cost too much. */
static void compare(const uint8_t *at, uint32_t i, bool rx, uint64_t pos, size_t n)
{
    for (size_t k = 0; k < n; k += k < 16 || k + 16 >= n ? 1 : n - k - 16 < 257 ? n - k - 16 : 257)
        CHECK(at[k] == byte_at(i, rx, pos + k));
}

static void op_start(uint32_t i, size_t n)
{
    static uint32_t generation;
    struct model *m = &model[i];
    if (m->used) return;
    *m = (struct model){.used = true, .generation = ++generation};
    slab_start(&slab, i, m->generation, n, n);
}

static void op_end(uint32_t i, size_t n)
{
    static const struct slab_half zero[2];
    (void)n;
    if (!model[i].used) return;
    slab_end(&slab, i);
    model[i].used = false;
    CHECK(memcmp(slab.record[i].half, zero, sizeof zero) == 0); /* no key stays */
}

static void op_receive(uint32_t i, size_t n)
{
    struct model *m = &model[i];
    size_t room;
    if (!m->used) return;
    uint8_t *to = slab_rx_room(&slab, i, &room);
    CHECK(room <= SLAB_BUFFER && room + (m->rx_seen - m->rx_done) >= RECORD_MAX);
    if (n > room) n = room;
    fill(to, i, true, m->rx_seen, n);
    slab_rx_seen(&slab, i, n);
    m->rx_seen += n;
}

static void op_handle(uint32_t i, size_t n)
{
    struct model *m = &model[i];
    size_t waits;
    if (!m->used) return;
    const uint8_t *at = slab_rx_data(&slab, i, &waits);
    CHECK(waits == m->rx_seen - m->rx_done && !at == !waits);
    if (n > waits) n = waits;
    struct slab_half next = *slab_now(&slab, i);
    CHECK(next.rx_nonce == m->nonces);
    next.rx_nonce = ++m->nonces;
    slab_rx_done(&slab, i, &next, n);
    m->rx_done += n;
}

static void op_rest(uint32_t i, size_t n)
{
    (void)n;
    if (model[i].used) slab_rx_rest(&slab, i);
}

static void op_seal(uint32_t i, size_t n)
{
    struct model *m = &model[i];
    size_t want = n + 1 + (n & 1 ? 300 : 0); /* as many as asked for, or fewer */
    if (!m->used) return;
    uint8_t *to = slab_tx_room(&slab, i, want);
    if (!to) return;
    fill(to, i, false, m->tx_ready, n);
    struct slab_half next = *slab_now(&slab, i);
    slab_tx_ready(&slab, i, &next, n);
    m->tx_ready += n;
}

static void op_sent(uint32_t i, size_t n)
{
    struct model *m = &model[i];
    size_t waits;
    if (!m->used) return;
    const uint8_t *at = slab_tx_data(&slab, i, &waits);
    CHECK(waits == m->tx_ready - m->tx_sent && !at == !waits);
    if (n > waits) n = waits;
    if (n == 0) return;
    slab_tx_sent(&slab, i, n);
    m->tx_sent += n;
}

static void look(uint32_t i)
{
    const struct model *m = &model[i];
    size_t n;
    CHECK(m->used == (slab.record[i].phase != SLAB_FREE));
    if (!m->used) return;
    const uint8_t *at = slab_rx_data(&slab, i, &n);
    CHECK(n == m->rx_seen - m->rx_done);
    compare(at, i, true, m->rx_done, n);
    at = slab_tx_data(&slab, i, &n);
    CHECK(n == m->tx_ready - m->tx_sent);
    compare(at, i, false, m->tx_sent, n);
    CHECK(slab.record[i].generation == m->generation);
}

static void (*const ops[])(uint32_t i, size_t n) = {
    op_start, op_end, op_receive, op_handle, op_rest, op_seal, op_sent,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    if (!slab.head) {
        int fd = slab_make(RECORDS);
        CHECK(fd >= 0 && slab_map(&slab, fd, RECORDS) == 0);
    }
    for (unsigned steps = 0; steps < 200 && in.p < in.end; steps++) {
        uint8_t op = cur_u8(&in);
        uint32_t i = op % RECORDS;
        ops[op / RECORDS % (sizeof ops / sizeof *ops)](i, cur_u16(&in));
        slab_check(&slab);
        for (i = 0; i < RECORDS; i++)
            look(i);
    }
    for (uint32_t i = 0; i < RECORDS; i++)
        op_end(i, 0);
    slab_check(&slab);
    CHECK(slab.n_unused == slab.buffers);
    return 0;
}
