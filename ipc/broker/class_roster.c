/*
 * class_roster.c - ROSTER: what the instructor's client signs about people, what students claim, and
 * the answers that wait for them (docs/protocol.md, section 7.2). All of it is bytes to us; of each
 * kind an account has at most one, so the disk bears it.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"
#include "wire_roster.h"

enum { INSTRUCTOR = 2 };

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void refuse(struct session *s, const struct wire_roster_ask *m, uint16_t code, const char *text)
{
    keys_refuse(s, WIRE_ROSTER, m->op, m->name, code, 0, text);
}

/* --- news --- */

static void say_news(struct session *s, uint8_t kind, uint32_t n)
{
    size_t at;
    wire_put_roster_news(session_begin(s, &at), &(struct wire_roster_news){kind, n});
    session_end(s, at);
}

static void tell(const struct account *a, uint8_t kind, uint32_t n)
{
    for (const struct device *d = a->device; d; d = d->next)
        for (struct session *s = d->session; s; s = s->next)
            say_news(s, kind, n);
}

static void tell_instructor(void *arg, struct account *a)
{
    const struct broker *b = arg;
    if (a->role == INSTRUCTOR) tell(a, WIRE_ROSTER_CLAIM, b->claims);
}

void class_roster_welcome(struct session *s)
{
    const struct broker *b = s->link->broker;
    const struct account *a = s->device->account;
    if (a->welcomed) say_news(s, WIRE_ROSTER_WELCOME, 1);
    if (a->role == INSTRUCTOR && b->claims) say_news(s, WIRE_ROSTER_CLAIM, b->claims);
}

/* What is in memory: who has a claim or a welcome waiting. */
static void note(struct broker *b, struct account *a, uint8_t kind, bool there)
{
    if (kind == WIRE_ROSTER_CLAIM && a->claims != there) {
        a->claims = there;
        b->claims += there ? 1 : (uint32_t)-1;
    } else if (kind == WIRE_ROSTER_WELCOME) {
        a->welcomed = there;
    }
}

/* --- put and drop --- */

/* On its way to the disk. */
struct changing {
    struct asker by;
    struct account *of;
    uint8_t op, kind;
};

static void changed(void *ctx, enum store_status status, uint64_t row)
{
    struct changing *c = ctx;
    struct broker *b = c->by.broker;
    struct session *s = asker_session(&c->by);
    struct wire_roster_ask m = {.op = c->op, .name = text_of(c->of->name)};
    (void)row;
    if (status == STORE_FULL) {
        if (s) refuse(s, &m, WIRE_DISK_FULL, "the server's disk is full; try again later");
        free(c);
        return;
    }
    bool put = c->op == WIRE_ROSTER_PUT;
    note(b, c->of, c->kind, put);
    if (s) {
        size_t at;
        wire_put_roster_done(session_begin(s, &at), &(struct wire_roster_done){c->op, c->kind, m.name});
        session_end(s, at);
    }
    if (put && c->kind == WIRE_ROSTER_CLAIM) people_each(b, tell_instructor, b);
    if (put && c->kind == WIRE_ROSTER_WELCOME) tell(c->of, c->kind, 1);
    if (put)
        LOG(LOG_INFO, "roster", c->kind == WIRE_ROSTER_ENTRY ? "entry" : c->kind == WIRE_ROSTER_CLAIM ? "claim" : "welcome",
            log_s("user", c->of->name), log_s("by", c->by.device->account->name));
    free(c);
}

/* Entries and welcomes are the instructor's to put, claims and what becomes of a welcome one's own. */
static const char *forbidden(const struct account *by, const struct wire_roster_ask *m, const struct account *of)
{
    bool instructs = by->role == INSTRUCTOR, own = by == of;
    if (m->op == WIRE_ROSTER_PUT && m->kind == WIRE_ROSTER_CLAIM)
        return own ? NULL : "a claim is made by the one whom it is about";
    if (m->op == WIRE_ROSTER_DROP && m->kind != WIRE_ROSTER_ENTRY && own) return NULL;
    return instructs ? NULL : "only an instructor may do this";
}

static void change(struct session *s, const struct wire_roster_ask *m)
{
    struct broker *b = s->link->broker;
    struct account *of = m->name.len ? people_find(b, m->name) : s->device->account;
    if (!of || of->pending) {
        refuse(s, m, WIRE_NO_SUCH_USER, "no such user");
        return;
    }
    const char *why = forbidden(s->device->account, m, of);
    bool claims = m->op == WIRE_ROSTER_PUT && m->kind == WIRE_ROSTER_CLAIM;
    if (why) {
        refuse(s, m, WIRE_NO_RIGHT, why);
        return;
    }
    if (claims && !of->claims && b->claims >= b->set.limits.roster_claims) {
        refuse(s, m, WIRE_QUEUE_FULL, "too many claims wait for the instructor; try again when some were answered");
        return;
    }
    struct changing *c = xmalloc(sizeof *c);
    *c = (struct changing){asker_of(s), of, m->op, m->kind};
    if (m->op == WIRE_ROSTER_PUT)
        store_put_roster(b->store, m->kind, of->id, clock_wall_ms(), m->item, changed, c);
    else
        store_drop_roster(b->store, m->kind, of->id, changed, c);
}

/* --- fetch --- */

struct fetch {
    struct asker by;
    uint8_t kind;
    bool all;
    uint8_t name_len;
    uint8_t name[WIRE_NAME_MAX];
};

static void fetched(void *ctx, struct slice rows)
{
    struct fetch *f = ctx;
    struct session *s = asker_session(&f->by);
    struct cur c = cur_of(rows.data, rows.len);
    struct buf items = {0};
    struct wire_roster_items m = {.kind = f->kind, .name = {f->name, f->name_len}};
    uint64_t last = 0;
    while (c.p != c.end) {
        last = cur_u64(&c);
        struct wire_roster_item i = {.time_ms = cur_u64(&c), .item = cur_str16(&c)};
        const struct account *a = people_by_id(f->by.broker, last);
        if (!a) continue;
        i.name = text_of(a->name);
        wire_put_roster_item(&items, &i);
        m.n++;
    }
    if (f->all && rows.len >= WIRE_ROSTER_PART_MAX) m.next = last; /* the part is full: there may be more */
    if (s) {
        size_t at;
        m.items = (struct slice){items.data, buf_len(&items)};
        wire_put_roster_items(session_begin(s, &at), &m);
        session_end(s, at);
    }
    buf_free(&items);
    free(f);
}

/* Entries are everybody's to read; claims the instructor's and one's own, a welcome one's own alone. */
static bool may_fetch(const struct account *by, uint8_t kind, const struct account *of)
{
    if (kind == WIRE_ROSTER_ENTRY || (of == by)) return true;
    return kind == WIRE_ROSTER_CLAIM && by->role == INSTRUCTOR;
}

static void fetch(struct session *s, const struct wire_roster_ask *m)
{
    struct broker *b = s->link->broker;
    const struct account *of = m->name.len ? people_find(b, m->name) : NULL;
    if (m->name.len && (!of || of->pending)) {
        refuse(s, m, WIRE_NO_SUCH_USER, "no such user");
        return;
    }
    if (!may_fetch(s->device->account, m->kind, of)) {
        refuse(s, m, WIRE_NO_RIGHT, "this is not yours to read");
        return;
    }
    struct fetch *f = xcalloc(1, sizeof *f);
    f->by = asker_of(s);
    f->kind = m->kind;
    f->all = !of;
    f->name_len = (uint8_t)m->name.len; /* people_find() takes no longer one */
    memcpy(f->name, m->name.data, m->name.len);
    store_load_roster(b->store, m->kind, of ? of->id : 0, m->after, WIRE_ROSTER_PART_MAX, fetched, f);
}

void class_roster_ask(struct session *s, const struct wire_roster_ask *m)
{
    if (!keys_afford(s, WIRE_ROSTER, m->op, m->name)) return;
    if (m->op == WIRE_ROSTER_FETCH)
        fetch(s, m);
    else
        change(s, m);
}

/* --- at the start --- */

static void load(void *arg, uint8_t kind, uint64_t account)
{
    struct account *a = people_by_id(arg, account);
    if (a) note(arg, a, kind, true);
}

void class_roster_load(struct broker *b)
{
    store_each_roster(b->store, load, b);
}
