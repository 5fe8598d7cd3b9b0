/* sender_key.c - see sender_key.h. Signature first, then the key, then the tag; then commit. */
#include "sender_key.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "log.h"

enum { FORMAT = 1, BODY_MIN = SENDER_KEY_FRONT + SEALED_TAG + SEALED_SIGNATURE };

static const char label_ad[] = "csmsg group ad 1", label_sign[] = "csmsg group sign 1",
                  info_message[] = "csmsg group message 1";

struct body {
    uint32_t generation, iteration, log_seq;
    struct slice front, ciphertext, signature;
};

static bool parse(struct slice in, struct body *b)
{
    struct cur c = cur_of(in.data, in.len);
    if (in.len < BODY_MIN || cur_u8(&c) != SEALED_SUITE_GROUP) return false;
    b->generation = cur_u32(&c);
    b->iteration = cur_u32(&c);
    b->log_seq = cur_u32(&c);
    b->front = sealed_slice(in.data, SENDER_KEY_FRONT);
    size_t n = in.len - SENDER_KEY_FRONT - SEALED_SIGNATURE;
    b->ciphertext = sealed_slice(cur_bytes(&c, n), n);
    b->signature = cur_rest(&c);
    return n <= ENVELOPE_CONTENT_MAX + SEALED_TAG;
}

bool sender_key_peek(struct slice in, uint32_t *generation, uint32_t *log_seq)
{
    struct body b;
    if (!parse(in, &b)) return false;
    *generation = b.generation;
    *log_seq = b.log_seq;
    return true;
}

void sender_key_make(struct sender_key *k, const uint8_t group[SEALED_HASH], uint32_t last,
                     uint32_t day, const struct sealed_random *rnd)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    *k = (struct sender_key){.own = true, .generation = last + 1, .created = day};
    memcpy(k->group, group, SEALED_HASH);
    sealed_fill(rnd, k->chain, SEALED_KEY);
    sealed_fill(rnd, seed, sizeof seed);
    crypto_sign_seed_keypair(k->sign_public, k->sign_secret, seed);
    sodium_memzero(seed, sizeof seed);
}

bool sender_key_due(const struct sender_key *k, uint32_t day)
{
    return k->sent >= SENDER_KEY_MESSAGES ||
           (day > k->created && day - k->created >= SENDER_KEY_DAYS);
}

void sender_key_distribution(const struct sender_key *k, uint8_t out[SENDER_KEY_DISTRIBUTION])
{
    memcpy(out, k->group, SEALED_HASH);
    put_u32(out + 32, k->generation);
    put_u32(out + 36, k->iteration);
    memcpy(out + 40, k->chain, SEALED_KEY);
    memcpy(out + 72, k->sign_public, SEALED_KEY);
}

bool sender_key_accept(struct sender_key *k, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    *k = (struct sender_key){0};
    cur_copy(&c, k->group, SEALED_HASH);
    k->generation = cur_u32(&c);
    k->iteration = cur_u32(&c);
    cur_copy(&c, k->chain, SEALED_KEY);
    cur_copy(&c, k->sign_public, SEALED_KEY);
    if (cur_end(&c) && k->generation > 0) return true;
    sender_key_wipe(k);
    return false;
}

/* The chain key at a place of the chain not before this one; false: before it, or far ahead. */
static bool chain_at(const struct sender_key *k, uint32_t iteration, uint8_t chain[SEALED_KEY])
{
    uint8_t key[SEALED_KEY];
    if (iteration < k->iteration || iteration - k->iteration > SENDER_KEY_SKIP_STEP) return false;
    memcpy(chain, k->chain, SEALED_KEY);
    for (uint32_t i = k->iteration; i < iteration; i++)
        sealed_chain_step(chain, key);
    sodium_memzero(key, sizeof key);
    return true;
}

bool sender_key_same(const struct sender_key *k, const struct sender_key *again)
{
    const struct sender_key *first = k->iteration <= again->iteration ? k : again;
    const struct sender_key *second = first == k ? again : k;
    uint8_t chain[SEALED_KEY];
    bool same = k->generation == again->generation &&
                sodium_memcmp(k->group, again->group, SEALED_HASH) == 0 &&
                sodium_memcmp(k->sign_public, again->sign_public, SEALED_KEY) == 0 &&
                chain_at(first, second->iteration, chain) &&
                sodium_memcmp(chain, second->chain, SEALED_KEY) == 0;
    sodium_memzero(chain, sizeof chain);
    return same;
}

static void put_ad(struct buf *ad, const struct sender_key *k, const struct sender_key_bound *bound,
                   struct slice front)
{
    buf_put_str8(ad, label_ad, sizeof label_ad - 1);
    buf_put(ad, k->group, SEALED_HASH);
    device_who_put(ad, bound->from);
    buf_put_u64(ad, bound->id);
    buf_put(ad, bound->log_hash, SEALED_HASH);
    buf_put(ad, front.data, front.len);
}

int sender_key_seal(struct sender_key *k, const struct sender_key_bound *bound, uint32_t log_seq,
                    struct slice content, struct buf *out)
{
    uint8_t key[SEALED_KEY], signature[SEALED_SIGNATURE];
    struct buf front = {0}, ad = {0}, padded = {0};
    if (!k->own || k->iteration == UINT32_MAX) return -1;
    buf_put_u8(&front, SEALED_SUITE_GROUP);
    buf_put_u32(&front, k->generation);
    buf_put_u32(&front, k->iteration);
    buf_put_u32(&front, log_seq);
    put_ad(&ad, k, bound, sealed_head(&front));
    envelope_pad(content, &padded);
    buf_put(out, buf_head(&front), buf_len(&front));
    sealed_chain_step(k->chain, key);
    size_t before = buf_len(out);
    sealed_seal(key, info_message, sealed_head(&ad), sealed_head(&padded), out);
    buf_put(&ad, buf_head(out) + before, buf_len(out) - before);
    sealed_sign(k->sign_secret, label_sign, sealed_head(&ad), signature);
    buf_put(out, signature, sizeof signature);
    k->iteration++;
    k->sent++;
    sodium_memzero(key, sizeof key);
    sealed_buf_wipe(&padded);
    buf_free(&front);
    buf_free(&ad);
    return 0;
}

/* --- opening --- */

/* What an attempt has changed so far; nothing of it is in the key. */
struct attempt {
    uint8_t chain[SEALED_KEY], key[SEALED_KEY];
    struct sender_key_skipped *fresh;
    size_t n_fresh;
    size_t taken; /* index of the skipped key used + 1, or 0 */
};

static enum sender_key_verdict find_key(const struct sender_key *k, uint32_t iteration,
                                        uint32_t day, struct attempt *a)
{
    memcpy(a->chain, k->chain, SEALED_KEY);
    for (size_t i = 0; iteration < k->iteration && i < k->n_skipped; i++)
        if (k->skipped[i].n == iteration) {
            memcpy(a->key, k->skipped[i].key, SEALED_KEY);
            a->taken = i + 1;
            return SENDER_KEY_GOOD;
        }
    if (iteration < k->iteration) return SENDER_KEY_NO_KEY;
    uint32_t ahead = iteration - k->iteration;
    if (ahead > SENDER_KEY_SKIP_STEP || iteration == UINT32_MAX) return SENDER_KEY_TOO_FAR;
    if (ahead) a->fresh = xcalloc(ahead, sizeof a->fresh[0]);
    for (; a->n_fresh < ahead; a->n_fresh++) {
        struct sender_key_skipped *s = &a->fresh[a->n_fresh];
        s->n = k->iteration + (uint32_t)a->n_fresh;
        s->day = day;
        sealed_chain_step(a->chain, s->key);
    }
    sealed_chain_step(a->chain, a->key);
    return SENDER_KEY_GOOD;
}

static bool decrypt(const uint8_t *key, struct slice ad, struct slice ciphertext, struct buf *out)
{
    uint8_t *to = buf_room(out, ciphertext.len);
    struct slice content = {to, ciphertext.len - SEALED_TAG};
    bool good = sealed_open(key, info_message, ad, ciphertext, to) == 0 && envelope_unpad(&content);
    if (good)
        buf_added(out, content.len);
    else
        sodium_memzero(to, ciphertext.len);
    return good;
}

/* Takes out what is too old, and the first `more` that are not. */
static void expire(struct sender_key *k, uint32_t day, size_t more)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n_skipped; i++) {
        const struct sender_key_skipped *s = &k->skipped[i];
        if (day > s->day && day - s->day > SENDER_KEY_SKIP_DAYS) continue;
        if (more > 0)
            more--;
        else
            k->skipped[n++] = *s;
    }
    if (n < k->n_skipped) sodium_memzero(k->skipped + n, (k->n_skipped - n) * sizeof k->skipped[0]);
    k->n_skipped = n;
}

static void append(struct sender_key *k, const struct sender_key_skipped *fresh, size_t n)
{
    size_t need = k->n_skipped + n;
    if (need > k->room) {
        struct sender_key_skipped *grown = xcalloc(need + need / 2, sizeof *grown);
        if (k->n_skipped) memcpy(grown, k->skipped, k->n_skipped * sizeof *grown);
        if (k->skipped) sodium_memzero(k->skipped, k->room * sizeof *grown);
        free(k->skipped);
        k->skipped = grown;
        k->room = need + need / 2;
    }
    if (n) memcpy(k->skipped + k->n_skipped, fresh, n * sizeof fresh[0]);
    k->n_skipped = need;
}

static void commit(struct sender_key *k, const struct attempt *a, uint32_t iteration, uint32_t day)
{
    if (a->taken) {
        size_t at = a->taken - 1;
        k->n_skipped--;
        memmove(k->skipped + at, k->skipped + at + 1, (k->n_skipped - at) * sizeof k->skipped[0]);
        sodium_memzero(&k->skipped[k->n_skipped], sizeof k->skipped[0]);
    } else {
        memcpy(k->chain, a->chain, SEALED_KEY);
        k->iteration = iteration + 1;
    }
    expire(k, day, 0);
    append(k, a->fresh, a->n_fresh);
    if (k->n_skipped > SENDER_KEY_SKIP_ALL) expire(k, day, k->n_skipped - SENDER_KEY_SKIP_ALL);
}

static bool signed_well(const struct sender_key *k, struct slice ad, const struct body *b)
{
    struct buf text = {0};
    buf_put(&text, ad.data, ad.len);
    buf_put(&text, b->ciphertext.data, b->ciphertext.len);
    bool good = sealed_verify(k->sign_public, label_sign, sealed_head(&text), b->signature.data);
    buf_free(&text);
    return good;
}

enum sender_key_verdict sender_key_open(struct sender_key *k, const struct sender_key_bound *bound,
                                        struct slice in, uint32_t day, struct buf *out)
{
    struct body b;
    struct buf ad = {0};
    struct attempt a = {0};
    if (!parse(in, &b)) return SENDER_KEY_DAMAGED;
    if (b.generation != k->generation) return SENDER_KEY_OTHER;
    put_ad(&ad, k, bound, b.front);
    enum sender_key_verdict v = SENDER_KEY_FORGED;
    if (signed_well(k, sealed_head(&ad), &b)) v = find_key(k, b.iteration, day, &a);
    if (v == SENDER_KEY_GOOD && !decrypt(a.key, sealed_head(&ad), b.ciphertext, out))
        v = SENDER_KEY_DAMAGED;
    if (v == SENDER_KEY_GOOD) commit(k, &a, b.iteration, day);
    if (a.fresh) sodium_memzero(a.fresh, a.n_fresh * sizeof a.fresh[0]);
    free(a.fresh);
    sodium_memzero(&a, sizeof a);
    buf_free(&ad);
    return v;
}

/* --- the store --- */

void sender_key_encode(const struct sender_key *k, struct buf *out)
{
    buf_room(out, 256 + k->n_skipped * 40); /* growing would leave copies of secrets behind */
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, k->own);
    buf_put(out, k->group, SEALED_HASH);
    buf_put_u32(out, k->generation);
    buf_put_u32(out, k->iteration);
    buf_put(out, k->chain, SEALED_KEY);
    buf_put(out, k->sign_public, SEALED_KEY);
    if (k->own) {
        buf_put(out, k->sign_secret, SEALED_SIGN_SECRET);
        buf_put_u32(out, k->created);
        buf_put_u32(out, k->sent);
    }
    buf_put_u16(out, (uint16_t)k->n_skipped);
    for (size_t i = 0; i < k->n_skipped; i++) {
        buf_put_u32(out, k->skipped[i].n);
        buf_put_u32(out, k->skipped[i].day);
        buf_put(out, k->skipped[i].key, SEALED_KEY);
    }
}

bool sender_key_decode(struct sender_key *k, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    *k = (struct sender_key){0};
    if (cur_u8(&c) != FORMAT) return false;
    uint8_t own = cur_u8(&c);
    k->own = own;
    cur_copy(&c, k->group, SEALED_HASH);
    k->generation = cur_u32(&c);
    k->iteration = cur_u32(&c);
    cur_copy(&c, k->chain, SEALED_KEY);
    cur_copy(&c, k->sign_public, SEALED_KEY);
    if (own) {
        cur_copy(&c, k->sign_secret, SEALED_SIGN_SECRET);
        k->created = cur_u32(&c);
        k->sent = cur_u32(&c);
    }
    size_t n = cur_u16(&c);
    if (n > SENDER_KEY_SKIP_ALL || own > 1 || (own && n)) c.bad = true;
    if (n && !c.bad) k->skipped = xcalloc(n, sizeof k->skipped[0]);
    k->room = c.bad ? 0 : n;
    for (; !c.bad && k->n_skipped < n; k->n_skipped++) {
        struct sender_key_skipped *s = &k->skipped[k->n_skipped];
        s->n = cur_u32(&c);
        s->day = cur_u32(&c);
        cur_copy(&c, s->key, SEALED_KEY);
        if (s->n >= k->iteration) c.bad = true;
    }
    if (cur_end(&c)) return true;
    sender_key_wipe(k);
    return false;
}

void sender_key_wipe(struct sender_key *k)
{
    if (k->skipped) sodium_memzero(k->skipped, k->room * sizeof k->skipped[0]);
    free(k->skipped);
    sodium_memzero(k, sizeof *k);
}
