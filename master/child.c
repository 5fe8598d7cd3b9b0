/*
 * child.c - workers and broker: started by fork and exec, watched by SIGCHLD and heartbeat, replaced
 * when they die. A child is known by its slot and a generation that counts its lives.
 *
 * A stream joins each worker to the broker; whenever one of the two is new, the master makes a new
 * stream and gives each an end of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "master.h"
#include "slab.h"

enum { CALM_MS = 5000, BACKOFF_LEAST_MS = 100, BACKOFF_MOST_MS = 10000, START_LIMIT_MS = 300000 };

static const char *role_name(const struct child *c)
{
    return c->role == CHILD_WORKER ? "worker" : "broker";
}

/* --- joining workers to the broker --- */

static void join(struct master *m, struct child *w)
{
    int fd[2];
    struct buf p = {0};
    if (m->broker.state != CHILD_READY || w->state != CHILD_READY) return;
    stream_pair(fd);
    buf_put_u32(&p, w->slot);
    buf_put_u32(&p, w->generation);
    chan_send(&m->broker.chan, CTL_WORKER, &p, fd[0]);
    buf_reset(&p, SIZE_MAX);
    buf_put_u32(&p, ++w->link);
    chan_send(&w->chan, CTL_BROKER, &p, fd[1]);
    buf_free(&p);
    close(fd[0]);
    close(fd[1]);
    w->linked = true;
}

static void announce_ready(struct master *m)
{
    if (m->said_ready) return;
    for (unsigned i = 0; i < m->n_workers; i++)
        if (!m->worker[i].linked) return;
    m->said_ready = true;
    const char *addr = m->listener[0].name;
    LOG(LOG_INFO, "server", "ready", log_s("name", m->set.server.name), log_s("addr", addr),
        log_u("workers", m->n_workers), log_s("fingerprint", m->broker.fingerprint),
        log_u("took_ms", clock_mono_ms() - m->started_ms));
    if (m->set.log.format == FORMAT_PRETTY)
        dprintf(STDERR_FILENO,
                "\n  fingerprint   %s\n  join with     " NAME " --server %s\n"
                "  look inside   " NAME "ctl --socket %s/ctl.sock status\n\n",
                m->broker.fingerprint, addr, m->set.server.state_dir);
}

/* --- what children say --- */

static void on_ready(struct child *c, struct slice p)
{
    struct master *m = c->master;
    struct cur cur = cur_of(p.data, p.len);
    struct slice sandbox = cur_str16(&cur);
    size_t n = sandbox.len < sizeof c->sandbox - 1 ? sandbox.len : sizeof c->sandbox - 1;
    memcpy(c->sandbox, sandbox.data, n);
    c->sandbox[n] = 0;
    c->state = CHILD_READY;
    c->alive_ms = m->loop.now_ms;
    if (c->role == CHILD_BROKER) {
        struct slice print = cur_str8(&cur);
        n = print.len < sizeof c->fingerprint - 1 ? print.len : sizeof c->fingerprint - 1;
        memcpy(c->fingerprint, print.data, n);
        for (unsigned i = 0; i < m->n_workers; i++)
            join(m, &m->worker[i]);
    } else {
        LOG(LOG_INFO, "worker", "ready", log_u("w", c->slot), log_i("child", c->pid),
            log_u("took_ms", m->loop.now_ms - c->started_ms), log_s("sandbox", c->sandbox));
        join(m, c);
    }
    announce_ready(m);
    listen_update(m);
}

static void on_alive(struct child *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    cur_u64(&cur);
    c->sessions = cur_u32(&cur);
    c->in = cur_u64(&cur);
    c->out = cur_u64(&cur);
    c->alive_ms = c->master->loop.now_ms;
}

static void on_closed(struct child *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    uint32_t index = cur_u32(&cur), generation = cur_u32(&cur);
    if (!cur_end(&cur) || !places_end(&c->places, index, generation)) return;
    c->master->connections--;
    listen_update(c->master);
}

/* The broker gave up a worker that talks nonsense: it is replaced. */
static void on_bad(struct child *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&cur), generation = cur_u32(&cur);
    struct master *m = c->master;
    if (!cur_end(&cur) || slot >= m->n_workers || m->worker[slot].generation != generation ||
        m->worker[slot].pid <= 0)
        return; /* it is dead already; and 0 would be ourselves */
    LOG(LOG_ERROR, "worker", "untrusted", log_u("w", slot), log_i("child", m->worker[slot].pid));
    kill(m->worker[slot].pid, SIGKILL);
}

static void on_answer(struct child *c, struct slice p)
{
    admin_answer(c->master, p);
}

/* Its stream broke although both live: the next heartbeat makes another. */
static void on_lost(struct child *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    if (cur_u32(&cur) == c->link) c->linked = false;
    listen_update(c->master);
}

static void on_taken(struct child *c, struct slice p)
{
    (void)c; /* what is not confirmed when a worker dies would be handed over again: see adoption */
    (void)p;
}

static const struct {
    uint8_t type, roles; /* 1 worker, 2 broker */
    void (*handle)(struct child *c, struct slice p);
} rows[] = {
    {CTL_READY, 3, on_ready}, {CTL_ALIVE, 3, on_alive}, {CTL_TAKEN, 1, on_taken},
    {CTL_CLOSED, 1, on_closed}, {CTL_BAD, 2, on_bad},   {CTL_ANSWER, 2, on_answer},
    {CTL_LOST, 1, on_lost},
};

/* A child has nothing to send descriptors for, and may not say what is not its own to say. */
static void packet(struct chan *chan, uint8_t type, struct slice fields, int fd)
{
    struct child *c = chan->owner;
    if (fd >= 0) close(fd);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].type != type || !(rows[i].roles & (c->role == CHILD_WORKER ? 1 : 2))) continue;
        rows[i].handle(c, fields);
        return;
    }
    LOG(LOG_ERROR, role_name(c), "nonsense", log_u("type", type), log_i("child", c->pid));
    kill(c->pid, SIGKILL);
}

/* SIGCHLD tells the rest. A child that closed its channel and lives on is of no use. */
static void ended(struct chan *chan)
{
    struct child *c = chan->owner;
    chan_close(chan);
    c->has_chan = false;
    if (c->pid > 0 && !c->master->stopping) kill(c->pid, SIGKILL);
}

/* --- starting --- */

static _Noreturn void become(const struct child *c, int fd)
{
    char path[640];
    sigset_t none;
    snprintf(path, sizeof path, "%s/" NAME "-%s", c->master->bin_dir, role_name(c));
    char *argv[] = {path, NULL};
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd == CTL_FD)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, CTL_FD);
    execv(path, argv);
    fatal("cannot start %s: %s", path, strerror(errno));
}

static int open_roster(const struct settings *set)
{
    if (!*set->access.roster) return -1;
    int fd = open(set->access.roster, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        LOG(LOG_ERROR, "roster", "unreadable", log_s("file", set->access.roster), log_s("why", strerror(errno)));
    return fd;
}

static void send_setup(struct child *c)
{
    struct buf p = {0};
    int roster = c->role == CHILD_BROKER ? open_roster(&c->master->set) : -1;
    buf_put_u32(&p, c->slot);
    buf_put_u32(&p, c->generation);
    conf_dump(settings_table, settings_count, &c->master->set, &p);
    chan_send(&c->chan, CTL_SETUP, &p, roster);
    if (roster >= 0) close(roster);
    buf_reset(&p, SIZE_MAX);
    if (c->role == CHILD_WORKER) {
        buf_put_u32(&p, c->master->records);
        chan_send(&c->chan, CTL_SLAB, &p, c->slab);
    }
    buf_free(&p);
}

void child_spawn(struct child *c)
{
    int fd[2];
    chan_pair(fd);
    if (c->role == CHILD_WORKER) {
        if (c->slab >= 0) close(c->slab);
        c->slab = slab_make(c->master->records);
        if (c->slab < 0) fatal("cannot make a slab: %s", strerror(errno));
    }
    c->generation++;
    c->linked = false;
    c->sessions = 0;
    c->started_ms = c->alive_ms = clock_mono_ms();
    c->pid = fork();
    if (c->pid < 0) fatal("cannot start a process: %s", strerror(errno));
    if (c->pid == 0) become(c, fd[1]);
    close(fd[1]);
    c->state = CHILD_STARTING;
    chan_open(&c->chan, &c->master->loop, fd[0], packet, ended, c);
    c->has_chan = true;
    send_setup(c);
    LOG(LOG_INFO, role_name(c), "start", log_u("w", c->slot), log_i("child", c->pid),
        log_u("generation", c->generation));
}

static void respawn(struct loop_timer *t)
{
    child_spawn(container_of(t, struct child, respawn));
}

static void init(struct master *m, struct child *c, enum child_role role, uint32_t slot)
{
    *c = (struct child){.master = m, .role = role, .slot = slot, .slab = -1};
    c->respawn.fire = respawn;
    if (role == CHILD_WORKER) places_init(&c->places, m->records);
    child_spawn(c);
}

void child_start_all(struct master *m)
{
    init(m, &m->broker, CHILD_BROKER, 0);
    for (unsigned i = 0; i < m->n_workers; i++)
        init(m, &m->worker[i], CHILD_WORKER, i);
}

/* --- dying --- */

static struct child *find(struct master *m, pid_t pid)
{
    if (m->broker.pid == pid) return &m->broker;
    for (unsigned i = 0; i < m->n_workers; i++)
        if (m->worker[i].pid == pid) return &m->worker[i];
    return NULL;
}

/* At once after a calm life; else later and later, so that a child that cannot live costs little. */
static void replace(struct child *c)
{
    uint64_t lived = c->master->loop.now_ms - c->started_ms;
    if (lived >= CALM_MS)
        c->backoff_ms = 0;
    else if (c->backoff_ms)
        c->backoff_ms = 2 * c->backoff_ms < BACKOFF_MOST_MS ? 2 * c->backoff_ms : BACKOFF_MOST_MS;
    if (c->backoff_ms)
        loop_timer_set(&c->master->loop, &c->respawn, c->backoff_ms);
    else
        child_spawn(c);
    if (lived < CALM_MS && !c->backoff_ms) c->backoff_ms = BACKOFF_LEAST_MS;
}

static void died(struct child *c, int status)
{
    struct master *m = c->master;
    bool in_order = c->state == CHILD_STOPPING && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    uint64_t sessions = c->role == CHILD_WORKER ? c->places.used : c->sessions;
    LOG(in_order ? LOG_INFO : LOG_ERROR, role_name(c), in_order ? "end" : "died", log_u("w", c->slot),
        log_i("child", c->pid), WIFSIGNALED(status) ? log_i("signal", WTERMSIG(status)) : log_i("status", WEXITSTATUS(status)),
        log_u("sessions", sessions), log_u("lived_ms", m->loop.now_ms - c->started_ms));
    c->pid = 0;
    c->state = CHILD_NONE;
    c->linked = false;
    if (c->has_chan) chan_close(&c->chan);
    c->has_chan = false;
    m->connections -= places_end_all(&c->places);
    for (unsigned i = 0; c->role == CHILD_BROKER && i < m->n_workers; i++)
        m->worker[i].linked = false; /* new connections wait in the backlog for the next broker */
    if (m->stopping) return;
    c->deaths++;
    if (!m->said_ready && !in_order && c->deaths >= 3) {
        LOG(LOG_ERROR, "server", "cannot-start", log_s("role", role_name(c)));
        m->stopping = m->failed = true;
        return;
    }
    replace(c);
    listen_update(m);
}

void child_reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *c = find(m, pid);
        if (c) died(c, status);
    }
}

/* --- watching --- */

static void beat(struct child *c, const struct buf *token)
{
    struct master *m = c->master;
    if (c->state != CHILD_READY && c->state != CHILD_STARTING) return;
    /* A broker with a large store checks it first, which may take a while. */
    uint64_t limit = c->state == CHILD_READY ? m->set.process.heartbeat_limit : START_LIMIT_MS;
    if (m->loop.now_ms - c->alive_ms > limit) {
        LOG(LOG_ERROR, role_name(c), "hung", log_u("w", c->slot), log_i("child", c->pid),
            log_u("silent_ms", m->loop.now_ms - c->alive_ms));
        kill(c->pid, SIGKILL);
        return;
    }
    if (c->state == CHILD_READY) chan_send(&c->chan, CTL_HEARTBEAT, token, -1);
}

void child_heartbeat(struct master *m)
{
    struct buf token = {0};
    buf_put_u64(&token, ++m->beat);
    beat(&m->broker, &token);
    for (unsigned i = 0; i < m->n_workers; i++) {
        beat(&m->worker[i], &token);
        if (!m->worker[i].linked) join(m, &m->worker[i]);
    }
    buf_free(&token);
}

void child_send_settings(struct master *m)
{
    struct buf p = {0};
    int roster = open_roster(&m->set);
    conf_dump(settings_table, settings_count, &m->set, &p);
    if (m->broker.has_chan) chan_send(&m->broker.chan, CTL_SETTINGS, &p, roster);
    for (unsigned i = 0; i < m->n_workers; i++)
        if (m->worker[i].has_chan) chan_send(&m->worker[i].chan, CTL_SETTINGS, &p, -1);
    if (roster >= 0) close(roster);
    buf_free(&p);
}

struct child *child_least(struct master *m)
{
    struct child *least = NULL;
    for (unsigned i = 0; i < m->n_workers; i++) {
        struct child *w = &m->worker[i];
        if (w->state != CHILD_READY || !w->linked || w->places.used == w->places.size) continue;
        if (!least || w->places.used < least->places.used) least = w;
    }
    return least;
}

/* --- ending --- */

static bool stop_one(struct child *c)
{
    loop_timer_stop(&c->master->loop, &c->respawn);
    if (c->pid == 0) return true;
    if (c->state != CHILD_STOPPING && c->has_chan) chan_send(&c->chan, CTL_STOP, NULL, -1);
    c->state = CHILD_STOPPING;
    return false;
}

bool child_stop(struct master *m)
{
    bool gone = true;
    for (unsigned i = 0; i < m->n_workers; i++)
        gone = stop_one(&m->worker[i]) && gone;
    /* The broker last: what the workers brought it must reach the disk. */
    return gone && stop_one(&m->broker);
}

void child_kill_all(struct master *m)
{
    for (unsigned i = 0; i < m->n_workers; i++)
        if (m->worker[i].pid > 0) kill(m->worker[i].pid, SIGKILL);
    if (m->broker.pid > 0) kill(m->broker.pid, SIGKILL);
}
