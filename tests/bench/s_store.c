/*
 * s_store.c - messages to users who are absent. S5 in three runs of this program, since the server
 * dies between two of them; S7queues: does a login feel what waits for others?
 *
 * User 0 sends, 1 to load.o.users receive.
 */
#include "load.h"

#include <signal.h>

#include "log.h"

enum { ACK_LIMIT_S = 300, QUIET_S = 3, PROBES = 300, PROBE_S = 30 };

static struct {
    unsigned sent, acked;
    bool kill; /* at the last acknowledgement */
    double start, took;
    struct usage before, after;
} store;

/* --- filling --- */

static void fill(struct conn *c)
{
    while (store.sent < load.o.messages && store.sent - store.acked < load.o.window)
        text_send(c, false, 1 + store.sent++ % load.o.users);
}

/*
 * Everything is acknowledged: from now on all of it must survive anything. The processes are
 * stopped first, so that what they used until this moment can be read before they are killed.
 */
static void finish(void)
{
    if (store.kill) procs_signal(load.o.root, SIGSTOP);
    store.took = now_s() - store.start;
    procs_usage(load.o.root, false, &store.after);
    if (!store.kill) return;
    while (procs_signal(load.o.root, SIGKILL) > 0)
        turn(1);
}

static void store_acked(struct conn *c, unsigned n)
{
    if (store.took > 0) return;
    store.acked += n;
    if (store.acked >= load.o.messages)
        finish();
    else
        fill(c);
}

/* Sends load.o.messages from load.conn[0] and waits for every acknowledgement. */
static void store_all(void)
{
    struct conn *c = &load.conn[0];
    if (load.o.driver->prepare) load.o.driver->prepare(c);
    load.on_acked = store_acked;
    procs_usage(load.o.root, false, &store.before);
    store.start = now_s();
    fill(c);
    while (store.took == 0) { /* set by finish() */
        turn(100);
        if (now_s() - store.start > ACK_LIMIT_S || (c->state == CONN_CLOSED && store.took == 0))
            die("%u of %u messages were acknowledged", store.acked, load.o.messages);
    }
}

static void leave_all(void)
{
    for (unsigned i = 0; i < load.n; i++)
        conn_leave(&load.conn[i]);
    turns(1);
}

void scenario_register(void)
{
    conns_make(1 + load.o.users, 0);
    conns_log_in(60);
    result_int("registered", load.n_ready);
    leave_all();
}

void scenario_store(void)
{
    conns_make(1, 0);
    conns_log_in(60);
    store.kill = true;
    store_all();
    result_int("users", load.o.users);
    result_int("window", load.o.window);
    result_int("bytes", load.o.bytes);
    result_int("sent", store.sent);
    result_int("acked", store.acked);
    result_traffic(&store.before, &store.after, store.took, store.acked);
}

/* --- draining --- */

static struct {
    uint8_t *seen;
    uint32_t *next; /* for each user: at least this one is to come */
    unsigned received, repeats, disorder, strays;
} drain;

static void drain_text(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns)
{
    (void)from, (void)sent_ns;
    if (to != c->id || seq >= load.o.messages) {
        drain.strays++;
        return;
    }
    if (drain.seen[seq]) {
        drain.repeats++;
        return;
    }
    drain.seen[seq] = 1;
    drain.received++;
    if (seq < drain.next[to]) drain.disorder++;
    drain.next[to] = seq + 1;
}

void scenario_drain(void)
{
    drain.seen = xcalloc(load.o.messages, 1);
    drain.next = xcalloc(load.o.users + 1, sizeof *drain.next);
    load.on_text = drain_text;
    conns_make(load.o.users, 1);
    double start = now_s(), last = start;
    unsigned seen = 0;
    conns_log_in(60);
    while (now_s() - last < QUIET_S && drain.received < load.o.messages) {
        turn(100);
        if (drain.received != seen) last = now_s();
        seen = drain.received;
    }
    double took = now_s() - start;
    turns(0.5); /* whatever comes now is one too many */
    result_int("received", drain.received);
    result_int("lost", load.o.messages - drain.received);
    result_int("repeats", drain.repeats);
    result_int("disorder", drain.disorder);
    result_int("strays", drain.strays);
    result_real("seconds", took);
    result_real("rate", drain.received / took);
}

/* --- S7queues --- */

/* Logs in and out again, one after the other; from dialling to ready. */
static void probe(struct conn *c)
{
    double limit = now_s() + PROBE_S;
    uint64_t start = now_ns();
    conn_dial(c);
    while (!c->ready) {
        turn(100);
        if (now_s() > limit) die("S7: a login took more than %d s", PROBE_S);
    }
    histogram_add(&load.latency, now_ns() - start);
    conn_leave(c);
    turn(0);
    conn_close(c, NULL);
}

void scenario_queues(void)
{
    struct usage a, b;
    conns_make(1 + load.o.users, 0);
    conns_log_in(60);
    leave_all();
    conns_make(1, 0);
    conns_log_in(60);
    store_all();
    result_int("waiting", store.acked);
    result_int("users", load.o.users);
    result_real("store_cpu_us", (double)(store.after.cpu_us - store.before.cpu_us) / store.acked);
    conns_make(1, load.o.users + 1); /* nothing waits for this one */
    probe(&load.conn[0]);            /* makes the account */
    histogram_clear(&load.latency);
    procs_usage(load.o.root, false, &a);
    double start = now_s();
    for (unsigned i = 0; i < PROBES; i++)
        probe(&load.conn[0]);
    procs_usage(load.o.root, false, &b);
    result_traffic(&a, &b, now_s() - start, PROBES);
}
