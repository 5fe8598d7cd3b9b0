/*
 * shown.h - which history rows have been on screen: a number in a small mapped file.
 *
 * A message is committed, acknowledged, and only then written to the screen; killed in between, the
 * next run must show it. A second transaction per line would cost an fsync and leave the window
 * between write(2) and commit open for milliseconds. A store into a shared mapping survives SIGKILL
 * (the page is the kernel's), costs nothing, and leaves a window of a few instructions. After a
 * power cut the last lines may be shown again; none is missing.
 */
#ifndef FACE_SHOWN_H
#define FACE_SHOWN_H

#include <stdint.h>

#include "../why.h"

struct shown {
    volatile uint64_t *row;
};

/* last_row: the newest row there is; a mark above it is left over from another store. */
int shown_open(struct shown *s, const char *path, uint64_t last_row, struct why *why);
void shown_close(struct shown *s);

#endif
