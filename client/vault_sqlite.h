/* vault_sqlite.h - what vault_sqlite.c and vault_schema.c share; nobody else includes it. */
#ifndef CLIENT_VAULT_SQLITE_H
#define CLIENT_VAULT_SQLITE_H

#include <sqlite3.h>
#include <stdio.h>

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
};

extern const struct vault_ops sqlite_ops;

/* vault_lock.c: takes the lock and the two functions of SQL, and learns whether the store is sealed. */
int vault_lock_set_up(struct sqlite *q, const char *path, struct why *why);

#endif
