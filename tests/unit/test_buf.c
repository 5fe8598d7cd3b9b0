/* test_buf.c - the growing buffer and the checked cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "buf.h"

static void integers_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t want[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                   0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x88};
    struct buf b = {0};
    buf_put_u8(&b, 0x01);
    buf_put_u16(&b, 0x0203);
    buf_put_u32(&b, 0x04050607);
    buf_put_u64(&b, 0x88090a0b0c0d0e0f);
    assert_int_equal(buf_len(&b), sizeof want);
    assert_memory_equal(buf_head(&b), want, sizeof want);
    struct cur c = cur_of(buf_head(&b), buf_len(&b));
    assert_int_equal(cur_u8(&c), 0x01);
    assert_int_equal(cur_u16(&c), 0x0203);
    assert_int_equal(cur_u32(&c), 0x04050607);
    assert_false(cur_end(&c));
    assert_true(cur_u64(&c) == 0x88090a0b0c0d0e0f);
    assert_true(cur_end(&c));
    buf_free(&b);
}

static void strings(void **state)
{
    (void)state;
    static uint8_t long_one[65535];
    struct buf b = {0};
    memset(long_one, 'x', sizeof long_one);
    buf_put_str8(&b, NULL, 0);
    buf_put_str8(&b, long_one, 255);
    buf_put_str16(&b, NULL, 0);
    buf_put_str16(&b, long_one, sizeof long_one);
    assert_int_equal(buf_len(&b), 1 + 256 + 2 + 65537);
    struct cur c = cur_of(buf_head(&b), buf_len(&b));
    assert_int_equal(cur_str8(&c).len, 0);
    struct slice s = cur_str8(&c);
    assert_int_equal(s.len, 255);
    assert_int_equal(s.data[254], 'x');
    assert_int_equal(cur_str16(&c).len, 0);
    assert_int_equal(cur_str16(&c).len, 65535);
    assert_true(cur_end(&c));
    buf_free(&b);
}

/* Through dropping and growing, what is in the buffer stays what was put and not yet dropped. */
static void drops_and_growth_keep_the_bytes(void **state)
{
    (void)state;
    struct buf b = {0};
    uint8_t put = 0, got = 0, chunk[300];
    size_t held = 0, moved = 0;
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t n = randombytes_uniform(sizeof chunk);
        for (size_t i = 0; i < n; i++)
            chunk[i] = put++;
        size_t cap = b.cap;
        bool had_offset = b.off > 0;
        buf_put(&b, chunk, n);
        moved += had_offset && b.off == 0 && b.cap == cap;
        held += n;
        assert_int_equal(buf_len(&b), held);
        size_t out = randombytes_uniform((uint32_t)(held < 600 ? held + 1 : 600));
        for (size_t i = 0; i < out; i++)
            assert_int_equal(buf_head(&b)[i], got++);
        buf_drop(&b, out);
        held -= out;
    }
    assert_true(moved > 10);    /* room at the front was used again */
    assert_true(b.cap < 16384); /* and the memory follows what is held, not what went through */
    buf_free(&b);
}

static void room_counts_nothing(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_non_null(buf_room(&b, 0));
    uint8_t *at = buf_room(&b, 1000);
    assert_int_equal(buf_len(&b), 0);
    memset(at, 7, 1000);
    buf_added(&b, 1000);
    assert_int_equal(buf_len(&b), 1000);
    assert_true(b.cap >= 1000);
    assert_ptr_equal(buf_room(&b, b.cap - b.len), b.data + 1000); /* what is there is not moved */
    buf_free(&b);
}

static void an_empty_buffer_starts_again(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_put(&b, "abcdef", 6);
    buf_drop(&b, 4);
    assert_memory_equal(buf_head(&b), "ef", 2);
    assert_int_equal(b.off, 4);
    buf_drop(&b, 2);
    assert_int_equal(b.off, 0);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void reset_keeps_small_memory_only(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_put(&b, "abc", 3);
    uint8_t *data = b.data;
    buf_reset(&b, b.cap);
    assert_ptr_equal(b.data, data);
    assert_int_equal(buf_len(&b), 0);
    buf_put(&b, "abc", 3);
    buf_drop(&b, 1);
    buf_reset(&b, b.cap - 1);
    assert_null(b.data);
    assert_int_equal(b.cap + b.len + b.off, 0);
    buf_put(&b, "z", 1); /* usable again */
    assert_int_equal(*buf_head(&b), 'z');
    buf_free(&b);
    buf_free(&b);
    assert_null(b.data);
}

/* After the first read that does not fit everything gives nothing, whatever is left. */
static void a_bad_cursor_stays_bad(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
    struct cur c = cur_of(bytes, sizeof bytes);
    assert_true(cur_u64(&c) == 0);
    assert_true(c.bad);
    assert_int_equal(cur_u8(&c), 0);
    assert_int_equal(cur_u16(&c), 0);
    assert_true(cur_u32(&c) == 0);
    assert_null(cur_bytes(&c, 0));
    assert_int_equal(cur_str8(&c).len, 0);
    assert_non_null(cur_str16(&c).data);
    assert_int_equal(cur_rest(&c).len, 0);
    assert_ptr_equal(c.p, bytes);
    assert_false(cur_end(&c));
}

/* Each kind of read with every shorter input; the copy is exact, so a sanitizer sees a step beyond.
 */
static void every_read_minds_the_end(void **state)
{
    (void)state;
    static const struct {
        size_t need;
        uint8_t bytes[8];
    } rows[] = {{1, {9}},
                {2, {9, 9}},
                {4, {9, 9, 9, 9}},
                {8, {9, 9, 9, 9, 9, 9, 9, 9}},
                {4, {3, 'a', 'b', 'c'}},
                {5, {3, 0, 'a', 'b', 'c'}},
                {7, {1, 2, 3, 4, 5, 6, 7}}};
    for (unsigned kind = 0; kind < sizeof rows / sizeof *rows; kind++) {
        for (size_t n = 0; n <= rows[kind].need; n++) {
            uint8_t *exact = malloc(n ? n : 1);
            if (n) memcpy(exact, rows[kind].bytes, n);
            struct cur c = cur_of(exact, n);
            switch (kind) {
            case 0: cur_u8(&c); break;
            case 1: cur_u16(&c); break;
            case 2: cur_u32(&c); break;
            case 3: cur_u64(&c); break;
            case 4: cur_str8(&c); break;
            case 5: cur_str16(&c); break;
            default: cur_bytes(&c, 7); break;
            }
            assert_int_equal(cur_end(&c), n == rows[kind].need);
            assert_true(c.p <= c.end);
            free(exact);
        }
    }
}

static void a_length_near_the_limit_does_not_wrap(void **state)
{
    (void)state;
    const uint8_t bytes[4] = {0};
    struct cur c = cur_of(bytes, sizeof bytes);
    assert_null(cur_bytes(&c, SIZE_MAX));
    assert_true(c.bad);
    c = cur_of(bytes, sizeof bytes);
    assert_int_equal(cur_rest(&c).len, 4);
    assert_true(cur_end(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(strings),
        cmocka_unit_test(drops_and_growth_keep_the_bytes),
        cmocka_unit_test(room_counts_nothing),
        cmocka_unit_test(an_empty_buffer_starts_again),
        cmocka_unit_test(reset_keeps_small_memory_only),
        cmocka_unit_test(a_bad_cursor_stays_bad),
        cmocka_unit_test(every_read_minds_the_end),
        cmocka_unit_test(a_length_near_the_limit_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
