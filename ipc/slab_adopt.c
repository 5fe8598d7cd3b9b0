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

int slab_adopt(struct slab *s, int fd, uint32_t records)
{
    if (slab_attach(s, fd, records)) return -1;
    const struct slab_head *h = s->head;
    if (h->magic != SLAB_MAGIC || h->version != SLAB_VERSION || h->record_size != sizeof(struct slab_record) ||
        h->records != records || h->buffers != s->buffers) {
        slab_unmap(s);
        return -1;
    }
    s->claimed = xcalloc(s->buffers + s->records, 1);
    return 0;
}

uint32_t slab_in_hand(const struct slab *s)
{
    return s->head->in_hand - 1; /* none is 0, and 0 - 1 is UINT32_MAX */
}

static bool claim_buffer(struct slab *s, uint32_t number)
{
    if (number == 0) return true;
    if (number > s->buffers || s->claimed[number - 1]) return false;
    s->claimed[number - 1] = 1;
    return true;
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

static const char *judge(struct slab *s, struct slab_record *r, uint64_t in, uint64_t out)
{
    const struct slab_half *now = &r->half[r->selector & 1];
    /* The dead worker can have failed to note what it read or wrote last; it cannot have noted more. */
    if (in < r->rx_seen || out < r->tx_sent) return "counts more than the kernel";
    if (!sound(now->rx_buffer, now->rx_base, now->rx_done, in)) return "receive positions";
    if (!sound(now->tx_buffer, now->tx_base, out, now->tx_ready)) return "send positions";
    if (now->rx_nonce > INT64_MAX || now->tx_nonce > INT64_MAX) return "nonces";
    if (r->name_len == 0 || r->name_len > WIRE_NAME_MAX) return "name";
    bool rx = claim_buffer(s, now->rx_buffer), tx = rx && claim_buffer(s, now->tx_buffer);
    if (rx && !tx && now->rx_buffer) s->claimed[now->rx_buffer - 1] = 0;
    return rx && tx ? NULL : "buffers";
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
        s->claimed[s->buffers + i] = 1; /* the caller starts it */
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
    *why = judge(s, r, in, out);
    if (*why) return SLAB_LOST;
    mend(s, r, in, out);
    s->claimed[s->buffers + i] = 1;
    STEP(ADOPT_MENDED);
    return SLAB_GOES_ON;
}

void slab_adopted(struct slab *s, uint32_t high)
{
    for (uint32_t i = 0; i < high && i < s->records; i++)
        if (!s->claimed[s->buffers + i]) sodium_memzero(&s->record[i], sizeof s->record[i]);
    STEP(ADOPT_WIPED);
    for (uint32_t b = s->buffers; b > 0; b--) {
        if (s->claimed[b - 1]) continue;
        s->unused[s->n_unused++] = b - 1;
        s->touched[b - 1] = SLAB_BUFFER; /* who knows what it holds: its next use gives that back */
    }
    s->head->in_hand = 0;
    free(s->claimed);
    s->claimed = NULL;
}
