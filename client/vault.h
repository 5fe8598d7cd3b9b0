/*
 * vault.h - what a device keeps: its outbox, its place in the streams, whom it has heard, history,
 * and the keys of sealed messages.
 *
 * Two implementations behind one table of operations: an SQLite file, which several processes of
 * one user share, and memory (load tools). The order of things is the promise of DESIGN section 5
 * and of docs/sealed.md section 13:
 *
 *   sending    one transaction: the number (vault_number), the own history (vault_note), the keys
 *              (vault_put), the id (vault_id) and the outbox row (vault_post); or, while it cannot be
 *              sealed, a draft (vault_draft). Then SEND; the row goes with vault_settle() or
 *              vault_reject(). A resend reads the row.
 *   receiving  vault_begin(), for each message vault_hear(), the keys, vault_record(), then
 *              vault_place(), vault_commit(); only then ACK. What was not committed comes again,
 *              what was is told apart as seen.
 *
 * A message of our own has a number, given when it is taken and never changed, which people see, and
 * an id, given when it is put into the outbox, by which the server knows it. It gets another id when
 * it has to be sealed anew.
 *
 * Every int result is -1 when the disk failed; vault_words() then says how. Such a store must not
 * be used on: close it, nothing that was committed is lost.
 */
#ifndef CLIENT_VAULT_H
#define CLIENT_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "why.h"
#include "wire.h"

/* A message in the outbox. Slices are valid until the next call on the store. */
struct vault_out {
    uint64_t id, number;
    bool quiet;   /* no message of the user's: nothing of it is told */
    uint8_t kind; /* WIRE_TO_USER, WIRE_TO_ROOM */
    uint8_t heads;
    struct slice to, head_bytes, body; /* as SEND carries them */
    struct slice content;              /* of a sealed one, to seal it anew; else empty */
};

/* A message to a user that cannot be sealed yet. Slices as above. */
struct vault_draft {
    uint64_t number;
    bool quiet;
    struct slice to, content;
};

/* A text of our own, from the history. Slices as above. */
struct vault_sent {
    uint64_t number, time_ms;
    uint8_t kind;
    struct slice to, body; /* the body in plain text, suite 0 */
};

/* How far this device has read. lobby is WIRE_NEWCOMER before the first lobby message. */
struct vault_place {
    uint64_t incarnation, seq, lobby;
};

/* What one settling removed from the outbox: n messages of these bytes, the lowest id of them. */
struct vault_settled {
    uint64_t first;
    size_t n, bytes;
};

/*
 * States of an own message, beside WIRE_STATE_* and WIRE_WHY_REVOKED. A rejected one is VAULT_REJECTED + its
 * code; one to a user that they say they have read is VAULT_READ.
 */
enum { VAULT_WAITING = 0, VAULT_READ = 6, VAULT_REJECTED = 1000 };

/* A message of our own, without its text. */
struct vault_own {
    uint64_t number, time_ms;
    uint64_t id; /* 0: it was never in the outbox */
    uint8_t kind;
    int state;
    bool draft; /* it waits to be sealed */
    char to[WIRE_NAME_MAX + 2]; /* as given */
};

/* How a message came. */
enum vault_how {
    VAULT_PLAIN = 0,    /* not sealed */
    VAULT_SEALED = 1,   /* m.body is the text, as suite 0 has it; empty: of a kind that is not shown */
    VAULT_UNOPENED = 2, /* m.body is one byte, the reason: enum open_verdict */
    VAULT_ENTRY = 3,    /* m.body is an entry of the group's log, verified: membership_read() */
    VAULT_GAP = 4,      /* m.body is two numbers, u64 each: what the server has not of the room any more */
};

/* In m.flags of an ENTRY, beside WIRE_FLAG_*: that its author is an instructor, says the server alone. */
enum { VAULT_FLAG_SAID = 0x40 };

/* A received message in the history. Slices are valid until the next call on the store. */
struct vault_row {
    uint64_t row;
    enum vault_how how;
    struct wire_deliver m; /* id: of an own message its number */
};

enum { VAULT_NAME = WIRE_NAME_MAX + 1 }; /* holds the name of a value and its terminator */

/* Kinds of what vault_put() keeps; seal.h, open.h, peers.h and duty.h say what is in it. */
enum vault_kind {
    VAULT_PEER = 1,     /* name: the account */
    VAULT_SESSIONS = 2, /* name: the account; number: the device */
    VAULT_PREKEYS = 3,
    VAULT_PARKED = 4, /* name: the sender; number: their order */
    VAULT_LOST = 5,   /* name: the sender; number: the message's id */
    VAULT_ASKED = 6,  /* name: the account; number: the device */
    VAULT_AGAIN = 7,  /* name: the recipient; number: the message's id */
    /* Groups (group.h, group_room.h, group_keys.h); names are the room's without '#', or its id. */
    VAULT_GROUP = 8,
    VAULT_GROUP_LOG = 9,   /* number: seq */
    VAULT_ROOM_PARKED = 10, /* number: that of the room */
    VAULT_GROUP_SENT = 11, /* number: the message's id */
    VAULT_GROUP_OWN = 12,  /* name: the group's id, as of the next two */
    VAULT_GROUP_GIVEN = 13,
    VAULT_GROUP_KEYS = 14, /* number: the device */
    VAULT_READ_BY = 15, /* who has read a message of ours to a group: name: the reader; number: the message's */
    VAULT_GROUP_ORDER = 16, /* number: that of the order; order.h */
    VAULT_CLASS = 20, /* these four: class.h */
    VAULT_INVITED,    /* name: who was invited */
    VAULT_JOINING,
    VAULT_MEMBER, /* name: the account */
    VAULT_FILE = 30, /* these two: file_book.h */
    VAULT_FILE_BLOB,
    VAULT_KINDS
};

struct vault;

struct vault_ops {
    int (*begin)(struct vault *s);
    int (*commit)(struct vault *s);
    void (*rollback)(struct vault *s);
    int (*number)(struct vault *s, uint64_t *number);
    int (*note)(struct vault *s, uint64_t number, uint8_t kind, struct slice to, struct slice body,
                uint64_t now_ms);
    int (*id)(struct vault *s, uint64_t *id);
    int (*post)(struct vault *s, const struct vault_out *m);
    int (*draft)(struct vault *s, const struct vault_draft *m);
    int (*next_draft)(struct vault *s, struct slice to, uint64_t after, struct vault_draft *out);
    int (*drop_draft)(struct vault *s, uint64_t number, uint16_t code);
    int (*hear)(struct vault *s, const struct wire_deliver *m);
    int (*record)(struct vault *s, const struct wire_deliver *m, enum vault_how how, uint64_t *row);
    int (*place)(struct vault *s, const struct vault_place *p);
    int (*settle)(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out,
                  struct buf *numbers);
    int (*reject)(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out,
                  uint64_t *number);
    int (*recall)(struct vault *s, uint64_t id, struct vault_settled *out);
    int (*receipt)(struct vault *s, uint64_t id, uint8_t state, uint64_t *number);
    int (*next)(struct vault *s, uint64_t after, struct vault_out *out);
    int (*resume)(struct vault *s, struct wire_resume *r);
    int (*outrun)(struct vault *s, uint64_t last_id);
    int (*bind)(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of);
    int (*state)(struct vault *s, uint64_t id, int *state, uint64_t *number);
    int (*sent)(struct vault *s, uint64_t id, struct vault_sent *out);
    int (*own)(struct vault *s, uint64_t number, struct vault_own *out);
    int (*own_open)(struct vault *s, uint64_t below, struct vault_own *out);
    int (*own_read)(struct vault *s, uint64_t id);
    int (*get)(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct buf *out);
    int (*put)(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct slice value);
    int (*drop)(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number);
    int (*forget)(struct vault *s, enum vault_kind kind, struct slice name);
    int (*next_value)(struct vault *s, enum vault_kind kind, char name[VAULT_NAME],
                      uint64_t *number);
    bool (*changed)(struct vault *s);
    int (*holds)(struct vault *s, struct slice room, uint64_t seq);
    int (*owner)(struct vault *s, const char *name, uint64_t device);
    int (*history)(struct vault *s, uint64_t after, struct vault_row *out);
    int (*last_row)(struct vault *s, uint64_t *row);
    const char *(*words)(const struct vault *s);
    void (*close)(struct vault *s);
};

struct vault {
    const struct vault_ops *ops;
    bool shared; /* other processes may change it */
    bool held;   /* between vault_hold() and vault_release() */
    bool broken; /* something failed in between */
};

/* Opens (makes) the SQLite file, owner-only. NULL and why. */
struct vault *vault_open(const char *path, struct why *why);

/* A store in memory: same rules, no history. */
struct vault *vault_memory(void);

/* Frees everything. NULL is fine. */
static inline void vault_close(struct vault *s)
{
    if (s) s->ops->close(s);
}

/*
 * Takes a message that is not sealed into the outbox, with number and own history, in a transaction
 * of its own.
 */
int vault_submit(struct vault *s, uint8_t kind, struct slice to, struct slice body, uint64_t now_ms,
                 uint64_t *number);

/*
 * Several changes as one: they are durable together after vault_commit(), or none has happened. What
 * another process does waits meanwhile.
 */
int vault_begin(struct vault *s);
int vault_commit(struct vault *s);
void vault_rollback(struct vault *s);

/* Ends a transaction by the result of what was done in it: commits, or rolls back when r is -1. */
int vault_finish(struct vault *s, int r);

/*
 * Makes one of all transactions up to vault_release(): a commit costs more than ten messages, and many
 * come together. Until then nothing of them is durable, so nothing of them may leave the process; when
 * one was rolled back, none happens. Twice does no harm. vault_release() without vault_hold() does nothing.
 */
int vault_hold(struct vault *s);
int vault_release(struct vault *s);

/* --- sending: all of it inside a transaction --- */

/* A new number for a message of our own. */
static inline int vault_number(struct vault *s, uint64_t *number)
{
    return s->ops->number(s, number);
}

/* Puts it into the own history, waiting. body: plain text as suite 0 has it. */
static inline int vault_note(struct vault *s, uint64_t number, uint8_t kind, struct slice to,
                             struct slice body, uint64_t now_ms)
{
    return s->ops->note(s, number, kind, to, body, now_ms);
}

/* The id that the next vault_post() uses up. */
static inline int vault_id(struct vault *s, uint64_t *id)
{
    return s->ops->id(s, id);
}

/* Into the outbox, under the id that vault_id() has given in this transaction. */
static inline int vault_post(struct vault *s, const struct vault_out *m)
{
    return s->ops->post(s, m);
}

/* Keeps it until it can be sealed. */
static inline int vault_draft(struct vault *s, const struct vault_draft *m)
{
    return s->ops->draft(s, m);
}

/* The first draft above a number, to this user (case does not matter) or, when `to` is empty, to
 * anybody: 1, or 0 when there is none. */
static inline int vault_next_draft(struct vault *s, struct slice to, uint64_t after,
                                   struct vault_draft *out)
{
    return s->ops->next_draft(s, to, after, out);
}

/* A draft is none any more: it was posted (code 0), or will never be, for this reason. */
static inline int vault_drop_draft(struct vault *s, uint64_t number, uint16_t code)
{
    return s->ops->drop_draft(s, number, code);
}

/* --- receiving --- */

/*
 * Has a received message not come before? 1 new, and from now on it has; 0 seen. Direct messages are
 * told apart by sender device and id, room messages by the room's place.
 */
static inline int vault_hear(struct vault *s, const struct wire_deliver *m)
{
    return s->ops->hear(s, m);
}

/* Puts it into the history: its row in *row, 0 without history. */
static inline int vault_record(struct vault *s, const struct wire_deliver *m, enum vault_how how,
                               uint64_t *row)
{
    return s->ops->record(s, m, how, row);
}

/* Both, for a message that is not sealed. */
static inline int vault_deliver(struct vault *s, const struct wire_deliver *m, uint64_t *row)
{
    int r = vault_hear(s, m);
    *row = 0;
    return r > 0 && vault_record(s, m, VAULT_PLAIN, row) < 0 ? -1 : r;
}

static inline int vault_place(struct vault *s, const struct vault_place *p)
{
    return s->ops->place(s, p);
}

/* --- what became of what was sent --- */

/* Takes every message up to this id out of the outbox. Their numbers, u64 each, go behind `numbers`;
 * 0 for a quiet one. */
static inline int vault_settle(struct vault *s, uint64_t upto, uint8_t state,
                               struct vault_settled *out, struct buf *numbers)
{
    return s->ops->settle(s, upto, state, out, numbers);
}

/* Takes this one out. *number as above. */
static inline int vault_reject(struct vault *s, uint64_t id, uint16_t code,
                               struct vault_settled *out, uint64_t *number)
{
    return s->ops->reject(s, id, code, out, number);
}

/* Takes this sealed one out and makes it a draft again, under its number. */
static inline int vault_recall(struct vault *s, uint64_t id, struct vault_settled *out)
{
    return s->ops->recall(s, id, out);
}

/*
 * Notes what became later of a message to a user that was accepted or stored: 1 and its number; 0 when
 * the store does not know it, or it is not so any more.
 */
static inline int vault_receipt(struct vault *s, uint64_t id, uint8_t state, uint64_t *number)
{
    return s->ops->receipt(s, id, state, number);
}

/* The first message in the outbox above an id: 1, or 0 when there is none. */
static inline int vault_next(struct vault *s, uint64_t after, struct vault_out *out)
{
    return s->ops->next(s, after, out);
}

/* The four fields that LOGIN and RESUME carry. */
static inline int vault_resume(struct vault *s, struct wire_resume *r)
{
    return s->ops->resume(s, r);
}

/*
 * The server has settled last_id for this device. When that is an id this store has not given out
 * yet (it was lost, or is an old copy), ids go on VAULT_LEAP above it, beyond what may be under way
 * under lost ids, and what is in the outbox gets new ids: 1. Else 0. What was sealed is a draft
 * again, and all keys of messages are forgotten: those of an old copy may have been used since.
 */
enum { VAULT_LEAP = 2048 };

static inline int vault_outrun(struct vault *s, uint64_t last_id)
{
    return s->ops->outrun(s, last_id);
}

/*
 * Says to which server all this belongs. Another one than before: places, senders and keys of others
 * are forgotten, as they mean nothing there: 1. But 0, and nothing is done, while messages for the old
 * server wait. With instead_of (NULL or 32 bytes), the server stands in the place of that one:
 * what waits and the keys are kept; 0 when the store belongs to neither.
 */
static inline int vault_bind(struct vault *s, const uint8_t server_id[32],
                             const uint8_t *instead_of)
{
    return s->ops->bind(s, server_id, instead_of);
}

/* What is known of the own message with this id: 1, its state and number (0: a quiet one); 0 when the
 * store does not know the id. */
static inline int vault_state(struct vault *s, uint64_t id, int *state, uint64_t *number)
{
    return s->ops->state(s, id, state, number);
}

/* The own message with this id, from the history: 1, or 0 when there is none. */
static inline int vault_sent(struct vault *s, uint64_t id, struct vault_sent *out)
{
    return s->ops->sent(s, id, out);
}

/* The own message of this number, of number 0 the newest: 1; 0: there is none, or no history. */
static inline int vault_own(struct vault *s, uint64_t number, struct vault_own *out)
{
    return s->ops->own(s, number, out);
}

/* The newest own message to a user, below this number, of which it is not known what became: 1; 0: none. */
static inline int vault_own_open(struct vault *s, uint64_t below, struct vault_own *out)
{
    return s->ops->own_open(s, below, out);
}

/* Its recipient has read the own message of this id: 1; 0: that was known, or it is none. */
static inline int vault_own_read(struct vault *s, uint64_t id)
{
    return s->ops->own_read(s, id);
}

/* --- values by kind, name and number, each replaced and dropped as a whole --- */

/* Puts the value behind out: 1; 0 when there is none. It may be secret: sealed_buf_wipe(). */
static inline int vault_get(struct vault *s, enum vault_kind kind, struct slice name,
                            uint64_t number, struct buf *out)
{
    return s->ops->get(s, kind, name, number, out);
}

static inline int vault_put(struct vault *s, enum vault_kind kind, struct slice name,
                            uint64_t number, struct slice value)
{
    return s->ops->put(s, kind, name, number, value);
}

static inline int vault_drop(struct vault *s, enum vault_kind kind, struct slice name,
                             uint64_t number)
{
    return s->ops->drop(s, kind, name, number);
}

/* Drops all numbers of a name; of every name when it is empty. */
static inline int vault_forget(struct vault *s, enum vault_kind kind, struct slice name)
{
    return s->ops->forget(s, kind, name);
}

/* The first value of a kind behind this name (terminated) and number, numbers of a name in their order:
 * 1, and both are those of that value; 0 when there is none. */
static inline int vault_next_value(struct vault *s, enum vault_kind kind, char name[VAULT_NAME],
                                   uint64_t *number)
{
    return s->ops->next_value(s, kind, name, number);
}

/* True when another process has changed the store since the last call. */
static inline bool vault_changed(struct vault *s)
{
    return s->ops->changed(s);
}

/* Is the message of a room with this number in the history? */
static inline int vault_holds(struct vault *s, struct slice room, uint64_t seq)
{
    return s->ops->holds(s, room, seq);
}

/*
 * To whom the store belongs; needed before history.h. A store of an earlier version is brought in order then, which
 * takes a second for some 100,000 messages.
 */
static inline int vault_owner(struct vault *s, const char *name, uint64_t device)
{
    return s->ops->owner(s, name, device);
}

/* The first received message after a history row: 1, or 0 when there is none. */
static inline int vault_history(struct vault *s, uint64_t after, struct vault_row *out)
{
    return s->ops->history(s, after, out);
}

/* The newest history row, 0 when there is none. */
static inline int vault_last_row(struct vault *s, uint64_t *row)
{
    return s->ops->last_row(s, row);
}

static inline const char *vault_words(const struct vault *s)
{
    return s->ops->words(s);
}

#endif
