/*
 * worker.c - start, control channel and turns of a worker process.
 *
 * Started by the master with its control channel at descriptor CTL_FD: CTL_SETUP and CTL_SLAB make
 * it ready, then it enters its sandbox, before the first byte of a client.
 */
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aead.h"
#include "blob.h"
#include "child.h"
#include "fault.h"
#include "log.h"
#include "sandbox.h"
#include "seal_log.h"
#include "worker.h"

static void look_up_user(struct worker *w, struct sandbox_spec *spec)
{
    spec->uid = (uid_t)-1;
    spec->gid = (gid_t)-1;
    if (geteuid() != 0) return;
    const struct passwd *pw = getpwnam(w->set.sandbox.worker_user);
    if (!pw) fatal("sandbox.worker_user = %s: no such user", w->set.sandbox.worker_user);
    spec->uid = pw->pw_uid;
    spec->gid = pw->pw_gid;
}

static void on_setup(struct worker *w, struct slice p, int fd)
{
    (void)fd;
    uint32_t records;
    struct sandbox_report report;
    child_setup("worker", p, &records, &w->set);
    w->session = xcalloc(records, sizeof *w->session);
    struct sandbox_spec spec = {.role = SANDBOX_WORKER,
                                .max_fds = records + 32 + FILES_OPEN_MAX,
                                .max_file = w->set.limits.file_size,
                                .relaxed = !w->set.sandbox.enabled};
#ifdef FAULTS
    if (seal_log_max() > spec.max_file) spec.max_file = seal_log_max();
#endif
    look_up_user(w, &spec);
    aead_start();
    if (sandbox_enter(&spec, &report)) fatal("sandbox: %s", report.text);
    memcpy(w->sandbox, report.text, sizeof w->sandbox);
    struct buf m = {0};
    buf_put_str16(&m, report.text, strlen(report.text));
    chan_send(&w->master, CTL_READY, &m, -1);
    buf_free(&m);
}

static void on_settings(struct worker *w, struct slice p, int fd)
{
    (void)fd;
    child_settings(p, &w->set);
}

static void on_slab(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    w->slot = cur_u32(&c);
    w->generation = cur_u32(&c);
    uint32_t records = cur_u32(&c);
    if (fd < 0 || w->slab.head || slab_map(&w->slab, fd, records)) fatal("the slab cannot be mapped");
    w->slab_fd = fd; /* for a new master; it is sealed, so nobody can cut it */
}

static void on_adopt(struct worker *w, struct slice p, int fd)
{
    adopt_begin(w, p, fd);
}

static void on_adopted(struct worker *w, struct slice p, int fd)
{
    (void)p;
    (void)fd;
    adopt_end(w);
}

void worker_say_closed(struct worker *w, uint32_t index, uint32_t generation)
{
    struct buf m = {0};
    buf_put_u32(&m, index);
    buf_put_u32(&m, generation);
    chan_send(&w->master, CTL_CLOSED, &m, -1);
    buf_free(&m);
}

static void on_broker(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    w->link = cur_u32(&c);
    if (fd >= 0) uplink_open(w, fd);
}

static void on_files(struct worker *w, struct slice p, int fd)
{
    (void)p;
    if (fd >= 0) blob_open_channel(w, fd);
}

static void on_connect(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t index = cur_u32(&c), generation = cur_u32(&c);
    struct slice peer = cur_str8(&c);
    if (!cur_end(&c) || fd < 0 || index >= w->slab.records || w->session[index] ||
        peer.len > BUS_PEER_MAX) {
        if (fd >= 0) close(fd);
        LOG(LOG_WARN, "session", "untaken", log_u("w", w->slot), log_u("index", index));
        return;
    }
    char text[BUS_PEER_MAX + 1] = {0};
    memcpy(text, peer.data, peer.len);
    if (w->adoption.active) {
        adopt_connection(w, index, generation, fd, text);
        return;
    }
    session_take(w, index, generation, fd, text);
}

static void on_heartbeat(struct worker *w, struct slice p, int fd)
{
    (void)fd;
    struct buf m = {0};
    buf_put(&m, p.data, p.len);
    buf_put_u32(&m, w->sessions);
    buf_put_u64(&m, w->in);
    buf_put_u64(&m, w->out);
    chan_send(&w->master, CTL_ALIVE, &m, -1);
    buf_free(&m);
}

void worker_stop(struct worker *w)
{
    w->stopping = true;
    if (w->adoption.active) return; /* adopt_end() comes back to it: nothing can be said before */
    for (uint32_t i = 0; i < w->slab.records; i++)
        if (w->session[i])
            session_refuse(w->session[i], WIRE_STOPPING, 2000, "the server is stopping", "stopping");
}

static void on_stop(struct worker *w, struct slice p, int fd)
{
    (void)p;
    (void)fd;
    worker_stop(w);
}

static void on_intro(struct worker *w, struct slice p, int fd)
{
    (void)p;
    orphan_intro(&w->orphan, fd);
}

static const struct {
    uint8_t type;
    void (*handle)(struct worker *w, struct slice p, int fd);
} rows[] = {
    {CTL_SETUP, on_setup},     {CTL_SETTINGS, on_settings},   {CTL_SLAB, on_slab},
    {CTL_ADOPT, on_adopt},     {CTL_ADOPTED, on_adopted},     {CTL_BROKER, on_broker},
    {CTL_CONNECT, on_connect}, {CTL_HEARTBEAT, on_heartbeat}, {CTL_STOP, on_stop},
    {CTL_INTRO, on_intro},     {CTL_FILES, on_files},
};

static void packet(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].type != type) continue;
        rows[i].handle(c->owner, fields, fd);
        return;
    }
    if (fd >= 0) close(fd);
}

static void master_gone(struct chan *c)
{
    orphan_left(c->owner);
}

void worker_serve_master(struct worker *w, int fd)
{
    chan_open(&w->master, &w->loop, fd, packet, master_gone, w);
}

/* What is kept warm costs an idle server more than it saves. */
static void rest(struct loop_timer *t)
{
    struct worker *w = container_of(t, struct worker, rest);
    if (w->flushes != w->rested_at) {
        w->rested_at = w->flushes;
        loop_timer_set(&w->loop, &w->rest, WORKER_REST_MS);
        return;
    }
    if (w->slab.head) slab_cool(&w->slab);
    malloc_trim(0);
}

static void end_of_turn(void *arg)
{
    struct worker *w = arg;
    if (handshake_answer(w)) loop_timer_set(&w->loop, &w->again, 0);
    /* What is left of this turn's list was added while flushing; it comes in the next round. */
    while (w->dirty) {
        struct session *s = w->dirty;
        w->dirty = s->next_dirty;
        s->dirty = false;
        session_flush(s);
        w->flushes++;
    }
    if (w->files_due) blob_send_some(w);
    if (w->flushes != w->rested_at && !w->rest.armed) loop_timer_set(&w->loop, &w->rest, WORKER_REST_MS);
    STEP(TURN_SEALED);
    stream_flush(&w->broker);
    STEP(TURN_FLUSHED);
    if (w->held && uplink_up(w) && stream_waiting(&w->broker) < WORKER_UPLINK_MARK / 2) session_release(w);
    if (w->stopping && !w->adoption.active && w->sessions == 0) w->loop.stop = true;
}

static void tick(struct loop_timer *t)
{
    session_tick(container_of(t, struct worker, tick));
}

static void again(struct loop_timer *t)
{
    (void)t; /* only makes the next turn come at once */
}

/*
 * Buffers of many sessions come and go each turn: the top of the heap is not given back and taken anew each
 * time, and long ones are no mappings of their own.
 */
static void tune_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
}

int main(void)
{
    static struct worker w; /* its record buffer is too big for the stack */
    child_start("worker");
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too long is an answer, no death */
    tune_memory();
#ifdef FAULTS
    seal_log_open();
#endif
    loop_init(&w.loop);
    w.loop.end_of_turn = end_of_turn;
    w.loop.arg = &w;
    w.tick.fire = tick;
    w.again.fire = again;
    w.rest.fire = rest;
    blob_prepare(&w);
    orphan_prepare(&w);
    worker_serve_master(&w, CTL_FD);
    loop_run(&w.loop);
    return 0;
}
