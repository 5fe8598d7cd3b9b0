/*
 * devices.c - LIST: an account's device list, who is told of it, and what follows from an entry: a
 * device comes in, or goes for ever.
 *
 * The entries are the store's. To judge a new one the list is read from there; what it says of each
 * device is in memory (people.c) since the entry became durable.
 */
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "blob.h"
#include "broker.h"
#include "device_list.h"
#include "group.h"
#include "log.h"
#include "wire_keys.h"

enum { WATCHED = 64 };

/* Accounts whose lists a session has fetched: the last of them. */
struct watch {
    uint64_t account[WATCHED];
    unsigned next;
};

static struct slice name_of(const struct account *a)
{
    return (struct slice){(const uint8_t *)a->name, strlen(a->name)};
}

/* --- who is told --- */

static bool watches(const struct session *s, const struct account *a)
{
    for (unsigned i = 0; s->watch && i < WATCHED; i++)
        if (s->watch->account[i] == a->id) return true;
    return s->device->account == a;
}

static void watch(struct session *s, const struct account *a)
{
    if (watches(s, a)) return;
    if (!s->watch) s->watch = xcalloc(1, sizeof *s->watch);
    s->watch->account[s->watch->next++ % WATCHED] = a->id;
}

static void say_head(struct link *l, uint64_t sid, const struct account *a)
{
    struct wire_new_head m = {name_of(a), people_keys(a)->list.head};
    size_t at = bus_begin_down(&l->stream, sid);
    wire_put_new_head(&l->stream.out, &m);
    stream_end(&l->stream, at);
}

static void tell_watchers(void *arg, struct account *each)
{
    const struct account *changed = arg;
    for (const struct device *d = each->device; d; d = d->next)
        for (struct session *s = d->session; s; s = s->next)
            if (watches(s, changed)) say_head(s->link, s->sid, changed);
}

/* --- fetch --- */

struct listing {
    struct asker by;
    struct account *of;
};

static void listed(void *ctx, struct slice entries)
{
    struct listing *l = ctx;
    struct link *to = asker_link(&l->by);
    if (to) {
        struct wire_list_entries m = {.name = name_of(l->of), .head = people_keys(l->of)->list.head, .entries = entries};
        size_t at = bus_begin_down(&to->stream, l->by.sid);
        memcpy(m.account_key, people_keys(l->of)->list.account_key, sizeof m.account_key);
        wire_put_list_entries(&to->stream.out, &m);
        stream_end(&to->stream, at);
    }
    free(l);
}

static void load_entries(const struct asker *by, struct account *of, uint32_t after)
{
    struct listing *l = xmalloc(sizeof *l);
    *l = (struct listing){*by, of};
    if (people_keys(of)->list.head)
        store_load_list(by->broker->store, of->id, after, listed, l);
    else
        listed(l, (struct slice){0});
}

static void fetch(struct session *s, const struct wire_list_ask *m)
{
    struct broker *b = s->link->broker;
    struct account *of = people_find(b, m->name);
    if (!of || of->pending) {
        keys_unknown(s, WIRE_LIST, WIRE_LIST_FETCH, m->name);
        return;
    }
    struct asker by = asker_of(s);
    watch(s, of);
    load_entries(&by, of, m->after);
}

/* --- append --- */

/* An entry on its way: judged when the list has been read, then on its way to the disk. */
struct appending {
    struct asker by;
    struct account *account;
    uint64_t self;        /* of a guest: the device that it is, with its key: it may add no other */
    uint8_t self_key[32];
    struct store_list list; /* as it will be */
    struct store_device device;
    size_t len;
    uint8_t entry[WIRE_ENTRY_MAX];
};

static void refuse_entry(struct appending *p, uint16_t code, uint32_t retry_ms, const char *text)
{
    struct link *l = asker_link(&p->by);
    struct slice nobody = {(const uint8_t *)"", 0};
    if (l) keys_refuse_at(l, p->by.sid, WIRE_LIST, WIRE_LIST_APPEND, nobody, code, retry_ms, text);
    people_keyring(p->account)->appending = false;
    free(p);
}

/* Nothing may wait for it, come from it, or let it in again. */
static void revoke(struct broker *b, struct account *a, uint64_t device)
{
    struct device **at = &a->device;
    while (*at && (*at)->id != device)
        at = &(*at)->next;
    struct device *d = *at;
    if (!d) return;
    while (d->session)
        session_kick(d->session, WIRE_REVOKED, "this device was revoked by its owner");
    *at = d->next;
    d->next = people_keyring(a)->revoked;
    a->keys->revoked = d;
    groups_device_gone(b, d);
    blobs_device_gone(b, d);
    store_drop_device(b->store, a->id, device);
    LOG(LOG_INFO, "device", "revoke", log_s("user", a->name), log_u("device", device));
}

static void appended(void *ctx, enum store_status status, uint64_t row)
{
    struct appending *p = ctx;
    struct broker *b = p->by.broker;
    struct account *a = p->account;
    struct link *guest = p->by.device ? NULL : asker_link(&p->by);
    (void)row;
    if (status == STORE_FULL) {
        refuse_entry(p, WIRE_DISK_FULL, 5000, "the server's disk is full; try again later");
        return;
    }
    people_keyring(a)->appending = false;
    a->keys->list = p->list;
    people_each(b, tell_watchers, a);
    if (guest) say_head(guest, p->by.sid, a);
    if (p->device.revoked) {
        revoke(b, a, p->device.device);
    } else if (!people_device(a, p->device.device)) {
        groups_device_added(b, people_add_device(a, p->device.device, p->device.key));
        LOG(LOG_INFO, "device", "add", log_s("user", a->name), log_u("device", p->device.device));
    }
    free(p);
}

/* Is it the entry that stands at its place already? Then an answer got lost. */
static bool is_repeat(const struct appending *p, struct slice entries)
{
    struct cur c = cur_of(entries.data, entries.len);
    while (c.p != c.end) {
        struct slice e = cur_str16(&c);
        if (e.len == p->len && memcmp(e.data, p->entry, e.len) == 0) return true;
    }
    return false;
}

/* What the newest entry did: the row that it added or revoked. */
static const struct device_row *changed(const struct device_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->row[i].revoked == list->head.seq || (list->row[i].added == list->head.seq && !list->row[i].revoked))
            return &list->row[i];
    return NULL;
}

/*
 * NULL: whoever sends this entry may. The first entry must add the device that sends it: it was let in
 * without a list. A guest may add itself, by the account key alone.
 */
static const char *oversteps(const struct device_list *list, const struct appending *p)
{
    const struct device *d = p->by.device;
    const struct device_row *row = changed(list);
    if (d && list->head.seq == 1 && (row->device != d->id || memcmp(row->ed, d->key, sizeof d->key) != 0))
        return "the first entry must add the device that sends it";
    if (!d && (row->device != p->self || memcmp(row->ed, p->self_key, sizeof p->self_key) != 0 || row->revoked || row->by))
        return "a device that is not in may add itself, with the account key, and nothing else";
    return NULL;
}

static void take(struct appending *p, const struct device_list *list)
{
    const struct device_row *row = changed(list);
    p->list.head = list->head.seq;
    p->device = (struct store_device){.account = p->list.account, .device = row->device, .revoked = row->revoked};
    memcpy(p->device.key, row->ed, sizeof row->ed);
    store_append(p->by.broker->store, &p->list, (struct slice){p->entry, p->len}, &p->device, appended, p);
}

static void judge(void *ctx, struct slice entries)
{
    struct appending *p = ctx;
    struct device_list *list = xmalloc(sizeof *list);
    enum device_verdict v = device_list_recall(list, p->list.account_key, name_of(p->account), entries);
    if (v == DEVICE_GOOD)
        v = device_list_apply(list, (struct slice){p->entry, p->len});
    else
        LOG(LOG_ERROR, "device", "damaged", log_s("user", p->account->name), log_s("list", device_verdict_words(v)));
    struct link *l = asker_link(&p->by);
    const char *why = v == DEVICE_GOOD ? oversteps(list, p) : NULL;
    if (v == DEVICE_GOOD && !why) {
        take(p, list);
    } else if (is_repeat(p, entries)) {
        if (l) say_head(l, p->by.sid, p->account);
        people_keyring(p->account)->appending = false;
        free(p);
    } else if (v == DEVICE_GAP || v == DEVICE_FORK) {
        refuse_entry(p, WIRE_LIST_CHANGED, 0, "the list has changed: fetch it and write the entry anew");
    } else {
        refuse_entry(p, WIRE_BAD_ENTRY, 0,
                     why ? why : "with this entry the list would break its rules, or be signed by somebody else");
    }
    free(list);
}

/* g: the guest that says it, NULL when a session does. */
static void append(const struct asker *by, struct account *a, const struct guest *g, const struct wire_list_ask *m)
{
    struct broker *b = by->broker;
    struct link *l = asker_link(by);
    struct slice nobody = {(const uint8_t *)"", 0};
    if (people_keys(a)->list.head && memcmp(people_keys(a)->list.account_key, m->account_key, sizeof m->account_key) != 0) {
        keys_refuse_at(l, by->sid, WIRE_LIST, WIRE_LIST_APPEND, nobody, WIRE_BAD_ENTRY, 0,
                       "this list has another account key");
        return;
    }
    if (people_keys(a)->appending) {
        keys_refuse_at(l, by->sid, WIRE_LIST, WIRE_LIST_APPEND, nobody, WIRE_LIST_CHANGED, 100,
                       "another entry is being taken: fetch the list and write this one anew");
        return;
    }
    struct appending *p = xcalloc(1, sizeof *p);
    p->by = *by;
    p->account = a;
    if (g) {
        p->self = g->device;
        memcpy(p->self_key, g->key, sizeof p->self_key);
    }
    p->list.account = a->id;
    memcpy(p->list.account_key, m->account_key, sizeof m->account_key);
    p->len = m->entry.len;
    memcpy(p->entry, m->entry.data, m->entry.len);
    people_keyring(a)->appending = true;
    store_load_list(b->store, a->id, 0, judge, p);
}

void devices_ask(struct session *s, const struct wire_list_ask *m)
{
    if (!keys_afford(s, WIRE_LIST, m->op, m->name)) return;
    struct asker by = asker_of(s);
    if (m->op == WIRE_LIST_FETCH)
        fetch(s, m);
    else
        append(&by, s->device->account, NULL, m);
}

/* It has shown the key of this list, and sees no other. */
void devices_ask_guest(struct guest *g, const struct wire_list_ask *m)
{
    struct asker by = {g->link->broker, NULL, g->link->slot, g->link->generation, g->sid};
    if (m->op == WIRE_LIST_APPEND)
        append(&by, g->account, g, m);
    else if (people_find(by.broker, m->name) == g->account)
        load_entries(&by, g->account, m->after);
    else
        keys_refuse_at(g->link, g->sid, WIRE_LIST, m->op, m->name, WIRE_NO_RIGHT, 0, "this is not the list of your account");
}

/* --- heads --- */

/* How many devices of an account need a head; true in *lack when one of them has none. */
static unsigned need(const struct account *a, const struct device *sender, const struct wire_send *m, bool *lack)
{
    unsigned n = 0;
    for (const struct device *d = a->device; d; d = d->next) {
        if (d == sender) continue;
        struct cur c = cur_of(m->head_bytes.data, m->head_bytes.len);
        uint64_t device = 0;
        struct slice head;
        bool has = false;
        while (!has && c.p != c.end && wire_next_head(&c, &device, &head))
            has = device == d->id;
        if (!has) *lack = true;
        n++;
    }
    return n;
}

/* Is there a head for a device that this account has revoked? */
static bool heads_revoked(const struct account *a, const struct wire_send *m)
{
    struct cur c = cur_of(m->head_bytes.data, m->head_bytes.len);
    uint64_t device;
    struct slice head;
    while (c.p != c.end && wire_next_head(&c, &device, &head))
        for (const struct device *d = people_keys(a)->revoked; d; d = d->next)
            if (d->id == device) return true;
    return false;
}

struct account *devices_differ(const struct device *sender, struct account *to, const struct wire_send *m)
{
    struct account *own = sender->account;
    bool lack = false, own_lack = false;
    unsigned n = need(to, sender, m, &lack);
    if (lack) return to;
    if (own != to) n += need(own, sender, m, &own_lack);
    if (own_lack) return own;
    if (n == m->heads) return NULL;
    return own != to && heads_revoked(own, m) ? own : to;
}

/* --- at the start --- */

static void load(void *arg, const struct store_list *l)
{
    struct account *a = people_by_id(arg, l->account);
    if (a) people_keyring(a)->list = *l;
}

void devices_load(struct broker *b)
{
    store_each_list(b->store, load, b);
}
