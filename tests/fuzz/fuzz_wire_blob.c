/*
 * fuzz_wire_blob.c - the decoders of BLOB and DATA: what they take must, written again, be the same bytes.
 * The first byte chooses the frame, the rest is the payload.
 */
#include "fuzz.h"
#include "wire_blob.h"

/* out is exactly one frame of this type with this payload, as the table allows it. */
static void same(struct buf *out, uint8_t type, struct slice p)
{
    struct cur c = cur_of(buf_head(out), buf_len(out));
    struct wire_frame f;
    CHECK(wire_next(&c, &f) > 0);
    CHECK(f.type == type && fuzz_same(f.payload, p) && cur_end(&c));
    CHECK(p.len >= wire_row(type)->min);
    buf_free(out);
}

#define FRAME(name, type)                      \
    static void try_##name(struct slice p)     \
    {                                          \
        struct wire_##name m;                  \
        struct buf out = {0};                  \
        if (!wire_get_##name(p, &m)) return;   \
        wire_put_##name(&out, &m);             \
        same(&out, type, p);                   \
    }

FRAME(blob_ask, WIRE_BLOB_ASK)
FRAME(blob_ready, WIRE_BLOB)
FRAME(blob_no, WIRE_BLOB)
FRAME(blob_stored, WIRE_BLOB)
FRAME(blob_got, WIRE_BLOB)
FRAME(blob_ok, WIRE_BLOB)
FRAME(blob_state, WIRE_BLOB)
FRAME(blob_notice, WIRE_BLOB)

/* Borders lie behind every place, and at most a chunk away. */
static void try_data(struct slice p)
{
    struct wire_data m;
    struct buf out = {0};
    if (!wire_get_data(p, &m)) return;
    uint64_t border = wire_blob_border(m.offset);
    CHECK(border > m.offset && border - m.offset <= WIRE_BLOB_CHUNK && wire_blob_border(border - 1) == border);
    wire_put_data(&out, WIRE_DATA_UP, &m);
    same(&out, WIRE_DATA_UP, p);
}

static void (*const tries[])(struct slice) = {
    try_blob_ask, try_blob_ready, try_blob_no,     try_blob_stored, try_blob_got,
    try_blob_ok,  try_blob_state, try_blob_notice, try_data,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > WIRE_PAYLOAD_MAX) return 0;
    uint8_t *exact = fuzz_copy(data + 1, size - 1);
    tries[data[0] % (sizeof tries / sizeof *tries)]((struct slice){exact, size - 1});
    free(exact);
    return 0;
}
