/*
 * buf.h - a growing byte buffer to write fields into, a checked cursor to read them from.
 *
 * All integers are little-endian, as on the wire. Writing never fails (no memory is fatal).
 * Reading never runs past the end: the first field that does not fit marks the cursor bad, every
 * later read gives 0 or an empty slice, and cur_end() tells at the end whether all was well - so
 * a decoder reads all its fields and asks once.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes data[off .. len) are valid; data may be NULL while cap is 0. Zero-initialise. */
struct buf {
    uint8_t *data;
    size_t off, len, cap;
};

/* A piece of memory that belongs to somebody else. */
struct slice {
    const uint8_t *data;
    size_t len;
};

static inline size_t buf_len(const struct buf *b) { return b->len - b->off; }
static inline uint8_t *buf_head(const struct buf *b) { return b->data + b->off; }

/* buf_room() when it has to move or grow. */
uint8_t *buf_grow(struct buf *b, size_t n) __attribute__((returns_nonnull));

/* Makes room for n more bytes and returns where they go; does not change the length. */
static inline uint8_t *buf_room(struct buf *b, size_t n)
{
    return b->cap - b->len >= n && b->data ? b->data + b->len : buf_grow(b, n);
}

/* Counts n bytes, written where buf_room() said, as valid. */
static inline void buf_added(struct buf *b, size_t n) { b->len += n; }

/* Drops n bytes from the front; an empty buffer starts again at its beginning. */
void buf_drop(struct buf *b, size_t n);

/* Empties the buffer and keeps its memory; frees it when it has grown beyond keep bytes. */
void buf_reset(struct buf *b, size_t keep);

/* Frees the memory; the buffer is empty and usable again. */
void buf_free(struct buf *b);

/* Stores and loads in place, for headers that are filled in later. */
static inline void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_u32(const uint8_t *p)
{
    return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static inline uint64_t get_u64(const uint8_t *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

void buf_put(struct buf *b, const void *data, size_t n);

static inline void buf_put_u8(struct buf *b, uint8_t v)
{
    *buf_room(b, 1) = v;
    b->len += 1;
}

static inline void buf_put_u16(struct buf *b, uint16_t v)
{
    put_u16(buf_room(b, 2), v);
    b->len += 2;
}

static inline void buf_put_u32(struct buf *b, uint32_t v)
{
    put_u32(buf_room(b, 4), v);
    b->len += 4;
}

static inline void buf_put_u64(struct buf *b, uint64_t v)
{
    put_u64(buf_room(b, 8), v);
    b->len += 8;
}

/* Length in one byte, then the bytes; n must be at most 255. */
void buf_put_str8(struct buf *b, const void *data, size_t n);
/* Length in two bytes, then the bytes; n must be at most 65535. */
void buf_put_str16(struct buf *b, const void *data, size_t n);

struct cur {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct cur cur_of(const void *data, size_t n)
{
    return (struct cur){data, (const uint8_t *)data + n, false};
}

/* n bytes in place; NULL (and bad) when fewer are left. */
static inline const uint8_t *cur_bytes(struct cur *c, size_t n)
{
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *at = c->p;
    c->p += n;
    return at;
}

static inline uint8_t cur_u8(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 1);
    return p ? *p : 0;
}

static inline uint16_t cur_u16(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 2);
    return p ? get_u16(p) : 0;
}

static inline uint32_t cur_u32(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 4);
    return p ? get_u32(p) : 0;
}

static inline uint64_t cur_u64(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 8);
    return p ? get_u64(p) : 0;
}
/* Copies n bytes to `to`; zeros (and bad) when fewer are left. */
void cur_copy(struct cur *c, void *to, size_t n);
/* A string of one or two length bytes, in place, not terminated. */
struct slice cur_str8(struct cur *c);
struct slice cur_str16(struct cur *c);
/* Everything that is left. */
struct slice cur_rest(struct cur *c);

/* True when every read fitted and nothing is left over. */
static inline bool cur_end(const struct cur *c) { return !c->bad && c->p == c->end; }

#endif
