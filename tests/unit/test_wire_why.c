/*
 * test_wire_why.c - WHY: encoded as docs/protocol.md, section 6.8, lists it, decoded to the same, refused
 * when cut anywhere, when a byte is left, or out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frame_check.h"
#include "wire_why.h"

AGAIN(why_ask, wire_why_ask)
AGAIN(why_messages, wire_why_messages)
AGAIN(why_room, wire_why_room)

/* Is a payload of these fields taken? Frees it. */
static bool taken(again_fn *again, struct buf p)
{
    struct buf out = {0};
    bool good = decodes(again, buf_head(&p), buf_len(&p), &out);
    buf_free(&out);
    buf_free(&p);
    return good;
}

static void questions(void **state)
{
    (void)state;
    struct wire_why_ask m = {.op = WIRE_WHY_MESSAGES, .to = text("bob"), .n = 2, .id = {N1, N2}};
    CHECK(why_ask, WIRE_WHY_ASK, 0, m, "1s188", UINT64_C(1), m.to, UINT64_C(2), N1, N2);
    m = (struct wire_why_ask){.op = WIRE_WHY_ROOM, .to = text("#chess"), .number = N3};
    memcpy(m.group, key, sizeof m.group);
    CHECK(why_ask, WIRE_WHY_ASK, 0, m, "1sk8", UINT64_C(2), m.to, N3);
}

/* From one to 64 ids, and no third kind of question. */
static void bounds_of_a_question(void **state)
{
    (void)state;
    for (size_t n = 0; n <= WIRE_WHY_IDS_MAX + 1; n++)
        assert_int_equal(taken(again_why_ask, fields("1s1r", UINT64_C(1), text("bob"), (uint64_t)n, (struct slice){noise, 8 * n})),
                         n >= 1 && n <= WIRE_WHY_IDS_MAX);
    for (unsigned op = 0; op < 256; op++)
        assert_int_equal(taken(again_why_ask, fields("1sk8", (uint64_t)op, text("#chess"), N1)), op == 2);
    struct wire_why_ask most = {.op = WIRE_WHY_MESSAGES, .to = {noise, 255}, .n = WIRE_WHY_IDS_MAX};
    struct buf b = {0};
    wire_put_why_ask(&b, &most);
    assert_int_equal(buf_len(&b) - WIRE_FRAME_HEAD, wire_row(WIRE_WHY_ASK)->max);
    buf_free(&b);
}

static void about_messages(void **state)
{
    (void)state;
    struct buf rows = {0};
    wire_add_why_message(&rows, &(struct wire_why_message){.id = N1, .state = WIRE_STATE_STORED, .n = 2,
        .device = {{N2, WIRE_STATE_STORED, 3, N3}, {N4, WIRE_STATE_EXPIRED, 0, 0}}});
    wire_add_why_message(&rows, &(struct wire_why_message){.id = N2, .state = WIRE_STATE_DELIVERED});
    struct wire_why_messages m = {text("bob"), true, N1, 60, 2, {buf_head(&rows), buf_len(&rows)}};
    CHECK(why_messages, WIRE_WHY, 0, m, "1s1841" "811" "8148" "8148" "811", UINT64_C(1), m.to, UINT64_C(1), N1,
          UINT64_C(60), UINT64_C(2), N1, UINT64_C(3), UINT64_C(2), N2, UINT64_C(3), UINT64_C(3), N3, N4, UINT64_C(4),
          UINT64_C(0), UINT64_C(0), N2, UINT64_C(2), UINT64_C(0));
    buf_free(&rows);
}

static void about_a_room(void **state)
{
    (void)state;
    struct buf rows = {0};
    wire_add_why_member(&rows, &(struct wire_why_member){text("bob"), 1, WIRE_STATE_STORED, 3, 2, true, N2});
    wire_add_why_member(&rows, &(struct wire_why_member){text("eve"), 0, WIRE_STATE_EXPIRED, 1, 1, false, 0});
    struct wire_why_room m = {text("#chess"), N1, true, {buf_head(&rows), buf_len(&rows)}};
    /* Rows go to the end: a frame cut between two is another good one. */
    struct buf made = {0}, want = fields("1s81" "s111118" "s111118", UINT64_C(2), m.room, N1, UINT64_C(1), text("bob"),
                                         UINT64_C(1), UINT64_C(3), UINT64_C(3), UINT64_C(2), UINT64_C(1), N2,
                                         text("eve"), UINT64_C(0), UINT64_C(4), UINT64_C(1), UINT64_C(1),
                                         UINT64_C(0), UINT64_C(0));
    wire_put_why_room(&made, &m);
    assert_int_equal(buf_len(&made) - WIRE_FRAME_HEAD, buf_len(&want));
    assert_memory_equal(buf_head(&made) + WIRE_FRAME_HEAD, buf_head(&want), buf_len(&want));
    size_t head = buf_len(&want) - buf_len(&rows), row = buf_len(&rows) / 2;
    for (size_t cut = 0; cut <= buf_len(&want); cut++) {
        struct buf part = {0};
        buf_put(&part, buf_head(&want), cut);
        assert_int_equal(taken(again_why_room, part), cut >= head && (cut - head) % row == 0);
    }
    buf_free(&rows);
    buf_free(&made);
    buf_free(&want);
}

/* States beyond the table, more devices than there can be, flags that are none. */
static void bounds_of_an_answer(void **state)
{
    (void)state;
    static uint8_t many[WIRE_WHY_DEVICES_MAX + 1][21];
    for (unsigned x = 0; x < 256; x++) {
        uint64_t v = x;
        assert_int_equal(taken(again_why_messages, fields("1s1841" "811", UINT64_C(1), text("bob"), UINT64_C(0), N1, UINT64_C(0),
                                                          UINT64_C(1), N1, v, UINT64_C(0))), x <= 5);
        assert_int_equal(taken(again_why_messages, fields("1s1841", UINT64_C(1), text("bob"), v, N1, UINT64_C(0), UINT64_C(0))), x <= 1);
        assert_int_equal(taken(again_why_room, fields("1s81" "s111118", UINT64_C(2), text("#x"), N1, UINT64_C(1), text("b"),
                                                      UINT64_C(1), v, UINT64_C(1), UINT64_C(1), UINT64_C(0), N1)), x <= 5);
        assert_int_equal(taken(again_why_room, fields("1s81", UINT64_C(2), text("#x"), N1, v)), x <= 1);
    }
    for (size_t n = 0; n <= WIRE_WHY_DEVICES_MAX + 1; n++)
        assert_int_equal(taken(again_why_messages, fields("1s1841" "811r", UINT64_C(1), text("bob"), UINT64_C(0), N1, UINT64_C(0),
                                                          UINT64_C(1), N1, UINT64_C(3), (uint64_t)n,
                                                          (struct slice){many[0], n * sizeof *many})), n <= WIRE_WHY_DEVICES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions),      cmocka_unit_test(bounds_of_a_question), cmocka_unit_test(about_messages),
        cmocka_unit_test(about_a_room),   cmocka_unit_test(bounds_of_an_answer),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
