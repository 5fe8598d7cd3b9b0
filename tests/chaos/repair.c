/*
 * repair.c - kills workers one after the other and measures until every busy client has got a
 * message that was sent after the kill. The same is measured some times without a kill, as that
 * takes time, too.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors.h"
#include "killer.h"
#include "log.h"
#include "run.h"
#include "server.h"

enum { PROBES = 10, APART_US = 1000000, PATIENCE_US = 30 * 1000000 };

/* Until everybody has heard; UINT64_MAX: not in time. */
static uint64_t until_all_hear(uint64_t since)
{
    uint64_t last = 0;
    actors_await(since);
    while (actors_waiting(&last) && now_us() < since + PATIENCE_US && !run_interrupted())
        actors_turn(1);
    return actors_waiting(&last) ? UINT64_MAX : last - since;
}

/* The next worker in turn that holds connections; 0 none. */
static pid_t next_worker(struct shared *s, unsigned turn)
{
    static struct process p[PROCESSES_MAX];
    pid_t pid[PROCESSES_MAX];
    unsigned workers = 0;
    int n = server_processes(s, p);
    for (int i = 0; i < n; i++)
        if (p[i].role == ROLE_WORKER && p[i].ok && p[i].sessions) pid[workers++] = p[i].pid;
    return workers ? pid[turn % workers] : 0;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(uint64_t *us, unsigned n)
{
    qsort(us, n, sizeof *us, by_size);
    return (double)(us[(n - 1) / 2] + us[n / 2]) / 2e3;
}

static void probe_without_kill(void)
{
    uint64_t took[PROBES];
    for (unsigned i = 0; i < PROBES; i++) {
        took[i] = until_all_hear(now_us());
        run_until(now_us() + APART_US / 10);
    }
    double median = median_ms(took, PROBES);
    printf(
        "repair: without a kill everybody hears within %.1f ms (median), %.1f ms (worst of %d)\n",
        median, (double)took[PROBES - 1] / 1e3, PROBES);
}

/* One kill; UINT64_MAX when it was not repaired. */
static uint64_t kill_once(struct shared *s, unsigned turn)
{
    pid_t pid = 0;
    uint64_t give_up = now_us() + PATIENCE_US;
    while (!(pid = next_worker(s, turn)) && now_us() < give_up && !run_interrupted())
        actors_turn(10);
    uint64_t at = now_us();
    if (!pid || !server_signal(s, pid, SIGKILL)) return UINT64_MAX;
    killer_note(s, DEED_WORKER, pid);
    uint64_t took = until_all_hear(at);
    if (took == UINT64_MAX)
        printf("repair: kill %2u of worker %d: not everybody heard within %d s\n", turn + 1,
               (int)pid, PATIENCE_US / 1000000);
    else
        printf("repair: kill %2u of worker %d: everybody heard after %.1f ms\n", turn + 1, (int)pid,
               (double)took / 1e3);
    fflush(stdout);
    return took;
}

unsigned repair_run(struct shared *s, const struct options *o)
{
    uint64_t *took = xcalloc(o->kills, sizeof *took);
    unsigned good = 0, tried = 0;
    run_until(now_us() + 2 * APART_US);
    probe_without_kill();
    for (; tried < o->kills && !run_interrupted(); tried++) {
        took[good] = kill_once(s, tried);
        if (took[good] != UINT64_MAX) good++;
        run_until(now_us() + APART_US);
    }
    double median = good ? median_ms(took, good) : 0;
    printf("repair: idle=%u busy=%u kills=%u repaired=%u median_ms=%.1f worst_ms=%.1f\n", o->idle,
           o->clients, tried, good, median, good ? (double)took[good - 1] / 1e3 : 0);
    free(took);
    return tried - good;
}
