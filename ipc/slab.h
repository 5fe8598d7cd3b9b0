/*
 * slab.h - what outlives a worker: its connections' state in shared memory.
 *
 * One memfd per worker slot, made and sealed by the master (which never reads it), mapped by the
 * worker. A record per connection holds all that a successor needs to go on with it; a pool of
 * buffers is used by connections with bytes in flight alone, so an idle one costs its record.
 *
 * Invariant: at every instruction a record describes a state from which a successor can go on.
 * What belongs together lies in a struct slab_half, of which there are two: the new state is
 * written to the idle one and becomes valid by one atomic store of the selector (slab_commit).
 * Only two counters change on their own, rx_seen and tx_sent, after the system call they count; the
 * kernel knows them too, so a successor can mend them.
 *
 * Positions are offsets in the connection's byte streams and only grow. The steps of a turn:
 *
 *   receive:  slab_rx_room  recv  slab_rx_seen | open, handle | slab_rx_done (commit)
 *   send:     slab_tx_room  seal | slab_tx_ready (commit) | send  slab_tx_sent
 *
 * To whoever maps a slab that another process wrote it is hostile input.
 */
#ifndef SLAB_H
#define SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

enum {
    SLAB_VERSION = 2,
    SLAB_BUFFER = 131072, /* bytes of a buffer: the longest record and then some */
};

#define SLAB_MAGIC UINT64_C(0x62616c73676d7363) /* "csmgslab" */

enum slab_phase { SLAB_FREE, SLAB_HANDSHAKE, SLAB_OPEN, SLAB_CLOSING };

/* What changes together. */
struct slab_half {
    uint64_t rx_done;  /* received bytes that have been handled */
    uint64_t rx_base;  /* position of the first byte of the receive buffer */
    uint64_t rx_nonce; /* number of the next record to open */
    uint64_t tx_ready; /* sealed bytes, ready to be sent */
    uint64_t tx_base;  /* position of the first byte of the send buffer */
    uint64_t tx_nonce; /* number of the next record to seal */
    uint32_t rx_buffer, tx_buffer; /* buffer number + 1, 0 none */
    uint8_t rx_key[32], tx_key[32];
};

struct slab_record {
    _Atomic uint32_t selector; /* half[selector & 1] is valid */
    uint32_t generation;       /* which connection of this place; the master counts */
    _Atomic uint32_t phase;    /* enum slab_phase */
    uint8_t strikes; /* workers that died with this record in hand */
    uint8_t name_len;
    char name[WIRE_NAME_MAX];
    uint8_t ticket[BUS_TICKET];
    uint32_t heard_ms; /* when the client was heard last, on the monotonic clock: an order, nothing else */
    uint64_t kernel_in, kernel_out; /* the kernel's counters at hand-over */
    _Atomic uint64_t rx_seen;       /* bytes the kernel gave us */
    _Atomic uint64_t tx_sent;       /* bytes the kernel took from us */
    struct slab_half half[2];
};

struct slab_head {
    uint64_t magic;
    uint32_t version, record_size, records, buffers;
    _Atomic uint32_t in_hand; /* record being handled + 1, for quarantine */
};

#define SLAB_UNKNOWN UINT32_MAX

/* A worker's view; private memory. */
struct slab {
    struct slab_head *head;
    struct slab_record *record;
    uint8_t *buffer;
    size_t size;
    uint32_t records, buffers;
    uint32_t *unused, n_unused; /* stack of free buffers, not in the slab: a successor counts anew */
    uint32_t *touched;          /* bytes of each buffer that hold memory, or SLAB_UNKNOWN */
    size_t warm, warm_max;      /* of the free ones: memory that could be given back, and how much of it is kept */
    uint32_t *owner; /* during adoption: record + 1 that may go on with the buffer, 0 none */
    uint8_t *verdict; /* … enum slab_claim of each record; LOST as long as nobody came for it */
};

/* Bytes of a slab for that many records. */
size_t slab_size(uint32_t records);

/* Makes a sealed memfd of that size, close-on-exec; -1 with errno. */
int slab_make(uint32_t records);

/* Maps a fresh slab and writes its head. 0, or -1 when the size does not fit or there is no memory. */
int slab_map(struct slab *s, int fd, uint32_t records);
void slab_unmap(struct slab *s);

/*
 * Adoption (slab_adopt.c): slab_adopt() maps a dead worker's slab and makes the pool of buffers from
 * those that no open record names; slab_claim() judges one record after the other, each of which can
 * be used at once; slab_adopted() ends it.
 */

/* Maps without a look inside: for the two ways to begin. 0, or -1 when the size is another. */
int slab_attach(struct slab *s, int fd, uint32_t records);

/*
 * 0; -1 when size or layout are not the ones this program knows, with nothing mapped. high: no record
 * at or beyond it was ever used.
 */
int slab_adopt(struct slab *s, int fd, uint32_t records, uint32_t high);

enum { SLAB_RECENT_MS = 1000 };

/*
 * Open records below high whose clients were heard at most SLAB_RECENT_MS before the one that was
 * heard last, that one first. Fills index with max of them at most; gives how many.
 */
size_t slab_recent(const struct slab *s, uint32_t high, uint32_t now_ms, uint32_t *index, size_t max);

enum slab_claim {
    SLAB_LOST,    /* it cannot go on; why says what is wrong with it */
    SLAB_NEVER,   /* the dead worker never saw this connection: start it afresh */
    SLAB_GOES_ON, /* the record is sound: go on with it */
};

/*
 * The record of a connection with this generation; kernel_in and kernel_out are what the kernel
 * counts now. Mends rx_seen and tx_sent. blamed: the worker died of its own fault with this record
 * in hand (strike); at the second strike the record is lost.
 */
enum slab_claim slab_claim(struct slab *s, uint32_t i, uint32_t generation, uint64_t kernel_in,
                           uint64_t kernel_out, bool blamed, const char **why);

/* The record that was being handled, or UINT32_MAX. */
uint32_t slab_in_hand(const struct slab *s);

/* Records below high that nobody claimed are wiped, and what those held that were lost is free. */
void slab_adopted(struct slab *s, uint32_t high);

/* Gives back what free buffers keep warm for the next: when there is a pause. */
void slab_cool(struct slab *s);

/* Starts a record for a new connection: phase HANDSHAKE, everything else zero. */
void slab_start(struct slab *s, uint32_t i, uint32_t generation, uint64_t kernel_in,
                uint64_t kernel_out);
/* Ends it: buffers free, keys wiped, phase FREE. */
void slab_end(struct slab *s, uint32_t i);

/* The valid half, for reading. */
static inline const struct slab_half *slab_now(const struct slab *s, uint32_t i)
{
    const struct slab_record *r = &s->record[i];
    return &r->half[r->selector & 1];
}

/* Makes a changed copy of slab_now() valid with one store. */
void slab_commit(struct slab *s, uint32_t i, const struct slab_half *next);

/* Where recv() may write and how much; takes a buffer or a fresh one when needed. */
uint8_t *slab_rx_room(struct slab *s, uint32_t i, size_t *room);
/* recv() gave n bytes. */
void slab_rx_seen(struct slab *s, uint32_t i, size_t n);
/* Bytes that wait to be handled. */
const uint8_t *slab_rx_data(const struct slab *s, uint32_t i, size_t *n);
/* n of them are handled; half carries what changed with that (nonce, keys). Commits. */
void slab_rx_done(struct slab *s, uint32_t i, struct slab_half *next, size_t n);
/* Gives the receive buffer back when it holds nothing (end of a turn). */
void slab_rx_rest(struct slab *s, uint32_t i);

/* Where sealed bytes go; NULL when fewer than want are free (slow reader). */
uint8_t *slab_tx_room(struct slab *s, uint32_t i, size_t want);
/* n sealed bytes stand there; next carries nonce and keys. Commits. */
void slab_tx_ready(struct slab *s, uint32_t i, struct slab_half *next, size_t n);
/* Bytes to send. */
const uint8_t *slab_tx_data(const struct slab *s, uint32_t i, size_t *n);
/* The kernel took n; an emptied buffer is given back. */
void slab_tx_sent(struct slab *s, uint32_t i, size_t n);

#endif
