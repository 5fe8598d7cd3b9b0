/*
 * orphan.h - worker and broker when their master dies: serve on, wait for a new one to be
 * introduced, give up after a grace time.
 *
 * The keeper (master/keeper/), which outlives the master, does the introducing, over a channel it has
 * with each of them. When nobody is left who could, waiting is of no use.
 */
#ifndef ORPHAN_H
#define ORPHAN_H

#include "chan.h"

/* A new keeper comes before the old one goes; one more, in case a master dies between the two. */
enum { ORPHAN_INTROS = 3 };

struct orphan {
    struct loop *loop;
    struct loop_timer grace;
    struct chan intro[ORPHAN_INTROS];
    bool alone;
    void (*meet)(void *owner, int fd); /* a new master's channel, the callee's from now on */
    void (*abandoned)(void *owner);    /* nobody will come: end in order */
    void *owner;
};

void orphan_init(struct orphan *o, struct loop *l, void (*meet)(void *, int), void (*abandoned)(void *), void *owner);

/* CTL_INTRO: takes over fd (or -1), one end of a channel whose other end a keeper has. */
void orphan_intro(struct orphan *o, int fd);

/* The master's channel has ended: meet() within grace_ms, else abandoned(), perhaps at once. */
void orphan_begin(struct orphan *o, uint64_t grace_ms);

#endif
