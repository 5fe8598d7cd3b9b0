/*
 * vault_memory.c - see vault.h: the store of load tools, which run thousands of clients in one
 * process. An outbox as a list, senders in a sorted array of 16 bytes each, no history.
 */
#include "vault.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct message {
    struct message *next;
    uint64_t id;
    uint8_t kind;
    uint32_t to_len, body_len;
    uint8_t bytes[]; /* to, body */
};

/* The highest id heard of one sender device. */
struct heard {
    uint64_t sender, id;
};

struct memory {
    struct vault vault;
    uint64_t next_id;
    struct message *first, *last;
    struct message *cursor; /* where vault_next() was last, or NULL */
    struct vault_place place;
    struct heard *heard; /* sorted by sender */
    size_t heard_n, heard_cap;
    uint8_t server[32];
    bool bound;
};

static struct memory *memory_of(struct vault *s)
{
    return (struct memory *)s;
}

static int submit(struct vault *s, uint8_t kind, struct slice to, struct slice body,
                  uint64_t now_ms, uint64_t *id)
{
    struct memory *m = memory_of(s);
    (void)now_ms;
    struct message *new = xmalloc(sizeof *new + to.len + body.len);
    *new = (struct message){.id = *id = m->next_id++,
                            .kind = kind,
                            .to_len = (uint32_t)to.len,
                            .body_len = (uint32_t)body.len};
    memcpy(new->bytes, to.data, to.len);
    memcpy(new->bytes + to.len, body.data, body.len);
    if (m->last)
        m->last->next = new;
    else
        m->first = new;
    m->last = new;
    return 0;
}

static int nothing(struct vault *s)
{
    (void)s;
    return 0;
}

static void no_rollback(struct vault *s)
{
    (void)s;
}

/* One number for name and device; the hash is keyed so that nobody outside can aim at it. */
static uint64_t sender_key(const struct wire_deliver *d)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "csmsg heard";
    uint8_t text[WIRE_NAME_MAX + 8] = {0};
    uint64_t hash;
    put_u64(text, d->from_device);
    memcpy(text + 8, d->from.data, d->from.len < WIRE_NAME_MAX ? d->from.len : WIRE_NAME_MAX);
    crypto_shorthash((uint8_t *)&hash, text, sizeof text, key);
    return hash;
}

/* Where the sender is or belongs. */
static size_t find(const struct memory *m, uint64_t sender)
{
    size_t low = 0, high = m->heard_n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->heard[mid].sender < sender)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void insert(struct memory *m, size_t at, struct heard h)
{
    if (m->heard_n == m->heard_cap) {
        m->heard_cap = m->heard_cap ? m->heard_cap * 2 : 4;
        m->heard = xrealloc(m->heard, m->heard_cap * sizeof *m->heard);
    }
    memmove(m->heard + at + 1, m->heard + at, (m->heard_n - at) * sizeof *m->heard);
    m->heard[at] = h;
    m->heard_n++;
}

static int deliver(struct vault *s, const struct wire_deliver *d, uint64_t *row)
{
    struct memory *m = memory_of(s);
    *row = 0;
    if (d->flags & WIRE_FLAG_ROOM) {
        if (m->place.lobby != WIRE_NEWCOMER && d->seq <= m->place.lobby) return 0;
        m->place.lobby = d->seq;
        return 1;
    }
    uint64_t sender = sender_key(d);
    size_t at = find(m, sender);
    if (at == m->heard_n || m->heard[at].sender != sender) {
        insert(m, at, (struct heard){sender, d->id});
        return 1;
    }
    if (d->id <= m->heard[at].id) return 0;
    m->heard[at].id = d->id;
    return 1;
}

static int place(struct vault *s, const struct vault_place *p)
{
    memory_of(s)->place = *p;
    return 0;
}

static void drop_first(struct memory *m, struct vault_settled *out)
{
    struct message *gone = m->first;
    if (out->n++ == 0) out->first = gone->id;
    out->bytes += gone->body_len;
    m->first = gone->next;
    if (!m->first) m->last = NULL;
    if (m->cursor == gone) m->cursor = NULL;
    free(gone);
}

static int settle(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out)
{
    struct memory *m = memory_of(s);
    (void)state;
    *out = (struct vault_settled){0};
    while (m->first && m->first->id <= upto)
        drop_first(m, out);
    return 0;
}

/* Ids are settled in order, so everything below a rejected id is settled too. */
static int reject(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out)
{
    (void)code;
    const struct memory *m = memory_of(s);
    bool there = m->first && id >= m->first->id && id < m->next_id;
    return settle(s, there ? id : 0, 0, out);
}

static int receipt(struct vault *s, uint64_t id, uint8_t state)
{
    (void)s, (void)id, (void)state;
    return 0;
}

static int next(struct vault *s, uint64_t after, struct vault_out *out)
{
    struct memory *m = memory_of(s);
    struct message *at = m->cursor && m->cursor->id <= after ? m->cursor : m->first;
    while (at && at->id <= after)
        at = at->next;
    if (!at) return 0;
    m->cursor = at;
    *out = (struct vault_out){
        at->id, at->kind, {at->bytes, at->to_len}, {at->bytes + at->to_len, at->body_len}};
    return 1;
}

static int resume(struct vault *s, struct wire_resume *r)
{
    struct memory *m = memory_of(s);
    r->incarnation = m->place.incarnation;
    r->seq = m->place.seq;
    r->lobby_seen = m->place.lobby;
    r->next_id = m->first ? m->first->id : m->next_id;
    return 0;
}

static int outrun(struct vault *s, uint64_t last_id)
{
    struct memory *m = memory_of(s);
    if (last_id < m->next_id) return 0;
    m->next_id = last_id + VAULT_LEAP;
    for (struct message *at = m->first; at; at = at->next)
        at->id = m->next_id++;
    return 1;
}

static int bind_server(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct memory *m = memory_of(s);
    if (m->bound && memcmp(m->server, server_id, 32) == 0) return 1;
    bool replaced = m->bound && instead_of && memcmp(m->server, instead_of, 32) == 0;
    if (instead_of ? !replaced : m->bound && m->first) return 0;
    memcpy(m->server, server_id, 32);
    if (m->bound) {
        m->place = (struct vault_place){.lobby = WIRE_NEWCOMER};
        m->heard_n = 0;
    }
    m->bound = true;
    return 1;
}

static int state(struct vault *s, uint64_t id, int *out)
{
    struct memory *m = memory_of(s);
    if (id >= m->next_id) return 0;
    *out = m->first && id >= m->first->id ? VAULT_WAITING : WIRE_STATE_ACCEPTED;
    return 1;
}

static bool changed(struct vault *s)
{
    (void)s;
    return false;
}

static int history(struct vault *s, uint64_t after, struct vault_row *out)
{
    (void)s, (void)after, (void)out;
    return 0;
}

static int last_row(struct vault *s, uint64_t *row)
{
    (void)s;
    *row = 0;
    return 0;
}

static const char *words(const struct vault *s)
{
    (void)s;
    return "";
}

static void close_memory(struct vault *s)
{
    struct memory *m = memory_of(s);
    struct vault_settled gone = {0};
    while (m->first)
        drop_first(m, &gone);
    free(m->heard);
    free(m);
}

static const struct vault_ops memory_ops = {
    .submit = submit,
    .begin = nothing,
    .commit = nothing,
    .rollback = no_rollback,
    .deliver = deliver,
    .place = place,
    .settle = settle,
    .reject = reject,
    .receipt = receipt,
    .next = next,
    .resume = resume,
    .outrun = outrun,
    .bind = bind_server,
    .state = state,
    .changed = changed,
    .history = history,
    .last_row = last_row,
    .words = words,
    .close = close_memory,
};

struct vault *vault_memory(void)
{
    struct memory *m = xcalloc(1, sizeof *m);
    m->vault.ops = &memory_ops;
    m->next_id = 1;
    m->place.lobby = WIRE_NEWCOMER;
    return &m->vault;
}
