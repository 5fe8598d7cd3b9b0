/*
 * fuzz_worker.c - a worker with four places: clients that send anything at any moment, sealed or
 * not, and a broker that answers in any order. The real session, handshake, record, dispatch and
 * uplink; the loop stands still, the control channel is closed, descriptors are socketpairs.
 *
 * Checked after each step: the slab's invariant; what goes to the broker is well-formed and of a
 * type that it takes; what goes to a client opens under its key, record by record, to frames that a
 * client takes. At the end nothing is left: no session, no buffer, no memory.
 *
 * Input: steps, each an operation and a place (one byte) and its fields.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "quiet_loop.h"
#include "slab_check.h"
#include "worker.h"

enum { PLACES = 4, STEPS_MAX = 256, OUT_SLACK = 1 << 20 };

struct client {
    int fd;
    uint32_t generation;
    uint64_t tx_nonce; /* as the client counts */
    uint8_t tx_key[32];
    bool greeted, keyed;
    struct buf in;
};

/* worker.c has main() and is not linked: the master would hear of it. */
void worker_say_closed(struct worker *worker, uint32_t i, uint32_t generation)
{
    (void)worker;
    (void)i;
    (void)generation;
}

static struct worker w;
static struct client client[PLACES];
static uint8_t bytes[70000];

/* In place of kernel.c: these are no TCP sockets. */
struct kernel_counts kernel_count(int fd)
{
    (void)fd;
    return (struct kernel_counts){0, 0};
}

struct kernel_counts kernel_fresh(int fd)
{
    return kernel_count(fd);
}

static uint64_t sid_of(unsigned i)
{
    return bus_sid(i, client[i].generation);
}

/* --- what the worker says to the broker --- */

static void check_up(uint8_t type, struct slice p)
{
    struct bus_dh dh;
    struct bus_login login;
    struct bus_announce announce;
    struct bus_up up;
    struct bus_gone gone;
    switch (type) {
    case BUS_DH: CHECK(bus_get_dh(p, &dh)); return;
    case BUS_LOGIN: CHECK(bus_get_login(p, &login) && login.peer.len <= BUS_PEER_MAX); return;
    case BUS_ANNOUNCE: CHECK(bus_get_announce(p, &announce)); return;
    case BUS_GONE: CHECK(bus_get_gone(p, &gone)); return;
    case BUS_UP:
        CHECK(bus_get_up(p, &up));
        CHECK(wire_row(up.type)->name && wire_row(up.type)->from & WIRE_CLIENT);
        CHECK(wire_row(up.type)->phase == WIRE_OPEN);
        return;
    default: fuzz_failed("a frame that the broker knows", __FILE__, __LINE__);
    }
}

static void drain_broker(void)
{
    struct buf *out = &w.broker.out;
    while (w.broker.open && buf_len(out)) {
        const uint8_t *head = buf_head(out);
        CHECK(buf_len(out) >= STREAM_HEAD && get_u32(head) + STREAM_HEAD <= buf_len(out));
        check_up(head[4], (struct slice){head + STREAM_HEAD, get_u32(head)});
        buf_drop(out, STREAM_HEAD + get_u32(head));
    }
}

/* --- what it says to a client --- */

static void check_plain(const uint8_t *plain, size_t n)
{
    struct cur c = cur_of(plain, n);
    struct wire_frame f;
    int r;
    while ((r = wire_next(&c, &f)) > 0) {
    }
    CHECK(r == 0);
}

/* After the greeting come records; BUS_DOWN's frames are the broker's and here always whole. */
static void check_records(struct client *c)
{
    static uint8_t plain[WIRE_RECORD_MAX];
    size_t greeting = WIRE_SERVER_PREFACE + 2 + WIRE_MESSAGE2;
    if (!c->greeted && c->keyed && buf_len(&c->in) >= greeting) {
        CHECK(get_u16(buf_head(&c->in) + WIRE_SERVER_PREFACE) == WIRE_MESSAGE2);
        buf_drop(&c->in, greeting);
        c->greeted = true;
    }
    while (c->greeted && buf_len(&c->in) >= WIRE_RECORD_HEAD) {
        size_t n = get_u16(buf_head(&c->in));
        if (buf_len(&c->in) < WIRE_RECORD_HEAD + n) return;
        CHECK(n > NOISE_TAG_LEN);
        CHECK(noise_open(c->tx_key, c->tx_nonce++, buf_head(&c->in) + WIRE_RECORD_HEAD, n, plain) ==
              0);
        check_plain(plain, n - NOISE_TAG_LEN);
        buf_drop(&c->in, WIRE_RECORD_HEAD + n);
    }
}

/* The harness knows the keys as soon as the slab has them. */
static void learn_key(unsigned i)
{
    const struct slab_half *h = slab_now(&w.slab, i);
    if (client[i].keyed || !w.session[i] || w.session[i]->state < SESSION_LOGIN) return;
    if (sodium_is_zero(h->tx_key, sizeof h->tx_key)) return;
    memcpy(client[i].tx_key, h->tx_key, sizeof h->tx_key);
    client[i].keyed = true;
}

static void op_read(unsigned i, struct cur *in)
{
    (void)in;
    struct client *c = &client[i];
    if (c->fd < 0) return;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) buf_put(&c->in, bytes, (size_t)n);
    check_records(c);
    if (n > 0 && w.session[i]) session_touch(w.session[i]);
}

/* --- connections --- */

static void hang_up(unsigned i)
{
    if (client[i].fd >= 0) close(client[i].fd);
    client[i].fd = -1;
    buf_free(&client[i].in);
}

static void op_connect(unsigned i, struct cur *in)
{
    static uint32_t generation;
    int fd[2];
    (void)in;
    if (w.session[i]) return;
    hang_up(i);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    client[i] = (struct client){.fd = fd[1], .generation = ++generation};
    session_take(&w, i, generation, fd[0], "192.0.2.1:1234");
}

static void readable(unsigned i)
{
    struct session *s = w.session[i];
    if (s && (s->io.events & EPOLLIN)) s->io.ready(&s->io, EPOLLIN);
}

static void to_worker(unsigned i, const uint8_t *data, size_t n)
{
    if (client[i].fd < 0) return;
    if (send(client[i].fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) readable(i);
}

static void op_raw(unsigned i, struct cur *in)
{
    struct slice p = fuzz_piece(in);
    to_worker(i, p.data, p.len);
}

static void op_hello(unsigned i, struct cur *in)
{
    static const uint8_t point[32] = {9};
    uint8_t hello[WIRE_CLIENT_PREFACE + 2 + WIRE_MESSAGE1];
    (void)in;
    wire_put_client_preface(hello);
    put_u16(hello + WIRE_CLIENT_PREFACE, WIRE_MESSAGE1);
    memcpy(hello + WIRE_CLIENT_PREFACE + 2, point, sizeof point);
    to_worker(i, hello, sizeof hello);
}

/* Frames as the client would seal them, once in a while more than one time over. */
static void op_record(unsigned i, struct cur *in)
{
    uint8_t times = cur_u8(in);
    struct slice p = fuzz_piece(in);
    struct session *s = w.session[i];
    struct buf plain = {0};
    if (!s || s->state < SESSION_LOGIN || s->state == SESSION_CLOSING) return;
    size_t waits;
    slab_rx_data(&w.slab, i, &waits);
    if (waits) return; /* a record before it was not opened yet: its number is not known */
    for (unsigned k = 0;
         k <= (times > 200 ? times * 8u : 0) && buf_len(&plain) + p.len <= WIRE_PLAIN_MAX; k++)
        buf_put(&plain, p.data, p.len);
    if (buf_len(&plain) == 0) buf_put_u8(&plain, 0);
    const struct slab_half *h = slab_now(&w.slab, i);
    size_t n = buf_len(&plain);
    put_u16(bytes, (uint16_t)(n + NOISE_TAG_LEN));
    CHECK(noise_seal(h->rx_key, h->rx_nonce, buf_head(&plain), n, bytes + 2) == 0);
    to_worker(i, bytes, n + 2 + NOISE_TAG_LEN);
    buf_free(&plain);
}

static void op_hang_up(unsigned i, struct cur *in)
{
    (void)in;
    hang_up(i);
    struct session *s = w.session[i];
    if (s) s->io.ready(&s->io, EPOLLIN | EPOLLHUP);
}

/* --- the broker's side --- */

static void from_broker(uint8_t type, struct slice p)
{
    if (w.broker.open && !w.broker.frame(&w.broker, type, p))
        w.broker.ended(&w.broker, STREAM_NONSENSE);
}

/* A frame made by the real writer into another stream, handed over without its head. */
static void hand_over(struct stream *s)
{
    from_broker(buf_head(&s->out)[4],
                (struct slice){buf_head(&s->out) + STREAM_HEAD, buf_len(&s->out) - STREAM_HEAD});
    buf_free(&s->out);
}

static void op_dh_done(unsigned i, struct cur *in)
{
    uint8_t result[32] = {0}, challenge[16] = {1};
    struct stream s = {0};
    uint8_t ok = cur_u8(in);
    result[0] = ok & 2 ? 0 : 7; /* a result of zero is refused by Noise */
    bus_put_dh_done(&s, sid_of(i), ok & 1, result, challenge);
    hand_over(&s);
}

static void op_logged(unsigned i, struct cur *in)
{
    uint8_t ticket[BUS_TICKET] = {4};
    char name[WIRE_NAME_MAX + 1] = {0};
    struct slice p = fuzz_piece(in);
    struct stream s = {0};
    memcpy(name, p.data, p.len < WIRE_NAME_MAX ? p.len : WIRE_NAME_MAX);
    bus_put_logged(&s, sid_of(i), 1, 2, name, ticket);
    hand_over(&s);
}

static void op_down(unsigned i, struct cur *in)
{
    uint64_t sids[3] = {sid_of(i), sid_of((i + 1) % PLACES), cur_u64(in)};
    uint8_t size = cur_u8(in);
    struct stream s = {0};
    struct buf frames = {0};
    for (unsigned k = 0; k <= size % 8u; k++)
        wire_put(&frames, WIRE_DELIVER, bytes, (size_t)size * 250);
    bus_put_down_many(&s, sids, 1 + size % 3u, (struct slice){buf_head(&frames), buf_len(&frames)});
    buf_free(&frames);
    hand_over(&s);
}

static void op_kick(unsigned i, struct cur *in)
{
    struct stream s = {0};
    uint16_t code = cur_u16(in);
    bus_put_kick(&s, sid_of(i), code, 5, "go away");
    hand_over(&s);
}

/* Anything at all from the broker, but frames for clients: those are its own promise. */
static void op_bus(unsigned i, struct cur *in)
{
    uint8_t type = cur_u8(in);
    struct slice p = fuzz_piece(in);
    uint8_t *exact = fuzz_copy(p.data, p.len);
    if (p.len >= 8 && (type & 0x80)) put_u64(exact, sid_of(i));
    type &= 0x7f;
    if (type != BUS_DOWN) from_broker(type, (struct slice){exact, p.len});
    free(exact);
}

static void op_uplink(unsigned i, struct cur *in)
{
    static const struct wire_cert cert = {.transport_key = {9}};
    struct stream s = {0};
    uint8_t how = cur_u8(in);
    (void)i;
    if (how & 1) {
        if (w.broker.open) w.broker.ended(&w.broker, "closed");
        return;
    }
    drain_broker();
    uplink_open(&w, open("/dev/null", O_RDWR | O_CLOEXEC));
    bus_put_identity(&s, &cert);
    hand_over(&s);
}

/* --- turns --- */

static void end_of_turn(void)
{
    if (handshake_answer(&w)) loop_timer_set(&w.loop, &w.again, 0);
    for (unsigned i = 0; i < PLACES; i++)
        learn_key(i);
    while (w.dirty) {
        struct session *s = w.dirty;
        w.dirty = s->next_dirty;
        s->dirty = false;
        session_flush(s);
    }
    drain_broker();
    if (w.held && uplink_up(&w)) session_release(&w);
    for (unsigned i = 0; i < PLACES; i++)
        if (w.session[i]) CHECK(buf_len(&w.session[i]->out) <= WORKER_OUT_MAX + OUT_SLACK);
}

static void op_turn(unsigned i, struct cur *in)
{
    (void)i;
    (void)in;
    end_of_turn();
}

static void op_time(unsigned i, struct cur *in)
{
    (void)i;
    quiet_pass(&w.loop, cur_u16(in));
    for (unsigned k = 0; k < PLACES; k++)
        readable(k);
    end_of_turn();
}

static void (*const ops[])(unsigned i, struct cur *in) = {
    op_connect, op_hello, op_dh_done, op_turn, op_record, op_logged, op_record, op_down,
    op_read,    op_raw,   op_hang_up, op_kick, op_bus,    op_uplink, op_time,   op_record,
};

static void tick(struct loop_timer *t)
{
    (void)t;
    session_tick(&w);
}

static void again(struct loop_timer *t)
{
    (void)t;
}

static void start(void)
{
    struct cur none = cur_of("", 0);
    struct slab slab = w.slab;
    struct session **session = w.session;
    if (!slab.head) {
        int fd = slab_make(PLACES);
        CHECK(fd >= 0 && slab_map(&slab, fd, PLACES) == 0);
        session = calloc(PLACES, sizeof *session);
        log_init("fuzz", LOG_LOGFMT, LOG_ERROR, false);
    }
    w = (struct worker){.slab = slab, .session = session, .master.closed = true};
    fuzz_random_start();
    loop_init(&w.loop);
    w.tick.fire = tick;
    w.again.fire = again;
    conf_defaults(settings_table, settings_count, &w.set);
    w.set.limits.handshakes = 3;
    for (unsigned i = 0; i < PLACES; i++)
        client[i] = (struct client){.fd = -1};
    op_uplink(0, &none);
}

static void stop(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (w.session[i]) session_drop(w.session[i], "end");
        hang_up(i);
    }
    CHECK(w.sessions == 0 && !w.dirty && !w.held && w.unfinished.n == 0 && !w.unfinished.first);
    for (unsigned i = 0; i < w.n_due; i++)
        CHECK(!w.due[i]);
    slab_check(&w.slab);
    CHECK(w.slab.n_unused == w.slab.buffers);
    drain_broker();
    stream_close(&w.broker);
    free(w.due);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    start();
    for (unsigned steps = 0; steps < STEPS_MAX && in.p < in.end; steps++) {
        uint8_t op = cur_u8(&in);
        ops[op / PLACES % (sizeof ops / sizeof *ops)](op % PLACES, &in);
        slab_check(&w.slab);
    }
    stop();
    return 0;
}
