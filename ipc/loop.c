/* loop.c - see loop.h. Timers are few, so a sorted list serves. */
#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static uint64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

void loop_init(struct loop *l)
{
    *l = (struct loop){.epfd = epoll_create1(EPOLL_CLOEXEC), .now_ms = clock_mono_ms()};
    if (l->epfd < 0) fatal("cannot make an epoll descriptor: %s", strerror(errno));
}

static void control(struct loop *l, int op, struct loop_io *io, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = io};
    if (epoll_ctl(l->epfd, op, io->fd, &e)) fatal("epoll_ctl: %s", strerror(errno));
    io->events = events;
}

void loop_add(struct loop *l, struct loop_io *io, uint32_t events)
{
    control(l, EPOLL_CTL_ADD, io, events);
}

void loop_mod(struct loop *l, struct loop_io *io, uint32_t events)
{
    if (io->events != events) control(l, EPOLL_CTL_MOD, io, events);
}

void loop_del(struct loop *l, struct loop_io *io)
{
    control(l, EPOLL_CTL_DEL, io, 0);
    /* What this turn still holds for it must not be called. */
    for (int i = l->at + 1; i < l->n; i++)
        if (l->batch[i].data.ptr == io) l->batch[i].data.ptr = NULL;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    if (!t->armed) return;
    struct loop_timer **p = &l->timers;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    t->armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t after_ms)
{
    loop_timer_stop(l, t);
    t->due_ms = clock_mono_ms() + after_ms;
    struct loop_timer **p = &l->timers;
    while (*p && (*p)->due_ms <= t->due_ms)
        p = &(*p)->next;
    t->next = *p;
    *p = t;
    t->armed = true;
}

static int next_wait(const struct loop *l)
{
    if (!l->timers) return -1;
    uint64_t now = clock_mono_ms(), due = l->timers->due_ms;
    return due <= now ? 0 : due - now > 3600000 ? 3600000 : (int)(due - now);
}

static uint64_t mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Waking somebody who sleeps on an idle core costs more than the message that it was woken for. */
static int look(struct loop *l, uint64_t since)
{
    int n;
    do
        n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, 0);
    while (n == 0 && mono_us() - since < l->linger_us);
    return n;
}

static int wait_for_events(struct loop *l)
{
    int limit = next_wait(l), n = 0;
    if (l->linger_us == 0 || limit == 0) return epoll_wait(l->epfd, l->batch, LOOP_BATCH, limit);
    uint64_t since = mono_us();
    if (l->waited_us <= l->linger_us) n = look(l, since);
    if (n == 0) n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, next_wait(l));
    l->waited_us = mono_us() - since;
    return n;
}

static void fire_due(struct loop *l)
{
    while (l->timers && l->timers->due_ms <= l->now_ms) {
        struct loop_timer *t = l->timers;
        l->timers = t->next;
        t->armed = false;
        t->fire(t);
    }
}

void loop_run(struct loop *l)
{
    while (!l->stop) {
        l->n = wait_for_events(l);
        if (l->n < 0 && errno != EINTR) fatal("epoll_wait: %s", strerror(errno));
        l->now_ms = clock_mono_ms();
        for (l->at = 0; l->at < l->n; l->at++) {
            struct loop_io *io = l->batch[l->at].data.ptr;
            if (io) io->ready(io, l->batch[l->at].events);
        }
        l->n = l->at = 0;
        fire_due(l);
        if (l->end_of_turn) l->end_of_turn(l->arg);
    }
}
