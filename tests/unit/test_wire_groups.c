/*
 * test_wire_groups.c - GROUP as far as it is about groups: encoded as docs/protocol.md, section 7.3, lists it,
 * decoded to the same, refused when cut anywhere, when a byte is left, or out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frame_check.h"
#include "wire_groups.h"

AGAIN(group_question, wire_group_question)
AGAIN(group_no, wire_group_no)
AGAIN(group_entries, wire_group_entries)
AGAIN(group_head, wire_group_head)
AGAIN(group_placed, wire_group_placed)
AGAIN(group_gap, wire_group_gap)

static bool again_invited(struct slice p, struct buf *out)
{
    struct wire_group_notice m;
    if (!wire_get_group_notice(p, WIRE_GROUP_INVITED, &m)) return false;
    wire_put_group_notice(out, WIRE_GROUP_INVITED, &m);
    return true;
}

static void questions(void **state)
{
    (void)state;
    struct wire_group_question m = {.op = WIRE_ASK_APPEND, .entry = {noise, 60}};
    CHECK(group_question, WIRE_GROUP_ASK, 59, m, "1r", UINT64_C(3), m.entry);
    m = (struct wire_group_question){.op = WIRE_ASK_LOG, .room = text("#chess"), .after = 0x01020304};
    memcpy(m.id, key, sizeof key);
    CHECK(group_question, WIRE_GROUP_ASK, 0, m, "1sk4", UINT64_C(4), m.room, UINT64_C(0x01020304));
    m = (struct wire_group_question){.op = WIRE_ASK_GROUPS, .scope = WIRE_GROUPS_OPEN};
    CHECK(group_question, WIRE_GROUP_ASK, 0, m, "11", UINT64_C(5), UINT64_C(1));
    m = (struct wire_group_question){.op = WIRE_ASK_MEMBERS, .room = text("#chess")};
    CHECK(group_question, WIRE_GROUP_ASK, 0, m, "1s", UINT64_C(6), m.room);
    m = (struct wire_group_question){.op = WIRE_ASK_PLACE, .room = text("#chess"), .seen = N1};
    memcpy(m.id, key, sizeof key);
    CHECK(group_question, WIRE_GROUP_ASK, 0, m, "1sk8", UINT64_C(7), m.room, N1);
}

static void questions_out_of_bounds(void **state)
{
    (void)state;
    static uint8_t entry[WIRE_GROUP_ENTRY_MAX + 2] = {WIRE_ASK_APPEND};
    struct buf out = {0};
    assert_true(decodes(again_group_question, entry, WIRE_GROUP_ENTRY_MAX + 1, &out));
    assert_false(decodes(again_group_question, entry, WIRE_GROUP_ENTRY_MAX + 2, &out));
    assert_false(decodes(again_group_question, (const uint8_t *)"\5\2", 2, &out)); /* no such scope */
    for (uint8_t op = 0; op < 16; op++) { /* the lobby's ops are another codec's */
        uint8_t p[] = {op, 1, '#'};
        assert_int_equal(decodes(again_group_question, p, 3, &out), op == WIRE_ASK_APPEND || op == WIRE_ASK_MEMBERS);
    }
    buf_free(&out);
}

static void answers(void **state)
{
    (void)state;
    struct wire_group_no no = {WIRE_ASK_LOG, text("#chess"), WIRE_LOG_CHANGED, 0x01020304, text("fetch it")};
    CHECK(group_no, WIRE_GROUP, 0, no, "1s124S", UINT64_C(4), no.room, UINT64_C(4), UINT64_C(50), UINT64_C(0x01020304), no.text);
    struct wire_group_head head = {.room = text("#chess"), .seq = 7, .number = N1};
    memcpy(head.id, key, sizeof key);
    CHECK(group_head, WIRE_GROUP, 0, head, "1sk48", UINT64_C(8), head.room, UINT64_C(7), N1);
    struct wire_group_placed placed = {.room = text("#chess"), .from = N1, .to = N2};
    memcpy(placed.id, key, sizeof key);
    CHECK(group_placed, WIRE_GROUP, 0, placed, "1sk88", UINT64_C(9), placed.room, N1, N2);
    struct wire_group_gap gap = {text("#chess"), N1, N2};
    CHECK(group_gap, WIRE_GROUP, 0, gap, "1s88", UINT64_C(10), gap.room, N1, N2);
    struct wire_group_notice notice = {.room = text("#chess"), .text = text("alice")};
    struct buf made = {0};
    memcpy(notice.id, key, sizeof key);
    wire_put_group_notice(&made, WIRE_GROUP_INVITED, &notice);
    check(WIRE_GROUP, &made, fields("1sks", UINT64_C(11), notice.room, notice.text), 0, again_invited);
}

/* An entry cut off, or one without its number, is none. */
static void entries(void **state)
{
    (void)state;
    struct buf list = fields("8S8S", N1, text("one"), N2, text("two")), out = {0}, made = {0};
    struct wire_group_entries m = {.room = text("#chess"), .head = 9, .entries = {buf_head(&list), buf_len(&list)}};
    memcpy(m.id, key, sizeof key);
    wire_put_group_entries(&made, &m);
    struct buf want = fields("1sk48S8S", UINT64_C(5), m.room, UINT64_C(9), N1, text("one"), N2, text("two"));
    const uint8_t *p = buf_head(&made) + WIRE_FRAME_HEAD;
    size_t n = buf_len(&made) - WIRE_FRAME_HEAD;
    assert_int_equal(n, buf_len(&want));
    assert_memory_equal(p, buf_head(&want), n);
    for (size_t cut = 0; cut <= n; cut++) /* whole behind each entry alone */
        assert_int_equal(decodes(again_group_entries, p, cut, &out), cut == n || cut == n - 13 || cut == n - 26);
    buf_free(&list);
    buf_free(&out);
    buf_free(&made);
    buf_free(&want);
}

static void lists(void **state)
{
    (void)state;
    struct buf rows = {0}, made = {0};
    struct wire_group_row g = {.room = text("#chess"), .flags = 3, .role = 1, .members = 513, .head = 4, .number = N1, .topic = text("e4")};
    struct wire_member_row m = {text("alice"), 18, 3, N2};
    uint8_t last = 9;
    memcpy(g.id, key, sizeof key);
    wire_add_group(&rows, &g);
    wire_add_group(&rows, &g);
    wire_put_groups(&made, WIRE_LIST_LAST, (struct slice){buf_head(&rows), buf_len(&rows)});
    struct buf want = fields("11sk11248ssk11248s", UINT64_C(6), UINT64_C(1), g.room, UINT64_C(3), UINT64_C(1), UINT64_C(513),
                             UINT64_C(4), N1, g.topic, g.room, UINT64_C(3), UINT64_C(1), UINT64_C(513), UINT64_C(4), N1, g.topic);
    assert_int_equal(buf_len(&made) - WIRE_FRAME_HEAD, buf_len(&want));
    assert_memory_equal(buf_head(&made) + WIRE_FRAME_HEAD, buf_head(&want), buf_len(&want));
    struct cur c = cur_of(buf_head(&want), buf_len(&want));
    assert_true(wire_get_groups(&c, &last) && last == WIRE_LIST_LAST);
    assert_int_equal(wire_next_group(&c, &g), 1);
    assert_int_equal(wire_next_group(&c, &g), 1);
    assert_int_equal(g.members, 513);
    assert_int_equal(wire_next_group(&c, &g), 0);
    buf_head(&want)[1] = 3; /* no such frame */
    c = cur_of(buf_head(&want), buf_len(&want));
    assert_false(wire_get_groups(&c, &last));
    buf_head(&want)[1] = WIRE_LIST_CUT;
    c = cur_of(buf_head(&want), buf_len(&want) - 1);
    assert_true(wire_get_groups(&c, &last));
    assert_int_equal(wire_next_group(&c, &g), 1);
    assert_int_equal(wire_next_group(&c, &g), -1);
    buf_reset(&made, SIZE_MAX);
    buf_reset(&rows, SIZE_MAX);
    wire_add_member(&rows, &m);
    wire_put_members(&made, text("#chess"), key, WIRE_LIST_GOES_ON, (struct slice){buf_head(&rows), buf_len(&rows)});
    buf_free(&want);
    want = fields("1sk1s118", UINT64_C(7), text("#chess"), UINT64_C(0), m.name, UINT64_C(18), UINT64_C(3), N2);
    assert_int_equal(buf_len(&made) - WIRE_FRAME_HEAD, buf_len(&want));
    assert_memory_equal(buf_head(&made) + WIRE_FRAME_HEAD, buf_head(&want), buf_len(&want));
    c = cur_of(buf_head(&want), buf_len(&want));
    struct slice room;
    uint8_t id[32];
    assert_true(wire_get_members(&c, &room, id, &last) && last == WIRE_LIST_GOES_ON);
    assert_int_equal(wire_next_member(&c, &m), 1);
    assert_true(m.muted_until_ms == N2 && m.role == 3 && wire_next_member(&c, &m) == 0);
    buf_free(&want);
    buf_free(&made);
    buf_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions), cmocka_unit_test(questions_out_of_bounds), cmocka_unit_test(answers),
        cmocka_unit_test(entries),   cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
