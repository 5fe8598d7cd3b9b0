/*
 * s_mixed.c - S6: like a day at a school. One in ten speaks, at a fixed pace, to its neighbour and
 * now and then to the room; the others listen. In the middle every connection is cut, and all dial
 * again at once. What was said must arrive nevertheless, where the protocol promises that.
 */
#include "load.h"

#include "log.h"

enum {
    CROWD = 2000,
    SPEAKER = 10,     /* one in so many speaks */
    DIRECT_PACE = 20, /* messages a second from each who speaks */
    ROOM_PACE = 10,   /* messages a second to the room, by all */
    STORM_S = 30,     /* so long at most until all are back */
    QUIET_S = 3,
};

static struct {
    unsigned speakers;
    double start, direct_due, room_due; /* how many were due so far */
    uint64_t direct_sent, room_sent, direct, room, repeats, acked;
    uint32_t *last; /* of each speaker's direct messages: the newest that came, + 1 */
    unsigned turn;  /* whose */
} mixed;

static void mixed_text(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns)
{
    if (to >= load.n) { /* the room */
        if (from == c->id) return;
        mixed.room++;
    } else if (seq + 1 <= mixed.last[from]) {
        mixed.repeats++; /* sent again after a break; a person does not see it */
        return;
    } else {
        mixed.last[from] = seq + 1;
        mixed.direct++;
    }
    histogram_add(&load.latency, now_ns() - sent_ns);
}

static void mixed_acked(struct conn *c, unsigned n)
{
    (void)c;
    mixed.acked += n;
}

static void join_again(struct conn *c)
{
    load.o.driver->join(c);
}

/* Who has no outbox says nothing while the connection is down. */
static bool can_speak(const struct conn *c)
{
    return load.o.driver->keeps || c->ready;
}

static void speak(void)
{
    const double t = now_s() - mixed.start;
    const double direct = t * DIRECT_PACE * mixed.speakers, in_room = t * ROOM_PACE;
    for (; mixed.direct_due < direct; mixed.direct_due++) {
        struct conn *c = &load.conn[mixed.turn];
        mixed.turn = (mixed.turn + 1) % mixed.speakers;
        if (!can_speak(c)) continue;
        text_send(c, false, load.conn[mixed.turn].id);
        mixed.direct_sent++;
    }
    for (; mixed.room_due < in_room; mixed.room_due++) {
        struct conn *c = &load.conn[(unsigned)mixed.room_due % mixed.speakers];
        if (!can_speak(c)) continue;
        text_send(c, true, load.n);
        mixed.room_sent++;
    }
}

static void run_for(double seconds)
{
    for (double until = now_s() + seconds; now_s() < until;) {
        speak();
        turn(1);
    }
}

/* Cuts everybody off and brings everybody back while all go on speaking; the seconds it took. */
static double storm(void)
{
    double start = now_s();
    for (unsigned i = 0; i < load.n; i++)
        conn_close(&load.conn[i], NULL);
    for (unsigned i = 0; i < load.n; i++)
        conn_dial(&load.conn[i]);
    while (load.n_joined < load.n && now_s() - start < STORM_S) {
        speak();
        turn(1);
        for (unsigned i = 0; i < load.n; i++) /* turned away: again */
            if (load.conn[i].state == CONN_CLOSED) conn_dial(&load.conn[i]);
    }
    return now_s() - start;
}

static uint64_t expected(void)
{
    return mixed.direct_sent + mixed.room_sent * (load.n - 1);
}

static void calm(void)
{
    double last = now_s();
    uint64_t seen = 0;
    while (mixed.direct + mixed.room < expected() && now_s() - last < QUIET_S) {
        turn(100);
        if (mixed.direct + mixed.room != seen) last = now_s();
        seen = mixed.direct + mixed.room;
    }
    turns(0.5);
}

static void report_storm(const struct usage *a, const struct usage *b, double took)
{
    result_real("storm_s", took);
    result_int("storm_back", load.n_joined);
    result_real("storm_p50_us", histogram_us(&load.latency, 0.5));
    result_real("storm_p99_us", histogram_us(&load.latency, 0.99));
    result_real("storm_cpu_us", (double)(b->cpu_us - a->cpu_us) / load.n);
}

void scenario_mixed(void)
{
    struct usage a, b, c;
    conns_make(load.o.n ? load.o.n : CROWD, 0);
    mixed.speakers = load.n / SPEAKER ? load.n / SPEAKER : 1;
    mixed.last = xcalloc(load.n, sizeof *mixed.last);
    conns_log_in(120);
    conns_join(0, load.n, 20);
    load.on_text = mixed_text;
    load.on_acked = mixed_acked;
    load.on_ready = join_again;
    mixed.start = now_s();
    run_for(load.o.warm);
    histogram_clear(&load.latency);
    procs_usage(load.o.root, false, &a);
    uint64_t before = mixed.direct + mixed.room;
    double start = now_s();
    run_for(load.o.seconds);
    double took = now_s() - start;
    procs_usage(load.o.root, false, &b);
    result_int("clients", load.n);
    result_traffic(&a, &b, took, mixed.direct + mixed.room - before);
    histogram_clear(&load.latency);
    double back = storm();
    procs_usage(load.o.root, false, &c);
    report_storm(&b, &c, back);
    run_for(load.o.seconds);
    calm();
    result_int("direct_sent", mixed.direct_sent);
    result_int("room_sent", mixed.room_sent);
    result_int("lost", expected() - mixed.direct - mixed.room);
    result_int("repeats", mixed.repeats);
    if (load.o.driver->acks)
        result_int("unacked", mixed.direct_sent + mixed.room_sent - mixed.acked);
}
