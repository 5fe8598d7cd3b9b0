/* buf.c - see buf.h. Growth doubles; a reader never moves past its end. */
#include "buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

uint8_t *buf_room(struct buf *b, size_t n)
{
    if (b->cap - b->len >= n && b->data) return b->data + b->len;
    if (b->off) {
        memmove(b->data, b->data + b->off, b->len - b->off);
        b->len -= b->off;
        b->off = 0;
        if (b->cap - b->len >= n) return b->data + b->len;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < n)
        cap *= 2;
    b->data = xrealloc(b->data, cap);
    b->cap = cap;
    return b->data + b->len;
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= buf_len(b));
    b->off += n;
    if (b->off == b->len) b->off = b->len = 0;
}

void buf_reset(struct buf *b, size_t keep)
{
    if (b->cap > keep) buf_free(b);
    b->off = b->len = 0;
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_put(struct buf *b, const void *data, size_t n)
{
    if (n == 0) return;
    memcpy(buf_room(b, n), data, n);
    b->len += n;
}

void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t get_u32(const uint8_t *p)
{
    return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

uint64_t get_u64(const uint8_t *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    *buf_room(b, 1) = v;
    b->len += 1;
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_u16(buf_room(b, 2), v);
    b->len += 2;
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_u32(buf_room(b, 4), v);
    b->len += 4;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_u64(buf_room(b, 8), v);
    b->len += 8;
}

void buf_put_str8(struct buf *b, const void *data, size_t n)
{
    assert(n <= UINT8_MAX);
    buf_put_u8(b, (uint8_t)n);
    buf_put(b, data, n);
}

void buf_put_str16(struct buf *b, const void *data, size_t n)
{
    assert(n <= UINT16_MAX);
    buf_put_u16(b, (uint16_t)n);
    buf_put(b, data, n);
}

const uint8_t *cur_bytes(struct cur *c, size_t n)
{
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *at = c->p;
    c->p += n;
    return at;
}

void cur_copy(struct cur *c, void *to, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    if (p)
        memcpy(to, p, n);
    else
        memset(to, 0, n);
}

uint8_t cur_u8(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 1);
    return p ? *p : 0;
}

uint16_t cur_u16(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 2);
    return p ? get_u16(p) : 0;
}

uint32_t cur_u32(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 4);
    return p ? get_u32(p) : 0;
}

uint64_t cur_u64(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 8);
    return p ? get_u64(p) : 0;
}

static struct slice take(struct cur *c, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    return p ? (struct slice){p, n} : (struct slice){(const uint8_t *)"", 0};
}

struct slice cur_str8(struct cur *c)
{
    return take(c, cur_u8(c));
}

struct slice cur_str16(struct cur *c)
{
    return take(c, cur_u16(c));
}

struct slice cur_rest(struct cur *c)
{
    return take(c, c->bad ? 0 : (size_t)(c->end - c->p));
}
