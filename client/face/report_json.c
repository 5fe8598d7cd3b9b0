/* report_json.c - see report.h: events as JSON objects. */
#include <string.h>

#include "../open.h"
#include "out.h"
#include "report.h"
#include "report_files.h"

static json_t *event(const char *name)
{
    json_t *o = json_object();
    json_object_set_new(o, "ev", json_string(name));
    return o;
}

static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *words(const char *s)
{
    return out_text((struct slice){(const uint8_t *)s, strlen(s)});
}

/* A line of a room that is no message. */
static json_t *room_event(const struct wire_deliver *m, const char *name)
{
    json_t *o = event(name);
    set(o, "time", out_time(m->time_ms));
    set(o, "room", out_text(m->to));
    set(o, "number", number(m->seq));
    return o;
}

static json_t *report_log_entry(const struct wire_deliver *m)
{
    struct membership_entry e;
    uint8_t group[SEALED_HASH];
    uint32_t seq;
    json_t *o = room_event(m, "entry");
    if (!membership_read(m->body, &e, group, &seq)) return o;
    set(o, "op", json_string(report_op(e.op) ? report_op(e.op) : "?"));
    set(o, "from", out_text(e.actor));
    if (e.subject.len) set(o, "user", out_text(e.subject));
    if (e.op == MEMBERSHIP_ROLE) set(o, "role", json_string(report_role(e.role)));
    if (e.op == MEMBERSHIP_CREATE || e.op == MEMBERSHIP_OPEN) set(o, "open", json_boolean(e.role == 1));
    if (e.op == MEMBERSHIP_MUTE) set(o, "until", e.until_ms ? out_time(e.until_ms) : json_null());
    if (e.text.len) set(o, "text", out_text(e.text));
    if (m->flags & VAULT_FLAG_SAID) set(o, "instructor", json_string("says the server"));
    return o;
}

static json_t *report_gap(const struct wire_deliver *m)
{
    json_t *o = room_event(m, "gap");
    if (m->body.len == 16) set(o, "first", number(get_u64(m->body.data)));
    return o;
}

json_t *report_message(const struct wire_deliver *m, enum vault_how how)
{
    if (how == VAULT_ENTRY) return report_log_entry(m);
    if (how == VAULT_GAP) return report_gap(m);
    json_t *o = event("message");
    uint8_t form = WIRE_FORM_SAYS;
    struct slice text;
    bool known = how != VAULT_UNOPENED && client_body(m->body, &form, &text);
    set(o, "id", number(m->id));
    set(o, "time", out_time(m->time_ms));
    set(o, "from", out_text(m->from));
    set(o, "to", out_text(m->to));
    if ((m->flags & WIRE_FLAG_ROOM) && m->seq) set(o, "number", number(m->seq));
    if (!(m->flags & WIRE_FLAG_ROOM) || how != VAULT_PLAIN)
        set(o, "sealed", json_boolean(how != VAULT_PLAIN));
    if (how == VAULT_UNOPENED) set(o, "unopened", words(open_words(m->body.len ? m->body.data[0] : 0)));
    if (m->flags & WIRE_FLAG_BACKLOG) set(o, "backlog", json_true());
    if (form == WIRE_FORM_ACTS) set(o, "form", json_string("acts"));
    set(o, "text", known ? out_text(text) : json_null());
    json_t *file = how == VAULT_SEALED ? report_offer_json(m->body) : NULL;
    if (file) set(o, "file", file);
    return o;
}

json_t *report_waits(uint64_t id, enum client_wait why, const char *to, const char *text)
{
    json_t *o = event("waits");
    set(o, "id", number(id));
    set(o, "for", json_string(why == CLIENT_WAIT_KEYS ? "keys" : "trust"));
    set(o, "to", words(to));
    set(o, "message", words(text));
    return o;
}

const char *report_state_name(uint8_t state)
{
    switch (state) {
    case WIRE_STATE_DELIVERED: return "delivered";
    case WIRE_STATE_STORED: return "stored";
    case WIRE_STATE_EXPIRED: return "expired";
    case WIRE_WHY_REVOKED: return "revoked";
    default: return "accepted";
    }
}

json_t *report_accepted(const struct wire_accepted *m, uint64_t id, const char *to)
{
    json_t *o = event("accepted");
    set(o, "id", number(id));
    set(o, "state", json_string(report_state_name(m->state)));
    set(o, "to", m->to.len ? out_text(m->to) : words(to));
    if (m->state == WIRE_STATE_STORED) {
        set(o, "waiting", number(m->waiting));
        set(o, "keep_s", number(m->keep_s));
        set(o, "absent", json_boolean(m->absent != 2));
    }
    return o;
}

json_t *report_error(const char *code, const char *message, const char *hint)
{
    json_t *o = event("error");
    set(o, "code", json_string(code));
    set(o, "message", words(message));
    set(o, "hint", words(hint ? hint : ""));
    return o;
}

json_t *report_rejected(const struct wire_rejected *m, const char *to)
{
    struct buf what = {0}, hint = {0};
    report_rejected_lines(&what, &hint, m, to);
    json_t *o = event("error");
    set(o, "code", json_string(wire_code_name(m->code)));
    set(o, "id", number(m->id));
    set(o, "to", words(to));
    set(o, "message", out_text((struct slice){buf_head(&what), buf_len(&what)}));
    set(o, "hint",
        buf_len(&hint) ? out_text((struct slice){buf_head(&hint), buf_len(&hint)})
                       : json_string(""));
    json_t *near = json_array();
    for (unsigned i = 0; i < m->near && i < WIRE_NEAR_MAX; i++)
        json_array_append_new(near, out_text(m->name[i]));
    set(o, "near", near);
    buf_free(&what);
    buf_free(&hint);
    return o;
}

json_t *report_person(const struct wire_person *p, struct slice standing)
{
    json_t *o = event("user");
    set(o, "user", out_text(p->name));
    set(o, "state", json_string(p->state ? "away" : "here"));
    set(o, "lobby", json_boolean(p->in_lobby));
    set(o, "since", out_time(p->since_ms));
    if (standing.len) set(o, "class", out_text(standing));
    if (p->text.len) set(o, "text", out_text(p->text));
    return o;
}

json_t *report_change(const struct wire_change *c)
{
    static const char *const names[] = {NULL, "join", "leave", "away", "back"};
    if (c->change == 0 || c->change > WIRE_CHANGE_BACK) return NULL;
    json_t *o = event(names[c->change]);
    set(o, "user", out_text(c->name));
    if (c->change == WIRE_CHANGE_LEFT)
        set(o, "reason", out_text(c->text));
    else if (c->text.len)
        set(o, "text", out_text(c->text));
    return o;
}

json_t *report_moderated(const struct wire_moderate_done *m)
{
    json_t *o = event("moderation");
    set(o, "act", json_string(wire_act_name(m->act)));
    set(o, "by", m->by.len ? out_text(m->by) : json_null());
    set(o, "user", m->name.len ? out_text(m->name) : json_null());
    set(o, "until", m->until_ms ? out_time(m->until_ms) : json_null());
    set(o, "reason", out_text(m->reason));
    return o;
}
