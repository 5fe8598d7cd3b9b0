/*
 * presence.c - who is here: changes gathered and told to the lobby at intervals, lists, one person.
 *
 * Nothing of it is kept. A connection that breaks and comes back within the grace time is no change; nor is
 * one that an earlier broker had, whose members were told when it joined.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

enum { PERSONS_A_FRAME = 400, MICROSECONDS_A_MEMBER = 100 };

/* --- changes --- */

/* The more members, the rarer: what telling them costs stays a small part of the time. */
static uint64_t tick_ms(const struct broker *b)
{
    uint64_t least = (uint64_t)b->lobby.members * MICROSECONDS_A_MEMBER / 1000;
    return b->set.presence.tick > least ? b->set.presence.tick : least;
}

static void add(struct broker *b, struct account *a, uint8_t change, const char *reason)
{
    struct presence *p = &b->presence;
    /* Who left and is back before the next tick was never gone. */
    for (uint32_t i = 0; change == WIRE_CHANGE_JOINED && i < p->n; i++) {
        if (p->change[i].account == a && p->change[i].change == WIRE_CHANGE_LEFT) {
            p->change[i] = p->change[--p->n];
            return;
        }
    }
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->change = xrealloc(p->change, p->cap * sizeof *p->change);
    }
    p->change[p->n++] = (struct change){a, change, reason};
    if (!p->tick.armed) loop_timer_set(&b->loop, &p->tick, tick_ms(b));
}

static void note(struct wire_changes *w, const struct change *c)
{
    if (w->n < WIRE_CHANGES_MAX) {
        const char *text = c->change == WIRE_CHANGE_AWAY && c->account->away_text ? c->account->away_text
                           : c->reason                                          ? c->reason
                                                                                : "";
        w->change[w->n++] = (struct wire_change){
            c->change,
            {(const uint8_t *)c->account->name, strlen(c->account->name)},
            {(const uint8_t *)text, strlen(text)}};
    } else if (c->change == WIRE_CHANGE_JOINED) {
        w->joined++;
    } else if (c->change == WIRE_CHANGE_LEFT) {
        w->left++;
    }
}

static void tell(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, presence.tick);
    struct presence *p = &b->presence;
    struct wire_changes w = {0};
    struct buf frame = {0};
    for (uint32_t i = 0; i < p->n; i++)
        note(&w, &p->change[i]);
    p->n = 0;
    wire_put_changes(&frame, &w);
    room_tell(&b->lobby, (struct slice){buf_head(&frame), buf_len(&frame)});
    buf_free(&frame);
}

/* --- joining and leaving, with grace --- */

/* Somebody who is absent, and may come back unnoticed until then. */
struct leaving {
    struct leaving *next;
    struct account *account;
    uint64_t until_ms;
};

static void forgive(struct broker *b, struct account *a)
{
    struct leaving **at = &b->presence.leaving, *l = a->leaving;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    if (b->presence.last_leaving == &l->next) b->presence.last_leaving = at;
    free(l);
    a->leaving = NULL;
}

void presence_joined(struct broker *b, struct account *a)
{
    if (a->leaving) forgive(b, a);
    if (a->announced) return;
    a->announced = true;
    a->said_gone = false;
    LOG(LOG_INFO, "room", "join", log_s("user", a->name), log_s("room", b->lobby.name), log_u("members", b->lobby.members));
    add(b, a, WIRE_CHANGE_JOINED, NULL);
}

void presence_returned(struct account *a)
{
    if (!a->said_gone) a->announced = true;
}

/* reason NULL: on purpose. */
static void gone(struct broker *b, struct account *a, const char *reason)
{
    a->announced = false;
    a->said_gone = true;
    LOG(LOG_INFO, "room", "leave", log_s("user", a->name), log_s("room", b->lobby.name), log_s("reason", reason ? reason : "left"),
        log_u("members", b->lobby.members));
    add(b, a, WIRE_CHANGE_LEFT, reason);
}

void presence_left(struct broker *b, struct account *a, bool polite)
{
    struct presence *p = &b->presence;
    if (!a->announced || a->leaving) return;
    if (a->receiving == 0) a->away = false;
    if (polite || b->set.presence.grace == 0) {
        gone(b, a, NULL);
        return;
    }
    struct leaving *l = a->leaving = xmalloc(sizeof *l);
    *l = (struct leaving){.account = a, .until_ms = b->loop.now_ms + b->set.presence.grace};
    *p->last_leaving = l;
    p->last_leaving = &l->next;
    if (!p->grace.armed) loop_timer_set(&b->loop, &p->grace, b->set.presence.grace);
}

static void grace_over(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, presence.grace);
    struct presence *p = &b->presence;
    while (p->leaving && p->leaving->until_ms <= b->loop.now_ms) {
        struct account *a = p->leaving->account;
        forgive(b, a);
        if (a->in_lobby == 0) gone(b, a, "connection lost");
    }
    if (p->leaving) loop_timer_set(&b->loop, t, p->leaving->until_ms - b->loop.now_ms);
}

void presence_start(struct broker *b)
{
    b->presence.last_leaving = &b->presence.leaving;
    b->presence.tick.fire = tell;
    b->presence.grace.fire = grace_over;
}

/* --- questions --- */

static struct slice text_of(const char *s)
{
    return s ? (struct slice){(const uint8_t *)s, strlen(s)} : (struct slice){(const uint8_t *)"", 0};
}

struct listing {
    struct session *to;
    struct buf frame;
    size_t begun;
    unsigned n;
};

static void send_list(struct listing *l, bool last)
{
    size_t at;
    wire_list_end(&l->frame, l->begun);
    /* "last" is known only now: the flag is the first byte after the op. */
    buf_head(&l->frame)[l->begun + 1] = last ? 1 : 0;
    buf_put(session_begin(l->to, &at), buf_head(&l->frame), buf_len(&l->frame));
    session_end(l->to, at);
    buf_reset(&l->frame, SIZE_MAX);
    l->n = 0;
}

static void list_one(void *arg, struct account *a)
{
    struct listing *l = arg;
    if (a->receiving == 0) return;
    if (l->n == PERSONS_A_FRAME / 4) send_list(l, false); /* 100 at 32 + 255 bytes fit any frame */
    if (l->n == 0) l->begun = wire_list_begin(&l->frame, false);
    struct wire_person p = {.name = text_of(a->name),
                            .state = a->away ? 1 : 0,
                            .in_lobby = a->in_lobby ? 1 : 0,
                            .since_ms = a->since_ms,
                            .text = text_of(a->away ? a->away_text : NULL)};
    wire_list_add(&l->frame, l->begun, &p);
    l->n++;
}

static void list(struct session *s)
{
    struct listing l = {.to = s};
    people_each(s->link->broker, list_one, &l);
    if (l.n == 0) l.begun = wire_list_begin(&l.frame, true);
    send_list(&l, true);
    buf_free(&l.frame);
}

static void about(struct session *s, struct slice name)
{
    struct broker *b = s->link->broker;
    const struct account *a = people_find(b, name);
    struct wire_about w = {.name = name, .text = text_of(NULL)};
    if (a && !a->pending) {
        w = (struct wire_about){.found = true,
                                .name = text_of(a->name),
                                .online = a->receiving ? 1 : 0,
                                .state = a->away ? 1 : 0,
                                .role = a->role,
                                .since_ms = a->since_ms,
                                .waiting = a->receiving || !a->device ? 0 : (uint32_t)a->device->in.waiting,
                                .text = text_of(a->away ? a->away_text : NULL)};
        if (a->device) memcpy(w.device_key, a->device->key, 32);
    }
    size_t at;
    wire_put_about(session_begin(s, &at), &w);
    session_end(s, at);
}

static void set(struct session *s, const struct wire_presence_ask *m)
{
    struct broker *b = s->link->broker;
    struct account *a = s->device->account;
    bool away = m->state == 1;
    free(a->away_text);
    a->away_text = NULL;
    if (away && m->text.len) {
        a->away_text = xcalloc(1, m->text.len + 1);
        memcpy(a->away_text, m->text.data, m->text.len);
    }
    if (away == a->away && !away) return;
    a->away = away;
    if (a->announced) add(b, a, away ? WIRE_CHANGE_AWAY : WIRE_CHANGE_BACK, NULL);
}

void presence_ask(struct session *s, const struct wire_presence_ask *m)
{
    if (m->op == WIRE_ASK_SET)
        set(s, m);
    else if (m->op == WIRE_ASK_LIST)
        list(s);
    else
        about(s, m->name);
}
