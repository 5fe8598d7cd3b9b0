/*
 * group_log.c - an entry of a group's membership log: judged by the rules of docs/sealed.md, section 8, on a
 * copy of what stands, then stored, and only when it is on disk the group changes by it. One at a time
 * for each group: whoever is second finds the log changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "log.h"
#include "wire_moderate.h"

struct appending {
    struct asker by;
    struct group *group;
    struct membership coming; /* as it will be */
    struct membership_entry e;
    struct account *subject; /* NULL: it has none */
    size_t len;
    uint8_t entry[WIRE_GROUP_ENTRY_MAX];
};

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static bool same(struct slice s, const char *name)
{
    return s.len == strlen(name) && memcmp(s.data, name, s.len) == 0;
}

const struct membership *group_coming(const struct group *g)
{
    return g->appending ? &g->appending->coming : NULL;
}

static void say_head(struct session *s, const struct group *g, uint32_t seq, uint64_t number)
{
    struct wire_group_head m = {.room = text(g->room.name), .seq = seq, .number = number};
    size_t at;
    memcpy(m.id, g->id, sizeof m.id);
    wire_put_group_head(session_begin(s, &at), &m);
    session_end(s, at);
}

/* --- judging --- */

/* The actor is the account of the session; any of its devices may have written the entry. */
static const uint8_t *key_of(void *ctx, const struct membership_entry *e, bool *instructor)
{
    const struct account *a = ctx;
    const struct device *d = people_device(a, e->actor_device);
    *instructor = a->role == 2;
    if (!d || !same(e->actor, a->name) || memcmp(e->actor_account, people_keys(a)->list.account_key, SEALED_KEY) != 0)
        return NULL;
    return d->key;
}

/* In the words of docs/sealed.md, section 8. */
static const char *who_may(uint8_t op)
{
    switch (op) {
    case MEMBERSHIP_INVITE: return "owners and assistants may invite; in an open group every member";
    case MEMBERSHIP_JOIN: return "this group is by invitation, or you were kicked: ask to be invited";
    case MEMBERSHIP_KICK:
    case MEMBERSHIP_MUTE: return "owners may do that to all but owners, assistants to members";
    case MEMBERSHIP_TOPIC: return "owners and assistants may set the topic";
    default: return "only an owner of the group may do that";
    }
}

static uint16_t refusal(enum membership_verdict v, uint8_t op, const char **why)
{
    switch (v) {
    case MEMBERSHIP_GAP:
    case MEMBERSHIP_FORK: *why = "the group has changed meanwhile: fetch its log and write the entry anew"; return WIRE_LOG_CHANGED;
    case MEMBERSHIP_STRANGER: *why = "the entry must be by a device of your own that is in your list"; return WIRE_FORBIDDEN;
    case MEMBERSHIP_FORBIDDEN: *why = who_may(op); return WIRE_FORBIDDEN;
    case MEMBERSHIP_SENSELESS: *why = "the entry would change nothing, or names somebody who is not in"; return WIRE_BAD_ENTRY;
    case MEMBERSHIP_FULL: *why = "the group has as many people as there may be"; return WIRE_TOO_MANY;
    case MEMBERSHIP_FORGED: *why = "the signature is not of the device that the entry names"; return WIRE_BAD_ENTRY;
    default: *why = "this is no entry of a group's log"; return WIRE_BAD_ENTRY;
    }
}

/* Is the subject who the entry says? A wrong key would let nobody in. */
static bool find_subject(struct broker *b, struct appending *p)
{
    if (p->e.subject.len == 0) return true;
    p->subject = people_find(b, p->e.subject);
    return p->subject && !p->subject->pending && same(p->e.subject, p->subject->name) && people_keys(p->subject)->list.head &&
           memcmp(p->e.subject_account, people_keys(p->subject)->list.account_key, SEALED_KEY) == 0;
}

/* Verifies it; 0, or why not. */
static uint16_t judge(struct broker *b, struct appending *p, const struct membership *now, const char **why)
{
    const struct membership_lookup lookup = {key_of, p->by.device->account};
    membership_copy(&p->coming, now);
    enum membership_verdict v = membership_apply(&p->coming, (struct slice){p->entry, p->len}, &lookup, &p->e);
    if (v != MEMBERSHIP_GOOD) return refusal(v, p->e.op, why);
    if (find_subject(b, p)) return WIRE_OK;
    *why = "nobody has the name and the account key that the entry is about";
    return WIRE_NO_SUCH_USER;
}

/* Limits of this server; those of the format are membership.c's. */
static uint16_t over_limit(const struct broker *b, const struct group *g, const struct membership_entry *e, const char **why)
{
    if (g->log.seq >= b->set.groups.log && e->op != MEMBERSHIP_LEAVE) {
        *why = "the log of this group is full: nobody can change it any more, but everybody can leave";
        return WIRE_TOO_MANY;
    }
    bool adds = (e->op == MEMBERSHIP_INVITE && !membership_find(&g->log, e->subject_account)) ||
                (e->op == MEMBERSHIP_JOIN && !membership_find(&g->log, e->actor_account));
    if (!adds || g->log.n < b->set.groups.members) return WIRE_OK;
    return refusal(MEMBERSHIP_FULL, e->op, why);
}

/* --- what follows --- */

/* What somebody had still to read who joins again. */
static void say_lost(struct reader *r, uint64_t upto)
{
    size_t at;
    struct place *p = &r->place;
    if (!p->room || p->sent >= r->end) return;
    group_put_gap(session_begin(p->session, &at), p->room, p->sent + 1, upto);
    session_end(p->session, at);
}

static void begin_reading(struct broker *b, struct group *g, struct account *a, uint64_t number)
{
    struct member *m = group_member_make(g, a);
    for (struct device *d = a->device; d; d = d->next) {
        struct reader *r = group_reader(m, d);
        if (r) { /* of an earlier time; its row was written anew */
            say_lost(r, number - 1);
            group_reader_drop(b, r, false);
        }
        group_start_reading(group_reader_make(m, d, number - 1));
    }
}

/* They still get this entry, and nothing behind it. */
static void end_reading(struct broker *b, struct group *g, const struct account *a, uint64_t number)
{
    struct member *m = group_member_of(g, a);
    for (struct reader *r = m ? m->reader : NULL, *next; r; r = next) {
        next = r->next;
        if (r->end) continue;
        r->end = number;
        if (r->place.room) room_end(&r->place);
    }
    if (m) group_member_done(b, m);
}

static void follow(struct broker *b, struct group *g, const struct appending *p, uint64_t number)
{
    struct account *actor = p->by.device->account;
    switch (p->e.op) {
    case MEMBERSHIP_CREATE:
    case MEMBERSHIP_JOIN: begin_reading(b, g, actor, number); return;
    case MEMBERSHIP_LEAVE: end_reading(b, g, actor, number); return;
    case MEMBERSHIP_KICK: end_reading(b, g, p->subject, number); return;
    case MEMBERSHIP_INVITE:
        group_member_make(g, p->subject);
        group_notice(g, p->subject, WIRE_GROUP_INVITED, actor->name);
        return;
    default: return;
    }
}

static void put_entry(struct buf *to, const struct group *g, const struct appending *p, uint64_t number, uint64_t time_ms)
{
    const char *from = p->by.device->account->name;
    struct wire_deliver w = {.flags = WIRE_FLAG_ROOM | WIRE_FLAG_ENTRY,
                             .seq = number,
                             .time_ms = time_ms,
                             .from = text(from),
                             .from_device = p->e.actor_device,
                             .to = text(g->room.name),
                             .body = {p->entry, p->len}};
    wire_put_deliver(to, &w);
}

static const char *const op_names[] = {
    [MEMBERSHIP_CREATE] = "create", [MEMBERSHIP_INVITE] = "invite", [MEMBERSHIP_JOIN] = "join",
    [MEMBERSHIP_LEAVE] = "leave",   [MEMBERSHIP_KICK] = "kick",     [MEMBERSHIP_ROLE] = "role",
    [MEMBERSHIP_MUTE] = "mute",     [MEMBERSHIP_TOPIC] = "topic",   [MEMBERSHIP_OPEN] = "open",
};

static void stands(struct broker *b, struct group *g, struct appending *p, uint64_t number)
{
    struct session *s = asker_session(&p->by);
    membership_free(&g->log);
    g->log = p->coming;
    p->coming = (struct membership){0};
    put_entry(room_numbered(b, &g->room, number), g, p, number, clock_wall_ms());
    room_fanned(b, &g->room);
    group_grew(b, &g->room, p->len);
    LOG(LOG_INFO, "group", "entry", log_s("room", g->room.name), log_s("op", op_names[p->e.op]),
        log_s("by", p->by.device->account->name), log_s("about", p->subject ? p->subject->name : ""), log_u("seq", g->log.seq));
    if (s) say_head(s, g, g->log.seq, number);
    if (membership_count(&g->log) == 0) group_close(b, g);
    follow(b, g, p, number); /* the last to leave may take the group along */
}

static void finish(struct appending *p)
{
    membership_free(&p->coming);
    free(p);
}

static void appended(void *ctx, enum store_status status, uint64_t number)
{
    struct appending *p = ctx;
    struct broker *b = p->by.broker;
    struct group *g = p->group;
    struct session *s = asker_session(&p->by);
    g->appending = NULL;
    if (status == STORE_OK) {
        stands(b, g, p, number);
    } else {
        if (s) group_no(s, WIRE_ASK_APPEND, text(g->room.name), WIRE_DISK_FULL, 5000, "the server's disk is full; try again later");
        if (g->log.seq == 0) group_drop(b, g, false); /* it never came to be */
    }
    finish(p);
}

/* As the audit log has it. */
static uint8_t act_of(const struct membership_entry *e)
{
    switch (e->op) {
    case MEMBERSHIP_INVITE: return WIRE_ACT_INVITE;
    case MEMBERSHIP_KICK: return WIRE_ACT_KICK;
    case MEMBERSHIP_ROLE: return WIRE_ACT_ROLE;
    case MEMBERSHIP_MUTE: return e->until_ms > clock_wall_ms() ? WIRE_ACT_MUTE : WIRE_ACT_UNMUTE;
    case MEMBERSHIP_TOPIC: return WIRE_ACT_TOPIC;
    default: return e->role ? WIRE_ACT_OPEN_GROUP : WIRE_ACT_INVITE_ONLY;
    }
}

/* Who is not in creates and joins by right, and does all else as an instructor: that is moderation. */
static bool from_outside(const struct appending *p)
{
    return p->e.op != MEMBERSHIP_CREATE && p->e.op != MEMBERSHIP_JOIN &&
           membership_role_of(&p->group->log, p->e.actor_account) == ROLE_NONE;
}

static void audit(const struct appending *p, struct store_audit *line)
{
    *line = (struct store_audit){.time_ms = clock_wall_ms(),
                                 .actor = p->by.device->account->id,
                                 .subject = p->subject ? p->subject->id : 0,
                                 .origin = STORE_BY_CLIENT,
                                 .act = act_of(&p->e),
                                 .role = p->e.op == MEMBERSHIP_ROLE ? p->e.role : p->subject ? p->subject->role : 0,
                                 .until_ms = p->e.until_ms};
    memcpy(line->room, p->group->room.name, sizeof line->room);
    log_escape(line->reason, sizeof line->reason, (const char *)p->e.text.data, p->e.text.len);
}

static void store(struct broker *b, struct appending *p)
{
    const struct account *actor = p->by.device->account;
    struct group *g = p->group;
    struct store_group made = {.room = g->room.id, .creator = actor->id};
    struct store_audit line;
    struct store_entry e = {.room = g->room.id,
                            .seq = p->coming.seq,
                            .from_account = actor->id,
                            .from_device = p->e.actor_device,
                            .time_ms = clock_wall_ms(),
                            .closes = membership_count(&p->coming) == 0,
                            .entry = {p->entry, p->len}};
    if (p->e.op == MEMBERSHIP_CREATE || p->e.op == MEMBERSHIP_JOIN) e.joins = actor->id;
    if (p->e.op == MEMBERSHIP_LEAVE) e.leaves = actor->id;
    if (p->e.op == MEMBERSHIP_KICK) e.leaves = p->subject->id;
    if (p->e.op == MEMBERSHIP_CREATE) {
        memcpy(made.id, g->id, sizeof made.id);
        memcpy(made.name, g->room.name, sizeof made.name);
        e.created = &made;
    }
    if (from_outside(p)) {
        audit(p, &line);
        e.audit = &line;
    }
    g->appending = p;
    store_append_entry(b->store, &e, appended, p);
}

/* --- a new group --- */

static uint16_t name_trouble(struct broker *b, struct slice name, char *words, size_t size)
{
    char copy[NAME_SIZE] = "";
    const char *why = NULL;
    const struct group *other;
    if (!name_valid_room((const char *)name.data, name.len, &why)) {
        snprintf(words, size, "the name of this group %s", why);
        return WIRE_NAME_INVALID;
    }
    memcpy(copy, name.data, name.len);
    if (name_reserved(copy + 1, name.len - 1)) {
        snprintf(words, size, "the name %s is reserved; choose another", copy);
        return WIRE_NAME_INVALID;
    }
    if (!(other = group_alike(b, copy))) return WIRE_OK;
    snprintf(words, size, strcmp(other->room.name, copy) == 0 ? "there is a group %s already; choose another name"
                                                               : "this name looks too much like %s; choose another",
             other->room.name);
    return WIRE_NAME_TAKEN;
}

/* The one on its way may be this very one, said again after RESYNC: then this session hears of it. */
static void wait_or_refuse(struct session *s, struct group *g, struct slice entry)
{
    struct appending *p = g->appending;
    const char *why;
    if (p->len == entry.len && memcmp(p->entry, entry.data, entry.len) == 0) {
        p->by = asker_of(s);
        return;
    }
    uint16_t code = refusal(MEMBERSHIP_GAP, 0, &why);
    group_no(s, WIRE_ASK_APPEND, text(g->room.name), code, 100, why);
}

static void create(struct session *s, struct appending *p, struct slice name)
{
    static const struct membership none;
    struct broker *b = p->by.broker;
    struct account *a = p->by.device->account;
    char words[160];
    const char *why = words;
    uint16_t code = name_trouble(b, name, words, sizeof words);
    uint8_t id[SEALED_HASH];
    membership_hash((struct slice){p->entry, p->len}, id);
    struct group *known = group_by_id(b, id);
    if (known) {
        if (known->appending)
            wait_or_refuse(s, known, (struct slice){p->entry, p->len});
        else
            say_head(s, known, 1, 1);
        finish(p);
        return;
    }
    if (code == WIRE_OK && group_count_by(b, a) >= b->set.groups.per_user) {
        snprintf(words, sizeof words, "you have created %llu groups that are still open, that is the limit",
                 (unsigned long long)b->set.groups.per_user);
        code = WIRE_TOO_MANY;
    }
    if (code == WIRE_OK) code = judge(b, p, &none, &why);
    if (code != WIRE_OK) {
        group_no(s, WIRE_ASK_APPEND, name, code, 0, why);
        finish(p);
        return;
    }
    p->group = group_add(b, b->last_room + 1, id, name, a);
    store(b, p);
}

/* --- a further entry --- */

struct repeat {
    struct asker by;
    uint8_t id[SEALED_HASH];
    uint32_t seq;
    size_t len;
    uint8_t entry[WIRE_GROUP_ENTRY_MAX];
};

/* What stands there may be this one: then its answer got lost. */
static void compare(void *ctx, struct slice entries)
{
    struct repeat *p = ctx;
    struct session *s = asker_session(&p->by);
    const struct group *g = group_by_id(p->by.broker, p->id);
    struct cur c = cur_of(entries.data, entries.len);
    uint64_t number = cur_u64(&c);
    struct slice e = cur_str16(&c);
    const char *why;
    uint16_t code = refusal(MEMBERSHIP_GAP, 0, &why);
    if (s && g && e.len == p->len && memcmp(e.data, p->entry, e.len) == 0)
        say_head(s, g, p->seq, number);
    else if (s)
        group_no(s, WIRE_ASK_APPEND, g ? text(g->room.name) : text(""), code, 0, why);
    free(p);
}

static void look_back(struct session *s, const struct group *g, struct slice entry, uint32_t seq)
{
    struct repeat *p = xcalloc(1, sizeof *p);
    p->by = asker_of(s);
    p->seq = seq;
    p->len = entry.len;
    memcpy(p->id, g->id, sizeof p->id);
    memcpy(p->entry, entry.data, entry.len);
    store_load_entries(s->link->broker->store, g->room.id, seq - 1, seq, sizeof p->entry, compare, p);
}

static void change(struct session *s, struct group *g, struct appending *p)
{
    struct broker *b = p->by.broker;
    const char *why;
    uint16_t code = over_limit(b, g, &p->e, &why);
    if (code == WIRE_OK) code = judge(b, p, &g->log, &why);
    if (code == WIRE_OK) {
        p->group = g;
        store(b, p);
        return;
    }
    group_no(s, WIRE_ASK_APPEND, text(g->room.name), code, 0, why);
    finish(p);
}

static struct appending *new_entry(struct session *s, struct slice entry, const struct membership_entry *e)
{
    struct appending *p = xcalloc(1, sizeof *p);
    p->by = asker_of(s);
    p->e = *e;
    p->len = entry.len;
    memcpy(p->entry, entry.data, entry.len);
    return p;
}

void group_append(struct session *s, const struct wire_group_question *q)
{
    struct broker *b = s->link->broker;
    struct membership_entry e;
    uint8_t id[SEALED_HASH];
    uint32_t seq;
    const char *why;
    if (!membership_read(q->entry, &e, id, &seq)) {
        uint16_t code = refusal(MEMBERSHIP_DAMAGED, 0, &why);
        group_no(s, q->op, text(""), code, 0, why);
    } else if (people_keys(s->device->account)->list.head == 0) {
        group_no(s, q->op, text(""), WIRE_FORBIDDEN, 0, "groups need an account with a device list, and yours has none yet");
    } else if (e.op == MEMBERSHIP_CREATE) {
        create(s, new_entry(s, q->entry, &e), e.text);
    } else {
        struct group *g = group_by_id(b, id);
        if (!g || g->log.seq == 0)
            group_no(s, q->op, text(""), WIRE_NO_SUCH_ROOM, 0, "there is no such group (any more)");
        else if (seq > 0 && seq <= g->log.seq)
            look_back(s, g, q->entry, seq);
        else if (g->damaged)
            group_no(s, q->op, text(g->room.name), WIRE_BAD_ENTRY, 0, "the server's copy of this log is damaged; ask its operator");
        else if (g->closed || g->ending)
            group_no(s, q->op, text(g->room.name), WIRE_NO_SUCH_ROOM, 0,
                     g->closed ? "everybody has left this group" : "this group is being deleted");
        else if (g->appending)
            wait_or_refuse(s, g, q->entry);
        else
            change(s, g, new_entry(s, q->entry, &e));
    }
}

/* --- the log on request --- */

struct reading {
    struct asker by;
    struct wire_group_entries answer; /* its room is in name */
    char name[NAME_SIZE];
};

static void came(void *ctx, struct slice entries)
{
    struct reading *p = ctx;
    struct session *s = asker_session(&p->by);
    if (s) {
        size_t at;
        p->answer.room = text(p->name);
        p->answer.entries = entries;
        wire_put_group_entries(session_begin(s, &at), &p->answer);
        session_end(s, at);
    }
    free(p);
}

/* Who is out reads the entries up to the one that did it among the messages, and no others. */
void group_entries(struct session *s, const struct wire_group_question *q)
{
    static const uint8_t any[SEALED_HASH];
    struct broker *b = s->link->broker;
    struct group *g = memcmp(q->id, any, sizeof any) == 0 ? group_find(b, q->room) : group_by_id(b, q->id);
    if (!g || g->log.seq == 0) {
        group_no(s, q->op, q->room, WIRE_NO_SUCH_ROOM, 0, "there is no such group");
        return;
    }
    if (!group_shows(g, s->device->account)) {
        group_no(s, q->op, q->room, WIRE_NOT_MEMBER, 0, "this group is by invitation: ask a member to be invited");
        return;
    }
    struct reading *p = xcalloc(1, sizeof *p);
    p->by = asker_of(s);
    p->answer.head = g->log.seq;
    memcpy(p->answer.id, g->id, sizeof p->answer.id);
    memcpy(p->name, g->room.name, sizeof p->name);
    store_load_entries(b->store, g->room.id, q->after, g->log.seq, WIRE_GROUP_ANSWER_MAX, came, p);
}
