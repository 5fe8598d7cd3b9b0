/* vault_sqlite.h - what the files of the SQLite store share; nobody else includes it. */
#ifndef CLIENT_VAULT_SQLITE_H
#define CLIENT_VAULT_SQLITE_H

#include <sqlite3.h>
#include <stdio.h>

#include "history.h"
#include "vault.h"

enum sql_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_NEXT_NUMBER,
    SQL_SET_NEXT_NUMBER,
    SQL_OUT_ADD,
    SQL_OUT_NEXT,
    SQL_OUT_SUM,
    SQL_OUT_NUMBERS,
    SQL_OUT_DROP,
    SQL_OUT_RECALL,
    SQL_SENT_ADD,
    SQL_SENT_ID,
    SQL_SENT_STATE,
    SQL_SENT_BECAME,
    SQL_RECEIPT_OF,
    SQL_STATE,
    SQL_SENT,
    SQL_DRAFT_ADD,
    SQL_DRAFT_NEXT,
    SQL_DRAFT_NEXT_TO,
    SQL_DRAFT_DROP,
    SQL_HEARD,
    SQL_ROOM,
    SQL_HISTORY_ADD,
    SQL_HISTORY_NEXT,
    SQL_HISTORY_LAST,
    SQL_PLACE,
    SQL_RESUME,
    SQL_NEXT_ID,
    SQL_SET_NEXT_ID,
    SQL_OUT_MOVE,
    SQL_SENT_MOVE,
    SQL_SERVER,
    SQL_SET_SERVER,
    SQL_FORGET_HEARD,
    SQL_FORGET_ROOMS,
    SQL_VALUE_GET,
    SQL_VALUE_PUT,
    SQL_VALUE_DROP,
    SQL_VALUE_FORGET,
    SQL_VALUE_FORGET_ALL,
    SQL_VALUE_NEXT,
    SQL_VERSION,
    SQL_OWNER,
    SQL_SET_OWNER,
    SQL_LINE_BEFORE,
    SQL_LINE_AFTER,
    SQL_LINE_FIND,
    SQL_LINE_TEXT,
    SQL_INDEX_UPTO,
    SQL_INDEX_SET,
    SQL_INDEX_ADD,
    SQL_CONVERSATION_NEXT,
    SQL_LINE_HOLDS,
    SQL_SEEN,
    SQL_SEEN_UPTO,
    SQL_COUNT,
};

struct sqlite {
    struct vault vault;
    sqlite3 *db;
    sqlite3_stmt *statement[SQL_COUNT]; /* prepared when first used */
    struct buf copy;                    /* what the slices of a row point into */
    uint64_t version;                   /* PRAGMA data_version as last seen */
    uint8_t server[32];                 /* bound to it */
    bool bound;
    char words[200]; /* the last failure */
    int in_use;      /* shared lock that says: somebody has the store open */
    bool sealed;     /* texts and values are sealed: see vault_lock.h */
    bool has_key;
    uint8_t key[32];
    bool indexed; /* the index of words is there: vault_index.c */
};

extern const struct vault_ops sqlite_ops;

static inline struct sqlite *sqlite_of(struct vault *s)
{
    return (struct sqlite *)s;
}

/* --- vault_sql.c --- */

/*
 * Runs a statement with its parameters, by kinds: i uint64_t, t text slice, b blob slice.
 * 1 a row (read it, then call sql_done()), 0 none, -1 failed. A statement must not stay open: it would
 * hold an old view of the file.
 */
int sql_run(struct sqlite *q, enum sql_statement which, const char *kinds, ...);
void sql_done(struct sqlite *q, enum sql_statement which);
/* One number, without parameters. */
int sql_one(struct sqlite *q, enum sql_statement which, uint64_t *out);
uint64_t sql_column(struct sqlite *q, enum sql_statement which, int i);
/* Until sql_done(). */
struct slice sql_bytes(struct sqlite *q, enum sql_statement which, int i);
/* Copies n columns of a row, at most 4, to where they stay until the next call: the results point there. */
void sql_copy(struct sqlite *q, enum sql_statement which, int first, int n, struct slice out[]);

/* NULL for a store in memory. */
static inline struct sqlite *sqlite_or_null(struct vault *s)
{
    return s->ops == &sqlite_ops ? sqlite_of(s) : NULL;
}
/* Notes what SQLite says as the store's words. -1. */
int sql_failed(struct sqlite *q);

/* --- vault_history.c, for vault_index.c --- */

/* A row of SQL_LINE_FIND and its like, which then is done. */
void history_take(struct sqlite *q, enum sql_statement which, struct history_line *out);

/* --- the operations of vault.h that have a file of their own --- */

int history_record(struct vault *s, const struct wire_deliver *m, enum vault_how how, uint64_t *row);
int history_next(struct vault *s, uint64_t after, struct vault_row *out);
int history_last_row(struct vault *s, uint64_t *row);
int history_holds(struct vault *s, struct slice room, uint64_t seq);
int history_owner(struct vault *s, const char *name, uint64_t device);

int value_get(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number, struct buf *out);
int value_put(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number, struct slice value);
int value_drop(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number);
int value_forget(struct vault *s, enum vault_kind kind, struct slice name);
int value_next(struct vault *s, enum vault_kind kind, char name[VAULT_NAME], uint64_t *number);

/* vault_own.c */
int sqlite_own(struct vault *s, uint64_t number, struct vault_own *out);
int sqlite_own_open(struct vault *s, uint64_t below, struct vault_own *out);
int sqlite_own_read(struct vault *s, uint64_t id);

/* vault_lock.c: takes the lock and the two functions of SQL, and learns whether the store is sealed. */
int vault_lock_set_up(struct sqlite *q, const char *path, struct why *why);

#endif
