/* limit.c - see limit.h. Tokens are counted in thousandths, so that a slow rate refills smoothly. */
#include "limit.h"

#include <string.h>

#include "log.h"

enum { BURST_SECONDS = 10, ONE = 1000 };

void limit_rate(struct limiter *l, uint64_t rate)
{
    l->rate = rate;
    l->burst = rate * BURST_SECONDS;
}

void limit_init(struct limiter *l, uint64_t rate, unsigned bits4, unsigned bits6, uint64_t seed)
{
    *l = (struct limiter){.bits4 = bits4, .bits6 = bits6, .seed = seed};
    l->set = xcalloc(LIMIT_SETS, sizeof *l->set);
    limit_rate(l, rate);
}

static void mask(uint8_t key[8], unsigned bits)
{
    for (unsigned i = 0; i < 8; i++, bits = bits > 8 ? bits - 8 : 0)
        key[i] = (uint8_t)(key[i] & (bits >= 8 ? 0xffu : 0xff00u >> bits));
}

/* Which bucket: false for a family that has no addresses. */
static bool key_of(const struct limiter *l, const struct sockaddr *from, uint8_t key[8], uint8_t *family)
{
    memset(key, 0, 8);
    if (from->sa_family == AF_INET) {
        memcpy(key, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
        mask(key, l->bits4);
        *family = 4;
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(a)) { /* one source, whichever socket took it */
        memcpy(key, a->s6_addr + 12, 4);
        mask(key, l->bits4);
        *family = 4;
        return true;
    }
    memcpy(key, a->s6_addr, 8);
    mask(key, l->bits6);
    *family = 6;
    return true;
}

static unsigned place_of(const struct limiter *l, const uint8_t key[8])
{
    uint64_t x;
    memcpy(&x, key, sizeof x);
    x = (x ^ l->seed) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned)(x >> 40) % LIMIT_SETS;
}

static uint64_t filled(const struct limiter *l, const struct limit_bucket *b, uint64_t now)
{
    uint64_t full = l->burst * ONE, tokens = b->tokens + (now - b->stamp_ms) * l->rate;
    return tokens < full ? tokens : full;
}

static struct limit_bucket *find(struct limiter *l, const uint8_t key[8], uint8_t family, uint64_t now)
{
    struct limit_bucket *set = l->set[place_of(l, key)], *fullest = set;
    for (unsigned i = 0; i < LIMIT_WAYS; i++) {
        if (set[i].family == family && memcmp(set[i].key, key, 8) == 0) return &set[i];
        if (set[i].family == 0 || (fullest->family && filled(l, &set[i], now) > filled(l, fullest, now)))
            fullest = &set[i];
    }
    *fullest = (struct limit_bucket){.family = family, .tokens = l->burst * ONE, .stamp_ms = now};
    memcpy(fullest->key, key, 8);
    return fullest;
}

bool limit_allow(struct limiter *l, const struct sockaddr *from, uint64_t now_ms)
{
    uint8_t key[8], family;
    if (l->rate == 0 || !key_of(l, from, key, &family)) return true;
    struct limit_bucket *b = find(l, key, family, now_ms);
    uint64_t tokens = filled(l, b, now_ms);
    b->stamp_ms = now_ms;
    b->tokens = tokens >= ONE ? tokens - ONE : tokens;
    return tokens >= ONE;
}
