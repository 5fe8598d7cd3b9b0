/*
 * store_keys.c - prekeys and device lists in SQLite: what the requests of that kind mean.
 *
 * Numbers of devices may be negative here: the bits count.
 */
#include <assert.h>
#include <string.h>

#include "store_rare.h"
#include "store_work.h"
#include "wire_keys.h"

/* --- prekeys --- */

/* What there is of a device's; its prefix is appended to out, unless that is NULL. */
static bool read_prekeys(struct sql *q, struct store_prekeys *p, struct buf *out)
{
    sqlite3_stmt *st = PREPARED(q, "SELECT signed_id,top,remaining,prefix FROM prekey WHERE account=?1 AND device=?2",
                                p->account, p->device);
    if (!next_row(q, st)) return false;
    p->signed_id = (uint32_t)column(st, 0);
    p->top = (uint32_t)column(st, 1);
    p->left = (uint32_t)column(st, 2);
    if (out) buf_put(out, sqlite3_column_blob(st, 3), (size_t)sqlite3_column_bytes(st, 3));
    sqlite3_finalize(st);
    return true;
}

static enum store_status count_prekeys(struct sql *q, const struct store_prekeys *p)
{
    return done_with(q, PREPARED(q, "UPDATE prekey SET top=?3,remaining=?4 WHERE account=?1 AND device=?2",
                                 p->account, p->device, p->top, p->left));
}

static enum store_status put_one_time(struct sql *q, struct store_prekeys *p, const uint8_t *one_time)
{
    uint32_t id = get_u32(one_time);
    if (id <= p->top) return STORE_OK; /* it was here once, and may have gone out */
    sqlite3_stmt *st = PREPARED(q, "INSERT INTO one_time VALUES(?1,?2,?3,?4)", p->account, p->device, id);
    sqlite3_bind_blob(st, 4, one_time + 4, WIRE_ONE_TIME - 4, SQLITE_STATIC);
    p->top = id;
    p->left++;
    return done_with(q, st);
}

static enum store_status drop_oldest(struct sql *q, struct store_prekeys *p, uint32_t keep)
{
    if (p->left <= keep) return STORE_OK;
    uint64_t surplus = p->left - keep;
    p->left = keep;
    return done_with(q, PREPARED(q,
                                 "DELETE FROM one_time WHERE account=?1 AND device=?2 AND id IN (SELECT id FROM"
                                 " one_time WHERE account=?1 AND device=?2 ORDER BY id LIMIT ?3)",
                                 p->account, p->device, surplus));
}

/* A signed prekey with a lower id is a repeat of an old one. */
static enum store_status publish(struct sql *q, struct request *r)
{
    struct store_prekeys *p = &r->keys.now;
    sqlite3_stmt *st = PREPARED(q,
                                "INSERT INTO prekey VALUES(?1,?2,?3,?4,0,0) ON CONFLICT DO UPDATE SET"
                                " signed_id=?3,prefix=?4 WHERE ?3>=signed_id",
                                p->account, p->device, r->keys.signed_id);
    sqlite3_bind_blob64(st, 4, r->keys.prefix.data, r->keys.prefix.len, SQLITE_STATIC);
    if (done_with(q, st) != STORE_OK) return STORE_FULL;
    r->keys.found = read_prekeys(q, p, NULL);
    for (size_t at = 0; at < r->keys.one_time.len; at += WIRE_ONE_TIME)
        if (put_one_time(q, p, r->keys.one_time.data + at) != STORE_OK) return STORE_FULL;
    if (drop_oldest(q, p, r->keys.keep) != STORE_OK) return STORE_FULL;
    return count_prekeys(q, p);
}

/* The one-time prekey behind the prefix in r->out, if there is one; it is nobody else's any more. */
static enum store_status take_one_time(struct sql *q, struct request *r)
{
    struct store_prekeys *p = &r->keys.now;
    sqlite3_stmt *st = PREPARED(q, "SELECT id,public FROM one_time WHERE account=?1 AND device=?2 ORDER BY id LIMIT 1",
                                p->account, p->device);
    if (!next_row(q, st)) return STORE_OK;
    uint32_t id = (uint32_t)column(st, 0);
    buf_put_u32(&r->out, id);
    buf_put(&r->out, sqlite3_column_blob(st, 1), WIRE_ONE_TIME - 4);
    sqlite3_finalize(st);
    r->keys.taken = true;
    p->left--;
    st = PREPARED(q, "DELETE FROM one_time WHERE account=?1 AND device=?2 AND id=?3", p->account, p->device, id);
    if (done_with(q, st) != STORE_OK) return STORE_FULL;
    return count_prekeys(q, p);
}

static enum store_status take_bundle(struct sql *q, struct request *r)
{
    r->keys.taken = false;
    r->keys.found = read_prekeys(q, &r->keys.now, &r->out);
    return r->keys.found ? take_one_time(q, r) : STORE_OK;
}

void sql_each_prekeys(struct sql *q, void (*each)(void *, const struct store_prekeys *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT account,device,signed_id,top,remaining FROM prekey", 0, NULL);
    while (next_row(q, st)) {
        struct store_prekeys p = {column(st, 0), column(st, 1), (uint32_t)column(st, 2), (uint32_t)column(st, 3),
                                  (uint32_t)column(st, 4)};
        each(arg, &p);
    }
}

/* --- device lists --- */

static enum store_status load_list(struct sql *q, struct request *r)
{
    sqlite3_stmt *st = PREPARED(q, "SELECT entry FROM device_entry WHERE account=?1 AND seq>?2 ORDER BY seq",
                                r->list_of.account, r->list_of.seq);
    while (next_row(q, st))
        buf_put_str16(&r->out, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
    return STORE_OK;
}

/* Everything that waits for it counts as acknowledged, so that the sweeper takes it. */
static enum store_status drop_device(struct sql *q, uint64_t account, uint64_t device)
{
    static const char *const texts[] = {
        ("UPDATE device SET acked=max(acked,ifnull((SELECT max(id) FROM queue WHERE account=?1 AND device=?2),0))"
         " WHERE account=?1 AND device=?2"),
        "DELETE FROM one_time WHERE account=?1 AND device=?2",
        "DELETE FROM prekey WHERE account=?1 AND device=?2",
    };
    if (sql_note_revoked(q, account, device) != STORE_OK) return STORE_FULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (done_with(q, PREPARED(q, texts[i], account, device)) != STORE_OK) return STORE_FULL;
    return STORE_OK;
}

/* The device may be there already: the first entry of a list adds the one that was registered. */
static enum store_status put_device(struct sql *q, const struct store_device *d)
{
    sqlite3_stmt *st =
        PREPARED(q, "INSERT OR IGNORE INTO device VALUES(?1,?2,?3,0,0,0,0)", d->account, d->device);
    sqlite3_bind_blob(st, 3, d->key, sizeof d->key, SQLITE_STATIC);
    return done_with(q, st);
}

static enum store_status revoke(struct sql *q, uint64_t account, uint64_t device, uint32_t seq)
{
    sqlite3_stmt *st = PREPARED(q, "UPDATE device SET revoked=?3 WHERE account=?1 AND device=?2", account, device, seq);
    return done_with(q, st) == STORE_OK ? drop_device(q, account, device) : STORE_FULL;
}

static enum store_status append(struct sql *q, struct request *r)
{
    const struct store_device *d = &r->list_of.device;
    uint64_t account = r->list_of.account, seq = r->list_of.seq;
    sqlite3_stmt *st =
        PREPARED(q, "INSERT INTO device_list VALUES(?1,?3,?2) ON CONFLICT DO UPDATE SET head=?2", account, seq);
    sqlite3_bind_blob(st, 3, r->list_of.account_key, sizeof r->list_of.account_key, SQLITE_STATIC);
    if (done_with(q, st) != STORE_OK) return STORE_FULL;
    st = PREPARED(q, "INSERT INTO device_entry VALUES(?1,?2,?3)", account, seq);
    sqlite3_bind_blob64(st, 3, r->list_of.entry.data, r->list_of.entry.len, SQLITE_STATIC);
    if (done_with(q, st) != STORE_OK) return STORE_FULL;
    r->row = seq;
    return d->revoked ? revoke(q, account, d->device, d->revoked) : put_device(q, d);
}

void sql_each_list(struct sql *q, void (*each)(void *, const struct store_list *), void *arg)
{
    sqlite3_stmt *st = prepared(q, "SELECT account,head,account_key FROM device_list", 0, NULL);
    while (next_row(q, st)) {
        struct store_list l = {.account = column(st, 0), .head = (uint32_t)column(st, 1)};
        memcpy(l.account_key, sqlite3_column_blob(st, 2), sizeof l.account_key); /* 32 by a CHECK */
        each(arg, &l);
    }
}

enum store_status keys_run(struct sql *q, struct request *r)
{
    switch (r->kind) {
    case REQUEST_PUBLISH: return publish(q, r);
    case REQUEST_TAKE_BUNDLE: return take_bundle(q, r);
    case REQUEST_LOAD_LIST: return load_list(q, r);
    case REQUEST_APPEND: return append(q, r);
    default: assert(r->kind == REQUEST_DROP_DEVICE); return drop_device(q, r->list_of.account, r->list_of.device.device);
    }
}
