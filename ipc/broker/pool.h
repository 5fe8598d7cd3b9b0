/*
 * pool.h - memory for messages and what refers to them: taken and given back hundreds of thousands of
 * times a second, mostly in the order in which they came.
 *
 * Freed pieces of a size are kept and used again, the last one first, while it is still in the
 * processor's caches; small ones begin on a line of these. For one thread. Builds with AddressSanitizer take each piece from malloc(), so that a
 * use after the end shows.
 */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>

/* n bytes, not initialised; no memory is fatal. */
void *pool_get(size_t n) __attribute__((returns_nonnull, malloc, alloc_size(1)));

/* Gives back what pool_get(n) gave, with the same n; NULL is nothing. */
void pool_put(void *p, size_t n);

#endif
