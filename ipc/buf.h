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

/* Makes room for n more bytes and returns where they go; does not change the length. */
uint8_t *buf_room(struct buf *b, size_t n) __attribute__((returns_nonnull));

/* Counts n bytes, written where buf_room() said, as valid. */
static inline void buf_added(struct buf *b, size_t n) { b->len += n; }

/* Drops n bytes from the front; an empty buffer starts again at its beginning. */
void buf_drop(struct buf *b, size_t n);

/* Empties the buffer and keeps its memory; frees it when it has grown beyond keep bytes. */
void buf_reset(struct buf *b, size_t keep);

/* Frees the memory; the buffer is empty and usable again. */
void buf_free(struct buf *b);

void buf_put(struct buf *b, const void *data, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/* Length in one byte, then the bytes; n must be at most 255. */
void buf_put_str8(struct buf *b, const void *data, size_t n);
/* Length in two bytes, then the bytes; n must be at most 65535. */
void buf_put_str16(struct buf *b, const void *data, size_t n);

/* Stores and loads in place, for headers that are filled in later. */
void put_u16(uint8_t *p, uint16_t v);
void put_u32(uint8_t *p, uint32_t v);
void put_u64(uint8_t *p, uint64_t v);
uint16_t get_u16(const uint8_t *p);
uint32_t get_u32(const uint8_t *p);
uint64_t get_u64(const uint8_t *p);

struct cur {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct cur cur_of(const void *data, size_t n)
{
    return (struct cur){data, (const uint8_t *)data + n, false};
}

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
/* n bytes in place; NULL (and bad) when fewer are left. */
const uint8_t *cur_bytes(struct cur *c, size_t n);
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
