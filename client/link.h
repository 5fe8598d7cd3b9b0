/*
 * link.h - one connection to a server, from dialling to frames: docs/protocol.md sections 1 to 4.
 *
 *   link_dial()  DIALLING -> SHAKING -> PROVEN   link_proof(): is it the server we want?
 *   link_login() PROVEN -> OPEN                  link_out() + link_flush(), link_frame()
 *   anything     -> DOWN                         link_fault(), link_words()
 *
 * Nothing blocks but the look-up of a name in link_dial(). A link owns no timer: call link_step()
 * when link_fd() is ready for what link_wants() says, or when link_deadline() has passed. Buffers
 * are freed when empty, so that an idle link costs a few hundred bytes.
 */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "identity.h"
#include "wire.h"

enum link_state { LINK_DIALLING, LINK_SHAKING, LINK_PROVEN, LINK_OPEN, LINK_DOWN };

enum link_fault {
    LINK_FINE,
    LINK_NO_HOST,    /* the name has no address */
    LINK_NO_ANSWER,  /* no address took the connection in time */
    LINK_BROKEN,     /* ended without BYE or ERROR, or a record or frame was damaged */
    LINK_NOT_OURS,   /* the other side does not speak this protocol */
    LINK_NO_VERSION, /* it speaks no version of ours */
    LINK_BUSY,       /* it is busy or full: try again later */
    LINK_BAD_PROOF,  /* signature, key or form of message 2 wrong */
    LINK_BAD_TIME,   /* its transport key is not valid now */
};

struct link;

/* Starts to connect. Always gives a link; one that has no address is DOWN already. now: ms. */
struct link *link_dial(const char *host, const char *port, uint64_t now);

/* The same over a connected, non-blocking stream socket, which the link then owns (tests). */
struct link *link_over(int fd, uint64_t now);

/* Closes at once and frees. NULL is fine. */
void link_free(struct link *l);

enum link_state link_state(const struct link *l);
enum link_fault link_fault(const struct link *l);
/* Words for the fault, never NULL. */
const char *link_words(const struct link *l);

int link_fd(const struct link *l);
short link_wants(const struct link *l); /* POLLIN, POLLOUT */
/* When the present step of connecting must be done, ms; UINT64_MAX when there is no such time. */
uint64_t link_deadline(const struct link *l);

/* Receives, sends, goes on with connecting. now: ms of the clock given to link_dial(). */
void link_step(struct link *l, short revents, uint64_t now);

/* What the server proved itself with; valid while PROVEN. */
const struct wire_proof *link_proof(const struct link *l);

/* Sends LOGIN with the signature filled in; the link is OPEN and the proof gone. m: signed here. */
void link_login(struct link *l, const struct identity *id, struct wire_login *m);

/* Whole frames for the server; they leave with the next link_flush(). */
struct buf *link_out(struct link *l);
void link_flush(struct link *l);
/* Bytes that wait to leave. */
size_t link_backlog(const struct link *l);

/* No more will be sent: shuts that direction down as soon as everything has left. */
void link_finish(struct link *l);

/*
 * The next frame: 1; 0 when none is whole yet; -1 when the link is DOWN (end of stream is noticed
 * here, after every frame before it was given out). The payload is valid until the next call.
 */
int link_frame(struct link *l, struct wire_frame *f);

/* Forgets a frame of which only the beginning has come (RESYNC). */
void link_forget_parts(struct link *l);

#endif
