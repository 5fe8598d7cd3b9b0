/*
 * takeover.c - when the master dies: route on, keep the listening sockets, and wait for a new master
 * to call on the takeover socket; then tell it what there is and introduce it to the workers.
 *
 * Nobody within the grace time: the broker ends in order, and so does each worker by itself.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "log.h"

void takeover_listen(struct broker *b, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct slice name = cur_str8(&c);
    if (fd < 0) return;
    if (b->n_listen == BROKER_LISTEN_MAX || name.len >= sizeof b->listen[0].name) {
        close(fd);
        return;
    }
    struct kept_listener *l = &b->listen[b->n_listen++];
    *l = (struct kept_listener){.fd = fd};
    memcpy(l->name, name.data, name.len);
}

/* --- a new master calls --- */

static void introduce_all(struct broker *b, const struct sandbox_report *report)
{
    struct buf m = {0};
    char print[40];
    keys_fingerprint(b->keys.server_id, print);
    buf_put_str16(&m, report->text, strlen(report->text));
    buf_put_str8(&m, print, strlen(print));
    chan_send(&b->master, CTL_HELLO, &m, -1);
    for (unsigned i = 0; i < b->n_listen; i++) {
        buf_reset(&m, SIZE_MAX);
        buf_put_str8(&m, b->listen[i].name, strlen(b->listen[i].name));
        chan_send(&b->master, CTL_LISTEN, &m, b->listen[i].fd);
    }
    for (const struct link *l = b->links; l; l = l->next) {
        buf_reset(&m, SIZE_MAX);
        buf_put_u32(&m, l->slot);
        buf_put_u32(&m, l->generation);
        chan_send(&b->master, CTL_HERE, &m, -1);
    }
    chan_send(&b->master, CTL_ALL, NULL, -1);
    buf_free(&m);
}

/* Only whoever runs this server, or root. The kernel says who calls. */
static bool may_call(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static void called(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct broker *b = container_of(io, struct broker, takeover);
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (!may_call(fd)) {
        LOG(LOG_WARN, "broker", "stranger");
        close(fd);
        return;
    }
    loop_mod(&b->loop, &b->takeover, 0);
    loop_timer_stop(&b->loop, &b->grace);
    broker_serve_master(b, fd);
    introduce_all(b, &b->sandbox);
    LOG(LOG_INFO, "broker", "new-master");
}

void takeover_socket(struct broker *b, int fd)
{
    if (fd < 0) return;
    if (b->takeover.ready) {
        loop_del(&b->loop, &b->takeover);
        close(b->takeover.fd);
    }
    b->takeover = (struct loop_io){.fd = fd, .ready = called};
    loop_add(&b->loop, &b->takeover, 0);
}

void takeover_introduce(struct broker *b, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c);
    if (fd < 0) return;
    for (struct link *l = b->links; l; l = l->next)
        if (l->slot == slot && l->intro.loop && !l->intro.closed) chan_send(&l->intro, CTL_MASTER, NULL, fd);
    close(fd);
}

/* --- the channels on which it is introduced --- */

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

void takeover_intro(struct broker *b, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    uint32_t slot = cur_u32(&c), generation = cur_u32(&c);
    struct link *l = b->links;
    while (l && (l->slot != slot || l->generation != generation))
        l = l->next;
    if (fd < 0) return;
    if (!l) {
        close(fd);
        return;
    }
    if (l->intro.loop) chan_close(&l->intro);
    chan_open(&l->intro, &b->loop, fd, no_packet, intro_ended, l);
}

/* --- the master is gone --- */

static void grace_over(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, grace);
    LOG(LOG_WARN, "broker", "abandoned");
    b->stopping = true; /* as soon as the workers are gone */
}

void takeover_begin(struct broker *b)
{
    chan_close(&b->master);
    if (!b->takeover.ready || b->stopping) {
        b->stopping = true;
        return;
    }
    LOG(LOG_WARN, "broker", "orphaned", log_u("grace_ms", b->set.process.takeover_grace));
    b->grace.fire = grace_over;
    loop_timer_set(&b->loop, &b->grace, b->set.process.takeover_grace);
    loop_mod(&b->loop, &b->takeover, EPOLLIN);
}
