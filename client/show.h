/*
 * show.h - the one filter through which the bytes of others reach a terminal.
 *
 * What could move the cursor, change colours, hide, reorder or fake text comes out as a visible
 * mark: a byte that is not UTF-8 as <xNN>, a control, bidirectional, invisible, private or
 * unassigned character as <U+XXXX>. More than 8 combining marks on one character are cut.
 */
#ifndef CLIENT_SHOW_H
#define CLIENT_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* One line (names, notices, anything but a body): newline and tab become marks too. */
void show_line(struct buf *out, struct slice text);

/*
 * A message body: tabs stay, and each newline is followed by indent, which must end in something
 * that no line of ours begins with, so that nobody can fake a line.
 */
void show_body(struct buf *out, struct slice text, const char *indent);

/* show_line() into an array, cut at its end (at a character), for names and codes. Returns out. */
const char *show_word(char *out, size_t cap, struct slice text);

/* True for a character that must not reach a terminal as it is; newline and tab count as such. */
bool show_unsafe(int32_t codepoint);

/* True when text is well-formed UTF-8. */
bool show_is_utf8(struct slice text);

#endif
