/*
 * file_book.h - the files that this device has offered or was offered: one row each in the store, under the
 * number by which people name them, and how an offer stands among the messages of the history.
 *
 * Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_FILE_BOOK_H
#define CLIENT_FILE_BOOK_H

#include "keyring.h"
#include "sealed/blob.h"
#include "sealed/content.h"

enum file_state {
    FILE_OFFERED = 1, /* to us; nothing was done about it */
    FILE_WANTED,      /* to be fetched */
    FILE_HERE,        /* fetched whole, verified, at its path */
    FILE_DECLINED,
    FILE_SENDING, /* ours; the server has not all of it */
    FILE_STORED,  /* ours; the server has it */
    FILE_FETCHED, /* ours; everybody has it, or does not want it */
    FILE_GONE,    /* not at the server any more: words */
    FILE_FAILED,  /* words. A fetch may be wanted again */
};

#define FILE_SIZE_OPEN UINT64_MAX /* of a pipe: not known yet */

/* A row. Slices point into bytes. */
struct file_row {
    uint64_t id; /* of own files also the number of the message that offers it */
    uint8_t state;
    bool own;     /* sent by this device */
    bool offered; /* own: the message was sent */
    uint8_t tell; /* enum wire_blob_op that the server has to hear: have, decline, drop; 0: nothing */
    uint8_t blob[BLOB_ID], key[SEALED_KEY], hash[SEALED_HASH];
    uint64_t size, time_ms;
    uint64_t inode, mtime_ns; /* own: of the source. inode else: of what was fetched */
    struct slice from, to;
    struct slice name;  /* clean: file_name.h */
    struct slice path;  /* own: the source, empty for a pipe. Else where it is wanted, later where it is */
    struct slice part;  /* path of what is fetched so far */
    struct slice text;  /* what the sender says about it */
    struct slice words; /* why it is gone, or failed */
    struct buf bytes;
};

/* The row of this number: 1; 0 there is none. file_row_free() in any case. */
int file_book_get(struct vault *v, uint64_t id, struct file_row *row);
/* The first row above a number: 1, 0. */
int file_book_next(struct vault *v, uint64_t after, struct file_row *row);
/* The number of a blob's row: 1, 0. */
int file_book_find(struct vault *v, const uint8_t blob[BLOB_ID], uint64_t *id);
/* Writes it, inside a transaction. */
int file_book_put(struct vault *v, const struct file_row *row);
/* Sets one of its slices; all of them point elsewhere then. */
void file_row_set(struct file_row *row, struct slice *field, const char *text);
/* One of its slices as a string, cut to what out holds. */
void file_text(struct slice field, char *out, size_t cap);
/* Wipes it. A zeroed one is fine. */
void file_row_free(struct file_row *row);

/* What an opened message of kind file leads to, inside its transaction: a new row, unless there is one, and
 * the body for the history behind body. -1: the store failed. */
int file_book_offered(const struct keyring *k, const struct wire_deliver *m, struct slice to,
                      const struct content *c, struct buf *body);

/* The content of the message that offers an own file; it points into row. */
struct content file_book_content(const struct file_row *row);

/* An offer as the body of a message in the history; of suite 0, but never on the wire. */
struct file_offer {
    uint64_t id, size;
    struct slice name, text;
};

void file_offer_put(struct buf *body, const struct file_offer *o);
/* False: the body is of another kind. */
bool file_offer_get(struct slice body, struct file_offer *o);

#endif
