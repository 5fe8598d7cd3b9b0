/*
 * keeper.c - holds what must not die with the master, and hands it to the next one.
 *
 * The master tells it everything it has (kept.h); nobody else may tell it anything. When the master dies,
 * it waits on the takeover socket for a new one: tells it which sockets and processes there are,
 * introduces it to those that live, and gives it slab and connections of those that do not. The new
 * master starts a keeper of its own; when that one has everything, this one is told to stop. Nobody within
 * the grace time: it ends, and with it the last hold on the connections.
 *
 * It has no logic beyond that, parses nothing that a user sent, and so has no reason to die.
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "kept.h"
#include "log.h"
#include "sandbox.h"

enum { NAP_MS = 5 };

struct keeper {
    struct loop loop;
    struct chan master;
    struct loop_io takeover; /* where a new master calls; ready NULL: none yet, we do not know everything */
    struct loop_timer grace, nap;
    struct settings set;
    struct sandbox_report sandbox;
    uid_t owner; /* of the state folder: who may call, beside root */
    struct kept kept;
    /* what the new master wants: slots, and how far each has been given */
    uint32_t want[KEPT_SLOTS_MAX], wants, given;
    bool slab_given;
};

static void serve_master(struct keeper *k, int fd);

/* --- starting --- */

static void look_up_user(const struct keeper *k, struct sandbox_spec *spec)
{
    if (geteuid() != 0) return;
    const struct passwd *pw = getpwnam(k->set.sandbox.worker_user);
    if (!pw) fatal("sandbox.worker_user = %s: no such user", k->set.sandbox.worker_user);
    spec->uid = pw->pw_uid;
    spec->gid = pw->pw_gid;
}

static void on_setup(struct keeper *k, struct slice p, int fd)
{
    (void)fd;
    uint32_t records;
    struct stat st;
    struct sandbox_spec spec = {.role = SANDBOX_KEEPER, .uid = (uid_t)-1, .gid = (gid_t)-1};
    child_setup("keeper", p, &records, &k->set);
    kept_init(&k->kept, records);
    k->owner = stat(k->set.server.state_dir, &st) == 0 ? st.st_uid : geteuid();
    spec.relaxed = !k->set.sandbox.enabled;
    look_up_user(k, &spec);
    if (sandbox_enter(&spec, &k->sandbox)) fatal("sandbox: %s", k->sandbox.text);
    struct buf m = {0};
    buf_put_str16(&m, k->sandbox.text, strlen(k->sandbox.text));
    chan_send(&k->master, CTL_READY, &m, -1);
    buf_free(&m);
}

/* --- what the master tells --- */

static void on_settings(struct keeper *k, struct slice p, int fd)
{
    (void)fd;
    child_settings(p, &k->set);
}

static void on_heartbeat(struct keeper *k, struct slice p, int fd)
{
    (void)fd;
    struct buf m = {0};
    buf_put(&m, p.data, p.len);
    buf_put_u32(&m, 0);
    buf_put_u64(&m, 0);
    buf_put_u64(&m, 0);
    chan_send(&k->master, CTL_ALIVE, &m, -1);
    buf_free(&m);
}

static void on_stop(struct keeper *k, struct slice p, int fd)
{
    (void)p;
    (void)fd;
    k->loop.stop = true;
}

static void on_listen(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    kept_listen(&k->kept, cur_str8(&c), fd);
}

static void on_process(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t process = cur_u32(&c), generation = cur_u32(&c);
    kept_process(&k->kept, process, generation, fd);
}

static void on_slab(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    kept_slab(&k->kept, cur_u32(&c), fd);
}

/*
 * In a storm of connections each would wake this process, and nobody waits for it: what is told lies in
 * the socket, safe from the master's death. So it looks only now and then, once it knows everything.
 */
static void nap(struct keeper *k)
{
    if (!k->takeover.ready || k->nap.armed) return;
    chan_pause(&k->master, true);
    loop_timer_set(&k->loop, &k->nap, NAP_MS);
}

static void nap_over(struct loop_timer *t)
{
    struct keeper *k = container_of(t, struct keeper, nap);
    chan_pause(&k->master, false);
}

static void on_keep(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c), index = cur_u32(&c), generation = cur_u32(&c);
    kept_put(&k->kept, slot, index, generation, fd);
    nap(k);
}

static void on_let_go(struct keeper *k, struct slice p, int fd)
{
    (void)fd;
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c), index = cur_u32(&c), generation = cur_u32(&c);
    kept_drop(&k->kept, slot, index, generation);
    nap(k);
}

static void no_packet(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    (void)c;
    (void)type;
    (void)fields;
    if (fd >= 0) close(fd); /* a worker has nothing to say here */
}

static void intro_ended(struct chan *c)
{
    chan_close(c);
}

static void on_intro(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct kept_process *who = kept_find(&k->kept, cur_u32(&c));
    if (fd < 0) return;
    if (!who) {
        close(fd);
        return;
    }
    if (who->intro.loop) chan_close(&who->intro);
    chan_open(&who->intro, &k->loop, fd, no_packet, intro_ended, k);
}

/* --- a new master --- */

/* Only whoever runs this server, or root. The kernel says who calls. */
static bool may_call(const struct keeper *k, int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == k->owner);
}

static void tell_process(struct keeper *k, uint32_t process, const struct kept_process *p)
{
    struct buf m = {0};
    buf_put_u32(&m, process);
    buf_put_u32(&m, p->generation);
    chan_send(&k->master, CTL_PROCESS, &m, p->pidfd);
    buf_free(&m);
}

static void tell_all(struct keeper *k)
{
    struct buf m = {0};
    for (unsigned i = 0; i < k->kept.listeners; i++) {
        buf_reset(&m, SIZE_MAX);
        buf_put_str8(&m, k->kept.listener[i].name, strlen(k->kept.listener[i].name));
        chan_send(&k->master, CTL_LISTEN, &m, k->kept.listener[i].fd);
    }
    if (k->kept.broker.pidfd >= 0) tell_process(k, CTL_BROKER_SLOT, &k->kept.broker);
    for (uint32_t i = 0; i < k->kept.slots; i++) {
        const struct kept_slot *s = &k->kept.slot[i];
        if (s->worker.pidfd >= 0 || s->slab >= 0) tell_process(k, i, &s->worker);
    }
    chan_send(&k->master, CTL_ALL, NULL, -1);
    buf_free(&m);
}

static void called(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct keeper *k = container_of(io, struct keeper, takeover);
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (!may_call(k, fd)) {
        LOG(LOG_WARN, "keeper", "stranger");
        close(fd);
        return;
    }
    loop_mod(&k->loop, &k->takeover, 0);
    loop_timer_stop(&k->loop, &k->grace);
    k->wants = k->given = 0;
    k->slab_given = false;
    serve_master(k, fd);
    tell_all(k);
    LOG(LOG_INFO, "keeper", "new-master");
}

static void on_takeover(struct keeper *k, struct slice p, int fd)
{
    (void)p;
    if (fd < 0) return;
    if (k->takeover.ready) {
        loop_del(&k->loop, &k->takeover);
        close(k->takeover.fd);
    }
    k->takeover = (struct loop_io){.fd = fd, .ready = called};
    loop_add(&k->loop, &k->takeover, 0);
    chan_send(&k->master, CTL_KEPT, NULL, -1);
}

static void on_introduce(struct keeper *k, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct kept_process *who = kept_find(&k->kept, cur_u32(&c));
    if (fd < 0) return;
    if (who && who->intro.loop && !who->intro.closed) chan_send(&who->intro, CTL_MASTER, NULL, fd);
    close(fd); /* it is dead when nobody got it: the new master sees that on its pidfd */
}

/* --- giving what a dead worker had, as fast as the channel takes it --- */

static void give(struct chan *c);

static int give_one(struct keeper *k, uint32_t slot, uint32_t index)
{
    const struct kept_connection *at = &k->kept.slot[slot].connection[index];
    struct buf m = {0};
    buf_put_u32(&m, slot);
    buf_put_u32(&m, index);
    buf_put_u32(&m, at->generation);
    int r = chan_try(&k->master, CTL_KEEP, &m, at->fd, give);
    buf_free(&m);
    return r;
}

/* True when the slot is through. */
static bool give_slot(struct keeper *k, uint32_t slot)
{
    const struct kept_slot *s = &k->kept.slot[slot];
    struct buf m = {0};
    buf_put_u32(&m, slot);
    if (!k->slab_given && s->slab >= 0) chan_send(&k->master, CTL_KEEP_SLAB, &m, s->slab);
    k->slab_given = true;
    bool room = true;
    while (room && k->given < s->high) {
        if (s->connection[k->given].fd >= 0) room = give_one(k, slot, k->given) > 0;
        if (room) k->given++;
    }
    if (room) chan_send(&k->master, CTL_GIVEN, &m, -1);
    buf_free(&m);
    return room;
}

static void give(struct chan *c)
{
    struct keeper *k = c->owner;
    while (k->wants > 0 && give_slot(k, k->want[0])) {
        k->wants--;
        memmove(k->want, k->want + 1, k->wants * sizeof *k->want);
        k->given = 0;
        k->slab_given = false;
    }
}

static void on_want(struct keeper *k, struct slice p, int fd)
{
    (void)fd;
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c);
    if (slot >= k->kept.slots || k->wants == KEPT_SLOTS_MAX) return;
    k->want[k->wants++] = slot;
    if (k->wants == 1) give(&k->master);
}

/* --- channel --- */

static const struct {
    uint8_t type;
    void (*handle)(struct keeper *k, struct slice p, int fd);
} rows[] = {
    {CTL_SETUP, on_setup},         {CTL_SETTINGS, on_settings}, {CTL_HEARTBEAT, on_heartbeat},
    {CTL_STOP, on_stop},           {CTL_LISTEN, on_listen},     {CTL_PROCESS, on_process},
    {CTL_INTRO, on_intro},         {CTL_KEEP_SLAB, on_slab},    {CTL_KEEP, on_keep},
    {CTL_LET_GO, on_let_go},       {CTL_TAKEOVER, on_takeover}, {CTL_INTRODUCE, on_introduce},
    {CTL_WANT, on_want},
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

static void grace_over(struct loop_timer *t)
{
    struct keeper *k = container_of(t, struct keeper, grace);
    LOG(LOG_WARN, "keeper", "abandoned");
    k->loop.stop = true;
}

static void master_gone(struct chan *c)
{
    struct keeper *k = c->owner;
    chan_close(c);
    if (!k->takeover.ready) { /* it had not told everything: whom it had taken over from still knows */
        k->loop.stop = true;
        return;
    }
    LOG(LOG_WARN, "keeper", "orphaned", log_u("grace_ms", k->set.process.takeover_grace));
    loop_timer_set(&k->loop, &k->grace, k->set.process.takeover_grace);
    loop_mod(&k->loop, &k->takeover, EPOLLIN);
}

static void serve_master(struct keeper *k, int fd)
{
    chan_open(&k->master, &k->loop, fd, packet, master_gone, k);
}

int main(void)
{
    static struct keeper k;
    child_start("keeper");
    loop_init(&k.loop);
    k.grace.fire = grace_over;
    k.nap.fire = nap_over;
    serve_master(&k, CTL_FD);
    loop_run(&k.loop);
    return 0;
}
