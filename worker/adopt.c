/*
 * adopt.c - taking over the sessions of a worker that is dead: same TCP connections, same keys.
 *
 * The master hands over the slab and then every connection. Each record is judged (slab_adopt.c) and
 * mended by what the kernel counts; a sound one goes on, the others are closed with a reason. When
 * the last has come, the pool of buffers is known and serving begins; the broker hears of each session
 * by its ticket and asks its client to resume, which repairs whatever was lost in private memory.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "log.h"
#include "seal_log.h"
#include "worker.h"

static void say(struct worker *w, uint8_t type, const struct buf *fields)
{
    chan_send(&w->master, type, fields, -1);
}

void adopt_begin(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct adoption *a = &w->adoption;
    w->slot = cur_u32(&c);
    w->generation = cur_u32(&c);
    uint32_t records = cur_u32(&c);
    *a = (struct adoption){.active = true};
    a->high = cur_u32(&c);
    a->fault = cur_u8(&c) != 0;
    if (fd < 0 || w->slab.head) fatal("adoption out of turn");
    /* Of another release: what follows cannot go on. The master then gives a new slab. */
    if (slab_adopt(&w->slab, fd, records)) {
        LOG(LOG_WARN, "slab", "unknown", log_u("w", w->slot));
        close(fd);
    } else {
        w->slab_fd = fd;
        STEP(ADOPT_MAPPED);
    }
}

static void refuse(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer, const char *why)
{
    const struct slab_record *r = &w->slab.record[index];
    char name[WIRE_NAME_MAX + 1] = {0};
    memcpy(name, r->name, r->name_len <= WIRE_NAME_MAX ? r->name_len : 0);
    LOG(LOG_WARN, "session", strcmp(why, "quarantine") == 0 ? "quarantine" : "lost", log_s("user", *name ? name : NULL),
        log_u("w", w->slot), log_s("peer", peer), log_s("reason", why));
    shutdown(fd, SHUT_RDWR);
    close(fd);
    STEP(ADOPT_REFUSED);
    worker_say_closed(w, index, generation);
}

void adopt_connection(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer)
{
    struct adoption *a = &w->adoption;
    const char *why;
    a->asked++;
    if (!w->slab.head) { /* unknown layout: the master ends them all */
        close(fd);
        return;
    }
    bool blamed = a->fault && slab_in_hand(&w->slab) == index;
    struct kernel_counts k = kernel_count(fd);
    STEP(ADOPT_ASKED);
    switch (slab_claim(&w->slab, index, generation, k.read, k.written, blamed, &why)) {
    case SLAB_GOES_ON:
        session_adopt(w, index, generation, fd, peer);
        a->adopted++;
        STEP(ADOPT_TAKEN);
        break;
    case SLAB_NEVER:
        session_take(w, index, generation, fd, peer);
        STEP(ADOPT_BEGUN);
        break;
    case SLAB_LOST: refuse(w, index, generation, fd, peer, why); break;
    }
}

/* Bytes that wait are looked at when the broker is there; what is sealed can go at once. */
static void serve(struct session *s)
{
    size_t n;
    SEAL_LOG(SEAL_ADOPTED, slab_now(&s->worker->slab, s->index), NULL, 0);
    loop_add(&s->worker->loop, &s->io, 0);
    if (slab_rx_data(&s->worker->slab, s->index, &n)) session_hold(s, HOLD_UPLINK);
    session_touch(s);
    session_watch(s);
    STEP(ADOPT_SERVED);
}

void adopt_end(struct worker *w)
{
    struct adoption *a = &w->adoption;
    struct buf m = {0};
    a->active = false;
    if (!w->slab.head) {
        say(w, CTL_UNKNOWN, NULL);
        return;
    }
    slab_adopted(&w->slab, a->high);
    STEP(ADOPT_POOLED);
    for (uint32_t i = 0; i < a->high; i++) {
        struct session *s = w->session[i];
        if (s && s->state == SESSION_OPEN)
            serve(s);
        else if (s)
            loop_add(&w->loop, &s->io, EPOLLIN);
    }
    buf_put_u32(&m, a->asked);
    buf_put_u32(&m, a->adopted);
    buf_put_u32(&m, a->asked - a->adopted);
    say(w, CTL_GOES_ON, &m);
    buf_free(&m);
    if (w->stopping) worker_stop(w);
    STEP(ADOPT_DONE);
}
