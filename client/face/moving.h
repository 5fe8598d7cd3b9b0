/*
 * moving.h - what the commands that move files share: numbers of transfers that are waited for, their progress on
 * a terminal or as JSON, how long a server may be away.
 */
#ifndef FACE_MOVING_H
#define FACE_MOVING_H

#include "errand.h"
#include "progress.h"

struct moving {
    struct errand s;
    struct progress progress;
    bool line;           /* a line of progress stands on the terminal */
    bool to_stdout;      /* the file goes there: nothing else may */
    enum face_exit exit; /* of the first that failed */
};

/* Tells of an event: as JSON, as a line of progress, or as a sentence. */
void moving_tell(struct moving *m, const struct client_file_event *e);
/* Notes why one has failed. */
void moving_failed(struct moving *m, const struct client_file_event *e);
/* Runs until s.done, or the server is away for too long, or --timeout is over. */
enum face_exit moving_run(struct moving *m);

/* An error from what client_put() and its like say. */
enum face_exit moving_error(const struct args *o, enum client_file_result r, const struct why *why);
/* A number of a file as typed. False: it is none. */
bool moving_number(const char *text, uint64_t *id);

#endif
