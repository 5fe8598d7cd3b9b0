/*
 * dispatch.c - from a client's frame to what it leads to. One row per frame: what it costs and who
 * handles it; which side may send it and when is the wire's own table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blob.h"
#include "fault.h"
#include "log.h"
#include "worker.h"

struct row {
    uint8_t cost; /* messages taken from the token bucket */
    bool (*handle)(struct session *s, const struct wire_frame *f); /* false: session is gone */
};

static bool pass_on(struct session *s, const struct wire_frame *f)
{
    s->in_parts = f->type == WIRE_PART;
    if (f->type == WIRE_RESUME) s->unsure = false;
    if (f->type == WIRE_SEND) s->worker->in++;
    bus_put_up(&s->worker->broker, bus_sid(s->index, s->generation), f->type, f->payload);
    return true;
}

static bool on_login(struct session *s, const struct wire_frame *f)
{
    bus_put_login(&s->worker->broker, bus_sid(s->index, s->generation), s->handshake->h, s->peer,
                  f->payload);
    s->announced = true;
    s->state = SESSION_LOGGING;
    return true;
}

static bool on_ping(struct session *s, const struct wire_frame *f)
{
    uint64_t token;
    if (!wire_get_ping(f->payload, &token)) return false;
    struct buf pong = {0};
    wire_put_ping(&pong, WIRE_PONG, token);
    session_send(s, buf_head(&pong), buf_len(&pong)); /* it knows when too much waits */
    buf_free(&pong);
    return s->state != SESSION_CLOSING;
}

static bool on_bye(struct session *s, const struct wire_frame *f)
{
    (void)f;
    s->polite = true;
    session_drop(s, "bye");
    return false;
}

static const struct row rows[WIRE_TYPES] = {
    [WIRE_PART] = {0, pass_on},         [WIRE_PING] = {1, on_ping},
    [WIRE_BYE] = {0, on_bye},           [WIRE_LOGIN] = {1, on_login},
    [WIRE_RESUME] = {1, pass_on},       [WIRE_SEND] = {1, pass_on},
    [WIRE_ACK] = {0, pass_on},          [WIRE_PRESENCE_ASK] = {1, pass_on},
    [WIRE_KEYS_ASK] = {8, pass_on},     [WIRE_LIST_ASK] = {8, pass_on},
    [WIRE_GROUP_ASK] = {1, pass_on},    [WIRE_HISTORY_ASK] = {8, pass_on},
    [WIRE_ADMIT_ASK] = {8, pass_on},    [WIRE_ROSTER_ASK] = {8, pass_on},
    [WIRE_MODERATE_ASK] = {8, pass_on}, [WIRE_WHY_ASK] = {8, pass_on},
    [WIRE_BLOB_ASK] = {1, blob_on_ask}, [WIRE_DATA_UP] = {0, blob_on_data},
};

static void bad(struct session *s, uint16_t code, const char *what, uint8_t type)
{
    char text[96];
    const char *name = wire_row(type)->name;
    snprintf(text, sizeof text, "%s: %s (type %02x)", what, name ? name : "unknown frame", type);
    session_refuse(s, code, 0, text, wire_code_name(code));
}

/* Takes cost and bytes from the buckets; over the mark the session is read no further for a while. */
static void pay(struct session *s, unsigned messages, size_t bytes)
{
    s->tokens_messages -= (int32_t)messages;
    s->tokens_bytes -= (int64_t)bytes;
    if (s->tokens_messages <= 0 || s->tokens_bytes <= 0) session_hold(s, HOLD_RATE);
}

#ifdef FAULTS
/* Frames that only a build for tests knows: see fault.h. */
static bool test_frame(struct session *s, const struct wire_frame *f)
{
    struct slab *slab = &s->worker->slab;
    struct cur c = cur_of(f->payload.data, f->payload.len);
    uint8_t what = cur_u8(&c);
    uint16_t pass = cur_u16(&c);
    switch (f->type) {
    case FAULT_CRASH: abort();
    case FAULT_ESCAPE: fault_escape(what, s->worker->slab_fd); return true;
    case FAULT_ARM:
        fault_arm(what, pass, bus_sid(s->index, s->generation), slab_now(slab, s->index)->rx_nonce);
        return true;
    default: return false;
    }
}
#endif

static bool one_frame(struct session *s, const struct wire_frame *f)
{
    const struct wire_row *rule = wire_row(f->type);
#ifdef FAULTS
    if (test_frame(s, f)) return true;
#endif
    if (!rule->name || !(rule->from & WIRE_CLIENT)) {
        bad(s, WIRE_BAD_FRAME, "a client may not send this", f->type);
        return false;
    }
    enum wire_phase phase = s->state == SESSION_OPEN ? WIRE_OPEN : WIRE_FIRST;
    if (!(rule->phase & phase) || (f->type == WIRE_LOGIN && s->state != SESSION_LOGIN) ||
        (s->state == SESSION_LOGGING)) {
        bad(s, WIRE_BAD_STATE, "not now", f->type);
        return false;
    }
    /* Of a frame in parts this is only the end; the broker judges it when it is whole. */
    if (s->in_parts && rows[f->type].handle != pass_on) {
        bad(s, WIRE_BAD_FRAME, "this may not stand between the parts of a frame", f->type);
        return false;
    }
    bool may_be_end = rows[f->type].handle == pass_on && (s->in_parts || s->unsure);
    if ((f->payload.len < rule->min && !may_be_end) || f->payload.len > rule->max) {
        bad(s, WIRE_BAD_FRAME, "malformed", f->type);
        return false;
    }
    /* Files have a measure of their own: what a worker moves in a turn. */
    pay(s, rows[f->type].cost, f->type == WIRE_DATA_UP ? 0 : f->payload.len);
    return rows[f->type].handle(s, f);
}

bool dispatch_record(struct session *s, size_t n)
{
    struct cur c = cur_of(s->worker->plain, n);
    struct wire_frame f;
    int r;
    while ((r = wire_next(&c, &f)) > 0) {
        if (!one_frame(s, &f)) return false;
        STEP(RX_FRAME);
    }
    if (r < 0) bad(s, WIRE_BAD_FRAME, "cut", f.type);
    return r == 0;
}
