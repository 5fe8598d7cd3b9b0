/* orphan.c - see orphan.h. */
#include "orphan.h"

#include <unistd.h>

#include "bus.h"

static bool anybody(const struct orphan *o)
{
    for (int i = 0; i < ORPHAN_INTROS; i++)
        if (o->intro[i].loop && !o->intro[i].closed) return true;
    return false;
}

static void give_up(struct orphan *o)
{
    loop_timer_stop(o->loop, &o->grace);
    o->alone = false;
    o->abandoned(o->owner);
}

static void grace_over(struct loop_timer *t)
{
    give_up(container_of(t, struct orphan, grace));
}

static void introduced(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    (void)fields;
    struct orphan *o = c->owner;
    if (type != CTL_MASTER || fd < 0 || !o->alone) { /* the present master lives: nobody else is one */
        if (fd >= 0) close(fd);
        return;
    }
    loop_timer_stop(o->loop, &o->grace);
    o->alone = false;
    o->meet(o->owner, fd);
}

static void intro_ended(struct chan *c)
{
    struct orphan *o = c->owner;
    chan_close(c);
    if (o->alone && !anybody(o)) give_up(o);
}

void orphan_init(struct orphan *o, struct loop *l, void (*meet)(void *, int), void (*abandoned)(void *), void *owner)
{
    *o = (struct orphan){.loop = l, .grace.fire = grace_over, .meet = meet, .abandoned = abandoned, .owner = owner};
}

void orphan_intro(struct orphan *o, int fd)
{
    if (fd < 0) return;
    int i = 0;
    while (i < ORPHAN_INTROS - 1 && o->intro[i].loop && !o->intro[i].closed)
        i++;
    if (o->intro[i].loop) chan_close(&o->intro[i]);
    chan_open(&o->intro[i], o->loop, fd, introduced, intro_ended, o);
}

void orphan_begin(struct orphan *o, uint64_t grace_ms)
{
    o->alone = true;
    if (anybody(o))
        loop_timer_set(o->loop, &o->grace, grace_ms);
    else
        give_up(o);
}
