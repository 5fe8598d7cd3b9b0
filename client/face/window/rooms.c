/* rooms.c - see rooms.h. */
#include "rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct room *make(enum room_kind kind, const char *name)
{
    struct room *room = xcalloc(1, sizeof *room);
    room->kind = kind;
    room->stale = true;
    snprintf(room->name, sizeof room->name, "%s", name);
    timeline_init(&room->lines);
    return room;
}

static void destroy(struct room *room)
{
    timeline_free(&room->lines);
    free(room->draft);
    free(room);
}

void rooms_init(struct rooms *r)
{
    *r = (struct rooms){.n = 2, .open = 1};
    r->room[0] = make(ROOM_CONSOLE, "console");
    r->room[1] = make(ROOM_LOBBY, "#lobby");
    r->room[0]->lines.complete = true;
}

void rooms_free(struct rooms *r)
{
    for (size_t i = 0; i < r->n; i++)
        destroy(r->room[i]);
    *r = (struct rooms){0};
}

struct room *rooms_console(const struct rooms *r)
{
    return r->room[0];
}

struct room *rooms_current(const struct rooms *r)
{
    return r->room[r->open];
}

size_t rooms_number(const struct rooms *r, const struct room *room)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->room[i] == room) return i + 1;
    return 0;
}

/* The console has no name that people could have: nobody is found there. */
struct room *rooms_find(const struct rooms *r, const char *name)
{
    for (size_t i = 1; i < r->n; i++)
        if (strcasecmp(r->room[i]->name, name) == 0) return r->room[i];
    return NULL;
}

/* Behind the last of its kind. */
static size_t place_of(const struct rooms *r, enum room_kind kind)
{
    size_t at = r->n;
    while (at > 0 && r->room[at - 1]->kind > kind)
        at--;
    return at;
}

struct room *rooms_want(struct rooms *r, const char *name)
{
    struct room *room = rooms_find(r, name);
    if (room) return room;
    if (r->n == ROOMS_MAX || !name[0]) return rooms_console(r);
    enum room_kind kind = name[0] == '#' ? ROOM_GROUP : ROOM_PERSON;
    size_t at = place_of(r, kind);
    memmove(r->room + at + 1, r->room + at, (r->n - at) * sizeof *r->room);
    r->room[at] = make(kind, name);
    r->n++;
    r->open += r->open >= at;
    r->last += r->last >= at;
    return r->room[at];
}

static void has_been_seen(struct room *room)
{
    room->activity = ACTIVITY_NONE;
    room->unread = room->calls = 0;
}

void rooms_open(struct rooms *r, size_t index)
{
    if (index >= r->n || index == r->open) return;
    timeline_mark_read(&rooms_current(r)->lines);
    r->last = r->open;
    r->open = index;
    has_been_seen(rooms_current(r));
}

void rooms_seen(struct room *room)
{
    has_been_seen(room);
    timeline_mark_read(&room->lines);
}

bool rooms_close(struct rooms *r, size_t index)
{
    if (index >= r->n || r->room[index]->kind < ROOM_GROUP) return false;
    if (r->open == index) rooms_open(r, r->last != index ? r->last : 1);
    destroy(r->room[index]);
    r->n--;
    memmove(r->room + index, r->room + index + 1, (r->n - index) * sizeof *r->room);
    if (r->open > index) r->open--;
    if (r->last > index) r->last--;
    if (r->last >= r->n) r->last = 1;
    return true;
}

size_t rooms_most_active(const struct rooms *r)
{
    size_t best = r->n;
    for (size_t i = 0; i < r->n; i++) {
        const struct room *x = r->room[i], *y = best < r->n ? r->room[best] : NULL;
        if (i == r->open || x->activity == ACTIVITY_NONE) continue;
        if (!y || x->activity > y->activity || (x->activity == y->activity && x->since < y->since)) best = i;
    }
    return best;
}

void rooms_activity(struct rooms *r, struct room *room, enum activity activity)
{
    if (room == rooms_current(r) || activity <= room->activity) return;
    room->activity = activity;
    room->since = ++r->count;
}

void rooms_message(struct rooms *r, struct room *room, bool calls)
{
    bool direct = room->kind == ROOM_PERSON;
    if (room == rooms_current(r)) return;
    room->unread++;
    room->calls += calls;
    rooms_activity(r, room, calls && !direct ? ACTIVITY_MENTION : direct ? ACTIVITY_DIRECT : ACTIVITY_MESSAGE);
}
