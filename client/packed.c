/* packed.c - see packed.h. */
#include "packed.h"

static void put(struct buf *out, struct slice s)
{
    buf_put_u32(out, (uint32_t)s.len);
    buf_put(out, s.data, s.len);
}

static struct slice take(struct cur *c)
{
    size_t n = cur_u32(c);
    const uint8_t *at = cur_bytes(c, n);
    return (struct slice){at, at ? n : 0};
}

void packed_put(struct buf *out, const struct wire_deliver *m)
{
    buf_put_u8(out, m->flags);
    buf_put_u64(out, m->incarnation);
    buf_put_u64(out, m->seq);
    buf_put_u64(out, m->time_ms);
    buf_put_u64(out, m->from_device);
    buf_put_u64(out, m->id);
    put(out, m->from);
    put(out, m->to);
    put(out, m->head);
    put(out, m->body);
}

bool packed_get(struct slice in, struct wire_deliver *m)
{
    struct cur c = cur_of(in.data, in.len);
    m->flags = cur_u8(&c);
    m->incarnation = cur_u64(&c);
    m->seq = cur_u64(&c);
    m->time_ms = cur_u64(&c);
    m->from_device = cur_u64(&c);
    m->id = cur_u64(&c);
    m->from = take(&c);
    m->to = take(&c);
    m->head = take(&c);
    m->body = take(&c);
    return cur_end(&c);
}
