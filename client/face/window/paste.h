/*
 * paste.h - tells what was pasted from what was typed: a terminal in bracketed paste mode puts ESC [ 200 ~ and
 * ESC [ 201 ~ around it. Pure: bytes in, bytes out; a mark may come in pieces.
 */
#ifndef WINDOW_PASTE_H
#define WINDOW_PASTE_H

#include <stdbool.h>

#include "buf.h"

enum { PASTE_MAX = 65536 }; /* more is left out */

struct paste {
    bool inside;
    unsigned matched; /* bytes of the mark that is looked for */
    struct buf text;  /* pasted so far */
    bool cut;         /* it was longer */
};

/*
 * Takes one byte. Typed ones go behind keys; true: a paste has ended, and is in p->text until
 * paste_done(). Line ends in it are newlines.
 */
bool paste_take(struct paste *p, uint8_t byte, struct buf *keys);
void paste_done(struct paste *p);

/* What looked like the beginning of a mark and is none goes behind keys: nothing else came for a while. */
void paste_flush(struct paste *p, struct buf *keys);
/* True while such bytes are held. */
bool paste_holds(const struct paste *p);

#endif
