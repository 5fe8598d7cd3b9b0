/*
 * vault_sql.c - every statement of the SQLite store in one table, and what runs them: vault_sqlite.h.
 */
#include <stdarg.h>

#include "vault_sqlite.h"

/* A line of a conversation with all that belongs to it; the four texts last. */
#define LINE                                                                                                 \
    "SELECT l.place, l.line, l.number IS NOT NULL, coalesce(l.number, 0), coalesce(s.state, 1),"             \
    " coalesce(l.row, 0), coalesce(h.flags, s.kind), coalesce(h.seq, 0), coalesce(h.time_ms, s.time_ms),"    \
    " coalesce(h.device, d.owner_device), coalesce(h.id, s.number), coalesce(h.how, -1),"                    \
    " iif(c.name = '#lobby' AND h.seq > 0, h.seq - 1 - coalesce((SELECT p.place & 0xffffffffff FROM line p"   \
    "  WHERE p.conversation = l.conversation AND p.place < l.place AND p.place > l.place - h.seq"             \
    "  ORDER BY p.place DESC LIMIT 1), 0), 0),"                                                               \
    " c.name, coalesce(h.sender, d.owner), coalesce(h.recipient, s.recipient),"                              \
    " unseal(coalesce(h.body, s.body), 'text')"
#define BESIDE_LINE                                                                                          \
    " JOIN conversation c ON c.id = l.conversation LEFT JOIN history h ON h.row = l.row"                     \
    " LEFT JOIN sent s ON s.number = l.number JOIN device d"
#define FROM_LINE " FROM line l" BESIDE_LINE

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
    [SQL_RECEIPT_OF] = "SELECT number FROM sent WHERE id = ? AND kind = 0 AND state IN (1, 3)",
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
    [SQL_SET_SERVER] = "UPDATE device SET era = era + (server IS NOT NULL), server = ?, incarnation = 0, seq = 0",
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
    [SQL_OWNER] = "SELECT owner, owner_device FROM device",
    [SQL_SET_OWNER] = "UPDATE device SET owner = ?, owner_device = ?",
    [SQL_LINE_BEFORE] = LINE FROM_LINE " WHERE l.conversation = (SELECT id FROM conversation WHERE name = lower(?))"
                        " AND (l.place, l.line) < (?, ?) ORDER BY l.place DESC, l.line DESC LIMIT 1",
    [SQL_LINE_AFTER] = LINE FROM_LINE " WHERE l.conversation = (SELECT id FROM conversation WHERE name = lower(?))"
                       " AND (l.place, l.line) > (?, ?) ORDER BY l.place, l.line LIMIT 1",
    [SQL_LINE_FIND] = LINE " FROM words w CROSS JOIN line l ON l.line = w.rowid" BESIDE_LINE
                      " WHERE words MATCH ?1 AND w.rowid < ?2 AND (?3 = '' OR c.name = lower(?3))"
                      " AND coalesce(h.time_ms, s.time_ms) >= ?4 ORDER BY w.rowid DESC LIMIT 1",
    [SQL_LINE_TEXT] = "SELECT l.line, coalesce(h.how, 0), unseal(coalesce(h.body, s.body), 'text')" FROM_LINE
                      " WHERE l.line > ? ORDER BY l.line LIMIT 1",
    [SQL_INDEX_UPTO] = "SELECT line FROM words_upto",
    [SQL_INDEX_SET] = "UPDATE words_upto SET line = ?",
    [SQL_INDEX_ADD] = "INSERT INTO words(rowid, text) VALUES(?, ?)",
    [SQL_CONVERSATION_NEXT] =
        "SELECT c.name, last.place, last.line, coalesce(h.time_ms, s.time_ms),"
        " (SELECT count(*) FROM line WHERE conversation = c.id),"
        " (SELECT count(*) FROM line WHERE conversation = c.id AND number IS NULL"
        "  AND (place, line) > (c.seen_place, c.seen_line))"
        " FROM conversation c JOIN line last ON last.line = (SELECT line FROM line WHERE conversation = c.id"
        "  ORDER BY place DESC, line DESC LIMIT 1)"
        " LEFT JOIN history h ON h.row = last.row LEFT JOIN sent s ON s.number = last.number"
        " WHERE c.name > ? ORDER BY c.name LIMIT 1",
    [SQL_LINE_HOLDS] = "SELECT 1 FROM line WHERE conversation = (SELECT id FROM conversation WHERE name = lower(?1))"
                       " AND place = (SELECT era << 40 FROM device) + ?2 LIMIT 1",
    [SQL_SEEN] = "UPDATE conversation SET seen_place = upto.place, seen_line = upto.line FROM (SELECT place, line"
                 " FROM line WHERE conversation = (SELECT id FROM conversation WHERE name = lower(?1))"
                 " AND place < 1 << 62 AND (place, line) <= (?2, ?3) ORDER BY place DESC, line DESC LIMIT 1) AS upto"
                 " WHERE name = lower(?1) AND (seen_place, seen_line) < (upto.place, upto.line)",
    [SQL_SEEN_UPTO] = "SELECT seen_place, seen_line FROM conversation WHERE name = lower(?)",
};

int sql_failed(struct sqlite *q)
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

int sql_run(struct sqlite *q, enum sql_statement which, const char *kinds, ...)
{
    sqlite3_stmt **st = &q->statement[which];
    if (!*st && sqlite3_prepare_v3(q->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
        return sql_failed(q);
    sqlite3_reset(*st);
    va_list ap;
    va_start(ap, kinds);
    for (int i = 0; kinds[i]; i++)
        bind_one(*st, i + 1, kinds[i], &ap);
    va_end(ap);
    int r = sqlite3_step(*st);
    if (r == SQLITE_ROW) return 1;
    int result = r == SQLITE_DONE ? 0 : sql_failed(q);
    sqlite3_reset(*st);
    return result;
}

void sql_done(struct sqlite *q, enum sql_statement which)
{
    sqlite3_reset(q->statement[which]);
}

uint64_t sql_column(struct sqlite *q, enum sql_statement which, int i)
{
    return (uint64_t)sqlite3_column_int64(q->statement[which], i);
}

struct slice sql_bytes(struct sqlite *q, enum sql_statement which, int i)
{
    const void *data = sqlite3_column_blob(q->statement[which], i);
    int n = sqlite3_column_bytes(q->statement[which], i);
    return (struct slice){data ? data : (const uint8_t *)"", (size_t)n};
}

int sql_one(struct sqlite *q, enum sql_statement which, uint64_t *out)
{
    int r = sql_run(q, which, "");
    if (r > 0) *out = sql_column(q, which, 0);
    if (r > 0) sql_done(q, which);
    return r;
}

void sql_copy(struct sqlite *q, enum sql_statement which, int first, int n,
                         struct slice out[])
{
    buf_reset(&q->copy, sizeof q->words);
    for (int i = 0; i < n; i++) {
        out[i] = sql_bytes(q, which, first + i);
        buf_put(&q->copy, out[i].data, out[i].len);
    }
    const uint8_t *at = q->copy.data ? buf_head(&q->copy) : (const uint8_t *)"";
    for (int i = 0; i < n; i++) {
        out[i].data = at;
        at += out[i].len;
    }
}
