/* slab.c - see slab.h. */
#include "slab.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fault.h"
#include "log.h"

enum {
    PAGE = 4096,
    KEEP = 4 * PAGE, /* bytes of memory that an unused buffer may keep, … */
#ifdef FAULTS
    WARM = 0, /* tests want to meet every step */
#else
    WARM = 2 << 20, /* … and all of them together beyond that: what the next ones of this turn will need */
#endif
};

static size_t page_up(size_t n)
{
    return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* Two buffers for each record and some to move into: the pool is never empty. It costs addresses. */
static uint32_t buffers_for(uint32_t records)
{
    return 2 * records + 16;
}

static size_t buffers_at(uint32_t records)
{
    return page_up(sizeof(struct slab_head)) + page_up(records * sizeof(struct slab_record));
}

size_t slab_size(uint32_t records)
{
    return buffers_at(records) + (size_t)buffers_for(records) * SLAB_BUFFER;
}

int slab_make(uint32_t records)
{
    int fd = memfd_create("slab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    if (ftruncate(fd, (off_t)slab_size(records)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The size by lseek(): the sandbox knows no fstat(). */
int slab_attach(struct slab *s, int fd, uint32_t records)
{
    *s = (struct slab){.size = slab_size(records), .records = records};
    if (lseek(fd, 0, SEEK_END) != (off_t)s->size) return -1;
    void *at = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (at == MAP_FAILED) return -1;
    s->head = at;
    s->record = (struct slab_record *)((char *)at + page_up(sizeof(struct slab_head)));
    s->buffer = (uint8_t *)at + buffers_at(records);
    FAULT_WATCH(s->record);
    s->buffers = buffers_for(records);
    s->unused = xcalloc(s->buffers, sizeof *s->unused);
    s->touched = xcalloc(s->buffers, sizeof *s->touched);
    s->warm_max = WARM;
    return 0;
}

int slab_map(struct slab *s, int fd, uint32_t records)
{
    if (slab_attach(s, fd, records)) return -1;
    for (uint32_t b = s->buffers; b > 0; b--)
        s->unused[s->n_unused++] = b - 1;
    *s->head = (struct slab_head){.magic = SLAB_MAGIC,
                                  .version = SLAB_VERSION,
                                  .record_size = sizeof(struct slab_record),
                                  .records = records,
                                  .buffers = s->buffers};
    return 0;
}

void slab_unmap(struct slab *s)
{
    FAULT_UNWATCH();
    if (s->head) munmap(s->head, s->size);
    free(s->unused);
    free(s->touched);
    free(s->owner);
    free(s->verdict);
    *s = (struct slab){0};
}

/* --- buffers: numbers are one higher in records, where 0 means none --- */

static uint8_t *bytes_of(const struct slab *s, uint32_t number)
{
    return s->buffer + (size_t)(number - 1) * SLAB_BUFFER;
}

/* Memory of a buffer that could be given back, as far as that is known. */
static size_t beyond(const struct slab *s, uint32_t b)
{
    uint32_t touched = s->touched[b];
    return touched > KEEP && touched != SLAB_UNKNOWN ? page_up(touched) - KEEP : 0;
}

static uint32_t take_buffer(struct slab *s)
{
    assert(s->n_unused > 0); /* buffers_for() promises it */
    uint32_t b = s->unused[--s->n_unused];
    s->warm -= beyond(s, b);
    return b + 1;
}

static void touch(struct slab *s, uint32_t number, size_t end)
{
    if (s->touched[number - 1] < end) s->touched[number - 1] = (uint32_t)end;
}

/* Last used, first used again, so few pages stay warm; the memory of long ones is given back when that is much. */
static void give_buffer(struct slab *s, uint32_t number)
{
    uint32_t b = number - 1;
    if (s->touched[b] == SLAB_UNKNOWN || s->warm + beyond(s, b) > s->warm_max) {
        madvise(bytes_of(s, number) + KEEP, SLAB_BUFFER - KEEP, MADV_REMOVE);
        s->touched[b] = KEEP;
        STEP(BUFFER_EMPTIED);
    }
    s->warm += beyond(s, b);
    s->unused[s->n_unused++] = b;
    STEP(BUFFER_GIVEN);
}

void slab_cool(struct slab *s)
{
    for (uint32_t i = 0; i < s->n_unused && s->warm > 0; i++) {
        uint32_t b = s->unused[i];
        size_t n = beyond(s, b);
        if (n == 0) continue;
        madvise(bytes_of(s, b + 1) + KEEP, n, MADV_REMOVE);
        s->touched[b] = KEEP;
        s->warm -= n;
    }
}

/* --- records --- */

void slab_start(struct slab *s, uint32_t i, uint32_t generation, uint64_t kernel_in,
                uint64_t kernel_out)
{
    struct slab_record *r = &s->record[i];
    r->phase = SLAB_FREE;
    *r = (struct slab_record){.generation = generation, .kernel_in = kernel_in, .kernel_out = kernel_out};
    STEP(START_CLEARED);
    r->phase = SLAB_HANDSHAKE; /* last: from here on the record counts */
    STEP(START_MADE);
}

void slab_end(struct slab *s, uint32_t i)
{
    struct slab_record *r = &s->record[i];
    struct slab_half now = *slab_now(s, i);
    r->phase = SLAB_FREE;
    STEP(END_FREED);
    if (now.rx_buffer) give_buffer(s, now.rx_buffer);
    if (now.tx_buffer) give_buffer(s, now.tx_buffer);
    sodium_memzero(r->half, sizeof r->half);
    sodium_memzero(r->ticket, sizeof r->ticket);
    sodium_memzero(&now, sizeof now);
    STEP(END_WIPED);
}

void slab_commit(struct slab *s, uint32_t i, const struct slab_half *next)
{
    struct slab_record *r = &s->record[i];
    uint32_t selector = r->selector;
    r->half[(selector & 1) ^ 1] = *next;
    STEP(COMMIT_COPIED);
    r->selector = selector ^ 1; /* sequentially consistent: after the copy, before what follows */
    STEP(COMMIT_MADE);
}

/* --- receive --- */

/*
 * The longest record must fit behind what is already there. If it does not, what waits moves to
 * the front of another buffer; the old one is given back after the commit that names the new one.
 */
static void move_rx(struct slab *s, uint32_t i)
{
    struct slab_half next = *slab_now(s, i);
    uint32_t old = next.rx_buffer;
    size_t waits = s->record[i].rx_seen - next.rx_done;
    next.rx_buffer = take_buffer(s);
    STEP(RX_TAKEN);
    if (old) {
        memcpy(bytes_of(s, next.rx_buffer), bytes_of(s, old) + (next.rx_done - next.rx_base), waits);
        STEP(RX_COPIED);
    }
    touch(s, next.rx_buffer, waits);
    next.rx_base = next.rx_done;
    slab_commit(s, i, &next);
    if (!old) return;
    STEP(RX_MOVED);
    give_buffer(s, old);
}

uint8_t *slab_rx_room(struct slab *s, uint32_t i, size_t *room)
{
    const struct slab_half *now = slab_now(s, i);
    size_t longest = WIRE_RECORD_HEAD + WIRE_RECORD_MAX;
    if (!now->rx_buffer || now->rx_done - now->rx_base + longest > SLAB_BUFFER) move_rx(s, i);
    now = slab_now(s, i);
    size_t used = s->record[i].rx_seen - now->rx_base;
    *room = SLAB_BUFFER - used;
    return bytes_of(s, now->rx_buffer) + used;
}

void slab_rx_seen(struct slab *s, uint32_t i, size_t n)
{
    struct slab_record *r = &s->record[i];
    const struct slab_half *now = slab_now(s, i);
    r->rx_seen += n;
    touch(s, now->rx_buffer, r->rx_seen - now->rx_base);
}

const uint8_t *slab_rx_data(const struct slab *s, uint32_t i, size_t *n)
{
    const struct slab_half *now = slab_now(s, i);
    *n = now->rx_buffer ? s->record[i].rx_seen - now->rx_done : 0;
    return *n ? bytes_of(s, now->rx_buffer) + (now->rx_done - now->rx_base) : NULL;
}

void slab_rx_done(struct slab *s, uint32_t i, struct slab_half *next, size_t n)
{
    next->rx_done += n;
    assert(next->rx_done <= s->record[i].rx_seen);
    slab_commit(s, i, next);
}

void slab_rx_rest(struct slab *s, uint32_t i)
{
    struct slab_half next = *slab_now(s, i);
    uint32_t old = next.rx_buffer;
    if (!old || next.rx_done != s->record[i].rx_seen) return;
    next.rx_buffer = 0;
    next.rx_base = next.rx_done;
    slab_commit(s, i, &next);
    STEP(RX_RESTED);
    give_buffer(s, old);
}

/* --- send --- */

/* A buffer with nothing left to send begins again: one whose worker died before it gave it back. */
uint8_t *slab_tx_room(struct slab *s, uint32_t i, size_t want)
{
    struct slab_half next = *slab_now(s, i);
    if (!next.tx_buffer || (next.tx_ready == s->record[i].tx_sent && next.tx_base != next.tx_ready)) {
        if (!next.tx_buffer) next.tx_buffer = take_buffer(s);
        STEP(TX_TAKEN);
        next.tx_base = next.tx_ready;
        slab_commit(s, i, &next);
        STEP(TX_ROOMED);
    }
    size_t used = next.tx_ready - next.tx_base;
    if (SLAB_BUFFER - used < want) return NULL;
    touch(s, next.tx_buffer, used + want);
    return bytes_of(s, next.tx_buffer) + used;
}

void slab_tx_ready(struct slab *s, uint32_t i, struct slab_half *next, size_t n)
{
    next->tx_ready += n;
    slab_commit(s, i, next);
}

const uint8_t *slab_tx_data(const struct slab *s, uint32_t i, size_t *n)
{
    const struct slab_half *now = slab_now(s, i);
    *n = now->tx_buffer ? now->tx_ready - s->record[i].tx_sent : 0;
    return *n ? bytes_of(s, now->tx_buffer) + (s->record[i].tx_sent - now->tx_base) : NULL;
}

void slab_tx_sent(struct slab *s, uint32_t i, size_t n)
{
    struct slab_record *r = &s->record[i];
    r->tx_sent += n;
    STEP(TX_COUNTED);
    struct slab_half next = *slab_now(s, i);
    if (r->tx_sent != next.tx_ready) return;
    uint32_t old = next.tx_buffer;
    next.tx_buffer = 0;
    next.tx_base = next.tx_ready;
    slab_commit(s, i, &next);
    STEP(TX_EMPTIED);
    give_buffer(s, old);
}
