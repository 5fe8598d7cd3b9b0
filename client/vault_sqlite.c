/*
 * vault_sqlite.c - see vault.h: the store of people, one SQLite file in their home.
 *
 * WAL with synchronous=FULL, so that what was committed survives a power cut. Several processes
 * share the file; every change runs in a transaction that takes the write lock first (BEGIN
 * IMMEDIATE), so ids stay contiguous and nobody judges a message by what he read before another
 * wrote. Opening and the schema are in vault_schema.c.
 */
#include "vault_sqlite.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const char *const sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_TAKE_ID] = "UPDATE device SET next_id = next_id + 1 RETURNING next_id - 1",
    [SQL_OUT_ADD] = "INSERT INTO outbox(id, kind, recipient, body) VALUES(?, ?, ?, ?)",
    [SQL_SENT_ADD] = "INSERT OR REPLACE INTO sent(id, kind, recipient, body, time_ms, state)"
                     " VALUES(?, ?, ?, ?, ?, 0)",
    [SQL_OUT_NEXT] =
        "SELECT id, kind, recipient, body FROM outbox WHERE id > ? ORDER BY id LIMIT 1",
    [SQL_OUT_SUM] = "SELECT min(id), count(*), total(length(body)) FROM outbox"
                    " WHERE id BETWEEN ? AND ?",
    [SQL_OUT_DROP] = "DELETE FROM outbox WHERE id BETWEEN ? AND ?",
    [SQL_SENT_STATE] = "UPDATE sent SET state = ? WHERE id BETWEEN ? AND ? AND state = 0",
    [SQL_RECEIPT] = "UPDATE sent SET state = ? WHERE id = ? AND state = 3",
    [SQL_STATE] = "SELECT state FROM sent WHERE id = ?",
    [SQL_HEARD] = "INSERT INTO heard(name, device, id) VALUES(?, ?, ?) ON CONFLICT(name, device)"
                  " DO UPDATE SET id = excluded.id WHERE excluded.id > heard.id",
    [SQL_ROOM] = "INSERT INTO room(name, number) VALUES(?, ?) ON CONFLICT(name)"
                 " DO UPDATE SET number = excluded.number WHERE excluded.number > room.number",
    [SQL_HISTORY_ADD] = "INSERT INTO history(flags, incarnation, seq, time_ms, sender, device, id,"
                        " recipient, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_HISTORY_NEXT] = "SELECT row, flags, incarnation, seq, time_ms, sender, device, id,"
                         " recipient, body FROM history WHERE row > ? ORDER BY row LIMIT 1",
    [SQL_HISTORY_LAST] = "SELECT coalesce(max(row), 0) FROM history",
    [SQL_PLACE] = "UPDATE device SET incarnation = ?1, seq = ?2"
                  " WHERE (incarnation, seq) < (?1, ?2)",
    [SQL_RESUME] = "SELECT incarnation, seq, coalesce((SELECT min(id) FROM outbox), next_id),"
                   " coalesce((SELECT number FROM room WHERE name = '#lobby'), -1) FROM device",
    [SQL_NEXT_ID] = "SELECT next_id FROM device",
    [SQL_SET_NEXT_ID] = "UPDATE device SET next_id = ?",
    [SQL_OUT_MOVE] = "UPDATE outbox SET id = ?2 WHERE id = ?1",
    [SQL_SENT_MOVE] = "UPDATE OR REPLACE sent SET id = ?2 WHERE id = ?1",
    [SQL_SERVER] = "SELECT server, (SELECT count(*) FROM outbox) FROM device",
    [SQL_SET_SERVER] = "UPDATE device SET server = ?, incarnation = 0, seq = 0",
    [SQL_FORGET_HEARD] = "DELETE FROM heard",
    [SQL_FORGET_ROOMS] = "DELETE FROM room",
    [SQL_VERSION] = "PRAGMA data_version",
};

static struct sqlite *sqlite_of(struct vault *s)
{
    return (struct sqlite *)s;
}

static int failed(struct sqlite *q)
{
    snprintf(q->words, sizeof q->words, "%s", sqlite3_errmsg(q->db));
    return -1;
}

static void bind_one(sqlite3_stmt *st, int at, char kind, va_list *ap)
{
    if (kind == 'i') {
        sqlite3_bind_int64(st, at, (sqlite3_int64)va_arg(*ap, uint64_t));
        return;
    }
    struct slice s = va_arg(*ap, struct slice);
    const char *data = s.data ? (const char *)s.data : "";
    if (kind == 't')
        sqlite3_bind_text(st, at, data, (int)s.len, SQLITE_STATIC);
    else
        sqlite3_bind_blob(st, at, data, (int)s.len, SQLITE_STATIC);
}

/*
 * Runs a statement with its parameters, by kinds: i uint64_t, t text slice, b blob slice.
 * 1 a row (read it, then call done()), 0 none, -1 failed.
 */
static int run(struct sqlite *q, enum sql_statement which, const char *kinds, ...)
{
    sqlite3_stmt **st = &q->statement[which];
    if (!*st && sqlite3_prepare_v3(q->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
        return failed(q);
    sqlite3_reset(*st);
    va_list ap;
    va_start(ap, kinds);
    for (int i = 0; kinds[i]; i++)
        bind_one(*st, i + 1, kinds[i], &ap);
    va_end(ap);
    int r = sqlite3_step(*st);
    if (r == SQLITE_ROW) return 1;
    int result = r == SQLITE_DONE ? 0 : failed(q);
    sqlite3_reset(*st);
    return result;
}

static void done(struct sqlite *q, enum sql_statement which)
{
    sqlite3_reset(q->statement[which]);
}

static uint64_t column(struct sqlite *q, enum sql_statement which, int i)
{
    return (uint64_t)sqlite3_column_int64(q->statement[which], i);
}

static struct slice column_bytes(struct sqlite *q, enum sql_statement which, int i)
{
    const void *data = sqlite3_column_blob(q->statement[which], i);
    int n = sqlite3_column_bytes(q->statement[which], i);
    return (struct slice){data ? data : (const uint8_t *)"", (size_t)n};
}

/* Reads statements must not stay open: an open one would hold an old view of the file. */
static int run_one(struct sqlite *q, enum sql_statement which, uint64_t *out)
{
    int r = run(q, which, "");
    if (r > 0) *out = column(q, which, 0);
    if (r > 0) done(q, which);
    return r;
}

static int begin(struct vault *s)
{
    return run(sqlite_of(s), SQL_BEGIN, "");
}

static void rollback(struct vault *s)
{
    struct sqlite *q = sqlite_of(s);
    if (!sqlite3_get_autocommit(q->db)) run(q, SQL_ROLLBACK, "");
}

static int commit(struct vault *s)
{
    if (run(sqlite_of(s), SQL_COMMIT, "") == 0) return 0;
    struct sqlite *q = sqlite_of(s);
    char words[sizeof q->words];
    memcpy(words, q->words, sizeof words);
    rollback(s);
    memcpy(q->words, words, sizeof words);
    return -1;
}

/* Ends a transaction: commits when r is not an error. */
static int finish(struct vault *s, int r)
{
    if (r < 0) {
        rollback(s);
        return -1;
    }
    return commit(s) < 0 ? -1 : r;
}

/* --- the outbox --- */

static int add_out(struct sqlite *q, uint8_t kind, struct slice to, struct slice body,
                   uint64_t now_ms, uint64_t *id)
{
    if (run_one(q, SQL_TAKE_ID, id) < 0) return -1;
    if (run(q, SQL_OUT_ADD, "iitb", *id, (uint64_t)kind, to, body) < 0) return -1;
    return run(q, SQL_SENT_ADD, "iitbi", *id, (uint64_t)kind, to, body, now_ms);
}

static int submit(struct vault *s, uint8_t kind, struct slice to, struct slice body,
                  uint64_t now_ms, uint64_t *id)
{
    if (begin(s) < 0) return -1;
    return finish(s, add_out(sqlite_of(s), kind, to, body, now_ms, id));
}

/* Takes ids from first to last out, as part of a transaction. */
static int take_out(struct sqlite *q, uint64_t first, uint64_t last, uint64_t state,
                    struct vault_settled *out)
{
    *out = (struct vault_settled){0};
    if (run(q, SQL_OUT_SUM, "ii", first, last) < 0) return -1;
    out->first = column(q, SQL_OUT_SUM, 0);
    out->n = (size_t)column(q, SQL_OUT_SUM, 1);
    out->bytes = (size_t)column(q, SQL_OUT_SUM, 2);
    done(q, SQL_OUT_SUM);
    if (out->n == 0) return 0;
    if (run(q, SQL_SENT_STATE, "iii", state, out->first, last) < 0) return -1;
    return run(q, SQL_OUT_DROP, "ii", first, last);
}

static int settle(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out)
{
    return take_out(sqlite_of(s), 0, upto, state, out);
}

static int reject(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out)
{
    return take_out(sqlite_of(s), id, id, VAULT_REJECTED + (uint64_t)code, out);
}

static int receipt(struct vault *s, uint64_t id, uint8_t state)
{
    return run(sqlite_of(s), SQL_RECEIPT, "ii", (uint64_t)state, id);
}

static int next(struct vault *s, uint64_t after, struct vault_out *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_OUT_NEXT, "i", after);
    if (r <= 0) return r;
    buf_reset(&q->copy, sizeof q->words);
    struct slice to = column_bytes(q, SQL_OUT_NEXT, 2), body = column_bytes(q, SQL_OUT_NEXT, 3);
    buf_put(&q->copy, to.data, to.len);
    buf_put(&q->copy, body.data, body.len);
    *out = (struct vault_out){column(q, SQL_OUT_NEXT, 0),
                              (uint8_t)column(q, SQL_OUT_NEXT, 1),
                              {buf_head(&q->copy), to.len},
                              {buf_head(&q->copy) + to.len, body.len}};
    done(q, SQL_OUT_NEXT);
    return 1;
}

static int renumber(struct sqlite *q, uint64_t last_id)
{
    uint64_t next_id = 0, new_id = last_id + VAULT_LEAP;
    if (run_one(q, SQL_NEXT_ID, &next_id) < 0) return -1;
    if (last_id < next_id) return 0;
    int r;
    while ((r = run(q, SQL_OUT_NEXT, "i", UINT64_C(0))) > 0) {
        uint64_t id = column(q, SQL_OUT_NEXT, 0);
        done(q, SQL_OUT_NEXT);
        if (id > last_id) break;
        if (run(q, SQL_OUT_MOVE, "ii", id, new_id) < 0) return -1;
        if (run(q, SQL_SENT_MOVE, "ii", id, new_id) < 0) return -1;
        new_id++;
    }
    if (r < 0) return -1;
    return run(q, SQL_SET_NEXT_ID, "i", new_id) < 0 ? -1 : 1;
}

static int outrun(struct vault *s, uint64_t last_id)
{
    uint64_t next_id = 0;
    if (run_one(sqlite_of(s), SQL_NEXT_ID, &next_id) < 0) return -1;
    if (last_id < next_id) return 0;
    if (begin(s) < 0) return -1;
    return finish(s, renumber(sqlite_of(s), last_id));
}

static int state(struct vault *s, uint64_t id, int *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_STATE, "i", id);
    if (r <= 0) return r;
    *out = (int)column(q, SQL_STATE, 0);
    done(q, SQL_STATE);
    return 1;
}

/* --- receiving --- */

static int deliver(struct vault *s, const struct wire_deliver *m, uint64_t *row)
{
    struct sqlite *q = sqlite_of(s);
    bool room = m->flags & WIRE_FLAG_ROOM;
    *row = 0;
    int r = room ? run(q, SQL_ROOM, "ti", m->to, m->seq)
                 : run(q, SQL_HEARD, "tii", m->from, m->from_device, m->id);
    if (r < 0) return -1;
    if (sqlite3_changes(q->db) == 0) return 0;
    r = run(q, SQL_HISTORY_ADD, "iiiitiitb", (uint64_t)m->flags, m->incarnation, m->seq, m->time_ms,
            m->from, m->from_device, m->id, m->to, m->body);
    if (r < 0) return -1;
    *row = (uint64_t)sqlite3_last_insert_rowid(q->db);
    return 1;
}

/* Places only rise: another process of this device may have been further. */
static int place(struct vault *s, const struct vault_place *p)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice lobby = {(const uint8_t *)"#lobby", 6};
    if (p->lobby != WIRE_NEWCOMER && run(q, SQL_ROOM, "ti", lobby, p->lobby) < 0) return -1;
    return run(q, SQL_PLACE, "ii", p->incarnation, p->seq);
}

static int resume(struct vault *s, struct wire_resume *r)
{
    struct sqlite *q = sqlite_of(s);
    if (run(q, SQL_RESUME, "") < 0) return -1;
    r->incarnation = column(q, SQL_RESUME, 0);
    r->seq = column(q, SQL_RESUME, 1);
    r->next_id = column(q, SQL_RESUME, 2);
    r->lobby_seen = column(q, SQL_RESUME, 3); /* -1 is WIRE_NEWCOMER */
    done(q, SQL_RESUME);
    return 0;
}

static int history(struct vault *s, uint64_t after, struct vault_row *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_HISTORY_NEXT, "i", after);
    if (r <= 0) return r;
    const enum sql_statement h = SQL_HISTORY_NEXT;
    struct slice from = column_bytes(q, h, 5), to = column_bytes(q, h, 8),
                 body = column_bytes(q, h, 9);
    buf_reset(&q->copy, sizeof q->words);
    buf_put(&q->copy, from.data, from.len);
    buf_put(&q->copy, to.data, to.len);
    buf_put(&q->copy, body.data, body.len);
    const uint8_t *at = buf_room(&q->copy, 1) - from.len - to.len - body.len;
    out->row = column(q, h, 0);
    out->m = (struct wire_deliver){.flags = (uint8_t)column(q, h, 1),
                                   .incarnation = column(q, h, 2),
                                   .seq = column(q, h, 3),
                                   .time_ms = column(q, h, 4),
                                   .from = {at, from.len},
                                   .from_device = column(q, h, 6),
                                   .id = column(q, h, 7),
                                   .to = {at + from.len, to.len},
                                   .head = {at, 0},
                                   .body = {at + from.len + to.len, body.len}};
    done(q, h);
    return 1;
}

static int last_row(struct vault *s, uint64_t *row)
{
    return run_one(sqlite_of(s), SQL_HISTORY_LAST, row) < 0 ? -1 : 0;
}

/* --- the rest --- */

static int rebind(struct sqlite *q, const uint8_t server_id[32], const uint8_t *instead_of)
{
    const struct slice id = {server_id, 32};
    if (run(q, SQL_SERVER, "") < 0) return -1;
    struct slice old = column_bytes(q, SQL_SERVER, 0);
    bool bound = old.len == 32, same = bound && memcmp(old.data, server_id, 32) == 0;
    bool replaced = bound && instead_of && memcmp(old.data, instead_of, 32) == 0;
    bool waiting = column(q, SQL_SERVER, 1) != 0;
    done(q, SQL_SERVER);
    if (same) return 1;
    if (instead_of ? !replaced : bound && waiting) return 0;
    if (run(q, SQL_SET_SERVER, "b", id) < 0 || run(q, SQL_FORGET_HEARD, "") < 0 ||
        run(q, SQL_FORGET_ROOMS, "") < 0)
        return -1;
    return 1;
}

static int bind_server(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct sqlite *q = sqlite_of(s);
    if (q->bound && memcmp(q->server, server_id, 32) == 0) return 1;
    if (begin(s) < 0) return -1;
    int r = finish(s, rebind(q, server_id, instead_of));
    q->bound = r > 0;
    memcpy(q->server, server_id, 32);
    return r;
}

static bool changed(struct vault *s)
{
    struct sqlite *q = sqlite_of(s);
    uint64_t version = q->version;
    if (run_one(q, SQL_VERSION, &version) < 0 || version == q->version) return false;
    q->version = version;
    return true;
}

static const char *words(const struct vault *s)
{
    return ((const struct sqlite *)s)->words;
}

static void close_sqlite(struct vault *s)
{
    struct sqlite *q = sqlite_of(s);
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(q->statement[i]);
    sqlite3_close(q->db);
    buf_free(&q->copy);
    free(q);
}

const struct vault_ops sqlite_ops = {
    .submit = submit,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .deliver = deliver,
    .place = place,
    .settle = settle,
    .reject = reject,
    .receipt = receipt,
    .next = next,
    .resume = resume,
    .outrun = outrun,
    .bind = bind_server,
    .state = state,
    .changed = changed,
    .history = history,
    .last_row = last_row,
    .words = words,
    .close = close_sqlite,
};
