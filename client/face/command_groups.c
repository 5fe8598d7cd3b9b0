/* command_groups.c - see command_groups.h. Without a room, the one that is talked to is meant. */
#include "command_groups.h"

#include <stdio.h>
#include <string.h>

#include "../show.h"
#include "orders.h"
#include "report.h"

static void take_word(const char **rest, char *out, size_t cap)
{
    size_t n = strcspn(*rest, " "), keep = n < cap ? n : cap - 1;
    memcpy(out, *rest, keep);
    out[keep] = '\0';
    *rest += n;
    *rest += strspn(*rest, " ");
}

bool group_target(const struct chat *c)
{
    return c->target[0] == '#' && strcasecmp(c->target, "#lobby") != 0;
}

/* What is typed next is meant for it; it waits until we are in. */
static void talk_to(struct chat *c, const char *room)
{
    snprintf(c->target, sizeof c->target, "%s", room);
}

static bool order(struct chat *c, struct client_group_order *o)
{
    if (!o->subject) o->subject = "";
    if (!o->text) o->text = "";
    if (!c->ops->order || c->ops->order(c->arg, o) < 0) {
        chat_error(c, "that cannot be the name of a group", "# and 1 to 32 letters, digits, _ . -");
        return false;
    }
    c->asking++;
    if (!c->connected) chat_print(c, "  - is done when there is a connection");
    return true;
}

/* A room at the front of rest, or the present one. False after saying that there is none. */
static bool take_room(struct chat *c, const char **rest, char room[NAME_SIZE])
{
    if (**rest == '#')
        take_word(rest, room, NAME_SIZE);
    else if (group_target(c))
        memcpy(room, c->target, NAME_SIZE);
    else {
        chat_error(c, "which group?", "/list shows groups; /query #NAME talks to one from now on");
        return false;
    }
    return true;
}

static bool take_person(struct chat *c, const char **rest, char name[NAME_SIZE])
{
    take_word(rest, name, NAME_SIZE);
    if (name_valid(name, strlen(name), NULL)) return true;
    chat_error(c, name[0] ? "that is no name" : "whom? a name is missing", "/names lists the members");
    return false;
}

void cmd_create(struct chat *c, const char *rest)
{
    char room[NAME_SIZE];
    if (*rest != '#') {
        chat_error(c, "which name is the group to have?", "/create #NAME, or /create #NAME open");
        return;
    }
    take_word(&rest, room, sizeof room);
    if (order(c, &(struct client_group_order){
                     .op = MEMBERSHIP_CREATE, .room = room, .role = strcasecmp(rest, "open") == 0}))
        talk_to(c, room);
}

void group_join(struct chat *c, const char *room)
{
    if (order(c, &(struct client_group_order){.op = MEMBERSHIP_JOIN, .room = room})) talk_to(c, room);
}

void group_leave(struct chat *c, const char *room)
{
    order(c, &(struct client_group_order){.op = MEMBERSHIP_LEAVE, .room = room});
}

void group_names(struct chat *c, const char *room)
{
    if (c->ops->members(c->arg, room) < 0)
        chat_error(c, "not connected", "it is tried again by itself; /reconnect tries at once");
    else
        c->asking++;
}

void cmd_invite(struct chat *c, const char *rest)
{
    char name[NAME_SIZE], room[NAME_SIZE];
    if (take_person(c, &rest, name) && take_room(c, &rest, room))
        order(c, &(struct client_group_order){.op = MEMBERSHIP_INVITE, .room = room, .subject = name});
}

void cmd_kick(struct chat *c, const char *rest)
{
    char name[NAME_SIZE], room[NAME_SIZE];
    if (take_person(c, &rest, name) && take_room(c, &rest, room))
        order(c, &(struct client_group_order){
                     .op = MEMBERSHIP_KICK, .room = room, .subject = name, .text = rest});
}

void cmd_topic(struct chat *c, const char *rest)
{
    char room[NAME_SIZE];
    if (!take_room(c, &rest, room)) return;
    if (rest[0])
        order(c, &(struct client_group_order){.op = MEMBERSHIP_TOPIC, .room = room, .text = rest});
    else
        chat_error(c, "which topic?", "/topic TEXT; /list shows the topics");
}

void cmd_role(struct chat *c, const char *rest)
{
    char name[NAME_SIZE], word[16], room[NAME_SIZE];
    if (!take_person(c, &rest, name)) return;
    take_word(&rest, word, sizeof word);
    uint8_t role = order_role(word);
    if (role == ROLE_NONE)
        chat_error(c, "which role?", "/role NAME member, assistant or owner");
    else if (take_room(c, &rest, room))
        order(c, &(struct client_group_order){.op = MEMBERSHIP_ROLE, .room = room, .subject = name, .role = role});
}

void cmd_mute(struct chat *c, const char *rest)
{
    char name[NAME_SIZE], span[16] = "10m", room[NAME_SIZE];
    uint64_t until;
    if (!take_person(c, &rest, name)) return;
    if (rest[0] >= '0' && rest[0] <= '9') take_word(&rest, span, sizeof span);
    if (!order_span(span, order_now_ms(), &until))
        chat_error(c, "for how long?", "/mute NAME 10m; units s, m, h, d; 0 lets them speak again");
    else if (take_room(c, &rest, room))
        order(c, &(struct client_group_order){
                     .op = MEMBERSHIP_MUTE, .room = room, .subject = name, .until_ms = until, .text = rest});
}

void cmd_list(struct chat *c, const char *rest)
{
    (void)rest;
    if (c->ops->groups(c->arg, false) < 0 || c->ops->groups(c->arg, true) < 0)
        chat_error(c, "not connected", "it is tried again by itself; /reconnect tries at once");
    else
        c->asking += 2;
    c->listing_groups += 2;
}

/* --- events --- */

static void on_order(struct chat *c, const struct client_event *e)
{
    char text[300];
    if (c->asking && !e->order.earlier) c->asking--;
    if (e->order.code) {
        show_word(text, sizeof text, e->order.text);
        chat_print(c, "error: %s: %s", e->order.room, text[0] ? text : e->order.code);
        if (e->order.earlier) return;
        bool in = e->order.op != MEMBERSHIP_CREATE && e->order.op != MEMBERSHIP_JOIN;
        if (in || strcasecmp(c->target, e->order.room) != 0) return;
        talk_to(c, "#lobby");
        chat_print(c, "*** you talk to #lobby now");
        return;
    }
    if (e->order.earlier) {
        chat_print(c, "*** %s: %s is done now", e->order.room, report_op(e->order.op));
        return;
    }
    if (e->order.op == MEMBERSHIP_CREATE || e->order.op == MEMBERSHIP_JOIN) {
        talk_to(c, e->order.room);
        chat_print(c, "*** you are in %s and talk to it now; only its members can read it", e->order.room);
    }
    if (e->order.op == MEMBERSHIP_LEAVE && strcasecmp(c->target, e->order.room) == 0) {
        talk_to(c, "#lobby");
        chat_print(c, "*** you have left %s and talk to #lobby now", e->order.room);
    }
}

static void put(struct chat *c, struct buf *line)
{
    buf_put_u8(line, 0);
    c->ops->print(c->arg, (const char *)buf_head(line));
    buf_free(line);
}

/* An open group that one is in is in both lists. */
static void on_row(struct chat *c, const struct wire_group_row *r)
{
    struct buf line = {0};
    bool again = c->listing_groups == 1 && (r->flags & (WIRE_IS_MEMBER | WIRE_IS_INVITED));
    if (c->listing_groups == 0 || again) return;
    report_put(&line, "  ");
    report_group_line(&line, r);
    put(c, &line);
}

static void on_member(struct chat *c, const struct wire_member_row *r)
{
    struct buf line = {0};
    report_put(&line, "  ");
    report_member_line(&line, r);
    put(c, &line);
}

static void on_notice(struct chat *c, const struct client_event *e)
{
    char room[64], text[200];
    show_word(room, sizeof room, e->invited->room);
    show_word(text, sizeof text, e->invited->text);
    if (e->type == CLIENT_INVITED)
        chat_print(c, "*** %s invites you to %s; /join %s comes in", text, room, room);
    else
        chat_print(c, "*** %s was deleted: %s", room, text);
}

static void on_refused(struct chat *c, const struct wire_group_no *m)
{
    char room[64], text[200];
    if (m->asked != WIRE_ASK_MEMBERS && m->asked != WIRE_ASK_GROUPS) return;
    if (c->asking) c->asking--;
    show_word(room, sizeof room, m->room);
    show_word(text, sizeof text, m->text);
    chat_print(c, "error: %s%s%s", room, room[0] ? ": " : "", text);
}

void group_event(struct chat *c, const struct client_event *e)
{
    switch (e->type) {
    case CLIENT_ORDER: on_order(c, e); return;
    case CLIENT_GROUPS: on_row(c, e->groups.row); return;
    case CLIENT_GROUPS_END:
        if (c->listing_groups && c->asking) c->asking--;
        if (c->listing_groups && e->groups.cut) chat_print(c, "  … and more than are listed");
        if (c->listing_groups) c->listing_groups--;
        return;
    case CLIENT_MEMBERS: on_member(c, e->members.row); return;
    case CLIENT_MEMBERS_END:
        if (c->asking) c->asking--;
        return;
    case CLIENT_INVITED:
    case CLIENT_GONE: on_notice(c, e); return;
    case CLIENT_NO_GROUP: on_refused(c, e->no_group); return;
    default: return;
    }
}
