/* wire_moderate.c - see wire_moderate.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_moderate.h"

#include "wire_keys.h"

_Static_assert((int)WIRE_MODERATE_REFUSED == (int)WIRE_KEYS_REFUSED, "both are refused in one form");

/* Payloads are gathered first: these frames are rare. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

static void put_slice8(struct buf *b, struct slice s)
{
    buf_put_str8(b, s.data, s.len);
}

const char *wire_act_name(uint8_t act)
{
    static const char *const names[WIRE_ACTS] = {
        [WIRE_ACT_KICK] = "kick",     [WIRE_ACT_BAN] = "ban",               [WIRE_ACT_MUTE] = "mute",
        [WIRE_ACT_UNBAN] = "unban",   [WIRE_ACT_UNMUTE] = "unmute",         [WIRE_ACT_ANNOUNCE] = "announce",
        [WIRE_ACT_OPEN] = "open",     [WIRE_ACT_ROLE] = "role",             [WIRE_ACT_LOCK] = "lock",
        [WIRE_ACT_UNLOCK] = "unlock", [WIRE_ACT_DELETE] = "delete",         [WIRE_ACT_INVITE] = "invite",
        [WIRE_ACT_TOPIC] = "topic",   [WIRE_ACT_OPEN_GROUP] = "open-group", [WIRE_ACT_INVITE_ONLY] = "invite-only",
    };
    return act > 0 && act < WIRE_ACTS ? names[act] : "unknown";
}

void wire_put_moderate_ask(struct buf *b, const struct wire_moderate_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->act);
    put_slice8(&p, m->room);
    put_slice8(&p, m->name);
    buf_put_u32(&p, m->seconds);
    put_slice8(&p, m->reason);
    put(b, WIRE_MODERATE_ASK, &p);
}

bool wire_get_moderate_ask(struct slice p, struct wire_moderate_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    m->act = cur_u8(&c);
    m->room = cur_str8(&c);
    m->name = cur_str8(&c);
    m->seconds = cur_u32(&c);
    m->reason = cur_str8(&c);
    bool of_room = m->act == WIRE_ACT_ANNOUNCE || m->act == WIRE_ACT_OPEN;
    return cur_end(&c) && m->act >= WIRE_ACT_KICK && m->act <= WIRE_ACT_ASK_MAX && (m->name.len == 0) == of_room &&
           m->seconds <= WIRE_MODERATE_SECONDS && m->reason.len <= WIRE_REASON_MAX;
}

void wire_put_moderate_done(struct buf *b, const struct wire_moderate_done *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_MODERATE_DONE);
    buf_put_u8(&p, m->act);
    put_slice8(&p, m->room);
    put_slice8(&p, m->by);
    put_slice8(&p, m->name);
    buf_put_u8(&p, m->role);
    buf_put_u64(&p, m->until_ms);
    put_slice8(&p, m->reason);
    put(b, WIRE_MODERATE, &p);
}

bool wire_get_moderate_done(struct slice p, struct wire_moderate_done *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->act = cur_u8(&c);
    m->room = cur_str8(&c);
    m->by = cur_str8(&c);
    m->name = cur_str8(&c);
    m->role = cur_u8(&c);
    m->until_ms = cur_u64(&c);
    m->reason = cur_str8(&c);
    return cur_end(&c) && op == WIRE_MODERATE_DONE && m->act >= WIRE_ACT_KICK && m->act < WIRE_ACTS;
}

void wire_put_moderate_state(struct buf *b, const struct wire_moderate_state *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_MODERATE_STATE);
    buf_put_u8(&p, m->role);
    buf_put_u8(&p, m->flags);
    buf_put_u64(&p, m->muted_until_ms);
    put_slice8(&p, m->muted_why);
    buf_put_u64(&p, m->banned_until_ms);
    put_slice8(&p, m->banned_why);
    put(b, WIRE_MODERATE, &p);
}

bool wire_get_moderate_state(struct slice p, struct wire_moderate_state *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->role = cur_u8(&c);
    m->flags = cur_u8(&c);
    m->muted_until_ms = cur_u64(&c);
    m->muted_why = cur_str8(&c);
    m->banned_until_ms = cur_u64(&c);
    m->banned_why = cur_str8(&c);
    return cur_end(&c) && op == WIRE_MODERATE_STATE;
}
