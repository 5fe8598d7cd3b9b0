/* place.c - see place.h. */
#include "place.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

void places_init(struct places *p, uint32_t size)
{
    *p = (struct places){.place = xcalloc(size, sizeof *p->place),
                         .size = size,
                         .unused = xcalloc(size, sizeof *p->unused)};
    for (uint32_t i = 0; i < size; i++) {
        p->place[i].fd = -1;
        p->unused[i] = size - 1 - i;
    }
}

bool places_take(struct places *p, int fd, uint32_t *index, uint32_t *generation)
{
    if (p->used == p->size) return false;
    *index = p->unused[p->size - ++p->used];
    struct place *at = &p->place[*index];
    at->fd = fd;
    if (*index >= p->high) p->high = *index + 1;
    if (at->generation < p->floor) at->generation = p->floor;
    *generation = ++at->generation;
    return true;
}

bool places_put(struct places *p, int fd, uint32_t index, uint32_t generation)
{
    if (index >= p->size || p->place[index].fd >= 0) return false;
    /* Its number lies somewhere in the stack of unused ones, most likely near the top. */
    uint32_t n = p->size - p->used, i = n;
    while (i > 0 && p->unused[i - 1] != index)
        i--;
    if (i == 0) return false;
    memmove(p->unused + i - 1, p->unused + i, (n - i) * sizeof *p->unused);
    p->used++;
    p->place[index] = (struct place){.fd = fd, .generation = generation};
    if (index >= p->high) p->high = index + 1;
    if (generation > p->floor) p->floor = generation;
    return true;
}

static void give_back(struct places *p, uint32_t index)
{
    close(p->place[index].fd);
    p->place[index].fd = -1;
    p->unused[p->size - p->used--] = index;
}

bool places_end(struct places *p, uint32_t index, uint32_t generation)
{
    if (index >= p->size || p->place[index].fd < 0 || p->place[index].generation != generation)
        return false;
    give_back(p, index);
    return true;
}

uint32_t places_end_all(struct places *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->size; i++) {
        if (p->place[i].fd < 0) continue;
        shutdown(p->place[i].fd, SHUT_RDWR);
        give_back(p, i);
        n++;
    }
    return n;
}
