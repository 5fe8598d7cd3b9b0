/*
 * drv_mqtt.c - MQTT 3.1.1: mosquitto. A user is the topic u/NUMBER, the room is the topic room.
 * Quality 1 acknowledges; with kept sessions the broker holds what comes for somebody absent.
 */
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { CONNECT = 0x10, CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 0x82, SUBACK = 9 };

static void put_packet(struct conn *c, uint8_t type, const void *head, size_t n, const void *rest,
                       size_t rest_n)
{
    uint8_t first[5] = {type};
    size_t left = n + rest_n, k = 1;
    do {
        first[k] = left & 127;
        left >>= 7;
        if (left) first[k] |= 128;
        k++;
    } while (left);
    conn_put(c, first, k);
    conn_put(c, head, n);
    conn_put(c, rest, rest_n);
}

static void put_number(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static unsigned next_packet(struct conn *c)
{
    if (++c->packet == 0) c->packet = 1;
    return c->packet;
}

static void mqtt_open(struct conn *c)
{
    uint8_t head[64] = {0, 4, 'M', 'Q', 'T', 'T', 4, load.o.keep ? 0 : 2};
    int n = snprintf((char *)head + 12, sizeof head - 12, "u%u", c->id);
    put_number(head + 10, (unsigned)n);
    put_packet(c, CONNECT, head, 12 + (size_t)n, NULL, 0);
}

static void subscribe(struct conn *c, const char *topic)
{
    uint8_t head[64];
    int n = snprintf((char *)head + 4, sizeof head - 5, "%s", topic);
    put_number(head, next_packet(c));
    put_number(head + 2, (unsigned)n);
    head[4 + n] = (uint8_t)load.o.qos;
    put_packet(c, SUBSCRIBE, head, 5 + (size_t)n, NULL, 0);
}

static void take_connack(struct conn *c, uint8_t code)
{
    char topic[24];
    if (code) {
        complain("mqtt: connection refused with code %u", code);
    } else if (load.o.draining) {
        driver_ready(c); /* its session has the subscription */
    } else {
        snprintf(topic, sizeof topic, "u/%u", c->id);
        subscribe(c, topic);
    }
}

static void take_publish(struct conn *c, uint8_t flags, const uint8_t *body, size_t n)
{
    if (n < 2) return;
    size_t at = 2 + (size_t)(body[0] << 8 | body[1]);
    if (flags & 6 && at + 2 <= n) {
        put_packet(c, PUBACK << 4, body + at, 2, NULL, 0);
        at += 2;
    }
    if (at <= n) text_came(c, body + at, n - at);
}

static void take_packet(struct conn *c, uint8_t first, const uint8_t *body, size_t n)
{
    switch (first >> 4) {
    case CONNACK: take_connack(c, body[1]); break;
    case SUBACK:
        if (c->ready)
            driver_joined(c);
        else
            driver_ready(c);
        break;
    case PUBACK: driver_acked(c, 1); break;
    case PUBLISH: take_publish(c, first & 15, body, n); break;
    }
}

/* Length field at p: bytes it takes, 0 when it is not all there. */
static size_t get_length(const uint8_t *p, size_t n, size_t *length)
{
    *length = 0;
    for (size_t k = 0; k < 4 && k < n; k++) {
        *length |= (size_t)(p[k] & 127) << (7 * k);
        if (!(p[k] & 128)) return k + 1;
    }
    return 0;
}

static size_t mqtt_input(struct conn *c, uint8_t *data, size_t n)
{
    size_t used = 0, length;
    while (n - used >= 2) {
        size_t k = get_length(data + used + 1, n - used - 1, &length);
        if (k == 0 || n - used < 1 + k + length) break;
        take_packet(c, data[used], data + used + 1 + k, length);
        used += 1 + k + length;
    }
    return used;
}

static void publish(struct conn *c, const char *topic, const char *text, size_t n)
{
    uint8_t head[64];
    size_t len = strlen(topic), k = 2 + len;
    put_number(head, (unsigned)len);
    memcpy(head + 2, topic, len);
    if (load.o.qos) {
        put_number(head + k, next_packet(c));
        k += 2;
    }
    put_packet(c, (uint8_t)(PUBLISH << 4 | load.o.qos << 1), head, k, text, n);
}

static void mqtt_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    char topic[24];
    snprintf(topic, sizeof topic, "u/%u", to);
    publish(c, topic, text, n);
}

static void mqtt_room(struct conn *c, const char *text, size_t n)
{
    publish(c, "room", text, n);
}

static void mqtt_join(struct conn *c)
{
    subscribe(c, "room");
}

static void mqtt_bye(struct conn *c)
{
    conn_put(c, "\xe0\0", 2);
}

const struct driver driver_mqtt = {
    .name = "mqtt",
    .acks = true,
    .open = mqtt_open,
    .input = mqtt_input,
    .join = mqtt_join,
    .direct = mqtt_direct,
    .room = mqtt_room,
    .bye = mqtt_bye,
};
