/* links.h - web addresses in a text. Pure. */
#ifndef WINDOW_LINKS_H
#define WINDOW_LINKS_H

#include <stdbool.h>
#include <stddef.h>

enum { LINK_MAX = 1000 }; /* terminals take about 2,000 bytes */

/*
 * The next http:// or https:// address from byte *start on, nothing but printable ASCII in it: *start and *n. A
 * full stop, comma or bracket at its end belongs to the sentence. False: there is none.
 */
bool links_next(const char *text, size_t *start, size_t *n);

/* Does the terminal make links of OSC 8, by what the environment says? What does not know it may show the bytes. */
bool links_known(char *(*env)(const char *name));

#endif
