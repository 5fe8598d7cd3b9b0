/*
 * worker.h - the worker's own header: one struct for the process, one for each session.
 *
 * A worker serves the connections that the master hands it. It turns records into frames and back,
 * checks that each frame may come now, and passes it to the broker; it knows no accounts, no queues
 * and no long-term secret. Everything a successor needs stands in the slab; what stands here may be
 * lost at any moment.
 *
 *   worker.c     start, control channel, end of turn
 *   session.c    life of a session: taken, read, held back, closed
 *   handshake.c  from the preface to the first record
 *   record.c     sealing and opening
 *   dispatch.c   what a client's frame leads to
 *   adopt.c      taking over the sessions of a worker that is dead
 *   orphan.c     the time between two masters
 *   uplink.c     the stream to the broker
 *   blob*.c      files (blob.h)
 *   kernel.c     what the kernel counted
 */
#ifndef WORKER_H
#define WORKER_H

#include "bus.h"
#include "chan.h"
#include "loop.h"
#include "noise.h"
#include "orphan.h"
#include "settings.h"
#include "slab.h"
#include "stream.h"

enum session_state {
    SESSION_PREFACE,   /* waits for preface and message 1 */
    SESSION_DH,        /* waits for the broker's DH result */
    SESSION_LOGIN,     /* waits for the client's LOGIN record */
    SESSION_LOGGING,   /* waits for the broker's verdict */
    SESSION_OPEN,      /* logged in */
    SESSION_CLOSING,   /* said its last word, waits for the client to hang up */
};

/* Why a session reads nothing for now; any bit holds it. */
enum { HOLD_UPLINK = 1, HOLD_RATE = 2, HOLD_FILES = 4 };

struct handshake {
    struct noise_handshake noise;
    uint8_t client_preface[WIRE_CLIENT_PREFACE];
    uint8_t h[32];
    uint8_t es[32], challenge[16];
    struct wire_cert cert; /* of the key that es was made with */
};

struct session {
    struct loop_io io;
    struct worker *worker;
    uint32_t index, generation;
    uint8_t state; /* enum session_state */
    uint8_t holds;
    bool dirty;      /* on the list of those with something to send */
    bool announced;  /* the broker knows this session */
    bool over;       /* close it when what is sealed has left */
    bool polite;     /* said BYE */
    bool in_parts;   /* a PART has come and what closes it has not */
    bool unsure;     /* adopted: whether one has come is not known before RESUME */
    uint32_t unread;   /* CLOSING: bytes thrown away so far */
    uint32_t since_ms; /* unfinished: of the state, on the loop's clock, which may have wrapped */
    uint32_t tokens_ms;      /* when the buckets were filled last; likewise */
    int32_t tokens_messages; /* token buckets; below 0: a record took more than was there */
    int64_t tokens_bytes;
    struct buf out;                                    /* plaintext frames that wait to be sealed */
    struct handshake *handshake;                       /* until the session is open */
    struct session_files *files;                       /* blob.h; NULL: it transfers none */
    struct session *next_dirty, *next_held;
    struct session *prev, *next; /* list of unfinished ones, oldest first */
    char peer[];                 /* address and port, for the log */
};

struct session_list {
    struct session *first, *last;
    unsigned n;
};

/* Under way between CTL_ADOPT and CTL_ADOPTED. */
struct adoption {
    bool active;
    uint32_t blamed; /* the record in whose handling the dead one died of its own fault; else UINT32_MAX */
    uint32_t high, asked, adopted;
};

struct worker {
    struct loop loop;
    struct chan master;
    struct orphan orphan; /* when the master is gone */
    struct stream broker;
    uint32_t link; /* the master's number of that stream */
    struct settings set;
    uint32_t slot, generation;
    struct slab slab;
    int slab_fd;     /* kept for a new master */
    uint32_t giving; /* to it: the next index */
    char sandbox[200];
    struct adoption adoption;
    struct session **session; /* by index; NULL where there is none */
    unsigned sessions;
    uint32_t newest; /* highest generation of a connection so far */
    struct wire_cert cert; /* what the server proves itself with, from the broker */
    bool have_cert;
    struct session *dirty, *held;
    struct chan files_chan;        /* the broker's descriptors come here (blob.c) */
    struct session_files *files;   /* of all sessions that have any */
    unsigned n_transfers;
    bool files_due;                /* some session may have a part of a file to send */
    size_t files_in;               /* bytes of files written in this turn */
    struct loop_timer files_turn, files_look;
    struct gone *gone, *last_gone; /* uplink.c: sessions that ended lately */
    uint64_t lost_ms;              /* when the last broker was */
    struct session_list unfinished; /* handshakes and logins, closing ones */
    struct session **due;           /* sessions whose DH result has come */
    unsigned n_due, cap_due;
    struct loop_timer tick, again, rest;
    uint64_t flushes, rested_at; /* how often something was sent; when rest was last looked for */
    uint64_t in, out; /* messages from and to clients */
    bool stopping;
    uint64_t refused_second; /* log lines about refused strangers: a few a second */
    uint32_t refused, unsaid;
    uint8_t plain[WIRE_PLAIN_MAX]; /* the record in hand */
};

enum {
    WORKER_TICK_MS = 100,
    WORKER_UPLINK_MARK = 2 << 20,  /* bytes waiting for the broker: over it, stop reading clients */
    WORKER_OUT_MAX = 4 << 20,      /* plaintext waiting for one client: over it, it is too slow */
    WORKER_HANDSHAKES_A_TURN = 8,  /* so that a storm of logins does not stall the others */
    WORKER_CLOSING_MS = 2000,
    WORKER_REST_MS = 500, /* nothing sent for so long: memory kept for the next turn is given back */
    WORKER_REFUSALS_A_SECOND = 10000, /* written to the log; the others are counted */
};

/* --- session.c --- */

/* Takes over a connection (fd is the session's from now on). */
void session_take(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer);
/* The same for a connection whose record goes on in the slab. */
struct session *session_adopt(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer);
/* Waits on the loop for what the session's state asks for. */
void session_watch(struct session *s);
/* The session of a sid, NULL when it is gone. */
struct session *session_find(struct worker *w, uint64_t sid);
/* Handles what has been received as far as the state allows. */
void session_process(struct session *s);
/* Appends frames to what waits to be sealed. */
void session_send(struct session *s, const void *frames, size_t n);
/* To be called after writing to s->out directly. */
void session_touch(struct session *s);
/* Seals and sends what the client takes now. */
void session_flush(struct session *s);
/* Says ERROR when the session can still hear it, logs the reason, closes. */
void session_refuse(struct session *s, uint16_t code, uint32_t retry_ms, const char *text,
                    const char *reason);
/* Ends at once, without a word. reason is for the log. The session is freed before this returns. */
void session_drop(struct session *s, const char *reason);
/* Reads again from everybody who is no longer held back. */
void session_release(struct worker *w);
/* Stops reading from this one until session_release() finds the reason gone. */
void session_hold(struct session *s, uint8_t why);
/* It is open: no deadline any more. */
void session_settled(struct session *s);
/* Deadlines. */
void session_tick(struct worker *w);

/* --- handshake.c --- */

/* PREFACE: 1 when message 1 was taken, 0 when more bytes are needed, -1 the session is gone. */
int handshake_begin(struct session *s);
/* DH result and challenge have come; the answer is made at the end of a turn. */
void handshake_due(struct session *s, const uint8_t result[32], const uint8_t challenge[16]);
/* Answers some of those that are due; true when some are left. */
bool handshake_answer(struct worker *w);
/* Refuses before there is a cipher: the 4-byte preface with a reason. */
void handshake_refuse(struct session *s, uint8_t refusal, const char *reason);
void handshake_forget(struct session *s);

/* --- record.c --- */

/*
 * Opens the next received record into w->plain: 1, its length in *n and what it takes in *took;
 * 0 when it is not whole yet; -1 when it is forged or malformed. *next is the state to commit.
 */
int record_open(struct session *s, struct slab_half *next, size_t *n, size_t *took);
/*
 * Seals one record, padded already, and commits it; it leaves with the next session_flush(). 1 done, 0 no
 * room in the slab for now, -1 no number is left for it (2^64 records).
 */
int record_put(struct session *s, const uint8_t *plain, size_t n);
/* Seals as much of s->out as the slab takes. False when it is full. */
bool record_seal(struct session *s);

/* --- adopt.c --- */

/* CTL_ADOPT, CTL_CONNECT while that is active, CTL_ADOPTED. */
void adopt_begin(struct worker *w, struct slice fields, int fd);
void adopt_connection(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer);
void adopt_end(struct worker *w);
/* Tells the master that a connection has ended: it closes its duplicate. */
void worker_say_closed(struct worker *w, uint32_t index, uint32_t generation);

/* Listens to a master's channel. */
void worker_serve_master(struct worker *w, int fd);
/* Says goodbye to every client; the process ends when all are gone. */
void worker_stop(struct worker *w);

/* --- orphan.c --- */

void orphan_prepare(struct worker *w);
/* The master's channel has ended. */
void orphan_left(struct worker *w);

/* --- dispatch.c --- */

/* Handles the frames in w->plain. False when the session is gone or closing. */
bool dispatch_record(struct session *s, size_t n);

/* --- uplink.c --- */

void uplink_open(struct worker *w, int fd);
/* A session that the broker knows has ended: says so, now or to the next one. */
void uplink_gone(const struct session *s);
/* Forgets what a broker must have told by now; true as long as there is more. */
bool uplink_tick(struct worker *w);
bool uplink_up(const struct worker *w);
/* Tells the broker of a session that was open before, if it is there; else uplink_open() will. */
void uplink_announce(struct session *s);

/* --- kernel.c --- */

/* Bytes that this end has read from and written to a TCP socket, as the kernel counts them. */
struct kernel_counts {
    uint64_t read, written;
};
struct kernel_counts kernel_count(int fd);
/* The same for a connection that nobody has used yet: one question instead of four. */
struct kernel_counts kernel_fresh(int fd);

#endif
