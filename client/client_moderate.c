/* client_moderate.c - orders in the lobby and what becomes of them: docs/protocol.md section 7.1. */
#include "client_private.h"

#include <string.h>

int client_moderate(struct client *c, uint8_t act, const char *name, uint32_t seconds, const char *reason)
{
    if (c->state != CLIENT_OPEN || strlen(name) > WIRE_NAME_MAX || strlen(reason) > WIRE_REASON_MAX) return -1;
    const struct wire_moderate_ask m = {.act = act,
                                        .room = sealed_slice("#lobby", 6),
                                        .name = sealed_slice(name, strlen(name)),
                                        .seconds = seconds,
                                        .reason = sealed_slice(reason, strlen(reason))};
    wire_put_moderate_ask(link_out(c->link), &m);
    return 0;
}

int client_take_moderate(struct client *c, struct slice p)
{
    struct wire_moderate_done done;
    struct wire_moderate_state state;
    struct wire_keys_refused refused;
    bool sound = false;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_MODERATE_DONE: sound = wire_get_moderate_done(p, &done); break;
    case WIRE_MODERATE_STATE: sound = wire_get_moderate_state(p, &state); break;
    case WIRE_MODERATE_REFUSED: sound = wire_get_keys_refused(p, &refused); break;
    default: break;
    }
    if (sound) client_keep(c, WIRE_MODERATE, 0, p);
    return sound ? 0 : -1;
}
