/* store_blobs.c - files in SQLite: three tables, small and rarely written beside messages. */
#include "store_blobs.h"

#include <assert.h>
#include <string.h>

#include "store_rare.h"
#include "store_work.h"

static sqlite3_stmt *with_blob(sqlite3_stmt *st, int at, const uint8_t id[STORE_BLOB_ID])
{
    sqlite3_bind_blob64(st, at, id, STORE_BLOB_ID, SQLITE_STATIC);
    return st;
}

static enum store_status put_blob(struct sql *q, const struct store_blob *b)
{
    sqlite3_stmt *st = PREPARED(q, "INSERT INTO blob(account,device,size,complete,created,until,id,recipient)"
                                   " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
                                b->account, b->device, b->size, b->complete, b->created_ms, b->until_ms);
    sqlite3_bind_text(st, 8, b->to, -1, SQLITE_STATIC);
    return done_with(q, with_blob(st, 7, b->id));
}

/* The same statement once for each device: ?1 account, ?2 device, ?3 state, ?4 time, ?5 blob. */
static enum store_status each_device(struct sql *q, const char *text, const struct store_blob_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct store_blob_device *d = &c->device[i];
        sqlite3_stmt *st = PREPARED(q, text, d->account, d->device, d->state, c->blob.created_ms);
        if (done_with(q, with_blob(st, 5, c->blob.id)) != STORE_OK) return STORE_FULL;
    }
    return STORE_OK;
}

static enum store_status end_blob(struct sql *q, const struct store_blob_change *c)
{
    static const char *const texts[] = {"DELETE FROM blob WHERE id=?1", "DELETE FROM blob_wait WHERE blob=?1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (done_with(q, with_blob(prepared(q, texts[i], 0, NULL), 1, c->blob.id)) != STORE_OK) return STORE_FULL;
    return each_device(q, "INSERT OR REPLACE INTO blob_notice(account,device,state,made,blob) VALUES(?1,?2,?3,?4,?5)", c);
}

static enum store_status put_boot(struct sql *q, const char *boot)
{
    sqlite3_stmt *st = prepared(q, "UPDATE meta SET boot=?1", 0, NULL);
    sqlite3_bind_text(st, 1, boot, -1, SQLITE_STATIC);
    return done_with(q, st);
}

static enum store_status complete_blob(struct sql *q, const struct store_blob *b)
{
    return done_with(q, with_blob(PREPARED(q, "UPDATE blob SET complete=1,size=?1 WHERE id=?2", b->size), 2, b->id));
}

enum store_status blobs_run(struct sql *q, struct request *r)
{
    const struct store_blob_change *c = &r->blob;
    switch (c->op) {
    case STORE_BLOB_PUT:
        if (put_blob(q, &c->blob) != STORE_OK) return STORE_FULL;
        return each_device(q, "INSERT INTO blob_wait(account,device,state,blob) VALUES(?1,?2,?3,?5)", c);
    case STORE_BLOB_COMPLETE: return complete_blob(q, &c->blob);
    case STORE_BLOB_STATE:
        return each_device(q, "UPDATE blob_wait SET state=?3 WHERE blob=?5 AND account=?1 AND device=?2", c);
    case STORE_BLOB_END: return end_blob(q, c);
    case STORE_BLOB_TOLD:
        return each_device(q, "DELETE FROM blob_notice WHERE blob=?5 AND account=?1 AND device=?2", c);
    default: assert(c->op == STORE_BLOB_BOOT); return put_boot(q, c->boot);
    }
}

/* --- at the start --- */

/* 32 bytes by a CHECK; what another hand has put there is no blob of ours. */
static bool id_of(sqlite3_stmt *st, int at, uint8_t id[STORE_BLOB_ID])
{
    const void *blob = sqlite3_column_blob(st, at);
    if (sqlite3_column_bytes(st, at) != STORE_BLOB_ID) return false;
    memcpy(id, blob, STORE_BLOB_ID);
    return true;
}

static struct store_blob_device device_of(sqlite3_stmt *st)
{
    return (struct store_blob_device){column(st, 1), column(st, 2), (uint8_t)column(st, 3)};
}

void sql_each_blob(struct sql *q, void (*each)(void *, const struct store_blob *), void *arg)
{
    sqlite3_stmt *st = prepared(
        q, "SELECT id,account,device,size,complete,created,until,recipient FROM blob ORDER BY created", 0, NULL);
    while (next_row(q, st)) {
        struct store_blob b = {.account = column(st, 1), .device = column(st, 2), .size = column(st, 3),
                               .complete = column(st, 4) != 0, .created_ms = column(st, 5), .until_ms = column(st, 6)};
        const unsigned char *to = sqlite3_column_text(st, 7);
        size_t n = (size_t)sqlite3_column_bytes(st, 7);
        if (to) memcpy(b.to, to, n < sizeof b.to ? n : sizeof b.to - 1);
        if (id_of(st, 0, b.id)) each(arg, &b);
    }
}

void sql_each_blob_device(struct sql *q, void (*each)(void *, const uint8_t *, const struct store_blob_device *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT blob,account,device,state FROM blob_wait", 0, NULL);
    while (next_row(q, st)) {
        uint8_t id[STORE_BLOB_ID];
        struct store_blob_device d = device_of(st);
        if (id_of(st, 0, id)) each(arg, id, &d);
    }
}

void sql_each_blob_notice(struct sql *q,
                          void (*each)(void *, const uint8_t *, const struct store_blob_device *, uint64_t), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT blob,account,device,state,made FROM blob_notice ORDER BY made", 0, NULL);
    while (next_row(q, st)) {
        uint8_t id[STORE_BLOB_ID];
        struct store_blob_device d = device_of(st);
        if (id_of(st, 0, id)) each(arg, id, &d, column(st, 4));
    }
}

void sql_boot(struct sql *q, char boot[STORE_BOOT_MAX + 1])
{
    sqlite3_stmt *st = prepared(q, "SELECT boot FROM meta", 0, NULL);
    boot[0] = 0;
    while (next_row(q, st)) {
        size_t n = (size_t)sqlite3_column_bytes(st, 0);
        if (n > STORE_BOOT_MAX) n = 0;
        memcpy(boot, sqlite3_column_text(st, 0), n);
        boot[n] = 0;
    }
}
