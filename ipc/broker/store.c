/*
 * store.c - see store.h: the queue of requests, the thread that serves it, the completions.
 *
 * A request is allocated and freed on the loop's thread; in between it moves from the queue to the
 * store's thread and back by pointer. The thread takes whatever has gathered, so batches form by
 * themselves: while one commit waits for the disk, the next batch arrives.
 */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "store_work.h"
#include "wire_keys.h"

enum { RETRY_MS = 200 }; /* what the full disk did not take */

struct store {
    struct work *work;
    int fd;
    bool running;
    size_t pending;  /* the loop's */
    struct requests gathered; /* the loop's: of this turn, see store_flush() */
    uint32_t epoch; /* the loop's: refusals that the caller has heard of, from 1 */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct requests todo, done;
    bool waiting;
    bool closing; /* what a full disk does not take is given up */
    bool ended;   /* nothing more will come */
};

/* --- the store's thread --- */

/* Waits for a request or for the time; forever when ms is negative. Called with the lock. */
static void wait_for(struct store *s, int ms)
{
    struct timespec t;
    s->waiting = true;
    if (ms < 0) {
        pthread_cond_wait(&s->wake, &s->lock);
    } else {
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += ms / 1000;
        t.tv_nsec += (long)(ms % 1000) * 1000000;
        if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&s->wake, &s->lock, &t);
    }
    s->waiting = false;
}

/* Hands results back; the loop is woken when it may have none in hand. Called with the lock. */
static void hand_back(struct store *s, struct requests *done)
{
    bool first = s->done.n == 0 && done->n > 0;
    requests_move(done, &s->done, done->n);
    if (first && eventfd_write(s->fd, 1) < 0) fatal("store: eventfd: %s", strerror(errno));
}

/* Called with the lock and nothing to do. */
static void be_idle(struct store *s)
{
    pthread_mutex_unlock(&s->lock);
    int ms = work_idle(s->work);
    pthread_mutex_lock(&s->lock);
    if (ms != 0 && s->todo.n == 0 && !s->ended) wait_for(s, ms);
}

static void *serve(void *arg)
{
    struct store *s = arg;
    struct requests batch = {0}, done = {0};
    pthread_mutex_lock(&s->lock);
    for (;;) {
        requests_move(&s->todo, &batch, STORE_BATCH - batch.n);
        if (batch.n == 0 && s->ended) break;
        if (batch.n == 0) {
            be_idle(s);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        work_run(s->work, &batch, &done);
        pthread_mutex_lock(&s->lock);
        hand_back(s, &done);
        if (batch.n && s->closing) {
            LOG(LOG_WARN, "store", "given-up", log_u("requests", batch.n));
            hand_back(s, &batch); /* repeated acknowledgements do no harm */
        } else if (batch.n) {
            wait_for(s, RETRY_MS);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are the loop's: the store's threads block all of them. */
void store_start(struct store *s)
{
    if (s->running) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    work_start(s->work);
    if (pthread_create(&s->thread, NULL, serve, s)) fatal("store: cannot start a thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->running = true;
}

/* --- the loop's thread --- */

struct store *store_open(const char *dir, char *err, size_t err_size)
{
    struct work *w = work_open(dir, err, err_size);
    if (!w) return NULL;
    struct store *s = xcalloc(1, sizeof *s);
    s->work = w;
    s->epoch = 1;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) fatal("store: eventfd: %s", strerror(errno));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void set(struct store *s, bool *flag)
{
    pthread_mutex_lock(&s->lock);
    *flag = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void store_close(struct store *s)
{
    if (!s) return;
    store_flush(s);
    if (s->running) {
        set(s, &s->closing);
        while (s->pending > 0) { /* callbacks may ask for more: that is served, too */
            store_flush(s);
            poll(&(struct pollfd){.fd = s->fd, .events = POLLIN}, 1, -1);
            store_reap(s);
        }
        set(s, &s->ended);
        pthread_join(s->thread, NULL);
    }
    work_close(s->work);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
}

uint64_t store_incarnation(const struct store *s)
{
    return sql_incarnation(work_sql(s->work));
}

void store_each_account(struct store *s, void (*each)(void *, const struct store_account *),
                        void *arg)
{
    assert(!s->running);
    sql_each_account(work_sql(s->work), each, arg);
}

void store_each_device(struct store *s, void (*each)(void *, const struct store_device *),
                       void *arg)
{
    assert(!s->running);
    sql_each_device(work_sql(s->work), each, arg);
}

void store_each_waiting(struct store *s, void (*each)(void *, uint64_t, uint64_t, uint64_t), void *arg)
{
    assert(!s->running);
    sql_each_waiting(work_sql(s->work), each, arg);
}

uint64_t store_room_head(struct store *s, uint64_t room)
{
    assert(!s->running);
    return sql_room_head(work_sql(s->work), room);
}

void store_each_prekeys(struct store *s, void (*each)(void *, const struct store_prekeys *), void *arg)
{
    assert(!s->running);
    sql_each_prekeys(work_sql(s->work), each, arg);
}

void store_each_list(struct store *s, void (*each)(void *, const struct store_list *), void *arg)
{
    assert(!s->running);
    sql_each_list(work_sql(s->work), each, arg);
}

void store_each_sanction(struct store *s, void (*each)(void *, const struct store_sanction *), void *arg)
{
    assert(!s->running);
    sql_each_sanction(work_sql(s->work), each, arg);
}

void store_each_roster(struct store *s, void (*each)(void *, uint8_t, uint64_t), void *arg)
{
    assert(!s->running);
    sql_each_roster(work_sql(s->work), each, arg);
}

void store_each_group(struct store *s, void (*each)(void *, const struct store_group *), void *arg)
{
    assert(!s->running);
    sql_each_group(work_sql(s->work), each, arg);
}

void store_each_entry(struct store *s, void (*each)(void *, uint64_t, struct slice), void *arg)
{
    assert(!s->running);
    sql_each_entry(work_sql(s->work), each, arg);
}

void store_each_place(struct store *s, void (*each)(void *, const struct store_place *), void *arg)
{
    assert(!s->running);
    sql_each_place(work_sql(s->work), each, arg);
}

void store_each_room(struct store *s, void (*each)(void *, uint64_t, uint64_t, uint64_t), void *arg)
{
    assert(!s->running);
    sql_each_room(work_sql(s->work), each, arg);
}

uint64_t store_last_room(struct store *s)
{
    assert(!s->running);
    return sql_last_room(work_sql(s->work));
}

int store_fd(const struct store *s)
{
    return s->fd;
}

/* The prefix of what was found, and behind it the one-time prekey, if one was taken. */
static void hand_over_bundle(const struct request *r)
{
    struct slice prefix = {r->out.data, buf_len(&r->out)}, one_time = {0};
    if (prefix.len && r->keys.taken) {
        prefix.len -= WIRE_ONE_TIME;
        one_time = (struct slice){prefix.data + prefix.len, WIRE_ONE_TIME};
    }
    r->bundle(r->ctx, r->status, prefix, one_time, &r->keys.now);
}

static void complete(struct request *r)
{
    if (r->done) r->done(r->ctx, r->status, r->status == STORE_OK ? r->row : 0);
    if (r->loaded) r->loaded(r->ctx, r->list.m, r->list.n, r->list.more);
    if (r->bundle) hand_over_bundle(r);
    if (r->entries) r->entries(r->ctx, (struct slice){r->out.data, buf_len(&r->out)});
    if (r->audited)
        r->audited(r->ctx, (const void *)r->out.data, buf_len(&r->out) / sizeof(struct store_audit));
    if (r->found)
        r->found(r->ctx, (const void *)r->out.data, buf_len(&r->out) / sizeof(struct store_found));
    if (r->spot) r->spot(r->ctx, (uint32_t)r->row, r->kept);
    if (r->left) r->left(r->ctx, r->row, r->cut.rows, r->cut.bytes);
    sql_list_free(&r->list);
    buf_free(&r->out);
    free(r);
}

void store_reap(struct store *s)
{
    struct requests done = {0};
    eventfd_t events;
    (void)eventfd_read(s->fd, &events); /* empty is fine: somebody asked too early */
    pthread_mutex_lock(&s->lock);
    requests_move(&s->done, &done, s->done.n);
    pthread_mutex_unlock(&s->lock);
    while (done.first) {
        struct request *r = done.first;
        done.first = r->next;
        s->pending--;
        if (r->status == STORE_FULL && r->epoch == s->epoch) s->epoch++;
        complete(r);
    }
}

size_t store_pending(const struct store *s)
{
    return s->pending;
}

void store_stats(const struct store *s, uint64_t *commits, uint64_t *last_commit_us)
{
    work_stats(s->work, commits, last_commit_us);
}

static struct request *ask(enum request_kind kind, size_t bytes, void *ctx)
{
    struct request *r = xmalloc(sizeof *r + bytes);
    *r = (struct request){.kind = kind, .ctx = ctx};
    return r;
}

static void submit(struct store *s, struct request *r)
{
    s->pending++;
    r->epoch = s->epoch;
    requests_add(&s->gathered, r);
}

void store_flush(struct store *s)
{
    if (s->gathered.n == 0) return;
    store_start(s);
    pthread_mutex_lock(&s->lock);
    requests_move(&s->gathered, &s->todo, s->gathered.n);
    if (s->waiting) pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

static struct slice copy(uint8_t *to, struct slice from)
{
    if (from.len) memcpy(to, from.data, from.len);
    return (struct slice){to, from.len};
}

static struct request *ask_message(enum request_kind kind, const struct store_message *m,
                                   store_done *done, void *ctx)
{
    struct request *r = ask(kind, m->head.len + m->body.len, ctx);
    r->done = done;
    r->message = *m;
    r->message.head = copy(r->bytes, m->head);
    r->message.body = copy(r->bytes + m->head.len, m->body);
    return r;
}

void store_put_account(struct store *s, const struct store_account *a, const struct store_device *d,
                       store_done *done, void *ctx)
{
    struct request *r = ask(REQUEST_PUT_ACCOUNT, 0, ctx);
    r->done = done;
    r->sign_up.account = *a;
    r->sign_up.device = *d;
    submit(s, r);
}

void store_put_message(struct store *s, const struct store_message *m, store_done *done, void *ctx)
{
    submit(s, ask_message(REQUEST_PUT_MESSAGE, m, done, ctx));
}

void store_put_room(struct store *s, uint64_t room, const struct store_message *m, store_done *done,
                    void *ctx)
{
    struct request *r = ask_message(REQUEST_PUT_ROOM, m, done, ctx);
    r->room = room;
    submit(s, r);
}

void store_ack(struct store *s, uint64_t account, uint64_t device, uint64_t row)
{
    struct request *r = ask(REQUEST_ACK, 0, NULL);
    r->ack.account = account;
    r->ack.device = device;
    r->ack.row = row;
    submit(s, r);
}

void store_load(struct store *s, uint64_t account, uint64_t device, uint64_t after, size_t max_rows,
                size_t max_bytes, store_loaded *done, void *ctx)
{
    struct request *r = ask(REQUEST_LOAD, 0, ctx);
    r->loaded = done;
    r->load.account = account;
    r->load.device = device;
    r->load.after = after;
    r->load.max_rows = max_rows;
    r->load.max_bytes = max_bytes;
    submit(s, r);
}

void store_load_room(struct store *s, uint64_t room, uint64_t after, size_t max_rows,
                     size_t max_bytes, store_loaded *done, void *ctx)
{
    struct request *r = ask(REQUEST_LOAD_ROOM, 0, ctx);
    r->loaded = done;
    r->room = room;
    r->load.after = after;
    r->load.max_rows = max_rows;
    r->load.max_bytes = max_bytes;
    submit(s, r);
}

void store_expire(struct store *s, uint64_t before_ms, store_loaded *done, void *ctx)
{
    struct request *r = ask(REQUEST_EXPIRE, 0, ctx);
    r->loaded = done;
    r->number = before_ms;
    submit(s, r);
}

void store_trim_room(struct store *s, uint64_t room, uint64_t keep_from)
{
    struct request *r = ask(REQUEST_TRIM_ROOM, 0, NULL);
    r->room = room;
    r->number = keep_from;
    submit(s, r);
}

/* --- prekeys and device lists --- */

static struct request *ask_keys(enum request_kind kind, size_t bytes, uint64_t account, uint64_t device,
                                store_bundle *done, void *ctx)
{
    struct request *r = ask(kind, bytes, ctx);
    r->bundle = done;
    r->keys.now = (struct store_prekeys){.account = account, .device = device};
    return r;
}

void store_publish(struct store *s, uint64_t account, uint64_t device, uint32_t signed_id, struct slice prefix,
                   struct slice one_time, uint32_t keep, store_bundle *done, void *ctx)
{
    struct request *r = ask_keys(REQUEST_PUBLISH, prefix.len + one_time.len, account, device, done, ctx);
    r->keys.signed_id = signed_id;
    r->keys.keep = keep;
    r->keys.prefix = copy(r->bytes, prefix);
    r->keys.one_time = copy(r->bytes + prefix.len, one_time);
    submit(s, r);
}

void store_take_bundle(struct store *s, uint64_t account, uint64_t device, store_bundle *done, void *ctx)
{
    submit(s, ask_keys(REQUEST_TAKE_BUNDLE, 0, account, device, done, ctx));
}

static struct request *ask_list(enum request_kind kind, size_t bytes, uint64_t account, uint32_t seq, void *ctx)
{
    struct request *r = ask(kind, bytes, ctx);
    r->list_of.account = account;
    r->list_of.seq = seq;
    return r;
}

void store_load_list(struct store *s, uint64_t account, uint32_t after, store_entries *done, void *ctx)
{
    struct request *r = ask_list(REQUEST_LOAD_LIST, 0, account, after, ctx);
    r->entries = done;
    submit(s, r);
}

void store_append(struct store *s, const struct store_list *l, struct slice entry, const struct store_device *d,
                  store_done *done, void *ctx)
{
    struct request *r = ask_list(REQUEST_APPEND, entry.len, l->account, l->head, ctx);
    r->done = done;
    memcpy(r->list_of.account_key, l->account_key, sizeof l->account_key);
    r->list_of.entry = copy(r->bytes, entry);
    r->list_of.device = *d;
    submit(s, r);
}

void store_drop_device(struct store *s, uint64_t account, uint64_t device)
{
    struct request *r = ask_list(REQUEST_DROP_DEVICE, 0, account, 0, NULL);
    r->list_of.device.device = device;
    submit(s, r);
}

/* --- moderation and roster --- */

void store_moderate(struct store *s, const struct store_audit *line, enum store_change change, uint8_t kind,
                    store_done *done, void *ctx)
{
    struct request *r = ask(REQUEST_MODERATE, 0, ctx);
    r->done = done;
    r->moderate.line = *line;
    r->moderate.change = change;
    r->moderate.kind = kind;
    submit(s, r);
}

void store_load_audit(struct store *s, uint64_t since_ms, uint64_t after, size_t max, store_audited *done, void *ctx)
{
    struct request *r = ask(REQUEST_LOAD_AUDIT, 0, ctx);
    r->audited = done;
    r->moderate.line.time_ms = since_ms;
    r->moderate.line.id = after;
    r->moderate.max = max;
    submit(s, r);
}

static struct request *ask_roster(enum request_kind what, size_t bytes, uint8_t kind, uint64_t account, void *ctx)
{
    struct request *r = ask(what, bytes, ctx);
    r->roster.kind = kind;
    r->roster.account = account;
    return r;
}

void store_put_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t time_ms, struct slice item,
                      store_done *done, void *ctx)
{
    struct request *r = ask_roster(REQUEST_PUT_ROSTER, item.len, kind, account, ctx);
    r->done = done;
    r->roster.time_ms = time_ms;
    r->roster.item = copy(r->bytes, item);
    submit(s, r);
}

void store_drop_roster(struct store *s, uint8_t kind, uint64_t account, store_done *done, void *ctx)
{
    struct request *r = ask_roster(REQUEST_DROP_ROSTER, 0, kind, account, ctx);
    r->done = done;
    submit(s, r);
}

void store_load_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t after, size_t max_bytes,
                       store_entries *done, void *ctx)
{
    struct request *r = ask_roster(REQUEST_LOAD_ROSTER, 0, kind, account, ctx);
    r->entries = done;
    r->roster.after = after;
    r->roster.max_bytes = max_bytes;
    submit(s, r);
}

/* --- groups --- */

void store_append_entry(struct store *s, const struct store_entry *e, store_done *done, void *ctx)
{
    size_t named = e->created ? strlen(e->created->name) + sizeof e->created->id : 0;
    struct request *r = ask(REQUEST_ENTRY, e->entry.len + named, ctx);
    r->done = done;
    r->room = e->room;
    r->entry_of.e = *e;
    r->entry_of.e.created = NULL; /* the caller's memory; what it says is copied */
    r->entry_of.e.audit = NULL;
    if (e->audit) r->entry_of.line = *e->audit;
    r->entry_of.e.entry = copy(r->bytes, e->entry);
    if (e->created) {
        uint8_t *behind = r->bytes + e->entry.len;
        r->entry_of.id = copy(behind, (struct slice){e->created->id, sizeof e->created->id});
        r->entry_of.name = copy(behind + sizeof e->created->id,
                                (struct slice){(const uint8_t *)e->created->name, strlen(e->created->name)});
    }
    submit(s, r);
}

void store_load_entries(struct store *s, uint64_t room, uint32_t after, uint32_t upto, size_t max_bytes,
                        store_entries *done, void *ctx)
{
    struct request *r = ask(REQUEST_LOAD_ENTRIES, 0, ctx);
    r->entries = done;
    r->room = room;
    r->load.after = after;
    r->load.max_rows = upto;
    r->load.max_bytes = max_bytes;
    submit(s, r);
}

static void ask_place(struct store *s, enum request_kind kind, const struct store_place *p)
{
    struct request *r = ask(kind, 0, NULL);
    r->place = *p;
    submit(s, r);
}

void store_put_place(struct store *s, const struct store_place *p)
{
    ask_place(s, REQUEST_PLACE, p);
}

void store_drop_place(struct store *s, uint64_t room, uint64_t account, uint64_t device)
{
    ask_place(s, REQUEST_DROP_PLACE, &(struct store_place){.room = room, .account = account, .device = device});
}

void store_cut_room(struct store *s, uint64_t room, uint64_t keep_from, uint64_t before_ms, uint64_t max_rows,
                    uint64_t max_bytes, store_left *done, void *ctx)
{
    struct request *r = ask(REQUEST_CUT_ROOM, 0, ctx);
    r->left = done;
    r->room = room;
    r->number = keep_from;
    r->cut.before_ms = before_ms;
    r->cut.max_rows = max_rows;
    r->cut.max_bytes = max_bytes;
    submit(s, r);
}

void store_drop_group(struct store *s, uint64_t room)
{
    struct request *r = ask(REQUEST_DROP_GROUP, 0, NULL);
    r->room = room;
    submit(s, r);
}

void store_end_group(struct store *s, uint64_t room, const struct store_audit *line, store_done *done, void *ctx)
{
    struct request *r = ask(REQUEST_DROP_GROUP, 0, ctx);
    r->done = done;
    r->room = room;
    r->ends = *line;
    submit(s, r);
}

/* --- what became of messages --- */

void store_find(struct store *s, const struct store_question *about, store_founds *done, void *ctx)
{
    struct request *r = ask(REQUEST_WHY, 8 * about->n, ctx);
    r->found = done;
    r->why.account = about->account;
    r->why.from_account = about->from_account;
    r->why.from_device = about->from_device;
    r->why.queued = about->queued;
    r->why.n = about->n;
    for (size_t i = 0; i < about->n; i++)
        put_u64(r->bytes + 8 * i, about->id[i]);
    submit(s, r);
}

void store_find_spot(struct store *s, uint64_t room, uint64_t number, store_spot *done, void *ctx)
{
    struct request *r = ask(REQUEST_SPOT, 0, ctx);
    r->spot = done;
    r->room = room;
    r->number = number;
    submit(s, r);
}

/* --- files --- */

void store_blob(struct store *s, const struct store_blob_change *c, store_done *done, void *ctx)
{
    size_t devices = c->n * sizeof *c->device, boot = c->boot ? strlen(c->boot) + 1 : 0;
    struct request *r = ask(c->op == STORE_BLOB_PUT ? REQUEST_BLOB_PUT : REQUEST_BLOB, devices + boot, ctx);
    r->done = done;
    r->blob = *c;
    r->blob.device = (const void *)copy(r->bytes, (struct slice){(const uint8_t *)c->device, devices}).data;
    if (boot) r->blob.boot = memcpy(r->bytes + devices, c->boot, boot);
    submit(s, r);
}

void store_each_blob(struct store *s, void (*each)(void *, const struct store_blob *), void *arg)
{
    assert(!s->running);
    sql_each_blob(work_sql(s->work), each, arg);
}

void store_each_blob_device(struct store *s, void (*each)(void *, const uint8_t *, const struct store_blob_device *),
                            void *arg)
{
    assert(!s->running);
    sql_each_blob_device(work_sql(s->work), each, arg);
}

void store_each_blob_notice(struct store *s,
                            void (*each)(void *, const uint8_t *, const struct store_blob_device *, uint64_t), void *arg)
{
    assert(!s->running);
    sql_each_blob_notice(work_sql(s->work), each, arg);
}

void store_boot(struct store *s, char boot[STORE_BOOT_MAX + 1])
{
    assert(!s->running);
    sql_boot(work_sql(s->work), boot);
}
