/*
 * fuzz_wire_frames.c - every wire_get_*(): what it takes must, written again, be the same bytes.
 * The first byte chooses the frame, the rest is the payload.
 *
 * Three frames have a byte of which one bit counts; those are not compared when others are set.
 */
#include "fuzz.h"
#include "wire_groups.h"
#include "wire_keys.h"

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
    /* Or the worker would refuse what the broker takes; but a SEND to nobody of nothing is
     * neither's. */
    CHECK(p.len >= wire_row(type)->min || (type == WIRE_SEND && p.len == 11));
    wire_join_reset(&join);
    buf_free(out);
}

#define FRAME(name, type, strange)                        \
    static void try_##name(struct slice p)                \
    {                                                     \
        struct wire_##name m;                             \
        struct buf out = {0};                             \
        if (!wire_get_##name(p, &m) || (strange)) return; \
        wire_put_##name(&out, &m);                        \
        same(&out, type, p);                              \
    }

FRAME(login, WIRE_LOGIN, false)
/* The flags stand after the name and four numbers. */
FRAME(welcome, WIRE_WELCOME, p.data[1 + m.name.len + 32] > 1)
FRAME(send, WIRE_SEND, false)
FRAME(accepted, WIRE_ACCEPTED, false)
FRAME(rejected, WIRE_REJECTED, false)
FRAME(deliver, WIRE_DELIVER, false)
FRAME(ack, WIRE_ACK, false)
FRAME(receipt, WIRE_RECEIPT, false)
FRAME(error, WIRE_ERROR, false)
FRAME(presence_ask, WIRE_PRESENCE_ASK, false)
FRAME(changes, WIRE_PRESENCE, false)
FRAME(about, WIRE_PRESENCE, p.data[1] > 1)

static void try_group(struct slice p)
{
    struct wire_group m;
    struct buf out = {0};
    if (!wire_get_group(p, &m)) return;
    wire_put_group(&out, &m);
    same(&out, WIRE_GROUP, p);
}

static void try_group_ask(struct slice p)
{
    struct wire_group m;
    struct buf out = {0};
    if (!wire_get_group_ask(p, &m)) return;
    CHECK(m.text.len == 0 && m.members == 0);
    wire_put_group_ask(&out, &m);
    same(&out, WIRE_GROUP_ASK, p);
}

static void try_history(struct slice p)
{
    struct wire_history m;
    struct buf out = {0};
    if (!wire_get_history(p, &m)) return;
    wire_put_history(&out, &m);
    same(&out, WIRE_HISTORY, p);
}

static void try_history_ask(struct slice p)
{
    struct wire_history m;
    struct buf out = {0};
    if (!wire_get_history_ask(p, &m)) return;
    wire_put_history_ask(&out, &m);
    same(&out, WIRE_HISTORY_ASK, p);
}

static void try_ping(struct slice p)
{
    uint64_t token;
    struct buf out = {0};
    if (!wire_get_ping(p, &token)) return;
    wire_put_ping(&out, WIRE_PING, token);
    same(&out, WIRE_PING, p);
}

static void try_resume(struct slice p)
{
    struct wire_resume m;
    uint64_t token;
    struct buf out = {0};
    if (!wire_get_resume(p, &m, &token)) return;
    wire_put_resume(&out, &m, token);
    same(&out, WIRE_RESUME, p);
}

static void try_resync(struct slice p)
{
    uint64_t incarnation, token;
    struct buf out = {0};
    if (!wire_get_resync(p, &incarnation, &token)) return;
    wire_put_resync(&out, incarnation, token);
    same(&out, WIRE_RESYNC, p);
}

/* A list is read to its end or not at all; only a whole one is written again. */
static void try_list(struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_person person;
    struct buf out = {0};
    uint16_t count;
    bool last;
    int r;
    if (!wire_list_head(&c, &last, &count)) return;
    uint16_t claimed = count;
    size_t at = wire_list_begin(&out, last), n = 0;
    while ((r = wire_list_next(&c, &count, &person)) > 0) {
        wire_list_add(&out, at, &person);
        n++;
    }
    CHECK(n <= claimed);
    if (r == 0) {
        CHECK(n == claimed);
        wire_list_end(&out, at);
        if (p.data[1] <= 1) same(&out, WIRE_PRESENCE, p);
    }
    buf_free(&out);
}

/* The heads of a SEND, walked as a recipient would. */
static void try_heads(struct slice p)
{
    struct wire_send m;
    if (!wire_get_send(p, &m)) return;
    struct cur c = cur_of(m.head_bytes.data, m.head_bytes.len);
    uint64_t device;
    struct slice head;
    for (unsigned i = 0; i < m.heads; i++)
        CHECK(wire_next_head(&c, &device, &head));
    CHECK(cur_end(&c));
}

FRAME(keys_ask, WIRE_KEYS_ASK, false)
FRAME(bundles, WIRE_KEYS, false)
FRAME(keys_own, WIRE_KEYS, false)
FRAME(list_ask, WIRE_LIST_ASK, false)
FRAME(list_entries, WIRE_LIST, false)
FRAME(new_head, WIRE_LIST, false)

static void try_keys_refused(struct slice p)
{
    struct wire_keys_refused m;
    struct buf out = {0};
    if (!wire_get_keys_refused(p, &m)) return;
    wire_put_keys_refused(&out, WIRE_KEYS, &m);
    same(&out, WIRE_KEYS, p);
}

/* What is published ends in the one-time prekeys that it counts, and its prefix begins it. */
static void try_publish(struct slice p)
{
    struct wire_publish m;
    if (!wire_get_publish(p, &m)) return;
    CHECK(m.prefix.data == p.data && m.prefix.len + 2 + m.n * (size_t)WIRE_ONE_TIME == p.len);
    CHECK(m.one_time + m.n * (size_t)WIRE_ONE_TIME == p.data + p.len);
}

FRAME(group_question, WIRE_GROUP_ASK, false)
FRAME(group_no, WIRE_GROUP, false)
FRAME(group_entries, WIRE_GROUP, false)
FRAME(group_head, WIRE_GROUP, false)
FRAME(group_placed, WIRE_GROUP, false)
FRAME(group_gap, WIRE_GROUP, false)

static void try_group_notice(struct slice p)
{
    struct wire_group_notice m;
    struct buf out = {0};
    if (!wire_get_group_notice(p, WIRE_GROUP_GONE, &m)) return;
    wire_put_group_notice(&out, WIRE_GROUP_GONE, &m);
    same(&out, WIRE_GROUP, p);
}

/* Lists of groups and of members: what is read to the end is written again to the same. */
static void try_group_lists(struct slice p)
{
    struct cur c = cur_of(p.data, p.len);
    struct wire_group_row g;
    struct wire_member_row m;
    struct buf rows = {0}, out = {0};
    struct slice room;
    uint8_t id[32], last;
    int r = -1;
    if (wire_get_groups(&c, &last)) {
        while ((r = wire_next_group(&c, &g)) > 0)
            wire_add_group(&rows, &g);
        if (r == 0) wire_put_groups(&out, last, (struct slice){rows.data, buf_len(&rows)});
    } else if (c = cur_of(p.data, p.len), wire_get_members(&c, &room, id, &last)) {
        while ((r = wire_next_member(&c, &m)) > 0)
            wire_add_member(&rows, &m);
        if (r == 0) wire_put_members(&out, room, id, last, (struct slice){rows.data, buf_len(&rows)});
    }
    if (r == 0) same(&out, WIRE_GROUP, p);
    buf_free(&rows);
}

static void (*const tries[])(struct slice) = {
    try_login,   try_welcome, try_resume,    try_send,    try_accepted,     try_rejected,
    try_deliver, try_ack,     try_receipt,   try_error,   try_presence_ask, try_changes,
    try_about,   try_group,   try_group_ask, try_history, try_history_ask,  try_ping,
    try_resync,  try_list,    try_heads,     try_keys_ask, try_bundles,     try_keys_own,
    try_list_ask, try_list_entries, try_new_head, try_keys_refused, try_publish,
    try_group_question, try_group_no, try_group_entries, try_group_head, try_group_placed, try_group_gap,
    try_group_notice, try_group_lists,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > WIRE_PAYLOAD_MAX) return 0;
    uint8_t *exact = fuzz_copy(data + 1, size - 1);
    tries[data[0] % (sizeof tries / sizeof *tries)]((struct slice){exact, size - 1});
    free(exact);
    return 0;
}
