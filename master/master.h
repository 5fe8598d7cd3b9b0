/*
 * master.h - the master's own header.
 *
 * The master accepts connections, holds a duplicate of each, hands them to workers, and keeps the
 * other processes alive. It never reads a byte that a user sent.
 *
 *   master.c    start, signals, stop, reload
 *   options.c   the command line
 *   listen.c    listening sockets, accept, limits, hand-over
 *   limit.c     how often one address may connect (pure)
 *   child.c     starting, watching, replacing workers and broker
 *   place.c     the duplicates: which connection is whose (pure)
 *   admin.c     the operator's socket
 */
#ifndef MASTER_H
#define MASTER_H

#include <stdio.h>
#include <sys/types.h>

#include "bus.h"
#include "chan.h"
#include "limit.h"
#include "loop.h"
#include "place.h"
#include "settings.h"

enum child_role { CHILD_WORKER, CHILD_BROKER };
enum child_state { CHILD_NONE, CHILD_STARTING, CHILD_READY, CHILD_STOPPING };

struct child {
    struct master *master;
    enum child_role role;
    enum child_state state;
    uint32_t slot, generation;
    pid_t pid; /* 0: none */
    struct chan chan;
    bool has_chan;
    bool linked; /* worker: it has a stream to the present broker */
    uint32_t link; /* counts those streams */
    int slab;    /* worker: the memfd, -1 none */
    struct places places;
    uint64_t started_ms, alive_ms; /* start; last sign of life */
    uint64_t backoff_ms;
    struct loop_timer respawn;
    uint32_t deaths;
    uint64_t sessions, in, out; /* by its last heartbeat */
    char sandbox[200];
    char fingerprint[40]; /* broker */
};

enum { MASTER_WORKERS_MAX = 64, MASTER_RESERVE_FDS = 128 };

struct listener {
    struct loop_io io;
    struct master *master;
    char name[64];
};

struct master {
    struct loop loop;
    struct settings set;
    const char *conf_path;
    int n_sets; /* --set assignments, applied again at reload */
    char **sets;
    char bin_dir[512];
    struct loop_io signals;
    struct listener listener[SETTINGS_LISTEN_MAX];
    int n_listeners;
    bool listening; /* listeners are watched */
    int spare_fd;   /* given up to accept and refuse when there are no descriptors left */
    struct loop_timer resume, heartbeat, deadline;
    struct limiter by_address, by_network;
    uint64_t max_connections, connections;
    uint32_t records; /* of each slab */
    struct child broker;
    struct child worker[MASTER_WORKERS_MAX];
    unsigned n_workers;
    struct loop_io admin;
    struct question *questions;
    uint64_t last_token, beat;
    int lock_fd;
    uint64_t started_ms;
    bool said_ready, stopping, failed;
};

struct options {
    const char *conf_path;
    int n_sets;
    char **sets;
    bool check;
};

/* options.c: fills in o; or has done what was asked (--help, …) and returns the exit status, else -1. */
int options_parse(int argc, char **argv, struct options *o);
/* Reads and checks everything. 0, or -1 with a message in err. */
int options_settings(const char *conf_path, char **sets, int n_sets, struct settings *set, char *err, size_t size);

/* listen.c */
void listen_open(struct master *m);
void listen_close(struct master *m);
/* Starts or stops accepting, as there are workers to hand over to. */
void listen_update(struct master *m);

/* child.c */
void child_spawn(struct child *c);
void child_start_all(struct master *m);
/* SIGCHLD: collects who died and replaces them. */
void child_reap(struct master *m);
void child_heartbeat(struct master *m);
void child_send_settings(struct master *m);
/* Asks workers, then the broker, to end; true when all are gone. */
bool child_stop(struct master *m);
void child_kill_all(struct master *m);
/* The worker with the fewest connections that can take one more; NULL when there is none. */
struct child *child_least(struct master *m);

/* admin.c */
void admin_open(struct master *m);
void admin_close(struct master *m);
/* CTL_ANSWER from the broker. */
void admin_answer(struct master *m, struct slice fields);

#endif
