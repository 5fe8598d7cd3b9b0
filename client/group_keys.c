/*
 * group_keys.c - see group_keys.h. Values, under the group's id in hexadecimal:
 *   VAULT_GROUP_OWN    sender_key_encode() of our generation
 *   VAULT_GROUP_GIVEN  the devices that have it, u64 each: device_mark()
 *   VAULT_GROUP_KEYS   number: device_mark(); account 32, device u64, then each generation that is kept with
 *                      its length u32, the oldest first, and behind them u64: the highest id of a message of that device
 */
#include "group_keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "log.h"
#include "sealed/content.h"

struct id_name {
    char text[VAULT_NAME];
};

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static struct id_name name_of(const uint8_t group[SEALED_HASH])
{
    struct id_name n;
    sodium_bin2hex(n.text, sizeof n.text, group, (sizeof n.text - 1) / 2);
    return n;
}

/* Names a device of an account. Account and device stand in the value, so a collision opens nothing. */
static uint64_t device_mark(const uint8_t account_key[SEALED_KEY], uint64_t device)
{
    uint8_t text[SEALED_KEY + 8], hash[crypto_hash_sha256_BYTES];
    memcpy(text, account_key, SEALED_KEY);
    put_u64(text + SEALED_KEY, device);
    crypto_hash_sha256(hash, text, sizeof text);
    return get_u64(hash) >> 1;
}

/* --- keys of others --- */

struct kept {
    uint64_t heard; /* highest id of a message of theirs: what a server repeats is not asked for again */
    size_t n;
    struct sender_key key[SENDER_KEY_GENERATIONS];
};

static void wipe_kept(struct kept *all)
{
    for (size_t i = 0; i < all->n; i++)
        sender_key_wipe(&all->key[i]);
    all->n = 0;
}

static int get_kept(struct vault *v, const uint8_t group[SEALED_HASH], const uint8_t account_key[SEALED_KEY],
                    uint64_t device, struct kept *all)
{
    struct buf value = {0};
    uint8_t account[SEALED_KEY];
    struct id_name name = name_of(group);
    *all = (struct kept){0};
    int r = vault_get(v, VAULT_GROUP_KEYS, text_of(name.text), device_mark(account_key, device), &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    cur_copy(&c, account, sizeof account);
    bool same = r > 0 && cur_u64(&c) == device && memcmp(account, account_key, SEALED_KEY) == 0;
    while (same && c.end - c.p > 8 && all->n < SENDER_KEY_GENERATIONS) {
        size_t n = cur_u32(&c);
        const uint8_t *at = cur_bytes(&c, n);
        if (!at || !sender_key_decode(&all->key[all->n], sealed_slice(at, n))) break;
        all->n++;
    }
    if (same && c.end - c.p == 8) all->heard = cur_u64(&c);
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

static int put_kept(struct vault *v, const uint8_t group[SEALED_HASH], const uint8_t account_key[SEALED_KEY],
                    uint64_t device, const struct kept *all)
{
    struct buf value = {0};
    struct id_name name = name_of(group);
    buf_put(&value, account_key, SEALED_KEY);
    buf_put_u64(&value, device);
    for (size_t i = 0; i < all->n; i++) {
        struct buf key = {0};
        sender_key_encode(&all->key[i], &key);
        buf_put_u32(&value, (uint32_t)buf_len(&key));
        buf_put(&value, buf_head(&key), buf_len(&key));
        sealed_buf_wipe(&key);
    }
    buf_put_u64(&value, all->heard);
    int r = vault_put(v, VAULT_GROUP_KEYS, text_of(name.text), device_mark(account_key, device),
                      sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

/* A device's messages come in the order of its generations: whatever is older has been read. */
static void drop_first(struct kept *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sender_key_wipe(&all->key[i]);
    memmove(all->key, all->key + n, (all->n - n) * sizeof all->key[0]);
    all->n -= n;
}

/* Generations only grow; one that is here already changes nothing, the same or not. */
static bool add_kept(struct kept *all, struct sender_key *key)
{
    if (all->n && key->generation <= all->key[all->n - 1].generation) return false;
    if (all->n == SENDER_KEY_GENERATIONS) drop_first(all, 1);
    all->key[all->n++] = *key;
    *key = (struct sender_key){0};
    return true;
}

static int keep(struct vault *v, const uint8_t account_key[SEALED_KEY], uint64_t device, struct sender_key *key)
{
    struct kept all;
    uint8_t group[SEALED_HASH];
    memcpy(group, key->group, sizeof group);
    int r = get_kept(v, group, account_key, device, &all);
    if (r == 0 && add_kept(&all, key)) r = put_kept(v, group, account_key, device, &all) < 0 ? -1 : 1;
    wipe_kept(&all);
    return r;
}

int group_keys_take(const struct keyring *k, const struct peer *from, uint64_t device,
                    struct slice distribution, uint8_t group[SEALED_HASH])
{
    struct sender_key key;
    if (!sender_key_accept(&key, distribution)) return 0;
    memcpy(group, key.group, SEALED_HASH);
    int r = keep(k->vault, from->list.account_key, device, &key);
    sender_key_wipe(&key);
    return r;
}

int group_keys_forget(struct vault *v, const struct group *g)
{
    static const enum vault_kind kinds[] = {VAULT_GROUP_OWN, VAULT_GROUP_GIVEN, VAULT_GROUP_KEYS};
    struct id_name name = name_of(g->id);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (vault_forget(v, kinds[i], text_of(name.text)) < 0) return -1;
    return 0;
}

static enum group_verdict open_with(struct kept *all, const struct wire_deliver *m,
                                    const struct sender_key_bound *bound, uint32_t day, struct buf *out,
                                    enum sender_key_verdict *verdict)
{
    uint32_t generation, log_seq;
    *verdict = SENDER_KEY_DAMAGED;
    if (!sender_key_peek(m->body, &generation, &log_seq)) return GROUP_CLOSED;
    if (m->id <= all->heard) return GROUP_REPEATED;
    if (all->n == 0 || generation > all->key[all->n - 1].generation) return GROUP_NO_SENDER_KEY;
    *verdict = SENDER_KEY_NO_KEY;
    for (size_t i = 0; i < all->n; i++) {
        if (all->key[i].generation != generation) continue;
        *verdict = sender_key_open(&all->key[i], bound, m->body, day, out);
        if (*verdict == SENDER_KEY_GOOD) drop_first(all, i);
        break;
    }
    return *verdict == SENDER_KEY_GOOD ? GROUP_OPENED : GROUP_CLOSED;
}

enum group_verdict group_open(const struct keyring *k, const struct group *g, const struct wire_deliver *m,
                              const struct device_who *from, const uint8_t log_hash[SEALED_HASH],
                              struct buf *out, enum sender_key_verdict *verdict, bool *store_failed)
{
    struct kept all;
    struct sender_key_bound bound = {.from = from, .id = m->id};
    memcpy(bound.log_hash, log_hash, SEALED_HASH);
    *store_failed = get_kept(k->vault, g->id, from->account_key, from->device, &all) < 0;
    enum group_verdict v = open_with(&all, m, &bound, keyring_day(k), out, verdict);
    if (v == GROUP_OPENED) all.heard = m->id;
    if (v == GROUP_OPENED && !*store_failed)
        *store_failed = put_kept(k->vault, g->id, from->account_key, from->device, &all) < 0;
    wipe_kept(&all);
    return v;
}

/* --- our own --- */

struct marks {
    uint64_t *mark;
    size_t n, cap;
};

static bool has_mark(const struct marks *all, uint64_t mark)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->mark[i] == mark) return true;
    return false;
}

static void add_mark(struct marks *all, uint64_t mark)
{
    if (all->n == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 16;
        all->mark = xrealloc(all->mark, all->cap * sizeof *all->mark);
    }
    all->mark[all->n++] = mark;
}

static int get_marks(struct vault *v, const struct group *g, struct marks *all)
{
    struct buf value = {0};
    struct id_name name = name_of(g->id);
    int r = vault_get(v, VAULT_GROUP_GIVEN, text_of(name.text), 0, &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    while (r > 0 && c.p != c.end && !c.bad)
        add_mark(all, cur_u64(&c));
    buf_free(&value);
    return r < 0 ? -1 : 0;
}

static int put_marks(struct vault *v, const struct group *g, const struct marks *all)
{
    struct buf value = {0};
    struct id_name name = name_of(g->id);
    for (size_t i = 0; i < all->n; i++)
        buf_put_u64(&value, all->mark[i]);
    int r = vault_put(v, VAULT_GROUP_GIVEN, text_of(name.text), 0, sealed_head(&value));
    buf_free(&value);
    return r < 0 ? -1 : 0;
}

static int get_own(struct vault *v, const uint8_t group[SEALED_HASH], struct sender_key *key)
{
    struct buf value = {0};
    struct id_name name = name_of(group);
    *key = (struct sender_key){0};
    int r = vault_get(v, VAULT_GROUP_OWN, text_of(name.text), 0, &value);
    if (r > 0) r = sender_key_decode(key, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r;
}

static int put_own(struct vault *v, const struct sender_key *key)
{
    struct buf value = {0};
    struct id_name name = name_of(key->group);
    sender_key_encode(key, &value);
    int r = vault_put(v, VAULT_GROUP_OWN, text_of(name.text), 0, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

/*
 * Generations begin at the time in seconds, so that a store that was lost, or is an old copy, does not
 * make a number twice.
 */
static int new_generation(const struct keyring *k, const struct group *g, const struct session_self *self,
                          struct sender_key *own)
{
    uint32_t last = own->generation, now = (uint32_t)(k->now_ms / 1000);
    uint8_t distribution[SENDER_KEY_DISTRIBUTION];
    struct sender_key copy;
    sender_key_wipe(own);
    sender_key_make(own, g->id, last >= now ? last : now - 1, keyring_day(k), k->random);
    sender_key_distribution(own, distribution);
    int r = sender_key_accept(&copy, sealed_slice(distribution, sizeof distribution))
                ? keep(k->vault, self->who.account_key, self->who.device, &copy)
                : 0;
    sender_key_wipe(&copy);
    sodium_memzero(distribution, sizeof distribution);
    return r < 0 ? -1 : 0;
}

static int draft_key(const struct keyring *k, const struct sender_key *own, const char *name)
{
    uint8_t distribution[SENDER_KEY_DISTRIBUTION];
    struct buf bytes = {0};
    struct content c = {.kind = CONTENT_SENDER_KEY, .time_ms = k->now_ms};
    struct vault_draft d = {.quiet = true, .to = text_of(name)};
    sender_key_distribution(own, distribution);
    c.u.sender_key.distribution = sealed_slice(distribution, sizeof distribution);
    int r = content_encode(&c, &bytes) < 0 ? -1 : vault_number(k->vault, &d.number);
    d.content = sealed_head(&bytes);
    if (r >= 0) r = vault_draft(k->vault, &d);
    sodium_memzero(distribution, sizeof distribution);
    sealed_buf_wipe(&bytes);
    return r < 0 ? -1 : 0;
}

int group_keys_give(const struct keyring *k, const struct group *g, const char *name)
{
    struct sender_key own;
    int r = get_own(k->vault, g->id, &own);
    if (r > 0 && draft_key(k, &own, name) < 0) r = -1;
    sender_key_wipe(&own);
    return r;
}

/* --- who is to have it --- */

struct reader {
    char key[NAME_SIZE];
    bool any, lacks; /* has devices beside this one, one of which is without the key */
};

struct readers {
    const struct keyring *k;
    struct marks given, now;
    struct reader *reader;
    size_t n;
};

/* The devices of a member that are in. An account that is not the member's any more gets nothing. */
static int add_reader(struct readers *all, const struct membership_person *p)
{
    struct peer peer;
    int r = peers_get(all->k->vault, sealed_slice(p->name, p->name_len), &peer);
    struct reader *to = &all->reader[all->n++];
    bool same = r > 0 && memcmp(peer.list.account_key, p->account_key, SEALED_KEY) == 0;
    *to = (struct reader){.any = false};
    memcpy(to->key, peer.key, sizeof to->key);
    for (size_t i = 0; same && i < peer.list.n; i++) {
        const struct device_row *row = &peer.list.row[i];
        bool self = memcmp(row->ed, all->k->identity->public_key, SEALED_KEY) == 0;
        if (row->revoked || self) continue;
        uint64_t mark = device_mark(p->account_key, row->device);
        add_mark(&all->now, mark);
        to->any = true;
        if (!has_mark(&all->given, mark)) to->lacks = true;
    }
    peer_free(&peer);
    return r < 0 ? -1 : 0;
}

static int find_readers(struct readers *all, const struct group *g)
{
    all->reader = xcalloc(g->log.n + 1, sizeof *all->reader);
    for (size_t i = 0; i < g->log.n; i++)
        if (g->log.person[i].role != ROLE_NONE && add_reader(all, &g->log.person[i]) < 0) return -1;
    return 0;
}

/* Somebody has it who is not to read on. */
static bool leaked(const struct readers *all)
{
    for (size_t i = 0; i < all->given.n; i++)
        if (!has_mark(&all->now, all->given.mark[i])) return true;
    return false;
}

/* How many were drafted. */
static int hand_out(const struct readers *all, const struct sender_key *own)
{
    int drafted = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (!all->reader[i].lacks) continue;
        if (draft_key(all->k, own, all->reader[i].key) < 0) return -1;
        drafted++;
    }
    return drafted;
}

static int give_all(struct readers *all, struct group *g, const struct session_self *self,
                    struct sender_key *own, bool fresh)
{
    if (get_marks(all->k->vault, g, &all->given) < 0 || find_readers(all, g) < 0) return -1;
    if (fresh || leaked(all)) {
        for (size_t i = 0; i < all->n; i++)
            all->reader[i].lacks = all->reader[i].any; /* of the new one */
        if (new_generation(all->k, g, self, own) < 0 || put_own(all->k->vault, own) < 0) return -1;
    }
    int drafted = hand_out(all, own);
    if (drafted < 0 || put_marks(all->k->vault, g, &all->now) < 0) return -1;
    g->rekey = g->check = false;
    return group_write(all->k->vault, g) < 0 ? -1 : drafted;
}

/* This device in its account's list: 1; 0: not yet. */
static int find_self(const struct keyring *k, struct session_self *self)
{
    struct peer own;
    int r = peers_get(k->vault, k->name, &own);
    if (r > 0) r = keyring_self(k, &own, self);
    peer_free(&own);
    return r;
}

int group_hand_out(const struct keyring *k, struct group *g)
{
    struct session_self self;
    struct sender_key own;
    int r = find_self(k, &self);
    if (r <= 0) return r;
    r = get_own(k->vault, g->id, &own) < 0 ? -1 : 0;
    bool fresh = own.generation == 0 || g->rekey || sender_key_due(&own, keyring_day(k));
    if (r == 0 && (fresh || g->check)) {
        struct readers all = {.k = k};
        r = give_all(&all, g, &self, &own, fresh);
        free(all.given.mark);
        free(all.now.mark);
        free(all.reader);
    }
    sender_key_wipe(&own);
    keyring_wipe(&self);
    return r < 0 ? -1 : r > 0;
}

/* --- sealing --- */

static int post(const struct keyring *k, const struct group *g, const struct session_self *self,
                struct sender_key *own, const struct vault_draft *d)
{
    struct buf body = {0};
    struct sender_key_bound bound = {.from = &self->who};
    struct vault_out out = {.number = d->number,
                            .quiet = d->quiet,
                            .kind = WIRE_TO_ROOM,
                            .to = group_name(g),
                            .content = d->content};
    memcpy(bound.log_hash, g->log.head, SEALED_HASH);
    if (vault_id(k->vault, &out.id) < 0) return -1;
    bound.id = out.id;
    int r = sender_key_seal(own, &bound, g->log.seq, d->content, &body);
    out.body = sealed_head(&body);
    if (r == 0) r = put_own(k->vault, own);
    if (r == 0) r = vault_post(k->vault, &out);
    buf_free(&body);
    return r < 0 ? -1 : 1;
}

int group_seal(const struct keyring *k, const struct group *g, const struct vault_draft *d)
{
    struct session_self self;
    struct sender_key own;
    int r = find_self(k, &self);
    if (r <= 0) return r;
    r = get_own(k->vault, g->id, &own);
    if (r > 0) r = post(k, g, &self, &own, d);
    sender_key_wipe(&own);
    keyring_wipe(&self);
    return r;
}
