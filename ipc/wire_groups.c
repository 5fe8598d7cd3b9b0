/* wire_groups.c - see wire_groups.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_groups.h"

#include <string.h>

/* Payloads are gathered first: these frames are rare beside messages. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

static void put_slice8(struct buf *b, struct slice s)
{
    buf_put_str8(b, s.data, s.len);
}

static void begin(struct buf *p, uint8_t op, struct slice room, const uint8_t id[32])
{
    buf_put_u8(p, op);
    put_slice8(p, room);
    if (id) buf_put(p, id, 32);
}

/* The fields that begin() wrote; false when it is another op. */
static bool began(struct cur *c, uint8_t op, struct slice *room, uint8_t id[32])
{
    bool right = cur_u8(c) == op;
    *room = cur_str8(c);
    if (id) cur_copy(c, id, 32);
    return right;
}

/* --- questions --- */

void wire_put_group_question(struct buf *b, const struct wire_group_question *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    if (m->op == WIRE_ASK_APPEND) {
        buf_put(&p, m->entry.data, m->entry.len);
    } else if (m->op == WIRE_ASK_GROUPS) {
        buf_put_u8(&p, m->scope);
    } else {
        put_slice8(&p, m->room);
        if (m->op != WIRE_ASK_MEMBERS) buf_put(&p, m->id, sizeof m->id);
        if (m->op == WIRE_ASK_LOG) buf_put_u32(&p, m->after);
        if (m->op == WIRE_ASK_PLACE) buf_put_u64(&p, m->seen);
    }
    put(b, WIRE_GROUP_ASK, &p);
}

bool wire_get_group_question(struct slice p, struct wire_group_question *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_group_question){.op = cur_u8(&c)};
    if (m->op < WIRE_ASK_APPEND || m->op > WIRE_ASK_PLACE) return false;
    if (m->op == WIRE_ASK_APPEND) {
        m->entry = cur_rest(&c);
        return cur_end(&c) && m->entry.len > 0 && m->entry.len <= WIRE_GROUP_ENTRY_MAX;
    }
    if (m->op == WIRE_ASK_GROUPS) {
        m->scope = cur_u8(&c);
        return cur_end(&c) && m->scope <= WIRE_GROUPS_OPEN;
    }
    m->room = cur_str8(&c);
    if (m->op != WIRE_ASK_MEMBERS) cur_copy(&c, m->id, sizeof m->id);
    if (m->op == WIRE_ASK_LOG) m->after = cur_u32(&c);
    if (m->op == WIRE_ASK_PLACE) m->seen = cur_u64(&c);
    return cur_end(&c);
}

/* --- answers --- */

void wire_put_group_no(struct buf *b, const struct wire_group_no *m)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_NO, m->room, NULL);
    buf_put_u8(&p, m->asked);
    buf_put_u16(&p, m->code);
    buf_put_u32(&p, m->retry_ms);
    buf_put_str16(&p, m->text.data, m->text.len);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_no(struct slice p, struct wire_group_no *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, WIRE_GROUP_NO, &m->room, NULL);
    m->asked = cur_u8(&c);
    m->code = cur_u16(&c);
    m->retry_ms = cur_u32(&c);
    m->text = cur_str16(&c);
    return cur_end(&c) && right;
}

void wire_put_group_entries(struct buf *b, const struct wire_group_entries *m)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_ENTRIES, m->room, m->id);
    buf_put_u32(&p, m->head);
    buf_put(&p, m->entries.data, m->entries.len);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_entries(struct slice p, struct wire_group_entries *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, WIRE_GROUP_ENTRIES, &m->room, m->id);
    m->head = cur_u32(&c);
    m->entries = cur_rest(&c);
    if (!cur_end(&c) || !right) return false;
    c = cur_of(m->entries.data, m->entries.len);
    while (!c.bad && c.p != c.end) {
        cur_u64(&c);
        cur_str16(&c);
    }
    return cur_end(&c);
}

void wire_put_group_head(struct buf *b, const struct wire_group_head *m)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_HEAD, m->room, m->id);
    buf_put_u32(&p, m->seq);
    buf_put_u64(&p, m->number);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_head(struct slice p, struct wire_group_head *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, WIRE_GROUP_HEAD, &m->room, m->id);
    m->seq = cur_u32(&c);
    m->number = cur_u64(&c);
    return cur_end(&c) && right;
}

void wire_put_group_placed(struct buf *b, const struct wire_group_placed *m)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_PLACED, m->room, m->id);
    buf_put_u64(&p, m->from);
    buf_put_u64(&p, m->to);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_placed(struct slice p, struct wire_group_placed *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, WIRE_GROUP_PLACED, &m->room, m->id);
    m->from = cur_u64(&c);
    m->to = cur_u64(&c);
    return cur_end(&c) && right;
}

void wire_put_group_gap(struct buf *b, const struct wire_group_gap *m)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_GAP, m->room, NULL);
    buf_put_u64(&p, m->from);
    buf_put_u64(&p, m->to);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_gap(struct slice p, struct wire_group_gap *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, WIRE_GROUP_GAP, &m->room, NULL);
    m->from = cur_u64(&c);
    m->to = cur_u64(&c);
    return cur_end(&c) && right;
}

void wire_put_group_notice(struct buf *b, uint8_t op, const struct wire_group_notice *m)
{
    struct buf p = {0};
    begin(&p, op, m->room, m->id);
    put_slice8(&p, m->text);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_group_notice(struct slice p, uint8_t op, struct wire_group_notice *m)
{
    struct cur c = cur_of(p.data, p.len);
    bool right = began(&c, op, &m->room, m->id);
    m->text = cur_str8(&c);
    return cur_end(&c) && right;
}

/* --- lists --- */

void wire_add_group(struct buf *rows, const struct wire_group_row *r)
{
    put_slice8(rows, r->room);
    buf_put(rows, r->id, sizeof r->id);
    buf_put_u8(rows, r->flags);
    buf_put_u8(rows, r->role);
    buf_put_u16(rows, r->members);
    buf_put_u32(rows, r->head);
    buf_put_u64(rows, r->number);
    put_slice8(rows, r->topic);
}

int wire_next_group(struct cur *c, struct wire_group_row *r)
{
    if (c->p == c->end) return c->bad ? -1 : 0;
    r->room = cur_str8(c);
    cur_copy(c, r->id, sizeof r->id);
    r->flags = cur_u8(c);
    r->role = cur_u8(c);
    r->members = cur_u16(c);
    r->head = cur_u32(c);
    r->number = cur_u64(c);
    r->topic = cur_str8(c);
    return c->bad ? -1 : 1;
}

void wire_add_member(struct buf *rows, const struct wire_member_row *r)
{
    put_slice8(rows, r->name);
    buf_put_u8(rows, r->flags);
    buf_put_u8(rows, r->role);
    buf_put_u64(rows, r->muted_until_ms);
}

int wire_next_member(struct cur *c, struct wire_member_row *r)
{
    if (c->p == c->end) return c->bad ? -1 : 0;
    r->name = cur_str8(c);
    r->flags = cur_u8(c);
    r->role = cur_u8(c);
    r->muted_until_ms = cur_u64(c);
    return c->bad ? -1 : 1;
}

void wire_put_groups(struct buf *b, uint8_t last, struct slice rows)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_GROUP_GROUPS);
    buf_put_u8(&p, last);
    buf_put(&p, rows.data, rows.len);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_groups(struct cur *c, uint8_t *last)
{
    uint8_t op = cur_u8(c);
    *last = cur_u8(c);
    return !c->bad && op == WIRE_GROUP_GROUPS && *last <= WIRE_LIST_CUT;
}

void wire_put_members(struct buf *b, struct slice room, const uint8_t id[32], uint8_t last, struct slice rows)
{
    struct buf p = {0};
    begin(&p, WIRE_GROUP_MEMBERS, room, id);
    buf_put_u8(&p, last);
    buf_put(&p, rows.data, rows.len);
    put(b, WIRE_GROUP, &p);
}

bool wire_get_members(struct cur *c, struct slice *room, uint8_t id[32], uint8_t *last)
{
    bool right = began(c, WIRE_GROUP_MEMBERS, room, id);
    *last = cur_u8(c);
    return !c->bad && right && *last <= WIRE_LIST_CUT;
}
