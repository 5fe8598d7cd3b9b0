/*
 * store_rare.h - statements for what is rare beside messages: each is prepared when it is needed, and
 * finalized by whoever reads it to its end. For the files of the store alone.
 */
#ifndef STORE_RARE_H
#define STORE_RARE_H

#include "log.h"
#include "store_sql.h"

/* Prepares a statement and binds its first numbers. */
static inline sqlite3_stmt *prepared(struct sql *q, const char *text, size_t n, const uint64_t *v)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(sql_db(q), text, -1, &st, NULL) != SQLITE_OK)
        fatal("store: cannot prepare \"%s\": %s", text, sqlite3_errmsg(sql_db(q)));
    for (size_t i = 0; i < n; i++)
        sqlite3_bind_int64(st, (int)i + 1, (sqlite3_int64)v[i]);
    return st;
}
#define PREPARED(q, text, ...) \
    prepared(q, text, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

/* Runs a statement to its end. */
static inline enum store_status done_with(struct sql *q, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    enum store_status status = sql_judge(sql_db(q), rc, "write");
    sqlite3_finalize(st);
    return status;
}

/* Next row of a reading statement; frees it at the end. */
static inline bool next_row(struct sql *q, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) return true;
    if (sql_judge(sql_db(q), rc, "read") != STORE_OK) fatal("store: no space to read broker.db");
    sqlite3_finalize(st);
    return false;
}

static inline uint64_t column(sqlite3_stmt *st, int at)
{
    return (uint64_t)sqlite3_column_int64(st, at);
}

#endif
