/* paste.c - see paste.h. */
#include "paste.h"

#include <string.h>

static const char begins[] = "\033[200~", ends[] = "\033[201~";
enum { MARK = sizeof begins - 1 };

static const char *mark_of(const struct paste *p)
{
    return p->inside ? ends : begins;
}

static void put_pasted(struct paste *p, uint8_t byte)
{
    if (buf_len(&p->text) >= PASTE_MAX)
        p->cut = true;
    else
        buf_put_u8(&p->text, byte == '\r' ? '\n' : byte);
}

/* Bytes that turned out not to be the mark. */
static void release(struct paste *p, struct buf *keys)
{
    for (unsigned i = 0; i < p->matched; i++)
        if (p->inside)
            put_pasted(p, (uint8_t)mark_of(p)[i]);
        else
            buf_put_u8(keys, (uint8_t)mark_of(p)[i]);
    p->matched = 0;
}

bool paste_take(struct paste *p, uint8_t byte, struct buf *keys)
{
    if (byte != (uint8_t)mark_of(p)[p->matched]) release(p, keys);
    if (byte == (uint8_t)mark_of(p)[p->matched]) {
        if (++p->matched < MARK) return false;
        p->matched = 0;
        p->inside = !p->inside;
        return !p->inside;
    }
    if (p->inside)
        put_pasted(p, byte);
    else
        buf_put_u8(keys, byte);
    return false;
}

void paste_done(struct paste *p)
{
    buf_free(&p->text);
    p->cut = false;
}

void paste_flush(struct paste *p, struct buf *keys)
{
    if (!p->inside) release(p, keys);
}

bool paste_holds(const struct paste *p)
{
    return !p->inside && p->matched > 0;
}
