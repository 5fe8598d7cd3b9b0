/*
 * client_class.c - the class and the server's roster: claims are answered, welcomes taken, entries kept
 * (docs/protocol.md section 7.2; what is judged and how is class.h).
 *
 *   join:  fetch entries -> which anchor? -> put claim ... news of a welcome -> fetch it -> pinned
 *   sign:  news of claims -> fetch them -> for each: put entry, put welcome, drop the claim
 */
#include "client_private.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "log.h"
#include "wire_roster.h"

/* A join that looks for the anchor of its class. */
struct class_side {
    uint8_t secret[INVITATION_SECRET];
    char wanted[ANCHOR_CLASS_MAX + 1]; /* empty: the only one */
    uint8_t anchor_key[SEALED_KEY];
    char found[ANCHOR_CLASS_MAX + 1];
    unsigned classes; /* different ones that fit */
};

void client_class_free(struct client *c)
{
    if (!c->joining) return;
    sodium_memzero(c->joining, sizeof *c->joining);
    free(c->joining);
    c->joining = NULL;
}

static struct slice own_name(const struct client *c)
{
    return sealed_slice(c->name, strlen(c->name));
}

static void ask(struct client *c, const struct wire_roster_ask *m)
{
    wire_put_roster_ask(link_out(c->link), m);
}

static void fetch(struct client *c, uint8_t kind, struct slice name, uint64_t after)
{
    ask(c, &(struct wire_roster_ask){.op = WIRE_ROSTER_FETCH, .kind = kind, .name = name, .after = after});
}

static void ended(struct client *c, const char *words)
{
    client_class_free(c);
    client_keep_class(c, CLIENT_CLASS_ENDED, "", words);
}

/* --- what the user asks --- */

int client_class_sign(struct client *c)
{
    if (c->state != CLIENT_OPEN) return -1;
    fetch(c, WIRE_ROSTER_CLAIM, sealed_slice("", 0), 0);
    return 0;
}

int client_class_fetch(struct client *c)
{
    if (c->state != CLIENT_OPEN) return -1;
    fetch(c, WIRE_ROSTER_ENTRY, sealed_slice("", 0), 0);
    return 0;
}

int client_class_begin(struct client *c)
{
    struct class_room room;
    if (!(c->o.caps & WIRE_CAP_RECEIVE) || client_now(c) < c->class_due) return 0;
    int r = class_get(c->o.vault, &room);
    class_wipe(&room);
    if (r > 0) fetch(c, WIRE_ROSTER_ENTRY, sealed_slice("", 0), 0);
    c->class_due = client_now(c) + CLIENT_CLASS_MS;
    return r < 0 ? -1 : 0;
}

static int put_own(struct client *c, const struct class_room *room)
{
    struct peer own;
    struct buf item = {0};
    uint64_t now = client_wall_ms();
    int r = peers_get(c->o.vault, own_name(c), &own);
    const struct slice name = sealed_slice(own.list.name, own.list.name_len);
    if (r > 0 && own.list.n > 0 && class_sign(room, name, own.list.account_key, ANCHOR_INSTRUCTOR, now, &item) == 0) {
        ask(c, &(struct wire_roster_ask){
                   .op = WIRE_ROSTER_PUT, .kind = WIRE_ROSTER_ENTRY, .name = name, .item = sealed_head(&item)});
        if (vault_begin(c->o.vault) < 0 ||
            vault_finish(c->o.vault, class_take_entry(c->o.vault, room, name, sealed_head(&item), now)) < 0)
            r = -1;
    } else if (r >= 0) {
        ended(c, "this account has no list of devices at the server yet");
    }
    buf_free(&item);
    peer_free(&own);
    return r < 0 ? -1 : 0;
}

int client_class_put(struct client *c)
{
    struct class_room room;
    int r = c->state == CLIENT_OPEN ? class_get(c->o.vault, &room) : -1;
    if (r > 0) r = put_own(c, &room);
    class_wipe(&room);
    return r < 0 ? -1 : 0;
}

int client_class_join(struct client *c, const uint8_t secret[12], const char *class_name)
{
    if (c->state != CLIENT_OPEN) return -1;
    client_class_free(c);
    c->joining = xcalloc(1, sizeof *c->joining);
    memcpy(c->joining->secret, secret, INVITATION_SECRET);
    snprintf(c->joining->wanted, sizeof c->joining->wanted, "%s", class_name ? class_name : "");
    return client_class_fetch(c);
}

/* --- joining --- */

static void look_at(struct class_side *j, struct slice item)
{
    uint8_t key[SEALED_KEY];
    char text[ANCHOR_CLASS_MAX + 1];
    struct slice name;
    if (!class_peek(item, key, &name)) return;
    snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.data);
    if (j->wanted[0] && strcmp(text, j->wanted) != 0) return;
    if (j->classes && memcmp(key, j->anchor_key, SEALED_KEY) == 0 && strcmp(text, j->found) == 0) return;
    memcpy(j->anchor_key, key, SEALED_KEY);
    memcpy(j->found, text, sizeof text);
    j->classes++;
}

static int claim(struct client *c)
{
    struct class_side *j = c->joining;
    struct buf bytes = {0};
    const struct slice name = sealed_slice(j->found, strlen(j->found));
    int r = class_joining(c->o.vault, j->secret, j->anchor_key, name);
    if (r == 0 && invitation_claim(j->secret, j->anchor_key, name, own_name(c), c->o.identity->account_secret, &bytes) == 0)
        ask(c, &(struct wire_roster_ask){
                   .op = WIRE_ROSTER_PUT, .kind = WIRE_ROSTER_CLAIM, .name = own_name(c), .item = sealed_head(&bytes)});
    buf_free(&bytes);
    client_class_free(c);
    return r;
}

static int all_seen(struct client *c)
{
    if (!c->joining) return 0;
    if (c->joining->classes == 1) return claim(c);
    ended(c, c->joining->classes ? "there are several classes at this server: name yours behind the code"
                                 : "there is no such class at this server (yet): the instructor begins it");
    return 0;
}

/* --- items --- */

static int take_claim(struct client *c, const struct class_room *room, const struct wire_roster_item *i)
{
    struct buf item = {0}, welcome = {0};
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)(i->name.len < NAME_SIZE ? i->name.len : 0), (const char *)i->name.data);
    enum class_claim result =
        class_take_claim(c->o.vault, room, i->name, i->item, client_wall_ms(), &item, &welcome);
    if (result == CLASS_CLAIM_GOOD) {
        ask(c, &(struct wire_roster_ask){
                   .op = WIRE_ROSTER_PUT, .kind = WIRE_ROSTER_ENTRY, .name = i->name, .item = sealed_head(&item)});
        ask(c, &(struct wire_roster_ask){
                   .op = WIRE_ROSTER_PUT, .kind = WIRE_ROSTER_WELCOME, .name = i->name, .item = sealed_head(&welcome)});
    }
    /* A claim with a code that is none of ours may be another instructor's to answer: it stays. */
    if (result == CLASS_CLAIM_GOOD || result == CLASS_CLAIM_USED)
        ask(c, &(struct wire_roster_ask){.op = WIRE_ROSTER_DROP, .kind = WIRE_ROSTER_CLAIM, .name = i->name});
    if (result != CLASS_CLAIM_STORE)
        client_keep_class(c, result == CLASS_CLAIM_GOOD ? CLIENT_CLASS_SIGNED : CLIENT_CLASS_UNSIGNED, name,
                          result == CLASS_CLAIM_USED ? "the code was used before, for another key"
                                                     : "no invitation of this name has that code");
    buf_free(&item);
    buf_free(&welcome);
    return result == CLASS_CLAIM_STORE ? -1 : 0;
}

static int take_welcome(struct client *c, const struct wire_roster_item *i)
{
    int r = class_take_welcome(c->o.vault, i->item, client_wall_ms());
    if (r < 0) return -1;
    ask(c, &(struct wire_roster_ask){.op = WIRE_ROSTER_DROP, .kind = WIRE_ROSTER_WELCOME, .name = own_name(c)});
    if (r == 0) {
        client_keep_class(c, CLIENT_CLASS_ENDED, "", "a welcome came that nobody with the code has written: it was dropped");
        return 0;
    }
    client_keep_class(c, CLIENT_CLASS_JOINED, "", "");
    fetch(c, WIRE_ROSTER_ENTRY, sealed_slice("", 0), 0);
    return 0;
}

static int take_item(struct client *c, const struct class_room *room, uint8_t kind, const struct wire_roster_item *i)
{
    switch (kind) {
    case WIRE_ROSTER_CLAIM: return room->own ? take_claim(c, room, i) : 0;
    case WIRE_ROSTER_WELCOME: return take_welcome(c, i);
    default:
        if (c->joining) look_at(c->joining, i->item);
        return room->name[0] ? class_take_entry(c->o.vault, room, i->name, i->item, client_wall_ms()) : 0;
    }
}

static int take_items(struct client *c, const struct wire_roster_items *m)
{
    struct cur cur = cur_of(m->items.data, m->items.len);
    struct wire_roster_item item;
    struct class_room room;
    int r = client_in_batch(c) < 0 ? -1 : class_get(c->o.vault, &room);
    for (uint16_t i = 0; r >= 0 && i < m->n && wire_next_roster_item(&cur, &item); i++)
        r = take_item(c, &room, m->kind, &item);
    class_wipe(&room);
    if (r >= 0 && m->next) {
        fetch(c, m->kind, m->name, m->next);
    } else if (r >= 0 && m->kind == WIRE_ROSTER_ENTRY) {
        r = all_seen(c);
        client_logs_class(c);
        client_keep_class(c, CLIENT_CLASS_LISTED, "", "");
    } else if (r >= 0 && m->kind == WIRE_ROSTER_CLAIM) {
        client_keep_class(c, CLIENT_CLASS_ALL_SIGNED, "", "");
    }
    return r < 0 ? TAKE_STORE : 0;
}

static int take_news(struct client *c, const struct wire_roster_news *m)
{
    struct class_room room;
    int r = class_get(c->o.vault, &room);
    if (r > 0 && m->kind == WIRE_ROSTER_CLAIM && room.own) fetch(c, WIRE_ROSTER_CLAIM, sealed_slice("", 0), 0);
    if (r >= 0 && m->kind == WIRE_ROSTER_WELCOME) fetch(c, WIRE_ROSTER_WELCOME, own_name(c), 0);
    class_wipe(&room);
    return r < 0 ? TAKE_STORE : 0;
}

static void take_done(struct client *c, const struct wire_roster_done *m)
{
    if (m->asked != WIRE_ROSTER_PUT) return;
    if (m->kind == WIRE_ROSTER_CLAIM) client_keep_class(c, CLIENT_CLASS_CLAIMED, "", "");
    if (m->kind == WIRE_ROSTER_ENTRY) client_keep_class(c, CLIENT_CLASS_PUT, "", "");
}

static void take_refused(struct client *c, const struct wire_keys_refused *m)
{
    char words[200];
    snprintf(words, sizeof words, "%.*s", (int)m->text.len, (const char *)m->text.data);
    ended(c, words);
}

int client_take_roster(struct client *c, struct slice p)
{
    struct wire_roster_items items;
    struct wire_roster_news news;
    struct wire_roster_done done;
    struct wire_keys_refused refused;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_ROSTER_ITEMS: return wire_get_roster_items(p, &items) ? take_items(c, &items) : -1;
    case WIRE_ROSTER_NEWS: return wire_get_roster_news(p, &news) ? take_news(c, &news) : -1;
    case WIRE_ROSTER_DONE:
        if (!wire_get_roster_done(p, &done)) return -1;
        take_done(c, &done);
        return 0;
    default:
        if (!wire_get_keys_refused(p, &refused)) return -1;
        take_refused(c, &refused);
        return 0;
    }
}
