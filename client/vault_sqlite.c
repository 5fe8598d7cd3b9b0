/*
 * vault_sqlite.c - see vault.h: the store of people, one SQLite file in their home.
 *
 * WAL with synchronous=FULL, so that what was committed survives a power cut. Several processes
 * share the file; every change runs in a transaction that takes the write lock first (BEGIN
 * IMMEDIATE), so ids stay contiguous and nobody judges a message by what he read before another
 * wrote. Opening and the schema are in vault_schema.c, the statements in
 * vault_sql.c, values in vault_values.c, the history in vault_history.c.
 */
#include "vault_sqlite.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int begin(struct vault *s)
{
    return sql_run(sqlite_of(s), SQL_BEGIN, "");
}

static void rollback(struct vault *s)
{
    struct sqlite *q = sqlite_of(s);
    if (!sqlite3_get_autocommit(q->db)) sql_run(q, SQL_ROLLBACK, "");
}

static int commit(struct vault *s)
{
    if (sql_run(sqlite_of(s), SQL_COMMIT, "") == 0) return 0;
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
    return sql_one(q, SQL_NEXT_NUMBER, number) < 0 ? -1 : sql_run(q, SQL_SET_NEXT_NUMBER, "i", *number + 1);
}

static int next_id(struct vault *s, uint64_t *id)
{
    return sql_one(sqlite_of(s), SQL_NEXT_ID, id) < 0 ? -1 : 0;
}

static int note(struct vault *s, uint64_t number, uint8_t kind, struct slice to, struct slice body,
                uint64_t now_ms)
{
    return sql_run(sqlite_of(s), SQL_SENT_ADD, "iitbi", number, (uint64_t)kind, to, body, now_ms);
}

static int post(struct vault *s, const struct vault_out *m)
{
    struct sqlite *q = sqlite_of(s);
    int r = sql_run(q, SQL_OUT_ADD, "iiiitibbb", m->id, m->number, (uint64_t)m->quiet,
                (uint64_t)m->kind, m->to, (uint64_t)m->heads, m->head_bytes, m->body, m->content);
    if (r < 0 || sql_run(q, SQL_SET_NEXT_ID, "i", m->id + 1) < 0) return -1;
    return m->quiet ? 0 : sql_run(q, SQL_SENT_ID, "ii", m->number, m->id);
}

/* The numbers of what lies between these ids. */
static int take_numbers(struct sqlite *q, uint64_t first, uint64_t last, struct buf *numbers)
{
    int r;
    while ((r = sql_run(q, SQL_OUT_NUMBERS, "ii", first, last)) > 0) {
        first = sql_column(q, SQL_OUT_NUMBERS, 0) + 1;
        buf_put_u64(numbers, sql_column(q, SQL_OUT_NUMBERS, 1));
        sql_done(q, SQL_OUT_NUMBERS);
    }
    return r;
}

static int sum(struct sqlite *q, uint64_t first, uint64_t last, struct vault_settled *out)
{
    *out = (struct vault_settled){0};
    if (sql_run(q, SQL_OUT_SUM, "ii", first, last) < 0) return -1;
    out->first = sql_column(q, SQL_OUT_SUM, 0);
    out->n = (size_t)sql_column(q, SQL_OUT_SUM, 1);
    out->bytes = (size_t)sql_column(q, SQL_OUT_SUM, 2);
    sql_done(q, SQL_OUT_SUM);
    return 0;
}

/* Takes ids from first to last out, as part of a transaction. */
static int take_out(struct sqlite *q, uint64_t first, uint64_t last, uint64_t state,
                    struct vault_settled *out, struct buf *numbers)
{
    if (sum(q, first, last, out) < 0) return -1;
    if (out->n == 0) return 0;
    if (take_numbers(q, out->first, last, numbers) < 0) return -1;
    if (sql_run(q, SQL_SENT_STATE, "iii", state, out->first, last) < 0) return -1;
    return sql_run(q, SQL_OUT_DROP, "ii", first, last);
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
    return sql_run(q, SQL_OUT_RECALL, "ii", id, id) < 0 ? -1 : sql_run(q, SQL_OUT_DROP, "ii", id, id);
}

static int receipt(struct vault *s, uint64_t id, uint8_t state, uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    int r = sql_run(q, SQL_RECEIPT_OF, "i", id);
    if (r <= 0) return r;
    *number = sql_column(q, SQL_RECEIPT_OF, 0);
    sql_done(q, SQL_RECEIPT_OF);
    return sql_run(q, SQL_SENT_BECAME, "ii", *number, (uint64_t)state) < 0 ? -1 : 1;
}

static int next(struct vault *s, uint64_t after, struct vault_out *out)
{
    struct sqlite *q = sqlite_of(s);
    struct slice part[4];
    int r = sql_run(q, SQL_OUT_NEXT, "i", after);
    if (r <= 0) return r;
    sql_copy(q, SQL_OUT_NEXT, 5, 4, part);
    *out = (struct vault_out){.id = sql_column(q, SQL_OUT_NEXT, 0),
                              .number = sql_column(q, SQL_OUT_NEXT, 1),
                              .quiet = sql_column(q, SQL_OUT_NEXT, 2) != 0,
                              .kind = (uint8_t)sql_column(q, SQL_OUT_NEXT, 3),
                              .heads = (uint8_t)sql_column(q, SQL_OUT_NEXT, 4),
                              .to = part[0],
                              .head_bytes = part[1],
                              .body = part[2],
                              .content = part[3]};
    sql_done(q, SQL_OUT_NEXT);
    return 1;
}

/* --- drafts --- */

static int draft(struct vault *s, const struct vault_draft *m)
{
    return sql_run(sqlite_of(s), SQL_DRAFT_ADD, "iitb", m->number, (uint64_t)m->quiet, m->to, m->content);
}

static int next_draft(struct vault *s, struct slice to, uint64_t after, struct vault_draft *out)
{
    struct sqlite *q = sqlite_of(s);
    enum sql_statement which = to.len ? SQL_DRAFT_NEXT_TO : SQL_DRAFT_NEXT;
    struct slice part[2];
    int r = to.len ? sql_run(q, which, "it", after, to) : sql_run(q, which, "i", after);
    if (r <= 0) return r;
    sql_copy(q, which, 2, 2, part);
    *out = (struct vault_draft){.number = sql_column(q, which, 0),
                                .quiet = sql_column(q, which, 1) != 0,
                                .to = part[0],
                                .content = part[1]};
    sql_done(q, which);
    return 1;
}

static int drop_draft(struct vault *s, uint64_t number, uint16_t code)
{
    struct sqlite *q = sqlite_of(s);
    if (code && sql_run(q, SQL_SENT_BECAME, "ii", number, VAULT_REJECTED + (uint64_t)code) < 0) return -1;
    return sql_run(q, SQL_DRAFT_DROP, "i", number);
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
    if (sql_one(q, SQL_NEXT_ID, &first) < 0) return -1;
    if (last_id < first) return 0;
    if (forget_keys(s) < 0 || sql_run(q, SQL_OUT_RECALL, "ii", UINT64_C(0), last_id) < 0) return -1;
    int r;
    while ((r = sql_run(q, SQL_OUT_NEXT, "i", UINT64_C(0))) > 0) {
        uint64_t id = sql_column(q, SQL_OUT_NEXT, 0);
        bool sealed = sql_bytes(q, SQL_OUT_NEXT, 8).len > 0;
        sql_done(q, SQL_OUT_NEXT);
        if (id > last_id) break;
        if (sealed) {
            if (sql_run(q, SQL_OUT_DROP, "ii", id, id) < 0) return -1;
            continue;
        }
        if (sql_run(q, SQL_SENT_MOVE, "ii", id, new_id) < 0) return -1;
        if (sql_run(q, SQL_OUT_MOVE, "ii", id, new_id) < 0) return -1;
        new_id++;
    }
    if (r < 0) return -1;
    return sql_run(q, SQL_SET_NEXT_ID, "i", new_id) < 0 ? -1 : 1;
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
    int r = sql_run(q, SQL_STATE, "i", id);
    if (r <= 0) return r;
    *out = (int)sql_column(q, SQL_STATE, 0);
    *number = sql_column(q, SQL_STATE, 1);
    sql_done(q, SQL_STATE);
    return 1;
}

static int sent(struct vault *s, uint64_t id, struct vault_sent *out)
{
    struct sqlite *q = sqlite_of(s);
    struct slice part[2];
    int r = sql_run(q, SQL_SENT, "i", id);
    if (r <= 0) return r;
    sql_copy(q, SQL_SENT, 3, 2, part);
    *out = (struct vault_sent){.number = sql_column(q, SQL_SENT, 0),
                               .time_ms = sql_column(q, SQL_SENT, 1),
                               .kind = (uint8_t)sql_column(q, SQL_SENT, 2),
                               .to = part[0],
                               .body = part[1]};
    sql_done(q, SQL_SENT);
    return 1;
}

/* --- receiving --- */

static int hear(struct vault *s, const struct wire_deliver *m)
{
    struct sqlite *q = sqlite_of(s);
    int r = m->flags & WIRE_FLAG_ROOM ? sql_run(q, SQL_ROOM, "ti", m->to, m->seq)
                                      : sql_run(q, SQL_HEARD, "tii", m->from, m->from_device, m->id);
    return r < 0 ? -1 : sqlite3_changes(q->db) != 0;
}

/* Places only rise: another process of this device may have been further. */
static int place(struct vault *s, const struct vault_place *p)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice lobby = {(const uint8_t *)"#lobby", 6};
    if (p->lobby != WIRE_NEWCOMER && sql_run(q, SQL_ROOM, "ti", lobby, p->lobby) < 0) return -1;
    return sql_run(q, SQL_PLACE, "ii", p->incarnation, p->seq);
}

static int resume(struct vault *s, struct wire_resume *r)
{
    struct sqlite *q = sqlite_of(s);
    if (sql_run(q, SQL_RESUME, "") < 0) return -1;
    r->incarnation = sql_column(q, SQL_RESUME, 0);
    r->seq = sql_column(q, SQL_RESUME, 1);
    r->next_id = sql_column(q, SQL_RESUME, 2);
    r->lobby_seen = sql_column(q, SQL_RESUME, 3); /* -1 is WIRE_NEWCOMER */
    sql_done(q, SQL_RESUME);
    return 0;
}

/* --- the rest --- */

static int rebind(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice id = {server_id, 32};
    if (sql_run(q, SQL_SERVER, "") < 0) return -1;
    struct slice old = sql_bytes(q, SQL_SERVER, 0);
    bool bound = old.len == 32, same = bound && memcmp(old.data, server_id, 32) == 0;
    bool replaced = bound && instead_of && memcmp(old.data, instead_of, 32) == 0;
    bool waiting = sql_column(q, SQL_SERVER, 1) != 0;
    sql_done(q, SQL_SERVER);
    if (same) return 1;
    if (instead_of ? !replaced : bound && waiting) return 0;
    if (sql_run(q, SQL_SET_SERVER, "b", id) < 0 || sql_run(q, SQL_FORGET_HEARD, "") < 0 ||
        sql_run(q, SQL_FORGET_ROOMS, "") < 0)
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
    if (sql_one(q, SQL_VERSION, &version) < 0 || version == q->version) return false;
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
    .record = history_record,
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
    .own = sqlite_own,
    .own_open = sqlite_own_open,
    .own_read = sqlite_own_read,
    .get = value_get,
    .put = value_put,
    .drop = value_drop,
    .forget = value_forget,
    .next_value = value_next,
    .changed = changed,
    .holds = history_holds,
    .owner = history_owner,
    .history = history_next,
    .last_row = history_last_row,
    .words = words,
    .close = close_sqlite,
};
