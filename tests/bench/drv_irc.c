/* drv_irc.c - IRC (RFC 2812): ngircd, InspIRCd. Nothing is acknowledged, nothing kept. */
#include "load.h"

#include <string.h>

static void irc_open(struct conn *c)
{
    conn_putf(c, "NICK u%u\r\nUSER u%u 0 * :u%u\r\n", c->id, c->id, c->id);
}

static bool starts(const char *line, size_t n, const char *word)
{
    size_t len = strlen(word);
    return n >= len && memcmp(line, word, len) == 0;
}

static void take_privmsg(struct conn *c, const char *rest, size_t n)
{
    const char *space = memchr(rest, ' ', n);
    if (!space || space + 1 >= rest + n || space[1] != ':') return;
    text_came(c, space + 2, (size_t)(rest + n - space - 2));
}

/* A numeric answer: who is logged in, who is in the room, what went wrong. */
static void take_number(struct conn *c, const char *line, size_t n)
{
    if (starts(line, n, "376 ") || starts(line, n, "422 "))
        driver_ready(c);
    else if (starts(line, n, "366 "))
        driver_joined(c);
    else if (starts(line, n, "433 ")) /* the connection that was cut still holds the name */
        conn_putf(c, "NICK u%u\r\n", c->id);
    else if (line[0] == '4' || line[0] == '5')
        complain("irc: %.*s", (int)n, line);
}

static void take_line(struct conn *c, const char *line, size_t n)
{
    if (n && line[0] == ':') {
        const char *space = memchr(line, ' ', n);
        if (!space) return;
        n -= (size_t)(space + 1 - line);
        line = space + 1;
    }
    if (starts(line, n, "PRIVMSG "))
        take_privmsg(c, line + 8, n - 8);
    else if (starts(line, n, "PING "))
        conn_putf(c, "PONG %.*s\r\n", (int)n - 5, line + 5);
    else if (starts(line, n, "ERROR"))
        complain("irc: %.*s", (int)n, line);
    else if (n > 4 && line[3] == ' ')
        take_number(c, line, n);
}

static size_t irc_input(struct conn *c, uint8_t *data, size_t n)
{
    size_t used = 0;
    for (const uint8_t *end; (end = memchr(data + used, '\n', n - used));) {
        size_t len = (size_t)(end - data) - used;
        const char *line = (const char *)data + used;
        take_line(c, line, len && line[len - 1] == '\r' ? len - 1 : len);
        used += (size_t)(end - data) - used + 1;
    }
    return used;
}

static void irc_join(struct conn *c)
{
    conn_putf(c, "JOIN #room\r\n");
}

static void irc_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    conn_putf(c, "PRIVMSG u%u :%.*s\r\n", to, (int)n, text);
}

static void irc_room(struct conn *c, const char *text, size_t n)
{
    conn_putf(c, "PRIVMSG #room :%.*s\r\n", (int)n, text);
}

static void irc_bye(struct conn *c)
{
    conn_putf(c, "QUIT\r\n");
}

const struct driver driver_irc = {
    .name = "irc",
    .sender_joins = true,
    .text_max = 400,
    .open = irc_open,
    .input = irc_input,
    .join = irc_join,
    .direct = irc_direct,
    .room = irc_room,
    .bye = irc_bye,
};
