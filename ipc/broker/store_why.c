/*
 * store_why.c - what became of messages that were stored: which still wait in a device's queue and where,
 * and which ended there without having been delivered. Of those a short row stays, so that their sender
 * can be told whenever he asks; what has neither was acknowledged.
 */
#include <string.h>

#include "store_rare.h"
#include "store_work.h"

static bool asked_about(const struct request *r, uint64_t id)
{
    size_t i = 0;
    while (i < r->why.n && get_u64(r->bytes + 8 * i) != id)
        i++;
    return i < r->why.n;
}

static void found(struct request *r, const struct store_found *f)
{
    buf_put(&r->out, f, sizeof *f);
}

/*
 * Walks the whole queue of one device, since a place is a count; of a row only its first columns are read.
 * Copies for the sender's own devices cannot be taken for what is asked about: an id has one recipient.
 */
static void look_in_queue(struct sql *q, struct request *r, uint64_t device, uint64_t acked)
{
    sqlite3_stmt *st = PREPARED(q,
                                "SELECT id,from_account,from_device,mid,time FROM queue WHERE account=?1 AND device=?2"
                                " AND id>?3 ORDER BY id",
                                r->why.account, device, acked);
    for (uint32_t place = 1; next_row(q, st); place++) {
        struct store_found f = {.device = device, .id = column(st, 3), .end = STORE_WAITS, .place = place,
                                .row = column(st, 0), .time_ms = column(st, 4)};
        if (column(st, 1) == r->why.from_account && column(st, 2) == r->why.from_device && asked_about(r, f.id))
            found(r, &f);
    }
}

static void look_in_queues(struct sql *q, struct request *r)
{
    sqlite3_stmt *st = PREPARED(q, "SELECT device,acked FROM device WHERE account=?1 AND revoked=0", r->why.account);
    while (next_row(q, st))
        look_in_queue(q, r, column(st, 0), column(st, 1));
}

static void look_among_ended(struct sql *q, struct request *r, uint64_t id)
{
    sqlite3_stmt *st = PREPARED(q,
                                "SELECT device,why,time FROM undelivered WHERE from_account=?1 AND from_device=?2"
                                " AND mid=?3 AND account=?4",
                                r->why.from_account, r->why.from_device, id, r->why.account);
    while (next_row(q, st))
        found(r, &(struct store_found){.device = column(st, 0), .id = id, .end = (uint8_t)column(st, 1), .time_ms = column(st, 2)});
}

/* Numbers rise with seq: the walk ends at the first entry that is not behind the message. */
static void find_spot(struct sql *q, struct request *r)
{
    sqlite3_stmt *st = PREPARED(q,
                                "SELECT seq,EXISTS(SELECT 1 FROM room_message WHERE room=?1 AND number=?2) FROM group_entry"
                                " WHERE room=?1 AND number<=?2 ORDER BY seq DESC LIMIT 1",
                                r->room, r->number);
    if (!next_row(q, st)) return;
    r->row = column(st, 0);
    r->kept = column(st, 1);
    sqlite3_finalize(st);
}

void why_run(struct sql *q, struct request *r)
{
    if (r->kind == REQUEST_SPOT) {
        find_spot(q, r);
        return;
    }
    if (r->why.queued) look_in_queues(q, r);
    for (size_t i = 0; i < r->why.n; i++)
        look_among_ended(q, r, get_u64(r->bytes + 8 * i));
}

enum store_status sql_note_undelivered(struct sql *q, const struct store_message *m)
{
    if (m->to) return STORE_OK; /* a copy: nobody waits for a word about it */
    return done_with(q, PREPARED(q, "INSERT INTO undelivered VALUES(?1,?2,?3,?4,?5,?6,?7)", m->from_account,
                                 m->from_device, m->id, m->account, m->device, m->time_ms, STORE_EXPIRED));
}

enum store_status sql_note_revoked(struct sql *q, uint64_t account, uint64_t device)
{
    return done_with(q, PREPARED(q,
                                 "INSERT INTO undelivered SELECT from_account,from_device,mid,account,device,time,?3"
                                 " FROM queue WHERE account=?1 AND device=?2 AND recipient=0 AND id>"
                                 "(SELECT acked FROM device WHERE account=?1 AND device=?2)",
                                 account, device, STORE_REVOKED));
}

enum store_status sql_forget_undelivered(struct sql *q, uint64_t before_ms)
{
    uint64_t keep = (uint64_t)STORE_UNDELIVERED_DAYS * 86400 * 1000;
    if (before_ms < keep) return STORE_OK;
    return done_with(q, PREPARED(q,
                                 "DELETE FROM undelivered WHERE rowid IN (SELECT rowid FROM undelivered ORDER BY rowid"
                                 " LIMIT ?2) AND time<?1",
                                 before_ms - keep, SQL_SLICE));
}
