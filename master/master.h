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
 *   child.c     processes: started, heard, watched, collected
 *   slot.c      workers' places: filled from the spare, joined to the broker, adopted
 *   place.c     the duplicates: which connection is whose (pure)
 *   keep.c      what the next master will need, told to the keeper
 *   takeover.c  from one master to the next
 *   upgrade.c   to a new binary with the same connections
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
#include "safety_number.h"
#include "settings.h"

enum child_role { CHILD_WORKER, CHILD_BROKER, CHILD_KEEPER };
enum child_state { CHILD_STARTING, CHILD_READY, CHILD_STOPPING };

/* A process. A worker without a slot is a spare. */
struct child {
    struct master *master;
    struct child *next; /* spares */
    struct slot *slot;
    enum child_role role;
    enum child_state state;
    pid_t pid;
    struct loop_io pidfd; /* of a process that another master started; fd -1: our own child */
    struct chan chan;
    bool has_chan;
    bool hung;                     /* killed by us for its silence */
    bool replaced;                 /* killed by us since the operator wants another one */
    uint64_t started_ms, alive_ms; /* start; last sign of life */
    uint64_t sessions, in, out;    /* by its last heartbeat */
    char sandbox[200];
    char fingerprint[40]; /* broker */
};

/* ASKED: which connections the successor wants first is not known yet. */
enum handing { HANDING_NONE, HANDING_ASKED, HANDING_FIRST, HANDING_REST };

/* A worker's place: what stays when the process in it changes. */
struct slot {
    struct master *master;
    struct child *child; /* NULL: empty, waiting for a spare */
    uint32_t number, generation;
    int slab; /* the memfd; -1: none yet */
    struct places places;
    bool linked;     /* its worker has a stream to the present broker */
    uint32_t link;   /* counts those streams */
    bool adopting;   /* connections are being handed to a successor: nothing else may be */
    enum handing handing; /* … how far that is */
    struct buf first;     /* indices its worker wants first, not handed on yet */
    uint32_t n_first;     /* how many those were */
    uint32_t at;          /* of the rest: up to this index */
    bool fault;      /* the last one died of its own doing */
    bool awaited;    /* taken over: slab and connections have not all come yet */
    bool draining;   /* gets no new connections */
    bool restart;    /* to be restarted when a spare is ready */
    uint64_t died_ms, served_ms; /* served: those that its successor wanted first had been handed on */
    uint32_t deaths;
};

/* When the next one may be started: at once after a calm life, else later and later. */
struct throttle {
    struct loop_timer timer;
    uint64_t backoff_ms;
    bool waiting;
};

enum { MASTER_WORKERS_MAX = 64, MASTER_RESERVE_FDS = 128 };

/* How much of what there is the keeper has been told. */
struct keeping {
    uint32_t slot, index; /* the sweep goes on here */
    bool again;           /* and then begins anew */
    bool complete;        /* a next master may ask it */
    bool confirmed;       /* and it has said so */
};

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
    struct child *broker; /* NULL: dead, the next one waits for its throttle */
    struct child *spares; /* workers that start or stand ready */
    struct slot slot[MASTER_WORKERS_MAX];
    unsigned n_slots;
    struct child *keeper; /* NULL: dead, as above */
    struct keeping keeping;
    struct throttle broker_throttle, worker_throttle, keeper_throttle;
    uint32_t broker_deaths, broker_generation;
    struct loop_io admin;
    struct question *questions;
    uint64_t last_token, beat;
    int lock_fd;
    uint64_t started_ms;
    int takeover_fd;     /* where our successor will call; the keeper's ear */
    bool takeover_named; /* … under the name by which it is found */
    struct chan old;     /* taken over: the keeper of the master before us */
    bool taking_over;    /* it is telling what there is */
    bool whole;          /* nothing is awaited any more */
    char **argv;              /* as this program was started */
    char upgrade_path[4096];  /* not empty: become this program at the end of the turn */
    bool upgrading;           /* this program is new: its children are to be, too */
    char key_words[SAFETY_PHRASE]; /* the server's key; "" before the first broker is ready */
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
/* "192.0.2.1:5130", "[2001:db8::1]:5130" */
void listen_name(const struct sockaddr *a, char *out, size_t size);
void listen_open(struct master *m);
/* Before the two others. */
void listen_prepare(struct master *m);
/* A listening socket of an earlier master's, ours from now on. */
void listen_take(struct master *m, int fd, const char *name);
void listen_close(struct master *m);
/* Starts or stops accepting, as there are workers to hand over to. */
void listen_update(struct master *m);

/* child.c */
struct child *child_spawn(struct master *m, enum child_role role);
/* Starts what is missing: the broker, and workers until every slot has one and a spare stands by. */
void child_fill(struct master *m);
void child_init(struct master *m);
/* SIGCHLD: collects who died and replaces them. */
void child_reap(struct master *m);
/* Did it die of its own doing (crash, bad exit, silence), or was it killed from outside? */
bool child_fault(const struct child *dead, int status);
void child_heartbeat(struct master *m);
void child_send_settings(struct master *m);
/* Asks workers, then the broker, to end; true when all are gone. */
bool child_stop(struct master *m);
void child_kill_all(struct master *m);
void child_kill(const struct child *c);
/* The same at the operator's wish: its death is no error. */
void child_replace(struct child *c);

/* A process that an earlier master started, behind this channel. */
struct child *child_adopted(struct master *m, enum child_role role, int fd);
void child_watch_pidfd(struct child *c, int fd);
void child_describe(struct child *c, struct slice sandbox);
/* What a broker says of the server's key: fingerprint str8, server_id str8. */
void child_identify(struct child *broker, struct cur *c);

/* takeover.c */
/* True when an earlier master's keeper is there: all that it knows will come. */
bool takeover_try(struct master *m);
/* Makes the socket on which a next master will call; it is not found before takeover_complete(). */
void takeover_prepare(struct master *m);
/* Our own keeper knows everything: from now on it is the one to ask. */
void takeover_complete(struct master *m);
void takeover_forget(struct master *m);
bool takeover_packet(struct child *c, uint8_t type, struct slice fields, int fd);
/* The slot's worker is dead and did not hand over everything: asks the keeper for it. */
void takeover_want(struct slot *s);

/* keep.c: nothing happens as long as no keeper is ready, or something is awaited */
/* From now on neither is so: tells it everything. */
void keep_all(struct master *m);
/* A slot has another worker, another slab; the broker is another one. */
void keep_worker(struct slot *s);
void keep_slab(const struct slot *s);
void keep_broker(struct master *m);
/* A connection has come, or has ended. */
void keep_place(const struct slot *s, uint32_t index);
void keep_not(const struct slot *s, uint32_t index, uint32_t generation);

/* slot.c */
void slot_init(struct master *m);
void slot_init_one(struct master *m, unsigned number);
/* Gives empty slots a spare that is ready. */
void slot_fill(struct master *m);
/* Says so, once, when everything works. */
void slot_announce_ready(struct master *m);
/* A successor has not got yet what its clients wait for: whatever else there is to do can wait. */
bool slot_in_haste(const struct master *m);
/* Streams between the broker and each worker that has none to it. */
void slot_join_all(struct master *m);
/* Its worker is dead; status as of waitpid(). */
void slot_orphaned(struct slot *s, const struct child *dead, int status);
/* CTL_FIRST, CTL_GOES_ON, CTL_UNKNOWN, CTL_CLOSED, CTL_LOST of a slot's worker. */
void slot_first(struct slot *s, struct slice fields);
void slot_goes_on(struct slot *s, struct slice fields);
void slot_unknown(struct slot *s, struct slice fields);
void slot_closed(struct slot *s, struct slice fields);
void slot_lost(struct slot *s, struct slice fields);
/* The slot with the fewest connections that can take one more; NULL when there is none. */
struct slot *slot_least(struct master *m);
/* Restarts the next slot that is marked so, if a spare is ready to go on with its sessions. */
void slot_restart_next(struct master *m);

/* upgrade.c */
/* Checks the new program ("": the one at our own place); NULL, or why it will not be. */
const char *upgrade_prepare(struct master *m, const char *path);
void upgrade_now(struct master *m);
/* At start: did an older program become us? */
void upgrade_begin(struct master *m);
/* After the takeover: renew workers, then (when the last is renewed) the broker. */
void upgrade_children(struct master *m);
void upgrade_broker(struct master *m);

/* admin.c */
void admin_open(struct master *m);
void admin_close(struct master *m);
/* CTL_ANSWER from the broker. */
void admin_answer(struct master *m, struct slice fields);

#endif
