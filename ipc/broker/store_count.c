/*
 * store_count.c - the devices at open, with what waits for each.
 *
 * One query reads the queue in the order of its pages and the counting is done here: SQLite's own
 * grouping took 4 s for a million rows, which is the time a broker's death would be noticed.
 */
#include "store_sql.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

struct devices {
    struct store_device *v; /* by account and device, so that they are found */
    size_t n, cap;
};

static int by_name(const void *left, const void *right)
{
    const struct store_device *l = left, *r = right;
    if (l->account != r->account) return (l->account > r->account) - (l->account < r->account);
    return (l->device > r->device) - (l->device < r->device);
}

/* Calls back with each row of a query. */
static void each_row(sqlite3 *db, const char *sql, void (*row)(struct devices *, sqlite3_stmt *),
                     struct devices *l)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(st)) == SQLITE_ROW)
            row(l, st);
    if (sql_judge(db, rc, "read") != STORE_OK) fatal("store: no space to read broker.db");
    sqlite3_finalize(st);
}

static void add_device(struct devices *l, sqlite3_stmt *st)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    struct store_device *d = &l->v[l->n++];
    *d = (struct store_device){.account = (uint64_t)sqlite3_column_int64(st, 0),
                               .device = (uint64_t)sqlite3_column_int64(st, 1),
                               .last_id = (uint64_t)sqlite3_column_int64(st, 2),
                               .acked = (uint64_t)sqlite3_column_int64(st, 3)};
    memcpy(d->key, sqlite3_column_blob(st, 4), sizeof d->key); /* 32 by a CHECK of the table */
    d->last_room_id = (uint64_t)sqlite3_column_int64(st, 5);
    d->revoked = (uint32_t)sqlite3_column_int64(st, 6);
}

static void count_row(struct devices *l, sqlite3_stmt *st)
{
    struct store_device key = {.account = (uint64_t)sqlite3_column_int64(st, 0),
                               .device = (uint64_t)sqlite3_column_int64(st, 1)};
    struct store_device *d = bsearch(&key, l->v, l->n, sizeof *l->v, by_name);
    if (!d || (uint64_t)sqlite3_column_int64(st, 2) <= d->acked) return;
    d->waiting++;
    d->waiting_bytes += (uint64_t)sqlite3_column_int64(st, 3);
}

void sql_each_device(struct sql *q, void (*each)(void *, const struct store_device *), void *arg)
{
    struct devices l = {0};
    each_row(sql_db(q), "SELECT account,device,last_id,acked,key,last_room_id,revoked FROM device", add_device, &l);
    if (l.n) {
        qsort(l.v, l.n, sizeof *l.v, by_name);
        each_row(sql_db(q),
                 "SELECT account,device,id,length(head)+length(body) FROM queue NOT INDEXED",
                 count_row, &l);
    }
    for (size_t i = 0; i < l.n; i++)
        each(arg, &l.v[i]);
    free(l.v);
}

void sql_each_waiting(struct sql *q, void (*each)(void *, uint64_t, uint64_t, uint64_t), void *arg)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = sql_db(q);
    int rc = sqlite3_prepare_v2(db,
                                "SELECT q.account,q.device,q.from_account FROM queue q JOIN device d"
                                " ON d.account=q.account AND d.device=q.device WHERE q.id>d.acked",
                                -1, &st, NULL);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(st)) == SQLITE_ROW)
            each(arg, (uint64_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1),
                 (uint64_t)sqlite3_column_int64(st, 2));
    if (sql_judge(db, rc, "read") != STORE_OK) fatal("store: no space to read broker.db");
    sqlite3_finalize(st);
}
