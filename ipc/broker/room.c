/*
 * room.c - the lobby: one order for everybody, also across a broker's death.
 *
 * A message gets its number in a group commit before anybody sees it. Members who have everything
 * are "live": a new message goes to all of them as one frame per worker. A member who is behind
 * (newly come, or slow to acknowledge) reads from the store, in portions, until it is live.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "fault.h"
#include "log.h"

enum { SIDS_A_FRAME = 32768, FAN_MARK = 32 << 10 /* bytes: well below a record */ };

void room_load(struct broker *b)
{
    b->lobby = (struct room){.id = ROOM_LOBBY, .name = "#lobby", .head = store_room_head(b->store, ROOM_LOBBY)};
}

/*
 * What has gathered goes to all who are live, as one frame for each worker: at the end of a turn, and before
 * somebody joins or leaves them.
 */
void room_flush(struct broker *b)
{
    struct buf *fan = &b->lobby.fan;
    struct slice frames = {buf_head(fan), buf_len(fan)};
    if (frames.len == 0) return;
    for (struct link *l = b->links; l; l = l->next) {
        for (uint32_t at = 0; at < l->n_live; at += SIDS_A_FRAME) {
            uint32_t n = l->n_live - at < SIDS_A_FRAME ? l->n_live - at : SIDS_A_FRAME;
            bus_put_down_many(&l->stream, l->live + at, n, frames);
        }
#ifdef FAULTS
        if (l->n_live) stream_flush(&l->stream); /* so that this worker's members have it, and no others */
#endif
        if (l->n_live) FAULT(b->set.server.state_dir, "room.half");
    }
    buf_reset(fan, 65536);
}

/* --- who is live --- */

static void go_live(struct session *s)
{
    struct link *l = s->link;
    if (s->live) return;
    room_flush(l->broker);
    if (l->n_live == l->cap_live) {
        l->cap_live = l->cap_live ? 2 * l->cap_live : 64;
        l->live = xrealloc(l->live, l->cap_live * sizeof *l->live);
    }
    struct room *lobby = &l->broker->lobby;
    uint64_t limit = s->lobby_acked + l->broker->set.limits.window_messages;
    if (limit < lobby->check_at) lobby->check_at = limit;
    s->live = true;
    s->live_at = l->n_live;
    l->live[l->n_live++] = s->sid;
}

static void leave_live(struct session *s)
{
    struct link *l = s->link;
    if (!s->live) return;
    room_flush(l->broker);
    s->live = false;
    s->lobby_sent = l->broker->lobby.head;
    uint64_t last = l->live[--l->n_live];
    if (s->live_at == l->n_live) return;
    l->live[s->live_at] = last;
    session_find(l, last)->live_at = s->live_at;
}

/* --- sending --- */

static void put_message(struct buf *to, const struct broker *b, const struct message *m, uint64_t number,
                        uint8_t flags)
{
    struct wire_deliver w = {.flags = (uint8_t)(WIRE_FLAG_ROOM | flags),
                             .seq = number,
                             .time_ms = m->time_ms,
                             .from = {(const uint8_t *)m->from->name, strlen(m->from->name)},
                             .from_device = m->from_device,
                             .id = m->id,
                             .to = {(const uint8_t *)b->lobby.name, strlen(b->lobby.name)},
                             .body = {m->bytes, m->body_len}};
    wire_put_deliver(to, &w);
}

static void put_row(struct buf *to, struct broker *b, const struct store_message *r, uint8_t flags)
{
    const struct account *from = people_by_id(b, r->from_account);
    const char *name = from ? from->name : "?";
    struct wire_deliver w = {.flags = (uint8_t)(WIRE_FLAG_ROOM | WIRE_FLAG_STORED | flags),
                             .seq = r->row,
                             .time_ms = r->time_ms,
                             .from = {(const uint8_t *)name, strlen(name)},
                             .from_device = r->from_device,
                             .id = r->id,
                             .to = {(const uint8_t *)b->lobby.name, strlen(b->lobby.name)},
                             .body = r->body};
    wire_put_deliver(to, &w);
}

/*
 * Before a message gets the number next: members for whom it would be beyond their window are live no
 * more; they read on from the store. Nobody can be beyond it before check_at, so this is rare.
 */
static void check_lag(struct broker *b, uint64_t next)
{
    if (next <= b->lobby.check_at) return;
    uint64_t window = b->set.limits.window_messages, least = next;
    for (struct link *l = b->links; l; l = l->next) {
        for (uint32_t i = l->n_live; i > 0; i--) {
            struct session *s = session_find(l, l->live[i - 1]);
            if (next - s->lobby_acked > window)
                leave_live(s);
            else if (s->lobby_acked < least)
                least = s->lobby_acked;
        }
    }
    b->lobby.check_at = least + window;
}

static void fan_out(struct broker *b, const struct message *m, uint64_t number)
{
    put_message(&b->lobby.fan, b, m, number, 0);
    if (buf_len(&b->lobby.fan) > FAN_MARK) room_flush(b);
}

struct room_put {
    struct broker *broker;
    struct message *msg;
};

static void numbered(void *ctx, enum store_status status, uint64_t number)
{
    struct room_put p = *(struct room_put *)ctx;
    struct broker *b = p.broker;
    free(ctx);
    if (status == STORE_FULL) {
        route_rejected(b, p.msg, WIRE_DISK_FULL, "the server's disk is full, the message was not taken",
                       "try again later", NULL);
    } else {
        struct device *d = p.msg->sender;
        if (d && p.msg->id > d->out.room_id) d->out.room_id = p.msg->id;
        check_lag(b, number);
        b->lobby.head = number;
        broker_said(b, "room", p.msg, b->lobby.name, "numbered");
        fan_out(b, p.msg, number);
        route_accepted(b, p.msg);
    }
    message_drop(p.msg);
}

void room_send(struct broker *b, struct message *m)
{
    if (m->id <= m->sender->out.room_id) { /* numbered before the last broker died */
        route_accepted(b, m);
        return;
    }
    struct room_put *p = xmalloc(sizeof *p);
    *p = (struct room_put){b, m};
    message_hold(m);
    struct store_message sm = {.from_account = m->from->id,
                               .from_device = m->from_device,
                               .id = m->id,
                               .settled = route_mark(m),
                               .time_ms = m->time_ms,
                               .body = {m->bytes, m->body_len}};
    store_put_room(b->store, ROOM_LOBBY, &sm, numbered, p);
    if (b->lobby.head > b->set.lobby.keep && b->lobby.head % 1024 == 0)
        store_trim_room(b->store, ROOM_LOBBY, b->lobby.head - b->set.lobby.keep + 1);
}

/* --- catching up --- */

struct portion {
    struct broker *broker;
    uint32_t slot, generation, load;
    uint64_t sid, after;
};

static void catch_up(struct session *s);

static void portion_came(void *ctx, const struct store_message *rows, size_t n, bool more)
{
    struct portion p = *(struct portion *)ctx;
    free(ctx);
    (void)more;
    struct session *s = session_late(p.broker, p.slot, p.generation, p.sid);
    if (!s || s->load != p.load) return;
    s->loading = false;
    size_t at;
    struct buf *to = n ? session_begin(s, &at) : NULL;
    for (size_t i = 0; i < n; i++) {
        put_row(to, p.broker, &rows[i], rows[i].row <= s->backlog_to ? WIRE_FLAG_BACKLOG : 0);
        s->lobby_sent = rows[i].row;
    }
    if (n)
        session_end(s, at);
    else
        s->lobby_sent = p.broker->lobby.head; /* nothing there any more: it was trimmed */
    catch_up(s);
}

static void catch_up(struct session *s)
{
    struct broker *b = s->link->broker;
    uint64_t window = b->set.limits.window_messages, ahead = s->lobby_sent - s->lobby_acked;
    if (!s->in_lobby || s->live || s->loading || s->resyncing) return;
    if (s->lobby_sent >= b->lobby.head) {
        s->lobby_sent = b->lobby.head;
        if (ahead <= window) go_live(s);
        return;
    }
    if (ahead >= window) return;
    struct portion *p = xmalloc(sizeof *p);
    *p = (struct portion){b, s->link->slot, s->link->generation, ++s->load, s->sid, s->lobby_sent};
    s->loading = true;
    store_load_room(b->store, ROOM_LOBBY, s->lobby_sent, window - ahead, b->set.limits.window_bytes,
                    portion_came, p);
}

void room_hold(struct session *s)
{
    leave_live(s);
    s->loading = false;
    s->load++;
}

void room_resume(struct session *s, uint64_t seen)
{
    const struct broker *b = s->link->broker;
    uint64_t head = b->lobby.head, backlog = b->set.lobby.backlog;
    room_hold(s);
    s->backlog_to = 0;
    if (seen == WIRE_NEWCOMER) {
        seen = head > backlog ? head - backlog : 0;
        s->backlog_to = head;
    }
    s->lobby_sent = s->lobby_acked = seen < head ? seen : head;
    catch_up(s);
}

void room_ack(struct session *s, uint64_t number)
{
    uint64_t sent = s->live ? s->link->broker->lobby.head : s->lobby_sent;
    if (!s->in_lobby || number > sent || number <= s->lobby_acked) return;
    s->lobby_acked = number;
    catch_up(s);
}

/* --- coming and going --- */

void room_join(struct session *s, uint64_t seen)
{
    struct broker *b = s->link->broker;
    s->in_lobby = true;
    b->lobby.members++;
    if (s->returned) presence_returned(s->device->account);
    if (s->device->account->in_lobby++ == 0) presence_joined(b, s->device->account);
    room_resume(s, seen);
}

void room_part(struct session *s)
{
    if (!s->in_lobby) return;
    leave_live(s);
    s->in_lobby = s->loading = false;
    s->load++;
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
    const char *room = p.broker->lobby.name;
    struct wire_history h = {.room = {(const uint8_t *)room, strlen(room)}, .after = p.after};
    size_t at;
    struct buf *to = session_begin(s, &at);
    for (size_t i = 0; i < n; i++) {
        put_row(to, p.broker, &rows[i], WIRE_FLAG_BACKLOG);
        h.after = rows[i].row;
    }
    wire_put_history(to, &h);
    session_end(s, at);
}

void room_history(struct session *s, const struct wire_history *h)
{
    struct broker *b = s->link->broker;
    struct portion *p = xmalloc(sizeof *p);
    *p = (struct portion){b, s->link->slot, s->link->generation, 0, s->sid, h->after};
    store_load_room(b->store, ROOM_LOBBY, h->after, h->count, b->set.limits.window_bytes, history_came, p);
}
