/*
 * store_moderation.c - acts of moderation in SQLite: the line of the audit log and what the act changes
 * are one transaction. A trigger keeps the log from being changed, also by an operator's slip.
 */
#include <assert.h>
#include <string.h>

#include "store_rare.h"
#include "store_work.h"

static void text_of(char *out, size_t size, sqlite3_stmt *st, int at)
{
    size_t n = (size_t)sqlite3_column_bytes(st, at);
    if (n >= size) n = size - 1;
    memcpy(out, sqlite3_column_text(st, at), n);
    out[n] = 0;
}

static enum store_status change(struct sql *q, const struct request *r)
{
    const struct store_audit *line = &r->moderate.line;
    sqlite3_stmt *st;
    switch (r->moderate.change) {
    case STORE_FORBID:
        st = PREPARED(q, "INSERT OR REPLACE INTO sanction VALUES(?1,?2,?3,?4)", line->subject, r->moderate.kind,
                      line->until_ms);
        sqlite3_bind_text(st, 4, line->reason, -1, SQLITE_STATIC);
        return done_with(q, st);
    case STORE_LIFT:
        return done_with(q, PREPARED(q, "DELETE FROM sanction WHERE account=?1 AND kind=?2", line->subject,
                                     r->moderate.kind));
    case STORE_GRANT:
        return done_with(q, PREPARED(q, "UPDATE account SET granted=?2 WHERE id=?1", line->subject, line->role));
    default: return STORE_OK;
    }
}

enum store_status sql_put_audit(struct sql *q, const struct store_audit *line)
{
    sqlite3_stmt *st = PREPARED(q,
                                "INSERT INTO audit(time,origin,actor,act,subject,role,until,room,reason)"
                                " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                                line->time_ms, line->origin, line->actor, line->act, line->subject, line->role,
                                line->until_ms);
    sqlite3_bind_text(st, 8, line->room, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 9, line->reason, -1, SQLITE_STATIC);
    return done_with(q, st);
}

static enum store_status moderate(struct sql *q, struct request *r)
{
    if (sql_put_audit(q, &r->moderate.line) != STORE_OK) return STORE_FULL;
    r->row = (uint64_t)sqlite3_last_insert_rowid(sql_db(q));
    return change(q, r);
}

static enum store_status load_audit(struct sql *q, struct request *r)
{
    sqlite3_stmt *st = PREPARED(q,
                                "SELECT id,time,origin,actor,act,subject,role,until,room,reason FROM audit"
                                " WHERE time>=?1 AND id>?2 ORDER BY id LIMIT ?3",
                                r->moderate.line.time_ms, r->moderate.line.id, r->moderate.max);
    while (next_row(q, st)) {
        struct store_audit line = {.id = column(st, 0),
                                   .time_ms = column(st, 1),
                                   .origin = (uint8_t)column(st, 2),
                                   .actor = column(st, 3),
                                   .act = (uint8_t)column(st, 4),
                                   .subject = column(st, 5),
                                   .role = (uint8_t)column(st, 6),
                                   .until_ms = column(st, 7)};
        text_of(line.reason, sizeof line.reason, st, 9);
        text_of(line.room, sizeof line.room, st, 8);
        buf_put(&r->out, &line, sizeof line);
    }
    return STORE_OK;
}

void sql_each_sanction(struct sql *q, void (*each)(void *, const struct store_sanction *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT account,kind,until,reason FROM sanction", 0, NULL);
    while (next_row(q, st)) {
        struct store_sanction x = {
            .account = column(st, 0), .kind = (uint8_t)column(st, 1), .until_ms = column(st, 2)};
        text_of(x.reason, sizeof x.reason, st, 3);
        each(arg, &x);
    }
}

enum store_status moderation_run(struct sql *q, struct request *r)
{
    assert(r->kind == REQUEST_MODERATE || r->kind == REQUEST_LOAD_AUDIT);
    return r->kind == REQUEST_MODERATE ? moderate(q, r) : load_audit(q, r);
}
