/* wire_keys.c - see wire_keys.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_keys.h"

#include <string.h>

enum { SUITE = 1, SIGNED_PREKEY = 4 + 8 + 32 + 64 };

/* Payloads are gathered first: these frames are rare, and wire_put() cuts long ones into parts. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

static void put_slice8(struct buf *b, struct slice s)
{
    buf_put_str8(b, s.data, s.len);
}

/* Nothing but n times str16, to the end. */
static bool all_str16(struct slice list, unsigned n)
{
    struct cur c = cur_of(list.data, list.len);
    while (n-- > 0)
        cur_str16(&c);
    return cur_end(&c);
}

/* --- KEYS --- */

bool wire_get_publish(struct slice p, struct wire_publish *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t suite = cur_u8(&c);
    m->device = cur_u64(&c);
    const uint8_t *signed_prekey = cur_bytes(&c, SIGNED_PREKEY);
    struct slice kem = cur_str16(&c);
    m->prefix = (struct slice){p.data, (size_t)(c.p - p.data)};
    m->n = cur_u16(&c);
    m->one_time = cur_bytes(&c, (size_t)m->n * WIRE_ONE_TIME);
    if (!cur_end(&c) || suite != SUITE || kem.len > 0 || p.len > WIRE_PUBLISH_MAX) return false;
    m->signed_id = get_u32(signed_prekey);
    for (unsigned i = 0; i < m->n; i++)
        if (get_u32(m->one_time + i * WIRE_ONE_TIME) == 0) return false;
    return m->signed_id > 0;
}

void wire_put_bundle(struct buf *b, struct slice prefix, const uint8_t *one_time)
{
    buf_put_u16(b, (uint16_t)(prefix.len + 1 + (one_time ? WIRE_ONE_TIME : 0)));
    buf_put(b, prefix.data, prefix.len);
    buf_put_u8(b, one_time ? 1 : 0);
    if (one_time) buf_put(b, one_time, WIRE_ONE_TIME);
}

void wire_put_keys_ask(struct buf *b, const struct wire_keys_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    if (m->op == WIRE_KEYS_PUBLISH) {
        buf_put(&p, m->publish.data, m->publish.len);
    } else if (m->op == WIRE_KEYS_FETCH) {
        put_slice8(&p, m->name);
        buf_put_u64(&p, m->device);
    }
    put(b, WIRE_KEYS_ASK, &p);
}

bool wire_get_keys_ask(struct slice p, struct wire_keys_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_keys_ask){.op = cur_u8(&c)};
    if (m->op == WIRE_KEYS_PUBLISH) {
        m->publish = cur_rest(&c);
    } else if (m->op == WIRE_KEYS_FETCH) {
        m->name = cur_str8(&c);
        m->device = cur_u64(&c);
    }
    return cur_end(&c) && m->op >= WIRE_KEYS_PUBLISH && m->op <= WIRE_KEYS_OWN && m->publish.len <= WIRE_PUBLISH_MAX;
}

void wire_put_bundles(struct buf *b, const struct wire_bundles *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_KEYS_BUNDLES);
    put_slice8(&p, m->name);
    buf_put_u64(&p, m->device);
    buf_put_u8(&p, m->n);
    buf_put(&p, m->bundle.data, m->bundle.len);
    put(b, WIRE_KEYS, &p);
}

bool wire_get_bundles(struct slice p, struct wire_bundles *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->name = cur_str8(&c);
    m->device = cur_u64(&c);
    m->n = cur_u8(&c);
    m->bundle = cur_rest(&c);
    return cur_end(&c) && op == WIRE_KEYS_BUNDLES && m->n <= WIRE_DEVICES_MAX && all_str16(m->bundle, m->n);
}

void wire_put_keys_own(struct buf *b, const struct wire_keys_own *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_KEYS_MINE);
    buf_put_u32(&p, m->signed_id);
    buf_put_u16(&p, m->left);
    buf_put_u32(&p, m->top);
    put(b, WIRE_KEYS, &p);
}

bool wire_get_keys_own(struct slice p, struct wire_keys_own *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->signed_id = cur_u32(&c);
    m->left = cur_u16(&c);
    m->top = cur_u32(&c);
    return cur_end(&c) && op == WIRE_KEYS_MINE;
}

_Static_assert((int)WIRE_KEYS_REFUSED == (int)WIRE_LIST_REFUSED, "KEYS and LIST are refused in one form");

void wire_put_keys_refused(struct buf *b, uint8_t type, const struct wire_keys_refused *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_KEYS_REFUSED);
    buf_put_u8(&p, m->asked);
    put_slice8(&p, m->name);
    buf_put_u16(&p, m->code);
    buf_put_u32(&p, m->retry_ms);
    buf_put_str16(&p, m->text.data, m->text.len);
    buf_put_u8(&p, m->near);
    for (unsigned i = 0; i < m->near; i++)
        put_slice8(&p, m->like[i]);
    put(b, type, &p);
}

bool wire_get_keys_refused(struct slice p, struct wire_keys_refused *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->asked = cur_u8(&c);
    m->name = cur_str8(&c);
    m->code = cur_u16(&c);
    m->retry_ms = cur_u32(&c);
    m->text = cur_str16(&c);
    m->near = cur_u8(&c);
    if (m->near > WIRE_NEAR_MAX) return false;
    for (unsigned i = 0; i < m->near; i++)
        m->like[i] = cur_str8(&c);
    return cur_end(&c) && op == WIRE_KEYS_REFUSED;
}

/* --- LIST --- */

void wire_put_list_ask(struct buf *b, const struct wire_list_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    if (m->op == WIRE_LIST_FETCH) {
        put_slice8(&p, m->name);
        buf_put_u32(&p, m->after);
    } else {
        buf_put(&p, m->account_key, sizeof m->account_key);
        buf_put(&p, m->entry.data, m->entry.len);
    }
    put(b, WIRE_LIST_ASK, &p);
}

bool wire_get_list_ask(struct slice p, struct wire_list_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_list_ask){.op = cur_u8(&c)};
    if (m->op == WIRE_LIST_FETCH) {
        m->name = cur_str8(&c);
        m->after = cur_u32(&c);
        return cur_end(&c);
    }
    cur_copy(&c, m->account_key, sizeof m->account_key);
    m->entry = cur_rest(&c);
    return cur_end(&c) && m->op == WIRE_LIST_APPEND && m->entry.len > 0 && m->entry.len <= WIRE_ENTRY_MAX;
}

void wire_put_list_entries(struct buf *b, const struct wire_list_entries *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_LIST_ENTRIES);
    put_slice8(&p, m->name);
    buf_put(&p, m->account_key, sizeof m->account_key);
    buf_put_u32(&p, m->head);
    buf_put(&p, m->entries.data, m->entries.len);
    put(b, WIRE_LIST, &p);
}

bool wire_get_list_entries(struct slice p, struct wire_list_entries *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->name = cur_str8(&c);
    cur_copy(&c, m->account_key, sizeof m->account_key);
    m->head = cur_u32(&c);
    m->entries = cur_rest(&c);
    if (!cur_end(&c) || op != WIRE_LIST_ENTRIES) return false;
    c = cur_of(m->entries.data, m->entries.len);
    while (!c.bad && c.p != c.end)
        cur_str16(&c);
    return cur_end(&c);
}

void wire_put_new_head(struct buf *b, const struct wire_new_head *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_LIST_HEAD);
    put_slice8(&p, m->name);
    buf_put_u32(&p, m->head);
    put(b, WIRE_LIST, &p);
}

bool wire_get_new_head(struct slice p, struct wire_new_head *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->name = cur_str8(&c);
    m->head = cur_u32(&c);
    return cur_end(&c) && op == WIRE_LIST_HEAD;
}
