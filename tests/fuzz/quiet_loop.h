/*
 * quiet_loop.h - in place of loop.c: nothing waits, the clock goes on only when the target says
 * so, timers fire when asked. Included by the one file of a target; its definitions keep the
 * library's loop.o out of the program.
 */
#ifndef QUIET_LOOP_H
#define QUIET_LOOP_H

#include "fuzz.h"
#include "loop.h"

enum { QUIET_KNOWN = 1u << 25 }; /* a bit of io->events that epoll does not use */

static uint64_t quiet_ms = 1000000;

uint64_t clock_mono_ms(void)
{
    return quiet_ms;
}
uint64_t clock_wall_ms(void)
{
    return UINT64_C(1700000000000) + quiet_ms;
}

void loop_init(struct loop *l)
{
    memset(l, 0, sizeof *l);
    l->epfd = -1;
    l->now_ms = quiet_ms;
}

/* As with epoll: what is there already cannot be added, what is not cannot be changed. */
void loop_add(struct loop *l, struct loop_io *io, uint32_t events)
{
    (void)l;
    CHECK(!(io->events & QUIET_KNOWN));
    io->events = events | QUIET_KNOWN;
}

void loop_mod(struct loop *l, struct loop_io *io, uint32_t events)
{
    (void)l;
    CHECK(io->events & QUIET_KNOWN);
    io->events = events | QUIET_KNOWN;
}

void loop_del(struct loop *l, struct loop_io *io)
{
    (void)l;
    CHECK(io->events & QUIET_KNOWN);
    io->events = 0;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    struct loop_timer **p = &l->timers;
    if (!t->armed) return;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    t->armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t after_ms)
{
    loop_timer_stop(l, t);
    t->due_ms = quiet_ms + after_ms;
    t->next = l->timers;
    l->timers = t;
    t->armed = true;
}

void loop_run(struct loop *l)
{
    (void)l;
}

/* Lets time pass and fires what has become due, once each. */
static inline void quiet_pass(struct loop *l, uint64_t ms)
{
    quiet_ms += ms;
    l->now_ms = quiet_ms;
    struct loop_timer *due = l->timers;
    l->timers = NULL;
    while (due) {
        struct loop_timer *t = due;
        due = t->next;
        t->armed = false;
        if (t->due_ms > quiet_ms) {
            t->next = l->timers;
            l->timers = t;
            t->armed = true;
        } else {
            t->fire(t);
        }
    }
}

#endif
