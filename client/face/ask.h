/*
 * ask.h - questions to whoever sits at the terminal, or feeds standard input, while a connection goes on:
 * a line is gathered byte by byte, so that nothing behind it is swallowed and no signal waits for it.
 */
#ifndef FACE_ASK_H
#define FACE_ASK_H

#include "errand.h"

struct ask_line {
    char text[512]; /* terminated, without the newline; longer lines are cut */
    size_t n;
    bool ready; /* a line is there, or the input has ended */
};

/* Begins a line, with its question on stderr. */
void ask_begin(struct ask_line *line, const char *question);
/* stdin is readable. */
void ask_read(struct ask_line *line);
/* True for yes and y. */
bool ask_yes(const struct ask_line *line);

/*
 * Waits for a socket, signals and, unless line is NULL or ready, for stdin, at most timeout_ms (-1: no
 * limit). Gives the socket's revents; a signal ends the errand.
 */
short ask_wait(struct errand *s, int fd, short wants, int timeout_ms, struct ask_line *line);

/* A whole line, with nothing else going on. False: the input has ended, or a signal has come. */
bool ask_now(struct errand *s, struct ask_line *line, const char *question);

/* The same without echo on a terminal. Wipe the line. */
bool ask_secret(struct errand *s, struct ask_line *line, const char *question);

#endif
