/* vault_history.c - what came, row by row, in the SQLite store: see vault.h. */
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
