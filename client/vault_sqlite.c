/*
 * vault_sqlite.c - see vault.h: the store of people, one SQLite file in their home.
 *
 * WAL with synchronous=FULL, so that what was committed survives a power cut. Several processes
 * share the file; every change runs in a transaction that takes the write lock first (BEGIN
 * IMMEDIATE), so ids stay contiguous and nobody judges a message by what he read before another
 * wrote. Opening and the schema are in vault_schema.c.
 */
#include "vault_sqlite.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static const char *const sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_NEXT_NUMBER] = "SELECT next_number FROM device",
    [SQL_SET_NEXT_NUMBER] = "UPDATE device SET next_number = ?",
    [SQL_OUT_ADD] = "INSERT INTO outbox(id, number, quiet, kind, recipient, head_count, heads, body,"
                    " content) VALUES(?, ?, ?, ?, ?, ?, ?, seal(?, 'text'), seal(?, 'text'))",
    [SQL_OUT_NEXT] = "SELECT id, number, quiet, kind, head_count, recipient, heads,"
                     " unseal(body, 'text'), unseal(content, 'text') FROM outbox WHERE id > ? ORDER BY id LIMIT 1",
    [SQL_OUT_SUM] = "SELECT min(id), count(*), total(length(body)) FROM outbox"
                    " WHERE id BETWEEN ? AND ?",
    [SQL_OUT_NUMBERS] = "SELECT id, iif(quiet, 0, number) FROM outbox WHERE id BETWEEN ? AND ?"
                        " ORDER BY id LIMIT 1",
    [SQL_OUT_DROP] = "DELETE FROM outbox WHERE id BETWEEN ? AND ?",
    [SQL_OUT_RECALL] = "INSERT INTO draft(number, quiet, recipient, content) SELECT number, quiet,"
                       " recipient, content FROM outbox WHERE id BETWEEN ? AND ? AND content <> x''",
    [SQL_SENT_ADD] = "INSERT OR REPLACE INTO sent(number, kind, recipient, body, time_ms, state)"
                     " VALUES(?, ?, ?, seal(?, 'text'), ?, 0)",
    [SQL_SENT_ID] = "UPDATE sent SET id = ?2 WHERE number = ?1",
    [SQL_SENT_STATE] = "UPDATE sent SET state = ? WHERE id BETWEEN ? AND ? AND state = 0",
    [SQL_SENT_BECAME] = "UPDATE sent SET state = ?2 WHERE number = ?1",
    [SQL_RECEIPT_OF] = "SELECT number FROM sent WHERE id = ? AND state = 3",
    [SQL_STATE] = "SELECT state, number FROM sent WHERE id = ?",
    [SQL_SENT] = "SELECT number, time_ms, kind, recipient, unseal(body, 'text') FROM sent WHERE id = ?",
    [SQL_DRAFT_ADD] = "INSERT INTO draft(number, quiet, recipient, content)"
                      " VALUES(?, ?, ?, seal(?, 'text'))",
    [SQL_DRAFT_NEXT] = "SELECT number, quiet, recipient, unseal(content, 'text') FROM draft WHERE number > ?"
                       " ORDER BY number LIMIT 1",
    [SQL_DRAFT_NEXT_TO] = "SELECT number, quiet, recipient, unseal(content, 'text') FROM draft WHERE number > ?"
                          " AND recipient = ? ORDER BY number LIMIT 1",
    [SQL_DRAFT_DROP] = "DELETE FROM draft WHERE number = ?",
    [SQL_HEARD] = "INSERT INTO heard(name, device, id) VALUES(?, ?, ?) ON CONFLICT(name, device)"
                  " DO UPDATE SET id = excluded.id WHERE excluded.id > heard.id",
    [SQL_ROOM] = "INSERT INTO room(name, number) VALUES(?, ?) ON CONFLICT(name)"
                 " DO UPDATE SET number = excluded.number WHERE excluded.number > room.number",
    [SQL_HISTORY_ADD] = "INSERT INTO history(flags, incarnation, seq, time_ms, sender, device, id,"
                        " recipient, body, how) VALUES(?, ?, ?, ?, ?, ?, ?, ?, seal(?, 'text'), ?)",
    [SQL_HISTORY_NEXT] = "SELECT row, flags, incarnation, seq, time_ms, device, id, how, sender,"
                         " recipient, unseal(body, 'text') FROM history WHERE row > ? ORDER BY row LIMIT 1",
    [SQL_HISTORY_LAST] = "SELECT coalesce(max(row), 0) FROM history",
    [SQL_PLACE] = "UPDATE device SET incarnation = ?1, seq = ?2"
                  " WHERE (incarnation, seq) < (?1, ?2)",
    [SQL_RESUME] = "SELECT incarnation, seq, coalesce((SELECT min(id) FROM outbox), next_id),"
                   " coalesce((SELECT number FROM room WHERE name = '#lobby'), -1) FROM device",
    [SQL_NEXT_ID] = "SELECT next_id FROM device",
    [SQL_SET_NEXT_ID] = "UPDATE device SET next_id = ?",
    [SQL_OUT_MOVE] = "UPDATE outbox SET id = ?2 WHERE id = ?1",
    [SQL_SENT_MOVE] = "UPDATE sent SET id = ?2 WHERE number ="
                      " (SELECT number FROM outbox WHERE id = ?1 AND NOT quiet)",
    [SQL_SERVER] =
        "SELECT server, (SELECT count(*) FROM outbox) + (SELECT count(*) FROM draft) FROM device",
    [SQL_SET_SERVER] = "UPDATE device SET server = ?, incarnation = 0, seq = 0",
    [SQL_FORGET_HEARD] = "DELETE FROM heard",
    [SQL_FORGET_ROOMS] = "DELETE FROM room",
    [SQL_VALUE_GET] = "SELECT unseal(value, kind || '/' || name || '/' || number) FROM value"
                      " WHERE kind = ? AND name = ? AND number = ?",
    [SQL_VALUE_PUT] = "INSERT INTO value(kind, name, number, value)"
                      " VALUES(?1, ?2, ?3, seal(?4, ?1 || '/' || ?2 || '/' || ?3))"
                      " ON CONFLICT(kind, name, number) DO UPDATE SET value = excluded.value",
    [SQL_VALUE_DROP] = "DELETE FROM value WHERE kind = ? AND name = ? AND number = ?",
    [SQL_VALUE_FORGET] = "DELETE FROM value WHERE kind = ? AND name = ?",
    [SQL_VALUE_FORGET_ALL] = "DELETE FROM value WHERE kind = ?",
    [SQL_VALUE_NEXT] = "SELECT number, name FROM value WHERE kind = ? AND (name, number) > (?, ?)"
                       " ORDER BY name, number LIMIT 1",
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

/* --- the outbox --- */

static int take_number(struct vault *s, uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    return run_one(q, SQL_NEXT_NUMBER, number) < 0 ? -1 : run(q, SQL_SET_NEXT_NUMBER, "i", *number + 1);
}

static int next_id(struct vault *s, uint64_t *id)
{
    return run_one(sqlite_of(s), SQL_NEXT_ID, id) < 0 ? -1 : 0;
}

static int note(struct vault *s, uint64_t number, uint8_t kind, struct slice to, struct slice body,
                uint64_t now_ms)
{
    return run(sqlite_of(s), SQL_SENT_ADD, "iitbi", number, (uint64_t)kind, to, body, now_ms);
}

static int post(struct vault *s, const struct vault_out *m)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_OUT_ADD, "iiiitibbb", m->id, m->number, (uint64_t)m->quiet,
                (uint64_t)m->kind, m->to, (uint64_t)m->heads, m->head_bytes, m->body, m->content);
    if (r < 0 || run(q, SQL_SET_NEXT_ID, "i", m->id + 1) < 0) return -1;
    return m->quiet ? 0 : run(q, SQL_SENT_ID, "ii", m->number, m->id);
}

/* The numbers of what lies between these ids. */
static int take_numbers(struct sqlite *q, uint64_t first, uint64_t last, struct buf *numbers)
{
    int r;
    while ((r = run(q, SQL_OUT_NUMBERS, "ii", first, last)) > 0) {
        first = column(q, SQL_OUT_NUMBERS, 0) + 1;
        buf_put_u64(numbers, column(q, SQL_OUT_NUMBERS, 1));
        done(q, SQL_OUT_NUMBERS);
    }
    return r;
}

static int sum(struct sqlite *q, uint64_t first, uint64_t last, struct vault_settled *out)
{
    *out = (struct vault_settled){0};
    if (run(q, SQL_OUT_SUM, "ii", first, last) < 0) return -1;
    out->first = column(q, SQL_OUT_SUM, 0);
    out->n = (size_t)column(q, SQL_OUT_SUM, 1);
    out->bytes = (size_t)column(q, SQL_OUT_SUM, 2);
    done(q, SQL_OUT_SUM);
    return 0;
}

/* Takes ids from first to last out, as part of a transaction. */
static int take_out(struct sqlite *q, uint64_t first, uint64_t last, uint64_t state,
                    struct vault_settled *out, struct buf *numbers)
{
    if (sum(q, first, last, out) < 0) return -1;
    if (out->n == 0) return 0;
    if (take_numbers(q, out->first, last, numbers) < 0) return -1;
    if (run(q, SQL_SENT_STATE, "iii", state, out->first, last) < 0) return -1;
    return run(q, SQL_OUT_DROP, "ii", first, last);
}

static int settle(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out,
                  struct buf *numbers)
{
    return take_out(sqlite_of(s), 0, upto, state, out, numbers);
}

static int reject(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out,
                  uint64_t *number)
{
    struct buf numbers = {0};
    int r = take_out(sqlite_of(s), id, id, VAULT_REJECTED + (uint64_t)code, out, &numbers);
    *number = r >= 0 && out->n ? get_u64(buf_head(&numbers)) : 0;
    buf_free(&numbers);
    return r;
}

static int recall(struct vault *s, uint64_t id, struct vault_settled *out)
{
    struct sqlite *q = sqlite_of(s);
    if (sum(q, id, id, out) < 0) return -1;
    return run(q, SQL_OUT_RECALL, "ii", id, id) < 0 ? -1 : run(q, SQL_OUT_DROP, "ii", id, id);
}

static int receipt(struct vault *s, uint64_t id, uint8_t state, uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_RECEIPT_OF, "i", id);
    if (r <= 0) return r;
    *number = column(q, SQL_RECEIPT_OF, 0);
    done(q, SQL_RECEIPT_OF);
    return run(q, SQL_SENT_BECAME, "ii", *number, (uint64_t)state) < 0 ? -1 : 1;
}

/*
 * Copies columns of a row to where they stay when the statement is done: the result points there.
 * At most 4.
 */
static void copy_columns(struct sqlite *q, enum sql_statement which, int first, int n,
                         struct slice out[])
{
    buf_reset(&q->copy, sizeof q->words);
    for (int i = 0; i < n; i++) {
        out[i] = column_bytes(q, which, first + i);
        buf_put(&q->copy, out[i].data, out[i].len);
    }
    const uint8_t *at = q->copy.data ? buf_head(&q->copy) : (const uint8_t *)"";
    for (int i = 0; i < n; i++) {
        out[i].data = at;
        at += out[i].len;
    }
}

static int next(struct vault *s, uint64_t after, struct vault_out *out)
{
    struct sqlite *q = sqlite_of(s);
    struct slice part[4];
    int r = run(q, SQL_OUT_NEXT, "i", after);
    if (r <= 0) return r;
    copy_columns(q, SQL_OUT_NEXT, 5, 4, part);
    *out = (struct vault_out){.id = column(q, SQL_OUT_NEXT, 0),
                              .number = column(q, SQL_OUT_NEXT, 1),
                              .quiet = column(q, SQL_OUT_NEXT, 2) != 0,
                              .kind = (uint8_t)column(q, SQL_OUT_NEXT, 3),
                              .heads = (uint8_t)column(q, SQL_OUT_NEXT, 4),
                              .to = part[0],
                              .head_bytes = part[1],
                              .body = part[2],
                              .content = part[3]};
    done(q, SQL_OUT_NEXT);
    return 1;
}

/* --- drafts --- */

static int draft(struct vault *s, const struct vault_draft *m)
{
    return run(sqlite_of(s), SQL_DRAFT_ADD, "iitb", m->number, (uint64_t)m->quiet, m->to, m->content);
}

static int next_draft(struct vault *s, struct slice to, uint64_t after, struct vault_draft *out)
{
    struct sqlite *q = sqlite_of(s);
    enum sql_statement which = to.len ? SQL_DRAFT_NEXT_TO : SQL_DRAFT_NEXT;
    struct slice part[2];
    int r = to.len ? run(q, which, "it", after, to) : run(q, which, "i", after);
    if (r <= 0) return r;
    copy_columns(q, which, 2, 2, part);
    *out = (struct vault_draft){.number = column(q, which, 0),
                                .quiet = column(q, which, 1) != 0,
                                .to = part[0],
                                .content = part[1]};
    done(q, which);
    return 1;
}

static int drop_draft(struct vault *s, uint64_t number, uint16_t code)
{
    struct sqlite *q = sqlite_of(s);
    if (code && run(q, SQL_SENT_BECAME, "ii", number, VAULT_REJECTED + (uint64_t)code) < 0) return -1;
    return run(q, SQL_DRAFT_DROP, "i", number);
}

/* --- ids of a lost store --- */

static const enum vault_kind message_keys[] = {VAULT_SESSIONS, VAULT_PREKEYS, VAULT_ASKED,
                                               VAULT_GROUP_OWN};

static int forget_keys(struct vault *s)
{
    for (size_t i = 0; i < sizeof message_keys / sizeof *message_keys; i++)
        if (vault_forget(s, message_keys[i], (struct slice){0}) < 0) return -1;
    return 0;
}

static int renumber(struct vault *s, uint64_t last_id)
{
    struct sqlite *q = sqlite_of(s);
    uint64_t first = 0, new_id = last_id + VAULT_LEAP;
    if (run_one(q, SQL_NEXT_ID, &first) < 0) return -1;
    if (last_id < first) return 0;
    if (forget_keys(s) < 0 || run(q, SQL_OUT_RECALL, "ii", UINT64_C(0), last_id) < 0) return -1;
    int r;
    while ((r = run(q, SQL_OUT_NEXT, "i", UINT64_C(0))) > 0) {
        uint64_t id = column(q, SQL_OUT_NEXT, 0);
        bool sealed = column_bytes(q, SQL_OUT_NEXT, 8).len > 0;
        done(q, SQL_OUT_NEXT);
        if (id > last_id) break;
        if (sealed) {
            if (run(q, SQL_OUT_DROP, "ii", id, id) < 0) return -1;
            continue;
        }
        if (run(q, SQL_SENT_MOVE, "ii", id, new_id) < 0) return -1;
        if (run(q, SQL_OUT_MOVE, "ii", id, new_id) < 0) return -1;
        new_id++;
    }
    if (r < 0) return -1;
    return run(q, SQL_SET_NEXT_ID, "i", new_id) < 0 ? -1 : 1;
}

static int outrun(struct vault *s, uint64_t last_id)
{
    uint64_t first = 0;
    if (next_id(s, &first) < 0) return -1;
    if (last_id < first) return 0;
    if (vault_begin(s) < 0) return -1;
    return vault_finish(s, renumber(s, last_id));
}

static int state(struct vault *s, uint64_t id, int *out, uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_STATE, "i", id);
    if (r <= 0) return r;
    *out = (int)column(q, SQL_STATE, 0);
    *number = column(q, SQL_STATE, 1);
    done(q, SQL_STATE);
    return 1;
}

static int sent(struct vault *s, uint64_t id, struct vault_sent *out)
{
    struct sqlite *q = sqlite_of(s);
    struct slice part[2];
    int r = run(q, SQL_SENT, "i", id);
    if (r <= 0) return r;
    copy_columns(q, SQL_SENT, 3, 2, part);
    *out = (struct vault_sent){.number = column(q, SQL_SENT, 0),
                               .time_ms = column(q, SQL_SENT, 1),
                               .kind = (uint8_t)column(q, SQL_SENT, 2),
                               .to = part[0],
                               .body = part[1]};
    done(q, SQL_SENT);
    return 1;
}

/* --- receiving --- */

static int hear(struct vault *s, const struct wire_deliver *m)
{
    struct sqlite *q = sqlite_of(s);
    int r = m->flags & WIRE_FLAG_ROOM ? run(q, SQL_ROOM, "ti", m->to, m->seq)
                                      : run(q, SQL_HEARD, "tii", m->from, m->from_device, m->id);
    return r < 0 ? -1 : sqlite3_changes(q->db) != 0;
}

static int record(struct vault *s, const struct wire_deliver *m, enum vault_how how, uint64_t *row)
{
    struct sqlite *q = sqlite_of(s);
    if (run(q, SQL_HISTORY_ADD, "iiiitiitbi", (uint64_t)m->flags, m->incarnation, m->seq, m->time_ms,
            m->from, m->from_device, m->id, m->to, m->body, (uint64_t)how) < 0)
        return -1;
    *row = (uint64_t)sqlite3_last_insert_rowid(q->db);
    return 0;
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
    struct slice part[3];
    copy_columns(q, h, 8, 3, part);
    out->row = column(q, h, 0);
    out->how = (enum vault_how)column(q, h, 7);
    out->m = (struct wire_deliver){.flags = (uint8_t)column(q, h, 1),
                                   .incarnation = column(q, h, 2),
                                   .seq = column(q, h, 3),
                                   .time_ms = column(q, h, 4),
                                   .from = part[0],
                                   .from_device = column(q, h, 5),
                                   .id = column(q, h, 6),
                                   .to = part[1],
                                   .head = {part[1].data, 0},
                                   .body = part[2]};
    done(q, h);
    return 1;
}

static int last_row(struct vault *s, uint64_t *row)
{
    return run_one(sqlite_of(s), SQL_HISTORY_LAST, row) < 0 ? -1 : 0;
}

/* --- values --- */

static int get(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct buf *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = run(q, SQL_VALUE_GET, "iti", (uint64_t)kind, name, number);
    if (r <= 0) return r;
    struct slice value = column_bytes(q, SQL_VALUE_GET, 0);
    buf_put(out, value.data, value.len);
    done(q, SQL_VALUE_GET);
    return 1;
}

static int put(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct slice value)
{
    return run(sqlite_of(s), SQL_VALUE_PUT, "itib", (uint64_t)kind, name, number, value);
}

static int drop(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number)
{
    return run(sqlite_of(s), SQL_VALUE_DROP, "iti", (uint64_t)kind, name, number);
}

static int forget(struct vault *s, enum vault_kind kind, struct slice name)
{
    struct sqlite *q = sqlite_of(s);
    if (name.len == 0) return run(q, SQL_VALUE_FORGET_ALL, "i", (uint64_t)kind);
    return run(q, SQL_VALUE_FORGET, "it", (uint64_t)kind, name);
}

static int next_value(struct vault *s, enum vault_kind kind, char name[VAULT_NAME], uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice after = {(const uint8_t *)name, strlen(name)};
    struct slice found;
    int r = run(q, SQL_VALUE_NEXT, "iti", (uint64_t)kind, after, *number);
    if (r <= 0) return r;
    copy_columns(q, SQL_VALUE_NEXT, 1, 1, &found);
    snprintf(name, VAULT_NAME, "%.*s", (int)found.len, (const char *)found.data);
    *number = column(q, SQL_VALUE_NEXT, 0);
    done(q, SQL_VALUE_NEXT);
    return 1;
}

/* --- the rest --- */

static int rebind(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct sqlite *q = sqlite_of(s);
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
    for (int kind = VAULT_PEER; bound && !replaced && kind < VAULT_KINDS; kind++)
        if (vault_forget(s, (enum vault_kind)kind, (struct slice){0}) < 0) return -1;
    return 1;
}

static int bind_server(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct sqlite *q = sqlite_of(s);
    if (q->bound && memcmp(q->server, server_id, 32) == 0) return 1;
    if (vault_begin(s) < 0) return -1;
    int r = vault_finish(s, rebind(s, server_id, instead_of));
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
    if (q->in_use >= 0) close(q->in_use);
    sodium_memzero(q->key, sizeof q->key);
    buf_free(&q->copy);
    free(q);
}

const struct vault_ops sqlite_ops = {
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .number = take_number,
    .note = note,
    .id = next_id,
    .post = post,
    .draft = draft,
    .next_draft = next_draft,
    .drop_draft = drop_draft,
    .hear = hear,
    .record = record,
    .place = place,
    .settle = settle,
    .reject = reject,
    .recall = recall,
    .receipt = receipt,
    .next = next,
    .resume = resume,
    .outrun = outrun,
    .bind = bind_server,
    .state = state,
    .sent = sent,
    .get = get,
    .put = put,
    .drop = drop,
    .forget = forget,
    .next_value = next_value,
    .changed = changed,
    .history = history,
    .last_row = last_row,
    .words = words,
    .close = close_sqlite,
};
