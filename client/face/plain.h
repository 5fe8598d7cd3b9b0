/* plain.h - what plain.c (the loop) and editor.c (readline) share. */
#ifndef FACE_PLAIN_H
#define FACE_PLAIN_H

#include "chat.h"
#include "errand.h"

struct plain {
    struct errand s;
    struct chat chat;
    struct shown shown;
    bool terminal; /* keyboard and screen; else lines from a pipe */
    bool colour;
    bool ended; /* no more lines will come */
    bool receipts; /* read_receipts of the config file, as it was last */
    bool quitting;
    bool stopped;            /* /quit in a pipe: what follows is not read */
    bool gathering;          /* … several lines: their texts become durable together */
    struct buf input;        /* of a pipe: what is not a whole line yet */
    uint64_t interrupted_at; /* Ctrl-C, ms; 0: not lately */
};

/* Takes the terminal; lines arrive by chat_line(). */
void editor_open(struct plain *p);
void editor_close(struct plain *p);
/* A key is waiting. */
void editor_key(struct plain *p);
/* Ctrl-C: clears the line; twice within 2 s quits. */
void editor_interrupt(struct plain *p);
void editor_resize(struct plain *p);
/* Ctrl-Z: gives the terminal back, stops, and takes it again afterwards. */
void editor_suspend(struct plain *p);
/* Prints above the line being typed. */
void editor_print(struct plain *p, const char *text);
void editor_clear(struct plain *p);
/* Binds the keys of the config file. */
void editor_keys(struct plain *p);
/* The conversation has another target. */
void editor_prompt(struct plain *p);

#endif
