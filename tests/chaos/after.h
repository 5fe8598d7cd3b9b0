/* after.h - what a server has left behind, looked at when all is over. */
#ifndef AFTER_H
#define AFTER_H

#include "chaos.h"

/*
 * Deaths in the server's log that were nobody's SIGKILL, fatal errors, reports of sanitizers; each
 * is shown on stderr, the first ten. How many.
 */
unsigned after_log(const struct shared *s);

/* Whether SQLite finds every database of the state folder sound; what is not is said on stderr. */
bool after_store(const struct shared *s);

#endif
