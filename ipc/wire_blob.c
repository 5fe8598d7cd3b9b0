/* wire_blob.c - see wire_blob.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_blob.h"

#include <assert.h>

/* Payloads are gathered first: but for DATA, these frames are rare. */
static void put(struct buf *b, struct buf *payload)
{
    wire_put(b, WIRE_BLOB, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

static void put_slice16(struct buf *b, struct slice s)
{
    buf_put_str16(b, s.data, s.len);
}

/* What a question has behind its op: ref, blob, a number, a name. */
enum { HAS_REF = 1, HAS_BLOB = 2, HAS_AT = 4, HAS_TO = 8 };

static unsigned parts_of(uint8_t op)
{
    static const uint8_t parts[WIRE_BLOB_OPS] = {
        [WIRE_BLOB_PUT] = HAS_REF | HAS_BLOB | HAS_AT | HAS_TO,
        [WIRE_BLOB_GET] = HAS_REF | HAS_BLOB | HAS_AT,
        [WIRE_BLOB_DONE] = HAS_REF | HAS_AT,
        [WIRE_BLOB_CREDIT] = HAS_REF | HAS_AT,
        [WIRE_BLOB_STOP] = HAS_REF,
        [WIRE_BLOB_HAVE] = HAS_BLOB,
        [WIRE_BLOB_DECLINE] = HAS_BLOB,
        [WIRE_BLOB_DROP] = HAS_BLOB,
        [WIRE_BLOB_WHAT] = HAS_BLOB,
        [WIRE_BLOB_NOTED] = HAS_BLOB,
    };
    return op < WIRE_BLOB_OPS ? parts[op] : 0;
}

void wire_put_blob_ask(struct buf *b, const struct wire_blob_ask *m)
{
    unsigned has = parts_of(m->op);
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    if (has & HAS_REF) buf_put_u32(&p, m->ref);
    if (has & HAS_BLOB) buf_put(&p, m->blob, sizeof m->blob);
    if (has & HAS_AT) buf_put_u64(&p, m->at);
    if (has & HAS_TO) buf_put_str8(&p, m->to.data, m->to.len);
    wire_put(b, WIRE_BLOB_ASK, buf_head(&p), buf_len(&p));
    buf_free(&p);
}

bool wire_get_blob_ask(struct slice p, struct wire_blob_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_blob_ask){.op = cur_u8(&c)};
    unsigned has = parts_of(m->op);
    if (has & HAS_REF) m->ref = cur_u32(&c);
    if (has & HAS_BLOB) cur_copy(&c, m->blob, sizeof m->blob);
    if (has & HAS_AT) m->at = cur_u64(&c);
    if (has & HAS_TO) m->to = cur_str8(&c);
    return cur_end(&c) && has != 0;
}

void wire_put_blob_ready(struct buf *b, const struct wire_blob_ready *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_READY);
    buf_put_u32(&p, m->ref);
    buf_put_u64(&p, m->size);
    buf_put_u64(&p, m->upto);
    buf_put_u8(&p, m->complete);
    put(b, &p);
}

bool wire_get_blob_ready(struct slice p, struct wire_blob_ready *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->ref = cur_u32(&c);
    m->size = cur_u64(&c);
    m->upto = cur_u64(&c);
    uint8_t complete = cur_u8(&c);
    m->complete = complete == 1;
    return cur_end(&c) && op == WIRE_BLOB_READY && complete <= 1;
}

void wire_put_blob_no(struct buf *b, const struct wire_blob_no *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_NO);
    buf_put_u8(&p, m->asked);
    buf_put_u32(&p, m->ref);
    buf_put(&p, m->blob, sizeof m->blob);
    buf_put_u16(&p, m->code);
    buf_put_u32(&p, m->retry_ms);
    put_slice16(&p, m->text);
    put_slice16(&p, m->hint);
    put(b, &p);
}

bool wire_get_blob_no(struct slice p, struct wire_blob_no *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->asked = cur_u8(&c);
    m->ref = cur_u32(&c);
    cur_copy(&c, m->blob, sizeof m->blob);
    m->code = cur_u16(&c);
    m->retry_ms = cur_u32(&c);
    m->text = cur_str16(&c);
    m->hint = cur_str16(&c);
    return cur_end(&c) && op == WIRE_BLOB_NO && m->asked < WIRE_BLOB_OPS;
}

void wire_put_blob_stored(struct buf *b, const struct wire_blob_stored *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_STORED);
    buf_put_u32(&p, m->ref);
    put(b, &p);
}

bool wire_get_blob_stored(struct slice p, struct wire_blob_stored *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->ref = cur_u32(&c);
    return cur_end(&c) && op == WIRE_BLOB_STORED;
}

void wire_put_blob_got(struct buf *b, const struct wire_blob_got *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_GOT);
    buf_put_u32(&p, m->ref);
    buf_put_u64(&p, m->upto);
    put(b, &p);
}

bool wire_get_blob_got(struct slice p, struct wire_blob_got *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->ref = cur_u32(&c);
    m->upto = cur_u64(&c);
    return cur_end(&c) && op == WIRE_BLOB_GOT;
}

void wire_put_blob_ok(struct buf *b, const struct wire_blob_ok *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_OK);
    buf_put_u8(&p, m->asked);
    buf_put(&p, m->blob, sizeof m->blob);
    put(b, &p);
}

bool wire_get_blob_ok(struct slice p, struct wire_blob_ok *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->asked = cur_u8(&c);
    cur_copy(&c, m->blob, sizeof m->blob);
    return cur_end(&c) && op == WIRE_BLOB_OK && m->asked >= WIRE_BLOB_HAVE && m->asked <= WIRE_BLOB_DROP;
}

void wire_put_blob_state(struct buf *b, const struct wire_blob_state *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_STATE);
    buf_put(&p, m->blob, sizeof m->blob);
    buf_put_u64(&p, m->size);
    buf_put_u64(&p, m->upto);
    buf_put_u8(&p, m->complete);
    buf_put_u64(&p, m->until_ms);
    buf_put_u32(&p, m->devices);
    buf_put_u32(&p, m->have);
    buf_put_u32(&p, m->declined);
    put(b, &p);
}

bool wire_get_blob_state(struct slice p, struct wire_blob_state *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    cur_copy(&c, m->blob, sizeof m->blob);
    m->size = cur_u64(&c);
    m->upto = cur_u64(&c);
    uint8_t complete = cur_u8(&c);
    m->complete = complete == 1;
    m->until_ms = cur_u64(&c);
    m->devices = cur_u32(&c);
    m->have = cur_u32(&c);
    m->declined = cur_u32(&c);
    return cur_end(&c) && op == WIRE_BLOB_STATE && complete <= 1;
}

void wire_put_blob_notice(struct buf *b, const struct wire_blob_notice *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_BLOB_NOTICE);
    buf_put(&p, m->blob, sizeof m->blob);
    buf_put_u8(&p, m->end);
    put_slice16(&p, m->text);
    put(b, &p);
}

bool wire_get_blob_notice(struct slice p, struct wire_blob_notice *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    cur_copy(&c, m->blob, sizeof m->blob);
    m->end = cur_u8(&c);
    m->text = cur_str16(&c);
    return cur_end(&c) && op == WIRE_BLOB_NOTICE && m->end >= WIRE_BLOB_EXPIRED && m->end <= WIRE_BLOB_DELETED;
}

void wire_data_head(uint8_t at[WIRE_DATA_HEAD], uint8_t type, uint32_t ref, uint64_t offset, size_t n)
{
    assert(n >= 1 && n <= WIRE_BLOB_CHUNK);
    at[0] = type;
    put_u16(at + 1, (uint16_t)(n + WIRE_DATA_HEAD - WIRE_FRAME_HEAD));
    put_u32(at + 3, ref);
    put_u64(at + 7, offset);
}

void wire_put_data(struct buf *b, uint8_t type, const struct wire_data *m)
{
    wire_data_head(buf_room(b, WIRE_DATA_HEAD), type, m->ref, m->offset, m->bytes.len);
    buf_added(b, WIRE_DATA_HEAD);
    buf_put(b, m->bytes.data, m->bytes.len);
}

/* Offsets stay so far below 2^64 that no sum with a length can wrap. */
bool wire_get_data(struct slice p, struct wire_data *m)
{
    struct cur c = cur_of(p.data, p.len);
    m->ref = cur_u32(&c);
    m->offset = cur_u64(&c);
    m->bytes = cur_rest(&c);
    return cur_end(&c) && m->bytes.len >= 1 && m->bytes.len <= WIRE_BLOB_CHUNK && m->offset < UINT64_C(1) << 62;
}
