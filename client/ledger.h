/*
 * ledger.h - what must hold of messages, judged from numbers alone: no sockets, no clock, no
 * clients. The judge of the chaos test and of `ctl demo crash`.
 *
 * People are 0 to n-1. Every message has a number that counts up from 1 per (sender, recipient),
 * and per (sender, room). Those who receive report what they got, in the order in which they got
 * it:
 *
 *   direct   number n of a sender comes once, and after n-1 (I2, I3, I5 of SECURITY section 4)
 *   room     a member gets the room's places 1, 2, 3, … once and in order; one place is one message
 *            for everybody (I4), the numbers of one sender rise with the places (I5), and a message
 *            stands behind the place that its sender had seen when it sent it (I6)
 *   both     nothing comes that was not sent, or to somebody whom it was not for (I7, I8)
 *
 * A number that is left out is a hole; it is lost when it is still one in ledger_finish(), and
 * disorder when it comes later.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_ROOM = 0xffff }; /* as a recipient: the room */

struct ledger_message {
    unsigned from, to; /* to: LEDGER_ROOM for the room's */
    uint64_t number;   /* from 1 */
    uint64_t sent_us;
    uint64_t seen; /* room: the place that the sender had seen, 0 none */
};

struct ledger_counts {
    uint64_t sent, delivered, lost, dup, disorder;
    uint64_t alien;   /* never sent, or for somebody else */
    uint64_t refused; /* by the server, with a reason */
};

struct ledger;

/*
 * people: at most LEDGER_ROOM. violation (may be NULL) is told each one in words, with the time at
 * which it was noticed; 0: at the end.
 */
struct ledger *ledger_new(unsigned people,
                          void (*violation)(void *arg, uint64_t when_us, const char *words),
                          void *arg);
void ledger_free(struct ledger *l);

/*
 * Somebody is a member of the room from its first message on. present: reports at once what it
 * gets; else its reports come after the end (from its store).
 */
void ledger_join(struct ledger *l, unsigned who, bool present);
/* Reports of this person come at the end: nothing is owed to it meanwhile. */
void ledger_defer(struct ledger *l, unsigned who);

/* A message is about to be sent: gives its number. */
uint64_t ledger_send(struct ledger *l, unsigned from, unsigned to);
/* Somebody else has sent messages up to this number. */
void ledger_sent_upto(struct ledger *l, unsigned from, unsigned to, uint64_t number);
/* The server refused it and said so, with this reason: it is not expected to come. */
void ledger_refused(struct ledger *l, unsigned from, unsigned to, uint64_t number, const char *why,
                    uint64_t when_us);

/* at got a direct message. */
void ledger_got(struct ledger *l, unsigned at, const struct ledger_message *m, uint64_t when_us);
/* at got a message of the room at this place. */
void ledger_got_room(struct ledger *l, unsigned at, uint64_t place, const struct ledger_message *m,
                     uint64_t when_us);
/* at got something whose words are not those of any message. */
void ledger_got_nonsense(struct ledger *l, unsigned at, const char *what, uint64_t when_us);

/* Direct messages sent with ledger_send() to this person that have not come. */
uint64_t ledger_owed(const struct ledger *l, unsigned who);
/* True when everybody present has everything that was sent with ledger_send(). */
bool ledger_quiet(const struct ledger *l);

/* Direct messages that a later one of the same talk has overtaken: with order kept, lost ones. */
uint64_t ledger_missing(const struct ledger *l);

/* Counts what is missing. Call it once, after all reports. */
void ledger_finish(struct ledger *l);
struct ledger_counts ledger_counts(const struct ledger *l);

#endif
