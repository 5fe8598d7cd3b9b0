/*
 * kept.h - what the keeper holds for the next master: listening sockets, and for each slot the slab,
 * duplicates of its connections, and how to reach its worker. All of it is the master's word; the
 * keeper itself uses none of these descriptors.
 */
#ifndef KEPT_H
#define KEPT_H

#include "bus.h"
#include "chan.h"
#include "settings.h"

/* A process that outlives the master: a slot's worker, or the broker. */
struct kept_process {
    uint32_t generation;
    int pidfd;         /* -1: none yet */
    struct chan intro; /* where a new master is introduced to it */
};

struct kept_connection {
    int fd; /* -1: free */
    uint32_t generation;
};

struct kept_slot {
    struct kept_process worker;
    int slab; /* -1: none yet */
    struct kept_connection *connection; /* by index; room for cap of them */
    uint32_t cap, high;                 /* no index at or beyond high is kept */
};

struct kept_listener {
    int fd;
    char name[64];
};

enum { KEPT_SLOTS_MAX = 64 };

struct kept {
    uint32_t records; /* indices are below it */
    struct kept_listener listener[SETTINGS_LISTEN_MAX];
    unsigned listeners;
    struct kept_process broker;
    struct kept_slot slot[KEPT_SLOTS_MAX];
    unsigned slots; /* numbers are below it */
};

void kept_init(struct kept *k, uint32_t records);

/* Each takes over fd, and closes it when there is no place of that name. What lay there before is closed. */
void kept_listen(struct kept *k, struct slice name, int fd);
void kept_process(struct kept *k, uint32_t process, uint32_t generation, int fd);
/* Also drops every connection of the slot. */
void kept_slab(struct kept *k, uint32_t slot, int fd);
void kept_put(struct kept *k, uint32_t slot, uint32_t index, uint32_t generation, int fd);
/* Closes that connection, if that index holds that generation. */
void kept_drop(struct kept *k, uint32_t slot, uint32_t index, uint32_t generation);

/* The process of that name (a slot, or CTL_BROKER_SLOT); NULL when nobody ever was. */
struct kept_process *kept_find(struct kept *k, uint32_t process);

#endif
