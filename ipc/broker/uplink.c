/*
 * uplink.c - the streams to the workers: one row per frame, and for what clients send one row per
 * kind of it. A worker that sends nonsense loses its stream and is replaced by the master.
 */
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "blob.h"
#include "broker.h"
#include "fault.h"
#include "group.h"
#include "log.h"
#include "moderation.h"

enum { SEATS_STEP = 512 };

struct seat *link_seat(struct link *l, uint64_t sid)
{
    uint32_t i = bus_index(sid);
    if (i >= BUS_INDEX_MAX) return NULL;
    if (i >= l->seats) {
        uint32_t n = (i / SEATS_STEP + 1) * SEATS_STEP;
        l->seat = xrealloc(l->seat, n * sizeof *l->seat);
        memset(l->seat + l->seats, 0, (n - l->seats) * sizeof *l->seat);
        l->seats = n;
    }
    return &l->seat[i];
}

void seat_clear(struct seat *seat)
{
    if (seat_guest(seat)) admit_forget(seat_guest(seat));
    free(seat->claim);
    *seat = (struct seat){0};
}

/* --- what a client sent --- */

static bool on_send(struct session *s, struct slice p)
{
    struct wire_send m;
    if (!wire_get_send(p, &m)) return false;
    route_send(s, &m);
    return true;
}

static bool is_lobby(const struct session *s, struct slice room)
{
    const struct room *lobby = &s->link->broker->lobby;
    return room.len == strlen(lobby->name) && memcmp(room.data, lobby->name, room.len) == 0;
}

static bool on_ack(struct session *s, struct slice p)
{
    struct wire_ack m;
    if (!wire_get_ack(p, &m)) return false;
    if (m.kind == WIRE_ACK_SETTLED) {
        if (m.seq < UINT64_MAX) route_confirm(s->link->broker, s->device, m.seq + 1);
        return true;
    }
    if (!(s->caps & WIRE_CAP_RECEIVE)) return true;
    FAULT(s->link->broker->set.server.state_dir, "deliver.ack");
    if (m.kind == WIRE_TO_ROOM && (m.room.len == 0 || is_lobby(s, m.room)))
        room_ack(&s->lobby, m.seq);
    else if (m.kind == WIRE_TO_ROOM)
        groups_ack(s, m.room, m.seq);
    else if (s->device->in.receiver == s)
        inbox_ack(s->link->broker, s->device, m.incarnation, m.seq);
    return true;
}

static bool on_resume(struct session *s, struct slice p)
{
    struct wire_resume m;
    uint64_t token;
    if (!wire_get_resume(p, &m, &token)) return false;
    /* The answer to an earlier RESYNC tells a place that is old; that to the last one is on its way. */
    if (s->resyncing && token == s->token) session_resume(s, &m);
    return true;
}

static bool on_presence(struct session *s, struct slice p)
{
    struct wire_presence_ask m;
    if (!wire_get_presence_ask(p, &m)) return false;
    presence_ask(s, &m);
    return true;
}

static void answer_group(struct session *s, uint8_t op, struct slice room, const char *text)
{
    const struct room *lobby = &s->link->broker->lobby;
    struct wire_group m = {op, room, lobby->head, lobby->members, {(const uint8_t *)text, strlen(text)}};
    size_t at;
    wire_put_group(session_begin(s, &at), &m);
    session_end(s, at);
}

static bool on_group(struct session *s, struct slice p)
{
    struct wire_group m;
    struct wire_group_question q;
    if (wire_get_group_question(p, &q)) {
        groups_ask(s, &q);
        return true;
    }
    if (!wire_get_group_ask(p, &m)) return false;
    if (!is_lobby(s, m.room)) {
        answer_group(s, WIRE_GROUP_REFUSED, m.room, "only #lobby is entered and left this way; groups need a newer client");
    } else if (!(s->caps & WIRE_CAP_RECEIVE)) {
        answer_group(s, WIRE_GROUP_REFUSED, m.room, "this session does not receive");
    } else if (m.op == WIRE_GROUP_JOIN && moderation_keeps_out(s)) {
        return true;
    } else if (m.op == WIRE_GROUP_JOIN) {
        /* Somebody who comes back hears what is said from now on; the backlog is for newcomers. */
        if (!lobby_in(s)) lobby_join(s, s->link->broker->lobby.head);
        answer_group(s, WIRE_GROUP_JOIN, m.room, "");
    } else {
        lobby_part(s);
        if (s->device->account->in_lobby == 0) presence_left(s->link->broker, s->device->account, true);
        answer_group(s, WIRE_GROUP_PART, m.room, "");
    }
    return true;
}

static bool on_history(struct session *s, struct slice p)
{
    struct wire_history m;
    if (!wire_get_history_ask(p, &m)) return false;
    if (is_lobby(s, m.room) && moderation_keeps_out(s)) return true;
    if (is_lobby(s, m.room))
        lobby_history(s, &m);
    else
        answer_group(s, WIRE_GROUP_REFUSED, m.room, "only #lobby has a history here");
    return true;
}

static bool on_keys(struct session *s, struct slice p)
{
    struct wire_keys_ask m;
    if (!wire_get_keys_ask(p, &m)) return false;
    prekeys_ask(s, &m);
    return true;
}

static bool on_list(struct session *s, struct slice p)
{
    struct wire_list_ask m;
    if (!wire_get_list_ask(p, &m)) return false;
    devices_ask(s, &m);
    return true;
}

static bool on_admit(struct session *s, struct slice p)
{
    struct wire_admit_ask m;
    if (!wire_get_admit_ask(p, &m)) return false;
    admit_ask(s, &m);
    return true;
}

static bool on_roster(struct session *s, struct slice p)
{
    struct wire_roster_ask m;
    if (!wire_get_roster_ask(p, &m)) return false;
    class_roster_ask(s, &m);
    return true;
}

static bool on_moderate(struct session *s, struct slice p)
{
    struct wire_moderate_ask m;
    if (!wire_get_moderate_ask(p, &m)) return false;
    moderation_ask(s, &m);
    return true;
}

static bool on_why(struct session *s, struct slice p)
{
    struct wire_why_ask m;
    if (!wire_get_why_ask(p, &m)) return false;
    why_ask(s, &m);
    return true;
}

static bool on_blob(struct session *s, struct slice p)
{
    struct wire_blob_ask m;
    if (!wire_get_blob_ask(p, &m)) return false;
    blobs_ask(s, &m);
    return true;
}

static bool (*const client_rows[WIRE_TYPES])(struct session *s, struct slice p) = {
    [WIRE_SEND] = on_send,
    [WIRE_ACK] = on_ack,
    [WIRE_RESUME] = on_resume,
    [WIRE_WHY_ASK] = on_why,
    [WIRE_PRESENCE_ASK] = on_presence,
    [WIRE_KEYS_ASK] = on_keys,
    [WIRE_LIST_ASK] = on_list,
    [WIRE_ADMIT_ASK] = on_admit,
    [WIRE_ROSTER_ASK] = on_roster,
    [WIRE_GROUP_ASK] = on_group,
    [WIRE_MODERATE_ASK] = on_moderate,
    [WIRE_BLOB_ASK] = on_blob,
    [WIRE_HISTORY_ASK] = on_history,
};

/* A client's malformed frame ends its session; a frame that a worker must not pass on is nonsense. */
static bool on_up(struct link *l, struct slice p)
{
    struct bus_up m;
    if (!bus_get_up(p, &m)) return false;
    struct session *s = session_find(l, m.sid);
    if (!s) {
        const struct seat *seat = link_seat(l, m.sid);
        if (seat && seat->sid == m.sid && seat_guest(seat)) admit_up(seat_guest(seat), m.type, m.payload);
        return true; /* or kicked a moment ago */
    }
    if (m.type >= WIRE_TYPES || (m.type != WIRE_PART && !client_rows[m.type])) return false;
    struct wire_frame f = {m.type, m.payload};
    /* What was on its way when this session was asked to resume comes again, and may be cut now. */
    if (s->resyncing && (m.type == WIRE_SEND || m.type == WIRE_PART || m.type == WIRE_ACK || m.type == WIRE_BLOB_ASK))
        return true;
    if (m.type == WIRE_RESUME) session_unjoin(s);
    if (m.type == WIRE_PART && !s->joiner) s->joiner = xcalloc(1, sizeof *s->joiner);
    int r = s->joiner ? wire_join(s->joiner, &f) : 1;
    if (r < 0 || (r > 0 && !client_rows[f.type](s, f.payload))) {
        LOG(LOG_WARN, "session", "bad-frame", log_s("user", s->device->account->name),
            log_s("frame", wire_row(m.type)->name), log_u("w", l->slot));
        session_kick(s, WIRE_BAD_FRAME, "malformed frame");
    } else if (r > 0 && s->joiner) {
        session_unjoin(s);
    }
    return true;
}

static bool on_gone(struct link *l, struct slice p)
{
    struct bus_gone m;
    if (!bus_get_gone(p, &m)) return false;
    struct session *s = session_find(l, m.sid);
    struct seat *seat = link_seat(l, m.sid);
    if (s)
        session_close(s, m.polite);
    else if (seat && seat->sid == m.sid)
        seat_clear(seat);
    return true;
}

/* --- frames of a worker --- */

static const struct {
    uint8_t type;
    bool (*handle)(struct link *l, struct slice payload);
} rows[] = {
    {BUS_UP, on_up},         {BUS_DH, login_dh},  {BUS_LOGIN, login_claim},
    {BUS_ANNOUNCE, login_announce}, {BUS_GONE, on_gone},
};

static bool frame(struct stream *stream, uint8_t type, struct slice payload)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type) return rows[i].handle(stream->owner, payload);
    return false;
}

static void forget(struct link *l)
{
    struct broker *b = l->broker;
    struct link **p = &b->links;
    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    for (uint32_t i = 0; i < l->seats; i++)
        if (l->seat[i].session)
            session_close(l->seat[i].session, false);
        else
            seat_clear(&l->seat[i]);
    stream_close(&l->stream);
    transfers_unlink(l);
    free(l->seat);
    free(l);
}

static void ended(struct stream *stream, const char *why)
{
    struct link *l = stream->owner;
    struct broker *b = l->broker;
    bool nonsense = strcmp(why, STREAM_NONSENSE) == 0;
    LOG(nonsense ? LOG_WARN : LOG_INFO, "worker", "lost", log_u("w", l->slot), log_s("why", why));
    if (nonsense) {
        struct buf m = {0};
        buf_put_u32(&m, l->slot);
        buf_put_u32(&m, l->generation);
        chan_send(&b->master, CTL_BAD, &m, -1);
        buf_free(&m);
    }
    forget(l);
}

void link_open(struct broker *b, uint32_t slot, uint32_t generation, int fd)
{
    for (struct link *l = b->links, *next; l; l = next) {
        next = l->next;
        if (l->slot == slot) forget(l); /* an older generation of this worker */
    }
    struct link *l = xcalloc(1, sizeof *l);
    l->broker = b;
    l->slot = slot;
    l->generation = generation;
    l->next = b->links;
    b->links = l;
    stream_open(&l->stream, &b->loop, fd, frame, ended, l);
    transfers_link(l);
    if (b->paused) stream_pause(&l->stream, true);
    bus_put_identity(&l->stream, &b->keys.cert);
}

void link_identity(struct broker *b)
{
    for (struct link *l = b->links; l; l = l->next)
        bus_put_identity(&l->stream, &b->keys.cert);
}
