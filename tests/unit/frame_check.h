/*
 * frame_check.h - for tests of frames: one frame has the fields that the document lists, is read again to
 * the same, and no cut of it is taken. Included by one test program each, after cmocka.
 */
#ifndef FRAME_CHECK_H
#define FRAME_CHECK_H

#include "fields.h"
#include "wire.h"

/* rest: so many bytes at the end may be missing. Frees made and want. */
static inline void check(uint8_t type, struct buf *made, struct buf want, size_t rest, again_fn *again)
{
    const struct wire_row *row = wire_row(type);
    struct buf copy = {0};
    const uint8_t *payload = buf_head(made) + WIRE_FRAME_HEAD;
    size_t n = buf_len(made) - WIRE_FRAME_HEAD;
    assert_int_equal(buf_head(made)[0], type);
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
    assert_int_equal(decodes(again, buf_head(&want), n + 1, &copy), rest > 0);
    buf_free(&copy);
    buf_free(&want);
    buf_free(made);
}

/* Reads a frame and writes it again. */
#define AGAIN(name, type)                                     \
    static bool again_##name(struct slice p, struct buf *out) \
    {                                                         \
        struct type m;                                        \
        memset(&m, 0xcc, sizeof m);                           \
        if (!wire_get_##name(p, &m)) return false;            \
        wire_put_##name(out, &m);                             \
        return true;                                          \
    }

#define CHECK(name, type, rest, m, ...)                              \
    do {                                                             \
        struct buf made = {0};                                       \
        wire_put_##name(&made, &(m));                                \
        check(type, &made, fields(__VA_ARGS__), rest, again_##name); \
    } while (0)

#endif
