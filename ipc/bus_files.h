/*
 * bus_files.h - what the broker says to a worker about files, on a channel of their own beside the stream:
 * chan.h, since descriptors travel here. The worker never answers; whoever is told is the client.
 */
#ifndef BUS_FILES_H
#define BUS_FILES_H

#include "buf.h"

enum bus_files_type {
    FILES_OPEN = 1, /* a descriptor, and what to do with it; it is the worker who says READY */
    FILES_STORED,   /* sid u64, ref u32, size u64: the upload of what this transfer reads is complete */
    FILES_CLOSE,    /* sid u64, ref u32: this transfer is over */
    FILES_CLOSE_ALL, /* sid u64: all of this session's */
};

struct bus_files_open {
    uint64_t sid;
    uint32_t ref;
    bool put, complete; /* put: written to, else read from; complete: get, the file does not grow any more */
    uint64_t size;      /* of the blob; WIRE_BLOB_GROWS: not known yet */
    uint64_t upto;      /* so much is there */
    uint64_t at;        /* get: to begin here */
    uint64_t most;      /* put: nothing may be written beyond */
};

void bus_files_put_open(struct buf *b, const struct bus_files_open *m);
/* False unless it is exactly right. */
bool bus_files_get_open(struct slice p, struct bus_files_open *m);

#endif
