/*
 * keypress.h - one key out of the bytes of a terminal, for what is not a line being typed: lists, questions,
 * selecting. Pure.
 */
#ifndef WINDOW_KEYPRESS_H
#define WINDOW_KEYPRESS_H

#include "buf.h"

/* Other keys are the byte itself; of a character in several bytes, the first. */
enum {
    KEY_NONE = 0x100, /* a sequence that is none of these, or Alt and something */
    KEY_UP,
    KEY_DOWN,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_ESCAPE, /* alone */
    KEY_ENTER,
    KEY_INTERRUPT,
};

/* The key at the front of at least one byte, and how many bytes it has. */
size_t keypress(struct slice bytes, int *key);

#endif
