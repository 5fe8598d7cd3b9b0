/*
 * fuzz_files.h - in place of blob_disk.c: jobs wait until the target lets some of them be done, and the files stand
 * in memory, by number; they have a length and no bytes. Included by fuzz_store.h.
 */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include <errno.h>

#include "blob.h"
#include "fuzz.h"

struct fuzz_file {
    struct fuzz_file *next;
    uint8_t id[BLOB_ID];
    bool upload;
    uint64_t length;
};

struct blob_disk {
    struct blob_job *first, **last;
    struct fuzz_file *file;
    unsigned pending;
    int full; /* errno of what is written, 0: it succeeds */
};

struct blob_disk *blob_disk_start(const char *dir)
{
    (void)dir;
    struct blob_disk *d = calloc(1, sizeof *d);
    CHECK(d);
    d->last = &d->first;
    return d;
}

int blob_disk_fd(const struct blob_disk *d)
{
    return (void)d, -1;
}

unsigned blob_disk_pending(const struct blob_disk *d)
{
    return d->pending;
}

void blob_disk_submit(struct blob_disk *d, struct blob_job *job)
{
    job->next = NULL;
    *d->last = job;
    d->last = &job->next;
    d->pending++;
}

void blob_disk_each(const struct blob_disk *d, void (*each)(void *arg, const uint8_t *id, bool upload, uint64_t length),
                    void *arg)
{
    for (const struct fuzz_file *f = d->file; f; f = f->next)
        each(arg, f->id, f->upload, f->length);
}

static inline struct fuzz_file *fuzz_file(struct blob_disk *d, const uint8_t *id)
{
    struct fuzz_file *f = d->file;
    while (f && memcmp(f->id, id, BLOB_ID) != 0)
        f = f->next;
    return f;
}

static inline void fuzz_file_remove(struct blob_disk *d, const uint8_t *id)
{
    for (struct fuzz_file **p = &d->file; *p; p = &(*p)->next) {
        if (memcmp((*p)->id, id, BLOB_ID) != 0) continue;
        struct fuzz_file *f = *p;
        *p = f->next;
        free(f);
        return;
    }
}

static inline void fuzz_file_work(struct blob_disk *d, struct blob_job *job)
{
    struct fuzz_file *f = fuzz_file(d, job->id);
    job->fd = -1;
    if (job->work == BLOB_REMOVE) {
        fuzz_file_remove(d, job->id);
        return;
    }
    if (job->work == BLOB_WRITE && !f) {
        f = calloc(1, sizeof *f);
        CHECK(f);
        memcpy(f->id, job->id, BLOB_ID);
        f->upload = true;
        f->next = d->file;
        d->file = f;
    }
    job->error = !f ? ENOENT : job->work == BLOB_READ ? 0 : d->full;
    if (f) job->length = f->length;
    if (job->work != BLOB_FINISH || job->error) return;
    job->error = f->upload && f->length == job->size ? 0 : EINVAL;
    if (!job->error) f->upload = false;
}

/* Does the first n jobs. */
static inline void fuzz_files_work(struct blob_disk *d, size_t n)
{
    for (; n > 0 && d->first; n--) {
        struct blob_job *job = d->first;
        d->first = job->next;
        if (!d->first) d->last = &d->first;
        d->pending--;
        fuzz_file_work(d, job);
        job->done(job);
    }
}

void blob_disk_reap(struct blob_disk *d)
{
    (void)d;
}

void blob_disk_stop(struct blob_disk *d)
{
    CHECK(!d->first);
    while (d->file)
        fuzz_file_remove(d, d->file->id);
    free(d);
}

#define FUZZ_BOOT "the same"

static inline void fuzz_files_begin(struct broker *b)
{
    blobs_prepare(b);
    memcpy(b->files->boot, FUZZ_BOOT, sizeof FUZZ_BOOT);
    blobs_load(b);
}

/* Nothing of files may be left once the store and the disk have answered what this leads to: call both, then …_end(). */
static inline void fuzz_files_quiet(struct broker *b)
{
    while (b->files->first)
        blob_remove(b, b->files->first, WIRE_BLOB_DELETED);
    notice_forget(b, UINT64_MAX, NULL);
}

static inline void fuzz_files_end(struct broker *b)
{
    CHECK(!b->files->first && !b->files->notices && b->files->bytes == 0 && b->files->by_id.n == 0 && !b->files->disk->file);
    blobs_stop(b);
    loop_del(&b->loop, &b->files->io);
    free(b->files->by_id.bucket);
    free(b->files);
}

#endif
