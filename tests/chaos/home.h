/*
 * home.h - a client with a store on disk, in a process of its own that is killed at any
 * instruction.
 *
 * It tells nobody what it received: what counts is what its store holds in the end.
 */
#ifndef HOME_H
#define HOME_H

#include "../../client/ledger.h"
#include "chaos.h"
#include "rooms.h"

/* Starts the process of home number which as a child of the caller. Its pid. */
pid_t home_start(struct shared *s, const struct options *o, unsigned which);

/* After all of them have ended: what home which has sent and received, told to both judges. */
void home_report(struct shared *s, const struct options *o, unsigned which, struct ledger *l, struct rooms *r);

#endif
