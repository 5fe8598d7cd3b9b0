/*
 * store.h - what lasts: accounts, devices, waiting messages, rooms, prekeys, device lists, moderation, roster, groups.
 *
 * One thread owns the database, so that an fsync never stalls routing. The broker's loop makes
 * requests and hands them in with store_flush(), once a turn; the thread runs what has gathered as one transaction (group commit: whatever arrived
 * while the last commit ran, at most STORE_BATCH) and hands back completions, which store_reap()
 * delivers on the loop's thread. Requests take effect in the order in which they were made; a
 * load sees every put made before it. A completion with STORE_OK means: on disk, fsync done.
 *
 * STORE_FULL (no space) loses nothing that was completed before; the request had no effect and
 * may be tried again. Once a put was refused, so is every put made before its caller heard of it,
 * so that no message overtakes an earlier one into a queue. Acknowledgements and deletes still work then (a reserve file is released).
 * Any other failure to write is fatal(): the process exits and the next one recovers from the WAL.
 *
 * The interface knows nothing of SQLite: several hosts may share a store later.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { STORE_BATCH = 4096, STORE_NAME_MAX = 32 };

enum store_status { STORE_OK, STORE_FULL };

struct store;

struct store_account {
    uint64_t id;                   /* never reused, greater than 0 */
    char name[STORE_NAME_MAX + 1]; /* as registered; unique without case is the broker's duty */
    uint8_t role;        /* by the roster, when it was registered */
    int8_t granted;      /* role that the operator gave; -1: none. Given by store_moderate(), never with the account */
    uint64_t created_ms; /* since 1970, UTC */
};

struct store_device {
    uint64_t account;
    uint64_t device; /* chosen by the client, unique within the account */
    uint8_t key[32]; /* Ed25519 */
    uint64_t last_id;      /* as a sender: every message up to this id is settled or stored */
    uint64_t last_room_id; /* as a sender: highest id that has a number in a room */
    uint64_t acked;   /* queue row up to which (inclusive) everything is acknowledged */
    uint64_t waiting, waiting_bytes; /* rows beyond acked; bytes = head + body */
    uint32_t revoked; /* seq of the entry of its account's list that did it; 0: it is in */
};

/*
 * A direct message waiting for one device, or a message of a room (device, account, head unused). id 0: an
 * entry of a group's log, among the messages of its room.
 */
struct store_message {
    uint64_t row;             /* queue: row number, rising; room: number in the room, from 1, no gaps */
    uint64_t account, device; /* recipient */
    uint64_t to;              /* account that it was written to; 0: the recipient's, else a copy for the sender */
    uint64_t from_account, from_device, id;
    uint64_t settled; /* put: what becomes the sender device's last_id, unless it is higher already */
    uint64_t time_ms; /* when the broker took it */
    struct slice head, body;
};

/* What a device has published: docs/protocol.md, section 6.5. */
struct store_prekeys {
    uint64_t account, device;
    uint32_t signed_id; /* 0: nothing */
    uint32_t top;       /* highest id of a one-time prekey that was ever taken in */
    uint32_t left;      /* one-time prekeys there are */
};

struct store_list {
    uint64_t account;
    uint8_t account_key[32];
    uint32_t head; /* seq of the newest entry */
};

/* What is forbidden to an account, or (account 0, STORE_ANNOUNCE) to all. */
enum store_sanction_kind { STORE_BAN, STORE_MUTE, STORE_LOCK, STORE_ANNOUNCE };
enum { STORE_SANCTIONS = STORE_LOCK + 1 /* kinds that an account may have */, STORE_REASON_MAX = 200 };

struct store_sanction {
    uint64_t account;
    uint8_t kind;      /* enum store_sanction_kind */
    uint64_t until_ms; /* 0: until it is lifted */
    char reason[STORE_REASON_MAX + 1];
};

/* What an act of moderation changes beside the audit log. */
enum store_change { STORE_NOTHING, STORE_FORBID, STORE_LIFT, STORE_GRANT };

enum store_origin { STORE_BY_CLIENT = 1, STORE_BY_OPERATOR = 2 };

/* A line of the audit log. */
struct store_audit {
    uint64_t id, time_ms;      /* id: given by the store, rising */
    uint64_t actor, subject;   /* accounts; 0: the operator; nobody */
    uint8_t origin, act, role; /* enum store_origin; the caller's number; the subject's role from then on (in a group by its log, when the act gives one) */
    char room[STORE_NAME_MAX + 2]; /* with its #; empty: about no room */
    uint64_t until_ms;
    char reason[STORE_REASON_MAX + 1];
};

/* A group; its room is its number. */
struct store_group {
    uint64_t room; /* greater than 1 (the lobby), never given twice */
    uint8_t id[32];
    char name[STORE_NAME_MAX + 2]; /* with its # */
    uint64_t creator;              /* account */
    bool closed;                   /* everybody has left */
};

/* How far a device has read in a group. */
struct store_place {
    uint64_t room, account, device;
    uint64_t acked; /* every message up to this number is acknowledged */
    uint64_t end;   /* nothing beyond this number is for it; 0: there is no end */
};

/*
 * Opens or makes DIR/broker.db (WAL, synchronous=FULL), brings its schema up to date, raises the
 * incarnation durably. Returns NULL with a text in err (what happened, why, what to do) when the
 * folder or database cannot be used.
 */
struct store *store_open(const char *dir, char *err, size_t err_size);

/*
 * Starts the store's threads: after sandbox_before_threads(), so that it holds for them too, and
 * before sandbox_enter(). Without it the first request does so.
 */
void store_start(struct store *s);

/* Completes everything that was asked for, checkpoints, ends the thread. NULL is fine. */
void store_close(struct store *s);

/* Counts the opens of this database, from 1. */
uint64_t store_incarnation(const struct store *s);

/* Before store_start() and the first request, on the caller's thread: everything that was there at open. */
void store_each_account(struct store *s, void (*each)(void *arg, const struct store_account *a),
                        void *arg);
void store_each_device(struct store *s, void (*each)(void *arg, const struct store_device *d),
                       void *arg);
/* … and who sent what waits: once for each row beyond its device's acked. */
void store_each_waiting(struct store *s,
                        void (*each)(void *arg, uint64_t account, uint64_t device, uint64_t from_account),
                        void *arg);
void store_each_prekeys(struct store *s, void (*each)(void *arg, const struct store_prekeys *p), void *arg);
void store_each_list(struct store *s, void (*each)(void *arg, const struct store_list *l), void *arg);
void store_each_sanction(struct store *s, void (*each)(void *arg, const struct store_sanction *x), void *arg);
/* … of the class roster: kind and account of everything that is kept. */
void store_each_roster(struct store *s, void (*each)(void *arg, uint8_t kind, uint64_t account), void *arg);
void store_each_group(struct store *s, void (*each)(void *arg, const struct store_group *g), void *arg);
/* Entries of all logs, by room and seq. */
void store_each_entry(struct store *s, void (*each)(void *arg, uint64_t room, struct slice entry), void *arg);
void store_each_place(struct store *s, void (*each)(void *arg, const struct store_place *p), void *arg);
/* Messages of each room but the lobby, entries included: how many, and their bytes. */
void store_each_room(struct store *s, void (*each)(void *arg, uint64_t room, uint64_t rows, uint64_t bytes), void *arg);
/* Highest number of a group ever given, 1 when none. */
uint64_t store_last_room(struct store *s);
/* Highest number given in a room, 0 when none. */
uint64_t store_room_head(struct store *s, uint64_t room);

/* Becomes readable when completions wait. */
int store_fd(const struct store *s);

/* Runs the callbacks of completed requests on the calling thread. */
void store_reap(struct store *s);

/* Hands in what was asked for since the last call: a turn's requests together make one commit. */
void store_flush(struct store *s);

/* Requests handed in and not yet completed: the broker stops reading its workers over a mark. */
size_t store_pending(const struct store *s);

/* Time of the newest commit in microseconds, and how many commits there were: for status. */
void store_stats(const struct store *s, uint64_t *commits, uint64_t *last_commit_us);

typedef void store_done(void *ctx, enum store_status status, uint64_t row);

/* Adds an account with its first device. row of the completion = account id (as given). */
void store_put_account(struct store *s, const struct store_account *a, const struct store_device *d,
                       store_done *done, void *ctx);

/*
 * Appends a direct message to a device's queue and raises last_id of the sender's device to at
 * least m->settled, in one transaction. head and body are copied. Completion: the row number.
 */
void store_put_message(struct store *s, const struct store_message *m, store_done *done, void *ctx);

/* Appends a message to a room, raises last_id likewise and last_room_id to m->id. Completion: its number. */
void store_put_room(struct store *s, uint64_t room, const struct store_message *m, store_done *done,
                    void *ctx);

/*
 * Everything in the device's queue up to row is acknowledged. Durable with the next commit; no
 * completion. Rows are deleted later, in slices of at most 500.
 */
void store_ack(struct store *s, uint64_t account, uint64_t device, uint64_t row);

/* Messages in order; valid until the callback returns. more: the limits cut the list. */
typedef void store_loaded(void *ctx, const struct store_message *m, size_t n, bool more);

/* Rows of a device's queue after the given row, at most max_rows and about max_bytes (one at least). */
void store_load(struct store *s, uint64_t account, uint64_t device, uint64_t after, size_t max_rows,
                size_t max_bytes, store_loaded *done, void *ctx);

/* Messages of a room with numbers after the given one, same limits. */
void store_load_room(struct store *s, uint64_t room, uint64_t after, size_t max_rows, size_t max_bytes,
                     store_loaded *done, void *ctx);

/*
 * Ends the life of unacknowledged queue rows taken before the given time, at most 500 of them:
 * the completion lists them (of head and body only body.len, the bytes of both), already deleted, so that senders can be told.
 */
void store_expire(struct store *s, uint64_t before_ms, store_loaded *done, void *ctx);

/*
 * prefix: what every bundle of the device begins with; empty: it has published nothing. one_time:
 * id and key, empty when there is none. All valid until the callback returns. now: what is left.
 */
typedef void store_bundle(void *ctx, enum store_status status, struct slice prefix, struct slice one_time,
                          const struct store_prekeys *now);

/*
 * Takes in what a device publishes; of one_time (id u32, key 32, one behind the other) those with ids
 * above the highest ever, and of all the newest keep. In the completion prefix and one_time are empty.
 */
void store_publish(struct store *s, uint64_t account, uint64_t device, uint32_t signed_id, struct slice prefix,
                   struct slice one_time, uint32_t keep, store_bundle *done, void *ctx);

/* A bundle of a device. Its one-time prekey is gone, durably, when the completion comes. */
void store_take_bundle(struct store *s, uint64_t account, uint64_t device, store_bundle *done, void *ctx);

/* Entries of a device list with seq above after, str16 of each; valid until the callback returns. */
typedef void store_entries(void *ctx, struct slice entries);
void store_load_list(struct store *s, uint64_t account, uint32_t after, store_entries *done, void *ctx);

/*
 * Appends an entry, whose seq is l->head, to the list of l->account. d is the device that it adds, or
 * (d->revoked not 0) revokes; what waits for that one goes, and so do its prekeys. Completion: the seq.
 */
void store_append(struct store *s, const struct store_list *l, struct slice entry, const struct store_device *d,
                  store_done *done, void *ctx);

/* Once more, when nothing more can come for a device that was revoked. No completion. */
void store_drop_device(struct store *s, uint64_t account, uint64_t device);

/* --- moderation --- */

/*
 * Writes a line into the audit log (its id is given here), and in the same transaction forbids or lifts
 * what `kind` says, or gives the role. Completion: the line's id.
 */
void store_moderate(struct store *s, const struct store_audit *line, enum store_change change, uint8_t kind,
                    store_done *done, void *ctx);

/* Lines of the audit log in order; valid until the callback returns. */
typedef void store_audited(void *ctx, const struct store_audit *line, size_t n);
/* At most max lines that are not older than since_ms and have ids above after. */
void store_load_audit(struct store *s, uint64_t since_ms, uint64_t after, size_t max, store_audited *done, void *ctx);

/* --- the class roster: at most one item of a kind for each account --- */

/* Instead of what is there of this kind. Completion: the account. */
void store_put_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t time_ms, struct slice item,
                      store_done *done, void *ctx);
/* Completion: the account, also when there was nothing. */
void store_drop_roster(struct store *s, uint8_t kind, uint64_t account, store_done *done, void *ctx);
/*
 * Items of a kind: of one account, or (account 0) of those with numbers above after, about max_bytes,
 * in order. Each is account u64, time u64, item str16; valid until the callback returns.
 */
void store_load_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t after, size_t max_bytes,
                       store_entries *done, void *ctx);

/* Forgets a room's messages with numbers below keep_from; in slices, later. */
void store_trim_room(struct store *s, uint64_t room, uint64_t keep_from);

/* --- groups (store_groups.c) --- */

/* An entry of a group's log, and what follows from it. */
struct store_entry {
    const struct store_group *created; /* seq 1: the group that it makes; else NULL */
    uint64_t room;
    uint32_t seq;
    uint64_t from_account, from_device, time_ms;
    uint64_t joins, leaves; /* accounts whose devices begin or end to read with it; 0: nobody */
    bool closes;            /* nobody is in any more */
    const struct store_audit *audit; /* what the audit log says of it; NULL: nothing */
    struct slice entry;
};

/* Appends it to the log and to the room, and its line to the audit log, in one transaction. Completion: its number in the room. */
void store_append_entry(struct store *s, const struct store_entry *e, store_done *done, void *ctx);

/* Entries with a seq above after, up to upto, about max_bytes of them: of each number u64, entry str16. */
void store_load_entries(struct store *s, uint64_t room, uint32_t after, uint32_t upto, size_t max_bytes,
                        store_entries *done, void *ctx);

/* Where a device is: acked only rises, end is set. Durable with the next commit; no completion. */
void store_put_place(struct store *s, const struct store_place *p);
void store_drop_place(struct store *s, uint64_t room, uint64_t account, uint64_t device);

/* What is kept of a room now begins at first. */
typedef void store_left(void *ctx, uint64_t first, uint64_t rows, uint64_t bytes);

/*
 * Forgets, in slices, the messages of a room below keep_from, those taken before a time, and the oldest of
 * those that are more than max_rows or, together, max_bytes.
 */
void store_cut_room(struct store *s, uint64_t room, uint64_t keep_from, uint64_t before_ms, uint64_t max_rows,
                    uint64_t max_bytes, store_left *done, void *ctx);

/* Forgets a group with everything of it; its messages in slices, later. No completion. */
void store_drop_group(struct store *s, uint64_t room);
/* The same by somebody's order, with its line of the audit log; never STORE_FULL: it makes room. */
void store_end_group(struct store *s, uint64_t room, const struct store_audit *line, store_done *done, void *ctx);

/* --- what became of messages (store_why.c) --- */

/* How long it is known that a message was not delivered, counted from when it was taken. */
enum { STORE_UNDELIVERED_DAYS = 400 };

enum store_end { STORE_WAITS = 0, STORE_EXPIRED = 4, STORE_REVOKED = 5 /* its device was */ };

/* A message that waits in a device's queue, or left it without being acknowledged. */
struct store_found {
    uint64_t device, id;
    uint64_t row, time_ms; /* row 0: it is not there any more */
    uint32_t place;        /* waits: in that queue, from 1 */
    uint8_t end;           /* enum store_end */
};

struct store_question {
    uint64_t account;                   /* recipient */
    uint64_t from_account, from_device; /* sender */
    const uint64_t *id;
    size_t n;
    bool queued; /* some may wait; false: the queues need not be looked through */
};

/* Valid until the callback returns. */
typedef void store_founds(void *ctx, const struct store_found *f, size_t n);
/* Where a message of a group stands: seq of the log's newest entry up to it; and whether it is still kept. */
typedef void store_spot(void *ctx, uint32_t seq, bool kept);
void store_find_spot(struct store *s, uint64_t room, uint64_t number, store_spot *done, void *ctx);

/* What is not found was acknowledged, or never got here. */
void store_find(struct store *s, const struct store_question *about, store_founds *done, void *ctx);

#endif
