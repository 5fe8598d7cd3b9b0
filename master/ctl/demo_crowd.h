/*
 * demo_crowd.h - the demo's clients: real ones of the client library, with their stores in memory,
 * that send each other numbered messages and check what comes.
 *
 * Their names and keys follow from one key, so later runs are the same people. Fits a loop on
 * poll(): crowd_poll(), wait, crowd_step().
 */
#ifndef CTL_DEMO_CROWD_H
#define CTL_DEMO_CROWD_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../client/identity.h"
#include "../../client/ledger.h"

enum { CROWD_LEAST = 2, CROWD_MOST = 200, CROWD_NAME = 24 };

struct crowd;

struct crowd_options {
    const char *host, *port, *fingerprint; /* the server and its key, which is trusted */
    unsigned clients;
    bool lobby;                /* every eighth message goes there */
    const struct identity *id; /* borrowed */
};

struct crowd_counts {
    struct ledger_counts messages; /* one to the lobby counts once for each who hears it */
    uint64_t missing;              /* overtaken, and so probably lost */
    uint64_t reconnects;           /* connections that were lost */
    uint64_t worst_gap_ms; /* longest time in which a client heard nothing though something was
                              under way */
    unsigned connected;
};

/* Nobody is connected yet. */
struct crowd *crowd_new(const struct crowd_options *o);
void crowd_free(struct crowd *c);

/* The name of one of them: "demo-", four letters that follow from the key, a number from 1. */
void crowd_name(const struct identity *id, unsigned number, char out[CROWD_NAME]);

/* What each waits for; out has room for one a client. */
void crowd_poll(const struct crowd *c, struct pollfd *out);
int crowd_timeout_ms(const struct crowd *c);
void crowd_step(struct crowd *c, const struct pollfd *polled);

void crowd_connect(struct crowd *c);
void crowd_speak(struct crowd *c, bool speak);
void crowd_leave(struct crowd *c);

/*
 * The first failure that trying again does not mend, or else why a connection was lost lately: a
 * code as exit_of() knows it, and text fit for a terminal. NULL: nothing went wrong.
 */
const char *crowd_trouble(const struct crowd *c, bool *final, const char **text);

/* Everything has arrived and all are connected. */
bool crowd_quiet(const struct crowd *c);
/* All have left, or cannot say so any more. */
bool crowd_gone(const struct crowd *c);
/* Monotonic milliseconds: when somebody last heard something. */
uint64_t crowd_heard_ms(const struct crowd *c);

/* From now on waits for each to hear something that is sent from now on. */
void crowd_await(struct crowd *c);
/* How many have not; the last one that has did so *after_ms after crowd_await(). */
unsigned crowd_waiting(const struct crowd *c, uint64_t *after_ms);

/* Nothing more will come: what has not is lost from here on. */
void crowd_finish(struct crowd *c);
struct crowd_counts crowd_counts(const struct crowd *c);

#endif
