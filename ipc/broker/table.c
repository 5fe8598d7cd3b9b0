/* table.c - see table.h. Grows by doubling when there are as many nodes as buckets. */
#include "table.h"

#include <sodium.h>
#include <stdlib.h>

#include "buf.h"
#include "log.h"

uint64_t table_hash(const void *key, size_t len)
{
    static uint8_t secret[crypto_shorthash_KEYBYTES], out[crypto_shorthash_BYTES];
    static int drawn;
    if (!drawn) {
        randombytes_buf(secret, sizeof secret);
        drawn = 1;
    }
    crypto_shorthash(out, key, len, secret);
    return get_u64(out);
}

static void grow(struct table *t)
{
    size_t size = t->size ? 2 * t->size : 64;
    struct table_node **bucket = xcalloc(size, sizeof(struct table_node *));
    for (size_t i = 0; i < t->size; i++) {
        for (struct table_node *n = t->bucket[i], *next; n; n = next) {
            next = n->next;
            n->next = bucket[n->hash & (size - 1)];
            bucket[n->hash & (size - 1)] = n;
        }
    }
    free(t->bucket);
    t->bucket = bucket;
    t->size = size;
}

void table_add(struct table *t, struct table_node *node, uint64_t hash)
{
    if (t->n == t->size) grow(t);
    struct table_node **at = &t->bucket[hash & (t->size - 1)];
    node->hash = hash;
    node->next = *at;
    *at = node;
    t->n++;
}

void table_remove(struct table *t, struct table_node *node)
{
    struct table_node **p = &t->bucket[node->hash & (t->size - 1)];
    while (*p && *p != node)
        p = &(*p)->next;
    if (!*p) return;
    *p = node->next;
    t->n--;
}

static struct table_node *match(struct table_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
    return t->size ? match(t->bucket[hash & (t->size - 1)], hash) : NULL;
}

struct table_node *table_next(const struct table_node *node)
{
    return match(node->next, node->hash);
}
