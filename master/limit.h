/*
 * limit.h - how often one source may connect: a token bucket for each address (or network) that was
 * seen lately, in a table of fixed size. Knows no sockets and no clock.
 *
 * A full bucket is forgotten when its place is needed, so a source that stays within its rate
 * costs nothing; under an attack from more sources than the table holds, the fullest bucket of
 * the few that share a place gives way.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct limit_bucket {
    uint8_t key[8]; /* IPv4: 4 bytes and zeros; IPv6: the first 8 bytes; masked */
    uint8_t family; /* 4, 6; 0 free */
    uint64_t tokens; /* thousandths */
    uint64_t stamp_ms;
};

enum { LIMIT_SETS = 4096, LIMIT_WAYS = 4 };

struct limiter {
    uint64_t rate, burst; /* a second; at once */
    unsigned bits4, bits6; /* of the address that count: 32 and 64, or 24 and 48 */
    uint64_t seed;
    struct limit_bucket (*set)[LIMIT_WAYS];
};

/* rate 0: no limit. */
void limit_init(struct limiter *l, uint64_t rate, unsigned bits4, unsigned bits6, uint64_t seed);
void limit_rate(struct limiter *l, uint64_t rate);

/* Takes a token; false when there is none left. */
bool limit_allow(struct limiter *l, const struct sockaddr *from, uint64_t now_ms);

#endif
