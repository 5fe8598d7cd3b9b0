/*
 * vault.h - what a device keeps: its outbox, its place in the streams, whom it has heard, history.
 *
 * Two implementations behind one table of operations: an SQLite file, which several processes of
 * one user share, and memory (load tools). The order of things is the promise of DESIGN section 5:
 *
 *   sending    vault_submit(): id and outbox row in one durable transaction; then SEND; the row
 *              goes with vault_settle() or vault_reject(). A resend reads the row.
 *   receiving  vault_begin(), vault_deliver() for each message, vault_place(), vault_commit();
 *              only then ACK. What was not committed comes again, what was is told apart as seen.
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
    uint64_t id;
    uint8_t kind; /* WIRE_TO_USER, WIRE_TO_ROOM */
    struct slice to, body;
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

/* States of an own message, beside enum wire_state. A rejected one is VAULT_REJECTED + its code. */
enum { VAULT_WAITING = 0, VAULT_REJECTED = 1000 };

/* A received message in the history. Slices are valid until the next call on the store. */
struct vault_row {
    uint64_t row;
    struct wire_deliver m;
};

struct vault;

struct vault_ops {
    int (*submit)(struct vault *s, uint8_t kind, struct slice to, struct slice body,
                  uint64_t now_ms, uint64_t *id);
    int (*begin)(struct vault *s);
    int (*commit)(struct vault *s);
    void (*rollback)(struct vault *s);
    int (*deliver)(struct vault *s, const struct wire_deliver *m, uint64_t *row);
    int (*place)(struct vault *s, const struct vault_place *p);
    int (*settle)(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out);
    int (*reject)(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out);
    int (*receipt)(struct vault *s, uint64_t id, uint8_t state);
    int (*next)(struct vault *s, uint64_t after, struct vault_out *out);
    int (*resume)(struct vault *s, struct wire_resume *r);
    int (*outrun)(struct vault *s, uint64_t last_id);
    int (*bind)(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of);
    int (*state)(struct vault *s, uint64_t id, int *state);
    bool (*changed)(struct vault *s);
    int (*history)(struct vault *s, uint64_t after, struct vault_row *out);
    int (*last_row)(struct vault *s, uint64_t *row);
    const char *(*words)(const struct vault *s);
    void (*close)(struct vault *s);
};

struct vault {
    const struct vault_ops *ops;
    bool shared; /* other processes may change it */
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

/* Takes a message into the outbox under the next id, durably. Not inside begin/commit. */
static inline int vault_submit(struct vault *s, uint8_t kind, struct slice to, struct slice body,
                               uint64_t now_ms, uint64_t *id)
{
    return s->ops->submit(s, kind, to, body, now_ms, id);
}

static inline int vault_begin(struct vault *s)
{
    return s->ops->begin(s);
}
static inline int vault_commit(struct vault *s)
{
    return s->ops->commit(s);
}
static inline void vault_rollback(struct vault *s)
{
    s->ops->rollback(s);
}

/*
 * Takes a received message: 1 new (its history row in *row, 0 without history), 0 seen before.
 * Direct messages are told apart by sender device and id, room messages by the room's place.
 */
static inline int vault_deliver(struct vault *s, const struct wire_deliver *m, uint64_t *row)
{
    return s->ops->deliver(s, m, row);
}

static inline int vault_place(struct vault *s, const struct vault_place *p)
{
    return s->ops->place(s, p);
}

/* Takes every message up to this id out of the outbox. */
static inline int vault_settle(struct vault *s, uint64_t upto, uint8_t state,
                               struct vault_settled *out)
{
    return s->ops->settle(s, upto, state, out);
}

/* Takes this one out. */
static inline int vault_reject(struct vault *s, uint64_t id, uint16_t code,
                               struct vault_settled *out)
{
    return s->ops->reject(s, id, code, out);
}

/* Notes what became of a stored message later. */
static inline int vault_receipt(struct vault *s, uint64_t id, uint8_t state)
{
    return s->ops->receipt(s, id, state);
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
 * under lost ids, and what is in the outbox gets new ids: 1. Else 0.
 */
enum { VAULT_LEAP = 2048 };

static inline int vault_outrun(struct vault *s, uint64_t last_id)
{
    return s->ops->outrun(s, last_id);
}

/*
 * Says to which server all this belongs. Another one than before: places and senders are forgotten,
 * as they mean nothing there: 1. But 0, and nothing is done, while messages for the old server are
 * in the outbox. With instead_of (NULL or 32 bytes), the server stands in the place of that one:
 * the outbox is kept; 0 when the store belongs to neither.
 */
static inline int vault_bind(struct vault *s, const uint8_t server_id[32],
                             const uint8_t *instead_of)
{
    return s->ops->bind(s, server_id, instead_of);
}

/* What is known of an own message: 1 and the state; 0 when the store does not know the id. */
static inline int vault_state(struct vault *s, uint64_t id, int *state)
{
    return s->ops->state(s, id, state);
}

/* True when another process has changed the store since the last call. */
static inline bool vault_changed(struct vault *s)
{
    return s->ops->changed(s);
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
