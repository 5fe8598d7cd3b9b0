/*
 * drv_nats.c - NATS, and JetStream on top of it for messages to absent users. A user is the subject
 * u.NUMBER; JetStream keeps off.* in one stream with a consumer for each who comes back.
 */
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { STEP_OPEN, STEP_PREPARING, STEP_PREPARED };

static void nats_open(struct conn *c)
{
    conn_putf(c,
              "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":%s,\"echo\":false,"
              "\"name\":\"u%u\"}\r\nSUB u.%u 1\r\nPING\r\n",
              load.o.tls ? "true" : "false", c->id, c->id);
}

/* JetStream's answer to a publish or a request. */
static void take_answer(struct conn *c, const uint8_t *data, size_t n)
{
    if (memmem(data, n, "\"error\"", 7))
        complain("nats: %.*s", (int)n, (const char *)data);
    else if (c->step == STEP_PREPARING)
        c->step = STEP_PREPARED;
    else
        driver_acked(c, 1);
}

/* MSG subject sid [reply] size: bytes used with its payload, 0 when that is not all there. */
static size_t take_message(struct conn *c, const uint8_t *line, size_t head, size_t n)
{
    size_t end = head - 1, at, size = 0;
    if (line[end - 1] == '\r') end--;
    for (at = end; line[at - 1] != ' '; at--)
        ;
    for (; at < end; at++)
        size = size * 10 + (size_t)(line[at] - '0');
    if (n < head + size + 2) return 0;
    if (memcmp(line + 4, "_R.", 3) == 0)
        take_answer(c, line + head, size);
    else
        text_came(c, line + head, size);
    return head + size + 2;
}

static void take_line(struct conn *c, const uint8_t *line, size_t n)
{
    if (n >= 4 && memcmp(line, "PING", 4) == 0)
        conn_put(c, "PONG\r\n", 6);
    else if (n >= 4 && memcmp(line, "PONG", 4) == 0 && c->ready)
        driver_joined(c);
    else if (n >= 4 && memcmp(line, "PONG", 4) == 0)
        driver_ready(c);
    else if (n >= 4 && memcmp(line, "-ERR", 4) == 0)
        complain("nats: %.*s", (int)n, (const char *)line);
}

static size_t nats_input(struct conn *c, uint8_t *data, size_t n)
{
    size_t used = 0;
    for (const uint8_t *end; (end = memchr(data + used, '\n', n - used));) {
        const uint8_t *line = data + used;
        size_t len = (size_t)(end - line) + 1;
        if (len > 4 && memcmp(line, "MSG ", 4) == 0) {
            len = take_message(c, line, len, n - used);
            if (len == 0) break;
        } else if (len > 4 && memcmp(line, "INFO", 4) == 0 && load.o.tls && !c->ssl) {
            conn_start_tls(c);
            return n; /* the server says nothing more before the handshake */
        } else {
            take_line(c, line, len);
        }
        used += len;
    }
    return used;
}

static void publish(struct conn *c, const char *head, const char *text, size_t n)
{
    conn_putf(c, "PUB %s %zu\r\n", head, n);
    conn_put(c, text, n);
    conn_put(c, "\r\n", 2);
}

static void nats_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    char subject[24];
    snprintf(subject, sizeof subject, "u.%u", to);
    publish(c, subject, text, n);
}

static void nats_room(struct conn *c, const char *text, size_t n)
{
    publish(c, "room", text, n);
}

static void nats_join(struct conn *c)
{
    conn_putf(c, "SUB room 2\r\nPING\r\n");
}

const struct driver driver_nats = {
    .name = "nats",
    .tls_after_banner = true,
    .open = nats_open,
    .input = nats_input,
    .join = nats_join,
    .direct = nats_direct,
    .room = nats_room,
};

/* --- JetStream --- */

static void ask(struct conn *c, const char *subject, const char *json)
{
    char head[96];
    snprintf(head, sizeof head, "%s _R.%u", subject, c->id);
    publish(c, head, json, strlen(json));
}

static void js_open(struct conn *c)
{
    char json[256];
    conn_putf(c,
              "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"u%u\"}\r\n"
              "SUB d.%u 1\r\nSUB _R.%u 3\r\nPING\r\n",
              c->id, c->id, c->id);
    if (!load.o.draining) return;
    snprintf(json, sizeof json,
             "{\"stream_name\":\"KEPT\",\"config\":{\"deliver_subject\":\"d.%u\","
             "\"filter_subject\":\"off.%u\",\"ack_policy\":\"none\",\"deliver_policy\":\"all\","
             "\"replay_policy\":\"instant\"}}",
             c->id, c->id);
    ask(c, "$JS.API.CONSUMER.CREATE.KEPT", json);
}

static void js_prepare(struct conn *c)
{
    c->step = STEP_PREPARING;
    ask(c, "$JS.API.STREAM.CREATE.KEPT",
        "{\"name\":\"KEPT\",\"subjects\":[\"off.*\"],\"storage\":\"file\",\"retention\":\"limits\","
        "\"num_replicas\":1}");
    for (double until = now_s() + 10; c->step == STEP_PREPARING && now_s() < until;)
        turn(100);
}

static void js_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    char head[48];
    snprintf(head, sizeof head, "off.%u _R.%u", to, c->id);
    publish(c, head, text, n);
}

const struct driver driver_jetstream = {
    .name = "jetstream",
    .tls_after_banner = true,
    .acks = true,
    .open = js_open,
    .input = nats_input,
    .direct = js_direct,
    .prepare = js_prepare,
};
