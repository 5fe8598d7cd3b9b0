/*
 * progress.h - how fast transfers go and when they will be over, as one line. Pure: time is an argument.
 */
#ifndef FACE_PROGRESS_H
#define FACE_PROGRESS_H

#include "../client_files.h"

struct progress {
    uint64_t id; /* 0: none yet */
    uint64_t since_ms, from; /* the first report of this run */
    uint64_t at_ms, at;      /* the rate's last measure */
    double rate;             /* bytes a second, smoothed over some seconds; 0: not known yet */
};

void progress_take(struct progress *p, const struct client_file_event *e, uint64_t now_ms);
/* "notes.txt 45% 12.3 MiB of 27.0 MiB, 5.1 MiB/s, 0:03 left". */
void progress_line(const struct progress *p, const struct client_file_event *e, struct buf *out);

#endif
