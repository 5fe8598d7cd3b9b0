/*
 * orphan.c - when the master dies: serve on, wait for a new one, and give it what it needs.
 *
 * The broker, whom the new master calls, passes its channel on. The worker then hands over its slab
 * and a duplicate of every connection, as fast as the channel takes them. Nobody within the grace
 * time: clients are told, and it ends in order.
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

static uint32_t highest(const struct worker *w)
{
    uint32_t high = w->slab.records;
    while (high > 0 && !w->session[high - 1])
        high--;
    return high;
}

static void meet_master(struct worker *w, int fd)
{
    struct buf m = {0};
    loop_timer_stop(&w->loop, &w->grace);
    chan_close(&w->master);
    worker_serve_master(w, fd);
    buf_put_u32(&m, w->slot);
    buf_put_u32(&m, w->generation);
    buf_put_u32(&m, w->link);
    buf_put_u32(&m, highest(w));
    buf_put_str16(&m, w->sandbox, strlen(w->sandbox));
    chan_send(&w->master, CTL_HOLD, &m, w->slab_fd);
    buf_free(&m);
    w->giving = 0;
    hold_on(&w->master);
}

static void introduced(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    (void)fields;
    struct worker *w = c->owner;
    if (type == CTL_MASTER && fd >= 0 && w->master.closed)
        meet_master(w, fd);
    else if (fd >= 0)
        close(fd); /* the present master lives: nobody else is one */
}

static void intro_ended(struct chan *c)
{
    chan_close(c);
}

void orphan_intro(struct worker *w, int fd)
{
    if (fd < 0) return;
    if (w->intro.loop) chan_close(&w->intro);
    chan_open(&w->intro, &w->loop, fd, introduced, intro_ended, w);
}

void orphan_begin(struct worker *w)
{
    chan_close(&w->master);
    if (!w->slab.head || w->stopping || w->adoption.active) { /* a spare, or nothing to save */
        w->loop.stop = true;
        return;
    }
    LOG(LOG_WARN, "worker", "orphaned", log_u("w", w->slot), log_u("sessions", w->sessions),
        log_u("grace_ms", w->set.process.takeover_grace));
    loop_timer_set(&w->loop, &w->grace, w->set.process.takeover_grace);
}
