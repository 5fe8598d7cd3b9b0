/*
 * slot.c - workers' places. A slot keeps what outlives the process in it: the slab and the duplicates
 * of its connections. When its worker dies, the spare gets both and goes on with the same TCP
 * connections; a new spare is started behind it.
 *
 * Adoption: CTL_ADOPT with the slab; CTL_CONNECT for the connections that the successor wants first,
 * then a stream to the broker; CTL_CONNECT for the rest as fast as the channel takes them, CTL_ADOPTED.
 * Until that is through, the slot gets nothing new.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "master.h"
#include "slab.h"

void slot_init_one(struct master *m, unsigned number)
{
    m->slot[number] = (struct slot){.master = m, .number = number, .slab = -1};
    places_init(&m->slot[number].places, m->records);
}

void slot_init(struct master *m)
{
    for (unsigned i = 0; i < m->n_slots; i++)
        slot_init_one(m, i);
}

/* --- joining workers to the broker --- */

void slot_announce_ready(struct master *m)
{
    if (m->said_ready || !m->keeping.confirmed) return;
    for (unsigned i = 0; i < m->n_slots; i++)
        if (!m->slot[i].linked) return;
    m->said_ready = true;
    const char *addr = m->listener[0].name;
    LOG(LOG_INFO, "server", "ready", log_s("name", m->set.server.name), log_s("addr", addr),
        log_u("workers", m->n_slots), log_s("fingerprint", m->broker->fingerprint), log_s("words", m->key_words),
        log_u("took_ms", clock_mono_ms() - m->started_ms));
    if (m->set.log.format == FORMAT_PRETTY)
        dprintf(STDERR_FILENO,
                "\n  fingerprint   %s\n                %s\n  join with     " NAME " --server %s\n"
                "  look inside   " NAME "ctl --socket %s/ctl.sock status\n\n",
                m->key_words, m->broker->fingerprint, addr, m->set.server.state_dir);
}

static void join(struct slot *s)
{
    struct child *broker = s->master->broker;
    int fd[2], files[2];
    struct buf p = {0}, link = {0};
    stream_pair(fd);
    chan_pair(files);
    buf_put_u32(&p, s->number);
    buf_put_u32(&p, s->generation);
    buf_put_u32(&link, ++s->link);
    /* First what descriptors travel on: whoever has the stream has that, too. */
    chan_send(&broker->chan, CTL_WORKER_FILES, &p, files[0]);
    chan_send(&s->child->chan, CTL_FILES, &(struct buf){0}, files[1]);
    close(files[0]);
    close(files[1]);
    chan_send(&broker->chan, CTL_WORKER, &p, fd[0]);
    chan_send(&s->child->chan, CTL_BROKER, &link, fd[1]);
    buf_free(&p);
    buf_free(&link);
    close(fd[0]);
    close(fd[1]);
    s->linked = true;
}

void slot_join_all(struct master *m)
{
    if (!m->broker || m->broker->state != CHILD_READY) return;
    for (unsigned i = 0; i < m->n_slots; i++) {
        struct slot *s = &m->slot[i];
        bool serves = !s->adopting || s->handing == HANDING_REST;
        if (s->child && !s->linked && serves && s->child->state == CHILD_READY) join(s);
    }
    slot_announce_ready(m);
    listen_update(m);
}

/* --- filling --- */

static void name_slot(struct buf *p, const struct slot *s)
{
    buf_put_u32(p, s->number);
    buf_put_u32(p, s->generation);
    buf_put_u32(p, s->master->records);
}

static void start_fresh(struct slot *s)
{
    struct buf p = {0};
    if (s->slab >= 0) close(s->slab);
    s->slab = slab_make(s->master->records);
    if (s->slab < 0) fatal("cannot make a slab: %s", strerror(errno));
    name_slot(&p, s);
    chan_send(&s->child->chan, CTL_SLAB, &p, s->slab);
    buf_free(&p);
    keep_slab(s);
    LOG(LOG_INFO, "worker", "ready", log_u("w", s->number), log_i("child", s->child->pid),
        log_u("generation", s->generation));
}

/* 1 sent, 0 the channel is full, -1 the successor is gone. */
static int hand_on(struct slot *s, uint32_t index, chan_room *room)
{
    const struct place *at = &s->places.place[index];
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    char peer[BUS_PEER_MAX] = "?";
    struct buf p = {0};
    if (getpeername(at->fd, (struct sockaddr *)&from, &len) == 0)
        listen_name((struct sockaddr *)&from, peer, sizeof peer);
    buf_put_u32(&p, index);
    buf_put_u32(&p, at->generation);
    buf_put_str8(&p, peer, strlen(peer));
    int r = chan_try(&s->child->chan, CTL_CONNECT, &p, at->fd, room);
    buf_free(&p);
    if (r > 0) s->places.place[index].handed = true;
    return r;
}

static bool to_hand_on(const struct slot *s, uint32_t index)
{
    return index < s->places.high && s->places.place[index].fd >= 0 && !s->places.place[index].handed;
}

static void end_handing(struct slot *s)
{
    s->adopting = false;
    s->handing = HANDING_NONE;
    buf_free(&s->first);
}

static void go_on_handing(struct chan *c)
{
    struct slot *s = ((struct child *)c->owner)->slot;
    for (; buf_len(&s->first); buf_drop(&s->first, sizeof(uint32_t))) {
        uint32_t index = get_u32(buf_head(&s->first));
        if (to_hand_on(s, index) && hand_on(s, index, go_on_handing) <= 0) return; /* room() or SIGCHLD goes on */
    }
    if (s->handing == HANDING_FIRST) {
        s->handing = HANDING_REST;
        s->served_ms = clock_mono_ms();
        slot_join_all(s->master);
        child_fill(s->master);
    }
    for (; s->at < s->places.high; s->at++)
        if (to_hand_on(s, s->at) && hand_on(s, s->at, go_on_handing) <= 0) return;
    chan_send(c, CTL_ADOPTED, NULL, -1);
    end_handing(s);
    slot_join_all(s->master);
}

void slot_first(struct slot *s, struct slice p)
{
    if (s->handing != HANDING_ASKED || p.len % sizeof(uint32_t)) return;
    s->handing = HANDING_FIRST;
    s->n_first = (uint32_t)(p.len / sizeof(uint32_t));
    buf_put(&s->first, p.data, p.len);
    go_on_handing(&s->child->chan);
}

static void start_adoption(struct slot *s)
{
    struct buf p = {0};
    name_slot(&p, s);
    buf_put_u32(&p, s->places.high);
    buf_put_u8(&p, s->fault ? 1 : 0);
    chan_send(&s->child->chan, CTL_ADOPT, &p, s->slab);
    buf_free(&p);
    LOG(LOG_INFO, "worker", "ready", log_u("w", s->number), log_i("child", s->child->pid),
        log_u("generation", s->generation), log_u("adopts", s->places.used));
    s->adopting = true;
    s->handing = HANDING_ASKED;
    s->at = 0;
    for (uint32_t i = 0; i < s->places.high; i++)
        s->places.place[i].handed = false;
}

static struct child *take_spare(struct master *m)
{
    for (struct child **p = &m->spares; *p; p = &(*p)->next) {
        struct child *c = *p;
        if (c->state != CHILD_READY) continue;
        *p = c->next;
        c->next = NULL;
        return c;
    }
    return NULL;
}

void slot_fill(struct master *m)
{
    for (unsigned i = 0; i < m->n_slots && !m->stopping; i++) {
        struct slot *s = &m->slot[i];
        if (s->child || s->awaited || !(s->child = take_spare(m))) continue;
        s->child->slot = s;
        s->generation++;
        keep_worker(s);
        s->linked = false;
        if (s->slab < 0)
            start_fresh(s);
        else
            start_adoption(s);
    }
    child_fill(m);
}

/* --- losing a worker --- */

void slot_orphaned(struct slot *s, const struct child *dead, int status)
{
    s->child = NULL;
    s->linked = s->draining = false;
    end_handing(s);
    s->fault = child_fault(dead, status);
    s->died_ms = s->master->loop.now_ms;
    s->deaths++;
    /* Stopping in order: every client has been told; nobody is left to adopt. */
    if (s->master->stopping) s->master->connections -= places_end_all(&s->places);
    if (s->awaited) takeover_want(s);
}

bool slot_in_haste(const struct master *m)
{
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].handing == HANDING_ASKED || m->slot[i].handing == HANDING_FIRST) return true;
    return false;
}

static bool spare_ready(const struct master *m)
{
    for (const struct child *c = m->spares; c; c = c->next)
        if (c->state == CHILD_READY) return true;
    return false;
}

/* Killing is as good as asking: the slab is right at every instruction. */
void slot_restart_next(struct master *m)
{
    if (!spare_ready(m)) return;
    for (unsigned i = 0; i < m->n_slots; i++)
        if (!m->slot[i].child || m->slot[i].adopting) return; /* one at a time */
    for (unsigned i = 0; i < m->n_slots; i++) {
        struct slot *s = &m->slot[i];
        if (!s->restart) continue;
        s->restart = false;
        LOG(LOG_INFO, "worker", "restart", log_u("w", s->number), log_i("child", s->child->pid));
        child_replace(s->child);
        return;
    }
}

/* --- what a slot's worker says --- */

void slot_goes_on(struct slot *s, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t asked = cur_u32(&c), adopted = cur_u32(&c), dropped = cur_u32(&c);
    LOG(LOG_INFO, "session", "adopt", log_u("w", s->number), log_u("asked", asked), log_u("adopted", adopted),
        log_u("dropped", dropped), log_u("first", s->n_first), log_u("first_ms", s->served_ms - s->died_ms),
        log_u("took_ms", clock_mono_ms() - s->died_ms));
    slot_restart_next(s->master); /* it waits for this adoption, and for a spare, whichever comes later */
    upgrade_broker(s->master);
}

/* A slab of another release: its keys are lost to us, so its clients must dial again. */
void slot_unknown(struct slot *s, struct slice p)
{
    (void)p;
    uint32_t n = places_end_all(&s->places);
    s->master->connections -= n;
    LOG(LOG_WARN, "session", "reconnect", log_u("w", s->number), log_u("sessions", n),
        log_s("why", "the slab has another layout"));
    end_handing(s);
    start_fresh(s);
    slot_join_all(s->master);
    child_fill(s->master);
}

void slot_closed(struct slot *s, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t index = cur_u32(&c), generation = cur_u32(&c);
    if (!cur_end(&c) || !places_end(&s->places, index, generation)) return;
    keep_not(s, index, generation);
    s->master->connections--;
    listen_update(s->master);
}

/* Its stream broke although both live: the next heartbeat makes another. */
void slot_lost(struct slot *s, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    if (cur_u32(&c) == s->link) s->linked = false;
    listen_update(s->master);
}

struct slot *slot_least(struct master *m)
{
    struct slot *least = NULL;
    for (unsigned i = 0; i < m->n_slots; i++) {
        struct slot *s = &m->slot[i];
        if (!s->child || !s->linked || s->adopting || s->draining || s->places.used == s->places.size) continue;
        if (!least || s->places.used < least->places.used) least = s;
    }
    return least;
}
