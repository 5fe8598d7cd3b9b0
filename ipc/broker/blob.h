/*
 * blob.h - files at the broker: which blobs there are, for whom, and who transfers them just now. docs/files.md
 * has the picture.
 *
 *   blob.c           the blobs there are: made, completed, removed; who may have one, what it counts
 *   blob_start.c     what is there at the start, compared with the folder; the end of their time
 *   blob_ask.c       BLOB of a client: judged and answered
 *   blob_transfer.c  transfers of sessions: descriptors to the workers
 *   blob_notice.c    ends that the sender's devices are told of
 *   blob_disk.c      the file system (blob_disk.h)
 *   ask_files.c      the operator's questions
 */
#ifndef BLOB_H
#define BLOB_H

#include "blob_disk.h"
#include "broker.h"
#include "store_blobs.h"
#include "wire_blob.h"

/* A recipient's device. */
enum blob_state { BLOB_WAITS, BLOB_HAS, BLOB_DECLINED };

struct blob_device {
    struct account *account;
    uint64_t device;
    uint8_t state; /* enum blob_state */
};

struct blob {
    struct table_node by_id;
    struct blob *next, *prev;   /* of all, in the order in which they were made */
    uint8_t id[BLOB_ID];
    struct account *from;
    uint64_t device;            /* the sender's */
    char to[WIRE_NAME_MAX + 2]; /* a user, or a group with its # */
    uint64_t size;              /* WIRE_BLOB_GROWS: not known yet */
    uint64_t most;              /* so long it may become; what it counts (blob_counts()) */
    uint64_t created_ms, until_ms;
    bool complete, pending, finishing; /* pending: its rows are on their way to the disk */
    bool ended, forgotten;      /* removed; its rows are gone for good. Freed when nothing is under way about it */
    bool there;                 /* blob_start.c: it has a file */
    unsigned under_way;         /* requests and jobs that point here */
    struct transfer *transfer;  /* open ones */
    struct blob_device *to_device;
    size_t n_devices, n_have, n_declined;
};

struct transfer {
    struct transfer *next;         /* of the session */
    struct transfer *next_of_blob;
    struct session *session;
    struct blob *blob;
    uint32_t ref;
    bool put, done;                /* done: the client has said so, and is answered when it is stored */
};

/* All there is of files: b->files. */
struct files {
    struct broker *broker;
    struct blob_disk *disk;
    struct loop_io io;
    char boot[STORE_BOOT_MAX + 1]; /* of the machine, now */
    int fd;                        /* a channel whose stream comes next; -1: none */
    uint32_t slot, generation;     /* … of this worker */
    struct table by_id;
    struct blob *first, *last;
    struct files_notice *notices;
    uint64_t bytes; /* that all count together */
    struct loop_timer expiry;
};

/* --- blob.c --- */

struct blob *blob_find(struct broker *b, const uint8_t id[BLOB_ID]);
/* Adds one; it is in no store yet. */
struct blob *blob_add(struct broker *b, const struct store_blob *row, uint64_t most);
void blob_add_device(struct blob *f, struct account *a, uint64_t device, uint8_t state);
/* One more request or job points to it; the end of one, after which it may be gone. */
void blob_hold(struct blob *f);
void blob_release(struct broker *b, struct blob *f);
/* What it counts against the quotas; at least a mebibyte, so that their number has a bound, too. */
uint64_t blob_counts(const struct blob *f);
/* Its size is known, and it is durable under its name. */
void blob_is_complete(struct broker *b, struct blob *f, uint64_t size);
/* May this account fetch it? */
bool blob_is_for(const struct blob *f, const struct account *a);
/* The recipient's device, NULL when it is none. */
struct blob_device *blob_device_of(struct blob *f, const struct account *a, uint64_t device);
/* Sets its state; when that was the last, the blob is removed. */
void blob_set_state(struct broker *b, struct blob *f, struct blob_device *d, uint8_t state);
/* Removes it when no device is to fetch it any more. */
void blob_check(struct broker *b, struct blob *f);
/* Removes it: transfers end, rows and file go, the sender is told. end: enum wire_blob_end, or BLOB_UNTOLD. */
enum { BLOB_UNTOLD = 0 };
void blob_remove(struct broker *b, struct blob *f, uint8_t end);
/* The same for one that never got into the store. */
void blob_discard(struct broker *b, struct blob *f);
/* A device was revoked: nothing waits for it. */
void blobs_device_gone(struct broker *b, const struct device *d);
/* For log and answers. */
void blob_hex(const uint8_t id[BLOB_ID], char out[2 * BLOB_ID + 1]);

/* --- blob_start.c --- */

/* Before sandbox_before_threads(): which boot of the machine this is. */
void blobs_prepare(struct broker *b);
/* Rows and folder; starts the threads: between sandbox_before_threads() and sandbox_enter(), after people_load(). */
void blobs_load(struct broker *b);
/* True when nothing is under way to the disk. */
bool blobs_idle(const struct broker *b);
void blobs_stop(struct broker *b);

/* --- blob_ask.c --- */

void blobs_ask(struct session *s, const struct wire_blob_ask *m);
/* Refuses what m asks; op 0: the open transfer of that ref has ended. */
void blob_no(struct session *s, const struct wire_blob_ask *m, uint16_t code, const char *text, const char *hint);
/* There is none, or not for this account: the same words. */
void blob_no_such(struct session *s, const struct wire_blob_ask *m);

/* --- blob_transfer.c --- */

struct transfer *transfer_find(const struct session *s, uint32_t ref);
unsigned transfer_count(const struct session *s);
/* Takes note of one, … */
struct transfer *transfer_add(struct session *s, struct blob *f, uint32_t ref, bool put);
/* … opens the file, at: where a get begins; then its descriptor goes to the worker, who says READY, or the client hears NO. */
void transfer_open(struct transfer *t, uint64_t at);
/* READY of a put that is needless. */
void transfer_needless(struct session *s, const struct blob *f, uint32_t ref);
/* The client says that it has sent all: answered when it is stored. */
void transfer_done(struct transfer *t, uint64_t size);
/* Ends it without a word to the client; the worker closes the descriptor. */
void transfer_end(struct transfer *t);
/* Ends all of a session that is over, … */
void transfers_forget(struct session *s);
/* … or that is asked for its place anew: its worker hears of it. */
void transfers_reset(struct session *s);
/* The upload is complete: STORED to those who write, the size to those who read. */
void transfers_stored(struct blob *f);
/* A channel for descriptors has come; the stream of that worker follows, … */
void transfers_channel(struct broker *b, uint32_t slot, uint32_t generation, int fd);
/* … has come, and ends. */
void transfers_link(struct link *l);
void transfers_unlink(struct link *l);

/* --- blob_notice.c --- */

/* From the store. */
void notice_load(struct broker *b);
enum { STORE_BLOB_TOLD_MAX = 8 }; /* devices that an account has */
/* The sender's devices are to be told of an end, those that are here at once; out: for the store. How many. */
size_t notice_make(struct broker *b, const struct blob *f, uint8_t end, uint64_t now_ms,
                   struct store_blob_device out[STORE_BLOB_TOLD_MAX]);
/* Those that this session's device has not confirmed: after login. */
void blobs_welcome(struct session *s);
void notice_noted(struct session *s, const uint8_t id[BLOB_ID]);
/* Nobody is told any more of what ended before this, nor that device (NULL: none) of anything. */
void notice_forget(struct broker *b, uint64_t before_ms, const struct device *gone);

#endif
