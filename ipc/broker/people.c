/*
 * people.c - accounts and devices in memory, found by name (without case), by look-alike form and by
 * number; the roster. What lasts of them is in the store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "broker.h"
#include "log.h"
#include "moderation.h"

static uint64_t fold_hash(struct slice name)
{
    char folded[NAME_SIZE];
    name_fold(folded, (const char *)name.data, name.len);
    return table_hash(folded, strlen(folded));
}

static uint64_t skeleton_hash(struct slice name)
{
    char skeleton[NAME_SKELETON_SIZE];
    name_skeleton(skeleton, (const char *)name.data, name.len);
    return table_hash(skeleton, strlen(skeleton));
}

static uint64_t id_hash(uint64_t id)
{
    return table_hash(&id, sizeof id);
}

static struct slice name_of(const struct account *a)
{
    return (struct slice){(const uint8_t *)a->name, strlen(a->name)};
}

static bool same_folded(struct slice x, struct slice y)
{
    char a[NAME_SIZE], b[NAME_SIZE];
    name_fold(a, (const char *)x.data, x.len);
    name_fold(b, (const char *)y.data, y.len);
    return strcmp(a, b) == 0;
}

static bool same_skeleton(struct slice x, struct slice y)
{
    char a[NAME_SKELETON_SIZE], b[NAME_SKELETON_SIZE];
    name_skeleton(a, (const char *)x.data, x.len);
    name_skeleton(b, (const char *)y.data, y.len);
    return strcmp(a, b) == 0;
}

struct account *people_find(struct broker *b, struct slice name)
{
    if (name.len == 0 || name.len > WIRE_NAME_MAX) return NULL;
    for (struct table_node *n = table_first(&b->names, fold_hash(name)); n; n = table_next(n)) {
        struct account *a = container_of(n, struct account, by_name);
        if (same_folded(name, name_of(a))) return a;
    }
    return NULL;
}

struct account *people_alike(struct broker *b, struct slice name)
{
    for (struct table_node *n = table_first(&b->skeletons, skeleton_hash(name)); n; n = table_next(n)) {
        struct account *a = container_of(n, struct account, by_skeleton);
        if (same_skeleton(name, name_of(a))) return a;
    }
    return NULL;
}

struct account *people_by_id(struct broker *b, uint64_t id)
{
    for (struct table_node *n = table_first(&b->ids, id_hash(id)); n; n = table_next(n)) {
        struct account *a = container_of(n, struct account, by_id);
        if (a->id == id) return a;
    }
    return NULL;
}

static struct device *in_list(struct device *d, uint64_t device)
{
    while (d && d->id != device)
        d = d->next;
    return d;
}

struct device *people_device(const struct account *a, uint64_t device)
{
    return in_list(a->device, device);
}

struct device *people_revoked(const struct account *a, uint64_t device)
{
    return in_list(people_keys(a)->revoked, device);
}

struct keyring *people_keyring(struct account *a)
{
    if (!a->keys) a->keys = xcalloc(1, sizeof *a->keys);
    return a->keys;
}

const struct keyring *people_keys(const struct account *a)
{
    static const struct keyring empty;
    return a->keys ? a->keys : &empty;
}

struct account *people_add(struct broker *b, uint64_t id, struct slice name, uint8_t role)
{
    struct account *a = xcalloc(1, sizeof *a);
    a->id = id;
    a->role = role;
    a->granted = -1;
    memcpy(a->name, name.data, name.len < WIRE_NAME_MAX ? name.len : WIRE_NAME_MAX);
    table_add(&b->names, &a->by_name, fold_hash(name));
    table_add(&b->skeletons, &a->by_skeleton, skeleton_hash(name));
    table_add(&b->ids, &a->by_id, id_hash(id));
    if (id > b->last_account) b->last_account = id;
    b->accounts++;
    return a;
}

struct device *people_add_device(struct account *a, uint64_t id, const uint8_t key[32])
{
    struct device *d = xcalloc(1, sizeof *d);
    d->id = id;
    memcpy(d->key, key, sizeof d->key);
    d->account = a;
    d->next = a->device;
    a->device = d;
    return d;
}

static void free_devices(struct device *d)
{
    while (d) {
        struct device *next = d->next;
        free(d);
        d = next;
    }
}

void people_remove(struct broker *b, struct account *a)
{
    table_remove(&b->names, &a->by_name);
    table_remove(&b->skeletons, &a->by_skeleton);
    table_remove(&b->ids, &a->by_id);
    b->accounts--;
    free_devices(a->device);
    free_devices(people_keys(a)->revoked);
    free(a->keys);
    free(a->away_text);
    free(a->sanctions);
    free(a);
}

void people_each(struct broker *b, void (*each)(void *arg, struct account *a), void *arg)
{
    for (size_t i = 0; i < b->ids.size; i++)
        for (struct table_node *n = b->ids.bucket[i]; n; n = n->next)
            each(arg, container_of(n, struct account, by_id));
}

static void offer(void *arg, struct account *a)
{
    if (!a->pending) name_near_offer(arg, a->name, strlen(a->name));
}

void people_near(struct broker *b, struct slice name, struct name_near *near)
{
    name_near_start(near, (const char *)name.data, name.len);
    people_each(b, offer, near);
}

/* --- from the store --- */

static void load_account(void *arg, const struct store_account *s)
{
    struct account *a = people_add(arg, s->id, (struct slice){(const uint8_t *)s->name, strlen(s->name)}, 0);
    a->since_ms = 0;
    a->granted = s->granted;
    a->role = people_role_of(arg, a);
}

static void load_device(void *arg, const struct store_device *s)
{
    struct account *a = people_by_id(arg, s->account);
    if (!a) return;
    struct device *d = people_add_device(a, s->device, s->key);
    if (s->revoked) {
        a->device = d->next;
        d->next = people_keyring(a)->revoked;
        a->keys->revoked = d;
    }
    d->out.taken = s->last_id;
    d->out.room_id = s->last_room_id;
    d->in.acked_row = d->in.row = s->acked;
    d->in.waiting = (uint32_t)s->waiting;
    d->in.waiting_bytes = s->waiting_bytes;
}

void people_load(struct broker *b)
{
    store_each_account(b->store, load_account, b);
    store_each_device(b->store, load_device, b);
    prekeys_load(b);
    devices_load(b);
    sanctions_load(b);
    class_roster_load(b);
}

/* --- the roster: CSV, name,role; '#' begins a comment --- */

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct roster_entry *)x)->name, ((const struct roster_entry *)y)->name);
}

/* Cuts blanks off both ends, in place. */
static char *trimmed(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r\n", s[n - 1]))
        s[--n] = 0;
    return s;
}

/* A role that nobody knows gives no right. */
static uint8_t role_of(const char *word)
{
    return strcmp(word, "instructor") == 0 ? 2 : strcmp(word, "assistant") == 0 ? 1 : 0;
}

static void roster_line(struct broker *b, char *line, unsigned number)
{
    char *role = strchr(line, ','), *more = role ? strchr(role + 1, ',') : NULL;
    if (more) *more = 0; /* further columns are somebody else's */
    if (role) *role++ = 0;
    char *name = trimmed(line);
    if ((*name == 0 && !role) || *name == '#' || strcmp(name, "name") == 0) return;
    size_t n = strlen(name);
    const char *why;
    if (!name_valid(name, n, &why)) {
        LOG(LOG_WARN, "roster", "skip", log_u("line", number), log_s("name", name), log_s("why", why));
        return;
    }
    char folded[NAME_SIZE];
    name_fold(folded, name, n);
    b->roster = xrealloc(b->roster, (b->n_roster + 1) * sizeof *b->roster);
    b->roster[b->n_roster++] = (struct roster_entry){xstrdup(folded), role ? role_of(trimmed(role)) : 0};
}

void people_roster(struct broker *b, int fd)
{
    if (fd < 0) return;
    while (b->n_roster)
        free(b->roster[--b->n_roster].name);
    FILE *f = fdopen(fd, "r");
    if (!f) fatal("cannot read the roster: %s", strerror(errno));
    char *line = NULL;
    size_t size = 0;
    for (unsigned n = 1; getline(&line, &size, f) >= 0; n++)
        roster_line(b, line, n);
    free(line);
    fclose(f);
    if (b->n_roster) qsort(b->roster, b->n_roster, sizeof *b->roster, by_name);
    LOG(LOG_INFO, "roster", "read", log_u("names", b->n_roster));
}

int people_role(const struct broker *b, struct slice name)
{
    char folded[NAME_SIZE];
    name_fold(folded, (const char *)name.data, name.len);
    struct roster_entry want = {folded, 0};
    const struct roster_entry *r = b->n_roster ? bsearch(&want, b->roster, b->n_roster, sizeof want, by_name) : NULL;
    return r ? r->role : b->set.access.registration == REGISTER_ROSTER ? -1 : 0;
}

uint8_t people_role_of(const struct broker *b, const struct account *a)
{
    int role = a->granted >= 0 ? a->granted : people_role(b, name_of(a));
    return role > 0 ? (uint8_t)role : 0;
}
