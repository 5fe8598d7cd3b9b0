/* device_list.c - see device_list.h. An entry is decoded, then judged rule by rule, then taken. */
#include "device_list.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { FORMAT = 1, OP_ADD = 1, OP_REVOKE = 2 };

static const char label_keys[] = "csmsg device keys 1", label_admit[] = "csmsg device admit 1",
                  label_entry[] = "csmsg device entry 1", label_hash[] = "csmsg device hash 1";

struct entry {
    uint8_t version, op;
    uint32_t seq;
    const uint8_t *prev;
    struct slice name;
    uint64_t time, device;
    const uint8_t *ed, *x, *self; /* op add */
    uint64_t by;
    const uint8_t *admit, *account; /* admit: NULL when by is 0 */
    struct slice body, with_admit, whole;
};

const char *device_verdict_words(enum device_verdict v)
{
    static const char *const words[] = {
        [DEVICE_GOOD] = "is in order",
        [DEVICE_DAMAGED] = "is damaged, or was written by a newer program",
        [DEVICE_GAP] = "has a gap",
        [DEVICE_ROLLBACK] =
            "is older than the one seen before: the server may hide a device that was revoked",
        [DEVICE_FORK] =
            "does not continue the one seen before: somebody may have slipped a device in",
        [DEVICE_NOT_OURS] = "belongs to another name",
        [DEVICE_FORGED] = "has a wrong signature: somebody may have slipped a device in",
        [DEVICE_FORBIDDEN] = "breaks its own rules",
    };
    return words[v];
}

void device_keys_make(struct device_keys *keys, const struct sealed_random *rnd)
{
    uint8_t seed[crypto_sign_SEEDBYTES], number[8];
    do
        sealed_fill(rnd, number, sizeof number);
    while ((keys->device = get_u64(number)) == 0);
    sealed_fill(rnd, seed, sizeof seed);
    crypto_sign_seed_keypair(keys->ed, keys->ed_secret, seed);
    sealed_pair_make(&keys->x, rnd);
    sodium_memzero(seed, sizeof seed);
}

void device_keys_wipe(struct device_keys *keys)
{
    sodium_memzero(keys, sizeof *keys);
}

void device_who_put(struct buf *out, const struct device_who *who)
{
    buf_put_str8(out, who->name, who->name_len);
    buf_put(out, who->account_key, SEALED_KEY);
    buf_put_u64(out, who->device);
    buf_put(out, who->ed, SEALED_KEY);
    buf_put(out, who->x, SEALED_KEY);
}

void device_list_start(struct device_list *list, const uint8_t account_key[SEALED_KEY],
                       struct slice name)
{
    assert(name.len >= 1 && name.len <= SEALED_NAME_MAX);
    memset(list, 0, sizeof *list);
    memcpy(list->account_key, account_key, SEALED_KEY);
    memcpy(list->name, name.data, name.len);
    list->name_len = (uint8_t)name.len;
}

static const struct device_row *find(const struct device_list *list, uint64_t device, bool ever)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->row[i].device == device && (ever || list->row[i].revoked == 0))
            return &list->row[i];
    return NULL;
}

const struct device_row *device_list_find(const struct device_list *list, uint64_t device)
{
    return find(list, device, false);
}

const struct device_row *device_list_ever(const struct device_list *list, uint64_t device)
{
    return find(list, device, true);
}

size_t device_list_active(const struct device_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += list->row[i].revoked == 0;
    return n;
}

void device_list_who(const struct device_list *list, const struct device_row *row,
                     struct device_who *who)
{
    *who = (struct device_who){.name_len = list->name_len, .device = row->device};
    memcpy(who->name, list->name, list->name_len);
    memcpy(who->account_key, list->account_key, SEALED_KEY);
    memcpy(who->ed, row->ed, SEALED_KEY);
    memcpy(who->x, row->x, SEALED_KEY);
}

/* --- reading --- */

static bool decode(struct slice raw, struct entry *e)
{
    struct cur c = cur_of(raw.data, raw.len);
    *e = (struct entry){.whole = raw, .version = cur_u8(&c), .op = cur_u8(&c)};
    if (e->version != FORMAT || (e->op != OP_ADD && e->op != OP_REVOKE)) return false;
    e->seq = cur_u32(&c);
    e->prev = cur_bytes(&c, SEALED_HASH);
    e->name = cur_str8(&c);
    e->time = cur_u64(&c);
    e->device = cur_u64(&c);
    if (e->op == OP_ADD) {
        e->ed = cur_bytes(&c, SEALED_KEY);
        e->x = cur_bytes(&c, SEALED_KEY);
        e->self = cur_bytes(&c, SEALED_SIGNATURE);
    }
    e->by = cur_u64(&c);
    e->body = sealed_slice(raw.data, (size_t)(c.p - raw.data));
    if (e->by) e->admit = cur_bytes(&c, SEALED_SIGNATURE);
    e->with_admit = sealed_slice(raw.data, (size_t)(c.p - raw.data));
    e->account = cur_bytes(&c, SEALED_SIGNATURE);
    return cur_end(&c) && e->device != 0;
}

/* account key, then text: what account key and admitter sign, and what is hashed. */
static void put_bound(struct buf *b, const struct device_list *list, struct slice text)
{
    buf_put(b, list->account_key, SEALED_KEY);
    buf_put(b, text.data, text.len);
}

static bool bound_verify(const struct device_list *list, const uint8_t *key, const char *label,
                         struct slice text, const uint8_t *signature)
{
    struct buf b = {0};
    put_bound(&b, list, text);
    bool good = sealed_verify(key, label, sealed_head(&b), signature);
    buf_free(&b);
    return good;
}

static void bound_sign(const struct device_list *list, const uint8_t *secret, const char *label,
                       struct slice text, uint8_t *signature)
{
    struct buf b = {0};
    put_bound(&b, list, text);
    sealed_sign(secret, label, sealed_head(&b), signature);
    buf_free(&b);
}

/* What a new device signs of itself. */
static void put_self(struct buf *b, const uint8_t *account_key, struct slice name, uint64_t device,
                     const uint8_t *ed, const uint8_t *x)
{
    buf_put(b, account_key, SEALED_KEY);
    buf_put_str8(b, name.data, name.len);
    buf_put_u64(b, device);
    buf_put(b, ed, SEALED_KEY);
    buf_put(b, x, SEALED_KEY);
}

static bool self_good(const struct device_list *list, const struct entry *e)
{
    struct buf b = {0};
    put_self(&b, list->account_key, e->name, e->device, e->ed, e->x);
    bool good = sealed_verify(e->ed, label_keys, sealed_head(&b), e->self);
    buf_free(&b);
    return good;
}

static bool signed_well(const struct device_list *list, const struct entry *e)
{
    if (!bound_verify(list, list->account_key, label_entry, e->with_admit, e->account))
        return false;
    if (e->op == OP_ADD && !self_good(list, e)) return false;
    const struct device_row *by = e->by ? device_list_ever(list, e->by) : NULL;
    return !by || bound_verify(list, by->ed, label_admit, e->body, e->admit);
}

/* A key or number that was in the list once, in any place, is not new. */
static bool is_new(const struct device_list *list, const struct entry *e)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct device_row *r = &list->row[i];
        if (r->device == e->device || memcmp(r->ed, e->ed, SEALED_KEY) == 0 ||
            memcmp(r->x, e->x, SEALED_KEY) == 0)
            return false;
    }
    return true;
}

static bool allowed(const struct device_list *list, const struct entry *e)
{
    if (e->by && !device_list_find(list, e->by)) return false;
    if (e->op == OP_REVOKE) return device_list_find(list, e->device) != NULL;
    return is_new(list, e) && list->n < DEVICE_LIST_EVER &&
           device_list_active(list) < DEVICE_LIST_ACTIVE;
}

static void take(struct device_list *list, const struct entry *e)
{
    if (e->op == OP_ADD) {
        struct device_row *r = &list->row[list->n++];
        *r =
            (struct device_row){.device = e->device, .by = e->by, .time = e->time, .added = e->seq};
        memcpy(r->ed, e->ed, SEALED_KEY);
        memcpy(r->x, e->x, SEALED_KEY);
    } else {
        for (size_t i = 0; i < list->n; i++) {
            if (list->row[i].device != e->device) continue;
            list->row[i].revoked = e->seq;
            list->row[i].gone = e->time;
        }
    }
    struct buf b = {0};
    put_bound(&b, list, e->whole);
    list->head.seq = e->seq;
    sealed_hash(label_hash, sealed_head(&b), list->head.hash);
    buf_free(&b);
}

static enum device_verdict judge(struct device_list *list, struct slice raw, bool signatures)
{
    struct entry e;
    if (raw.len > DEVICE_ENTRY_MAX || !decode(raw, &e)) return DEVICE_DAMAGED;
    if (e.seq != list->head.seq + 1) return DEVICE_GAP;
    if (memcmp(e.prev, list->head.hash, SEALED_HASH) != 0) return DEVICE_FORK;
    if (e.name.len != list->name_len || memcmp(e.name.data, list->name, e.name.len) != 0)
        return DEVICE_NOT_OURS;
    if (signatures && !signed_well(list, &e)) return DEVICE_FORGED;
    if (!allowed(list, &e)) return DEVICE_FORBIDDEN;
    take(list, &e);
    return DEVICE_GOOD;
}

enum device_verdict device_list_apply(struct device_list *list, struct slice raw)
{
    return judge(list, raw, true);
}

enum device_verdict device_list_recall(struct device_list *list, const uint8_t account_key[SEALED_KEY],
                                       struct slice name, struct slice entries)
{
    struct cur c = cur_of(entries.data, entries.len);
    enum device_verdict v = DEVICE_GOOD;
    device_list_start(list, account_key, name);
    while (v == DEVICE_GOOD && c.p != c.end) {
        struct slice entry = cur_str16(&c);
        v = c.bad ? DEVICE_DAMAGED : judge(list, entry, false);
    }
    return v;
}

enum device_verdict device_list_read(struct device_list *list,
                                     const uint8_t account_key[SEALED_KEY], struct slice name,
                                     struct slice entries, const struct device_head *known)
{
    struct cur c = cur_of(entries.data, entries.len);
    device_list_start(list, account_key, name);
    if (entries.len > DEVICE_LIST_MAX) return DEVICE_DAMAGED;
    while (!c.bad && c.p != c.end) {
        struct slice entry = cur_str16(&c);
        if (c.bad) return DEVICE_DAMAGED;
        enum device_verdict v = device_list_apply(list, entry);
        if (v != DEVICE_GOOD) return v;
        if (known && known->seq == list->head.seq &&
            memcmp(known->hash, list->head.hash, SEALED_HASH) != 0)
            return DEVICE_FORK;
    }
    return known && list->head.seq < known->seq ? DEVICE_ROLLBACK : DEVICE_GOOD;
}

/* --- writing --- */

void device_self_sign(const struct device_keys *keys, const uint8_t account_key[SEALED_KEY],
                      struct slice name, uint8_t signature[SEALED_SIGNATURE])
{
    struct buf b = {0};
    put_self(&b, account_key, name, keys->device, keys->ed, keys->x.public_key);
    sealed_sign(keys->ed_secret, label_keys, sealed_head(&b), signature);
    buf_free(&b);
}

static enum device_verdict append(struct device_list *list, uint8_t op,
                                  const uint8_t account_secret[SEALED_SIGN_SECRET],
                                  const struct device_keys *by, const struct device_offer *offer,
                                  uint64_t time_ms, struct buf *out)
{
    struct buf b = {0};
    uint8_t signature[SEALED_SIGNATURE];
    buf_put_u8(&b, FORMAT);
    buf_put_u8(&b, op);
    buf_put_u32(&b, list->head.seq + 1);
    buf_put(&b, list->head.hash, SEALED_HASH);
    buf_put_str8(&b, list->name, list->name_len);
    buf_put_u64(&b, time_ms);
    buf_put_u64(&b, offer->device);
    if (op == OP_ADD) {
        buf_put(&b, offer->ed, SEALED_KEY);
        buf_put(&b, offer->x, SEALED_KEY);
        buf_put(&b, offer->self, SEALED_SIGNATURE);
    }
    buf_put_u64(&b, by ? by->device : 0);
    if (by) {
        bound_sign(list, by->ed_secret, label_admit, sealed_head(&b), signature);
        buf_put(&b, signature, sizeof signature);
    }
    bound_sign(list, account_secret, label_entry, sealed_head(&b), signature);
    buf_put(&b, signature, sizeof signature);
    enum device_verdict v = device_list_apply(list, sealed_head(&b));
    if (v == DEVICE_GOOD) buf_put(out, buf_head(&b), buf_len(&b));
    buf_free(&b);
    return v;
}

enum device_verdict device_list_add(struct device_list *list,
                                    const uint8_t account_secret[SEALED_SIGN_SECRET],
                                    const struct device_keys *by, const struct device_offer *offer,
                                    uint64_t time_ms, struct buf *out)
{
    return append(list, OP_ADD, account_secret, by, offer, time_ms, out);
}

enum device_verdict device_list_revoke(struct device_list *list,
                                       const uint8_t account_secret[SEALED_SIGN_SECRET],
                                       const struct device_keys *by, uint64_t device,
                                       uint64_t time_ms, struct buf *out)
{
    const struct device_offer which = {.device = device};
    return append(list, OP_REVOKE, account_secret, by, &which, time_ms, out);
}
