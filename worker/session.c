/*
 * session.c - the life of a session: taken from the master, read, held back when it is too fast or
 * the broker too slow, flushed, and closed so that the client knows why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "blob.h"
#include "fault.h"
#include "log.h"
#include "seal_log.h"
#include "worker.h"

/* --- the list of those that have a deadline --- */

static void list_remove(struct session_list *l, struct session *s)
{
    if (!s->prev && !s->next && l->first != s) return;
    *(s->prev ? &s->prev->next : &l->first) = s->next;
    *(s->next ? &s->next->prev : &l->last) = s->prev;
    s->prev = s->next = NULL;
    l->n--;
}

static void list_append(struct worker *w, struct session *s)
{
    struct session_list *l = &w->unfinished;
    s->since_ms = (uint32_t)w->loop.now_ms;
    s->prev = l->last;
    s->next = NULL;
    *(l->last ? &l->last->next : &l->first) = s;
    l->last = s;
    l->n++;
    if (!w->tick.armed) loop_timer_set(&w->loop, &w->tick, WORKER_TICK_MS);
}

/* --- waiting --- */

/* It is the broker's turn to answer, not the client's. */
static bool awaits_broker(const struct session *s)
{
    return s->state == SESSION_DH || s->state == SESSION_LOGGING;
}

/*
 * While the broker is awaited, a client that keeps to the protocol says nothing: so what it says is not
 * waited for, but only when something has come (see ready()), which saves four system calls a login.
 */
void session_watch(struct session *s)
{
    size_t unsent;
    slab_tx_data(&s->worker->slab, s->index, &unsent);
    bool read = !s->holds && (!awaits_broker(s) || (s->io.events & EPOLLIN));
    /* What is about to be flushed is watched after that: the kernel takes it at once as a rule. */
    bool write = s->dirty ? (s->io.events & EPOLLOUT) != 0 : unsent > 0;
    loop_mod(&s->worker->loop, &s->io, (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0));
}

void session_hold(struct session *s, uint8_t why)
{
    struct worker *w = s->worker;
    if (!s->holds) {
        s->next_held = w->held;
        w->held = s;
        if (!w->tick.armed) loop_timer_set(&w->loop, &w->tick, WORKER_TICK_MS);
    }
    s->holds |= why;
}

static void refill(struct session *s)
{
    const struct worker *w = s->worker;
    int64_t rate = (int64_t)w->set.limits.messages_per_second, bytes = (int64_t)w->set.limits.bytes_per_second;
    int64_t passed = (uint32_t)((uint32_t)w->loop.now_ms - s->tokens_ms);
    if (passed > 1000) passed = 1000; /* a bucket holds one second */
    if (rate * passed < 1000) return; /* not yet a whole token */
    int64_t m = s->tokens_messages + rate * passed / 1000, b = s->tokens_bytes + bytes * passed / 1000;
    s->tokens_messages = (int32_t)(m < rate ? m : rate);
    s->tokens_bytes = b < bytes ? b : bytes;
    s->tokens_ms = (uint32_t)w->loop.now_ms;
    if (s->tokens_messages > 0 && s->tokens_bytes > 0) s->holds &= (uint8_t)~HOLD_RATE;
}

void session_release(struct worker *w)
{
    struct session *s = w->held;
    bool turn = w->files_in < FILES_A_TURN;
    bool room = uplink_up(w) && w->have_cert && stream_waiting(&w->broker) < WORKER_UPLINK_MARK;
    w->held = NULL;
    while (s) {
        struct session *next = s->next_held;
        uint8_t was = s->holds;
        if (room) s->holds &= (uint8_t)~HOLD_UPLINK;
        if (turn) s->holds &= (uint8_t)~HOLD_FILES;
        if (s->holds & HOLD_RATE) refill(s);
        uint8_t still = s->holds;
        s->holds = 0;
        if (still) {
            s->holds = 0;
            session_hold(s, still);
        } else if (was) {
            session_process(s);
        }
        s = next;
    }
}

static void unhold(struct session *s)
{
    struct session **p = &s->worker->held;
    while (*p && *p != s)
        p = &(*p)->next_held;
    if (*p) *p = s->next_held;
    s->holds = 0;
}

/* --- the end --- */

static void undirty(struct session *s)
{
    struct session **p = &s->worker->dirty;
    while (*p && *p != s)
        p = &(*p)->next_dirty;
    if (*p) *p = s->next_dirty;
    s->dirty = false;
}

static void finish(struct session *s)
{
    struct worker *w = s->worker;
    if (s->holds) unhold(s);
    if (s->dirty) undirty(s);
    list_remove(&w->unfinished, s);
    if (s->announced) uplink_gone(s);
    handshake_forget(s);
    blob_forget(s);
    loop_del(&w->loop, &s->io);
    /* The master holds a duplicate, so close() alone would send no FIN. */
    shutdown(s->io.fd, SHUT_RDWR);
    close(s->io.fd);
    STEP(END_CLOSED);
    slab_end(&w->slab, s->index);
    worker_say_closed(w, s->index, s->generation);
    buf_free(&s->out);
    w->session[s->index] = NULL;
    w->sessions--;
    free(s);
}

/* Strangers may be many: their refusals are logged, but not faster than somebody could read. */
static bool may_say(struct worker *w)
{
    uint64_t second = w->loop.now_ms / 1000;
    if (second != w->refused_second) {
        if (w->unsaid)
            LOG(LOG_INFO, "session", "folded", log_u("w", w->slot), log_u("refused", w->unsaid));
        w->refused_second = second;
        w->refused = w->unsaid = 0;
    }
    if (w->refused++ < WORKER_REFUSALS_A_SECOND) return true;
    w->unsaid++;
    return false;
}

static void say_closed(const struct session *s, const char *reason)
{
    const struct slab_record *r = &s->worker->slab.record[s->index];
    char name[WIRE_NAME_MAX + 1];
    memcpy(name, r->name, r->name_len);
    name[r->name_len] = 0;
    bool open = s->state == SESSION_OPEN;
    if (!open && !may_say(s->worker)) return;
    LOG(LOG_INFO, "session", open ? "drop" : "refuse", log_s("user", r->name_len ? name : NULL),
        log_u("w", s->worker->slot), log_s("peer", s->peer), log_s("reason", reason));
}

void session_drop(struct session *s, const char *reason)
{
    if (s->state != SESSION_CLOSING) say_closed(s, reason);
    finish(s);
}

/*
 * The last word must not be lost to a reset, which the kernel sends when unread bytes are thrown
 * away at close: so say it, end our half, and read into the void until the client has hung up too.
 */
void session_refuse(struct session *s, uint16_t code, uint32_t retry_ms, const char *text,
                    const char *reason)
{
    struct worker *w = s->worker;
    if (s->state == SESSION_CLOSING) return;
    say_closed(s, reason);
    bool keyed = s->state >= SESSION_LOGIN;
    if (code && keyed) {
        struct wire_error e = {code, retry_ms, {(const uint8_t *)text, strlen(text)}};
        wire_put_error(&s->out, &e);
    } else if (code) {
        buf_free(&s->out);
    }
    s->state = SESSION_CLOSING;
    w->slab.record[s->index].phase = SLAB_CLOSING;
    handshake_forget(s);
    blob_forget(s);
    list_remove(&w->unfinished, s);
    list_append(w, s);
    s->over = true;
    session_touch(s);
}

/* --- sending --- */

void session_touch(struct session *s)
{
    if (s->dirty) return;
    s->dirty = true;
    s->next_dirty = s->worker->dirty;
    s->worker->dirty = s;
}

void session_send(struct session *s, const void *frames, size_t n)
{
    if (s->state == SESSION_CLOSING) return;
    buf_put(&s->out, frames, n);
    session_touch(s);
    if (buf_len(&s->out) > WORKER_OUT_MAX)
        session_refuse(s, WIRE_SLOW, 0, "too much waits for you; read faster", "slow");
}

/* Sends what is sealed: 1 all, 0 the kernel is full, -1 the connection is gone. */
static int push(struct session *s)
{
    struct slab *slab = &s->worker->slab;
    for (;;) {
        size_t n;
        const uint8_t *at = slab_tx_data(slab, s->index, &n);
        if (n == 0) return 1;
        SEAL_LOG(SEAL_LEAVES, slab_now(slab, s->index), NULL, 0);
        STEP(TX_SENDING);
        ssize_t k = send(s->io.fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return errno == EAGAIN ? 0 : -1;
        STEP(TX_SENT);
        slab_tx_sent(slab, s->index, (size_t)k);
    }
}

void session_flush(struct session *s)
{
    bool all;
    int r;
    if (s->files) blob_say_got(s);
    do {
        all = record_seal(s);
        r = push(s);
    } while (r > 0 && !all && buf_len(&s->out));
    if (r < 0) {
        session_drop(s, "reset");
        return;
    }
    if (r > 0 && all && s->over) {
        s->over = false;
        shutdown(s->io.fd, SHUT_WR);
    }
    if (r > 0 && all && s->files) blob_wake(s);
    session_watch(s);
}

/* --- receiving --- */

static void process_open(struct session *s)
{
    struct slab *slab = &s->worker->slab;
    while (!s->holds && (s->state == SESSION_LOGIN || s->state == SESSION_OPEN)) {
        struct worker *w = s->worker;
        struct slab_half next;
        size_t n, took;
        if (!uplink_up(w) || stream_waiting(&w->broker) > WORKER_UPLINK_MARK) {
            session_hold(s, HOLD_UPLINK);
            break;
        }
        int r = record_open(s, &next, &n, &took);
        if (r == 0) break;
        if (r < 0) {
            session_drop(s, "bad-record");
            return;
        }
        STEP(RX_OPENED);
        slab->head->in_hand = s->index + 1;
        STEP(RX_IN_HAND);
        bool goes_on = dispatch_record(s, n);
        STEP(RX_HANDLED);
        slab->head->in_hand = 0;
        STEP(RX_OUT_OF_HAND);
        if (!goes_on) return;
        slab_rx_done(slab, s->index, &next, took);
        STEP(RX_COMMITTED);
    }
    slab_rx_rest(slab, s->index);
    session_watch(s);
}

void session_process(struct session *s)
{
    if (s->state == SESSION_PREFACE) {
        int r = handshake_begin(s);
        if (r < 0) return;
        if (r > 0) slab_rx_rest(&s->worker->slab, s->index);
        session_watch(s);
    } else {
        if (s->state == SESSION_LOGIN) session_touch(s);
        process_open(s);
    }
}

/* CLOSING: whatever still comes is of no interest, but must be read (see session_refuse). */
static bool discard(struct session *s)
{
    ssize_t n = recv(s->io.fd, s->worker->plain, sizeof s->worker->plain, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    s->unread += n > 0 ? (uint32_t)n : 0;
    if (n > 0 && s->unread < 1u << 20) return true;
    session_drop(s, "closed");
    return false;
}

static void ready(struct loop_io *io, uint32_t events)
{
    struct session *s = container_of(io, struct session, io);
    struct worker *w = s->worker;
    if (events & EPOLLOUT) session_touch(s);
    if (!(events & ~(uint32_t)EPOLLOUT)) return;
    if (awaits_broker(s) && !(events & (EPOLLHUP | EPOLLERR))) {
        loop_mod(&w->loop, io, io->events & ~(uint32_t)EPOLLIN);
        return;
    }
    if (s->state == SESSION_CLOSING) {
        discard(s);
        return;
    }
    size_t room;
    uint8_t *to = slab_rx_room(&w->slab, s->index, &room);
    if (room == 0) { /* held back, and yet an event: the peer has hung up */
        session_drop(s, "reset");
        return;
    }
    STEP(RX_ROOMED);
    ssize_t n = recv(io->fd, to, room, MSG_DONTWAIT);
    if (n <= 0) {
        bool later = n < 0 && (errno == EAGAIN || errno == EINTR);
        slab_rx_rest(&w->slab, s->index);
        if (!later) session_drop(s, n == 0 ? "eof" : "reset");
        return;
    }
    STEP(RX_RECEIVED);
    slab_rx_seen(&w->slab, s->index, (size_t)n);
    STEP(RX_COUNTED);
    w->slab.record[s->index].heard_ms = (uint32_t)w->loop.now_ms;
    session_process(s);
}

/* --- taking, finding, deadlines --- */

/* How long it has been in its state. */
static uint32_t age_of(const struct session *s)
{
    return (uint32_t)s->worker->loop.now_ms - s->since_ms;
}

struct session *session_find(struct worker *w, uint64_t sid)
{
    uint32_t i = bus_index(sid);
    struct session *s = i < w->slab.records ? w->session[i] : NULL;
    return s && s->generation == bus_generation(sid) ? s : NULL;
}

static struct session *new_session(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer)
{
    struct session *s = xcalloc(1, sizeof *s + strlen(peer) + 1);
    s->io = (struct loop_io){.fd = fd, .ready = ready};
    s->worker = w;
    s->index = index;
    s->generation = generation;
    s->tokens_messages = (int32_t)w->set.limits.messages_per_second;
    s->tokens_bytes = (int64_t)w->set.limits.bytes_per_second;
    s->tokens_ms = (uint32_t)w->loop.now_ms;
    memcpy(s->peer, peer, strlen(peer));
    w->session[index] = s;
    w->sessions++;
    if (generation > w->newest) w->newest = generation;
    return s;
}

struct session *session_adopt(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer)
{
    struct session *s = new_session(w, index, generation, fd, peer);
    s->state = SESSION_OPEN;
    s->announced = true;
    s->unsure = true;
    STEP(ADOPT_TAKEN);
    return s;
}

void session_take(struct worker *w, uint32_t index, uint32_t generation, int fd, const char *peer)
{
    struct session *s = new_session(w, index, generation, fd, peer);
    struct kernel_counts k = kernel_fresh(fd);
    slab_start(&w->slab, index, generation, k.read, k.written);
    list_append(w, s);
    loop_add(&w->loop, &s->io, EPOLLIN);
    LOG(LOG_DEBUG, "session", "take", log_u("w", w->slot), log_s("peer", s->peer));
    /* Too many unfinished ones: the oldest has had its chance. */
    if (w->unfinished.n > w->set.limits.handshakes) session_drop(w->unfinished.first, "too-many-handshakes");
}

void session_settled(struct session *s)
{
    list_remove(&s->worker->unfinished, s);
}

static void check_deadline(struct session *s, uint32_t age)
{
    const struct settings *set = &s->worker->set;
    if (s->state == SESSION_CLOSING) {
        if (age >= WORKER_CLOSING_MS) session_drop(s, "closed");
    } else if (age >= set->limits.handshake_time) {
        session_refuse(s, WIRE_TIMEOUT, 0, "the login took too long", "timeout");
    } else if (age >= set->limits.first_byte_time && s->worker->slab.record[s->index].rx_seen == 0) {
        session_drop(s, "silent");
    }
}

void session_tick(struct worker *w)
{
    uint64_t least = w->set.limits.first_byte_time < WORKER_CLOSING_MS ? w->set.limits.first_byte_time
                                                                       : WORKER_CLOSING_MS;
    struct session *s = w->unfinished.first;
    unsigned n = w->unfinished.n; /* a refused one goes to the end of the list: look at each once */
    while (s && n-- > 0 && age_of(s) >= least) {
        struct session *next = s->next;
        check_deadline(s, age_of(s));
        s = next;
    }
    session_release(w);
    bool more = uplink_tick(w);
    if (w->unfinished.first || w->held || more) loop_timer_set(&w->loop, &w->tick, WORKER_TICK_MS);
}
