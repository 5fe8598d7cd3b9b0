/*
 * store_sweep.c - deletes acknowledged rows and trimmed room messages in small slices.
 *
 * Devices that acknowledged are noted; sweep_gather() turns notes into row numbers (from the
 * index alone) and sorts them, because deleting in the order of the table touches each page once.
 * What a slice has deleted is dropped from the list when its transaction is committed.
 */
#include "store_sql.h"

#include <assert.h>
#include <stdlib.h>

#include "log.h"

enum { GATHER = 16384 }; /* rows known at a time */

struct note {
    uint64_t a, b; /* account and device, or room and keep_from */
};

struct notes {
    struct note *v;
    size_t n, cap;
};

struct sweep {
    struct sql *q;
    struct notes devices, rooms;
    uint64_t *rows; /* [done, n) wait */
    size_t done, n;
    size_t slice;     /* rows of the running transaction */
    size_t rooms_fit; /* rooms at the end of the list that the running transaction finished */
};

static void note(struct notes *l, uint64_t a, uint64_t b)
{
    if (l->n && l->v[l->n - 1].a == a && l->v[l->n - 1].b == b) return;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = (struct note){a, b};
}

static void note_device(void *arg, uint64_t account, uint64_t device)
{
    sweep_device(arg, account, device);
}

struct sweep *sweep_new(struct sql *q)
{
    struct sweep *w = xcalloc(1, sizeof *w);
    w->q = q;
    w->rows = xcalloc(GATHER, sizeof *w->rows);
    sql_each_unswept(q, note_device, w);
    return w;
}

void sweep_free(struct sweep *w)
{
    if (!w) return;
    free(w->devices.v);
    free(w->rooms.v);
    free(w->rows);
    free(w);
}

void sweep_device(struct sweep *w, uint64_t account, uint64_t device)
{
    note(&w->devices, account, device);
}

/* One note a room: rooms are few and trimmed again and again. */
void sweep_room(struct sweep *w, uint64_t room, uint64_t keep_from)
{
    for (size_t i = 0; i < w->rooms.n; i++) {
        if (w->rooms.v[i].a != room) continue;
        if (w->rooms.v[i].b < keep_from) w->rooms.v[i].b = keep_from;
        return;
    }
    note(&w->rooms, room, keep_from);
}

static int by_number(const void *left, const void *right)
{
    uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;
    return (l > r) - (l < r);
}

static int by_device(const void *left, const void *right)
{
    const struct note *l = left, *r = right;
    return l->a != r->a ? by_number(&l->a, &r->a) : by_number(&l->b, &r->b);
}

/* The same device acknowledges often: each is looked up once. */
static void unique(struct notes *l)
{
    size_t kept = 0;
    qsort(l->v, l->n, sizeof *l->v, by_device);
    for (size_t i = 0; i < l->n; i++)
        if (kept == 0 || by_device(&l->v[kept - 1], &l->v[i]) != 0) l->v[kept++] = l->v[i];
    l->n = kept;
}

void sweep_gather(struct sweep *w)
{
    if (w->done < w->n || w->devices.n == 0) return;
    w->done = w->n = 0;
    unique(&w->devices);
    while (w->devices.n && w->n < GATHER) {
        struct note d = w->devices.v[w->devices.n - 1];
        w->n += sql_acked_rows(w->q, d.a, d.b, w->rows + w->n, GATHER - w->n);
        if (w->n < GATHER) w->devices.n--; /* a device that did not fit is asked again */
    }
    qsort(w->rows, w->n, sizeof *w->rows, by_number);
}

size_t sweep_waiting(const struct sweep *w)
{
    return w->n - w->done + w->devices.n + w->rooms.n;
}

static enum store_status slice_rows(struct sweep *w, size_t max)
{
    for (; w->slice < max && w->done + w->slice < w->n; w->slice++)
        if (sql_delete_row(w->q, w->rows[w->done + w->slice]) != STORE_OK) return STORE_FULL;
    return STORE_OK;
}

static enum store_status slice_rooms(struct sweep *w, size_t max)
{
    while (max > 0 && w->rooms_fit < w->rooms.n) {
        const struct note *r = &w->rooms.v[w->rooms.n - 1 - w->rooms_fit];
        size_t deleted;
        if (sql_trim_room(w->q, r->a, r->b, max, &deleted) != STORE_OK) return STORE_FULL;
        if (deleted < max) w->rooms_fit++;
        max -= deleted;
    }
    return STORE_OK;
}

enum store_status sweep_slice(struct sweep *w, size_t max)
{
    assert(w->slice == 0 && w->rooms_fit == 0);
    if (max > SQL_SLICE) max = SQL_SLICE;
    if (slice_rows(w, max) != STORE_OK) return STORE_FULL;
    return slice_rooms(w, max - w->slice);
}

void sweep_end(struct sweep *w, bool committed)
{
    if (committed) {
        w->done += w->slice;
        w->rooms.n -= w->rooms_fit;
    }
    w->slice = w->rooms_fit = 0;
}
