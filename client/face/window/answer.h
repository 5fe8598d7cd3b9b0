/*
 * answer.h - tells what a terminal answers from what is typed: its background, OSC 11, whenever that comes. Pure:
 * bytes in, bytes out; an answer may come in pieces.
 */
#ifndef WINDOW_ANSWER_H
#define WINDOW_ANSWER_H

#include <stdbool.h>

#include "buf.h"

#define ANSWER_ASKS "\033]11;?\033\\"
enum { ANSWER_MAX = 64, ANSWER_WAIT_MS = 100 };

struct answer {
    char text[ANSWER_MAX]; /* of an answer that has begun */
    size_t n;
};

enum answer_is { ANSWER_NONE, ANSWER_DARK, ANSWER_LIGHT };

/* Takes one byte. What is no part of an answer goes behind keys. What is not NONE has just been said. */
enum answer_is answer_take(struct answer *a, uint8_t byte, struct buf *keys);

/* True while bytes are held that may be keys; answer_flush() gives them up. */
bool answer_holds(const struct answer *a);
void answer_flush(struct answer *a, struct buf *keys);

#endif
