/*
 * broker.c - start, control channel and turns of the broker process.
 *
 * Started by the master with its control channel at descriptor CTL_FD. CTL_SETUP brings settings and,
 * when there is a roster, its descriptor: the broker itself may open nothing outside its data folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "blob.h"
#include "broker.h"
#include "child.h"
#include "group.h"
#include "libgcrypt.h"
#include "log.h"
#include "moderation.h"
#include "sandbox.h"

/* --- starting --- */

static struct sandbox_spec sandbox_of(const struct broker *b)
{
    struct sandbox_spec spec = {.role = SANDBOX_BROKER,
                                .data_dir = b->set.server.state_dir,
                                .uid = (uid_t)-1,
                                .gid = (gid_t)-1,
                                .relaxed = !b->set.sandbox.enabled};
    struct stat st;
    /* Started as root, it becomes whoever owns the data. */
    if (geteuid() == 0 && stat(spec.data_dir, &st) == 0 && st.st_uid != 0) {
        spec.uid = st.st_uid;
        spec.gid = st.st_gid;
    }
    return spec;
}

static void store_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct broker *b = container_of(io, struct broker, store_io);
    store_reap(b->store);
}

/*
 * One broker a store. The last one may still be bringing what it has to the disk, abandoned by a
 * master that died together with its keeper: wait for its end. The lock goes with the process.
 */
static void lock_store(struct broker *b)
{
    char path[SETTINGS_PATH_LEN + 16];
    snprintf(path, sizeof path, "%s/broker.lock", b->set.server.state_dir);
    b->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (b->lock_fd < 0) fatal("cannot write %s: %s", path, strerror(errno));
    if (flock(b->lock_fd, LOCK_EX | LOCK_NB) == 0) return;
    LOG(LOG_WARN, "broker", "waits", log_s("why", "another broker still uses this store"));
    while (flock(b->lock_fd, LOCK_EX))
        if (errno != EINTR) fatal("cannot lock %s: %s", path, strerror(errno));
}

static void open_store(struct broker *b)
{
    char err[256];
    b->store = store_open(b->set.server.state_dir, err, sizeof err);
    if (!b->store) fatal("%s", err);
    b->incarnation = store_incarnation(b->store);
    b->store_io = (struct loop_io){.fd = store_fd(b->store), .ready = store_ready};
    loop_add(&b->loop, &b->store_io, EPOLLIN);
    b->dir_fd = open(b->set.server.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->dir_fd < 0) fatal("cannot open %s: %s", b->set.server.state_dir, strerror(errno));
}

static void say_ready(struct broker *b, const struct sandbox_report *report)
{
    char print[40];
    struct buf m = {0};
    keys_fingerprint(b->keys.server_id, print);
    buf_put_str16(&m, report->text, strlen(report->text));
    buf_put_str8(&m, print, strlen(print));
    buf_put_str8(&m, b->keys.server_id, sizeof b->keys.server_id);
    chan_send(&b->master, CTL_READY, &m, -1);
    buf_free(&m);
    LOG(LOG_INFO, "broker", "ready", log_u("incarnation", b->incarnation), log_u("accounts", b->accounts),
        log_u("lobby", b->lobby.head), log_s("sandbox", report->text));
}

static void tick(struct loop_timer *t);
static void expire(struct loop_timer *t);

static unsigned cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static void on_setup(struct broker *b, struct slice p, int fd)
{
    uint32_t records;
    child_setup("broker", p, &records, &b->set);
    b->cores = cores();
    struct sandbox_spec spec = sandbox_of(b);
    people_roster(b, fd);
    uint8_t random[1];
    sqlite3_randomness(sizeof random, random); /* opens the random device now or never */
    libgcrypt_start();
    blobs_prepare(b);
    if (sandbox_before_threads(&spec, &b->sandbox)) fatal("sandbox: %s", b->sandbox.text);
    lock_store(b);
    keys_load(&b->keys, b->set.server.state_dir);
    open_store(b);
    people_load(b);
    share_load(b);
    room_load(b);
    groups_load(b);
    blobs_load(b);
    presence_start(b);
    store_start(b->store);
    login_start(b);
    if (sandbox_enter(&spec, &b->sandbox)) fatal("sandbox: %s", b->sandbox.text);
    b->tick.fire = tick;
    b->expiry.fire = expire;
    loop_timer_set(&b->loop, &b->expiry, 1000);
    say_ready(b, &b->sandbox);
}

/* --- control channel --- */

static void on_settings(struct broker *b, struct slice p, int fd)
{
    child_settings(p, &b->set);
    people_roster(b, fd);
    moderation_roster_read(b);
}

static void on_worker(struct broker *b, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c), generation = cur_u32(&c);
    if (fd >= 0) link_open(b, slot, generation, fd);
}

static void on_worker_files(struct broker *b, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c), generation = cur_u32(&c);
    if (fd >= 0) transfers_channel(b, slot, generation, fd);
}

static void on_heartbeat(struct broker *b, struct slice p, int fd)
{
    (void)fd;
    struct buf m = {0};
    buf_put(&m, p.data, p.len);
    buf_put_u32(&m, (uint32_t)b->sessions);
    buf_put_u64(&m, b->routed);
    buf_put_u64(&m, b->stored);
    chan_send(&b->master, CTL_ALIVE, &m, -1);
    buf_free(&m);
}

static void on_ask(struct broker *b, struct slice p, int fd)
{
    (void)fd;
    struct cur c = cur_of(p.data, p.len);
    uint64_t token = cur_u64(&c);
    ask_answer(b, token, cur_rest(&c));
}

/* The workers end first and with them every session, so what is under way is on its way to the disk. */
static void on_stop(struct broker *b, struct slice p, int fd)
{
    (void)p;
    (void)fd;
    b->stopping = true;
}

static void on_intro(struct broker *b, struct slice p, int fd)
{
    (void)p;
    orphan_intro(&b->orphan, fd);
}

static const struct {
    uint8_t type;
    void (*handle)(struct broker *b, struct slice p, int fd);
} rows[] = {
    {CTL_SETUP, on_setup},         {CTL_SETTINGS, on_settings}, {CTL_WORKER, on_worker},
    {CTL_HEARTBEAT, on_heartbeat}, {CTL_ASK, on_ask},           {CTL_STOP, on_stop},
    {CTL_INTRO, on_intro},         {CTL_WORKER_FILES, on_worker_files},
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

void broker_serve_master(struct broker *b, int fd)
{
    chan_open(&b->master, &b->loop, fd, packet, master_gone, b);
}

/* --- turns --- */

/* Full of work for the disk: workers wait, and through them the clients that send too fast. */
static void balance(struct broker *b)
{
    size_t pending = store_pending(b->store);
    bool pause = b->paused ? pending > BROKER_PENDING_MARK / 2 : pending > BROKER_PENDING_MARK;
    if (pause == b->paused) return;
    b->paused = pause;
    for (struct link *l = b->links, *next; l; l = next) {
        next = l->next; /* resuming reads frames, and one of them may end the link */
        stream_pause(&l->stream, pause);
    }
}

/*
 * Two who talk to each other wait for four processes in turn, and every process that sleeps costs a wake-up. So
 * the one in the middle looks for the next message for a while, where it takes no core from others:
 * not with a single core, not for crowds (they keep it awake), not while the disk is awaited.
 */
static uint32_t linger(const struct broker *b)
{
    uint64_t n = b->routed - b->routed_before;
    bool few = n > 0 && n <= BROKER_FEW && store_pending(b->store) == 0;
    return few && b->cores > 1 ? (uint32_t)b->set.server.busy_wait_us : 0;
}

static void end_of_turn(void *arg)
{
    struct broker *b = arg;
    if (!b->store) return;
    balance(b);
    room_flush(b);
    route_settle(b);
    store_flush(b->store);
    for (struct link *l = b->links; l; l = l->next)
        stream_flush(&l->stream);
    b->loop.linger_us = linger(b);
    b->routed_before = b->routed;
    if ((b->active || b->retry) && !b->tick.armed) loop_timer_set(&b->loop, &b->tick, BROKER_TICK_MS);
    if (b->stopping && !b->links && store_pending(b->store) == 0 && blobs_idle(b)) b->loop.stop = true;
}

static void check_disk(struct broker *b)
{
    struct statvfs v;
    bool low = fstatvfs(b->dir_fd, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < b->set.limits.disk_free;
    if (low != b->disk_low)
        LOG(low ? LOG_WARN : LOG_INFO, "store", low ? "disk-low" : "disk-ok",
            log_u("free", (uint64_t)v.f_bavail * v.f_frsize), log_u("limit", b->set.limits.disk_free));
    b->disk_low = low;
}

static void tick(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, tick);
    check_disk(b);
    inbox_tick(b);
}

/* --- the end of messages that waited too long --- */

static void expired(void *ctx, const struct store_message *m, size_t n, bool more)
{
    struct broker *b = ctx;
    for (size_t i = 0; i < n; i++) {
        const struct account *to = people_by_id(b, m[i].account), *from = people_by_id(b, m[i].from_account);
        struct device *d = to ? people_device(to, m[i].device) : NULL;
        if (!d) continue;
        if (d->in.waiting) d->in.waiting--;
        d->in.waiting_bytes -= m[i].body.len < d->in.waiting_bytes ? m[i].body.len : d->in.waiting_bytes;
        if (from) share_drop(b, d, from);
        if (from && !m[i].to) route_receipt(b, from, m[i].from_device, m[i].id, to, WIRE_STATE_EXPIRED);
    }
    if (n) LOG(LOG_INFO, "queue", "expire", log_u("messages", n));
    uint64_t pause = b->set.limits.queue_keep / 4;
    loop_timer_set(&b->loop, &b->expiry, more ? 50 : pause < 1000 ? 1000 : pause > 60000 ? 60000 : pause);
}

static void expire(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, expiry);
    check_disk(b);
    store_expire(b->store, clock_wall_ms() - b->set.limits.queue_keep, expired, b);
}

int main(void)
{
    static struct broker b;
    child_start("broker");
    loop_init(&b.loop);
    b.loop.end_of_turn = end_of_turn;
    b.loop.arg = &b;
    orphan_prepare(&b);
    broker_serve_master(&b, CTL_FD);
    loop_run(&b.loop);
    auth_stop(b.auth);
    blobs_stop(&b);
    store_close(b.store);
    LOG(LOG_INFO, "broker", "end");
    return 0;
}
