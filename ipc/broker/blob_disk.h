/*
 * blob_disk.h - what is slow in the file system, done by threads of their own: the folder blobs/ with the files
 * that people send each other. There are two threads, so that nobody's file is opened only when somebody else's
 * gigabyte is on the disk; jobs about one blob may pass each other. Their ends are told on the loop.
 */
#ifndef BLOB_DISK_H
#define BLOB_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum { BLOB_ID = 32 };

enum blob_work {
    BLOB_WRITE,  /* opens the upload to write to it, and makes it when it is not there */
    BLOB_READ,   /* opens what there is to read it: complete, or an upload */
    BLOB_FINISH, /* an upload that has `size` bytes: synced, renamed, the folder synced */
    BLOB_REMOVE, /* whatever there is of it */
};

struct blob_job {
    struct blob_job *next; /* private */
    enum blob_work work;
    uint8_t id[BLOB_ID];
    bool complete;         /* read: the upload is over */
    uint64_t size;         /* finish: its length must be this. write: it will be as long; 0: nobody knows */
    uint64_t spare;        /* write: so much of the disk is left for others */
    /* What came of it: */
    int error;             /* errno, 0: done. finish: EINVAL, it has another length. write: ENOSPC */
    int fd;                /* write, read: whose receiver closes it; else -1 */
    uint64_t length;       /* of the file, all but remove */
    void (*done)(struct blob_job *job); /* on the loop's thread; the job is the callee's from then on */
};

struct blob_disk;

/*
 * Makes DIR/blobs when it is missing, and starts the threads: between sandbox_before_threads() and
 * sandbox_enter(). Fatal when the folder cannot be used.
 */
struct blob_disk *blob_disk_start(const char *dir);
/* Does what was asked for (without telling its end), ends the threads. NULL is fine. */
void blob_disk_stop(struct blob_disk *d);

/* Becomes readable when jobs have ended. */
int blob_disk_fd(const struct blob_disk *d);
/* Tells the ends of jobs. */
void blob_disk_reap(struct blob_disk *d);
/* The job is a thread's until it is told. */
void blob_disk_submit(struct blob_disk *d, struct blob_job *job);
/* Submitted and not told yet. */
unsigned blob_disk_pending(const struct blob_disk *d);

/* Before the first job: every file there is; upload: it is not complete. A name that is no blob's is left alone. */
void blob_disk_each(const struct blob_disk *d,
                    void (*each)(void *arg, const uint8_t id[BLOB_ID], bool upload, uint64_t length), void *arg);

#endif
