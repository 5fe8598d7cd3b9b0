/* kept.c - see kept.h. */
#include "kept.h"

#include <string.h>
#include <unistd.h>

#include "log.h"

enum { ROOM_STEP = 512 };

void kept_init(struct kept *k, uint32_t records)
{
    *k = (struct kept){.records = records, .broker.pidfd = -1};
}

static void forget(int fd)
{
    if (fd >= 0) close(fd);
}

/* The slot of that number, made when it is new; NULL when the number is not one. */
static struct kept_slot *slot_of(struct kept *k, uint32_t number)
{
    if (number >= KEPT_SLOTS_MAX) return NULL;
    for (; k->slots <= number; k->slots++) {
        struct kept_slot *s = &k->slot[k->slots];
        *s = (struct kept_slot){.worker.pidfd = -1, .slab = -1};
    }
    return &k->slot[number];
}

void kept_listen(struct kept *k, struct slice name, int fd)
{
    if (k->listeners == SETTINGS_LISTEN_MAX || name.len >= sizeof k->listener[0].name) {
        forget(fd);
        return;
    }
    struct kept_listener *l = &k->listener[k->listeners++];
    *l = (struct kept_listener){.fd = fd};
    memcpy(l->name, name.data, name.len);
}

struct kept_process *kept_find(struct kept *k, uint32_t process)
{
    struct kept_process *p = process == CTL_BROKER_SLOT ? &k->broker
                             : process < k->slots       ? &k->slot[process].worker
                                                        : NULL;
    return p && p->pidfd >= 0 ? p : NULL;
}

void kept_process(struct kept *k, uint32_t process, uint32_t generation, int fd)
{
    struct kept_slot *s = process == CTL_BROKER_SLOT ? NULL : slot_of(k, process);
    struct kept_process *p = process == CTL_BROKER_SLOT ? &k->broker : s ? &s->worker : NULL;
    if (!p) {
        forget(fd);
        return;
    }
    forget(p->pidfd);
    if (p->intro.loop) chan_close(&p->intro);
    p->pidfd = fd;
    p->generation = generation;
}

void kept_slab(struct kept *k, uint32_t slot, int fd)
{
    struct kept_slot *s = slot_of(k, slot);
    if (!s) {
        forget(fd);
        return;
    }
    for (uint32_t i = 0; i < s->high; i++) {
        forget(s->connection[i].fd);
        s->connection[i].fd = -1;
    }
    s->high = 0;
    forget(s->slab);
    s->slab = fd;
}

static void make_room(struct kept_slot *s, uint32_t index)
{
    if (index < s->cap) return;
    uint32_t cap = (index / ROOM_STEP + 1) * ROOM_STEP;
    s->connection = xrealloc(s->connection, cap * sizeof *s->connection);
    for (uint32_t i = s->cap; i < cap; i++)
        s->connection[i].fd = -1;
    s->cap = cap;
}

void kept_put(struct kept *k, uint32_t slot, uint32_t index, uint32_t generation, int fd)
{
    struct kept_slot *s = slot_of(k, slot);
    if (!s || index >= k->records) {
        forget(fd);
        return;
    }
    make_room(s, index);
    forget(s->connection[index].fd);
    s->connection[index] = (struct kept_connection){fd, generation};
    if (index >= s->high) s->high = index + 1;
}

void kept_drop(struct kept *k, uint32_t slot, uint32_t index, uint32_t generation)
{
    struct kept_slot *s = slot < k->slots ? &k->slot[slot] : NULL;
    if (!s || index >= s->high || s->connection[index].fd < 0 || s->connection[index].generation != generation) return;
    close(s->connection[index].fd);
    s->connection[index].fd = -1;
    while (s->high > 0 && s->connection[s->high - 1].fd < 0)
        s->high--;
}
