/*
 * table.h - an intrusive hash table: the node lies in what it finds, so adding costs no memory.
 *
 *   for (struct table_node *n = table_first(&t, hash); n; n = table_next(n)) … compare the key …
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

/* Zero-initialise. */
struct table {
    struct table_node **bucket;
    size_t size, n;
};

/* A keyed hash (SipHash with a key drawn at start), so that nobody can choose names that collide. */
uint64_t table_hash(const void *key, size_t len);

void table_add(struct table *t, struct table_node *node, uint64_t hash);
void table_remove(struct table *t, struct table_node *node);
struct table_node *table_first(const struct table *t, uint64_t hash);
struct table_node *table_next(const struct table_node *node);

#endif
