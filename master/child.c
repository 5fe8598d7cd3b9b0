/*
 * child.c - processes: started by fork and exec, heard over their channels, watched by heartbeat,
 * collected when they die. What a dead worker leaves behind is slot.c's affair.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "log.h"
#include "master.h"

enum { CALM_MS = 5000, BACKOFF_LEAST_MS = 100, BACKOFF_MOST_MS = 10000, START_LIMIT_MS = 300000 };

static const char *role_name(const struct child *c)
{
    static const char *const names[] = {"worker", "broker", "keeper"};
    return names[c->role];
}

/* --- what children say --- */

static void copy_text(char *to, size_t size, struct slice from)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    memcpy(to, from.data, n);
    to[n] = 0;
}

static void on_ready(struct child *c, struct slice p)
{
    struct master *m = c->master;
    struct cur cur = cur_of(p.data, p.len);
    copy_text(c->sandbox, sizeof c->sandbox, cur_str16(&cur));
    c->state = CHILD_READY;
    c->alive_ms = m->loop.now_ms;
    uint64_t took_ms = m->loop.now_ms - c->started_ms;
    if (c->role == CHILD_BROKER) {
        child_identify(c, &cur);
    } else if (c->role == CHILD_KEEPER) {
        LOG(LOG_INFO, "keeper", "ready", log_i("child", c->pid), log_u("took_ms", took_ms), log_s("sandbox", c->sandbox));
        keep_all(m);
    } else {
        LOG(LOG_INFO, "worker", "spare", log_i("child", c->pid), log_u("took_ms", took_ms), log_s("sandbox", c->sandbox));
        slot_fill(m);
        slot_restart_next(m);
    }
    slot_join_all(m);
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

/* The broker gave up a worker that talks nonsense: it is replaced. */
static void on_bad(struct child *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    uint32_t number = cur_u32(&cur), generation = cur_u32(&cur);
    struct master *m = c->master;
    struct slot *s = cur_end(&cur) && number < m->n_slots ? &m->slot[number] : NULL;
    if (!s || s->generation != generation || !s->child) return; /* it is dead already */
    LOG(LOG_ERROR, "worker", "untrusted", log_u("w", number), log_i("child", s->child->pid));
    s->child->hung = true; /* its own fault, whatever signal ends it */
    child_kill(s->child);
}

static void on_kept(struct child *c, struct slice p)
{
    (void)p;
    c->master->keeping.confirmed = true;
    takeover_complete(c->master);
    slot_announce_ready(c->master);
}

static void on_answer(struct child *c, struct slice p)
{
    admin_answer(c->master, p);
}

static const struct {
    uint8_t type;
    enum child_role role; /* whose word it is */
    void (*handle)(struct child *c, struct slice p);
    void (*of_slot)(struct slot *s, struct slice p);
} rows[] = {
    {CTL_BAD, CHILD_BROKER, on_bad, NULL},
    {CTL_ANSWER, CHILD_BROKER, on_answer, NULL},
    {CTL_KEPT, CHILD_KEEPER, on_kept, NULL},
    {CTL_CLOSED, CHILD_WORKER, NULL, slot_closed},
    {CTL_LOST, CHILD_WORKER, NULL, slot_lost},
    {CTL_FIRST, CHILD_WORKER, NULL, slot_first},
    {CTL_GOES_ON, CHILD_WORKER, NULL, slot_goes_on},
    {CTL_UNKNOWN, CHILD_WORKER, NULL, slot_unknown},
};

static bool handle(struct child *c, uint8_t type, struct slice fields)
{
    if (type == CTL_READY || type == CTL_ALIVE) {
        (type == CTL_READY ? on_ready : on_alive)(c, fields);
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].type != type || rows[i].role != c->role) continue;
        if (rows[i].handle)
            rows[i].handle(c, fields);
        else if (c->slot)
            rows[i].of_slot(c->slot, fields);
        return rows[i].handle || c->slot;
    }
    return false;
}

/* A child has nothing to send descriptors for, and may not say what is not its own to say. */
static void packet(struct chan *chan, uint8_t type, struct slice fields, int fd)
{
    struct child *c = chan->owner;
    if (takeover_packet(c, type, fields, fd)) return;
    if (fd >= 0) close(fd);
    if (handle(c, type, fields)) return;
    LOG(LOG_ERROR, role_name(c), "nonsense", log_u("type", type), log_i("child", c->pid));
    child_kill(c);
}

/* SIGCHLD tells the rest. A child that closed its channel and lives on is of no use. */
static void ended(struct chan *chan)
{
    struct child *c = chan->owner;
    chan_close(chan);
    c->has_chan = false;
    if (!c->master->stopping) child_kill(c);
}

void child_kill(const struct child *c)
{
    if (c->pidfd.fd >= 0)
        syscall(SYS_pidfd_send_signal, c->pidfd.fd, SIGKILL, NULL, 0);
    else if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

void child_replace(struct child *c)
{
    c->replaced = true;
    child_kill(c);
}

/* --- starting --- */

static _Noreturn void become(const struct child *c, int fd)
{
    char path[640];
    sigset_t none;
    snprintf(path, sizeof path, "%s/" NAME "-%s", c->master->bin_dir, role_name(c));
    char *argv[] = {path, NULL};
    sigemptyset(&none);
    child_ignore_signals(); /* a signal to the whole group does not end it before it has begun, either */
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
    buf_put_u32(&p, c->master->records);
    conf_dump(settings_table, settings_count, &c->master->set, &p);
    chan_send(&c->chan, CTL_SETUP, &p, roster);
    if (roster >= 0) close(roster);
    buf_free(&p);
}

static struct child *new_child(struct master *m, enum child_role role)
{
    struct child *c = xcalloc(1, sizeof *c);
    c->master = m;
    c->role = role;
    c->pidfd.fd = -1;
    c->started_ms = c->alive_ms = clock_mono_ms();
    return c;
}

struct child *child_adopted(struct master *m, enum child_role role, int fd)
{
    struct child *c = new_child(m, role);
    chan_open(&c->chan, &m->loop, fd, packet, ended, c);
    c->has_chan = true;
    return c;
}

void child_describe(struct child *c, struct slice sandbox)
{
    copy_text(c->sandbox, sizeof c->sandbox, sandbox);
}

/* The words take some milliseconds, and the key is every broker's: they are made once. */
void child_identify(struct child *broker, struct cur *c)
{
    struct master *m = broker->master;
    copy_text(broker->fingerprint, sizeof broker->fingerprint, cur_str8(c));
    struct slice server_id = cur_str8(c);
    if (server_id.len == SEALED_KEY && !m->key_words[0]) safety_fingerprint(server_id.data, m->key_words);
}

struct child *child_spawn(struct master *m, enum child_role role)
{
    int fd[2];
    struct child *c = new_child(m, role);
    chan_pair(fd);
    c->pid = fork();
    if (c->pid < 0) fatal("cannot start a process: %s", strerror(errno));
    if (c->pid == 0) become(c, fd[1]);
    close(fd[1]);
    chan_open(&c->chan, &m->loop, fd[0], packet, ended, c);
    c->has_chan = true;
    send_setup(c);
    LOG(LOG_INFO, role_name(c), "start", log_i("child", c->pid));
    return c;
}

static unsigned wanted_workers(const struct master *m)
{
    unsigned wanted = 1; /* the spare */
    for (unsigned i = 0; i < m->n_slots; i++)
        if (!m->slot[i].child) wanted++;
    for (const struct child *c = m->spares; c; c = c->next)
        wanted -= wanted > 0;
    return wanted;
}

void child_fill(struct master *m)
{
    if (m->stopping || m->taking_over) return;
    if (!m->broker && !m->broker_throttle.waiting) {
        m->broker = child_spawn(m, CHILD_BROKER);
        m->broker_generation++;
        keep_broker(m);
    }
    if (!m->keeper && !m->keeper_throttle.waiting) m->keeper = child_spawn(m, CHILD_KEEPER);
    unsigned n = wanted_workers(m);
    /* Starting the next spare takes milliseconds of a processor that a successor needs just now. */
    if (m->worker_throttle.waiting || (n == 1 && slot_in_haste(m))) return;
    for (; n > 0; n--) {
        struct child *c = child_spawn(m, CHILD_WORKER);
        c->next = m->spares;
        m->spares = c;
    }
}

static void broker_may_start(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, broker_throttle.timer);
    m->broker_throttle.waiting = false;
    child_fill(m);
}

static void keeper_may_start(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, keeper_throttle.timer);
    m->keeper_throttle.waiting = false;
    child_fill(m);
}

static void worker_may_start(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, worker_throttle.timer);
    m->worker_throttle.waiting = false;
    child_fill(m);
}

void child_init(struct master *m)
{
    m->broker_throttle.timer.fire = broker_may_start;
    m->worker_throttle.timer.fire = worker_may_start;
    m->keeper_throttle.timer.fire = keeper_may_start;
    child_fill(m);
}

/* --- dying --- */

/* A child that cannot live must cost little; one that lived calmly, or was killed, is replaced at once. */
static void slow_down(struct master *m, struct throttle *t, uint64_t lived_ms, bool fault)
{
    if (lived_ms >= CALM_MS || !fault) {
        t->backoff_ms = 0;
    } else if (t->backoff_ms) {
        t->backoff_ms = 2 * t->backoff_ms < BACKOFF_MOST_MS ? 2 * t->backoff_ms : BACKOFF_MOST_MS;
    }
    if (t->backoff_ms && !t->waiting) {
        t->waiting = true;
        loop_timer_set(&m->loop, &t->timer, t->backoff_ms);
    }
    if (lived_ms < CALM_MS && fault && !t->backoff_ms) t->backoff_ms = BACKOFF_LEAST_MS;
}

static struct child *find(struct master *m, pid_t pid)
{
    if (m->broker && m->broker->pid == pid) return m->broker;
    if (m->keeper && m->keeper->pid == pid) return m->keeper;
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].child && m->slot[i].child->pid == pid) return m->slot[i].child;
    for (struct child *c = m->spares; c; c = c->next)
        if (c->pid == pid) return c;
    return NULL;
}

static void unlist_spare(struct master *m, const struct child *c)
{
    struct child **p = &m->spares;
    while (*p && *p != c)
        p = &(*p)->next;
    if (*p) *p = c->next;
}

static void say_died(const struct child *c, int status, bool in_order)
{
    const struct master *m = c->master;
    uint64_t sessions = c->slot ? c->slot->places.used : c->sessions;
    LOG(in_order ? LOG_INFO : LOG_ERROR, role_name(c), in_order ? "end" : "died",
        c->slot ? log_u("w", c->slot->number) : log_s("w", c->role == CHILD_WORKER ? "spare" : "-"),
        log_i("child", c->pid),
        WIFSIGNALED(status) ? log_i("signal", WTERMSIG(status)) : log_i("status", WEXITSTATUS(status)),
        log_u("sessions", sessions), log_u("lived_ms", m->loop.now_ms - c->started_ms));
}

bool child_fault(const struct child *dead, int status)
{
    return dead->hung || (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0);
}

/* Whoever dies by itself before it was ever ready will do so again. */
static void give_up_start(struct master *m, const struct child *c, int status)
{
    static unsigned stillborn;
    if (m->said_ready || c->state != CHILD_STARTING || !child_fault(c, status) || ++stillborn < 3) return;
    LOG(LOG_ERROR, "server", "cannot-start", log_s("role", role_name(c)));
    m->stopping = m->failed = true;
}

static struct throttle *throttle_of(const struct child *c)
{
    struct master *m = c->master;
    return c->role == CHILD_BROKER ? &m->broker_throttle : c->role == CHILD_KEEPER ? &m->keeper_throttle : &m->worker_throttle;
}

static void died(struct child *c, int status)
{
    struct master *m = c->master;
    uint64_t lived = m->loop.now_ms - c->started_ms;
    if (c->has_chan) chan_drain(&c->chan); /* its last words still count */
    bool well = c->pidfd.fd >= 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    say_died(c, status, c->replaced || (c->state == CHILD_STOPPING && well));
    if (c->has_chan) chan_close(&c->chan);
    if (c->pidfd.fd >= 0) {
        loop_del(&m->loop, &c->pidfd);
        close(c->pidfd.fd);
    }
    if (c == m->broker) {
        m->broker = NULL;
        m->broker_deaths++;
        for (unsigned i = 0; i < m->n_slots; i++)
            m->slot[i].linked = false; /* new connections wait in the backlog for the next broker */
    } else if (c == m->keeper) {
        m->keeper = NULL;
        m->keeping = (struct keeping){0};
    } else if (c->slot) {
        slot_orphaned(c->slot, c, status);
    } else {
        unlist_spare(m, c);
    }
    if (!m->stopping) {
        give_up_start(m, c, status);
        /* A spare takes the dead one's place at once; it is the next spare that may have to wait. */
        slow_down(m, throttle_of(c), lived, child_fault(c, status));
        slot_fill(m);
        child_fill(m);
        listen_update(m);
    }
    free(c);
}

/* Not our child, so nobody tells us how it died: as if from outside. */
static void process_ended(struct loop_io *io, uint32_t events)
{
    (void)events;
    died(container_of(io, struct child, pidfd), SIGKILL);
}

void child_watch_pidfd(struct child *c, int fd)
{
    c->pidfd = (struct loop_io){.fd = fd, .ready = process_ended};
    loop_add(&c->master->loop, &c->pidfd, EPOLLIN);
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

/* --- everybody --- */

static void each(struct master *m, void (*act)(struct child *c, const struct buf *p), const struct buf *p)
{
    if (m->broker) act(m->broker, p);
    if (m->keeper) act(m->keeper, p);
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].child) act(m->slot[i].child, p);
    for (struct child *c = m->spares; c; c = c->next)
        act(c, p);
}

static void beat(struct child *c, const struct buf *token)
{
    struct master *m = c->master;
    if (c->state == CHILD_STOPPING) return;
    /* A broker with a large store checks it first, which may take a while; whom we took over is through that. */
    bool started = c->state == CHILD_READY || c->pidfd.fd >= 0;
    uint64_t limit = started ? m->set.process.heartbeat_limit : START_LIMIT_MS;
    if (m->loop.now_ms - c->alive_ms > limit) {
        LOG(LOG_ERROR, role_name(c), "hung", c->slot ? log_u("w", c->slot->number) : log_s("w", "-"),
            log_i("child", c->pid), log_u("silent_ms", m->loop.now_ms - c->alive_ms));
        c->hung = true;
        child_kill(c);
    } else if (c->state == CHILD_READY && !(c->slot && c->slot->adopting)) {
        chan_send(&c->chan, CTL_HEARTBEAT, token, -1);
    }
}

void child_heartbeat(struct master *m)
{
    struct buf token = {0};
    buf_put_u64(&token, ++m->beat);
    each(m, beat, &token);
    slot_join_all(m);
    buf_free(&token);
}

static void send_settings(struct child *c, const struct buf *p)
{
    int roster = c->role == CHILD_BROKER ? open_roster(&c->master->set) : -1;
    if (c->has_chan) chan_send(&c->chan, CTL_SETTINGS, p, roster);
    if (roster >= 0) close(roster);
}

void child_send_settings(struct master *m)
{
    struct buf p = {0};
    conf_dump(settings_table, settings_count, &m->set, &p);
    each(m, send_settings, &p);
    buf_free(&p);
}

/* --- ending --- */

static void stop_one(struct child *c, const struct buf *p)
{
    (void)p;
    if (c->state != CHILD_STOPPING && c->has_chan) chan_send(&c->chan, CTL_STOP, NULL, -1);
    c->state = CHILD_STOPPING;
}

static bool workers_left(const struct master *m)
{
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].child) return true;
    return m->spares != NULL;
}

bool child_stop(struct master *m)
{
    loop_timer_stop(&m->loop, &m->broker_throttle.timer);
    loop_timer_stop(&m->loop, &m->worker_throttle.timer);
    loop_timer_stop(&m->loop, &m->keeper_throttle.timer);
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].child) stop_one(m->slot[i].child, NULL);
    for (struct child *c = m->spares; c; c = c->next)
        stop_one(c, NULL);
    if (workers_left(m)) return false;
    /* The broker last: what the workers brought it must reach the disk. */
    if (m->broker) stop_one(m->broker, NULL);
    if (m->keeper && !m->broker) stop_one(m->keeper, NULL);
    return !m->broker && !m->keeper;
}

static void kill_one(struct child *c, const struct buf *p)
{
    (void)p;
    child_kill(c);
}

void child_kill_all(struct master *m)
{
    each(m, kill_one, NULL);
}
