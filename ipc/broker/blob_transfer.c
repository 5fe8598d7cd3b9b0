/*
 * blob_transfer.c - transfers of sessions: which file each has open, and how its descriptor gets to the worker.
 * The bytes go between worker and file; nothing of them comes here.
 */
#include "blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus_files.h"
#include "fault.h"
#include "log.h"

/* --- the workers' channels --- */

/* They are for descriptors, one way: whoever says something there is cut off from files. */
static void packet(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    (void)type, (void)fields;
    if (fd >= 0) close(fd);
    chan_close(c);
}

static void ended(struct chan *c)
{
    chan_close(c);
}

void transfers_channel(struct broker *b, uint32_t slot, uint32_t generation, int fd)
{
    struct files *files = b->files;
    if (files->fd >= 0) close(files->fd);
    files->fd = fd;
    files->slot = slot;
    files->generation = generation;
}

void transfers_link(struct link *l)
{
    struct files *files = l->broker->files;
    l->files.closed = true;
    if (files->fd < 0 || files->slot != l->slot || files->generation != l->generation) return;
    chan_open(&l->files, &l->broker->loop, files->fd, packet, ended, l);
    files->fd = -1;
}

void transfers_unlink(struct link *l)
{
    if (!l->files.closed) chan_close(&l->files);
}

/* --- which there are --- */

struct transfer *transfer_find(const struct session *s, uint32_t ref)
{
    struct transfer *t = s->transfers;
    while (t && t->ref != ref)
        t = t->next;
    return t;
}

unsigned transfer_count(const struct session *s)
{
    unsigned n = 0;
    for (const struct transfer *t = s->transfers; t; t = t->next)
        n++;
    return n;
}

struct transfer *transfer_add(struct session *s, struct blob *f, uint32_t ref, bool put)
{
    struct transfer *t = xmalloc(sizeof *t);
    *t = (struct transfer){.next = s->transfers, .next_of_blob = f->transfer, .session = s, .blob = f, .ref = ref, .put = put};
    s->transfers = t;
    f->transfer = t;
    return t;
}

static void drop(struct transfer *t)
{
    struct transfer **p = &t->session->transfers;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    p = &t->blob->transfer;
    while (*p != t)
        p = &(*p)->next_of_blob;
    *p = t->next_of_blob;
    free(t);
}

static void tell_worker(const struct session *s, uint8_t type, uint32_t ref)
{
    struct chan *c = &s->link->files;
    struct buf m = {0};
    if (c->closed) return;
    buf_put_u64(&m, s->sid);
    if (type != FILES_CLOSE_ALL) buf_put_u32(&m, ref);
    chan_send(c, type, &m, -1);
    buf_free(&m);
}

void transfer_end(struct transfer *t)
{
    tell_worker(t->session, FILES_CLOSE, t->ref);
    drop(t);
}

void transfers_forget(struct session *s)
{
    while (s->transfers)
        drop(s->transfers);
}

void transfers_reset(struct session *s)
{
    if (s->transfers) tell_worker(s, FILES_CLOSE_ALL, 0);
    transfers_forget(s);
}

static void fail(struct transfer *t, uint16_t code, const char *text, const char *hint)
{
    uint8_t op = t->done ? WIRE_BLOB_DONE : t->put ? WIRE_BLOB_PUT : WIRE_BLOB_GET;
    blob_no(t->session, &(struct wire_blob_ask){.op = op, .ref = t->ref}, code, text, hint);
    transfer_end(t);
}

/* --- opening --- */

struct opening {
    struct blob_job job;
    struct asker by;
    struct blob *blob;
    uint32_t ref;
    uint64_t at;
};

static void say_ready(struct session *s, const struct wire_blob_ready *m)
{
    size_t at;
    wire_put_blob_ready(session_begin(s, &at), m);
    session_end(s, at);
}

void transfer_needless(struct session *s, const struct blob *f, uint32_t ref)
{
    say_ready(s, &(struct wire_blob_ready){ref, f->size, f->size, true});
}

/* The worker says READY itself, so that nothing it says of this transfer comes before that. */
static void hand_over(struct transfer *t, const struct opening *o)
{
    const struct blob *f = t->blob;
    struct buf m = {0};
    bus_files_put_open(&m, &(struct bus_files_open){.sid = t->session->sid, .ref = t->ref, .put = t->put,
                                                    .complete = f->complete, .size = f->size, .upto = o->job.length,
                                                    .at = o->at, .most = f->most});
    struct chan *c = &t->session->link->files;
    if (c->closed || chan_send(c, FILES_OPEN, &m, o->job.fd))
        fail(t, WIRE_BUSY, "the server cannot pass the file on just now", "try again");
    buf_free(&m);
}

static void cannot_open(struct transfer *t, const struct opening *o)
{
    char hex[2 * BLOB_ID + 1];
    if (o->job.error == ENOSPC && t->put) {
        fail(t, WIRE_DISK_FULL, "the server's disk has no room for this file", "try again later; what is there stays");
        if (o->job.length == 0) blob_remove(o->by.broker, o->blob, BLOB_UNTOLD);
        return;
    }
    blob_hex(o->blob->id, hex);
    LOG(LOG_WARN, "file", "unopened", log_s("blob", hex), log_s("why", strerror(o->job.error)));
    if (o->job.error == ENOENT)
        fail(t, WIRE_NO_SUCH_BLOB, "nothing of this file is on the server yet", "try again, or ask its sender");
    else
        fail(t, WIRE_BUSY, "the server cannot open the file", "try again later, or tell its operator");
}

static void opened(struct blob_job *job)
{
    struct opening *o = container_of(job, struct opening, job);
    struct session *s = asker_session(&o->by);
    struct transfer *t = s ? transfer_find(s, o->ref) : NULL;
    bool wanted = t && t->blob == o->blob && t->put == (job->work == BLOB_WRITE) && !t->done;
    FAULT(o->by.broker->set.server.state_dir, "blob.opened");
    if (wanted && job->error) {
        cannot_open(t, o);
    } else if (wanted && t->put && t->blob->complete) {
        transfer_needless(s, t->blob, t->ref);
        drop(t);
    } else if (wanted && t->put && t->blob->finishing) {
        fail(t, WIRE_BUSY, "this upload is just being completed", "try again");
    } else if (wanted) {
        hand_over(t, o);
    }
    if (job->fd >= 0) close(job->fd);
    blob_release(o->by.broker, o->blob);
    free(o);
}

void transfer_open(struct transfer *t, uint64_t at)
{
    struct session *s = t->session;
    struct broker *b = s->link->broker;
    struct blob *f = t->blob;
    struct opening *o = xmalloc(sizeof *o);
    *o = (struct opening){.job = {.work = t->put ? BLOB_WRITE : BLOB_READ, .complete = f->complete,
                                  .size = f->size == WIRE_BLOB_GROWS ? 0 : f->size, .spare = b->set.limits.disk_free,
                                  .done = opened},
                          .by = asker_of(s), .blob = f, .ref = t->ref, .at = at};
    memcpy(o->job.id, f->id, BLOB_ID);
    blob_hold(f);
    blob_disk_submit(b->files->disk, &o->job);
}

/* --- completing --- */

struct finishing {
    struct blob_job job;
    struct broker *broker;
    struct blob *blob;
};

static void stored(void *ctx, enum store_status status, uint64_t row)
{
    struct finishing *x = ctx;
    struct blob *f = x->blob;
    char hex[2 * BLOB_ID + 1];
    (void)status, (void)row; /* it is no put, so it never fails */
    f->finishing = false;
    if (!f->ended) {
        blob_hex(f->id, hex);
        LOG(LOG_INFO, "file", "stored", log_s("blob", hex), log_s("user", f->from->name), log_s("to", f->to),
            log_u("bytes", x->job.size));
        blob_is_complete(x->broker, f, x->job.size);
    }
    blob_release(x->broker, f);
    free(x);
}

/* All who write have lost their descriptors: they put it again. */
static void unfinished(struct blob *f, int error)
{
    f->finishing = false;
    for (struct transfer *t = f->transfer, *next; t; t = next) {
        next = t->next_of_blob;
        if (!t->put) continue;
        if (error == EINVAL)
            fail(t, WIRE_BLOB_DIFFERS, "the upload has another length than was said", "put it again");
        else
            fail(t, WIRE_DISK_FULL, strerror(error), "the server cannot store the file; try again later, or tell its operator");
    }
}

static void finished(struct blob_job *job)
{
    struct finishing *x = container_of(job, struct finishing, job);
    FAULT(x->broker->set.server.state_dir, "blob.renamed");
    if (job->error) {
        unfinished(x->blob, job->error);
        blob_release(x->broker, x->blob);
        free(x);
        return;
    }
    struct store_blob_change c = {.op = STORE_BLOB_COMPLETE, .blob = {.size = job->size}};
    memcpy(c.blob.id, x->blob->id, BLOB_ID);
    store_blob(x->broker->store, &c, stored, x);
}

/* What others of the sender's sessions still write there is the same; they are told when it is stored. */
void transfer_done(struct transfer *t, uint64_t size)
{
    struct blob *f = t->blob;
    struct broker *b = t->session->link->broker;
    t->done = true;
    if (f->finishing) return;
    f->finishing = true;
    for (const struct transfer *u = f->transfer; u; u = u->next_of_blob)
        if (u->put) tell_worker(u->session, FILES_CLOSE, u->ref);
    struct finishing *x = xmalloc(sizeof *x);
    *x = (struct finishing){.job = {.work = BLOB_FINISH, .size = size, .done = finished}, .broker = b, .blob = f};
    memcpy(x->job.id, f->id, BLOB_ID);
    blob_hold(f);
    blob_disk_submit(b->files->disk, &x->job);
}

/* A reader goes on, and knows now where the end is. */
static void tell_reader(const struct transfer *t)
{
    struct chan *c = &t->session->link->files;
    struct buf m = {0};
    if (c->closed) return;
    buf_put_u64(&m, t->session->sid);
    buf_put_u32(&m, t->ref);
    buf_put_u64(&m, t->blob->size);
    chan_send(c, FILES_STORED, &m, -1);
    buf_free(&m);
}

void transfers_stored(struct blob *f)
{
    for (struct transfer *t = f->transfer, *next; t; t = next) {
        next = t->next_of_blob;
        if (!t->put) {
            tell_reader(t);
            continue;
        }
        size_t at;
        wire_put_blob_stored(session_begin(t->session, &at), &(struct wire_blob_stored){t->ref});
        session_end(t->session, at);
        transfer_end(t);
    }
}
