/*
 * session.c - a session at the broker: which device it is, where its worker keeps it, and what its
 * coming and going sets in motion.
 */
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "blob.h"
#include "broker.h"
#include "group.h"
#include "log.h"
#include "moderation.h"

struct session *session_find(struct link *l, uint64_t sid)
{
    uint32_t i = bus_index(sid);
    struct session *s = i < l->seats ? l->seat[i].session : NULL;
    return s && s->sid == sid ? s : NULL;
}

struct session *session_late(struct broker *b, uint32_t slot, uint32_t generation, uint64_t sid)
{
    for (struct link *l = b->links; l; l = l->next)
        if (l->slot == slot && l->generation == generation) return session_find(l, sid);
    return NULL;
}

struct buf *session_begin(struct session *s, size_t *begun)
{
    *begun = bus_begin_down(&s->link->stream, s->sid);
    return &s->link->stream.out;
}

void session_end(struct session *s, size_t begun)
{
    stream_end(&s->link->stream, begun);
}

struct session *session_open(struct link *l, uint64_t sid, struct device *d, uint32_t caps,
                             uint64_t serial, struct slice peer)
{
    struct broker *b = l->broker;
    if ((caps & WIRE_CAP_RECEIVE) && d->in.receiver)
        session_kick(d->in.receiver, WIRE_ELSEWHERE, "this device receives on a newer session");
    struct session *s = xcalloc(1, sizeof *s + peer.len + 1);
    *s = (struct session){.link = l,
                          .sid = sid,
                          .serial = serial,
                          .since_ms = clock_wall_ms(),
                          .device = d,
                          .next = d->session,
                          .caps = caps};
    /* A worker may say anything, and an operator reads it: an address is plain text. */
    for (size_t i = 0; i < peer.len; i++)
        s->peer[i] = peer.data[i] > ' ' && peer.data[i] < 0x7f ? (char)peer.data[i] : '?';
    d->session = s;
    d->account->sessions++;
    d->account->since_ms = s->since_ms;
    struct seat *seat = link_seat(l, sid);
    seat_clear(seat);
    *seat = (struct seat){.sid = sid, .session = s};
    b->sessions++;
    if (caps & WIRE_CAP_RECEIVE) {
        d->account->receiving++;
        inbox_attach(b, d, s);
    }
    return s;
}

static void unlink_session(struct session *s)
{
    struct session **p = &s->device->session;
    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
}

void session_close(struct session *s, bool polite)
{
    struct broker *b = s->link->broker;
    struct account *a = s->device->account;
    if (b->guests) admit_left(s);
    lobby_part(s);
    groups_left(s);
    transfers_forget(s);
    if (s->device->in.receiver == s) inbox_detach(b, s->device);
    unlink_session(s);
    if (!s->device->session) refuse_drop_all(&s->device->out); /* it comes again, as after any end */
    seat_clear(&s->link->seat[bus_index(s->sid)]);
    b->sessions--;
    a->sessions--;
    a->since_ms = clock_wall_ms();
    if (s->caps & WIRE_CAP_RECEIVE) {
        a->receiving--;
        /* It ended before it could tell whether it is in the lobby; most are. */
        if (s->returned && s->resyncing && (s->caps & WIRE_CAP_LOBBY)) presence_returned(a);
        if (a->receiving == 0) presence_left(b, a, polite);
    }
    session_unjoin(s);
    free(s->watch);
    free(s);
}

void session_unjoin(struct session *s)
{
    if (s->joiner) wire_join_reset(s->joiner);
    free(s->joiner);
    s->joiner = NULL;
}

void session_kick(struct session *s, uint16_t code, const char *text)
{
    bus_put_kick(&s->link->stream, s->sid, code, 0, text);
    session_close(s, false);
}

void session_resync(struct session *s)
{
    size_t at;
    s->resyncing = true;
    s->token = (s->link->broker->incarnation << 32) + ++s->link->broker->resyncs;
    if (s->device->in.receiver == s) inbox_hold(s->device);
    lobby_hold(s);
    groups_left(s);
    transfers_reset(s);
    wire_put_resync(session_begin(s, &at), s->link->broker->incarnation, s->token);
    session_end(s, at);
}

void session_resume(struct session *s, const struct wire_resume *r)
{
    struct broker *b = s->link->broker;
    session_unjoin(s);
    if (s->returned && s->resyncing) moderation_welcome(s); /* what holds may have changed with the last broker */
    if (s->returned && s->resyncing) blobs_welcome(s);
    s->resyncing = false;
    if (r->next_id > 0) route_resume(s, r->next_id);
    if (!(s->caps & WIRE_CAP_RECEIVE)) return;
    inbox_resend(b, s->device, r);
    if (r->lobby_seen == WIRE_NOT_IN_LOBBY)
        lobby_part(s); /* it had left before the last broker died, and its ticket does not say so */
    else if (lobby_in(s))
        lobby_resume(s, r->lobby_seen);
    else if ((s->caps & WIRE_CAP_LOBBY) && !moderation_keeps_out(s))
        lobby_join(s, r->lobby_seen);
}
