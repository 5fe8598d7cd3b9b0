/*
 * demo_kill.h - kills processes of a running server, one at a time at random moments: workers, the
 * broker, the master when asked to.
 *
 * Only processes in service that the server itself names are killed. One is opened (pidfd) between
 * two answers that name it, and killed through that descriptor, so a pid that was given to another
 * program is no danger. Fits any loop, as client.h does, and never waits for the server.
 */
#ifndef CTL_DEMO_KILL_H
#define CTL_DEMO_KILL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../client/why.h"
#include "status.h"

struct killer;

struct killer_options {
    const char *socket_path; /* the server's ctl.sock; borrowed */
    bool master;
    void (*killed)(void *arg, const struct status_process *p);
    void *arg;
};

struct killer *killer_new(const struct killer_options *o);
void killer_free(struct killer *k);

int killer_fd(const struct killer *k); /* to be read from; -1: waits for its time alone */
int killer_timeout_ms(const struct killer *k);
/* 0, or -1 and why when it may not kill what it has to. */
int killer_step(struct killer *k, struct why *why);

/*
 * What may be killed next: a process in service of this role, one of them by luck; NULL none. all:
 * only when all are settled; the master always has to wait for that.
 */
const struct status_process *killer_choose(const struct status *s, enum status_role role, bool all,
                                           uint32_t luck);

#endif
