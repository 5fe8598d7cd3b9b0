/*
 * vault_memory.c - see vault.h: the store of load tools, which run thousands of clients in one
 * process. Outbox and drafts as lists, senders in a sorted array of 16 bytes each, values in a sorted
 * array of pointers, no history. A transaction cannot fail, and is never rolled back.
 */
#include "vault.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"

/* In the outbox, or a draft: id 0, and neither heads nor body. */
struct message {
    struct message *next;
    uint64_t id, number;
    uint8_t kind, heads;
    bool quiet;
    uint32_t to_len, heads_len, body_len, content_len;
    uint8_t bytes[]; /* to, heads, body, content */
};

struct list {
    struct message *first, *last;
};

struct value {
    uint8_t kind, name_len;
    char name[WIRE_NAME_MAX];
    uint64_t number;
    size_t len;
    uint8_t bytes[];
};

/* The highest id heard of one sender device. */
struct heard {
    uint64_t sender, id;
};

struct memory {
    struct vault vault;
    uint64_t next_id, next_number;
    struct list out, draft; /* ids and numbers rise */
    struct message *cursor; /* where vault_next() was last, or NULL */
    struct value **value;   /* sorted by kind, name, number */
    size_t value_n, value_cap;
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

static int nothing(struct vault *s)
{
    (void)s;
    return 0;
}

static void no_rollback(struct vault *s)
{
    (void)s;
}

/* --- sending --- */

static int take_number(struct vault *s, uint64_t *number)
{
    *number = memory_of(s)->next_number++;
    return 0;
}

static int next_id(struct vault *s, uint64_t *id)
{
    *id = memory_of(s)->next_id;
    return 0;
}

static int note(struct vault *s, uint64_t number, uint8_t kind, struct slice to, struct slice body,
                uint64_t now_ms)
{
    (void)s, (void)number, (void)kind, (void)to, (void)body, (void)now_ms;
    return 0;
}

static uint8_t *put_bytes(uint8_t *at, struct slice s)
{
    if (s.len) memcpy(at, s.data, s.len);
    return at + s.len;
}

static struct message *copy_of(const struct vault_out *m)
{
    struct message *new =
        xmalloc(sizeof *new + m->to.len + m->head_bytes.len + m->body.len + m->content.len);
    *new = (struct message){.id = m->id,
                            .number = m->number,
                            .kind = m->kind,
                            .heads = m->heads,
                            .quiet = m->quiet,
                            .to_len = (uint32_t)m->to.len,
                            .heads_len = (uint32_t)m->head_bytes.len,
                            .body_len = (uint32_t)m->body.len,
                            .content_len = (uint32_t)m->content.len};
    uint8_t *at = put_bytes(new->bytes, m->to);
    at = put_bytes(at, m->head_bytes);
    at = put_bytes(at, m->body);
    put_bytes(at, m->content);
    return new;
}

static struct slice piece(const uint8_t **at, uint32_t len)
{
    struct slice s = {*at, len};
    *at += len;
    return s;
}

static struct vault_out out_of(const struct message *m)
{
    const uint8_t *at = m->bytes;
    struct vault_out out = {.id = m->id,
                            .number = m->number,
                            .quiet = m->quiet,
                            .kind = m->kind,
                            .heads = m->heads};
    out.to = piece(&at, m->to_len);
    out.head_bytes = piece(&at, m->heads_len);
    out.body = piece(&at, m->body_len);
    out.content = piece(&at, m->content_len);
    return out;
}

static int post(struct vault *s, const struct vault_out *m)
{
    struct list *l = &memory_of(s)->out;
    memory_of(s)->next_id = m->id + 1;
    struct message *new = copy_of(m);
    if (l->last)
        l->last->next = new;
    else
        l->first = new;
    l->last = new;
    return 0;
}

/* Among the drafts by its number: one that is sealed anew stands before what came after it. */
static int draft(struct vault *s, const struct vault_draft *d)
{
    struct list *l = &memory_of(s)->draft;
    const struct vault_out m = {
        .number = d->number, .quiet = d->quiet, .to = d->to, .content = d->content};
    struct message *new = copy_of(&m), **at = &l->first;
    if (l->last && l->last->number < d->number) at = &l->last->next;
    while (*at && (*at)->number < d->number)
        at = &(*at)->next;
    new->next = *at;
    *at = new;
    if (!new->next) l->last = new;
    return 0;
}

static int next_draft(struct vault *s, struct slice to, uint64_t after, struct vault_draft *out)
{
    for (struct message *m = memory_of(s)->draft.first; m; m = m->next) {
        if (m->number <= after) continue;
        if (to.len && (to.len != m->to_len ||
                       strncasecmp((const char *)m->bytes, (const char *)to.data, to.len) != 0))
            continue;
        struct vault_out all = out_of(m);
        *out = (struct vault_draft){all.number, all.quiet, all.to, all.content};
        return 1;
    }
    return 0;
}

static int drop_draft(struct vault *s, uint64_t number, uint16_t code)
{
    struct list *l = &memory_of(s)->draft;
    struct message *before = NULL, *m = l->first;
    (void)code;
    while (m && m->number != number) {
        before = m;
        m = m->next;
    }
    if (!m) return 0;
    if (before)
        before->next = m->next;
    else
        l->first = m->next;
    if (l->last == m) l->last = before;
    free(m);
    return 0;
}

/* --- receiving --- */

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

static int hear(struct vault *s, const struct wire_deliver *d)
{
    struct memory *m = memory_of(s);
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

static int record(struct vault *s, const struct wire_deliver *m, enum vault_how how, uint64_t *row)
{
    (void)s, (void)m, (void)how;
    *row = 0;
    return 0;
}

static int place(struct vault *s, const struct vault_place *p)
{
    memory_of(s)->place = *p;
    return 0;
}

/* --- what became of what was sent --- */

static void drop_first(struct memory *m, struct vault_settled *out)
{
    struct message *gone = m->out.first;
    if (out->n++ == 0) out->first = gone->id;
    out->bytes += gone->body_len;
    m->out.first = gone->next;
    if (!m->out.first) m->out.last = NULL;
    if (m->cursor == gone) m->cursor = NULL;
    free(gone);
}

static int settle(struct vault *s, uint64_t upto, uint8_t state, struct vault_settled *out,
                  struct buf *numbers)
{
    struct memory *m = memory_of(s);
    (void)state;
    *out = (struct vault_settled){0};
    while (m->out.first && m->out.first->id <= upto) {
        buf_put_u64(numbers, m->out.first->quiet ? 0 : m->out.first->number);
        drop_first(m, out);
    }
    return 0;
}

/* Ids are settled in order: the one that is settled is the first, or none. */
static bool is_first(const struct memory *m, uint64_t id)
{
    return m->out.first && m->out.first->id == id;
}

static int reject(struct vault *s, uint64_t id, uint16_t code, struct vault_settled *out,
                  uint64_t *number)
{
    struct memory *m = memory_of(s);
    (void)code;
    *out = (struct vault_settled){0};
    *number = 0;
    if (!is_first(m, id)) return 0;
    if (!m->out.first->quiet) *number = m->out.first->number;
    drop_first(m, out);
    return 0;
}

static int recall(struct vault *s, uint64_t id, struct vault_settled *out)
{
    struct memory *m = memory_of(s);
    *out = (struct vault_settled){0};
    if (!is_first(m, id)) return 0;
    struct vault_out first = out_of(m->out.first);
    draft(s, &(struct vault_draft){first.number, first.quiet, first.to, first.content});
    drop_first(m, out);
    return 0;
}

static int receipt(struct vault *s, uint64_t id, uint8_t state, uint64_t *number)
{
    (void)s, (void)id, (void)state, (void)number;
    return 0;
}

static int next(struct vault *s, uint64_t after, struct vault_out *out)
{
    struct memory *m = memory_of(s);
    struct message *at = m->cursor && m->cursor->id <= after ? m->cursor : m->out.first;
    while (at && at->id <= after)
        at = at->next;
    if (!at) return 0;
    m->cursor = at;
    *out = out_of(at);
    return 1;
}

static int resume(struct vault *s, struct wire_resume *r)
{
    struct memory *m = memory_of(s);
    r->incarnation = m->place.incarnation;
    r->seq = m->place.seq;
    r->lobby_seen = m->place.lobby;
    r->next_id = m->out.first ? m->out.first->id : m->next_id;
    return 0;
}

static int forget(struct vault *s, enum vault_kind kind, struct slice name);

static int outrun(struct vault *s, uint64_t last_id)
{
    struct memory *m = memory_of(s);
    if (last_id < m->next_id) return 0;
    struct list old = m->out;
    m->next_id = last_id + VAULT_LEAP;
    m->out = (struct list){0};
    m->cursor = NULL;
    forget(s, VAULT_SESSIONS, (struct slice){0});
    forget(s, VAULT_PREKEYS, (struct slice){0});
    forget(s, VAULT_ASKED, (struct slice){0});
    forget(s, VAULT_GROUP_OWN, (struct slice){0});
    while (old.first) {
        struct message *at = old.first;
        struct vault_out all = out_of(at);
        if (at->content_len) {
            draft(s, &(struct vault_draft){all.number, all.quiet, all.to, all.content});
        } else {
            all.id = m->next_id;
            post(s, &all);
        }
        old.first = at->next;
        free(at);
    }
    return 1;
}

static int bind_server(struct vault *s, const uint8_t server_id[32], const uint8_t *instead_of)
{
    struct memory *m = memory_of(s);
    if (m->bound && memcmp(m->server, server_id, 32) == 0) return 1;
    bool replaced = m->bound && instead_of && memcmp(m->server, instead_of, 32) == 0;
    bool waiting = m->out.first || m->draft.first;
    if (instead_of ? !replaced : m->bound && waiting) return 0;
    memcpy(m->server, server_id, 32);
    if (m->bound) {
        m->place = (struct vault_place){.lobby = WIRE_NEWCOMER};
        m->heard_n = 0;
    }
    for (int kind = VAULT_PEER; m->bound && !replaced && kind < VAULT_KINDS; kind++)
        forget(s, (enum vault_kind)kind, (struct slice){0});
    m->bound = true;
    return 1;
}

static int state(struct vault *s, uint64_t id, int *out, uint64_t *number)
{
    struct memory *m = memory_of(s);
    if (id >= m->next_id) return 0;
    *out = m->out.first && id >= m->out.first->id ? VAULT_WAITING : WIRE_STATE_ACCEPTED;
    *number = 0;
    return 1;
}

static int sent(struct vault *s, uint64_t id, struct vault_sent *out)
{
    (void)s, (void)id, (void)out;
    return 0;
}

static int no_own(struct vault *s, uint64_t number, struct vault_own *out)
{
    (void)s, (void)number, (void)out;
    return 0;
}

static int no_own_read(struct vault *s, uint64_t id)
{
    (void)s, (void)id;
    return 0;
}

/* --- values --- */

static int compare(const struct value *v, enum vault_kind kind, struct slice name, uint64_t number)
{
    if (v->kind != kind) return v->kind < kind ? -1 : 1;
    if (v->name_len != name.len) return v->name_len < name.len ? -1 : 1;
    int r = name.len ? memcmp(v->name, name.data, name.len) : 0;
    if (r != 0) return r;
    return v->number < number ? -1 : v->number > number;
}

/* Where the value is or belongs; *there says which. */
static size_t seek(const struct memory *m, enum vault_kind kind, struct slice name, uint64_t number,
                   bool *there)
{
    size_t low = 0, high = m->value_n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (compare(m->value[mid], kind, name, number) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *there = low < m->value_n && compare(m->value[low], kind, name, number) == 0;
    return low;
}

static int get(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct buf *out)
{
    struct memory *m = memory_of(s);
    bool there;
    size_t at = seek(m, kind, name, number, &there);
    if (there) buf_put(out, m->value[at]->bytes, m->value[at]->len);
    return there;
}

static void wipe(struct value *v)
{
    if (v) sodium_memzero(v->bytes, v->len);
    free(v);
}

static void make_place(struct memory *m, size_t at)
{
    if (m->value_n == m->value_cap) {
        m->value_cap = m->value_cap ? m->value_cap * 2 : 8;
        m->value = xrealloc(m->value, m->value_cap * sizeof *m->value);
    }
    memmove(m->value + at + 1, m->value + at, (m->value_n - at) * sizeof *m->value);
    m->value[at] = NULL;
    m->value_n++;
}

static int put(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct slice value)
{
    struct memory *m = memory_of(s);
    bool there;
    size_t at = seek(m, kind, name, number, &there);
    struct value *v = there ? m->value[at] : NULL;
    if (!there) make_place(m, at);
    if (!v || v->len != value.len) {
        wipe(v);
        v = xmalloc(sizeof *v + value.len);
        *v = (struct value){.kind = (uint8_t)kind,
                            .name_len = (uint8_t)name.len,
                            .number = number,
                            .len = value.len};
        if (name.len) memcpy(v->name, name.data, name.len);
        m->value[at] = v;
    }
    if (value.len) memcpy(v->bytes, value.data, value.len);
    return 0;
}

static void drop_values(struct memory *m, size_t at, size_t n)
{
    if (n == 0) return;
    for (size_t i = at; i < at + n; i++)
        wipe(m->value[i]);
    memmove(m->value + at, m->value + at + n, (m->value_n - at - n) * sizeof *m->value);
    m->value_n -= n;
}

static int drop(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number)
{
    bool there;
    size_t at = seek(memory_of(s), kind, name, number, &there);
    if (there) drop_values(memory_of(s), at, 1);
    return 0;
}

static int forget(struct vault *s, enum vault_kind kind, struct slice name)
{
    struct memory *m = memory_of(s);
    bool there;
    size_t first = seek(m, kind, name, 0, &there), after = first;
    while (after < m->value_n && m->value[after]->kind == kind &&
           (name.len == 0 || compare(m->value[after], kind, name, m->value[after]->number) == 0))
        after++;
    drop_values(m, first, after - first);
    return 0;
}

static int next_value(struct vault *s, enum vault_kind kind, char name[VAULT_NAME], uint64_t *number)
{
    struct memory *m = memory_of(s);
    bool there;
    size_t at = seek(m, kind, (struct slice){(const uint8_t *)name, strlen(name)}, *number, &there);
    at += there;
    if (at >= m->value_n || m->value[at]->kind != kind) return 0;
    memcpy(name, m->value[at]->name, m->value[at]->name_len);
    name[m->value[at]->name_len] = '\0';
    *number = m->value[at]->number;
    return 1;
}

static bool changed(struct vault *s)
{
    (void)s;
    return false;
}

static int holds(struct vault *s, struct slice room, uint64_t seq)
{
    (void)s, (void)room, (void)seq;
    return 1; /* none is wanted */
}

static int owner(struct vault *s, const char *name, uint64_t device)
{
    (void)s, (void)name, (void)device;
    return 0;
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
    while (m->out.first)
        drop_first(m, &gone);
    while (m->draft.first)
        drop_draft(s, m->draft.first->number, 0);
    drop_values(m, 0, m->value_n);
    free(m->value);
    free(m->heard);
    free(m);
}

static const struct vault_ops memory_ops = {
    .begin = nothing,
    .commit = nothing,
    .rollback = no_rollback,
    .number = take_number,
    .note = note,
    .id = next_id,
    .post = post,
    .draft = draft,
    .next_draft = next_draft,
    .drop_draft = drop_draft,
    .hear = hear,
    .record = record,
    .place = place,
    .settle = settle,
    .reject = reject,
    .recall = recall,
    .receipt = receipt,
    .next = next,
    .resume = resume,
    .outrun = outrun,
    .bind = bind_server,
    .state = state,
    .sent = sent,
    .own = no_own,
    .own_open = no_own,
    .own_read = no_own_read,
    .get = get,
    .put = put,
    .drop = drop,
    .forget = forget,
    .next_value = next_value,
    .changed = changed,
    .holds = holds,
    .owner = owner,
    .history = history,
    .last_row = last_row,
    .words = words,
    .close = close_memory,
};

struct vault *vault_memory(void)
{
    struct memory *m = xcalloc(1, sizeof *m);
    m->vault.ops = &memory_ops;
    m->next_id = m->next_number = 1;
    m->place.lobby = WIRE_NEWCOMER;
    return &m->vault;
}
