/*
 * master.c - start, signals and end of the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "master.h"

enum { STOP_LIMIT_MS = 15000 };

/* --- start --- */

static void start_log(struct settings *set)
{
    enum log_format auto_format = log_auto_format();
    if (set->log.format == FORMAT_AUTO)
        set->log.format = auto_format == LOG_PRETTY ? FORMAT_PRETTY : FORMAT_LOGFMT;
    enum log_format format = set->log.format == FORMAT_PRETTY   ? LOG_PRETTY
                             : set->log.format == FORMAT_LOGFMT ? LOG_LOGFMT
                                                                : LOG_JSON;
    log_init("master", format, (enum log_level)set->log.level, log_auto_colour());
}

/* One server a state folder. This kind of lock is the process's alone: a child that has been forked, but is not
   yet another program when the master dies, must not hold it. */
static void lock_state(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    const char *dir = m->set.server.state_dir;
    if (mkdir(dir, 0700) && errno != EEXIST)
        fatal("cannot make the state folder %s: %s (server.state_dir names it)", dir, strerror(errno));
    snprintf(path, sizeof path, "%s/lock", dir);
    m->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (m->lock_fd < 0) fatal("cannot write in the state folder %s: %s", dir, strerror(errno));
    if (fcntl(m->lock_fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}))
        fatal("another server runs on %s; stop it first, or give this one a server.state_dir of its own", dir);
}

/* As many descriptors as the system allows; the rest of the limits follows from that. */
static void raise_limits(struct master *m)
{
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    uint64_t most = r.rlim_cur > 2 * MASTER_RESERVE_FDS ? r.rlim_cur - MASTER_RESERVE_FDS : MASTER_RESERVE_FDS;
    m->max_connections = m->set.limits.clients < most ? m->set.limits.clients : most;
    /* An index must be one that the broker takes for a seat. */
    m->records = (uint32_t)(m->max_connections < BUS_INDEX_MAX ? m->max_connections : BUS_INDEX_MAX);
}

static void find_programs(struct master *m)
{
    char self[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) fatal("cannot find out where this program lies: %s", strerror(errno));
    self[n] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < 2; i++) {
        char dir[PATH_MAX + 32];
        snprintf(dir, sizeof dir, i == 0 ? "%s" : "%s/../libexec/" NAME, self);
        snprintf(path, sizeof path, "%s/" NAME "-worker", dir);
        if (access(path, X_OK) || strlen(dir) >= sizeof m->bin_dir) continue;
        memcpy(m->bin_dir, dir, strlen(dir) + 1);
        return;
    }
    fatal("cannot find " NAME "-worker beside %s; build or install again", self);
}

/* --- signals --- */

static void stop(struct master *m, const char *why)
{
    if (m->stopping) return;
    m->stopping = true;
    LOG(LOG_INFO, "server", "stop", log_s("by", why), log_u("connections", m->connections));
    listen_close(m);
    loop_timer_set(&m->loop, &m->deadline, STOP_LIMIT_MS);
}

/* What cannot change while it runs keeps its old value. */
static void keep_fixed(const struct settings *old, struct settings *set)
{
    if (strcmp(old->server.listen, set->server.listen) != 0 || old->server.workers != set->server.workers ||
        strcmp(old->server.state_dir, set->server.state_dir) != 0 || old->limits.clients != set->limits.clients ||
        old->limits.file_size != set->limits.file_size)
        LOG(LOG_WARN, "config", "needs-restart",
            log_s("keys", "server.listen, server.workers, server.state_dir, limits.clients, limits.file_size"));
    set->server = old->server;
    set->limits.clients = old->limits.clients;
    set->limits.file_size = old->limits.file_size; /* the workers' kernel limit */
    if (set->log.format == FORMAT_AUTO) set->log.format = old->log.format;
}

static void reload(struct master *m)
{
    struct settings set;
    char err[CONF_ERR_SIZE];
    if (options_settings(m->conf_path, m->sets, m->n_sets, &set, err, sizeof err)) {
        LOG(LOG_ERROR, "config", "refused", log_s("why", err));
        return;
    }
    keep_fixed(&m->set, &set);
    m->set = set;
    log_set_level((enum log_level)set.log.level);
    limit_rate(&m->by_address, set.limits.connects_per_address);
    limit_rate(&m->by_network, set.limits.connects_per_network);
    child_send_settings(m);
    LOG(LOG_INFO, "config", "reload", log_s("by", "SIGHUP"));
}

static void signalled(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct master *m = container_of(io, struct master, signals);
    struct signalfd_siginfo s;
    while (read(io->fd, &s, sizeof s) == sizeof s) {
        if (s.ssi_signo == SIGCHLD)
            child_reap(m);
        else if (s.ssi_signo == SIGHUP)
            reload(m);
        else
            stop(m, s.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

static void watch_signals(struct master *m)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    m->signals = (struct loop_io){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signalled};
    if (m->signals.fd < 0) fatal("signalfd: %s", strerror(errno));
    loop_add(&m->loop, &m->signals, EPOLLIN);
}

/* --- turns --- */

static void heartbeat(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, heartbeat);
    child_heartbeat(m);
    loop_timer_set(&m->loop, t, m->set.process.heartbeat);
}

static void deadline(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, deadline);
    LOG(LOG_WARN, "server", "stop-late", log_s("what", "children did not end in time, killed"));
    child_kill_all(m);
}

static void end_of_turn(void *arg)
{
    struct master *m = arg;
    if (m->stopping && child_stop(m)) m->loop.stop = true;
    if (m->upgrade_path[0] && !m->questions && !m->stopping) upgrade_now(m);
}

static void run(struct master *m)
{
    loop_init(&m->loop);
    m->started_ms = m->loop.now_ms;
    m->loop.end_of_turn = end_of_turn;
    m->loop.arg = m;
    m->heartbeat.fire = heartbeat;
    m->deadline.fire = deadline;
    watch_signals(m);
    limit_init(&m->by_address, m->set.limits.connects_per_address, 32, 64, randombytes_random());
    limit_init(&m->by_network, m->set.limits.connects_per_network, 24, 48, randombytes_random());
    upgrade_begin(m);
    listen_prepare(m);
    slot_init(m);
    if (!takeover_try(m)) {
        listen_open(m);
        for (int i = 0; i < m->n_listeners; i++)
            LOG(LOG_INFO, "server", "listen", log_s("addr", m->listener[i].name));
    }
    takeover_prepare(m);
    admin_open(m);
    child_init(m);
    loop_timer_set(&m->loop, &m->heartbeat, m->set.process.heartbeat);
    loop_run(&m->loop);
    admin_close(m);
    takeover_forget(m);
    LOG(LOG_INFO, "server", "end");
}

int main(int argc, char **argv)
{
    static struct master m;
    struct options o;
    char err[CONF_ERR_SIZE];
    m.argv = xcalloc((size_t)argc + 1, sizeof *m.argv);
    memcpy(m.argv, argv, (size_t)argc * sizeof *argv); /* getopt moves them about */
    int done = options_parse(argc, argv, &o);
    if (done >= 0) return done;
    if (options_settings(o.conf_path, o.sets, o.n_sets, &m.set, err, sizeof err)) {
        fprintf(stderr, NAME "d: %s\n", err);
        return 1;
    }
    if (o.check) {
        printf("%s is good\n", o.conf_path);
        return 0;
    }
    m.conf_path = o.conf_path;
    m.sets = o.sets;
    m.n_sets = o.n_sets;
    start_log(&m.set);
    if (sodium_init() < 0) fatal("libsodium cannot be initialised");
    find_programs(&m);
    lock_state(&m);
    raise_limits(&m);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    m.n_slots = m.set.server.workers ? (unsigned)m.set.server.workers : cores > 0 ? (unsigned)cores : 1;
    if (m.n_slots > MASTER_WORKERS_MAX) m.n_slots = MASTER_WORKERS_MAX;
    run(&m);
    return m.failed ? 1 : 0;
}
