/*
 * adopt.c - taking over the sessions of a worker that is dead: same TCP connections, same keys.
 *
 * The master hands over the slab, then the connections, first those whose clients were heard lately:
 * for idle ones nobody waits. Each record is judged (slab_adopt.c) and mended by what the kernel counts;
 * a sound one is served at once, the others are closed with a reason. The broker hears of each session
 * by its ticket and asks its client to resume, which repairs whatever was lost in private memory.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "log.h"
#include "seal_log.h"
#include "worker.h"

/* Few, as each turn serves those who are here already; when they are silent the turns are short. */
enum { CONNECTIONS_A_TURN = 16 };

static void say(struct worker *w, uint8_t type, const struct buf *fields)
{
    chan_send(&w->master, type, fields, -1);
}

static void ask_for_first(struct worker *w)
{
    uint32_t index[CTL_FIRST_MAX];
    struct buf m = {0};
    size_t n = slab_recent(&w->slab, w->adoption.high, (uint32_t)w->loop.now_ms, index, CTL_FIRST_MAX);
    for (size_t i = 0; i < n; i++)
        buf_put_u32(&m, index[i]);
    say(w, CTL_FIRST, &m);
    buf_free(&m);
    STEP(ADOPT_ORDERED);
}

void adopt_begin(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct adoption *a = &w->adoption;
    w->slot = cur_u32(&c);
    w->generation = cur_u32(&c);
    uint32_t records = cur_u32(&c);
    *a = (struct adoption){.active = true, .blamed = UINT32_MAX};
    a->high = cur_u32(&c);
    bool fault = cur_u8(&c) != 0;
    if (fd < 0 || w->slab.head) fatal("adoption out of turn");
    if (slab_adopt(&w->slab, fd, records, a->high)) {
        /* Of another release: nothing of it can go on. The master then gives a new slab. */
        LOG(LOG_WARN, "slab", "unknown", log_u("w", w->slot));
        close(fd);
        a->active = false;
        say(w, CTL_UNKNOWN, NULL);
        return;
    }
    w->slab_fd = fd;
    w->master.a_turn = CONNECTIONS_A_TURN;
    if (fault) a->blamed = slab_in_hand(&w->slab);
    ask_for_first(w);
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

/* What waits is looked at as soon as the broker is there; what is sealed can go at once. */
static void serve(struct session *s)
{
    const struct slab *slab = &s->worker->slab;
    size_t waits, unsent;
    SEAL_LOG(SEAL_ADOPTED, slab_now(slab, s->index), NULL, 0);
    slab_rx_data(slab, s->index, &waits);
    slab_tx_data(slab, s->index, &unsent);
    loop_add(&s->worker->loop, &s->io, EPOLLIN);
    uplink_announce(s);
    if (unsent) session_touch(s);
    STEP(ADOPT_SERVED);
    if (waits) session_process(s);
}

void adopt_connection(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer)
{
    struct adoption *a = &w->adoption;
    const char *why;
    a->asked++;
    struct kernel_counts k = kernel_count(fd);
    STEP(ADOPT_ASKED);
    switch (slab_claim(&w->slab, index, generation, k.read, k.written, a->blamed == index, &why)) {
    case SLAB_GOES_ON:
        a->adopted++;
        serve(session_adopt(w, index, generation, fd, peer));
        break;
    case SLAB_NEVER:
        session_take(w, index, generation, fd, peer);
        STEP(ADOPT_BEGUN);
        break;
    case SLAB_LOST: refuse(w, index, generation, fd, peer, why); break;
    }
}

void adopt_end(struct worker *w)
{
    struct adoption *a = &w->adoption;
    struct buf m = {0};
    if (!a->active) return;
    a->active = false;
    w->master.a_turn = CHAN_A_TURN;
    slab_adopted(&w->slab, a->high);
    buf_put_u32(&m, a->asked);
    buf_put_u32(&m, a->adopted);
    buf_put_u32(&m, a->asked - a->adopted);
    say(w, CTL_GOES_ON, &m);
    buf_free(&m);
    if (w->stopping) worker_stop(w);
    STEP(ADOPT_DONE);
}
