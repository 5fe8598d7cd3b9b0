/*
 * takeover.c - a new master finds the old one's keeper alive: it takes over listening sockets, children,
 * slabs and connections, and nobody outside notices.
 *
 * The keeper answers on the takeover socket. It tells which processes there are, each by its pidfd, which
 * is what we watch and, if need be, kill; and introduces us to them. A living worker hands over its slab
 * and a duplicate of every connection itself, since it knows best. What a dead one had, the keeper gives.
 * When everything is known and a keeper of our own has it all, the old one is told to stop.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local.h"
#include "log.h"
#include "master.h"

enum { KEEPER_MS = 2000, KEEPER_TRIES = 5 };

static const char socket_name[] = "takeover.sock", next_name[] = "takeover.next";

static const char *path_of(const struct master *m, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", m->set.server.state_dir, name);
    return out;
}

/* --- where a next master will call --- */

void takeover_prepare(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    m->takeover_fd = local_listen_packets(path_of(m, next_name, path, sizeof path));
    if (m->takeover_fd < 0) fatal("cannot make the takeover socket %s: %s", path, strerror(errno));
}

void takeover_complete(struct master *m)
{
    char from[SETTINGS_PATH_LEN + 16], to[SETTINGS_PATH_LEN + 16];
    if (!m->takeover_named && rename(path_of(m, next_name, from, sizeof from), path_of(m, socket_name, to, sizeof to)))
        fatal("cannot rename %s to %s: %s", from, to, strerror(errno));
    m->takeover_named = true;
    if (m->old.loop) chan_send(&m->old, CTL_STOP, NULL, -1);
}

void takeover_forget(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    unlink(path_of(m, m->takeover_named ? socket_name : next_name, path, sizeof path));
    if (m->old.loop) chan_send(&m->old, CTL_STOP, NULL, -1);
}

/* --- who there is --- */

/* What the kernel says of a pidfd; 0 when that process is gone. */
static pid_t pid_of(int pidfd)
{
    char path[64], line[128];
    long pid = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Pid:", 4) == 0) pid = strtol(line + 4, NULL, 10);
    if (f) fclose(f);
    return pid > 0 ? (pid_t)pid : 0;
}

/* A process of the old master's: ours from now on, and introduced to us over a channel of our own. */
static struct child *meet(struct master *m, enum child_role role, uint32_t process, int pidfd)
{
    int fd[2];
    struct buf p = {0};
    chan_pair(fd);
    struct child *c = child_adopted(m, role, fd[0]);
    c->pid = pid_of(pidfd);
    child_watch_pidfd(c, pidfd);
    buf_put_u32(&p, process);
    chan_send(&m->old, CTL_INTRODUCE, &p, fd[1]);
    buf_free(&p);
    close(fd[1]);
    return c;
}

static void on_process(struct master *m, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t process = cur_u32(&c), generation = cur_u32(&c);
    if (process == CTL_BROKER_SLOT && !m->broker && fd >= 0) {
        m->broker = meet(m, CHILD_BROKER, process, fd);
        m->broker_generation = generation;
        return;
    }
    if (process >= MASTER_WORKERS_MAX) {
        if (fd >= 0) close(fd);
        return;
    }
    while (m->n_slots <= process)
        slot_init_one(m, m->n_slots++);
    struct slot *s = &m->slot[process];
    s->generation = generation;
    s->awaited = true;
    if (fd < 0) { /* its worker had died before the last master did */
        takeover_want(s);
        return;
    }
    s->child = meet(m, CHILD_WORKER, process, fd);
    s->child->slot = s;
}

static void on_listen(struct master *m, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct slice name = cur_str8(&c);
    char text[64] = "";
    memcpy(text, name.data, name.len < sizeof text ? name.len : sizeof text - 1);
    listen_take(m, fd, text);
}

/* Once everything is known, what waited for that can begin. */
static void look_whole(struct master *m)
{
    if (m->whole || m->taking_over) return;
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].awaited) return;
    m->whole = true;
    keep_all(m);
    upgrade_children(m);
}

static void on_all(struct master *m)
{
    m->taking_over = false;
    LOG(LOG_INFO, "server", "takeover", log_i("broker", m->broker ? m->broker->pid : 0),
        log_u("listeners", (uint64_t)m->n_listeners), log_u("workers", m->n_slots));
    child_send_settings(m);
    child_fill(m);
    look_whole(m);
}

/* --- what a living worker hands over --- */

static void on_hold(struct child *c, struct slice p, int fd)
{
    struct slot *s = c->slot;
    struct cur cur = cur_of(p.data, p.len);
    uint32_t number = cur_u32(&cur), generation = cur_u32(&cur);
    s->link = cur_u32(&cur);
    uint32_t newest = cur_u32(&cur);
    struct slice sandbox = cur_str16(&cur);
    if (!cur_end(&cur) || number != s->number || generation != s->generation || s->slab >= 0 || fd < 0) {
        if (fd >= 0) close(fd);
        return;
    }
    child_describe(c, sandbox);
    s->slab = fd;
    if (newest > s->places.floor) s->places.floor = newest; /* no name is given twice to one worker */
}

static void take(struct slot *s, uint32_t index, uint32_t generation, int fd)
{
    if (places_put(&s->places, fd, index, generation))
        s->master->connections++;
    else
        close(fd); /* we have it already, from the worker before it died */
}

static void on_held(struct child *c, struct slice p, int fd)
{
    struct cur cur = cur_of(p.data, p.len);
    uint32_t index = cur_u32(&cur), generation = cur_u32(&cur);
    if (fd >= 0) take(c->slot, index, generation, fd);
}

static void on_served(struct child *c)
{
    struct slot *s = c->slot;
    struct master *m = c->master;
    s->awaited = false;
    /* Its stream leads to the broker that we took over, if that one still lives. */
    s->linked = s->link > 0 && m->broker && m->broker->pidfd.fd >= 0;
    c->state = CHILD_READY;
    c->alive_ms = m->loop.now_ms;
    LOG(LOG_INFO, "worker", "ready", log_u("w", s->number), log_i("child", c->pid), log_u("generation", s->generation),
        log_u("holds", s->places.used));
    slot_join_all(m);
    look_whole(m);
}

static void on_hello(struct child *broker, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    child_describe(broker, cur_str16(&c));
    child_identify(broker, &c);
    broker->state = CHILD_READY;
    broker->alive_ms = broker->master->loop.now_ms;
    slot_join_all(broker->master);
}

/* Packets of a takeover. False: not one of them, or not of this child. */
bool takeover_packet(struct child *c, uint8_t type, struct slice p, int fd)
{
    if (c->state != CHILD_STARTING || c->pidfd.fd < 0) return false;
    if (c->role == CHILD_BROKER && type == CTL_HELLO) {
        on_hello(c, p);
        return true;
    }
    if (c->role != CHILD_WORKER) return false;
    switch (type) {
    case CTL_HOLD: on_hold(c, p, fd); return true;
    case CTL_HELD: on_held(c, p, fd); return true;
    case CTL_SERVED: on_served(c); return true;
    default: return false;
    }
}

/* --- what a dead worker had --- */

void takeover_want(struct slot *s)
{
    struct master *m = s->master;
    struct buf p = {0};
    buf_put_u32(&p, s->number);
    if (!m->old.loop || m->old.closed || chan_send(&m->old, CTL_WANT, &p, -1)) {
        LOG(LOG_ERROR, "worker", "unknown", log_u("w", s->number),
            log_s("why", "master, worker and keeper died together: its connections are lost"));
        s->awaited = false;
    }
    buf_free(&p);
}

static struct slot *slot_named(struct master *m, struct cur *c)
{
    uint32_t number = cur_u32(c);
    return number < m->n_slots && m->slot[number].awaited && !m->slot[number].child ? &m->slot[number] : NULL;
}

static void on_slab(struct master *m, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct slot *s = slot_named(m, &c);
    if (!s || fd < 0) {
        if (fd >= 0) close(fd);
        return;
    }
    if (s->slab >= 0) close(s->slab);
    s->slab = fd;
}

static void on_keep(struct master *m, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct slot *s = slot_named(m, &c);
    uint32_t index = cur_u32(&c), generation = cur_u32(&c);
    if (fd < 0) return;
    if (s)
        take(s, index, generation, fd);
    else
        close(fd);
}

static void on_given(struct master *m, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    struct slot *s = slot_named(m, &c);
    if (!s) return;
    s->awaited = false;
    s->died_ms = m->loop.now_ms;
    slot_fill(m);
    look_whole(m);
}

/* --- the old keeper --- */

static void packet(struct chan *c, uint8_t type, struct slice p, int fd)
{
    struct master *m = c->owner;
    switch (type) {
    case CTL_LISTEN: on_listen(m, p, fd); return;
    case CTL_PROCESS: on_process(m, p, fd); return;
    case CTL_ALL: on_all(m); return;
    case CTL_KEEP_SLAB: on_slab(m, p, fd); return;
    case CTL_KEEP: on_keep(m, p, fd); return;
    case CTL_GIVEN: on_given(m, p); return;
    default:
        if (fd >= 0) close(fd);
    }
}

static void ended(struct chan *c)
{
    struct master *m = c->owner;
    chan_close(c);
    if (m->taking_over) fatal("the old server's keeper went away during the takeover; start again");
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].awaited && !m->slot[i].child) takeover_want(&m->slot[i]);
    slot_fill(m);
    look_whole(m);
}

/* It speaks first. One that hangs up instead was just dying, as after kill -9 of everything. */
static bool speaks(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    while (poll(&p, 1, KEEPER_MS) < 0 && errno == EINTR)
        ;
    ssize_t n = recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && errno == EAGAIN); /* or is only slow */
}

/* The keeper of a server that runs; -1: there is none. */
static int call_keeper(const char *path)
{
    for (int try = 0; try < KEEPER_TRIES; try++) {
        int fd = local_connect_packets(path);
        if (fd < 0 || speaks(fd)) return fd;
        close(fd);
    }
    return -1;
}

bool takeover_try(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    int fd = call_keeper(path_of(m, socket_name, path, sizeof path));
    m->whole = fd < 0;
    if (fd < 0) return false;
    m->taking_over = true;
    chan_open(&m->old, &m->loop, fd, packet, ended, m);
    return true;
}
