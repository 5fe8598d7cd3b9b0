/*
 * chan.h - the control channel between master and a child: SOCK_SEQPACKET, one packet = one
 * message = at most one descriptor.
 *
 * A packet is type(u8) and fields (buf.h). What the socket does not take now is queued, in order,
 * with its descriptor. A packet that brings more than one descriptor loses all of them; an empty
 * packet is the end of the channel (SEQPACKET knows no other).
 */
#ifndef CHAN_H
#define CHAN_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "loop.h"

enum { CHAN_PACKET_MAX = 32768, CHAN_QUEUE_MAX = 65536 };

struct chan;

/*
 * Called for each packet. fd is -1 or a descriptor that is the callee's from now on (close-on-exec).
 * The callee may call chan_close() on c.
 */
typedef void chan_packet(struct chan *c, uint8_t type, struct slice fields, int fd);
/* The other side is gone, or broke the rules; the callee closes c. */
typedef void chan_ended(struct chan *c);

/* chan_try() may be worth trying again. */
typedef void chan_room(struct chan *c);

struct chan_out;

struct chan {
    struct loop_io io;
    struct loop *loop;
    chan_packet *packet;
    chan_ended *ended;
    chan_room *room; /* NULL: nobody wants to know */
    void *owner;     /* free for the user */
    struct chan_out *first, **last;
    unsigned queued;
    unsigned a_turn; /* packets taken in one turn; whoever has more urgent things to do lowers it */
    bool closed;
};

/* A connected pair, close-on-exec, non-blocking; fatal when it cannot be had. */
void chan_pair(int fd[2]);

enum { CHAN_A_TURN = 64 };

/* Takes over fd and starts to listen on the loop, CHAN_A_TURN packets a turn. */
void chan_open(struct chan *c, struct loop *l, int fd, chan_packet *packet, chan_ended *ended,
               void *owner);

/*
 * Sends a packet; fd (or -1) is duplicated by the kernel and stays the caller's, who may close it
 * at once. 0, or -1 when the other side is gone or CHAN_QUEUE_MAX packets wait.
 */
int chan_send(struct chan *c, uint8_t type, const struct buf *fields, int fd);

/*
 * The same, but queues nothing, so that thousands of descriptors need no duplicates: 1 sent; 0 full
 * for now, and room(c) will be called once; -1 the other side is gone.
 */
int chan_try(struct chan *c, uint8_t type, const struct buf *fields, int fd, chan_room *room);

/* Stops and resumes reading: what comes meanwhile waits in the socket. Its end is told all the same. */
void chan_pause(struct chan *c, bool pause);

/* Reads what has come and calls packet() for it, outside of the loop: before judging a dead peer. */
void chan_drain(struct chan *c);

/* Ends the channel and closes its descriptor; what was queued is dropped. */
void chan_close(struct chan *c);

#endif
