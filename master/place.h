/*
 * place.h - the master's duplicates of one worker's connections, by the index of their slab record.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct place {
    int fd;     /* -1: free */
    bool handed; /* during adoption: the successor has got it already */
    uint32_t generation;
};

struct places {
    struct place *place;
    uint32_t size, used, high; /* high: no index at or beyond it was ever used */
    uint32_t *unused; /* stack of free indices */
    uint32_t floor;   /* names given so far, by an earlier master too, have no higher generation */
};

/* Room for size connections. */
void places_init(struct places *p, uint32_t size);

/* Keeps fd in a free place; false when there is none. index and generation name it from now on. */
bool places_take(struct places *p, int fd, uint32_t *index, uint32_t *generation);

/* The same with a name that an earlier master gave; false when the place is not free. */
bool places_put(struct places *p, int fd, uint32_t index, uint32_t generation);

/* The connection of that name has ended: closes the duplicate. False when it is not there (any more). */
bool places_end(struct places *p, uint32_t index, uint32_t generation);

/* Ends every connection: FIN to the clients, duplicates closed. Returns how many there were. */
uint32_t places_end_all(struct places *p);

#endif
