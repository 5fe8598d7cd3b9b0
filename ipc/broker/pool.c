/* pool.c - see pool.h. */
#include "pool.h"

#include <stdlib.h>

#include "log.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOLED 0
#elif defined(__has_feature)
#define POOLED !__has_feature(address_sanitizer)
#else
#define POOLED 1
#endif

enum {
    STEP = 64,        /* sizes are multiples of it, and so are addresses: a line of the caches */
    SIZES = 36,       /* larger ones are malloc's; a message of 2 KiB fits */
    KEEP = 4 << 20,   /* bytes kept of each size */
};

struct piece {
    struct piece *next;
};

static struct {
    struct piece *first;
    unsigned n;
} kept[SIZES];

static size_t class_of(size_t n)
{
    return POOLED ? (n - 1) / STEP : SIZES;
}

void *pool_get(size_t n)
{
    size_t c = class_of(n);
    if (c >= SIZES) return xmalloc(n);
    struct piece *p = kept[c].first;
    if (!p) {
        void *fresh = aligned_alloc(STEP, (c + 1) * STEP);
        if (!fresh) fatal("no memory for %zu bytes", n);
        return fresh;
    }
    kept[c].first = p->next;
    kept[c].n--;
    return p;
}

void pool_put(void *memory, size_t n)
{
    size_t c = class_of(n);
    if (!memory) return;
    if (c >= SIZES || (kept[c].n + 1) * (c + 1) * STEP > KEEP) {
        free(memory);
        return;
    }
    struct piece *p = memory;
    p->next = kept[c].first;
    kept[c].first = p;
    kept[c].n++;
}
