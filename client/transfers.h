/*
 * transfers.h - what client_file*.c, transfer_up.c and transfer_down.c share; nobody else includes it.
 *
 *   IDLE -> ASKED   put or get is under way          OPEN -> ENDING  all is sent, or here
 *   ASKED -> OPEN   ready                            any  -> IDLE    the connection is another one
 */
#ifndef CLIENT_TRANSFERS_H
#define CLIENT_TRANSFERS_H

#include "client_files.h"
#include "file_finish.h"
#include "sidecar.h"
#include "spool.h"
#include "wire_blob.h"

enum transfer_stage { STAGE_IDLE, STAGE_ASKED, STAGE_OPEN, STAGE_ENDING };

struct transfer_up {
    struct spool spool;
    int source;           /* -1: closed */
    pid_t child;          /* writes it, 0: nobody that is known */
    bool piped, ended;    /* piped: source is read to its end, which has come */
    uint64_t got, next;   /* of the blob: the server has, is sent */
    uint64_t content;     /* piped: bytes read and sealed */
    uint8_t *ahead;       /* piped: read and not sealed, up to BLOB_CHUNK + 1 bytes */
    size_t ahead_n;
    crypto_generichash_state hash; /* piped: of the blob */
};

struct transfer_down {
    struct sidecar sidecar;
    struct sidecar_state at; /* as stored, or one chunk ahead of it */
    int folder, part;        /* -1: closed */
    int out;                 /* written to instead of a file, -1: none */
    char placed[FILE_NAME_CAP]; /* its name, when it has been given one; else "" */
    struct file_finish *finish; /* under way, NULL: not */
    uint64_t credited;       /* of the blob: said to be handled */
};

struct transfer {
    struct transfer *next;
    struct file_row row;
    enum transfer_stage stage;
    uint32_t ref;
    bool opened;  /* files are open and locked */
    bool over;    /* to be taken out of the list */
    bool told;    /* that it waits */
    uint64_t retry_at;
    uint64_t done, told_done, told_at; /* progress */
    const char *code;                  /* it has failed: told when no batch is open */
    struct why why;
    struct transfer_up up;
    struct transfer_down down;
};

enum transfer_open { TRANSFER_OPEN, TRANSFER_BUSY, TRANSFER_FAILED };

/* Marks it as failed; the first reason stands. */
void transfer_fail(struct transfer *t, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Of a client, made when it first has to do with files. */
struct files_side {
    struct transfer *list;
    struct buf inbox; /* frames of BLOB: length u32, payload */
    uint32_t last_ref;
    bool automatic;
    bool look;        /* the rows are to be looked through */
    bool more;        /* the turn was over before the window was */
    uint64_t look_due;
    int epoll;        /* of pipes that are read, and of wake; -1: none yet */
    int wake;         /* eventfd: a file is finished. -1: none yet */
    uint8_t text[BLOB_CHUNK];
};

/* --- client_file_list.c --- */

/* Of this client; made when there is none. */
struct files_side *client_files_side(struct client *c);
void files_tell(struct client *c, struct transfer *t, enum client_file_news what, const char *code, const char *words,
                const char *hint);
/* Of a file that nobody transfers now. */
void files_tell_row(struct client *c, const struct file_row *row, enum client_file_news what);
/* When it has moved, and not too often. */
void files_tell_progress(struct client *c, struct transfer *t);
/* Once, until it goes on. */
void files_tell_waits(struct client *c, struct transfer *t, const char *code, const char *words);
/* Writes a row in a transaction of its own. -1: the store failed. */
int files_write(struct client *c, const struct file_row *row);
/* Asks or says something, if there is a connection. */
void files_ask(struct client *c, const struct wire_blob_ask *m);
/* Says what a row has to tell the server; until it has answered it is said again in each connection. */
void files_say(struct client *c, const struct file_row *row);
struct transfer *files_find_ref(struct client *c, uint32_t ref);
/* A state with its words and what the server has to hear of it, durably. -1: the store failed. */
int files_finish(struct client *c, struct transfer *t, enum file_state state, uint8_t say_op, const char *words);
/* It has failed on our side, for transfer_fail()'s reason. -1: the store failed. */
int files_fail(struct client *c, struct transfer *t);
/* Closes it; what is kept of it on the disk goes, unless it may be gone on with. */
void files_end_transfer(struct client *c, struct transfer *t, bool resumable);

/* The transfer of this number that this process carries on; NULL: none. */
struct transfer *client_files_find(struct client *c, uint64_t id);
/* Carries one on from now on; takes the row over. */
struct transfer *client_files_add(struct client *c, struct file_row *row);
/* Where the state of a transfer is kept. */
void client_files_state(const struct client *c, const struct file_row *row, char out[4096]);
/* Ends a file for good: declined, or taken back. -1: the store failed. */
int client_files_end(struct client *c, struct file_row *row);
/* Takes out what is over. */
void client_files_reap(struct client *c);

/* --- client_file_answers.c --- */

/* Judges what has come. -1: the store failed. */
int client_files_answers(struct client *c);

/* --- transfer_up.c --- */

/* Opens source and spool. FAILED: transfer_fail() was called. */
enum transfer_open up_open(struct transfer *t, const char *spool_path);
void up_close(struct transfer *t);
/* The server has so many bytes. False: what it lacks is not kept any more. */
bool up_ready(struct transfer *t, uint64_t upto);
enum up_step {
    UP_PUT,   /* a frame was appended */
    UP_WAIT,  /* for the server, or for the source */
    UP_ENDED, /* all is sent */
    UP_FAILED,
};
/* The next DATA. text: room for a chunk. */
enum up_step up_data(struct transfer *t, uint8_t text[BLOB_CHUNK], struct buf *out);
/* All of a pipe is sealed: its size and hash into the row. */
void up_measure(struct transfer *t);
/* Does the source still look as the row says? */
bool up_same_source(const struct file_row *row, int fd);

/* --- transfer_down.c --- */

enum transfer_open down_open(struct transfer *t, const char *sidecar_path);
void down_close(struct transfer *t);
/* Is every chunk here? Then it is only to be finished. */
bool down_whole(const struct transfer *t);
/* Where a get goes on. */
uint64_t down_offset(const struct transfer *t);
/* A DATA: true when that was the last. text: room for a chunk. */
bool down_data(struct transfer *t, const struct wire_data *m, uint8_t text[BLOB_CHUNK]);
/* Gives the whole file its name, beside the loop; wake: an eventfd that is written to then. */
void down_finish_start(struct transfer *t, int wake);
/* Has it been begun, and is not done yet? */
bool down_finishing(const struct transfer *t);
/* Takes what came of it: path is where the file is. False: transfer_fail() was called. */
bool down_finish(struct transfer *t, char path[4096]);
/* Removes what was fetched so far. */
void down_discard(struct transfer *t);

#endif
