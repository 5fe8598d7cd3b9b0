/*
 * fuzz_adopt.c - a worker with four places that dies, again and again, and successors that adopt
 * what stands in its slab: true, true but for what the worker could not count any more, or changed
 * by the input in any field or byte. The real slab, session, record, dispatch and adoption; clients
 * are socketpairs, and what the kernel would count is counted here.
 *
 * Checked: the slab's invariant after each step, also with sessions whose records were lies; after
 * an adoption each connection is served or shut; as long as no lie was told, every open session
 * goes on, what clients receive opens under their keys, record by record, across all deaths, and the
 * broker gets what it takes. At the end nothing is left.
 *
 * Input: steps, each an operation and a place (one byte) and its fields.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "quiet_loop.h"
#include "slab_check.h"
#include "worker.h"

enum { PLACES = 4, STEPS_MAX = 200, IN = 1000, OUT = 2000, DOWN = 250 };

/* A connection as the client and the master see it. */
struct client {
    int fd, ours; /* ours: the master's duplicate of the worker's end */
    uint32_t generation;
    bool open;               /* signed in */
    uint8_t strikes;
    uint64_t sent, received; /* bytes */
    uint64_t up_nonce, down_nonce;
    uint8_t up_key[32], down_key[32];
    struct buf up;           /* sealed, not sent */
    struct buf down;         /* received, not opened */
};

static struct worker w;
static struct client client[PLACES];
static uint8_t bytes[200000];
static int memfd = -1;
static bool lied;
static uint32_t generation;

static size_t waits(int fd)
{
    int n = 0;
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return (size_t)n;
}

/* In place of kernel.c. fd may be any duplicate of the worker's end. */
static unsigned asked_for;
struct kernel_counts kernel_count(int fd)
{
    const struct client *c = &client[asked_for];
    size_t coming = c->fd >= 0 ? waits(c->fd) : 0;
    return (struct kernel_counts){.read = IN + c->sent - waits(fd), .written = OUT + c->received + coming};
}

struct kernel_counts kernel_fresh(int fd)
{
    return kernel_count(fd);
}

/* In place of worker.c, too: nobody stops it here. */
void worker_stop(struct worker *worker)
{
    (void)worker;
}

/* In place of worker.c: the master closes its duplicate. */
void worker_say_closed(struct worker *worker, uint32_t i, uint32_t of)
{
    (void)worker;
    if (client[i].generation != of || client[i].ours < 0) return;
    close(client[i].ours);
    client[i].ours = -1;
}

/* --- the client --- */

static void advance(uint8_t key[32], uint64_t nonce)
{
    if (nonce % WIRE_REKEY_EVERY == 0 && nonce > 0) noise_rekey(key);
}

/* With a lie in the slab anything may come; without one it opens, number by number. */
static void check_records(struct client *c)
{
    static uint8_t plain[WIRE_RECORD_MAX];
    while (!lied && c->open && buf_len(&c->down) >= WIRE_RECORD_HEAD) {
        size_t n = get_u16(buf_head(&c->down));
        if (buf_len(&c->down) < WIRE_RECORD_HEAD + n) return;
        advance(c->down_key, c->down_nonce);
        CHECK(n > NOISE_TAG_LEN);
        CHECK(noise_open(c->down_key, c->down_nonce++, buf_head(&c->down) + WIRE_RECORD_HEAD, n, plain) == 0);
        buf_drop(&c->down, WIRE_RECORD_HEAD + n);
    }
}

static void hang_up(unsigned i)
{
    struct client *c = &client[i];
    if (c->fd >= 0) {
        c->received += waits(c->fd); /* the kernel counts them all the same */
        close(c->fd);
    }
    c->fd = -1;
    buf_free(&c->up);
    buf_free(&c->down);
}

static void op_read(unsigned i, struct cur *in)
{
    struct client *c = &client[i];
    size_t most = (size_t)cur_u16(in) * 4;
    if (c->fd < 0) return;
    ssize_t n = recv(c->fd, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) return;
    c->received += (size_t)n;
    buf_put(&c->down, bytes, (size_t)n);
    check_records(c);
    if (w.session[i]) session_touch(w.session[i]);
}

static void readable(unsigned i)
{
    struct session *s = w.session[i];
    if (s && (s->io.events & EPOLLIN) && (client[i].fd < 0 || waits(s->io.fd))) s->io.ready(&s->io, EPOLLIN);
}

/* A record of frames that a client may send, sealed and queued. */
static void op_record(unsigned i, struct cur *in)
{
    static const uint8_t types[] = {WIRE_PING, WIRE_SEND, WIRE_ACK, WIRE_PART};
    struct client *c = &client[i];
    struct buf plain = {0};
    uint8_t what = cur_u8(in);
    uint16_t extra = cur_u16(in);
    if (!c->open || c->fd < 0 || buf_len(&c->up) > sizeof bytes) return;
    for (unsigned k = 0; k <= what / 64u; k++) {
        const struct wire_row *row = wire_row(types[what % 4]);
        size_t n = row->min + extra;
        if (n > row->max) n = row->max;
        if (buf_len(&plain) + WIRE_FRAME_HEAD + n > WIRE_PLAIN_MAX) break;
        wire_put(&plain, types[what % 4], bytes, n);
    }
    size_t n = buf_len(&plain);
    uint8_t *to = buf_room(&c->up, WIRE_RECORD_HEAD + n + NOISE_TAG_LEN);
    put_u16(to, (uint16_t)(n + NOISE_TAG_LEN));
    advance(c->up_key, c->up_nonce);
    CHECK(noise_seal(c->up_key, c->up_nonce++, buf_head(&plain), n, to + WIRE_RECORD_HEAD) == 0);
    buf_added(&c->up, WIRE_RECORD_HEAD + n + NOISE_TAG_LEN);
    buf_free(&plain);
}

/* Sends a piece of what is queued, cut anywhere. */
static void op_push(unsigned i, struct cur *in)
{
    struct client *c = &client[i];
    size_t n = (size_t)cur_u16(in) * 4 + 1;
    if (c->fd < 0) return;
    if (n > buf_len(&c->up)) n = buf_len(&c->up);
    ssize_t k = n ? send(c->fd, buf_head(&c->up), n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (k > 0) {
        c->sent += (size_t)k;
        buf_drop(&c->up, (size_t)k);
    }
    readable(i);
}

static void op_raw(unsigned i, struct cur *in)
{
    struct client *c = &client[i];
    struct slice p = fuzz_piece(in);
    if (c->fd < 0 || c->open) return;
    ssize_t k = send(c->fd, p.data, p.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (k > 0) c->sent += (size_t)k;
    readable(i);
}

static void op_hang_up(unsigned i, struct cur *in)
{
    (void)in;
    hang_up(i);
    struct session *s = w.session[i];
    if (s) s->io.ready(&s->io, EPOLLIN | EPOLLHUP);
}

/* --- the master and the broker --- */

static void op_connect(unsigned i, struct cur *in)
{
    int fd[2];
    (void)in;
    if (w.session[i] || client[i].ours >= 0) return;
    hang_up(i);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    client[i] = (struct client){.fd = fd[1], .ours = fcntl(fd[0], F_DUPFD_CLOEXEC, 0), .generation = ++generation};
    asked_for = i;
    session_take(&w, i, generation, fd[0], "192.0.2.1:1234");
}

/* What handshake and login leave behind. Near a change of the key, for half of them. */
static void op_sign_in(unsigned i, struct cur *in)
{
    struct client *c = &client[i];
    struct session *s = w.session[i];
    (void)in;
    if (!s || s->state != SESSION_PREFACE || c->sent) return;
    struct slab_half next = *slab_now(&w.slab, i);
    struct slab_record *r = &w.slab.record[i];
    next.rx_nonce = next.tx_nonce = c->up_nonce = c->down_nonce = i % 2 ? WIRE_REKEY_EVERY - 2 : 0;
    memset(c->up_key, (int)(c->generation & 0x7f) + 1, 32);
    memset(c->down_key, (int)(c->generation & 0x7f) + 128, 32);
    memcpy(next.rx_key, c->up_key, 32);
    memcpy(next.tx_key, c->down_key, 32);
    slab_commit(&w.slab, i, &next);
    r->name_len = 3;
    memcpy(r->name, "bob", 3);
    r->phase = SLAB_OPEN;
    s->state = SESSION_OPEN;
    s->announced = c->open = true;
    session_settled(s);
}

static void drain_broker(void)
{
    struct buf *out = &w.broker.out;
    while (w.broker.open && buf_len(out)) {
        const uint8_t *head = buf_head(out);
        CHECK(buf_len(out) >= STREAM_HEAD && get_u32(head) + STREAM_HEAD <= buf_len(out));
        struct slice p = {head + STREAM_HEAD, get_u32(head)};
        struct bus_up up;
        struct bus_announce announce;
        CHECK(head[4] != BUS_UP || (bus_get_up(p, &up) && wire_row(up.type)->from & WIRE_CLIENT));
        CHECK(head[4] != BUS_ANNOUNCE || bus_get_announce(p, &announce));
        buf_drop(out, STREAM_HEAD + get_u32(head));
    }
}

static void op_down(unsigned i, struct cur *in)
{
    uint8_t size = cur_u8(in);
    struct buf frames = {0};
    struct session *s = w.session[i];
    if (!s || s->state != SESSION_OPEN) return;
    for (unsigned k = 0; k <= size % 8u; k++)
        wire_put(&frames, WIRE_DELIVER, bytes, (size_t)size * DOWN);
    session_send(s, buf_head(&frames), buf_len(&frames));
    buf_free(&frames);
}

static void op_uplink(unsigned i, struct cur *in)
{
    uint8_t how = cur_u8(in);
    (void)i;
    drain_broker();
    if (how & 1) {
        if (w.broker.open) w.broker.ended(&w.broker, "closed");
        return;
    }
    uplink_open(&w, open("/dev/null", O_RDWR | O_CLOEXEC));
    w.have_cert = true;
    session_release(&w);
}

/* --- turns --- */

static void op_turn(unsigned i, struct cur *in)
{
    (void)i, (void)in;
    while (w.dirty) {
        struct session *s = w.dirty;
        w.dirty = s->next_dirty;
        s->dirty = false;
        session_flush(s);
    }
    drain_broker();
    if (w.held && uplink_up(&w)) session_release(&w);
}

static void op_time(unsigned i, struct cur *in)
{
    quiet_pass(&w.loop, cur_u16(in));
    for (unsigned k = 0; k < PLACES; k++)
        readable(k);
    op_turn(i, in);
}

static void tick(struct loop_timer *t)
{
    (void)t;
    session_tick(&w);
}

static void again(struct loop_timer *t)
{
    (void)t;
}

static void start_worker(void)
{
    static struct session *session[PLACES];
    w = (struct worker){.session = session, .master.closed = true, .slab_fd = -1};
    loop_init(&w.loop);
    w.tick.fire = tick;
    w.again.fire = again;
    conf_defaults(settings_table, settings_count, &w.set);
    w.set.limits.handshakes = 2;
}

/* --- death --- */

/* Private memory goes; slab, sockets and the master's duplicates stay. */
static void die(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        struct session *s = w.session[i];
        if (!s) continue;
        handshake_forget(s);
        close(s->io.fd);
        buf_free(&s->out);
        free(s);
        w.session[i] = NULL;
    }
    stream_close(&w.broker);
    free(w.due);
    if (w.slab_fd >= 0) close(w.slab_fd);
}

/* What the worker was told by the kernel and died before it wrote down. */
static void forget_counts(unsigned i, uint16_t n)
{
    struct slab_record *r = &w.slab.record[i];
    const struct slab_half *h = slab_now(&w.slab, i);
    if (r->phase != SLAB_OPEN) return;
    uint64_t in = r->rx_seen - h->rx_done, out = h->tx_buffer ? r->tx_sent - h->tx_base : 0;
    r->rx_seen -= n < in ? n : in;
    r->tx_sent -= n < out ? n : out;
}

/* A number in a record becomes another: any, or one nearby, where the edges are. */
static void tell_a_lie(unsigned i, struct cur *in)
{
    struct slab_record *r = &w.slab.record[i];
    struct slab_half *h = &r->half[r->selector & 1];
    uint64_t *const wide[] = {(uint64_t *)&r->rx_seen, (uint64_t *)&r->tx_sent, &r->kernel_in, &r->kernel_out, &h->rx_done,
                              &h->rx_base, &h->rx_nonce, &h->tx_ready, &h->tx_base, &h->tx_nonce};
    uint32_t *const narrow[] = {&h->rx_buffer, &h->tx_buffer, (uint32_t *)&r->phase, (uint32_t *)&r->selector, &r->generation,
                                &w.slab.head->version, (uint32_t *)&w.slab.head->in_hand};
    uint8_t field = cur_u8(in), how = cur_u8(in);
    uint64_t value = how ? (uint64_t)(int8_t)how * (how & 1 ? 1 : 4096) : cur_u64(in);
    const size_t n_wide = sizeof wide / sizeof *wide, n_narrow = sizeof narrow / sizeof *narrow;
    field %= (uint8_t)(n_wide + n_narrow + 2);
    if (field < n_wide)
        *wide[field] = (how ? *wide[field] : 0) + value;
    else if (field < n_wide + n_narrow)
        *narrow[field - n_wide] = (uint32_t)((how & 1 ? *narrow[field - n_wide] : 0) + (uint8_t)value);
    else if (field == n_wide + n_narrow)
        r->name_len = (uint8_t)value;
    else
        r->strikes = (uint8_t)value;
    lied = true;
}

/* A byte of the head or of any record. */
static void damage(struct cur *in)
{
    uint32_t at = cur_u16(in);
    uint8_t *from = at & 1 ? (uint8_t *)w.slab.record : (uint8_t *)w.slab.head;
    size_t size = at & 1 ? PLACES * sizeof *w.slab.record : sizeof *w.slab.head;
    from[at / 2 % size] ^= cur_u8(in);
    lied = true;
}

static void change(struct cur *in)
{
    for (unsigned n = cur_u8(in) % 8; n > 0 && in->p < in->end; n--) {
        uint8_t what = cur_u8(in);
        if (what / PLACES % 4 < 2)
            forget_counts(what % PLACES, cur_u16(in));
        else if (what / PLACES % 4 == 2)
            tell_a_lie(what % PLACES, in);
        else
            damage(in);
    }
}

/* While some connections are still to come, those that have come are served. */
static void adopt(bool fault)
{
    struct buf p = {0};
    struct cur none = cur_of("", 0);
    buf_put_u32(&p, 0);
    buf_put_u32(&p, 1);
    buf_put_u32(&p, PLACES);
    buf_put_u32(&p, PLACES);
    buf_put_u8(&p, fault);
    adopt_begin(&w, (struct slice){buf_head(&p), buf_len(&p)}, fcntl(memfd, F_DUPFD_CLOEXEC, 0));
    buf_free(&p);
    for (unsigned i = 0; i < PLACES && w.slab.head; i++) {
        if (client[i].ours < 0) continue;
        asked_for = i;
        adopt_connection(&w, i, client[i].generation, fcntl(client[i].ours, F_DUPFD_CLOEXEC, 0), "192.0.2.1:1234");
        for (unsigned k = 0; k < PLACES; k++)
            readable(k);
        op_turn(i, &none);
    }
    adopt_end(&w);
}

/* A new slab in place of one that nobody knows: the master ends its connections. */
static void fresh_slab(void)
{
    if (w.slab_fd >= 0) close(w.slab_fd);
    w.slab_fd = -1;
    slab_unmap(&w.slab);
    if (memfd >= 0) close(memfd);
    memfd = slab_make(PLACES);
    CHECK(memfd >= 0 && slab_map(&w.slab, memfd, PLACES) == 0);
    for (unsigned i = 0; i < PLACES; i++)
        worker_say_closed(&w, i, client[i].generation);
}

static void op_die(unsigned i, struct cur *in)
{
    bool was_open[PLACES], fault = cur_u8(in) & 1;
    struct session *s = w.session[i];
    for (unsigned k = 0; k < PLACES; k++)
        was_open[k] = w.session[k] && w.session[k]->state == SESSION_OPEN;
    if (fault && s && was_open[i]) {
        w.slab.head->in_hand = i + 1;
        was_open[i] = ++client[i].strikes < 2;
    }
    change(in);
    die();
    slab_unmap(&w.slab);
    start_worker();
    adopt(fault);
    if (!w.slab.head) {
        CHECK(lied);
        fresh_slab();
    }
    for (unsigned k = 0; k < PLACES; k++) {
        CHECK(!w.session[k] == (client[k].ours < 0)); /* served, or shut and said so */
        CHECK(lied || !was_open[k] || (w.session[k] && w.session[k]->state == SESSION_OPEN));
    }
    struct cur up = cur_of("", 1);
    if (cur_u8(in) & 1) op_uplink(0, &up);
}

static void (*const ops[])(unsigned i, struct cur *in) = {
    op_connect, op_sign_in, op_record, op_push, op_turn, op_down, op_read, op_die,
    op_record,  op_push,    op_turn,   op_read, op_time, op_uplink, op_raw, op_hang_up,
};

/* --- one input --- */

static void start(void)
{
    struct cur none = cur_of("", 0);
    start_worker();
    log_init("fuzz", LOG_LOGFMT, LOG_ERROR, false);
    fuzz_random_start();
    generation = 0;
    lied = false;
    for (unsigned i = 0; i < PLACES; i++)
        client[i] = (struct client){.fd = -1, .ours = -1};
    fresh_slab();
    op_uplink(0, &none);
}

static void stop(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (w.session[i]) session_drop(w.session[i], "end");
        hang_up(i);
        CHECK(client[i].ours < 0);
    }
    CHECK(w.sessions == 0 && !w.dirty && !w.held && w.unfinished.n == 0);
    slab_check(&w.slab);
    CHECK(w.slab.n_unused == w.slab.buffers);
    die();
    slab_unmap(&w.slab);
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
