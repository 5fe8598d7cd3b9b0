/*
 * terminal.h - the real terminal, by ncurses: shows a screen, and gives it back as it was. Keys are not its
 * business: they are read raw from standard input (input.h).
 */
#ifndef WINDOW_TERMINAL_H
#define WINDOW_TERMINAL_H

#include "../../why.h"
#include "screen.h"
#include "palette.h"

struct terminal;

/* Takes the terminal of stdin and stdout. NULL and why: it cannot do what a full screen needs. */
struct terminal *terminal_open(enum palette palette, struct why *why);
/* Gives it back. NULL is fine. */
void terminal_close(struct terminal *t);

/* Other colours from now on: draw all. */
void terminal_theme(struct terminal *t, enum palette palette);

/* Asks a terminal whose colours are left to us for its background. False: the answer would change nothing. */
bool terminal_ask(struct terminal *t);
/* It has said: draw all then. */
void terminal_background(struct terminal *t, bool light);

/* Its size, as it is now. */
void terminal_size(struct terminal *t, unsigned *cols, unsigned *rows);

/* Shows a screen of this size; only what has changed is sent. all: draws everything anew. */
void terminal_draw(struct terminal *t, const struct screen *s, bool all);

/* Gives it to another program, or to the shell; and takes it again: draw all then. */
void terminal_leave(struct terminal *t);
void terminal_return(struct terminal *t);

/* Bytes as they are, between two drawings: a bell, a notification. */
void terminal_send(struct terminal *t, struct slice bytes);

#endif
