/*
 * route.c - what a client sends: judged in the order of its ids, taken, handed to inboxes or the
 * room, and settled in order. Behind a refusal that the client has not confirmed nothing is taken:
 * refuse.c keeps it.
 *
 * A message is settled when every device of the recipient has acknowledged it, or has it on disk,
 * or it was refused. ACCEPTED is cumulative, so a run of messages with one fate costs one frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "fault.h"
#include "group.h"
#include "log.h"
#include "moderation.h"

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
    pool_put(m, sizeof *m + m->head_len + m->body_len);
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

void route_delivered(struct broker *b, const struct device *d, struct message *m, bool durable)
{
    if (d->account == m->to) m->undelivered--;
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
    refuse_note(&m->sender->out, m->id);
    broker_said(b, "reject", m, subject, wire_code_name(code));
    decide(b, m, MSG_REJECTED);
}

/*
 * Only what is settled or on the way to the disk may be called taken durably: after a crash the
 * sender repeats everything else, and must not be told that it is known. A refusal that may get lost
 * counts as neither (the disk was full too late to hold back what follows).
 */
uint64_t route_mark(const struct message *m)
{
    const struct outbox *out = &m->sender->out;
    uint64_t mark = out->in_memory == 0 ? m->id : out->first->id - 1;
    return refuse_unconfirmed(out) && out->refusals->from <= mark ? out->refusals->from - 1 : mark;
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

/* A test build may die here: what was said before a refusal arrives, the refusal does not. */
static void fault_before_refusal(struct broker *b)
{
#ifdef FAULTS
    for (struct link *l = b->links; l; l = l->next)
        stream_flush(&l->stream);
#endif
    FAULT(b->set.server.state_dir, "refusal.told");
    (void)b;
}

/* What was settled before this turn, said once more: in front of what follows, or it would settle a refusal, too. */
static void say_again(struct outbox *out, struct buf *frames)
{
    struct wire_accepted a = {.id = out->first ? out->first->id - 1 : out->taken, .state = WIRE_STATE_ACCEPTED};
    if (out->repeat && a.id) wire_put_accepted(frames, &a);
    out->repeat = false;
}

static void settle(struct broker *b, struct device *d)
{
    static struct buf frames;
    struct outbox *out = &d->out;
    say_again(out, &frames);
    while (out->first && out->first->state != MSG_PENDING) {
        struct message *m = out->first;
        if (m->state == MSG_REJECTED) {
            fault_before_refusal(b);
            buf_put(&frames, buf_head(m->rejection), buf_len(m->rejection));
        } else if (!same_fate(m, m->next_out)) {
            put_accepted(&frames, b, m);
        }
        out->first = m->next_out;
        if (!out->first) out->last = NULL;
        m->next_out = NULL;
        m->sender = NULL;
        if (m->state == MSG_REJECTED)
            refuse_keep(out, m);
        else
            message_drop(m);
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

/* --- judging --- */

/* Why a message is not taken. */
struct refusal {
    uint16_t code;
    const char *text, *hint;
    struct account *to; /* the recipient, when there is one and it is no room */
    struct room *room;  /* likewise, when it is one */
    bool about_name;    /* there is none, or it is a group: near is filled in */
    struct name_near near;
    char words[320];
};

static bool refusal(struct refusal *r, uint16_t code, const char *text, const char *hint)
{
    r->code = code;
    r->text = text;
    r->hint = hint;
    return true;
}

/* The devices of one account that m would go to; with heads it does not go to the one that sends it. */
static bool queue_is_full(const struct broker *b, const struct device *sender, const struct account *to,
                          const struct wire_send *m, struct refusal *r)
{
    const struct account *from = sender->account;
    size_t bytes = m->body.len;
    const char *hint =
        to == from ? "let your other device catch up, or revoke it" : "try again when they have been here";
    for (const struct device *d = to->device; d; d = d->next) {
        if (m->heads && d == sender) continue;
        if ((m->heads > 1 || to->device->next) && inbox_refuses(b, &d->in))
            return refusal(r, WIRE_DISK_FULL, "the server's disk is nearly full, the message was not stored",
                           "try again later");
        if (d->in.waiting >= b->set.limits.queue_per_sender &&
            share_of(b, d, from) >= b->set.limits.queue_per_sender) {
            snprintf(r->words, sizeof r->words, "%llu messages of yours wait for \"%s\" already; that is the limit",
                     (unsigned long long)b->set.limits.queue_per_sender, to->name);
            return refusal(r, WIRE_QUEUE_FULL, r->words, hint);
        }
        if (d->in.waiting < b->set.limits.queue_messages &&
            d->in.waiting_bytes + bytes <= b->set.limits.queue_bytes)
            continue;
        snprintf(r->words, sizeof r->words, "%llu messages (%llu KiB) wait for \"%s\" already; the limit is %llu messages, %llu KiB",
                 (unsigned long long)d->in.waiting, (unsigned long long)(d->in.waiting_bytes >> 10), to->name,
                 (unsigned long long)b->set.limits.queue_messages,
                 (unsigned long long)(b->set.limits.queue_bytes >> 10));
        return refusal(r, WIRE_QUEUE_FULL, r->words, hint);
    }
    return false;
}

/* Most people write to the one they wrote to last. */
static struct account *recipient(struct broker *b, struct device *d, struct slice name)
{
    struct account *last = d->out.last_to;
    if (last && strlen(last->name) == name.len && memcmp(last->name, name.data, name.len) == 0) return last;
    struct account *a = people_find(b, name);
    if (!a || a->pending) return NULL; /* a pending one may never come to be */
    return d->out.last_to = a;
}

static bool refuses_direct(struct broker *b, struct device *d, const struct wire_send *m, struct refusal *r)
{
    struct account *to = recipient(b, d, m->to);
    if (!to) {
        people_near(b, m->to, &r->near);
        r->about_name = true;
        return refusal(r, WIRE_NO_SUCH_USER, "no such user", r->near.n ? "" : "/who lists who is here");
    }
    r->to = to;
    if (!to->device)
        return refusal(r, WIRE_NO_DEVICE, "every device of this account was revoked",
                       "they must admit one before they can read");
    struct account *other = m->heads ? devices_differ(d, to, m) : NULL;
    if (other) {
        r->to = other;
        return refusal(r, WIRE_DEVICES_CHANGED, "this account has other devices than the message is sealed for",
                       "fetch its list and seal the message anew");
    }
    return queue_is_full(b, d, to, m, r) || (m->heads && to != d->account && queue_is_full(b, d, d->account, m, r));
}

static bool refuses_group(struct broker *b, const struct device *d, const struct wire_send *m, struct refusal *r)
{
    struct group *g = group_find(b, m->to);
    name_near_start(&r->near, (const char *)m->to.data, m->to.len);
    r->about_name = true;
    if (!g) {
        name_near_offer(&r->near, b->lobby.name, strlen(b->lobby.name));
        group_near(b, d->account, &r->near);
        return refusal(r, WIRE_NO_SUCH_ROOM, "no such room", "/list shows the groups that you can see");
    }
    r->room = &g->room;
    uint16_t code = group_refuses(g, d->account, m->body, r->words, sizeof r->words);
    if (code == WIRE_OK) return false;
    return refusal(r, code, r->words, code == WIRE_NOT_MEMBER ? "/join it, or ask to be invited" : "");
}

static bool refuses_room(struct broker *b, const struct device *d, const struct wire_send *m, bool receives,
                         struct refusal *r)
{
    if (m->to.len != strlen(b->lobby.name) || memcmp(m->to.data, b->lobby.name, m->to.len) != 0)
        return refuses_group(b, d, m, r);
    r->room = &b->lobby;
    uint16_t code = sanctions_silence(b, d->account, r->words, sizeof r->words);
    if (code) return refusal(r, code, r->words, "");
    /* A script that only sends need not be a member; who listens here must have joined. */
    if (receives && d->account->in_lobby == 0)
        return refusal(r, WIRE_NOT_MEMBER, "you are not in #lobby", "/join #lobby");
    return false;
}

/* How many bytes what is sealed may be longer than a text. */
static size_t longer(const struct wire_send *m)
{
    if (m->heads) return WIRE_SEALED_MORE;
    return m->kind == WIRE_TO_ROOM && m->body.data[0] == SEALED_SUITE_GROUP ? WIRE_GROUP_MORE : 16;
}

/* True when the message cannot be taken, and why; changes nothing. */
static bool refuses(struct broker *b, struct device *d, const struct wire_send *m, bool receives,
                    struct refusal *r)
{
    if (m->body.len == 0) return refusal(r, WIRE_BAD_BODY, "the message is empty", "");
    if (m->body.len > b->set.limits.text + longer(m)) {
        snprintf(r->words, sizeof r->words, "the message has %zu bytes; the limit is %llu", m->body.len,
                 (unsigned long long)b->set.limits.text);
        return refusal(r, WIRE_TOO_LARGE, r->words, "send it in pieces");
    }
    return m->kind == WIRE_TO_USER ? refuses_direct(b, d, m, r) : refuses_room(b, d, m, receives, r);
}

/* --- taking --- */

static struct message *take(struct broker *b, struct device *d, const struct wire_send *m)
{
    struct message *msg = pool_get(sizeof *msg + m->head_bytes.len + m->body.len);
    *msg = (struct message){.refs = 1,
                            .id = m->id,
                            .time_ms = clock_wall_ms(),
                            .from = d->account,
                            .from_device = d->id,
                            .sender = d,
                            .heads = m->heads,
                            .head_len = (uint32_t)m->head_bytes.len,
                            .body_len = (uint32_t)m->body.len};
    if (m->heads) memcpy(msg->bytes, m->head_bytes.data, m->head_bytes.len);
    memcpy(msg->bytes + msg->head_len, m->body.data, m->body.len);
    if (d->out.last)
        d->out.last->next_out = msg;
    else
        d->out.first = msg;
    d->out.last = msg;
    d->out.taken = m->id;
    b->routed++;
    return msg;
}

static void push_all(struct broker *b, struct message *msg, const struct account *to, const struct device *except)
{
    for (struct device *d = to->device; d; d = d->next)
        if (d != except) inbox_push(b, d, msg);
}

static uint16_t count_devices(const struct account *to, const struct device *except)
{
    uint16_t n = 0;
    for (const struct device *d = to->device; d; d = d->next)
        if (d != except) n++;
    return n;
}

/* What is sealed goes to the sender's other devices, too, and never to the one that it came from. */
static void direct(struct broker *b, struct message *msg, struct account *to)
{
    const struct device *sender = msg->sender, *except = msg->heads ? sender : NULL;
    bool copies = msg->heads && to != msg->from;
    msg->undelivered = count_devices(to, except);
    msg->unsafe = (uint16_t)(msg->undelivered + (copies ? count_devices(msg->from, sender) : 0));
    msg->memory = msg->unsafe;
    msg->shared = msg->unsafe > 1;
    msg->sender->out.in_memory++;
    message_hold(msg);
    push_all(b, msg, to, except);
    if (copies) push_all(b, msg, msg->from, sender);
    message_drop(msg);
}

/*
 * It got its number from the last broker, and was shown: nothing that has happened since (a kick, a mute) makes
 * it refused. No later one of a room was taken before a refusal was confirmed, so those refused are not below.
 */
static bool is_numbered(const struct device *d, const struct wire_send *m)
{
    return m->kind == WIRE_TO_ROOM && m->id <= d->out.room_id;
}

/*
 * Takes the message that follows the last one taken, or refuses it. False: neither is possible before
 * the client has confirmed a refusal. Had a later message been delivered when that refusal gets lost,
 * its message could be taken after all, and would come out of order.
 */
static bool judge(struct broker *b, struct device *d, const struct wire_send *m, bool receives)
{
    struct refusal r; /* large, and not needed as a rule */
    r.to = NULL;
    r.room = NULL;
    r.about_name = false;
    bool refused = !is_numbered(d, m) && refuses(b, d, m, receives, &r);
    if (refused && m->kind == WIRE_TO_ROOM && !r.about_name) {
        name_near_start(&r.near, (const char *)m->to.data, m->to.len);
        r.about_name = true;
    }
    if (refuse_unconfirmed(&d->out) && !(refused && refuse_more(&d->out))) return false;
    struct message *msg = take(b, d, m);
    msg->to = r.to;
    if (refused)
        route_rejected(b, msg, r.code, r.text, r.hint, r.about_name ? &r.near : NULL);
    else if (r.to)
        direct(b, msg, r.to);
    else if (is_numbered(d, m))
        route_accepted(b, msg);
    else
        room_send(b, r.room, msg);
    return true;
}

void route_confirm(struct broker *b, struct device *d, uint64_t next_id)
{
    struct outbox *out = &d->out;
    const struct held *h;
    refuse_confirm(out, next_id);
    while ((h = refuse_held(out)) && judge(b, d, &h->m, h->receives))
        refuse_drop(out);
}

void route_resume(struct session *s, uint64_t next_id)
{
    struct outbox *out = &s->device->out;
    /* The client keeps everything from next_id on; what is below was settled. */
    if (next_id - 1 > out->taken) {
        refuse_drop_all(out);
        out->taken = next_id - 1;
    }
    refuse_tell_again(s, next_id);
    route_confirm(s->link->broker, s->device, next_id);
}

void route_send(struct session *s, const struct wire_send *m)
{
    struct outbox *out = &s->device->out;
    uint64_t known = out->taken + refuse_n_held(out);
    bool receives = s->caps & WIRE_CAP_RECEIVE;
    if (m->id <= known) {
        /* A repeat: settled ones are confirmed once more, the others are on their way. */
        if (m->id <= out->taken && (!out->first || m->id < out->first->id)) {
            out->repeat = true;
            mark_dirty(s->link->broker, s->device);
        }
        return;
    }
    if (m->id > known + 1) {
        /* Something before it was lost with a worker or another session: ask for all of it again. */
        session_resync(s);
        return;
    }
    if (!refuse_held(out) && judge(s->link->broker, s->device, m, receives)) return;
    if (!refuse_hold(out, m, receives)) session_resync(s);
}
