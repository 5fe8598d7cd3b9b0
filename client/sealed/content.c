/* content.c - see content.h. One row per kind: how its fields are written, read and judged. */
#include "content.h"

#include <string.h>

enum { FORMAT = 1, FRONT = 10, REASON_MAX = 15, ROOM_NAME = SEALED_NAME_MAX + 1 };

static void text_put(const struct content *c, struct buf *out)
{
    buf_put_u8(out, c->u.text.form);
    buf_put(out, c->u.text.text.data, c->u.text.text.len);
}

static void text_get(struct content *c, struct cur *in)
{
    c->u.text.form = cur_u8(in);
    c->u.text.text = cur_rest(in);
}

static bool text_good(const struct content *c)
{
    return c->u.text.form <= CONTENT_ACTS && c->u.text.text.len <= CONTENT_TEXT_MAX;
}

static void file_put(const struct content *c, struct buf *out)
{
    buf_put(out, c->u.file.blob, 32);
    buf_put(out, c->u.file.key, SEALED_KEY);
    buf_put_u64(out, c->u.file.size);
    buf_put(out, c->u.file.hash, 32);
    buf_put_str8(out, c->u.file.name.data, c->u.file.name.len);
    buf_put(out, c->u.file.text.data, c->u.file.text.len);
}

static void file_get(struct content *c, struct cur *in)
{
    cur_copy(in, c->u.file.blob, 32);
    cur_copy(in, c->u.file.key, SEALED_KEY);
    c->u.file.size = cur_u64(in);
    cur_copy(in, c->u.file.hash, 32);
    c->u.file.name = cur_str8(in);
    c->u.file.text = cur_rest(in);
}

static bool file_good(const struct content *c)
{
    return c->u.file.name.len >= 1 && c->u.file.name.len <= UINT8_MAX &&
           c->u.file.text.len <= CONTENT_NOTE_MAX;
}

static void receipt_put(const struct content *c, struct buf *out)
{
    buf_put_u8(out, c->u.receipt.state);
    buf_put_u8(out, (uint8_t)c->u.receipt.n);
    for (size_t i = 0; i < c->u.receipt.n; i++)
        buf_put_u64(out, c->u.receipt.id[i]);
}

static void receipt_get(struct content *c, struct cur *in)
{
    c->u.receipt.state = cur_u8(in);
    c->u.receipt.n = cur_u8(in);
    for (size_t i = 0; i < c->u.receipt.n && i < CONTENT_RECEIPTS_MAX; i++)
        c->u.receipt.id[i] = cur_u64(in);
}

static bool receipt_good(const struct content *c)
{
    return (c->u.receipt.state == CONTENT_DELIVERED || c->u.receipt.state == CONTENT_READ) &&
           c->u.receipt.n >= 1 && c->u.receipt.n <= CONTENT_RECEIPTS_MAX;
}

static void sync_put(const struct content *c, struct buf *out)
{
    buf_put_u8(out, c->u.sync.what);
    buf_put_str8(out, c->u.sync.with.data, c->u.sync.with.len);
    buf_put(out, c->u.sync.data.data, c->u.sync.data.len);
}

static void sync_get(struct content *c, struct cur *in)
{
    c->u.sync.what = cur_u8(in);
    c->u.sync.with = cur_str8(in);
    c->u.sync.data = cur_rest(in);
}

static bool sync_good(const struct content *c)
{
    return c->u.sync.what >= CONTENT_SYNC_READ && c->u.sync.what <= CONTENT_SYNC_SETTINGS &&
           c->u.sync.with.len <= SEALED_NAME_MAX + 1 && c->u.sync.data.len <= CONTENT_NOTE_MAX;
}

static void sender_key_put(const struct content *c, struct buf *out)
{
    buf_put(out, c->u.sender_key.distribution.data, c->u.sender_key.distribution.len);
}

static void sender_key_get(struct content *c, struct cur *in)
{
    c->u.sender_key.distribution = cur_rest(in);
}

static bool sender_key_good(const struct content *c)
{
    return c->u.sender_key.distribution.len <= CONTENT_NOTE_MAX;
}

static void resend_put(const struct content *c, struct buf *out)
{
    buf_put_u64(out, c->u.resend.from_device);
    buf_put_u64(out, c->u.resend.id);
    buf_put_u8(out, c->u.resend.reason);
}

static void resend_get(struct content *c, struct cur *in)
{
    c->u.resend.from_device = cur_u64(in);
    c->u.resend.id = cur_u64(in);
    c->u.resend.reason = cur_u8(in);
}

static bool resend_good(const struct content *c)
{
    return c->u.resend.reason >= 1 && c->u.resend.reason <= REASON_MAX;
}

static void resent_put(const struct content *c, struct buf *out)
{
    buf_put_u64(out, c->u.resent.of);
    buf_put_str8(out, c->u.resent.to.data, c->u.resent.to.len);
    buf_put(out, c->u.resent.inner.data, c->u.resent.inner.len);
}

static void resent_get(struct content *c, struct cur *in)
{
    c->u.resent.of = cur_u64(in);
    c->u.resent.to = cur_str8(in);
    c->u.resent.inner = cur_rest(in);
}

/* What is inside must be content of its own, and not of these two kinds: no nesting without end. */
static bool resent_good(const struct content *c)
{
    struct slice in = c->u.resent.inner, to = c->u.resent.to;
    return to.len >= 1 && to.len <= ROOM_NAME && in.len >= FRONT && in.len <= CONTENT_MAX - FRONT - 9 - to.len &&
           in.data[1] != CONTENT_RESEND && in.data[1] != CONTENT_RESENT;
}

static const struct kind {
    void (*put)(const struct content *c, struct buf *out);
    void (*get)(struct content *c, struct cur *in);
    bool (*good)(const struct content *c);
} kinds[] = {
    [CONTENT_TEXT] = {text_put, text_get, text_good},
    [CONTENT_FILE] = {file_put, file_get, file_good},
    [CONTENT_RECEIPT] = {receipt_put, receipt_get, receipt_good},
    [CONTENT_SYNC] = {sync_put, sync_get, sync_good},
    [CONTENT_SENDER_KEY] = {sender_key_put, sender_key_get, sender_key_good},
    [CONTENT_RESEND] = {resend_put, resend_get, resend_good},
    [CONTENT_RESENT] = {resent_put, resent_get, resent_good},
};

static const struct kind *kind_of(uint8_t kind)
{
    return kind >= CONTENT_TEXT && kind < sizeof kinds / sizeof kinds[0] ? &kinds[kind] : NULL;
}

int content_encode(const struct content *c, struct buf *out)
{
    const struct kind *k = kind_of(c->kind);
    if (!k || !k->good(c)) return -1;
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, c->kind);
    buf_put_u64(out, c->time_ms);
    k->put(c, out);
    return 0;
}

enum content_verdict content_decode(struct content *c, struct slice in)
{
    struct cur cur = cur_of(in.data, in.len);
    *c = (struct content){0};
    uint8_t version = cur_u8(&cur);
    c->kind = cur_u8(&cur);
    c->time_ms = cur_u64(&cur);
    if (cur.bad || in.len > CONTENT_MAX || version == 0) return CONTENT_DAMAGED;
    const struct kind *k = kind_of(c->kind);
    if (version != FORMAT || !k) return CONTENT_NEWER;
    k->get(c, &cur);
    return cur_end(&cur) && k->good(c) ? CONTENT_GOOD : CONTENT_DAMAGED;
}
