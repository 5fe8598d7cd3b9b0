/*
 * test_wire_blob.c - BLOB and DATA: encoded as docs/protocol.md lists them, decoded to the same, refused when
 * cut anywhere, when a byte is left, or out of bounds; and where chunks end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frame_check.h"
#include "wire_blob.h"

AGAIN(blob_ask, wire_blob_ask)
AGAIN(blob_ready, wire_blob_ready)
AGAIN(blob_no, wire_blob_no)
AGAIN(blob_stored, wire_blob_stored)
AGAIN(blob_got, wire_blob_got)
AGAIN(blob_ok, wire_blob_ok)
AGAIN(blob_state, wire_blob_state)
AGAIN(blob_notice, wire_blob_notice)

static bool again_data(struct slice p, struct buf *out)
{
    struct wire_data m;
    if (!wire_get_data(p, &m)) return false;
    wire_put_data(out, WIRE_DATA_UP, &m);
    return true;
}

/* Is a payload of these fields taken? Frees it. */
static bool taken(again_fn *again, struct buf p)
{
    struct buf out = {0};
    bool good = decodes(again, buf_head(&p), buf_len(&p), &out);
    buf_free(&out);
    buf_free(&p);
    return good;
}

static struct wire_blob_ask question(uint8_t op)
{
    struct wire_blob_ask m = {.op = op};
    if (wire_blob_of_ref(op)) m.ref = 7;
    if (op <= WIRE_BLOB_GET || op >= WIRE_BLOB_HAVE) memcpy(m.blob, key, sizeof key);
    if (op <= WIRE_BLOB_CREDIT) m.at = N1;
    if (op == WIRE_BLOB_PUT) m.to = text("#ta");
    return m;
}

static void asking(void **state)
{
    (void)state;
    struct wire_blob_ask m = question(WIRE_BLOB_PUT);
    CHECK(blob_ask, WIRE_BLOB_ASK, 0, m, "14k8s", UINT64_C(1), UINT64_C(7), N1, m.to);
    m = question(WIRE_BLOB_GET);
    CHECK(blob_ask, WIRE_BLOB_ASK, 0, m, "14k8", UINT64_C(2), UINT64_C(7), N1);
    for (uint8_t op = WIRE_BLOB_DONE; op <= WIRE_BLOB_CREDIT; op++) {
        m = question(op);
        CHECK(blob_ask, WIRE_BLOB_ASK, 0, m, "148", (uint64_t)op, UINT64_C(7), N1);
    }
    m = question(WIRE_BLOB_STOP);
    CHECK(blob_ask, WIRE_BLOB_ASK, 0, m, "14", UINT64_C(5), UINT64_C(7));
    for (uint8_t op = WIRE_BLOB_HAVE; op <= WIRE_BLOB_NOTED; op++) {
        m = question(op);
        CHECK(blob_ask, WIRE_BLOB_ASK, 0, m, "1k", (uint64_t)op);
    }
    assert_false(taken(again_blob_ask, fields("1", UINT64_C(0))));
    for (unsigned op = WIRE_BLOB_OPS; op < 256; op++) {
        assert_false(taken(again_blob_ask, fields("1", (uint64_t)op)));
        assert_false(taken(again_blob_ask, fields("1k", (uint64_t)op)));
    }
}

static void answering(void **state)
{
    (void)state;
    struct wire_blob_ready ready = {7, N1, N2, true};
    CHECK(blob_ready, WIRE_BLOB, 0, ready, "14881", UINT64_C(1), UINT64_C(7), N1, N2, UINT64_C(1));
    struct wire_blob_no no = {
        .asked = WIRE_BLOB_DROP, .code = 60, .retry_ms = 9, .text = text("no such file"), .hint = text("ask again")};
    memcpy(no.blob, key, sizeof key);
    CHECK(blob_no, WIRE_BLOB, 0, no, "114k24SS", UINT64_C(2), UINT64_C(8), UINT64_C(0), UINT64_C(60), UINT64_C(9), no.text,
          no.hint);
    struct wire_blob_stored stored = {7};
    CHECK(blob_stored, WIRE_BLOB, 0, stored, "14", UINT64_C(3), UINT64_C(7));
    struct wire_blob_got got = {7, N1};
    CHECK(blob_got, WIRE_BLOB, 0, got, "148", UINT64_C(4), UINT64_C(7), N1);
    struct wire_blob_ok ok = {.asked = WIRE_BLOB_HAVE};
    memcpy(ok.blob, key, sizeof key);
    CHECK(blob_ok, WIRE_BLOB, 0, ok, "11k", UINT64_C(5), UINT64_C(6));
    struct wire_blob_state now = {
        .size = N1, .upto = N2, .complete = false, .until_ms = N3, .devices = 5, .have = 3, .declined = 1};
    memcpy(now.blob, key, sizeof key);
    CHECK(blob_state, WIRE_BLOB, 0, now, "1k8818444", UINT64_C(6), N1, N2, UINT64_C(0), N3, UINT64_C(5), UINT64_C(3),
          UINT64_C(1));
    struct wire_blob_notice notice = {.end = WIRE_BLOB_LOST, .text = text("the power failed")};
    memcpy(notice.blob, key, sizeof key);
    CHECK(blob_notice, WIRE_BLOB, 0, notice, "1k1S", UINT64_C(7), UINT64_C(4), notice.text);
}

/* What is not in the document's tables is not taken. */
static void answer_bounds(void **state)
{
    (void)state;
    for (unsigned x = 0; x < 256; x++) {
        uint64_t v = x;
        assert_int_equal(taken(again_blob_ready, fields("14881", UINT64_C(1), UINT64_C(7), N1, N2, v)), x <= 1);
        assert_int_equal(taken(again_blob_ready, fields("14881", v, UINT64_C(7), N1, N2, UINT64_C(1))), x == 1);
        assert_int_equal(taken(again_blob_no, fields("114k24SS", UINT64_C(2), v, N1, N1, N1, text("a"), text("b"))), x <= 10);
        assert_int_equal(taken(again_blob_ok, fields("11k", UINT64_C(5), v)), x >= 6 && x <= 8);
        assert_int_equal(taken(again_blob_state, fields("1k8818444", UINT64_C(6), N1, N2, v, N3, N1, N1, N1)), x <= 1);
        assert_int_equal(taken(again_blob_notice, fields("1k1S", UINT64_C(7), v, text("a"))), x >= 1 && x <= 5);
    }
}

static void data(void **state)
{
    (void)state;
    struct buf made = {0};
    struct wire_data m = {7, N1, {noise, 100}};
    wire_put_data(&made, WIRE_DATA_UP, &m);
    check(WIRE_DATA_UP, &made, fields("48r", UINT64_C(7), N1, m.bytes), 99, again_data);
    for (size_t n = WIRE_BLOB_CHUNK - 1; n <= WIRE_BLOB_CHUNK + 1; n++)
        assert_int_equal(taken(again_data, fields("48r", UINT64_C(7), N1, (struct slice){noise, n})), n <= WIRE_BLOB_CHUNK);
    const uint64_t end = UINT64_C(1) << 62;
    assert_true(taken(again_data, fields("48r", UINT64_C(7), end - 1, m.bytes)));
    assert_false(taken(again_data, fields("48r", UINT64_C(7), end, m.bytes)));
    assert_int_equal(wire_row(WIRE_DATA)->max, 12 + WIRE_BLOB_CHUNK);
    assert_true(WIRE_DATA_HEAD + WIRE_BLOB_CHUNK <= WIRE_PLAIN_MAX); /* one record holds it */
}

static void borders(void **state)
{
    (void)state;
    assert_int_equal(wire_blob_border(0), 24);
    assert_int_equal(wire_blob_border(23), 24);
    assert_int_equal(wire_blob_border(24), 24 + 64529);
    assert_int_equal(wire_blob_border(24 + 64528), 24 + 64529);
    assert_int_equal(wire_blob_border(24 + 64529), 24 + 2 * 64529);
    const uint64_t far = 24 + (UINT64_C(1) << 40) * 64529;
    assert_int_equal(wire_blob_border(far - 1), far);
    assert_int_equal(wire_blob_border(far), far + 64529);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking), cmocka_unit_test(answering), cmocka_unit_test(answer_bounds),
        cmocka_unit_test(data),   cmocka_unit_test(borders),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
