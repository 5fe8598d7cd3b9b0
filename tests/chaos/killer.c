/*
 * killer.c - see killer.h. Every step of the schedule takes the same numbers from the seed,
 * whatever it finds: a seed gives the same deeds at the same times, as far as the machine does the
 * same.
 */
#include "killer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "home.h"
#include "log.h"
#include "server.h"

enum {
    LEAST_MS = 20, /* between two deeds */
    TICK_MS = 2,
    START_MS = 15000,
    END_MS = 15000,
    RETRY_MS = 50, /* until a master that did not come up is started again */
    STOPS_MAX = 16,
    TOLD_MAX = 10,
    LAST_SHOWN = 3,
    KEEPER_REST_US = 1000000,
};

struct stopped {
    pid_t pid;
    uint64_t until_us;
};

static struct {
    struct shared *s;
    const struct options *o;
    pid_t master;
    uint64_t luck, due_us, master_due_us;
    uint64_t home_due_us[HOMES_MAX]; /* when to start it again */
    bool home_killed[HOMES_MAX];
    bool master_killed;
    uint64_t keeper_us; /* when the keeper was killed; 0: not yet */
    struct stopped stopped[STOPS_MAX];
    unsigned n_stopped;
    struct process process[PROCESSES_MAX]; /* as last seen */
    int n_processes;
} k;

static volatile sig_atomic_t told_to_end;

static void on_term(int signal)
{
    (void)signal;
    told_to_end = 1;
}

void killer_note(struct shared *s, enum deed deed, pid_t pid)
{
    uint32_t n = atomic_load(&s->notes);
    s->note[n % NOTES_MAX] = (struct note){now_us(), deed, pid};
    atomic_store(&s->notes, n + 1);
    atomic_fetch_add(&s->done[deed], 1);
}

void killer_last(const struct shared *s, uint64_t when_us, char *out, size_t size)
{
    static const char *const words[DEEDS] = {"killed worker", "killed broker", "killed master",
                                             "killed client", "killed keeper", "stopped", "continued"};
    uint32_t n = atomic_load(&s->notes), least = n > NOTES_MAX ? n - NOTES_MAX : 0;
    size_t len = (size_t)snprintf(out, size, "nothing");
    while (n > least && s->note[(n - 1) % NOTES_MAX].at_us > when_us)
        n--;
    for (uint32_t i = n; i > least && n - i < LAST_SHOWN; i--) { /* the latest first */
        const struct note *last = &s->note[(i - 1) % NOTES_MAX];
        if (i == n) len = 0;
        len += (size_t)snprintf(out + len, size - len, "%s%s %d at %.3f s", i == n ? "" : ", ",
                                words[last->deed], (int)last->pid, (double)last->at_us / 1e6);
        if (len >= size) return; /* cut */
    }
}

void killer_tell_lost(struct shared *s, const char *name, const char *code, const char *reason)
{
    char before[160];
    uint64_t now = now_us();
    if (atomic_fetch_add(&s->losses_told, 1) >= TOLD_MAX) return;
    killer_last(s, now, before, sizeof before);
    fprintf(stderr, "chaos: at %.3f s %s lost its connection: %s: %s; before it: %s\n",
            (double)now / 1e6, name, code, reason, before);
}

/* --- deeds --- */

/* One of the server's processes of a role, by the seed's number; 0 none. */
static pid_t one_of(enum role role, unsigned luck)
{
    pid_t pid[PROCESSES_MAX];
    unsigned n = 0;
    int fresh = server_processes(k.s, k.process);
    if (fresh > 0) k.n_processes = fresh;
    for (int i = 0; i < k.n_processes; i++)
        if (k.process[i].role == role) pid[n++] = k.process[i].pid;
    return n ? pid[luck % n] : 0;
}

static void kill_one(enum deed deed, pid_t pid)
{
    if (pid && server_signal(k.s, pid, SIGKILL)) killer_note(k.s, deed, pid);
}

/*
 * The keeper is what outlives the master: when both die within the time that a next keeper takes to be
 * told everything, connections end (docs/processes.md, section 8). So it is killed when it is in service, and
 * the master then has a second to tell another one.
 */
static void kill_keeper(void)
{
    int fresh = server_processes(k.s, k.process);
    for (int i = 0; i < fresh; i++) {
        if (k.process[i].role != ROLE_KEEPER || !k.process[i].ok) continue;
        kill_one(DEED_KEEPER, k.process[i].pid);
        k.keeper_us = now_us();
    }
    k.n_processes = fresh > 0 ? fresh : k.n_processes;
}

static void kill_master(void)
{
    if (k.keeper_us && now_us() - k.keeper_us < KEEPER_REST_US) return;
    if (k.master == 0 || !server_signal(k.s, k.master, SIGKILL)) return;
    k.master_killed = true;
    killer_note(k.s, DEED_MASTER, k.master);
}

static void kill_home(unsigned luck)
{
    if (k.o->homes == 0) return;
    unsigned which = luck % k.o->homes;
    if (k.s->home[which].pid <= 1 || k.home_killed[which] || kill(k.s->home[which].pid, SIGKILL))
        return;
    k.home_killed[which] = true;
    killer_note(k.s, DEED_CLIENT, k.s->home[which].pid);
}

static void stop_one(unsigned luck, uint64_t us)
{
    pid_t pid = one_of(luck % 4 == 0 ? ROLE_BROKER : ROLE_WORKER, luck / 4);
    if (k.n_stopped == STOPS_MAX || !pid || !server_signal(k.s, pid, SIGSTOP)) return;
    k.stopped[k.n_stopped++] = (struct stopped){pid, now_us() + us};
    killer_note(k.s, DEED_STOP, pid);
}

static void go_on(bool all)
{
    for (unsigned i = k.n_stopped; i > 0; i--) {
        if (!all && now_us() < k.stopped[i - 1].until_us) continue;
        if (server_signal(k.s, k.stopped[i - 1].pid, SIGCONT))
            killer_note(k.s, DEED_GO_ON, k.stopped[i - 1].pid);
        k.stopped[i - 1] = k.stopped[--k.n_stopped];
    }
}

static bool wanted(enum chaos_switch w)
{
    return w == SWITCH_ON || (w == SWITCH_AUTO && k.s->takeover);
}

/* Out of 100: 42 a worker, 3 the keeper, 15 the broker, 8 the master, 20 a client, 12 a stop. */
static void do_deed(unsigned which, unsigned target, unsigned ms)
{
    if (which < 42) {
        if (wanted(k.o->worker)) kill_one(DEED_WORKER, one_of(ROLE_WORKER, target));
    } else if (which < 45) {
        if (wanted(k.o->master)) kill_keeper();
    } else if (which < 60) {
        if (wanted(k.o->broker)) kill_one(DEED_BROKER, one_of(ROLE_BROKER, target));
    } else if (which < 68) {
        if (wanted(k.o->master)) kill_master();
    } else if (which < 88) {
        if (wanted(k.o->client)) kill_home(target);
    } else if (wanted(k.o->stop)) {
        stop_one(target, 1000u * ms);
    }
}

/* Mostly around the mean, one in four as close as can be. */
static void schedule(void)
{
    if (now_us() < k.due_us) return;
    unsigned close = luck_of(&k.luck, 4), which = luck_of(&k.luck, 100),
             target = luck_of(&k.luck, 1 << 20);
    unsigned ms = 1000 + luck_of(&k.luck, 2000), spread = luck_of(&k.luck, 1 << 20);
    unsigned most = k.o->every_ms > LEAST_MS ? 2 * (k.o->every_ms - LEAST_MS) : 1;
    k.due_us = now_us() + 1000u * (close == 0 ? LEAST_MS : LEAST_MS + spread % most);
    do_deed(which, target, ms);
}

/* --- keeping all of them alive --- */

static void home_died(unsigned which, int status, bool end)
{
    k.s->home[which].pid = 0;
    if (!k.home_killed[which] && !end) {
        fprintf(stderr, "chaos: at %.3f s client with store %u ended by itself, status %#x\n",
                (double)now_us() / 1e6, which, status);
        atomic_fetch_add(&k.s->unasked, 1);
    }
    k.home_killed[which] = false;
    k.home_due_us[which] = end ? 0 : now_us() + 1000u * (20 + luck_of(&k.luck, 800));
}

static void master_died(int status, bool end)
{
    if (!k.master_killed && !end) {
        fprintf(stderr, "chaos: at %.3f s the master ended by itself, status %#x; see %s\n",
                (double)now_us() / 1e6, status, k.s->log);
        atomic_fetch_add(&k.s->unasked, 1);
    }
    /* A second master that finds the first one's lock, or its children not yet gone, tries again.
     */
    k.master = 0;
    k.master_due_us = now_us() + (k.master_killed ? 0 : 1000u * RETRY_MS);
}

static void reap(bool end)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == k.master) master_died(status, end);
        for (unsigned i = 0; i < k.o->homes; i++)
            if (pid == k.s->home[i].pid) home_died(i, status, end);
    }
}

static void revive(void)
{
    if (k.master == 0 && now_us() >= k.master_due_us) {
        k.master = server_start(k.s, k.o);
        k.master_killed = false;
    }
    for (unsigned i = 0; i < k.o->homes; i++)
        if (k.s->home[i].pid == 0 && now_us() >= k.home_due_us[i]) home_start(k.s, k.o, i);
}

static void tick(void)
{
    poll(NULL, 0, TICK_MS);
    reap(false);
    if (phase_of(k.s) < PHASE_HOME) revive();
}

/* --- phases --- */

static bool start_server(void)
{
    uint64_t deadline = now_us() + START_MS * 1000u;
    k.master = server_start(k.s, k.o);
    while (now_us() < deadline && !told_to_end) {
        unsigned ready = 0;
        k.n_processes = server_processes(k.s, k.process);
        for (int i = 0; i < k.n_processes; i++)
            ready += k.process[i].ok;
        if (k.n_processes > 0 && ready == (unsigned)k.n_processes && ready >= 3) return true;
        poll(NULL, 0, 20);
    }
    return false;
}

static void end_homes(void)
{
    uint64_t deadline = now_us() + END_MS * 1000u;
    for (unsigned i = 0; i < k.o->homes; i++)
        if (k.s->home[i].pid > 1) kill(k.s->home[i].pid, SIGTERM);
    for (unsigned left = 1; left && now_us() < deadline;) {
        poll(NULL, 0, TICK_MS);
        reap(true);
        left = 0;
        for (unsigned i = 0; i < k.o->homes; i++)
            left += k.s->home[i].pid > 1;
    }
    for (unsigned i = 0; i < k.o->homes; i++)
        if (k.s->home[i].pid > 1) kill(k.s->home[i].pid, SIGKILL);
}

static void end_server(void)
{
    uint64_t deadline = now_us() + END_MS * 1000u;
    go_on(true);
    if (k.master) kill(k.master, SIGTERM);
    while (k.master && now_us() < deadline) {
        poll(NULL, 0, TICK_MS);
        reap(true);
    }
    if (k.master) fprintf(stderr, "chaos: the server does not end in order; killed\n");
    server_kill_all(k.s);
    reap(true);
}

static void follow(void)
{
    while (phase_of(k.s) < PHASE_RUN && !told_to_end)
        tick();
    for (k.due_us = now_us(); phase_of(k.s) == PHASE_RUN && !told_to_end; tick()) {
        schedule();
        go_on(false);
    }
    go_on(true);
    while (phase_of(k.s) < PHASE_HOME && !told_to_end)
        tick();
    end_homes();
    atomic_store(&k.s->phase, PHASE_END);
    end_server();
}

static _Noreturn void live(void)
{
    struct sigaction on = {.sa_handler = on_term};
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGINT, &on, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    k.luck = k.o->seed;
    if (start_server()) {
        server_fix_address(k.s, k.o);
        for (unsigned i = 0; i < k.o->homes; i++)
            home_start(k.s, k.o, i);
        atomic_store(&k.s->phase, PHASE_READY);
        follow();
        atomic_store(&k.s->phase, PHASE_OVER);
    } else {
        fprintf(stderr, "chaos: the server does not start; see %s\n", k.s->log);
        atomic_store(&k.s->phase, PHASE_FAILED);
        end_server();
    }
    _exit(0);
}

pid_t killer_start(struct shared *s, const struct options *o)
{
    pid_t pid = fork();
    if (pid < 0) fatal("fork: %s", strerror(errno));
    if (pid == 0) {
        k.s = s;
        k.o = o;
        live();
    }
    return pid;
}
