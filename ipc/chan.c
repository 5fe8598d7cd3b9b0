/* chan.c - see chan.h. Descriptors that wait in the queue are duplicates of ours. */
#include "chan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

struct chan_out {
    struct chan_out *next;
    int fd;
    size_t n;
    uint8_t bytes[];
};

union control {
    struct cmsghdr align;
    /* Room for a few more descriptors than we want, to close them. */
    char space[CMSG_SPACE(4 * sizeof(int))];
};

void chan_pair(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
        fatal("cannot make a channel: %s", strerror(errno));
}

/* 1 sent, 0 the socket is full, -1 the other side is gone. */
static int send_now(int sock, const struct iovec *iov, size_t n, int fd)
{
    union control control = {0};
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
    if (fd >= 0) {
        m.msg_control = control.space;
        m.msg_controllen = CMSG_SPACE(sizeof fd);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t k;
    do {
        k = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (k < 0 && errno == EINTR);
    if (k >= 0) return 1;
    /* ETOOMANYREFS: too many descriptors under way; the receiver must take some first. */
    return errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS ? 0 : -1;
}

static void pop(struct chan *c)
{
    struct chan_out *o = c->first;
    c->first = o->next;
    if (!c->first) c->last = &c->first;
    c->queued--;
    if (o->fd >= 0) close(o->fd);
    free(o);
}

static void flush(struct chan *c)
{
    while (c->first) {
        struct iovec iov = {c->first->bytes, c->first->n};
        int r = send_now(c->io.fd, &iov, 1, c->first->fd);
        if (r == 0) return;
        pop(c); /* sent, or nobody is there to take it: the read side will tell */
    }
    loop_mod(c->loop, &c->io, EPOLLIN);
    chan_room *room = c->room;
    c->room = NULL;
    if (room) room(c);
}

static int enqueue(struct chan *c, uint8_t type, const struct buf *fields, int fd)
{
    if (c->queued >= CHAN_QUEUE_MAX) return -1;
    size_t n = fields ? buf_len(fields) : 0;
    struct chan_out *o = xmalloc(sizeof *o + 1 + n);
    *o = (struct chan_out){.fd = -1, .n = 1 + n};
    if (fd >= 0 && (o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0) {
        free(o);
        return -1;
    }
    o->bytes[0] = type;
    if (n) memcpy(o->bytes + 1, buf_head(fields), n);
    *c->last = o;
    c->last = &o->next;
    c->queued++;
    loop_mod(c->loop, &c->io, EPOLLIN | EPOLLOUT);
    return 0;
}

/* As send_now(); 0 also when others wait already. */
static int send_packet(struct chan *c, uint8_t type, const struct buf *fields, int fd)
{
    if (c->closed) return -1;
    if (c->first) return 0;
    struct iovec iov[2] = {{&type, 1}, {0}};
    if (fields && buf_len(fields)) iov[1] = (struct iovec){buf_head(fields), buf_len(fields)};
    return send_now(c->io.fd, iov, 2, fd);
}

int chan_send(struct chan *c, uint8_t type, const struct buf *fields, int fd)
{
    int r = send_packet(c, type, fields, fd);
    return r == 0 ? enqueue(c, type, fields, fd) : r < 0 ? -1 : 0;
}

int chan_try(struct chan *c, uint8_t type, const struct buf *fields, int fd, chan_room *room)
{
    int r = send_packet(c, type, fields, fd);
    if (r == 0) {
        c->room = room;
        loop_mod(c->loop, &c->io, EPOLLIN | EPOLLOUT);
    }
    return r;
}

/* The one descriptor of a packet; closes everything when there are more or some were cut off. */
static int take_fd(struct msghdr *m)
{
    int one = -1, count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count++ == 0)
                one = fd;
            else
                close(fd);
        }
    }
    if (one >= 0 && (count > 1 || (m->msg_flags & MSG_CTRUNC))) {
        close(one);
        one = -1;
    }
    return one;
}

/* One packet. False when there is none now, or the channel has ended. */
static bool receive(struct chan *c)
{
    static uint8_t bytes[CHAN_PACKET_MAX]; /* one loop per process: never used twice at a time */
    union control control;
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    ssize_t n = recvmsg(c->io.fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    int fd = n >= 0 ? take_fd(&m) : -1; /* an empty packet can bring some, too */
    if (n <= 0 || (m.msg_flags & MSG_TRUNC)) {
        if (fd >= 0) close(fd);
        c->ended(c);
        return false;
    }
    c->packet(c, bytes[0], (struct slice){bytes + 1, (size_t)n - 1}, fd);
    return !c->closed;
}

static void ready(struct loop_io *io, uint32_t events)
{
    struct chan *c = container_of(io, struct chan, io);
    if (events & EPOLLOUT) flush(c);
    if (!(events & ~(uint32_t)EPOLLOUT)) return;
    for (unsigned i = 0; i < c->a_turn && receive(c); i++) {
    }
}

void chan_pause(struct chan *c, bool pause)
{
    if (c->closed) return;
    loop_mod(c->loop, &c->io, (pause ? 0 : EPOLLIN) | (c->io.events & EPOLLOUT));
}

void chan_drain(struct chan *c)
{
    while (!c->closed && receive(c)) {
    }
}

void chan_open(struct chan *c, struct loop *l, int fd, chan_packet *packet, chan_ended *ended,
               void *owner)
{
    *c = (struct chan){.io = {.fd = fd, .ready = ready},
                       .loop = l,
                       .packet = packet,
                       .ended = ended,
                       .a_turn = CHAN_A_TURN,
                       .owner = owner};
    c->last = &c->first;
    loop_add(l, &c->io, EPOLLIN);
}

void chan_close(struct chan *c)
{
    if (c->closed || !c->loop) return;
    c->closed = true;
    loop_del(c->loop, &c->io);
    close(c->io.fd);
    while (c->first)
        pop(c);
}
