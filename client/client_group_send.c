/* client_group_send.c - a draft to a group: the key to everybody who lacks it, then the message. */
#include "client_private.h"

#include <string.h>

#include "group_keys.h"
#include "sealed/content.h"

/* To hear of it when a member's devices change, their lists have to be asked for in this connection. */
static void list_members(struct client *c, struct group_seat *s)
{
    if (s->listed) return;
    s->listed = true;
    s->lists_since = client_now(c);
    for (size_t i = 0; i < s->g.log.n; i++) {
        const struct membership_person *p = &s->g.log.person[i];
        char key[NAME_SIZE];
        if (p->role == ROLE_NONE) continue;
        name_fold(key, p->name, p->name_len);
        asks_want(&c->sealed.asks, WIRE_LIST, key, 0, client_now(c));
    }
}

/*
 * A device that was revoked while we were away must not read on: the first message waits until the lists are as the
 * server has them, but not for ever, for a server that tells none.
 */
static bool lists_wait(struct client *c, struct group_seat *s)
{
    bool waits = false;
    for (size_t i = 0; s->lists_since && !waits && i < s->g.log.n; i++) {
        char key[NAME_SIZE];
        name_fold(key, s->g.log.person[i].name, s->g.log.person[i].name_len);
        waits = asks_pending(&c->sealed.asks, WIRE_LIST, key);
    }
    waits = waits && client_now(c) < s->lists_since + GROUPS_LISTS_MS;
    if (!waits) s->lists_since = 0;
    return waits;
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
int client_rooms_watch_keys(struct client *c)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (s->lists_since && !lists_wait(c, s)) c->sealed.sweep = true;
        if (!s->hands_out) continue;
        int waits = keys_wait(c);
        if (waits < 0) return -1;
        if (waits > 0 && client_now(c) < s->hands_out + GROUPS_HAND_OUT_MS) continue;
        s->hands_out = 0;
        c->sealed.sweep = true;
    }
    return 0;
}

/* Is something of this device under way that was sealed for who was in before? */
static int held_back(struct client *c, const struct group_seat *s)
{
    struct wire_resume r;
    if (s->g.barrier == 0) return 0;
    if (vault_resume(c->o.vault, &r) < 0) return -1;
    return r.next_id <= s->g.barrier;
}

int client_room_outdated(struct client *c, struct slice room)
{
    struct group_seat *s = client_seat(c, room);
    if (!s) return -1;
    s->synced = false;
    client_want_log(s);
    c->sealed.sweep = true;
    return 0;
}

int client_seal_room(struct client *c, const struct vault_draft *d, uint16_t *code)
{
    struct keyring k = client_keyring(c);
    struct group_seat *s = client_seat(c, d->to);
    uint8_t own[SEALED_KEY];
    *code = 0;
    if (!s) return -1;
    if (client_orders_enters(c, s->g.key)) return 0;
    if (s->g.broken && (s->synced || !s->g.unproven)) {
        *code = WIRE_FORBIDDEN;
        return 1;
    }
    if (!s->synced && s->log_code) {
        *code = s->log_code;
        return 1;
    }
    if (!s->synced || c->state != CLIENT_OPEN) {
        client_want_log(s);
        return 0;
    }
    if (keyring_account(&k, own) < 0) return -1;
    if (!group_has(&s->g, own)) *code = WIRE_NOT_MEMBER;
    if (*code) return 1;
    list_members(c, s);
    if (lists_wait(c, s)) return 0;
    int r = held_back(c, s);
    if (r != 0) {
        c->sealed.held = true;
        return r < 0 ? -1 : 0;
    }
    r = hand_out(c, s);
    if (r > 0) r = group_seal(&k, &s->g, d);
    if (r > 0) c->more = true;
    return r;
}
