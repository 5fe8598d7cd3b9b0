/*
 * wire_frames.c - the fields of each frame, in the order of docs/protocol.md: one encoder and one
 * decoder side by side. A decoder reads everything and asks once whether it ended exactly.
 */
#include <assert.h>
#include <string.h>

#include "wire.h"

/*
 * Small frames are written in place: head with an unknown length, fields, then the length. Only
 * SEND and DELIVER can outgrow a frame; they are handled by end_long().
 */
static size_t begin(struct buf *b, uint8_t type)
{
    buf_put_u8(b, type);
    buf_put_u16(b, 0);
    return buf_len(b);
}

static void end(struct buf *b, size_t begun)
{
    size_t n = buf_len(b) - begun;
    assert(n <= WIRE_PAYLOAD_MAX);
    put_u16(buf_head(b) + begun - 2, (uint16_t)n);
}

/* Ends a frame that may be too long: takes the payload out again and writes it in parts. */
static void end_long(struct buf *b, size_t begun, uint8_t type)
{
    size_t n = buf_len(b) - begun;
    if (n <= WIRE_PAYLOAD_MAX) {
        end(b, begun);
        return;
    }
    struct buf whole = {0};
    buf_put(&whole, buf_head(b) + begun, n);
    b->len -= n + WIRE_FRAME_HEAD;
    wire_put(b, type, buf_head(&whole), n);
    buf_free(&whole);
}

static void put_slice8(struct buf *b, struct slice s)
{
    buf_put_str8(b, s.data, s.len);
}

static void put_slice16(struct buf *b, struct slice s)
{
    buf_put_str16(b, s.data, s.len);
}

static struct cur cur_slice(struct slice p)
{
    return cur_of(p.data, p.len);
}

/* --- LOGIN, WELCOME, RESUME, RESYNC --- */

static void put_resume(struct buf *b, const struct wire_resume *m)
{
    buf_put_u64(b, m->incarnation);
    buf_put_u64(b, m->seq);
    buf_put_u64(b, m->next_id);
    buf_put_u64(b, m->lobby_seen);
}

static void get_resume(struct cur *c, struct wire_resume *m)
{
    m->incarnation = cur_u64(c);
    m->seq = cur_u64(c);
    m->next_id = cur_u64(c);
    m->lobby_seen = cur_u64(c);
}

void wire_put_login(struct buf *b, const struct wire_login *m)
{
    size_t at = begin(b, WIRE_LOGIN);
    put_slice8(b, m->name);
    buf_put_u64(b, m->device);
    buf_put(b, m->device_key, 32);
    buf_put_u32(b, m->caps);
    put_resume(b, &m->resume);
    buf_put(b, m->signature, 64);
    end(b, at);
}

bool wire_get_login(struct slice p, struct wire_login *m)
{
    struct cur c = cur_slice(p);
    m->name = cur_str8(&c);
    m->device = cur_u64(&c);
    cur_copy(&c, m->device_key, 32);
    m->caps = cur_u32(&c);
    get_resume(&c, &m->resume);
    cur_copy(&c, m->signature, 64);
    return cur_end(&c) && m->name.len >= 1 && m->name.len <= WIRE_NAME_MAX &&
           !(m->caps & ~(uint32_t)(WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY | WIRE_CAP_ADMIT));
}

void wire_put_welcome(struct buf *b, const struct wire_welcome *m)
{
    size_t at = begin(b, WIRE_WELCOME);
    put_slice8(b, m->name);
    buf_put_u64(b, m->account);
    buf_put_u64(b, m->device);
    buf_put_u64(b, m->incarnation);
    buf_put_u64(b, m->last_id);
    buf_put_u8(b, (uint8_t)((m->fresh ? 1 : 0) | (m->guest ? 2 : 0)));
    buf_put_u8(b, m->role);
    buf_put_u64(b, m->lobby_head);
    buf_put_u32(b, m->waiting);
    buf_put_u32(b, m->keep_s);
    put_slice8(b, m->server);
    end(b, at);
}

bool wire_get_welcome(struct slice p, struct wire_welcome *m)
{
    struct cur c = cur_slice(p);
    m->name = cur_str8(&c);
    m->account = cur_u64(&c);
    m->device = cur_u64(&c);
    m->incarnation = cur_u64(&c);
    m->last_id = cur_u64(&c);
    uint8_t flags = cur_u8(&c);
    m->fresh = flags & 1;
    m->guest = flags & 2;
    m->role = cur_u8(&c);
    m->lobby_head = cur_u64(&c);
    m->waiting = cur_u32(&c);
    m->keep_s = cur_u32(&c);
    m->server = cur_str8(&c);
    return cur_end(&c);
}

void wire_put_resume(struct buf *b, const struct wire_resume *m, uint64_t token)
{
    size_t at = begin(b, WIRE_RESUME);
    put_resume(b, m);
    buf_put_u64(b, token);
    end(b, at);
}

bool wire_get_resume(struct slice p, struct wire_resume *m, uint64_t *token)
{
    struct cur c = cur_slice(p);
    get_resume(&c, m);
    *token = cur_u64(&c);
    return cur_end(&c);
}

void wire_put_resync(struct buf *b, uint64_t incarnation, uint64_t token)
{
    size_t at = begin(b, WIRE_RESYNC);
    buf_put_u64(b, incarnation);
    buf_put_u64(b, token);
    end(b, at);
}

bool wire_get_resync(struct slice p, uint64_t *incarnation, uint64_t *token)
{
    struct cur c = cur_slice(p);
    *incarnation = cur_u64(&c);
    *token = cur_u64(&c);
    return cur_end(&c);
}

void wire_put_ping(struct buf *b, uint8_t type, uint64_t token)
{
    size_t at = begin(b, type);
    buf_put_u64(b, token);
    end(b, at);
}

bool wire_get_ping(struct slice p, uint64_t *token)
{
    struct cur c = cur_slice(p);
    *token = cur_u64(&c);
    return cur_end(&c);
}

/* --- SEND, ACCEPTED, REJECTED --- */

bool wire_next_head(struct cur *c, uint64_t *device, struct slice *head)
{
    *device = cur_u64(c);
    *head = cur_str16(c);
    return !c->bad;
}

void wire_put_send(struct buf *b, const struct wire_send *m)
{
    size_t at = begin(b, WIRE_SEND);
    buf_put_u64(b, m->id);
    buf_put_u8(b, m->kind);
    put_slice8(b, m->to);
    buf_put_u8(b, m->heads);
    buf_put(b, m->head_bytes.data, m->head_bytes.len);
    buf_put(b, m->body.data, m->body.len);
    end_long(b, at, WIRE_SEND);
}

bool wire_get_send(struct slice p, struct wire_send *m)
{
    struct cur c = cur_slice(p);
    m->id = cur_u64(&c);
    m->kind = cur_u8(&c);
    m->to = cur_str8(&c);
    m->heads = cur_u8(&c);
    const uint8_t *heads = c.p;
    uint64_t device;
    struct slice head;
    if (m->heads > WIRE_HEADS_MAX || (m->heads && m->kind == WIRE_TO_ROOM)) return false;
    for (unsigned i = 0; i < m->heads; i++)
        if (!wire_next_head(&c, &device, &head) || head.len > WIRE_HEAD_MAX) return false;
    m->head_bytes = (struct slice){heads, (size_t)(c.p - heads)};
    m->body = cur_rest(&c);
    return cur_end(&c) && m->kind <= WIRE_TO_ROOM && m->id > 0 && m->id <= INT64_MAX;
}

void wire_put_accepted(struct buf *b, const struct wire_accepted *m)
{
    size_t at = begin(b, WIRE_ACCEPTED);
    buf_put_u64(b, m->id);
    buf_put_u8(b, m->state);
    put_slice8(b, m->to);
    buf_put_u32(b, m->waiting);
    buf_put_u32(b, m->keep_s);
    buf_put_u8(b, m->absent);
    end(b, at);
}

bool wire_get_accepted(struct slice p, struct wire_accepted *m)
{
    struct cur c = cur_slice(p);
    m->id = cur_u64(&c);
    m->state = cur_u8(&c);
    m->to = cur_str8(&c);
    m->waiting = cur_u32(&c);
    m->keep_s = cur_u32(&c);
    m->absent = cur_u8(&c);
    return cur_end(&c) && m->state >= WIRE_STATE_ACCEPTED && m->state <= WIRE_STATE_STORED;
}

void wire_put_rejected(struct buf *b, const struct wire_rejected *m)
{
    size_t at = begin(b, WIRE_REJECTED);
    buf_put_u64(b, m->id);
    buf_put_u16(b, m->code);
    put_slice8(b, m->subject);
    put_slice16(b, m->text);
    put_slice16(b, m->hint);
    buf_put_u8(b, m->near);
    for (unsigned i = 0; i < m->near; i++)
        put_slice8(b, m->name[i]);
    end(b, at);
}

bool wire_get_rejected(struct slice p, struct wire_rejected *m)
{
    struct cur c = cur_slice(p);
    m->id = cur_u64(&c);
    m->code = cur_u16(&c);
    m->subject = cur_str8(&c);
    m->text = cur_str16(&c);
    m->hint = cur_str16(&c);
    m->near = cur_u8(&c);
    if (m->near > WIRE_NEAR_MAX) return false;
    for (unsigned i = 0; i < m->near; i++)
        m->name[i] = cur_str8(&c);
    return cur_end(&c);
}

/* --- DELIVER, ACK, RECEIPT --- */

void wire_put_deliver(struct buf *b, const struct wire_deliver *m)
{
    buf_room(b, 96 + m->from.len + m->to.len + m->head.len + m->body.len);
    size_t at = begin(b, WIRE_DELIVER);
    buf_put_u8(b, m->flags);
    buf_put_u64(b, m->incarnation);
    buf_put_u64(b, m->seq);
    buf_put_u64(b, m->time_ms);
    put_slice8(b, m->from);
    buf_put_u64(b, m->from_device);
    buf_put_u64(b, m->id);
    put_slice8(b, m->to);
    put_slice16(b, m->head);
    buf_put(b, m->body.data, m->body.len);
    end_long(b, at, WIRE_DELIVER);
}

bool wire_get_deliver(struct slice p, struct wire_deliver *m)
{
    struct cur c = cur_slice(p);
    m->flags = cur_u8(&c);
    m->incarnation = cur_u64(&c);
    m->seq = cur_u64(&c);
    m->time_ms = cur_u64(&c);
    m->from = cur_str8(&c);
    m->from_device = cur_u64(&c);
    m->id = cur_u64(&c);
    m->to = cur_str8(&c);
    m->head = cur_str16(&c);
    m->body = cur_rest(&c);
    return cur_end(&c);
}

void wire_put_ack(struct buf *b, const struct wire_ack *m)
{
    size_t at = begin(b, WIRE_ACK);
    buf_put_u8(b, m->kind);
    buf_put_u64(b, m->incarnation);
    buf_put_u64(b, m->seq);
    put_slice8(b, m->room);
    end(b, at);
}

bool wire_get_ack(struct slice p, struct wire_ack *m)
{
    struct cur c = cur_slice(p);
    m->kind = cur_u8(&c);
    m->incarnation = cur_u64(&c);
    m->seq = cur_u64(&c);
    m->room = cur_str8(&c);
    return cur_end(&c) && m->kind <= WIRE_ACK_SETTLED;
}

void wire_put_receipt(struct buf *b, const struct wire_receipt *m)
{
    size_t at = begin(b, WIRE_RECEIPT);
    buf_put_u8(b, m->state);
    buf_put_u64(b, m->id);
    put_slice8(b, m->to);
    end(b, at);
}

bool wire_get_receipt(struct slice p, struct wire_receipt *m)
{
    struct cur c = cur_slice(p);
    m->state = cur_u8(&c);
    m->id = cur_u64(&c);
    m->to = cur_str8(&c);
    return cur_end(&c);
}

/* --- ERROR --- */

void wire_put_error(struct buf *b, const struct wire_error *m)
{
    size_t at = begin(b, WIRE_ERROR);
    buf_put_u16(b, m->code);
    buf_put_u32(b, m->retry_ms);
    put_slice16(b, m->text);
    end(b, at);
}

bool wire_get_error(struct slice p, struct wire_error *m)
{
    struct cur c = cur_slice(p);
    m->code = cur_u16(&c);
    m->retry_ms = cur_u32(&c);
    m->text = cur_str16(&c);
    return cur_end(&c);
}

/* --- PRESENCE --- */

void wire_put_presence_ask(struct buf *b, const struct wire_presence_ask *m)
{
    size_t at = begin(b, WIRE_PRESENCE_ASK);
    buf_put_u8(b, m->op);
    if (m->op == WIRE_ASK_SET) {
        buf_put_u8(b, m->state);
        put_slice8(b, m->text);
    } else if (m->op == WIRE_ASK_ABOUT) {
        put_slice8(b, m->name);
    }
    end(b, at);
}

bool wire_get_presence_ask(struct slice p, struct wire_presence_ask *m)
{
    struct cur c = cur_slice(p);
    *m = (struct wire_presence_ask){.op = cur_u8(&c)};
    if (m->op == WIRE_ASK_SET) {
        m->state = cur_u8(&c);
        m->text = cur_str8(&c);
    } else if (m->op == WIRE_ASK_ABOUT) {
        m->name = cur_str8(&c);
    }
    return cur_end(&c) && m->op >= WIRE_ASK_SET && m->op <= WIRE_ASK_ABOUT && m->state <= 1;
}

void wire_put_changes(struct buf *b, const struct wire_changes *m)
{
    assert(m->n <= WIRE_CHANGES_MAX);
    size_t at = begin(b, WIRE_PRESENCE);
    buf_put_u8(b, WIRE_PRESENCE_CHANGES);
    buf_put_u32(b, m->joined);
    buf_put_u32(b, m->left);
    buf_put_u16(b, m->n);
    for (unsigned i = 0; i < m->n; i++) {
        buf_put_u8(b, m->change[i].change);
        put_slice8(b, m->change[i].name);
        put_slice8(b, m->change[i].text);
    }
    end(b, at);
}

bool wire_get_changes(struct slice p, struct wire_changes *m)
{
    struct cur c = cur_slice(p);
    if (cur_u8(&c) != WIRE_PRESENCE_CHANGES) return false;
    m->joined = cur_u32(&c);
    m->left = cur_u32(&c);
    m->n = cur_u16(&c);
    if (m->n > WIRE_CHANGES_MAX) return false;
    for (unsigned i = 0; i < m->n; i++) {
        m->change[i].change = cur_u8(&c);
        m->change[i].name = cur_str8(&c);
        m->change[i].text = cur_str8(&c);
    }
    return cur_end(&c);
}

void wire_put_about(struct buf *b, const struct wire_about *m)
{
    size_t at = begin(b, WIRE_PRESENCE);
    buf_put_u8(b, WIRE_PRESENCE_ABOUT);
    buf_put_u8(b, m->found ? 1 : 0);
    put_slice8(b, m->name);
    buf_put_u8(b, m->online);
    buf_put_u8(b, m->state);
    buf_put_u8(b, m->role);
    buf_put_u64(b, m->since_ms);
    buf_put_u32(b, m->waiting);
    buf_put(b, m->device_key, 32);
    put_slice8(b, m->text);
    end(b, at);
}

bool wire_get_about(struct slice p, struct wire_about *m)
{
    struct cur c = cur_slice(p);
    if (cur_u8(&c) != WIRE_PRESENCE_ABOUT) return false;
    m->found = cur_u8(&c) & 1;
    m->name = cur_str8(&c);
    m->online = cur_u8(&c);
    m->state = cur_u8(&c);
    m->role = cur_u8(&c);
    m->since_ms = cur_u64(&c);
    m->waiting = cur_u32(&c);
    cur_copy(&c, m->device_key, 32);
    m->text = cur_str8(&c);
    return cur_end(&c);
}

size_t wire_list_begin(struct buf *b, bool last)
{
    size_t at = begin(b, WIRE_PRESENCE);
    buf_put_u8(b, WIRE_PRESENCE_LIST);
    buf_put_u8(b, last ? 1 : 0);
    buf_put_u16(b, 0);
    return at;
}

void wire_list_add(struct buf *b, size_t begun, const struct wire_person *p)
{
    put_slice8(b, p->name);
    buf_put_u8(b, p->state);
    buf_put_u8(b, p->in_lobby);
    buf_put_u64(b, p->since_ms);
    put_slice8(b, p->text);
    uint8_t *count = buf_head(b) + begun + 2;
    put_u16(count, (uint16_t)(get_u16(count) + 1));
}

void wire_list_end(struct buf *b, size_t begun)
{
    end(b, begun);
}

bool wire_list_head(struct cur *c, bool *last, uint16_t *count)
{
    uint8_t op = cur_u8(c);
    *last = cur_u8(c) & 1;
    *count = cur_u16(c);
    return !c->bad && op == WIRE_PRESENCE_LIST;
}

int wire_list_next(struct cur *c, uint16_t *count, struct wire_person *p)
{
    if (*count == 0) return cur_end(c) ? 0 : -1;
    p->name = cur_str8(c);
    p->state = cur_u8(c);
    p->in_lobby = cur_u8(c);
    p->since_ms = cur_u64(c);
    p->text = cur_str8(c);
    *count = (uint16_t)(*count - 1);
    return c->bad ? -1 : 1;
}

/* --- GROUP, HISTORY --- */

void wire_put_group_ask(struct buf *b, const struct wire_group *m)
{
    size_t at = begin(b, WIRE_GROUP_ASK);
    buf_put_u8(b, m->op);
    put_slice8(b, m->room);
    end(b, at);
}

bool wire_get_group_ask(struct slice p, struct wire_group *m)
{
    struct cur c = cur_slice(p);
    *m = (struct wire_group){.op = cur_u8(&c)};
    m->room = cur_str8(&c);
    return cur_end(&c) && (m->op == WIRE_GROUP_JOIN || m->op == WIRE_GROUP_PART);
}

void wire_put_group(struct buf *b, const struct wire_group *m)
{
    size_t at = begin(b, WIRE_GROUP);
    buf_put_u8(b, m->op);
    put_slice8(b, m->room);
    buf_put_u64(b, m->head);
    buf_put_u32(b, m->members);
    put_slice16(b, m->text);
    end(b, at);
}

bool wire_get_group(struct slice p, struct wire_group *m)
{
    struct cur c = cur_slice(p);
    m->op = cur_u8(&c);
    m->room = cur_str8(&c);
    m->head = cur_u64(&c);
    m->members = cur_u32(&c);
    m->text = cur_str16(&c);
    return cur_end(&c);
}

void wire_put_history_ask(struct buf *b, const struct wire_history *m)
{
    size_t at = begin(b, WIRE_HISTORY_ASK);
    put_slice8(b, m->room);
    buf_put_u64(b, m->after);
    buf_put_u16(b, m->count);
    end(b, at);
}

bool wire_get_history_ask(struct slice p, struct wire_history *m)
{
    struct cur c = cur_slice(p);
    m->room = cur_str8(&c);
    m->after = cur_u64(&c);
    m->count = cur_u16(&c);
    return cur_end(&c) && m->count >= 1 && m->count <= WIRE_HISTORY_MAX;
}

void wire_put_history(struct buf *b, const struct wire_history *m)
{
    size_t at = begin(b, WIRE_HISTORY);
    put_slice8(b, m->room);
    buf_put_u64(b, m->after);
    end(b, at);
}

bool wire_get_history(struct slice p, struct wire_history *m)
{
    struct cur c = cur_slice(p);
    *m = (struct wire_history){.room = cur_str8(&c)};
    m->after = cur_u64(&c);
    return cur_end(&c);
}
