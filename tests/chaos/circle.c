/* circle.c - see circle.h. */
#include "circle.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { OWNER = 0, LEAVES = CIRCLE_SIZE - 3, LAST = CIRCLE_SIZE - 1, AGAIN_US = 300000 };

bool circle_join(struct circle *c, const struct options *o, unsigned who)
{
    unsigned groups = circle_count(o);
    bool home = who >= o->clients;
    *c = (struct circle){.who = who, .place = home ? CIRCLE_SIZE : who % CIRCLE_SIZE, .luck = o->seed ^ who};
    if (groups == 0) return false;
    c->group = home ? (who - o->clients) % groups : who / CIRCLE_SIZE;
    return c->group < groups;
}

void circle_name(char out[16], unsigned group)
{
    snprintf(out, 16, "#g%u", group);
}

bool circle_moves(const struct circle *c)
{
    return c->place >= LEAVES && c->place <= LAST;
}

/* --- orders --- */

static void order(struct circle *c, struct client *client, uint8_t op, const char *subject)
{
    char room[16];
    uint64_t number;
    circle_name(room, c->group);
    const struct client_group_order o = {
        .op = op, .room = room, .subject = subject, .text = "", .role = op == MEMBERSHIP_CREATE};
    c->ordered = client_order(client, &o, &number) == 0;
}

/* Puts the last one out when they are in; else lets them in again. */
static void rule(struct circle *c, struct client *client)
{
    char last[NAME_LEN];
    text_name(last, c->who - OWNER + LAST);
    order(c, client, c->last_in ? MEMBERSHIP_KICK : MEMBERSHIP_INVITE, last);
}

void circle_turn(struct circle *c, struct client *client)
{
    uint64_t now = now_us();
    if (c->ordered || now < c->due_us) return;
    if (!c->in)
        order(c, client, c->place == OWNER ? MEMBERSHIP_CREATE : MEMBERSHIP_JOIN, "");
    else if (c->place == OWNER)
        rule(c, client);
    else if (c->place >= LEAVES && c->place < LAST)
        order(c, client, MEMBERSHIP_LEAVE, "");
    c->due_us = now + AGAIN_US;
}

void circle_reset(struct circle *c)
{
    c->ordered = false;
}

void circle_ordered(struct circle *c, const struct client_event *e)
{
    bool done = e->order.code == NULL;
    c->ordered = false;
    c->due_us = now_us() + AGAIN_US;
    if (done) c->due_us += 1000000u + 1000u * luck_of(&c->luck, 4000);
}

/* --- lines --- */

static bool is_last(const struct circle *c, unsigned who)
{
    return c->place == OWNER && who == c->who - OWNER + LAST;
}

void circle_line(struct circle *c, const struct rooms_line *l)
{
    bool in = l->what == ROOMS_IN;
    c->seen = l->number;
    if (!in && l->what != ROOMS_OUT) return;
    if (l->who == c->who) c->in = in;
    if (is_last(c, l->who)) c->last_in = in;
}

static bool person_of(struct slice name, unsigned *who)
{
    char text[NAME_LEN] = "", back[NAME_LEN];
    memcpy(text, name.data, name.len < sizeof text ? name.len : sizeof text - 1);
    if (sscanf(text, "c%u", who) != 1) return false;
    text_name(back, *who);
    return strcmp(back, text) == 0;
}

static bool read_entry(struct slice body, struct rooms_line *l)
{
    struct membership_entry e;
    uint8_t group[SEALED_HASH];
    uint32_t seq;
    if (!membership_read(body, &e, group, &seq)) return false;
    bool in = e.op == MEMBERSHIP_CREATE || e.op == MEMBERSHIP_JOIN, kick = e.op == MEMBERSHIP_KICK;
    l->what = in ? ROOMS_IN : kick || e.op == MEMBERSHIP_LEAVE ? ROOMS_OUT : ROOMS_ENTRY;
    l->n = seq;
    return person_of(kick ? e.subject : e.actor, &l->who);
}

static bool read_message(struct slice body, unsigned group, struct rooms_line *l)
{
    struct ledger_message m;
    if (!text_read(body, &m) || m.to != CIRCLE_TO + group) return false;
    l->what = ROOMS_MESSAGE;
    l->who = m.from;
    l->n = m.number;
    l->seen = m.seen;
    return true;
}

bool circle_read(const struct wire_deliver *m, enum vault_how how, unsigned group, struct rooms_line *l)
{
    *l = (struct rooms_line){.number = m->seq};
    switch (how) {
    case VAULT_ENTRY: return read_entry(m->body, l);
    case VAULT_SEALED: return read_message(m->body, group, l);
    case VAULT_UNOPENED:
        l->what = ROOMS_UNOPENED;
        l->n = m->body.len ? m->body.data[0] : 0;
        return true;
    default: return false; /* a gap: nothing is old enough here to be gone */
    }
}

bool circle_of(const struct wire_deliver *m, unsigned *group)
{
    char text[16] = "", back[16];
    memcpy(text, m->to.data, m->to.len < sizeof text ? m->to.len : sizeof text - 1);
    if (sscanf(text, "#g%u", group) != 1) return false;
    circle_name(back, *group);
    return strcmp(back, text) == 0;
}
