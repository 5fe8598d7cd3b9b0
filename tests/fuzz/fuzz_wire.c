/*
 * fuzz_wire.c - a record's plaintext taken apart: wire_next(), wire_join(), padding. Whatever was
 * put together must come apart the same after wire_put().
 *
 * First byte odd: the rest is a script (type, length u16, filling byte) for long frames.
 */
#include "fuzz.h"
#include "wire.h"

enum { SCRIPT_MAX = 262144 };

static void put_script(struct buf *plain, struct cur in)
{
    while (in.p < in.end && buf_len(plain) < SCRIPT_MAX) {
        uint8_t type = cur_u8(&in);
        uint16_t n = cur_u16(&in);
        uint8_t filling = cur_u8(&in);
        if (in.bad) return;
        buf_put_u8(plain, type);
        buf_put_u16(plain, n);
        memset(buf_room(plain, n), filling, n);
        buf_added(plain, n);
    }
}

/* A whole frame, written and read again. */
static void again(const struct wire_frame *f)
{
    struct buf out = {0};
    struct wire_joiner join = {0};
    struct wire_frame back;
    int r = 0;
    wire_put(&out, f->type, f->payload.data, f->payload.len);
    struct cur c = cur_of(buf_head(&out), buf_len(&out));
    while (r == 0) {
        CHECK(wire_next(&c, &back) > 0);
        CHECK(back.payload.len <= WIRE_PAYLOAD_MAX);
        r = wire_join(&join, &back);
    }
    CHECK(r > 0 && back.type == f->type && fuzz_same(back.payload, f->payload));
    CHECK(wire_next(&c, &back) == 0 && cur_end(&c));
    wire_join_reset(&join);
    buf_free(&out);
}

static void walk(const uint8_t *plain, size_t n)
{
    struct cur c = cur_of(plain, n);
    struct wire_joiner join = {0};
    struct wire_frame f;
    int r;
    while ((r = wire_next(&c, &f)) > 0) {
        CHECK(f.type != WIRE_PAD);
        CHECK(f.payload.data >= plain && f.payload.data + f.payload.len <= plain + n);
        int whole = wire_join(&join, &f);
        CHECK(buf_len(&join.parts) <= WIRE_JOINED_MAX);
        if (whole < 0) wire_join_reset(&join); /* as RESYNC would */
        if (whole > 0) {
            CHECK(f.type != WIRE_PART && f.payload.len <= WIRE_JOINED_MAX);
            again(&f);
        }
    }
    if (r == 0) CHECK(c.p == c.end);
    wire_join_reset(&join);
    buf_free(&join.parts);
}

static void pad(size_t n)
{
    static uint8_t at[1024];
    struct wire_frame f;
    size_t more = wire_padding(n), all = n + more;
    CHECK(more == 0 || (more >= WIRE_FRAME_HEAD && more <= sizeof at));
    CHECK(all <= WIRE_PLAIN_MAX || more == 0);
    CHECK(more == 0 || all % (all <= 1024 ? 64 : 512) == 0);
    CHECK(more || all % (all <= 1024 ? 64 : 512) == 0 || all + 1024 > WIRE_PLAIN_MAX);
    wire_put_pad(at, more);
    struct cur c = cur_of(at, more);
    CHECK(wire_next(&c, &f) == 0 && cur_end(&c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct buf plain = {0};
    if (data[0] & 1)
        put_script(&plain, cur_of(data + 1, size - 1));
    else
        buf_put(&plain, data + 1, size - 1);
    uint8_t *exact = fuzz_copy(buf_len(&plain) ? buf_head(&plain) : data, buf_len(&plain));
    walk(exact, buf_len(&plain));
    pad(buf_len(&plain) % WIRE_PLAIN_MAX);
    free(exact);
    buf_free(&plain);
    return 0;
}
