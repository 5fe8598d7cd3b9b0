/* test_bus.c - frames between worker and broker, and the tickets of sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bus.h"
#include "fields.h"

static uint8_t ticket[BUS_TICKET];

static struct slice bytes(const void *data, size_t n)
{
    return (struct slice){data, n};
}

/* --- frames: decoded, encoded again, compared with the fields --- */

typedef bool again_fn(struct slice p, struct buf *out);

/* The stream's buffer holds one frame of that type and these fields; rest: bytes at its end that
 * may be fewer or more, SIZE_MAX when there is no such rest. */
static void check(struct stream *made, uint8_t type, struct buf want, size_t rest, again_fn *again)
{
    struct buf copy = {0};
    const uint8_t *frame = buf_head(&made->out), *payload = frame + STREAM_HEAD;
    size_t n = buf_len(&made->out) - STREAM_HEAD;
    bool open_end = rest != SIZE_MAX;
    assert_int_equal(get_u32(frame), n);
    assert_int_equal(frame[4], type);
    assert_int_equal(n, buf_len(&want));
    assert_memory_equal(payload, buf_head(&want), n);
    assert_true(decodes(again, payload, n, &copy));
    assert_int_equal(buf_len(&copy), buf_len(&made->out));
    assert_memory_equal(buf_head(&copy), frame, buf_len(&copy));
    for (size_t cut = 0; cut < n; cut++) {
        buf_reset(&copy, SIZE_MAX);
        bool good = decodes(again, payload, cut, &copy);
        if (good != (open_end && cut >= n - rest))
            fail_msg("type %u cut to %zu of %zu", type, cut, n);
    }
    buf_put_u8(&want, 0);
    buf_reset(&copy, SIZE_MAX);
    assert_int_equal(decodes(again, buf_head(&want), n + 1, &copy), open_end);
    buf_free(&copy);
    buf_free(&want);
    buf_free(&made->out);
}

/* A writer's text argument ends with a zero byte; what was read does not. */
static const char *ended(struct slice s)
{
    static char name[256];
    memcpy(name, s.data, s.len);
    name[s.len] = 0;
    return name;
}

/* Reads a frame into m and writes it again into s; for the body of an again_fn. */
#define AGAIN(name, ...)                                      \
    static bool again_##name(struct slice p, struct buf *out) \
    {                                                         \
        struct bus_##name m;                                  \
        struct stream s = {.out = *out};                      \
        if (!bus_get_##name(p, &m)) return false;             \
        bus_put_##name(&s, __VA_ARGS__);                      \
        *out = s.out;                                         \
        return true;                                          \
    }
AGAIN(dh, m.sid, m.ephemeral)
AGAIN(login, m.sid, m.h, ended(m.peer), m.login)
AGAIN(announce, m.sid, m.ticket, ended(m.peer))
AGAIN(up, m.sid, m.type, m.payload)
AGAIN(gone, m.sid, m.polite)
AGAIN(dh_done, m.sid, m.ok, m.result, m.challenge)
AGAIN(logged, m.sid, m.account, m.device, ended(m.name), m.ticket)
AGAIN(kick, m.sid, m.code, m.retry_ms, ended(m.text))

static void to_the_broker(void **state)
{
    (void)state;
    struct stream s = {0};
    struct slice peer = text("192.0.2.1:1234");
    bus_put_dh(&s, N1, key);
    check(&s, BUS_DH, fields("8k", N1), SIZE_MAX, again_dh);
    bus_put_login(&s, N1, key, "192.0.2.1:1234", bytes(noise, 150));
    check(&s, BUS_LOGIN, fields("8ksr", N1, peer, bytes(noise, 150)), 150, again_login);
    bus_put_announce(&s, N2, ticket, "192.0.2.1:1234");
    check(&s, BUS_ANNOUNCE, fields("8rs", N2, bytes(ticket, BUS_TICKET), peer), SIZE_MAX,
          again_announce);
    bus_put_up(&s, N3, WIRE_SEND, bytes(noise, 65));
    check(&s, BUS_UP, fields("81r", N3, UINT64_C(0x20), bytes(noise, 65)), 65, again_up);
    for (unsigned polite = 0; polite < 2; polite++) {
        bus_put_gone(&s, N1, polite);
        check(&s, BUS_GONE, fields("81", N1, (uint64_t)polite), SIZE_MAX, again_gone);
    }
}

static void to_the_worker(void **state)
{
    (void)state;
    struct stream s = {0};
    struct slice challenge = bytes(noise, 16), long_name = text("abcdefghijklmnopqrstuvwxyz012345");
    for (unsigned ok = 0; ok < 2; ok++) {
        bus_put_dh_done(&s, N1, ok, key, challenge.data);
        check(&s, BUS_DH_DONE, fields("81kr", N1, (uint64_t)ok, challenge), SIZE_MAX,
              again_dh_done);
    }
    bus_put_logged(&s, N1, N2, N3, "abcdefghijklmnopqrstuvwxyz012345", ticket);
    check(&s, BUS_LOGGED, fields("888sr", N1, N2, N3, long_name, bytes(ticket, BUS_TICKET)),
          SIZE_MAX, again_logged);
    bus_put_kick(&s, N1, WIRE_BUSY, 0x41424344, "come later");
    check(&s, BUS_KICK, fields("824S", N1, UINT64_C(9), UINT64_C(0x41424344), text("come later")),
          SIZE_MAX, again_kick);
}

static bool again_identity(struct slice p, struct buf *out)
{
    struct wire_cert cert;
    struct stream s = {.out = *out};
    if (!bus_get_identity(p, &cert)) return false;
    bus_put_identity(&s, &cert);
    *out = s.out;
    return true;
}

static void identity(void **state)
{
    (void)state;
    struct stream s = {0};
    struct wire_cert cert = {.not_before_ms = N1, .not_after_ms = N2};
    memcpy(cert.server_id, noise, 32);
    memcpy(cert.transport_key, key, 32);
    memcpy(cert.signature, signature, 64);
    bus_put_identity(&s, &cert);
    assert_int_equal(buf_len(&s.out), STREAM_HEAD + BUS_CERT);
    check(&s, BUS_IDENTITY, fields("rk88g", bytes(noise, 32), N1, N2), SIZE_MAX, again_identity);
}

static bool again_down(struct slice p, struct buf *out)
{
    struct bus_down m;
    struct stream s = {.out = *out};
    uint64_t sids[4];
    if (!bus_get_down(p, &m) || m.n > 4) return false;
    for (unsigned i = 0; i < m.n; i++)
        sids[i] = get_u64(m.sids + 8 * i);
    bus_put_down_many(&s, sids, m.n, m.frames);
    *out = s.out;
    return true;
}

static void down(void **state)
{
    (void)state;
    struct stream s = {0};
    const uint64_t sids[] = {N1, N2, N3};
    size_t at = bus_begin_down(&s, N4);
    buf_put(&s.out, noise, 40);
    stream_end(&s, at);
    check(&s, BUS_DOWN, fields("28r", UINT64_C(1), N4, bytes(noise, 40)), 40, again_down);
    bus_put_down_many(&s, sids, 3, bytes(noise, 33));
    check(&s, BUS_DOWN, fields("2888r", UINT64_C(3), N1, N2, N3, bytes(noise, 33)), 33, again_down);
    bus_put_down_many(&s, sids, 0, bytes(noise, 3));
    check(&s, BUS_DOWN, fields("2r", UINT64_C(0), bytes(noise, 3)), 3, again_down);
}

/* As many sessions as a frame can name, and a count that promises more than there are. */
static void down_to_very_many(void **state)
{
    (void)state;
    static uint64_t sids[65535];
    struct stream s = {0};
    struct bus_down m;
    for (size_t i = 0; i < 65535; i++)
        sids[i] = bus_sid((uint32_t)i, 7);
    bus_put_down_many(&s, sids, 65535, bytes("x", 1));
    struct slice p = bytes(buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD);
    assert_true(p.len <= STREAM_FRAME_MAX);
    assert_true(bus_get_down(p, &m));
    assert_int_equal(m.n, 65535);
    assert_int_equal(m.frames.len, 1);
    assert_true(get_u64(m.sids + 8 * 65534) == bus_sid(65534, 7));
    p.len -= 2;
    assert_false(bus_get_down(p, &m));
    buf_free(&s.out);
}

static void sids(void **state)
{
    (void)state;
    uint64_t sid = bus_sid(65535, 0xfffffffe);
    assert_true(sid == UINT64_C(0xfffffffe0000ffff));
    assert_int_equal(bus_index(sid), 65535);
    assert_true(bus_generation(sid) == 0xfffffffe);
}

/* --- bounds of texts --- */

static void names_and_peers_have_a_maximum(void **state)
{
    (void)state;
    struct stream s = {0};
    struct bus_announce a;
    struct bus_logged l;
    char peer[200] = {0};
    memset(peer, 'p', 199);
    bus_put_announce(&s, N1, ticket, peer);
    assert_true(
        bus_get_announce(bytes(buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD), &a));
    assert_int_equal(a.peer.len, BUS_PEER_MAX);
    buf_free(&s.out);
    for (size_t n = 31; n <= 34; n++) {
        peer[n] = 0;
        bus_put_logged(&s, N1, N2, N3, peer, ticket);
        peer[n] = 'p';
        assert_int_equal(
            bus_get_logged(bytes(buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD),
                           &l),
            n <= WIRE_NAME_MAX);
        buf_free(&s.out);
    }
}

/* --- tickets --- */

static const struct bus_ticket some = {N1, N2, N3, WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY};

static void a_ticket_comes_back(void **state)
{
    (void)state;
    uint8_t out[BUS_TICKET];
    struct bus_ticket t;
    bus_ticket_seal(out, &some, key);
    assert_true(bus_ticket_open(out, &t, key));
    assert_true(t.serial == N1 && t.account == N2 && t.device == N3 && t.caps == some.caps);
    struct buf b = fields("8884", N1, N2, N3, (uint64_t)some.caps);
    assert_memory_equal(out, buf_head(&b), 28);
    buf_free(&b);
}

static void a_changed_ticket_is_refused(void **state)
{
    (void)state;
    uint8_t out[BUS_TICKET], other[32];
    struct bus_ticket t;
    bus_ticket_seal(out, &some, key);
    for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bus_ticket_open(out, &t, key)) fail_msg("bit %zu may be flipped", bit);
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof other; bit++) {
        memcpy(other, key, sizeof other);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bus_ticket_open(out, &t, other)) fail_msg("bit %zu of the key does not count", bit);
    }
    assert_true(bus_ticket_open(out, &t, key));
}

/* The MAC that bus.h describes, by another implementation (Python's hmac). */
static void a_known_ticket(void **state)
{
    (void)state;
    static const uint8_t mac[32] = {0xe4, 0x1a, 0xfb, 0x23, 0x76, 0xbb, 0xa3, 0xdd,
                                    0xbc, 0x4b, 0xfb, 0xa5, 0x54, 0x39, 0x91, 0x7a,
                                    0x75, 0xbd, 0x23, 0xde, 0xa7, 0xd1, 0x0d, 0xdb,
                                    0x86, 0x4e, 0xf4, 0x15, 0xc4, 0x6e, 0x94, 0x39};
    uint8_t out[BUS_TICKET];
    bus_ticket_seal(out, &some, key);
    assert_memory_equal(out + 28, mac, sizeof mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_broker),
        cmocka_unit_test(to_the_worker),
        cmocka_unit_test(identity),
        cmocka_unit_test(down),
        cmocka_unit_test(down_to_very_many),
        cmocka_unit_test(sids),
        cmocka_unit_test(names_and_peers_have_a_maximum),
        cmocka_unit_test(a_ticket_comes_back),
        cmocka_unit_test(a_changed_ticket_is_refused),
        cmocka_unit_test(a_known_ticket),
    };
    memset(ticket, 0x5a, sizeof ticket);
    return cmocka_run_group_tests(tests, fill, NULL);
}
