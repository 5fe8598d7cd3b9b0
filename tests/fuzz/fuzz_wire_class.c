/*
 * fuzz_wire_class.c - the decoders of ADMIT, ROSTER, MODERATE and WHY: what they take must, written again, be
 * the same bytes. The first byte chooses the frame, the rest is the payload.
 */
#include "fuzz.h"
#include "span.h"
#include "wire_admit.h"
#include "wire_moderate.h"
#include "wire_roster.h"
#include "wire_why.h"

/* The frame in out, perhaps in parts, is one of this type with this payload. */
static void same(struct buf *out, uint8_t type, struct slice p)
{
    struct cur c = cur_of(buf_head(out), buf_len(out));
    struct wire_joiner join = {0};
    struct wire_frame f;
    int r = 0;
    while (r == 0) {
        CHECK(wire_next(&c, &f) > 0);
        r = wire_join(&join, &f);
    }
    CHECK(r > 0 && f.type == type && fuzz_same(f.payload, p) && cur_end(&c));
    CHECK(p.len >= wire_row(type)->min); /* or the worker would refuse what the broker takes */
    wire_join_reset(&join);
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

FRAME(admit_ask, WIRE_ADMIT_ASK)
FRAME(admit, WIRE_ADMIT)
FRAME(admit_end, WIRE_ADMIT)
FRAME(roster_ask, WIRE_ROSTER_ASK)
FRAME(roster_items, WIRE_ROSTER)
FRAME(roster_news, WIRE_ROSTER)
FRAME(roster_done, WIRE_ROSTER)
FRAME(moderate_ask, WIRE_MODERATE_ASK)
FRAME(moderate_done, WIRE_MODERATE)
FRAME(moderate_state, WIRE_MODERATE)
FRAME(why_ask, WIRE_WHY_ASK)
FRAME(why_messages, WIRE_WHY)
FRAME(why_room, WIRE_WHY)

/* Items are walked as a client would. */
static void try_items(struct slice p)
{
    struct wire_roster_items m;
    struct wire_roster_item item;
    if (!wire_get_roster_items(p, &m)) return;
    struct cur c = cur_of(m.items.data, m.items.len);
    for (unsigned i = 0; i < m.n; i++)
        CHECK(wire_next_roster_item(&c, &item));
    CHECK(cur_end(&c));
}

/* Rows of both kinds, written again. */
static void try_why_rows(struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_why_message m;
    struct wire_why_member who;
    struct buf out = {0};
    while (wire_next_why_message(&c, &m))
        wire_add_why_message(&out, &m);
    CHECK(c.bad || (buf_len(&out) == p.len && fuzz_same((struct slice){buf_head(&out), p.len}, p)));
    buf_reset(&out, SIZE_MAX);
    c = cur_of(p.data, p.len);
    while (wire_next_why_member(&c, &who))
        wire_add_why_member(&out, &who);
    CHECK(c.bad || (buf_len(&out) == p.len && fuzz_same((struct slice){buf_head(&out), p.len}, p)));
    buf_free(&out);
}

static void try_span(struct slice p)
{
    uint32_t seconds = 0;
    bool good = span_seconds(p, WIRE_MODERATE_SECONDS, &seconds);
    CHECK(good == (seconds > 0) && seconds <= WIRE_MODERATE_SECONDS);
}

static void (*const tries[])(struct slice) = {
    try_admit_ask,   try_admit,       try_admit_end,    try_roster_ask,    try_roster_items, try_roster_news,
    try_roster_done, try_moderate_ask, try_moderate_done, try_moderate_state, try_items,      try_span,
    try_why_ask,     try_why_messages, try_why_room,     try_why_rows,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > WIRE_JOINED_MAX) return 0;
    uint8_t *exact = fuzz_copy(data + 1, size - 1);
    tries[data[0] % (sizeof tries / sizeof *tries)]((struct slice){exact, size - 1});
    free(exact);
    return 0;
}
