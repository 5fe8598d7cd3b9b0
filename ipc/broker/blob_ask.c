/* blob_ask.c - BLOB of a client: judged, and answered with words when it is refused (docs/protocol.md, 6.9). */
#include "blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "group.h"
#include "log.h"

static struct slice words(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void say_no(struct session *s, const struct wire_blob_ask *m, uint16_t code, uint32_t retry_ms, const char *text,
                   const char *hint)
{
    struct wire_blob_no no = {
        .asked = m->op, .code = code, .retry_ms = retry_ms, .text = words(text), .hint = words(hint)};
    size_t at;
    if (wire_blob_of_ref(m->op))
        no.ref = m->ref;
    else
        memcpy(no.blob, m->blob, sizeof no.blob);
    wire_put_blob_no(session_begin(s, &at), &no);
    session_end(s, at);
}

void blob_no(struct session *s, const struct wire_blob_ask *m, uint16_t code, const char *text, const char *hint)
{
    say_no(s, m, code, code == WIRE_BUSY ? 500 : code == WIRE_DISK_FULL ? 5000 : 0, text, hint);
}

void blob_no_such(struct session *s, const struct wire_blob_ask *m)
{
    blob_no(s, m, WIRE_NO_SUCH_BLOB, "there is no such file on the server",
            "it may have expired, been taken back, or been fetched by everybody; ask its sender");
}

static void say_ok(struct session *s, uint8_t asked, const uint8_t id[BLOB_ID])
{
    struct wire_blob_ok ok = {.asked = asked};
    size_t at;
    memcpy(ok.blob, id, BLOB_ID);
    wire_put_blob_ok(session_begin(s, &at), &ok);
    session_end(s, at);
}

/* --- put: whom it is for --- */

/* What is being made: the row, and whose devices are to fetch it. */
struct making {
    struct store_blob row;
    struct store_blob_device *device;
    size_t n;
};

/* One's own device that sends has it already; so have the others of one's account, who send with it, unless it is for them. */
static void add_devices(struct making *x, const struct session *s, const struct account *a)
{
    const struct account *self = s->device->account;
    bool to_self = strcmp(x->row.to, self->name) == 0;
    if (a == self && !to_self) return;
    for (const struct device *d = a->device; d; d = d->next) {
        if (d == s->device) continue;
        x->device = xrealloc(x->device, (x->n + 1) * sizeof *x->device);
        x->device[x->n++] = (struct store_blob_device){a->id, d->id, BLOB_WAITS};
    }
}

static bool to_user(struct session *s, const struct wire_blob_ask *m, struct making *x)
{
    struct broker *b = s->link->broker;
    const struct account *a = people_find(b, m->to);
    struct name_near near;
    char hint[128] = "";
    if (a && !a->pending) {
        snprintf(x->row.to, sizeof x->row.to, "%s", a->name);
        add_devices(x, s, a);
        return true;
    }
    people_near(b, m->to, &near);
    if (near.n) snprintf(hint, sizeof hint, "did you mean %s?", near.name[0]);
    blob_no(s, m, WIRE_NO_SUCH_USER, "no such user", hint);
    return false;
}

static bool to_group(struct session *s, const struct wire_blob_ask *m, struct making *x)
{
    const struct group *g = group_find(s->link->broker, m->to);
    char text[160];
    if (!g) {
        bool lobby = m->to.len == 6 && memcmp(m->to.data, "#lobby", 6) == 0;
        blob_no(s, m, lobby ? WIRE_FORBIDDEN : WIRE_NO_SUCH_ROOM, lobby ? "files go to people and groups, not to the lobby"
                                                                        : "no such group", "");
        return false;
    }
    uint16_t code = group_speaks(g, s->device->account, text, sizeof text);
    if (code != WIRE_OK) {
        blob_no(s, m, code, text, "");
        return false;
    }
    snprintf(x->row.to, sizeof x->row.to, "%s", g->room.name);
    for (struct member *i = g->member; i; i = i->next) {
        const struct membership_person *p = group_person(g, i);
        if (p && p->role != ROLE_NONE) add_devices(x, s, i->account);
    }
    return true;
}

static bool for_whom(struct session *s, const struct wire_blob_ask *m, struct making *x)
{
    bool good = m->to.len > 0 && m->to.data[0] == '#' ? to_group(s, m, x) : to_user(s, m, x);
    if (!good || x->n > 0) return good;
    blob_no(s, m, WIRE_NO_DEVICE, "nobody there has a device that could fetch it", "");
    return false;
}

/* --- put: how much --- */

static void amount(char *out, size_t size, uint64_t n)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    unsigned u = 0;
    double v = (double)n;
    for (; v >= 1024 && u < 4; u++)
        v /= 1024;
    snprintf(out, size, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static bool refuse_amount(struct session *s, const struct wire_blob_ask *m, uint16_t code, const char *what, uint64_t used,
                          uint64_t most, const char *hint)
{
    char text[200], is[32], may[32];
    amount(is, sizeof is, used);
    amount(may, sizeof may, most);
    snprintf(text, sizeof text, what, is, may);
    blob_no(s, m, code, text, hint);
    return false;
}

static uint64_t left_of(uint64_t most, uint64_t used)
{
    return most > used ? most - used : 0;
}

/* So much it may become; one whose size is not known counts with all that it may, until it is. False: refused. */
static bool how_much(struct session *s, const struct wire_blob_ask *m, uint64_t *most)
{
    const struct broker *b = s->link->broker;
    bool grows = m->at == WIRE_BLOB_GROWS;
    uint64_t file = b->set.limits.file_size, own = people_keys(s->device->account)->file_bytes;
    uint64_t left = left_of(b->set.limits.files_per_user, own), all = left_of(b->set.limits.files_total, b->files->bytes);
    if (!grows && m->at > file)
        return refuse_amount(s, m, WIRE_TOO_LARGE, "the file has %s, sealed; this server takes at most %s", m->at, file, "");
    *most = grows ? file : m->at;
    if (grows && left < *most) *most = left;
    if (grows && all < *most) *most = all;
    uint64_t counts = blob_counts(&(struct blob){.most = *most});
    if (counts > left)
        return refuse_amount(s, m, WIRE_FILES_FULL, "your files that wait on the server take %s, and with this one more than the %s that they may",
                             own, b->set.limits.files_per_user, "take one back, or wait until the others have fetched theirs");
    if (counts > all)
        return refuse_amount(s, m, WIRE_FILES_FULL, "the files of all that wait on the server take %s, and with this one more than the %s that they may",
                             b->files->bytes, b->set.limits.files_total, "try again later; the operator of the server can make room");
    return true;
}

/* --- put --- */

struct putting {
    struct asker by;
    struct blob *blob;
    uint32_t ref;
};

static void put_done(void *ctx, enum store_status status, uint64_t row)
{
    struct putting *p = ctx;
    struct blob *f = p->blob;
    struct session *s = asker_session(&p->by);
    struct transfer *t = s ? transfer_find(s, p->ref) : NULL;
    bool wanted = t && t->blob == f;
    (void)row;
    f->pending = false;
    if (status == STORE_FULL && !f->ended) {
        if (wanted) {
            blob_no(s, &(struct wire_blob_ask){.op = WIRE_BLOB_PUT, .ref = p->ref}, WIRE_DISK_FULL,
                    "the server's disk is full", "try again later");
            transfer_end(t);
        }
        blob_discard(p->by.broker, f);
    } else if (wanted) {
        transfer_open(t, 0);
    }
    blob_release(p->by.broker, f);
    free(p);
}

static void make(struct session *s, const struct wire_blob_ask *m, const struct making *x, uint64_t most)
{
    struct broker *b = s->link->broker;
    struct blob *f = blob_add(b, &x->row, most);
    struct putting *p = xmalloc(sizeof *p);
    char hex[2 * BLOB_ID + 1];
    *p = (struct putting){asker_of(s), f, m->ref};
    for (size_t i = 0; i < x->n; i++)
        blob_add_device(f, people_by_id(b, x->device[i].account), x->device[i].device, BLOB_WAITS);
    f->pending = true;
    blob_hold(f);
    transfer_add(s, f, m->ref, true);
    store_blob(b->store, &(struct store_blob_change){STORE_BLOB_PUT, x->row, x->device, x->n, NULL}, put_done, p);
    blob_hex(f->id, hex);
    LOG(LOG_INFO, "file", "put", log_s("blob", hex), log_s("user", f->from->name), log_s("to", f->to),
        log_u("bytes", m->at == WIRE_BLOB_GROWS ? 0 : m->at), log_u("devices", f->n_devices));
}

static void put_new(struct session *s, const struct wire_blob_ask *m)
{
    uint64_t now_ms = clock_wall_ms(), most = 0;
    struct making x = {.row = {.account = s->device->account->id, .device = s->device->id, .size = m->at,
                               .created_ms = now_ms, .until_ms = now_ms + s->link->broker->set.limits.file_keep}};
    memcpy(x.row.id, m->blob, BLOB_ID);
    if (for_whom(s, m, &x) && how_much(s, m, &most)) make(s, m, &x, most);
    free(x.device);
}

/* One that was begun: only the device that did may go on, and with the same. */
static void put_again(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    bool same = f->from == s->device->account && f->device == s->device->id && m->to.len == strlen(f->to) &&
                strncasecmp(f->to, (const char *)m->to.data, m->to.len) == 0;
    bool fits = m->at == f->size || (m->at == WIRE_BLOB_GROWS && f->complete);
    if (!same || !fits) {
        blob_no(s, m, WIRE_BLOB_DIFFERS, "a file of this number is there, of another device, size or recipient", "");
    } else if (f->complete) {
        transfer_needless(s, f, m->ref);
    } else if (f->pending || f->finishing) {
        blob_no(s, m, WIRE_BUSY, "this upload is just being changed", "try again");
    } else {
        transfer_open(transfer_add(s, f, m->ref, true), 0);
    }
}

/* --- the others --- */

static void get(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    if (!f || f->pending || !blob_is_for(f, s->device->account))
        blob_no_such(s, m);
    else if (m->at > f->size || m->at > f->most)
        blob_no(s, m, WIRE_BLOB_DIFFERS, "the file is not as long as that", "");
    else
        transfer_open(transfer_add(s, f, m->ref, false), m->at);
}

/* A question that begins a transfer. */
static void begin(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    if (transfer_find(s, m->ref))
        blob_no(s, m, WIRE_BLOB_DIFFERS, "this session has a transfer of this number", "");
    else if (transfer_count(s) >= WIRE_BLOB_REFS)
        blob_no(s, m, WIRE_TOO_MANY, "a connection may have eight files on their way", "wait until one is through");
    else if (m->op == WIRE_BLOB_GET)
        get(s, m, f);
    else if (f)
        put_again(s, m, f);
    else
        put_new(s, m);
}

static void done(struct session *s, const struct wire_blob_ask *m)
{
    struct transfer *t = transfer_find(s, m->ref);
    if (!t || !t->put || t->done) {
        blob_no(s, m, WIRE_NO_SUCH_BLOB, "there is no such upload", "put it again");
    } else if (t->blob->size != WIRE_BLOB_GROWS ? m->at != t->blob->size : m->at > t->blob->most) {
        blob_no(s, m, WIRE_BLOB_DIFFERS, "the upload was said to have another size", "put it again");
        transfer_end(t);
    } else {
        transfer_done(t, m->at);
    }
}

/* Answered when it is durable. */
struct settling {
    struct asker by;
    uint8_t op, id[BLOB_ID];
};

static void changed(void *ctx, enum store_status status, uint64_t row)
{
    struct settling *c = ctx;
    struct session *s = asker_session(&c->by);
    (void)status, (void)row; /* it is no put, so it never fails */
    if (s) say_ok(s, c->op, c->id);
    free(c);
}

static void submit(struct session *s, const struct wire_blob_ask *m, const struct store_blob_device *d, size_t n)
{
    struct store_blob_change what = {.op = STORE_BLOB_STATE, .device = d, .n = n};
    struct settling *c = xmalloc(sizeof *c);
    *c = (struct settling){.by = asker_of(s), .op = m->op};
    memcpy(c->id, m->blob, BLOB_ID);
    memcpy(what.blob.id, m->blob, BLOB_ID);
    store_blob(s->link->broker->store, &what, changed, c);
}

static void have(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    if (!f || !blob_is_for(f, s->device->account)) {
        blob_no_such(s, m);
        return;
    }
    uint8_t state = m->op == WIRE_BLOB_HAVE ? BLOB_HAS : BLOB_DECLINED;
    struct store_blob_device row = {s->device->account->id, s->device->id, state};
    struct blob_device *d = blob_device_of(f, s->device->account, s->device->id);
    submit(s, m, &row, d ? 1 : 0);
    if (d) blob_set_state(s->link->broker, f, d, state);
}

static void take_back(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    if (!f || f->from != s->device->account) {
        blob_no_such(s, m);
        return;
    }
    blob_remove(s->link->broker, f, WIRE_BLOB_TAKEN_BACK);
    submit(s, m, NULL, 0); /* behind the removal, and durable with it */
}

/* --- what --- */

struct looking {
    struct blob_job job;
    struct asker by;
    struct blob *blob;
};

static void say_state(struct session *s, const struct blob *f, uint64_t upto)
{
    struct wire_blob_state m = {.size = f->size, .upto = upto, .complete = f->complete, .until_ms = f->until_ms,
                                .devices = (uint32_t)f->n_devices, .have = (uint32_t)f->n_have,
                                .declined = (uint32_t)f->n_declined};
    size_t at;
    memcpy(m.blob, f->id, BLOB_ID);
    wire_put_blob_state(session_begin(s, &at), &m);
    session_end(s, at);
}

/* Of an upload the file alone knows how much is there. */
static void looked(struct blob_job *job)
{
    struct looking *l = container_of(job, struct looking, job);
    struct session *s = asker_session(&l->by);
    if (job->fd >= 0) close(job->fd);
    if (s && !l->blob->ended) say_state(s, l->blob, job->error ? 0 : job->length);
    blob_release(l->by.broker, l->blob);
    free(l);
}

static void what(struct session *s, const struct wire_blob_ask *m, struct blob *f)
{
    if (!f || !blob_is_for(f, s->device->account)) {
        blob_no_such(s, m);
        return;
    }
    if (f->complete) {
        say_state(s, f, f->size);
        return;
    }
    struct looking *l = xcalloc(1, sizeof *l);
    *l = (struct looking){.job = {.work = BLOB_READ, .done = looked}, .by = asker_of(s), .blob = f};
    memcpy(l->job.id, f->id, BLOB_ID);
    blob_hold(f);
    blob_disk_submit(s->link->broker->files->disk, &l->job);
}

/* --- all of them --- */

static void stop(struct session *s, const struct wire_blob_ask *m)
{
    struct transfer *t = transfer_find(s, m->ref);
    if (t && !t->done) transfer_end(t);
}

static bool afford(struct session *s, const struct wire_blob_ask *m)
{
    const struct broker *b = s->link->broker;
    uint64_t *full_us = &people_keyring(s->device->account)->files_full_us;
    uint32_t wait_ms = bucket_take(full_us, b->loop.now_ms, b->set.limits.file_requests);
    if (wait_ms) say_no(s, m, WIRE_TOO_FAST, wait_ms, "too many questions about files; wait a little", "");
    return wait_ms == 0;
}

void blobs_ask(struct session *s, const struct wire_blob_ask *m)
{
    bool named = m->op <= WIRE_BLOB_GET || !wire_blob_of_ref(m->op);
    struct blob *f = named ? blob_find(s->link->broker, m->blob) : NULL;
    if (m->op == WIRE_BLOB_STOP) {
        stop(s, m);
        return;
    }
    if (m->op == WIRE_BLOB_NOTED) {
        notice_noted(s, m->blob);
        return;
    }
    if (!afford(s, m)) return;
    switch (m->op) {
    case WIRE_BLOB_PUT:
    case WIRE_BLOB_GET: begin(s, m, f); break;
    case WIRE_BLOB_DONE: done(s, m); break;
    case WIRE_BLOB_HAVE:
    case WIRE_BLOB_DECLINE: have(s, m, f); break;
    case WIRE_BLOB_DROP: take_back(s, m, f); break;
    case WIRE_BLOB_WHAT: what(s, m, f); break;
    default: break; /* credit is the worker's */
    }
}
