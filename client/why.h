/*
 * why.h - what went wrong, in words for a person: one line what, one line what to do next.
 *
 * Functions of the client library that can fail for a reason worth telling take a struct why and
 * fill it when they return -1 or NULL. Both texts are ours or filtered: safe for a terminal.
 */
#ifndef CLIENT_WHY_H
#define CLIENT_WHY_H

struct why {
    char what[256]; /* lower case, no full stop */
    char hint[256]; /* may be empty */
};

/* Sets what (printf format) and clears the hint. */
void why_set(struct why *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds a hint. */
void why_hint(struct why *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
