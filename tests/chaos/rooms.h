/*
 * rooms.h - what must hold of groups, judged from what members report: no sockets, no clock, no clients. The
 * judge of groups in the chaos test, beside client/ledger.h for direct messages and the lobby.
 *
 * A group's lines have the numbers 1, 2, 3, … of its room: messages, and entries of its log. From the entries
 * follows who is in at each number, and so who must have which line:
 *
 *   from the line that brings them in to the one that takes them out, both included, a member has every line,
 *   once and in order, and no other line is anybody's; a number is the same line for everybody; a message was
 *   sent, comes once however often it was said, its sender's numbers rise, and it stands behind what its
 *   sender had seen; whatever was accepted has come, whatever was refused has not. A message that did not
 *   open is none of these, and counted apart.
 */
#ifndef CHAOS_ROOMS_H
#define CHAOS_ROOMS_H

#include <stdbool.h>
#include <stdint.h>

enum rooms_what {
    ROOMS_NOTHING,  /* nobody has reported this number */
    ROOMS_MESSAGE,  /* who has sent message n of theirs, having seen line `seen` */
    ROOMS_IN,       /* who is in from here on */
    ROOMS_OUT,      /* who was in up to here */
    ROOMS_ENTRY,    /* any other entry */
    ROOMS_UNOPENED, /* something that the one who reports could not open, for reason n (client/open.h) */
};

struct rooms_line {
    enum rooms_what what;
    unsigned who;
    uint64_t number, n, seen;
};

struct rooms_counts {
    uint64_t sent, delivered, entries, refused;
    uint64_t lost, dup, disorder, alien, unopened;
};

struct rooms;

/* violation (may be NULL) is told each one in words, with the time when it was noticed, 0: at the end. */
struct rooms *rooms_new(unsigned groups, unsigned people,
                        void (*violation)(void *arg, uint64_t when_us, const char *words), void *arg);
void rooms_free(struct rooms *r);

/* Reports of this person come at the end. */
void rooms_defer(struct rooms *r, unsigned who);

/* A message is about to be sent: gives its number. */
uint64_t rooms_send(struct rooms *r, unsigned group, unsigned from);
/* Somebody else has sent messages up to this number, all of which the server has accepted. */
void rooms_sent_upto(struct rooms *r, unsigned group, unsigned from, uint64_t n);
/* What the server said to it. */
void rooms_settled(struct rooms *r, unsigned group, unsigned from, uint64_t n, bool accepted);

/* The next line that `at` was shown. */
void rooms_got(struct rooms *r, unsigned group, unsigned at, const struct rooms_line *l, uint64_t when_us);

/* Has everybody present every line that is theirs, as far as anybody has reported one? */
bool rooms_quiet(struct rooms *r);

/* Counts what is missing. Once, after all reports. */
void rooms_finish(struct rooms *r);
struct rooms_counts rooms_counts(const struct rooms *r);

#endif
