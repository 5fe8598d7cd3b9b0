/*
 * room.c - rooms, the lobby and groups alike: one order for everybody, also across a broker's death.
 *
 * A message gets its number in a group commit before anybody sees it. Members who have everything
 * are "live": a new message goes to all of them as one frame per worker. A member who is behind
 * (newly come, or slow to acknowledge) reads from the store, in portions, until it is live. Who may
 * be in a group, and how long its messages are kept, is decided in group*.c.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "fault.h"
#include "group.h"
#include "log.h"

enum { SIDS_A_FRAME = 32768, FAN_MARK = 32 << 10 /* bytes: well below a record */ };

void room_load(struct broker *b)
{
    b->lobby = (struct room){.id = ROOM_LOBBY, .name = "#lobby", .head = store_room_head(b->store, ROOM_LOBBY)};
}

/* --- to all who are live --- */

static void down(const struct audience *a, struct slice frames)
{
    for (uint32_t at = 0; at < a->n; at += SIDS_A_FRAME) {
        uint32_t n = a->n - at < SIDS_A_FRAME ? a->n - at : SIDS_A_FRAME;
        bus_put_down_many(&a->link->stream, a->sid + at, n, frames);
    }
}

void room_tell(struct room *r, struct slice frames)
{
    for (const struct audience *a = r->audience; a; a = a->next)
        down(a, frames);
}

/*
 * What has gathered goes to all who are live, as one frame for each worker: at the end of a turn, and before
 * somebody joins or leaves them.
 */
static void flush(struct room *r)
{
    struct slice frames = {buf_head(&r->fan), buf_len(&r->fan)};
    if (frames.len == 0) return;
    for (const struct audience *a = r->audience; a; a = a->next) {
        down(a, frames);
#ifdef FAULTS
        stream_flush(&a->link->stream); /* so that this worker's members have it, and no others */
#endif
        FAULT(a->link->broker->set.server.state_dir, "room.half");
    }
    buf_reset(&r->fan, 65536);
}

void room_flush(struct broker *b)
{
    while (b->fanning) {
        struct room *r = b->fanning;
        b->fanning = r->next_fan;
        r->fanning = false;
        flush(r);
    }
}

void room_forget(struct broker *b, struct room *r)
{
    room_flush(b); /* which empties the list that it may be in */
    buf_free(&r->fan);
}

/* --- who is live --- */

static struct audience *audience_of(struct room *r, struct link *l)
{
    struct audience *a = r->audience;
    while (a && a->link != l)
        a = a->next;
    if (a) return a;
    a = xcalloc(1, sizeof *a);
    a->link = l;
    a->next = r->audience;
    return r->audience = a;
}

static void free_audience(struct room *r, struct audience *a)
{
    struct audience **at = &r->audience;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a->sid);
    free(a->place);
    free(a);
}

static void go_live(struct place *p)
{
    struct room *r = p->room;
    if (p->live) return;
    flush(r);
    struct audience *a = audience_of(r, p->session->link);
    if (a->n == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 16;
        a->sid = xrealloc(a->sid, a->cap * sizeof *a->sid);
        a->place = xrealloc(a->place, a->cap * sizeof(struct place *));
    }
    uint64_t limit = p->acked + a->link->broker->set.limits.window_messages;
    if (limit < r->check_at) r->check_at = limit;
    p->live = true;
    p->live_at = a->n;
    a->sid[a->n] = p->session->sid;
    a->place[a->n++] = p;
}

static void leave_live(struct place *p)
{
    if (!p->live) return;
    flush(p->room);
    struct audience *a = audience_of(p->room, p->session->link);
    p->live = false;
    p->sent = p->room->head;
    a->n--;
    if (p->live_at != a->n) {
        a->sid[p->live_at] = a->sid[a->n];
        a->place[p->live_at] = a->place[a->n];
        a->place[p->live_at]->live_at = p->live_at;
    }
    if (a->n == 0) free_audience(p->room, a);
}

/* --- sending --- */

static void put_message(struct buf *to, const struct room *r, const struct message *m, uint64_t number)
{
    struct wire_deliver w = {.flags = WIRE_FLAG_ROOM,
                             .seq = number,
                             .time_ms = m->time_ms,
                             .from = {(const uint8_t *)m->from->name, strlen(m->from->name)},
                             .from_device = m->from_device,
                             .id = m->id,
                             .to = {(const uint8_t *)r->name, strlen(r->name)},
                             .body = {m->bytes, m->body_len}};
    wire_put_deliver(to, &w);
}

static void put_row(struct buf *to, struct broker *b, const struct room *in, const struct store_message *r, uint8_t flags)
{
    const struct account *from = people_by_id(b, r->from_account);
    const char *name = from ? from->name : "?";
    if (r->id == 0) flags |= WIRE_FLAG_ENTRY;
    struct wire_deliver w = {.flags = (uint8_t)(WIRE_FLAG_ROOM | WIRE_FLAG_STORED | flags),
                             .seq = r->row,
                             .time_ms = r->time_ms,
                             .from = {(const uint8_t *)name, strlen(name)},
                             .from_device = r->from_device,
                             .id = r->id,
                             .to = {(const uint8_t *)in->name, strlen(in->name)},
                             .body = r->body};
    wire_put_deliver(to, &w);
}

/*
 * Before a message gets the number next: members for whom it would be beyond their window are live no
 * more; they read on from the store. Nobody can be beyond it before check_at, so this is rare.
 */
static void check_lag(struct broker *b, struct room *r, uint64_t next)
{
    if (next <= r->check_at) return;
    uint64_t window = b->set.limits.window_messages, least = next;
    for (struct audience *a = r->audience, *more; a; a = more) {
        more = a->next; /* it is freed with its last member */
        for (uint32_t i = a->n; i > 0; i--) {
            struct place *p = a->place[i - 1];
            if (next - p->acked > window)
                leave_live(p);
            else if (p->acked < least)
                least = p->acked;
        }
    }
    r->check_at = least + window;
}

struct buf *room_numbered(struct broker *b, struct room *r, uint64_t number)
{
    check_lag(b, r, number);
    r->head = number;
    return &r->fan;
}

void room_fanned(struct broker *b, struct room *r)
{
    if (buf_len(&r->fan) > FAN_MARK) flush(r);
    if (r->fanning) return;
    r->fanning = true;
    r->next_fan = b->fanning;
    b->fanning = r;
}

struct room_put {
    struct broker *broker;
    struct message *msg;
    uint64_t room; /* a group may be gone when it has been stored */
};

static void numbered(void *ctx, enum store_status status, uint64_t number)
{
    struct room_put p = *(struct room_put *)ctx;
    struct broker *b = p.broker;
    struct room *r = group_room(b, p.room);
    free(ctx);
    if (status == STORE_FULL) {
        route_rejected(b, p.msg, WIRE_DISK_FULL, "the server's disk is full, the message was not taken",
                       "try again later", NULL);
    } else if (!r) {
        route_rejected(b, p.msg, WIRE_NO_SUCH_ROOM, "the group is gone", "", NULL);
    } else {
        struct device *d = p.msg->sender;
        if (d && p.msg->id > d->out.room_id) d->out.room_id = p.msg->id;
        put_message(room_numbered(b, r, number), r, p.msg, number);
        room_fanned(b, r);
        if (r != &b->lobby) group_grew(b, r, p.msg->body_len);
        broker_said(b, "room", p.msg, r->name, "numbered");
        route_accepted(b, p.msg);
    }
    message_drop(p.msg);
}

void room_send(struct broker *b, struct room *r, struct message *m)
{
    struct room_put *p = xmalloc(sizeof *p);
    *p = (struct room_put){b, m, r->id};
    message_hold(m);
    struct store_message sm = {.from_account = m->from->id,
                               .from_device = m->from_device,
                               .id = m->id,
                               .settled = route_mark(m),
                               .time_ms = m->time_ms,
                               .body = {m->bytes, m->body_len}};
    store_put_room(b->store, r->id, &sm, numbered, p);
    if (r == &b->lobby && r->head > b->set.lobby.keep && r->head % 1024 == 0)
        store_trim_room(b->store, ROOM_LOBBY, r->head - b->set.lobby.keep + 1);
}

/* --- catching up --- */

struct portion {
    struct broker *broker;
    uint32_t slot, generation;
    uint64_t sid, room, load, after;
};

static void catch_up(struct place *p);

/* The place that a portion is for; NULL: it has left, or asked anew. */
static struct place *place_of(const struct portion *n)
{
    struct session *s = session_late(n->broker, n->slot, n->generation, n->sid);
    struct place *p = !s ? NULL : n->room == ROOM_LOBBY ? &s->lobby : group_place(s, n->room);
    return p && p->room && p->load == n->load ? p : NULL;
}

/* Members of a group are told what they will never get; the lobby promises no such thing. */
static void skip(struct buf *to, struct place *p, uint64_t upto)
{
    if (p->room->id != ROOM_LOBBY && upto > p->sent) group_put_gap(to, p->room, p->sent + 1, upto);
    p->sent = upto;
}

static uint64_t last_for(const struct place *p)
{
    return p->room->head < p->end ? p->room->head : p->end;
}

static void portion_came(void *ctx, const struct store_message *rows, size_t n, bool more)
{
    struct portion in = *(struct portion *)ctx;
    free(ctx);
    (void)more;
    struct place *p = place_of(&in);
    if (!p) return;
    size_t at;
    struct buf *to = session_begin(p->session, &at);
    p->loading = false;
    if (n == 0 || rows[0].row > p->end) skip(to, p, last_for(p)); /* nothing there any more: it was trimmed */
    for (size_t i = 0; i < n && rows[i].row <= p->end; i++) {
        skip(to, p, rows[i].row - 1);
        put_row(to, in.broker, p->room, &rows[i], rows[i].row <= p->backlog_to ? WIRE_FLAG_BACKLOG : 0);
        p->sent = rows[i].row;
    }
    session_end(p->session, at);
    catch_up(p);
}

static void catch_up(struct place *p)
{
    struct session *s = p->session;
    if (!p->room || p->live || p->loading || s->resyncing) return;
    struct broker *b = s->link->broker;
    uint64_t window = b->set.limits.window_messages, ahead = p->sent - p->acked;
    if (p->sent >= last_for(p)) {
        p->sent = last_for(p);
        if (ahead <= window && p->end == UINT64_MAX) go_live(p);
        return;
    }
    if (ahead >= window) return;
    struct portion *n = xmalloc(sizeof *n);
    *n = (struct portion){b, s->link->slot, s->link->generation, s->sid, p->room->id, ++b->loads, p->sent};
    p->load = n->load;
    p->loading = true;
    store_load_room(b->store, p->room->id, p->sent, window - ahead, b->set.limits.window_bytes, portion_came, n);
}

static void hold(struct place *p)
{
    leave_live(p);
    p->loading = false;
    p->load = 0;
}

/* --- one place --- */

void room_enter(struct place *p, struct room *r, struct session *s, uint64_t seen, uint64_t end)
{
    if (p->room) hold(p);
    *p = (struct place){.room = r, .session = s, .end = end, .backlog_to = p->backlog_to};
    p->sent = p->acked = seen < last_for(p) ? seen : last_for(p);
    catch_up(p);
}

void room_leave(struct place *p)
{
    if (p->room) hold(p);
    p->room = NULL;
}

void room_end(struct place *p)
{
    leave_live(p);
    p->end = p->room->head;
}

bool room_ack(struct place *p, uint64_t number)
{
    if (!p->room || number <= p->acked || number > (p->live ? p->room->head : p->sent)) return false;
    p->acked = number;
    catch_up(p);
    return true;
}

/* --- the lobby --- */

void lobby_hold(struct session *s)
{
    if (lobby_in(s)) hold(&s->lobby);
}

void lobby_resume(struct session *s, uint64_t seen)
{
    struct room *lobby = &s->link->broker->lobby;
    uint64_t head = lobby->head, backlog = s->link->broker->set.lobby.backlog;
    s->lobby.backlog_to = 0;
    if (seen == WIRE_NEWCOMER) {
        seen = head > backlog ? head - backlog : 0;
        s->lobby.backlog_to = head;
    }
    room_enter(&s->lobby, lobby, s, seen, UINT64_MAX);
}

void lobby_join(struct session *s, uint64_t seen)
{
    struct broker *b = s->link->broker;
    b->lobby.members++;
    if (s->returned) presence_returned(s->device->account);
    if (s->device->account->in_lobby++ == 0) presence_joined(b, s->device->account);
    lobby_resume(s, seen);
}

void lobby_part(struct session *s)
{
    if (!lobby_in(s)) return;
    room_leave(&s->lobby);
    s->link->broker->lobby.members--;
    s->device->account->in_lobby--;
}

/* --- history on request --- */

static void history_came(void *ctx, const struct store_message *rows, size_t n, bool more)
{
    struct portion p = *(struct portion *)ctx;
    free(ctx);
    (void)more;
    struct session *s = session_late(p.broker, p.slot, p.generation, p.sid);
    if (!s) return;
    const struct room *lobby = &p.broker->lobby;
    struct wire_history h = {.room = {(const uint8_t *)lobby->name, strlen(lobby->name)}, .after = p.after};
    size_t at;
    struct buf *to = session_begin(s, &at);
    for (size_t i = 0; i < n; i++) {
        put_row(to, p.broker, lobby, &rows[i], WIRE_FLAG_BACKLOG);
        h.after = rows[i].row;
    }
    wire_put_history(to, &h);
    session_end(s, at);
}

void lobby_history(struct session *s, const struct wire_history *h)
{
    struct broker *b = s->link->broker;
    struct portion *p = xmalloc(sizeof *p);
    *p = (struct portion){b, s->link->slot, s->link->generation, s->sid, ROOM_LOBBY, 0, h->after};
    store_load_room(b->store, ROOM_LOBBY, h->after, h->count, b->set.limits.window_bytes, history_came, p);
}
