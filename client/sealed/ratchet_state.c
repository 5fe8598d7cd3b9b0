/* ratchet_state.c - how a ratchet lies in a store: docs/sealed.md section 5, "stored state". */
#include "ratchet.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { FORMAT = 1, CAN_SEND = 1, SENDING = 2, RECEIVING = 4 };

void ratchet_encode(const struct ratchet *r, struct buf *out)
{
    const struct ratchet_core *c = &r->core;
    buf_room(out, RATCHET_STATE + r->n_skipped * RATCHET_STATE_KEY); /* growing leaves copies */
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, (uint8_t)((c->can_send ? CAN_SEND : 0) | (c->sending ? SENDING : 0) |
                              (c->receiving ? RECEIVING : 0)));
    buf_put(out, c->ad, SEALED_HASH);
    buf_put(out, c->root, SEALED_KEY);
    buf_put(out, c->self.secret, SEALED_KEY);
    buf_put(out, c->send_chain, SEALED_KEY);
    buf_put(out, c->recv_chain, SEALED_KEY);
    buf_put_u32(out, c->ns);
    buf_put_u32(out, c->nr);
    buf_put_u32(out, c->pn);
    buf_put_u32(out, c->chain);
    buf_put(out, c->peer, sizeof c->peer);
    buf_put_u16(out, (uint16_t)r->n_skipped);
    for (size_t i = 0; i < r->n_skipped; i++) {
        buf_put_u32(out, r->skipped[i].chain);
        buf_put_u32(out, r->skipped[i].n);
        buf_put_u32(out, r->skipped[i].day);
        buf_put(out, r->skipped[i].key, SEALED_KEY);
    }
}

static void decode_core(struct ratchet_core *c, struct cur *in, const uint8_t *public_key)
{
    uint8_t flags = cur_u8(in);
    if (flags > (CAN_SEND | SENDING | RECEIVING) || ((flags & SENDING) && !(flags & CAN_SEND)))
        in->bad = true;
    c->can_send = flags & CAN_SEND;
    c->sending = flags & SENDING;
    c->receiving = flags & RECEIVING;
    cur_copy(in, c->ad, SEALED_HASH);
    cur_copy(in, c->root, SEALED_KEY);
    cur_copy(in, c->self.secret, SEALED_KEY);
    cur_copy(in, c->send_chain, SEALED_KEY);
    cur_copy(in, c->recv_chain, SEALED_KEY);
    c->ns = cur_u32(in);
    c->nr = cur_u32(in);
    c->pn = cur_u32(in);
    c->chain = cur_u32(in);
    cur_copy(in, c->peer, sizeof c->peer);
    if (c->receiving != (c->chain > 0)) in->bad = true;
    if (in->bad) return;
    if (public_key)
        memcpy(c->self.public_key, public_key, SEALED_KEY);
    else
        sealed_pair_from(&c->self, c->self.secret);
}

static void decode_skipped(struct ratchet *r, struct cur *in)
{
    size_t n = cur_u16(in);
    if (n > RATCHET_SKIP_ALL) in->bad = true;
    if (in->bad || n == 0) return;
    r->skipped = xcalloc(n, sizeof r->skipped[0]);
    r->room = n;
    for (; r->n_skipped < n && !in->bad; r->n_skipped++) {
        struct ratchet_skipped *s = &r->skipped[r->n_skipped];
        s->chain = cur_u32(in);
        s->n = cur_u32(in);
        s->day = cur_u32(in);
        cur_copy(in, s->key, SEALED_KEY);
        if (s->chain == 0 || s->chain > r->core.chain ||
            r->core.chain - s->chain > RATCHET_OLD_CHAINS)
            in->bad = true;
    }
}

bool ratchet_decode(struct ratchet *r, struct slice in, const uint8_t *public_key)
{
    struct cur c = cur_of(in.data, in.len);
    *r = (struct ratchet){0};
    if (cur_u8(&c) != FORMAT) return false;
    decode_core(&r->core, &c, public_key);
    decode_skipped(r, &c);
    if (cur_end(&c)) return true;
    ratchet_wipe(r);
    return false;
}
