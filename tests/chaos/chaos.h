/*
 * chaos.h - what the parts of the chaos tool share: options, and a page of memory between its
 * processes.
 *
 *   chaos.c     the run: starts the others, waits, drains, judges, prints the line
 *   repair.c    the other mode: how long until everybody hears again
 *   actors.c    the clients of this process; text.c what they say to each other
 *   circle.c    somebody's part in a group: joins, leaves, kicks
 *   home.c      clients with a store on disk, each a process that is killed and comes back
 *   killer.c    a process: owns server and homes, kills and restarts them; server.c one server
 *   usage.c, after.c  memory and descriptors; what is left when all is over
 *   client/ledger.c  what must hold; client/numbers.c one stream of it; rooms.c of groups. Pure.
 */
#ifndef CHAOS_H
#define CHAOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEOPLE_MAX = 2048, HOMES_MAX = 64, NOTES_MAX = 1 << 16, PATH_LEN = 512, GROUPS_MAX = 64 };

enum chaos_switch { SWITCH_OFF, SWITCH_ON, SWITCH_AUTO };

struct options {
    bool repair;
    unsigned seconds, every_ms, window, lobby_every;
    unsigned clients; /* busy, in this process */
    unsigned homes, idle;
    unsigned groups; /* at most: each of CIRCLE_SIZE busy clients, circle.h */
    unsigned kills; /* repair: how many */
    uint64_t seed;
    enum chaos_switch worker, broker, master, client, stop; /* what is done to whom */
    bool allow_reconnects, keep;
    const char *programs; /* folder of the server's programs */
    const char *workers;  /* as in the config */
};

/* Goes up only. */
enum phase {
    PHASE_START, /* the killer starts the server */
    PHASE_READY, /* it listens; nobody is killed, nobody speaks */
    PHASE_RUN,   /* speaking and killing */
    PHASE_CALM,  /* speaking; everything is up again */
    PHASE_STILL, /* no new messages: what was sent arrives */
    PHASE_HOME,  /* the homes end in order */
    PHASE_END,   /* the server ends in order */
    PHASE_OVER,  /* the killer has done all that */
    PHASE_FAILED,
};

enum deed { DEED_WORKER, DEED_BROKER, DEED_MASTER, DEED_CLIENT, DEED_KEEPER, DEED_STOP, DEED_GO_ON, DEEDS };

/* One thing the killer did. */
struct note {
    uint64_t at_us;
    enum deed deed;
    pid_t pid;
};

/* A client with a store: its place in its own numbering survives it here, as a disk would. */
struct home {
    pid_t pid;
    uint32_t sent[PEOPLE_MAX + 2];     /* numbers used, per recipient; the last two: the lobby, its group */
    uint32_t trying_to, trying_number; /* being put into the outbox; 0: nothing */
    uint64_t trying_seen, trying_us;
    _Atomic uint64_t rows;              /* of its history */
    _Atomic uint32_t lost;              /* connections lost while it lived */
    _Atomic uint32_t refused;           /* messages of its that the server refused */
    _Atomic bool came, settled, failed; /* came: was connected once, so its name is known */
    bool in_group;                      /* by what it was shown */
};

struct shared {
    _Atomic int phase;
    char folder[PATH_LEN], ctl[PATH_LEN], log[PATH_LEN], store[PATH_LEN];
    char host[64], port[16];
    _Atomic pid_t group; /* of the server's processes */
    bool takeover;       /* a new master can take over: the server has a socket for it */
    _Atomic uint64_t done[DEEDS], unasked; /* unasked: the master died by itself */
    _Atomic uint32_t notes, losses_told;
    struct note note[NOTES_MAX];
    struct home home[HOMES_MAX];
};

/* Monotonic microseconds since the tool started; the same in all its processes. */
uint64_t now_us(void);

/* A small generator, so that a seed means the same everywhere (splitmix64). */
uint64_t luck_next(uint64_t *state);

/* One of n, n > 0. */
static inline unsigned luck_of(uint64_t *state, unsigned n)
{
    return (unsigned)((luck_next(state) >> 32) % n);
}

static inline int phase_of(struct shared *s)
{
    return atomic_load(&s->phase);
}

#endif
