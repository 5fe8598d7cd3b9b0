/* blob.c - the blobs there are. What is said of one here is on its way to the store in the same turn. */
#include "blob.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "log.h"

enum { COUNTS_LEAST = 1 << 20 };

void blob_hex(const uint8_t id[BLOB_ID], char out[2 * BLOB_ID + 1])
{
    sodium_bin2hex(out, 2 * BLOB_ID + 1, id, BLOB_ID);
}

struct blob *blob_find(struct broker *b, const uint8_t id[BLOB_ID])
{
    uint64_t hash = table_hash(id, BLOB_ID);
    for (struct table_node *n = table_first(&b->files->by_id, hash); n; n = table_next(n)) {
        struct blob *f = container_of(n, struct blob, by_id);
        if (memcmp(f->id, id, BLOB_ID) == 0) return f;
    }
    return NULL;
}

uint64_t blob_counts(const struct blob *f)
{
    return f->most > COUNTS_LEAST ? f->most : COUNTS_LEAST;
}

static void count(struct broker *b, const struct blob *f, bool more)
{
    uint64_t n = blob_counts(f);
    struct keyring *k = people_keyring(f->from);
    b->files->bytes += more ? n : -n;
    k->file_bytes += more ? n : -n;
}

struct blob *blob_add(struct broker *b, const struct store_blob *row, uint64_t most)
{
    struct files *files = b->files;
    struct blob *f = xcalloc(1, sizeof *f);
    *f = (struct blob){.prev = files->last, .from = people_by_id(b, row->account), .device = row->device,
                       .size = row->size, .most = most, .created_ms = row->created_ms, .until_ms = row->until_ms,
                       .complete = row->complete};
    memcpy(f->id, row->id, BLOB_ID);
    memcpy(f->to, row->to, sizeof f->to);
    *(files->last ? &files->last->next : &files->first) = f;
    files->last = f;
    table_add(&files->by_id, &f->by_id, table_hash(f->id, BLOB_ID));
    count(b, f, true);
    return f;
}

void blob_add_device(struct blob *f, struct account *a, uint64_t device, uint8_t state)
{
    f->to_device = xrealloc(f->to_device, (f->n_devices + 1) * sizeof *f->to_device);
    f->to_device[f->n_devices++] = (struct blob_device){a, device, state};
    f->n_have += state == BLOB_HAS;
    f->n_declined += state == BLOB_DECLINED;
}

void blob_hold(struct blob *f)
{
    f->under_way++;
}

struct removal {
    struct blob_job job;
    char hex[2 * BLOB_ID + 1];
};

static void removed(struct blob_job *job)
{
    const struct removal *r = container_of(job, struct removal, job);
    if (job->error)
        LOG(LOG_WARN, "file", "stays", log_s("blob", r->hex), log_s("why", strerror(job->error)),
            log_s("todo", "it is removed at the next start"));
    free(container_of(job, struct removal, job));
}

/* The rows are gone for good and nobody opens it any more: now the file may go, too. */
static void settle(struct broker *b, struct blob *f)
{
    if (!f->ended || !f->forgotten || f->under_way > 0) return;
    struct removal *r = xcalloc(1, sizeof *r);
    r->job = (struct blob_job){.work = BLOB_REMOVE, .done = removed};
    memcpy(r->job.id, f->id, BLOB_ID);
    blob_hex(f->id, r->hex);
    blob_disk_submit(b->files->disk, &r->job);
    free(f->to_device);
    free(f);
}

void blob_release(struct broker *b, struct blob *f)
{
    f->under_way--;
    settle(b, f);
}

void blob_check(struct broker *b, struct blob *f)
{
    if (f->complete && f->n_have + f->n_declined == f->n_devices) blob_remove(b, f, WIRE_BLOB_FETCHED);
}

void blob_is_complete(struct broker *b, struct blob *f, uint64_t size)
{
    count(b, f, false);
    f->size = f->most = size;
    f->complete = true;
    count(b, f, true);
    transfers_stored(f);
    blob_check(b, f);
}

bool blob_is_for(const struct blob *f, const struct account *a)
{
    if (f->from == a) return true;
    for (size_t i = 0; i < f->n_devices; i++)
        if (f->to_device[i].account == a) return true;
    return false;
}

struct blob_device *blob_device_of(struct blob *f, const struct account *a, uint64_t device)
{
    for (size_t i = 0; i < f->n_devices; i++)
        if (f->to_device[i].account == a && f->to_device[i].device == device) return &f->to_device[i];
    return NULL;
}

void blob_set_state(struct broker *b, struct blob *f, struct blob_device *d, uint8_t state)
{
    f->n_have += (size_t)(state == BLOB_HAS) - (size_t)(d->state == BLOB_HAS);
    f->n_declined += (size_t)(state == BLOB_DECLINED) - (size_t)(d->state == BLOB_DECLINED);
    d->state = state;
    blob_check(b, f);
}

/* --- the end --- */

struct ending {
    struct broker *broker;
    struct blob *blob;
};

static void forgotten(void *ctx, enum store_status status, uint64_t row)
{
    struct ending *e = ctx;
    (void)status, (void)row; /* it is no put, so it never fails */
    FAULT(e->broker->set.server.state_dir, "blob.forgotten");
    e->blob->forgotten = true;
    settle(e->broker, e->blob);
    free(e);
}

static void unlink_blob(struct broker *b, struct blob *f)
{
    struct files *files = b->files;
    *(f->prev ? &f->prev->next : &files->first) = f->next;
    *(f->next ? &f->next->prev : &files->last) = f->prev;
    table_remove(&files->by_id, &f->by_id);
    count(b, f, false);
}

static const char *const end_names[] = {
    [BLOB_UNTOLD] = "no-room",       [WIRE_BLOB_EXPIRED] = "expired", [WIRE_BLOB_TAKEN_BACK] = "taken-back", [WIRE_BLOB_FETCHED] = "fetched",
    [WIRE_BLOB_LOST] = "lost",       [WIRE_BLOB_DELETED] = "deleted"};

/* Who has it open hears that it is over; the descriptor would still read. */
static void end_transfers(struct blob *f)
{
    while (f->transfer) {
        struct transfer *t = f->transfer;
        struct wire_blob_ask m = {.ref = t->ref};
        blob_no(t->session, &m, WIRE_NO_SUCH_BLOB, "this file is not on the server any more", "");
        transfer_end(t);
    }
}

static void leave(struct broker *b, struct blob *f)
{
    unlink_blob(b, f);
    end_transfers(f);
    f->ended = true;
}

void blob_remove(struct broker *b, struct blob *f, uint8_t end)
{
    char hex[2 * BLOB_ID + 1];
    struct store_blob_device told[STORE_BLOB_TOLD_MAX];
    struct ending *e = xmalloc(sizeof *e);
    uint64_t now_ms = clock_wall_ms();
    struct store_blob_change c = {.op = STORE_BLOB_END, .device = told, .blob = {.created_ms = now_ms}};
    *e = (struct ending){b, f};
    memcpy(c.blob.id, f->id, BLOB_ID);
    c.n = end == BLOB_UNTOLD ? 0 : notice_make(b, f, end, now_ms, told);
    store_blob(b->store, &c, forgotten, e);
    blob_hex(f->id, hex);
    LOG(LOG_INFO, "file", "end", log_s("blob", hex), log_s("user", f->from->name), log_s("to", f->to),
        log_s("why", end_names[end]), log_u("have", f->n_have), log_u("devices", f->n_devices));
    leave(b, f);
}

void blob_discard(struct broker *b, struct blob *f)
{
    leave(b, f);
    f->forgotten = true;
    settle(b, f);
}

void blobs_device_gone(struct broker *b, const struct device *d)
{
    for (struct blob *f = b->files->first, *next; f; f = next) {
        next = f->next;
        struct blob_device *to = blob_device_of(f, d->account, d->id);
        if (!to || to->state != BLOB_WAITS) continue;
        struct store_blob_change c = {.op = STORE_BLOB_STATE, .n = 1,
                                      .device = &(struct store_blob_device){d->account->id, d->id, BLOB_DECLINED}};
        memcpy(c.blob.id, f->id, BLOB_ID);
        store_blob(b->store, &c, NULL, NULL);
        blob_set_state(b, f, to, BLOB_DECLINED);
    }
    notice_forget(b, 0, d);
}
