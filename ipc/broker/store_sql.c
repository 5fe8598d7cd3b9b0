/*
 * store_sql.c - the statements, prepared once, and what each request means in them.
 *
 * Statements are named by an enum and bound in the order of their parameters. Signed and unsigned
 * 64-bit numbers are the same bits; see store_sql.h for where the order of them matters.
 */
#include "store_sql.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum statement {
    BEGIN_READ,
    BEGIN_WRITE,
    COMMIT,
    ROLLBACK,
    PUT_ACCOUNT,
    PUT_DEVICE,
    PUT_MESSAGE,
    PUT_ROOM,
    RAISE_LAST_ID,
    RAISE_ROOM_ID,
    ROOM_HEAD,
    ACK,
    LOAD,
    LOAD_ROOM,
    EXPIRED,
    ACKED_ROWS,
    DELETE_ROW,
    KEEP_HEAD,
    TRIM,
    FREE_PAGES,
    STATEMENTS
};

static const char *const text_of[STATEMENTS] = {
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT_ACCOUNT] = "INSERT INTO account(id,name,role,created) VALUES(?1,?2,?3,?4)",
    [PUT_DEVICE] = "INSERT INTO device VALUES(?1,?2,?3,?4,?5,0,0)",
    [PUT_MESSAGE] = "INSERT INTO queue(account,device,from_account,from_device,mid,time,recipient,head,body)"
                    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [PUT_ROOM] = "INSERT INTO room_message VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [RAISE_LAST_ID] = "UPDATE device SET last_id=?3 WHERE account=?1 AND device=?2 AND last_id<?3",
    [RAISE_ROOM_ID] = "UPDATE device SET last_room_id=?3 WHERE account=?1 AND device=?2"
                      " AND last_room_id<?3",
    /* The head of a trimmed room is in room, that of any other in its newest message. */
    [ROOM_HEAD] = "SELECT max(ifnull((SELECT head FROM room WHERE room=?1),0),"
                  " ifnull((SELECT max(number) FROM room_message WHERE room=?1),0))",
    [ACK] = "UPDATE device SET acked=?3 WHERE account=?1 AND device=?2 AND acked<?3",
    /* Acknowledged rows are gone for everybody, also before the sweeper came by. */
    [LOAD] = "SELECT id,account,device,from_account,from_device,mid,time,head,body,recipient FROM queue"
             " WHERE account=?1 AND device=?2 AND id>max(?3,ifnull("
             "(SELECT acked FROM device WHERE account=?1 AND device=?2),0)) ORDER BY id",
    [LOAD_ROOM] = "SELECT number,0,0,from_account,from_device,mid,time,x'',body,0 FROM room_message"
                  " WHERE room=?1 AND number>?2 ORDER BY number",
    [EXPIRED] = "SELECT q.id,q.account,q.device,from_account,from_device,mid,time,x'',zeroblob(size),recipient"
                " FROM (SELECT id,account,device,from_account,from_device,mid,time,"
                "       length(head)+length(body) AS size,recipient FROM queue"
                "       ORDER BY id LIMIT ?2) q"
                " LEFT JOIN device d ON d.account=q.account AND d.device=q.device"
                " WHERE q.time<?1 AND q.id>ifnull(d.acked,0) ORDER BY q.id",
    [ACKED_ROWS] = "SELECT id FROM queue WHERE account=?1 AND device=?2 AND id<="
                   "(SELECT acked FROM device WHERE account=?1 AND device=?2) ORDER BY id LIMIT ?3",
    [DELETE_ROW] = "DELETE FROM queue WHERE id=?1",
    [KEEP_HEAD] = "INSERT OR REPLACE INTO room VALUES(?1,?2)",
    [TRIM] = "DELETE FROM room_message WHERE room=?1 AND number IN (SELECT number FROM room_message"
             " WHERE room=?1 AND number<?2 ORDER BY number LIMIT ?3)",
    [FREE_PAGES] = "PRAGMA freelist_count",
};

struct sql {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENTS];
    uint64_t incarnation;
    uint64_t newest, newest_committed; /* queue rows */
    unsigned frames;
    /* The sender whose last_id is raised when another one comes, or at commit. */
    uint64_t sender_account, sender_device, sender_id;
};

static bool no_room(sqlite3 *db, int rc)
{
    if ((rc & 0xff) == SQLITE_FULL) return true;
    if ((rc & 0xff) != SQLITE_IOERR) return false;
    /* After a failed fsync nobody knows what is on disk, whatever the reason was. */
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) return false;
    int e = sqlite3_system_errno(db);
    return e == ENOSPC || e == EDQUOT;
}

enum store_status sql_judge(sqlite3 *db, int rc, const char *what)
{
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) return STORE_OK;
    if (no_room(db, rc)) return STORE_FULL;
    fatal("store: cannot %s broker.db: %s (%d, %s): check the disk, then start again", what,
          sqlite3_errmsg(db), rc, strerror(sqlite3_system_errno(db)));
}

static sqlite3_stmt *bind(struct sql *q, enum statement s, size_t n, const uint64_t *v)
{
    for (size_t i = 0; i < n; i++)
        sqlite3_bind_int64(q->st[s], (int)i + 1, (sqlite3_int64)v[i]);
    return q->st[s];
}
#define BIND(q, s, ...) \
    bind(q, s, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

/* For limits that are compared: beyond the signed range they would turn negative. */
static uint64_t cap(uint64_t v)
{
    return v < INT64_MAX ? v : INT64_MAX;
}

static void bind_bytes(sqlite3_stmt *st, int at, const void *data, size_t len)
{
    /* A NULL pointer would bind NULL instead of an empty blob. */
    sqlite3_bind_blob64(st, at, len ? data : "", len, SQLITE_STATIC);
}

/* Runs a statement that gives no rows we want. */
static enum store_status run(struct sql *q, sqlite3_stmt *st)
{
    sqlite3_step(st);
    return sql_judge(q->db, sqlite3_reset(st), "write");
}

/* Next row of a reading statement; resets it at the end. */
static bool next(struct sql *q, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) return true;
    sqlite3_reset(st);
    if (sql_judge(q->db, rc, "read") != STORE_OK) fatal("store: no space to read broker.db");
    return false;
}

static uint64_t column(sqlite3_stmt *st, int at)
{
    return (uint64_t)sqlite3_column_int64(st, at);
}

/* First column of the first row. */
static uint64_t single(struct sql *q, sqlite3_stmt *st)
{
    uint64_t v = next(q, st) ? column(st, 0) : 0;
    sqlite3_reset(st);
    return v;
}

static sqlite3_stmt *prepare(struct sql *q, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (rc != SQLITE_OK) fatal("store: cannot prepare \"%s\": %s", sql, sqlite3_errmsg(q->db));
    return st;
}

static int note_frames(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)db, (void)name;
    ((struct sql *)arg)->frames = (unsigned)frames;
    return SQLITE_OK;
}

struct sql *sql_open(sqlite3 *db, char *err, size_t err_size)
{
    struct sql *q = xcalloc(1, sizeof *q);
    q->db = db;
    sqlite3_wal_hook(db, note_frames, q);
    if (sqlite3_exec(db, "UPDATE meta SET incarnation=incarnation+1", NULL, NULL, NULL)) {
        snprintf(err, err_size,
                 "cannot write broker.db: %s: make room on the disk, or close "
                 "the program that has it open",
                 sqlite3_errmsg(db));
        sqlite3_close(db);
        free(q);
        return NULL;
    }
    for (int i = 0; i < STATEMENTS; i++)
        q->st[i] = prepare(q, text_of[i]);
    sqlite3_stmt *st = prepare(q, "SELECT incarnation FROM meta");
    q->incarnation = single(q, st);
    sqlite3_finalize(st);
    st = prepare(q, "SELECT seq FROM sqlite_sequence WHERE name='queue'");
    q->newest = q->newest_committed = single(q, st);
    sqlite3_finalize(st);
    return q;
}

void sql_close(struct sql *q)
{
    if (!q) return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(q->st[i]);
    int rc = sqlite3_close(q->db);
    assert(rc == SQLITE_OK); /* no statement outlives its connection */
    (void)rc;
    free(q);
}

uint64_t sql_incarnation(const struct sql *q)
{
    return q->incarnation;
}

void sql_each_account(struct sql *q, void (*each)(void *, const struct store_account *), void *arg)
{
    sqlite3_stmt *st = prepare(q, "SELECT id,role,created,name,ifnull(granted,-1) FROM account ORDER BY id");
    while (next(q, st)) {
        struct store_account a = {
            .id = column(st, 0), .role = (uint8_t)column(st, 1), .created_ms = column(st, 2), .granted = (int8_t)column(st, 4)};
        size_t n = (size_t)sqlite3_column_bytes(st, 3);
        memcpy(a.name, sqlite3_column_text(st, 3), n < STORE_NAME_MAX ? n : STORE_NAME_MAX);
        each(arg, &a);
    }
    sqlite3_finalize(st);
}

sqlite3 *sql_db(struct sql *q)
{
    return q->db;
}

uint64_t sql_room_head(struct sql *q, uint64_t room)
{
    return single(q, BIND(q, ROOM_HEAD, room));
}

void sql_begin(struct sql *q, bool writes)
{
    sqlite3_stmt *st = q->st[writes ? BEGIN_WRITE : BEGIN_READ];
    for (;;) {
        sqlite3_step(st);
        int rc = sqlite3_reset(st);
        if ((rc & 0xff) != SQLITE_BUSY) {
            if (sql_judge(q->db, rc, "lock") != STORE_OK)
                fatal("store: no space to lock broker.db");
            return;
        }
        /* An operator's shell: the server waits for it rather than die of it. */
        LOG(LOG_WARN, "store", "busy", log_s("why", "another program holds broker.db: close it"));
    }
}

static enum store_status raise_sender(struct sql *q)
{
    uint64_t id = q->sender_id;
    q->sender_id = 0;
    if (id == 0) return STORE_OK;
    return run(q, BIND(q, RAISE_LAST_ID, q->sender_account, q->sender_device, id));
}

/* Messages of one sender often come together: its row is touched once. */
static enum store_status note_sender(struct sql *q, const struct store_message *m)
{
    if (m->from_account != q->sender_account || m->from_device != q->sender_device) {
        if (raise_sender(q) != STORE_OK) return STORE_FULL;
        q->sender_account = m->from_account;
        q->sender_device = m->from_device;
    }
    if (m->settled > q->sender_id) q->sender_id = m->settled;
    return STORE_OK;
}

enum store_status sql_commit(struct sql *q)
{
    if (raise_sender(q) != STORE_OK) return STORE_FULL;
    if (run(q, q->st[COMMIT]) != STORE_OK) return STORE_FULL;
    q->newest_committed = q->newest;
    return STORE_OK;
}

void sql_rollback(struct sql *q)
{
    q->sender_id = 0;
    q->newest = q->newest_committed;
    if (sqlite3_get_autocommit(q->db)) return; /* SQLite has done it by itself */
    if (run(q, q->st[ROLLBACK]) != STORE_OK) fatal("store: cannot roll back: no space on the disk");
}

enum store_status sql_put_account(struct sql *q, const struct store_account *a,
                                  const struct store_device *d)
{
    sqlite3_stmt *st = BIND(q, PUT_ACCOUNT, a->id, 0, a->role, a->created_ms);
    sqlite3_bind_text(st, 2, a->name, -1, SQLITE_STATIC);
    if (run(q, st) != STORE_OK) return STORE_FULL;
    st = BIND(q, PUT_DEVICE, d->account, d->device, 0, d->last_id, d->acked);
    bind_bytes(st, 3, d->key, sizeof d->key);
    return run(q, st);
}

enum store_status sql_put_message(struct sql *q, const struct store_message *m, uint64_t *row)
{
    sqlite3_stmt *st = BIND(q, PUT_MESSAGE, m->account, m->device, m->from_account, m->from_device,
                            m->id, m->time_ms, m->to);
    bind_bytes(st, 8, m->head.data, m->head.len);
    bind_bytes(st, 9, m->body.data, m->body.len);
    if (run(q, st) != STORE_OK) return STORE_FULL;
    q->newest = *row = (uint64_t)sqlite3_last_insert_rowid(q->db);
    return note_sender(q, m);
}

enum store_status sql_put_room(struct sql *q, uint64_t room, const struct store_message *m,
                               uint64_t *number)
{
    *number = sql_room_head(q, room) + 1;
    sqlite3_stmt *st =
        BIND(q, PUT_ROOM, room, *number, m->from_account, m->from_device, m->id, m->time_ms);
    bind_bytes(st, 7, m->body.data, m->body.len);
    if (run(q, st) != STORE_OK) return STORE_FULL;
    st = BIND(q, RAISE_ROOM_ID, m->from_account, m->from_device, m->id);
    if (run(q, st) != STORE_OK) return STORE_FULL;
    return note_sender(q, m);
}

enum store_status sql_ack(struct sql *q, uint64_t account, uint64_t device, uint64_t row)
{
    if (row > q->newest_committed) row = q->newest_committed;
    return run(q, BIND(q, ACK, account, device, row));
}

void sql_list_free(struct sql_list *l)
{
    free(l->m);
    buf_free(&l->bytes);
    *l = (struct sql_list){0};
}

static void append(struct sql_list *l, sqlite3_stmt *st)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->m = xrealloc(l->m, l->cap * sizeof *l->m);
    }
    struct store_message *m = &l->m[l->n++];
    *m = (struct store_message){.row = column(st, 0),
                                .account = column(st, 1),
                                .device = column(st, 2),
                                .from_account = column(st, 3),
                                .from_device = column(st, 4),
                                .id = column(st, 5),
                                .time_ms = column(st, 6),
                                .to = column(st, 9)};
    m->head.len = (size_t)sqlite3_column_bytes(st, 7);
    m->body.len = (size_t)sqlite3_column_bytes(st, 8);
    buf_put(&l->bytes, sqlite3_column_blob(st, 7), m->head.len);
    buf_put(&l->bytes, sqlite3_column_blob(st, 8), m->body.len);
}

/* Reads what fits the limits; the slices are set at the end, when the bytes stay where they are. */
static void collect(struct sql *q, sqlite3_stmt *st, size_t max_rows, size_t max_bytes,
                    struct sql_list *l)
{
    while (next(q, st)) {
        size_t more = (size_t)(sqlite3_column_bytes(st, 7) + sqlite3_column_bytes(st, 8));
        l->more = l->n > 0 && (l->n >= max_rows || buf_len(&l->bytes) + more > max_bytes);
        if (l->more) break;
        append(l, st);
    }
    sqlite3_reset(st);
    const uint8_t *p = l->bytes.data;
    for (size_t i = 0; i < l->n; i++) {
        l->m[i].head.data = p;
        p += l->m[i].head.len;
        l->m[i].body.data = p;
        p += l->m[i].body.len;
    }
}

void sql_load(struct sql *q, uint64_t account, uint64_t device, uint64_t after, size_t max_rows,
              size_t max_bytes, struct sql_list *out)
{
    collect(q, BIND(q, LOAD, account, device, cap(after)), max_rows, max_bytes, out);
}

void sql_load_room(struct sql *q, uint64_t room, uint64_t after, size_t max_rows, size_t max_bytes,
                   struct sql_list *out)
{
    collect(q, BIND(q, LOAD_ROOM, room, cap(after)), max_rows, max_bytes, out);
}

enum store_status sql_expire(struct sql *q, uint64_t before_ms, struct sql_list *out)
{
    collect(q, BIND(q, EXPIRED, cap(before_ms), SQL_EXPIRE_LOOK), SQL_SLICE, SIZE_MAX, out);
    for (size_t i = 0; i < out->n; i++)
        if (sql_delete_row(q, out->m[i].row) != STORE_OK || sql_note_undelivered(q, &out->m[i]) != STORE_OK)
            return STORE_FULL;
    return sql_forget_undelivered(q, before_ms);
}

size_t sql_acked_rows(struct sql *q, uint64_t account, uint64_t device, uint64_t *ids, size_t max)
{
    size_t n = 0;
    sqlite3_stmt *st = BIND(q, ACKED_ROWS, account, device, max);
    while (next(q, st))
        ids[n++] = column(st, 0);
    return n;
}

void sql_each_unswept(struct sql *q, void (*each)(void *, uint64_t, uint64_t), void *arg)
{
    sqlite3_stmt *st = prepare(q, "SELECT account,device FROM device d WHERE acked>0 AND EXISTS"
                                  "(SELECT 1 FROM queue q WHERE q.account=d.account AND"
                                  " q.device=d.device AND q.id<=d.acked)");
    while (next(q, st))
        each(arg, column(st, 0), column(st, 1));
    sqlite3_finalize(st);
}

enum store_status sql_delete_row(struct sql *q, uint64_t id)
{
    return run(q, BIND(q, DELETE_ROW, id));
}

enum store_status sql_trim_room(struct sql *q, uint64_t room, uint64_t keep_from, size_t max,
                                size_t *deleted)
{
    *deleted = 0;
    if (run(q, BIND(q, KEEP_HEAD, room, sql_room_head(q, room))) != STORE_OK) return STORE_FULL;
    if (run(q, BIND(q, TRIM, room, cap(keep_from), max)) != STORE_OK) return STORE_FULL;
    *deleted = (size_t)sqlite3_changes(q->db);
    return STORE_OK;
}

unsigned sql_frames(const struct sql *q)
{
    return q->frames;
}

size_t sql_free_pages(struct sql *q)
{
    return (size_t)single(q, q->st[FREE_PAGES]);
}

bool sql_checkpoint(struct sql *q, bool truncate)
{
    int all = 0, copied = 0;
    sqlite3_busy_timeout(q->db, 0);
    int rc = sqlite3_wal_checkpoint_v2(
        q->db, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &all,
        &copied);
    sqlite3_busy_timeout(q->db, 5000);
    if ((rc & 0xff) == SQLITE_BUSY) return false;
    if (sql_judge(q->db, rc, "checkpoint") != STORE_OK) return false;
    if (truncate) q->frames = 0;
    return all == copied;
}

void sql_rest(struct sql *q)
{
    sqlite3_db_release_memory(q->db);
    malloc_trim(0);
}
