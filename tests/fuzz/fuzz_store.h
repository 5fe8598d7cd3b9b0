/*
 * fuzz_store.h - in place of store.c and auth.c: requests wait in a list until the target lets some
 * of them be answered, in order; what is stored stands in memory. No thread, no disk, no
 * arithmetic. Once a put was refused, so are those that were made before its caller heard of it.
 */
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

#include "auth.h"
#include "fuzz.h"
#include "fuzz_files.h"
#include "store.h"
#include "wire_keys.h"

enum request_kind {
    ASK_ACCOUNT, ASK_PUT, ASK_ROOM, ASK_ACK, ASK_LOAD, ASK_LOAD_ROOM, ASK_PUBLISH, ASK_BUNDLE, ASK_LIST, ASK_DROP,
    ASK_CHANGE, ASK_AUDIT, ASK_CUT, ASK_END, ASK_FIND, ASK_SPOT
};

struct request {
    struct request *next;
    enum request_kind kind;
    struct store_message m; /* head and body: copies behind it */
    uint64_t after;
    size_t max;
    store_done *done;
    store_loaded *loaded;
    store_bundle *bundle;
    store_entries *entries;
    store_audited *audited;
    store_left *left;
    store_founds *found;
    store_spot *spot;
    void *ctx;
    uint64_t room;
    bool stored;
    uint8_t bytes[];
};

enum { FUZZ_ROOMS = 4 }; /* 1: the lobby; 2: a group, where there is one */

struct store {
    struct request *first, **last;
    struct request *kept; /* what is stored, newest first */
    uint64_t row, room_head[FUZZ_ROOMS];
    size_t pending;
    struct store_prekeys prekeys[16]; /* by account; of one device each */
};

static inline struct store *fuzz_store_open(void)
{
    struct store *s = calloc(1, sizeof *s);
    CHECK(s);
    s->last = &s->first;
    return s;
}

static inline struct request *request_add(struct store *s, enum request_kind kind,
                                          const struct store_message *m, void *ctx)
{
    struct request *r = calloc(1, sizeof *r + m->head.len + m->body.len);
    CHECK(r);
    r->kind = kind;
    r->m = *m;
    r->ctx = ctx;
    if (m->head.len) memcpy(r->bytes, m->head.data, m->head.len);
    if (m->body.len) memcpy(r->bytes + m->head.len, m->body.data, m->body.len);
    r->m.head.data = r->bytes;
    r->m.body.data = r->bytes + m->head.len;
    *s->last = r;
    s->last = &r->next;
    s->pending++;
    return r;
}

void store_put_account(struct store *s, const struct store_account *a, const struct store_device *d,
                       store_done *done, void *ctx)
{
    CHECK(a->id == d->account && a->id > 0);
    request_add(s, ASK_ACCOUNT, &(struct store_message){.account = a->id}, ctx)->done = done;
}

void store_put_message(struct store *s, const struct store_message *m, store_done *done, void *ctx)
{
    request_add(s, ASK_PUT, m, ctx)->done = done;
}

void store_put_room(struct store *s, uint64_t room, const struct store_message *m, store_done *done,
                    void *ctx)
{
    CHECK(room >= 1 && room < FUZZ_ROOMS);
    struct request *r = request_add(s, ASK_ROOM, m, ctx);
    r->room = room;
    r->done = done;
}

void store_ack(struct store *s, uint64_t account, uint64_t device, uint64_t row)
{
    CHECK(row > 0);
    request_add(s, ASK_ACK,
                &(struct store_message){.account = account, .device = device, .row = row}, NULL);
}

static inline void ask_load(struct store *s, enum request_kind kind, const struct store_message *m,
                            uint64_t after, size_t max, store_loaded *done, void *ctx)
{
    struct request *r = request_add(s, kind, m, ctx);
    r->after = after;
    r->max = max ? max : 1;
    r->loaded = done;
}

void store_load(struct store *s, uint64_t account, uint64_t device, uint64_t after, size_t max_rows,
                size_t max_bytes, store_loaded *done, void *ctx)
{
    CHECK(max_rows <= 1 << 20 && max_bytes <= 1 << 30); /* a limit that ran below zero */
    ask_load(s, ASK_LOAD, &(struct store_message){.account = account, .device = device}, after,
             max_rows, done, ctx);
}

void store_load_room(struct store *s, uint64_t room, uint64_t after, size_t max_rows,
                     size_t max_bytes, store_loaded *done, void *ctx)
{
    CHECK(room >= 1 && room < FUZZ_ROOMS && max_rows <= 1 << 20 && max_bytes <= 1 << 30);
    ask_load(s, ASK_LOAD_ROOM, &(struct store_message){.account = room}, after, max_rows, done, ctx);
}

uint64_t store_room_head(struct store *s, uint64_t room)
{
    return s->room_head[room];
}

void store_trim_room(struct store *s, uint64_t room, uint64_t keep_from)
{
    (void)s, (void)room, (void)keep_from;
}

void store_stats(const struct store *s, uint64_t *commits, uint64_t *last_commit_us)
{
    *commits = s->row;
    *last_commit_us = 0;
}

/* --- prekeys are counted, lists stay empty: nobody here can sign an entry --- */

void store_publish(struct store *s, uint64_t account, uint64_t device, uint32_t signed_id, struct slice prefix,
                   struct slice one_time, uint32_t keep, store_bundle *done, void *ctx)
{
    CHECK(prefix.len > 0 && one_time.len % WIRE_ONE_TIME == 0 && keep > 0 && signed_id > 0);
    struct store_message m = {.account = account, .device = device, .id = signed_id, .head = one_time, .body = prefix};
    request_add(s, ASK_PUBLISH, &m, ctx)->bundle = done;
}

void store_take_bundle(struct store *s, uint64_t account, uint64_t device, store_bundle *done, void *ctx)
{
    struct store_message m = {.account = account, .device = device};
    request_add(s, ASK_BUNDLE, &m, ctx)->bundle = done;
}

void store_load_list(struct store *s, uint64_t account, uint32_t after, store_entries *done, void *ctx)
{
    (void)after;
    request_add(s, ASK_LIST, &(struct store_message){.account = account}, ctx)->entries = done;
}

void store_append(struct store *s, const struct store_list *l, struct slice entry, const struct store_device *d,
                  store_done *done, void *ctx)
{
    (void)s, (void)l, (void)entry, (void)d, (void)done, (void)ctx;
    fuzz_failed("nobody can sign an entry", __FILE__, __LINE__);
}

void store_drop_device(struct store *s, uint64_t account, uint64_t device)
{
    request_add(s, ASK_DROP, &(struct store_message){.account = account, .device = device}, NULL);
}

void store_each_prekeys(struct store *s, void (*each)(void *arg, const struct store_prekeys *p), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_list(struct store *s, void (*each)(void *arg, const struct store_list *l), void *arg)
{
    (void)s, (void)each, (void)arg;
}

/* --- moderation and roster: what was asked for is answered; nothing can be read back --- */

void store_moderate(struct store *s, const struct store_audit *line, enum store_change change, uint8_t kind,
                    store_done *done, void *ctx)
{
    CHECK(line->act > 0 && line->time_ms > 0 && memchr(line->reason, 0, sizeof line->reason));
    CHECK(change == STORE_NOTHING || change == STORE_GRANT || kind <= STORE_ANNOUNCE);
    CHECK((line->subject == 0) == (change != STORE_NOTHING && change != STORE_GRANT && kind == STORE_ANNOUNCE));
    request_add(s, ASK_CHANGE, &(struct store_message){0}, ctx)->done = done;
}

void store_load_audit(struct store *s, uint64_t since_ms, uint64_t after, size_t max, store_audited *done, void *ctx)
{
    (void)since_ms, (void)after;
    CHECK(max > 0);
    request_add(s, ASK_AUDIT, &(struct store_message){0}, ctx)->audited = done;
}

void store_put_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t time_ms, struct slice item,
                      store_done *done, void *ctx)
{
    CHECK(kind >= 1 && kind <= 3 && account > 0 && time_ms > 0 && item.len > 0 && item.len <= 512);
    request_add(s, ASK_CHANGE, &(struct store_message){.account = account}, ctx)->done = done;
}

void store_drop_roster(struct store *s, uint8_t kind, uint64_t account, store_done *done, void *ctx)
{
    CHECK(kind >= 1 && kind <= 3 && account > 0);
    request_add(s, ASK_CHANGE, &(struct store_message){.account = account}, ctx)->done = done;
}

void store_load_roster(struct store *s, uint8_t kind, uint64_t account, uint64_t after, size_t max_bytes,
                       store_entries *done, void *ctx)
{
    (void)kind, (void)account, (void)after, (void)max_bytes;
    request_add(s, ASK_LIST, &(struct store_message){0}, ctx)->entries = done;
}

void store_each_sanction(struct store *s, void (*each)(void *arg, const struct store_sanction *x), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_roster(struct store *s, void (*each)(void *arg, uint8_t kind, uint64_t account), void *arg)
{
    (void)s, (void)each, (void)arg;
}

/* --- groups: their rooms, and none of their logs; a target that has a group at the start has made it --- */

void store_append_entry(struct store *s, const struct store_entry *e, store_done *done, void *ctx)
{
    CHECK(e->room > 1 && e->room < FUZZ_ROOMS && (e->seq == 1) == (e->created != NULL));
    struct store_message m = {.from_account = e->from_account, .from_device = e->from_device, .body = e->entry};
    struct request *r = request_add(s, ASK_ROOM, &m, ctx);
    r->room = e->room;
    r->done = done;
}

void store_load_entries(struct store *s, uint64_t room, uint32_t after, uint32_t upto, size_t max_bytes,
                        store_entries *done, void *ctx)
{
    (void)after, (void)upto;
    CHECK(room > 1 && room < FUZZ_ROOMS && max_bytes > 0);
    request_add(s, ASK_LIST, &(struct store_message){0}, ctx)->entries = done;
}

void store_put_place(struct store *s, const struct store_place *p)
{
    (void)s;
    CHECK(p->room > 1 && p->room < FUZZ_ROOMS && (p->end == 0 || p->acked <= p->end));
}

void store_drop_place(struct store *s, uint64_t room, uint64_t account, uint64_t device)
{
    (void)s, (void)account, (void)device;
    CHECK(room > 1 && room < FUZZ_ROOMS);
}

void store_cut_room(struct store *s, uint64_t room, uint64_t keep_from, uint64_t before_ms, uint64_t max_rows,
                    uint64_t max_bytes, store_left *done, void *ctx)
{
    (void)before_ms, (void)max_rows, (void)max_bytes;
    CHECK(room > 1 && room < FUZZ_ROOMS && keep_from > 0);
    struct request *r = request_add(s, ASK_CUT, &(struct store_message){0}, ctx);
    r->after = keep_from;
    r->left = done;
}

void store_drop_group(struct store *s, uint64_t room)
{
    (void)s;
    CHECK(room > 1 && room < FUZZ_ROOMS);
}

void store_end_group(struct store *s, uint64_t room, const struct store_audit *line, store_done *done, void *ctx)
{
    CHECK(room > 1 && room < FUZZ_ROOMS && line->act > 0 && *line->room == '#');
    request_add(s, ASK_END, &(struct store_message){0}, ctx)->done = done;
}

void store_find(struct store *s, const struct store_question *about, store_founds *done, void *ctx)
{
    struct store_message m = {.account = about->account, .from_account = about->from_account,
                              .from_device = about->from_device, .id = about->id[0]};
    CHECK(about->n > 0 && about->n <= 64);
    request_add(s, ASK_FIND, &m, ctx)->found = done;
}

void store_find_spot(struct store *s, uint64_t room, uint64_t number, store_spot *done, void *ctx)
{
    CHECK(room > 1 && room < FUZZ_ROOMS && number > 0 && number <= s->room_head[room]);
    request_add(s, ASK_SPOT, &(struct store_message){.id = number}, ctx)->spot = done;
}

uint64_t store_last_room(struct store *s)
{
    (void)s;
    return 1;
}

void store_each_group(struct store *s, void (*each)(void *arg, const struct store_group *g), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_entry(struct store *s, void (*each)(void *arg, uint64_t room, struct slice entry), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_place(struct store *s, void (*each)(void *arg, const struct store_place *p), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_room(struct store *s, void (*each)(void *arg, uint64_t room, uint64_t rows, uint64_t bytes), void *arg)
{
    (void)s, (void)each, (void)arg;
}

/* people_load() is not used here, but stands in the same file as what is. */
void store_each_account(struct store *s, void (*each)(void *arg, const struct store_account *a),
                        void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_waiting(struct store *s,
                        void (*each)(void *arg, uint64_t account, uint64_t device, uint64_t from),
                        void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_device(struct store *s, void (*each)(void *arg, const struct store_device *d),
                       void *arg)
{
    (void)s, (void)each, (void)arg;
}

/* --- files: what is said of them stands in the broker; only a put can find the disk full --- */

void store_blob(struct store *s, const struct store_blob_change *c, store_done *done, void *ctx)
{
    CHECK(c->n == 0 || c->device);
    request_add(s, c->op == STORE_BLOB_PUT ? ASK_CHANGE : ASK_END, &(struct store_message){0}, ctx)->done = done;
}

void store_each_blob(struct store *s, void (*each)(void *arg, const struct store_blob *b), void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_blob_device(struct store *s, void (*each)(void *arg, const uint8_t *id, const struct store_blob_device *d),
                            void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_each_blob_notice(struct store *s,
                            void (*each)(void *arg, const uint8_t *id, const struct store_blob_device *d, uint64_t made_ms),
                            void *arg)
{
    (void)s, (void)each, (void)arg;
}

void store_boot(struct store *s, char boot[STORE_BOOT_MAX + 1])
{
    (void)s;
    memcpy(boot, FUZZ_BOOT, sizeof FUZZ_BOOT);
}

/* --- answering --- */

static inline bool wanted(const struct request *have, const struct request *r)
{
    if (have->m.row <= r->after) return false;
    if (r->kind == ASK_LOAD_ROOM) return have->kind == ASK_ROOM && have->room == r->m.account;
    return have->kind == ASK_PUT && have->m.account == r->m.account &&
           have->m.device == r->m.device;
}

static inline void answer_load(struct store *s, const struct request *r)
{
    struct store_message rows[64];
    size_t n = 0;
    for (uint64_t after = r->after; n < r->max && n < 64; n++) {
        const struct request *best = NULL; /* the lowest row above the last one */
        for (const struct request *k = s->kept; k; k = k->next)
            if (wanted(k, r) && k->m.row > after && (!best || k->m.row < best->m.row)) best = k;
        if (!best) break;
        rows[n] = best->m;
        after = best->m.row;
    }
    r->loaded(r->ctx, rows, n, false);
}

/* What waits of the first message that was asked about; and once more, as if it had expired elsewhere. */
static inline void answer_find(struct store *s, const struct request *r)
{
    struct store_found f[64];
    size_t n = 0;
    for (const struct request *k = s->kept; k && n < 62; k = k->next)
        if (k->kind == ASK_PUT && k->m.account == r->m.account && k->m.from_account == r->m.from_account &&
            k->m.from_device == r->m.from_device && k->m.id == r->m.id)
            f[n++] = (struct store_found){.device = k->m.device, .id = k->m.id, .row = k->m.row, .place = 1};
    if (n) f[n++] = (struct store_found){.device = 99, .id = r->m.id, .end = STORE_EXPIRED};
    r->found(r->ctx, f, n);
}

/* Acknowledged rows go, so that nothing of them can be loaded again. */
static inline void answer_ack(struct store *s, const struct request *r)
{
    struct request **p = &s->kept;
    while (*p) {
        struct request *k = *p;
        if (k->kind == ASK_PUT && k->m.account == r->m.account && k->m.device == r->m.device &&
            k->m.row <= r->m.row) {
            *p = k->next;
            free(k);
        } else {
            p = &k->next;
        }
    }
}

static inline void answer_keys(struct store *s, const struct request *r, bool full)
{
    static const uint8_t bytes[119 + WIRE_ONE_TIME] = {1};
    struct store_prekeys *p = &s->prekeys[r->m.account % 16];
    struct slice prefix = {0}, one_time = {0};
    p->account = r->m.account;
    p->device = r->m.device;
    if (r->kind == ASK_PUBLISH && !full) {
        p->signed_id = (uint32_t)r->m.id;
        p->left += (uint32_t)(r->m.head.len / WIRE_ONE_TIME);
    } else if (r->kind == ASK_BUNDLE && p->signed_id) {
        prefix = (struct slice){bytes, 119};
        if (p->left) one_time = (struct slice){bytes + 119, WIRE_ONE_TIME};
        if (p->left) p->left--;
    }
    r->bundle(r->ctx, full && r->kind == ASK_PUBLISH ? STORE_FULL : STORE_OK, prefix, one_time, p);
}

static inline void answer_put(struct store *s, struct request *r, bool full)
{
    uint64_t row = r->kind == ASK_ACCOUNT ? r->m.account : 0;
    if (!full && r->kind != ASK_ACCOUNT) {
        row = r->m.row = r->kind == ASK_ROOM ? ++s->room_head[r->room] : ++s->row;
        r->next = s->kept;
        s->kept = r;
        r->stored = true;
    }
    r->done(r->ctx, full ? STORE_FULL : STORE_OK, row);
}

/* Answers the first n requests, but none that is made meanwhile when the disk is full. */
static inline void fuzz_store_answer(struct store *s, size_t n, bool full)
{
    if (full) n = s->pending;
    for (; n > 0 && s->first; n--) {
        struct request *r = s->first;
        s->first = r->next;
        if (!s->first) s->last = &s->first;
        s->pending--;
        if (r->kind == ASK_LOAD || r->kind == ASK_LOAD_ROOM)
            answer_load(s, r);
        else if (r->kind == ASK_ACK)
            answer_ack(s, r);
        else if (r->kind == ASK_PUBLISH || r->kind == ASK_BUNDLE)
            answer_keys(s, r, full);
        else if (r->kind == ASK_FIND)
            answer_find(s, r);
        else if (r->kind == ASK_SPOT)
            r->spot(r->ctx, 1, r->m.id % 2);
        else if (r->kind == ASK_LIST)
            r->entries(r->ctx, (struct slice){0});
        else if (r->kind == ASK_AUDIT)
            r->audited(r->ctx, NULL, 0);
        else if (r->kind == ASK_CHANGE)
            r->done(r->ctx, full ? STORE_FULL : STORE_OK, r->m.account);
        else if (r->kind == ASK_END && r->done)
            r->done(r->ctx, STORE_OK, 0);
        else if (r->kind == ASK_CUT)
            r->left(r->ctx, r->after, 0, 0);
        else if (r->kind != ASK_DROP && r->kind != ASK_END)
            answer_put(s, r, full);
        if (!r->stored) free(r);
    }
}

static inline void fuzz_store_close(struct store *s)
{
    CHECK(!s->first);
    while (s->kept) {
        struct request *r = s->kept;
        s->kept = r->next;
        free(r);
    }
    free(s);
}

/* --- the login thread, without a thread --- */

struct auth {
    struct auth_job *first, **last;
    size_t n, max;
};

struct auth *auth_start(size_t max_jobs)
{
    struct auth *a = calloc(1, sizeof *a);
    CHECK(a);
    a->last = &a->first;
    a->max = max_jobs;
    return a;
}

int auth_fd(const struct auth *a)
{
    return (void)a, -1;
}

bool auth_submit(struct auth *a, struct auth_job *job)
{
    if (a->n >= a->max) return false;
    job->next = NULL;
    job->good = job->kind == AUTH_DH || job->signature[0] == 1;
    *a->last = job;
    a->last = &job->next;
    a->n++;
    return true;
}

void auth_reap(struct auth *a, void (*done)(void *arg, struct auth_job *job), void *arg)
{
    struct auth_job *job = a->first;
    a->first = NULL;
    a->last = &a->first;
    a->n = 0;
    while (job) {
        struct auth_job *next = job->next;
        done(arg, job);
        job = next;
    }
}

void auth_stop(struct auth *a)
{
    CHECK(!a->first);
    free(a);
}

#endif
