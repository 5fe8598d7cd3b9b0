/* report_groups.c - see report.h: groups, their members and the entries of their logs. */
#include "report.h"

#include <time.h>

#include "../show.h"
#include "out.h"

const char *report_role(uint8_t role)
{
    static const char *const names[] = {"none", "member", "assistant", "owner"};
    return role < sizeof names / sizeof *names ? names[role] : "?";
}

const char *report_op(uint8_t op)
{
    static const char *const names[] = {NULL,   "create", "invite", "join",  "leave",
                                        "kick", "role",   "mute",   "topic", "open"};
    return op < sizeof names / sizeof *names ? names[op] : NULL;
}

static void put_clock(struct buf *out, uint64_t ms)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    if (localtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm)) report_put(out, "%s", text);
}

static void put_reason(struct buf *out, struct slice text)
{
    if (text.len == 0) return;
    report_put(out, ": ");
    show_line(out, text);
}

bool report_entry_line(struct buf *out, struct slice entry)
{
    struct membership_entry e;
    uint8_t group[SEALED_HASH];
    uint32_t seq;
    char who[64], whom[64];
    if (!membership_read(entry, &e, group, &seq)) return false;
    show_word(who, sizeof who, e.actor);
    show_word(whom, sizeof whom, e.subject);
    switch (e.op) {
    case MEMBERSHIP_CREATE:
        report_put(out, "%s created the group, %s", who, e.role ? "open to all" : "by invitation");
        return true;
    case MEMBERSHIP_INVITE: report_put(out, "%s invited %s", who, whom); return true;
    case MEMBERSHIP_JOIN: report_put(out, "%s joined", who); return true;
    case MEMBERSHIP_LEAVE: report_put(out, "%s left", who); return true;
    case MEMBERSHIP_KICK: report_put(out, "%s put %s out", who, whom); break;
    case MEMBERSHIP_ROLE: report_put(out, "%s made %s %s", who, whom, report_role(e.role)); return true;
    case MEMBERSHIP_MUTE:
        report_put(out, e.until_ms ? "%s muted %s until " : "%s lets %s speak again", who, whom);
        if (e.until_ms) put_clock(out, e.until_ms);
        break;
    case MEMBERSHIP_TOPIC: report_put(out, "%s set the topic", who); break;
    case MEMBERSHIP_OPEN:
        report_put(out, e.role ? "%s opened the group to all" : "%s closed the group: by invitation now", who);
        return true;
    default: return false;
    }
    put_reason(out, e.text);
    return true;
}

void report_group_line(struct buf *out, const struct wire_group_row *r)
{
    char name[64];
    show_word(name, sizeof name, r->room);
    report_put(out, "%-20s %-13s %-10s %5u members", name, r->flags & WIRE_IS_OPEN ? "open" : "by invitation",
               r->flags & WIRE_IS_INVITED  ? "invited"
               : r->flags & WIRE_IS_MEMBER ? report_role(r->role)
                                           : "",
               r->members);
    if (r->flags & WIRE_IS_MUTED) report_put(out, ", muted");
    put_reason(out, r->topic);
}

void report_member_line(struct buf *out, const struct wire_member_row *r)
{
    char name[64];
    show_word(name, sizeof name, r->name);
    report_put(out, "%-20s %-10s %s", name, r->flags & WIRE_IS_INVITED ? "invited" : report_role(r->role),
               r->flags & WIRE_IS_PRESENT ? "here" : "absent");
    if (!(r->flags & WIRE_IS_MUTED)) return;
    report_put(out, ", muted until ");
    put_clock(out, r->muted_until_ms);
}

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

json_t *report_group(const struct wire_group_row *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "ev", json_string("group"));
    json_object_set_new(o, "room", out_text(r->room));
    json_object_set_new(o, "open", json_boolean(r->flags & WIRE_IS_OPEN));
    json_object_set_new(o, "invited", json_boolean(r->flags & WIRE_IS_INVITED));
    json_object_set_new(o, "muted", json_boolean(r->flags & WIRE_IS_MUTED));
    json_object_set_new(o, "role", text_or_null(r->flags & WIRE_IS_MEMBER ? report_role(r->role) : NULL));
    json_object_set_new(o, "members", json_integer(r->members));
    json_object_set_new(o, "topic", out_text(r->topic));
    return o;
}

json_t *report_member(struct slice room, const struct wire_member_row *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "ev", json_string("member"));
    json_object_set_new(o, "room", out_text(room));
    json_object_set_new(o, "user", out_text(r->name));
    json_object_set_new(o, "role", text_or_null(r->flags & WIRE_IS_MEMBER ? report_role(r->role) : NULL));
    json_object_set_new(o, "invited", json_boolean(r->flags & WIRE_IS_INVITED));
    json_object_set_new(o, "present", json_boolean(r->flags & WIRE_IS_PRESENT));
    if (r->flags & WIRE_IS_MUTED) json_object_set_new(o, "muted_until", out_time(r->muted_until_ms));
    return o;
}
