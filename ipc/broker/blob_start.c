/*
 * blob_start.c - files at the start: rows and folder are compared, since every death leaves one of them a step
 * behind; and the end of their time.
 */
#include "blob.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* After a power cut the length of an upload proves nothing: its bytes may never have reached the disk. */
void blobs_prepare(struct broker *b)
{
    b->files = xcalloc(1, sizeof *b->files);
    b->files->fd = -1;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, b->files->boot, STORE_BOOT_MAX);
    if (fd >= 0) close(fd);
    while (n > 0 && b->files->boot[n - 1] == '\n')
        n--;
    b->files->boot[n > 0 ? n : 0] = 0;
}

/* --- rows --- */

static void load_blob(void *arg, const struct store_blob *row)
{
    struct broker *b = arg;
    bool grows = row->size == WIRE_BLOB_GROWS;
    if (people_by_id(b, row->account)) blob_add(b, row, grows ? b->set.limits.file_size : row->size);
}

/* What was revoked since waits for nothing. */
static void load_device(void *arg, const uint8_t id[BLOB_ID], const struct store_blob_device *d)
{
    struct broker *b = arg;
    struct blob *f = blob_find(b, id);
    struct account *a = people_by_id(b, d->account);
    bool gone = a && d->state == BLOB_WAITS && !people_device(a, d->device);
    if (f && a) blob_add_device(f, a, d->device, gone ? BLOB_DECLINED : d->state);
}

/* --- the folder --- */

struct leftover {
    struct blob_job job;
};

static void removed(struct blob_job *job)
{
    free(container_of(job, struct leftover, job));
}

/* Its row never became durable, or was removed first. */
static void remove_file(struct broker *b, const uint8_t id[BLOB_ID])
{
    struct leftover *l = xcalloc(1, sizeof *l);
    char hex[2 * BLOB_ID + 1];
    l->job = (struct blob_job){.work = BLOB_REMOVE, .done = removed};
    memcpy(l->job.id, id, BLOB_ID);
    blob_hex(id, hex);
    LOG(LOG_INFO, "file", "unknown", log_s("blob", hex));
    blob_disk_submit(b->files->disk, &l->job);
}

/* It died between the rename and the row. */
static void complete(struct broker *b, struct blob *f, uint64_t length)
{
    struct store_blob_change c = {.op = STORE_BLOB_COMPLETE, .blob = {.size = length}};
    memcpy(c.blob.id, f->id, BLOB_ID);
    store_blob(b->store, &c, NULL, NULL);
    blob_is_complete(b, f, length);
}

static void compare_file(void *arg, const uint8_t id[BLOB_ID], bool upload, uint64_t length)
{
    struct broker *b = arg;
    struct blob *f = blob_find(b, id);
    if (!f) {
        remove_file(b, id);
        return;
    }
    bool grown = !upload && !f->complete && (f->size == WIRE_BLOB_GROWS || f->size == length);
    f->there = upload ? !f->complete : length == f->size || grown;
    if (grown) complete(b, f, length);
}

static void compare_row(struct broker *b, struct blob *f, bool same_boot)
{
    if (f->complete ? !f->there : !same_boot)
        blob_remove(b, f, WIRE_BLOB_LOST);
    else
        blob_check(b, f);
}

static void judge(struct broker *b)
{
    char boot[STORE_BOOT_MAX + 1];
    store_boot(b->store, boot);
    bool same = boot[0] && strcmp(boot, b->files->boot) == 0;
    for (struct blob *f = b->files->first, *next; f; f = next) {
        next = f->next;
        compare_row(b, f, same);
    }
    /* Behind what it led to: a death in between leads to the same again. */
    if (!same) store_blob(b->store, &(struct store_blob_change){.op = STORE_BLOB_BOOT, .boot = b->files->boot}, NULL, NULL);
}

/* --- time --- */

static void expire(struct loop_timer *t)
{
    struct files *files = container_of(t, struct files, expiry);
    struct broker *b = files->broker;
    uint64_t now_ms = clock_wall_ms(), keep = b->set.limits.file_keep, pause = keep / 4;
    for (struct blob *f = files->first, *next; f; f = next) {
        next = f->next;
        if (f->until_ms <= now_ms && !f->pending && !f->finishing) blob_remove(b, f, WIRE_BLOB_EXPIRED);
    }
    if (now_ms > keep) notice_forget(b, now_ms - keep, NULL);
    loop_timer_set(&b->loop, t, pause < 1000 ? 1000 : pause > 60000 ? 60000 : pause);
}

/* --- start and end --- */

static void disk_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    blob_disk_reap(container_of(io, struct files, io)->disk);
}

void blobs_load(struct broker *b)
{
    struct files *files = b->files;
    files->broker = b;
    files->disk = blob_disk_start(b->set.server.state_dir);
    files->io = (struct loop_io){.fd = blob_disk_fd(files->disk), .ready = disk_ready};
    loop_add(&b->loop, &files->io, EPOLLIN);
    store_each_blob(b->store, load_blob, b);
    store_each_blob_device(b->store, load_device, b);
    notice_load(b);
    blob_disk_each(files->disk, compare_file, b);
    judge(b);
    files->expiry.fire = expire;
    loop_timer_set(&b->loop, &files->expiry, 1000);
}

bool blobs_idle(const struct broker *b)
{
    return blob_disk_pending(b->files->disk) == 0;
}

void blobs_stop(struct broker *b)
{
    if (b->files) blob_disk_stop(b->files->disk);
}
