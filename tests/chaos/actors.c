/* actors.c - see actors.h. */
#include "actors.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../../client/client.h"
#include "circle.h"
#include "killer.h"
#include "log.h"
#include "text.h"

enum {
    AT_ONCE = 128, /* logins under way at the beginning */
    LOGIN_MS = 120000,
    TIMERS_MS = 10,   /* how often timers of the busy are looked at */
    IDLE_TIMERS = 25, /* of the idle: every so many of these times */
    COMERS = 10,      /* one in so many comes and goes */
    BATCH = 1024,
    NOBODY = LEDGER_ROOM - 1, /* as a recipient */
    TO_NOBODY = 300,          /* one message in so many */
    TO_GROUP = 24,            /* of those who are in one */
};

/* A message that is not settled. */
struct pending {
    uint64_t id;
    unsigned to;
    uint64_t number;
};

struct actor {
    struct client *client;
    struct vault *vault;
    struct identity id;
    char name[NAME_LEN];
    unsigned number;
    int fd; /* as epoll knows it */
    uint32_t events;
    bool idle, comes, open, leaving, awaited;
    uint64_t luck, turn_us; /* comers: when to leave or to come back */
    unsigned partner, burst;
    struct pending *pending; /* at most o->window */
    unsigned n;
    uint64_t seen;     /* place in the room */
    bool in_group;
    struct circle circle;
    uint64_t quiet_us; /* since when it hears nothing although something is under way */
};

static struct {
    struct shared *s;
    const struct options *o;
    struct ledger *ledger;
    struct rooms *rooms;
    struct actor *actor;
    unsigned n, busy, here;
    int epfd;
    uint64_t heard_us, timers_us, since_us, last_us;
    unsigned turns, waiting;
    struct actors_counts counts;
} all;

/* --- gaps: the longest time that a connected client hears nothing while something is under way ---
 */

static void heard(struct actor *a)
{
    uint64_t now = now_us();
    if (a->open && !a->idle && ledger_owed(all.ledger, a->number) &&
        now - a->quiet_us > all.counts.worst_gap_us) {
        all.counts.worst_gap_us = now - a->quiet_us;
        all.counts.worst_who = a->number;
        all.counts.worst_at_us = now;
    }
    a->quiet_us = now;
}

/* --- sending --- */

static void put(struct actor *a, unsigned to)
{
    char name[NAME_LEN] = "#lobby";
    uint64_t id, now = now_us();
    const bool group = to >= CIRCLE_TO, room = to == LEDGER_ROOM || group;
    if (to < all.busy && ledger_owed(all.ledger, to) == 0) all.actor[to].quiet_us = now;
    uint64_t number = group ? rooms_send(all.rooms, to - CIRCLE_TO, a->number) : ledger_send(all.ledger, a->number, to);
    const struct ledger_message m = {a->number, to, number, now, group ? a->circle.seen : a->seen};
    if (group) circle_name(name, to - CIRCLE_TO);
    if (!room) text_name(name, to);
    if (client_send(a->client, room ? WIRE_TO_ROOM : WIRE_TO_USER, name, WIRE_FORM_SAYS, text_of(&m), &id))
        fatal("%s cannot send", a->name);
    a->pending[a->n++] = (struct pending){id, to, m.number};
}

/* No part of the ledger: nobody will get it. */
static void put_to_nobody(struct actor *a)
{
    const struct slice text = {(const uint8_t *)"?", 1};
    uint64_t id;
    if (client_send(a->client, WIRE_TO_USER, "nobody", WIRE_FORM_SAYS, text, &id))
        fatal("%s cannot send", a->name);
    a->pending[a->n++] = (struct pending){id, NOBODY, 1};
    all.counts.to_nobody++;
}

static bool in_room(unsigned number)
{
    return number % 2 == 0;
}

/* In turn the one to the left and to the right, so that everybody is written to all the time. */
static unsigned neighbour(struct actor *a)
{
    unsigned step = a->burst++ % 2 ? 1 : all.busy - 1;
    return (a->number + step) % all.busy;
}

/* A few messages in a row to the same one, so that their order means something. */
static unsigned choose(struct actor *a)
{
    if (all.o->lobby_every && in_room(a->number) && luck_of(&a->luck, all.o->lobby_every) == 0)
        return LEDGER_ROOM;
    if (a->in_group && a->circle.in && luck_of(&a->luck, TO_GROUP) == 0) return CIRCLE_TO + a->circle.group;
    if (all.o->repair) return neighbour(a);
    while (a->burst == 0 || a->partner == a->number) {
        a->partner = luck_of(&a->luck, all.o->clients + all.o->homes);
        a->burst = 1 + luck_of(&a->luck, 12);
    }
    a->burst--;
    return a->partner;
}

static void speak(struct actor *a)
{
    int phase = phase_of(all.s);
    if (phase != PHASE_RUN && phase != PHASE_CALM) return;
    if (a->idle || !a->open || a->leaving) return;
    while (a->n < all.o->window)
        if (!all.o->repair && luck_of(&a->luck, TO_NOBODY) == 0)
            put_to_nobody(a);
        else
            put(a, choose(a));
}

/* The one with this id; number 0 when there is none, which would be the client's fault. Those to others
 * may be settled before it. */
static struct pending settled(struct actor *a, uint64_t id)
{
    for (unsigned i = 0; i < a->n; i++) {
        struct pending p = a->pending[i];
        if (p.id != id) continue;
        a->pending[i] = a->pending[--a->n];
        return p;
    }
    fprintf(stderr, "chaos: %s was told of a message that it had not sent or knew about\n", a->name);
    all.counts.failures++;
    return (struct pending){0};
}

/* --- events --- */

static void got_line(struct actor *a, const struct client_event *e)
{
    unsigned group;
    struct rooms_line l;
    uint64_t now = now_us();
    all.heard_us = now;
    if (!circle_of(e->message.m, &group) || group >= circle_count(all.o) ||
        !circle_read(e->message.m, e->message.how, group, &l)) {
        ledger_got_nonsense(all.ledger, a->number, "in a group", now);
        return;
    }
    circle_line(&a->circle, &l);
    rooms_got(all.rooms, group, a->number, &l, now);
}

static bool in_lobby(const struct wire_deliver *d)
{
    return d->to.len == 6 && memcmp(d->to.data, "#lobby", 6) == 0;
}

static void got(struct actor *a, const struct wire_deliver *d)
{
    struct ledger_message m;
    char shown[80];
    uint64_t now = now_us();
    all.heard_us = now;
    if (!text_read(d->body, &m)) {
        log_escape(shown, sizeof shown, (const char *)d->body.data,
                   d->body.len < 40 ? d->body.len : 40);
        ledger_got_nonsense(all.ledger, a->number, shown, now);
        return;
    }
    if (a->awaited && m.sent_us >= all.since_us) {
        a->awaited = false;
        all.waiting--;
        all.last_us = now;
    }
    if (d->flags & WIRE_FLAG_ROOM) {
        a->seen = d->seq;
        ledger_got_room(all.ledger, a->number, d->seq, &m, now);
    } else {
        ledger_got(all.ledger, a->number, &m, now);
    }
}

static void lost(struct actor *a, const struct client_event *e)
{
    if (a->open) {
        a->open = false;
        all.here--;
        all.counts.reconnects++;
        killer_tell_lost(all.s, a->name, e->lost.code, e->lost.reason);
    }
}

static void failed(struct actor *a, const struct client_event *e)
{
    fprintf(stderr, "chaos: at %.3f s %s failed: %s: %s\n", (double)now_us() / 1e6, a->name,
            e->failed.code, e->failed.text);
    all.counts.failures++;
    all.here -= a->open;
    a->open = false;
    client_connect(a->client);
}

static void accepted(struct actor *a, uint64_t id)
{
    struct pending p = settled(a, id);
    if (p.to >= CIRCLE_TO) rooms_settled(all.rooms, p.to - CIRCLE_TO, a->number, p.number, true);
    if (p.to != NOBODY) return;
    fprintf(stderr, "chaos: %s was told that a message to nobody is accepted\n", a->name);
    all.counts.failures++;
}

static void refused(struct actor *a, const struct wire_rejected *r)
{
    char why[160];
    struct pending p = settled(a, r->id);
    if (p.to == NOBODY && r->code == WIRE_NO_SUCH_USER) {
        all.counts.refused++;
        return;
    }
    if (p.to >= CIRCLE_TO) rooms_settled(all.rooms, p.to - CIRCLE_TO, a->number, p.number, false);
    if (p.to >= CIRCLE_TO && r->code == WIRE_NOT_MEMBER && circle_moves(&a->circle)) return;
    snprintf(why, sizeof why, "%s: %.*s", wire_code_name(r->code), (int)r->text.len,
             (const char *)r->text.data);
    if (p.to >= CIRCLE_TO) {
        fprintf(stderr, "chaos: at %.3f s a message of %s to its group was refused: %s\n", (double)now_us() / 1e6,
                a->name, why);
        all.counts.failures++;
        return;
    }
    if (p.number) ledger_refused(all.ledger, a->number, p.to, p.number, why, now_us());
}

static void on_event(void *arg, const struct client_event *e)
{
    struct actor *a = arg;
    switch (e->type) {
    case CLIENT_CONNECTED:
        a->open = true;
        all.here++;
        a->quiet_us = now_us();
        break;
    case CLIENT_LOST: lost(a, e); break;
    case CLIENT_FAILED: failed(a, e); break;
    case CLIENT_LEFT:
        all.here -= a->open;
        a->open = false;
        break;
    case CLIENT_MESSAGE:
        heard(a);
        if ((e->message.m->flags & WIRE_FLAG_ROOM) && !in_lobby(e->message.m))
            got_line(a, e);
        else
            got(a, e->message.m);
        break;
    case CLIENT_ORDER: circle_ordered(&a->circle, e); break;
    case CLIENT_ACCEPTED:
        heard(a);
        accepted(a, e->accepted->id);
        break;
    case CLIENT_REJECTED: refused(a, e->rejected); break;
    default: break;
    }
    speak(a);
}

/* --- making --- */

static void make_client(struct actor *a)
{
    uint32_t caps = WIRE_CAP_RECEIVE | (!a->idle && in_room(a->number) ? WIRE_CAP_LOBBY : 0u);
    a->client = client_new(&(struct client_options){.host = all.s->host,
                                                    .port = all.s->port,
                                                    .user = a->name,
                                                    .caps = caps,
                                                    .identity = &a->id,
                                                    .vault = a->vault,
                                                    .event = on_event,
                                                    .arg = a});
}

static void make(struct actor *a, unsigned number, bool idle)
{
    a->number = number;
    a->idle = idle;
    a->fd = -1;
    a->luck = all.o->seed ^ (uint64_t)number << 32;
    a->comes = !idle && !all.o->repair && number % COMERS == COMERS - 1;
    if (!idle) a->pending = xcalloc(all.o->window, sizeof *a->pending);
    text_name(a->name, number);
    text_identity(&a->id, number);
    a->vault = vault_memory();
    a->in_group = !idle && circle_join(&a->circle, all.o, number);
    make_client(a);
    if (!idle && in_room(number)) ledger_join(all.ledger, number, true);
}

void actors_make(struct shared *s, const struct options *o, struct ledger *l, struct rooms *r)
{
    all.s = s;
    all.o = o;
    all.ledger = l;
    all.rooms = r;
    all.busy = o->clients;
    all.n = o->clients + o->idle;
    all.actor = xcalloc(all.n, sizeof *all.actor);
    all.epfd = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < all.n; i++) /* the idle have numbers above the homes' */
        make(&all.actor[i], i < o->clients ? i : i + o->homes, i >= o->clients);
}

void actors_free(void)
{
    for (unsigned i = 0; i < all.n; i++) {
        client_free(all.actor[i].client);
        vault_close(all.actor[i].vault);
        free(all.actor[i].pending);
    }
    free(all.actor);
}

/* --- turns --- */

/* Keeps epoll in step with what the client waits for. */
static void watch(struct actor *a)
{
    int fd = client_fd(a->client);
    short wants = fd >= 0 ? client_wants(a->client) : 0;
    uint32_t events = (wants & POLLIN ? EPOLLIN : 0u) | (wants & POLLOUT ? EPOLLOUT : 0u);
    struct epoll_event e = {.events = events, .data.ptr = a};
    if (fd == a->fd && events == a->events) return;
    if (fd >= 0 && epoll_ctl(all.epfd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT)
        epoll_ctl(all.epfd, EPOLL_CTL_ADD, fd, &e);
    a->fd = fd;
    a->events = events;
}

static void step(struct actor *a, short revents)
{
    client_step(a->client, revents);
    watch(a);
}

/* Leaves, in order or without a word; what is in the outbox is waited for, as others wait for it.
 */
static void go(struct actor *a)
{
    a->leaving = true;
    if (a->n > 0) return;
    a->turn_us = now_us() + 1000u * (500 + luck_of(&a->luck, 3500));
    if (luck_of(&a->luck, 2) == 0) {
        client_bye(a->client);
    } else {
        client_free(a->client);
        all.here--;
        a->open = false;
        circle_reset(&a->circle);
        make_client(a);
    }
    step(a, 0);
}

static void come_and_go(struct actor *a)
{
    int phase = phase_of(all.s);
    bool off = client_state(a->client) == CLIENT_OFF;
    if (off && (now_us() >= a->turn_us || phase >= PHASE_CALM)) {
        a->leaving = false;
        a->turn_us = now_us() + 1000u * (500 + luck_of(&a->luck, 5000));
        client_connect(a->client);
        step(a, 0);
    } else if (phase == PHASE_RUN && a->open && now_us() >= a->turn_us &&
               client_state(a->client) == CLIENT_OPEN) {
        go(a);
    } else if (phase > PHASE_RUN && a->open && a->leaving &&
               client_state(a->client) == CLIENT_OPEN) {
        a->leaving = false;
    }
}

/* Whoever may leave does so while things are killed; in the calm time everybody comes in. */
static bool in_time(const struct actor *a)
{
    int phase = phase_of(all.s);
    return phase == PHASE_RUN || (phase == PHASE_CALM && !a->circle.in);
}

static void timers(void)
{
    uint64_t now = now_us();
    if (now < all.timers_us) return;
    all.timers_us = now + TIMERS_MS * 1000;
    unsigned upto = all.turns++ % IDLE_TIMERS == 0 ? all.n : all.busy;
    for (unsigned i = 0; i < upto; i++) {
        struct actor *a = &all.actor[i];
        if (a->in_group && a->open && !a->leaving && in_time(a)) circle_turn(&a->circle, a->client);
        speak(a);
        if (client_timeout_ms(a->client) == 0) step(a, 0);
        if (a->comes && phase_of(all.s) >= PHASE_RUN) come_and_go(a);
    }
}

void actors_turn(int ms)
{
    static struct epoll_event events[BATCH];
    int n = epoll_wait(all.epfd, events, BATCH, ms);
    for (int i = 0; i < n; i++) {
        uint32_t e = events[i].events;
        step(events[i].data.ptr, (short)((e & EPOLLIN ? POLLIN : 0) | (e & EPOLLOUT ? POLLOUT : 0) |
                                         (e & (EPOLLHUP | EPOLLERR) ? POLLHUP : 0)));
    }
    timers();
}

bool actors_log_in(void)
{
    unsigned next = 0;
    uint64_t deadline = now_us() + LOGIN_MS * 1000u;
    while (all.here < all.n && now_us() < deadline) {
        for (; next < all.n && next - all.here < AT_ONCE; next++) {
            client_connect(all.actor[next].client);
            step(&all.actor[next], 0);
        }
        actors_turn(10);
    }
    if (all.here < all.n)
        fprintf(stderr, "chaos: only %u of %u clients came in\n", all.here, all.n);
    return all.here == all.n;
}

/* --- questions --- */

bool actors_settled(void)
{
    if (all.here < all.n) return false;
    for (unsigned i = 0; i < all.busy; i++)
        if (all.actor[i].n) return false;
    return true;
}

uint64_t actors_last_heard(void)
{
    return all.heard_us;
}

void actors_await(uint64_t since_us)
{
    all.since_us = since_us;
    all.waiting = all.busy;
    for (unsigned i = 0; i < all.busy; i++)
        all.actor[i].awaited = true;
}

unsigned actors_waiting(uint64_t *last_us)
{
    *last_us = all.last_us;
    return all.waiting;
}

struct actors_counts actors_counts(void)
{
    return all.counts;
}
