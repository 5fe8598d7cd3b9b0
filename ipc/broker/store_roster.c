/* store_roster.c - the class roster in SQLite: entries, claims, welcomes, each at most once an account. */
#include <assert.h>

#include "store_rare.h"
#include "store_work.h"

static enum store_status put(struct sql *q, struct request *r)
{
    sqlite3_stmt *st = PREPARED(q, "INSERT OR REPLACE INTO roster VALUES(?1,?2,?3,?4)", r->roster.kind,
                                r->roster.account, r->roster.time_ms);
    sqlite3_bind_blob64(st, 4, r->roster.item.data, r->roster.item.len, SQLITE_STATIC);
    r->row = r->roster.account;
    return done_with(q, st);
}

static enum store_status drop(struct sql *q, struct request *r)
{
    r->row = r->roster.account;
    return done_with(q, PREPARED(q, "DELETE FROM roster WHERE kind=?1 AND account=?2", r->roster.kind, r->row));
}

static void load(struct sql *q, struct request *r)
{
    static const char *const of_one = "SELECT account,time,item FROM roster WHERE kind=?1 AND account=?2",
                            *const of_all = "SELECT account,time,item FROM roster WHERE kind=?1 AND account>?2"
                                            " ORDER BY account";
    bool one = r->roster.account != 0;
    sqlite3_stmt *st = PREPARED(q, one ? of_one : of_all, r->roster.kind, one ? r->roster.account : r->roster.after);
    while (next_row(q, st)) {
        buf_put_u64(&r->out, column(st, 0));
        buf_put_u64(&r->out, column(st, 1));
        buf_put_str16(&r->out, sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
        if (buf_len(&r->out) < r->roster.max_bytes) continue;
        sqlite3_finalize(st);
        return;
    }
}

void sql_each_roster(struct sql *q, void (*each)(void *, uint8_t, uint64_t), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT kind,account FROM roster", 0, NULL);
    while (next_row(q, st))
        each(arg, (uint8_t)column(st, 0), column(st, 1));
}

enum store_status roster_run(struct sql *q, struct request *r)
{
    switch (r->kind) {
    case REQUEST_PUT_ROSTER: return put(q, r);
    case REQUEST_DROP_ROSTER: return drop(q, r);
    default: assert(r->kind == REQUEST_LOAD_ROSTER); load(q, r); return STORE_OK;
    }
}
