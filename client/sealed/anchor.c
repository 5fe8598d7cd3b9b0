/* anchor.c - see anchor.h. */
#include "anchor.h"

#include <string.h>

#include "name.h"

enum { FORMAT = 1 };

static const char label_entry[] = "csmsg roster 1";
static const uint64_t skew_ms = UINT64_C(24) * 3600 * 1000;

static bool well_formed(const struct anchor_entry *e)
{
    return e->class_name.len >= 1 && e->class_name.len <= ANCHOR_CLASS_MAX &&
           name_valid((const char *)e->name.data, e->name.len, NULL) &&
           e->role <= ANCHOR_INSTRUCTOR && e->issued_ms < e->expires_ms;
}

/* The anchor key in front of the entry: what is signed. */
static void put_signed(struct buf *b, const uint8_t *anchor_key, struct slice body)
{
    buf_put(b, anchor_key, SEALED_KEY);
    buf_put(b, body.data, body.len);
}

int anchor_sign(const struct anchor_entry *e, const uint8_t anchor_secret[SEALED_SIGN_SECRET],
                struct buf *out)
{
    uint8_t signature[SEALED_SIGNATURE];
    struct buf body = {0}, text = {0};
    if (!well_formed(e)) return -1;
    buf_put_u8(&body, FORMAT);
    buf_put_u32(&body, e->serial);
    buf_put_str8(&body, e->class_name.data, e->class_name.len);
    buf_put_str8(&body, e->name.data, e->name.len);
    buf_put(&body, e->account_key, SEALED_KEY);
    buf_put_u8(&body, e->role);
    buf_put_u64(&body, e->issued_ms);
    buf_put_u64(&body, e->expires_ms);
    /* libsodium keeps the public key behind the seed. */
    put_signed(&text, anchor_secret + SEALED_KEY, sealed_head(&body));
    sealed_sign(anchor_secret, label_entry, sealed_head(&text), signature);
    buf_put(out, buf_head(&body), buf_len(&body));
    buf_put(out, signature, sizeof signature);
    buf_free(&body);
    buf_free(&text);
    return 0;
}

static bool decode(struct slice in, struct anchor_entry *e, struct slice *body,
                   const uint8_t **signature)
{
    struct cur c = cur_of(in.data, in.len);
    *e = (struct anchor_entry){0};
    if (in.len > ANCHOR_ENTRY_MAX || cur_u8(&c) != FORMAT) return false;
    e->serial = cur_u32(&c);
    e->class_name = cur_str8(&c);
    e->name = cur_str8(&c);
    cur_copy(&c, e->account_key, SEALED_KEY);
    e->role = cur_u8(&c);
    e->issued_ms = cur_u64(&c);
    e->expires_ms = cur_u64(&c);
    *body = sealed_slice(in.data, (size_t)(c.p - in.data));
    *signature = cur_bytes(&c, SEALED_SIGNATURE);
    return cur_end(&c) && well_formed(e);
}

enum anchor_verdict anchor_read(struct anchor_entry *e, struct slice in,
                                const uint8_t anchor_key[SEALED_KEY], struct slice class_name,
                                uint64_t now_ms)
{
    struct slice body;
    const uint8_t *signature;
    struct buf text = {0};
    if (!decode(in, e, &body, &signature)) return ANCHOR_DAMAGED;
    put_signed(&text, anchor_key, body);
    bool good = sealed_verify(anchor_key, label_entry, sealed_head(&text), signature) &&
                e->class_name.len == class_name.len &&
                memcmp(e->class_name.data, class_name.data, class_name.len) == 0;
    buf_free(&text);
    if (!good) return ANCHOR_FORGED;
    bool early = e->issued_ms > now_ms && e->issued_ms - now_ms > skew_ms;
    return early || now_ms >= e->expires_ms ? ANCHOR_EXPIRED : ANCHOR_GOOD;
}
