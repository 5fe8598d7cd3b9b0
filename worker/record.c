/*
 * record.c - frames into records and back, in step with the slab.
 *
 * Opening gives the state to commit once the record has been handled; sealing commits before
 * anything can be sent. A nonce is used up by a commit, never by a send.
 */
#include <string.h>

#include "fault.h"
#include "seal_log.h"
#include "worker.h"

/* The key changes before the record whose number is a multiple of WIRE_REKEY_EVERY. */
static void advance(uint8_t key[32], uint64_t nonce)
{
    if (nonce % WIRE_REKEY_EVERY == 0 && nonce > 0) noise_rekey(key);
}

int record_open(struct session *s, struct slab_half *next, size_t *n, size_t *took)
{
    struct worker *w = s->worker;
    size_t have;
    const uint8_t *in = slab_rx_data(&w->slab, s->index, &have);
    if (have < WIRE_RECORD_HEAD) return 0;
    size_t len = get_u16(in);
    if (len <= NOISE_TAG_LEN) return -1;
    if (have < WIRE_RECORD_HEAD + len) return 0;
    *next = *slab_now(&w->slab, s->index);
    advance(next->rx_key, next->rx_nonce);
    if (noise_open(next->rx_key, next->rx_nonce, in + WIRE_RECORD_HEAD, len, w->plain)) return -1;
    next->rx_nonce++;
    *n = len - NOISE_TAG_LEN;
    *took = WIRE_RECORD_HEAD + len;
    return 1;
}

/* How many of the waiting bytes make one record: whole frames, at most a record's plaintext. */
static size_t whole_frames(const struct buf *out)
{
    size_t all = buf_len(out), n = 0;
    if (all <= WIRE_PLAIN_MAX) return all;
    while (n < all) {
        size_t frame = WIRE_FRAME_HEAD + (size_t)get_u16(buf_head(out) + n + 1);
        if (n + frame > WIRE_PLAIN_MAX) break;
        n += frame;
    }
    return n;
}

int record_put(struct session *s, const uint8_t *plain, size_t n)
{
    struct slab *slab = &s->worker->slab;
    uint8_t *to = slab_tx_room(slab, s->index, WIRE_RECORD_HEAD + n + NOISE_TAG_LEN);
    if (!to) return 0;
    struct slab_half next = *slab_now(slab, s->index);
    advance(next.tx_key, next.tx_nonce);
    put_u16(to, (uint16_t)(n + NOISE_TAG_LEN));
    if (noise_seal(next.tx_key, next.tx_nonce, plain, n, to + WIRE_RECORD_HEAD)) return -1;
    STEP(TX_SEALED);
    SEAL_LOG(SEAL_SEALED, &next, plain, n);
    next.tx_nonce++;
    slab_tx_ready(slab, s->index, &next, WIRE_RECORD_HEAD + n + NOISE_TAG_LEN);
    STEP(TX_COMMITTED);
    return 1;
}

static bool seal_one(struct session *s)
{
    size_t n = whole_frames(&s->out);
    size_t pad = n == buf_len(&s->out) ? wire_padding(n) : 0;
    if (pad) { /* behind the frames, and taken back if there is no room in the slab yet */
        wire_put_pad(buf_room(&s->out, pad), pad);
        buf_added(&s->out, pad);
    }
    int r = record_put(s, buf_head(&s->out), n + pad);
    if (r > 0)
        buf_drop(&s->out, n + pad);
    else if (r == 0)
        s->out.len -= pad;
    else
        buf_reset(&s->out, 0);
    return r > 0;
}

bool record_seal(struct session *s)
{
    while (buf_len(&s->out))
        if (!seal_one(s)) return false;
    buf_free(&s->out); /* an idle session holds no memory but its record */
    return true;
}
