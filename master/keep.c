/*
 * keep.c - what the next master will need is told to the keeper, the process that outlives us.
 *
 * A new keeper is told everything in one sweep over slots and places, as fast as its channel takes it; what
 * changes meanwhile and later is told as it happens, and telling twice does no harm. When the channel has
 * no room for a connection, the sweep begins anew, so a keeper that hangs costs no descriptors here. Only
 * when it knows everything can a next master find it (takeover_complete()).
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "master.h"

/* The keeper, if it listens already, and if we know ourselves what there is. */
static struct chan *ear(const struct master *m)
{
    return m->keeper && m->keeper->state == CHILD_READY && m->whole ? &m->keeper->chan : NULL;
}

/* --- one thing at a time --- */

static void tell_process(struct master *m, uint32_t process, uint32_t generation, struct child *c)
{
    int intro[2], pidfd = c->pidfd.fd >= 0 ? c->pidfd.fd : (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (pidfd < 0) return; /* it has just died; the next one will be told */
    struct buf p = {0}, q = {0};
    chan_pair(intro);
    buf_put_u32(&p, process);
    buf_put_u32(&q, process);
    buf_put_u32(&q, generation);
    chan_send(ear(m), CTL_PROCESS, &q, pidfd);
    chan_send(ear(m), CTL_INTRO, &p, intro[0]);
    chan_send(&c->chan, CTL_INTRO, NULL, intro[1]);
    buf_free(&p);
    buf_free(&q);
    close(intro[0]);
    close(intro[1]);
    if (pidfd != c->pidfd.fd) close(pidfd);
}

void keep_worker(struct slot *s)
{
    if (ear(s->master) && s->child && s->child->has_chan) tell_process(s->master, s->number, s->generation, s->child);
}

void keep_broker(struct master *m)
{
    if (ear(m) && m->broker && m->broker->has_chan) tell_process(m, CTL_BROKER_SLOT, m->broker_generation, m->broker);
}

void keep_slab(const struct slot *s)
{
    struct buf p = {0};
    buf_put_u32(&p, s->number);
    if (ear(s->master) && s->slab >= 0) chan_send(ear(s->master), CTL_KEEP_SLAB, &p, s->slab);
    buf_free(&p);
}

static void sweep(struct chan *c);

/* False when there was no room; then sweep() is called when there is. */
static bool tell_place(const struct slot *s, uint32_t index)
{
    const struct place *at = &s->places.place[index];
    struct buf p = {0};
    buf_put_u32(&p, s->number);
    buf_put_u32(&p, index);
    buf_put_u32(&p, at->generation);
    int r = chan_try(ear(s->master), CTL_KEEP, &p, at->fd, sweep);
    buf_free(&p);
    return r != 0;
}

void keep_place(const struct slot *s, uint32_t index)
{
    struct keeping *k = &s->master->keeping;
    if (!ear(s->master) || k->again) return;
    if (!tell_place(s, index)) k->again = true;
}

void keep_not(const struct slot *s, uint32_t index, uint32_t generation)
{
    struct buf p = {0};
    if (!ear(s->master)) return;
    buf_put_u32(&p, s->number);
    buf_put_u32(&p, index);
    buf_put_u32(&p, generation);
    chan_send(ear(s->master), CTL_LET_GO, &p, -1);
    buf_free(&p);
}

/* --- everything --- */

static void tell_listeners(struct master *m)
{
    struct buf p = {0};
    for (int i = 0; i < m->n_listeners; i++) {
        buf_reset(&p, SIZE_MAX);
        buf_put_str8(&p, m->listener[i].name, strlen(m->listener[i].name));
        chan_send(ear(m), CTL_LISTEN, &p, m->listener[i].io.fd);
    }
    buf_free(&p);
}

/* Goes on where it stands. True when it is through. */
static bool go_on(struct master *m)
{
    struct keeping *k = &m->keeping;
    for (; k->slot < m->n_slots; k->slot++, k->index = 0) {
        struct slot *s = &m->slot[k->slot];
        for (; k->index < s->places.high; k->index++)
            if (s->places.place[k->index].fd >= 0 && !tell_place(s, k->index)) return false;
    }
    return true;
}

static void sweep(struct chan *c)
{
    struct master *m = ((struct child *)c->owner)->master;
    struct keeping *k = &m->keeping;
    if (k->again) {
        k->again = false;
        k->slot = k->index = 0;
    }
    if (!go_on(m) || k->complete) return;
    k->complete = true;
    chan_send(c, CTL_TAKEOVER, NULL, m->takeover_fd);
}

void keep_all(struct master *m)
{
    if (!ear(m)) return;
    m->keeping = (struct keeping){0};
    tell_listeners(m);
    keep_broker(m);
    for (unsigned i = 0; i < m->n_slots; i++) {
        keep_slab(&m->slot[i]);
        keep_worker(&m->slot[i]);
    }
    sweep(ear(m));
}
