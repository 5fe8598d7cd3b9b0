/*
 * why.c - WHY: what a message waits for (docs/protocol.md, section 6.8). About messages to a user their
 * sender may ask, about one of a group its members. Nothing is kept for these answers beside what
 * delivery needs: unsettled messages and what is under way to a device are in memory, what waits and what
 * ended undelivered is in the store, and what is in neither was acknowledged.
 *
 * The store's completions come in the order of its requests, so a message on its way to the disk when it is
 * asked about is still unsettled when the answer is put together.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "group.h"
#include "log.h"
#include "wire_why.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- messages to a user --- */

struct inquiry {
    struct asker by;
    struct account *to;
    size_t n;
    uint64_t id[WIRE_WHY_IDS_MAX];
};

static uint64_t kept_until(const struct broker *b, uint64_t time_ms)
{
    return time_ms + b->set.limits.queue_keep;
}

static void add(struct wire_why_message *m, const struct wire_why_device *d)
{
    if (m->n < WIRE_WHY_DEVICES_MAX) m->device[m->n++] = *d;
}

static bool listed(const struct wire_why_message *m, uint64_t device)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->device[i].device == device) return true;
    return false;
}

/* Is it under way to this device? */
static void look_under_way(const struct inquiry *q, const struct device *d, struct wire_why_message *m)
{
    uint32_t place = 0;
    for (const struct entry *e = d->in.first; e; e = e->next) {
        const struct message *msg = e->msg;
        if (e->seq <= d->in.acked_seq) continue;
        place++;
        if (msg->id != m->id || msg->from != q->by.device->account || msg->from_device != q->by.device->id ||
            msg->to != d->account)
            continue;
        bool stored = e->state == ENTRY_STORED;
        add(m, &(struct wire_why_device){d->id, stored ? WIRE_STATE_STORED : WIRE_STATE_ACCEPTED, place,
                                         stored ? kept_until(q->by.broker, msg->time_ms) : 0});
        return;
    }
}

/* What the store has found may have been acknowledged since. */
static void take_found(const struct inquiry *q, const struct store_found *f, struct wire_why_message *m)
{
    const struct device *d = people_device(q->to, f->device);
    bool waits = f->end == STORE_WAITS;
    if (f->id != m->id || listed(m, f->device) || (waits && (!d || f->row <= d->in.acked_row))) return;
    add(m, &(struct wire_why_device){f->device, waits ? WIRE_STATE_STORED : f->end, f->place,
                                     waits ? kept_until(q->by.broker, f->time_ms) : 0});
}

/* That of the message, from those of what is for each device: while one waits, it waits. */
static uint8_t state_of(const struct outbox *out, const struct wire_why_message *m)
{
    uint8_t state = WIRE_STATE_DELIVERED;
    if (m->id > out->taken) return WIRE_WHY_UNTAKEN;
    if (out->first && m->id >= out->first->id) return WIRE_STATE_ACCEPTED;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->device[i].state == WIRE_STATE_ACCEPTED || m->device[i].state == WIRE_STATE_STORED) return WIRE_STATE_STORED;
        if (state != WIRE_STATE_EXPIRED) state = m->device[i].state;
    }
    return state;
}

static void answer(struct session *s, const struct inquiry *q, const struct store_found *f, size_t n)
{
    struct buf rows = {0};
    size_t at;
    for (size_t i = 0; i < q->n; i++) {
        struct wire_why_message m = {.id = q->id[i]};
        for (const struct device *d = q->to->device; d; d = d->next)
            look_under_way(q, d, &m);
        for (size_t k = 0; k < n; k++)
            take_found(q, &f[k], &m);
        m.state = state_of(&q->by.device->out, &m);
        wire_add_why_message(&rows, &m);
    }
    struct wire_why_messages a = {.to = text(q->to->name),
                                  .present = q->to->receiving > 0,
                                  .since_ms = q->to->since_ms,
                                  .keep_s = (uint32_t)(s->link->broker->set.limits.queue_keep / 1000),
                                  .n = (uint8_t)q->n,
                                  .rows = {rows.data, buf_len(&rows)}};
    wire_put_why_messages(session_begin(s, &at), &a);
    session_end(s, at);
    buf_free(&rows);
}

static void found(void *ctx, const struct store_found *f, size_t n)
{
    struct inquiry *q = ctx;
    struct session *s = asker_session(&q->by);
    if (s) answer(s, q, f, n);
    free(q);
}

/* Queues are looked through only when something of this sender's is in one. */
static bool has_waiting(const struct broker *b, const struct account *to, const struct account *from)
{
    for (const struct device *d = to->device; d; d = d->next)
        if (share_of(b, d, from) > 0) return true;
    return false;
}

static void ask_messages(struct session *s, const struct wire_why_ask *m)
{
    struct broker *b = s->link->broker;
    struct account *to = people_find(b, m->to);
    if (!to || to->pending) {
        keys_unknown(s, WIRE_WHY, m->op, m->to);
        return;
    }
    struct inquiry *q = xmalloc(sizeof *q);
    *q = (struct inquiry){.by = asker_of(s), .to = to, .n = m->n};
    memcpy(q->id, m->id, m->n * sizeof *q->id);
    struct store_question about = {.account = to->id,
                                   .from_account = s->device->account->id,
                                   .from_device = s->device->id,
                                   .id = q->id,
                                   .n = q->n,
                                   .queued = has_waiting(b, to, s->device->account)};
    store_find(b->store, &about, found, q);
}

/* --- a message of a group --- */

struct room_inquiry {
    struct asker by;
    uint8_t group[32];
    uint64_t number;
};

static bool owed(const struct reader *r, uint64_t number)
{
    return r->acked < number && (r->end == 0 || r->end >= number);
}

static void count(const struct member *m, uint64_t number, struct wire_why_member *row)
{
    for (const struct reader *r = m->reader; r; r = r->next) {
        if (row->devices < UINT8_MAX) row->devices++;
        if (row->waiting < UINT8_MAX && owed(r, number)) row->waiting++;
    }
}

/*
 * seq: of the log's newest entry before the message. Who came after it is not owed it; who has left is told
 * of only while something of it waits for them. False: nothing to tell.
 */
static bool member_row(const struct group *g, struct member *m, uint64_t number, uint32_t seq, bool kept,
                       struct wire_why_member *row)
{
    const struct membership_person *p = group_person(g, m);
    if (p && p->role != ROLE_NONE && p->joined > seq) return false;
    *row = (struct wire_why_member){.name = text(m->account->name),
                                    .role = p ? p->role : ROLE_NONE,
                                    .state = WIRE_STATE_DELIVERED,
                                    .present = m->account->receiving > 0,
                                    .since_ms = m->account->since_ms};
    count(m, number, row);
    if (row->waiting) row->state = kept ? WIRE_STATE_STORED : WIRE_STATE_EXPIRED;
    return row->role != ROLE_NONE || row->waiting > 0;
}

static void send_part(struct session *s, const struct group *g, uint64_t number, bool last, struct buf *rows)
{
    struct wire_why_room a = {text(g->room.name), number, last, {rows->data, buf_len(rows)}};
    size_t at;
    wire_put_why_room(session_begin(s, &at), &a);
    session_end(s, at);
    buf_reset(rows, SIZE_MAX);
}

/* kept: it is still there for those who have not got it. */
static void answer_room(struct session *s, const struct group *g, uint64_t number, uint32_t seq, bool kept)
{
    struct buf rows = {0};
    for (struct member *m = g->member; m; m = m->next) {
        struct wire_why_member row;
        if (!member_row(g, m, number, seq, kept, &row)) continue;
        if (buf_len(&rows) > WIRE_WHY_PART_MAX) send_part(s, g, number, false, &rows);
        wire_add_why_member(&rows, &row);
    }
    send_part(s, g, number, true, &rows);
    buf_free(&rows);
}

static void room_found(void *ctx, uint32_t seq, bool kept)
{
    struct room_inquiry *q = ctx;
    struct session *s = asker_session(&q->by);
    const struct group *g = group_by_id(q->by.broker, q->group);
    if (s && g) answer_room(s, g, q->number, seq, kept);
    free(q);
}

static void ask_room(struct session *s, const struct wire_why_ask *m)
{
    struct broker *b = s->link->broker;
    const struct group *g = group_by_id(b, m->group);
    const struct membership_person *p = g ? group_account(g, s->device->account) : NULL;
    if (!p || p->role == ROLE_NONE) {
        keys_refuse(s, WIRE_WHY, m->op, m->to, WIRE_NOT_MEMBER, 0, "only members of a group may ask about its messages");
        return;
    }
    if (m->number == 0 || m->number > g->room.head) {
        keys_refuse(s, WIRE_WHY, m->op, m->to, WIRE_NO_SUCH_MESSAGE, 0, "there is no message of this number");
        return;
    }
    struct room_inquiry *q = xmalloc(sizeof *q);
    *q = (struct room_inquiry){.by = asker_of(s), .number = m->number};
    memcpy(q->group, g->id, sizeof q->group);
    store_find_spot(b->store, g->room.id, m->number, room_found, q);
}

void why_ask(struct session *s, const struct wire_why_ask *m)
{
    if (!keys_afford(s, WIRE_WHY, m->op, m->to)) return;
    if (m->op == WIRE_WHY_MESSAGES)
        ask_messages(s, m);
    else
        ask_room(s, m);
}
