/*
 * width.h - how many cells of a terminal a text takes, and where it may be cut. Texts have passed show.h.
 *
 * A cluster is what a reader takes for one character (UAX 29, utf8proc): no line ends inside one. Within it,
 * each character of a width of its own begins a cell, and those without (combining marks) sit on it.
 */
#ifndef WINDOW_WIDTH_H
#define WINDOW_WIDTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIDTH_TAB = 4 };

struct cluster {
    size_t bytes;   /* 0: the text has ended */
    unsigned cells; /* 0 for a lone mark */
};

/* The cluster at the front of n bytes. A newline or tab is one of its own, of no and of WIDTH_TAB cells. */
struct cluster cluster_at(const char *text, size_t n);

/* The character at the front: its bytes, at least 1, and its code point; -1 for what is not UTF-8. */
size_t width_char(const char *text, size_t n, int32_t *cp);
/* Cells of a character: 0, 1 or 2. */
unsigned width_of(int32_t cp);

unsigned width_text(const char *text, size_t n);

/* How many bytes of the text fit into so many cells, at a cluster's end. */
size_t width_fit(const char *text, size_t n, unsigned cells);

/*
 * The text in at most so many cells, with `~` in the last one when something is missing; terminated.
 * Returns its width.
 */
unsigned width_cut(char *out, size_t cap, const char *text, unsigned cells);

struct wrapped {
    size_t bytes; /* what stands in this line, without the blank or newline that ends it */
    size_t next;  /* where the next line begins; n: there is none */
};

/*
 * The first line of a text in a column of `cells` (at least 2): it ends at a newline, else behind a blank,
 * else at a cluster. A text that is not empty gives at least one cluster.
 */
struct wrapped width_wrap(const char *text, size_t n, unsigned cells);

/* How many lines that makes; at least 1, and no more than `most` are counted. */
unsigned width_lines(const char *text, size_t n, unsigned cells, unsigned most);

#endif
