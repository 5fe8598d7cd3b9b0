/*
 * test_wire_class.c - ADMIT, ROSTER and MODERATE: encoded as docs/protocol.md lists them, decoded to the
 * same, refused when cut anywhere, when a byte is left, or out of bounds; and times as people type them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frame_check.h"
#include "span.h"
#include "wire_admit.h"
#include "wire_moderate.h"
#include "wire_roster.h"

AGAIN(admit_ask, wire_admit_ask)
AGAIN(admit, wire_admit)
AGAIN(admit_end, wire_admit_end)
AGAIN(roster_ask, wire_roster_ask)
AGAIN(roster_items, wire_roster_items)
AGAIN(roster_news, wire_roster_news)
AGAIN(roster_done, wire_roster_done)
AGAIN(moderate_ask, wire_moderate_ask)
AGAIN(moderate_done, wire_moderate_done)
AGAIN(moderate_state, wire_moderate_state)

/* Is a payload of these fields taken? Frees it. */
static bool taken(again_fn *again, struct buf p)
{
    struct buf out = {0};
    bool good = decodes(again, buf_head(&p), buf_len(&p), &out);
    buf_free(&out);
    buf_free(&p);
    return good;
}

/* --- ADMIT --- */

static void admitting(void **state)
{
    (void)state;
    struct wire_admit_ask ask = {.op = WIRE_ADMIT_CARRY, .attempt = N1, .step = 3, .message = {noise, 100}};
    CHECK(admit_ask, WIRE_ADMIT_ASK, 99, ask, "181r", UINT64_C(1), N1, UINT64_C(3), ask.message);
    ask = (struct wire_admit_ask){.op = WIRE_ADMIT_END, .attempt = N1};
    CHECK(admit_ask, WIRE_ADMIT_ASK, 0, ask, "18", UINT64_C(2), N1);
    ask = (struct wire_admit_ask){.op = WIRE_ADMIT_PAPER};
    memcpy(ask.account_key, key, sizeof key);
    memcpy(ask.signature, signature, sizeof signature);
    CHECK(admit_ask, WIRE_ADMIT_ASK, 0, ask, "1kg", UINT64_C(3));
    struct wire_admit m = {N1, N2, 2, {noise, 100}};
    CHECK(admit, WIRE_ADMIT, 99, m, "1881r", UINT64_C(1), N1, N2, UINT64_C(2), m.message);
    struct wire_admit_end end = {N1, WIRE_ADMIT_ELSEWHERE};
    CHECK(admit_end, WIRE_ADMIT, 0, end, "181", UINT64_C(2), N1, UINT64_C(4));
    assert_false(taken(again_admit_end, fields("181", UINT64_C(2), N1, UINT64_C(5))));
    assert_false(taken(again_admit_end, fields("181", UINT64_C(2), N1, UINT64_C(0))));
}

/* Five steps; the last one may be long, and none is empty. */
static void steps(void **state)
{
    (void)state;
    for (unsigned step = 0; step <= 6; step++) {
        size_t most = step == 0 || step == 6 ? 0 : step == 5 ? WIRE_ADMIT_GRANT_MAX : WIRE_ADMIT_MAX;
        const size_t sizes[] = {0, 1, WIRE_ADMIT_MAX, WIRE_ADMIT_MAX + 1, WIRE_ADMIT_GRANT_MAX, WIRE_ADMIT_GRANT_MAX + 1};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct slice message = {noise, sizes[i]};
            bool fits = sizes[i] > 0 && sizes[i] <= most;
            assert_int_equal(taken(again_admit_ask, fields("181r", UINT64_C(1), N1, (uint64_t)step, message)), fits);
            assert_int_equal(taken(again_admit, fields("1881r", UINT64_C(1), N1, N2, (uint64_t)step, message)), fits);
        }
    }
    for (unsigned op = 4; op < 256; op++)
        assert_false(taken(again_admit_ask, fields("181r", (uint64_t)op, N1, UINT64_C(1), text("x"))));
}

/* --- ROSTER --- */

static void roster(void **state)
{
    (void)state;
    struct wire_roster_ask ask = {.op = WIRE_ROSTER_FETCH, .kind = WIRE_ROSTER_ENTRY, .name = text("bob"), .after = N1};
    CHECK(roster_ask, WIRE_ROSTER_ASK, 0, ask, "11s8", UINT64_C(1), UINT64_C(1), ask.name, N1);
    ask = (struct wire_roster_ask){
        .op = WIRE_ROSTER_PUT, .kind = WIRE_ROSTER_CLAIM, .name = text("bob"), .item = {noise, 300}};
    CHECK(roster_ask, WIRE_ROSTER_ASK, 299, ask, "11sr", UINT64_C(2), UINT64_C(2), ask.name, ask.item);
    ask = (struct wire_roster_ask){.op = WIRE_ROSTER_DROP, .kind = WIRE_ROSTER_WELCOME, .name = text("")};
    CHECK(roster_ask, WIRE_ROSTER_ASK, 0, ask, "11s", UINT64_C(3), UINT64_C(3), ask.name);
    struct wire_roster_news news = {WIRE_ROSTER_CLAIM, 7};
    CHECK(roster_news, WIRE_ROSTER, 0, news, "114", UINT64_C(2), UINT64_C(2), UINT64_C(7));
    struct wire_roster_done done = {WIRE_ROSTER_PUT, WIRE_ROSTER_ENTRY, text("bob")};
    CHECK(roster_done, WIRE_ROSTER, 0, done, "111s", UINT64_C(4), UINT64_C(2), UINT64_C(1), done.name);
    struct buf two = {0};
    wire_put_roster_item(&two, &(struct wire_roster_item){text("alice"), N2, text("entry")});
    wire_put_roster_item(&two, &(struct wire_roster_item){text("bob"), N3, text("")});
    struct wire_roster_items m = {WIRE_ROSTER_ENTRY, text(""), N4, 2, {buf_head(&two), buf_len(&two)}};
    CHECK(roster_items, WIRE_ROSTER, 0, m, "11s82s8Ss8S", UINT64_C(1), UINT64_C(1), m.name, N4, UINT64_C(2),
          text("alice"), N2, text("entry"), text("bob"), N3, text(""));
    buf_free(&two);
}

static void roster_bounds(void **state)
{
    (void)state;
    for (size_t n = 0; n <= WIRE_ROSTER_ITEM_MAX + 1; n++)
        assert_int_equal(taken(again_roster_ask, fields("11sr", UINT64_C(2), UINT64_C(1), text("bob"), (struct slice){noise, n})),
                         n >= 1 && n <= WIRE_ROSTER_ITEM_MAX);
    for (unsigned x = 0; x < 256; x++) {
        bool good = x >= 1 && x <= 3;
        assert_int_equal(taken(again_roster_ask, fields("11s", UINT64_C(3), (uint64_t)x, text("bob"))), good);
        assert_int_equal(taken(again_roster_ask, fields("11s", (uint64_t)x, UINT64_C(1), text("bob"))), x == 3);
        assert_int_equal(taken(again_roster_news, fields("114", UINT64_C(2), (uint64_t)x, UINT64_C(1))), good);
        assert_int_equal(taken(again_roster_done, fields("111s", UINT64_C(4), (uint64_t)x, UINT64_C(1), text("a"))),
                         x == 2 || x == 3);
    }
}

/* --- MODERATE --- */

static void moderating(void **state)
{
    (void)state;
    struct wire_moderate_ask ask = {WIRE_ACT_MUTE, text("#lobby"), text("bob"), 600, text("loud")};
    CHECK(moderate_ask, WIRE_MODERATE_ASK, 0, ask, "1ss4s", UINT64_C(3), ask.room, ask.name, UINT64_C(600), ask.reason);
    struct wire_moderate_done done = {WIRE_ACT_ROLE, text(""), text("prof"), text("bob"), 1, N1, text("loud")};
    CHECK(moderate_done, WIRE_MODERATE, 0, done, "11sss18s", UINT64_C(1), UINT64_C(8), done.room, done.by, done.name,
          UINT64_C(1), N1, done.reason);
    struct wire_moderate_state now = {2, 7, N1, text("loud"), N2, text("rude")};
    CHECK(moderate_state, WIRE_MODERATE, 0, now, "1118s8s", UINT64_C(2), UINT64_C(2), UINT64_C(7), N1, now.muted_why, N2,
          now.banned_why);
}

/* A client orders the first seven; a name goes with those that are about somebody. */
static void orders(void **state)
{
    (void)state;
    for (unsigned act = 0; act < 256; act++) {
        bool of_room = act == WIRE_ACT_ANNOUNCE || act == WIRE_ACT_OPEN, asked = act >= 1 && act <= 7;
        struct slice room = text("#lobby"), why = text("");
        assert_int_equal(taken(again_moderate_ask, fields("1ss4s", (uint64_t)act, room, text("bob"), UINT64_C(0), why)),
                         asked && !of_room);
        assert_int_equal(taken(again_moderate_ask, fields("1ss4s", (uint64_t)act, room, text(""), UINT64_C(0), why)), of_room);
        assert_int_equal(strcmp(wire_act_name((uint8_t)act), "unknown") != 0, act >= 1 && act < WIRE_ACTS);
    }
    for (size_t n = 0; n < 256; n++)
        assert_int_equal(taken(again_moderate_ask, fields("1ss4s", UINT64_C(3), text("#lobby"), text("bob"), UINT64_C(1),
                                                          (struct slice){noise, n})),
                         n <= WIRE_REASON_MAX);
    const uint64_t most = WIRE_MODERATE_SECONDS;
    for (uint64_t s = most - 1; s <= most + 1; s++)
        assert_int_equal(taken(again_moderate_ask, fields("1ss4s", UINT64_C(3), text("#lobby"), text("bob"), s, text(""))),
                         s <= most);
}

static void spans(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint32_t seconds; /* 0: refused */
    } rows[] = {{"90s", 90},  {"10m", 600}, {"2h", 7200}, {"1d", 86400}, {"3650d", 315360000}, {"01m", 60},
                {"3651d", 0}, {"0s", 0},    {"10", 0},    {"m", 0},      {"", 0},              {"1w", 0},
                {"-1m", 0},   {"1.5h", 0},  {"1 m", 0},   {"1M", 0},     {"18446744073709551617s", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t seconds = 0;
        assert_int_equal(span_seconds(text(rows[i].word), WIRE_MODERATE_SECONDS, &seconds), rows[i].seconds > 0);
        assert_int_equal(seconds, rows[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admitting),     cmocka_unit_test(steps),      cmocka_unit_test(roster),
        cmocka_unit_test(roster_bounds), cmocka_unit_test(moderating), cmocka_unit_test(orders),
        cmocka_unit_test(spans),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
