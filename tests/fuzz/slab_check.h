/* slab_check.h - what must be true of a slab at every moment (slab.h's invariant), checked. */
#ifndef SLAB_CHECK_H
#define SLAB_CHECK_H

#include "fuzz.h"
#include "slab.h"

enum { SLAB_CHECK_BUFFERS = 64 };

static inline void slab_check_half(const struct slab_record *r, const struct slab_half *h)
{
    uint64_t seen = r->rx_seen, sent = r->tx_sent;
    CHECK(h->rx_base <= h->rx_done && h->rx_done <= seen);
    CHECK(h->tx_base <= sent && sent <= h->tx_ready);
    if (h->rx_buffer)
        CHECK(seen - h->rx_base <= SLAB_BUFFER);
    else
        CHECK(h->rx_done == seen);
    if (h->tx_buffer)
        CHECK(h->tx_ready - h->tx_base <= SLAB_BUFFER);
    else
        CHECK(sent == h->tx_ready);
}

/* Every buffer has exactly one owner: a direction of a record, or the free list. */
static inline void slab_check(const struct slab *s)
{
    uint8_t owners[SLAB_CHECK_BUFFERS + 1] = {0};
    CHECK(s->buffers <= SLAB_CHECK_BUFFERS && s->n_unused <= s->buffers);
    for (uint32_t i = 0; i < s->records; i++) {
        const struct slab_record *r = &s->record[i];
        const struct slab_half *h = slab_now(s, i);
        if (r->phase == SLAB_FREE) continue;
        CHECK(h->rx_buffer <= s->buffers && h->tx_buffer <= s->buffers);
        owners[h->rx_buffer]++;
        owners[h->tx_buffer]++;
        slab_check_half(r, h);
    }
    for (uint32_t i = 0; i < s->n_unused; i++) {
        CHECK(s->unused[i] < s->buffers);
        owners[s->unused[i] + 1]++;
    }
    for (uint32_t b = 1; b <= s->buffers; b++)
        CHECK(owners[b] == 1);
}

#endif
