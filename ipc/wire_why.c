/* wire_why.c - see wire_why.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_why.h"

#include <assert.h>
#include <string.h>

#include "wire_keys.h"

_Static_assert((int)WIRE_WHY_REFUSED == (int)WIRE_KEYS_REFUSED, "both are refused in one form");

/* Payloads are gathered first: these frames are rare. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

void wire_put_why_ask(struct buf *b, const struct wire_why_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    buf_put_str8(&p, m->to.data, m->to.len);
    if (m->op == WIRE_WHY_MESSAGES) {
        assert(m->n <= WIRE_WHY_IDS_MAX);
        buf_put_u8(&p, m->n);
        for (unsigned i = 0; i < m->n; i++)
            buf_put_u64(&p, m->id[i]);
    } else {
        buf_put(&p, m->group, sizeof m->group);
        buf_put_u64(&p, m->number);
    }
    put(b, WIRE_WHY_ASK, &p);
}

bool wire_get_why_ask(struct slice p, struct wire_why_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_why_ask){.op = cur_u8(&c), .to = cur_str8(&c)};
    if (m->op == WIRE_WHY_MESSAGES) {
        m->n = cur_u8(&c);
        if (m->n == 0 || m->n > WIRE_WHY_IDS_MAX) return false;
        for (unsigned i = 0; i < m->n; i++)
            m->id[i] = cur_u64(&c);
    } else {
        cur_copy(&c, m->group, sizeof m->group);
        m->number = cur_u64(&c);
    }
    return cur_end(&c) && (m->op == WIRE_WHY_MESSAGES || m->op == WIRE_WHY_ROOM);
}

/* --- about messages to a user --- */

void wire_add_why_message(struct buf *rows, const struct wire_why_message *m)
{
    assert(m->n <= WIRE_WHY_DEVICES_MAX);
    buf_put_u64(rows, m->id);
    buf_put_u8(rows, m->state);
    buf_put_u8(rows, m->n);
    for (unsigned i = 0; i < m->n; i++) {
        buf_put_u64(rows, m->device[i].device);
        buf_put_u8(rows, m->device[i].state);
        buf_put_u32(rows, m->device[i].place);
        buf_put_u64(rows, m->device[i].until_ms);
    }
}

static bool good_state(uint8_t state)
{
    return state <= WIRE_WHY_REVOKED;
}

bool wire_next_why_message(struct cur *c, struct wire_why_message *m)
{
    if (c->bad || c->p == c->end) return false;
    m->id = cur_u64(c);
    m->state = cur_u8(c);
    m->n = cur_u8(c);
    if (m->n > WIRE_WHY_DEVICES_MAX || !good_state(m->state)) c->bad = true;
    for (unsigned i = 0; i < m->n && !c->bad; i++) {
        struct wire_why_device *d = &m->device[i];
        d->device = cur_u64(c);
        d->state = cur_u8(c);
        d->place = cur_u32(c);
        d->until_ms = cur_u64(c);
        if (!good_state(d->state)) c->bad = true;
    }
    return !c->bad;
}

void wire_put_why_messages(struct buf *b, const struct wire_why_messages *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_WHY_MESSAGES);
    buf_put_str8(&p, m->to.data, m->to.len);
    buf_put_u8(&p, m->present);
    buf_put_u64(&p, m->since_ms);
    buf_put_u32(&p, m->keep_s);
    buf_put_u8(&p, m->n);
    buf_put(&p, m->rows.data, m->rows.len);
    put(b, WIRE_WHY, &p);
}

bool wire_get_why_messages(struct slice p, struct wire_why_messages *m)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_why_message row;
    uint8_t op = cur_u8(&c), present, n = 0;
    m->to = cur_str8(&c);
    present = cur_u8(&c);
    m->present = present == 1;
    m->since_ms = cur_u64(&c);
    m->keep_s = cur_u32(&c);
    m->n = cur_u8(&c);
    m->rows = cur_rest(&c);
    if (!cur_end(&c) || op != WIRE_WHY_MESSAGES || present > 1 || m->n > WIRE_WHY_IDS_MAX) return false;
    struct cur rows = cur_of(m->rows.data, m->rows.len);
    while (n < m->n && wire_next_why_message(&rows, &row))
        n++;
    return n == m->n && cur_end(&rows);
}

/* --- about a message of a room --- */

void wire_add_why_member(struct buf *rows, const struct wire_why_member *m)
{
    buf_put_str8(rows, m->name.data, m->name.len);
    buf_put_u8(rows, m->role);
    buf_put_u8(rows, m->state);
    buf_put_u8(rows, m->devices);
    buf_put_u8(rows, m->waiting);
    buf_put_u8(rows, m->present);
    buf_put_u64(rows, m->since_ms);
}

bool wire_next_why_member(struct cur *c, struct wire_why_member *m)
{
    if (c->bad || c->p == c->end) return false;
    m->name = cur_str8(c);
    m->role = cur_u8(c);
    m->state = cur_u8(c);
    m->devices = cur_u8(c);
    m->waiting = cur_u8(c);
    uint8_t present = cur_u8(c);
    m->present = present == 1;
    m->since_ms = cur_u64(c);
    if (present > 1 || !good_state(m->state) || m->name.len == 0) c->bad = true;
    return !c->bad;
}

void wire_put_why_room(struct buf *b, const struct wire_why_room *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_WHY_ROOM);
    buf_put_str8(&p, m->room.data, m->room.len);
    buf_put_u64(&p, m->number);
    buf_put_u8(&p, m->last);
    buf_put(&p, m->rows.data, m->rows.len);
    put(b, WIRE_WHY, &p);
}

bool wire_get_why_room(struct slice p, struct wire_why_room *m)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_why_member row;
    uint8_t op = cur_u8(&c), last;
    m->room = cur_str8(&c);
    m->number = cur_u64(&c);
    last = cur_u8(&c);
    m->last = last == 1;
    m->rows = cur_rest(&c);
    if (!cur_end(&c) || op != WIRE_WHY_ROOM || last > 1) return false;
    struct cur rows = cur_of(m->rows.data, m->rows.len);
    while (wire_next_why_member(&rows, &row)) {
    }
    return cur_end(&rows);
}
