/*
 * killer.h - the process that owns the server and the homes: starts them, kills and stops them by
 * the seed's schedule, starts them again, and ends them in order. It follows shared->phase, and
 * ends all of them when the tool itself dies.
 */
#ifndef KILLER_H
#define KILLER_H

#include <stddef.h>

#include "chaos.h"

/* Starts it; its pid. */
pid_t killer_start(struct shared *s, const struct options *o);

/* Writes down and counts that something was done; one process at a time. */
void killer_note(struct shared *s, enum deed deed, pid_t pid);

/* The last three things that were done before a time, in words; "nothing" when there is none. */
void killer_last(const struct shared *s, uint64_t when_us, char *out, size_t size);

/* Says on stderr that somebody lost its connection, and after which deed; the first ten in all. */
void killer_tell_lost(struct shared *s, const char *name, const char *code, const char *reason);

#endif
