/*
 * group.h - groups at the broker: who is in, and who has read how far. docs/groups.md has the picture.
 *
 *   group.c         the groups there are, their members and readers; what is kept of their messages
 *   group_log.c     an entry of the membership log: judged, stored, what follows from it
 *   group_place.c   a device says where it is, acknowledges, comes and goes
 *   group_ask.c     questions of clients; those of the operator are in ask_groups.c
 *
 * A group's room is numbered and fanned out by room.c. Its membership is ipc/membership.c's; a member here
 * ties a person of it to an account.
 */
#ifndef GROUP_H
#define GROUP_H

#include "broker.h"
#include "membership.h"
#include "wire_groups.h"

/* A device that reads: of a member, or of somebody who has not read to the end. */
struct reader {
    struct reader *next;       /* of the member */
    struct member *member;
    struct device *device;
    struct place place;        /* room NULL: the device is not here, or has not told its place */
    uint64_t acked;            /* everything up to this number is acknowledged */
    uint64_t end;              /* nothing beyond this number is for it; 0: there is no end */
    struct reader *next_moved; /* readers whose place the disk does not know */
    bool moved;
};

/* Somebody who is in, or invited, or has not read to the end. */
struct member {
    struct group *group;
    struct account *account;
    struct member *next;          /* of the group */
    struct member *next_group;    /* of the account */
    struct reader *reader;
    size_t at;                    /* where the log had its person last */
};

struct group {
    struct room room;
    struct table_node by_id, by_name, by_look, by_room;
    uint8_t id[32];
    struct membership log;      /* as it is on disk */
    struct appending *appending; /* group_log.c: an entry on its way there; NULL: none */
    struct account *creator;
    struct member *member;
    uint64_t floor;             /* every reader has acknowledged up to this number */
    uint64_t rows, bytes;       /* that are kept: at most so many */
    bool damaged;               /* the store's log does not read back: it takes no entry */
    bool closed;                /* everybody has left: it has no name any more */
    bool ending;                /* the operator's order to delete it is on its way to the disk: nothing is taken */
    bool cutting;               /* the store looks what is too old or too much */
};

/* --- group.c --- */

void groups_load(struct broker *b);
/* By name; closed ones have none. */
struct group *group_find(struct broker *b, struct slice name);
/* The one whose name looks like this, NULL when none does. */
struct group *group_alike(struct broker *b, const char *name);
struct group *group_by_id(struct broker *b, const uint8_t id[32]);
/* The lobby, or a group's; NULL: it is gone. */
struct room *group_room(struct broker *b, uint64_t room);
struct group *group_of(struct room *r);
/* Adds one; its log is empty yet. */
struct group *group_add(struct broker *b, uint64_t room, const uint8_t id[32], struct slice name, struct account *creator);
/* Its name is free from now on. */
void group_close(struct broker *b, struct group *g);
/* Forgets it, its members and readers; what the store has of it goes, too, unless it never got there. */
void group_drop(struct broker *b, struct group *g, bool stored);
/* Open groups that somebody has created. */
uint64_t group_count_by(struct broker *b, const struct account *creator);
void groups_each(struct broker *b, void (*each)(void *arg, struct group *g), void *arg);

struct member *group_member_of(const struct group *g, const struct account *a);
/* The same, made when there is none yet. */
struct member *group_member_make(struct group *g, struct account *a);
/*
 * Forgets it when it is not in, not invited, and has read to the end; and then the group, if that is closed
 * and empty. False: the group is gone.
 */
bool group_member_done(struct broker *b, struct member *m);
/* What the log says of somebody; NULL: nothing. */
const struct membership_person *group_person(const struct group *g, struct member *m);
const struct membership_person *group_account(const struct group *g, const struct account *a);
struct reader *group_reader(const struct member *m, const struct device *d);
struct reader *group_reader_make(struct member *m, struct device *d, uint64_t acked);
/* store: its row goes as well. */
void group_reader_drop(struct broker *b, struct reader *r, bool store);

/* Why this account may say nothing there, as a code with words; WIRE_OK. */
uint16_t group_speaks(const struct group *g, const struct account *a, char *words, size_t size);
/* Why this account may not say this there, as a code with words; WIRE_OK. */
uint16_t group_refuses(const struct group *g, const struct account *a, struct slice body, char *words, size_t size);
/* May this account see who is in, and the log? Members, the invited, instructors; in an open group all but the barred. */
bool group_shows(const struct group *g, const struct account *a);
/* Offers the names of the groups that it may know of. */
void group_near(struct broker *b, const struct account *a, struct name_near *near);

/* A message or an entry has been added to its room. */
void group_grew(struct broker *b, struct room *r, size_t bytes);
/* Readers have moved: what nobody needs any more goes. */
void group_settle(struct broker *b, struct group *g);
void group_put_gap(struct buf *to, const struct room *r, uint64_t from, uint64_t upto);

/* --- group_log.c --- */

void group_append(struct session *s, const struct wire_group_question *q);
void group_entries(struct session *s, const struct wire_group_question *q);
/* The membership as it will be when the entry under way is on disk; NULL: none is. */
const struct membership *group_coming(const struct group *g);

/* --- group_place.c --- */

void group_take_place(struct session *s, const struct wire_group_question *q);
/* A session of a member begins to read where its device is, unless it has not asked about groups. */
void group_start_reading(struct reader *r);
void groups_ack(struct session *s, struct slice room, uint64_t number);
/* It receives no more, or is asked for its places anew. */
void groups_left(struct session *s);
void groups_device_added(struct broker *b, struct device *d);
void groups_device_gone(struct broker *b, struct device *d);
/* The reader's place has moved: to the disk within GROUP_LAZY_MS. */
void group_moved(struct broker *b, struct reader *r);
/* Where a session is in the room of this number; NULL: nowhere. */
struct place *group_place(const struct session *s, uint64_t room);
void groups_tick(struct loop_timer *t);

/* --- group_ask.c --- */

void groups_ask(struct session *s, const struct wire_group_question *q);
void group_no(struct session *s, uint8_t asked, struct slice room, uint16_t code, uint32_t retry_ms, const char *text);
/* To every session of the account that has asked about groups. op: WIRE_GROUP_INVITED or WIRE_GROUP_GONE. */
void group_notice(const struct group *g, const struct account *to, uint8_t op, const char *text);

#endif
