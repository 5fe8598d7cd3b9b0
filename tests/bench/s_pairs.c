/* s_pairs.c - S1: two who wait for each other. S2: pairs, each with a window of messages under way.
 */
#include "load.h"

#include <string.h>

enum { PING_WARM = 1000, PING_ROUNDS = 20000, PAIRS = 50, STALL_S = 3, NUDGES = 5 };

/* --- S1 --- */

static struct {
    uint64_t sent_ns, delivered;
    unsigned left;
} ping;

static void ping_send(unsigned from)
{
    if (from == 0) ping.sent_ns = now_ns();
    text_send(&load.conn[from], false, load.conn[!from].id);
}

static void ping_text(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns)
{
    (void)from, (void)seq, (void)sent_ns;
    if (to != c->id) return;
    ping.delivered++;
    if (c == &load.conn[1]) {
        ping_send(1);
        return;
    }
    histogram_add(&load.latency, (now_ns() - ping.sent_ns) / 2);
    if (--ping.left > 0) ping_send(0);
}

/* So many rounds, and the time they took. */
static double ping_rounds(unsigned rounds, double limit_s)
{
    double start = now_s();
    histogram_clear(&load.latency);
    ping.left = rounds;
    ping.delivered = 0;
    ping_send(0);
    while (ping.left > 0) {
        turn(1000);
        if (now_s() - start > limit_s) die("S1: %u rounds were not answered", ping.left);
    }
    return now_s() - start;
}

void scenario_ping(void)
{
    const unsigned rounds = load.o.n ? load.o.n : PING_ROUNDS;
    struct usage a, b;
    conns_make(2, 0);
    conns_log_in(30);
    load.on_text = ping_text;
    ping_rounds(PING_WARM, 30);
    procs_usage(load.o.root, false, &a);
    double took = ping_rounds(rounds, 120);
    procs_usage(load.o.root, false, &b);
    result_int("rounds", rounds);
    result_traffic(&a, &b, took, ping.delivered);
}

/* --- S2 --- */

static struct {
    uint64_t sent, acked, delivered, measured, strays;
} pairs;

static void pairs_send(struct conn *c, unsigned to)
{
    c->outstanding++;
    pairs.sent++;
    text_send(c, false, to);
}

static void pairs_text(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns)
{
    (void)seq;
    if (to != c->id || from >= load.n) {
        pairs.strays++;
        return;
    }
    struct conn *sender = &load.conn[from];
    histogram_add(&load.latency, now_ns() - sent_ns);
    pairs.delivered++;
    sender->outstanding--;
    while (!load.stop && sender->outstanding < load.o.window)
        pairs_send(sender, to);
}

static void pairs_acked(struct conn *c, unsigned n)
{
    (void)c;
    pairs.acked += n;
}

static uint64_t under_way(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < load.n; i++)
        sum += load.conn[i].outstanding;
    return sum;
}

/* Turns until the time is over; true when for some seconds nothing was delivered. */
static bool run_for(double seconds)
{
    double start = now_s(), last = start;
    uint64_t seen = pairs.delivered;
    while (now_s() - start < seconds) {
        turn(100);
        if (pairs.delivered != seen) last = now_s();
        seen = pairs.delivered;
        if (now_s() - last > STALL_S) return true;
    }
    return false;
}

/* What is still under way arrives, and is acknowledged; at most so long after the last arrival. */
static void settle(double patience_s)
{
    double last = now_s(), limit = last + 20;
    uint64_t seen = 0;
    while (now_s() - last < patience_s && now_s() < limit) {
        if (under_way() == 0 && (!load.o.driver->acks || pairs.acked >= pairs.sent)) return;
        turn(100);
        if (pairs.delivered + pairs.acked != seen) last = now_s();
        seen = pairs.delivered + pairs.acked;
    }
}

/*
 * Is what did not come lost, or does it lie in the server until the next bytes come? One more
 * message from each who misses some. Returns how many came only then.
 */
static uint64_t nudge(void)
{
    uint64_t before = under_way();
    for (unsigned r = 0; r < NUDGES && under_way(); r++) {
        for (unsigned i = 0; i < load.n; i += 2)
            if (load.conn[i].outstanding) pairs_send(&load.conn[i], load.conn[i + 1].id);
        settle(1);
    }
    uint64_t after = under_way();
    return before > after ? before - after : 0;
}

void scenario_pairs(void)
{
    const unsigned n = load.o.n ? load.o.n : PAIRS;
    struct usage a, b;
    conns_make(2 * n, 0);
    conns_log_in(120);
    load.on_text = pairs_text;
    load.on_acked = pairs_acked;
    for (unsigned i = 0; i < 2 * n; i += 2)
        for (unsigned k = 0; k < load.o.window; k++)
            pairs_send(&load.conn[i], load.conn[i + 1].id);
    turns(load.o.warm);
    histogram_clear(&load.latency);
    procs_usage(load.o.root, false, &a);
    uint64_t before = pairs.delivered;
    double start = now_s();
    bool stalled = run_for(load.o.seconds);
    double took = now_s() - start;
    pairs.measured = pairs.delivered - before;
    procs_usage(load.o.root, false, &b);
    result_int("pairs", n);
    result_int("window", load.o.window);
    result_int("bytes", load.o.bytes);
    result_traffic(&a, &b, took, pairs.measured);
    load.stop = true;
    settle(2);
    result_int("stalled", stalled);
    result_int("stuck_till_nudged", nudge());
    result_int("sent", pairs.sent);
    result_int("delivered", pairs.delivered);
    result_int("lost", under_way());
    result_int("strays", pairs.strays);
    if (load.o.driver->acks) result_int("unacked", pairs.sent - pairs.acked);
}
