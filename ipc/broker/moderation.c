/*
 * moderation.c - acts of moderation: who may order what, the order on its way through the store, and
 * what follows when it is durable. The audit log is the store's: no act without its line.
 */
#include "moderation.h"

#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "log.h"
#include "name.h"

enum { OPERATOR = 3 /* above every role */, SIDS_A_FRAME = 32768 };

/* What an act is to the store, who may order it, and whether it is about the lobby. */
static const struct rule {
    uint8_t least; /* role; OPERATOR: no client */
    enum store_change change;
    enum store_sanction_kind kind;
    bool of_room;
} rules[WIRE_ACTS] = {
    [WIRE_ACT_KICK] = {2, STORE_NOTHING, 0, true},
    [WIRE_ACT_BAN] = {2, STORE_FORBID, STORE_BAN, true},
    [WIRE_ACT_MUTE] = {1, STORE_FORBID, STORE_MUTE, true},
    [WIRE_ACT_UNBAN] = {2, STORE_LIFT, STORE_BAN, true},
    [WIRE_ACT_UNMUTE] = {1, STORE_LIFT, STORE_MUTE, true},
    [WIRE_ACT_ANNOUNCE] = {2, STORE_FORBID, STORE_ANNOUNCE, true},
    [WIRE_ACT_OPEN] = {2, STORE_LIFT, STORE_ANNOUNCE, true},
    [WIRE_ACT_ROLE] = {OPERATOR, STORE_GRANT, 0, false},
    [WIRE_ACT_LOCK] = {OPERATOR, STORE_FORBID, STORE_LOCK, false},
    [WIRE_ACT_UNLOCK] = {OPERATOR, STORE_LIFT, STORE_LOCK, false},
};

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

const char *moderation_role_name(uint8_t role)
{
    return role == 2 ? "instructor" : role == 1 ? "assistant" : "member";
}

/* --- telling --- */

static void say_state(struct session *s)
{
    const struct broker *b = s->link->broker;
    const struct account *a = s->device->account;
    const struct sanction *muted = sanctions_find(b, a, STORE_MUTE), *banned = sanctions_find(b, a, STORE_BAN);
    struct wire_moderate_state m = {
        .role = a->role,
        .flags = (uint8_t)((sanctions_find(b, NULL, STORE_ANNOUNCE) ? WIRE_STATE_ANNOUNCE : 0) |
                           (muted ? WIRE_STATE_MUTED : 0) | (banned ? WIRE_STATE_BANNED : 0)),
        .muted_until_ms = muted ? muted->until_ms : 0,
        .muted_why = text_of(muted ? muted->reason : ""),
        .banned_until_ms = banned ? banned->until_ms : 0,
        .banned_why = text_of(banned ? banned->reason : "")};
    size_t at;
    wire_put_moderate_state(session_begin(s, &at), &m);
    session_end(s, at);
}

static void tell_state(const struct account *a)
{
    for (const struct device *d = a->device; d; d = d->next)
        for (struct session *s = d->session; s; s = s->next)
            say_state(s);
}

void moderation_welcome(struct session *s)
{
    const struct broker *b = s->link->broker;
    const struct account *a = s->device->account;
    bool any = b->announce || a->sanctions || (s->returned && a->granted >= 0);
    if (any) say_state(s);
}

static bool concerns(const struct order *o, const struct session *s)
{
    const struct account *a = s->device->account;
    return lobby_in(s) || a == o->whom || a == o->by;
}

/* One frame to all whom it concerns, in its place among the lobby's messages. */
static void tell_done(const struct order *o)
{
    struct broker *b = o->broker;
    struct wire_moderate_done m = {.act = o->act,
                                   .room = text_of(rules[o->act].of_room ? b->lobby.name : ""),
                                   .by = text_of(o->by ? o->by->name : ""),
                                   .name = text_of(o->whom ? o->whom->name : ""),
                                   .role = o->whom ? o->whom->role : 0,
                                   .until_ms = o->until_ms,
                                   .reason = text_of(o->reason)};
    struct buf frame = {0};
    uint64_t *sid = xmalloc(SIDS_A_FRAME * sizeof *sid);
    wire_put_moderate_done(&frame, &m);
    room_flush(b);
    for (struct link *l = b->links; l; l = l->next) {
        size_t n = 0;
        for (uint32_t i = 0; i <= l->seats; i++) {
            const struct session *s = i < l->seats ? l->seat[i].session : NULL;
            if (s && concerns(o, s)) sid[n++] = s->sid;
            if (n < SIDS_A_FRAME && (i < l->seats || n == 0)) continue;
            bus_put_down_many(&l->stream, sid, n, (struct slice){buf_head(&frame), buf_len(&frame)});
            n = 0;
        }
    }
    free(sid);
    buf_free(&frame);
}

/* GROUP parted or refused, with words. */
static void say_room(struct session *s, uint8_t op, const char *words)
{
    const struct room *lobby = &s->link->broker->lobby;
    struct wire_group m = {op, text_of(lobby->name), lobby->head, lobby->members, text_of(words)};
    size_t at;
    wire_put_group(session_begin(s, &at), &m);
    session_end(s, at);
}

bool moderation_keeps_out(struct session *s)
{
    char words[320];
    if (!sanctions_bar(s->link->broker, s->device->account, words, sizeof words)) return false;
    say_room(s, WIRE_GROUP_REFUSED, words);
    return true;
}

/* --- what follows --- */

static void show_out(struct broker *b, struct account *a, const char *words)
{
    for (struct device *d = a->device; d; d = d->next)
        for (struct session *s = d->session; s; s = s->next) {
            if (!lobby_in(s)) continue;
            lobby_part(s);
            say_room(s, WIRE_GROUP_PART, words);
        }
    if (a->in_lobby == 0) presence_left(b, a, true);
}

/* An end that is told with the time after which it makes sense to come again. */
static void end_sessions(struct broker *b, struct account *a)
{
    char words[320];
    uint16_t code = sanctions_lock(b, a, words, sizeof words);
    uint32_t retry_ms = sanctions_retry_ms(&a->sanctions->of[STORE_LOCK]);
    for (struct device *d = a->device; d; d = d->next)
        while (d->session) {
            struct session *s = d->session;
            bus_put_kick(&s->link->stream, s->sid, code, retry_ms, words);
            session_close(s, true);
        }
    admit_end_account(b, a);
}

static void apply(const struct order *o)
{
    const struct rule *rule = &rules[o->act];
    if (rule->change == STORE_FORBID)
        sanctions_set(o->broker, o->whom, rule->kind, o->until_ms, o->reason);
    else if (rule->change == STORE_LIFT)
        sanctions_lift(o->broker, o->whom, rule->kind);
    if (o->act == WIRE_ACT_ROLE) {
        o->whom->granted = (int8_t)o->role;
        o->whom->role = o->role;
    }
}

static void carry_out(const struct order *o)
{
    struct broker *b = o->broker;
    char words[320];
    apply(o);
    if (o->act == WIRE_ACT_LOCK) {
        if (sanctions_find(b, o->whom, STORE_LOCK)) end_sessions(b, o->whom);
    } else if (o->act != WIRE_ACT_UNLOCK) {
        tell_done(o);
        if (o->whom && o->act != WIRE_ACT_KICK) tell_state(o->whom);
    }
    if (o->act == WIRE_ACT_KICK) {
        snprintf(words, sizeof words, "you were put out of #lobby%s%s", *o->reason ? ": " : "", o->reason);
        show_out(b, o->whom, words);
    } else if (o->act == WIRE_ACT_BAN && sanctions_bar(b, o->whom, words, sizeof words)) {
        show_out(b, o->whom, words);
    }
}

/* --- through the store --- */

/* Names of events are an interface: here they stand in one place. */
static const char *event_of(uint8_t act)
{
    switch (act) {
    case WIRE_ACT_KICK: return "kick";
    case WIRE_ACT_BAN: return "ban";
    case WIRE_ACT_MUTE: return "mute";
    case WIRE_ACT_UNBAN: return "unban";
    case WIRE_ACT_UNMUTE: return "unmute";
    case WIRE_ACT_ANNOUNCE: return "announce";
    case WIRE_ACT_OPEN: return "open";
    case WIRE_ACT_ROLE: return "role";
    case WIRE_ACT_LOCK: return "lock";
    default: return "unlock";
    }
}

static void log_order(const struct order *o)
{
    LOG(LOG_INFO, "moderate", event_of(o->act), log_s("user", o->whom ? o->whom->name : NULL),
        log_s("room", rules[o->act].of_room ? o->broker->lobby.name : NULL),
        log_s("role", o->act == WIRE_ACT_ROLE ? moderation_role_name(o->role) : NULL), log_u("until_ms", o->until_ms),
        log_s("by", o->by ? o->by->name : NULL), log_s("origin", o->by ? "client" : "ctl"));
}

static void written(void *ctx, enum store_status status, uint64_t id)
{
    struct order *o = ctx;
    (void)id;
    if (status == STORE_OK) {
        log_order(o);
        carry_out(o);
    }
    o->done(o->ctx, status == STORE_OK);
    free(o);
}

void moderation_order(const struct order *given)
{
    struct order *o = xmalloc(sizeof *o);
    *o = *given;
    struct store_audit line = {.time_ms = clock_wall_ms(),
                               .actor = o->by ? o->by->id : 0,
                               .subject = o->whom ? o->whom->id : 0,
                               .origin = o->by ? STORE_BY_CLIENT : STORE_BY_OPERATOR,
                               .act = o->act,
                               .role = o->act == WIRE_ACT_ROLE ? o->role : o->whom ? o->whom->role : 0,
                               .until_ms = o->until_ms};
    if (rules[o->act].of_room) memcpy(line.room, o->broker->lobby.name, strlen(o->broker->lobby.name));
    memcpy(line.reason, o->reason, sizeof line.reason);
    store_moderate(o->broker->store, &line, rules[o->act].change, (uint8_t)rules[o->act].kind, written, o);
}

/* log_escape() leaves exactly that unchanged which a terminal and JSON can take as it is. */
bool moderation_reason(struct order *o, struct slice reason)
{
    char shown[4 * STORE_REASON_MAX + 16];
    if (reason.len > STORE_REASON_MAX) return false;
    size_t n = log_escape(shown, sizeof shown, (const char *)reason.data, reason.len);
    if (n != reason.len || (n && memcmp(shown, reason.data, n) != 0)) return false;
    memset(o->reason, 0, sizeof o->reason);
    if (n) memcpy(o->reason, shown, n);
    return true;
}

/* --- a client's order --- */

static void refuse(struct session *s, const struct wire_moderate_ask *m, uint16_t code, const char *text)
{
    keys_refuse(s, WIRE_MODERATE, m->act, m->name, code, 0, text);
}

/* NULL: this account may do that to this one, or to the room. */
static const char *forbidden(const struct account *by, uint8_t act, const struct account *whom)
{
    if (by->role == 0) return "only instructors and assistants moderate #lobby";
    if (by->role < rules[act].least) return "assistants may mute, and nothing else; ask an instructor";
    if (whom && whom->role >= by->role)
        return "not to somebody whose role is as high as yours; ask the operator of the server";
    return NULL;
}

struct ordered {
    struct asker by;
    uint8_t act;
};

static void answer(void *ctx, bool stored)
{
    struct ordered *o = ctx;
    struct session *s = asker_session(&o->by);
    struct wire_moderate_ask m = {.act = o->act, .name = text_of("")};
    if (s && !stored) refuse(s, &m, WIRE_DISK_FULL, "the server's disk is full; nothing was changed");
    free(o);
}

void moderation_ask(struct session *s, const struct wire_moderate_ask *m)
{
    struct broker *b = s->link->broker;
    struct order o = {.broker = b, .act = m->act, .by = s->device->account, .done = answer};
    if (!keys_afford(s, WIRE_MODERATE, m->act, m->name)) return;
    if (m->room.len != strlen(b->lobby.name) || memcmp(m->room.data, b->lobby.name, m->room.len) != 0) {
        refuse(s, m, WIRE_NO_SUCH_ROOM, "no such room; there is #lobby");
        return;
    }
    if (m->name.len) o.whom = people_find(b, m->name);
    if (m->name.len && (!o.whom || o.whom->pending)) {
        refuse(s, m, WIRE_NO_SUCH_USER, "no such user");
        return;
    }
    const char *why = forbidden(o.by, m->act, o.whom);
    if (why) {
        refuse(s, m, WIRE_NO_RIGHT, why);
        return;
    }
    if (!moderation_reason(&o, m->reason)) {
        refuse(s, m, WIRE_BAD_REASON, "the reason has characters that cannot be shown");
        return;
    }
    if (rules[m->act].change == STORE_FORBID && m->seconds) o.until_ms = clock_wall_ms() + m->seconds * UINT64_C(1000);
    struct ordered *ctx = xmalloc(sizeof *ctx);
    *ctx = (struct ordered){asker_of(s), m->act};
    o.ctx = ctx;
    moderation_order(&o);
}

/* --- the roster --- */

static void reconsider(void *arg, struct account *a)
{
    uint8_t role = people_role_of(arg, a);
    if (a->pending || role == a->role) return;
    a->role = role;
    LOG(LOG_INFO, "roster", "role", log_s("user", a->name), log_s("role", moderation_role_name(role)));
    tell_state(a);
}

void moderation_roster_read(struct broker *b)
{
    people_each(b, reconsider, b);
}
