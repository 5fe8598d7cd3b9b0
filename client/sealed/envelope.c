/* envelope.c - see envelope.h. */
#include "envelope.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char info_body[] = "csmsg body 1", label_ad[] = "csmsg body ad 1";

enum { SMALLEST = 64, STEP = 4096, PAD = 0x80, KEY_TEXT_FORM = 1 };

size_t envelope_padded(size_t n)
{
    size_t size = SMALLEST;
    while (size <= n)
        size = size < STEP ? size * 2 : size + STEP;
    return size;
}

void envelope_pad(struct slice content, struct buf *out)
{
    assert(content.len < ENVELOPE_CONTENT_MAX);
    size_t size = envelope_padded(content.len);
    uint8_t *to = buf_room(out, size);
    if (content.len) memcpy(to, content.data, content.len);
    to[content.len] = PAD;
    memset(to + content.len + 1, 0, size - content.len - 1);
    buf_added(out, size);
}

bool envelope_unpad(struct slice *padded)
{
    size_t n = padded->len;
    while (n > 0 && padded->data[n - 1] == 0)
        n--;
    if (n == 0 || padded->data[n - 1] != PAD || envelope_padded(n - 1) != padded->len) return false;
    padded->len = n - 1;
    return true;
}

static void put_ad(struct buf *ad, const struct envelope *e, const struct envelope_key *k)
{
    buf_put_str8(ad, label_ad, sizeof label_ad - 1);
    buf_put_str8(ad, e->from.data, e->from.len);
    buf_put(ad, e->from_account, SEALED_KEY);
    buf_put_u64(ad, e->from_device);
    buf_put_u64(ad, e->id);
    buf_put_str8(ad, e->to.data, e->to.len);
    buf_put(ad, e->to_account, SEALED_KEY);
    buf_put_u32(ad, k->from_seq);
    buf_put_u32(ad, k->to_seq);
}

void envelope_seal(const struct envelope *e, struct envelope_key *k, struct slice content,
                   const struct sealed_random *rnd, struct buf *out)
{
    struct buf ad = {0}, padded = {0};
    sealed_fill(rnd, k->key, SEALED_KEY);
    put_ad(&ad, e, k);
    envelope_pad(content, &padded);
    buf_put_u8(out, SEALED_SUITE_DIRECT);
    sealed_seal(k->key, info_body, sealed_head(&ad), sealed_head(&padded), out);
    sealed_buf_wipe(&padded);
    buf_free(&ad);
}

bool envelope_open(const struct envelope *e, const struct envelope_key *k, struct slice body,
                   struct buf *out)
{
    struct buf ad = {0};
    if (body.len < 1 + SEALED_TAG || body.len > ENVELOPE_BODY_MAX ||
        body.data[0] != SEALED_SUITE_DIRECT)
        return false;
    put_ad(&ad, e, k);
    struct slice sealed = sealed_slice(body.data + 1, body.len - 1);
    uint8_t *to = buf_room(out, sealed.len);
    struct slice content = {to, sealed.len - SEALED_TAG};
    bool good = sealed_open(k->key, info_body, sealed_head(&ad), sealed, to) == 0 &&
                envelope_unpad(&content);
    if (good)
        buf_added(out, content.len);
    else
        sodium_memzero(to, sealed.len);
    buf_free(&ad);
    return good;
}

void envelope_key_encode(const struct envelope_key *k, uint8_t out[ENVELOPE_KEY_TEXT])
{
    out[0] = KEY_TEXT_FORM;
    memcpy(out + 1, k->key, SEALED_KEY);
    put_u32(out + 1 + SEALED_KEY, k->from_seq);
    put_u32(out + 5 + SEALED_KEY, k->to_seq);
}

bool envelope_key_decode(struct envelope_key *k, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    if (cur_u8(&c) != KEY_TEXT_FORM) return false;
    cur_copy(&c, k->key, SEALED_KEY);
    k->from_seq = cur_u32(&c);
    k->to_seq = cur_u32(&c);
    return cur_end(&c);
}
