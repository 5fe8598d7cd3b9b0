/*
 * peers.c - see peers.h. The value: version u8 (1), flags u8, trouble u8, barrier u64, account key 32,
 * name str8, entries as they travel. (seq, head) of docs/sealed.md come out of the entries.
 */
#include "peers.h"

#include <string.h>

enum { FORMAT = 1, VERIFIED = 1, STALE = 2 };

static struct slice key_of(const struct peer *p)
{
    return sealed_slice(p->key, strlen(p->key));
}

static bool decode(struct peer *p, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    uint8_t account_key[SEALED_KEY];
    if (cur_u8(&c) != FORMAT) return false;
    uint8_t flags = cur_u8(&c), trouble = cur_u8(&c);
    p->barrier = cur_u64(&c);
    cur_copy(&c, account_key, sizeof account_key);
    struct slice name = cur_str8(&c), entries = cur_rest(&c);
    if (c.bad || trouble >= PEER_TROUBLES || name.len == 0 || name.len > SEALED_NAME_MAX) return false;
    p->verified = flags & VERIFIED;
    p->stale = flags & STALE;
    p->trouble = (enum peer_trouble)trouble;
    buf_put(&p->entries, entries.data, entries.len);
    return device_list_recall(&p->list, account_key, name, entries) == DEVICE_GOOD;
}

int peers_get(struct vault *v, struct slice name, struct peer *p)
{
    struct buf value = {0};
    *p = (struct peer){0};
    name_fold(p->key, (const char *)name.data, name.len);
    int r = vault_get(v, VAULT_PEER, key_of(p), 0, &value);
    if (r > 0 && !decode(p, sealed_head(&value))) {
        p->list = (struct device_list){0};
        buf_free(&p->entries);
        p->trouble = PEER_FORGED;
    }
    buf_free(&value);
    return r;
}

void peer_free(struct peer *p)
{
    buf_free(&p->entries);
    *p = (struct peer){0};
}

int peers_put(struct vault *v, const struct peer *p)
{
    struct buf value = {0};
    buf_put_u8(&value, FORMAT);
    buf_put_u8(&value, (uint8_t)((p->verified ? VERIFIED : 0) | (p->stale ? STALE : 0)));
    buf_put_u8(&value, (uint8_t)p->trouble);
    buf_put_u64(&value, p->barrier);
    buf_put(&value, p->list.account_key, SEALED_KEY);
    buf_put_str8(&value, p->list.name, p->list.name_len);
    if (buf_len(&p->entries)) buf_put(&value, buf_head(&p->entries), buf_len(&p->entries));
    int r = vault_put(v, VAULT_PEER, key_of(p), 0, sealed_head(&value));
    buf_free(&value);
    return r < 0 ? -1 : 0;
}

/* --- news --- */

static enum peer_trouble of_verdict(enum device_verdict v)
{
    switch (v) {
    case DEVICE_GOOD: return PEER_FINE;
    case DEVICE_ROLLBACK: return PEER_ROLLED_BACK;
    case DEVICE_FORK: return PEER_FORKED;
    default: return PEER_FORGED;
    }
}

static bool same_name(const struct peer *p, struct slice name)
{
    char key[NAME_SIZE];
    name_fold(key, (const char *)name.data, name.len);
    return name.len > 0 && name.len <= SEALED_NAME_MAX && strcmp(key, p->key) == 0;
}

static uint32_t count(struct slice entries)
{
    struct cur c = cur_of(entries.data, entries.len);
    uint32_t n = 0;
    for (; c.p != c.end; n++)
        cur_str16(&c);
    return n;
}

/* What the server says now of an entry that is known already. */
static bool as_known(const struct peer *p, uint32_t seq, struct slice entry)
{
    struct cur c = cur_of(buf_head(&p->entries), buf_len(&p->entries));
    struct slice known = {0};
    for (uint32_t i = 0; i < seq; i++)
        known = cur_str16(&c);
    return known.len == entry.len && memcmp(known.data, entry.data, entry.len) == 0;
}

/* Takes the entries one by one, the first has this seq; those before the first bad one stay. */
static enum peer_trouble append(struct peer *p, struct slice entries, uint32_t seq)
{
    struct cur c = cur_of(entries.data, entries.len);
    for (; c.p != c.end; seq++) {
        struct slice entry = cur_str16(&c);
        if (seq <= p->list.head.seq) {
            if (!as_known(p, seq, entry)) return PEER_FORKED;
            continue;
        }
        enum device_verdict v = device_list_apply(&p->list, entry);
        if (v != DEVICE_GOOD) return of_verdict(v);
        buf_put_str16(&p->entries, entry.data, entry.len);
    }
    return PEER_FINE;
}

static enum peer_trouble judge(struct peer *p, const struct wire_list_entries *m, uint32_t first)
{
    bool known = p->list.head.seq > 0;
    if (m->head < p->list.head.seq) return PEER_ROLLED_BACK;
    if (known && memcmp(p->list.account_key, m->account_key, SEALED_KEY) != 0) return PEER_CHANGED;
    if (!known) device_list_start(&p->list, m->account_key, m->name);
    return append(p, m->entries, first);
}

/* Nothing is sealed for, or opened from, a device that is not in any more. */
static int drop_revoked(struct vault *v, const struct peer *p)
{
    for (size_t i = 0; i < p->list.n; i++)
        if (p->list.row[i].revoked &&
            vault_drop(v, VAULT_SESSIONS, key_of(p), p->list.row[i].device) < 0)
            return -1;
    return 0;
}

enum peer_news peers_take(struct vault *v, struct peer *p, const struct wire_list_entries *m,
                          uint64_t newest_id)
{
    uint32_t before = p->list.head.seq, n = count(m->entries), first = m->head - n + 1;
    if (m->head == 0 && before == 0) return PEER_NO_LIST;
    if (n <= m->head && first > before + 1) return PEER_AGAIN;
    bool known = before > 0, sound = n <= m->head && same_name(p, m->name);
    enum peer_trouble t = sound ? judge(p, m, first) : PEER_FORGED;
    if (t != PEER_FINE && !known && p->list.head.seq == 0) return PEER_NO_LIST; /* nothing to believe */
    bool grew = p->list.head.seq > before;
    if (grew && known) p->barrier = newest_id;
    p->stale = false;
    if (t != PEER_FINE) p->trouble = t;
    if (drop_revoked(v, p) < 0 || peers_put(v, p) < 0) return PEER_STORE;
    return t != PEER_FINE ? PEER_TROUBLE : grew ? PEER_GREW : PEER_SAME;
}

/* --- what a person says --- */

static int accept(struct vault *v, const char *name)
{
    struct peer p;
    int r = peers_get(v, sealed_slice(name, strlen(name)), &p);
    if (r > 0 && (vault_drop(v, VAULT_PEER, key_of(&p), 0) < 0 ||
                  vault_forget(v, VAULT_SESSIONS, key_of(&p)) < 0))
        r = -1;
    peer_free(&p);
    return r;
}

static int verify(struct vault *v, const char *name)
{
    struct peer p;
    int r = peers_get(v, sealed_slice(name, strlen(name)), &p);
    if (r > 0 && p.trouble != PEER_FINE) r = 0;
    p.verified = true;
    if (r > 0 && peers_put(v, &p) < 0) r = -1;
    peer_free(&p);
    return r;
}

int peers_accept(struct vault *v, const char *name)
{
    return vault_begin(v) < 0 ? -1 : vault_finish(v, accept(v, name));
}

int peers_verify(struct vault *v, const char *name)
{
    return vault_begin(v) < 0 ? -1 : vault_finish(v, verify(v, name));
}

const char *peer_trouble_words(enum peer_trouble t)
{
    switch (t) {
    case PEER_CHANGED: return "has another account key than before";
    case PEER_ROLLED_BACK: return "has a shorter list of devices than before";
    case PEER_FORKED: return "has another list of devices than before";
    case PEER_FORGED: return "has a list of devices that is not signed as it must be";
    default: return "is as before";
    }
}
