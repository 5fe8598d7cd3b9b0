/* drv_relay.c - speaks to the bare relay (relay.h). */
#include "load.h"
#include "relay.h"

static void put_frame(struct conn *c, enum relay_kind kind, unsigned id, const char *body, size_t n)
{
    uint8_t head[RELAY_HEAD];
    put_u16(head, (uint16_t)(RELAY_HEAD - 2 + n));
    head[2] = (uint8_t)kind;
    put_u32(head + 3, id);
    conn_put(c, head, sizeof head);
    conn_put(c, body, n);
}

static void relay_open(struct conn *c)
{
    put_frame(c, RELAY_NAME, c->id, NULL, 0);
}

static size_t relay_input(struct conn *c, uint8_t *data, size_t n)
{
    size_t used = 0;
    while (n - used >= RELAY_HEAD) {
        const uint8_t *frame = data + used;
        size_t len = 2u + get_u16(frame);
        if (n - used < len) break;
        switch (frame[2]) {
        case RELAY_NAME: driver_ready(c); break;
        case RELAY_JOIN: driver_joined(c); break;
        default: text_came(c, frame + RELAY_HEAD, len - RELAY_HEAD);
        }
        used += len;
    }
    return used;
}

static void relay_join(struct conn *c)
{
    put_frame(c, RELAY_JOIN, c->id, NULL, 0);
}

static void relay_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    put_frame(c, RELAY_USER, to, text, n);
}

static void relay_room(struct conn *c, const char *text, size_t n)
{
    put_frame(c, RELAY_ROOM, 0, text, n);
}

const struct driver driver_relay = {
    .name = "relay",
    .sender_joins = true,
    .open = relay_open,
    .input = relay_input,
    .join = relay_join,
    .direct = relay_direct,
    .room = relay_room,
};
