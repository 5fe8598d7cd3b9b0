/*
 * reading.h - lines of the history for scripts and people: what read, search, export, inbox and /search write.
 */
#ifndef FACE_READING_H
#define FACE_READING_H

#include <jansson.h>

#include "../history.h"

enum { READING_SCHEMA = 1 }; /* of the JSON lines: raised when a name in them changes its meaning */

/* The object of a line: that of report_message() with schema, with and, of an own one, state. */
json_t *reading_json(const struct history_line *line);
/* The same as a line of text, dated; marks of own ones stand at its end. */
void reading_text(struct buf *out, const struct history_line *line);
/* What is missing before a line: false when nothing is. One of the two is NULL. */
bool reading_gap(const struct history_line *line, json_t **json, struct buf *text);

/* "waiting", "accepted", "delivered", "stored", "expired", "revoked", "read", "refused". */
const char *reading_state(int state);
/* "-", "+", "++", "##", "!". */
const char *reading_mark(int state);

/* "90s", "10m", "2h", "7d" before now, or a day as 2024-10-10: ms since 1970. False: neither. */
bool reading_since(const char *text, uint64_t now_ms, uint64_t *since_ms);

/* Everything that is there has been seen, in every conversation. -1: the store failed. */
int reading_all_seen(struct vault *v);

#endif
