/*
 * orphan.c - when the master dies: serve on, wait for a new one (orphan.h), and give it what it needs:
 * the slab and a duplicate of every connection, as fast as the channel takes them. Nobody within the
 * grace time: clients are told, and the worker ends in order.
 */
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "worker.h"

static void hold_on(struct chan *c)
{
    struct worker *w = c->owner;
    struct buf m = {0};
    int r = 1;
    while (r > 0 && w->giving < w->slab.records) {
        const struct session *s = w->session[w->giving];
        if (s) {
            buf_reset(&m, SIZE_MAX);
            buf_put_u32(&m, s->index);
            buf_put_u32(&m, s->generation);
            r = chan_try(c, CTL_HELD, &m, s->io.fd, hold_on);
        }
        if (r > 0) w->giving++;
    }
    buf_free(&m);
    if (r <= 0) return; /* room, or a master that is gone again: orphaned() */
    chan_send(c, CTL_SERVED, NULL, -1);
    LOG(LOG_INFO, "worker", "new-master", log_u("w", w->slot), log_u("sessions", w->sessions));
}

static void meet(void *owner, int fd)
{
    struct worker *w = owner;
    struct buf m = {0};
    worker_serve_master(w, fd);
    buf_put_u32(&m, w->slot);
    buf_put_u32(&m, w->generation);
    buf_put_u32(&m, uplink_up(w) ? w->link : 0);
    buf_put_u32(&m, w->newest);
    buf_put_str16(&m, w->sandbox, strlen(w->sandbox));
    chan_send(&w->master, CTL_HOLD, &m, w->slab_fd);
    buf_free(&m);
    w->giving = 0;
    hold_on(&w->master);
}

static void abandoned(void *owner)
{
    struct worker *w = owner;
    LOG(LOG_WARN, "worker", "abandoned", log_u("w", w->slot), log_u("sessions", w->sessions));
    worker_stop(w);
}

void orphan_prepare(struct worker *w)
{
    orphan_init(&w->orphan, &w->loop, meet, abandoned, w);
}

void orphan_left(struct worker *w)
{
    chan_close(&w->master);
    /* A spare, or one in mid-adoption: the next master starts that anew. */
    if (!w->slab.head || w->stopping || w->adoption.active) {
        w->loop.stop = true;
        return;
    }
    LOG(LOG_WARN, "worker", "orphaned", log_u("w", w->slot), log_u("sessions", w->sessions),
        log_u("grace_ms", w->set.process.takeover_grace));
    orphan_begin(&w->orphan, w->set.process.takeover_grace);
}
