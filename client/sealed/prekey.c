/* prekey.c - see prekey.h. */
#include "prekey.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { FORMAT = 1 };

static const char label_signed[] = "csmsg signed prekey 1";
static const uint64_t day_ms = UINT64_C(24) * 3600 * 1000;

/* What a signed prekey's signature covers. */
static void put_signed(struct buf *b, const uint8_t *account_key, uint64_t device, uint32_t id,
                       uint64_t created, const uint8_t *public_key)
{
    buf_put_u8(b, PREKEY_SUITE);
    buf_put(b, account_key, SEALED_KEY);
    buf_put_u64(b, device);
    buf_put_u32(b, id);
    buf_put_u64(b, created);
    buf_put(b, public_key, SEALED_KEY);
}

static uint32_t next_id(uint32_t *next)
{
    if (*next == 0) *next = 1;
    return (*next)++;
}

static void drop_first_signed(struct prekeys *p)
{
    uint32_t id = p->signed_key[0].id;
    size_t kept = 0;
    for (size_t i = 0; i < p->n_seen; i++)
        if (p->seen[i].signed_id != id) p->seen[kept++] = p->seen[i];
    p->n_seen = kept;
    p->n_signed--;
    memmove(p->signed_key, p->signed_key + 1, p->n_signed * sizeof p->signed_key[0]);
    sodium_memzero(&p->signed_key[p->n_signed], sizeof p->signed_key[0]);
}

static bool older(uint64_t created, uint64_t now_ms, uint64_t days)
{
    return now_ms > created && now_ms - created >= days * day_ms;
}

bool prekeys_rotate(struct prekeys *p, const struct device_keys *keys,
                    const uint8_t account_key[SEALED_KEY], uint64_t now_ms,
                    const struct sealed_random *rnd)
{
    bool due = p->n_signed == 0 ||
               older(p->signed_key[p->n_signed - 1].created, now_ms, PREKEY_ROTATE_DAYS);
    if (due) {
        if (p->n_signed == PREKEY_SIGNED_MAX) drop_first_signed(p);
        struct signed_prekey *k = &p->signed_key[p->n_signed++];
        k->id = next_id(&p->next_signed);
        k->created = now_ms;
        sealed_pair_make(&k->pair, rnd);
        struct buf b = {0};
        put_signed(&b, account_key, keys->device, k->id, now_ms, k->pair.public_key);
        sealed_sign(keys->ed_secret, label_signed, sealed_head(&b), k->signature);
        buf_free(&b);
    }
    /* The newest stays however old: a device that was away long can still be written to. */
    while (p->n_signed > 1 && older(p->signed_key[0].created, now_ms, PREKEY_KEEP_DAYS))
        drop_first_signed(p);
    return due;
}

static void drop_one_time(struct prekeys *p, size_t at)
{
    p->n_one_time--;
    memmove(p->one_time + at, p->one_time + at + 1, (p->n_one_time - at) * sizeof p->one_time[0]);
    sodium_memzero(&p->one_time[p->n_one_time], sizeof p->one_time[0]);
}

static void need_one_time(struct prekeys *p)
{
    if (!p->one_time) p->one_time = xcalloc(PREKEY_ONE_TIME_MAX, sizeof p->one_time[0]);
}

static void need_seen(struct prekeys *p)
{
    if (!p->seen) p->seen = xcalloc(PREKEY_SEEN_MAX, sizeof p->seen[0]);
}

size_t prekeys_refill(struct prekeys *p, size_t left, const struct sealed_random *rnd)
{
    if (left >= PREKEY_REFILL_AT) return 0;
    need_one_time(p);
    size_t n = PREKEY_ONE_TIME - left;
    for (size_t i = 0; i < n; i++) {
        if (p->n_one_time == PREKEY_ONE_TIME_MAX) drop_one_time(p, 0);
        struct one_time_prekey *k = &p->one_time[p->n_one_time++];
        k->id = next_id(&p->next_one_time);
        sealed_pair_make(&k->pair, rnd);
    }
    return n;
}

static void put_front(struct buf *out, uint64_t device, uint32_t id, uint64_t created,
                      const uint8_t *public_key, const uint8_t *signature)
{
    buf_put_u8(out, PREKEY_SUITE);
    buf_put_u64(out, device);
    buf_put_u32(out, id);
    buf_put_u64(out, created);
    buf_put(out, public_key, SEALED_KEY);
    buf_put(out, signature, SEALED_SIGNATURE);
    buf_put_u16(out, 0); /* a KEM prekey: none in suite 1 */
}

void prekeys_publish(const struct prekeys *p, uint64_t device, size_t n, struct buf *out)
{
    assert(p->n_signed > 0 && n <= p->n_one_time);
    const struct signed_prekey *k = &p->signed_key[p->n_signed - 1];
    put_front(out, device, k->id, k->created, k->pair.public_key, k->signature);
    buf_put_u16(out, (uint16_t)n);
    for (size_t i = p->n_one_time - n; i < p->n_one_time; i++) {
        buf_put_u32(out, p->one_time[i].id);
        buf_put(out, p->one_time[i].pair.public_key, SEALED_KEY);
    }
}

const struct sealed_pair *prekeys_signed(const struct prekeys *p, uint32_t id)
{
    for (size_t i = 0; i < p->n_signed; i++)
        if (p->signed_key[i].id == id) return &p->signed_key[i].pair;
    return NULL;
}

const struct sealed_pair *prekeys_one_time(const struct prekeys *p, uint32_t id)
{
    for (size_t i = 0; i < p->n_one_time; i++)
        if (p->one_time[i].id == id) return &p->one_time[i].pair;
    return NULL;
}

void prekeys_used(struct prekeys *p, uint32_t one_time_id)
{
    for (size_t i = 0; i < p->n_one_time; i++)
        if (p->one_time[i].id == one_time_id) {
            drop_one_time(p, i);
            return;
        }
}

bool prekeys_seen(const struct prekeys *p, const uint8_t hash[SEALED_HASH])
{
    for (size_t i = 0; i < p->n_seen; i++)
        if (memcmp(p->seen[i].hash, hash, SEALED_HASH) == 0) return true;
    return false;
}

bool prekeys_remember(struct prekeys *p, uint32_t signed_id, const uint8_t hash[SEALED_HASH])
{
    if (p->n_seen == PREKEY_SEEN_MAX) return false;
    need_seen(p);
    p->seen[p->n_seen].signed_id = signed_id;
    memcpy(p->seen[p->n_seen++].hash, hash, SEALED_HASH);
    return true;
}

/* --- the store --- */

void prekeys_encode(const struct prekeys *p, struct buf *out)
{
    buf_room(out, 14 + p->n_signed * 140 + p->n_one_time * 68 + p->n_seen * 36);
    buf_put_u8(out, FORMAT);
    buf_put_u32(out, p->next_signed);
    buf_put_u32(out, p->next_one_time);
    buf_put_u8(out, (uint8_t)p->n_signed);
    for (size_t i = 0; i < p->n_signed; i++) {
        const struct signed_prekey *k = &p->signed_key[i];
        buf_put_u32(out, k->id);
        buf_put_u64(out, k->created);
        buf_put(out, k->pair.secret, SEALED_KEY);
        buf_put(out, k->pair.public_key, SEALED_KEY);
        buf_put(out, k->signature, SEALED_SIGNATURE);
    }
    buf_put_u16(out, (uint16_t)p->n_one_time);
    for (size_t i = 0; i < p->n_one_time; i++) {
        buf_put_u32(out, p->one_time[i].id);
        buf_put(out, p->one_time[i].pair.secret, SEALED_KEY);
        buf_put(out, p->one_time[i].pair.public_key, SEALED_KEY);
    }
    buf_put_u16(out, (uint16_t)p->n_seen);
    for (size_t i = 0; i < p->n_seen; i++) {
        buf_put_u32(out, p->seen[i].signed_id);
        buf_put(out, p->seen[i].hash, SEALED_HASH);
    }
}

static void decode_signed(struct prekeys *p, struct cur *c)
{
    size_t n = cur_u8(c);
    if (n > PREKEY_SIGNED_MAX) c->bad = true;
    for (; n > 0 && !c->bad; n--) {
        struct signed_prekey *k = &p->signed_key[p->n_signed++];
        k->id = cur_u32(c);
        k->created = cur_u64(c);
        cur_copy(c, k->pair.secret, SEALED_KEY);
        cur_copy(c, k->pair.public_key, SEALED_KEY);
        cur_copy(c, k->signature, SEALED_SIGNATURE);
    }
}

static void decode_one_time(struct prekeys *p, struct cur *c)
{
    size_t n = cur_u16(c);
    if (n > PREKEY_ONE_TIME_MAX) c->bad = true;
    if (n > 0) need_one_time(p);
    for (; n > 0 && !c->bad; n--) {
        struct one_time_prekey *k = &p->one_time[p->n_one_time++];
        k->id = cur_u32(c);
        cur_copy(c, k->pair.secret, SEALED_KEY);
        cur_copy(c, k->pair.public_key, SEALED_KEY);
    }
}

bool prekeys_decode(struct prekeys *p, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    *p = (struct prekeys){0};
    if (cur_u8(&c) != FORMAT) return false;
    p->next_signed = cur_u32(&c);
    p->next_one_time = cur_u32(&c);
    decode_signed(p, &c);
    decode_one_time(p, &c);
    size_t n = cur_u16(&c);
    if (n > PREKEY_SEEN_MAX) c.bad = true;
    if (n > 0) need_seen(p);
    for (; n > 0 && !c.bad; n--) {
        struct prekey_seen *s = &p->seen[p->n_seen++];
        s->signed_id = cur_u32(&c);
        cur_copy(&c, s->hash, SEALED_HASH);
    }
    if (cur_end(&c)) return true;
    prekeys_wipe(p);
    return false;
}

void prekeys_wipe(struct prekeys *p)
{
    if (p->one_time) sodium_memzero(p->one_time, PREKEY_ONE_TIME_MAX * sizeof p->one_time[0]);
    free(p->one_time);
    free(p->seen);
    sodium_memzero(p, sizeof *p);
}

/* --- bundles --- */

void bundle_encode(const struct bundle *b, struct buf *out)
{
    put_front(out, b->device, b->signed_id, b->created, b->signed_key, b->signature);
    buf_put_u8(out, b->one_time_id != 0);
    if (b->one_time_id == 0) return;
    buf_put_u32(out, b->one_time_id);
    buf_put(out, b->one_time, SEALED_KEY);
}

bool bundle_decode(struct bundle *b, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    *b = (struct bundle){0};
    if (cur_u8(&c) != PREKEY_SUITE) return false;
    b->device = cur_u64(&c);
    b->signed_id = cur_u32(&c);
    b->created = cur_u64(&c);
    cur_copy(&c, b->signed_key, SEALED_KEY);
    cur_copy(&c, b->signature, SEALED_SIGNATURE);
    if (cur_u16(&c) != 0) return false;
    uint8_t n = cur_u8(&c);
    if (n > 1) return false;
    if (n == 1) {
        b->one_time_id = cur_u32(&c);
        cur_copy(&c, b->one_time, SEALED_KEY);
    }
    return cur_end(&c) && b->signed_id != 0 && (n == 1) == (b->one_time_id != 0);
}

bool bundle_verify(const struct bundle *b, const struct device_who *owner)
{
    if (b->device != owner->device) return false;
    struct buf text = {0};
    put_signed(&text, owner->account_key, b->device, b->signed_id, b->created, b->signed_key);
    bool good = sealed_verify(owner->ed, label_signed, sealed_head(&text), b->signature);
    buf_free(&text);
    return good;
}
