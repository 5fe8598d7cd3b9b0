/*
 * group.c - see group.h. The record: version u8 (2), flags u8, id 32, place u64, seq u32, barrier u64 (none in
 * version 1). An entry: number u64, with the highest bit when it stands by the server's word alone, entry.
 */
#include "group.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "group_actor.h"

enum { FORMAT = 2, FORMAT_1 = 1, OVER = 1, REKEY = 2, CHECK = 4, BROKEN = 8, UNPROVEN = 16 };

#define SAID (UINT64_C(1) << 63)

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

/* Values have names of at most VAULT_NAME: without the '#'. */
static struct slice name_in_store(const struct group *g)
{
    return text_of(g->key + 1);
}

void group_start(struct group *g, struct slice name)
{
    *g = (struct group){.check = true};
    name_fold(g->key, (const char *)name.data, name.len);
}

void group_free(struct group *g)
{
    membership_free(&g->log);
    *g = (struct group){0};
}

struct slice group_name(const struct group *g)
{
    return g->log.seq ? sealed_slice(g->log.name, g->log.name_len) : text_of(g->key);
}

/* --- the store --- */

struct record {
    uint8_t flags, id[SEALED_HASH];
    uint64_t place, barrier;
    uint32_t seq;
};

static int get_record(struct vault *v, const struct group *g, struct record *r)
{
    struct buf value = {0};
    int there = vault_get(v, VAULT_GROUP, name_in_store(g), 0, &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    uint8_t format = cur_u8(&c);
    bool good = there > 0 && (format == FORMAT || format == FORMAT_1);
    r->flags = cur_u8(&c);
    cur_copy(&c, r->id, sizeof r->id);
    r->place = cur_u64(&c);
    r->seq = cur_u32(&c);
    r->barrier = format == FORMAT_1 ? 0 : cur_u64(&c);
    good = good && cur_end(&c);
    buf_free(&value);
    return there > 0 ? good : there;
}

/* The entry of a seq, with its number: 1 and *value holds it; 0: not here. */
static int get_entry(struct vault *v, const struct group *g, uint32_t seq, struct buf *value, uint64_t *number,
                     struct slice *entry)
{
    int r = vault_get(v, VAULT_GROUP_LOG, name_in_store(g), seq, value);
    struct cur c = cur_of(value->data, buf_len(value));
    *number = cur_u64(&c) & ~SAID;
    *entry = cur_rest(&c);
    return r > 0 ? !c.bad : r;
}

/* Follows the kept log up to a seq, or to the last entry in front of a number. */
static int recall(struct vault *v, const struct group *g, struct membership *m, uint32_t upto,
                  uint64_t before, uint64_t *last)
{
    while (m->seq < upto) {
        struct buf value = {0};
        struct slice entry;
        uint64_t number;
        int r = get_entry(v, g, m->seq + 1, &value, &number, &entry);
        bool wanted = r > 0 && number < before;
        bool good = wanted && membership_recall(m, entry, NULL) == MEMBERSHIP_GOOD;
        buf_free(&value);
        if (r < 0) return -1;
        if (!good) break;
        *last = number;
    }
    return 0;
}

int group_read(struct vault *v, struct group *g)
{
    struct record r;
    int there = get_record(v, g, &r);
    if (there <= 0) return there;
    if (memcmp(g->id, r.id, sizeof r.id) != 0 || g->log.seq > r.seq) {
        membership_free(&g->log);
        g->log = (struct membership){0};
        g->log_number = 0;
    }
    memcpy(g->id, r.id, sizeof r.id);
    g->place = r.place;
    g->barrier = r.barrier;
    g->over = r.flags & OVER;
    g->rekey = r.flags & REKEY;
    g->check = r.flags & CHECK;
    g->broken = r.flags & BROKEN;
    g->unproven = r.flags & UNPROVEN;
    return recall(v, g, &g->log, r.seq, UINT64_MAX, &g->log_number) < 0 ? -1 : 1;
}

int group_write(struct vault *v, const struct group *g)
{
    struct buf b = {0};
    buf_put_u8(&b, FORMAT);
    buf_put_u8(&b, (uint8_t)((g->over ? OVER : 0) | (g->rekey ? REKEY : 0) | (g->check ? CHECK : 0) |
                             (g->broken ? BROKEN : 0) | (g->unproven ? UNPROVEN : 0)));
    buf_put(&b, g->id, sizeof g->id);
    buf_put_u64(&b, g->place);
    buf_put_u32(&b, g->log.seq);
    buf_put_u64(&b, g->barrier);
    int r = vault_put(v, VAULT_GROUP, name_in_store(g), 0, sealed_head(&b));
    buf_free(&b);
    return r < 0 ? -1 : 0;
}

int group_next(struct vault *v, char key[NAME_SIZE])
{
    char name[VAULT_NAME];
    uint64_t number = UINT64_MAX >> 1;
    snprintf(name, sizeof name, "%s", key[0] ? key + 1 : "");
    int r = vault_next_value(v, VAULT_GROUP, name, &number);
    if (r > 0) snprintf(key, NAME_SIZE, "#%s", name);
    return r;
}

int group_reset(struct vault *v, struct group *g)
{
    char key[NAME_SIZE];
    memcpy(key, g->key, sizeof key);
    static const enum vault_kind kinds[] = {VAULT_GROUP_LOG, VAULT_ROOM_PARKED, VAULT_GROUP_SENT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (vault_forget(v, kinds[i], name_in_store(g)) < 0) return -1;
    group_free(g);
    group_start(g, text_of(key));
    return group_write(v, g);
}

/* --- entries --- */

static int keep_entry(struct vault *v, const struct group *g, struct slice entry, uint64_t number, bool said)
{
    struct buf value = {0};
    buf_put_u64(&value, number | (said ? SAID : 0));
    buf_put(&value, entry.data, entry.len);
    int r = vault_put(v, VAULT_GROUP_LOG, name_in_store(g), g->log.seq, sealed_head(&value));
    buf_free(&value);
    return r < 0 ? -1 : group_write(v, g);
}

/* What we have under that seq must be the same: else the server shows two logs. */
static enum group_news as_known(struct vault *v, const struct group *g, uint32_t seq, struct slice entry)
{
    struct buf value = {0};
    struct slice known;
    uint64_t number;
    int r = get_entry(v, g, seq, &value, &number, &known);
    bool same = r > 0 && known.len == entry.len && memcmp(known.data, entry.data, entry.len) == 0;
    buf_free(&value);
    return r < 0 ? GROUP_STORE : same ? GROUP_KNOWN : GROUP_REFUSED;
}

/* What is under way comes back as log-changed, and must not be overtaken. */
static int raise_barrier(struct vault *v, struct group *g)
{
    uint64_t next;
    if (vault_id(v, &next) < 0) return -1;
    g->barrier = next - 1;
    return 0;
}

/* What follows from an entry that stands. */
static int follow(struct vault *v, struct group *g, const struct membership_entry *e)
{
    memcpy(g->id, g->log.group, sizeof g->id);
    g->check = true;
    if (membership_rekeys(e->op)) g->rekey = true;
    return membership_changes_readers(e->op) ? raise_barrier(v, g) : 0;
}

/* Or has the server shown the log of another group than the one that was asked for? */
static bool same_room(const struct group *g, struct slice name)
{
    char key[NAME_SIZE];
    name_fold(key, (const char *)name.data, name.len);
    return strcmp(key, g->key) == 0;
}

enum group_news group_take(const struct keyring *k, struct group *g, struct slice entry, uint64_t number,
                           const char *fresh, char need[NAME_SIZE])
{
    struct membership_entry e;
    uint8_t of[SEALED_HASH];
    uint32_t seq;
    if (!membership_read(entry, &e, of, &seq)) return GROUP_REFUSED;
    if (seq == 0 || seq > g->log.seq + 1) return GROUP_MISSING;
    if (seq <= g->log.seq) return as_known(k->vault, g, seq, entry);
    if (seq == 1 && !same_room(g, e.text)) return GROUP_REFUSED;
    enum group_judgement j = group_judge(k, &g->log, entry, fresh, need);
    switch (j) {
    case GROUP_JUDGED_STORE: return GROUP_STORE;
    case GROUP_JUDGED_UNKNOWN: return GROUP_NEED_LIST;
    case GROUP_JUDGED_UNPROVEN: return GROUP_UNPROVEN;
    case GROUP_JUDGED_BAD: return GROUP_REFUSED;
    default: break;
    }
    g->log_number = number;
    if (follow(k->vault, g, &e) < 0 || keep_entry(k->vault, g, entry, number, j == GROUP_JUDGED_SAID) < 0)
        return GROUP_STORE;
    return GROUP_TAKEN;
}

int group_break(struct vault *v, struct group *g, bool unproven)
{
    g->unproven = unproven && (g->unproven || !g->broken);
    g->broken = true;
    return group_write(v, g);
}

int group_said(struct vault *v, const struct group *g, uint32_t seq)
{
    struct buf value = {0};
    int r = vault_get(v, VAULT_GROUP_LOG, name_in_store(g), seq, &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    if (r > 0) r = (cur_u64(&c) & SAID) != 0;
    buf_free(&value);
    return r;
}

int group_hash(struct vault *v, const struct group *g, uint32_t seq, uint8_t hash[SEALED_HASH])
{
    struct buf value = {0};
    struct slice entry;
    uint64_t number;
    if (seq == 0 || seq > g->log.seq) return 0;
    if (seq == g->log.seq) {
        memcpy(hash, g->log.head, SEALED_HASH);
        return 1;
    }
    int r = get_entry(v, g, seq, &value, &number, &entry);
    if (r > 0) membership_hash(entry, hash);
    buf_free(&value);
    return r;
}

static bool find(const struct membership *m, const uint8_t *account_key, struct membership_person *who)
{
    const struct membership_person *p = membership_find(m, account_key);
    if (p) *who = *p;
    return p && p->role != ROLE_NONE;
}

int group_member_at(struct vault *v, const struct group *g, const uint8_t account_key[SEALED_KEY],
                    uint64_t number, struct membership_person *who)
{
    struct membership then = {0};
    uint64_t last = 0;
    if (number > g->log_number) return find(&g->log, account_key, who);
    int r = recall(v, g, &then, g->log.seq, number, &last);
    if (r == 0) r = find(&then, account_key, who);
    membership_free(&then);
    return r;
}

int group_entered_before(struct vault *v, const struct group *g, const struct membership_person *p,
                         uint64_t number)
{
    struct buf value = {0};
    struct slice entry;
    uint64_t entered;
    int r = get_entry(v, g, p->joined, &value, &entered, &entry);
    buf_free(&value);
    return r > 0 ? entered < number : r;
}

bool group_has(const struct group *g, const uint8_t account_key[SEALED_KEY])
{
    return membership_role_of(&g->log, account_key) != ROLE_NONE;
}

const struct membership_person *group_person(const struct group *g, struct slice name)
{
    char wanted[NAME_SIZE], key[NAME_SIZE];
    name_fold(wanted, (const char *)name.data, name.len);
    for (size_t i = 0; i < g->log.n; i++) {
        const struct membership_person *p = &g->log.person[i];
        name_fold(key, p->name, p->name_len);
        if (strcmp(key, wanted) == 0) return p;
    }
    return NULL;
}
