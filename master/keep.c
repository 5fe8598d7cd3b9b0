/*
 * keep.c - what the next master will need is told to the keeper, the process that outlives us.
 *
 * A new keeper is told everything in one sweep over slots and places, as fast as its channel takes it; what
 * changes meanwhile and later is told as it happens, and telling twice does no harm. When the channel has
 * no room for a connection, the sweep begins anew, so a keeper that hangs costs no descriptors here. Only
 * when it knows everything can a next master find it (takeover_complete()); until then the last master's
 * keeper is told of every change, too.
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

/* As long as ours does not know everything, a next master will ask the one that we have asked. */
static struct chan *old_ear(struct master *m)
{
    return m->old.loop && !m->old.closed && !m->taking_over ? &m->old : NULL;
}

static void tell_both(struct master *m, uint8_t type, const struct buf *fields, int fd)
{
    if (old_ear(m)) chan_send(old_ear(m), type, fields, fd);
    if (ear(m)) chan_send(ear(m), type, fields, fd);
}

/* --- one thing at a time --- */

/* A channel between a keeper and a process. */
static void introduce(struct chan *keeper, uint32_t process, struct child *c)
{
    int fd[2];
    struct buf p = {0};
    if (!keeper) return;
    chan_pair(fd);
    buf_put_u32(&p, process);
    chan_send(keeper, CTL_INTRO, &p, fd[0]);
    chan_send(&c->chan, CTL_INTRO, NULL, fd[1]);
    buf_free(&p);
    close(fd[0]);
    close(fd[1]);
}

static void tell_process(struct master *m, uint32_t process, uint32_t generation, struct child *c)
{
    int pidfd = c->pidfd.fd >= 0 ? c->pidfd.fd : (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (pidfd < 0) return; /* it has just died; the next one will be told */
    struct buf p = {0};
    buf_put_u32(&p, process);
    buf_put_u32(&p, generation);
    tell_both(m, CTL_PROCESS, &p, pidfd);
    introduce(old_ear(m), process, c);
    introduce(ear(m), process, c);
    buf_free(&p);
    if (pidfd != c->pidfd.fd) close(pidfd);
}

/* A slot whose worker is dead and not replaced yet is named, too: its connections wait for a successor. */
void keep_worker(struct slot *s)
{
    struct buf p = {0};
    if (s->child && s->child->has_chan) {
        tell_process(s->master, s->number, s->generation, s->child);
    } else if (s->slab >= 0) {
        buf_put_u32(&p, s->number);
        buf_put_u32(&p, s->generation);
        tell_both(s->master, CTL_PROCESS, &p, -1);
    }
    buf_free(&p);
}

void keep_broker(struct master *m)
{
    if (m->broker && m->broker->has_chan) tell_process(m, CTL_BROKER_SLOT, m->broker_generation, m->broker);
}

/* The keeper forgets the slot's connections with it. */
static void tell_slab(const struct slot *s, struct chan *keeper)
{
    struct buf p = {0};
    buf_put_u32(&p, s->number);
    if (keeper && s->slab >= 0) chan_send(keeper, CTL_KEEP_SLAB, &p, s->slab);
    buf_free(&p);
}

void keep_slab(const struct slot *s)
{
    tell_slab(s, old_ear(s->master));
    tell_slab(s, ear(s->master));
}

static void name_place(struct buf *p, const struct slot *s, uint32_t index, uint32_t generation)
{
    buf_put_u32(p, s->number);
    buf_put_u32(p, index);
    buf_put_u32(p, generation);
}

static void sweep(struct chan *c);

/* False when there was no room; then sweep() is called when there is. */
static bool tell_place(const struct slot *s, uint32_t index)
{
    struct buf p = {0};
    name_place(&p, s, index, s->places.place[index].generation);
    int r = chan_try(ear(s->master), CTL_KEEP, &p, s->places.place[index].fd, sweep);
    buf_free(&p);
    return r != 0;
}

void keep_place(const struct slot *s, uint32_t index)
{
    struct master *m = s->master;
    struct buf p = {0};
    name_place(&p, s, index, s->places.place[index].generation);
    if (old_ear(m)) chan_send(old_ear(m), CTL_KEEP, &p, s->places.place[index].fd);
    buf_free(&p);
    if (ear(m) && !m->keeping.again && !tell_place(s, index)) m->keeping.again = true;
}

void keep_not(const struct slot *s, uint32_t index, uint32_t generation)
{
    struct buf p = {0};
    name_place(&p, s, index, generation);
    tell_both(s->master, CTL_LET_GO, &p, -1);
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
        tell_slab(&m->slot[i], ear(m));
        keep_worker(&m->slot[i]);
    }
    sweep(ear(m));
}
