/*
 * status.h - the server's answer to `status`, taken apart, for what acts on it.
 *
 * It comes as JSON, one object a line; what is not understood is left out.
 */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

enum status_role { STATUS_MASTER, STATUS_BROKER, STATUS_WORKER, STATUS_SPARE };
enum { STATUS_PROCESSES = 160, STATUS_HOST = 64, STATUS_PORT = 8, STATUS_FINGERPRINT = 40 };

struct status_process {
    enum status_role role;
    pid_t pid;
    uint64_t slot, generation;
    bool ok;      /* in service and not draining */
    bool settled; /* in service, or draining: not starting, stopping, adopting, dead */
};

struct status {
    unsigned n; /* 0: the server has not answered */
    struct status_process process[STATUS_PROCESSES];
    char host[STATUS_HOST], port[STATUS_PORT]; /* where this machine reaches it; "" unknown */
    char fingerprint[STATUS_FINGERPRINT];      /* "" while its broker is starting */
};

/* Takes an answer, or its whole lines when it was cut short. The buffer's bytes are changed. */
void status_read(struct status *s, struct buf *answer);

/*
 * The process is in this answer, too: same pid, role, place and generation. A pid that is named in
 * two answers belonged to that process all the time between them.
 */
bool status_has(const struct status *s, const struct status_process *p);

/* Every process is settled, master, broker and at least one worker among them. */
bool status_settled(const struct status *s);

/* "worker 1", "broker", "master", "spare". */
void status_name(const struct status_process *p, char *out, size_t size);

#endif
