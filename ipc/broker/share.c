/*
 * share.c - how many messages wait for one device from one account, so that nobody can fill
 * somebody's queue alone and keep the others out. A count exists only while something waits.
 */
#include <stdlib.h>

#include "broker.h"
#include "log.h"

struct share {
    struct table_node node;
    uint64_t account, device, from; /* the device's account and number; the sender's account */
    uint64_t n;
};

static uint64_t hash_of(uint64_t account, uint64_t device, uint64_t from)
{
    uint64_t key[3] = {account, device, from};
    return table_hash(key, sizeof key);
}

static struct share *find(const struct broker *b, uint64_t account, uint64_t device, uint64_t from)
{
    for (struct table_node *n = table_first(&b->shares, hash_of(account, device, from)); n; n = table_next(n)) {
        struct share *s = container_of(n, struct share, node);
        if (s->account == account && s->device == device && s->from == from) return s;
    }
    return NULL;
}

static void add(struct broker *b, uint64_t account, uint64_t device, uint64_t from)
{
    struct share *s = find(b, account, device, from);
    if (!s) {
        s = xcalloc(1, sizeof *s);
        *s = (struct share){.account = account, .device = device, .from = from};
        table_add(&b->shares, &s->node, hash_of(account, device, from));
    }
    s->n++;
}

static void load(void *arg, uint64_t account, uint64_t device, uint64_t from)
{
    add(arg, account, device, from);
}

void share_load(struct broker *b)
{
    store_each_waiting(b->store, load, b);
}

uint64_t share_of(const struct broker *b, const struct device *to, const struct account *from)
{
    const struct share *s = find(b, to->account->id, to->id, from->id);
    return s ? s->n : 0;
}

void share_add(struct broker *b, const struct device *to, const struct account *from)
{
    add(b, to->account->id, to->id, from->id);
}

void share_drop(struct broker *b, const struct device *to, const struct account *from)
{
    struct share *s = find(b, to->account->id, to->id, from->id);
    if (!s || --s->n > 0) return;
    table_remove(&b->shares, &s->node);
    free(s);
}
