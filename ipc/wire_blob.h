/*
 * wire_blob.h - the frames BLOB and DATA: docs/protocol.md, section 6.9, in code. What a blob is, who may do
 * what with it and what happens when somebody dies is docs/files.md.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_BLOB_H
#define WIRE_BLOB_H

#include "wire.h"

enum {
    WIRE_BLOB_ID = 32,
    WIRE_BLOB_HEAD = 24,     /* bytes before the first chunk */
    WIRE_BLOB_CHUNK = 64529, /* bytes of a sealed chunk; only the last is shorter. Most in one DATA */
    WIRE_BLOB_WINDOW = 1 << 20, /* bytes under way beyond what was said to be handled */
    WIRE_BLOB_REFS = 8,      /* transfers of a session at once */
};

#define WIRE_BLOB_GROWS UINT64_MAX /* a size that is not known yet */

/* Where the chunk ends in which `at` lies, or the head: no DATA of the server reaches beyond. */
static inline uint64_t wire_blob_border(uint64_t at)
{
    if (at < WIRE_BLOB_HEAD) return WIRE_BLOB_HEAD;
    return at + WIRE_BLOB_CHUNK - (at - WIRE_BLOB_HEAD) % WIRE_BLOB_CHUNK;
}

enum wire_blob_op {
    WIRE_BLOB_PUT = 1,
    WIRE_BLOB_GET,
    WIRE_BLOB_DONE,
    WIRE_BLOB_CREDIT,
    WIRE_BLOB_STOP,
    WIRE_BLOB_HAVE,
    WIRE_BLOB_DECLINE,
    WIRE_BLOB_DROP,
    WIRE_BLOB_WHAT,
    WIRE_BLOB_NOTED,
    WIRE_BLOB_OPS
};

/* True when the question names a transfer, false when it names the blob alone. */
static inline bool wire_blob_of_ref(uint8_t op)
{
    return op <= WIRE_BLOB_STOP;
}

struct wire_blob_ask {
    uint8_t op;
    uint32_t ref;               /* put, get, done, credit, stop */
    uint8_t blob[WIRE_BLOB_ID]; /* put, get, and those from have on */
    uint64_t at;                /* put, done: size; get: offset; credit: upto */
    struct slice to;            /* put */
};

enum wire_blob_answer {
    WIRE_BLOB_READY = 1,
    WIRE_BLOB_NO,
    WIRE_BLOB_STORED,
    WIRE_BLOB_GOT,
    WIRE_BLOB_OK,
    WIRE_BLOB_STATE,
    WIRE_BLOB_NOTICE,
};

/* The transfer is open (or, of a put with complete set, needless). A second one tells a size that was open. */
struct wire_blob_ready {
    uint32_t ref;
    uint64_t size; /* WIRE_BLOB_GROWS: not known yet */
    uint64_t upto; /* bytes that are there */
    bool complete;
};

/* Refused, or an open transfer has ended. */
struct wire_blob_no {
    uint8_t asked;              /* enum wire_blob_op; 0: an open transfer */
    uint32_t ref;               /* 0 where the question named a blob alone, … */
    uint8_t blob[WIRE_BLOB_ID]; /* … and zero where it named a transfer */
    uint16_t code;
    uint32_t retry_ms; /* 0: not a matter of time */
    struct slice text, hint;
};

/* An upload is stored, durably … */
struct wire_blob_stored {
    uint32_t ref;
};

/* … or written up to there. */
struct wire_blob_got {
    uint32_t ref;
    uint64_t upto;
};

struct wire_blob_ok {
    uint8_t asked;
    uint8_t blob[WIRE_BLOB_ID];
};

struct wire_blob_state {
    uint8_t blob[WIRE_BLOB_ID];
    uint64_t size, upto;
    bool complete;
    uint64_t until_ms;
    uint32_t devices, have, declined; /* of the recipients */
};

enum wire_blob_end { WIRE_BLOB_EXPIRED = 1, WIRE_BLOB_TAKEN_BACK, WIRE_BLOB_FETCHED, WIRE_BLOB_LOST, WIRE_BLOB_DELETED };

/* A blob of one's own account has ended. */
struct wire_blob_notice {
    uint8_t blob[WIRE_BLOB_ID];
    uint8_t end; /* enum wire_blob_end */
    struct slice text;
};

struct wire_data {
    uint32_t ref;
    uint64_t offset;
    struct slice bytes; /* 1 to WIRE_BLOB_CHUNK */
};

void wire_put_blob_ask(struct buf *b, const struct wire_blob_ask *m);
bool wire_get_blob_ask(struct slice p, struct wire_blob_ask *m);

/* Of the server's BLOB; which one says its first byte. */
void wire_put_blob_ready(struct buf *b, const struct wire_blob_ready *m);
bool wire_get_blob_ready(struct slice p, struct wire_blob_ready *m);
void wire_put_blob_no(struct buf *b, const struct wire_blob_no *m);
bool wire_get_blob_no(struct slice p, struct wire_blob_no *m);
void wire_put_blob_stored(struct buf *b, const struct wire_blob_stored *m);
bool wire_get_blob_stored(struct slice p, struct wire_blob_stored *m);
void wire_put_blob_got(struct buf *b, const struct wire_blob_got *m);
bool wire_get_blob_got(struct slice p, struct wire_blob_got *m);
void wire_put_blob_ok(struct buf *b, const struct wire_blob_ok *m);
bool wire_get_blob_ok(struct slice p, struct wire_blob_ok *m);
void wire_put_blob_state(struct buf *b, const struct wire_blob_state *m);
bool wire_get_blob_state(struct slice p, struct wire_blob_state *m);
void wire_put_blob_notice(struct buf *b, const struct wire_blob_notice *m);
bool wire_get_blob_notice(struct slice p, struct wire_blob_notice *m);

/* type: WIRE_DATA_UP or WIRE_DATA. */
void wire_put_data(struct buf *b, uint8_t type, const struct wire_data *m);
bool wire_get_data(struct slice p, struct wire_data *m);
/*
 * The same in place, for who reads a file straight into the frame: the frame's head goes to at[0 .. 15), and
 * n bytes behind it are the data already.
 */
enum { WIRE_DATA_HEAD = WIRE_FRAME_HEAD + 12 };
void wire_data_head(uint8_t at[WIRE_DATA_HEAD], uint8_t type, uint32_t ref, uint64_t offset, size_t n);

#endif
