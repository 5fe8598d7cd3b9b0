/*
 * takeover.c - a new master finds the old one's broker alive: it takes over listening sockets,
 * children, slabs and connections, and nobody outside notices.
 *
 * The broker answers on the takeover socket and introduces us to each worker; each worker hands over
 * its slab and a duplicate of every connection. Who speaks, the kernel says: a pid is never believed,
 * since it is what we would kill.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "local.h"
#include "log.h"
#include "master.h"

static void path_of(const struct master *m, char *out, size_t size)
{
    snprintf(out, size, "%s/takeover.sock", m->set.server.state_dir);
}

/* --- what outlives us is the broker's --- */

void takeover_prepare(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    path_of(m, path, sizeof path);
    m->takeover_fd = local_listen_packets(path);
    if (m->takeover_fd < 0) fatal("cannot make the takeover socket %s: %s", path, strerror(errno));
}

void takeover_forget(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    path_of(m, path, sizeof path);
    unlink(path);
}

void takeover_entrust(struct master *m)
{
    struct buf p = {0};
    for (int i = 0; i < m->n_listeners; i++) {
        buf_reset(&p, SIZE_MAX);
        buf_put_str8(&p, m->listener[i].name, strlen(m->listener[i].name));
        chan_send(&m->broker->chan, CTL_LISTEN, &p, m->listener[i].io.fd);
    }
    buf_free(&p);
    chan_send(&m->broker->chan, CTL_TAKEOVER, NULL, m->takeover_fd);
}

/* --- taking over --- */

/* A process that is not our child: its end shows on a pidfd. */
static void watch_process(struct child *c)
{
    c->pid = c->chan.sender;
    int fd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
    if (fd < 0) fatal("cannot watch process %d, which this server had started: %s", (int)c->pid, strerror(errno));
    child_watch_pidfd(c, fd);
}

static void on_hello(struct child *broker, struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    struct slice sandbox = cur_str16(&c), print = cur_str8(&c);
    watch_process(broker);
    child_describe(broker, sandbox, print);
    broker->state = CHILD_READY;
}

/* A worker that the broker knows: make a channel to it, and have it passed on. */
static void on_here(struct child *broker, struct slice p)
{
    struct master *m = broker->master;
    struct cur c = cur_of(p.data, p.len);
    uint32_t number = cur_u32(&c), generation = cur_u32(&c);
    if (!cur_end(&c) || number >= MASTER_WORKERS_MAX) return;
    while (m->n_slots <= number)
        slot_init_one(m, m->n_slots++);
    struct slot *s = &m->slot[number];
    if (s->child) return;
    int fd[2];
    struct buf b = {0};
    chan_pair(fd);
    chan_credentials(fd[0]);
    s->child = child_adopted(m, CHILD_WORKER, fd[0]);
    s->child->slot = s;
    s->generation = generation;
    buf_put_u32(&b, number);
    chan_send(&broker->chan, CTL_INTRODUCE, &b, fd[1]);
    buf_free(&b);
    close(fd[1]);
}

static void on_listen(struct child *broker, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct slice name = cur_str8(&c);
    char text[64] = "";
    memcpy(text, name.data, name.len < sizeof text ? name.len : sizeof text - 1);
    listen_take(broker->master, fd, text);
}

static void on_all(struct child *broker)
{
    struct master *m = broker->master;
    m->taking_over = false;
    LOG(LOG_INFO, "server", "takeover", log_i("broker", broker->pid), log_u("listeners", (uint64_t)m->n_listeners),
        log_u("workers", m->n_slots));
    chan_send(&broker->chan, CTL_TAKEOVER, NULL, m->takeover_fd);
    child_send_settings(m);
    child_fill(m);
}

static void on_hold(struct child *c, struct slice p, int fd)
{
    struct slot *s = c->slot;
    struct cur cur = cur_of(p.data, p.len);
    uint32_t number = cur_u32(&cur), generation = cur_u32(&cur);
    s->link = cur_u32(&cur);
    cur_u32(&cur);
    struct slice sandbox = cur_str16(&cur);
    if (!cur_end(&cur) || number != s->number || generation != s->generation || c->pid || fd < 0) {
        if (fd >= 0) close(fd);
        return;
    }
    watch_process(c);
    child_describe(c, sandbox, (struct slice){(const uint8_t *)"", 0});
    s->slab = fd;
    s->adopting = true; /* until CTL_SERVED it gets nothing new */
}

static void on_held(struct child *c, struct slice p, int fd)
{
    struct cur cur = cur_of(p.data, p.len);
    uint32_t index = cur_u32(&cur), generation = cur_u32(&cur);
    if (fd < 0) return;
    if (cur_end(&cur) && c->slot->adopting && places_put(&c->slot->places, fd, index, generation))
        c->master->connections++;
    else
        close(fd);
}

static void on_served(struct child *c)
{
    struct slot *s = c->slot;
    s->adopting = false;
    s->linked = true;
    c->state = CHILD_READY;
    c->alive_ms = c->master->loop.now_ms;
    LOG(LOG_INFO, "worker", "ready", log_u("w", s->number), log_i("child", c->pid), log_u("generation", s->generation),
        log_u("holds", s->places.used));
    slot_join_all(c->master);
    upgrade_children(c->master);
}

/* Packets of a takeover. False: not one of them, or not of this child. */
bool takeover_packet(struct child *c, uint8_t type, struct slice p, int fd)
{
    if (c->role == CHILD_BROKER && c->master->taking_over) {
        switch (type) {
        case CTL_HELLO: on_hello(c, p); return true;
        case CTL_LISTEN: on_listen(c, p, fd); return true;
        case CTL_HERE: on_here(c, p); return true;
        case CTL_ALL: on_all(c); return true;
        default: return false;
        }
    }
    if (c->role != CHILD_WORKER || !c->slot || c->state != CHILD_STARTING) return false;
    switch (type) {
    case CTL_HOLD: on_hold(c, p, fd); return true;
    case CTL_HELD: on_held(c, p, fd); return true;
    case CTL_SERVED: on_served(c); return true;
    default: return false;
    }
}

bool takeover_try(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    path_of(m, path, sizeof path);
    int fd = local_connect_packets(path);
    if (fd < 0) return false;
    m->taking_over = true;
    m->broker = child_adopted(m, CHILD_BROKER, fd);
    m->broker_generation++;
    return true;
}
