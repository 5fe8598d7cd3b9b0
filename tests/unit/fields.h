/*
 * fields.h - for tests of frames: payloads built field by field as the tables of the documents list
 * them, and decoders run on exact copies. Included by one test program each.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define N1 UINT64_C(0x0102030405060708)
#define N2 UINT64_C(0x1112131415161718)
#define N3 UINT64_C(0x2122232425262728)
#define N4 UINT64_C(0x3132333435363738)

static uint8_t key[32], signature[64], noise[1 << 17];

static inline int fill(void **state)
{
    (void)state;
    memset(key, 0xaa, sizeof key);
    memset(signature, 0xbb, sizeof signature);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 131 + i / 256);
    return 0;
}

static inline struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/*
 * The fields of a payload as in the document's tables: digits are integers of that many bytes, s
 * and S strings with one and two bytes of length, r the rest, k a key, g a signature.
 */
static inline struct buf fields(const char *kinds, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, kinds);
    for (; *kinds; kinds++) {
        if (strchr("1248", *kinds)) {
            uint8_t bytes[8];
            put_u64(bytes, va_arg(ap, uint64_t));
            buf_put(&b, bytes, (size_t)(*kinds - '0'));
        } else if (*kinds == 'k') {
            buf_put(&b, key, sizeof key);
        } else if (*kinds == 'g') {
            buf_put(&b, signature, sizeof signature);
        } else {
            struct slice s = va_arg(ap, struct slice);
            if (*kinds == 's') buf_put_u8(&b, (uint8_t)s.len);
            if (*kinds == 'S') buf_put_u16(&b, (uint16_t)s.len);
            buf_put(&b, s.data, s.len);
        }
    }
    va_end(ap);
    return b;
}

/* Decodes and encodes again; false when it is refused. The copy is exact: sanitizers see a step
 * beyond. */
typedef bool again_fn(struct slice p, struct buf *out);

static inline bool decodes(again_fn *again, const uint8_t *data, size_t n, struct buf *out)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (n) memcpy(exact, data, n);
    bool good = again((struct slice){exact, n}, out);
    free(exact);
    return good;
}

#endif
