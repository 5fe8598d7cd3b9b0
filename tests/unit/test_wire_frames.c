/*
 * test_wire_frames.c - the fields of every frame of the wire: encoded as docs/protocol.md lists
 * them, decoded to the same, refused when cut anywhere, when a byte is left, or out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fields.h"
#include "wire.h"

/* made is one frame of that type with these fields; rest: bytes at its end that may be fewer or
 * more. */
static void check(uint8_t type, struct buf *made, struct buf want, size_t rest, again_fn *again)
{
    const struct wire_row *row = wire_row(type);
    struct buf copy = {0};
    const uint8_t *payload = buf_head(made) + WIRE_FRAME_HEAD;
    size_t n = buf_len(made) - WIRE_FRAME_HEAD;
    assert_int_equal(buf_head(made)[0], type);
    assert_int_equal(get_u16(buf_head(made) + 1), n);
    assert_int_equal(n, buf_len(&want));
    assert_memory_equal(payload, buf_head(&want), n);
    assert_in_range(n, row->min, row->max);

    assert_true(decodes(again, payload, n, &copy));
    assert_int_equal(buf_len(&copy), buf_len(made));
    assert_memory_equal(buf_head(&copy), buf_head(made), buf_len(made));
    for (size_t cut = 0; cut < n; cut++) {
        buf_reset(&copy, SIZE_MAX);
        if (decodes(again, payload, cut, &copy) != (cut >= n - rest))
            fail_msg("%s cut to %zu of %zu", row->name, cut, n);
    }
    buf_put_u8(&want, 0);
    buf_reset(&copy, SIZE_MAX);
    assert_int_equal(decodes(again, buf_head(&want), n + 1, &copy),
                     type == WIRE_SEND || type == WIRE_DELIVER);
    buf_free(&copy);
    buf_free(&want);
    buf_free(made);
}

#define AGAIN(name, type)                                     \
    static bool again_##name(struct slice p, struct buf *out) \
    {                                                         \
        struct type m;                                        \
        memset(&m, 0xcc, sizeof m);                           \
        if (!wire_get_##name(p, &m)) return false;            \
        wire_put_##name(out, &m);                             \
        return true;                                          \
    }
AGAIN(login, wire_login)
AGAIN(welcome, wire_welcome)
AGAIN(send, wire_send)
AGAIN(deliver, wire_deliver)
AGAIN(accepted, wire_accepted)
AGAIN(rejected, wire_rejected)
AGAIN(ack, wire_ack)
AGAIN(receipt, wire_receipt)
AGAIN(error, wire_error)
AGAIN(presence_ask, wire_presence_ask)
AGAIN(changes, wire_changes)
AGAIN(about, wire_about)
AGAIN(group_ask, wire_group)
AGAIN(group, wire_group)
AGAIN(history_ask, wire_history)
AGAIN(history, wire_history)

/* Puts the frame with this macro's struct and checks it against the fields that follow. */
#define CHECK(name, type, rest, m, ...)                              \
    do {                                                             \
        struct buf made = {0};                                       \
        wire_put_##name(&made, &(m));                                \
        check(type, &made, fields(__VA_ARGS__), rest, again_##name); \
    } while (0)

/* --- LOGIN, WELCOME, RESUME, RESYNC, PING --- */

static struct wire_login some_login(const char *name)
{
    struct wire_login m = {
        .name = text(name), .device = N1, .caps = 3, .resume = {N2, N3, N4, WIRE_NEWCOMER}};
    memcpy(m.device_key, key, 32);
    memcpy(m.signature, signature, 64);
    return m;
}

static void login(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "alice", "abcdefghijklmnopqrstuvwxyz012345"};
    for (unsigned i = 0; i < 3; i++) {
        struct wire_login m = some_login(names[i]);
        CHECK(login, WIRE_LOGIN, 0, m, "s8k48888g", m.name, N1, UINT64_C(3), N2, N3, N4,
              WIRE_NEWCOMER);
    }
}

static void login_bounds(void **state)
{
    (void)state;
    struct buf out = {0}, b = fields("s8k48888g", text(""), N1, UINT64_C(3), N2, N3, N4, N1);
    assert_false(decodes(again_login, buf_head(&b), buf_len(&b), &out));
    buf_free(&b);
    b = fields("s8k48888g", text("abcdefghijklmnopqrstuvwxyz0123456"), N1, UINT64_C(3), N2, N3, N4,
               N1);
    assert_false(decodes(again_login, buf_head(&b), buf_len(&b), &out));
    buf_free(&b);
    for (unsigned bit = 0; bit < 32; bit++) {
        b = fields("s8k48888g", text("al"), N1, UINT64_C(1) << bit, N2, N3, N4, N1);
        assert_int_equal(decodes(again_login, buf_head(&b), buf_len(&b), &out), bit < 3);
        buf_free(&b);
    }
    buf_free(&out);
}

static void welcome(void **state)
{
    (void)state;
    struct wire_welcome m = {
        text("alice"), N1, N2, N3, N4, true, 2, N2, 0x41424344, 0x51525354, text("lab.example"), false};
    CHECK(welcome, WIRE_WELCOME, 0, m,
          "s8888118"
          "44s",
          m.name, N1, N2, N3, N4, UINT64_C(1), UINT64_C(2), N2, UINT64_C(0x41424344),
          UINT64_C(0x51525354), m.server);
    m.guest = true;
    m.fresh = false;
    CHECK(welcome, WIRE_WELCOME, 0, m,
          "s8888118"
          "44s",
          m.name, N1, N2, N3, N4, UINT64_C(2), UINT64_C(2), N2, UINT64_C(0x41424344),
          UINT64_C(0x51525354), m.server);
    struct wire_welcome least = {.name = text(""), .server = text("")};
    CHECK(welcome, WIRE_WELCOME, 0, least,
          "s8888118"
          "44s",
          least.name, UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0),
          UINT64_C(0), UINT64_C(0), UINT64_C(0), least.server);
}

static bool again_resume(struct slice p, struct buf *out)
{
    struct wire_resume m;
    uint64_t token;
    if (!wire_get_resume(p, &m, &token)) return false;
    wire_put_resume(out, &m, token);
    return true;
}

static void resume(void **state)
{
    (void)state;
    struct buf made = {0};
    wire_put_resume(&made, &(struct wire_resume){N1, N2, N3, N4}, N2);
    check(WIRE_RESUME, &made, fields("88888", N1, N2, N3, N4, N2), 0, again_resume);
}

static bool again_ping(struct slice p, struct buf *out)
{
    uint64_t token;
    if (!wire_get_ping(p, &token)) return false;
    wire_put_ping(out, WIRE_PING, token);
    return true;
}

static bool again_resync(struct slice p, struct buf *out)
{
    uint64_t incarnation, token;
    if (!wire_get_resync(p, &incarnation, &token)) return false;
    wire_put_resync(out, incarnation, token);
    return true;
}

static void ping_and_resync(void **state)
{
    (void)state;
    struct buf made = {0};
    wire_put_ping(&made, WIRE_PING, N1);
    check(WIRE_PING, &made, fields("8", N1), 0, again_ping);
    wire_put_resync(&made, N2, N3);
    check(WIRE_RESYNC, &made, fields("88", N2, N3), 0, again_resync);
    wire_put_ping(&made, WIRE_PONG, N1);
    assert_int_equal(*buf_head(&made), WIRE_PONG);
    buf_free(&made);
}

/* --- SEND, DELIVER: they end in a body of any length --- */

static void send(void **state)
{
    (void)state;
    struct wire_send m = {
        .id = N1, .kind = WIRE_TO_ROOM, .to = text("#lobby"), .body = {noise, 700}};
    CHECK(send, WIRE_SEND, 700, m, "81s1r", N1, UINT64_C(1), m.to, UINT64_C(0), m.body);
}

static void send_with_heads(void **state)
{
    (void)state;
    struct buf heads = fields("8S8S8S", N1, text("first"), N2, text(""), N3, text("third one"));
    struct wire_send m = {.id = 1,
                          .to = text("bob"),
                          .heads = 3,
                          .head_bytes = {buf_head(&heads), buf_len(&heads)},
                          .body = {noise, 9}};
    CHECK(send, WIRE_SEND, 9, m, "81s1rr", UINT64_C(1), UINT64_C(0), m.to, UINT64_C(3),
          m.head_bytes, m.body);
    struct cur c = cur_of(buf_head(&heads), buf_len(&heads));
    uint64_t device;
    struct slice head;
    assert_true(wire_next_head(&c, &device, &head) && device == N1 && head.len == 5);
    assert_true(wire_next_head(&c, &device, &head) && device == N2 && head.len == 0);
    assert_true(wire_next_head(&c, &device, &head) && device == N3 && head.len == 9);
    assert_false(wire_next_head(&c, &device, &head));
    buf_free(&heads);
}

static bool send_decodes(uint64_t id, uint64_t kind, unsigned heads, unsigned given)
{
    struct buf out = {0}, b = fields("81s1", id, kind, text("bob"), (uint64_t)heads);
    for (unsigned i = 0; i < given; i++) {
        buf_put_u64(&b, i);
        buf_put_str16(&b, "h", 1);
    }
    bool good = decodes(again_send, buf_head(&b), buf_len(&b), &out);
    buf_free(&b);
    buf_free(&out);
    return good;
}

static void send_bounds(void **state)
{
    (void)state;
    assert_false(send_decodes(0, 0, 0, 0));
    assert_true(send_decodes(1, 0, 0, 0));
    assert_true(send_decodes(INT64_MAX, 1, 0, 0));
    assert_false(send_decodes((uint64_t)INT64_MAX + 1, 0, 0, 0));
    assert_false(send_decodes(UINT64_MAX, 0, 0, 0));
    assert_false(send_decodes(1, 2, 0, 0));
    assert_false(send_decodes(1, 255, 0, 0));
    assert_true(send_decodes(1, 0, WIRE_HEADS_MAX, WIRE_HEADS_MAX));
    assert_false(send_decodes(1, 0, WIRE_HEADS_MAX, WIRE_HEADS_MAX - 1));
    assert_false(send_decodes(1, 0, WIRE_HEADS_MAX + 1, WIRE_HEADS_MAX + 1));
    assert_false(send_decodes(1, 0, 255, 255));
    assert_false(send_decodes(1, 1, 1, 1)); /* a room has none */
}

static void send_head_bounds(void **state)
{
    (void)state;
    for (size_t n = WIRE_HEAD_MAX - 1; n <= WIRE_HEAD_MAX + 1; n++) {
        struct buf out = {0}, b = fields("81s18S", N1, UINT64_C(0), text("bob"), UINT64_C(1), N2,
                                         (struct slice){noise, n});
        assert_int_equal(decodes(again_send, buf_head(&b), buf_len(&b), &out), n <= WIRE_HEAD_MAX);
        buf_free(&b);
        buf_free(&out);
    }
}

static void deliver(void **state)
{
    (void)state;
    struct wire_deliver m = {
        5, N1, N2, N3, text("bob"), N4, N1, text("alice"), {noise, 300}, {noise + 300, 500}};
    CHECK(deliver, WIRE_DELIVER, 500, m, "1888s88sSr", UINT64_C(5), N1, N2, N3, m.from, N4, N1,
          m.to, m.head, m.body);
    struct wire_deliver least = {.from = text(""), .to = text("")};
    CHECK(deliver, WIRE_DELIVER, 0, least, "1888s88sSr", UINT64_C(0), UINT64_C(0), UINT64_C(0),
          UINT64_C(0), text(""), UINT64_C(0), UINT64_C(0), text(""), text(""), text(""));
}

/* A whole that is n bytes of payload leaves in one frame up to 65000, else with a part; joined it
 * is the same. */
static void check_long(size_t n)
{
    struct wire_joiner j = {0};
    struct buf b = {0};
    struct wire_frame f;
    unsigned frames = 0;
    struct wire_send m = {.id = 1, .to = text("bob"), .body = {noise, n - 14}}, got;
    buf_put(&b, "before", 6); /* a frame is not alone in its buffer */
    wire_put_send(&b, &m);
    struct cur c = cur_of(buf_head(&b) + 6, buf_len(&b) - 6);
    while (wire_next(&c, &f) > 0) {
        int whole = wire_join(&j, &f);
        assert_int_equal(whole, f.type == WIRE_SEND);
        frames++;
    }
    assert_int_equal(frames, n > WIRE_PAYLOAD_MAX ? 2 : 1);
    assert_int_equal(f.payload.len, n);
    assert_true(wire_get_send(f.payload, &got));
    assert_int_equal(got.body.len, n - 14);
    assert_memory_equal(got.body.data, noise, n - 14);
    assert_memory_equal(buf_head(&b), "before", 6);
    wire_join_reset(&j);
    buf_free(&b);
}

static void long_bodies(void **state)
{
    (void)state;
    assert_int_equal(8 + 1 + 1 + 3 + 1, 14); /* bytes of a SEND to bob before its body */
    check_long(64999);
    check_long(65000);
    check_long(65001);
    check_long(65550);
    check_long(81920);
}

/* --- ACCEPTED, REJECTED, ACK, RECEIPT, ERROR --- */

static void accepted(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_accepted m = {N1, WIRE_STATE_STORED, text("bob"), 0x41424344, 0x51525354, 2};
    CHECK(accepted, WIRE_ACCEPTED, 0, m, "81s441", N1, UINT64_C(3), m.to, UINT64_C(0x41424344),
          UINT64_C(0x51525354), UINT64_C(2));
    for (uint64_t s = 0; s < 256; s++) {
        struct buf b = fields("81s441", N1, s, text(""), UINT64_C(0), UINT64_C(0), UINT64_C(0));
        assert_int_equal(decodes(again_accepted, buf_head(&b), buf_len(&b), &out),
                         s >= 1 && s <= 3);
        buf_free(&b);
    }
    buf_free(&out);
}

static void rejected(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_rejected m = {N1,
                              WIRE_NO_SUCH_USER,
                              text("bbo"),
                              text("nobody has this name"),
                              text("see /who"),
                              3,
                              {text("bob"), text("bo"), text("")}};
    CHECK(rejected, WIRE_REJECTED, 0, m, "82sSS1sss", N1, UINT64_C(20), m.subject, m.text, m.hint,
          UINT64_C(3), m.name[0], m.name[1], m.name[2]);
    m.near = 0;
    CHECK(rejected, WIRE_REJECTED, 0, m, "82sSS1", N1, UINT64_C(20), m.subject, m.text, m.hint,
          UINT64_C(0));
    struct buf b = fields("82sSS1ssss", N1, UINT64_C(20), text("x"), text(""), text(""),
                          UINT64_C(4), text("a"), text("b"), text("c"), text("d"));
    assert_false(decodes(again_rejected, buf_head(&b), buf_len(&b), &out));
    buf_free(&b);
    buf_free(&out);
}

static void ack(void **state)
{
    (void)state;
    struct buf out = {0}, b = fields("188s", UINT64_C(3), N1, N2, text(""));
    struct wire_ack m = {WIRE_TO_ROOM, N1, N2, text("#lobby")};
    struct wire_ack settled = {WIRE_ACK_SETTLED, 0, N2, text("")};
    CHECK(ack, WIRE_ACK, 0, m, "188s", UINT64_C(1), N1, N2, m.room);
    CHECK(ack, WIRE_ACK, 0, settled, "188s", UINT64_C(2), UINT64_C(0), N2, settled.room);
    assert_false(decodes(again_ack, buf_head(&b), buf_len(&b), &out));
    buf_free(&b);
    buf_free(&out);
}

static void receipt_and_error(void **state)
{
    (void)state;
    struct wire_receipt r = {WIRE_STATE_EXPIRED, N1, text("bob")};
    struct wire_error e = {WIRE_BUSY, 0x41424344, text("too many logins")};
    CHECK(receipt, WIRE_RECEIPT, 0, r, "18s", UINT64_C(4), N1, r.to);
    CHECK(error, WIRE_ERROR, 0, e, "24S", UINT64_C(9), UINT64_C(0x41424344), e.text);
}

/* --- PRESENCE --- */

static void presence_ask(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_presence_ask set = {.op = WIRE_ASK_SET, .state = 1, .text = text("at lunch")},
                             list = {.op = WIRE_ASK_LIST},
                             about = {.op = WIRE_ASK_ABOUT, .name = text("bob")};
    CHECK(presence_ask, WIRE_PRESENCE_ASK, 0, set, "11s", UINT64_C(1), UINT64_C(1), set.text);
    CHECK(presence_ask, WIRE_PRESENCE_ASK, 0, list, "1", UINT64_C(2));
    CHECK(presence_ask, WIRE_PRESENCE_ASK, 0, about, "1s", UINT64_C(3), about.name);
    static const uint8_t wrong[][3] = {{0}, {4}, {255}, {1, 2, 0}, {1, 255, 0}};
    static const size_t len[] = {1, 1, 1, 3, 3};
    for (unsigned i = 0; i < 5; i++)
        assert_false(decodes(again_presence_ask, wrong[i], len[i], &out));
    buf_free(&out);
}

static void changes(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_changes m = {7,
                             9,
                             2,
                             {{WIRE_CHANGE_JOINED, text("bob"), text("")},
                              {WIRE_CHANGE_AWAY, text("eve"), text("back at 2")}}};
    CHECK(changes, WIRE_PRESENCE, 0, m,
          "1442"
          "1ss1ss",
          UINT64_C(1), UINT64_C(7), UINT64_C(9), UINT64_C(2), UINT64_C(1), text("bob"), text(""),
          UINT64_C(3), text("eve"), text("back at 2"));
    for (unsigned n = WIRE_CHANGES_MAX; n <= WIRE_CHANGES_MAX + 1; n++) {
        struct buf b = fields("1442", UINT64_C(1), UINT64_C(0), UINT64_C(0), (uint64_t)n);
        for (unsigned i = 0; i < n; i++)
            buf_put(&b, "\1\1a\0", 4);
        assert_int_equal(decodes(again_changes, buf_head(&b), buf_len(&b), &out),
                         n == WIRE_CHANGES_MAX);
        *buf_head(&b) = WIRE_PRESENCE_LIST; /* another kind of PRESENCE */
        assert_false(decodes(again_changes, buf_head(&b), buf_len(&b), &out));
        buf_free(&b);
    }
    buf_free(&out);
}

static void about(void **state)
{
    (void)state;
    struct wire_about m = {true, text("bob"), 1, 0, 2, N1, 0x41424344, {0}, text("in a meeting")};
    memcpy(m.device_key, key, 32);
    CHECK(about, WIRE_PRESENCE, 0, m, "11s11184ks", UINT64_C(3), UINT64_C(1), m.name, UINT64_C(1),
          UINT64_C(0), UINT64_C(2), N1, UINT64_C(0x41424344), m.text);
}

/* The list as its readers use it: the head, then persons until 0. */
static bool again_list(struct slice p, struct buf *out)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_person person;
    uint16_t count;
    bool last;
    int r;
    if (!wire_list_head(&c, &last, &count)) return false;
    size_t at = wire_list_begin(out, last);
    while ((r = wire_list_next(&c, &count, &person)) > 0)
        wire_list_add(out, at, &person);
    wire_list_end(out, at);
    return r == 0;
}

static void list(void **state)
{
    (void)state;
    struct buf made = {0}, out = {0};
    struct wire_person bob = {text("bob"), 1, 1, N1, text("away")},
                       eve = {text("eve"), 0, 0, N2, text("")};
    size_t at = wire_list_begin(&made, true);
    wire_list_add(&made, at, &bob);
    wire_list_add(&made, at, &eve);
    wire_list_end(&made, at);
    check(WIRE_PRESENCE, &made,
          fields("112s118ss118s", UINT64_C(2), UINT64_C(1), UINT64_C(2), bob.name, UINT64_C(1),
                 UINT64_C(1), N1, bob.text, eve.name, UINT64_C(0), UINT64_C(0), N2, eve.text),
          0, again_list);
    wire_list_end(&made, wire_list_begin(&made, false));
    check(WIRE_PRESENCE, &made, fields("112", UINT64_C(2), UINT64_C(0), UINT64_C(0)), 0,
          again_list);
    assert_false(decodes(again_list, (const uint8_t *)"\1\1\0\0", 4, &out)); /* another op */
    buf_free(&out);
}

/* --- GROUP, HISTORY --- */

static void group(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_group ask = {.op = WIRE_GROUP_PART, .room = text("#lobby")},
                      m = {3, text("#lobby"), N1, 0x41424344, text("no such room")};
    CHECK(group_ask, WIRE_GROUP_ASK, 0, ask, "1s", UINT64_C(2), ask.room);
    CHECK(group, WIRE_GROUP, 0, m, "1s84S", UINT64_C(3), m.room, N1, UINT64_C(0x41424344), m.text);
    for (unsigned op = 0; op < 256; op++) {
        uint8_t p[] = {(uint8_t)op, 1, '#'};
        assert_int_equal(decodes(again_group_ask, p, 3, &out), op == 1 || op == 2);
    }
    buf_free(&out);
}

static void history(void **state)
{
    (void)state;
    struct buf out = {0};
    struct wire_history m = {text("#lobby"), N1, WIRE_HISTORY_MAX};
    CHECK(history_ask, WIRE_HISTORY_ASK, 0, m, "s82", m.room, N1, UINT64_C(500));
    CHECK(history, WIRE_HISTORY, 0, m, "s8", m.room, N1);
    for (uint64_t count = 0; count < 65536; count++) {
        struct buf b = fields("s82", m.room, N1, count);
        if (decodes(again_history_ask, buf_head(&b), buf_len(&b), &out) !=
            (count >= 1 && count <= 500))
            fail_msg("count %lu", count);
        buf_reset(&out, 4096);
        buf_free(&b);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login),
        cmocka_unit_test(login_bounds),
        cmocka_unit_test(welcome),
        cmocka_unit_test(resume),
        cmocka_unit_test(ping_and_resync),
        cmocka_unit_test(send),
        cmocka_unit_test(send_with_heads),
        cmocka_unit_test(send_bounds),
        cmocka_unit_test(send_head_bounds),
        cmocka_unit_test(deliver),
        cmocka_unit_test(long_bodies),
        cmocka_unit_test(accepted),
        cmocka_unit_test(rejected),
        cmocka_unit_test(ack),
        cmocka_unit_test(receipt_and_error),
        cmocka_unit_test(presence_ask),
        cmocka_unit_test(changes),
        cmocka_unit_test(about),
        cmocka_unit_test(list),
        cmocka_unit_test(group),
        cmocka_unit_test(history),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
