/*
 * loop.h - one wait for everything: descriptors (epoll, level-triggered) and a few timers.
 *
 * A turn = one wait and the callbacks of what it returned, then end_of_turn once: that is
 * where gathered work leaves in batches. A callback may remove any io or timer, its own too;
 * memory of an io may be freed once loop_del() has returned.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop_io {
    int fd;
    uint32_t events; /* what is waited for: EPOLLIN, EPOLLOUT; private */
    void (*ready)(struct loop_io *io, uint32_t events);
};

struct loop_timer {
    uint64_t due_ms; /* private */
    struct loop_timer *next;
    bool armed;
    void (*fire)(struct loop_timer *t);
};

enum { LOOP_BATCH = 256 };

struct loop {
    int epfd;
    bool stop;       /* set it to leave loop_run() after this turn */
    uint64_t now_ms; /* monotonic, taken once a turn */
    struct loop_timer *timers;
    struct epoll_event batch[LOOP_BATCH];
    int at, n; /* place in batch */
    void (*end_of_turn)(void *arg);
    void *arg;
    /*
     * Busy waiting, in microseconds, 0: none. The next wait looks for so long before it sleeps, but only if
     * the last wait was no longer: what comes seldom is not waited for. end_of_turn may change it each turn.
     */
    uint32_t linger_us;
    uint64_t waited_us; /* the last wait; private */
};

/* Makes the epoll descriptor; fatal when there is none to have. */
void loop_init(struct loop *l);

/* Starts, changes and ends the wait for io->fd. events 0 in loop_mod() keeps it registered, silent. */
void loop_add(struct loop *l, struct loop_io *io, uint32_t events);
void loop_mod(struct loop *l, struct loop_io *io, uint32_t events);
void loop_del(struct loop *l, struct loop_io *io);

/* Fires once, after_ms from now; setting an armed timer moves it. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t after_ms);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Turns until l->stop. */
void loop_run(struct loop *l);

/* Monotonic and wall-clock milliseconds. */
uint64_t clock_mono_ms(void);
uint64_t clock_wall_ms(void);

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
