/*
 * group_place.c - where the devices of a group's members are: they say it, acknowledge, come and go. A place
 * moves in memory and goes to the disk now and then; what the disk does not know, the device says again.
 */
#include <string.h>

#include "group.h"
#include "log.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- to the disk --- */

void group_moved(struct broker *b, struct reader *r)
{
    if (r->moved) return;
    r->moved = true;
    r->next_moved = b->moved;
    b->moved = r;
    if (!b->group_tick.armed) loop_timer_set(&b->loop, &b->group_tick, GROUP_LAZY_MS);
}

static void save(struct broker *b, const struct reader *r)
{
    const struct device *d = r->device;
    store_put_place(b->store, &(struct store_place){r->member->group->room.id, d->account->id, d->id, r->acked, r->end});
}

void groups_tick(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, group_tick);
    struct group *last = NULL;
    while (b->moved) {
        struct reader *r = b->moved;
        b->moved = r->next_moved;
        r->moved = false;
        save(b, r);
        struct group *g = r->member->group;
        if (last && g != last) group_settle(b, last);
        last = g;
    }
    if (last) group_settle(b, last);
}

/* --- a place moves --- */

/* True: that was all for this reader, and it is gone. */
static bool reached(struct broker *b, struct reader *r, uint64_t number)
{
    struct member *m = r->member;
    r->acked = number;
    if (r->end == 0 || number < r->end) {
        group_moved(b, r);
        return false;
    }
    struct group *g = m->group;
    group_reader_drop(b, r, true);
    if (group_member_done(b, m)) group_settle(b, g);
    return true;
}

void group_start_reading(struct reader *r)
{
    struct session *s = r->device->in.receiver;
    if (!s || !s->knows_groups || s->resyncing) return;
    room_enter(&r->place, &r->member->group->room, s, r->acked, r->end ? r->end : UINT64_MAX);
}

static void say_placed(struct session *s, const struct group *g, uint64_t from, uint64_t upto)
{
    struct wire_group_placed m = {.room = text(g->room.name), .from = from, .to = upto};
    size_t at;
    memcpy(m.id, g->id, sizeof m.id);
    wire_put_group_placed(session_begin(s, &at), &m);
    session_end(s, at);
}

/* It lacks what lies before its place at the server: that is gone, or was never for it. */
static void say_gap(struct session *s, const struct room *r, uint64_t seen, uint64_t from)
{
    size_t at;
    if (seen >= from) return;
    group_put_gap(session_begin(s, &at), r, seen + 1, from);
    session_end(s, at);
}

static void place(struct session *s, struct reader *r, uint64_t seen)
{
    struct broker *b = s->link->broker;
    struct group *g = r->member->group;
    uint64_t last = r->end && r->end < g->room.head ? r->end : g->room.head;
    uint64_t known = seen == WIRE_FROM_NOW ? r->acked : seen < last ? seen : last;
    uint64_t from = known > r->acked ? known : r->acked;
    say_placed(s, g, from, last);
    say_gap(s, &g->room, known, from);
    if (from > r->acked && reached(b, r, from)) return;
    room_enter(&r->place, &g->room, s, from, r->end ? r->end : UINT64_MAX);
}

void group_take_place(struct session *s, const struct wire_group_question *q)
{
    struct group *g = group_by_id(s->link->broker, q->id);
    const struct member *m = g && g->log.seq > 0 ? group_member_of(g, s->device->account) : NULL;
    struct reader *r = m ? group_reader(m, s->device) : NULL;
    if (s->resyncing) return; /* it says its places again, when it has answered */
    if (!g || g->log.seq == 0)
        group_no(s, q->op, q->room, WIRE_NO_SUCH_ROOM, 0, "there is no such group (any more)");
    else if (!r)
        group_no(s, q->op, q->room, WIRE_NOT_MEMBER, 0, "you are not in this group");
    else if (s->device->in.receiver != s)
        group_no(s, q->op, q->room, WIRE_FORBIDDEN, 0, "this session does not receive");
    else
        place(s, r, q->seen);
}

/* Several groups may have had that name: one that this device still reads to its end, and the one of today. */
void groups_ack(struct session *s, struct slice room, uint64_t number)
{
    char wanted[NAME_SIZE], have[NAME_SIZE];
    name_fold(wanted, (const char *)room.data, room.len);
    for (struct member *m = people_keys(s->device->account)->groups, *next; m; m = next) {
        struct reader *r = group_reader(m, s->device);
        next = m->next_group;
        if (!r || r->place.session != s) continue;
        name_fold(have, m->group->room.name, strlen(m->group->room.name));
        if (strcmp(wanted, have) != 0 || !room_ack(&r->place, number)) continue;
        reached(s->link->broker, r, number);
        return;
    }
}

struct place *group_place(const struct session *s, uint64_t room)
{
    for (const struct member *m = people_keys(s->device->account)->groups; m; m = m->next_group) {
        if (m->group->room.id != room) continue;
        struct reader *r = group_reader(m, s->device);
        return r && r->place.session == s ? &r->place : NULL;
    }
    return NULL;
}

void groups_left(struct session *s)
{
    if (s->device->in.receiver != s) return;
    for (const struct member *m = people_keys(s->device->account)->groups; m; m = m->next_group) {
        struct reader *r = group_reader(m, s->device);
        if (r && r->place.session == s) room_leave(&r->place);
    }
}

/* --- devices --- */

/* It reads from now on. */
void groups_device_added(struct broker *b, struct device *d)
{
    for (struct member *m = people_keys(d->account)->groups; m; m = m->next_group) {
        const struct membership_person *p = group_person(m->group, m);
        if (!p || p->role == ROLE_NONE || group_reader(m, d)) continue;
        save(b, group_reader_make(m, d, m->group->room.head));
    }
}

void groups_device_gone(struct broker *b, struct device *d)
{
    for (struct member *m = people_keys(d->account)->groups, *next; m; m = next) {
        struct reader *r = group_reader(m, d);
        struct group *g = m->group;
        next = m->next_group;
        if (!r) continue;
        group_reader_drop(b, r, true);
        if (group_member_done(b, m)) group_settle(b, g);
    }
}
