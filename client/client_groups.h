/*
 * client_groups.h - the engine's side of groups: the sessions' state of each, frames GROUP, and the orders
 * (create, invite, join, …) under way. For client_*.c alone; see client.h for what others may call.
 */
#ifndef CLIENT_GROUPS_H
#define CLIENT_GROUPS_H

#include "group_room.h"
#include "order.h"
#include "wire_groups.h"

struct client;

enum {
    GROUPS_PATIENCE_MS = 15 * 1000, /* a message waits for its sender's key */
    GROUPS_HAND_OUT_MS = 2 * 1000,  /* a message waits for our key to leave before it */
    GROUPS_LISTS_MS = 5 * 1000,     /* the first message of a connection waits for the lists of the members */
    GROUPS_GIVEN_UP = 16,
    ORDER_TRIES = 8, /* an entry lost the race for its place in the log */
};

/* A group in this connection. */
struct group_seat {
    struct group g;
    bool listed;       /* its members' lists were asked for, to hear of changes */
    bool parked;       /* something of it is */
    bool synced;       /* the log is as new as the server's was in this connection */
    bool log_wanted, log_asked, placed;
    uint16_t log_code; /* why the log cannot be had; 0: it can */
    uint64_t waits_for, since; /* number of the first that is parked, and since when; 0: none */
    uint32_t unread;
    uint64_t lists_since; /* since when the lists of its members are asked for; 0: they are not waited for */
    uint64_t hands_out; /* since when our key is on its way; 0: it is not */
    uint64_t given_up[GROUPS_GIVEN_UP]; /* devices whose key did not come, a ring */
    unsigned given_up_n;
    struct buf pending; /* entries that wait for lists, as they came */
    uint32_t pending_head;
};

struct groups_side {
    struct group_seat **seat;
    size_t n;
    bool loaded, list_wanted, list_asked, listed;
    uint64_t held_until, ack_due;
    struct group_order *order, **last;
};

/* Inside a batch; -1: the store failed. */
int client_groups_begin(struct client *c);
int client_take_room(struct client *c, const struct wire_deliver *m);
int client_take_group(struct client *c, struct slice payload);
/* The server has answered about the device list of this name (lower case). */
int client_groups_listed(struct client *c, const char *name);
/* A sender key has come. */
int client_groups_key(struct client *c, const uint8_t id[SEALED_HASH]);
/* A draft to a room: 1 sealed, 0 it waits, -1 the store failed; *code: it will never be sealed. */
int client_seal_room(struct client *c, const struct vault_draft *d, uint16_t *code);

/* Outside of a batch. */
int client_groups_step(struct client *c);
uint64_t client_groups_due(const struct client *c);
void client_groups_ack(struct client *c);
void client_groups_tell(struct client *c, struct slice payload);
void client_groups_tell_order(struct client *c, struct slice payload);
/* The connection is over; and for good. */
void client_groups_reset(struct client *c);
void client_groups_free(struct client *c);

/* --- client_orders.c --- */

/* Takes over the orders of processes that are gone. */
int client_orders_begin(struct client *c);
/* Does what can be done for the first order, inside a transaction. */
int client_orders_step(struct client *c);
/* The same outside of one. */
int client_orders_look(struct client *c);
/* What the server answered to it. */
int client_orders_head(struct client *c, const struct wire_group_head *m);
int client_orders_refused(struct client *c, const struct wire_group_no *m);
/* The log that the order waits for cannot be had, or the person is none. */
int client_orders_fail(struct client *c, const char *room, uint16_t code, struct slice text);
int client_orders_no_user(struct client *c, const char *name);

/* Is a group of this name (lower case) about to be made or joined? */
bool client_orders_enters(const struct client *c, const char *room);

/* --- client_group_receive.c; inside a batch unless said otherwise --- */

/* Is something of the room parked? */
int client_room_look(struct client *c, struct group_seat *s);
/* Shows what is parked as far as it can be judged now; fresh: as of group_take(). */
int client_room_advance(struct client *c, struct group_seat *s, const char *fresh);
int client_room_gap(struct client *c, const struct wire_group_gap *m);
/* Outside of a batch: messages whose sender's key has not come in time. */
int client_rooms_lose_patience(struct client *c);

/* --- client_group_log.c; inside a batch --- */

int client_log_take(struct client *c, const struct wire_group_entries *m);
int client_log_refused(struct client *c, struct group_seat *s, const struct wire_group_no *m);
/* The list of devices of this name (lower case) was shown: what waited for it is judged. */
int client_log_listed(struct client *c, struct group_seat *s, const char *name);
/* An entry that the server says it has. */
int client_seat_took(struct client *c, struct group_seat *s, struct slice entry, uint64_t number);
void client_want_log(struct group_seat *s);
/* Why nothing is written to its log, or sealed for it: a clause after its name; s may be NULL. */
const char *client_broken_words(const struct group_seat *s);
/* More is known of the class: logs that waited for an instructor to be proven are looked at again. */
void client_logs_class(struct client *c);
/* Puts the questions for the logs that are wanted. */
void client_logs_ask(struct client *c);

/* --- client_group_send.c --- */

/* Somebody came in or went out before a message of ours was numbered: it is a draft again, and waits for the log. */
int client_room_outdated(struct client *c, struct slice room);
/* A key that left, or was waited for long enough, lets its message follow. -1: the store failed. */
int client_rooms_watch_keys(struct client *c);

/* --- for all of them --- */

/* The seat of a room, made when there is none, as the store has it. NULL: the store failed. */
struct group_seat *client_seat(struct client *c, struct slice room);
/* The same by the group's id; NULL also: there is none. */
struct group_seat *client_seat_of(struct client *c, const uint8_t id[SEALED_HASH]);
/* Is this a client that receives? */
bool client_receives(const struct client *c);
/* Tells the server where this device is in the room. */
void client_room_place(struct client *c, struct group_seat *s, uint64_t seen);

#endif
