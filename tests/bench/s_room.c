/* s_room.c - S3: one speaks to a room, a window of messages ahead of its slowest member. */
#include "load.h"

enum { MEMBERS = 1000, WINDOW_MAX = 1 << 12, STALL_S = 3 };

static struct {
    unsigned members;
    uint32_t heard_by_all;       /* every message below has reached every member */
    uint32_t copies[WINDOW_MAX]; /* of message seq: how many have it */
    uint64_t delivered, acked;
} room;

static void fill(void)
{
    struct conn *speaker = &load.conn[0];
    while (!load.stop && speaker->seq - room.heard_by_all < load.o.window) {
        room.copies[speaker->seq % WINDOW_MAX] = 0;
        text_send(speaker, true, 0);
    }
}

static void room_text(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns)
{
    const struct conn *speaker = &load.conn[0];
    (void)to;
    if (from != speaker->id || c == speaker) return;
    histogram_add(&load.latency, now_ns() - sent_ns);
    room.delivered++;
    room.copies[seq % WINDOW_MAX]++;
    while (room.heard_by_all != speaker->seq &&
           room.copies[room.heard_by_all % WINDOW_MAX] >= room.members)
        room.heard_by_all++;
    fill();
}

static void room_acked(struct conn *c, unsigned n)
{
    (void)c;
    room.acked += n;
}

/* Turns for so long; true when nothing was delivered for some seconds. */
static bool run_for(double seconds)
{
    double start = now_s(), last = start;
    uint64_t seen = room.delivered;
    while (now_s() - start < seconds) {
        turn(100);
        if (room.delivered != seen) last = now_s();
        seen = room.delivered;
        if (now_s() - last > STALL_S) return true;
    }
    return false;
}

static bool all_heard(void)
{
    const struct conn *speaker = &load.conn[0];
    return room.heard_by_all == speaker->seq &&
           (!load.o.driver->acks || room.acked >= speaker->seq);
}

void scenario_room(void)
{
    struct usage a, b;
    room.members = load.o.n ? load.o.n : MEMBERS;
    if (load.o.window > WINDOW_MAX) die("S3: the window is at most %d", WINDOW_MAX);
    conns_make(room.members + 1, 0);
    conns_log_in(120);
    if (load.o.driver->sender_joins)
        conns_join(0, load.n, 20);
    else
        conns_join(1, room.members, 50);
    load.on_text = room_text;
    load.on_acked = room_acked;
    fill();
    turns(load.o.warm);
    histogram_clear(&load.latency);
    procs_usage(load.o.root, false, &a);
    uint64_t before = room.delivered;
    double start = now_s();
    bool stalled = run_for(load.o.seconds);
    double took = now_s() - start;
    uint64_t measured = room.delivered - before;
    procs_usage(load.o.root, false, &b);
    result_int("members", room.members);
    result_int("window", load.o.window);
    result_int("bytes", load.o.bytes);
    result_traffic(&a, &b, took, measured);
    load.stop = true;
    for (double until = now_s() + 5; !all_heard() && now_s() < until;)
        turn(100);
    result_int("stalled", stalled);
    result_int("sent", load.conn[0].seq);
    result_int("delivered", room.delivered);
    result_int("lost", (uint64_t)load.conn[0].seq * room.members - room.delivered);
    if (load.o.driver->acks) result_int("unacked", load.conn[0].seq - room.acked);
}
