/*
 * relay.c - the physical limit: what any server of this shape must spend at least. One process, one
 * epoll; a read and a write for each connection and turn; frames are copied to whom they are for by
 * their length and their head (relay.h). No encryption, no acknowledgement, no order but TCP's, no
 * protection against anybody. Only the load generator speaks to it.
 *
 *   relay PORT      listens on 127.0.0.1
 */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"

enum { READ_ROOM = 1 << 18, SCRATCH = 1 << 19, KEPT = 1 << 16 };

struct peer {
    int fd;
    uint32_t id;
    bool dirty, blocked, in_room, gone;
    struct buf in, out;
};

static struct {
    int epfd, listener;
    struct peer *user[RELAY_USERS];
    struct peer *room[RELAY_USERS], *dirty[RELAY_USERS];
    unsigned in_room, n_dirty;
    uint8_t scratch[SCRATCH];
} relay;

static void give(struct peer *to, const uint8_t *frame, size_t n)
{
    buf_put(&to->out, frame, n);
    if (to->dirty) return;
    to->dirty = true;
    relay.dirty[relay.n_dirty++] = to;
}

static void give_room(const struct peer *from, const uint8_t *frame, size_t n)
{
    for (unsigned i = 0; i < relay.in_room; i++)
        if (relay.room[i] != from) give(relay.room[i], frame, n);
}

static void take_frame(struct peer *p, const uint8_t *frame, size_t n)
{
    uint32_t id = get_u32(frame + 3) % RELAY_USERS;
    switch (frame[2]) {
    case RELAY_NAME:
        relay.user[id] = p;
        p->id = id;
        give(p, frame, n);
        break;
    case RELAY_JOIN:
        if (!p->in_room) relay.room[relay.in_room++] = p;
        p->in_room = true;
        give(p, frame, n);
        break;
    case RELAY_USER:
        if (relay.user[id]) give(relay.user[id], frame, n);
        break;
    case RELAY_ROOM: give_room(p, frame, n); break;
    }
}

static void forget(struct peer *p)
{
    if (relay.user[p->id] == p) relay.user[p->id] = NULL;
    for (unsigned i = 0; p->in_room && i < relay.in_room; i++)
        if (relay.room[i] == p) relay.room[i--] = relay.room[--relay.in_room];
    close(p->fd);
    p->gone = true;
    if (!p->dirty) { /* else it is freed where the list is walked */
        buf_free(&p->in);
        buf_free(&p->out);
        free(p);
    }
}

static void receive(struct peer *p)
{
    size_t kept = buf_len(&p->in), used = 0;
    if (kept) memcpy(relay.scratch, buf_head(&p->in), kept);
    ssize_t n = recv(p->fd, relay.scratch + kept, READ_ROOM, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        forget(p);
        return;
    }
    size_t have = kept + (size_t)n;
    while (have - used >= RELAY_HEAD) {
        size_t len = 2u + get_u16(relay.scratch + used);
        if (have - used < len) break;
        take_frame(p, relay.scratch + used, len);
        used += len;
    }
    buf_reset(&p->in, 0);
    buf_put(&p->in, relay.scratch + used, have - used);
}

static void wait_for(struct peer *p, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = p};
    epoll_ctl(relay.epfd, op, p->fd, &e);
}

static void transmit(struct peer *p)
{
    ssize_t n = send(p->fd, buf_head(&p->out), buf_len(&p->out), MSG_NOSIGNAL);
    if (n > 0) buf_drop(&p->out, (size_t)n);
    bool blocked = buf_len(&p->out) > 0;
    if (blocked != p->blocked) wait_for(p, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    p->blocked = blocked;
    if (!blocked) buf_reset(&p->out, KEPT);
}

static void transmit_all(void)
{
    for (unsigned i = 0; i < relay.n_dirty; i++) {
        struct peer *p = relay.dirty[i];
        p->dirty = false;
        if (!p->gone) {
            transmit(p);
            continue;
        }
        buf_free(&p->in);
        buf_free(&p->out);
        free(p);
    }
    relay.n_dirty = 0;
}

static void welcome(void)
{
    const int on = 1;
    for (int fd; (fd = accept4(relay.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct peer *p = xcalloc(1, sizeof *p);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        p->fd = fd;
        wait_for(p, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void run(void)
{
    static struct epoll_event events[1024];
    for (;;) {
        int n = epoll_wait(relay.epfd, events, 1024, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            if (!p) {
                welcome();
                continue;
            }
            if (events[i].events & EPOLLOUT) give(p, NULL, 0);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(p);
        }
        transmit_all();
    }
}

int main(int argc, char **argv)
{
    const int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit files;
    struct epoll_event e = {.events = EPOLLIN};
    if (argc != 2) {
        fprintf(stderr, "usage: relay PORT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    a.sin_port = htons((uint16_t)atoi(argv[1]));
    relay.epfd = epoll_create1(EPOLL_CLOEXEC);
    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(relay.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(relay.listener, (struct sockaddr *)&a, sizeof a) || listen(relay.listener, 4096) ||
        epoll_ctl(relay.epfd, EPOLL_CTL_ADD, relay.listener, &e)) {
        fprintf(stderr, "relay: cannot listen on port %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    run();
}
