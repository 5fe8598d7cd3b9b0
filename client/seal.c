/* seal.c - see seal.h. */
#include "seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "identity.h"
#include "log.h"

/* A device that gets a head, with the sessions that make it. */
struct target {
    const struct peer *of;
    const struct device_row *row;
    struct sessions sessions;
};

struct sealing {
    const struct keyring *k;
    const struct vault_draft *draft;
    struct seal_need *need;
    struct session_self self;
    struct peer own, peer;
    const struct peer *to; /* one of both */
    size_t n;
    struct target *target[WIRE_HEADS_MAX];
};

static enum seal_result needs(struct sealing *s, enum seal_result what, const struct peer *of,
                              uint64_t device)
{
    memcpy(s->need->name, of->key, sizeof s->need->name);
    s->need->device = device;
    s->need->trouble = of->trouble;
    return what;
}

/* Does anything wait in the outbox that was sealed for an older list than this one? */
static int barred(const struct sealing *s, const struct peer *p)
{
    struct wire_resume r;
    if (p->barrier == 0) return 0;
    return vault_resume(s->k->vault, &r) < 0 ? -1 : r.next_id <= p->barrier;
}

static enum seal_result ready(struct sealing *s, const struct peer *p)
{
    if (p->trouble != PEER_FINE) return needs(s, SEAL_TROUBLE, p, 0);
    if (p->list.n == 0 || p->stale) return needs(s, SEAL_NEED_LIST, p, 0);
    int waits = barred(s, p);
    if (waits < 0) return SEAL_STORE;
    return waits ? needs(s, SEAL_WAIT, p, 0) : SEAL_DONE;
}

static enum seal_result read_peers(struct sealing *s)
{
    struct vault *v = s->k->vault;
    if (peers_get(v, s->k->name, &s->own) < 0 || peers_get(v, s->draft->to, &s->peer) < 0)
        return SEAL_STORE;
    s->to = strcmp(s->own.key, s->peer.key) == 0 ? &s->own : &s->peer;
    enum seal_result result = ready(s, &s->own);
    if (result == SEAL_DONE && !keyring_self(s->k, &s->own, &s->self))
        result = needs(s, SEAL_NEED_LIST, &s->own, 0);
    return result == SEAL_DONE ? ready(s, s->to) : result;
}

static enum seal_result add_target(struct sealing *s, const struct peer *of,
                                   const struct device_row *row)
{
    struct target *t = xcalloc(1, sizeof *t);
    s->target[s->n++] = t;
    t->of = of;
    t->row = row;
    int renew = again_is_due(s->k, of->key, row->device);
    int r = renew < 0 ? -1 : keyring_sessions(s->k, of->key, row->device, &t->sessions);
    if (r < 0) return SEAL_STORE;
    return t->sessions.n == 0 || renew ? needs(s, SEAL_NEED_KEYS, of, row->device) : SEAL_DONE;
}

/* Every device of an account that is in, but this one. Several that lack keys are asked for at once. */
static enum seal_result add_devices(struct sealing *s, const struct peer *of)
{
    enum seal_result result = SEAL_DONE;
    for (size_t i = 0; i < of->list.n && s->n < WIRE_HEADS_MAX; i++) {
        const struct device_row *row = &of->list.row[i];
        if (row->revoked || (of == &s->own && row->device == s->k->identity->device)) continue;
        enum seal_result one = add_target(s, of, row);
        if (one == SEAL_STORE) return one;
        if (one == SEAL_NEED_KEYS && result == SEAL_NEED_KEYS) s->need->device = 0;
        if (one != SEAL_DONE) result = one;
    }
    return result;
}

static enum seal_result gather(struct sealing *s)
{
    enum seal_result result = SEAL_DONE;
    if (s->to != &s->own) result = add_devices(s, s->to);
    if (result == SEAL_DONE && s->to != &s->own && s->n == 0) return SEAL_NOBODY;
    if (result == SEAL_DONE) result = add_devices(s, &s->own);
    return result == SEAL_DONE && s->n == 0 ? SEAL_NOBODY : result;
}

static struct slice name_of(const struct device_list *l)
{
    return sealed_slice(l->name, l->name_len);
}

/* A session that cannot send (its other end gave a bad key) is given up for a new one. */
static enum seal_result give_up(struct sealing *s, const struct target *t)
{
    struct slice key = sealed_slice(t->of->key, strlen(t->of->key));
    if (vault_drop(s->k->vault, VAULT_SESSIONS, key, t->row->device) < 0) return SEAL_STORE;
    return needs(s, SEAL_NEED_KEYS, t->of, t->row->device);
}

static enum seal_result put_heads(struct sealing *s, const struct envelope_key *key, struct buf *heads)
{
    uint8_t text[ENVELOPE_KEY_TEXT];
    uint32_t day = keyring_day(s->k);
    enum seal_result result = SEAL_DONE;
    envelope_key_encode(key, text);
    for (size_t i = 0; i < s->n && result == SEAL_DONE; i++) {
        struct target *t = s->target[i];
        buf_put_u64(heads, t->row->device);
        buf_put_u16(heads, 0);
        size_t from = buf_len(heads);
        if (sessions_seal(&t->sessions, sealed_slice(text, sizeof text), day, s->k->random, heads) < 0)
            result = give_up(s, t);
        put_u16(buf_head(heads) + from - 2, (uint16_t)(buf_len(heads) - from));
    }
    sodium_memzero(text, sizeof text);
    return result;
}

static enum seal_result save(struct sealing *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct target *t = s->target[i];
        if (keyring_save(s->k, t->of->key, t->row->device, &t->sessions) < 0) return SEAL_STORE;
    }
    return SEAL_DONE;
}

static enum seal_result post(struct sealing *s)
{
    struct vault_out out = {.number = s->draft->number,
                            .quiet = s->draft->quiet,
                            .kind = WIRE_TO_USER,
                            .heads = (uint8_t)s->n,
                            .to = name_of(&s->to->list),
                            .content = s->draft->content};
    struct envelope e = {
        .from = name_of(&s->own.list), .from_device = s->k->identity->device, .to = out.to};
    struct envelope_key key = {.from_seq = s->own.list.head.seq, .to_seq = s->to->list.head.seq};
    struct buf heads = {0}, body = {0};
    if (vault_id(s->k->vault, &out.id) < 0) return SEAL_STORE;
    e.id = out.id;
    memcpy(e.from_account, s->own.list.account_key, SEALED_KEY);
    memcpy(e.to_account, s->to->list.account_key, SEALED_KEY);
    envelope_seal(&e, &key, s->draft->content, s->k->random, &body);
    enum seal_result result = put_heads(s, &key, &heads);
    out.head_bytes = sealed_head(&heads);
    out.body = sealed_head(&body);
    if (result == SEAL_DONE) result = save(s);
    if (result == SEAL_DONE && vault_post(s->k->vault, &out) < 0) result = SEAL_STORE;
    sodium_memzero(&key, sizeof key);
    buf_free(&heads);
    buf_free(&body);
    return result;
}

enum seal_result seal_draft(const struct keyring *k, const struct vault_draft *d,
                            struct seal_need *need)
{
    struct sealing s = {.k = k, .draft = d, .need = need};
    enum seal_result result = read_peers(&s);
    if (result == SEAL_DONE) result = gather(&s);
    if (result == SEAL_DONE) result = post(&s);
    for (size_t i = 0; i < s.n; i++) {
        sessions_wipe(&s.target[i]->sessions);
        free(s.target[i]);
    }
    keyring_wipe(&s.self);
    peer_free(&s.own);
    peer_free(&s.peer);
    return result;
}

/* --- new sessions --- */

static int begin_one(const struct keyring *k, const struct session_self *self, const struct peer *p,
                     struct slice bytes)
{
    struct bundle bundle;
    struct sessions all;
    struct device_who who;
    if (!bundle_decode(&bundle, bytes)) return 0;
    const struct device_row *row = device_list_find(&p->list, bundle.device);
    if (!row || memcmp(row->ed, k->identity->public_key, sizeof row->ed) == 0) return 0;
    int r = keyring_sessions(k, p->key, row->device, &all), due = again_is_due(k, p->key, row->device);
    bool wanted = r == 0 || due > 0;
    if (r < 0 || due < 0) return -1;
    device_list_who(&p->list, row, &who);
    r = wanted &&
        sessions_start(&all, self, &who, &bundle, keyring_day(k), k->random) == X3DH_GOOD;
    if (r && (keyring_save(k, p->key, row->device, &all) < 0 ||
              again_is_done(k, p->key, row->device) < 0))
        r = -1;
    sessions_wipe(&all);
    return r;
}

static int begin_all(const struct keyring *k, const struct session_self *self, const struct peer *p,
                     const struct wire_bundles *m)
{
    struct cur c = cur_of(m->bundle.data, m->bundle.len);
    int begun = 0;
    for (unsigned i = 0; i < m->n; i++) {
        int r = begin_one(k, self, p, cur_str16(&c));
        if (r < 0) return -1;
        begun += r;
    }
    return begun;
}

int seal_begin(const struct keyring *k, const struct wire_bundles *m)
{
    struct peer own, peer;
    struct session_self self;
    int r = peers_get(k->vault, k->name, &own);
    int there = peers_get(k->vault, m->name, &peer);
    bool usable = r > 0 && there > 0 && peer.trouble == PEER_FINE && keyring_self(k, &own, &self);
    r = r < 0 || there < 0 ? -1 : usable ? begin_all(k, &self, &peer, m) : 0;
    if (usable) keyring_wipe(&self);
    peer_free(&own);
    peer_free(&peer);
    return r;
}
