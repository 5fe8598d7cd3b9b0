/*
 * text.c - the text of a message, in printable characters so that every protocol carries it:
 *
 *   L or F   1   last or only part of the text; a part before it
 *   from     8   hex      to  8   hex      seq  8   hex      time  16  hex, ns      then padding
 */
#include "load.h"

#include <string.h>

enum { FROM = 1, TO = 9, SEQ = 17, TIME = 25, HEAD = 41, TEXT_MAX = 65000 };

static void put_hex(char *at, uint64_t v, unsigned digits)
{
    while (digits--) {
        at[digits] = "0123456789abcdef"[v & 15];
        v >>= 4;
    }
}

static uint64_t get_hex(const char *at, unsigned digits)
{
    uint64_t v = 0;
    for (; digits--; at++)
        v = v << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return v;
}

void text_send(struct conn *c, bool to_room, unsigned to)
{
    static char text[TEXT_MAX];
    const struct driver *d = load.o.driver;
    const size_t all = load.o.bytes < HEAD ? HEAD : load.o.bytes;
    const size_t parts = d->text_max ? (all + d->text_max - 1) / d->text_max : 1;
    if (text[HEAD] != 'x') memset(text, 'x', sizeof text);
    put_hex(text + FROM, c->id, 8);
    put_hex(text + TO, to, 8);
    put_hex(text + SEQ, c->seq++, 8);
    put_hex(text + TIME, now_ns(), 16);
    for (size_t i = 0; i < parts; i++) {
        size_t n = all * (i + 1) / parts - all * i / parts;
        text[0] = i + 1 == parts ? 'L' : 'F';
        if (to_room)
            d->room(c, text, n);
        else
            d->direct(c, to, text, n);
    }
}

void text_came(struct conn *c, const void *data, size_t n)
{
    const char *text = data;
    if (n < HEAD || text[0] != 'L' || !load.on_text) return;
    load.on_text(c, (unsigned)get_hex(text + FROM, 8), (unsigned)get_hex(text + TO, 8),
                 (uint32_t)get_hex(text + SEQ, 8), get_hex(text + TIME, 16));
}
