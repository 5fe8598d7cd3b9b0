/*
 * route.c - what a client sends: taken in the order of its ids, judged, handed to inboxes or the
 * room, and settled in order.
 *
 * A message is settled when every device of the recipient has acknowledged it, or has it on disk,
 * or it was refused. ACCEPTED is cumulative, so a run of messages with one fate costs one frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

enum { REFUSED_MAX = 1024 }; /* kept for one device: more than any window */

/* --- messages --- */

void message_hold(struct message *m)
{
    m->refs++;
}

void message_drop(struct message *m)
{
    if (--m->refs > 0) return;
    if (m->rejection) {
        buf_free(m->rejection);
        free(m->rejection);
    }
    free(m);
}

void broker_said(struct broker *b, const char *ev, const struct message *m, const char *to, const char *state)
{
    uint32_t second = (uint32_t)(b->loop.now_ms / 1000);
    if (second != b->said_second) {
        if (b->unsaid) LOG(LOG_INFO, "msg", "folded", log_u("lines", b->unsaid));
        b->said_second = second;
        b->said = b->unsaid = 0;
    }
    if (b->said++ >= SAID_A_SECOND) {
        b->unsaid++;
        return;
    }
    LOG(LOG_INFO, "msg", ev, log_u("id", m->id), log_s("from", m->from->name), log_s("to", to),
        log_u("bytes", m->body_len), log_s("state", state));
}

/* --- settling --- */

static void mark_dirty(struct broker *b, struct device *d)
{
    if (d->out.dirty) return;
    d->out.dirty = true;
    d->out.next_dirty = b->dirty;
    b->dirty = d;
}

static void decide(struct broker *b, struct message *m, uint8_t state)
{
    if (m->state != MSG_PENDING) return;
    m->state = state;
    if (m->sender) mark_dirty(b, m->sender);
}

void route_leaves_memory(struct message *m)
{
    if (--m->memory == 0 && m->sender) m->sender->out.in_memory--;
}

void route_back_in_memory(struct message *m)
{
    if (m->memory++ == 0 && m->sender) m->sender->out.in_memory++;
}

static void weigh(struct broker *b, struct message *m)
{
    if (m->unsafe == 0) decide(b, m, m->undelivered ? MSG_STORED : MSG_DELIVERED);
}

void route_delivered(struct broker *b, struct message *m, bool durable)
{
    m->undelivered--;
    if (!durable) m->unsafe--;
    weigh(b, m);
}

void route_durable(struct broker *b, struct message *m)
{
    m->unsafe--;
    b->stored++;
    weigh(b, m);
}

void route_accepted(struct broker *b, struct message *m)
{
    decide(b, m, MSG_ACCEPTED);
}

void route_receipt(struct broker *b, const struct account *from, uint64_t from_device, uint64_t id,
                   const struct account *to, uint8_t state)
{
    (void)b;
    const struct device *d = people_device(from, from_device);
    struct wire_receipt r = {state, id, {(const uint8_t *)to->name, strlen(to->name)}};
    for (struct session *s = d ? d->session : NULL; s; s = s->next) {
        size_t at;
        wire_put_receipt(session_begin(s, &at), &r);
        session_end(s, at);
    }
}

void route_rejected(struct broker *b, struct message *m, uint16_t code, const char *text,
                    const char *hint, const struct name_near *near)
{
    if (m->state != MSG_PENDING || !m->sender) return;
    const char *subject = m->to ? m->to->name : near ? near->wanted : b->lobby.name;
    struct wire_rejected r = {.id = m->id,
                              .code = code,
                              .subject = {(const uint8_t *)subject, strlen(subject)},
                              .text = {(const uint8_t *)text, strlen(text)},
                              .hint = {(const uint8_t *)hint, strlen(hint)}};
    for (size_t i = 0; near && i < near->n && i < WIRE_NEAR_MAX; i++)
        r.name[r.near++] = (struct slice){(const uint8_t *)near->name[i], strlen(near->name[i])};
    m->rejection = xcalloc(1, sizeof *m->rejection);
    wire_put_rejected(m->rejection, &r);
    b->rejected++;
    broker_said(b, "reject", m, subject, wire_code_name(code));
    decide(b, m, MSG_REJECTED);
}

/*
 * Only what is settled or on the way to the disk may be called taken durably: after a crash the
 * sender repeats everything else, and must not be told that it is known. A refusal that may have been
 * lost counts as neither.
 */
uint64_t route_mark(const struct message *m)
{
    const struct outbox *out = &m->sender->out;
    uint64_t mark = out->in_memory == 0 ? m->id : out->first->id - 1;
    return out->refused && out->refused->id <= mark ? out->refused->id - 1 : mark;
}

static void put_accepted(struct buf *to, const struct broker *b, const struct message *m)
{
    struct wire_accepted a = {.id = m->id};
    if (m->state == MSG_STORED) {
        a.state = WIRE_STATE_STORED;
        a.to = (struct slice){(const uint8_t *)m->to->name, strlen(m->to->name)};
        a.waiting = m->waiting;
        a.keep_s = (uint32_t)(b->set.limits.queue_keep / 1000);
        a.absent = m->absent;
    } else {
        a.state = m->state == MSG_DELIVERED ? WIRE_STATE_DELIVERED : WIRE_STATE_ACCEPTED;
    }
    wire_put_accepted(to, &a);
}

/* May the next one speak for this one too? */
static bool same_fate(const struct message *m, const struct message *next)
{
    return next && next->state == m->state && m->state != MSG_REJECTED &&
           (m->state != MSG_STORED || (next->to == m->to && next->absent == m->absent));
}

/* A session that is asked for its place learns what became of its messages when it repeats them. */
static void tell(struct device *d, const struct buf *frames)
{
    for (struct session *s = d->session; s; s = s->next) {
        if (s->resyncing) continue;
        size_t at;
        buf_put(session_begin(s, &at), buf_head(frames), buf_len(frames));
        session_end(s, at);
    }
}

/*
 * A REJECTED can be lost with a worker or a connection. Its message comes again then, and must not be
 * called accepted: so refusals are kept until a RESUME or LOGIN shows that the sender knows.
 */
static void keep_refused(struct outbox *out, struct message *m)
{
    if (out->n_refused == REFUSED_MAX) {
        struct message *oldest = out->refused;
        out->refused = oldest->next_out;
        out->n_refused--;
        message_drop(oldest);
    }
    if (m->refs == 1) m = xrealloc(m, sizeof *m); /* its text is of no use any more */
    m->next_out = NULL;
    *(out->refused ? &out->last_refused->next_out : &out->refused) = m;
    out->last_refused = m;
    out->n_refused++;
}

void route_resume(struct session *s, uint64_t next_id)
{
    struct outbox *out = &s->device->out;
    while (out->refused && out->refused->id < next_id) {
        struct message *m = out->refused;
        out->refused = m->next_out;
        out->n_refused--;
        message_drop(m);
    }
    uint64_t told = next_id - 1;
    for (const struct message *m = out->refused; m; m = m->next_out) {
        size_t at;
        struct buf *to = session_begin(s, &at);
        struct wire_accepted a = {.id = m->id - 1, .state = WIRE_STATE_ACCEPTED};
        if (a.id > told) wire_put_accepted(to, &a); /* they were settled in order */
        buf_put(to, buf_head(m->rejection), buf_len(m->rejection));
        session_end(s, at);
        told = m->id;
    }
}

static void settle(struct broker *b, struct device *d)
{
    static struct buf frames;
    struct outbox *out = &d->out;
    while (out->first && out->first->state != MSG_PENDING) {
        struct message *m = out->first;
        if (m->state == MSG_REJECTED)
            buf_put(&frames, buf_head(m->rejection), buf_len(m->rejection));
        else if (!same_fate(m, m->next_out))
            put_accepted(&frames, b, m);
        out->first = m->next_out;
        if (!out->first) out->last = NULL;
        m->next_out = NULL;
        m->sender = NULL;
        if (m->state == MSG_REJECTED)
            keep_refused(out, m);
        else
            message_drop(m);
    }
    if (out->repeat) {
        struct wire_accepted a = {.id = out->first ? out->first->id - 1 : out->taken,
                                  .state = WIRE_STATE_ACCEPTED};
        if (a.id) wire_put_accepted(&frames, &a);
        out->repeat = false;
    }
    if (buf_len(&frames)) tell(d, &frames);
    buf_reset(&frames, 65536);
}

void route_settle(struct broker *b)
{
    while (b->dirty) {
        struct device *d = b->dirty;
        b->dirty = d->out.next_dirty;
        d->out.dirty = false;
        settle(b, d);
    }
}

/* --- taking --- */

static struct message *take(struct session *s, const struct wire_send *m)
{
    struct broker *b = s->link->broker;
    struct device *d = s->device;
    struct message *msg = xmalloc(sizeof *msg + m->body.len);
    *msg = (struct message){.refs = 1,
                            .id = m->id,
                            .time_ms = clock_wall_ms(),
                            .from = d->account,
                            .from_device = d->id,
                            .sender = d,
                            .body_len = (uint32_t)m->body.len};
    memcpy(msg->bytes, m->body.data, m->body.len);
    if (d->out.last)
        d->out.last->next_out = msg;
    else
        d->out.first = msg;
    d->out.last = msg;
    d->out.taken = m->id;
    b->routed++;
    return msg;
}

/* NULL when the recipient can take it; else the text of the refusal. */
static const char *queue_trouble(const struct broker *b, const struct account *from, const struct account *to,
                                 size_t bytes, char *text, size_t size)
{
    for (const struct device *d = to->device; d; d = d->next) {
        if (d->in.waiting >= b->set.limits.queue_per_sender &&
            share_of(b, d, from) >= b->set.limits.queue_per_sender) {
            snprintf(text, size, "%llu messages of yours wait for \"%s\" already; that is the limit",
                     (unsigned long long)b->set.limits.queue_per_sender, to->name);
            return text;
        }
        if (d->in.waiting < b->set.limits.queue_messages &&
            d->in.waiting_bytes + bytes <= b->set.limits.queue_bytes)
            continue;
        snprintf(text, size, "%llu messages (%llu KiB) wait for \"%s\" already; the limit is %llu messages, %llu KiB",
                 (unsigned long long)d->in.waiting, (unsigned long long)(d->in.waiting_bytes >> 10), to->name,
                 (unsigned long long)b->set.limits.queue_messages,
                 (unsigned long long)(b->set.limits.queue_bytes >> 10));
        return text;
    }
    return NULL;
}

static void direct(struct broker *b, struct message *msg, struct slice to)
{
    char text[256];
    struct account *a = people_find(b, to);
    if (!a || a->pending) {
        struct name_near near;
        people_near(b, to, &near);
        route_rejected(b, msg, WIRE_NO_SUCH_USER, "no such user", near.n ? "" : "/who lists who is here", &near);
        return;
    }
    msg->to = a;
    if (queue_trouble(b, msg->from, a, msg->body_len, text, sizeof text)) {
        route_rejected(b, msg, WIRE_QUEUE_FULL, text, "try again when they have been here", NULL);
        return;
    }
    for (struct device *d = a->device; d; d = d->next)
        msg->undelivered++;
    msg->unsafe = msg->memory = msg->undelivered;
    msg->sender->out.in_memory++;
    message_hold(msg);
    for (struct device *d = a->device; d; d = d->next)
        inbox_push(b, d, msg);
    message_drop(msg);
}

static void judge(struct session *s, struct message *msg, const struct wire_send *m)
{
    struct broker *b = s->link->broker;
    char text[128];
    if (m->body.len == 0) {
        route_rejected(b, msg, WIRE_BAD_BODY, "the message is empty", "", NULL);
    } else if (m->body.len > b->set.limits.text + 16) {
        snprintf(text, sizeof text, "the message has %zu bytes; the limit is %llu", m->body.len,
                 (unsigned long long)b->set.limits.text);
        route_rejected(b, msg, WIRE_TOO_LARGE, text, "send it in pieces", NULL);
    } else if (m->kind == WIRE_TO_USER) {
        direct(b, msg, m->to);
    } else if (m->to.len != strlen(b->lobby.name) || memcmp(m->to.data, b->lobby.name, m->to.len) != 0) {
        struct name_near near;
        name_near_start(&near, (const char *)m->to.data, m->to.len);
        name_near_offer(&near, b->lobby.name, strlen(b->lobby.name));
        route_rejected(b, msg, WIRE_NO_SUCH_ROOM, "no such room", "there is #lobby", &near);
    } else {
        room_send(s, msg);
    }
}

void route_send(struct session *s, const struct wire_send *m)
{
    struct broker *b = s->link->broker;
    struct outbox *out = &s->device->out;
    if (m->id <= out->taken) {
        /* A repeat: settled ones are confirmed once more, the others are on their way. */
        if (!out->first || m->id < out->first->id) {
            out->repeat = true;
            mark_dirty(b, s->device);
        }
        return;
    }
    if (m->id > out->taken + 1) {
        /* Something before it was lost with a worker or another session: ask for all of it again. */
        session_resync(s);
        return;
    }
    judge(s, take(s, m), m);
}
