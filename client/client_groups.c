/*
 * client_groups.c - see client_groups.h: the seats, frames GROUP, and when what is due. What comes in a room is
 * client_group_receive.c, the logs client_group_log.c, sending client_group_send.c, orders client_orders.c.
 */
#include "client_private.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "group_keys.h"
#include "log.h"

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

/* --- seats --- */

static struct group_seat *find_seat(struct client *c, const char *key)
{
    for (size_t i = 0; i < c->groups.n; i++)
        if (strcmp(c->groups.seat[i]->g.key, key) == 0) return c->groups.seat[i];
    return NULL;
}

struct group_seat *client_seat_of(struct client *c, const uint8_t id[SEALED_HASH])
{
    for (size_t i = 0; i < c->groups.n; i++)
        if (memcmp(c->groups.seat[i]->g.id, id, SEALED_HASH) == 0) return c->groups.seat[i];
    return NULL;
}

struct group_seat *client_seat(struct client *c, struct slice room)
{
    char key[NAME_SIZE];
    name_fold(key, (const char *)room.data, room.len);
    struct group_seat *s = find_seat(c, key);
    if (!s) {
        s = xcalloc(1, sizeof *s);
        group_start(&s->g, room);
        c->groups.seat = xrealloc(c->groups.seat, (c->groups.n + 1) * sizeof(struct group_seat *));
        c->groups.seat[c->groups.n++] = s;
    }
    return group_read(c->o.vault, &s->g) < 0 ? NULL : s;
}

/* Groups that the store knows get their seats with the first connection. */
static int load(struct client *c)
{
    char key[NAME_SIZE] = "";
    int r;
    while ((r = group_next(c->o.vault, key)) > 0)
        if (!client_seat(c, text_of(key))) return -1;
    c->groups.loaded = r == 0;
    return r;
}

static void clear_seat(struct group_seat *s)
{
    s->listed = s->synced = s->log_wanted = s->log_asked = s->placed = false;
    s->log_code = 0;
    s->since = s->waits_for = s->hands_out = s->lists_since = 0;
    s->unread = 0;
    buf_free(&s->pending);
}

void client_groups_reset(struct client *c)
{
    struct groups_side *all = &c->groups;
    for (size_t i = 0; i < all->n; i++)
        clear_seat(all->seat[i]);
    all->list_asked = all->listed = false;
    all->held_until = all->ack_due = 0;
    for (struct group_order *o = all->order; o; o = o->next)
        o->sent = false;
}

void client_groups_free(struct client *c)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        buf_free(&c->groups.seat[i]->pending);
        group_free(&c->groups.seat[i]->g);
        free(c->groups.seat[i]);
    }
    free(c->groups.seat);
    while (c->groups.order) {
        struct group_order *o = c->groups.order;
        c->groups.order = o->next;
        buf_free(&o->entry);
        free(o);
    }
}

bool client_receives(const struct client *c)
{
    return c->o.caps & WIRE_CAP_RECEIVE;
}

void client_room_place(struct client *c, struct group_seat *s, uint64_t seen)
{
    struct wire_group_question q = {.op = WIRE_ASK_PLACE, .room = group_name(&s->g), .seen = seen};
    memcpy(q.id, s->g.id, sizeof q.id);
    s->placed = true;
    wire_put_group_question(link_out(c->link), &q);
}

int client_groups_begin(struct client *c)
{
    struct groups_side *all = &c->groups;
    client_groups_reset(c);
    if (!all->loaded && (load(c) < 0 || client_orders_begin(c) < 0)) return -1;
    /* Thousands in one process ask for invitations only when they have groups. */
    all->list_wanted = client_receives(c) && (!c->o.sparing || all->n > 0);
    for (size_t i = 0; i < all->n && client_receives(c); i++) {
        struct group_seat *s = all->seat[i];
        if (group_read(c->o.vault, &s->g) < 0 || client_room_look(c, s) < 0) return -1;
        bool known = !sodium_is_zero(s->g.id, SEALED_HASH);
        if (!s->g.over && known) client_room_place(c, s, s->g.place);
        if (s->parked && (client_in_batch(c) < 0 || client_room_advance(c, s, NULL) < 0)) return -1;
    }
    return 0;
}

int client_groups_listed(struct client *c, const char *name)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (client_log_listed(c, s, name) < 0) return -1;
        if (s->lists_since) c->sealed.sweep = true;
        if (s->parked && client_room_advance(c, s, name) < 0) return -1;
    }
    return client_orders_step(c);
}

/* --- frames --- */

static int take_placed(struct client *c, const struct wire_group_placed *m)
{
    struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, m->room);
    if (!s) return TAKE_STORE;
    if (memcmp(s->g.id, m->id, sizeof s->g.id) != 0 || s->g.place >= m->from) return 0;
    s->g.place = m->from;
    return group_write(c->o.vault, &s->g) < 0 ? TAKE_STORE : 0;
}

/* Groups that another device of ours is in, and this one does not know. */
static int take_groups(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct wire_group_row row;
    uint8_t last;
    int r;
    if (!wire_get_groups(&cur, &last)) return -1;
    while ((r = wire_next_group(&cur, &row)) > 0) {
        if (!(row.flags & WIRE_IS_MEMBER) || !client_receives(c)) continue;
        struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, row.room);
        if (!s) return TAKE_STORE;
        if (s->g.over || memcmp(s->g.id, row.id, sizeof row.id) != 0)
            client_want_log(s);
        else if (!s->placed) /* another process of ours has entered it since this one looked into the store */
            client_room_place(c, s, s->g.place);
    }
    c->groups.list_asked = false;
    c->groups.listed = true;
    return r;
}

static int take_gone(struct client *c, const struct wire_group_notice *m)
{
    struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, m->room);
    if (!s) return TAKE_STORE;
    if (memcmp(s->g.id, m->id, sizeof s->g.id) != 0) return 0;
    s->g.over = true;
    s->synced = false;
    s->log_code = WIRE_NO_SUCH_ROOM;
    c->sealed.sweep = true;
    return group_write(c->o.vault, &s->g) < 0 || group_keys_forget(c->o.vault, &s->g) < 0 ? TAKE_STORE : 0;
}

static int take_no(struct client *c, const struct wire_group_no *m)
{
    if (client_in_batch(c) < 0) return TAKE_STORE;
    if (m->retry_ms) c->groups.held_until = client_now(c) + m->retry_ms;
    if (m->asked == WIRE_ASK_APPEND) return client_orders_refused(c, m) < 0 ? TAKE_STORE : 0;
    if (m->asked == WIRE_ASK_GROUPS) {
        c->groups.list_asked = false;
        c->groups.list_wanted = true;
    }
    if (m->room.len == 0 || m->room.len >= NAME_SIZE) return 0;
    struct group_seat *s = client_seat(c, m->room);
    if (!s) return TAKE_STORE;
    if (m->asked == WIRE_ASK_LOG) return client_log_refused(c, s, m);
    if (m->asked == WIRE_ASK_PLACE && m->retry_ms == 0) {
        s->g.over = true; /* whatever was ours to read has been read */
        return group_write(c->o.vault, &s->g) < 0 ? TAKE_STORE : 0;
    }
    return 0;
}

static bool is_room(struct slice name)
{
    return name_valid_room((const char *)name.data, name.len, NULL);
}

int client_take_group(struct client *c, struct slice p)
{
    struct wire_group_no no;
    struct wire_group_entries entries;
    struct wire_group_head head;
    struct wire_group_placed placed;
    struct wire_group_gap gap;
    struct wire_group_notice notice;
    int r = 0;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_GROUP_NO: r = wire_get_group_no(p, &no) ? take_no(c, &no) : -1; break;
    case WIRE_GROUP_ENTRIES:
        r = wire_get_group_entries(p, &entries) && is_room(entries.room) ? client_log_take(c, &entries) : -1;
        break;
    case WIRE_GROUP_HEAD:
        r = !wire_get_group_head(p, &head) || !is_room(head.room) ? -1
            : client_orders_head(c, &head) < 0                   ? TAKE_STORE
                                                                 : 0;
        break;
    case WIRE_GROUP_PLACED:
        r = wire_get_group_placed(p, &placed) && is_room(placed.room) ? take_placed(c, &placed) : -1;
        break;
    case WIRE_GROUP_GAP:
        r = wire_get_group_gap(p, &gap) && is_room(gap.room) ? client_room_gap(c, &gap) : -1;
        break;
    case WIRE_GROUP_GONE:
        r = wire_get_group_notice(p, WIRE_GROUP_GONE, &notice) && is_room(notice.room) ? take_gone(c, &notice)
                                                                                    : -1;
        break;
    case WIRE_GROUP_GROUPS: r = take_groups(c, p); break;
    default: break; /* told, nothing else */
    }
    if (r == 0) client_keep(c, WIRE_GROUP, 0, p);
    return r;
}

/* --- time --- */

int client_groups_step(struct client *c)
{
    uint64_t now = client_now(c);
    client_groups_ack(c);
    if (client_rooms_lose_patience(c) < 0 || client_rooms_watch_keys(c) < 0 || client_orders_look(c) < 0) return -1;
    if (now < c->groups.held_until) return 0;
    client_logs_ask(c);
    if (c->groups.list_wanted && !c->groups.list_asked) {
        c->groups.list_wanted = false;
        c->groups.list_asked = true;
        wire_put_group_question(link_out(c->link), &(struct wire_group_question){
                                                       .op = WIRE_ASK_GROUPS, .scope = WIRE_GROUPS_MINE});
    }
    return 0;
}

uint64_t client_groups_due(const struct client *c)
{
    uint64_t due = c->groups.ack_due ? c->groups.ack_due : UINT64_MAX;
    for (size_t i = 0; i < c->groups.n; i++) {
        const struct group_seat *s = c->groups.seat[i];
        if (s->hands_out && s->hands_out + GROUPS_HAND_OUT_MS < due) due = s->hands_out + GROUPS_HAND_OUT_MS;
        if (s->lists_since && s->lists_since + GROUPS_LISTS_MS < due) due = s->lists_since + GROUPS_LISTS_MS;
        if (s->since && s->since + GROUPS_PATIENCE_MS < due) due = s->since + GROUPS_PATIENCE_MS;
        if (s->log_wanted && !s->log_asked && c->groups.held_until < due) due = c->groups.held_until;
    }
    if (c->groups.list_wanted && c->groups.held_until < due) due = c->groups.held_until;
    return due;
}

/* --- telling --- */

static void tell_groups(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct wire_group_row row;
    uint8_t last;
    if (!wire_get_groups(&cur, &last)) return;
    while (wire_next_group(&cur, &row) > 0)
        client_tell(c, &(struct client_event){CLIENT_GROUPS, .groups = {.row = &row}});
    if (last != WIRE_LIST_GOES_ON)
        client_tell(c, &(struct client_event){CLIENT_GROUPS_END, .groups = {.cut = last == WIRE_LIST_CUT}});
}

static void tell_members(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct client_event e = {.type = CLIENT_MEMBERS};
    struct wire_member_row row;
    uint8_t last, id[32];
    if (!wire_get_members(&cur, &e.members.room, id, &last)) return;
    e.members.row = &row;
    while (wire_next_member(&cur, &row) > 0)
        client_tell(c, &e);
    e.type = CLIENT_MEMBERS_END;
    e.members.row = NULL;
    if (last != WIRE_LIST_GOES_ON) client_tell(c, &e);
}

void client_groups_tell(struct client *c, struct slice p)
{
    struct wire_group_notice notice;
    struct wire_group_no no;
    uint8_t op = p.data[0];
    bool told = op == WIRE_GROUP_INVITED || op == WIRE_GROUP_GONE;
    if (op == WIRE_GROUP_GROUPS) tell_groups(c, p);
    if (op == WIRE_GROUP_MEMBERS) tell_members(c, p);
    if (told && wire_get_group_notice(p, op, &notice))
        client_tell(c, &(struct client_event){op == WIRE_GROUP_GONE ? CLIENT_GONE : CLIENT_INVITED,
                                              .invited = &notice});
    if (op == WIRE_GROUP_NO && wire_get_group_no(p, &no))
        client_tell(c, &(struct client_event){CLIENT_NO_GROUP, .no_group = &no});
}
