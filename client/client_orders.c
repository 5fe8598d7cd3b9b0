/*
 * client_orders.c - entries of our own for a group's log: create, invite, join, … One at a time: the log as
 * the server has it, the entry on its head, APPEND; when another one came first, all over again.
 *
 * Orders lie in the store until they are carried out or refused (order.h); an entry is there before it leaves.
 * Repeating one that was taken is answered with its number, so neither a lost answer nor a lost process does harm.
 */
#include "client_private.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static int end(struct client *c, uint16_t code, struct slice words)
{
    struct group_order *o = c->groups.order;
    struct buf b = {0};
    if (order_drop(c->o.vault, o) < 0) return -1;
    buf_put_u64(&b, o->number);
    buf_put_u8(&b, o->op);
    buf_put_u8(&b, o->earlier);
    buf_put_u16(&b, code);
    buf_put_str8(&b, o->room, strlen(o->room));
    buf_put_str16(&b, words.data, words.len);
    client_keep(c, KEPT_ORDER, 0, sealed_head(&b));
    buf_free(&b);
    c->groups.order = o->next;
    if (!o->next) c->groups.last = NULL;
    buf_free(&o->entry);
    free(o);
    return 0;
}

void client_groups_tell_order(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct client_event e = {.type = CLIENT_ORDER};
    char room[NAME_SIZE];
    e.order.number = cur_u64(&cur);
    e.order.op = cur_u8(&cur);
    e.order.earlier = cur_u8(&cur);
    uint16_t code = cur_u16(&cur);
    struct slice name = cur_str8(&cur);
    e.order.text = cur_str16(&cur);
    snprintf(room, sizeof room, "%.*s", (int)name.len, (const char *)name.data);
    e.order.room = room;
    e.order.code = code ? wire_code_name(code) : NULL;
    client_tell(c, &e);
}

/* --- whom it is about --- */

enum found { FOUND_STORE = -1, FOUND, FOUND_LATER, FOUND_NOBODY };

static enum found find_invited(struct client *c, const struct group_order *o, uint8_t account_key[SEALED_KEY])
{
    struct peer p;
    int r = peers_get(c->o.vault, text_of(o->subject), &p);
    bool usable = r > 0 && p.list.n > 0 && p.trouble == PEER_FINE;
    memcpy(account_key, p.list.account_key, SEALED_KEY);
    if (r >= 0 && p.list.n == 0) asks_want(&c->sealed.asks, WIRE_LIST, p.key, 0, client_now(c));
    enum found f = r < 0 ? FOUND_STORE : usable ? FOUND : p.list.n == 0 ? FOUND_LATER : FOUND_NOBODY;
    peer_free(&p);
    return f;
}

static enum found find_subject(struct client *c, struct group_seat *s, const struct group_order *o,
                               struct membership_entry *e)
{
    const struct membership_person *p = group_person(&s->g, text_of(o->subject));
    e->subject = text_of(o->subject);
    if (o->op == MEMBERSHIP_INVITE && !p) return find_invited(c, o, e->subject_account);
    if (!p) return FOUND_NOBODY;
    e->subject = sealed_slice(p->name, p->name_len);
    memcpy(e->subject_account, p->account_key, SEALED_KEY);
    return FOUND;
}

/* --- writing --- */

static int write_entry(struct client *c, struct group_order *o, const struct membership *log,
                        struct membership_entry *e)
{
    e->op = o->op;
    e->time_ms = client_wall_ms();
    e->actor = text_of(c->name);
    const struct keyring k = client_keyring(c);
    if (keyring_account(&k, e->actor_account) < 0) return -1;
    e->actor_device = c->o.identity->device;
    e->role = o->role;
    e->until_ms = o->until_ms;
    e->text = o->op == MEMBERSHIP_CREATE ? text_of(o->room) : text_of(o->text);
    buf_free(&o->entry);
    membership_write(log, e, c->o.identity->secret, &o->entry);
    return order_keep(c->o.vault, o);
}

static void send_entry(struct client *c, struct group_order *o)
{
    o->sent = true;
    wire_put_group_question(link_out(c->link), &(struct wire_group_question){
                                                   .op = WIRE_ASK_APPEND, .entry = sealed_head(&o->entry)});
}

static int create(struct client *c, struct group_order *o)
{
    const struct membership none = {0};
    struct membership_entry e = {0};
    o->repeated = buf_len(&o->entry) > 0;
    if (!o->repeated && write_entry(c, o, &none, &e) < 0) return -1;
    send_entry(c, o);
    return 0;
}

static int append(struct client *c, struct group_order *o)
{
    struct membership_entry e = {0};
    struct group_seat *s = client_seat(c, text_of(o->room));
    if (!s) return -1;
    if (buf_len(&o->entry)) { /* the answer was lost */
        o->repeated = true;
        send_entry(c, o);
        return 0;
    }
    if (!s->synced) {
        client_want_log(s);
        return 0;
    }
    if (s->g.broken) return end(c, WIRE_FORBIDDEN, text_of(client_broken_words(s)));
    bool about = o->subject[0] != '\0';
    enum found f = about ? find_subject(c, s, o, &e) : FOUND;
    if (f == FOUND_STORE) return -1;
    if (f == FOUND_LATER) return 0;
    if (f == FOUND_NOBODY)
        return end(c, WIRE_NO_SUCH_USER, text_of(o->op == MEMBERSHIP_INVITE ? "their keys have changed: look at them first"
                                                                           : "nobody of that name is in the group"));
    if (write_entry(c, o, &s->g.log, &e) < 0) return -1;
    send_entry(c, o);
    return 0;
}

/* The server judges us by our own list: it must be there. */
static bool may_go(const struct client *c)
{
    const struct group_order *o = c->groups.order;
    return o && !o->sent && c->state == CLIENT_OPEN && client_now(c) >= c->groups.held_until && c->sealed.listed;
}

int client_orders_step(struct client *c)
{
    struct group_order *o = c->groups.order;
    if (!may_go(c)) return 0;
    return o->op == MEMBERSHIP_CREATE ? create(c, o) : append(c, o);
}

int client_orders_look(struct client *c)
{
    if (!may_go(c)) return 0;
    return vault_begin(c->o.vault) < 0 ? -1 : vault_finish(c->o.vault, client_orders_step(c));
}

/* --- answers --- */

/*
 * The seat of a group that is ours from this number on. The server places us at that entry when it takes it; one
 * that had been taken before the connection broke it only confirms.
 */
static int enter(struct client *c, struct group_seat *s, const struct wire_group_head *m, bool repeated)
{
    s->g.over = false;
    if (s->g.place < m->number - 1) s->g.place = m->number - 1;
    s->placed = true;
    if (repeated && client_receives(c)) client_room_place(c, s, s->g.place);
    return group_write(c->o.vault, &s->g);
}

int client_orders_head(struct client *c, const struct wire_group_head *m)
{
    struct group_order *o = c->groups.order;
    if (!o || !o->sent || client_in_batch(c) < 0) return o && o->sent ? -1 : 0;
    struct group_seat *s = client_seat(c, m->room);
    if (!s) return -1;
    bool begins = o->op == MEMBERSHIP_CREATE;
    if (begins && s->g.log.seq && memcmp(s->g.id, m->id, sizeof s->g.id) != 0 && group_reset(c->o.vault, &s->g) < 0)
        return -1;
    if (client_seat_took(c, s, sealed_head(&o->entry), m->number) < 0) return -1;
    if ((begins || o->op == MEMBERSHIP_JOIN) && enter(c, s, m, o->repeated) < 0) return -1;
    s->synced = s->synced || begins;
    return end(c, 0, text_of("")) < 0 ? -1 : client_orders_step(c);
}

int client_orders_refused(struct client *c, const struct wire_group_no *m)
{
    struct group_order *o = c->groups.order;
    if (!o || !o->sent) return 0;
    o->sent = false;
    if (m->code == WIRE_TOO_FAST) return 0; /* again when it is time */
    if (m->code == WIRE_LOG_CHANGED && o->op != MEMBERSHIP_CREATE && o->tries++ < ORDER_TRIES) {
        struct group_seat *s = client_seat(c, text_of(o->room));
        if (!s) return -1;
        s->synced = false;
        client_want_log(s);
        buf_free(&o->entry);
        o->repeated = false;
        return 0;
    }
    return end(c, m->code, m->text) < 0 ? -1 : client_orders_step(c);
}

int client_orders_fail(struct client *c, const char *room, uint16_t code, struct slice text)
{
    char key[NAME_SIZE];
    struct group_order *o = c->groups.order;
    if (!o || o->sent) return 0;
    name_fold(key, o->room, strlen(o->room));
    return strcmp(key, room) == 0 ? end(c, code, text) : 0;
}

int client_orders_no_user(struct client *c, const char *name)
{
    char key[NAME_SIZE];
    struct group_order *o = c->groups.order;
    if (!o || o->sent || o->op != MEMBERSHIP_INVITE) return 0;
    name_fold(key, o->subject, strlen(o->subject));
    return strcmp(key, name) == 0 ? end(c, WIRE_NO_SUCH_USER, text_of("no such user")) : 0;
}

bool client_orders_enters(const struct client *c, const char *room)
{
    for (const struct group_order *o = c->groups.order; o; o = o->next) {
        char key[NAME_SIZE];
        name_fold(key, o->room, strlen(o->room));
        if ((o->op == MEMBERSHIP_CREATE || o->op == MEMBERSHIP_JOIN) && strcmp(key, room) == 0) return true;
    }
    return false;
}

/* --- orders --- */

static void add(struct client *c, const struct group_order *given)
{
    struct group_order *o = xmalloc(sizeof *o);
    *o = *given;
    o->next = NULL;
    if (c->groups.last)
        *c->groups.last = o;
    else
        c->groups.order = o;
    c->groups.last = &o->next;
    c->sealed.sweep = true; /* the next step comes at once */
}

static bool is_here(const struct client *c, uint64_t number)
{
    const struct group_order *o = c->groups.order;
    while (o && o->number != number)
        o = o->next;
    return o != NULL;
}

/* Those given to this engine before it was connected are in memory already. */
static int claim_all(struct client *c)
{
    struct group_order o = {0};
    int r;
    while ((r = order_claim(c->o.vault, o.number, &o)) > 0) {
        if (is_here(c, o.number))
            buf_free(&o.entry);
        else
            add(c, &o);
    }
    return r;
}

int client_orders_begin(struct client *c)
{
    char name[VAULT_NAME] = "";
    uint64_t number = 0;
    int r = vault_next_value(c->o.vault, VAULT_GROUP_ORDER, name, &number);
    if (r > 0) r = client_in_batch(c) < 0 ? -1 : claim_all(c);
    return r < 0 ? -1 : 0;
}

static int keep_new(struct vault *v, struct group_order *o)
{
    int r = vault_begin(v);
    if (r == 0) r = vault_finish(v, vault_number(v, &o->number) < 0 ? -1 : order_keep(v, o));
    return r;
}

int client_order(struct client *c, const struct client_group_order *wanted, uint64_t *number)
{
    const size_t room = strlen(wanted->room);
    if (!name_valid_room(wanted->room, room, NULL) || strlen(wanted->text) > MEMBERSHIP_TEXT ||
        strlen(wanted->subject) > NAME_LEN)
        return -1;
    struct group_order o = {.op = wanted->op, .role = wanted->role, .until_ms = wanted->until_ms};
    snprintf(o.room, sizeof o.room, "%s", wanted->room);
    snprintf(o.subject, sizeof o.subject, "%s", wanted->subject);
    snprintf(o.text, sizeof o.text, "%s", wanted->text);
    if (keep_new(c->o.vault, &o) < 0) {
        client_vault_failed(c);
        return -1;
    }
    *number = o.number;
    add(c, &o);
    return 0;
}

int client_ask_groups(struct client *c, bool open)
{
    if (c->state != CLIENT_OPEN) return -1;
    wire_put_group_question(link_out(c->link),
                            &(struct wire_group_question){
                                .op = WIRE_ASK_GROUPS, .scope = open ? WIRE_GROUPS_OPEN : WIRE_GROUPS_MINE});
    return 0;
}

int client_ask_members(struct client *c, const char *room)
{
    if (c->state != CLIENT_OPEN) return -1;
    wire_put_group_question(link_out(c->link),
                            &(struct wire_group_question){.op = WIRE_ASK_MEMBERS, .room = text_of(room)});
    return 0;
}
