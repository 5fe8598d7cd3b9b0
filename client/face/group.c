/*
 * group.c - csce513fall24Msg group …: one entry for a group's log, or a list. What becomes of an order is
 * the exit code; when the server is not reached, the next process that is connected for long enough carries it out.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "errand.h"
#include "orders.h"
#include "out.h"
#include "report.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

struct grouping {
    struct errand s;
    const struct action *action;
    struct client_group_order order;
    struct buf text;
    bool asked;
    uint64_t number; /* of the order */
    unsigned lists; /* still to come */
};

/* What it takes: a room, then as flags say. */
enum { TAKES_NAME = 1, TAKES_TEXT = 2, TAKES_SPAN = 4, TAKES_ROLE = 8, TAKES_OPEN = 16, TAKES_NOTHING = 32 };

static const struct action {
    const char *word, *usage;
    uint8_t op; /* 0: a list */
    uint8_t role;
    unsigned takes;
} actions[] = {
    {"create", "create '#NAME' [open]", MEMBERSHIP_CREATE, 0, TAKES_OPEN},
    {"invite", "invite '#NAME' USER", MEMBERSHIP_INVITE, 0, TAKES_NAME},
    {"join", "join '#NAME'", MEMBERSHIP_JOIN, 0, 0},
    {"leave", "leave '#NAME'", MEMBERSHIP_LEAVE, 0, 0},
    {"kick", "kick '#NAME' USER [WHY]", MEMBERSHIP_KICK, 0, TAKES_NAME | TAKES_TEXT},
    {"role", "role '#NAME' USER member|assistant|owner", MEMBERSHIP_ROLE, 0, TAKES_NAME | TAKES_ROLE},
    {"mute", "mute '#NAME' USER SPAN [WHY]", MEMBERSHIP_MUTE, 0, TAKES_NAME | TAKES_SPAN | TAKES_TEXT},
    {"topic", "topic '#NAME' TEXT", MEMBERSHIP_TOPIC, 0, TAKES_TEXT},
    {"open", "open '#NAME'", MEMBERSHIP_OPEN, 1, 0},
    {"close", "close '#NAME'", MEMBERSHIP_OPEN, 0, 0},
    {"members", "members '#NAME'", 0, 0, 0},
    {"list", "list", 0, 0, TAKES_NOTHING},
};

static const struct action *find(const char *word)
{
    for (size_t i = 0; word && i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].word, word) == 0) return &actions[i];
    return NULL;
}

static enum face_exit usage(const struct args *o, const char *what, const struct action *a)
{
    struct why why;
    why_set(&why, "%s", what);
    if (a)
        why_hint(&why, NAME " group %s", a->usage);
    else
        why_hint(&why, NAME " help group shows how");
    return errand_error(o, "usage", &why);
}

/* --- what is wanted --- */

/* The operands from here on, as one text. */
static const char *join_text(struct grouping *m, const struct args *o, int from)
{
    for (int i = from; i < o->operands; i++) {
        if (i > from) buf_put_u8(&m->text, ' ');
        buf_put(&m->text, o->operand[i], strlen(o->operand[i]));
    }
    buf_put_u8(&m->text, 0);
    return (const char *)buf_head(&m->text);
}

static const char *operand(const struct args *o, int i)
{
    return i < o->operands ? o->operand[i] : "";
}

/* NULL, or what is wrong. */
static const char *take_operands(struct grouping *m, const struct args *o)
{
    const struct action *a = m->action;
    struct client_group_order *w = &m->order;
    int at = 3;
    *w = (struct client_group_order){
        .op = a->op, .role = a->role, .room = operand(o, 2), .subject = "", .text = ""};
    if (a->takes & TAKES_NOTHING) return o->operands > 2 ? "too many words" : NULL;
    if (!name_valid_room(w->room, strlen(w->room), NULL)) return "which group? '#' and its name";
    if (strcasecmp(w->room, "#lobby") == 0) return "the lobby is no group: everybody is in";
    if (a->takes & TAKES_NAME) w->subject = operand(o, at++);
    if ((a->takes & TAKES_NAME) && !name_valid(w->subject, strlen(w->subject), NULL)) return "whom? a name is missing";
    if (a->takes & TAKES_ROLE) w->role = order_role(operand(o, at++));
    if ((a->takes & TAKES_ROLE) && w->role == ROLE_NONE) return "which role?";
    if ((a->takes & TAKES_SPAN) && !order_span(operand(o, at++), order_now_ms(), &w->until_ms))
        return "for how long? 10m, 2h, 7d; 0 lets them speak again";
    if (a->takes & TAKES_OPEN && at < o->operands) {
        if (strcmp(o->operand[at++], "open") != 0) return "only the word open may follow the name";
        w->role = 1;
    }
    if (a->takes & TAKES_TEXT) w->text = join_text(m, o, at);
    else if (at < o->operands) return "too many words";
    if (a->op == MEMBERSHIP_TOPIC && !w->text[0]) return "which topic?";
    return strlen(w->text) > MEMBERSHIP_TEXT ? "the text is longer than 255 bytes" : NULL;
}

/* --- events --- */

static void begin(struct grouping *m)
{
    if (m->asked) return;
    m->asked = true;
    if (m->order.op) return; /* it was given before */
    if (m->action->takes & TAKES_NOTHING)
        m->lists = client_ask_groups(m->s.client, false) == 0 && client_ask_groups(m->s.client, true) == 0 ? 2 : 0;
    else
        client_ask_members(m->s.client, m->order.room);
}

static void refuse(struct grouping *m, const char *code, struct slice text)
{
    struct why why;
    char words[220];
    show_word(words, sizeof words, text);
    why_set(&why, "%s: %s", m->order.room[0] ? m->order.room : "refused", words[0] ? words : code);
    errand_end(&m->s, errand_error(m->s.args, code, &why));
}

static void on_order(struct grouping *m, const struct client_event *e)
{
    if (e->order.number != m->number) return; /* left over from a command before */
    if (e->order.code) {
        refuse(m, e->order.code, e->order.text);
        return;
    }
    if (m->s.args->json) {
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("done"));
        json_object_set_new(o, "op", json_string(m->action->word));
        json_object_set_new(o, "room", json_string(m->order.room));
        out_json(o);
    } else if (!m->s.args->quiet)
        out_say("%s: %s: done", m->order.room, m->action->word);
    errand_end(&m->s, EXIT_DONE);
}

static void put(struct grouping *m, struct buf *line, json_t *o)
{
    if (m->s.args->json) out_json_text(line, o);
    else json_decref(o);
    if (!out_line(STDOUT_FILENO, line)) errand_end(&m->s, EXIT_DONE);
    buf_free(line);
}

static void on_group(struct grouping *m, const struct wire_group_row *r)
{
    struct buf line = {0};
    if (m->lists == 0 || (m->lists == 1 && (r->flags & (WIRE_IS_MEMBER | WIRE_IS_INVITED)))) return;
    if (!m->s.args->json) report_group_line(&line, r);
    put(m, &line, report_group(r));
}

static void on_member(struct grouping *m, struct slice room, const struct wire_member_row *r)
{
    struct buf line = {0};
    if (!m->s.args->json) report_member_line(&line, r);
    put(m, &line, report_member(room, r));
}

static void on_event(void *arg, const struct client_event *e)
{
    struct grouping *m = arg;
    if (m->s.done) return;
    switch (e->type) {
    case CLIENT_CONNECTED: begin(m); return;
    case CLIENT_ORDER: on_order(m, e); return;
    case CLIENT_GROUPS: on_group(m, e->groups.row); return;
    case CLIENT_GROUPS_END:
        if (m->lists && --m->lists == 0) errand_end(&m->s, EXIT_DONE);
        return;
    case CLIENT_MEMBERS: on_member(m, e->members.room, e->members.row); return;
    case CLIENT_MEMBERS_END: errand_end(&m->s, EXIT_DONE); return;
    case CLIENT_NO_GROUP:
        if (!m->order.op && (e->no_group->asked == WIRE_ASK_MEMBERS || e->no_group->asked == WIRE_ASK_GROUPS))
            refuse(m, wire_code_name(e->no_group->code), e->no_group->text);
        return;
    case CLIENT_NOTE:
        if (!m->s.args->quiet) out_say("note: %s", e->note.words);
        return;
    default: return;
    }
}

static enum face_exit run(struct grouping *m)
{
    struct why why;
    int64_t ms = m->s.args->timeout_ms;
    m->s.event = on_event;
    m->s.arg = m;
    if (m->order.op && client_order(m->s.client, &m->order, &m->number) < 0) return EXIT_LOCAL;
    client_connect(m->s.client);
    bool done = errand_run(&m->s, errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms));
    errand_leave(&m->s);
    if (done) return m->s.exit;
    why_set(&why, "cannot reach %s: %s", m->s.place,
            m->s.lost_reason[0] ? m->s.lost_reason : "no answer in time");
    why_hint(&why, m->order.op ? "it is kept: a conversation, or tail, carries it out when the server is there" : "");
    return errand_error(m->s.args, "unreachable", &why);
}

enum face_exit verb_group(const struct args *o)
{
    struct grouping m = {.s.signals = -1, .action = find(operand(o, 1))};
    if (!m.action) return usage(o, "group: which of create, invite, join, leave, kick, role, mute, topic, "
                                   "open, close, members, list?", NULL);
    const char *wrong = take_operands(&m, o);
    enum face_exit exit = wrong ? usage(o, wrong, m.action) : errand_open(&m.s, o, 0);
    if (exit == EXIT_DONE) exit = run(&m);
    errand_close(&m.s);
    buf_free(&m.text);
    return exit;
}
