/*
 * test_wire_keys.c - KEYS and LIST: encoded as docs/protocol.md lists them, decoded to the same,
 * refused when cut anywhere, when a byte is left, or out of bounds; what a device publishes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "frame_check.h"
#include "wire_keys.h"

AGAIN(keys_ask, wire_keys_ask)
AGAIN(bundles, wire_bundles)
AGAIN(keys_own, wire_keys_own)
AGAIN(list_ask, wire_list_ask)
AGAIN(list_entries, wire_list_entries)
AGAIN(new_head, wire_new_head)

static bool again_refused(struct slice p, struct buf *out)
{
    struct wire_keys_refused m;
    if (!wire_get_keys_refused(p, &m)) return false;
    wire_put_keys_refused(out, WIRE_LIST, &m);
    return true;
}

static void keys_questions(void **state)
{
    (void)state;
    struct wire_keys_ask m = {.op = WIRE_KEYS_PUBLISH, .publish = {noise, 60}};
    CHECK(keys_ask, WIRE_KEYS_ASK, 60, m, "1r", UINT64_C(1), m.publish);
    m = (struct wire_keys_ask){.op = WIRE_KEYS_FETCH, .name = text("bob"), .device = N1};
    CHECK(keys_ask, WIRE_KEYS_ASK, 0, m, "1s8", UINT64_C(2), m.name, N1);
    m = (struct wire_keys_ask){.op = WIRE_KEYS_OWN};
    CHECK(keys_ask, WIRE_KEYS_ASK, 0, m, "1", UINT64_C(3));
    struct buf out = {0};
    for (unsigned op = 0; op < 256; op++)
        assert_int_equal(decodes(again_keys_ask, &(uint8_t){(uint8_t)op}, 1, &out), op == 1 || op == 3);
    buf_free(&out);
}

static void keys_answers(void **state)
{
    (void)state;
    struct buf two = fields("SS", text("first"), text(""));
    struct wire_bundles m = {text("bob"), N1, 2, {buf_head(&two), buf_len(&two)}};
    CHECK(bundles, WIRE_KEYS, 0, m, "1s81SS", UINT64_C(1), m.name, N1, UINT64_C(2), text("first"), text(""));
    m = (struct wire_bundles){.name = text("bob"), .n = 0};
    CHECK(bundles, WIRE_KEYS, 0, m, "1s81", UINT64_C(1), m.name, UINT64_C(0), UINT64_C(0));
    struct wire_keys_own own = {7, 99, 1000};
    CHECK(keys_own, WIRE_KEYS, 0, own, "1424", UINT64_C(2), UINT64_C(7), UINT64_C(99), UINT64_C(1000));
    buf_free(&two);
}

static void refusals(void **state)
{
    (void)state;
    struct buf made = {0};
    struct wire_keys_refused m = {2, text("bob"), WIRE_TOO_FAST, 900, text("too many"),
                                  2, {text("rob"), text("bo")}};
    wire_put_keys_refused(&made, WIRE_LIST, &m);
    check(WIRE_LIST, &made,
          fields("11s24S1ss", UINT64_C(3), UINT64_C(2), m.name, UINT64_C(30), UINT64_C(900), m.text, UINT64_C(2),
                 m.like[0], m.like[1]), 0,
          again_refused);
}

static void lists(void **state)
{
    (void)state;
    struct wire_list_ask ask = {.op = WIRE_LIST_FETCH, .name = text("bob"), .after = 7};
    CHECK(list_ask, WIRE_LIST_ASK, 0, ask, "1s4", UINT64_C(1), ask.name, UINT64_C(7));
    ask = (struct wire_list_ask){.op = WIRE_LIST_APPEND, .entry = {noise, 300}};
    memcpy(ask.account_key, key, 32);
    CHECK(list_ask, WIRE_LIST_ASK, 299, ask, "1kr", UINT64_C(2), ask.entry);
    struct buf two = fields("SS", text("an entry"), text("another"));
    struct wire_list_entries m = {.name = text("bob"), .head = 2, .entries = {buf_head(&two), buf_len(&two)}};
    memcpy(m.account_key, key, 32);
    struct buf whole_one = {0}, want = fields("1sk4SS", UINT64_C(1), m.name, UINT64_C(2), text("an entry"), text("another"));
    wire_put_list_entries(&whole_one, &m); /* without its last entry it is a list, too */
    assert_int_equal(buf_len(&whole_one) - WIRE_FRAME_HEAD, buf_len(&want));
    assert_memory_equal(buf_head(&whole_one) + WIRE_FRAME_HEAD, buf_head(&want), buf_len(&want));
    for (size_t cut = 0; cut <= buf_len(&want); cut++) {
        struct buf out = {0};
        bool whole = cut == buf_len(&want) || cut == buf_len(&want) - 9 || cut == buf_len(&want) - 19;
        assert_int_equal(decodes(again_list_entries, buf_head(&want), cut, &out), whole);
        buf_free(&out);
    }
    buf_free(&whole_one);
    buf_free(&want);
    struct wire_new_head head = {text("bob"), 9};
    CHECK(new_head, WIRE_LIST, 0, head, "1s4", UINT64_C(2), head.name, UINT64_C(9));
    buf_free(&two);
}

static void entry_bounds(void **state)
{
    (void)state;
    for (size_t n = 0; n <= WIRE_ENTRY_MAX + 1; n++) {
        struct buf out = {0}, b = fields("1kr", UINT64_C(2), (struct slice){noise, n});
        assert_int_equal(decodes(again_list_ask, buf_head(&b), buf_len(&b), &out),
                         n >= 1 && n <= WIRE_ENTRY_MAX);
        buf_free(&out);
        buf_free(&b);
    }
}

/* suite, device, signed prekey (id, 104 bytes), KEM, n one-time prekeys from the id given. */
static struct buf published(unsigned suite, uint64_t signed_id, const char *kem, unsigned n, uint32_t first)
{
    struct buf b = fields("184rS2", (uint64_t)suite, N1, signed_id, (struct slice){noise, 104}, text(kem),
                          (uint64_t)n);
    for (uint32_t i = 0; i < n; i++) {
        buf_put_u32(&b, first + i);
        buf_put(&b, noise, 32);
    }
    return b;
}

static bool is_published(struct buf b, size_t drop)
{
    struct wire_publish m;
    bool good = wire_get_publish((struct slice){buf_head(&b), buf_len(&b) - drop}, &m);
    buf_free(&b);
    return good;
}

static void what_is_published(void **state)
{
    (void)state;
    struct buf b = published(1, 5, "", 3, 10), bundle = {0};
    struct wire_publish m;
    assert_true(wire_get_publish((struct slice){buf_head(&b), buf_len(&b)}, &m));
    assert_true(m.device == N1 && m.signed_id == 5 && m.n == 3 && m.prefix.len == 119);
    assert_int_equal(get_u32(m.one_time + WIRE_ONE_TIME), 11);
    wire_put_bundle(&bundle, m.prefix, m.one_time);
    wire_put_bundle(&bundle, m.prefix, NULL);
    assert_int_equal(buf_len(&bundle), 2 + 156 + 2 + 120); /* the sizes of docs/sealed.md, section 13 */
    assert_memory_equal(buf_head(&bundle) + 2, m.prefix.data, m.prefix.len);
    buf_free(&bundle);
    buf_free(&b);
    assert_true(is_published(published(1, 1, "", 0, 1), 0));
    assert_true(is_published(published(1, 1, "", 224, 1), 0));
    assert_false(is_published(published(1, 1, "", 225, 1), 0)); /* beyond 8 KiB */
    assert_false(is_published(published(2, 1, "", 1, 1), 0));
    assert_false(is_published(published(1, 0, "", 1, 1), 0));
    assert_false(is_published(published(1, 1, "k", 1, 1), 0));
    assert_false(is_published(published(1, 1, "", 1, 0), 0));
    for (size_t drop = 1; drop <= 157; drop++)
        assert_false(is_published(published(1, 1, "", 1, 1), drop));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_questions), cmocka_unit_test(keys_answers),
        cmocka_unit_test(refusals),       cmocka_unit_test(lists),
        cmocka_unit_test(entry_bounds),   cmocka_unit_test(what_is_published),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
