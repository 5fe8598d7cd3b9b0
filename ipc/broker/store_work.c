/*
 * store_work.c - see store_work.h.
 *
 * A full disk: the transaction is rolled back, its puts are answered STORE_FULL, the reserve is
 * released and acknowledgements and deletes run again without them. Puts are refused until the
 * reserve can be made again, or until deletes have left so many free pages in the database that it
 * will not have to grow ("tight").
 */
#include "store_work.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "store_disk.h"
#include "store_wal.h"

enum {
    WAL_ROUNDS = 4,         /* checkpoints that may be behind before a commit waits for one */
    RETRY_MS = 1000,        /* a full disk is looked at again */
    TIGHT_PAGES = 2048,     /* free pages with which puts are taken again without a reserve */
    TIGHT_LEAST = 512,      /* and below which they are refused again */
    WAL_BIG = DISK_RESERVE, /* a WAL longer than this holds space that the reserve could have */
    FRAME = 4096 + 24,      /* bytes of a WAL frame */
    MARGIN = 1 << 20,       /* bytes that a batch may write before it is asked again */
    SWEEP_DUE = 256,        /* rows and devices that make busy transactions sweep too */
    SWEEP_LEAST = 32,
};

struct work {
    struct sql *sql;
    struct sweep *sweep;
    struct wal *wal;
    struct disk *disk;
    bool tight, refused;
    uint32_t refused_epoch; /* puts of this epoch or an earlier one are refused */
    uint64_t retry_ms; /* not before this time: making the reserve, sweeping a full disk */
    unsigned clean_at; /* WAL frames when the database had all of them */
    unsigned asked;    /* WAL frames when a checkpoint was last asked for */
    unsigned folded;   /* WAL frames when one was last done here */
    uint64_t quiet_ms; /* since when there was no batch */
    bool poked;        /* in this quiet time */
    _Atomic uint64_t commits, last_us;
};

typedef enum store_status run_fn(struct work *w, struct request *r);

void requests_add(struct requests *l, struct request *r)
{
    r->next = NULL;
    *(l->first ? l->end : &l->first) = r;
    l->end = &r->next;
    l->n++;
}

void requests_move(struct requests *from, struct requests *to, size_t max)
{
    if (from->n > 0 && from->n <= max) { /* all of it: the usual case */
        *(to->first ? to->end : &to->first) = from->first;
        to->end = from->end;
        to->n += from->n;
        *from = (struct requests){0};
        return;
    }
    while (from->first && max-- > 0) {
        struct request *r = from->first;
        from->first = r->next;
        from->n--;
        requests_add(to, r);
    }
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return now_us() / 1000;
}

/* --- what each request does --- */

static enum store_status run_put_account(struct work *w, struct request *r)
{
    r->row = r->sign_up.account.id;
    return sql_put_account(w->sql, &r->sign_up.account, &r->sign_up.device);
}

static enum store_status run_put_message(struct work *w, struct request *r)
{
    return sql_put_message(w->sql, &r->message, &r->row);
}

static enum store_status run_put_room(struct work *w, struct request *r)
{
    return sql_put_room(w->sql, r->room, &r->message, &r->row);
}

static enum store_status run_ack(struct work *w, struct request *r)
{
    sweep_device(w->sweep, r->ack.account, r->ack.device);
    return sql_ack(w->sql, r->ack.account, r->ack.device, r->ack.row);
}

static enum store_status run_load(struct work *w, struct request *r)
{
    sql_load(w->sql, r->load.account, r->load.device, r->load.after, r->load.max_rows,
             r->load.max_bytes, &r->list);
    return STORE_OK;
}

static enum store_status run_load_room(struct work *w, struct request *r)
{
    sql_load_room(w->sql, r->room, r->load.after, r->load.max_rows, r->load.max_bytes, &r->list);
    return STORE_OK;
}

static enum store_status run_expire(struct work *w, struct request *r)
{
    return sql_expire(w->sql, r->number, &r->list);
}

static enum store_status run_trim_room(struct work *w, struct request *r)
{
    sweep_room(w->sweep, r->room, r->number);
    return STORE_OK;
}

static enum store_status run_keys(struct work *w, struct request *r)
{
    if (r->kind == REQUEST_DROP_DEVICE || r->kind == REQUEST_APPEND)
        sweep_device(w->sweep, r->list_of.account, r->list_of.device.device);
    return keys_run(w->sql, r);
}

static enum store_status run_moderation(struct work *w, struct request *r)
{
    return moderation_run(w->sql, r);
}

static enum store_status run_roster(struct work *w, struct request *r)
{
    return roster_run(w->sql, r);
}

/* What is cut off, and what a group has left behind, goes in slices. */
static enum store_status run_groups(struct work *w, struct request *r)
{
    enum store_status status = groups_run(w->sql, r);
    if (r->kind == REQUEST_CUT_ROOM) sweep_room(w->sweep, r->room, r->row);
    if (r->kind == REQUEST_DROP_GROUP) sweep_room(w->sweep, r->room, INT64_MAX);
    return status;
}

static enum store_status run_why(struct work *w, struct request *r)
{
    why_run(w->sql, r);
    return STORE_OK;
}

static enum store_status run_blob(struct work *w, struct request *r)
{
    return blobs_run(w->sql, r);
}

static const struct op {
    bool writes; /* needs the write lock */
    bool grows;  /* is refused when the disk is full */
    run_fn *run;
} ops[REQUEST_KINDS] = {
    [REQUEST_PUT_ACCOUNT] = {true, true, run_put_account},
    [REQUEST_PUT_MESSAGE] = {true, true, run_put_message},
    [REQUEST_PUT_ROOM] = {true, true, run_put_room},
    [REQUEST_ACK] = {true, false, run_ack},
    [REQUEST_LOAD] = {false, false, run_load},
    [REQUEST_LOAD_ROOM] = {false, false, run_load_room},
    [REQUEST_EXPIRE] = {true, false, run_expire},
    [REQUEST_TRIM_ROOM] = {false, false, run_trim_room},
    [REQUEST_PUBLISH] = {true, true, run_keys},
    [REQUEST_TAKE_BUNDLE] = {true, false, run_keys},
    [REQUEST_LOAD_LIST] = {false, false, run_keys},
    [REQUEST_APPEND] = {true, true, run_keys},
    [REQUEST_DROP_DEVICE] = {true, false, run_keys},
    [REQUEST_MODERATE] = {true, true, run_moderation},
    [REQUEST_LOAD_AUDIT] = {false, false, run_moderation},
    [REQUEST_PUT_ROSTER] = {true, true, run_roster},
    [REQUEST_DROP_ROSTER] = {true, false, run_roster},
    [REQUEST_LOAD_ROSTER] = {false, false, run_roster},
    [REQUEST_ENTRY] = {true, true, run_groups},
    [REQUEST_LOAD_ENTRIES] = {false, false, run_groups},
    [REQUEST_PLACE] = {true, false, run_groups},
    [REQUEST_DROP_PLACE] = {true, false, run_groups},
    [REQUEST_CUT_ROOM] = {false, false, run_groups},
    [REQUEST_DROP_GROUP] = {true, false, run_groups},
    [REQUEST_WHY] = {false, false, run_why},
    [REQUEST_SPOT] = {false, false, run_why},
    [REQUEST_BLOB_PUT] = {true, true, run_blob},
    [REQUEST_BLOB] = {true, false, run_blob},
};

/* --- one transaction --- */

static void undo(struct work *w, struct requests *l)
{
    sql_rollback(w->sql);
    sweep_end(w->sweep, false);
    for (struct request *r = l->first; r; r = r->next) {
        sql_list_free(&r->list);
        buf_free(&r->out);
    }
}

static enum store_status run_all(struct work *w, struct requests *l, bool puts)
{
    for (struct request *r = l->first; r; r = r->next) {
        bool late = r->epoch <= w->refused_epoch;
        r->status = ops[r->kind].grows && (!puts || late) ? STORE_FULL : STORE_OK;
        if (r->status == STORE_OK && ops[r->kind].run(w, r) != STORE_OK) return STORE_FULL;
    }
    return STORE_OK;
}

static enum store_status commit(struct work *w)
{
    uint64_t start = now_us();
    if (sql_commit(w->sql) != STORE_OK) return STORE_FULL;
    sweep_end(w->sweep, true);
    w->last_us = now_us() - start;
    w->commits++;
    return STORE_OK;
}

static bool any_writes(const struct requests *l)
{
    for (const struct request *r = l->first; r; r = r->next)
        if (ops[r->kind].writes) return true;
    return false;
}

/*
 * Rows that a busy transaction deletes besides: twice what it may have put, so it keeps up. On a full
 * disk it does so from the first row on, or senders who never pause would keep it full.
 */
static size_t sweep_share(const struct work *w, size_t batch)
{
    if (sweep_waiting(w->sweep) < (disk_reserved(w->disk) ? SWEEP_DUE : 1)) return 0;
    return batch * 2 > SWEEP_LEAST ? batch * 2 : SWEEP_LEAST;
}

/* Rolled back and without effect when the answer is STORE_FULL. */
static enum store_status attempt(struct work *w, struct requests *l, bool puts)
{
    bool writes = any_writes(l);
    size_t share = writes ? sweep_share(w, l->n) : 0;
    if (share) sweep_gather(w->sweep);
    sql_begin(w->sql, writes);
    if (run_all(w, l, puts) == STORE_OK && (!share || sweep_slice(w->sweep, share) == STORE_OK) &&
        commit(w) == STORE_OK)
        return STORE_OK;
    undo(w, l);
    return STORE_FULL;
}

/* --- the WAL --- */

/*
 * The WAL can start again only when all of it is in the database, which may have to grow by as much:
 * room for that, with the reserve, must never be given to puts. Without it nothing could be deleted.
 */
static bool can_fold(struct work *w)
{
    unsigned frames = sql_frames(w->sql);
    uint64_t owed = (uint64_t)(frames >= w->clean_at ? frames - w->clean_at : frames) * FRAME;
    return disk_room(w->disk) + (disk_reserved(w->disk) ? DISK_RESERVE : 0) >= owed + MARGIN;
}

static bool fold(struct work *w)
{
    bool all = sql_checkpoint(w->sql, false);
    if (all) w->clean_at = sql_frames(w->sql);
    return all;
}

static bool leaves_room(struct work *w)
{
    if (can_fold(w)) return true;
    if (!fold(w)) { /* this is what the reserve is for */
        disk_release(w->disk);
        w->retry_ms = now_ms() + RETRY_MS;
        fold(w);
    }
    return can_fold(w);
}

/*
 * The background checkpoint cannot finish while commits go on, and SQLite writes the WAL from its
 * start again only after a finished one; so when it has grown long, the little rest is done here.
 */
static void tend_wal(struct work *w)
{
    unsigned frames = sql_frames(w->sql), step = sql_tuning.checkpoint_frames;
    if (frames < w->asked) w->asked = 0;
    if (frames < w->folded) w->folded = 0;
    if (frames - w->asked >= step) {
        w->asked = frames;
        wal_poke(w->wal);
    } else if (frames - w->folded >= step * WAL_ROUNDS && !wal_busy(w->wal)) {
        w->folded = frames;
        fold(w);
    }
}

/* --- a full disk --- */

/* Makes the reserve if there is room; a long WAL is emptied first, its space is ours already. */
static void regain(struct work *w)
{
    uint64_t now = now_ms();
    if (disk_reserved(w->disk) || now < w->retry_ms) return;
    w->retry_ms = now + RETRY_MS;
    sql_checkpoint(w->sql, disk_size(w->disk, "broker.db-wal") > WAL_BIG);
    if (!disk_reserve(w->disk)) return;
    w->tight = w->refused = false;
    LOG(LOG_INFO, "store", "room");
}

static bool may_put(struct work *w)
{
    regain(w);
    if (!leaves_room(w)) {
        if (!w->refused) LOG(LOG_ERROR, "store", "full", log_s("todo", "make room on the disk"));
        w->refused = true;
        return false;
    }
    if (disk_reserved(w->disk)) {
        if (w->refused) LOG(LOG_INFO, "store", "room");
        w->refused = false;
        return true;
    }
    w->tight = sql_free_pages(w->sql) >= (w->tight ? TIGHT_LEAST : TIGHT_PAGES);
    return w->tight;
}

static void release(struct work *w)
{
    if (!w->refused) LOG(LOG_ERROR, "store", "full", log_s("todo", "make room on the disk"));
    w->refused = true;
    w->tight = false;
    w->retry_ms = now_ms() + RETRY_MS;
    disk_release(w->disk);
    fold(w); /* so that the WAL starts again in the space that it has */
}

static void refuse_puts(struct requests *todo, struct requests *done)
{
    struct requests kept = {0}, one = {0};
    while (todo->first) {
        requests_move(todo, &one, 1);
        struct request *r = one.first;
        if (ops[r->kind].grows) r->status = STORE_FULL;
        requests_move(&one, ops[r->kind].grows ? done : &kept, 1);
    }
    requests_move(&kept, todo, kept.n);
}

static void note_refusals(struct work *w, const struct requests *done)
{
    for (const struct request *r = done->first; r; r = r->next)
        if (r->status == STORE_FULL && r->epoch > w->refused_epoch) w->refused_epoch = r->epoch;
}

void work_run(struct work *w, struct requests *todo, struct requests *done)
{
    bool puts = may_put(w);
    enum store_status status = attempt(w, todo, puts);
    if (status == STORE_FULL) {
        release(w);
        status = attempt(w, todo, false);
    }
    if (status == STORE_OK)
        requests_move(todo, done, todo->n);
    else
        refuse_puts(todo, done);
    note_refusals(w, done);
    tend_wal(w);
    w->quiet_ms = now_ms();
    w->poked = false;
}

/* --- quiet times --- */

static int sweep_idle(struct work *w)
{
    sweep_gather(w->sweep);
    if (sweep_waiting(w->sweep) == 0) return 0;
    sql_begin(w->sql, true);
    if (sweep_slice(w->sweep, SQL_SLICE) == STORE_OK && commit(w) == STORE_OK) {
        tend_wal(w);
        return 0;
    }
    undo(w, &(struct requests){0});
    release(w);
    return RETRY_MS;
}

/* First the background thread copies, later what remains is nothing and the file is cut. */
static int fold_wal(struct work *w)
{
    int quiet = (int)(now_ms() - w->quiet_ms), wait = (int)sql_tuning.idle_ms;
    if (sql_frames(w->sql) == 0 || !disk_reserved(w->disk)) return -1;
    if (quiet < wait) return wait - quiet;
    if (!w->poked) {
        w->poked = true;
        wal_poke(w->wal);
    }
    if (quiet < 2 * wait || wal_busy(w->wal)) return wait;
    if (sql_checkpoint(w->sql, true)) {
        sql_rest(w->sql);
        return -1;
    }
    w->quiet_ms = now_ms(); /* a reader was in the way */
    return wait;
}

int work_idle(struct work *w)
{
    if (sweep_waiting(w->sweep)) return sweep_idle(w);
    if (!disk_reserved(w->disk)) {
        regain(w);
        if (!disk_reserved(w->disk)) return RETRY_MS;
    }
    return fold_wal(w);
}

/* --- life --- */

/* A server must start on a full disk too: its users have to fetch what fills it. */
static struct sql *open_sql(struct work *w, const char *dir, char *err, size_t err_size)
{
    for (;;) {
        sqlite3 *db = schema_open(dir, err, err_size);
        struct sql *q = db ? sql_open(db, err, err_size) : NULL;
        if (q || !disk_reserved(w->disk)) return q;
        disk_release(w->disk);
    }
}

struct work *work_open(const char *dir, char *err, size_t err_size)
{
    struct work *w = xcalloc(1, sizeof *w);
    w->disk = disk_open(dir, err, err_size);
    if (w->disk) w->sql = open_sql(w, dir, err, err_size);
    if (w->sql) w->wal = wal_open(dir, err, err_size);
    if (w->wal && disk_sync(w->disk) == 0) {
        w->sweep = sweep_new(w->sql);
        w->quiet_ms = now_ms();
        return w;
    }
    if (w->wal) snprintf(err, err_size, "cannot sync the data folder %s: check the disk", dir);
    work_close(w);
    return NULL;
}

void work_start(struct work *w)
{
    wal_start(w->wal);
}

/*
 * The last connection to close copies the WAL and removes it; the room that this gives is kept for
 * the next start.
 */
void work_close(struct work *w)
{
    sweep_free(w->sweep);
    wal_close(w->wal);
    sql_close(w->sql);
    if (w->disk) disk_reserve(w->disk);
    disk_close(w->disk);
    free(w);
}

struct sql *work_sql(struct work *w)
{
    return w->sql;
}

void work_stats(struct work *w, uint64_t *commits, uint64_t *last_us)
{
    *commits = w->commits;
    *last_us = w->last_us;
}
