/*
 * conn.c - see load.h. Non-blocking sockets in one epoll; TLS where asked for. What drivers put
 * during a turn leaves at its end: one write for each connection that has something to say.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
    READ_ROOM = 1 << 18,
    SCRATCH = 1 << 20,
    KEPT = 1 << 16,   /* a larger buffer is freed when empty */
    DROPPED_MAX = 50, /* so many may be lost while logging in */
    PATIENCE_S = 20,  /* nobody new in so long: give up */
};

static struct {
    int epfd;
    SSL_CTX *tls;
    uint8_t *scratch;
    struct conn **dirty;
    unsigned n_dirty;
} io = {.epfd = -1};

static void prepare(void)
{
    io.epfd = epoll_create1(EPOLL_CLOEXEC);
    io.scratch = xcalloc(1, SCRATCH);
    if (!load.o.tls) return;
    io.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(io.tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(io.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(io.tls, SSL_SESS_CACHE_OFF);
}

void conns_make(unsigned n, unsigned first_id)
{
    if (io.epfd < 0) prepare();
    for (unsigned i = 0; i < load.n; i++) {
        conn_close(&load.conn[i], NULL);
        if (load.o.driver->forget) load.o.driver->forget(&load.conn[i]);
    }
    free(load.conn);
    free(io.dirty);
    load.conn = xcalloc(n, sizeof *load.conn);
    io.dirty = xcalloc(n, sizeof *io.dirty);
    io.n_dirty = 0;
    load.n = n;
    load.first_id = first_id;
    for (unsigned i = 0; i < n; i++)
        load.conn[i] = (struct conn){.fd = -1, .id = first_id + i};
}

/* --- one connection --- */

static void wait_for(struct conn *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (events == c->events) return;
    epoll_ctl(io.epfd, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
    c->events = events;
}

void conn_dial(struct conn *c)
{
    const int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + c->id % load.o.sources);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("cannot make a socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&a, sizeof a)) die("cannot bind: %s", strerror(errno));
    a.sin_port = htons(load.o.port);
    inet_pton(AF_INET, load.o.host, &a.sin_addr);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS)
        die("cannot connect to port %u: %s", load.o.port, strerror(errno));
    c->state = CONN_DIALLING;
    c->ready = c->joined = c->leaving = false;
    c->step = 0;
    c->events = 0;
    load.dialling++;
    wait_for(c, EPOLLOUT);
}

void conn_close(struct conn *c, const char *why)
{
    if (c->state == CONN_UNUSED || c->state == CONN_CLOSED) return;
    if (why && !c->leaving) {
        load.n_dropped++;
        complain("connection %u ended: %s (step %u)", c->id, why, c->step);
    }
    if (c->ready)
        load.n_ready--;
    else
        load.dialling--;
    if (c->joined) load.n_joined--;
    c->ready = c->joined = false;
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->fd = -1;
    c->state = CONN_CLOSED;
    buf_free(&c->in);
    buf_free(&c->out);
}

void conn_leave(struct conn *c)
{
    c->leaving = true;
    if (load.o.driver->bye && c->state == CONN_OPEN) load.o.driver->bye(c);
}

void conn_touch(struct conn *c)
{
    if (c->dirty) return;
    c->dirty = true;
    io.dirty[io.n_dirty++] = c;
}

void conn_put(struct conn *c, const void *data, size_t n)
{
    if (c->state == CONN_CLOSED) return;
    buf_put(&c->out, data, n);
    conn_touch(c);
}

void conn_putf(struct conn *c, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) die("a line is too long");
    conn_put(c, text, (size_t)n);
}

/* Bytes that the kernel or TLS took; 0 it takes none now; -1 closed. */
static ssize_t write_some(struct conn *c)
{
    const uint8_t *data = buf_head(&c->out);
    size_t n = buf_len(&c->out);
    ssize_t k = c->ssl ? SSL_write(c->ssl, data, n > 1 << 20 ? 1 << 20 : (int)n)
                       : send(c->fd, data, n, MSG_NOSIGNAL);
    if (k > 0) return k;
    int e = c->ssl ? SSL_get_error(c->ssl, (int)k) : 0;
    if (c->ssl ? e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ : errno == EAGAIN) return 0;
    ERR_clear_error();
    conn_close(c, c->ssl ? "TLS cannot write" : strerror(errno));
    return -1;
}

static void flush(struct conn *c)
{
    if (c->state != CONN_OPEN) return;
    if (load.o.driver->leave) load.o.driver->leave(c);
    while (buf_len(&c->out)) {
        ssize_t n = write_some(c);
        if (n < 0) return;
        if (n == 0) {
            wait_for(c, EPOLLIN | EPOLLOUT);
            return;
        }
        buf_drop(&c->out, (size_t)n);
    }
    buf_reset(&c->out, KEPT);
    wait_for(c, EPOLLIN);
}

static void flush_dirty(void)
{
    for (unsigned i = 0; i < io.n_dirty; i++) { /* flushing adds nobody */
        io.dirty[i]->dirty = false;
        flush(io.dirty[i]);
    }
    io.n_dirty = 0;
}

/* --- TLS --- */

static void tls_step(struct conn *c)
{
    int k = SSL_do_handshake(c->ssl);
    if (k == 1) {
        c->state = CONN_OPEN;
        wait_for(c, EPOLLIN);
        load.o.driver->open(c);
        return;
    }
    int e = SSL_get_error(c->ssl, k);
    if (e == SSL_ERROR_WANT_READ) {
        wait_for(c, EPOLLIN);
    } else if (e == SSL_ERROR_WANT_WRITE) {
        wait_for(c, EPOLLOUT);
    } else {
        ERR_clear_error();
        conn_close(c, "the TLS handshake failed");
    }
}

void conn_start_tls(struct conn *c)
{
    c->ssl = SSL_new(io.tls);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    c->state = CONN_TLS;
    tls_step(c);
}

/* --- events --- */

static void connected(struct conn *c)
{
    int why = 0;
    socklen_t n = sizeof why;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &n);
    if (why) {
        conn_close(c, strerror(why));
    } else if (load.o.tls && !load.o.driver->tls_after_banner) {
        conn_start_tls(c);
    } else {
        c->state = CONN_OPEN;
        wait_for(c, EPOLLIN);
        if (!load.o.tls) load.o.driver->open(c);
    }
}

/* Bytes read to `to`; 0 there are none now; -1 closed. */
static ssize_t read_some(struct conn *c, uint8_t *to)
{
    ssize_t k = c->ssl ? SSL_read(c->ssl, to, READ_ROOM) : recv(c->fd, to, READ_ROOM, 0);
    if (k > 0) return k;
    int e = c->ssl ? SSL_get_error(c->ssl, (int)k) : 0;
    if (c->ssl ? e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE : k < 0 && errno == EAGAIN)
        return 0;
    ERR_clear_error();
    conn_close(c, "the server closed it");
    return -1;
}

/* Gives the driver what has come behind what it left; in scratch, so idle ones own no memory. */
static void feed(struct conn *c, size_t have)
{
    size_t used = load.o.driver->input(c, io.scratch, have);
    if (c->state == CONN_CLOSED) return;
    buf_reset(&c->in, KEPT);
    if (used < have) buf_put(&c->in, io.scratch + used, have - used);
}

static void read_all(struct conn *c)
{
    do {
        size_t kept = buf_len(&c->in);
        if (kept > SCRATCH - READ_ROOM) die("a message that does not end");
        if (kept) memcpy(io.scratch, buf_head(&c->in), kept);
        ssize_t n = read_some(c, io.scratch + kept);
        if (n <= 0) return;
        feed(c, kept + (size_t)n);
    } while (c->state == CONN_OPEN && c->ssl); /* TLS may hold more than the socket shows */
}

static void on_event(struct conn *c, uint32_t events)
{
    if (c->state == CONN_DIALLING) {
        connected(c);
        return;
    }
    if (c->state == CONN_TLS) {
        tls_step(c);
        return;
    }
    if (events & EPOLLOUT) conn_touch(c);
    if (c->state == CONN_OPEN && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_all(c);
}

void turn(int ms)
{
    static struct epoll_event events[1024];
    flush_dirty();
    int n = epoll_wait(io.epfd, events, 1024, ms);
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
    flush_dirty();
}

void turns(double seconds)
{
    for (double until = now_s() + seconds; now_s() < until;)
        turn(50);
}

/* --- many of them --- */

double conns_try_log_in(double limit_s)
{
    double start = now_s(), last = start;
    unsigned next = 0, seen = 0, dropped = load.n_dropped;
    while (load.n_ready < load.n) {
        while (next < load.n && load.dialling < load.o.at_once)
            conn_dial(&load.conn[next++]);
        turn(100);
        if (load.n_ready != seen) last = now_s();
        seen = load.n_ready;
        if (load.n_dropped - dropped > DROPPED_MAX)
            die("too many connections end while logging in");
        if (now_s() - start > limit_s || now_s() - last > PATIENCE_S) break;
    }
    return (load.n_ready < load.n ? last : now_s()) - start;
}

double conns_log_in(double limit_s)
{
    double took = conns_try_log_in(limit_s);
    if (load.n_ready < load.n) die("only %u of %u logged in", load.n_ready, load.n);
    return took;
}

void conns_join(unsigned from, unsigned n, unsigned at_once)
{
    double last = now_s();
    unsigned next = from, seen = 0;
    while (load.n_joined < n) {
        while (next < from + n && next - from < load.n_joined + at_once)
            load.o.driver->join(&load.conn[next++]);
        turn(100);
        if (load.n_joined != seen) last = now_s();
        seen = load.n_joined;
        if (now_s() - last > PATIENCE_S) die("only %u of %u joined", load.n_joined, n);
    }
    turns(1.0); /* joins are announced: let that pass */
}
