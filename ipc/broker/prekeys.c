/*
 * prekeys.c - KEYS: what devices publish so that others can write to them first, and who fetches it.
 * How many prekeys a device has left is kept in memory; they themselves are the store's.
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"
#include "wire_keys.h"

enum { BURST_US = 600 * 1000000 }; /* ten minutes' worth: ten times what a minute brings */

static struct slice words(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void say_refused(struct link *l, uint64_t sid, uint8_t type, const struct wire_keys_refused *m)
{
    size_t at = bus_begin_down(&l->stream, sid);
    wire_put_keys_refused(&l->stream.out, type, m);
    stream_end(&l->stream, at);
}

void keys_refuse_at(struct link *l, uint64_t sid, uint8_t type, uint8_t asked, struct slice name, uint16_t code,
                    uint32_t retry_ms, const char *text)
{
    const struct wire_keys_refused m = {
        .asked = asked, .name = name, .code = code, .retry_ms = retry_ms, .text = words(text)};
    say_refused(l, sid, type, &m);
}

void keys_refuse(struct session *s, uint8_t type, uint8_t asked, struct slice name, uint16_t code, uint32_t retry_ms,
                 const char *text)
{
    keys_refuse_at(s->link, s->sid, type, asked, name, code, retry_ms, text);
}

void keys_unknown(struct session *s, uint8_t type, uint8_t asked, struct slice name)
{
    struct wire_keys_refused m = {
        .asked = asked, .name = name, .code = WIRE_NO_SUCH_USER, .text = words("no such user")};
    struct name_near near;
    people_near(s->link->broker, name, &near);
    for (size_t i = 0; i < near.n && i < WIRE_NEAR_MAX; i++)
        m.like[m.near++] = words(near.name[i]);
    say_refused(s->link, s->sid, type, &m);
}

/* Each question moves the time on. */
uint32_t bucket_take(uint64_t *full_us, uint64_t now_ms, uint64_t a_minute)
{
    uint64_t now_us = now_ms * 1000, next_us = (*full_us > now_us ? *full_us : now_us) + 60 * UINT64_C(1000000) / a_minute;
    if (next_us - now_us > BURST_US) return (uint32_t)((next_us - now_us - BURST_US) / 1000 + 1);
    *full_us = next_us;
    return 0;
}

uint32_t keys_charge(struct session *s)
{
    const struct broker *b = s->link->broker;
    return bucket_take(&people_keyring(s->device->account)->full_us, b->loop.now_ms, b->set.limits.key_requests);
}

bool keys_afford(struct session *s, uint8_t type, uint8_t asked, struct slice name)
{
    uint32_t wait_ms = keys_charge(s);
    if (wait_ms) keys_refuse(s, type, asked, name, WIRE_TOO_FAST, wait_ms, "too many questions; wait a little");
    return wait_ms == 0;
}

struct asker asker_of(const struct session *s)
{
    return (struct asker){s->link->broker, s->device, s->link->slot, s->link->generation, s->sid};
}

struct session *asker_session(const struct asker *a)
{
    return session_late(a->broker, a->slot, a->generation, a->sid);
}

struct link *asker_link(const struct asker *a)
{
    for (struct link *l = a->broker->links; l; l = l->next) {
        if (l->slot != a->slot || l->generation != a->generation) continue;
        const struct seat *seat = link_seat(l, a->sid);
        return seat && seat->sid == a->sid && (seat->session || seat_guest(seat)) ? l : NULL;
    }
    return NULL;
}

/* --- own --- */

static void say_own(struct session *s)
{
    const struct device *d = s->device;
    struct wire_keys_own m = {d->prekeys.signed_id, (uint16_t)d->prekeys.left, d->prekeys.top};
    size_t at;
    wire_put_keys_own(session_begin(s, &at), &m);
    session_end(s, at);
}

static void count(struct device *d, const struct store_prekeys *now)
{
    d->prekeys.signed_id = now->signed_id;
    d->prekeys.top = now->top;
    d->prekeys.left = now->left;
}

static bool few(const struct device *d)
{
    return d->prekeys.signed_id && d->prekeys.left < WIRE_PREKEYS_FEW;
}

void prekeys_welcome(struct session *s)
{
    if (few(s->device)) say_own(s);
}

/* --- publish --- */

static void published(void *ctx, enum store_status status, struct slice prefix, struct slice one_time,
                      const struct store_prekeys *now)
{
    struct asker *a = ctx;
    struct session *s = asker_session(a);
    (void)prefix;
    (void)one_time;
    if (status == STORE_OK) count(a->device, now);
    if (s && status == STORE_OK)
        say_own(s);
    else if (s)
        keys_refuse(s, WIRE_KEYS, WIRE_KEYS_PUBLISH, words(""), WIRE_DISK_FULL, 5000,
                    "the server's disk is full; publish again later");
    free(a);
}

static void publish(struct session *s, struct slice what)
{
    struct broker *b = s->link->broker;
    struct wire_publish m;
    if (!wire_get_publish(what, &m) || m.device != s->device->id) {
        keys_refuse(s, WIRE_KEYS, WIRE_KEYS_PUBLISH, words(""), WIRE_BAD_KEYS, 0,
                    "what was published is malformed, or of another device");
        return;
    }
    struct asker *a = xmalloc(sizeof *a);
    *a = asker_of(s);
    store_publish(b->store, s->device->account->id, m.device, m.signed_id, m.prefix,
                  (struct slice){m.one_time, (size_t)m.n * WIRE_ONE_TIME}, (uint32_t)b->set.limits.one_time_prekeys,
                  published, a);
}

/* --- fetch --- */

/* An answer that gathers: one bundle comes from the store for each device. */
struct fetch {
    struct asker by;
    struct account *of;
    uint64_t device;
    unsigned awaited;
    uint8_t n;
    struct buf bundles;
};

static void answer(struct fetch *f)
{
    struct session *s = asker_session(&f->by);
    struct wire_bundles m = {words(f->of->name), f->device, f->n, {f->bundles.data, buf_len(&f->bundles)}};
    if (s) {
        size_t at;
        wire_put_bundles(session_begin(s, &at), &m);
        session_end(s, at);
    }
    buf_free(&f->bundles);
    free(f);
}

static void taken(void *ctx, enum store_status status, struct slice prefix, struct slice one_time,
                  const struct store_prekeys *now)
{
    struct fetch *f = ctx;
    struct device *d = people_device(f->of, now->device); /* revoked meanwhile: NULL */
    if (d && status == STORE_OK && prefix.len) {
        wire_put_bundle(&f->bundles, prefix, one_time.len ? one_time.data : NULL);
        f->n++;
        count(d, now);
        for (struct session *s = few(d) && one_time.len ? d->session : NULL; s; s = s->next)
            say_own(s);
    }
    if (--f->awaited == 0) answer(f);
}

static void fetch(struct session *s, const struct wire_keys_ask *m)
{
    struct broker *b = s->link->broker;
    struct account *of = people_find(b, m->name);
    if (!of || of->pending) {
        keys_unknown(s, WIRE_KEYS, WIRE_KEYS_FETCH, m->name);
        return;
    }
    struct fetch *f = xcalloc(1, sizeof *f);
    *f = (struct fetch){.by = asker_of(s), .of = of, .device = m->device, .awaited = 1};
    for (const struct device *d = of->device; d; d = d->next) {
        if (!d->prekeys.signed_id || (m->device && m->device != d->id)) continue;
        f->awaited++;
        store_take_bundle(b->store, of->id, d->id, taken, f);
    }
    if (--f->awaited == 0) answer(f); /* nobody has published anything */
}

void prekeys_ask(struct session *s, const struct wire_keys_ask *m)
{
    if (!keys_afford(s, WIRE_KEYS, m->op, m->name)) return;
    switch (m->op) {
    case WIRE_KEYS_PUBLISH: publish(s, m->publish); return;
    case WIRE_KEYS_FETCH: fetch(s, m); return;
    default: say_own(s);
    }
}

/* --- at the start --- */

static void load(void *arg, const struct store_prekeys *p)
{
    const struct account *a = people_by_id(arg, p->account);
    struct device *d = a ? people_device(a, p->device) : NULL;
    if (d) count(d, p);
}

void prekeys_load(struct broker *b)
{
    store_each_prekeys(b->store, load, b);
}
