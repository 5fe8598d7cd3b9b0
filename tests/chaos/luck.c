/* luck.c - clock and random numbers of chaos.h. */
#include "chaos.h"

#include <time.h>

static uint64_t raw_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t now_us(void)
{
    static uint64_t start; /* set before the first fork */
    if (!start) start = raw_us() - 1;
    return raw_us() - start;
}

uint64_t luck_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
