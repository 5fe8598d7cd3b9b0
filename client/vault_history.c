/*
 * vault_history.c - what came, row by row (vault.h), and what was said, conversation by conversation (history.h),
 * in the SQLite store. The triggers of vault_schema.c put lines in order as they come.
 */
#include <string.h>

#include "vault_sqlite.h"

int history_record(struct vault *s, const struct wire_deliver *m, enum vault_how how, uint64_t *row)
{
    struct sqlite *q = sqlite_of(s);
    if (sql_run(q, SQL_HISTORY_ADD, "iiiitiitbi", (uint64_t)m->flags, m->incarnation, m->seq, m->time_ms,
            m->from, m->from_device, m->id, m->to, m->body, (uint64_t)how) < 0)
        return -1;
    *row = (uint64_t)sqlite3_last_insert_rowid(q->db);
    return 0;
}

int history_next(struct vault *s, uint64_t after, struct vault_row *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = sql_run(q, SQL_HISTORY_NEXT, "i", after);
    if (r <= 0) return r;
    const enum sql_statement h = SQL_HISTORY_NEXT;
    struct slice part[3];
    sql_copy(q, h, 8, 3, part);
    out->row = sql_column(q, h, 0);
    out->how = (enum vault_how)sql_column(q, h, 7);
    out->m = (struct wire_deliver){.flags = (uint8_t)sql_column(q, h, 1),
                                   .incarnation = sql_column(q, h, 2),
                                   .seq = sql_column(q, h, 3),
                                   .time_ms = sql_column(q, h, 4),
                                   .from = part[0],
                                   .from_device = sql_column(q, h, 5),
                                   .id = sql_column(q, h, 6),
                                   .to = part[1],
                                   .head = {part[1].data, 0},
                                   .body = part[2]};
    sql_done(q, h);
    return 1;
}

int history_last_row(struct vault *s, uint64_t *row)
{
    return sql_one(sqlite_of(s), SQL_HISTORY_LAST, row) < 0 ? -1 : 0;
}

/* --- to whom it belongs --- */

/* What a store of version 2 has: by time, as far as the server's numbers do not say better. Drops what the triggers
 * have put there before the owner was known. */
static const char order_all[] =
    "DELETE FROM line;"
    "DELETE FROM conversation;"
    "CREATE TEMP VIEW said AS"
    " SELECT lower(CASE WHEN flags & 1 THEN recipient WHEN lower(sender) = lower(d.owner) THEN recipient"
    "  ELSE sender END) AS name, flags & 1 AS room, h.seq AS seq, h.time_ms AS time_ms, h.row AS row,"
    "  CASE WHEN lower(sender) IS NOT lower(d.owner) THEN NULL WHEN h.device = d.owner_device AND EXISTS"
    "  (SELECT 1 FROM sent s WHERE s.number = h.id AND lower(s.recipient) = lower(h.recipient)) THEN h.id"
    "  ELSE 0 END AS number FROM main.history h, main.device d WHERE length(body) > 0;"
    "INSERT OR IGNORE INTO conversation(name) SELECT name FROM said UNION SELECT lower(recipient) FROM sent;"
    "INSERT INTO line(conversation, place, row, number)"
    " SELECT c.id, iif(a.room AND a.seq > 0, a.seq, row_number() OVER (ORDER BY a.time_ms, a.row IS NULL, a.row)),"
    "  a.row, a.number"
    " FROM (SELECT name, room, seq, time_ms, row, number FROM said"
    "  UNION ALL SELECT lower(recipient), 0, 0, time_ms, NULL, number FROM sent s WHERE kind = 0) a"
    " JOIN conversation c ON c.name = a.name ORDER BY a.time_ms, a.row IS NULL, a.row;"
    "INSERT INTO line(conversation, place, number)"
    " SELECT c.id, (1 << 62) + s.number, s.number FROM sent s JOIN conversation c ON c.name = lower(s.recipient)"
    " WHERE s.kind = 1 AND s.number NOT IN (SELECT number FROM said WHERE number > 0) ORDER BY s.number;"
    "UPDATE conversation SET seen_place = last.place, seen_line = last.line FROM"
    " (SELECT conversation, max(place) AS place, max(line) AS line FROM line WHERE place < 1 << 62 GROUP BY conversation)"
    " AS last WHERE last.conversation = conversation.id;"
    "DROP VIEW said;";

/* 1 the same owner as before, 0 another, -1. *fresh: none is known yet. */
static int same_owner(struct sqlite *q, struct slice name, uint64_t device, bool *fresh)
{
    if (sql_run(q, SQL_OWNER, "") <= 0) return -1;
    struct slice owner = sql_bytes(q, SQL_OWNER, 0);
    bool same = owner.len == name.len && memcmp(owner.data, name.data, name.len) == 0 &&
                sql_column(q, SQL_OWNER, 1) == device;
    *fresh = owner.len == 0;
    sql_done(q, SQL_OWNER);
    return same;
}

static int set_owner(struct sqlite *q, struct slice name, uint64_t device)
{
    bool fresh; /* once more: another process may have been first */
    int same = same_owner(q, name, device, &fresh);
    if (same != 0) return same < 0 ? -1 : 0;
    if (sql_run(q, SQL_SET_OWNER, "ti", name, device) < 0) return -1;
    return fresh && sqlite3_exec(q->db, order_all, NULL, NULL, NULL) ? sql_failed(q) : 0;
}

int history_owner(struct vault *s, const char *name, uint64_t device)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice owner = {(const uint8_t *)name, strlen(name)};
    bool fresh;
    int same = same_owner(q, owner, device, &fresh);
    if (same != 0) return same < 0 ? -1 : 0;
    if (vault_begin(s) < 0) return -1;
    return vault_finish(s, set_owner(q, owner, device));
}

/* --- lines --- */

/* Columns of LINE in vault_sql.c. */
enum { PLACE, LINE_ID, OWN, NUMBER, STATE, ROW, FLAGS, SEQ, TIME, DEVICE, ID, HOW, MISSING, TEXTS };

/* How an own message is sealed that has no row of what came. */
static enum vault_how own_how(struct slice with)
{
    bool lobby = with.len == 6 && memcmp(with.data, "#lobby", 6) == 0;
    return lobby ? VAULT_PLAIN : VAULT_SEALED;
}

void history_take(struct sqlite *q, enum sql_statement which, struct history_line *out)
{
    struct slice text[4];
    int64_t how = (int64_t)sql_column(q, which, HOW);
    sql_copy(q, which, TEXTS, 4, text);
    *out = (struct history_line){.at = {sql_column(q, which, PLACE), sql_column(q, which, LINE_ID)},
                                 .with = text[0],
                                 .own = sql_column(q, which, OWN) != 0,
                                 .number = sql_column(q, which, NUMBER),
                                 .state = (int)sql_column(q, which, STATE),
                                 .row = sql_column(q, which, ROW),
                                 .missing = sql_column(q, which, MISSING),
                                 .how = how < 0 ? own_how(text[0]) : (enum vault_how)how};
    out->m = (struct wire_deliver){.flags = (uint8_t)sql_column(q, which, FLAGS),
                                   .seq = sql_column(q, which, SEQ),
                                   .time_ms = sql_column(q, which, TIME),
                                   .from_device = sql_column(q, which, DEVICE),
                                   .id = sql_column(q, which, ID),
                                   .from = text[1],
                                   .to = text[2],
                                   .head = {text[3].data, 0},
                                   .body = text[3]};
    sql_done(q, which);
}

static int one_line(struct vault *s, enum sql_statement which, const char *with, struct history_at at,
                    struct history_line *out)
{
    struct sqlite *q = sqlite_or_null(s);
    const struct slice name = {(const uint8_t *)with, strlen(with)};
    int r = q ? sql_run(q, which, "tii", name, at.place, at.line) : 0;
    if (r > 0) history_take(q, which, out);
    return r;
}

int history_before(struct vault *s, const char *with, struct history_at at, struct history_line *out)
{
    return one_line(s, SQL_LINE_BEFORE, with, at, out);
}

int history_after(struct vault *s, const char *with, struct history_at at, struct history_line *out)
{
    return one_line(s, SQL_LINE_AFTER, with, at, out);
}

int history_holds(struct vault *s, struct slice room, uint64_t seq)
{
    int r = sql_run(sqlite_of(s), SQL_LINE_HOLDS, "ti", room, seq);
    if (r > 0) sql_done(sqlite_of(s), SQL_LINE_HOLDS);
    return r;
}

/* --- conversations --- */

int history_next_conversation(struct vault *s, struct history_conversation *out)
{
    struct sqlite *q = sqlite_or_null(s);
    const enum sql_statement which = SQL_CONVERSATION_NEXT;
    const struct slice after = {(const uint8_t *)out->name, strlen(out->name)};
    struct slice name;
    int r = q ? sql_run(q, which, "t", after) : 0;
    if (r <= 0) return r;
    sql_copy(q, which, 0, 1, &name);
    snprintf(out->name, sizeof out->name, "%.*s", (int)name.len, (const char *)name.data);
    out->last = (struct history_at){sql_column(q, which, 1), sql_column(q, which, 2)};
    out->last_ms = sql_column(q, which, 3);
    out->lines = sql_column(q, which, 4);
    out->unseen = sql_column(q, which, 5);
    sql_done(q, which);
    return 1;
}

int history_seen(struct vault *s, const char *with, struct history_at upto)
{
    struct sqlite *q = sqlite_or_null(s);
    return q ? sql_run(q, SQL_SEEN, "tii", (struct slice){(const uint8_t *)with, strlen(with)}, upto.place, upto.line)
             : 0;
}

int history_seen_upto(struct vault *s, const char *with, struct history_at *upto)
{
    struct sqlite *q = sqlite_or_null(s);
    *upto = HISTORY_START;
    int r = q ? sql_run(q, SQL_SEEN_UPTO, "t", (struct slice){(const uint8_t *)with, strlen(with)}) : 0;
    if (r <= 0) return r;
    *upto = (struct history_at){sql_column(q, SQL_SEEN_UPTO, 0), sql_column(q, SQL_SEEN_UPTO, 1)};
    sql_done(q, SQL_SEEN_UPTO);
    return 1;
}
