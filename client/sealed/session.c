/* session.c - see session.h. */
#include "session.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* A session of FORMAT_BARE has no public key beside its ratchet's state; it is read, not written. */
enum { FORMAT = 1, FORMAT_BARE = 1, FORMAT_KEY = 2, NUMBER_SENT = 8, OPEN = 1, TEXT_MAX = 100 };

const char *session_verdict_words(enum session_verdict v)
{
    static const char *const words[] = {
        [SESSION_OPENED] = "the message is in order",
        [SESSION_DAMAGED] = "the message was damaged or forged on the way, or is far too old",
        [SESSION_NO_KEY] = "the message came before, or so late that its key was deleted",
        [SESSION_TOO_FAR] = "more than 1,000 messages before it are missing",
        [SESSION_LOW_ORDER] = "the sender's key is not safe to use",
        [SESSION_UNKNOWN] = "it belongs to a conversation that this device has forgotten",
        [SESSION_STRANGER] = "its keys are not those of the sender's device",
        [SESSION_GONE] = "it was sealed for a key of this device that is gone",
        [SESSION_REPEATED] = "it is a repeat of a first message",
        [SESSION_TOO_MANY] = "the sender's device has begun anew too often today",
    };
    return words[v];
}

static enum session_verdict of_ratchet(enum ratchet_verdict v)
{
    static const enum session_verdict map[] = {
        [RATCHET_OPENED] = SESSION_OPENED,       [RATCHET_DAMAGED] = SESSION_DAMAGED,
        [RATCHET_NO_KEY] = SESSION_NO_KEY,       [RATCHET_TOO_FAR] = SESSION_TOO_FAR,
        [RATCHET_LOW_ORDER] = SESSION_LOW_ORDER,
    };
    return map[v];
}

static enum session_verdict of_x3dh(enum x3dh_verdict v)
{
    static const enum session_verdict map[] = {
        [X3DH_GOOD] = SESSION_OPENED,         [X3DH_FORGED] = SESSION_DAMAGED,
        [X3DH_LOW_ORDER] = SESSION_LOW_ORDER, [X3DH_STRANGER] = SESSION_STRANGER,
        [X3DH_GONE] = SESSION_GONE,           [X3DH_REPEATED] = SESSION_REPEATED,
    };
    return map[v];
}

static void session_wipe(struct session *s)
{
    ratchet_wipe(&s->ratchet);
    sodium_memzero(s, sizeof *s);
}

/* The one used longest ago that is not current; the first of equals, which is the oldest. */
static size_t victim(const struct sessions *all)
{
    size_t worst = all->current == 0 ? 1 : 0;
    for (size_t i = worst + 1; i < all->n; i++)
        if (i != all->current && all->s[i].used < all->s[worst].used) worst = i;
    return worst;
}

/* Moves *s into the list, last; returns its place. */
static size_t insert(struct sessions *all, struct session *s)
{
    if (all->n == SESSION_MAX) {
        size_t v = victim(all);
        session_wipe(&all->s[v]);
        all->n--;
        memmove(&all->s[v], &all->s[v + 1], (all->n - v) * sizeof *s);
        if (all->current > v) all->current--;
    }
    all->s[all->n] = *s;
    sodium_memzero(s, sizeof *s);
    return all->n++;
}

enum x3dh_verdict sessions_start(struct sessions *all, const struct session_self *self,
                                 const struct device_who *peer, const struct bundle *bundle,
                                 uint32_t day, const struct sealed_random *rnd)
{
    struct session s = {.used = day};
    struct sealed_pair ephemeral;
    struct x3dh_secret secret;
    sealed_pair_make(&ephemeral, rnd);
    enum x3dh_verdict v =
        x3dh_start(&self->who, &self->x, peer, bundle, &ephemeral, &s.part, &secret);
    if (v == X3DH_GOOD &&
        ratchet_start(&s.ratchet, secret.sk, secret.ad, bundle->signed_key, rnd) < 0)
        v = X3DH_LOW_ORDER;
    if (v == X3DH_GOOD) {
        memcpy(s.number, secret.number, SEALED_HASH);
        all->current = insert(all, &s);
    }
    x3dh_wipe(&secret);
    sodium_memzero(&ephemeral, sizeof ephemeral);
    return v;
}

int sessions_seal(struct sessions *all, struct slice text, uint32_t day,
                  const struct sealed_random *rnd, struct buf *out)
{
    assert(text.len <= TEXT_MAX);
    if (all->n == 0) return -1;
    struct session *s = &all->s[all->current];
    struct buf head = {0};
    buf_put_u8(&head, s->open ? HEAD_RATCHET : HEAD_FIRST);
    buf_put_u8(&head, PREKEY_SUITE);
    buf_put(&head, s->number, NUMBER_SENT);
    if (!s->open) x3dh_part_put(&head, &s->part);
    int r = ratchet_seal(&s->ratchet, text, rnd, &head, 0);
    if (r == 0) {
        s->used = day;
        buf_put(out, buf_head(&head), buf_len(&head));
    }
    buf_free(&head);
    return r;
}

/* --- opening --- */

struct head {
    uint8_t type;
    const uint8_t *number;
    struct x3dh_part part;
    size_t header; /* where the ratchet's begins */
    struct slice whole;
};

static bool parse(struct slice in, struct head *h)
{
    struct cur c = cur_of(in.data, in.len);
    *h = (struct head){.type = cur_u8(&c), .whole = in};
    if (cur_u8(&c) != PREKEY_SUITE || in.len > SESSION_HEAD_MAX) return false;
    h->number = cur_bytes(&c, NUMBER_SENT);
    if (h->type == HEAD_FIRST) x3dh_part_get(&c, &h->part);
    h->header = (size_t)(c.p - in.data);
    return !c.bad && (h->type == HEAD_RATCHET || h->type == HEAD_FIRST);
}

static struct session *find(struct sessions *all, const uint8_t *number)
{
    for (size_t i = 0; i < all->n; i++)
        if (memcmp(all->s[i].number, number, NUMBER_SENT) == 0) return &all->s[i];
    return NULL;
}

/* Both began at once: the lower number wins at both ends. Else the one that began anew does. */
static enum session_event prefer(struct sessions *all, size_t fresh)
{
    struct session *old = &all->s[all->current], *s = &all->s[fresh];
    bool both = !old->open;
    if (!both || memcmp(s->number, old->number, SEALED_HASH) < 0) all->current = fresh;
    return both ? SESSION_BEGAN : SESSION_RESET;
}

static bool may_start(struct sessions *all, uint32_t day)
{
    return all->day != day || all->starts < SESSION_STARTS_PER_DAY;
}

static void count_start(struct sessions *all, uint32_t day)
{
    if (all->day != day) all->starts = 0;
    all->day = day;
    all->starts++;
}

/* The first message of a session that is not here yet. */
static enum session_verdict answer(struct sessions *all, const struct session_self *self,
                                   const struct device_who *peer, struct prekeys *prekeys,
                                   const struct head *h, uint32_t day, struct buf *out,
                                   enum session_event *event)
{
    struct session s = {.open = true, .used = day};
    struct sealed_pair first;
    struct x3dh_secret secret;
    size_t before = buf_len(out);
    if (!may_start(all, day)) return SESSION_TOO_MANY;
    enum session_verdict v =
        of_x3dh(x3dh_answer(&self->who, &self->x, peer, prekeys, &h->part, &first, &secret));
    if (v == SESSION_OPENED) {
        ratchet_answer(&s.ratchet, secret.sk, secret.ad, &first);
        memcpy(s.number, secret.number, SEALED_HASH);
        v = of_ratchet(ratchet_open(&s.ratchet, h->whole, h->header, day, out));
    }
    if (v == SESSION_OPENED && memcmp(s.number, h->number, NUMBER_SENT) != 0) v = SESSION_DAMAGED;
    if (v == SESSION_OPENED && !x3dh_commit(prekeys, &h->part)) v = SESSION_TOO_MANY;
    if (v == SESSION_OPENED) {
        bool first_ever = all->n == 0;
        size_t at = insert(all, &s);
        count_start(all, day);
        *event = SESSION_BEGAN;
        if (first_ever)
            all->current = at;
        else
            *event = prefer(all, at);
    } else if (buf_len(out) > before) {
        sodium_memzero(buf_head(out) + before, buf_len(out) - before);
        out->len -= buf_len(out) - before;
    }
    x3dh_wipe(&secret);
    sodium_memzero(&first, sizeof first);
    session_wipe(&s);
    return v;
}

enum session_verdict sessions_open(struct sessions *all, const struct session_self *self,
                                   const struct device_who *peer, struct prekeys *prekeys,
                                   struct slice head, uint32_t day, struct buf *out,
                                   enum session_event *event)
{
    struct head h;
    enum session_event ignored;
    if (!event) event = &ignored;
    *event = SESSION_AS_BEFORE;
    if (!parse(head, &h)) return SESSION_DAMAGED;
    struct session *s = find(all, h.number);
    if (!s && h.type == HEAD_RATCHET) return SESSION_UNKNOWN;
    if (!s) return answer(all, self, peer, prekeys, &h, day, out, event);
    enum session_verdict v = of_ratchet(ratchet_open(&s->ratchet, head, h.header, day, out));
    if (v == SESSION_OPENED) {
        s->used = day;
        s->open = true;
    }
    return v;
}

/* --- the store --- */

static void put_length(struct buf *out, size_t from)
{
    put_u32(buf_head(out) + from - 4, (uint32_t)(buf_len(out) - from));
}

static void session_encode(const struct session *s, struct buf *out)
{
    buf_put_u8(out, FORMAT_KEY);
    buf_put_u8(out, s->open ? OPEN : 0);
    buf_put(out, s->number, SEALED_HASH);
    buf_put_u32(out, s->used);
    x3dh_part_put(out, &s->part);
    buf_put(out, s->ratchet.core.self.public_key, SEALED_KEY);
    buf_put_u32(out, 0);
    size_t from = buf_len(out);
    ratchet_encode(&s->ratchet, out);
    put_length(out, from);
}

void sessions_encode(const struct sessions *all, struct buf *out)
{
    size_t need = 8;
    for (size_t i = 0; i < all->n; i++)
        need += 152 + RATCHET_STATE + all->s[i].ratchet.n_skipped * RATCHET_STATE_KEY;
    buf_room(out, need); /* growing would leave copies of secrets behind */
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, (uint8_t)all->current);
    buf_put_u32(out, all->day);
    buf_put_u8(out, all->starts);
    buf_put_u8(out, (uint8_t)all->n);
    for (size_t i = 0; i < all->n; i++) {
        buf_put_u32(out, 0);
        size_t from = buf_len(out);
        session_encode(&all->s[i], out);
        put_length(out, from);
    }
}

static struct slice take(struct cur *c)
{
    size_t n = cur_u32(c);
    const uint8_t *p = cur_bytes(c, n);
    return sealed_slice(p, p ? n : 0);
}

static bool session_decode(struct session *s, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    uint8_t format = cur_u8(&c), flags = cur_u8(&c);
    if (format != FORMAT_BARE && format != FORMAT_KEY) return false;
    s->open = flags & OPEN;
    cur_copy(&c, s->number, SEALED_HASH);
    s->used = cur_u32(&c);
    x3dh_part_get(&c, &s->part);
    const uint8_t *key = format == FORMAT_KEY ? cur_bytes(&c, SEALED_KEY) : NULL;
    struct slice state = take(&c);
    return cur_end(&c) && flags <= OPEN && state.len > 0 && ratchet_decode(&s->ratchet, state, key);
}

bool sessions_decode(struct sessions *all, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    bool good = true;
    *all = (struct sessions){0};
    if (cur_u8(&c) != FORMAT) return false;
    all->current = cur_u8(&c);
    all->day = cur_u32(&c);
    all->starts = cur_u8(&c);
    size_t n = cur_u8(&c);
    if (n > SESSION_MAX || (n > 0 ? all->current >= n : all->current > 0)) c.bad = true;
    for (; good && !c.bad && all->n < n; all->n++)
        good = session_decode(&all->s[all->n], take(&c));
    if (good && cur_end(&c)) return true;
    sessions_wipe(all);
    return false;
}

void sessions_wipe(struct sessions *all)
{
    for (size_t i = 0; i < SESSION_MAX; i++)
        session_wipe(&all->s[i]);
    sodium_memzero(all, sizeof *all);
}
