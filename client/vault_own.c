/*
 * vault_own.c - what the SQLite store knows of messages of our own, by their numbers: vault_own(),
 * vault_own_open(), vault_own_read(). Asked seldom, so the statements are prepared each time.
 */
#include "vault_sqlite.h"

#define COLUMNS                                                                                        \
    "SELECT number, coalesce(id, 0), time_ms, kind, state, recipient,"                                 \
    " EXISTS(SELECT 1 FROM draft d WHERE d.number = sent.number AND NOT d.quiet) FROM sent"

static const char by_number[] = COLUMNS " WHERE number = ?";
static const char newest[] = COLUMNS " ORDER BY number DESC LIMIT 1";
/* As the index sent_open has it. */
static const char open_below[] = COLUMNS " WHERE state IN (1, 3) AND kind = 0 AND number < ? ORDER BY number DESC LIMIT 1";
static const char mark_read[] = "UPDATE sent SET state = 6 WHERE id = ? AND kind = 0 AND state IN (1, 2, 3)";

_Static_assert(VAULT_READ == 6, "mark_read");

/* The first row: 1, or 0; the caller finalizes. */
static int step(struct sqlite *q, const char *sql, uint64_t number, sqlite3_stmt **st)
{
    if (sqlite3_prepare_v2(q->db, sql, -1, st, NULL)) return sql_failed(q);
    if (sqlite3_bind_parameter_count(*st)) sqlite3_bind_int64(*st, 1, (sqlite3_int64)number);
    int r = sqlite3_step(*st);
    return r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : sql_failed(q);
}

static int read_own(struct vault *s, const char *sql, uint64_t number, struct vault_own *out)
{
    struct sqlite *q = (struct sqlite *)s;
    sqlite3_stmt *st = NULL;
    int r = step(q, sql, number, &st);
    if (r > 0) {
        *out = (struct vault_own){.number = (uint64_t)sqlite3_column_int64(st, 0),
                                  .id = (uint64_t)sqlite3_column_int64(st, 1),
                                  .time_ms = (uint64_t)sqlite3_column_int64(st, 2),
                                  .kind = (uint8_t)sqlite3_column_int(st, 3),
                                  .state = sqlite3_column_int(st, 4),
                                  .draft = sqlite3_column_int(st, 6) != 0};
        snprintf(out->to, sizeof out->to, "%s", (const char *)sqlite3_column_text(st, 5));
    }
    sqlite3_finalize(st);
    return r;
}

int sqlite_own(struct vault *s, uint64_t number, struct vault_own *out)
{
    return read_own(s, number ? by_number : newest, number, out);
}

int sqlite_own_open(struct vault *s, uint64_t below, struct vault_own *out)
{
    return read_own(s, open_below, below > INT64_MAX ? INT64_MAX : below, out);
}

int sqlite_own_read(struct vault *s, uint64_t id)
{
    struct sqlite *q = (struct sqlite *)s;
    sqlite3_stmt *st = NULL;
    int r = step(q, mark_read, id, &st);
    sqlite3_finalize(st);
    return r < 0 ? -1 : sqlite3_changes(q->db) != 0;
}
