/*
 * client_group_receive.c - what comes in a group's room: shown when it can be judged (group_room.h), parked
 * until then, acknowledged for many at once.
 */
#include "client_private.h"

#include <string.h>

#include "again.h"
#include "open.h"

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

int client_room_look(struct client *c, struct group_seat *s)
{
    struct buf value = {0};
    struct wire_deliver m;
    int r = room_parked(c->o.vault, &s->g, &value, &m);
    buf_free(&value);
    s->parked = r > 0;
    return r < 0 ? -1 : 0;
}

static bool gave_up(const struct group_seat *s, uint64_t device)
{
    for (size_t i = 0; i < GROUPS_GIVEN_UP; i++)
        if (s->given_up[i] == device) return true;
    return false;
}

static bool is_patient(struct client *c, struct group_seat *s, const struct wire_deliver *m)
{
    if (gave_up(s, m->from_device) || s->g.broken) return false;
    return s->waits_for != m->seq || client_now(c) < s->since + GROUPS_PATIENCE_MS;
}

static void note_wait(struct client *c, struct group_seat *s, const struct wire_deliver *m,
                      const struct room_taken *t)
{
    if (s->waits_for != m->seq) {
        s->waits_for = m->seq;
        s->since = client_now(c);
    }
    if (t->result == ROOM_NEED_LIST) asks_want(&c->sealed.asks, WIRE_LIST, t->name, 0, client_now(c));
    if (t->result == ROOM_NEED_LOG) client_want_log(s);
}

/* A message of this device goes by its number, as far as the store still knows it. */
static int show(struct client *c, struct group_seat *s, const struct wire_deliver *m, const struct room_taken *t)
{
    struct wire_deliver shown = *m;
    uint64_t row, number = 0;
    int state, known = client_own(c, m) ? vault_state(c->o.vault, m->id, &state, &number) : 0;
    if (known > 0 && number) shown.id = number;
    shown.flags = (uint8_t)((m->flags & ~(GROUP_FLAG_GAP | VAULT_FLAG_SAID)) | (t->said ? VAULT_FLAG_SAID : 0));
    shown.to = group_name(&s->g);
    shown.head = (struct slice){(const uint8_t *)"", 0};
    shown.body = t->body.data ? sealed_head(&t->body) : shown.head;
    if (known < 0 || vault_record(c->o.vault, &shown, t->how, &row) < 0) return -1;
    client_keep_message(c, row, t->how, &shown);
    return 0;
}

/* It did not open: its sender is asked, and not waited for with every message. */
static int ask_again(struct client *c, struct group_seat *s, const struct wire_deliver *m)
{
    struct keyring k = client_keyring(c);
    s->given_up[s->given_up_n++ % GROUPS_GIVEN_UP] = m->from_device;
    c->sealed.sweep = true;
    return client_own(c, m) ? 0 : again_ask(&k, m, OPEN_NO_KEY);
}

/* 1 it is done with, 0 it waits. */
static int judge(struct client *c, struct group_seat *s, const struct wire_deliver *m, const char *fresh)
{
    struct keyring k = client_keyring(c);
    struct room_taken t;
    int r = 1;
    room_take(&k, &s->g, m, fresh, is_patient(c, s, m), &t);
    if (t.result == ROOM_STORE)
        r = -1;
    else if (t.result == ROOM_SHOW)
        r = show(c, s, m, &t) < 0 || (t.ask && ask_again(c, s, m) < 0) ? -1 : 1;
    else if (t.result != ROOM_NOTHING)
        r = 0;
    if (r == 0) note_wait(c, s, m, &t);
    if (m->flags & WIRE_FLAG_ENTRY) c->sealed.sweep = true; /* who may read has changed */
    room_done(&t);
    return r;
}

int client_room_advance(struct client *c, struct group_seat *s, const char *fresh)
{
    int r = 1;
    while (s->parked && r > 0) {
        struct buf value = {0};
        struct wire_deliver m;
        r = room_parked(c->o.vault, &s->g, &value, &m);
        if (r == 0) s->parked = false;
        if (r > 0) r = judge(c, s, &m, fresh);
        if (r > 0) r = room_unpark(c->o.vault, &s->g, &m) < 0 ? -1 : 1;
        sealed_buf_wipe(&value);
    }
    if (!s->parked) s->since = s->waits_for = 0;
    return r < 0 ? -1 : 0;
}

static int take_or_park(struct client *c, struct group_seat *s, const struct wire_deliver *m)
{
    int r = s->parked ? 0 : judge(c, s, m, NULL);
    if (r != 0) return r < 0 ? -1 : 0;
    s->parked = true;
    return room_park(c->o.vault, &s->g, m);
}

int client_take_room(struct client *c, const struct wire_deliver *m)
{
    if (client_in_batch(c) < 0) return TAKE_STORE;
    struct group_seat *s = client_seat(c, m->to);
    if (!s) return TAKE_STORE;
    if (s->unread++ == 0 && c->groups.ack_due == 0) c->groups.ack_due = client_now(c) + CLIENT_ROOM_ACK_MS;
    if (m->seq <= s->g.place) return 0;
    s->g.place = m->seq;
    if (group_write(c->o.vault, &s->g) < 0) return TAKE_STORE;
    return take_or_park(c, s, m) < 0 ? TAKE_STORE : 0;
}

/* A gap stands in the row of messages like one; the log has no gaps. */
int client_room_gap(struct client *c, const struct wire_group_gap *m)
{
    uint8_t body[16];
    put_u64(body, m->from);
    put_u64(body + 8, m->to);
    const struct wire_deliver gap = {.flags = WIRE_FLAG_ROOM | GROUP_FLAG_GAP,
                                     .seq = m->to,
                                     .time_ms = client_wall_ms(),
                                     .from = text_of(""),
                                     .to = m->room,
                                     .head = text_of(""),
                                     .body = sealed_slice(body, sizeof body)};
    struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, m->room);
    if (!s) return TAKE_STORE;
    client_want_log(s);
    if (m->to <= s->g.place) return 0;
    s->g.place = m->to;
    if (group_write(c->o.vault, &s->g) < 0) return TAKE_STORE;
    return take_or_park(c, s, &gap) < 0 ? TAKE_STORE : 0;
}

int client_groups_key(struct client *c, const uint8_t id[SEALED_HASH])
{
    struct group_seat *s = client_seat_of(c, id);
    if (!s) return 0;
    memset(s->given_up, 0, sizeof s->given_up);
    if (group_read(c->o.vault, &s->g) < 0) return -1;
    return client_room_advance(c, s, NULL);
}

int client_rooms_lose_patience(struct client *c)
{
    int r = 0;
    for (size_t i = 0; i < c->groups.n && r == 0; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (!s->since || client_now(c) < s->since + GROUPS_PATIENCE_MS) continue;
        if (vault_begin(c->o.vault) < 0) return -1;
        r = group_read(c->o.vault, &s->g) < 0 ? -1 : client_room_advance(c, s, NULL);
        r = vault_finish(c->o.vault, r);
        if (s->since) s->since = client_now(c); /* it waits for something else */
    }
    return r;
}

void client_groups_ack(struct client *c)
{
    uint32_t many = c->window / 2 < CLIENT_ROOM_ACK ? c->window / 2 : CLIENT_ROOM_ACK;
    bool due = c->groups.ack_due && (client_now(c) >= c->groups.ack_due || buf_len(link_out(c->link)) > 0);
    bool left = false;
    for (size_t i = 0; c->groups.ack_due && i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        bool now = s->unread > 0 && (due || s->unread >= many);
        if (now)
            wire_put_ack(link_out(c->link), &(struct wire_ack){.kind = WIRE_TO_ROOM,
                                                               .seq = s->g.place,
                                                               .room = group_name(&s->g)});
        if (now) s->unread = 0;
        left = left || s->unread > 0;
    }
    if (!left) c->groups.ack_due = 0;
}
