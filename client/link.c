/*
 * link.c - see link.h. Connecting and moving bytes; link_proof.c judges the handshake, records are
 * sealed and opened in link_record.c.
 */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "link_private.h"
#include "log.h"

enum {
    DIAL_MS = 5000,   /* for each address */
    SHAKE_MS = 10000, /* until message 2 */
    READ_ROOM = 16 * 1024,  /* the first read of a turn: conversation */
    READ_MORE = 128 * 1024, /* those after it: there is much */
    READ_TURN = 256 * 1024, /* bytes taken from the kernel in one turn */
    UNSENT = 128 * 1024,    /* in the kernel: what is more urgent is to overtake the rest */
};

void link_fail(struct link *l, enum link_fault fault, const char *words)
{
    if (l->state == LINK_DOWN) return;
    l->state = LINK_DOWN;
    l->fault = fault;
    free(l->words);
    l->words = xstrdup(words);
    l->deadline = UINT64_MAX;
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

static void end_shake(struct link *l)
{
    if (!l->shake) return;
    shake_wipe(l->shake);
    free(l->shake);
    l->shake = NULL;
}

static void forget_addresses(struct link *l)
{
    if (l->addresses) freeaddrinfo(l->addresses);
    l->addresses = l->next = NULL;
}

void link_free(struct link *l)
{
    if (!l) return;
    if (l->fd >= 0) close(l->fd);
    end_shake(l);
    forget_addresses(l);
    buf_free(&l->rx);
    buf_free(&l->out);
    buf_free(&l->tx);
    wire_join_reset(&l->join);
    buf_free(&l->join.parts);
    free(l->words);
    sodium_memzero(l, sizeof *l);
    free(l);
}

static struct link *make(void)
{
    struct link *l = xcalloc(1, sizeof *l);
    l->fd = -1;
    l->deadline = UINT64_MAX;
    return l;
}

/* --- connecting --- */

static void begin_shake(struct link *l, uint64_t now)
{
    uint8_t hello[SHAKE_HELLO];
    forget_addresses(l);
    l->state = LINK_SHAKING;
    l->deadline = now + SHAKE_MS;
    l->shake = xcalloc(1, sizeof *l->shake);
    shake_begin(l->shake, hello);
    buf_put(&l->tx, hello, sizeof hello);
    link_send(l);
}

static void set_options(int fd)
{
    const int on = 1, idle = 60, every = 15, times = 4, unsent = UNSENT;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

/* Tries addresses until one is under way; when none is left, the link is down with why. */
static void dial_next(struct link *l, int why, uint64_t now)
{
    while (l->next) {
        const struct addrinfo *a = l->next;
        l->next = a->ai_next;
        if (l->fd >= 0) close(l->fd);
        l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (l->fd < 0) {
            why = errno;
            continue;
        }
        set_options(l->fd);
        l->deadline = now + DIAL_MS;
        if (connect(l->fd, a->ai_addr, a->ai_addrlen) == 0) {
            begin_shake(l, now);
            return;
        }
        if (errno == EINPROGRESS || errno == EINTR) return;
        why = errno;
    }
    forget_addresses(l);
    link_fail(l, LINK_NO_ANSWER, strerror(why));
}

struct link *link_dial(const char *host, const char *port, uint64_t now)
{
    struct link *l = make();
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int r = getaddrinfo(host, port, &numeric, &l->addresses);
    if (r != 0) r = getaddrinfo(host, port, &want, &l->addresses);
    if (r != 0) {
        l->addresses = NULL;
        link_fail(l, LINK_NO_HOST, gai_strerror(r));
        return l;
    }
    l->next = l->addresses;
    dial_next(l, EADDRNOTAVAIL, now);
    return l;
}

struct link *link_over(int fd, uint64_t now)
{
    struct link *l = make();
    l->fd = fd;
    begin_shake(l, now);
    return l;
}

static void dial_step(struct link *l, short revents, uint64_t now)
{
    if (!(revents & (POLLOUT | POLLERR | POLLHUP))) return;
    int why = 0;
    socklen_t n = sizeof why;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &why, &n) != 0) why = errno;
    if (why)
        dial_next(l, why, now);
    else
        begin_shake(l, now);
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void shake_step(struct link *l)
{
    const char *words;
    if (buf_len(&l->rx) < WIRE_SERVER_PREFACE) return;
    const uint8_t *in = buf_head(&l->rx);
    enum link_fault fault = shake_preface(in, &words);
    if (fault == LINK_FINE && buf_len(&l->rx) < WIRE_SERVER_PREFACE + SHAKE_ANSWER) return;
    if (fault == LINK_FINE)
        fault = shake_answer(l->shake, in, in + WIRE_SERVER_PREFACE, clock_ms(), &l->send_key,
                             &l->recv_key, &words);
    if (fault != LINK_FINE) {
        link_fail(l, fault, words);
        return;
    }
    buf_drop(&l->rx, WIRE_SERVER_PREFACE + SHAKE_ANSWER);
    l->state = LINK_PROVEN;
    l->deadline = UINT64_MAX;
}

/* --- bytes --- */

void link_send(struct link *l)
{
    while (buf_len(&l->tx) && l->fd >= 0 && !l->deaf) {
        ssize_t n = send(l->fd, buf_head(&l->tx), buf_len(&l->tx), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        /* The other side no longer reads, but what it said last may still wait to be read. */
        if (n < 0)
            l->deaf = true;
        else
            buf_drop(&l->tx, (size_t)n);
    }
    buf_free(&l->tx);
    if (l->finishing && l->fd >= 0 && buf_len(&l->out) == 0) shutdown(l->fd, SHUT_WR);
}

static void receive(struct link *l)
{
    size_t taken = 0;
    while (taken < READ_TURN && !l->ended) {
        const size_t room = taken ? READ_MORE : READ_ROOM;
        ssize_t n = recv(l->fd, buf_room(&l->rx, room), room, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n <= 0) {
            l->ended = true;
            break;
        }
        buf_added(&l->rx, (size_t)n);
        taken += (size_t)n;
        if ((size_t)n < room) break;
    }
    if (buf_len(&l->rx) == 0) buf_free(&l->rx);
}

void link_step(struct link *l, short revents, uint64_t now)
{
    if (l->state == LINK_DOWN) return;
    if (l->state == LINK_DIALLING) {
        dial_step(l, revents, now);
        if (l->state == LINK_DIALLING && now >= l->deadline) dial_next(l, ETIMEDOUT, now);
        return;
    }
    if (revents & (POLLIN | POLLHUP | POLLERR)) receive(l);
    if (l->state == LINK_SHAKING) shake_step(l);
    if (l->state == LINK_SHAKING && l->ended)
        link_fail(l, LINK_BROKEN, "the server closed the connection during the handshake");
    if (l->state == LINK_SHAKING && now >= l->deadline)
        link_fail(l, LINK_NO_ANSWER, "the server does not answer the handshake");
    if (l->state != LINK_DOWN) link_send(l);
}

void link_finish(struct link *l)
{
    l->finishing = true;
    link_flush(l);
}

/* --- what the engine asks --- */

enum link_state link_state(const struct link *l)
{
    return l->state;
}
enum link_fault link_fault(const struct link *l)
{
    return l->fault;
}
const char *link_words(const struct link *l)
{
    return l->words ? l->words : "";
}
int link_fd(const struct link *l)
{
    return l->fd;
}
uint64_t link_deadline(const struct link *l)
{
    return l->deadline;
}
struct buf *link_out(struct link *l)
{
    return &l->out;
}

size_t link_backlog(const struct link *l)
{
    return buf_len(&l->out) + buf_len(&l->tx);
}

short link_wants(const struct link *l)
{
    if (l->state == LINK_DOWN) return 0;
    if (l->state == LINK_DIALLING) return POLLOUT;
    return buf_len(&l->tx) && !l->deaf ? POLLIN | POLLOUT : POLLIN;
}

const struct wire_proof *link_proof(const struct link *l)
{
    return l->shake ? &l->shake->proof : NULL;
}

void link_login(struct link *l, const struct identity *id, struct wire_login *m)
{
    uint8_t text[WIRE_LOGIN_SIGNED_MAX];
    size_t n =
        wire_login_signed(text, l->shake->hash, l->shake->proof.challenge, m->name, m->device);
    identity_sign(id, text, n, m->signature);
    end_shake(l);
    l->state = LINK_OPEN;
    wire_put_login(&l->out, m);
    link_flush(l);
}
