/*
 * listen.c - listening sockets: accept, look at the limits, hand over to the worker with the fewest
 * connections. A refusal is the server's 4-byte preface with a reason, as far as the client hears it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "master.h"

enum { ACCEPTS_A_TURN = 64, BACKLOG = 4096, PAUSE_MS = 100, UNSENT_BYTES = 128 * 1024 };

void listen_name(const struct sockaddr *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const void *)a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    }
}

/* --- accepting --- */

static void refuse(int fd, uint8_t why, const char *peer, const char *reason)
{
    uint8_t preface[WIRE_SERVER_PREFACE];
    wire_put_server_preface(preface, 0, why);
    if (send(fd, preface, sizeof preface, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) errno = 0;
    close(fd);
    LOG(LOG_DEBUG, "accept", "refuse", log_s("peer", peer), log_s("reason", reason));
}

static void hand_over(struct master *m, struct slot *w, int fd, const char *peer)
{
    uint32_t index, generation;
    struct buf p = {0};
    if (!places_take(&w->places, fd, &index, &generation)) {
        refuse(fd, WIRE_REFUSE_FULL, peer, "full");
        return;
    }
    m->connections++;
    buf_put_u32(&p, index);
    buf_put_u32(&p, generation);
    buf_put_str8(&p, peer, strlen(peer));
    if (chan_send(&w->child->chan, CTL_CONNECT, &p, fd) == 0)
        keep_place(w, index);
    else if (places_end(&w->places, index, generation))
        m->connections--;
    buf_free(&p);
}

static void admit(struct master *m, int fd, const struct sockaddr *from)
{
    char peer[BUS_PEER_MAX];
    struct slot *w = slot_least(m);
    listen_name(from, peer, sizeof peer);
    if (m->connections >= m->max_connections || !w) {
        refuse(fd, WIRE_REFUSE_FULL, peer, "full");
    } else if (!limit_allow(&m->by_address, from, m->loop.now_ms) ||
               !limit_allow(&m->by_network, from, m->loop.now_ms)) {
        refuse(fd, WIRE_REFUSE_ADDRESS, peer, "too many connections from this address");
    } else {
        hand_over(m, w, fd, peer);
    }
}

/*
 * No descriptor left: one is kept for this, to take the connection and close it again instead of
 * being told of it for ever; then accepting rests.
 */
static void out_of_descriptors(struct master *m, int listener)
{
    close(m->spare_fd);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) refuse(fd, WIRE_REFUSE_FULL, "?", "no descriptors");
    m->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    LOG(LOG_WARN, "accept", "pause", log_s("why", "no descriptors left"), log_u("connections", m->connections));
    for (int i = 0; i < m->n_listeners; i++)
        loop_mod(&m->loop, &m->listener[i].io, 0);
    loop_timer_set(&m->loop, &m->resume, PAUSE_MS);
}

static void ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct listener *l = container_of(io, struct listener, io);
    for (int i = 0; i < ACCEPTS_A_TURN && l->master->listening; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd = accept4(io->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            admit(l->master, fd, (struct sockaddr *)&from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            out_of_descriptors(l->master, io->fd);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void resume(struct loop_timer *t)
{
    struct master *m = container_of(t, struct master, resume);
    if (!m->listening) return;
    for (int i = 0; i < m->n_listeners; i++)
        loop_mod(&m->loop, &m->listener[i].io, EPOLLIN);
}

void listen_update(struct master *m)
{
    bool want = !m->stopping && slot_least(m) != NULL;
    if (want == m->listening) return;
    m->listening = want;
    for (int i = 0; i < m->n_listeners; i++)
        loop_mod(&m->loop, &m->listener[i].io, want ? EPOLLIN : 0);
}

/* --- opening --- */

/*
 * Options that only the master may set: no waiting for more bytes, and a peer that is silent or
 * takes nothing for a minute is given up by the kernel, which needs no timer of ours; and the kernel
 * takes few bytes that it cannot send yet, so that what is urgent finds no megabyte of a file before
 * it. Set at the listening socket: every connection inherits them.
 */
static void set_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},       {SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 60},     {IPPROTO_TCP, TCP_KEEPINTVL, 15},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, 60000}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static void open_one(struct master *m, const struct sockaddr_storage *a, socklen_t len)
{
    struct listener *l = &m->listener[m->n_listeners];
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof bound;
    int one = 1, fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    listen_name((const struct sockaddr *)a, l->name, sizeof l->name);
    if (fd < 0 && errno == EAFNOSUPPORT) {
        LOG(LOG_WARN, "server", "skip", log_s("addr", l->name), log_s("why", strerror(errno)));
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (fd < 0 || bind(fd, (const struct sockaddr *)a, len) || listen(fd, BACKLOG)) {
        if (fd >= 0 && errno == EADDRNOTAVAIL && a->ss_family == AF_INET6) {
            LOG(LOG_WARN, "server", "skip", log_s("addr", l->name), log_s("why", strerror(errno)));
            close(fd);
            return;
        }
        fatal("cannot listen on %s: %s%s", l->name, strerror(errno),
              errno == EADDRINUSE ? " (is another server running? server.listen names the address)" : "");
    }
    getsockname(fd, (struct sockaddr *)&bound, &bound_len);
    listen_name((struct sockaddr *)&bound, l->name, sizeof l->name);
    set_options(fd);
    l->master = m;
    l->io = (struct loop_io){.fd = fd, .ready = ready};
    loop_add(&m->loop, &l->io, 0);
    m->n_listeners++;
}

void listen_take(struct master *m, int fd, const char *name)
{
    if (fd < 0) return;
    if (m->n_listeners == SETTINGS_LISTEN_MAX) {
        close(fd);
        return;
    }
    struct listener *l = &m->listener[m->n_listeners++];
    *l = (struct listener){.io = {.fd = fd, .ready = ready}, .master = m};
    snprintf(l->name, sizeof l->name, "%s", name);
    set_options(fd); /* it may be of an earlier release */
    loop_add(&m->loop, &l->io, 0);
    LOG(LOG_INFO, "server", "listen", log_s("addr", l->name), log_s("from", "an earlier master"));
}

void listen_prepare(struct master *m)
{
    m->resume.fire = resume;
    m->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void listen_open(struct master *m)
{
    struct sockaddr_storage address[SETTINGS_LISTEN_MAX];
    socklen_t len[SETTINGS_LISTEN_MAX];
    char err[CONF_ERR_SIZE];
    int n = settings_listen(&m->set, address, len, SETTINGS_LISTEN_MAX, err, sizeof err);
    if (n < 0) fatal("%s", err);
    for (int i = 0; i < n; i++)
        open_one(m, &address[i], len[i]);
    if (m->n_listeners == 0) fatal("none of the addresses in server.listen can be had");
}

void listen_close(struct master *m)
{
    loop_timer_stop(&m->loop, &m->resume);
    for (int i = 0; i < m->n_listeners; i++) {
        loop_del(&m->loop, &m->listener[i].io);
        close(m->listener[i].io.fd);
    }
    m->n_listeners = 0;
    m->listening = false;
}
