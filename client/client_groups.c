/* client_groups.c - see client_groups.h: what comes in, and what is asked. Orders are client_orders.c. */
#include "client_private.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "group_keys.h"
#include "log.h"
#include "open.h"

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

static struct group_seat *seat_by_id(struct client *c, const uint8_t id[SEALED_HASH])
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
    s->since = s->waits_for = s->hands_out = 0;
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

void client_want_log(struct group_seat *s)
{
    s->log_wanted = true;
}

static bool receives(const struct client *c)
{
    return c->o.caps & WIRE_CAP_RECEIVE;
}

static void put_place(struct client *c, struct group_seat *s, uint64_t seen)
{
    struct wire_group_question q = {.op = WIRE_ASK_PLACE, .room = group_name(&s->g), .seen = seen};
    memcpy(q.id, s->g.id, sizeof q.id);
    s->placed = true;
    wire_put_group_question(link_out(c->link), &q);
}

/* Is something of it parked? */
static int look_parked(struct client *c, struct group_seat *s)
{
    struct buf value = {0};
    struct wire_deliver m;
    int r = room_parked(c->o.vault, &s->g, &value, &m);
    buf_free(&value);
    s->parked = r > 0;
    return r < 0 ? -1 : 0;
}

static int advance(struct client *c, struct group_seat *s, const char *fresh);

int client_groups_begin(struct client *c)
{
    struct groups_side *all = &c->groups;
    client_groups_reset(c);
    if (!all->loaded && load(c) < 0) return -1;
    /* Thousands in one process ask for invitations only when they have groups. */
    all->list_wanted = receives(c) && (!c->o.sparing || all->n > 0);
    for (size_t i = 0; i < all->n && receives(c); i++) {
        struct group_seat *s = all->seat[i];
        if (group_read(c->o.vault, &s->g) < 0 || look_parked(c, s) < 0) return -1;
        bool known = !sodium_is_zero(s->g.id, SEALED_HASH);
        if (!s->g.over && known) put_place(c, s, s->g.place);
        if (s->parked && (client_in_batch(c) < 0 || advance(c, s, NULL) < 0)) return -1;
    }
    return 0;
}

/* --- what is received --- */

static bool gave_up(const struct group_seat *s, uint64_t device)
{
    for (size_t i = 0; i < GROUPS_GIVEN_UP; i++)
        if (s->given_up[i] == device) return true;
    return false;
}

static bool is_patient(struct client *c, struct group_seat *s, const struct wire_deliver *m)
{
    if (gave_up(s, m->from_device)) return false;
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
    shown.flags = (uint8_t)(m->flags & ~GROUP_FLAG_GAP);
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

static int advance(struct client *c, struct group_seat *s, const char *fresh)
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

/* --- the log --- */

/* Every list that these entries need is asked for at once. */
static int want_lists(struct client *c, struct slice entries)
{
    struct cur cur = cur_of(entries.data, entries.len);
    while (cur.p != cur.end && !cur.bad) {
        struct membership_entry e;
        struct peer p;
        uint8_t of[SEALED_HASH];
        uint32_t seq;
        cur_u64(&cur);
        if (!membership_read(cur_str16(&cur), &e, of, &seq)) break;
        int r = peers_get(c->o.vault, e.actor, &p);
        if (r >= 0 && p.list.n == 0) asks_want(&c->sealed.asks, WIRE_LIST, p.key, 0, client_now(c));
        peer_free(&p);
        if (r < 0) return -1;
    }
    return 0;
}

static int break_log(struct client *c, struct group_seat *s)
{
    s->g.broken = true;
    client_keep_group_note(c, &s->g);
    return group_write(c->o.vault, &s->g);
}

static int synced(struct client *c, struct group_seat *s)
{
    struct keyring k = client_keyring(c);
    bool in = group_has(&s->g, k.identity->account_key);
    if (s->g.log.seq < s->pending_head) {
        client_want_log(s);
        return 0;
    }
    s->synced = true;
    s->log_code = 0;
    c->sealed.sweep = true;
    if (!in && s->g.place == 0) s->g.over = true;
    if (in && !s->placed && receives(c)) put_place(c, s, WIRE_FROM_NOW);
    return group_write(c->o.vault, &s->g);
}

/* Takes what the server has shown of the log, as far as the lists of devices go. */
static int take_pending(struct client *c, struct group_seat *s, const char *fresh)
{
    struct keyring k = client_keyring(c);
    while (buf_len(&s->pending)) {
        struct cur cur = cur_of(buf_head(&s->pending), buf_len(&s->pending));
        char need[NAME_SIZE];
        uint64_t number = cur_u64(&cur);
        struct slice entry = cur_str16(&cur);
        size_t size = 10 + entry.len;
        switch (group_take(&k, &s->g, entry, number, fresh, need)) {
        case GROUP_STORE: return -1;
        case GROUP_NEED_LIST:
            asks_want(&c->sealed.asks, WIRE_LIST, need, 0, client_now(c));
            return want_lists(c, sealed_head(&s->pending));
        case GROUP_MISSING:
            buf_free(&s->pending);
            client_want_log(s);
            return 0;
        case GROUP_REFUSED: buf_free(&s->pending); return break_log(c, s);
        default: buf_drop(&s->pending, size);
        }
    }
    return synced(c, s);
}

int client_seat_took(struct client *c, struct group_seat *s, struct slice entry, uint64_t number)
{
    struct keyring k = client_keyring(c);
    char need[NAME_SIZE];
    c->sealed.sweep = true;
    enum group_news news = group_take(&k, &s->g, entry, number, NULL, need);
    return news == GROUP_STORE ? -1 : 0;
}

static int take_entries(struct client *c, const struct wire_group_entries *m)
{
    struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, m->room);
    if (!s) return TAKE_STORE;
    bool other = !sodium_is_zero(s->g.id, SEALED_HASH) && memcmp(s->g.id, m->id, SEALED_HASH) != 0;
    s->log_asked = false;
    if (other && !s->g.over) return 0; /* ours was deleted: its end is told apart */
    if (other && (group_keys_forget(c->o.vault, &s->g) < 0 || group_reset(c->o.vault, &s->g) < 0))
        return TAKE_STORE;
    memcpy(s->g.id, m->id, sizeof s->g.id);
    buf_free(&s->pending);
    buf_put(&s->pending, m->entries.data, m->entries.len);
    s->pending_head = m->head;
    if (take_pending(c, s, NULL) < 0 || advance(c, s, NULL) < 0) return TAKE_STORE;
    return client_orders_step(c) < 0 ? TAKE_STORE : 0;
}

int client_groups_listed(struct client *c, const char *name)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (group_read(c->o.vault, &s->g) < 0) return -1;
        if (group_person(&s->g, text_of(name)) && !s->g.over) {
            s->g.check = true; /* perhaps it has other devices now */
            if (group_write(c->o.vault, &s->g) < 0) return -1;
        }
        if (buf_len(&s->pending) && take_pending(c, s, name) < 0) return -1;
        if (s->parked && advance(c, s, name) < 0) return -1;
    }
    return client_orders_step(c);
}

int client_groups_key(struct client *c, const uint8_t id[SEALED_HASH])
{
    struct group_seat *s = seat_by_id(c, id);
    if (!s) return 0;
    memset(s->given_up, 0, sizeof s->given_up);
    if (group_read(c->o.vault, &s->g) < 0) return -1;
    return advance(c, s, NULL);
}

/* --- sending --- */

/* To hear of it when a member's devices change, their lists have to be asked for in this connection. */
static void list_members(struct client *c, struct group_seat *s)
{
    if (s->listed) return;
    s->listed = true;
    for (size_t i = 0; i < s->g.log.n; i++) {
        const struct membership_person *p = &s->g.log.person[i];
        char key[NAME_SIZE];
        if (p->role == ROLE_NONE) continue;
        name_fold(key, p->name, p->name_len);
        asks_want(&c->sealed.asks, WIRE_LIST, key, 0, client_now(c));
    }
}

/* Has a sender key of ours not been sealed for everybody yet? */
static int keys_wait(struct client *c)
{
    struct vault_draft d = {0};
    int r;
    while ((r = vault_next_draft(c->o.vault, (struct slice){0}, d.number, &d)) > 0) {
        struct content in;
        if (d.quiet && content_decode(&in, d.content) == CONTENT_GOOD && in.kind == CONTENT_SENDER_KEY) return 1;
    }
    return r;
}

/* The key leaves before the message, but nobody waits long for a member without prekeys. 1 go on, 0 wait. */
static int hand_out(struct client *c, struct group_seat *s)
{
    struct keyring k = client_keyring(c);
    int made = group_hand_out(&k, &s->g), waits = made < 0 ? -1 : keys_wait(c);
    if (made > 0) s->hands_out = client_now(c);
    if (made > 0) c->sealed.sweep = true;
    if (waits > 0 && s->hands_out && client_now(c) < s->hands_out + GROUPS_HAND_OUT_MS) return 0;
    s->hands_out = 0;
    return waits < 0 ? -1 : 1;
}

/* When the key has left, or it was long enough, the message follows. */
static int watch_hand_out(struct client *c)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        const struct group_seat *s = c->groups.seat[i];
        if (!s->hands_out) continue;
        int waits = keys_wait(c);
        if (waits < 0) return -1;
        if (waits == 0 || client_now(c) >= s->hands_out + GROUPS_HAND_OUT_MS) c->sealed.sweep = true;
    }
    return 0;
}

int client_seal_room(struct client *c, const struct vault_draft *d, uint16_t *code)
{
    struct keyring k = client_keyring(c);
    struct group_seat *s = client_seat(c, d->to);
    *code = 0;
    if (!s) return -1;
    if (client_orders_enters(c, s->g.key)) return 0;
    if (!s->synced && s->log_code) {
        *code = s->log_code;
        return 1;
    }
    if (!s->synced || c->state != CLIENT_OPEN) {
        client_want_log(s);
        return 0;
    }
    if (s->g.broken) *code = WIRE_FORBIDDEN;
    if (!group_has(&s->g, k.identity->account_key)) *code = WIRE_NOT_MEMBER;
    if (*code) return 1;
    list_members(c, s);
    int r = hand_out(c, s);
    if (r > 0) r = group_seal(&k, &s->g, d);
    if (r > 0) c->more = true;
    return r;
}

int client_draft_room(struct client *c, struct vault_draft *d, struct slice body, uint64_t now_ms)
{
    c->sealed.sweep = true;
    if (d->number == 0 && vault_number(c->o.vault, &d->number) < 0) return -1;
    return vault_note(c->o.vault, d->number, WIRE_TO_ROOM, d->to, body, now_ms) < 0 ? -1
                                                                                     : vault_draft(c->o.vault, d);
}

int client_send_room(struct client *c, struct slice to, uint8_t form, struct slice text, uint64_t *number)
{
    const struct content content = {
        .kind = CONTENT_TEXT, .time_ms = client_wall_ms(), .u.text = {form, text}};
    struct buf body = {0}, bytes = {0};
    struct vault_draft d = {.to = to};
    if (content_encode(&content, &bytes) < 0) return -1;
    buf_put_u8(&body, WIRE_SUITE_PLAIN);
    buf_put_u8(&body, form);
    buf_put(&body, text.data, text.len);
    d.content = sealed_head(&bytes);
    int r = vault_begin(c->o.vault);
    if (r == 0) r = vault_finish(c->o.vault, client_draft_room(c, &d, sealed_head(&body), content.time_ms));
    *number = d.number;
    sealed_buf_wipe(&body);
    sealed_buf_wipe(&bytes);
    return r;
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

/* A gap stands in the row of messages like one; the log has no gaps. */
static int take_gap(struct client *c, const struct wire_group_gap *m)
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

/* Groups that another device of ours is in, and this one does not know. */
static int take_groups(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct wire_group_row row;
    uint8_t last;
    int r;
    if (!wire_get_groups(&cur, &last)) return -1;
    while ((r = wire_next_group(&cur, &row)) > 0) {
        if (!(row.flags & WIRE_IS_MEMBER) || !receives(c)) continue;
        struct group_seat *s = client_in_batch(c) < 0 ? NULL : client_seat(c, row.room);
        if (!s) return TAKE_STORE;
        if (s->g.over || memcmp(s->g.id, row.id, sizeof row.id) != 0) client_want_log(s);
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

static int refused_log(struct client *c, struct group_seat *s, const struct wire_group_no *m)
{
    s->log_asked = false;
    if (m->code == WIRE_TOO_FAST || m->code == WIRE_DISK_FULL) {
        client_want_log(s);
        return 0;
    }
    s->log_code = m->code;
    c->sealed.sweep = true;
    client_orders_fail(c, s->g.key, m->code, m->text);
    return 0;
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
    if (m->asked == WIRE_ASK_LOG) return refused_log(c, s, m);
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
        r = wire_get_group_entries(p, &entries) && is_room(entries.room) ? take_entries(c, &entries) : -1;
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
        r = wire_get_group_gap(p, &gap) && is_room(gap.room) ? take_gap(c, &gap) : -1;
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

static void ask_logs(struct client *c)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        struct wire_group_question q = {
            .op = WIRE_ASK_LOG, .room = group_name(&s->g), .after = s->g.log.seq};
        if (!s->log_wanted || s->log_asked) continue;
        /* Left and closed, the name may be another group's by now: whichever has it, from the first. */
        if (s->g.over)
            q.after = 0;
        else
            memcpy(q.id, s->g.id, sizeof q.id);
        s->log_wanted = false;
        s->log_asked = true;
        wire_put_group_question(link_out(c->link), &q);
    }
}

/* Messages whose sender's key did not come in time. */
static int lose_patience(struct client *c)
{
    int r = 0;
    for (size_t i = 0; i < c->groups.n && r == 0; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (!s->since || client_now(c) < s->since + GROUPS_PATIENCE_MS) continue;
        if (vault_begin(c->o.vault) < 0) return -1;
        r = group_read(c->o.vault, &s->g) < 0 ? -1 : advance(c, s, NULL);
        r = vault_finish(c->o.vault, r);
        if (s->since) s->since = client_now(c); /* it waits for something else */
    }
    return r;
}

int client_groups_step(struct client *c)
{
    uint64_t now = client_now(c);
    client_groups_ack(c);
    if (lose_patience(c) < 0 || watch_hand_out(c) < 0 || client_orders_step(c) < 0) return -1;
    if (now < c->groups.held_until) return 0;
    ask_logs(c);
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
