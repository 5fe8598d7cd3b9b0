/*
 * chaos.c - kills the server's processes under full load and lets the clients say what came of it:
 * see chaos.h for the parts, options.c for the command line.
 *
 * Exit status: 0 all held, 1 it did not (folder and log are kept and named), 2 it could not run.
 */
#include "chaos.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "after.h"
#include "circle.h"
#include "home.h"
#include "killer.h"
#include "log.h"
#include "options.h"
#include "run.h"
#include "server.h"
#include "usage.h"

enum {
    SHOWN = 10,        /* violations with all details */
    CALM_US = 3000000, /* of speaking after the last kill */
    DRAIN_US = 60000000,
    QUIET_US = 1500000, /* whatever comes in this time is one too many, or was late */
    OVER_US = 60000000,
};

static struct {
    struct shared *s;
    struct options o;
    struct ledger *ledger;
    struct rooms *rooms;
    pid_t killer;
    bool killer_gone;
    unsigned shown;
} run;

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

bool run_interrupted(void)
{
    if (!run.killer_gone && waitpid(run.killer, NULL, WNOHANG) == run.killer)
        run.killer_gone = true;
    return interrupted || (run.killer_gone && phase_of(run.s) < PHASE_OVER);
}

void run_until(uint64_t us)
{
    while (now_us() < us && !run_interrupted())
        actors_turn(10);
}

static void on_violation(void *arg, uint64_t when_us, const char *words)
{
    char before[160], when[40] = "noticed at the end";
    (void)arg;
    if (run.shown++ >= SHOWN) return;
    if (when_us) {
        killer_last(run.s, when_us, before, sizeof before);
        snprintf(when, sizeof when, "at %.3f s", (double)when_us / 1e6);
    }
    fprintf(stderr, "chaos: %s: %s%s%s\n", when, words, when_us ? "; before it: " : "",
            when_us ? before : "");
}

/* --- the steps of a run --- */

static bool wait_phase(int phase, uint64_t us)
{
    uint64_t deadline = now_us() + us;
    while (phase_of(run.s) < phase && now_us() < deadline && !run_interrupted())
        poll(NULL, 0, 5);
    return phase_of(run.s) >= phase;
}

static bool homes_settled(uint64_t *rows)
{
    bool good = true;
    *rows = 0;
    for (unsigned i = 0; i < run.o.homes; i++) {
        good = good && atomic_load(&run.s->home[i].settled) && run.s->home[i].trying_number == 0;
        *rows += atomic_load(&run.s->home[i].rows);
    }
    return good;
}

/* Waits until nothing is under way and nothing comes any more. */
static void drain(void)
{
    uint64_t deadline = now_us() + DRAIN_US, since = now_us(), rows = 0, before = 0;
    while (now_us() < deadline && !run_interrupted()) {
        run_until(now_us() + 100000);
        bool all = homes_settled(&rows) && actors_settled() && ledger_quiet(run.ledger) && rooms_quiet(run.rooms);
        if (!all || rows != before || server_queue(run.s) != 0) since = now_us();
        before = rows;
        if (actors_last_heard() > since) since = actors_last_heard();
        if (now_us() - since >= QUIET_US) return;
    }
    if (run_interrupted()) return;
    fprintf(stderr, "chaos: after %d s still something is under way%s%s%s%s\n", DRAIN_US / 1000000,
            homes_settled(&rows) ? "" : ", in outboxes of clients with stores",
            actors_settled() ? "" : ", in outboxes of clients, or some are not connected",
            ledger_quiet(run.ledger) ? "" : ", messages to clients",
            rooms_quiet(run.rooms) ? "" : ", lines of groups");
}

/* Whoever was never connected has no name yet, and nobody could write to them. */
static bool homes_came(void)
{
    uint64_t deadline = now_us() + OVER_US;
    for (unsigned i = 0; i < run.o.homes; i++)
        while (!atomic_load(&run.s->home[i].came) && now_us() < deadline && !run_interrupted())
            run_until(now_us() + 10000);
    return now_us() < deadline;
}

/* With a look at the processes after a minute, or half of a shorter run, and one at the end. */
static void chaos_time(void)
{
    struct usage u;
    uint64_t start = now_us(), first = run.o.seconds > 120 ? 60000000 : 500000u * run.o.seconds;
    run_until(start + first);
    usage_take(run.s, &u);
    usage_print(&u, "under load");
    run_until(start + 1000000u * run.o.seconds);
    usage_take(run.s, &u);
    usage_print(&u, "under load");
}

static unsigned go_through(void)
{
    struct shared *s = run.s;
    struct usage u;
    unsigned unrepaired = 0;
    atomic_store(&s->phase, PHASE_RUN);
    if (run.o.repair)
        unrepaired = repair_run(s, &run.o);
    else
        chaos_time();
    atomic_store(&s->phase, PHASE_CALM);
    run_until(now_us() + (run.o.repair ? 0 : CALM_US));
    usage_take(s, &u);
    usage_print(&u, "after the last kill");
    atomic_store(&s->phase, PHASE_STILL);
    drain();
    return unrepaired;
}

/* Lets the killer end everything; by force when it does not. */
static void end_all(void)
{
    if (phase_of(run.s) < PHASE_HOME) atomic_store(&run.s->phase, PHASE_HOME);
    if (interrupted && !run.killer_gone) kill(run.killer, SIGTERM);
    for (uint64_t deadline = now_us() + OVER_US; !run.killer_gone && now_us() < deadline;
         poll(NULL, 0, 5))
        if (waitpid(run.killer, NULL, WNOHANG) == run.killer) run.killer_gone = true;
    if (!run.killer_gone) kill(run.killer, SIGKILL); /* homes go with it */
    server_kill_all(run.s);
}

/* --- the verdict --- */

/* Gives the connections that clients with stores lost; adds what was refused to them, and failures.
 */
static uint64_t lost_by_homes(uint64_t *refused, bool *failed)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < run.o.homes; i++) {
        sum += atomic_load(&run.s->home[i].lost);
        *refused += atomic_load(&run.s->home[i].refused);
        *failed = *failed || atomic_load(&run.s->home[i].failed);
    }
    return sum;
}

static uint64_t done(enum deed d)
{
    return atomic_load(&run.s->done[d]);
}

/* A test that did nothing proves nothing: true when somebody was killed of each kind that was asked
 * for. */
static bool killed_enough(void)
{
    static const char *const words[] = {"worker", "broker"};
    const enum chaos_switch asked[] = {run.o.worker, run.o.broker};
    bool good = true;
    for (int i = 0; i < 2; i++) {
        if (asked[i] != SWITCH_ON || run.o.seconds < 20 || run.o.every_ms > 1000 ||
            done((enum deed)i))
            continue;
        fprintf(stderr, "chaos: no %s was killed in %u s; does the status list it?\n", words[i],
                run.o.seconds);
        good = false;
    }
    return good;
}

/* Prints the line; true when all held. */
static bool judge(uint64_t seconds, unsigned unrepaired)
{
    for (unsigned i = 0; i < run.o.homes; i++)
        home_report(run.s, &run.o, i, run.ledger, run.rooms);
    ledger_finish(run.ledger);
    rooms_finish(run.rooms);
    struct ledger_counts c = ledger_counts(run.ledger);
    struct rooms_counts g = rooms_counts(run.rooms);
    struct actors_counts a = actors_counts();
    bool failed = a.failures > 0 || a.refused != a.to_nobody;
    uint64_t reconnects = a.reconnects + lost_by_homes(&c.refused, &failed),
             unasked = atomic_load(&run.s->unasked);
    unsigned crashes = after_log(run.s);
    bool sound = after_store(run.s);
    char before[160];
    killer_last(run.s, a.worst_at_us, before, sizeof before);
    printf("to nobody: %lu messages, %lu refused\n", a.to_nobody, a.refused);
    printf("worst gap: c%u, ended at %.3f s, before it: %s\n", a.worst_who,
           (double)a.worst_at_us / 1e6, before);
    if (run.shown > SHOWN)
        fprintf(stderr, "chaos: %u violations, the first %d are shown\n", run.shown, SHOWN);
    c.sent += g.sent;
    c.delivered += g.delivered;
    c.lost += g.lost;
    c.dup += g.dup;
    c.disorder += g.disorder;
    c.alien += g.alien;
    if (c.alien + c.refused + unasked + crashes + failed)
        fprintf(stderr,
                "chaos: %lu not of ours, %lu refused, %lu ended by themselves, %u bad lines in the "
                "log%s\n",
                c.alien, c.refused, unasked, crashes, failed ? ", clients failed" : "");
    printf("also: killed keeper %lu, stopped %lu\n", done(DEED_KEEPER), done(DEED_STOP));
    printf("in groups: %lu messages, %lu entries, %lu of those put out or gone refused\n", g.sent, g.entries, g.refused);
    printf("chaos: seconds=%lu kills_worker=%lu kills_broker=%lu kills_master=%lu kills_client=%lu "
           "sent=%lu "
           "delivered=%lu lost=%lu dup=%lu disorder=%lu reconnects_live=%lu worst_gap_ms=%lu "
           "groups=%u group_sent=%lu group_delivered=%lu unopened=%lu\n",
           seconds, done(DEED_WORKER), done(DEED_BROKER), done(DEED_MASTER), done(DEED_CLIENT),
           c.sent, c.delivered, c.lost, c.dup, c.disorder, reconnects, a.worst_gap_us / 1000,
           circle_count(&run.o), g.sent, g.delivered, g.unopened);
    return c.lost + c.dup + c.disorder + c.alien + c.refused + g.unopened + unasked + crashes + unrepaired ==
               0 &&
           !failed && sound && killed_enough() && (reconnects == 0 || run.o.allow_reconnects);
}

/* --- setting up --- */

static void prepare_process(void)
{
    struct rlimit r;
    struct sigaction on = {.sa_handler = on_signal};
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_init("chaos", LOG_PRETTY, LOG_WARN, false);
    now_us();
    run.s = mmap(NULL, sizeof *run.s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.s == MAP_FAILED) fatal("no memory to share: %s", strerror(errno));
}

static void make_people(void)
{
    run.ledger = ledger_new(run.o.clients + run.o.homes, on_violation, NULL);
    for (unsigned i = 0; i < run.o.homes; i++)
        ledger_join(run.ledger, run.o.clients + i, false);
    run.rooms = rooms_new(circle_count(&run.o), run.o.clients + run.o.homes, on_violation, NULL);
    for (unsigned i = 0; i < run.o.homes; i++)
        rooms_defer(run.rooms, run.o.clients + i);
    actors_make(run.s, &run.o, run.ledger, run.rooms);
}

/* 2 when it could not run. */
static int whole_run(void)
{
    bool good = false;
    run.killer = killer_start(run.s, &run.o);
    if (!wait_phase(PHASE_READY, OVER_US) || phase_of(run.s) == PHASE_FAILED) {
        end_all();
        return 2;
    }
    make_people();
    uint64_t start = 0;
    unsigned unrepaired = 0;
    bool in = actors_log_in() && homes_came();
    if (in) {
        start = now_us();
        unrepaired = go_through();
    }
    uint64_t seconds = run.o.repair ? (now_us() - start) / 1000000 : run.o.seconds;
    bool cut_short = run_interrupted();
    end_all();
    if (in && !cut_short) good = judge(seconds, unrepaired);
    actors_free();
    ledger_free(run.ledger);
    rooms_free(run.rooms);
    if (!in || cut_short) return 2;
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    int stop = options_read(argc, argv, &run.o);
    if (stop) return stop - 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed=%lu\n", run.o.seed);
    if (sodium_init() < 0) return 2;
    prepare_process();
    if (server_prepare(run.s, &run.o)) return 2;
    int status = whole_run();
    if (status == 0 && !run.o.keep)
        server_remove(run.s);
    else
        fprintf(stderr, "chaos: kept %s (the server's state) and %s\n", run.s->folder, run.s->log);
    return status;
}
