/*
 * actors.h - the clients of this process, with stores in memory: busy ones that speak at full speed
 * with a bounded window, and idle ones. Some of the busy come and go: absent users. Now and then they
 * write to nobody, and must be told that it was refused, whatever was killed meanwhile.
 */
#ifndef ACTORS_H
#define ACTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../client/ledger.h"
#include "chaos.h"
#include "rooms.h"

struct actors_counts {
    uint64_t reconnects;   /* connections that living clients lost after login */
    uint64_t failures;     /* clients that were told not to come back, or something untrue */
    uint64_t to_nobody;    /* messages to a name that nobody has */
    uint64_t refused;      /* of those: refused as they must be */
    uint64_t worst_gap_us; /* see actors_worst() in actors.c */
    unsigned worst_who;
    uint64_t worst_at_us; /* when it ended */
};

/* Makes them all. Nobody is connected yet. */
void actors_make(struct shared *s, const struct options *o, struct ledger *l, struct rooms *r);
void actors_free(void);

/* Connects them, some at a time; false when not all are in within two minutes. */
bool actors_log_in(void);

/* One turn of at most ms: receive, send, come and go as the phase wants it. */
void actors_turn(int ms);

/* True when everybody is connected and has nothing in the outbox. */
bool actors_settled(void);
/* When anybody last got a message. */
uint64_t actors_last_heard(void);

/* Starts to wait until each busy client has got a message that was sent after since_us. */
void actors_await(uint64_t since_us);
/* How many still wait. The time at which the last one got it in *last_us. */
unsigned actors_waiting(uint64_t *last_us);

struct actors_counts actors_counts(void);

#endif
