/*
 * input.h - the keyboard: bytes to a line being typed, by readline's callback interface, so that ~/.inputrc
 * and vi mode work, and to actions of the window. Every action is a readline function with a name, which
 * ~/.inputrc can bind to another key ("\ea": csmsg-next-active).
 *
 * readline's callbacks carry no argument: there is one input, in a static pointer.
 */
#ifndef WINDOW_INPUT_H
#define WINDOW_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum input_action {
    INPUT_NEXT_ACTIVE,
    INPUT_ROOM, /* count says which, from 1 */
    INPUT_NEXT_ROOM,
    INPUT_PREVIOUS_ROOM,
    INPUT_LAST_ROOM,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_FIRST_UNREAD,
    INPUT_SEARCH,
    INPUT_SWITCH,
    INPUT_EDITOR,
    INPUT_BARE,
    INPUT_SELECT,
    INPUT_INBOX,
    INPUT_ROOMS_PANE,
    INPUT_MEMBERS_PANE,
    INPUT_TRANSFERS,
    INPUT_HELP,
    INPUT_REDRAW,
    INPUT_ACTIONS
};

struct input_ops {
    void (*line)(void *arg, const char *line); /* NULL: the end of input, Ctrl-D on an empty line */
    void (*action)(void *arg, enum input_action action, int count);
    void (*paste)(void *arg, struct slice text, bool cut);
    void (*changed)(void *arg); /* the line or the cursor */
    void (*escape)(void *arg);  /* Escape alone, while input_asks() */
    void (*interrupt)(void *arg);
    void (*suspend)(void *arg);
    size_t (*key)(void *arg, struct slice keys); /* how many of the bytes were a key of its own; 0: they are for the line */
    void (*background)(void *arg, bool light); /* what input_background() has asked */
    /* The i-th word that could stand in place of one that begins at byte `start` of the line; to be freed. */
    char *(*word)(void *arg, const char *line, size_t start, const char *word, size_t i);
    void (*matches)(void *arg, char **matches, int n); /* what Tab could mean; matches[1] to [n] */
};

void input_open(const struct input_ops *ops, void *arg);
void input_close(void);

/* Standard input is readable: reads and carries out what is there, a bounded part of it. */
void input_read(void);
/* Milliseconds until input_tick() has something to do; -1: not. */
int input_timeout(void);
void input_tick(void);

/* The line as it stands (while one is carried out, what is to follow it), its cursor, and what stands before it when readline asks something itself, or NULL. */
const char *input_text(void);
size_t input_cursor(void);
const char *input_prompt(void);

/* Puts another text into the line, the cursor behind it. */
void input_set(const char *text);
/* Puts a text in at the cursor. */
void input_insert(const char *text);

/* As if it had been killed in the line: Ctrl-y yanks it. */
void input_kill(struct slice text);

/* The terminal was asked for its background: the answer is no part of any line. */
void input_background(void);

/* The line is an answer from now on: what was typed is kept for input_answered(). */
void input_ask(void);
void input_answered(void);
bool input_asks(void);

#endif
