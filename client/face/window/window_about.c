/* window_about.c - what is known of the open room; see window_private.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../ipc/log.h"
#include "../../group.h"
#include "../../show.h"
#include "../keys_people.h"
#include "window_private.h"

enum { OUTBOX_COUNTED = 100 };

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- members --- */

static struct scene_member *more(struct window *w, size_t room)
{
    if (!w->member) w->member = xcalloc(room + 1, sizeof *w->member);
    return &w->member[w->members++];
}

static void no_members(struct window *w)
{
    free(w->member);
    w->member = NULL;
    w->members = 0;
}

static void describe(const struct window *w, struct scene_member *m, const char *name, char sign)
{
    const struct person *who = roll_find(&w->roll, name);
    m->sign = sign;
    m->present = who;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->words, sizeof m->words, "%s",
             strcasecmp(name, w->p->chat.me) == 0 ? "you" : !who ? "absent" : who->away ? "away" : "");
}

static void lobby_members(struct window *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->roll.n; i++)
        if (w->roll.person[i].in_lobby) describe(w, more(w, w->roll.n), w->roll.person[i].name, ' ');
    n = w->members;
    snprintf(w->count, sizeof w->count, "%zu on", n);
}

static char role_sign(uint8_t role)
{
    return role == ROLE_OWNER ? '@' : role == ROLE_ASSISTANT ? '%' : ' ';
}

/* Who is here comes first, then by name. */
static int by_presence(const void *a, const void *b)
{
    const struct scene_member *x = a, *y = b;
    if (x->present != y->present) return x->present ? -1 : 1;
    return strcasecmp(x->name, y->name);
}

static void group_members(struct window *w, const struct membership *log)
{
    size_t here = 0;
    for (size_t i = 0; i < log->n; i++) {
        const struct membership_person *p = &log->person[i];
        char name[NAME_SIZE];
        if (p->role == ROLE_NONE) continue;
        show_word(name, sizeof name, (struct slice){(const uint8_t *)p->name, p->name_len});
        struct scene_member *m = more(w, log->n);
        describe(w, m, name, role_sign(p->role));
        here += m->present;
    }
    if (w->members) qsort(w->member, w->members, sizeof *w->member, by_presence);
    snprintf(w->count, sizeof w->count, "%zu/%zu on", here, w->members);
}

/* --- a group --- */

static void about_group(struct window *w, struct room *room)
{
    struct group g;
    group_start(&g, text_of(room->name));
    int known = group_read(w->p->s.vault, &g);
    bool in = known > 0 && g.log.seq && !g.over;
    room->alarm = known > 0 && g.broken;
    snprintf(room->trust, sizeof room->trust, "%s",
             room->alarm ? "LOG NOT AS IT MUST BE: nothing is sent"
             : in        ? "sealed for its members"
             : known > 0 ? "you are not in it"
                         : "not known yet");
    show_word(room->topic, sizeof room->topic, (struct slice){(const uint8_t *)g.log.topic, g.log.topic_len});
    if (in) group_members(w, &g.log);
    group_free(&g);
}

/* --- a person --- */

static void trust_of_person(struct window *w, struct room *room)
{
    struct peer p;
    struct buf words = {0};
    int known = peers_get(w->p->s.vault, text_of(room->name), &p);
    room->alarm = known > 0 && p.trouble != PEER_FINE;
    if (known > 0) keys_class_words(w->p->s.vault, room->name, errand_wall(), &words);
    if (room->alarm)
        snprintf(room->trust, sizeof room->trust, "KEY CHANGED: nothing is sent, /verify %s", room->name);
    else if (known > 0 && p.verified)
        snprintf(room->trust, sizeof room->trust, "sealed, verified");
    else if (buf_len(&words))
        snprintf(room->trust, sizeof room->trust, "sealed, %.*s", (int)buf_len(&words), (const char *)buf_head(&words));
    else
        snprintf(room->trust, sizeof room->trust, known > 0 ? "sealed, not verified" : "sealed, keys not fetched yet");
    buf_free(&words);
    peer_free(&p);
}

static void presence_of_person(struct window *w, struct room *room)
{
    const struct person *who = roll_find(&w->roll, room->name);
    snprintf(w->count, sizeof w->count, "%s", !who ? "absent" : who->away ? "away" : "here");
    snprintf(room->topic, sizeof room->topic, "%s", who && who->away ? who->words : "");
    describe(w, more(w, 2), room->name, ' ');
    describe(w, more(w, 2), w->p->chat.me, ' ');
}

void window_about(struct window *w)
{
    struct room *room = rooms_current(&w->rooms);
    if (!room->stale && !w->members_stale) return;
    no_members(w);
    w->count[0] = '\0';
    switch (room->kind) {
    case ROOM_LOBBY:
        snprintf(room->trust, sizeof room->trust, "readable by the server");
        lobby_members(w);
        break;
    case ROOM_GROUP: about_group(w, room); break;
    case ROOM_PERSON:
        if (room->stale) trust_of_person(w, room);
        presence_of_person(w, room);
        break;
    default: snprintf(room->topic, sizeof room->topic, NAME " " VERSION " at %.200s", w->p->s.place);
    }
    room->stale = w->members_stale = false;
}

void window_outbox(struct window *w)
{
    struct vault_out out = {0};
    struct vault_draft draft = {0};
    unsigned n = 0;
    if (!w->outbox_stale) return;
    while (n < OUTBOX_COUNTED && vault_next(w->p->s.vault, out.id, &out) > 0)
        n += !out.quiet;
    while (n < OUTBOX_COUNTED && vault_next_draft(w->p->s.vault, (struct slice){0}, draft.number, &draft) > 0)
        n += !draft.quiet;
    w->outbox = n;
    w->outbox_stale = false;
}
