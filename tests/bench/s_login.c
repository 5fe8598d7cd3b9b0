/*
 * s_login.c - S4: a crowd logs in, then stays and says nothing. Twice: the first time nobody is
 * known (ours makes accounts then, durably) and the memory is a fresh server's, the second time is
 * what a login of a known user costs.
 */
#include "load.h"

enum { CROWD = 5000, LOGIN_LIMIT_S = 90, SETTLE_S = 3, LEAVE_S = 2 };

static void log_in(const char *cpu, const char *rate, struct usage *after)
{
    struct usage before;
    procs_usage(load.o.root, false, &before);
    double took = conns_try_log_in(LOGIN_LIMIT_S);
    if (load.n_ready < load.n / 2) die("only %u of %u logged in", load.n_ready, load.n);
    procs_usage(load.o.root, false, after);
    result_real(cpu, (double)(after->cpu_us - before.cpu_us) / load.n_ready);
    result_real(rate, load.n_ready / took);
    result_int("logged_in", load.n_ready);
    result_by_program("cpu_by_program", &before, after, load.n_ready);
}

static void idle(const struct usage *empty)
{
    struct usage a, b;
    turns(SETTLE_S);
    procs_usage(load.o.root, true, &a);
    double start = now_s();
    turns(SETTLE_S);
    double took = now_s() - start;
    procs_usage(load.o.root, true, &b);
    result_int("pss_kb_empty", empty->pss_kb);
    result_int("pss_kb_full", a.pss_kb);
    result_real("bytes_per_conn", ((double)a.pss_kb - (double)empty->pss_kb) * 1024 / load.n_ready);
    result_real("idle_cpu_ms_per_s", (double)(b.cpu_us - a.cpu_us) / 1000 / took);
    result_int("processes", b.processes);
}

static void leave_all(void)
{
    for (unsigned i = 0; i < load.n; i++)
        conn_leave(&load.conn[i]);
    turn(0);
    for (unsigned i = 0; i < load.n; i++)
        conn_close(&load.conn[i], NULL);
    turns(LEAVE_S);
}

void scenario_login(void)
{
    struct usage empty, after;
    conns_make(load.o.n ? load.o.n : CROWD, 0);
    result_int("connections", load.n);
    result_int("at_once", load.o.at_once);
    turns(SETTLE_S); /* a server that has just started may not have all its processes yet */
    procs_usage(load.o.root, true, &empty);
    log_in("first_cpu_us", "first_rate", &after);
    idle(&empty);
    leave_all();
    log_in("cpu_us", "rate", &after);
}
