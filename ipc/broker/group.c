/*
 * group.c - the groups there are, found by name, look-alike form, id and room; their members and the
 * devices that read; what is kept of their messages. group.h names the other files.
 */
#include "group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- found by --- */

static uint64_t name_hash(struct slice name)
{
    char folded[NAME_SIZE];
    name_fold(folded, (const char *)name.data, name.len);
    return table_hash(folded, strlen(folded));
}

static uint64_t look_hash(const char *name)
{
    char skeleton[NAME_SKELETON_SIZE];
    name_skeleton(skeleton, name, strlen(name));
    return table_hash(skeleton, strlen(skeleton));
}

struct group *group_find(struct broker *b, struct slice name)
{
    char wanted[NAME_SIZE], have[NAME_SIZE];
    if (name.len < 2 || name.len > WIRE_NAME_MAX + 1) return NULL;
    name_fold(wanted, (const char *)name.data, name.len);
    for (struct table_node *n = table_first(&b->group_names, name_hash(name)); n; n = table_next(n)) {
        struct group *g = container_of(n, struct group, by_name);
        name_fold(have, g->room.name, strlen(g->room.name));
        if (strcmp(wanted, have) == 0) return g;
    }
    return NULL;
}

struct group *group_alike(struct broker *b, const char *name)
{
    char wanted[NAME_SKELETON_SIZE], have[NAME_SKELETON_SIZE];
    name_skeleton(wanted, name, strlen(name));
    for (struct table_node *n = table_first(&b->group_looks, look_hash(name)); n; n = table_next(n)) {
        struct group *g = container_of(n, struct group, by_look);
        name_skeleton(have, g->room.name, strlen(g->room.name));
        if (strcmp(wanted, have) == 0) return g;
    }
    return NULL;
}

struct group *group_by_id(struct broker *b, const uint8_t id[32])
{
    for (struct table_node *n = table_first(&b->groups, table_hash(id, 32)); n; n = table_next(n)) {
        struct group *g = container_of(n, struct group, by_id);
        if (memcmp(g->id, id, 32) == 0) return g;
    }
    return NULL;
}

struct group *group_of(struct room *r)
{
    return container_of(r, struct group, room);
}

struct room *group_room(struct broker *b, uint64_t room)
{
    if (room == ROOM_LOBBY) return &b->lobby;
    for (struct table_node *n = table_first(&b->group_rooms, table_hash(&room, sizeof room)); n; n = table_next(n)) {
        struct group *g = container_of(n, struct group, by_room);
        if (g->room.id == room) return &g->room;
    }
    return NULL;
}

void groups_each(struct broker *b, void (*each)(void *arg, struct group *g), void *arg)
{
    for (size_t i = 0; i < b->group_rooms.size; i++)
        for (struct table_node *n = b->group_rooms.bucket[i], *next; n; n = next) {
            next = n->next; /* it may be dropped */
            each(arg, container_of(n, struct group, by_room));
        }
}

struct tally {
    const struct account *creator;
    uint64_t n;
};

static void tally_one(void *arg, struct group *g)
{
    struct tally *t = arg;
    if (g->creator == t->creator && !g->closed) t->n++;
}

uint64_t group_count_by(struct broker *b, const struct account *creator)
{
    struct tally t = {creator, 0};
    groups_each(b, tally_one, &t);
    return t.n;
}

/* --- coming and going --- */

struct group *group_add(struct broker *b, uint64_t room, const uint8_t id[32], struct slice name, struct account *creator)
{
    struct group *g = xcalloc(1, sizeof *g);
    g->room.id = room;
    g->creator = creator;
    memcpy(g->id, id, sizeof g->id);
    memcpy(g->room.name, name.data, name.len < sizeof g->room.name ? name.len : sizeof g->room.name - 1);
    table_add(&b->groups, &g->by_id, table_hash(g->id, sizeof g->id));
    table_add(&b->group_rooms, &g->by_room, table_hash(&g->room.id, sizeof g->room.id));
    table_add(&b->group_names, &g->by_name, name_hash(text(g->room.name)));
    table_add(&b->group_looks, &g->by_look, look_hash(g->room.name));
    if (room > b->last_room) b->last_room = room;
    return g;
}

void group_close(struct broker *b, struct group *g)
{
    if (g->closed) return;
    g->closed = true;
    table_remove(&b->group_names, &g->by_name);
    table_remove(&b->group_looks, &g->by_look);
    LOG(LOG_INFO, "group", "close", log_s("room", g->room.name), log_u("number", g->room.id));
}

static void unlink_member(struct member *m)
{
    struct member **p = &m->group->member;
    while (*p != m)
        p = &(*p)->next;
    *p = m->next;
    for (p = &m->account->keys->groups; *p != m; p = &(*p)->next_group)
        ;
    *p = m->next_group;
    free(m);
}

void group_drop(struct broker *b, struct group *g, bool stored)
{
    group_close(b, g);
    room_forget(b, &g->room);
    while (g->member) {
        while (g->member->reader)
            group_reader_drop(b, g->member->reader, false);
        unlink_member(g->member);
    }
    table_remove(&b->groups, &g->by_id);
    table_remove(&b->group_rooms, &g->by_room);
    if (stored) store_drop_group(b->store, g->room.id);
    membership_free(&g->log);
    free(g);
}

/* --- members and readers --- */

struct member *group_member_of(const struct group *g, const struct account *a)
{
    struct member *m = people_keys(a)->groups;
    while (m && m->group != g)
        m = m->next_group;
    return m;
}

struct member *group_member_make(struct group *g, struct account *a)
{
    struct member *m = group_member_of(g, a);
    if (m) return m;
    m = xcalloc(1, sizeof *m);
    *m = (struct member){.group = g, .account = a, .next = g->member, .next_group = people_keyring(a)->groups};
    g->member = m;
    a->keys->groups = m;
    return m;
}

bool group_member_done(struct broker *b, struct member *m)
{
    struct group *g = m->group;
    const struct membership_person *p = group_person(g, m);
    if (m->reader || (p && !g->closed && (p->role != ROLE_NONE || p->invited))) return true;
    unlink_member(m);
    if (!g->closed || g->member) return true;
    group_drop(b, g, true);
    return false;
}

const struct membership_person *group_account(const struct group *g, const struct account *a)
{
    const struct keyring *k = people_keys(a);
    return k->list.head ? membership_find(&g->log, k->list.account_key) : NULL;
}

/* Persons move little in the log: as a rule this one is where it was. */
const struct membership_person *group_person(const struct group *g, struct member *m)
{
    const uint8_t *key = people_keys(m->account)->list.account_key;
    if (m->at < g->log.n && memcmp(g->log.person[m->at].account_key, key, SEALED_KEY) == 0) return &g->log.person[m->at];
    const struct membership_person *p = membership_find(&g->log, key);
    if (p) m->at = (size_t)(p - g->log.person);
    return p;
}

struct reader *group_reader(const struct member *m, const struct device *d)
{
    struct reader *r = m->reader;
    while (r && r->device != d)
        r = r->next;
    return r;
}

struct reader *group_reader_make(struct member *m, struct device *d, uint64_t acked)
{
    struct reader *r = xcalloc(1, sizeof *r);
    *r = (struct reader){.next = m->reader, .member = m, .device = d, .acked = acked};
    return m->reader = r;
}

static void forget_moved(struct broker *b, struct reader *r)
{
    struct reader **p = &b->moved;
    if (!r->moved) return;
    while (*p != r)
        p = &(*p)->next_moved;
    *p = r->next_moved;
}

void group_reader_drop(struct broker *b, struct reader *r, bool store)
{
    struct reader **p = &r->member->reader;
    room_leave(&r->place);
    forget_moved(b, r);
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    if (store) store_drop_place(b->store, r->member->group->room.id, r->device->account->id, r->device->id);
    free(r);
}

/* --- who may speak --- */

static void say_muted(const struct group *g, uint64_t until_ms, char *words, size_t size)
{
    uint64_t s = (until_ms - clock_wall_ms()) / 1000 + 1;
    if (s < 120)
        snprintf(words, size, "you are muted in %s, for another %llu s", g->room.name, (unsigned long long)s);
    else if (s < 2 * 3600)
        snprintf(words, size, "you are muted in %s, for another %llu min", g->room.name, (unsigned long long)s / 60);
    else
        snprintf(words, size, "you are muted in %s, for another %llu h", g->room.name, (unsigned long long)s / 3600);
}

/* By the log as it is, or as it is going to be: whoever goes out with the entry under way says nothing behind it. */
static uint16_t judged_by(const struct group *g, const struct membership_person *p, char *words, size_t size)
{
    if (!p || p->role == ROLE_NONE) {
        snprintf(words, size, "you are not in %s", g->room.name);
        return WIRE_NOT_MEMBER;
    }
    if (p->muted_until <= clock_wall_ms()) return WIRE_OK;
    say_muted(g, p->muted_until, words, size);
    return WIRE_MUTED;
}

/* Sealed before somebody came in or went out, who is (or will be, with the entry under way) on the other side of it. */
static bool is_outdated(const struct group *g, struct slice body)
{
    const struct membership *log = group_coming(g) ? group_coming(g) : &g->log;
    return body.len < WIRE_GROUP_BODY_LOG + 4 || get_u32(body.data + WIRE_GROUP_BODY_LOG) < log->readers;
}

uint16_t group_speaks(const struct group *g, const struct account *a, char *words, size_t size)
{
    if (g->ending) {
        snprintf(words, size, "%s is being deleted", g->room.name);
        return WIRE_NO_SUCH_ROOM;
    }
    struct member *m = group_member_of(g, a);
    uint16_t code = judged_by(g, m ? group_person(g, m) : NULL, words, size);
    const struct membership *coming = group_coming(g);
    if (code == WIRE_OK && coming)
        code = judged_by(g, membership_find(coming, people_keys(a)->list.account_key), words, size);
    return code;
}

uint16_t group_refuses(const struct group *g, const struct account *a, struct slice body, char *words, size_t size)
{
    uint16_t code = group_speaks(g, a, words, size);
    if (code == WIRE_OK && body.data[0] != SEALED_SUITE_GROUP) {
        snprintf(words, size, "what is said in %s must be sealed for the group; this client is too old", g->room.name);
        return WIRE_BAD_BODY;
    }
    if (code == WIRE_OK && is_outdated(g, body)) {
        snprintf(words, size, "somebody came into %s or went out: the message is to be sealed for those who are in", g->room.name);
        return WIRE_LOG_CHANGED;
    }
    return code;
}

bool group_shows(const struct group *g, const struct account *a)
{
    const struct membership_person *p = group_account(g, a);
    bool in = p && (p->role != ROLE_NONE || p->invited);
    return in || a->role == 2 || (g->log.open && !(p && p->barred));
}

struct offer {
    const struct account *to;
    struct name_near *near;
};

static void offer_one(void *arg, struct group *g)
{
    const struct offer *o = arg;
    if (!g->closed && g->log.seq > 0 && group_shows(g, o->to)) name_near_offer(o->near, g->room.name, strlen(g->room.name));
}

void group_near(struct broker *b, const struct account *a, struct name_near *near)
{
    groups_each(b, offer_one, &(struct offer){a, near});
}

/* --- what is kept --- */

void group_put_gap(struct buf *to, const struct room *r, uint64_t from, uint64_t upto)
{
    wire_put_group_gap(to, &(struct wire_group_gap){text(r->name), from, upto});
}

struct cut {
    struct broker *broker;
    uint64_t room;
};

/* Those who had an end before what is left have nothing to read any more. */
static void drop_late(struct broker *b, struct group *g, uint64_t first)
{
    for (struct member *m = g->member, *next; m; m = next) {
        next = m->next;
        for (struct reader *r = m->reader, *more; r; r = more) {
            more = r->next;
            if (r->end && r->end < first) group_reader_drop(b, r, true);
        }
        if (!group_member_done(b, m)) return;
    }
}

static void was_cut(void *ctx, uint64_t first, uint64_t rows, uint64_t bytes)
{
    struct cut c = *(struct cut *)ctx;
    struct room *r = group_room(c.broker, c.room);
    free(ctx);
    if (!r) return;
    struct group *g = group_of(r);
    if (g->rows > rows && first > g->floor + 1)
        LOG(LOG_INFO, "group", "expire", log_s("room", r->name), log_u("messages", g->rows - rows), log_u("first", first));
    g->cutting = false;
    g->rows = rows;
    g->bytes = bytes;
    drop_late(c.broker, g, first);
}

static void cut(struct broker *b, struct group *g, uint64_t max_rows, uint64_t max_bytes)
{
    if (g->cutting) return;
    struct cut *c = xmalloc(sizeof *c);
    *c = (struct cut){b, g->room.id};
    g->cutting = true;
    store_cut_room(b->store, g->room.id, g->floor + 1, clock_wall_ms() - b->set.limits.queue_keep, max_rows, max_bytes,
                   was_cut, c);
}

/* An eighth more than needed goes, or the next message would be over the limit again. */
void group_grew(struct broker *b, struct room *r, size_t bytes)
{
    struct group *g = group_of(r);
    uint64_t rows = b->set.groups.queue_messages, most = b->set.groups.queue_bytes;
    g->rows++;
    g->bytes += bytes;
    if (g->rows > rows || g->bytes > most) cut(b, g, rows - rows / 8, most - most / 8);
}

static void cut_one(void *arg, struct group *g)
{
    struct broker *b = arg;
    if (g->rows) cut(b, g, b->set.groups.queue_messages, b->set.groups.queue_bytes);
}

static void cut_later(struct broker *b)
{
    uint64_t pause = b->set.limits.queue_keep / 4;
    loop_timer_set(&b->loop, &b->group_cut, pause < 1000 ? 1000 : pause > 60000 ? 60000 : pause);
}

static void cut_all(struct loop_timer *t)
{
    struct broker *b = container_of(t, struct broker, group_cut);
    groups_each(b, cut_one, b);
    cut_later(b);
}

void group_settle(struct broker *b, struct group *g)
{
    uint64_t floor = g->room.head;
    for (const struct member *m = g->member; m; m = m->next)
        for (const struct reader *r = m->reader; r; r = r->next)
            if (r->acked < floor) floor = r->acked;
    if (floor <= g->floor) return;
    g->floor = floor;
    if (floor == g->room.head) g->rows = g->bytes = 0;
    store_trim_room(b->store, g->room.id, floor + 1);
}

/* --- from the store --- */

static void load_group(void *arg, const struct store_group *s)
{
    struct broker *b = arg;
    struct group *g = group_add(b, s->room, s->id, text(s->name), people_by_id(b, s->creator));
    g->room.head = store_room_head(b->store, s->room);
    if (s->closed) group_close(b, g);
}

static void load_entry(void *arg, uint64_t room, struct slice entry)
{
    struct room *r = room == ROOM_LOBBY ? NULL : group_room(arg, room);
    if (!r || group_of(r)->damaged) return;
    enum membership_verdict v = membership_recall(&group_of(r)->log, entry, NULL);
    if (v == MEMBERSHIP_GOOD) return;
    group_of(r)->damaged = true;
    LOG(LOG_ERROR, "group", "damaged", log_s("room", r->name), log_u("entry", group_of(r)->log.seq + 1u), log_u("verdict", v));
}

static void load_members(void *arg, struct group *g)
{
    struct broker *b = arg;
    for (size_t i = 0; i < g->log.n; i++) {
        const struct membership_person *p = &g->log.person[i];
        struct account *a = people_find(b, (struct slice){(const uint8_t *)p->name, p->name_len});
        if (a && (p->role != ROLE_NONE || p->invited)) group_member_make(g, a);
    }
}

static void load_place(void *arg, const struct store_place *p)
{
    struct broker *b = arg;
    struct room *r = p->room == ROOM_LOBBY ? NULL : group_room(b, p->room);
    struct account *a = people_by_id(b, p->account);
    struct device *d = a ? people_device(a, p->device) : NULL;
    if (!r || !d) {
        store_drop_place(b->store, p->room, p->account, p->device); /* it was on its way when the last broker died */
        return;
    }
    group_reader_make(group_member_make(group_of(r), a), d, p->acked)->end = p->end;
}

static void load_size(void *arg, uint64_t room, uint64_t rows, uint64_t bytes)
{
    struct broker *b = arg;
    struct room *r = group_room(b, room);
    if (!r) {
        store_drop_group(b->store, room); /* its messages were still to be deleted */
        return;
    }
    group_of(r)->rows = rows;
    group_of(r)->bytes = bytes;
}

/* A device that came in when the last broker died begins at the present. */
static void complete(void *arg, struct group *g)
{
    struct broker *b = arg;
    for (struct member *m = g->member; m; m = m->next) {
        const struct membership_person *p = group_person(g, m);
        for (struct device *d = m->account->device; d; d = d->next)
            if (p && p->role != ROLE_NONE && !group_reader(m, d)) group_reader_make(m, d, g->room.head);
    }
    if (g->closed && !g->member)
        group_drop(b, g, true);
    else
        group_settle(b, g);
}

void groups_load(struct broker *b)
{
    b->last_room = store_last_room(b->store);
    store_each_group(b->store, load_group, b);
    store_each_entry(b->store, load_entry, b);
    groups_each(b, load_members, b);
    store_each_place(b->store, load_place, b);
    store_each_room(b->store, load_size, b);
    groups_each(b, complete, b);
    b->group_tick.fire = groups_tick;
    b->group_cut.fire = cut_all;
    cut_later(b);
}
