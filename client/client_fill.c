/*
 * client_fill.c - see client.h: what the lobby said while this device was not listening. The server sends such rows
 * like any other of the room, below what is known already; they are kept without being acknowledged.
 */
#include <string.h>

#include "client_private.h"

static const struct slice lobby = {(const uint8_t *)"#lobby", 6};

int client_fill(struct client *c, uint64_t after, uint64_t before)
{
    if (c->state != CLIENT_OPEN || c->fill.before || before <= after + 1) return -1;
    uint64_t n = before - after - 1;
    c->fill.after = after;
    c->fill.before = before;
    wire_put_history_ask(link_out(c->link), &(struct wire_history){.room = lobby,
                                                                  .after = after,
                                                                  .count = n < WIRE_HISTORY_MAX ? (uint16_t)n
                                                                                                : WIRE_HISTORY_MAX});
    return 0;
}

bool client_fills(const struct client *c, const struct wire_deliver *m)
{
    return c->fill.before && (m->flags & WIRE_FLAG_BACKLOG) && m->seq > c->fill.after && m->seq < c->fill.before;
}

/* Another process of this device may have asked for the same. */
int client_take_fill(struct client *c, struct wire_deliver *m)
{
    if (client_in_batch(c) < 0) return TAKE_STORE;
    int r = vault_holds(c->o.vault, m->to, m->seq);
    if (r != 0) return r < 0 ? TAKE_STORE : 0;
    return client_keep_room(c, m);
}

int client_take_history(struct client *c, struct slice p)
{
    struct wire_history m;
    if (!wire_get_history(p, &m)) return -1;
    if (!c->fill.before) return 0; /* nobody waits for it any more */
    c->fill.before = 0;
    client_keep(c, WIRE_HISTORY, 0, p);
    return 0;
}
