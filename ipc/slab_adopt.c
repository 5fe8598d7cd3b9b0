/*
 * slab_adopt.c - taking over the slab of a worker that is dead. See slab.h.
 *
 * What stands in it is hostile input: the worker may have been taken over before it died. Every
 * position, length and buffer number is checked, no buffer may belong to two directions, and what
 * the kernel counts has the last word. Who the user is, is proven to the broker by the ticket.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "log.h"
#include "slab.h"

enum { STRIKES_MAX = 2 };

static bool free_for(const struct slab *s, uint32_t number)
{
    return number == 0 || (number <= s->buffers && s->owner[number - 1] == 0);
}

/* The first to name a buffer has it; a record that cannot have both its buffers has none. */
static void reserve(struct slab *s, uint32_t i)
{
    const struct slab_half *now = slab_now(s, i);
    uint32_t rx = now->rx_buffer, tx = now->tx_buffer;
    if (s->record[i].phase != SLAB_OPEN || !free_for(s, rx) || !free_for(s, tx) || (rx && rx == tx)) return;
    if (rx) s->owner[rx - 1] = i + 1;
    if (tx) s->owner[tx - 1] = i + 1;
}

/* Who knows what it holds: its next use gives that back. */
static void pool(struct slab *s, uint32_t b)
{
    s->unused[s->n_unused++] = b;
    s->touched[b] = SLAB_UNKNOWN;
}

int slab_adopt(struct slab *s, int fd, uint32_t records, uint32_t high)
{
    if (slab_attach(s, fd, records)) return -1;
    const struct slab_head *h = s->head;
    if (h->magic != SLAB_MAGIC || h->version != SLAB_VERSION || h->record_size != sizeof(struct slab_record) ||
        h->records != records || h->buffers != s->buffers || high > records) {
        slab_unmap(s);
        return -1;
    }
    STEP(ADOPT_MAPPED);
    s->owner = xcalloc(s->buffers, sizeof *s->owner);
    s->verdict = xcalloc(s->records, sizeof *s->verdict);
    for (uint32_t i = 0; i < high; i++)
        reserve(s, i);
    for (uint32_t b = s->buffers; b > 0; b--)
        if (!s->owner[b - 1]) pool(s, b - 1);
    STEP(ADOPT_POOLED);
    return 0;
}

/* --- in which order --- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t slab_recent(const struct slab *s, uint32_t high, uint32_t now_ms, uint32_t *index, size_t max)
{
    uint64_t *found = xcalloc(high + 1, sizeof *found); /* age and index, so that sorting keeps them together */
    size_t n = 0, k = 0;
    for (uint32_t i = 0; i < high; i++)
        if (s->record[i].phase == SLAB_OPEN) found[n++] = (uint64_t)(now_ms - s->record[i].heard_ms) << 32 | i;
    qsort(found, n, sizeof *found, by_value);
    for (; k < n && k < max && (found[k] >> 32) - (found[0] >> 32) <= SLAB_RECENT_MS; k++)
        index[k] = (uint32_t)found[k];
    free(found);
    return k;
}

/* --- judging --- */

uint32_t slab_in_hand(const struct slab *s)
{
    return s->head->in_hand - 1; /* none is 0, and 0 - 1 is UINT32_MAX */
}

static bool owns(const struct slab *s, uint32_t i, uint32_t number)
{
    return number == 0 || (number <= s->buffers && s->owner[number - 1] == i + 1);
}

/*
 * Positions of one direction: base <= low <= high, and all from base to high inside the buffer. Without
 * a buffer nothing may be in between.
 */
static bool sound(uint32_t buffer, uint64_t base, uint64_t low, uint64_t high)
{
    if (base > low || low > high || high > INT64_MAX) return false;
    return buffer ? high - base <= SLAB_BUFFER : low == high;
}

static const char *judge(const struct slab *s, uint32_t i, uint64_t in, uint64_t out)
{
    const struct slab_record *r = &s->record[i];
    const struct slab_half *now = &r->half[r->selector & 1];
    /* The dead worker can have failed to note what it read or wrote last; it cannot have noted more. */
    if (in < r->rx_seen || out < r->tx_sent) return "counts more than the kernel";
    if (!sound(now->rx_buffer, now->rx_base, now->rx_done, in)) return "receive positions";
    if (!sound(now->tx_buffer, now->tx_base, out, now->tx_ready)) return "send positions";
    if (now->rx_nonce > INT64_MAX || now->tx_nonce > INT64_MAX) return "nonces";
    if (r->name_len == 0 || r->name_len > WIRE_NAME_MAX) return "name";
    return owns(s, i, now->rx_buffer) && owns(s, i, now->tx_buffer) ? NULL : "buffers";
}

static void mend(struct slab *s, struct slab_record *r, uint64_t in, uint64_t out)
{
    const struct slab_half *now = &r->half[r->selector & 1];
    r->rx_seen = in;
    STEP(ADOPT_MENDING);
    r->tx_sent = out;
    if (now->rx_buffer) s->touched[now->rx_buffer - 1] = (uint32_t)(in - now->rx_base);
    if (now->tx_buffer) s->touched[now->tx_buffer - 1] = (uint32_t)(now->tx_ready - now->tx_base);
}

enum slab_claim slab_claim(struct slab *s, uint32_t i, uint32_t generation, uint64_t kernel_in,
                           uint64_t kernel_out, bool blamed, const char **why)
{
    struct slab_record *r = &s->record[i];
    *why = NULL;
    if (r->generation != generation || r->phase == SLAB_FREE) {
        s->verdict[i] = SLAB_NEVER; /* the caller starts it */
        return SLAB_NEVER;
    }
    if (r->phase != SLAB_OPEN) {
        *why = "not signed in yet";
        return SLAB_LOST;
    }
    if (blamed) {
        r->strikes++;
        STEP(ADOPT_STRUCK);
    }
    if (blamed && r->strikes >= STRIKES_MAX) {
        *why = "quarantine";
        return SLAB_LOST;
    }
    if (kernel_in < r->kernel_in || kernel_out < r->kernel_out) {
        *why = "baseline";
        return SLAB_LOST;
    }
    uint64_t in = kernel_in - r->kernel_in, out = kernel_out - r->kernel_out;
    *why = judge(s, i, in, out);
    if (*why) return SLAB_LOST;
    mend(s, r, in, out);
    s->verdict[i] = SLAB_GOES_ON;
    STEP(ADOPT_MENDED);
    return SLAB_GOES_ON;
}

void slab_adopted(struct slab *s, uint32_t high)
{
    for (uint32_t i = 0; i < high && i < s->records; i++)
        if (s->verdict[i] == SLAB_LOST) sodium_memzero(&s->record[i], sizeof s->record[i]);
    STEP(ADOPT_WIPED);
    for (uint32_t b = s->buffers; b > 0; b--)
        if (s->owner[b - 1] && s->verdict[s->owner[b - 1] - 1] != SLAB_GOES_ON) pool(s, b - 1);
    s->head->in_hand = 0;
    free(s->owner);
    free(s->verdict);
    s->owner = NULL;
    s->verdict = NULL;
}
