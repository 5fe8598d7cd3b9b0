/* group_ask.c - a client's questions about groups, each for a token of its account. */
#include <string.h>

#include "group.h"
#include "log.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

void group_no(struct session *s, uint8_t asked, struct slice room, uint16_t code, uint32_t retry_ms, const char *why)
{
    struct wire_group_no m = {asked, room, code, retry_ms, text(why)};
    size_t at;
    wire_put_group_no(session_begin(s, &at), &m);
    session_end(s, at);
}

void group_notice(const struct group *g, const struct account *to, uint8_t op, const char *why)
{
    struct wire_group_notice n = {.room = text(g->room.name), .text = text(why)};
    memcpy(n.id, g->id, sizeof n.id);
    for (const struct device *d = to->device; d; d = d->next)
        for (struct session *s = d->session; s; s = s->next) {
            size_t at;
            if (!s->knows_groups) continue;
            wire_put_group_notice(session_begin(s, &at), op, &n);
            session_end(s, at);
        }
}

static bool muted(const struct membership_person *p)
{
    return p && p->muted_until > clock_wall_ms();
}

/* --- groups --- */

enum { PARTS_MAX = 4 }; /* of a list: anybody may make groups, and nobody is to be drowned in them */

/* Rows that go out when a frame is full. */
struct listing {
    struct session *to;
    struct buf rows;
    unsigned parts;
    bool cut;
};

static void send_groups(struct listing *l, uint8_t last)
{
    size_t at;
    wire_put_groups(session_begin(l->to, &at), last, (struct slice){l->rows.data, buf_len(&l->rows)});
    session_end(l->to, at);
    buf_reset(&l->rows, SIZE_MAX);
    l->parts++;
}

static void list_one(void *arg, struct group *g)
{
    struct listing *l = arg;
    const struct membership_person *p = group_account(g, l->to->device->account);
    if (g->closed || g->log.seq == 0 || l->cut) return;
    struct wire_group_row r = {.room = text(g->room.name),
                               .role = p ? p->role : ROLE_NONE,
                               .members = (uint16_t)membership_count(&g->log),
                               .head = g->log.seq,
                               .number = g->room.head,
                               .topic = {(const uint8_t *)g->log.topic, g->log.topic_len}};
    memcpy(r.id, g->id, sizeof r.id);
    if (g->log.open) r.flags |= WIRE_IS_OPEN;
    if (r.role != ROLE_NONE) r.flags |= WIRE_IS_MEMBER;
    if (p && p->invited) r.flags |= WIRE_IS_INVITED;
    if (muted(p)) r.flags |= WIRE_IS_MUTED;
    bool full = buf_len(&l->rows) > WIRE_GROUP_ANSWER_MAX;
    l->cut = full && l->parts + 1 == PARTS_MAX;
    if (l->cut) return;
    if (full) send_groups(l, WIRE_LIST_GOES_ON);
    wire_add_group(&l->rows, &r);
}

static void list_shown(void *arg, struct group *g)
{
    const struct listing *l = arg;
    if (g->log.open || l->to->device->account->role == 2) list_one(arg, g);
}

static void list(struct session *s, uint8_t scope)
{
    struct listing l = {.to = s};
    if (scope == WIRE_GROUPS_OPEN)
        groups_each(s->link->broker, list_shown, &l);
    else
        for (const struct member *m = people_keys(s->device->account)->groups; m; m = m->next_group) {
            const struct membership_person *p = group_account(m->group, s->device->account);
            if (p && (p->role != ROLE_NONE || p->invited)) list_one(&l, m->group);
        }
    send_groups(&l, l.cut ? WIRE_LIST_CUT : WIRE_LIST_LAST);
    buf_free(&l.rows);
}

/* --- members --- */

static void send_members(struct listing *l, const struct group *g, uint8_t last)
{
    size_t at;
    wire_put_members(session_begin(l->to, &at), text(g->room.name), g->id, last,
                     (struct slice){l->rows.data, buf_len(&l->rows)});
    session_end(l->to, at);
    buf_reset(&l->rows, SIZE_MAX);
}

static void member_row(struct broker *b, const struct membership_person *p, struct wire_member_row *r)
{
    const struct account *a = people_find(b, (struct slice){(const uint8_t *)p->name, p->name_len});
    *r = (struct wire_member_row){.name = {(const uint8_t *)p->name, p->name_len}, .role = p->role};
    if (p->role != ROLE_NONE) r->flags |= WIRE_IS_MEMBER;
    if (p->invited) r->flags |= WIRE_IS_INVITED;
    if (muted(p)) r->flags |= WIRE_IS_MUTED;
    if (muted(p)) r->muted_until_ms = p->muted_until;
    if (a && a->receiving) r->flags |= WIRE_IS_PRESENT;
}

static void members(struct session *s, struct slice room)
{
    struct broker *b = s->link->broker;
    const struct group *g = group_find(b, room);
    struct listing l = {.to = s};
    if (!g || g->log.seq == 0) {
        group_no(s, WIRE_ASK_MEMBERS, room, WIRE_NO_SUCH_ROOM, 0, "there is no such group");
        return;
    }
    if (!group_shows(g, s->device->account)) {
        group_no(s, WIRE_ASK_MEMBERS, room, WIRE_NOT_MEMBER, 0, "this group is by invitation: its members alone see who is in");
        return;
    }
    for (size_t i = 0; i < g->log.n; i++) {
        const struct membership_person *p = &g->log.person[i];
        struct wire_member_row r;
        if (p->role == ROLE_NONE && !p->invited) continue;
        if (buf_len(&l.rows) > WIRE_GROUP_ANSWER_MAX) send_members(&l, g, WIRE_LIST_GOES_ON);
        member_row(b, p, &r);
        wire_add_member(&l.rows, &r);
    }
    send_members(&l, g, WIRE_LIST_LAST);
    buf_free(&l.rows);
}

/* A device says its places after each break; that is no question, and costs nothing. */
void groups_ask(struct session *s, const struct wire_group_question *q)
{
    s->knows_groups = true;
    uint32_t wait_ms = q->op == WIRE_ASK_PLACE ? 0 : keys_charge(s);
    if (wait_ms) {
        group_no(s, q->op, q->room, WIRE_TOO_FAST, wait_ms, "too many questions; wait a little");
        return;
    }
    switch (q->op) {
    case WIRE_ASK_APPEND: group_append(s, q); return;
    case WIRE_ASK_LOG: group_entries(s, q); return;
    case WIRE_ASK_GROUPS: list(s, q->scope); return;
    case WIRE_ASK_MEMBERS: members(s, q->room); return;
    default: group_take_place(s, q);
    }
}
