/*
 * report_files.h - files as lines and as JSON objects: offers among the messages, rows of the list, what becomes
 * of a transfer. Pure, and filtered like all of report.h.
 */
#ifndef FACE_REPORT_FILES_H
#define FACE_REPORT_FILES_H

#include <jansson.h>

#include "../client_files.h"

/* "512 B", "1.2 MiB". */
void report_size(struct buf *out, uint64_t bytes);
/* "[file 44] notes.txt, 1.2 MiB", and what the sender says about it. False: the body offers no file. */
bool report_offer(struct buf *out, struct slice body, const char *indent);
/* The object of an offer's message; NULL: it is none. */
json_t *report_offer_json(struct slice body);
/* A row of the list. */
void report_file_line(struct buf *out, const struct file_row *row);
json_t *report_file(const struct file_row *row);
/* What has become of it, in a sentence that begins with "file 44:"; nothing for mere progress. */
void report_file_news(struct buf *out, const struct client_file_event *e);
json_t *report_file_event(const struct client_file_event *e);

#endif
