/*
 * store_groups.c - groups in SQLite: logs, who has read how far, what is kept of a room. A group's messages
 * are rows of room_message, as the lobby's, and so are the entries of its log (mid 0).
 */
#include <assert.h>
#include <string.h>

#include "store_rare.h"
#include "store_work.h"

/* --- the log --- */

static enum store_status put_group(struct sql *q, const struct request *r)
{
    sqlite3_stmt *st = PREPARED(q, "INSERT INTO room_group(room,creator,id,name) VALUES(?1,?2,?3,?4)", r->room,
                                r->entry_of.e.from_account);
    sqlite3_bind_blob64(st, 3, r->entry_of.id.data, r->entry_of.id.len, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, (const char *)r->entry_of.name.data, (int)r->entry_of.name.len, SQLITE_STATIC);
    return done_with(q, st);
}

/* Its devices read from this entry on, also those that were reading to an end. */
static enum store_status begin_reading(struct sql *q, const struct request *r)
{
    return done_with(q, PREPARED(q,
                                 "INSERT INTO group_place SELECT ?1,account,device,?3-1,0 FROM device"
                                 " WHERE account=?2 AND revoked=0 ON CONFLICT DO UPDATE SET acked=?3-1,until=0",
                                 r->room, r->entry_of.e.joins, r->row));
}

static enum store_status end_reading(struct sql *q, const struct request *r)
{
    return done_with(q, PREPARED(q, "UPDATE group_place SET until=?3 WHERE room=?1 AND account=?2 AND until=0",
                                 r->room, r->entry_of.e.leaves, r->row));
}

static enum store_status put_entry(struct sql *q, struct request *r)
{
    const struct store_entry *e = &r->entry_of.e;
    struct store_message m = {
        .from_account = e->from_account, .from_device = e->from_device, .time_ms = e->time_ms, .body = e->entry};
    if (r->entry_of.id.len && put_group(q, r) != STORE_OK) return STORE_FULL;
    if (sql_put_room(q, r->room, &m, &r->row) != STORE_OK) return STORE_FULL;
    sqlite3_stmt *st = PREPARED(q, "INSERT INTO group_entry VALUES(?1,?2,?3,?4)", r->room, e->seq, r->row);
    sqlite3_bind_blob64(st, 4, e->entry.data, e->entry.len, SQLITE_STATIC);
    if (done_with(q, st) != STORE_OK) return STORE_FULL;
    if (e->joins && begin_reading(q, r) != STORE_OK) return STORE_FULL;
    if (e->leaves && end_reading(q, r) != STORE_OK) return STORE_FULL;
    if (r->entry_of.line.act && sql_put_audit(q, &r->entry_of.line) != STORE_OK) return STORE_FULL;
    if (!e->closes) return STORE_OK;
    return done_with(q, PREPARED(q, "UPDATE room_group SET closed=1 WHERE room=?1", r->room));
}

static enum store_status load_entries(struct sql *q, struct request *r)
{
    sqlite3_stmt *st =
        PREPARED(q, "SELECT number,entry FROM group_entry WHERE room=?1 AND seq>?2 AND seq<=?3 ORDER BY seq", r->room,
                 r->load.after, r->load.max_rows);
    while (next_row(q, st)) {
        size_t n = (size_t)sqlite3_column_bytes(st, 1);
        if (buf_len(&r->out) && buf_len(&r->out) + 10 + n > r->load.max_bytes) {
            sqlite3_finalize(st);
            return STORE_OK;
        }
        buf_put_u64(&r->out, column(st, 0));
        buf_put_str16(&r->out, sqlite3_column_blob(st, 1), n);
    }
    return STORE_OK;
}

/* --- places --- */

static enum store_status put_place(struct sql *q, const struct store_place *p)
{
    return done_with(q, PREPARED(q,
                                 "INSERT INTO group_place VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE"
                                 " SET acked=max(acked,?4),until=?5",
                                 p->room, p->account, p->device, p->acked, p->end));
}

static enum store_status drop_place(struct sql *q, const struct store_place *p)
{
    return done_with(q, PREPARED(q, "DELETE FROM group_place WHERE room=?1 AND account=?2 AND device=?3", p->room,
                                 p->account, p->device));
}

/* --- what is kept --- */

/* From the newest on back, as long as the limits allow. */
static enum store_status cut_room(struct sql *q, struct request *r)
{
    uint64_t rows = 0, bytes = 0, first = sql_room_head(q, r->room) + 1;
    sqlite3_stmt *st =
        PREPARED(q, "SELECT number,time,length(body) FROM room_message WHERE room=?1 AND number>=?2 ORDER BY number DESC",
                 r->room, r->number);
    while (next_row(q, st)) {
        uint64_t more = column(st, 2);
        if (column(st, 1) < r->cut.before_ms || rows + 1 > r->cut.max_rows || bytes + more > r->cut.max_bytes) {
            sqlite3_finalize(st);
            break;
        }
        first = column(st, 0);
        rows++;
        bytes += more;
    }
    r->row = first;
    r->cut.rows = rows;
    r->cut.bytes = bytes;
    return STORE_OK;
}

static enum store_status drop_group(struct sql *q, const struct request *r)
{
    static const char *const texts[] = {
        "DELETE FROM room_group WHERE room=?1",
        "DELETE FROM group_entry WHERE room=?1",
        "DELETE FROM group_place WHERE room=?1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (done_with(q, PREPARED(q, texts[i], r->room)) != STORE_OK) return STORE_FULL;
    return r->ends.act ? sql_put_audit(q, &r->ends) : STORE_OK;
}

enum store_status groups_run(struct sql *q, struct request *r)
{
    switch (r->kind) {
    case REQUEST_ENTRY: return put_entry(q, r);
    case REQUEST_LOAD_ENTRIES: return load_entries(q, r);
    case REQUEST_PLACE: return put_place(q, &r->place);
    case REQUEST_DROP_PLACE: return drop_place(q, &r->place);
    case REQUEST_CUT_ROOM: return cut_room(q, r);
    default: assert(r->kind == REQUEST_DROP_GROUP); return drop_group(q, r);
    }
}

/* --- at the start --- */

void sql_each_group(struct sql *q, void (*each)(void *, const struct store_group *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT room,creator,closed,id,name FROM room_group ORDER BY room", 0, NULL);
    while (next_row(q, st)) {
        struct store_group g = {.room = column(st, 0), .creator = column(st, 1), .closed = column(st, 2)};
        size_t n = (size_t)sqlite3_column_bytes(st, 4);
        memcpy(g.id, sqlite3_column_blob(st, 3), sizeof g.id); /* 32 by a CHECK */
        memcpy(g.name, sqlite3_column_text(st, 4), n < sizeof g.name ? n : sizeof g.name - 1);
        each(arg, &g);
    }
}

void sql_each_entry(struct sql *q, void (*each)(void *, uint64_t, struct slice), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT room,entry FROM group_entry ORDER BY room,seq", 0, NULL);
    while (next_row(q, st)) {
        const uint8_t *entry = sqlite3_column_blob(st, 1); /* before its length is asked for */
        each(arg, column(st, 0), (struct slice){entry, (size_t)sqlite3_column_bytes(st, 1)});
    }
}

void sql_each_place(struct sql *q, void (*each)(void *, const struct store_place *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT room,account,device,acked,until FROM group_place", 0, NULL);
    while (next_row(q, st)) {
        struct store_place p = {column(st, 0), column(st, 1), column(st, 2), column(st, 3),
                                column(st, 4)};
        each(arg, &p);
    }
}

void sql_each_room(struct sql *q, void (*each)(void *, uint64_t, uint64_t, uint64_t), void *arg)
{
    sqlite3_stmt *st = prepared(
        q, "SELECT room,count(*),sum(length(body)) FROM room_message WHERE room>1 GROUP BY room", 0, NULL);
    while (next_row(q, st))
        each(arg, column(st, 0), column(st, 1), column(st, 2));
}

uint64_t sql_last_room(struct sql *q)
{
    uint64_t last = 1;
    sqlite3_stmt *st = prepared(q, "SELECT seq FROM sqlite_sequence WHERE name='room_group'", 0, NULL);
    if (!next_row(q, st)) return last;
    last = column(st, 0);
    sqlite3_finalize(st);
    return last;
}
