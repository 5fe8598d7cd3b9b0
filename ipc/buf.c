/* buf.c - see buf.h. Growth doubles; a reader never moves past its end. */
#include "buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

uint8_t *buf_grow(struct buf *b, size_t n)
{
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

void cur_copy(struct cur *c, void *to, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    if (p)
        memcpy(to, p, n);
    else
        memset(to, 0, n);
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
