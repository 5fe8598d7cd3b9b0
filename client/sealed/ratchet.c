/* ratchet.c - see ratchet.h. Capital names are those of the specification. */
#include "ratchet.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const char info_root[] = "csmsg ratchet root 1", info_message[] = "csmsg ratchet message 1";

static uint8_t *peer_of(struct ratchet_core *c, uint32_t chain)
{
    return c->peer[chain % (RATCHET_OLD_CHAINS + 1)];
}

/* KDF_RK(RK, DH(DHs, DHr)) -> RK, chain key. -1: low order. */
static int root_step(struct ratchet_core *c, const uint8_t *peer, uint8_t chain_key[SEALED_KEY])
{
    uint8_t dh[SEALED_KEY], out[2 * SEALED_KEY];
    if (sealed_dh(c->self.secret, peer, dh) < 0) return -1;
    sealed_derive(sealed_slice(c->root, SEALED_KEY), sealed_slice(dh, sizeof dh), info_root, out,
                  sizeof out);
    memcpy(c->root, out, SEALED_KEY);
    memcpy(chain_key, out + SEALED_KEY, SEALED_KEY);
    sodium_memzero(dh, sizeof dh);
    sodium_memzero(out, sizeof out);
    return 0;
}

/* The sending half of DHRatchet(): a fresh DHs, RK and CKs from it. */
static int send_step(struct ratchet_core *c, const struct sealed_random *rnd)
{
    sealed_pair_make(&c->self, rnd);
    if (root_step(c, peer_of(c, c->chain), c->send_chain) < 0) return -1;
    c->pn = c->ns;
    c->ns = 0;
    c->sending = true;
    return 0;
}

int ratchet_start(struct ratchet *r, const uint8_t sk[SEALED_KEY], const uint8_t ad[SEALED_HASH],
                  const uint8_t peer[SEALED_KEY], const struct sealed_random *rnd)
{
    struct ratchet_core *c = &r->core;
    *r = (struct ratchet){.core.can_send = true};
    memcpy(c->root, sk, SEALED_KEY);
    memcpy(c->ad, ad, SEALED_HASH);
    memcpy(peer_of(c, 0), peer, SEALED_KEY);
    if (send_step(c, rnd) == 0) return 0;
    ratchet_wipe(r);
    return -1;
}

void ratchet_answer(struct ratchet *r, const uint8_t sk[SEALED_KEY], const uint8_t ad[SEALED_HASH],
                    const struct sealed_pair *self)
{
    *r = (struct ratchet){.core.self = *self};
    memcpy(r->core.root, sk, SEALED_KEY);
    memcpy(r->core.ad, ad, SEALED_HASH);
}

int ratchet_seal(struct ratchet *r, struct slice text, const struct sealed_random *rnd,
                 struct buf *out, size_t from)
{
    struct ratchet_core c = r->core;
    uint8_t key[SEALED_KEY];
    struct buf ad = {0};
    int done = -1;
    if (!c.can_send || c.ns == UINT32_MAX || (!c.sending && send_step(&c, rnd) < 0)) goto out;
    sealed_chain_step(c.send_chain, key);
    buf_put(out, c.self.public_key, SEALED_KEY);
    buf_put_u32(out, c.pn);
    buf_put_u32(out, c.ns++);
    buf_put(&ad, c.ad, SEALED_HASH);
    buf_put(&ad, buf_head(out) + from, buf_len(out) - from);
    sealed_seal(key, info_message, sealed_head(&ad), text, out);
    r->core = c;
    done = 0;
out:
    buf_free(&ad);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&c, sizeof c);
    return done;
}

/* --- opening --- */

/* What an attempt has changed so far; nothing of it is in the state. */
struct attempt {
    struct ratchet_core core;
    struct ratchet_skipped *fresh; /* newly skipped, up to two steps' worth */
    size_t n_fresh;
    uint8_t key[SEALED_KEY];
};

struct header {
    const uint8_t *dh;
    uint32_t pn, n;
    struct slice ad, ciphertext;
};

static bool parse(struct slice message, size_t at, struct header *h)
{
    struct cur c = cur_of(message.data, message.len);
    cur_bytes(&c, at);
    h->dh = cur_bytes(&c, SEALED_KEY);
    h->pn = cur_u32(&c);
    h->n = cur_u32(&c);
    h->ciphertext = cur_rest(&c);
    h->ad = sealed_slice(message.data, at + RATCHET_HEADER);
    return !c.bad && h->ciphertext.len >= SEALED_TAG;
}

/* The chain whose ratchet key this is: the present one, one of the last, or 0: a new one. */
static uint32_t chain_of(struct ratchet_core *c, const uint8_t *dh)
{
    for (uint32_t back = 0; back <= RATCHET_OLD_CHAINS && back < c->chain; back++)
        if (memcmp(peer_of(c, c->chain - back), dh, SEALED_KEY) == 0) return c->chain - back;
    return 0;
}

static struct ratchet_skipped *find_skipped(struct ratchet *r, uint32_t chain, uint32_t n)
{
    for (size_t i = 0; i < r->n_skipped; i++)
        if (r->skipped[i].chain == chain && r->skipped[i].n == n) return &r->skipped[i];
    return NULL;
}

/* A larger array; realloc() would leave the keys behind in what it frees. */
static void grow(struct ratchet_skipped **keys, size_t n, size_t room)
{
    struct ratchet_skipped *grown = xcalloc(room, sizeof *grown);
    if (n) memcpy(grown, *keys, n * sizeof *grown);
    if (n) sodium_memzero(*keys, n * sizeof *grown);
    free(*keys);
    *keys = grown;
}

/* SkipMessageKeys(until). False: too far. */
static bool skip(struct attempt *a, uint32_t until, uint32_t day)
{
    struct ratchet_core *c = &a->core;
    if (!c->receiving || until <= c->nr) return true;
    if (until - c->nr > RATCHET_SKIP_STEP) return false;
    grow(&a->fresh, a->n_fresh, a->n_fresh + until - c->nr);
    for (; c->nr < until; c->nr++) {
        struct ratchet_skipped *s = &a->fresh[a->n_fresh++];
        *s = (struct ratchet_skipped){.chain = c->chain, .n = c->nr, .day = day};
        sealed_chain_step(c->recv_chain, s->key);
    }
    return true;
}

/* The receiving half of DHRatchet(); the sending half waits for ratchet_seal(). */
static bool recv_step(struct ratchet_core *c, const uint8_t *dh)
{
    if (root_step(c, dh, c->recv_chain) < 0) return false;
    c->chain++;
    memcpy(peer_of(c, c->chain), dh, SEALED_KEY);
    c->nr = 0;
    c->receiving = c->can_send = true;
    c->sending = false;
    return true;
}

/* Finds the message key of a header that no skipped key fits. */
static enum ratchet_verdict advance(struct attempt *a, const struct header *h, uint32_t chain,
                                    uint32_t day)
{
    struct ratchet_core *c = &a->core;
    if (chain == 0) {
        /* 2^32 chains take 2^32 answers; a number that is used up ends the session. */
        if (c->chain == UINT32_MAX || h->n > RATCHET_SKIP_STEP || !skip(a, h->pn, day))
            return RATCHET_TOO_FAR;
        if (!recv_step(c, h->dh)) return RATCHET_LOW_ORDER;
    } else if (chain != c->chain || h->n < c->nr) {
        return RATCHET_NO_KEY;
    }
    if (h->n == UINT32_MAX || !skip(a, h->n, day)) return RATCHET_TOO_FAR;
    sealed_chain_step(c->recv_chain, a->key);
    c->nr++;
    return RATCHET_OPENED;
}

static bool decrypt(const struct ratchet_core *c, const uint8_t *key, const struct header *h,
                    struct buf *out)
{
    struct buf ad = {0};
    buf_put(&ad, c->ad, SEALED_HASH);
    buf_put(&ad, h->ad.data, h->ad.len);
    uint8_t *to = buf_room(out, h->ciphertext.len);
    bool good = sealed_open(key, info_message, sealed_head(&ad), h->ciphertext, to) == 0;
    if (good) buf_added(out, h->ciphertext.len - SEALED_TAG);
    buf_free(&ad);
    return good;
}

static bool kept(const struct ratchet *r, const struct ratchet_skipped *s, uint32_t day)
{
    return r->core.chain - s->chain <= RATCHET_OLD_CHAINS &&
           (day < s->day || day - s->day <= RATCHET_SKIP_DAYS);
}

/* Drops the skipped keys that are over their time (section 6.4), and the first `more` that are not.
 */
static void expire(struct ratchet *r, uint32_t day, size_t more)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_skipped; i++) {
        if (!kept(r, &r->skipped[i], day)) continue;
        if (more > 0)
            more--;
        else
            r->skipped[n++] = r->skipped[i];
    }
    if (n < r->n_skipped) sodium_memzero(r->skipped + n, (r->n_skipped - n) * sizeof r->skipped[0]);
    r->n_skipped = n;
}

static void append(struct ratchet *r, const struct ratchet_skipped *fresh, size_t n)
{
    size_t need = r->n_skipped + n;
    if (need > r->room) {
        size_t room = need + need / 2;
        grow(&r->skipped, r->n_skipped, room);
        r->room = room;
    }
    if (n) memcpy(r->skipped + r->n_skipped, fresh, n * sizeof fresh[0]);
    r->n_skipped = need;
}

static void commit(struct ratchet *r, const struct attempt *a, uint32_t day)
{
    r->core = a->core;
    expire(r, day, 0);
    append(r, a->fresh, a->n_fresh);
    if (r->n_skipped > RATCHET_SKIP_ALL) expire(r, day, r->n_skipped - RATCHET_SKIP_ALL);
}

static enum ratchet_verdict open_skipped(struct ratchet *r, struct ratchet_skipped *s,
                                         const struct header *h, uint32_t day, struct buf *out)
{
    if (!kept(r, s, day)) return RATCHET_NO_KEY;
    if (!decrypt(&r->core, s->key, h, out)) return RATCHET_DAMAGED;
    size_t after = r->n_skipped - (size_t)(s - r->skipped) - 1;
    memmove(s, s + 1, after * sizeof *s);
    sodium_memzero(&r->skipped[--r->n_skipped], sizeof *s);
    expire(r, day, 0);
    return RATCHET_OPENED;
}

enum ratchet_verdict ratchet_open(struct ratchet *r, struct slice message, size_t header,
                                  uint32_t day, struct buf *out)
{
    struct header h;
    if (!parse(message, header, &h)) return RATCHET_DAMAGED;
    uint32_t chain = chain_of(&r->core, h.dh);
    struct ratchet_skipped *s = chain ? find_skipped(r, chain, h.n) : NULL;
    if (s) return open_skipped(r, s, &h, day, out);

    struct attempt a = {.core = r->core};
    enum ratchet_verdict v = advance(&a, &h, chain, day);
    if (v == RATCHET_OPENED && !decrypt(&a.core, a.key, &h, out)) v = RATCHET_DAMAGED;
    if (v == RATCHET_OPENED) commit(r, &a, day);
    if (a.fresh) sodium_memzero(a.fresh, a.n_fresh * sizeof a.fresh[0]);
    free(a.fresh);
    sodium_memzero(&a, sizeof a);
    return v;
}

void ratchet_wipe(struct ratchet *r)
{
    if (r->skipped) sodium_memzero(r->skipped, r->room * sizeof r->skipped[0]);
    free(r->skipped);
    sodium_memzero(r, sizeof *r);
}
