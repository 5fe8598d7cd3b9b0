/*
 * server.h - a server of one's own in a temporary folder: starting it, its processes, their ends.
 *
 * All its processes are one process group; nothing outside of it is ever touched, and a process is
 * signalled through a descriptor of it, so a number that was given to another is no danger.
 */
#ifndef CHAOS_SERVER_H
#define CHAOS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "chaos.h"

enum role { ROLE_MASTER, ROLE_WORKER, ROLE_BROKER, ROLE_KEEPER, ROLES };
enum { PROCESSES_MAX = 160 };

struct process {
    enum role role;
    unsigned slot;
    pid_t pid;
    bool ok;           /* in service */
    uint64_t sessions; /* 0: a spare, or nobody came */
};

/* Makes folder, config and paths in s. 0, or -1 (said on stderr). */
int server_prepare(struct shared *s, const struct options *o);

/* Starts a master as a child of the caller; s->group is set. Its pid. */
pid_t server_start(struct shared *s, const struct options *o);

/*
 * Asks the control socket; waits at most 0.3 s. Gives how many processes were listed: 0 nobody
 * answers. Sets s->host, s->port and s->takeover when the master says them.
 */
int server_processes(struct shared *s, struct process out[PROCESSES_MAX]);

/* Messages that wait for somebody; -1 when nobody answers. */
int server_queue(const struct shared *s);

/* Writes the address that it listens on into the config, so that the next one takes the same. */
void server_fix_address(struct shared *s, const struct options *o);

/* Signals a process of the server. False when it is none (any more). */
bool server_signal(const struct shared *s, pid_t pid, int signal);

/* Kills the whole group. */
void server_kill_all(const struct shared *s);

/* Removes the folder and everything in it. */
void server_remove(const struct shared *s);

#endif
