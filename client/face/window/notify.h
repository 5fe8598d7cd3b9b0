/*
 * notify.h - what calls for a person who looks elsewhere: a bell, and a notification of the desktop (OSC 9 or
 * 777), for messages to them alone and mentions. Pure: it says which bytes go to the terminal.
 */
#ifndef WINDOW_NOTIFY_H
#define WINDOW_NOTIFY_H

#include <stdbool.h>

#include "buf.h"
#include "name.h"

enum { NOTIFY_PEOPLE = 64, NOTIFY_MS = 60000 };

/* A bell of each person at most every NOTIFY_MS; of whom was heard longest ago is forgotten first. */
struct notify {
    struct {
        char name[NAME_SIZE];
        uint64_t at_ms;
    } person[NOTIFY_PEOPLE];
    size_t n;
    enum { NOTIFY_OSC_9, NOTIFY_OSC_777, NOTIFY_BELL } how;
    bool tmux; /* passes it through */
};

/* What the terminal understands, by TERM, TERM_PROGRAM and TMUX (each may be NULL). */
void notify_init(struct notify *n, const char *term, const char *program, const char *tmux);

/*
 * Somebody calls: the bytes behind out; nothing when they did so lately. The name is one, words are ours: no
 * message's text leaves the window.
 */
void notify_call(struct notify *n, const char *name, const char *words, uint64_t now_ms, struct buf *out);

#endif
