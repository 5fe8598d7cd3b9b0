/* run.h - what both modes of the chaos tool need of its main file. */
#ifndef CHAOS_RUN_H
#define CHAOS_RUN_H

#include "chaos.h"

/* True when a signal told the tool to end, or the killer is gone. */
bool run_interrupted(void);

/* Turns the clients until a time, or until interrupted. */
void run_until(uint64_t us);

/* The kills of the repair mode, one by one, printed. How many were not repaired in time. */
unsigned repair_run(struct shared *s, const struct options *o);

#endif
