/* moves.h - the files that are on their way, as far as this device moves them. Pure. */
#ifndef WINDOW_MOVES_H
#define WINDOW_MOVES_H

#include "../progress.h"

enum { MOVES_MAX = 8, MOVE_NAME = 96 };

struct move {
    uint64_t id;
    char name[MOVE_NAME]; /* filtered and cut */
    bool own;             /* sent from here */
    bool waits;           /* it does not move at present, and goes on by itself */
    uint64_t done, size;  /* bytes; FILE_SIZE_OPEN when not known yet */
    struct progress progress;
};

/* In the order in which they began. More than MOVES_MAX are left out until others have ended. */
struct moves {
    struct move v[MOVES_MAX];
    size_t n;
};

void moves_take(struct moves *m, const struct client_file_event *e, uint64_t now_ms);
/* The connection is lost: nothing moves. */
void moves_stall(struct moves *m);

/* "[######....]  62%" in a bar of ten; "3.1 MiB" where the size is not known. */
void move_bar(const struct move *m, struct buf *out);
/* "5.1 MiB/s 0:03", what is known of it; "waits". */
void move_rate(const struct move *m, struct buf *out);

#endif
