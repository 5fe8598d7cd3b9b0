/*
 * test_worker.c - the worker's record.c and dispatch.c on a real slab: sealing, opening, rekeying,
 * and what each frame may do in each state. The rest of the worker is played by the functions here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "fault.h"
#include "../../worker/worker.h"

enum { PLENTY = 1 << 30 };

static struct worker w;
static struct session *s;
static struct handshake handshake;
static uint8_t noise[1 << 18];

/* What the session was told, and whether it can go on after it. */
static struct {
    uint16_t refused;
    bool dropped;
    unsigned held, sent;
} told;

void session_refuse(struct session *of, uint16_t code, uint32_t retry_ms, const char *text,
                    const char *reason)
{
    (void)retry_ms;
    assert_true(strlen(text) > 0 && strlen(reason) > 0);
    told.refused = code;
    of->state = SESSION_CLOSING;
}

void session_drop(struct session *of, const char *reason)
{
    (void)reason;
    told.dropped = true;
    of->state = SESSION_CLOSING;
}

void session_hold(struct session *of, uint8_t why)
{
    of->holds |= why;
    told.held++;
}

void session_send(struct session *of, const void *frames, size_t n)
{
    buf_put(&of->out, frames, n);
    told.sent++;
}

/* What files need of it besides (worker/blob.c): nothing here has a file open. */
void session_touch(struct session *of)
{
    (void)of;
    fail();
}

void session_flush(struct session *of)
{
    (void)of;
    fail();
}

void session_release(struct worker *of)
{
    (void)of;
    fail();
}

struct session *session_find(struct worker *of, uint64_t sid)
{
    (void)of, (void)sid;
    fail();
    return NULL;
}

static void start_over(uint8_t session_state)
{
    memset(&told, 0, sizeof told);
    s->state = session_state;
    s->holds = 0;
    w.files_in = 0;
    s->in_parts = s->unsure = s->announced = s->polite = false;
    s->tokens_bytes = s->tokens_messages = PLENTY;
    buf_free(&s->out);
    buf_free(&w.broker.out);
}

static int set_up(void **state)
{
    (void)state;
    int fd = slab_make(1);
    assert_true(fd >= 0);
    assert_int_equal(slab_map(&w.slab, fd, 1), 0);
    close(fd);
    slab_start(&w.slab, 0, 7, 0, 0);
    struct slab_half keyed = *slab_now(&w.slab, 0);
    memset(keyed.rx_key, 0x11, 32);
    memset(keyed.tx_key, 0x22, 32);
    slab_commit(&w.slab, 0, &keyed);
    s = calloc(1, sizeof *s + 16);
    s->worker = &w;
    s->generation = 7;
    s->handshake = &handshake;
    memcpy(s->peer, "192.0.2.1:99", 13);
    start_over(SESSION_OPEN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&s->out);
    buf_free(&w.broker.out);
    slab_end(&w.slab, 0);
    slab_unmap(&w.slab);
    free(s);
    return 0;
}

/* --- records in --- */

/* The client's side of the receiving key. */
static struct noise_cipher client = {.key = {0}};

static size_t seal_for(uint8_t *out, const void *plain, size_t n)
{
    if (client.nonce && client.nonce % WIRE_REKEY_EVERY == 0) noise_rekey(client.key);
    put_u16(out, (uint16_t)(n + NOISE_TAG_LEN));
    assert_int_equal(noise_seal(client.key, client.nonce++, plain, n, out + WIRE_RECORD_HEAD), 0);
    return WIRE_RECORD_HEAD + n + NOISE_TAG_LEN;
}

static void client_starts(uint64_t nonce)
{
    struct slab_half at = *slab_now(&w.slab, 0);
    memset(client.key, 0x11, 32);
    client.nonce = at.rx_nonce = nonce;
    slab_commit(&w.slab, 0, &at);
}

static void arrive(const uint8_t *bytes, size_t n)
{
    size_t room;
    memcpy(slab_rx_room(&w.slab, 0, &room), bytes, n);
    assert_true(n <= room);
    slab_rx_seen(&w.slab, 0, n);
}

static void records_cut_at_every_byte(void **state)
{
    (void)state;
    uint8_t sealed[100];
    struct slab_half next;
    size_t n, took, len = 11 + WIRE_RECORD_HEAD + NOISE_TAG_LEN;
    client_starts(0);
    for (size_t cut = 1; cut < len; cut++) {
        assert_int_equal(seal_for(sealed, "some frames", 11), len);
        assert_int_equal(record_open(s, &next, &n, &took), 0);
        arrive(sealed, cut);
        assert_int_equal(record_open(s, &next, &n, &took), 0);
        arrive(sealed + cut, len - cut);
        assert_int_equal(record_open(s, &next, &n, &took), 1);
        assert_int_equal(n, 11);
        assert_int_equal(took, len);
        assert_memory_equal(w.plain, "some frames", 11);
        assert_true(slab_now(&w.slab, 0)->rx_nonce ==
                    client.nonce - 1); /* nothing is committed yet */
        slab_rx_done(&w.slab, 0, &next, took);
    }
}

static void forged_and_malformed_records(void **state)
{
    (void)state;
    uint8_t sealed[64];
    struct slab_half next;
    size_t n, took;
    for (size_t bit = 0; bit < 8 * (5 + NOISE_TAG_LEN); bit++) {
        client_starts(0);
        size_t len = seal_for(sealed, "12345", 5);
        sealed[WIRE_RECORD_HEAD + bit / 8] ^= (uint8_t)(1 << bit % 8);
        arrive(sealed, len);
        assert_int_equal(record_open(s, &next, &n, &took), -1);
        next = *slab_now(&w.slab, 0);
        slab_rx_done(&w.slab, 0, &next, len);
    }
    for (uint16_t len = 0; len <= NOISE_TAG_LEN; len++) { /* a record of nothing is none */
        uint8_t head[2];
        put_u16(head, len);
        arrive(head, 2);
        assert_int_equal(record_open(s, &next, &n, &took), -1);
        next = *slab_now(&w.slab, 0);
        slab_rx_done(&w.slab, 0, &next, 2);
    }
}

static void a_record_comes_once(void **state)
{
    (void)state;
    uint8_t sealed[64];
    struct slab_half next;
    size_t n, took;
    client_starts(0);
    size_t len = seal_for(sealed, "again", 5);
    arrive(sealed, len);
    arrive(sealed, len);
    assert_int_equal(record_open(s, &next, &n, &took), 1);
    slab_rx_done(&w.slab, 0, &next, took);
    assert_int_equal(record_open(s, &next, &n, &took), -1);
}

static void the_key_changes_on_the_way_in(void **state)
{
    (void)state;
    uint8_t sealed[64];
    struct slab_half next;
    size_t n, took;
    for (uint64_t at = WIRE_REKEY_EVERY - 2; at < 4 * WIRE_REKEY_EVERY; at += WIRE_REKEY_EVERY) {
        struct slab_half same = *slab_now(&w.slab, 0);
        memset(same.rx_key, 0x11, 32);
        slab_commit(&w.slab, 0, &same);
        client_starts(at);
        for (unsigned k = 0; k < 5; k++) {
            size_t len = seal_for(sealed, "x", 1);
            arrive(sealed, len);
            assert_int_equal(record_open(s, &next, &n, &took), 1);
            assert_int_equal(record_open(s, &next, &n, &took),
                             1); /* looking twice changes no key */
            slab_rx_done(&w.slab, 0, &next, took);
        }
    }
}

/* --- records out --- */

static struct noise_cipher server;

/* Opens the next sealed record; its frames are appended to plain, its length is the result. */
static size_t open_sealed(struct buf *plain)
{
    size_t n;
    const uint8_t *at = slab_tx_data(&w.slab, 0, &n);
    if (n == 0) return 0;
    size_t len = get_u16(at);
    assert_true(n >= WIRE_RECORD_HEAD + len);
    if (server.nonce && server.nonce % WIRE_REKEY_EVERY == 0) noise_rekey(server.key);
    assert_int_equal(
        noise_open(server.key, server.nonce++, at + WIRE_RECORD_HEAD, len, buf_room(plain, len)),
        0);
    buf_added(plain, len - NOISE_TAG_LEN);
    slab_tx_sent(&w.slab, 0, WIRE_RECORD_HEAD + len);
    return len - NOISE_TAG_LEN;
}

static void server_starts(uint64_t nonce)
{
    struct slab_half at = *slab_now(&w.slab, 0);
    memset(at.tx_key, 0x22, 32);
    memset(server.key, 0x22, 32);
    server.nonce = at.tx_nonce = nonce;
    slab_commit(&w.slab, 0, &at);
}

static void sealed_with_padding(void **state)
{
    (void)state;
    for (size_t n = 3; n < 3000; n += 7) {
        struct buf plain = {0};
        server_starts(n);
        wire_put(&s->out, WIRE_DELIVER, noise, n - 3);
        assert_true(record_seal(s));
        assert_int_equal(open_sealed(&plain), n + wire_padding(n));
        assert_memory_equal(buf_head(&plain) + 3, noise, n - 3);
        assert_null(s->out.data); /* an idle session holds no memory */
        buf_free(&plain);
    }
}

/* Much of it, frames of every size: records of whole frames, in order, each of at most a record's
 * size. */
static void much_is_cut_between_frames(void **state)
{
    (void)state;
    struct buf want = {0}, got = {0};
    struct wire_frame f;
    server_starts(0);
    while (buf_len(&want) < 3000000)
        wire_put(&want, WIRE_DELIVER, noise,
                 randombytes_uniform(8) ? randombytes_uniform(3000) : randombytes_uniform(65001));
    buf_put(&s->out, buf_head(&want), buf_len(&want));
    for (bool all = false; !all;) {
        all = record_seal(s);
        size_t before = buf_len(&got), n;
        while ((n = open_sealed(&got)) > 0) {
            struct cur c = cur_of(buf_head(&got) + before, n);
            while (wire_next(&c, &f) > 0) {
            }
            assert_true(cur_end(&c) && n <= WIRE_PLAIN_MAX);
            before += n;
        }
        assert_true(buf_len(&got) > 0);
    }
    assert_true(buf_len(&got) >= buf_len(&want) && buf_len(&got) < buf_len(&want) + 600);
    assert_memory_equal(buf_head(&got), buf_head(&want), buf_len(&want));
    buf_free(&want);
    buf_free(&got);
}

static void a_slow_reader_keeps_it_waiting(void **state)
{
    (void)state;
    size_t sealed, again;
    server_starts(0);
    for (unsigned k = 0; k < 100; k++)
        wire_put(&s->out, WIRE_DELIVER, noise, 5000);
    assert_false(record_seal(s));
    slab_tx_data(&w.slab, 0, &sealed);
    size_t waits = buf_len(&s->out);
    uint64_t nonce = slab_now(&w.slab, 0)->tx_nonce;
    assert_true(sealed > 0 && waits > 0);
    assert_false(record_seal(s)); /* nothing is taken from what waits, no number is used */
    slab_tx_data(&w.slab, 0, &again);
    assert_int_equal(again, sealed);
    assert_int_equal(buf_len(&s->out), waits);
    assert_true(slab_now(&w.slab, 0)->tx_nonce == nonce);
}

static void the_key_changes_on_the_way_out(void **state)
{
    (void)state;
    struct buf plain = {0};
    server_starts(WIRE_REKEY_EVERY - 2);
    for (unsigned k = 0; k < 5; k++) {
        wire_put_ping(&s->out, WIRE_PONG, k);
        assert_true(record_seal(s));
        assert_true(open_sealed(&plain) > 0);
    }
    buf_free(&plain);
}

/* --- dispatch --- */

/* Lets a record of one frame be handled; what dispatch_record() says. */
static bool handle(uint8_t type, size_t n)
{
    put_u16(w.plain + 1, (uint16_t)n);
    w.plain[0] = type;
    memcpy(w.plain + WIRE_FRAME_HEAD, noise, n);
    if (type == WIRE_DATA_UP && n >= 12) memset(w.plain + WIRE_FRAME_HEAD + 4, 0, 8); /* an offset that can be */
    bool on = dispatch_record(s, WIRE_FRAME_HEAD + n);
    /* False means gone or closing, and the client is told why or it was its own wish. */
    assert_int_equal(on, !told.refused && !told.dropped);
    return on;
}

static bool passed_on(uint8_t type, size_t n)
{
    struct bus_up up;
    const struct buf *out = &w.broker.out;
    return buf_len(out) > STREAM_HEAD && buf_head(out)[4] == BUS_UP &&
           bus_get_up((struct slice){buf_head(out) + STREAM_HEAD, buf_len(out) - STREAM_HEAD},
                      &up) &&
           up.sid == bus_sid(0, 7) && up.type == type && up.payload.len == n &&
           memcmp(up.payload.data, noise, n) == 0;
}

/* What only the flavour for tests knows: fault.h. */
static bool is_fault(unsigned type)
{
#ifdef FAULTS
    return type >= FAULT_ESCAPE && type <= FAULT_CRASH;
#else
    return type > 0xff;
#endif
}

static void every_type_in_every_state(void **state)
{
    (void)state;
    static const uint8_t states[] = {SESSION_LOGIN, SESSION_LOGGING, SESSION_OPEN};
    for (unsigned k = 0; k < 3; k++)
        for (unsigned type = 1; type < 256; type++) {
            const struct wire_row *row = wire_row((uint8_t)type);
            bool clients = row->name && row->from & WIRE_CLIENT, open = states[k] == SESSION_OPEN;
            bool may = clients && states[k] != SESSION_LOGGING &&
                       row->phase & (open ? WIRE_OPEN : WIRE_FIRST);
            if (is_fault(type)) continue;
            start_over(states[k]);
            handle((uint8_t)type, row->min);
            assert_int_equal(told.refused, !clients ? WIRE_BAD_FRAME : !may ? WIRE_BAD_STATE : 0);
            assert_int_equal(told.dropped, may && type == WIRE_BYE);
            bool up = may && type != WIRE_BYE && type != WIRE_PING && type != WIRE_LOGIN && type != WIRE_DATA_UP;
            assert_int_equal(passed_on((uint8_t)type, row->min), up);
            assert_int_equal(buf_len(&w.broker.out) > 0, up || (may && type == WIRE_LOGIN));
        }
}

static void sizes(void **state)
{
    (void)state;
    for (unsigned type = 2; type < WIRE_TYPES; type++) {
        const struct wire_row *row = wire_row((uint8_t)type);
        if (!row->name || !(row->from & WIRE_CLIENT) || type == WIRE_BYE) continue;
        uint8_t from = row->phase & WIRE_OPEN ? SESSION_OPEN : SESSION_LOGIN;
        start_over(from);
        assert_true(handle((uint8_t)type, row->max));
        start_over(from);
        assert_false(handle((uint8_t)type, row->max + 1u));
        assert_int_equal(told.refused, WIRE_BAD_FRAME);
        start_over(from);
        assert_false(handle((uint8_t)type, row->min - 1u));
        assert_int_equal(told.refused, WIRE_BAD_FRAME);
    }
}

/* Between the parts of a frame nothing else may stand; its end may be short. */
static void parts(void **state)
{
    (void)state;
    static const uint8_t others[] = {WIRE_PING, WIRE_BYE};
    for (unsigned i = 0; i < 2; i++) {
        start_over(SESSION_OPEN);
        assert_true(handle(WIRE_PART, 100));
        assert_true(s->in_parts);
        assert_false(handle(others[i], wire_row(others[i])->min));
        assert_int_equal(told.refused, WIRE_BAD_FRAME);
    }
    start_over(SESSION_OPEN);
    assert_true(handle(WIRE_PART, 100) && handle(WIRE_PART, 1) && handle(WIRE_SEND, 0));
    assert_false(s->in_parts);
    assert_false(handle(WIRE_SEND, 0));
}

/* An adopted session may be in the middle of a frame: only an end that is passed on may be short.
 */
static void an_adopted_session(void **state)
{
    (void)state;
    start_over(SESSION_OPEN);
    s->unsure = true;
    assert_true(handle(WIRE_SEND, 1) && handle(WIRE_RESUME, 40));
    assert_false(s->unsure);
    assert_false(handle(WIRE_SEND, 1));
    for (size_t n = 0; n < 8; n++) {
        start_over(SESSION_OPEN);
        s->unsure = true;
        handle(WIRE_PING, n); /* a short PING is never the end of something */
    }
}

static void a_login_is_passed_on_once(void **state)
{
    (void)state;
    struct bus_login m;
    memset(handshake.h, 0x77, sizeof handshake.h);
    start_over(SESSION_LOGIN);
    assert_true(handle(WIRE_LOGIN, 150));
    assert_int_equal(s->state, SESSION_LOGGING);
    assert_true(s->announced);
    assert_true(bus_get_login(
        (struct slice){buf_head(&w.broker.out) + STREAM_HEAD, buf_len(&w.broker.out) - STREAM_HEAD},
        &m));
    assert_memory_equal(m.h, handshake.h, 32);
    assert_int_equal(m.login.len, 150);
    assert_memory_equal(m.login.data, noise, 150);
    assert_int_equal(m.peer.len, 12);
    assert_false(handle(WIRE_LOGIN, 150));
    assert_int_equal(told.refused, WIRE_BAD_STATE);
}

static void a_ping_is_answered_here(void **state)
{
    (void)state;
    struct wire_frame f;
    uint64_t token;
    assert_true(handle(WIRE_PING, 8));
    struct cur c = cur_of(buf_head(&s->out), buf_len(&s->out));
    assert_int_equal(wire_next(&c, &f), 1);
    assert_int_equal(f.type, WIRE_PONG);
    assert_true(wire_get_ping(f.payload, &token) && token == get_u64(noise));
    assert_int_equal(buf_len(&w.broker.out), 0);
}

/* One record with several frames, pads between them; what follows a bad one is not handled. */
static void many_frames_in_a_record(void **state)
{
    (void)state;
    struct buf b = {0};
    uint64_t before = w.in;
    for (unsigned k = 0; k < 3; k++) {
        wire_put(&b, WIRE_SEND, noise, 20);
        wire_put_pad(buf_room(&b, 9), 9);
        buf_added(&b, 9);
    }
    memcpy(w.plain, buf_head(&b), buf_len(&b));
    assert_true(dispatch_record(s, buf_len(&b)));
    assert_true(w.in - before == 3);
    assert_false(dispatch_record(s, buf_len(&b) - 1)); /* a cut pad is malformed, too */
    assert_int_equal(told.refused, WIRE_BAD_FRAME);
    start_over(SESSION_OPEN);
    before = w.in;
    w.plain[32] = WIRE_WELCOME; /* in place of the second */
    assert_false(dispatch_record(s, buf_len(&b)));
    assert_true(w.in - before == 1);
    buf_free(&b);
}

static void over_the_rate_it_is_held(void **state)
{
    (void)state;
    s->tokens_messages = 3;
    assert_true(handle(WIRE_SEND, 20) && handle(WIRE_SEND, 20));
    assert_int_equal(told.held, 0);
    assert_true(handle(WIRE_ACK, 18)); /* costs no message */
    assert_int_equal(told.held, 0);
    assert_true(handle(WIRE_SEND, 20)); /* handled, and then no more for now */
    assert_int_equal(told.held, 1);
    assert_int_equal(s->holds, HOLD_RATE);
    start_over(SESSION_OPEN);
    s->tokens_bytes = 1000;
    assert_true(handle(WIRE_SEND, 999));
    assert_int_equal(told.held, 0);
    assert_true(handle(WIRE_ACK, 18));
    assert_int_equal(told.held, 1);
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SESSION(records_cut_at_every_byte),
        WITH_SESSION(forged_and_malformed_records),
        WITH_SESSION(a_record_comes_once),
        WITH_SESSION(the_key_changes_on_the_way_in),
        WITH_SESSION(sealed_with_padding),
        WITH_SESSION(much_is_cut_between_frames),
        WITH_SESSION(a_slow_reader_keeps_it_waiting),
        WITH_SESSION(the_key_changes_on_the_way_out),
        WITH_SESSION(every_type_in_every_state),
        WITH_SESSION(sizes),
        WITH_SESSION(parts),
        WITH_SESSION(an_adopted_session),
        WITH_SESSION(a_login_is_passed_on_once),
        WITH_SESSION(a_ping_is_answered_here),
        WITH_SESSION(many_frames_in_a_record),
        WITH_SESSION(over_the_rate_it_is_held),
    };
    randombytes_buf(noise, sizeof noise);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
