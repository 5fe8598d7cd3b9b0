/* reach.h - finding the server's control socket. */
#ifndef CTL_REACH_H
#define CTL_REACH_H

#include <stddef.h>

enum { REACH_PATH = 4096 };

/*
 * Connects to the control socket at wanted or, when that is NULL, to the first that answers of
 * $STATE_DIRECTORY, state and conf/state; path becomes the one that did. The descriptor, or -1,
 * said on stderr.
 */
int reach(const char *wanted, char path[REACH_PATH]);

#endif
