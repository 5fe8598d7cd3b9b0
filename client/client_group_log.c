/* client_group_log.c - the membership logs in this connection: asked for, judged entry by entry, followed. */
#include "client_private.h"

#include <sodium.h>
#include <string.h>

#include "group_keys.h"

void client_want_log(struct group_seat *s)
{
    s->log_wanted = true;
}

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

const char *client_broken_words(const struct group_seat *s)
{
    return s && s->g.unproven ? "its log of members has an entry by somebody who would have to be an instructor, and your class does not say so"
                         : "its log of members is not what it must be";
}

static int break_log(struct client *c, struct group_seat *s, bool unproven)
{
    if (!s->g.broken) client_keep_group_note(c, &s->g);
    buf_free(&s->pending);
    s->synced = true; /* as far as it can be */
    c->sealed.sweep = true;
    return group_break(c->o.vault, &s->g, unproven);
}

static int synced(struct client *c, struct group_seat *s)
{
    struct keyring k = client_keyring(c);
    uint8_t own[SEALED_KEY];
    if (keyring_account(&k, own) < 0) return -1;
    bool in = group_has(&s->g, own);
    if (s->g.log.seq < s->pending_head) {
        client_want_log(s);
        return 0;
    }
    s->synced = true;
    if (s->g.unproven) s->g.broken = s->g.unproven = false; /* the class knows its instructors now */
    s->log_code = 0;
    c->sealed.sweep = true;
    if (!in && s->g.place == 0) s->g.over = true;
    if (in && !s->placed && client_receives(c)) client_room_place(c, s, WIRE_FROM_NOW);
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
        case GROUP_UNPROVEN: return break_log(c, s, true);
        case GROUP_REFUSED: return break_log(c, s, false);
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

int client_log_take(struct client *c, const struct wire_group_entries *m)
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
    if (take_pending(c, s, NULL) < 0 || client_room_advance(c, s, NULL) < 0) return TAKE_STORE;
    return client_orders_step(c) < 0 ? TAKE_STORE : 0;
}

int client_log_listed(struct client *c, struct group_seat *s, const char *name)
{
    if (group_read(c->o.vault, &s->g) < 0) return -1;
    if (group_person(&s->g, sealed_slice(name, strlen(name))) && !s->g.over) {
        s->g.check = true; /* perhaps it has other devices now */
        if (group_write(c->o.vault, &s->g) < 0) return -1;
    }
    return buf_len(&s->pending) ? take_pending(c, s, name) : 0;
}

void client_logs_class(struct client *c)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        struct group_seat *s = c->groups.seat[i];
        if (!s->g.unproven) continue;
        s->synced = false;
        client_want_log(s);
    }
}

int client_log_refused(struct client *c, struct group_seat *s, const struct wire_group_no *m)
{
    s->log_asked = false;
    if (m->code == WIRE_TOO_FAST || m->code == WIRE_DISK_FULL) {
        client_want_log(s);
        return 0;
    }
    s->log_code = m->code;
    c->sealed.sweep = true;
    return client_orders_fail(c, s->g.key, m->code, m->text) < 0 ? TAKE_STORE : 0;
}

void client_logs_ask(struct client *c)
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
