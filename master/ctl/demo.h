/*
 * demo.h - `demo crash`: clients of this process talk to each other over a running server while its
 * processes are killed; one line says what came of it.
 *
 *   demo.c        the run, from the first question to the line
 *   demo_crowd.c  the clients and their messages
 *   demo_kill.c   who is killed, and when
 *   demo_result.c the line, and whether all held
 */
#ifndef CTL_DEMO_H
#define CTL_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "demo_crowd.h"
#include "status.h"

enum { DEMO_SECONDS = 30, DEMO_SECONDS_MOST = 86400, DEMO_CLIENTS = 8 };

struct demo_options {
    const char *socket_path; /* NULL: where ctl looks anyway */
    unsigned seconds, clients;
    bool lobby, master, json, quiet;
};

/* Runs it. The exit status: 0 all held, 1 something did not, others as exits.h has them. */
int demo_crash(const struct demo_options *o);

/* "30s", "5m", "1h", "30": seconds from 1 to DEMO_SECONDS_MOST; 0 for anything else. */
unsigned demo_seconds(const char *text);

struct demo_result {
    double seconds;
    unsigned clients;
    unsigned kills[STATUS_SPARE]; /* by enum status_role */
    struct crowd_counts counts;
};

/* True when somebody was killed and everything sent has come, once and in order, over the first
 * connections. */
bool demo_held(const struct demo_result *r);
/* The line, with its end, for people or as JSON. */
void demo_line(const struct demo_result *r, bool json, char *out, size_t size);

#endif
