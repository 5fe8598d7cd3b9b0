/*
 * blob.h - files at a worker: descriptors that the broker has passed, and what moves through them.
 *
 *   blob.c        the broker's channel; transfers opened and closed; uploads
 *   blob_send.c   downloads: behind everything else that is for the client
 *
 * A transfer stands in private memory alone. When the worker dies its descriptors are gone; the client hears
 * RESYNC and asks the broker for them again (docs/files.md).
 */
#ifndef WORKER_BLOB_H
#define WORKER_BLOB_H

#include "wire_blob.h"
#include "worker.h"

struct transfer {
    struct transfer *next; /* of the session */
    int fd;
    uint32_t ref;
    bool put;
    bool begun;    /* put: the first DATA has come */
    bool complete; /* get: the file does not grow any more */
    uint64_t at;   /* put: written up to here; get: sent up to here */
    uint64_t told; /* put: what the client knows of that */
    uint64_t most; /* put: nothing may be written beyond; get: nothing may be sent beyond */
    uint64_t size; /* get; WIRE_BLOB_GROWS: not known yet */
};

/* What a session has of files; none as a rule. */
struct session_files {
    struct session *session;
    struct session_files *next; /* of the worker */
    struct transfer *first;
    bool ready; /* blob_send.c: there may be something to send */
    bool looks; /* what it wants next was not there yet */
};

enum {
    FILES_A_TURN = 256 * 1024, /* bytes of files that a worker moves each way in one turn, if few want it */
    FILES_LOOK_MS = 20,        /* so often it looks whether a file has grown */
    FILES_OPEN_MAX = 1024,     /* transfers of a worker */
};

void blob_prepare(struct worker *w);
/* The channel beside the stream to the broker; transfers of the one before are over. */
void blob_open_channel(struct worker *w, int fd);

/* DATA and BLOB of a client, as rows of dispatch.c. */
bool blob_on_data(struct session *s, const struct wire_frame *f);
bool blob_on_ask(struct session *s, const struct wire_frame *f);
/* GOT for what has been written since the last time: when the session is flushed. */
void blob_say_got(struct session *s);
/* The session ends: closes everything it has open. */
void blob_forget(struct session *s);
/* The transfer has failed: NO to the client, STOP to the broker, and it is closed. */
void blob_fail(struct session *s, struct transfer *t, uint16_t code, const char *text, const char *hint);

/* --- blob_send.c --- */

/* It may have something to send (again): in this turn. */
void blob_wake(struct session *s);
/* End of a turn: parts of files for those who have nothing else to be sent. */
void blob_send_some(struct worker *w);
/* FILES_LOOK_MS have passed. */
void blob_look_again(struct loop_timer *t);

#endif
