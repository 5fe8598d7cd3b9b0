/*
 * uplink.c - the stream to the broker: what comes down it, and what happens when it ends.
 *
 * A broker that dies takes nothing with it: sessions stay, their clients are not read, and the next
 * broker is told of each open session with the ticket that the last one gave.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "worker.h"

bool uplink_up(const struct worker *w)
{
    return w->broker.open;
}

static bool on_identity(struct worker *w, struct slice p)
{
    w->have_cert = bus_get_identity(p, &w->cert);
    session_release(w);
    return w->have_cert;
}

static bool on_dh_done(struct worker *w, struct slice p)
{
    struct bus_dh_done m;
    if (!bus_get_dh_done(p, &m)) return false;
    struct session *s = session_find(w, m.sid);
    if (!s || s->state != SESSION_DH) return true;
    if (m.ok)
        handshake_due(s, m.result, m.challenge);
    else
        handshake_refuse(s, WIRE_REFUSE_BUSY, "busy");
    return true;
}

static bool on_logged(struct worker *w, struct slice p)
{
    struct bus_logged m;
    if (!bus_get_logged(p, &m)) return false;
    struct session *s = session_find(w, m.sid);
    if (!s || s->state != SESSION_LOGGING) return true;
    struct slab_record *r = &w->slab.record[s->index];
    r->name_len = (uint8_t)m.name.len;
    memcpy(r->name, m.name.data, m.name.len);
    memcpy(r->ticket, m.ticket, BUS_TICKET);
    r->phase = SLAB_OPEN;
    s->state = SESSION_OPEN;
    handshake_forget(s);
    session_settled(s);
#ifdef FAULTS
    /* A taken-over worker, for tests: it says what no worker may say. */
    if (m.name.len == 8 && memcmp(m.name.data, "nonsense", 8) == 0)
        bus_put_up(&w->broker, m.sid, WIRE_WELCOME, (struct slice){(const uint8_t *)"x", 1});
#endif
    char name[WIRE_NAME_MAX + 1] = {0};
    memcpy(name, m.name.data, m.name.len);
    LOG(LOG_INFO, "session", "open", log_s("user", name), log_u("w", w->slot), log_s("peer", s->peer));
    session_process(s);
    return true;
}

/* The same frames for a crowd: a record of them is made once, and sealed for each without another copy. */
static void down_many(struct worker *w, const struct bus_down *m)
{
    size_t n = m->frames.len, pad = n <= WIRE_PLAIN_MAX ? wire_padding(n) : 0;
    bool fits = n + pad <= WIRE_PLAIN_MAX;
    uint8_t *plain = w->plain; /* no record is in hand while the broker speaks */
    if (fits) {
        memcpy(plain, m->frames.data, n);
        if (pad) wire_put_pad(plain + n, pad);
    }
    for (unsigned i = 0; i < m->n; i++) {
        struct session *s = session_find(w, get_u64(m->sids + 8 * i));
        if (!s || s->state != SESSION_OPEN) continue;
        if (fits && buf_len(&s->out) == 0 && record_put(s, plain, n + pad) > 0)
            session_touch(s);
        else
            session_send(s, m->frames.data, n);
    }
}

static bool on_down(struct worker *w, struct slice p)
{
    struct bus_down m;
    if (!bus_get_down(p, &m)) return false;
    if (m.n > 1) {
        down_many(w, &m);
    } else if (m.n == 1) {
        struct session *s = session_find(w, get_u64(m.sids));
        if (s && s->state == SESSION_OPEN) session_send(s, m.frames.data, m.frames.len);
    }
    w->out += m.n;
    return true;
}

static bool on_kick(struct worker *w, struct slice p)
{
    struct bus_kick m;
    if (!bus_get_kick(p, &m) || m.text.len > 1024) return false;
    struct session *s = session_find(w, m.sid);
    if (!s) return true;
    char text[1025];
    memcpy(text, m.text.data, m.text.len);
    text[m.text.len] = 0;
    session_refuse(s, m.code, m.retry_ms, text, wire_code_name(m.code));
    return true;
}

static const struct {
    uint8_t type;
    bool (*handle)(struct worker *w, struct slice payload);
} rows[] = {
    {BUS_IDENTITY, on_identity}, {BUS_DH_DONE, on_dh_done}, {BUS_LOGGED, on_logged},
    {BUS_DOWN, on_down},         {BUS_KICK, on_kick},
};

static bool frame(struct stream *s, uint8_t type, struct slice payload)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type) return rows[i].handle(s->owner, payload);
    return false;
}

/* A session that was between states asks again; one whose challenge died with the broker dials again. */
static void orphan(struct session *s)
{
    if (s->state == SESSION_LOGIN || s->state == SESSION_LOGGING)
        session_refuse(s, WIRE_RECONNECT, 0, "come again", "broker-away");
    else if (s->state == SESSION_DH)
        session_drop(s, "broker-away");
}

static void ended(struct stream *s, const char *why)
{
    struct worker *w = s->owner;
    LOG(w->stopping ? LOG_DEBUG : LOG_WARN, "broker", "lost", log_u("w", w->slot), log_s("why", why));
    stream_close(s);
    w->lost_ms = w->loop.now_ms;
    w->have_cert = false;
    w->n_due = 0;
    struct buf m = {0};
    buf_put_u32(&m, w->link);
    chan_send(&w->master, CTL_LOST, &m, -1);
    buf_free(&m);
    for (uint32_t i = 0; i < w->slab.records; i++)
        if (w->session[i]) orphan(w->session[i]);
}

/* --- who left lately --- */

/*
 * A broker that dies takes along what it had heard of this but not told yet. So the next one hears that they
 * were there, and then that they went; and everybody learns it who knew of them.
 */
struct gone {
    struct gone *next;
    uint64_t sid, when_ms;
    uint8_t ticket[BUS_TICKET];
    bool polite;
    char peer[];
};

static void remember(const struct session *s)
{
    struct worker *w = s->worker;
    const struct slab_record *r = &w->slab.record[s->index];
    if (r->name_len == 0) return; /* it never was signed in */
    size_t n = strlen(s->peer) + 1;
    struct gone *g = xmalloc(sizeof *g + n);
    *g = (struct gone){.sid = bus_sid(s->index, s->generation), .when_ms = w->loop.now_ms, .polite = s->polite};
    memcpy(g->ticket, r->ticket, sizeof g->ticket);
    memcpy(g->peer, s->peer, n);
    *(w->gone ? &w->last_gone->next : &w->gone) = g;
    w->last_gone = g;
    if (!w->tick.armed) loop_timer_set(&w->loop, &w->tick, WORKER_TICK_MS);
}

static struct gone *take_gone(struct worker *w)
{
    struct gone *g = w->gone;
    w->gone = g->next;
    return g;
}

/* How long a broker may keep it to itself: who goes on purpose is told of at the next tick, others after the grace time. */
static uint64_t secret_ms(const struct worker *w, const struct gone *g)
{
    return w->set.presence.tick + (g->polite ? 0 : w->set.presence.grace);
}

static void tell_gone(struct worker *w)
{
    while (w->gone) {
        struct gone *g = take_gone(w);
        if (g->when_ms + secret_ms(w, g) >= w->lost_ms) {
            bus_put_announce(&w->broker, g->sid, g->ticket, g->peer);
            bus_put_gone(&w->broker, g->sid, g->polite);
        }
        free(g);
    }
}

void uplink_gone(const struct session *s)
{
    struct worker *w = s->worker;
    if (uplink_up(w)) bus_put_gone(&w->broker, bus_sid(s->index, s->generation), s->polite);
    remember(s);
}

bool uplink_tick(struct worker *w)
{
    uint64_t most = w->set.presence.tick + w->set.presence.grace;
    while (w->gone && uplink_up(w) && w->gone->when_ms + most < w->loop.now_ms)
        free(take_gone(w));
    return w->gone != NULL;
}

void uplink_announce(struct session *s)
{
    struct worker *w = s->worker;
    if (uplink_up(w))
        bus_put_announce(&w->broker, bus_sid(s->index, s->generation), w->slab.record[s->index].ticket, s->peer);
}

void uplink_open(struct worker *w, int fd)
{
    if (w->broker.open) stream_close(&w->broker);
    stream_open(&w->broker, &w->loop, fd, frame, ended, w);
    tell_gone(w);
    for (uint32_t i = 0; i < w->slab.records; i++) {
        if (w->session[i] && w->session[i]->state == SESSION_OPEN) uplink_announce(w->session[i]);
    }
    session_release(w);
}
