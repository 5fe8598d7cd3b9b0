/*
 * circle.h - somebody's part in a group of the chaos test: comes in, leaves and is put out while everything
 * is killed. Of CIRCLE_SIZE people the first owns the group, puts the last one out again and again and lets
 * them in again; the two before that leave and come back; all others stay. Clients with stores stay, too.
 */
#ifndef CIRCLE_H
#define CIRCLE_H

#include "../../client/client.h"
#include "chaos.h"
#include "rooms.h"

enum {
    CIRCLE_SIZE = 8,
    CIRCLE_TO = 0x10000, /* as a recipient: this and the group's number */
};

struct circle {
    unsigned group, who; /* who: as a person of the run */
    unsigned place;      /* CIRCLE_SIZE: a client with a store */
    bool in;             /* by the entries that were shown */
    uint64_t seen;       /* the last line */
    bool ordered, last_in; /* an order is under way; owner: the last one is in */
    uint64_t luck, due_us;
};

/* How many groups there are. */
static inline unsigned circle_count(const struct options *o)
{
    return o->groups < o->clients / CIRCLE_SIZE ? o->groups : o->clients / CIRCLE_SIZE;
}

/* False: this one (of the busy clients and those with stores) is in no group. */
bool circle_join(struct circle *c, const struct options *o, unsigned who);

/* "#g7" */
void circle_name(char out[16], unsigned group);

/* Gives an order when one is due. */
void circle_turn(struct circle *c, struct client *client);
/* The client is a new one: orders of the old one may be gone. */
void circle_reset(struct circle *c);
/* ORDER: what became of it. */
void circle_ordered(struct circle *c, const struct client_event *e);
/* Follows an own or the last one's coming and going. */
void circle_line(struct circle *c, const struct rooms_line *l);
/* May the server refuse a message of this one? Whoever never leaves is never refused. */
bool circle_moves(const struct circle *c);

/* What a message or entry of a group says. False: not what any client of ours has said. */
bool circle_read(const struct wire_deliver *m, enum vault_how how, unsigned group, struct rooms_line *l);
/* The group of a message's room; false: none of ours. */
bool circle_of(const struct wire_deliver *m, unsigned *group);

#endif
