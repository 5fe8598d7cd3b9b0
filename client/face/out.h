/*
 * out.h - what the program writes: data to stdout, talk to stderr, a whole line with one write(2).
 */
#ifndef FACE_OUT_H
#define FACE_OUT_H

#include <jansson.h>
#include <stdbool.h>

#include "../../ipc/buf.h"
#include "../why.h"

/* Writes a line (a newline is added) to a descriptor. False and errno: it cannot be written. */
bool out_line(int fd, const struct buf *line);

/*
 * Writes an object as one line to stdout and frees it. Characters that show.h calls unsafe leave
 * as \u escapes: the same text for a program, harmless on a terminal. False as out_line().
 */
bool out_json(json_t *object);
/* The same into a buffer, without the newline. */
void out_json_text(struct buf *out, json_t *object);

/* A JSON string of foreign bytes; those that are not UTF-8 come out as show_body() marks them. */
json_t *out_text(struct slice text);

/* RFC 3339 in UTC with milliseconds. */
json_t *out_time(uint64_t ms);

/* "error: ..." and "hint: ..." on stderr. */
void out_why(const struct why *why);

/* Printf to stderr, a line. */
void out_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
