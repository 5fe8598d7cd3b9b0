/* wire_roster.c - see wire_roster.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_roster.h"

#include "wire_keys.h"

_Static_assert((int)WIRE_ROSTER_REFUSED == (int)WIRE_KEYS_REFUSED, "both are refused in one form");

/* Payloads are gathered first: these frames are rare. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

static void put_slice8(struct buf *b, struct slice s)
{
    buf_put_str8(b, s.data, s.len);
}

static bool is_kind(uint8_t kind)
{
    return kind >= WIRE_ROSTER_ENTRY && kind <= WIRE_ROSTER_WELCOME;
}

void wire_put_roster_ask(struct buf *b, const struct wire_roster_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    buf_put_u8(&p, m->kind);
    put_slice8(&p, m->name);
    if (m->op == WIRE_ROSTER_FETCH) buf_put_u64(&p, m->after);
    if (m->op == WIRE_ROSTER_PUT) buf_put(&p, m->item.data, m->item.len);
    put(b, WIRE_ROSTER_ASK, &p);
}

bool wire_get_roster_ask(struct slice p, struct wire_roster_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_roster_ask){.op = cur_u8(&c), .kind = cur_u8(&c)};
    m->name = cur_str8(&c);
    if (m->op == WIRE_ROSTER_FETCH) m->after = cur_u64(&c);
    if (m->op == WIRE_ROSTER_PUT) m->item = cur_rest(&c);
    bool fits = m->op != WIRE_ROSTER_PUT || (m->item.len > 0 && m->item.len <= WIRE_ROSTER_ITEM_MAX);
    return cur_end(&c) && fits && is_kind(m->kind) && m->op >= WIRE_ROSTER_FETCH && m->op <= WIRE_ROSTER_DROP;
}

void wire_put_roster_item(struct buf *b, const struct wire_roster_item *i)
{
    put_slice8(b, i->name);
    buf_put_u64(b, i->time_ms);
    buf_put_str16(b, i->item.data, i->item.len);
}

bool wire_next_roster_item(struct cur *c, struct wire_roster_item *i)
{
    i->name = cur_str8(c);
    i->time_ms = cur_u64(c);
    i->item = cur_str16(c);
    return !c->bad;
}

void wire_put_roster_items(struct buf *b, const struct wire_roster_items *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_ROSTER_ITEMS);
    buf_put_u8(&p, m->kind);
    put_slice8(&p, m->name);
    buf_put_u64(&p, m->next);
    buf_put_u16(&p, m->n);
    if (m->items.len) buf_put(&p, m->items.data, m->items.len);
    put(b, WIRE_ROSTER, &p);
}

bool wire_get_roster_items(struct slice p, struct wire_roster_items *m)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_roster_item item;
    uint8_t op = cur_u8(&c);
    m->kind = cur_u8(&c);
    m->name = cur_str8(&c);
    m->next = cur_u64(&c);
    m->n = cur_u16(&c);
    m->items = cur_rest(&c);
    if (!cur_end(&c) || op != WIRE_ROSTER_ITEMS || !is_kind(m->kind)) return false;
    c = cur_of(m->items.data, m->items.len);
    for (unsigned i = 0; i < m->n; i++)
        if (!wire_next_roster_item(&c, &item)) return false;
    return cur_end(&c);
}

void wire_put_roster_news(struct buf *b, const struct wire_roster_news *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_ROSTER_NEWS);
    buf_put_u8(&p, m->kind);
    buf_put_u32(&p, m->n);
    put(b, WIRE_ROSTER, &p);
}

bool wire_get_roster_news(struct slice p, struct wire_roster_news *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->kind = cur_u8(&c);
    m->n = cur_u32(&c);
    return cur_end(&c) && op == WIRE_ROSTER_NEWS && is_kind(m->kind);
}

void wire_put_roster_done(struct buf *b, const struct wire_roster_done *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_ROSTER_DONE);
    buf_put_u8(&p, m->asked);
    buf_put_u8(&p, m->kind);
    put_slice8(&p, m->name);
    put(b, WIRE_ROSTER, &p);
}

bool wire_get_roster_done(struct slice p, struct wire_roster_done *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->asked = cur_u8(&c);
    m->kind = cur_u8(&c);
    m->name = cur_str8(&c);
    return cur_end(&c) && op == WIRE_ROSTER_DONE && is_kind(m->kind) &&
           (m->asked == WIRE_ROSTER_PUT || m->asked == WIRE_ROSTER_DROP);
}
